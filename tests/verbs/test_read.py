"""`read` writes the words of pictures as a table; corrected, the other verbs take them from there and read nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.tables import read_our_rows
from adcreative.cli.app import app
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.known_words import TABLE_COLUMNS, load_known_words, with_known_words
from adcreative.features.picture_fields import fill_from_pictures
from adcreative.lettering import ROLES, TextLine, Words
from adcreative.runs.continuing import hash_creative
from tests.lettering.reading.drawn_ads import BODY, BRAND, HEADLINE, LABEL, KnownReader, drawn_ad

Folder = tuple[Path, Path, KnownReader]


class NoReader(KnownReader):
    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        raise AssertionError("a picture of the words file is read")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Return a folder of three ads, one of them damaged, the table of their words, and the reader that was asked."""
    ads, reader = tmp_path / "ads", KnownReader()
    ads.mkdir()
    Image.fromarray(drawn_ad()).save(ads / "a.png")
    Image.fromarray(drawn_ad(np.full((480, 480, 3), 225, np.uint8))).save(ads / "b.png")
    (ads / "c.png").write_bytes(b"\x89PNG damaged")
    (ads / "metadata.csv").write_text(f"file_name,brand,platform\na.png,{BRAND},meta\nb.png,{BRAND},meta\nc.png,,meta\n")
    for verb in ("read", "check"):
        monkeypatch.setattr(f"adcreative.verbs.{verb}.find_reader", lambda *cache: reader)
    result = CliRunner().invoke(app, ["read", str(ads), "--out", str(tmp_path / "words.csv")])
    assert result.exit_code == 0, result.output
    assert "2 creatives read, 1 failed" in result.output
    return ads, tmp_path / "words.csv", reader


def correct(path: Path, change: Callable[[dict[str, str]], Any]) -> None:
    """Save the table again as a spreadsheet program of another country does, with rows changed."""
    rows = read_our_rows(path)
    for row in rows:
        change(row)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, TABLE_COLUMNS, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def test_a_table_has_a_row_for_each_block_and_each_ad_a_picture_of_boxes(folder: Folder) -> None:
    out = folder[1]
    rows = read_our_rows(out)
    assert tuple(rows[0]) == TABLE_COLUMNS
    told = [(row["file_name"], row["block"], row["role"], row["text"]) for row in rows]
    assert told[:4] == [
        ("a.png", "1", "brand", BRAND),
        ("a.png", "2", "headline", HEADLINE),
        ("a.png", "3", "subline", BODY),
        ("a.png", "4", "button", LABEL),
    ]
    assert [one[1:] for one in told[4:]] == [one[1:] for one in told[:4]]
    assert rows[1]["language"] == "en"
    assert [row["file_name"] for row in read_our_rows(out.with_name("words.failures.csv"))] == ["c.png"]
    boxes = sorted((out.parent / "words.boxes").iterdir())
    assert len(boxes) == 2
    drawn = np.asarray(Image.open(boxes[0])).astype(int)
    x0, _, x1, y1 = map(int, rows[1]["box"].split())
    assert np.abs(drawn[y1, x0:x1] - drawn_ad()[y1, x0:x1]).mean() > 50  # the lower edge of the headline's box
    assert np.abs(drawn[80, 200:400] - drawn_ad()[80, 200:400]).max() < 20  # and nothing where nothing stands


