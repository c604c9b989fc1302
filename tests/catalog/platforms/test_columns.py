"""The YAML files of the platforms: every alias has its source, and a file under each language's header is read."""

from __future__ import annotations

import csv
import io
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from adcreative.catalog.platforms import columns
from adcreative.catalog.platforms.columns import fold_column, load_platforms, read_currency, split_number
from adcreative.catalog.results import read_results
from adcreative.errors import ConfigError

FILES = sorted(Path(columns.__file__).parent.glob("*.yaml"))
CASES = [(platform, language) for platform in load_platforms() if platform.clicks_order for language in platform.languages]


def test_every_file_is_listed_and_names_our_fields(tmp_path: Path) -> None:
    assert set(columns.TABLES["platforms"]) == {path.stem for path in FILES}
    text = FILES[0].read_text(encoding="utf-8").replace("    ad_set:", "    ad_sett:")
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r'new\.yaml names a field "ad_sett" that we do not have\. Did you mean "ad_set"\?'):
        columns._load_platform(tmp_path / "new.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_spelling_names_its_source_or_is_marked_unverified(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for source in content["sources"].values():
        assert source["where"]
        assert source["seen"] <= date.today()
    for language, fields in content["languages"].items():
        for field, spellings in fields.items():
            for spelling, source in spellings.items():
                assert source in (*content["sources"], "unverified"), f"{language} {field} {spelling}"


@cache
def _languages(path_key: str) -> Any:
    path = Path(columns.__file__).parent / f"{path_key or 'tables'}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))["languages"]


def _spelling(path_key: str, language: str, field: str) -> str:
    return next(iter(_languages(path_key)[language].get(field, {})), "")


@pytest.mark.parametrize(("platform", "language"), CASES, ids=lambda case: getattr(case, "name", case))
def test_a_file_under_each_platform_s_header_is_read(tmp_path: Path, platform: columns.Platform, language: str) -> None:
    fields = [
        field for field in ("ad_name", "ad_set", "impressions", "spend", "day") if _spelling(platform.key, language, field)
    ]
    clicks = next(field for field in platform.clicks_order if _spelling(platform.key, language, field))
    values = {"ad_name": "Run far", "ad_set": "Shoes", "impressions": "4000", "spend": "12.50", "day": "2026-11-02"}
    header = [_spelling(platform.key, language, field) for field in (*fields, clicks)]
    assert "ad_name" in fields
    text = io.StringIO()
    csv.writer(text).writerows([header, [*(values[field] for field in fields), "80"], [*(values[f] for f in fields), "40"]])
    path = tmp_path / "export.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    row = read_results(path).rows[0]
    assert (row.ad_name, row.impressions, row.clicks) == ("Run far", 4000, 80)
    if "spend" in fields:
        assert row.spend == 12.5
    if "day" in fields:
        assert row.date_start == "2026-11-02"


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("\ufeffAmount spent (EUR) ", "amount spent"),
        ("Ad_Name", "ad name"),
        ("CTR (%)", "ctr"),
        ("Prénom", "prenom"),
        ("クリック（すべて）", "クリック ( すべて )"),
        ("クリック (すべて)", "クリック ( すべて )"),
        ("광고 이름", "광고 이름"),
        ("Cost [USD]", "cost"),
        ("Anzeigen-ID", "anzeigen id"),
        ("Spend(₹)", "spend"),
        ("Sales ($)", "sales"),
        ("コスト（円）", "コスト"),
    ],
)
def test_header_cells_are_compared_without_what_differs_from_export_to_export(name: str, folded: str) -> None:
    assert fold_column(name) == folded


def test_currency_and_numbers_of_columns() -> None:
    assert read_currency("Valor usado (BRL)") == "BRL"
    assert [read_currency(name) for name in ("Clicks (all)", "Spend(₹)", "Spend ($)", "Kosten (€)")] == ["", "INR", "", "EUR"]
    assert split_number("headline 15") == ("headline", 15)
    assert split_number("広告見出し 3") == ("広告見出し", 3)
    assert split_number("headline 99") == ("headline 99", 0)
