"""Post-training in small: the stages on a tiny random model, their losses, resuming, the adapter, the data."""

from __future__ import annotations

import errno
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("trl")

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.engines import local_llm
from adcreative.copywriter.engines.adapter import is_adapter_folder, merge_adapter
from adcreative.copywriter.engines.local_llm import LocalSource
from adcreative.errors import CopywriterError, TrainingError, UnwritableError
from adcreative.papers.post_training import training as post_training
from adcreative.papers.post_training.data import (
    line_prompt,
    read_approved,
    read_corpus,
    read_preferences,
)
from adcreative.papers.post_training.model import Model, save_adapter, write_adapter
from adcreative.papers.post_training.training import (
    CONFIGS,
    PostTrainingConfig,
    build_trainer,
    dpo,
    pretrain,
    sft,
)

WORDS = ["make", "a", "day", "trail", "run", "for", "shoes", "mud"]
TINY = {"batch_examples": 2, "rank": 2, "lora_alpha": 4, "is_bf16": False, "save_steps": 2, "max_steps": 4, "tuned_share": 0.5}


@pytest.fixture
def tiny(tiny_model_dir: Path) -> Model:
    return AutoModelForCausalLM.from_pretrained(tiny_model_dir).eval(), AutoTokenizer.from_pretrained(tiny_model_dir)


def tiny_config(stage: str, **changes: Any) -> PostTrainingConfig:
    return replace(CONFIGS[stage], **{**TINY, "learning_rate": 0.05, **changes})


def pair_rows(num_rows: int = 8) -> list[dict[str, str]]:
    rng = np.random.default_rng(0)
    draw = lambda: " " + " ".join(rng.choice(WORDS, rng.integers(2, 6)))  # noqa: E731
    return [{"prompt": "make a trail\n-", "chosen": draw(), "rejected": draw()} for _ in range(num_rows)]


def line_rows() -> list[dict[str, str]]:
    return [{"prompt": row["prompt"], "completion": row["chosen"]} for row in pair_rows()]


