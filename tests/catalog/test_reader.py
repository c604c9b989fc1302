"""Catalogues as users bring them: every layout that is read, and every whole-catalogue fault."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from adcreative.catalog import CatalogReader, read_catalog
from adcreative.creative import COLUMNS, Creative
from adcreative.errors import CatalogError
from tests.catalog.conftest import save_picture, write_csv, write_jsonl

FULL_ROW = {
    "file_name": "ad.png",
    "ad_name": "Spring 1",
    "headline": "Run lighter",
    "primary_text": "Try it today",
    "description": "Free returns",
    "cta": "Shop now",
    "brand": "Fell",
    "category": "shoes",
    "platform": "meta",
    "placement": "feed",
    "audience": "runners",
    "test_id": "t1",
    "impressions": 1000,
    "clicks": 12,
    "spend": 3.5,
    "currency": "EUR",
    "date_start": "2026-01-01",
    "date_end": "2026-01-07",
    "consent_id": "c1",
}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_folder_with_metadata_gives_every_column(tmp_path: Path, suffix: str) -> None:
    save_picture(tmp_path / "ad.png")
    path = tmp_path / f"metadata.{suffix}"
    if suffix == "parquet":
        pd.DataFrame([FULL_ROW]).to_parquet(path)
    elif suffix == "jsonl":
        write_jsonl(path, [FULL_ROW])
    else:
        write_csv(path, [FULL_ROW])
    for source in (tmp_path, path):
        catalog = read_catalog(source)
        assert catalog.failures == ()
        assert catalog.warnings == ()
        (creative,) = catalog.creatives
        assert {column: getattr(creative, column) for column in COLUMNS} == FULL_ROW
        assert creative.image_path == tmp_path / "ad.png"
        assert creative.row == 1
        assert catalog.root == tmp_path


def test_rows_may_hold_words_a_picture_or_both(make_folder) -> None:
    rows = [{"file_name": "", "headline": "Words"}, {"file_name": "ad.png"}, {"file_name": "ad.png", "headline": "Both"}]
    words, image, both = read_catalog(make_folder(rows)).creatives
    assert words.has_words
    assert not words.has_image
    assert image.has_image
    assert not image.has_words
    assert both.has_image
    assert both.has_words
    assert [item.row for item in (words, image, both)] == [1, 2, 3]


def test_folder_without_metadata_gives_one_creative_a_picture(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "deep/c.webp", ".hidden/d.png"):
        save_picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "raw.heic").write_bytes(b"\0\0\0\x18ftypheic")
    catalog = read_catalog(tmp_path)
    assert [creative.file_name for creative in catalog.creatives] == ["a.PNG", "b.jpg", "raw.heic", "deep/c.webp"]


def test_a_single_picture_is_a_catalogue_of_one(tmp_path: Path) -> None:
    catalog = read_catalog(save_picture(tmp_path / "ad.jpg"))
    assert [creative.file_name for creative in catalog.creatives] == ["ad.jpg"]


def test_metadata_in_subfolders_is_relative_to_its_own_folder(tmp_path: Path) -> None:
    for split in ("test", "train"):
        save_picture(tmp_path / split / "ad.png")
        write_csv(tmp_path / split / "metadata.csv", [{"file_name": "ad.png"}, {"file_name": "../train/ad.png"}])
    catalog = read_catalog(tmp_path)
    assert [creative.file_name for creative in catalog.creatives] == ["test/ad.png", "train/ad.png"]
    assert [creative.row for creative in catalog.creatives] == [1, 3]  # unique in the whole catalogue
    assert [failure.problem for failure in catalog.failures] == [
        f'{split}/metadata.csv row 2: file_name "../train/ad.png" leads out of the folder ("..").'
        for split in ("test", "train")
    ]


def test_column_names_are_read_in_any_case_and_spacing(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ads.csv", [{"Headline ": "Hi", "Ad Name": "A", "PRIMARY-TEXT": "Body"}])
    (creative,) = read_catalog(path).creatives
    assert (creative.headline, creative.ad_name, creative.primary_text) == ("Hi", "A", "Body")


@pytest.mark.parametrize(
    ("button", "text"), [("Call to action", "Body"), ("Button", "Text"), ("CTA", "Ad copy"), ("Call to action", "Haupttext")]
)
def test_a_list_of_ads_may_call_its_words_as_platforms_do(tmp_path: Path, button: str, text: str) -> None:
    path = write_csv(
        tmp_path / "ads.csv", [{"headline": "Hi", "Title": "x", text: "Read me", button: "Shop now", "mood": "calm"}]
    )
    catalog = read_catalog(path)
    (creative,) = catalog.creatives
    assert (creative.headline, creative.primary_text, creative.cta) == ("Hi", "Read me", "Shop now")
    assert not any(text in warning or button in warning for warning in catalog.warnings)


def test_unknown_column_is_a_warning_with_the_nearest_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ads.csv", [{"headline": "Hi", "impresions": "5", "colour": "red", "mood": "calm"}])
    catalog = read_catalog(path)
    assert catalog.creatives[0].impressions is None
    assert catalog.warnings == (
        'ads.csv: unknown column "impresions" was ignored. Did you mean "impressions"?',
        'ads.csv: unknown columns "colour", "mood" were ignored.',
    )


def test_pictures_in_no_row_are_counted_in_a_warning(make_folder) -> None:
    rows = [{"file_name": "ad.png"}, {"file_name": "gone.png"}]
    (warning,) = read_catalog(make_folder(rows, pictures=("ad.png", "x.png", "y.png"))).warnings
    assert warning.startswith('2 pictures are in the folder but in no row of the table, such as "x.png".')


def test_table_beside_pictures_under_another_name_is_pointed_out(tmp_path: Path) -> None:
    save_picture(tmp_path / "ad.png")
    write_csv(tmp_path / "ads.csv", [{"headline": "Hi"}])
    assert "rename it metadata.csv" in read_catalog(tmp_path).warnings[0]


def test_repeated_row_fails_and_the_first_stays(make_folder) -> None:
    row = {"file_name": "ad.png", "headline": "Same", "test_id": "t", "ad_name": "A"}
    catalog = read_catalog(make_folder([row, row | {"ad_name": "B"}, row | {"test_id": "u", "ad_name": "C"}]))
    assert [creative.ad_name for creative in catalog.creatives] == ["A", "C"]  # another test: not a repeat
    (failure,) = catalog.failures
    assert failure.ad_name == "B"
    assert failure.problem.startswith("row 2: it repeats row 1")
    assert "test_id" in failure.remedy


def test_repeated_ad_name_is_only_a_warning(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ads.csv", [{"headline": word, "ad_name": "A"} for word in ("one", "two", "three")])
    catalog = read_catalog(path)
    assert len(catalog.creatives) == 3
    assert catalog.warnings == ('ad_name is not unique: "A" (row 1 and row 2), and 1 more. Results are told apart by row.',)


def test_all_faults_of_a_row_are_told_at_once_and_the_rest_goes_on(make_folder) -> None:
    rows = [
        {"file_name": "../x.png", "ad_name": "bad", "impressions": "-3", "clicks": "many"},
        {"file_name": "ad.png", "ad_name": "good", "impressions": "30", "clicks": "1"},
    ]
    catalog = read_catalog(make_folder(rows))
    assert [creative.ad_name for creative in catalog.creatives] == ["good"]
    (failure,) = catalog.failures
    assert (failure.file_name, failure.ad_name) == ("../x.png", "bad")
    assert failure.problem.startswith("row 1: ")
    for part in ("impressions is negative (-3)", 'clicks is "many", which is not a number', 'leads out of the folder ("..")'):
        assert part in failure.problem


def test_pictures_are_not_opened_while_reading(make_folder) -> None:
    folder = make_folder([{"file_name": "ad.png"}])
    (folder / "ad.png").write_bytes(b"nonsense")
    assert len(read_catalog(folder).creatives) == 1


def test_reader_streams_the_same_again_and_again(make_folder) -> None:
    reader = CatalogReader(make_folder([{"file_name": "ad.png", "oddity": 1}, {"file_name": "gone.png", "oddity": 1}]))
    first, second = list(reader), list(reader)
    assert first == second
    assert isinstance(first[0], Creative)
    assert len(reader.warnings) == 1


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"there is no file or folder at .*nowhere\. Check the path"):
        read_catalog(tmp_path / "nowhere")


def test_empty_folder_says_what_to_put_in(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"holds no picture and no metadata\.csv.*Put pictures"):
        read_catalog(tmp_path)


def test_folder_with_only_another_table_says_how_to_use_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "ads.csv", [{"headline": "Hi"}])
    with pytest.raises(CatalogError, match=r'"ads\.csv" is not read in a folder; rename it metadata\.csv'):
        read_catalog(tmp_path)


def test_the_only_table_beside_pictures_is_read_whatever_its_name(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write_csv(tmp_path / "our ads.csv", [{"Filename": "a.png", "headline": "Hi"}])
    found = read_catalog(tmp_path)
    assert [ad.headline for ad in found.creatives] == ["Hi"]
    assert '"our ads.csv" is read as the table of this folder.' in found.warnings
    write_csv(tmp_path / "other.csv", [{"Filename": "a.png", "headline": "Ho"}])  # which of the two is meant nobody knows
    found = read_catalog(tmp_path)
    assert [ad.headline for ad in found.creatives] == [""]
    assert "is not read in a folder" in found.warnings[0]


def test_tables_that_our_commands_wrote_are_not_read_as_data(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    write_csv(tmp_path / "scores.csv", [{"file_name": "a.png", "headline": "Hi"}])
    write_csv(tmp_path / "scores.failures.csv", [{"file_name": "", "problem": ""}])
    assert [ad.headline for ad in read_catalog(tmp_path).creatives] == [""]


def test_two_metadata_files_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "metadata.csv", [{"headline": "Hi"}])
    write_jsonl(tmp_path / "metadata.jsonl", [{"headline": "Hi"}])
    with pytest.raises(CatalogError, match=r"has metadata\.csv and metadata\.jsonl; one is needed"):
        read_catalog(tmp_path)


def test_two_metadata_files_in_a_subfolder_are_refused_too(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    write_csv(tmp_path / "train" / "metadata.csv", [{"headline": "Hi"}])
    write_jsonl(tmp_path / "train" / "metadata.jsonl", [{"headline": "Hi"}])
    with pytest.raises(CatalogError, match=r"train has metadata\.csv and metadata\.jsonl; one is needed"):
        read_catalog(tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_empty_metadata_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"metadata.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(CatalogError, match=r"is empty \(0 bytes\)\. Export it again"):
        read_catalog(tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_metadata_without_rows_is_refused(tmp_path: Path, suffix: str) -> None:
    empty = pd.DataFrame({"file_name": pd.Series([], dtype=str)})
    if suffix == "csv":
        empty.to_csv(tmp_path / "metadata.csv", index=False)
    else:
        empty.to_parquet(tmp_path / "metadata.parquet")
    with pytest.raises(CatalogError, match=r"has a header but no rows\. Add one row a creative"):
        read_catalog(tmp_path)


def test_faults_of_the_whole_table_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ads.csv"
    path.write_text("headlne,brand,Brand,brandd\na,b,c,d\n")
    with pytest.raises(CatalogError) as caught:
        read_catalog(path)
    message = str(caught.value)
    assert 'has the column "brand" 2 times' in message
    assert "has neither a file_name nor a headline column" in message
    assert 'Did you mean "headline" by "headlne"?' in message


def test_no_usable_column_and_nothing_near_says_how_to_name_one(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ads.csv", [{"colour": "red"}])
    with pytest.raises(CatalogError, match=r'its columns are "colour"\. Name the column of pictures file_name'):
        read_catalog(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "ads.numbers",
            b"PK\x03\x04",
            r'suffix "\.numbers", which is not a table we read\. Save the sheet as \.xlsx or as CSV',
        ),
        ("ads.ods", b"PK\x03\x04", r"ads\.ods is not a readable Excel workbook"),
        ("ads.ods", b"headline\nHi\n", r"cannot be read as a workbook: it is damaged or protected"),
        ("ads.xlsx", b"PK\x03\x04", r"is not a readable Excel workbook"),
        ("ads.xls", b"\xd0\xcf\x11\xe0" + bytes(600), r"cannot be read as a workbook.*Save it as \.xlsx"),
        ("ads.csv", b"<!DOCTYPE html><html>", r"is not a csv table but a web page\. Open it in a spreadsheet program"),
        ("ads.csvv", b"headline\nHi\n", r'which is not a table we read\. Did you mean "\.csv"'),
        ("ads.csv", b"PK\x03\x04 workbook", r"is not a readable Excel workbook"),
        ("ads.csv", b"he\0ad\0line\0\n\0", r"is not a text table\. Save it as CSV"),
        ("ads.csv", b"\n \n\n", r"holds nothing but blank lines"),
        ("ads.parquet", b"PAR1 but no more", r"is not a readable parquet file"),
        ("ads.jsonl", b"\n\n", r"has no usable line: it holds nothing but blank lines"),
        ("ads.jsonl", b"nonsense\n", r"has no usable line: it is not JSON"),
    ],
)
def test_unreadable_tables_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=message):
        read_catalog(tmp_path / name)


def test_a_table_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "ads.csv", [{"headline": "Hi"}])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CatalogError, match=r"ads\.csv cannot be read \(Permission denied\)"):
        read_catalog(path)


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_picture(tmp_path / "ad.png")

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CatalogError, match=r"cannot be read \(Permission denied\)"):
        read_catalog(tmp_path)


def test_one_ad_in_two_segments_is_two_rows_and_not_a_copy(tmp_path: Path) -> None:
    rows = [{"headline": "Hi", "Age": "18-24", "gender": "F"}, {"headline": "Hi", "Age": "25-34", "gender": "F"}]
    catalog = read_catalog(write_csv(tmp_path / "ads.csv", rows))
    assert [one.context["age"] for one in catalog.creatives] == ["18-24", "25-34"]
    assert (catalog.failures, catalog.warnings) == ((), ())
