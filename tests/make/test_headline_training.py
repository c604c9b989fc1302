"""Training of the headline model: the likelihood, the heads, the scale, going on; on small networks and planted words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from adcreative.encoders import weights
from adcreative.encoders.headline import HeadlineModel, HeadlineNet, read_language, read_minilm
from data.make import headline_training as training
from data.make.headline_tests import HeadlineTests

GOOD, BAD = ("free", "puppy", "secret"), ("report", "budget", "quarterly")
CONFIG = training.HeadlineTrainingConfig(ridge=10.0)


def planted_tests(num_tests: int = 60) -> HeadlineTests:
    """Three arms a test; each headline has one word that doubles or halves the click rate, among neutral ones."""
    rng = np.random.default_rng(0)
    headlines, rates = [], []
    for number in range(num_tests):
        for arm in range(3):
            word = str(rng.choice(GOOD if arm == 0 else BAD))
            neutral = rng.choice(["the", "city", "river", "walk", "in", "red", "of", "street"], 4)
            headlines.append(f"{' '.join(neutral[:2])} {word} {' '.join(neutral[2:])} {number}")
            rates.append(0.04 if arm == 0 else 0.01)
    impressions = np.full(num_tests * 3, 3000.0)
    clicks = rng.binomial(3000, rates).astype(float)
    ids = tuple(f"test-{i}" for i in range(num_tests))
    return HeadlineTests(
        ids, np.repeat(np.arange(num_tests), 3), tuple(headlines), impressions, clicks, np.zeros(num_tests * 3)
    )


@pytest.fixture(scope="module")
def model() -> HeadlineModel:
    minilm, tokenizer = read_minilm(weights.find_weight("minilm"))
    language, language_tokenizer = read_language(weights.find_weight("smollm2-135m"), 1)
    return HeadlineModel(HeadlineNet(minilm, language), tokenizer, language_tokenizer, "")


@pytest.fixture(scope="module")
def seen(model: HeadlineModel) -> training.ReadHeadlines:
    return training.read_headlines(model, planted_tests().headlines)


def test_loss_is_the_multinomial_likelihood_of_a_naive_loop() -> None:
    rng = np.random.default_rng(1)
    test_idx = np.array([0, 0, 1, 1, 1, 2, 2])
    impressions, clicks, scores = rng.uniform(100, 900, 7), rng.integers(0, 30, 7), rng.normal(0, 2, 7)
    expected = 0.0
    for arm in range(7):
        same = test_idx == test_idx[arm]
        share = impressions[arm] * np.exp(scores[arm]) / (impressions[same] * np.exp(scores[same])).sum()
        expected -= clicks[arm] * np.log(share)
    found = training.multinomial_loss(
        torch.from_numpy(scores).float(),
        torch.from_numpy(np.log(impressions)).float(),
        torch.from_numpy(clicks).float(),
        torch.from_numpy(test_idx),
    )
    assert float(found) == pytest.approx(expected / clicks.sum(), rel=1e-5)


def test_effective_clicks_are_clicks_without_overdispersion_and_bounded_with_it() -> None:
    tests = planted_tests(5)
    assert np.array_equal(training.effective_clicks(tests, 0.0), tests.clicks)
    assert np.bincount(tests.test_idx, training.effective_clicks(tests, 0.1)).max() < 3 / 0.1


def test_tests_that_share_a_headline_with_another_part_are_dropped() -> None:
    tests = planted_tests(6)
    other = tests.select(np.array([True, False, False, False, False, False]))
    shared = replace(tests, headlines=(*tests.headlines[:5], other.headlines[0], *tests.headlines[6:]))
    kept = training.without_shared_headlines(shared, [other])
    assert kept.test_ids == ("test-2", "test-3", "test-4", "test-5")


def test_a_stopped_reading_goes_on_and_a_cache_of_other_headlines_is_not_used(
    model: HeadlineModel, seen: training.ReadHeadlines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, cache = planted_tests().headlines, tmp_path / "states"
    monkeypatch.setattr(training, "CHUNK", 50)
    asked: list[int] = []
    pool = model.pool_minilm

    def stop_at_third(chunk: list[str]) -> torch.Tensor:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(chunk))
        return pool(chunk)

    monkeypatch.setattr(model, "pool_minilm", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        training.read_headlines(model, lines, cache)
    asked.clear()
    monkeypatch.setattr(model, "pool_minilm", lambda chunk: asked.append(len(chunk)) or pool(chunk))
    continued = training.read_headlines(model, lines, cache)
    assert asked == [50, 30]
    torch.testing.assert_close(continued.minilm, seen.minilm)
    torch.testing.assert_close(continued.language, seen.language)
    training.read_headlines(model, lines[:60], cache)
    assert asked == [50, 30, 50, 10]


def test_script_exports_a_model_that_knows_the_planted_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = planted_tests()
    table = pd.DataFrame(
        {
            "clickability_test_id": [tests.test_ids[i] for i in tests.test_idx],
            "headline": tests.headlines,
            "impressions": tests.impressions,
            "clicks": tests.clicks,
        }
    )
    table.to_parquet(tmp_path / "p.parquet")
    monkeypatch.setattr(training, "CONFIG", CONFIG)
    monkeypatch.setattr(training, "read_language", lambda source: read_language(source, 1))
    training.main([str(tmp_path / "p.parquet"), "--export", str(tmp_path / "model")])
    model = HeadlineModel.load(tmp_path / "model")
    scores = model.score([f"the river {word} walk street 7" for word in GOOD + BAD])
    assert scores[:3].min() > scores[3:].max()
    card = (tmp_path / "model" / "README.md").read_text()
    assert "CC BY 4.0" in card
    assert "| all weeks | " in card
