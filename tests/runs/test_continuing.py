"""A run that goes on tells of each row what a run from the start would tell: what changed since is done anew, and no more."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.creative import Creative
from adcreative.delivery.experiment.variants import read_variants
from adcreative.errors import ConfigError
from adcreative.runs.batch import RunSummary
from adcreative.runs.continuing import find_kept, hash_creative
from adcreative.runs.engines import BatchConfig
from tests import fake_models

NAMES = [f"ad {number}" for number in range(40)]


@pytest.fixture(autouse=True)
def trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand-ins for the models, and the file in which they note the row of each ad that they are asked about."""
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("FAKE_TRACE", str(tmp_path / "trace"))
    return tmp_path / "trace"


def asked(trace: Path) -> list[int]:
    """Return the rows that the models were asked about since the last call."""
    rows = sorted(int(line.split()[1]) for line in trace.read_text().splitlines()) if trace.exists() else []
    trace.unlink(missing_ok=True)
    return rows


def write_table(path: Path, headlines: Sequence[str]) -> Path:
    lines = [f"{name.split(':')[0]},{name}" for name in headlines]
    path.write_text("\n".join(["ad_name,headline", *lines, ""]))
    return path


def shuffled(names: list[str]) -> list[str]:
    return random.Random(0).sample(names, len(names))


