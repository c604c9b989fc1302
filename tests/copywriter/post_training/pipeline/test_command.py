"""The command `pipeline`: from texts to a model folder, through a drill."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from adcreative.copywriter.engines.local_llm import LocalSource
from adcreative.copywriter.post_training import __main__ as post_training
from adcreative.copywriter.post_training.model import Model
from adcreative.copywriter.post_training.pipeline import command
from tests.fake_models import ROOT


def test_texts_become_a_model_that_the_copywriter_loads(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Model:
        return AutoModelForCausalLM.from_pretrained(tiny_model_dir), AutoTokenizer.from_pretrained(tiny_model_dir)

    monkeypatch.setattr(command, "load_base", load)
    (tmp_path / "corpus.txt").write_text("Sleep better tonight.\nA mattress that breathes.\nCool all night.\n" * 20)
    num_layers = load()[0].config.num_hidden_layers
    options = {
        "--out": tmp_path / "run", "--stages": num_layers, "--steps": 30, "--micro-batches": 2, "--batch": 2, "--length": 12,
        "--learning-rate": 3e-3, "--every": 5, "--drill": 3, "--failure-rate": 0.1,
    }  # fmt: skip
    given = [str(word) for option in options.items() for word in option]
    monkeypatch.setattr(sys, "argv", ["post_training", "pipeline", str(tmp_path / "corpus.txt"), *given])
    post_training.main()
    printed = capsys.readouterr().out
    said = json.loads(printed[printed.index("{") :])
    assert said["loss_after"] < 0.9 * said["loss_before"]
    assert said["recoveries"]
    assert said["steps"] == 30
    model = AutoModelForCausalLM.from_pretrained(said["model"])
    tokens = AutoTokenizer.from_pretrained(said["model"])("Sleep better", return_tensors="pt")["input_ids"]
    assert model(tokens).logits.shape[1] == tokens.shape[1]
    with LocalSource(said["model"]).loaded():
        pass


def test_every_twentieth_text_is_left_out_when_there_are_enough() -> None:
    rows = [[number] * 9 for number in range(60)]
    learnt, left_out = command.leave_out(rows, 8)
    assert [row[0] for row in left_out] == [0, 20, 40]
    assert len(learnt) == 57
    assert not {row[0] for row in learnt} & {0, 20, 40}
    assert command.leave_out(rows, 14) == (rows, [])  # 27 tokens are less than two sequences
    assert command.leave_out(rows[:39], 2) == (rows[:39], [])


def test_the_commands_of_the_page_run(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are written, but for sizes: a tiny model, four steps, and stages in one process (Ray has tests of its own)."""
    page = (ROOT / "adcreative" / "docs" / "how-to-lose-a-machine.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    python -m adcreative\.copywriter\.post_training (pipeline .+)$", page, flags=re.MULTILINE)
    assert len(lines) == 3

    def load() -> Model:
        torch.manual_seed(0)  # the trainer and the stages build the same weights
        config = AutoConfig.from_pretrained(tiny_model_dir, num_hidden_layers=5)
        return AutoModelForCausalLM.from_config(config), AutoTokenizer.from_pretrained(tiny_model_dir)

    monkeypatch.setattr(command, "load_base", load)
    monkeypatch.chdir(tmp_path)
    Path("texts.txt").write_text("Sleep better tonight.\nA mattress that breathes.\nCool all night.\n" * 20)
    smaller = "--steps 4 --micro-batches 2 --batch 2 --length 12 --engine local"
    for line in lines:
        monkeypatch.setattr(sys, "argv", ["post_training", *shlex.split(line), *shlex.split(smaller)])
        post_training.main()
    capsys.readouterr()
    assert sorted(path.name for path in Path("runs").iterdir()) == ["brand", "brand-ray", "drill"]
    assert all((path / "model" / "config.json").exists() for path in Path("runs").iterdir())
