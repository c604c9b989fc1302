"""Exports of Meta Ads Manager and Google Ads, written by hand as the platforms write them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import read_settings
from adcreative.catalog.platforms.matching import match_layout
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError, ConfigError
from tests.catalog.conftest import save_picture

META = (
    "\ufeffReporting starts,Reporting ends,Ad name,Ad delivery,Results,Ad set budget,Amount spent (EUR),Impressions,Reach,"
    "CTR (link click-through rate),Link clicks,Clicks (all),CTR (all),Ad ID,Ad set name\n"
    '2026-11-01,2026-11-07,Beach,active,12,By campaign,"1,234.50","12,345",9000,1.5,185,300,2.43,238500001,Women 25-34\n'
    "2026-11-01,2026-11-07,Beach,active,8,Using campaign budget,80.2,4000,3000,1.25,50,61,1.525,238500002,Men 25-34\n"
    "2026-11-01,2026-11-07,Kitchen,inactive,,Using campaign budget,,,,,,,,238500003,Women 25-34\n"
    "2026-11-01,2026-11-07,Forest,active,2,20,10,1000,900,9.9,10,12,1.2,238500004,Women 25-34\n"
    '2026-11-01,2026-11-07,,,20,,1324.7,"17,345",12000,1.4,245,373,2.1,,\n'
)
GOOGLE_LINES = (
    "Ad report",
    '"November 1, 2026 - November 24, 2026"',
    "Ad status\tCampaign\tAd group\tAd name\tHeadline 1\tDescription 1\tImpr.\tClicks\tCTR\tAvg. CPC\tCost\tCurrency code",
    'Enabled\tBrand\tShoes\tRun\tRun far today\tLight shoes.\t"1,234,567"\t12,345\t1.00%\t0.40\t"4,938.00"\tUSD',
    "Enabled\tBrand\tShoes\tWalk\tWalk on\tSoft shoes.\t10,000\t200\t2.00%\t0.40\t80.00\tUSD",
    "Paused\tBrand\tShoes\tRest\tSit down\tNo shoes.\t0\t0\t--\t--\t0.00\tUSD",
    "Total: Ads\t\t --\t --\t --\t --\t1,244,567\t12,545\t1.01%\t0.40\t5,018.00\tUSD",
    "Total: Account\t\t --\t --\t --\t --\t1,244,567\t12,545\t1.01%\t0.40\t5,018.00\tUSD",
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_the_day_of_a_row_goes_before_the_span_of_the_report(tmp_path: Path) -> None:
    head = "Ad name,Day,Reporting starts,Reporting ends,Impressions,Link clicks\n"
    days = "Sea,2026-11-02,2026-11-01,2026-11-21,1000,10\nSea,2026-11-03,2026-11-01,2026-11-21,2000,10\n"
    rows = read_results(write(tmp_path / "meta.csv", head + days)).rows
    assert [(row.date_start, row.date_end) for row in rows] == [("2026-11-02",) * 2, ("2026-11-03",) * 2]


def test_meta_export(tmp_path: Path) -> None:
    results = read_results(write(tmp_path / "meta.csv", META))
    assert [(r.ad_name, r.ad_set, r.impressions, r.clicks, r.spend, r.currency) for r in results.rows] == [
        ("Beach", "Women 25-34", 12345, 185, 1234.5, "EUR"),
        ("Beach", "Men 25-34", 4000, 50, 80.2, "EUR"),
        ("Forest", "Women 25-34", 1000, 10, 10.0, "EUR"),
    ]
    assert (results.rows[0].date_start, results.rows[0].date_end, results.rows[0].platform) == (
        "2026-11-01",
        "2026-11-07",
        "meta",
    )
    assert results.rows[2].ctr == 0.01  # not the 9.9 of the export
    assert results.dropped == {"total row": 1, "no delivery": 1}
    text = " ".join(results.warnings)
    assert 'the column "Link clicks"' in text
    assert "1 x no delivery, 1 x total row" in text
    assert "given in 1 rows does not fit" in text
    assert "1 ad names stand in several rows" in text


def test_google_export_with_title_dates_tabs_and_totals_in_utf16(tmp_path: Path) -> None:
    results = read_results(write(tmp_path / "google.csv", "\r\n".join(GOOGLE_LINES), "utf-16"))
    assert [(r.ad_name, r.impressions, r.clicks, r.spend) for r in results.rows] == [
        ("Run", 1234567, 12345, 4938.0),
        ("Walk", 10000, 200, 80.0),
    ]
    assert (results.rows[0].date_start, results.rows[0].date_end) == ("2026-11-01", "2026-11-24")
    assert results.dropped == {"total row": 2, "no delivery": 1}
    assert not [note for note in results.warnings if "does not fit" in note]


def test_an_ad_may_be_called_total(tmp_path: Path) -> None:
    text = "Ad name,Headline,Impr.,Clicks\nTotal comfort,Sleep,100,1\nTotal: the film,Watch it,100,2\nTotal,,200,3\n"
    results = read_results(write(tmp_path / "google.csv", text))
    assert [row.ad_name for row in results.rows] == ["Total comfort", "Total: the film"]


def test_exports_become_creatives_with_pictures_found_by_name(tmp_path: Path) -> None:
    save_picture(tmp_path / "pictures" / "beach.png")
    catalog = read_catalog(write(tmp_path / "meta.csv", META))
    assert [(c.file_name, c.audience, c.clicks, c.platform) for c in catalog.creatives] == [
        ("pictures/beach.png", "Women 25-34", 185, "meta"),
        ("pictures/beach.png", "Men 25-34", 50, "meta"),
        ("", "Women 25-34", None, "meta"),
        ("", "Women 25-34", 10, "meta"),
    ]
    assert [creative.ad_name for creative in catalog.creatives[2:]] == ["Kitchen", "Forest"]  # no such pictures: names alone
    assert any("2 ads have a name only" in note for note in catalog.warnings)
    assert catalog.dropped == {"total row": 1}
    assert any("left out: 1 x total row" in note for note in catalog.warnings)
    google = read_catalog(write(tmp_path / "google.tsv", "\n".join(GOOGLE_LINES)))
    first = google.creatives[0]
    assert (first.headline, first.description, first.impressions) == ("Run far today", "Light shoes.", 1234567)
    assert google.dropped == {"total row": 2}


def test_our_own_tables_are_read_as_before(tmp_path: Path) -> None:
    text = "headline,ad_name,impressions,clicks,Ad set name\nHi,,1000,10,x\n"
    catalog = read_catalog(write(tmp_path / "ads.csv", text))
    assert (catalog.creatives[0].clicks, catalog.creatives[0].platform, dict(catalog.dropped)) == (10, "", {})


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_mapping_names_columns_we_do_not_know(tmp_path: Path, suffix: str) -> None:
    text = "Rapport\nReklam;Visningar;Klick;Alla klick;Text\nStrand;12 345;185;300;Sol\n;12 345;185;300;\n"
    path = write(tmp_path / "svenska.csv", text)
    with pytest.raises(CatalogError, match=r"svenska.csv: no columns for impressions.*--columns"):
        read_results(path)
    pairs = {"Reklam": "ad_name", "Visningar": "impressions", "Klick": "clicks", "Text": "headline"}
    lines = "[columns]\n" + "".join(f'"{name}" = "{column}"\n' for name, column in pairs.items())
    columns = write(tmp_path / f"mapping{suffix}", json.dumps(pairs) if suffix == ".json" else lines)
    results = read_results(path, columns=columns)
    assert (results.rows[0].ad_name, results.rows[0].impressions, results.rows[0].clicks) == ("Strand", 12345, 185)
    assert results.dropped == {"total row": 1}
    assert read_catalog(path, columns=columns).creatives[0].headline == "Sol"


def test_a_mapping_decides_between_two_click_columns(tmp_path: Path) -> None:
    columns = write(tmp_path / "m.json", '{"Clicks (all)": "clicks", "Reach": "ignore"}')
    results = read_results(write(tmp_path / "meta.csv", META), columns=columns)
    assert results.rows[0].clicks == 300
    assert 'the column "Clicks (all)"' in results.warnings[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "m.toml",
            '"Klick" = "clickz"\n"B" = 3',
            r'"Klick" is mapped to \'clickz\'.*Did you mean "clicks"\?.*"B" is mapped to 3',
        ),
        ("m.toml", '"A" = "clicks"\n"B" = "clicks"', '"clicks" is mapped twice'),
        ("m.json", "{", "is not valid TOML or JSON"),
        ("m.json", "[]", "holds no pairs"),
    ],
)
def test_wrong_mappings_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(write(tmp_path / name, text))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings(tmp_path / "nowhere.toml")


def test_impossible_rows_are_counted_not_guessed(tmp_path: Path) -> None:
    text = "Ad name,Impressions,Link clicks\nA,100,200\nB,many,2\nC,100,\nD,100,1,9\n"
    results = read_results(write(tmp_path / "meta.csv", text))
    assert [(row.ad_name, row.clicks) for row in results.rows] == [("C", 0)]
    assert results.dropped == {"impossible number": 2, "broken row": 1}
    with pytest.raises(CatalogError, match=r"has no row with impressions \(1 x no delivery\)"):
        read_results(write(tmp_path / "none.csv", "Ad name,Impressions,Link clicks\nA,0,0\n"))


def test_unknown_headers() -> None:
    assert match_layout(["Ad name", "Impressions"]) is None
    assert match_layout(["Day", "Impressions", "Clicks"]) is None


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ("1000,10,1,-1,5", "conversions must be a number from 0, got -1"),
        ("1000,10,1,1,-5", "revenue must be a number from 0"),
        ("1000,10,1,many,5", 'conversions must be a number from 0, got "many"'),
        ("-5,0,1,1,5", "impressions must be a whole"),
        ("10,50,1,1,5", r"clicks \(50\) are more than impressions \(10\)"),
        ("0,5,1,1,5", r"clicks \(5\) are more than"),
        ("1000,-1,1,1,5", "clicks must be a whole number from 0"),
        ("1000,10,-1,1,5", "spend must be a number from 0"),
    ],
)
def test_figures_that_cannot_be_fail_their_row_and_not_the_days_beside_it(tmp_path: Path, cells: str, fault: str) -> None:
    head = "Ad name,Day,Impressions,Link clicks,Amount spent,Conversions,Conversion value\n"
    path = write(tmp_path / "a.csv", f"{head}Sea,2026-11-01,{cells}\nSea,2026-11-02,2000,20,2,2,2\n")
    results, catalog = read_results(path), read_catalog(path)
    assert [row.clicks for row in results.rows] == [one.clicks for one in catalog.creatives] == [20]
    assert re.search(fault, " ".join(results.warnings))
    assert re.search(f"row 1: {fault}", catalog.failures[0].problem)


def test_all_rows_tell_which_clicks_there_are(tmp_path: Path) -> None:
    head = "Ad name,Impressions,Clicks (all),Link clicks,Website purchases,Results\n"
    rows = [f"A{n},{1000 + n},30,{10 if n >= 500 else ''},{2 if n >= 500 else ''},5" for n in range(600)]
    found = read_results(write(tmp_path / "a.csv", head + "\n".join(rows)))
    assert [sum(row.clicks for row in found.rows), found.rows[-1].conversions] == [1000, 2]
    assert any('"Link clicks" is empty in 500 of 600 rows, which count no clicks, and "Clicks' in one for one in found.warnings)