def first_loss(trainer: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    batch = trainer.data_collator([trainer.train_dataset[place] for place in range(2)])
    return trainer.compute_loss(trainer.model, dict(batch)), batch


def test_dpo_loss_is_ln_2_before_the_first_step(tiny: Model, tmp_path: Path) -> None:
    loss, _ = first_loss(build_trainer("dpo", pair_rows(), tmp_path, tiny_config("dpo", chosen_weight=0.0), base=tiny))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_no_gradient_comes_from_predicting_the_prompt(stage: str, tiny: Model, tmp_path: Path) -> None:
    rows = line_rows() if stage == "sft" else pair_rows()
    trainer = build_trainer(stage, rows, tmp_path, tiny_config(stage), base=tiny)
    kept: list[torch.Tensor] = []

    def keep(_module: object, _inputs: object, hidden: torch.Tensor) -> torch.Tensor:
        # the last states: what stands at a position decides the next token's loss and nothing else
        kept.append(hidden.detach().requires_grad_() if not kept else hidden)
        return kept[-1]

    trainer.model.get_base_model().model.norm.register_forward_hook(keep)
    loss, batch = first_loss(trainer)
    loss.backward()
    is_answer = batch["completion_mask"][:, 1:].bool() if "completion_mask" in batch else batch["labels"][:, 1:] != -100
    gradient = kept[0].grad[:, :-1].abs().sum(-1)  # type: ignore[union-attr]
    assert float(gradient[~is_answer].max()) == 0.0
    assert float(gradient[is_answer].min()) > 0.0
    prompt_tokens = tiny[1](rows[0]["prompt"])["input_ids"]
    assert (~is_answer[:, : len(prompt_tokens) - 1]).all()
    assert is_answer[:, len(prompt_tokens) - 1].all()


def test_pretraining_learns_every_token(tiny: Model, tmp_path: Path) -> None:
    trainer = build_trainer("pretrain", [{"text": "make a day for mud"}] * 4, tmp_path, tiny_config("pretrain"), base=tiny)
    _, batch = first_loss(trainer)
    assert bool((batch["labels"] != -100).all())


def test_each_stage_goes_on_from_the_one_before_and_dpo_is_measured_from_there(tiny_model_dir: Path, tmp_path: Path) -> None:
    def load() -> Model:
        return AutoModelForCausalLM.from_pretrained(tiny_model_dir), AutoTokenizer.from_pretrained(tiny_model_dir)

    one = pretrain([{"text": "make a day"}] * 4, tmp_path / "1", tiny_config("pretrain", max_steps=1), base=load())
    two = sft(line_rows(), tmp_path / "2", tiny_config("sft"), start=one, base=load())
    trainer = build_trainer("dpo", pair_rows(), tmp_path / "3", tiny_config("dpo", chosen_weight=0.0), start=two, base=load())
    loss, _ = first_loss(trainer)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    three = dpo(pair_rows(), tmp_path / "3", tiny_config("dpo", chosen_weight=0.0), start=two, base=load())
    states = [load_file(folder / "adapter_model.safetensors") for folder in (one, two, three)]
    assert states[0].keys() == states[1].keys() == states[2].keys()
    for before, after in ((states[0], states[1]), (states[1], states[2])):
        assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(".layers.1." in name for name in states[0])  # the upper half of two layers


class Killed(Exception):
    """Stands for the end of the process."""


class KillAfter(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise Killed


@pytest.mark.parametrize("stage", ["pretrain", "sft", "dpo"])
@pytest.mark.slow
def test_a_killed_stage_ends_as_if_it_had_not_been(stage: str, tiny_model_dir: Path, tmp_path: Path, monkeypatch) -> None:
    rows = {"pretrain": [{"text": row["chosen"]} for row in pair_rows()], "sft": line_rows(), "dpo": pair_rows()}[stage]
    run = {"pretrain": pretrain, "sft": sft, "dpo": dpo}[stage]

    def load() -> Model:
        return AutoModelForCausalLM.from_pretrained(tiny_model_dir), AutoTokenizer.from_pretrained(tiny_model_dir)

    start = sft(line_rows(), tmp_path / "start", tiny_config("sft", seed=3), base=load())
    whole = run(rows, tmp_path / "whole", tiny_config(stage), start=start, base=load())
    trainer = build_trainer(stage, rows, tmp_path / "cut", tiny_config(stage), start=start, base=load())
    trainer.add_callback(KillAfter(3))
    with pytest.raises(Killed):
        trainer.train()
    assert not (tmp_path / "cut" / "adapter").exists()
    steps: list[int] = []

    class Count(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            steps.append(state.global_step)

    def build_counted(*arguments: Any, **options: Any) -> Any:
        counted = build_trainer(*arguments, **options)
        counted.add_callback(Count())
        return counted

    monkeypatch.setattr(post_training, "build_trainer", build_counted)
    again = run(rows, tmp_path / "cut", tiny_config(stage), start=start, base=load())
    assert steps == [3, 4]  # the checkpoint is from step 2
    left, right = (load_file(folder / "adapter_model.safetensors") for folder in (whole, again))
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    history = json.loads((tmp_path / "cut" / "trainer_state.json").read_text())
    assert history["global_step"] == 4


def test_a_folder_with_another_training_is_refused(tiny: Model, tmp_path: Path) -> None:
    build_trainer("sft", line_rows(), tmp_path, tiny_config("sft"), base=tiny)
    with pytest.raises(TrainingError, match=r"holds a training with another learning_rate, seed; give a new --out"):
        build_trainer("sft", line_rows(), tmp_path, tiny_config("sft", learning_rate=0.1, seed=1), base=tiny)
    with pytest.raises(TrainingError, match=r"another data, rows"):
        build_trainer("sft", line_rows()[:4], tmp_path, tiny_config("sft"), base=tiny)


@pytest.fixture
def adapter(tiny_model_dir: Path, tmp_path: Path) -> Path:
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir), AutoTokenizer.from_pretrained(tiny_model_dir)
    trainer = build_trainer("sft", line_rows(), tmp_path / "run", tiny_config("sft"), base=base)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in trainer.model.named_parameters():
        if "lora_" in name:  # float16 values, so that the file holds exactly what the model has
            parameter.data = torch.randn(parameter.shape, generator=generator).half().float()
    save_adapter(trainer.model, tmp_path / "adapter")
    return tmp_path / "adapter"


def test_a_saved_adapter_gives_the_same_logits_merged_and_through_peft(tiny_model_dir: Path, adapter: Path) -> None:
    ids = torch.tensor([[3, 4, 5, 6, 7]])
    base, merged = (AutoModelForCausalLM.from_pretrained(tiny_model_dir) for _ in range(2))
    plain = base(ids).logits.detach().clone()
    merge_adapter(merged, adapter)
    through_peft = PeftModel.from_pretrained(base, str(adapter))(ids).logits
    torch.testing.assert_close(merged(ids).logits, through_peft, atol=1e-5, rtol=1e-5)
    assert float((merged(ids).logits - plain).detach().abs().max()) > 0.01
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert is_adapter_folder(adapter)
    assert not is_adapter_folder(tiny_model_dir)


def test_a_full_disk_leaves_the_older_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    config = {"target_modules": ["q_proj"]}
    write_adapter({"a": torch.zeros(2)}, config, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnwritableError, match=r"cannot be written \(No space left on device\)"):
        write_adapter({"a": torch.ones(2)}, config, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [({"use_dora": True}, r"not plain LoRA \(use_dora\)"), ({"peft_type": "IA3"}, "not plain LoRA"), (None, "cannot be read")],
)
def test_what_is_not_plain_lora_is_refused(change: dict[str, Any] | None, message: str, tiny: Model, adapter: Path) -> None:
    path = adapter / "adapter_config.json"
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CopywriterError, match=message):
        merge_adapter(tiny[0], adapter)


def test_an_adapter_for_another_model_is_refused(adapter: Path) -> None:
    with pytest.raises(CopywriterError, match=r"was made for another model: .* has no place"):
        merge_adapter(torch.nn.Linear(2, 2), adapter)


def test_the_copywriter_loads_with_an_adapter_folder(tiny: Model, adapter: Path, monkeypatch) -> None:
    monkeypatch.setattr(local_llm, "load_language_model", lambda source, cache_dir: tiny)
    monkeypatch.setattr(local_llm, "find_weight", lambda name: adapter if name == "copywriter" else Path("base.gguf"))
    before = {name: tensor.clone() for name, tensor in tiny[0].state_dict().items()}
    for spec, engine in (("smollm2-tuned", "smollm2-tuned"), (str(adapter), "adapter")):
        tiny[0].load_state_dict(before)
        source = LocalSource(spec)
        with source.loaded():
            changed = [name for name, tensor in tiny[0].state_dict().items() if not torch.equal(tensor, before[name])]
        assert changed
        assert all(".layers.1." in name for name in changed)
        assert (source.engine, source.is_small) == (engine, True)
    assert build_copywriter("smollm2-tuned").engine == "smollm2-tuned"
    assert not LocalSource("smollm2")._is_adapted


def test_a_brands_own_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "approved.jsonl"
    path.write_text(json.dumps({"brand": "Halden", "product": "jacket", "line": "Stay dry"}) + "\n\n")
    prompt = line_prompt(Brief(brand="Halden", product="jacket"))
    assert read_approved(path) == [{"prompt": prompt, "completion": " Stay dry"}]
    assert prompt == "Brand: Halden\nProduct: jacket\nHeadlines:\n-"
    path.write_text(json.dumps({"chosen": "Stay dry", "rejected": "Dry 雨"}, ensure_ascii=False), encoding="utf-8")
    assert read_preferences(path) == [{"prompt": "Headlines:\n-", "chosen": " Stay dry", "rejected": " Dry 雨"}]
    (tmp_path / "corpus.txt").write_text("One\nparagraph.\n\n\nAnother.\n")
    assert read_corpus(tmp_path / "corpus.txt") == [{"text": "One paragraph."}, {"text": "Another."}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1 of .* is not JSON"),
        (b'{"brand": "A"}', "line 1 of .* has no chosen and no rejected; fields: chosen"),
        (b"[1]", "has no chosen"),
        (b"", "holds nothing to learn from"),
        (b"\xff", "cannot be read as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_learnt_from_is_one_sentence(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_bytes(content)
    with pytest.raises(TrainingError, match=message):
        read_preferences(tmp_path / "pairs.jsonl")
