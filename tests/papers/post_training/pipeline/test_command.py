"""The command `pipeline`: from texts to a model folder, through a drill, with the loader that users have."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from adcreative.copywriter.engines.local_llm import LocalSource
from adcreative.papers.post_training import __main__ as post_training
from adcreative.papers.post_training.pipeline import command
from tests.fake_models import ROOT

TEXTS = ("make a day", "trail run for shoes", "mud run a day - make a trail .")


@pytest.fixture
def workplace(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `texts.txt` (120 texts), where the language model of the commands is a decoder of five layers."""
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(tiny_model_dir, num_hidden_layers=5)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "decoder")
    AutoTokenizer.from_pretrained(tiny_model_dir).save_pretrained(tmp_path / "decoder")
    monkeypatch.setenv("ADCREATIVE_WEIGHTS_SMOLLM2_135M", str(tmp_path / "decoder"))
    (tmp_path / "texts.txt").write_text("\n\n".join(TEXTS * 40), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["post_training", *words])
    post_training.main()
    printed = capsys.readouterr().out
    return dict(json.loads(printed[printed.index("{") :]))


def test_texts_become_a_model_that_the_copywriter_loads(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (
        "pipeline texts.txt --out run --stages 5 --steps 30 --micro-batches 2 --batch 2 --length 12 --learning-rate 3e-3 "
        "--every 5 --drill 3 --failure-rate 0.1"
    )
    said = run(monkeypatch, capsys, *line.split())
    assert said["loss_after"] < 0.9 * said["loss_before"]
    assert said["recoveries"]
    assert said["steps"] == 30
    model = AutoModelForCausalLM.from_pretrained(said["model"])
    begun = AutoModelForCausalLM.from_pretrained(workplace / "decoder").state_dict()
    assert not [name for name, value in model.state_dict().items() if torch.equal(value, begun[name])]  # every weight learnt
    tokens = AutoTokenizer.from_pretrained(said["model"])("make a", return_tensors="pt")["input_ids"]
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
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are written, but for sizes: a tiny model, four steps, and stages in one process (Ray has tests of its own)."""
    page = (ROOT / "adcreative" / "docs" / "how-to-lose-a-machine.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    python -m adcreative\.papers\.post_training (pipeline .+)$", page, flags=re.MULTILINE)
    assert len(lines) == 3
    smaller = "--steps 4 --micro-batches 2 --batch 2 --length 12 --engine local"
    for line in lines:
        said = run(monkeypatch, capsys, *shlex.split(line), *shlex.split(smaller))
        assert said["losses_of"] == "texts left out"  # 120 texts, as the page says that the file holds them
    assert sorted(path.name for path in Path("runs").iterdir()) == ["brand", "brand-ray", "drill"]
    assert all((path / "model" / "config.json").exists() for path in Path("runs").iterdir())
