"""A mapping proposed for a table whose columns nobody knows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from adcreative.catalog.mapping import read_settings
from adcreative.catalog.proposal import propose_mapping
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError
from adcreative.verbs.account import read_columns, write_mapping

RNG = random.Random(0)
ROWS = [
    (f"Sol och hav {number}", shown, max(1, shown // RNG.randint(20, 80)), RNG.uniform(0.2, 0.9))
    for number, shown in enumerate(RNG.sample(range(1_000, 90_000), 12))
]


def write(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    path.write_text("\n".join(";".join(map(str, line)) for line in [header, *rows]) + "\n", encoding="utf-8")
    return path


def found(path: Path) -> dict[str, str]:
    return {column.column: column.target for column in propose_mapping(path).columns if column.target}


@pytest.mark.parametrize(
    ("name", "shown", "clicked", "cost"),
    [
        ("Annonsens rubrik", "Antal visningar", "Antal klick", "Kostnad"),  # Swedish
        ("Mainoksen nimi", "Näyttökerrat", "Klikkaukset", "Kulut"),  # Finnish
        ("Název inzerátu", "Zobrazení", "Prokliky", "Náklady"),  # Czech
        ("Название объявления", "Показы", "Клики", "Расход"),  # Russian
        ("Tên quảng cáo", "Lượt hiển thị", "Nhấp chuột", "Chi phí"),  # Vietnamese
    ],
)
def test_columns_are_told_by_the_meaning_of_their_names(tmp_path: Path, name: str, shown: str, clicked: str, cost: str) -> None:
    rows = [[ad, impressions, clicks, f"{clicks * price:.2f}"] for ad, impressions, clicks, price in ROWS]
    targets = found(write(tmp_path / "a.csv", [name, shown, clicked, cost], rows))
    assert (targets.get(shown), targets.get(clicked)) == ("impressions", "clicks")
    assert targets.get(name) in ("ad_name", "headline")


def test_columns_are_told_by_their_numbers_alone(tmp_path: Path) -> None:
    header = ["aaa", "bbb", "ccc", "ddd", "eee", "fff"]
    rows = [
        [clicks, f"{100 * clicks / shown:.4f}", ad, shown, f"{clicks * price:.4f}", f"{price:.4f}"]
        for ad, shown, clicks, price in ROWS
    ]
    path = write(tmp_path / "a.csv", header, rows)
    proposal = propose_mapping(path)
    assert found(path) == {"aaa": "clicks", "bbb": "ctr", "ccc": "ad_name", "ddd": "impressions", "eee": "spend"}
    assert not proposal.is_known
    assert proposal.missing == ()
    reasons = {column.column: column.reason for column in proposal.columns}
    assert '"bbb" is "aaa" over "ddd" in nearly all rows' in reasons["ddd"]
    assert 0 < proposal.confidence < 1


def test_a_misspelt_column_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["Ad nme", "Impresions", "Link cliks"], [list(row[:3]) for row in ROWS])
    assert found(path) == {"Ad nme": "ad_name", "Impresions": "impressions", "Link cliks": "clicks"}


def test_costs_and_rates_are_not_taken_for_clicks(tmp_path: Path) -> None:
    header = ["Creative tag", "Visningar", "Kostnad per klick", "Klickfrekvens unik", "Klick"]
    rows = [[ad, shown, 3.5, 0.01, clicks] for ad, shown, clicks, _ in ROWS]
    targets = found(write(tmp_path / "a.csv", header, rows))
    assert targets["Klick"] == "clicks"
    assert targets.get("Kostnad per klick") not in ("clicks", "spend")


def test_swapped_names_are_put_right_by_the_numbers(tmp_path: Path) -> None:
    targets = found(write(tmp_path / "a.csv", ["ad nme", "klikk visning", "antall klikk"], [[a, c, s] for a, s, c, _ in ROWS]))
    assert targets["antall klikk"] == "impressions"


def test_what_is_no_list_of_ads_says_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["Campaign name", "Impressions", "Link clicks"], [["Spring", 1000, 10]])
    proposal = propose_mapping(path)
    assert proposal.missing == ("the name or words of an ad",)
    assert "is a campaign report" in proposal.note
    with pytest.raises(CatalogError, match="is a campaign report"):
        write_mapping(proposal, tmp_path / "m.toml")
    assert not (tmp_path / "m.toml").exists()


def test_a_proposal_becomes_a_mapping_file_that_reads_the_table(tmp_path: Path) -> None:
    header = ['Annonsens "namn"', "Antal visningar", "Antal klick"]
    path = write(tmp_path / "a.csv", header, [list(row[:3]) for row in ROWS])
    with pytest.raises(CatalogError, match="no columns for impressions"):
        read_results(path)
    proposal = propose_mapping(path)
    mapping = write_mapping(proposal, tmp_path / "a.columns.toml")
    assert read_settings(mapping).columns == dict(proposal.settings.columns)
    assert read_settings(mapping) == proposal.settings
    assert [row.clicks for row in read_results(path, columns=mapping).rows] == [clicks for _, _, clicks, _ in ROWS]


def test_the_app_s_view_of_columns_holds_the_proposal(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["Annonsens namn", "Antal visningar", "Antal klick"], [list(row[:3]) for row in ROWS])
    view = read_columns(path)
    assert not view.is_known
    assert view.proposal is not None
    assert (view.found["ad_name"], view.found["impressions"], view.found["clicks"]) == view.header
    known = read_columns(write(tmp_path / "b.csv", ["Ad name", "Impressions", "Clicks (all)"], [["Sea", 1000, 10]]))
    assert (known.is_known, known.proposal, known.found["clicks"]) == (True, None, "Clicks (all)")
