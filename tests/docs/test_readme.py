"""The README's Python calls what there is."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from adcreative import pipeline

ROOT = Path(__file__).parents[2]


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_score_and_improve_are_called_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a studio without models: names and arguments must be those of the real one."""
    (code,) = (text for text in snippets() if "Studio" in text)
    studio = create_autospec(pipeline.Studio)
    monkeypatch.setattr(pipeline, "Studio", studio)
    exec(compile(code, "README.md", "exec"), {})
    (ad,) = studio.return_value.score_one.call_args.args
    assert (ad.headline, ad.brand) == ("Sleep better tonight", "Somnia")
    assert studio.return_value.improve_one.call_args.args == (ad,)
