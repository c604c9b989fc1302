"""CheckFree: the merging rule, the cut, and a decoder that loses stages and ends as if it had not."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("trl")

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from adcreative.copywriter.engines.local_llm import LocalSource
from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.post_training import __main__
from adcreative.papers.post_training.checkfree import (
    LR_FACTOR,
    CheckFreeConfig,
    StageLosses,
    cut_stages,
    draw_losses,
    merge_layers,
    train_decoder,
)

NUM_TOKENS = 16


def load_small(num_layers: int = 6) -> LlamaForCausalLM:
    """Return a decoder of width 32; the same weights every time."""
    sizes: dict[str, Any] = {
        "vocab_size": NUM_TOKENS,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": num_layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(LlamaConfig(**sizes, use_cache=False))


@cache
def markov_tokens(length: int = 20_000) -> tuple[int, ...]:
    """Return one long text of an order-2 Markov source."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(NUM_TOKENS, 0.1), size=(NUM_TOKENS, NUM_TOKENS)).cumsum(axis=-1)
    row = [0, 1]
    for draw in rng.random(length):
        row.append(min(int(np.searchsorted(chances[row[-2], row[-1]], draw)), NUM_TOKENS - 1))
    return tuple(row)


def layers(seed: int, num: int = 2) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [{"weight": torch.randn((3, 2), generator=generator)} for _ in range(num)]


def test_a_lost_layer_is_the_mean_of_its_neighbours_weighted_by_gradients() -> None:
    left, right = layers(0), layers(1)
    for number, merged in enumerate(merge_layers(2, [left, right], [1.0, 3.0])):
        torch.testing.assert_close(merged["weight"], 0.25 * left[number]["weight"] + 0.75 * right[number]["weight"])
    even = merge_layers(2, [left, right], [0.0, 0.0])  # before the first step
    torch.testing.assert_close(even[0]["weight"], (left[0]["weight"] + right[0]["weight"]) / 2)


def test_unequal_stages_are_paired_by_depth() -> None:
    left = layers(0, 3)
    merged = merge_layers(2, [left], [1.0])
    assert torch.equal(merged[0]["weight"], left[0]["weight"])
    assert torch.equal(merged[1]["weight"], left[2]["weight"])


def test_layers_are_cut_evenly_and_a_cut_without_neighbours_is_refused() -> None:
    assert [len(part) for part in cut_stages(7, 3)] == [3, 2, 2]
    with pytest.raises(ConfigError, match="the model has 6 layers, got 1 stages; use 2 to 6"):
        cut_stages(6, 1)
    with pytest.raises(ConfigError, match="got 3 stages; use 4 to 6"):
        cut_stages(6, 3, is_plus=True)


def test_a_schedule_spares_the_first_step() -> None:
    drawn = draw_losses(200, 4, 0.5, 0)
    assert drawn == draw_losses(200, 4, 0.5, 0)
    assert min(drawn) >= 2
    assert set(drawn.values()) == {0, 1, 2, 3}
    assert 70 < len(drawn) < 130


def train(out: Path, *, losses: dict[int, int], num_steps: int = 80, is_plus: bool = True) -> dict[str, Any]:
    config = CheckFreeConfig(num_stages=6, num_steps=num_steps, is_plus=is_plus, length=24, batch=16, learning_rate=5e-3)
    tokens = markov_tokens()
    return train_decoder(load_small(), tokens[1600:], out, config, losses=losses, held_out=tokens[:1600])


@pytest.mark.planted
def test_training_survives_the_drill(tmp_path: Path) -> None:
    """Stages are lost at three moments, one at the edge; no step is skipped, no checkpoint written, the loss within 5 %."""
    calm, drilled = train(tmp_path / "calm", losses={}), train(tmp_path / "drilled", losses={20: 2, 40: 0, 60: 4})
    assert calm["loss_after"] < 0.92 * calm["loss_before"]
    assert drilled["loss_after"] == pytest.approx(calm["loss_after"], rel=0.05)
    assert drilled["steps"] == 80
    assert drilled["recoveries"] == [
        {"step": 20, "stage": 2, "from": [1, 3]},
        {"step": 40, "stage": 0, "from": [1]},
        {"step": 60, "stage": 4, "from": [3, 5]},
    ]
    assert not list(tmp_path.rglob("*.pt")) + list(tmp_path.rglob("*.safetensors"))


def test_a_rebuilt_stage_learns_faster_and_has_forgotten_its_steps() -> None:
    model = load_small()
    callback = StageLosses(model, CheckFreeConfig(num_stages=3), {2: 1})
    model(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss.backward()
    callback.on_pre_optimizer_step(None, None, None)
    callback.optimizer.step()
    state = type("State", (), {"global_step": 1})()
    callback.on_step_begin(None, state, None)
    rates = [group["lr"] for group in callback.optimizer.param_groups]
    assert rates[1] == pytest.approx(LR_FACTOR * rates[0])
    assert rates[2:] == [rates[0]] * 2
    assert not [one for one in callback.optimizer.param_groups[1]["params"] if one in callback.optimizer.state]
    assert all(bool(value.isfinite().all()) for value in model.parameters())


def test_the_edges_stand_in_swapped_order_in_every_second_micro_batch_of_training_alone() -> None:
    model = load_small()
    StageLosses(model, CheckFreeConfig(num_stages=6, is_plus=True), {})
    seen: list[int] = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: seen.append(number))
    for is_training in (True, True, False):
        model.train(is_training)
        model(torch.tensor([[1, 2]]))
    assert seen == [0, 1, 2, 3, 4, 5, 1, 0, 2, 3, 5, 4, 0, 1, 2, 3, 4, 5]


def test_texts_become_a_model_that_the_copywriter_loads(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = AutoConfig.from_pretrained(tiny_model_dir, num_hidden_layers=5)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "decoder")
    AutoTokenizer.from_pretrained(tiny_model_dir).save_pretrained(tmp_path / "decoder")
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_SMOLLM2_135M", str(tmp_path / "decoder"))
    (tmp_path / "texts.txt").write_text("\n\n".join(("make a day", "trail run for shoes", "mud run a day") * 40))
    words = (
        f"checkfree {tmp_path}/texts.txt --out {tmp_path}/run --stages 5 --steps 30 --batch 2 --length 12 --learning-rate 3e-3"
    )
    monkeypatch.setattr(sys, "argv", ["post_training", *words.split(), *["--plus", "--drill", "3", "--failure-rate", "0.1"]])
    __main__.main()
    printed = capsys.readouterr().out
    said = json.loads(printed[printed.index("{") :])
    assert said["loss_after"] < 0.9 * said["loss_before"]
    assert said["recoveries"]
    begun = AutoModelForCausalLM.from_pretrained(tmp_path / "decoder").state_dict()
    learnt = AutoModelForCausalLM.from_pretrained(said["model"]).state_dict()
    assert not [name for name, value in learnt.items() if torch.equal(value, begun[name])]
    with LocalSource(said["model"]).loaded():
        pass


def test_too_little_text(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the texts have 50 tokens, 8 sequences of 64 are needed; bring more text"):
        train_decoder(load_small(), [1] * 50, tmp_path, CheckFreeConfig(), losses={}, held_out=[1] * 64)


@pytest.mark.parametrize("stage", ["pretrain", "sft", "dpo", "checkfree"])
def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    monkeypatch.setattr("sys.argv", ["post_training", stage, str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 2
    assert "none.jsonl" in capsys.readouterr().err
