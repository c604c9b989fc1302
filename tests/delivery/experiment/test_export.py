"""Exports: what the platforms take, within their limits, harmless in a spreadsheet, and read back unchanged."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.catalog.formats.csv import CsvSource
from adcreative.catalog.tables import escape_cell, unescape_cell, write_rows
from adcreative.delivery.experiment.export import (
    FORMATS,
    META_COLUMNS,
    RSA_COLUMNS,
    count_letters,
    export_variants,
    list_pictures,
)
from adcreative.delivery.experiment.settings import ExportSettings
from adcreative.delivery.experiment.sheets import sheets
from adcreative.delivery.experiment.variants import find_variant_id, read_variants
from adcreative.errors import CatalogError, ConfigError
from adcreative.provenance.sidecar import export_picture, sidecar_path
from tests.delivery.conftest import HOSTILE, result_row

SETTINGS = ExportSettings(
    url="https://example.com/sleep",
    extra_headlines=("Sleep well", "Free returns", "x" * 31),
    extra_descriptions=("Made for quiet nights.",),
)
PINTEREST = [*sheets()["pinterest-bulk"].of_group, *sheets()["pinterest-bulk"].cells, "Daily Spend Limit"]
ATTACKS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u202e=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "\ufe66 1",
    "\u2212 1",
    "\x00=1+1",
    "'=1+1",
    "''=1",
    "' =1",
    "\u3000@x",
    "=cmd|'/c calc'!A1",
)


def read_cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("text", ATTACKS)
def test_planted_formulas_are_escaped_and_come_back(text: str) -> None:
    assert escape_cell(text).startswith("'")
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["plain", "'quoted'", "a=b", "5 - 3", "", "ünï", "''", "#1", "20 % off"])
def test_harmless_texts_are_left_alone(text: str) -> None:
    assert escape_cell(text) == text == unescape_cell(text)


def test_a_hostile_results_table_reads_back_exactly(tmp_path: Path) -> None:
    texts = [text for text in ATTACKS if not set(text) & {"\r", "\x00"}]
    path = tmp_path / "results.csv"
    write_rows(path, [{"headline": text, "brand": "x"} for text in texts], ("headline", "brand"))
    assert [row["headline"][0] for row in read_cells(path)] == ["'"] * len(texts)
    assert [row.cells[0] for row in CsvSource(path).read_rows()] == texts


def test_google_editor_ads_respect_the_limits(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run_dir = make_run([result_row(1), result_row(2, headline_edited="Ein viel zu langer Titel für Google Ads")])
    variants = read_variants(run_dir, "Spring")
    result = export_variants(variants, tmp_path / "out" / "google.csv", format="google-editor", settings=SETTINGS)
    rows = read_cells(result.path)
    assert tuple(rows[0]) == RSA_COLUMNS
    assert result.done == len(rows) == 3
    edited = rows[1]
    lines = [edited[f"Headline {n}"] for n in range(1, 16) if edited[f"Headline {n}"]]
    assert lines == ["New line 1", "Sleep well", "Free returns", "Somnia", "Shop now"]
    assert [edited[f"Description {n}"] for n in (1, 2, 3)] == ["Better words.", "Made for quiet nights.", "Sleep on it."]
    assert (edited["Headline 1 position"], edited["Ad status"], edited["Campaign"]) == ("1", "Paused", "Spring")
    assert find_variant_id(edited["Labels"]) == variants[1].variant_id
    assert "39 letters, Google allows 30" in result.failures[0].problem
    assert read_cells(tmp_path / "out" / "google.failures.csv")[0]["ad_name"] == variants[3].name


def test_google_ads_without_enough_lines_or_without_other_words_are_left_out(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    bare = ExportSettings(url="https://example.com")
    picture_only = result_row(1, headline_edited="Old line 1", description_edited="Plain words.")
    variants = read_variants(make_run([picture_only, result_row(2, description_edited="", description_original="")]), "Spring")
    with pytest.raises(CatalogError, match="none of the 4 variants fits google-editor: the edit changes the picture only"):
        export_variants(variants, tmp_path / "g.csv", format="google-editor", settings=bare)
    problems = [row["problem"] for row in read_cells(tmp_path / "g.failures.csv")]
    assert "1 different descriptions of at most 90 letters, Google needs 2" in problems[2]
    assert count_letters("日本語abc") == 9


def test_meta_bulk_sheet_round_trips_hostile_words(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run(), "@campaign")
    result = export_variants(variants, tmp_path / "meta.csv", format="meta-bulk", settings=SETTINGS)
    rows = read_cells(result.path)
    assert tuple(rows[0]) == META_COLUMNS
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert unescape_cell(rows[3]["Title"]) == HOSTILE
    back = [dict(zip(META_COLUMNS, row.cells, strict=True)) for row in CsvSource(result.path).read_rows()]
    assert [(row["Title"], row["Campaign Name"], row["Ad Name"]) for row in back] == [
        (v.creative.headline, "@campaign", v.name) for v in variants
    ]
    assert rows[1]["Call to Action"] == "SHOP_NOW"
    for variant, row in zip(variants, rows, strict=True):
        assert (tmp_path / "meta-images" / row["Image File Name"]).read_bytes() == variant.creative.image_path.read_bytes()  # type: ignore[union-attr]
    assert any("Campaign Name, Title starts like a formula" in note for note in result.warnings)


def test_meta_limits(make_run: Callable[..., Path], tmp_path: Path) -> None:
    rows = [result_row(1, headline_edited="x" * 256), result_row(2, headline_edited="y" * 50)]
    variants = read_variants(make_run(rows), "Spring")
    variants[2].creative.image_path.unlink()  # type: ignore[union-attr]
    result = export_variants(variants, tmp_path / "meta.csv", format="meta-bulk", settings=SETTINGS)
    assert [failure.problem for failure in result.failures] == [
        "the headline has 256 letters, Meta allows 255.",
        "its picture images/2.original.png is missing in the run.",
    ]
    assert any("the title has 50 letters; about 40 are shown" in note for note in result.warnings)


def test_a_meta_ad_without_primary_text_runs_with_its_description(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run_dir = make_run([result_row(1)])
    table = run_dir.parent / "ads" / "metadata.csv"
    table.write_text(table.read_text().replace("Sleep on it.", ""))
    variants = read_variants(run_dir, "Spring")
    export_variants(variants, tmp_path / "meta.csv", format="meta-bulk", settings=SETTINGS)
    assert {row["Body"] for row in read_cells(tmp_path / "meta.csv")} == {"Plain words.", "Better words."}


def test_adcp_manifests(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run(), "Spring")
    settings = ExportSettings(url="https://example.com", image_url="https://cdn.example.com/ads/", human_oversight="selected")
    result = export_variants(variants, tmp_path / "adcp.json", format="adcp", settings=settings)
    creatives = json.loads(result.path.read_text())["creatives"]
    assert [c["creative_id"] for c in creatives] == [v.variant_id for v in variants]
    manifest = creatives[3]["manifest"]
    assert manifest["format_kind"] == "responsive_creative"
    assert manifest["assets"]["headlines"] == [{"asset_type": "text", "content": HOSTILE}]
    image = manifest["assets"]["images_landscape"][0]
    assert (image["width"], image["height"]) == (80, 64)
    assert image["url"] == f"https://cdn.example.com/ads/{variants[3].name}.png"
    assert manifest["provenance"]["digital_source_type"] == "composite_with_trained_algorithmic_media"
    assert manifest["provenance"]["human_oversight"] == "selected"
    assert "provenance" not in creatives[0]["manifest"]
    assert result.warnings == ()
    beside = export_variants(variants, tmp_path / "a.json", format="adcp", settings=SETTINGS)
    assert "give --image-url" in beside.warnings[0]


@pytest.fixture
def sized_run(make_run: Callable[..., Path]) -> Path:
    """Return a run of three edits, each with a story (9:16) beside its landscape picture."""
    rows = [result_row(number) for number in (1, 2, 3)]
    for row in rows:
        name = f"images/{row['row']}.9x16.png"
        row["sizes"] = [
            {"ratio": "5:4", "image": row["edited_image"], "made": "as it is"},
            {"ratio": "9:16", "image": name, "made": "padded"},
        ]
    run = make_run(rows)
    for row in rows:
        export_picture(run / row["sizes"][1]["image"], np.full((96, 54, 3), row["row"], np.uint8), is_edited=True, result=row)
    return run


def test_an_ad_goes_out_in_all_its_shapes_and_texts(sized_run: Path, tmp_path: Path) -> None:
    variants = read_variants(sized_run, "Spring")
    result = export_variants(variants, tmp_path / "ads.json", format="adcp", settings=SETTINGS)
    control, edited = (one["manifest"]["assets"] for one in json.loads(result.path.read_text())["creatives"][:2])
    assert "images_vertical" not in control
    (wide,), (story,) = edited["images_landscape"], edited["images_vertical"]
    assert (story["width"], story["height"], wide["width"]) == (54, 96, 80)
    assert story["url"] == f"ads-images/{variants[1].name}_9x16.png"
    assert (tmp_path / story["url"]).read_bytes() == (sized_run / "images/1.9x16.png").read_bytes()
    assert [line["content"] for line in edited["headlines"]] == ["New line 1", "Sleep well", "Free returns", "x" * 31]
    listed = list_pictures(variants, tmp_path / "ads.json", format="adcp", settings=SETTINGS)
    assert set((tmp_path / "ads-images").iterdir()) <= set(listed)
    sheet = export_variants(variants, tmp_path / "meta.csv", format="meta-bulk", settings=SETTINGS)
    assert (tmp_path / "meta-images" / f"{variants[1].name}_9x16.png").exists()
    assert any(f"choose {variants[1].name}_9x16.png" in note for note in sheet.warnings)


def test_a_carousel_is_one_ad_of_originals_and_one_of_edits(sized_run: Path, tmp_path: Path) -> None:
    variants = read_variants(sized_run, "Spring")
    settings = replace(SETTINGS, is_carousel=True)
    found = export_variants(variants, tmp_path / "c.json", format="adcp", settings=settings)
    control, edited = json.loads(found.path.read_text())["creatives"]
    assert control["manifest"]["format_kind"] == "image_carousel"
    assert control["manifest"]["ext"]["adcreative"]["cards"] == [one.variant_id for one in variants if one.is_control]
    cards = edited["manifest"]["assets"]["cards"]
    assert [card["headline"] for card in cards] == ["New line 1", "New line 2", "New line 3"]
    assert {card["asset_type"] for card in cards} == {"card"}
    assert {card["media"]["width"] for card in cards} == {80}
    assert all(card["landing_page_url"]["url"] == SETTINGS.url and "provenance" in card for card in cards)
    assert find_variant_id(edited["name"]) == edited["creative_id"] != control["creative_id"]
    with pytest.raises(ConfigError, match="only adcp takes --carousel"):
        export_variants(variants, tmp_path / "m.csv", format="meta-bulk", settings=settings)
    with pytest.raises(CatalogError, match="2 to 10 cards; with a picture for original and edit there are 1"):
        export_variants(variants[:3], tmp_path / "d.json", format="adcp", settings=settings)


def test_cards_of_different_shapes_are_no_carousel(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run([result_row(1), result_row(2)])
    for kind in ("original", "edited"):
        path = run / f"images/2.{kind}.png"
        sidecar_path(path).unlink(missing_ok=True)
        export_picture(path, np.zeros((96, 54, 3), np.uint8), is_edited=kind == "edited", result=result_row(2))
    settings = replace(SETTINGS, is_carousel=True)
    with pytest.raises(CatalogError, match="no shape in common"):
        export_variants(read_variants(run, "s"), tmp_path / "c.json", format="adcp", settings=settings)


TIKTOK = [*sheets()["tiktok-bulk"].of_group, "Ad Group Budget Amount", *sheets()["tiktok-bulk"].cells, "Call to Action"]


@pytest.mark.parametrize("more", [(), ("Ad format", "Post ID")])
def test_tiktok_ads_fill_the_account_s_own_template(
    more: tuple[str, ...], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    template, header = tmp_path / "template.csv", [*TIKTOK, *more]
    ran = {"Campaign Name": "Beds", "Ad Group Budget Amount": "20", "Ad ID": "id:1", "Video Name": "old.mp4"}
    write_rows(template, [{**ran, "Call to Action": "Shop now", **dict.fromkeys(more, "of a video")}], header)
    settings = replace(SETTINGS, template=template)
    variants = read_variants(make_run([result_row(1), result_row(2, headline_edited="x" * 101)]), "Spring")
    found = export_variants(variants, tmp_path / "out" / "t.csv", format="tiktok-bulk", settings=settings)
    rows = read_cells(found.path)
    assert list(rows[0]) == header
    edited = rows[1]
    assert (edited["Campaign Name"], edited["Ad Group Budget Amount"], edited["Call to Action"]) == ("Beds", "20", "Shop now")
    assert (edited["Ad ID"], edited["Video Name"], edited["Ad Status"], edited["Text"]) == ("", "", "Off", "New line 1")
    assert edited.get("Ad format", "Single image") == "Single image"
    assert (tmp_path / "out" / "t-images" / edited["Image Name"]).exists()
    assert "101 letters, TikTok's bulk import template in English allows 100" in found.failures[0].problem
    template.write_text(",".join(TIKTOK[1:]) + "\n")
    with pytest.raises(CatalogError, match=r'template.csv is not TikTok.* it has no column "Campaign Name"'):
        export_variants(variants, tmp_path / "t.csv", format="tiktok-bulk", settings=settings)


def test_linkedin_s_sheet_is_refused_by_its_name(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LinkedIn's bulk templates make campaigns and ad sets, no ads"):
        export_variants(read_variants(make_run(), "s"), tmp_path / "l.csv", format="linkedin-bulk", settings=SETTINGS)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_deterministic(make_run: Callable[..., Path], tmp_path: Path, format: str) -> None:
    variants = read_variants(make_run(), "Spring")
    template = tmp_path / "template.csv"
    template.write_text(",".join(dict.fromkeys((*PINTEREST, *TIKTOK))) + "\n")
    settings = replace(SETTINGS, template=template)
    first, second = (
        export_variants(variants, tmp_path / name / "out", format=format, settings=settings).path.read_bytes() for name in "ab"
    )
    assert first == second


def test_wrong_settings_are_named(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='there is no export format "tiktok"; known: google-editor, meta-bulk, adcp, micro'):
        export_variants(read_variants(make_run(), "s"), tmp_path / "x", format="tiktok", settings=SETTINGS)
    with pytest.raises(ConfigError, match='the landing page is "javascript:alert'):
        ExportSettings(url="javascript:alert(1)")
    with pytest.raises(ConfigError, match="the image address is"):
        ExportSettings(url="https://example.com", image_url="cdn")
    with pytest.raises(ConfigError, match="human oversight"):
        ExportSettings(url="https://example.com", human_oversight="full")


def test_microsoft_bulk_ads_are_the_documented_record(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run([result_row(1)]), "Spring")
    result = export_variants(variants, tmp_path / "bing.csv", format="microsoft-bulk", settings=SETTINGS)
    version, _, edited = read_cells(result.path)
    assert (version["Type"], version["Name"], version["Headline"]) == ("Format Version", "6.0", "")
    assert (edited["Type"], edited["Status"], edited["Id"]) == ("Responsive Search Ad", "Paused", "")
    assert (edited["Campaign"], edited["Ad Group"], edited["Final Url"]) == ("Spring", "adcreative test", SETTINGS.url)
    headlines = json.loads(edited["Headline"])
    assert headlines[0] == {"text": "New line 1", "pinnedField": "Headline1"}
    assert [one["text"] for one in headlines[1:]] == ["Sleep well", "Free returns", "Somnia", "Shop now"]
    assert json.loads(edited["Description"])[0] == {"text": "Better words.", "pinnedField": "Description1"}
    assert find_variant_id(edited["Client Id"]) == variants[1].variant_id


def test_a_template_is_filled_and_its_reference_rows_stay(make_run: Callable[..., Path], tmp_path: Path) -> None:
    template = tmp_path / "template.csv"
    group = {"Campaign Name": "Beds", "Daily Spend Limit": "12.00", "Promoted Pin ID": "PP1", "Pin Title": "Old"}
    with template.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, PINTEREST)
        writer.writeheader()
        writer.writerow({column: f"# {column}, as told" for column in PINTEREST})
        writer.writerow(dict.fromkeys(PINTEREST, "# Required"))
        writer.writerow(group)
    settings = ExportSettings(url="https://example.com/sleep", template=template)
    variants = read_variants(make_run([result_row(1), result_row(2, headline_edited="x" * 101)]), "Spring")
    result = export_variants(variants, tmp_path / "out" / "pins.csv", format="pinterest-bulk", settings=settings)
    rows = read_cells(result.path)
    assert list(rows[0]) == PINTEREST
    assert rows[0]["Pin Title"] == "# Pin Title, as told"
    assert rows[1]["Pin Title"] == "# Required"
    edited = rows[3]
    assert (edited["Campaign Name"], edited["Daily Spend Limit"], edited["Promoted Pin ID"]) == ("Beds", "12.00", "")
    assert (edited["Pin Title"], edited["Promoted Pin Status"], edited["Ad Format"]) == ("New line 1", "PAUSED", "STATIC")
    assert (tmp_path / "out" / "pins-images" / edited["Media File Name"]).is_file()
    assert find_variant_id(edited["Promoted Pin Name"]) == variants[1].variant_id
    assert 'the cell "Pin Title" has 101 letters' in result.failures[0].problem
    assert len(list((tmp_path / "out" / "pins-images").glob("*.png"))) == 3  # none of an ad that is left out


def test_a_template_is_needed_and_checked(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run([result_row(1)]), "Spring")
    with pytest.raises(ConfigError, match="needs --template"):
        export_variants(variants, tmp_path / "pins.csv", format="pinterest-bulk", settings=SETTINGS)
    bare = tmp_path / "template.csv"
    bare.write_text(",".join(PINTEREST) + "\n")
    settings = ExportSettings(url="https://example.com", template=bare)
    rows = read_cells(export_variants(variants, tmp_path / "p.csv", format="pinterest-bulk", settings=settings).path)
    assert (rows[0]["Campaign Name"], rows[0]["Campaign Status"]) == ("Spring", "PAUSED")
    bare.write_text("Campaign Name,Ad Name\n")
    with pytest.raises(CatalogError, match='it has no column "Campaign Status"'):
        export_variants(variants, tmp_path / "pins.csv", format="pinterest-bulk", settings=settings)