def reworded(names: list[str]) -> list[str]:
    """Every sixth headline anew, under the same name of the ad."""
    return [f"{name}: anew" if number % 6 == 2 else name for number, name in enumerate(names)]


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], int]] = {  # and how many of the 40 rows are done anew
    "nothing": (lambda names: names, 0),
    "reversed": (lambda names: names[::-1], 0),
    "shuffled": (shuffled, 0),
    "reworded": (reworded, 7),
    "reworded and shuffled": (lambda names: shuffled(reworded(names)), 7),
    "all others": (lambda names: [f"{name}: other" for name in names], 40),
    "one on top": (lambda names: ["new", *names[:-1]], 1),
    "one twice": (lambda names: [*names[:-1], names[3]], 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_score_goes_on_with_the_words_of_today(change: str, tmp_path: Path, trace: Path) -> None:
    alter, num_changed = CHANGES[change]
    table, out, first = write_table(tmp_path / "t.csv", [*NAMES, "last"]), tmp_path / "s.csv", BatchConfig(limit=40)
    pipeline.score(table, out, batch=first)
    assert len(asked(trace)) == 40
    write_table(table, [*alter(NAMES), "last"])
    forecast = pipeline.score(table, out, batch=BatchConfig(limit=40, dry_run=True))
    asked(trace)
    summary = pipeline.score(table, out, batch=first)
    told = (f"{num_changed} of 40 rows changed since this run began; done anew",) if num_changed else ()
    assert (len(asked(trace)), summary.warnings, forecast.warnings) == (num_changed, told, told)
    assert forecast.forecast is not None
    assert forecast.forecast.to_do == num_changed
    pipeline.score(table, tmp_path / "fresh.csv", batch=first)
    assert out.read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    pipeline.score(table, out)
    pipeline.score(table, tmp_path / "fresh.csv")
    assert out.read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    assert not list(tmp_path.glob(".*.jsonl"))


def test_an_ad_is_done_anew_when_its_picture_or_what_it_looks_back_on_changed(tmp_path: Path, trace: Path) -> None:
    ads = tmp_path / "ads"
    ads.mkdir()
    for number in range(4):
        Image.fromarray(np.full((64, 64, 3), number, np.uint8)).save(ads / f"{number}.png")
    lines = ["file_name,headline,brand,age,impressions,clicks"]
    lines += [f"{number}.png,ad {number},{'Acme' if number < 2 else 'Pell'},18-24,," for number in range(4)]
    steps: list[tuple[Callable[[], Any], list[int]]] = [
        (lambda: Image.fromarray(np.full((64, 64, 3), 99, np.uint8)).save(ads / "2.png"), [3]),
        (lambda: lines.__setitem__(2, "1.png,ad 1,Acme,25-34,,"), [2]),  # another age
        (lambda: lines.__setitem__(3, "2.png,ad 2,Pell,18-24,1000,5"), [3, 4]),  # a result, which its brand looks back on
        (lambda: lines.__setitem__(3, "2.png,ad 2,Pell,18-24,2000,5"), [3, 4]),
    ]
    (ads / "metadata.csv").write_text("\n".join([*lines, ",beyond,,,,", ""]))
    limited = BatchConfig(limit=4)
    pipeline.score(ads, tmp_path / "s.csv", batch=limited)
    for change, rows in steps:
        asked(trace)
        change()
        (ads / "metadata.csv").write_text("\n".join([*lines, ",beyond,,,,", ""]))
        pipeline.score(ads, tmp_path / "s.csv", batch=limited)
        assert asked(trace) == rows
    pipeline.score(ads, tmp_path / "s.csv", batch=limited)
    assert asked(trace) == []


def run_rows(out: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in (out / "results.jsonl").read_text().splitlines()]


def told_files(row: dict[str, Any], out: Path) -> dict[str, bytes]:
    return {name: (out / row[name]).read_bytes() for name in ("original_image", "edited_image") if row.get(name)}


def write_pictures(folder: Path, rows: Sequence[tuple[str, str, int]]) -> Path:
    """Write a folder of ads: name of the picture, headline, grey level of the picture."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, _, level in rows:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((64, 64, 3), level, np.uint8)).save(folder / name)
    lines = ["file_name,headline", *(f"{name},{headline}" for name, headline, _ in rows)]
    (folder / "metadata.csv").write_text("\n".join([*lines, ""]))
    return folder


@pytest.mark.parametrize("is_stopped", [False, True])
def test_optimize_goes_on_with_the_ads_of_today(is_stopped: bool, tmp_path: Path, trace: Path) -> None:
    """Equal names of files, too: the picture of a row that moved is not written over by the row that stands there now."""
    before = [("a/ad.png", "one", 1), ("b/ad.png", "two", 2), ("c/ad.png", "three", 3), ("d.png", "four", 4)]
    today = [("c/ad.png", "anew", 3), ("a/ad.png", "one", 1), ("b/ad.png", "two", 77), ("d.png", "four", 4)]
    ads, out, asked_for = write_pictures(tmp_path / "ads", before), tmp_path / "run", []
    pipeline.optimize(ads, out)
    ids = {one.creative.headline: one.variant_id for one in read_variants(out, "c")}
    write_pictures(ads, today)
    asked(trace)
    if is_stopped:
        pipeline.optimize(ads, out, should_stop=lambda: bool((trace.exists() and asked_for.append(1)) or len(asked_for) > 1))
    summary = pipeline.optimize(ads, out)
    assert asked(trace) == [1, 3]
    assert is_stopped or "2 of 4 rows changed since this run began; done anew" in summary.warnings
    pipeline.optimize(ads, tmp_path / "fresh")
    for row, fresh in zip(run_rows(out), run_rows(tmp_path / "fresh"), strict=True):
        paths = ("original_image", "edited_image")
        assert {k: v for k, v in row.items() if k not in paths} == {k: v for k, v in fresh.items() if k not in paths}
        assert told_files(row, out) == told_files(fresh, tmp_path / "fresh")
    told = {Path(row[name]).name for row in run_rows(out) for name in ("original_image", "edited_image") if row.get(name)}
    assert {path.name.removesuffix(".provenance.json") for path in (out / "images").iterdir()} == told
    now = {one.creative.headline: one.variant_id for one in read_variants(out, "c")}
    assert {name: now[name] for name in ("one", "ONE", "four")} == {name: ids[name] for name in ("one", "ONE", "four")}


def test_twins_have_ids_of_their_own(tmp_path: Path) -> None:
    pipeline.optimize(write_table(tmp_path / "t.csv", ["same"]), tmp_path / "run")
    line = json.loads((tmp_path / "run" / "results.jsonl").read_text())
    (tmp_path / "run" / "results.jsonl").write_text("".join(json.dumps({**line, "row": row}) + "\n" for row in (1, 2)))
    assert len({one.variant_id for one in read_variants(tmp_path / "run", "c")}) == 4


def describe_until(table: Path, out: Path, num: int) -> RunSummary:
    seen: list[int] = []
    return pipeline.describe(table, out, progress=lambda *_: seen.append(1), should_stop=lambda: len(seen) > num)


PRODUCTS = [f"oak stool {number},Pell,{('red', 'blue', 'green')[number % 3]}" for number in range(30)]


@pytest.mark.parametrize(
    ("change", "num_changed"),
    [
        (lambda rows: rows, 0),
        (lambda rows: rows[::-1], 0),
        (lambda rows: [row.replace("stool 4,", "bench 4,") for row in rows], 1),
        (lambda rows: [row.replace("stool", "chair") for row in rows], 20),
        (lambda rows: [*rows[:5], "oak stool 5,Pell,violet", *rows[6:]], 20),  # violet is now a wrong claim about all others
    ],
)
def test_describe_goes_on_with_the_products_of_today(
    change: Callable[[list[str]], list[str]], num_changed: int, tmp_path: Path
) -> None:
    table, out = tmp_path / "p.csv", tmp_path / "d.csv"
    table.write_text("\n".join(["title,brand,colour", *PRODUCTS, ""]))
    assert describe_until(table, out, 20).done == 20
    table.write_text("\n".join(["title,brand,colour", *change(PRODUCTS), ""]))
    summary = pipeline.describe(table, out)
    told = [line for line in summary.warnings if "changed since" in line]
    assert told == ([f"{num_changed} of 30 rows changed since this run began; done anew"] if num_changed else [])
    assert out.read_bytes() == pipeline.describe(table, tmp_path / "fresh.csv").path.read_bytes()


@pytest.mark.parametrize("kept", [{"row": 1}, {"row": 1, "made_from": None}, {"row": 1, "file_name": "a.png"}])
def test_a_kept_row_that_does_not_say_what_it_was_made_from_is_not_told(kept: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="of row 1 is damaged, or is of an earlier version; choose another --out"):
        find_kept({1: kept}, [(1, "a", ("", ""))])


def test_a_hash_is_of_the_ad_and_not_of_its_place_or_its_results(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    (tmp_path / "moved.png").write_bytes(b"picture")
    ad = {"headline": "Sleep well", "context": {"age": "18-24"}}
    base = hash_creative(Creative(**ad, image_path=path))
    assert hash_creative(Creative(**ad, image_path=tmp_path / "moved.png", row=7, impressions=10, clicks=1)) == base
    others = (
        {"headline": "Sleep on it"},
        {"context": {"age": "25-34"}},
        {"ad_name": "b"},
        {"consent_id": "c"},
        {"test_id": "t"},
    )
    hashes = {hash_creative(Creative(**{**ad, **other}, image_path=path)) for other in others} | {base}
    path.write_bytes(b"another")
    hashes |= {hash_creative(Creative(**ad, image_path=path)), hash_creative(Creative(**ad))}
    assert len(hashes) == len(others) + 3
