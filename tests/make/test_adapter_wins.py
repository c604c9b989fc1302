"""The click predictor's opinion of an adapter's lines, and the card that states it. Models here are scripted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.errors import CreativeError
from data.make import adapter_wins
from data.make.adapter_card import card, draft_figures
from data.make.adapter_wins import main, predictor_scorer
from data.make.headline_tests import HeadlineTests

FOLDER = Path(__file__).parents[2] / "data" / "weights" / "copywriter"
TESTS = HeadlineTests(
    test_ids=("t1",),
    test_idx=np.array([0, 0]),
    headlines=("Turn the office down", "The the shoe"),
    impressions=np.array([900.0, 900.0]),
    clicks=np.array([9.0, 18.0]),
    weeks=np.array([201423, 201423]),
)
DRAFTS = {
    "base": [[("a" * 20, True), ("", False)], [("b" * 21, True)]],
    "tuned": [[("c" * 20, True)], [("d" * 21, True), ("e" * 60, True)]],
}


class Extractor:
    def extract(self, creatives: list[Creative]) -> list[Any]:
        assert all(one.image_path is None and not one.description for one in creatives)
        return [CreativeError("It is bad.", "Mend it.") if one.headline == "bad" else one.headline for one in creatives]


class Predictor:
    def predict_log_odds(self, creatives: list[Creative], features: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        assert [one.headline for one in creatives] == features
        return np.array([float(ord(line[0])) for line in features]), np.zeros(len(features))


def test_the_predictor_reads_lines_as_ads_of_one_headline() -> None:
    score = predictor_scorer(Extractor(), Predictor())  # type: ignore[arg-type]
    found = score(["b", " ", "a"])
    assert found[[0, 2]].tolist() == [98.0, 97.0]
    assert math.isnan(found[1])
    assert np.isnan(score([""])).all()
    with pytest.raises(CreativeError, match="It is bad"):
        score(["a", "bad"])


def test_each_judge_has_a_win_rate_over_the_same_pairs() -> None:
    likes_late = predictor_scorer(Extractor(), Predictor())  # type: ignore[arg-type]
    judges = {"win_rate": lambda lines: -likes_late(lines), "predictor_win_rate": likes_late}
    figures = draft_figures(DRAFTS, TESTS, judges)
    assert figures["matched_pairs"] == 2
    assert figures["win_rate"]["value"] == 0.0
    assert figures["predictor_win_rate"]["value"] == 1.0
    assert figures["lines"] == {"base": ["a" * 20, "", "b" * 21], "tuned": ["c" * 20, "d" * 21, "e" * 60]}
    assert figures["faults"]["real headlines"]["repetitive"]["value"] == 0.5


def test_the_shipped_card_is_made_of_the_shipped_figures() -> None:
    figures = json.loads((FOLDER / "figures.json").read_text())
    assert card(figures, (FOLDER / "NOTES.md").read_text()) == (FOLDER / "README.md").read_text()
    assert "By the shipped click predictor" in (FOLDER / "README.md").read_text()
    assert "click predictor" not in card({k: v for k, v in figures.items() if k != "predictor_win_rate"})


def test_the_command_keeps_likelihoods_and_writes_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = predictor_scorer(Extractor(), Predictor())  # type: ignore[arg-type]
    headline_model = SimpleNamespace(score=lambda lines: -scorer(lines))
    monkeypatch.setattr(
        adapter_wins, "load_tools", lambda: SimpleNamespace(extractor=Extractor(), headline_model=headline_model)
    )
    monkeypatch.setattr(adapter_wins, "load_model", lambda: SimpleNamespace(predictor=Predictor()))
    monkeypatch.setattr(adapter_wins, "redraft", lambda data, folder: (DRAFTS, TESTS))
    before = json.loads((FOLDER / "figures.json").read_text())
    (tmp_path / "figures.json").write_text(json.dumps(before))
    main(["packages.parquet", str(tmp_path)])
    after = json.loads((tmp_path / "figures.json").read_text())
    assert after["accuracy"] == before["accuracy"]
    assert (after["win_rate"]["value"], after["predictor_win_rate"]["value"]) == (0.0, 1.0)
    assert "nothing\nelse: 1.000 (1.000 to 1.000)." in (tmp_path / "README.md").read_text()


def test_a_folder_without_figures_is_refused_before_the_long_work(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"figures\.json is missing; write it with python -m .*post_training evaluate"):
        main(["packages.parquet", str(tmp_path)])
