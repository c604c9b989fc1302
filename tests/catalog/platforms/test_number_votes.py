"""The decimal sign of a file: told by all its cells, asked for where they fit two signs, never guessed against a cell."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError, ConfigError
from tests.catalog.conftest import RELAXED


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def figures(path: Path, **settings: str) -> list[tuple[int, int, float | None]]:
    rows = read_results(path, columns=TableSettings(**settings)).rows  # type: ignore[arg-type]
    return [(row.impressions, row.clicks, row.spend) for row in rows]


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ('"10,000.000",900.000,12.500', (10000, 900, 12.5)),  # three decimals throughout
        ('10.000,900,"12,50"', (10000, 900, 12.5)),
        ('"10,000",900,12.50', (10000, 900, 12.5)),
        ("10.234,900,3", (10234, 900, 3.0)),  # counts have no decimals
        ('10\u202f234,900,"3,2"', (10234, 900, 3.2)),
        ("900.000,12,3", (900000, 12, 3.0)),
        ('10000,900,"0,021"', (10000, 900, 0.021)),
        ("10000,900,0.123", (10000, 900, 0.123)),
        ('"10,234",900,"1,234"', (10234, 900, 1234.0)),
    ],
)
def test_one_sign_a_file(tmp_path: Path, rows: str, first: tuple[int, int, float]) -> None:
    path = write(tmp_path / "a.csv", f"Ad name,Impressions,Link clicks,Amount spent\nA,{rows}\n")
    assert figures(path) == [first]
    assert [(c.impressions, c.clicks, c.spend) for c in read_catalog(path).creatives] == [first]
    own = write(tmp_path / "own.csv", f"headline,impressions,clicks,spend\nA,{rows}\n")
    assert [(c.impressions, c.clicks, c.spend) for c in read_catalog(own).creatives] == [first]


def test_a_cell_far_below_tells_how_the_first_ones_are_read(tmp_path: Path) -> None:
    """The first four hundred rows once decided alone."""
    many = "".join(f"A{n},{10_000 + n},5,1.500\n" for n in range(500))
    path = write(tmp_path / "a.csv", f'Ad name,Impressions,Link clicks,Amount spent\n{many}B,10000,5,"0,50"\n')
    rows = read_results(path).rows
    assert (rows[0].spend, rows[-1].spend) == (1500.0, 0.5)


def test_thousands_of_clicks_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Ad name,Impressions,Link clicks\nA,900.000,12\n")
    assert any(
        '"900.000" (row 1, column "Impressions") is read as 900,000, since counts' in w for w in read_results(path).warnings
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A,1000,10,1.234\n", r'a\.csv: "1.234" \(row 1, column "Amount spent"\) can mean 1.234 or 1,234, and no other number'),
        ("A,10.000,10,12.50\n", r'"10.000" \(row 1, .*can mean 10 or 10,000, while "12.50" .*has a decimal point'),
        ('A,10000,10,12.50\nB,1000,10,"3,5"\n', r'two ways: "12.50" \(row 1, .*a decimal point, "3,5" \(row 2'),
        ('A,10.000,10,3\nB,"2,000",10,3\n', "can mean 10 or 10,000, and no other"),
    ],
)
def test_where_two_signs_fit_it_is_asked(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "a.csv", f"Ad name,Impressions,Link clicks,Amount spent\n{text}")
    for read in (read_results, read_catalog):
        with pytest.raises(CatalogError, match=message):
            read(path)


def test_the_user_says_the_sign(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Ad name,Impressions,Link clicks,Amount spent\nA,1000,10,1.234\n")
    assert figures(path, decimals="point") == [(1000, 10, 1.234)]
    assert figures(path, decimals="comma") == [(1000, 10, 1234.0)]
    assert read_catalog(path, columns=TableSettings(decimals="comma")).creatives[0].spend == 1234.0
    (tmp_path / "m.toml").write_text('decimals = "comma"\n[columns]\n"Ad name" = "ad_name"\n')
    assert read_results(path, columns=tmp_path / "m.toml").rows[0].spend == 1234.0
    with pytest.raises(ConfigError, match=r'--decimals must be point or comma, got "dot"'):
        figures(path, decimals="dot")


def test_a_cell_that_does_not_fit_fails_its_row(tmp_path: Path) -> None:
    rows = "".join(f'A{n},1000,10,"{n + 1},25"\n' for n in range(40))
    path = write(tmp_path / "a.csv", f"Ad name,Impressions,Link clicks,Amount spent\n{rows}B,1000,10,2.5\n")
    results = read_results(path)
    assert (len(results.rows), dict(results.dropped)) == (40, {"impossible number": 1})
    assert any('row 41: spend must be a number from 0, got "2.5"' in warning for warning in results.warnings)
    (failure,) = read_catalog(path).failures
    assert 'row 41: spend must be a number from 0, got "2.5"' in failure.problem


@pytest.mark.parametrize("cells", ["(12.50)", "-12.50", "12.50-"])
def test_money_below_zero_is_no_spend(tmp_path: Path, cells: str) -> None:
    path = write(tmp_path / "a.csv", f"Ad name,Impressions,Link clicks,Amount spent\nA,1000,10,{cells}\nB,1000,10,1.5\n")
    results = read_results(path)
    assert [row.ad_name for row in results.rows] == ["B"]
    assert any("row 1: spend must be a number from 0, got -12.5" in warning for warning in results.warnings)
    assert "spend must be a number from 0, got -12.5" in read_catalog(path).failures[0].problem


def test_a_thousand_in_two_cells_is_no_number(tmp_path: Path) -> None:
    """Without quotation marks a comma parts "1,000"; a spare column takes what is pushed out."""
    path = write(
        tmp_path / "a.csv", "Ad name,Impressions,Link clicks,Amount spent\nA a,1,000,10\nB,2000,10,5.5\nC,1,234,10,5\n"
    )
    results = read_results(path)
    assert [row.ad_name for row in results.rows] == ["B"]
    text = " ".join(results.warnings)
    assert 'row 1: clicks must be a whole number from 0, got "000"' in text
    assert "row 3: it has 5 cells, the header has 4" in text


def grouped(mark: str, decimal: str, first: int = 3) -> Callable[[float, int], str]:
    def write_number(number: float, places: int) -> str:
        whole, _, part = f"{number:.{places}f}".partition(".")
        head, tail = (whole[:-3], whole[-3:]) if len(whole) > 3 else ("", whole)
        groups: list[str] = []
        while head:
            groups.insert(0, head[-first:])
            head = head[:-first]
        return mark.join([*groups, tail]) + (decimal + part if part else "")

    return write_number


LOCALES = {
    "en-US": grouped(",", "."),
    "de-DE": grouped(".", ","),
    "fr-FR": grouped("\u202f", ","),
    "de-CH": grouped("\u2019", "."),
    "en-IN": grouped(",", ".", 2),
    "pl-PL": grouped("\u00a0", ","),
    "C": grouped("", "."),
    "nl plain": grouped("", ","),
}
NUMBERS = st.tuples(st.integers(1, 10**7), st.floats(0, 1), st.floats(0, 10**6))


@RELAXED
@given(st.sampled_from(sorted(LOCALES)), st.lists(NUMBERS, min_size=1, max_size=5), st.integers(0, 3), st.booleans())
def test_numbers_of_eight_countries_are_read_exactly_or_refused(
    tmp_path_factory: pytest.TempPathFactory, locale: str, rows: list[tuple[int, float, float]], places: int, is_own: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "locale.csv"
    said = LOCALES[locale]
    meant = [(shown, int(shown * share), round(spend, places)) for shown, share, spend in rows]
    names = (
        ("headline", "impressions", "clicks", "spend") if is_own else ("Ad name", "Impressions", "Link clicks", "Amount spent")
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for number, (shown, clicks, spend) in enumerate(meant):
            writer.writerow((f"Ad {number}", said(shown, 0), said(clicks, 0), said(spend, places)))
    try:
        if is_own:
            read = {c.headline: (c.impressions, c.clicks, c.spend) for c in read_catalog(path).creatives}
        else:
            read = {r.ad_name: (r.impressions, r.clicks, r.spend) for r in read_results(path).rows}
    except CatalogError as error:
        assert "--decimals" in str(error)  # noqa: PT017 - read or refused, either is right
        given = "comma" if said(0.5, 1)[1] == "," else "point"
        settings = TableSettings(decimals=given)
        read = (
            {c.headline: (c.impressions, c.clicks, c.spend) for c in read_catalog(path, columns=settings).creatives}
            if is_own
            else {r.ad_name: (r.impressions, r.clicks, r.spend) for r in read_results(path, columns=settings).rows}
        )
    assert read == {f"Ad {number}": pytest.approx(row, abs=1e-9) for number, row in enumerate(meant)}
