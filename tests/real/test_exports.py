"""Exports and accounts as they are: read from a folder beside the checkout, and left out where it is not there.

The files hold made-up rows under real headers, and two real accounts that are read for local evaluation only. Figures are
printed (pytest -s); nothing of the files is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.proposal import propose_mapping
from adcreative.catalog.results import read_results

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EXPORTS = sorted((DATA / "platform-exports").glob("*")) if (DATA / "platform-exports").is_dir() else []
ACCOUNTS = sorted((DATA / "accounts").glob("*.csv")) if (DATA / "accounts").is_dir() else []
PRODUCTS = sorted((DATA / "products").glob("*.csv")) if (DATA / "products").is_dir() else []
pytestmark = pytest.mark.skipif(not EXPORTS, reason="no folder of exports beside the checkout")


@pytest.mark.parametrize("path", [*EXPORTS, *ACCOUNTS], ids=lambda path: path.name)
def test_every_export_is_read_as_it_is(path: Path) -> None:
    results, catalog = read_results(path), read_catalog(path)
    clicks, impressions = sum(row.clicks for row in results.rows), sum(row.impressions for row in results.rows)
    print(
        f"\n{path.name}: {len(results.rows)} rows of {len({row.ad_name for row in results.rows})} ads, {clicks:,} clicks of "
        f"{impressions:,} impressions, dropped {dict(results.dropped)}; {len(catalog.creatives)} creatives, "
        f"{len(catalog.failures)} failures"
    )
    assert propose_mapping(path).is_known
    assert len(catalog.failures) <= 0.01 * len(catalog.creatives)
    assert sum(creative.clicks or 0 for creative in catalog.creatives) == pytest.approx(clicks, rel=0.01)
    assert all(0 <= row.clicks <= row.impressions for row in results.rows)


def test_all_words_of_a_google_ad_tell_it_from_others() -> None:
    results = read_results(DATA / "platform-exports" / "google-en-ad-report-utf16.csv")
    assert len({row.ad_name for row in results.rows}) == 3
    assert results.dropped == {"total row": 1}


@pytest.mark.parametrize("path", PRODUCTS, ids=lambda path: path.name)
def test_tables_of_products_are_words_without_results(path: Path) -> None:
    catalog = read_catalog(path)
    print(f"\n{path.name}: {len(catalog.creatives)} creatives, {len(catalog.failures)} failures")
    assert not catalog.failures
    assert all(creative.headline and not creative.has_results for creative in catalog.creatives)
