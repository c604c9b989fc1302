"""Reports without ads are refused with what they are; breakdowns beside an ad are kept as context."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Campaign name,Impressions,Link clicks,Amount spent (EUR)\nSpring,1000,10,5\n",
            r'is a campaign report \(column "Campaign name"\): it lists no ads; export the tab "Ads" of Ads Manager',
        ),
        ("Campaign name,Age,Gender,Impressions,Link clicks\nSpring,25-34,male,1000,10\n", r'a report by age \(column "Age"\)'),
        (
            "Search term,Match type,Campaign,Ad group,Impr.,Clicks,Cost\nshoes,exact,A,B,10,1,2\n",
            r"a search-term report .*: it lists no ads; export Campaigns > Ads > Download",
        ),
        (
            "Keyword-Status;Keyword;Kampagne;Anzeigengruppe;Klicks;Impressionen;Kosten\nx;schuh;A;B;1;10;2\n",
            r"a keyword report",
        ),
        ("キャンペーン,表示回数,クリック数,費用\nA,100,3,50\n", r"a campaign report"),
        ("Ad set name,Region,Impressions,Link clicks\nWomen,Bavaria,1000,10\n", r"a report by region"),
        ("Ad name,Results,Amount spent (EUR)\nBeach,3,5\n", r'lists ads \(column "Ad name"\) without impressions and clicks'),
    ],
)
def test_a_report_without_ads_is_refused_with_what_it_is(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "report.csv", text)
    for read in (read_results, read_catalog):
        with pytest.raises(CatalogError, match=message):
            read(path)


def test_breakdowns_beside_an_ad_become_context(tmp_path: Path) -> None:
    text = (
        "Ad name,Age,Gender,Impressions,Link clicks\nBeach,25-34,male,1000,10\nBeach,35-44,female,3000,60\n"
        "Beach,All,All,4000,70\nBeach,,,4000,70\n"
    )
    path = write(tmp_path / "meta.csv", text)
    catalog = read_catalog(path)
    assert [(c.ad_name, dict(c.context), c.clicks) for c in catalog.creatives] == [
        ("Beach", {"age": "25-34", "gender": "male"}, 10),
        ("Beach", {"age": "35-44", "gender": "female"}, 60),
    ]
    assert catalog.dropped == {"subtotal over a breakdown": 2}
    assert [row.context["age"] for row in read_results(path).rows] == ["25-34", "35-44"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Age Range,Impressions,Percent of known total\n18-24,10,1\n", r'is a report by age \(column "Age Range"\)'),
        ("Campaign Name,Campaign Group Name,Campaign Status,Cost,Clicks,CTR\nA,B,Enabled,5,90,3%\n", r"is a campaign report"),
        ("Row Type,Action,Campaign,Ad group,Keyword,Type\nKeyword,Add,A,B,shoes,Exact\n", r"is a list of keywords"),
        ("Ad status,Campaign,Ad group,Ad type,Ad ID\nEnabled,A,B,Image ad,12\n", r'lists ads \(column "Ad ID"\) without'),
    ],
)
def test_a_file_without_enough_figures_is_named_too(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "report.csv", text)
    for read in (read_results, read_catalog):
        with pytest.raises(CatalogError, match=message) as caught:
            read(path)
        assert "ignored" not in str(caught.value)


def test_an_ad_library_gives_its_words_and_days(tmp_path: Path) -> None:
    text = (
        "ad_archive_id,page_name,ad_creative_bodies,ad_delivery_start_time,ad_delivery_stop_time,impressions\n"
        '1,Shoes,Run far,2026-09-01,2026-11-01,"lower_bound: 1000, upper_bound: 4999"\n2,Shoes,Run near,2026-10-01,,\n'
    )
    catalog = read_catalog(write(tmp_path / "library.csv", text))
    assert [(one.primary_text, one.brand, one.date_start, one.date_end, one.has_results) for one in catalog.creatives] == [
        ("Run far", "Shoes", "2026-09-01", "2026-11-01", False),
        ("Run near", "Shoes", "2026-10-01", "", False),
    ]
    assert any("is an ad library" in str(note) for note in catalog.warnings)
    with pytest.raises(CatalogError, match="is an ad library: it tells when ads ran, and no clicks"):
        read_results(tmp_path / "library.csv")


ASSETS = (
    'Asset details report\n"March 31, 2026 - April 27, 2026"\nAsset status\tAsset\tLevel\tAsset type\tImpr.\tClicks\tCost\n'
    "Enabled\tRun far\tAd\tHeadline\t1,483\t19\t349.42\nEnabled\tSoft and quick.\tAd\tDescription\t1,983\t82\t1,354.81\n"
    'Enabled\t"Our shoes\nFor every street\nhttps://example.com"\tCampaign\tSitelink\t11\t0\t0.00\n'
    "Enabled\thttps://example.com/simgad/9613019788\tCampaign\tImage\t79\t2\t22.71\n"
)


def test_an_asset_is_read_as_a_part(tmp_path: Path) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(ASSETS.encode("utf-16"))
    catalog = read_catalog(path)
    assert [(one.ad_name, one.headline, one.description, one.context["asset"], one.clicks) for one in catalog.creatives] == [
        ("Run far", "Run far", "", "headline", 19),
        ("Soft and quick.", "", "Soft and quick.", "description", 82),
        ("9613019788", "", "", "image", 2),
    ]
    assert catalog.dropped == {"asset that is no headline, description or image": 1}
    assert any("compared within a kind" in str(note) for note in catalog.warnings)
    assert [row.ad_name for row in read_results(path).rows] == ["Run far", "Soft and quick.", "9613019788"]
    (header,) = (line for line in ASSETS.splitlines() if line.startswith("Asset status"))
    path.write_text(f"{header}\nEnabled\tAbout us\tCampaign\tSitelink\t11\t0\t0.00\n")
    with pytest.raises(CatalogError, match="is an asset report without a headline, description or image"):
        read_results(path)


def test_ads_of_one_text_are_told_apart_by_the_id_of_a_library(tmp_path: Path) -> None:
    text = "Library ID,Start Date,Impressions,Headline\n1,2026-01-12,<100,Run far\n2,2026-01-13,Low impression count,Run far\n"
    catalog = read_catalog(write(tmp_path / "library.csv", text))
    assert [(one.ad_name, one.headline, one.impressions) for one in catalog.creatives] == [
        ("1", "Run far", None),
        ("2", "Run far", None),
    ]


@pytest.mark.parametrize(
    ("column", "field"),
    [("Headline (ad settings)", "headline"), ("Text", "primary_text"), ("Image, video and slideshow", "file_name")],
)
def test_a_part_of_a_dynamic_ad_is_an_ad_of_its_own(tmp_path: Path, column: str, field: str) -> None:
    for name in ("bed.jpg", "room.jpg"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    path = tmp_path / "dynamic.csv"
    rows = (("Dynamic 1", "bed.jpg", 20, 2), ("Dynamic 1", "room.jpg", 30, ""), ("Dynamic 2", "bed.jpg", 40, ""))
    lines = [f'"Ad name","{column}","Impressions","Link clicks","Purchases"', *(f"{a},{b},1000,{c},{d}" for a, b, c, d in rows)]
    path.write_text("\n".join([*lines, ""]))
    parts = [(one.ad_name, getattr(one, field), one.clicks, one.conversions) for one in read_catalog(path).creatives]
    assert parts == [(a, b, c, float(d or 0)) for a, b, c, d in rows]


def test_the_days_of_an_ad_are_kept_beside_their_sum(tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    rows = ["A,2026-05-01,100,3", "B,2026-05-01,50,1", "A,2026-05-02,200,5"]
    path.write_text("\n".join(['"Ad name",Day,Impressions,"Link clicks"', *rows, ""]))
    first, second = read_catalog(path).creatives
    assert (first.impressions, first.clicks) == (300, 8)
    assert first.by_day == (("2026-05-01", "2026-05-01", 100, 3), ("2026-05-02", "2026-05-02", 200, 5))
    assert second.by_day == ()
