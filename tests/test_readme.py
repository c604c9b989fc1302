"""The README's Python runs as it is written, and its commands and files are what the program takes."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from unittest.mock import create_autospec

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.main import get_command

from adcreative import pipeline
from adcreative.cli.app import app

ROOT = Path(__file__).parents[1]


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_load_invert_edit_paste_is_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (text for text in snippets() if "FaceEditSession" in text)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    os.symlink(ROOT / "data", tmp_path / "data")
    photo = np.ascontiguousarray(data.astronaut()[:300, 60:380])
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    before, after = (np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int) for name in ("photo.jpg", "smile.png"))
    assert after.shape == before.shape
    changed = (before != after).any(axis=2)
    assert 0.02 < changed.mean() < 0.5


def test_score_and_improve_are_called_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a studio without models: names and arguments must be those of the real one."""
    (code,) = (text for text in snippets() if "Studio" in text)
    studio = create_autospec(pipeline.Studio)
    monkeypatch.setattr(pipeline, "Studio", studio)
    exec(compile(code, "README.md", "exec"), {})
    (ad,) = studio.return_value.score_one.call_args.args
    assert (ad.headline, ad.brand) == ("Sleep better tonight", "Somnia")
    assert studio.return_value.improve_one.call_args.args == (ad,)


def test_the_brand_kit_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (tmp_path / "brand.json").write_text(text)
    kit = pipeline.read_brand_kit(tmp_path / "brand.json")
    assert (kit.name, kit.tone, kit.use, kit.avoid) == ("Somnia", "calm", ("rest",), ("mattress sale", "cheap"))
    assert [one.text for one in kit.disclaimers] == ["100 nights to try, see terms."]


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^ {4}(adcreative .*)$", text, flags=re.MULTILINE)
    lines += re.findall(r"`(adcreative [^`\n]*--[^`]*)`", text)
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert len(lines) > 12
    for line in lines:
        _, name, *words = shlex.split(line, comments=True)
        if name.startswith("-") or name == "COMMAND":
            continue
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line
