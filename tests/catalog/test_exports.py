"""An export as creatives: all texts of an ad, days added up, names as fields, pictures by name, id or hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError, ConfigError
from tests.catalog.conftest import save_picture


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


HEADLINES = [f"Headline {number}" for number in range(1, 16)]
RSA = "\t".join(
    ["Ad status", *HEADLINES, *(f"Description {n}" for n in range(1, 5)), "Campaign", "Ad group", "Impr.", "Clicks", "Cost"]
)


def rsa_row(headlines: list[str], descriptions: list[str], counts: str = "1,000\t30\t9.50") -> str:
    cells = ["Enabled", *headlines, *["--"] * (15 - len(headlines)), *descriptions, *["--"] * (4 - len(descriptions))]
    return "\t".join([*cells, "Brand", "Shoes", counts])


def test_an_ad_is_all_its_headlines_and_descriptions(tmp_path: Path) -> None:
    texts = [["Run far", "Light shoes", "Buy now"], ["Run far", "Light shoes", "Try now"], ["Run far"]]
    rows = [rsa_row(headlines, ["Soft.", "Quick."]) for headlines in texts]
    total = "Total: Ads" + "\t --" * 21 + "\t3,000\t90\t28.50"
    text = "\r\n".join(["Ad report", '"November 1, 2026 - November 9, 2026"', RSA, *rows, total])
    path = write(tmp_path / "rsa.csv", text, "utf-16")
    catalog = read_catalog(path)
    assert [(c.headline, c.description) for c in catalog.creatives] == [
        ("Run far | Light shoes | Buy now", "Soft. Quick."),
        ("Run far | Light shoes | Try now", "Soft. Quick."),
        ("Run far", "Soft. Quick."),
    ]
    assert dict(catalog.creatives[0].context) == {"campaign": "Brand", "ad_group": "Shoes"}
    assert catalog.creatives[0].date_start == "2026-11-01"
    assert len({row.ad_name for row in read_results(path).rows}) == 3


def test_long_headlines_of_a_responsive_ad_are_read_too(tmp_path: Path) -> None:
    header = "Short headline,Long headline,Description,Ad group,Impr.,Clicks,Avg. CPC"
    text = f"{header}\nSleep,Sleep better every night,Soft.,A,100,3,1\n"
    creative = read_catalog(write(tmp_path / "display.csv", text)).creatives[0]
    assert creative.headline == "Sleep | Sleep better every night"


@pytest.mark.parametrize("column", ["Primary text", "Body", "Description", "Ad ID", "Ad name"])
def test_whatever_identifies_an_ad_is_enough(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "meta.csv", f"{column},Impressions,Link clicks\n12345 waves,1000,10\n67890 sand,2000,30\n")
    assert [creative.clicks for creative in read_catalog(path).creatives] == [10, 30]
    assert [row.ad_name for row in read_results(path).rows] == ["12345 waves", "67890 sand"]


def test_days_of_an_ad_are_added_up_and_segments_kept_apart(tmp_path: Path) -> None:
    text = (
        "Ad name,Day,Platform,Impressions,Link clicks,Amount spent (EUR)\nBeach,2026-11-01,facebook,1000,10,5\n"
        "Beach,2026-11-02,facebook,2000,5,2.5\nBeach,2026-11-01,instagram,500,25,1\nSand,2026-11-03,facebook,0,,\n"
    )
    catalog = read_catalog(write(tmp_path / "meta.csv", text))
    found = [(c.ad_name, c.placement, c.impressions, c.clicks, c.spend, c.date_start, c.date_end) for c in catalog.creatives]
    assert found == [
        ("Beach", "facebook", 3000, 15, 7.5, "2026-11-01", "2026-11-02"),
        ("Beach", "instagram", 500, 25, 1.0, "2026-11-01", "2026-11-01"),
        ("Sand", "facebook", 0, None, None, "2026-11-03", "2026-11-03"),
    ]
    assert any("4 rows are 3 ads and segments" in note for note in catalog.warnings)


def test_a_sum_without_a_word_is_no_ad(tmp_path: Path) -> None:
    text = "Ad name,Impressions,Link clicks\nBeach,1000,10\nSand,500,25\nSea,200,2\nalles,1700,37\n"
    path = write(tmp_path / "meta.csv", text)
    assert read_catalog(path).dropped == {"total row": 1}
    assert [row.ad_name for row in read_results(path).rows] == ["Beach", "Sand", "Sea"]


@pytest.mark.parametrize(
    ("text", "clicks", "note"),
    [
        (
            "Ads,Impressions,Outbound clicks\nBeach,3540,61\n",
            61,
            'from the column "Outbound clicks", which counts clicks that leave',
        ),
        (
            "Ad name,Impressions,Clicks (all),CTR (all)\nBeach,1000,30,3\n",
            30,
            'column "Clicks (all)", which counts every click',
        ),
        ("Ad name,Impressions,Link clicks,Clicks (all)\nBeach,1000,,30\n", 30, 'column "Clicks (all)"'),
        (
            "Ad name,Impressions,CTR (link click-through rate)\nBeach,2000,1.5\n",
            30,
            'no column of clicks; they are computed from "CTR',
        ),
        ("Ad name,Impressions,Amount spent (EUR),CPC (cost per link click)\nBeach,2000,15,0.5\n", 30, 'computed from "CPC'),
    ],
)
def test_clicks_are_taken_from_what_there_is_and_it_is_said(tmp_path: Path, text: str, clicks: int, note: str) -> None:
    path = write(tmp_path / "meta.csv", text)
    results = read_results(path)
    assert results.rows[0].clicks == clicks
    assert any(note in warning for warning in results.warnings)
    assert any(note in warning for warning in read_catalog(path).warnings)


def test_pictures_are_joined_by_name_id_and_hash(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    save_picture(pictures / "beach.png")
    save_picture(pictures / "238500002_story.png", (90, 70))
    save_picture(pictures / "third.png", (100, 70))
    digest = hashlib.md5((pictures / "third.png").read_bytes()).hexdigest()
    text = (
        "Ad name,Ad ID,Image hash,Impressions,Link clicks\nBeach,1,,1000,10\nStory,238500002,,500,25\n"
        f"Sea,3,{digest},200,2\nNone,4,{'0' * 32},100,1\n"
    )
    catalog = read_catalog(write(tmp_path / "meta.csv", text), images=pictures)
    assert [creative.file_name for creative in catalog.creatives] == ["beach.png", "238500002_story.png", "third.png", ""]
    assert catalog.root == pictures
    assert any("pictures were found for 3 ads: 1 by name, 1 by id, 1 by hash" in note for note in catalog.warnings)
    with pytest.raises(CatalogError, match="there is no folder of pictures at"):
        read_catalog(tmp_path / "meta.csv", images=tmp_path / "nowhere")


def test_names_that_follow_a_convention_become_context(tmp_path: Path) -> None:
    names = [
        f"[AD{number:02}]_[{form} {number}/10]_[{place}]"
        for number, (form, place) in enumerate([("VIDEO", "STORIES"), ("IMG", "FEED"), ("VIDEO", "FEED"), ("IMG", "STORIES")])
    ]
    text = "Nome do anúncio,Impressões,Cliques no link\n" + "".join(f"{name},1000,10\n" for name in names)
    path = write(tmp_path / "meta.csv", text)
    catalog = read_catalog(path)
    assert [creative.context.get("name_placement") for creative in catalog.creatives] == ["STORIES", "FEED", "FEED", "STORIES"]
    assert any("100% of 4 names of ads are built alike; their parts are compared" in note for note in catalog.warnings)
    assert any('--name-pattern "[{name_1}]_[{name_format}]_[{name_placement}]"' in note for note in catalog.warnings)
    given = read_catalog(path, columns=TableSettings(name_pattern="[{code}]_[{kind} {part}]_[{where}]"))
    assert dict(given.creatives[0].context) == {"code": "AD00", "kind": "VIDEO", "part": "0/10", "where": "STORIES"}
    with pytest.raises(ConfigError, match='name pattern "plain" has 0 fields'):
        read_catalog(path, columns=TableSettings(name_pattern="plain"))


def test_a_list_of_ads_without_results_is_read_for_scoring(tmp_path: Path) -> None:
    text = "Campaign\tAd Group\tHeadline 1\tHeadline 2\tDescription Line 1\nBrand\tShoes\tRun far\tBuy now\tSoft.\n"
    path = write(tmp_path / "editor.csv", text)
    catalog = read_catalog(path)
    assert (catalog.creatives[0].headline, catalog.creatives[0].has_results) == ("Run far | Buy now", False)
    assert any("no impressions and clicks; its ads are read without results" in note for note in catalog.warnings)
    with pytest.raises(CatalogError, match=r'lists ads \(column "Headline 1"\) without impressions and clicks'):
        read_results(path)


def test_outcomes_are_read_under_several_names(tmp_path: Path) -> None:
    text = (
        "Ad name,Impressions,Link clicks,Amount spent (EUR),Results,Purchases,Purchase ROAS (return on ad spend)\n"
        "Beach,1000,10,20,,4,2.5\nSand,500,25,10,,1,1\n"
    )
    results = read_results(write(tmp_path / "meta.csv", text))
    assert [(row.conversions, row.revenue) for row in results.rows] == [(4.0, 50.0), (1.0, 10.0)]
    assert any('conversions are taken from the column "Purchases"' in note for note in results.warnings)
    assert any('"Purchase ROAS (return on ad spend)" times the spend' in note for note in results.warnings)
    google = "Anzeige;Anzeigengruppe;Impr.;Klicks;Kosten;Conversions;Conv.-Wert\nLauf;A;1.000;30;12,50;3,50;99,90\n"
    row = read_results(write(tmp_path / "google.csv", google)).rows[0]
    assert (row.conversions, row.revenue, row.spend) == (3.5, 99.9, 12.5)


def test_linkedin_in_utf16_with_its_preamble(tmp_path: Path) -> None:
    text = (
        'Rapport met advertentieprestaties\n"Begindatum van rapport: 23 september 2026 00:00"\n\n\n\n'
        "Begindatum (in UTC)\tCampagnenaam\tAdvertentienaam\tAdvertentie-ID\tInleidende advertentietekst\tKop van advertentie\t"
        "Totaal besteed\tWeergaven\tKlikken\n23-9-2026\tBreed\tPost\t155\tLees meer\tSnel groeien\t9,36\t1.234\t12\n"
    )
    row = read_catalog(write(tmp_path / "linkedin.csv", text, "utf-16")).creatives[0]
    assert (row.platform, row.headline, row.primary_text, row.audience) == ("linkedin", "Snel groeien", "Lees meer", "Breed")
    assert (row.impressions, row.clicks, row.spend, row.date_start) == (1234, 12, 9.36, "2026-09-23")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("広告の名前,インプレッション,リンクのクリック\n海,1000,10\n", "cp932"),
        ("광고 이름,노출,링크 클릭\n바다,1000,10\n", "cp949"),
        ("广告名称,展示次数,链接点击量\n海,1000,10\n", "gb18030"),
        ("Nazwa reklamy;Wyświetlenia;Kliknięcia linku\nMorze ż;1000;10\n", "cp1250"),
        ("Ad name,Impressions,Link clicks\nSea,1000,10\n", "utf-16-le"),
    ],
)
def test_older_encodings_are_told_by_the_column_names(tmp_path: Path, text: str, encoding: str) -> None:
    (row,) = read_results(write(tmp_path / "meta.csv", text, encoding)).rows
    assert row.ad_name in text
    assert (row.impressions, row.clicks) == (1000, 10)


def test_lines_below_the_table_are_no_ads(tmp_path: Path) -> None:
    text = (
        "Report Name: Ads\n\nAd title,Campaign,Ad group,Impressions,Clicks,Spend\nRun far,Brand,Shoes,1000,10,5\n"
        "\u00a92026 Microsoft Corporation. All rights reserved.\n"
    )
    path = write(tmp_path / "report.csv", text)
    assert read_results(path).dropped == {"line below the table": 1}
    assert [creative.headline for creative in read_catalog(path).creatives] == ["Run far"]


@pytest.mark.parametrize(
    ("text", "platform", "expected"),
    [
        (
            "Campaign Name,Ad Set Name,Ad Id,Ad Name,Amount Spent,Paid Impressions,Clicks,Click Rate,Purchase Roas\n"
            "A,B,7,Beach,5,1000,10,1,2\n",
            "snap",
            ("Beach", 1000, 10, 5.0, "", 10.0),
        ),
        (
            "Campaign Name,Ad Group Name,Ad Name,Amount Spent (USD),Impressions,eCPM,Clicks,Viewer comments\n"
            "A,B,Beach,5,1000,5,10,1\n",
            "reddit",
            ("Beach", 1000, 10, 5.0, "USD", None),
        ),
        (
            "アカウントID,キャンペーン名,広告グループ名,広告ID,広告名,タイトル,説明文1,インプレッション数,クリック数,コスト,"
            "コンバージョンの価値\n1,A,B,7,海,夏,涼しい,1000,10,500,90\nTotal,--,--,--,--,--,--,1000,10,500,90\n",
            "yahoo_japan",
            ("海", 1000, 10, 500.0, "", 90.0),
        ),
        (
            "広告アカウントID,キャンペーン名,広告グループ名,広告ID,広告名,広告フォーマット,インプレッション,クリック,コスト(円)\n"
            "1,A,B,7,海,画像,1000,10,500\n",
            "line",
            ("海", 1000, 10, 500.0, "JPY", None),
        ),
        (
            '보고서\n캠페인,광고그룹,소재,일별,노출수,클릭수,"총비용(VAT포함,원)",총 전환매출액(원)\n'
            'A,B,바다,2026.11.01.,"1,000",10,500,90\n',
            "naver",
            ("바다", 1000, 10, 500.0, "KRW", 90.0),
        ),
        (
            "Date,Campaign Name,Ad Group Name,Advertised ASIN,Impressions,Clicks,Spend(₹),7 Day Total Sales (₹)\n"
            '2026-11-01,A,B,B00X,"1,000",10,₹500.00,₹90.00\n',
            "amazon",
            ("B00X", 1000, 10, 500.0, "INR", 90.0),
        ),
        (
            "Date,Campaign Name,Ad Group Name,Advertised ASIN,Impressions,Clicks,Click-Thru Rate (CTR),Cost Per Click (CPC),"
            "Spend\n2026-11-01,A,B,B00X,1000,10,1%,50,500\n",
            "amazon",
            ("B00X", 1000, 10, 500.0, "", None),
        ),
        (
            "Campaign Name,Ad Group Name,Ad Name,Placement,Date,Impressions,Clicks,CTR,Gross Spend,Billable Spend,CPM,CPC,"
            "Total Conversions\nA,B,Beach,FEED,2026-07-01,1000,10,1%,5,4,5,0.5,2\n",
            "nextdoor",
            ("Beach", 1000, 10, 5.0, "", None),
        ),
    ],
    ids=["snap", "reddit", "yahoo japan", "line", "naver", "amazon", "amazon without currency", "nextdoor"],
)
def test_exports_of_further_platforms(tmp_path: Path, text: str, platform: str, expected: tuple[Any, ...]) -> None:
    (row,) = read_results(write(tmp_path / "export.csv", text)).rows
    assert (row.platform, row.ad_name, row.impressions, row.clicks, row.spend, row.currency, row.revenue) == (
        platform,
        *expected,
    )
