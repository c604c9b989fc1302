"""The programs behind figures of the docs still run, at sizes at which no figure means anything.

The parts of `make bench` are run by CI alone: `make bench BENCH=--tiny`, see `.ci/run`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import skimage.data
import torch
from PIL import Image

from data.make import transfer
from tests.bench import __main__ as bench
from tests.bench import accounts, codec, lines, new_groups, uplift, visible_edits, weight, what_works
from tests.ctr.account.accounts import plant_groups


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_cache: Callable[[Path], Path]) -> Any:
    """Benches set threads and a cache of their own; none may lie in the working folder, as an empty path would mean."""
    monkeypatch.setenv("ADCREATIVE_CACHE", str(make_cache(tmp_path / "cache")))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_an_unknown_part_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "speed"])
    with pytest.raises(SystemExit, match="2"):
        bench.main()
    assert "no figures are named speed; known: scoring, synthesis" in capsys.readouterr().err


@pytest.mark.parametrize("module", [codec, transfer, weight])
def test_small_benches_print_their_figures(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--tiny"])
    module.main()
    assert len(json.loads(capsys.readouterr().out)) >= 2


@pytest.mark.parametrize("options", [["--curve", "1"], ["--num", "1", "--kinds", "look"]])
def test_uplift_of_one_ad(options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--markets", "40", "--population", "4", "--generations", "1", "--algorithms", "nsga2"]
    monkeypatch.setattr(sys, "argv", ["uplift", *options, *small])
    uplift.main()
    assert "market 40" in capsys.readouterr().out


def test_made_up_accounts_are_held_against_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["accounts", "--tiny"])
    accounts.main()
    printed = capsys.readouterr().out
    assert "| social 1 |" in printed
    assert "| search 1 |" in printed


def test_what_works_is_held_against_what_was_planted_and_against_the_other_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["what_works", "--tiny"])
    what_works.main()
    assert set(json.loads(capsys.readouterr().out)["40 ads"]) == {"shown", "normal", "alone", "ratio"}
    creatives, planted = what_works.draw_account(3, 120, 120)
    assert len(creatives) == 120
    assert any(planted.values())
    found = what_works.halves_figures(creatives, 2, limits=())
    assert found["all"]["normal"]["over normal"] == 0
    assert found["all"]["shown"]["nats"] != 0


def test_new_groups_are_held_against_each_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_groups, "MIN_ADS", 10)
    ads = plant_groups(260, 14, rate=0.05, seed=2).creatives
    rows = [
        {
            "ad_group": ad.category,
            "device": ad.context["device"],
            "headline_1": ad.headline,
            "headline_2": "",
            "description": ad.description,
            "impressions": ad.impressions,
            "clicks": ad.clicks,
        }
        for ad in ads
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "ads.csv", index=False)
    found = new_groups.new_group_figures(tmp_path / "ads.csv", num_splits=1)
    assert found["splits"] == 1
    assert {"gain over mean rate", "gain over words alone", "rank over words and columns"} <= set(found)


def test_lines_of_a_few_ads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["lines", "--tiny", "--sources", "template"])
    lines.main()
    assert "1\ttemplate\tJoin 12,000 bakers" in capsys.readouterr().out


def test_lines_to_read_blind_hide_their_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        dict.fromkeys(lines.COLUMNS, "") | {"source": "swap" if i % 3 else "template", "ad": str(i), "line": f"line {i}"}
        for i in range(12)
    ]
    out, key = tmp_path / "lines.tsv", tmp_path / "key.tsv"
    lines.write_blind(rows, out, key, seed=1)
    blind = lines.read_table(out)
    assert "source" not in blind[0]
    assert [row["line"] for row in blind] != [row["line"] for row in rows]
    marked = [row | {"verdict": "run" if int(row["ad"]) % 3 else "no"} for row in blind]
    lines.write_table(out, tuple(marked[0]), marked)
    table = lines.tabulate(lines.read_verdicts(out, key), 12)
    assert "| swap | 8 of 12 | 8 | 8 (100%) | 0 |" in table
    assert "| template | 4 of 12 | 4 | 0 (0%) | 0 |" in table


def test_pairs_for_a_blind_look_are_drawn_and_guesses_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faces").mkdir()
    portrait = Image.fromarray(skimage.data.astronaut()[:256, 96:352])
    portrait.save(tmp_path / "faces" / "portrait.jpg")
    arguments = ["visible_edits", str(tmp_path / "faces"), "--out", str(tmp_path / "pairs"), "--num", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    visible_edits.main()
    assert json.loads(capsys.readouterr().out)["pairs"] == 1
    with Image.open(tmp_path / "pairs" / "pairs-000.png") as sheet:
        assert sheet.width > 2 * 256
    (answer,) = json.loads((tmp_path / "pairs" / "answers.json").read_text())
    for guess in "LR":
        monkeypatch.setattr(sys, "argv", [*arguments, "--guesses", guess, "--told", guess])
        visible_edits.main()
        compared = json.loads(capsys.readouterr().out)
        assert (compared["right"], compared["told"]) == (int(guess == answer["more"]), int(guess == answer["edited"]))
    monkeypatch.setattr(sys, "argv", [*arguments, "--any"])
    visible_edits.main()
    assert json.loads(capsys.readouterr().out)["pairs"] == 1
