"""The measuring tool beside the describer, as it is called from a shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from adcreative.copywriter.products.__main__ import main


def test_rates_and_texts_are_written_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "rates.json"
    monkeypatch.setattr(sys, "argv", ["products", "--llm", "template", "--num", "1", "--out", str(out)])
    main()
    written = out.read_bytes()
    found = json.loads(written)
    assert {"copy of the nearest known product", "template, delivered"} <= {row["way"] for row in found["rates"]}
    assert set(found["texts"]) == {"template"}
    with pytest.raises(SystemExit, match="2"):
        main()
    assert out.read_bytes() == written


def test_a_file_of_others_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.json").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["products", "--out", str(tmp_path / "notes.json")])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "notes.json is there already; choose another --out, or remove it" in capsys.readouterr().err
    assert (tmp_path / "notes.json").read_text() == "mine"