def test_words_that_nobody_touched_give_what_reading_gives_and_nothing_is_read(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ads, words, _ = folder
    read = pipeline.check(ads, tmp_path / "read.csv").path.read_bytes()
    monkeypatch.setattr("adcreative.verbs.check.find_reader", lambda: NoReader())
    assert pipeline.check(ads, tmp_path / "known.csv", words=words).path.read_bytes() == read
    without = pipeline.check(ads, tmp_path / "without.csv", words=words, read_pictures=False)
    assert without.path.read_bytes() == read
    silent = Creative(file_name="a.png", image_path=ads / "a.png", brand=BRAND)
    (filled,) = fill_from_pictures([silent], KnownReader())
    (known,) = fill_from_pictures([with_known_words(silent, load_known_words(words))])
    assert (known.picture_texts, known.read_fields) == (filled.picture_texts, filled.read_fields)


def test_corrected_words_are_taken_and_decide_whether_a_row_is_done_anew(folder: Folder, tmp_path: Path) -> None:
    ads, words, _ = folder
    silent = Creative(file_name="a.png", image_path=ads / "a.png", brand=BRAND)
    before = hash_creative(with_known_words(silent, load_known_words(words)))
    assert hash_creative(with_known_words(silent, load_known_words(words))) == before != hash_creative(silent)
    correct(words, lambda row: row.update(text="SHOUTING AND SHOUTING!!!") if row["role"] == "headline" else None)
    assert hash_creative(with_known_words(silent, load_known_words(words))) != before
    first, second = read_our_rows(pipeline.check(ads, tmp_path / "checks.csv", words=words).path)
    assert first["verdict"] == second["verdict"] == "problems"
    with pytest.raises(ConfigError, match="is not, or no longer, what this program wrote"):
        pipeline.read(ads, words)  # corrections are not written over


def test_a_picture_that_changed_is_refused_in_one_sentence(folder: Folder, tmp_path: Path) -> None:
    ads, words, _ = folder
    Image.fromarray(drawn_ad()[::-1].copy()).save(ads / "a.png")
    summary = pipeline.check(ads, tmp_path / "checks.csv", words=words)
    assert (summary.done, summary.failed) == (1, 2)
    failed = read_our_rows(tmp_path / "checks.failures.csv")[0]
    assert failed["problem"] == 'row 1: the picture "a.png" changed since its words were read.'
    assert "adcreative read" in failed["remedy"]
    with pytest.raises(CreativeError, match=r'the picture "a\.png" changed'):
        with_known_words(Creative(file_name="a.png", image_path=ads / "a.png"), load_known_words(words))


def test_what_is_no_words_file_or_has_a_wrong_row_is_named(folder: Folder, tmp_path: Path) -> None:
    ads, words, _ = folder
    (tmp_path / "other.csv").write_text("file_name,text\na.png,b\n")
    with pytest.raises(CatalogError, match=r'other\.csv has no column "picture"'):
        pipeline.check(ads, tmp_path / "checks.csv", words=tmp_path / "other.csv")
    written = words.read_bytes()
    correct(words, lambda row: row.update(role="button?") if row["role"] == "button" else None)
    with pytest.raises(CatalogError, match=r'words\.csv, row 4: the role of "Order now" is "button\?"\. Did you mean "button"'):
        pipeline.check(ads, tmp_path / "checks.csv", words=words)
    words.write_bytes(written)
    correct(words, lambda row: row.update(measured=row["measured"].replace('"colour"', '"tint"')))
    with pytest.raises(CatalogError, match=r"words\.csv was written by another version"):
        pipeline.check(ads, tmp_path / "checks.csv", words=words)


def test_a_stopped_run_goes_on_and_a_table_among_the_ads_is_refused(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ads, _, reader = folder
    monkeypatch.setattr("adcreative.verbs.read.TOGETHER", 1)
    out, asked = tmp_path / "again.csv", reader.num_read
    stopped = pipeline.read(ads, out, boxes=False, should_stop=lambda: reader.num_read > asked)
    assert (stopped.stopped, stopped.done, out.exists(), (tmp_path / "again.boxes").exists()) == (True, 1, False, False)
    assert reader.num_read == asked + 1
    done = pipeline.read(ads, out, boxes=False)
    assert (done.stopped, done.done, reader.num_read) == (False, 2, asked + 2)  # the first is not read again
    assert out.read_bytes() == (tmp_path / "words.csv").read_bytes()
    with pytest.raises(ConfigError, match="choose another --out"):
        pipeline.read(ads, ads / "words.csv")
    assert reader.num_read == asked + 2


def test_a_studio_reads_one_ad_and_takes_it_back_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.verbs.studio.find_reader", lambda cache: KnownReader())
    studio, ad = pipeline.Studio(), Creative(image_u8=drawn_ad())
    rows = studio.read(ad)
    headline = next(row for row in rows if row["role"] == "headline")
    assert (headline["text"], headline["picture"]) == (HEADLINE, "")
    headline["text"] = "Sleep well tonight"
    assert studio.read_words(replace(ad, words=json.dumps(rows))).headline == "Sleep well tonight"
    with pytest.raises(CreativeError, match="it has no picture"):
        studio.read(Creative(headline="words alone"))


def test_an_ad_is_taken_apart_by_corrected_words(folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ads, words, _ = folder
    correct(words, lambda row: row.update(text="Sleep well tonight") if row["role"] == "headline" else None)

    def take_parts(image_u8: np.ndarray, found: Words, *rest: object) -> None:
        raise LookupError(*(block.text for block in found.with_role("headline")))

    monkeypatch.setattr("adcreative.verbs.compose_many.take_parts", take_parts)
    with pytest.raises(LookupError, match="Sleep well tonight"):
        pipeline.compose_from(ads / "a.png", tmp_path / "new", words=words)


def test_the_page_about_correcting_names_every_role() -> None:
    page = (Path(pipeline.__file__).parent / "docs" / "how-to-correct-words.md").read_text()
    assert f"{', '.join(ROLES[:-1])} or {ROLES[-1]}" in page


@pytest.mark.slow
def test_a_run_edits_from_the_corrected_words(folder: Folder, tmp_path: Path) -> None:
    """What the row calls the headline of now is what somebody corrected, not what was read."""
    ads, words, _ = folder
    correct(words, lambda row: row.update(text="Sleep soundly at last") if row["role"] == "headline" else None)
    settings: dict[str, Any] = {"population": 4, "generations": 1, "copywriter": "template", "seed": 3}
    summary = pipeline.optimize(ads, tmp_path / "run", words=words, **settings)
    assert (summary.done, summary.failed) == (3, 1)  # a failure has a line, too
    rows = [json.loads(line) for line in (tmp_path / "run" / "results.jsonl").read_text().splitlines()]
    assert {row["headline_original"] for row in rows if row["status"] != "failed"} == {"Sleep soundly at last"}
