"""The figures on an adapter's card are what their names say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from adcreative.copywriter.engines.decoding import SamplingConfig
from adcreative.papers.post_training.model import Model
from data.make.adapter_card import likelihood_figures
from data.make.adapter_measures import (
    LineLikelihoods,
    is_malformed,
    is_repetitive,
    length_matched_wins,
    line_likelihoods,
    perplexity,
    preference_accuracy,
    ratio_interval,
    sample_lines,
)
from tests.make.test_adapter_data import make_tests


@pytest.fixture
def tiny(tiny_model_dir: Path) -> Model:
    return AutoModelForCausalLM.from_pretrained(tiny_model_dir).eval(), AutoTokenizer.from_pretrained(tiny_model_dir)


def test_likelihoods_are_those_of_one_line_at_a_time(tiny: Model) -> None:
    model, tokenizer = tiny
    prompts, lines = ["make a trail\n-", "run\n-", "-"], ["make a day", "mud for shoes run", "trail"]
    found = line_likelihoods(model, tokenizer, prompts, lines)
    for place, (prompt, line) in enumerate(zip(prompts, lines, strict=True)):
        before, after = tokenizer(prompt)["input_ids"], [*tokenizer(" " + line)["input_ids"], tokenizer.eos_token_id]
        log_probs = model(torch.tensor([before + after])).logits.detach().log_softmax(-1)[0]
        expected = sum(float(log_probs[len(before) - 1 + step, token]) for step, token in enumerate(after))
        assert found.total[place] == pytest.approx(expected, abs=1e-4)
        assert found.num_tokens[place] == len(after)


def test_accuracy_gain_and_perplexity_are_what_their_names_say() -> None:
    tests = make_tests()
    right, wrong = np.array([3.0, 2, 1, 0, 0]), np.array([1.0, 2, 3, 0, 0])
    assert preference_accuracy(tests, right).value == 1.0
    assert preference_accuracy(tests, np.zeros(5)).value == 0.5
    assert preference_accuracy(tests, right, wrong).value == 1.0
    likelihoods = LineLikelihoods(np.full(5, -2.0 * math.log(7)), np.full(5, 2))
    assert perplexity(tests, likelihoods).value == pytest.approx(7.0)
    tuned = LineLikelihoods(likelihoods.total + right, likelihoods.num_tokens)
    figures = likelihood_figures(tests, likelihoods, tuned)
    assert figures["accuracy"]["all"]["log_ratio"]["tuned"]["value"] == 1.0
    assert figures["accuracy"]["all"]["per_token"]["gain"]["value"] == 0.5
    assert figures["perplexity"]["tuned"]["value"] < 7.0


def test_the_interval_covers_the_value_and_narrows_with_more_tests() -> None:
    rng = np.random.default_rng(0)
    hits = rng.integers(0, 2, 400).astype(float)
    few, many = ratio_interval(hits[:40], np.ones(40)), ratio_interval(hits, np.ones(400))
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low


def test_only_lines_of_like_length_are_compared() -> None:
    short, long = "x" * 20, "y" * 40
    assert length_matched_wins([short, long], np.array([1.0, 9.0]), ["z" * 19], np.array([2.0])) == (0.0, 1)
    assert length_matched_wins([long], np.array([2.0]), ["z" * 38, "w" * 44], np.array([2.0, 1.0])) == (1.5, 2)


def test_sampled_lines_are_seeded(tiny: Model) -> None:
    draw = lambda seed: sample_lines(*tiny, "make a\n-", 3, seed=seed, config=SamplingConfig(max_new_tokens=6))  # noqa: E731
    assert draw(1) == draw(1) != draw(2)
    assert all("<" not in line for line, _ in draw(1))


@pytest.mark.parametrize(
    ("line", "repetitive", "malformed"),
    [
        ("Turn the office down", False, False),
        ("It is what it is", False, False),
        ("The the shoe for mud", True, False),
        ("A shoe for you and a shoe for me", True, False),
        ("Mud runs on mud and more mud", True, False),
        ('He said "no', False, True),
        ('He said "no" to mud', False, False),
        ("(Almost done", False, True),
        ("A day for the", False, True),
        ("What is it for?", False, False),
        ("Mud,", False, True),
        ("One two three,", False, True),
        (", and then mud", False, True),
        ("Some mud . Really", False, True),
    ],
)
def test_faults_of_a_line(line: str, repetitive: bool, malformed: bool) -> None:
    assert is_repetitive(line) is repetitive
    assert is_malformed(line) is malformed
    assert is_malformed(line, is_finished=False)
