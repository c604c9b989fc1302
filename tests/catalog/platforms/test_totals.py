"""Totals are proven by their sums, or they are ads; what is left out is told by name."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.event_log import build_event_log
from adcreative.catalog.platforms.totals import COPY, NO_NAME, SUBTOTAL, TOTAL_ROW, Line, find_left_out, is_total, means_all
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError
from tests.catalog.conftest import RELAXED

HEAD = "Ad name,Impressions,Link clicks,Amount spent\n"


def read(path: Path, text: str) -> tuple[list[str], list[str], str]:
    """Return the ads that a read-out sees, those that a catalogue sees, and the warnings of the first."""
    path.write_text(text, encoding="utf-8")
    results, catalog = read_results(path), read_catalog(path)
    return [row.ad_name for row in results.rows], [one.ad_name for one in catalog.creatives], " ".join(results.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "Total",
        "Total: Ads",
        "Gesamtsumme",
        "合計: アカウント",
        "Results from 12 ads",
        "Resultados de 3 anúncios",
        "총계",
        "Toplam",
        "12 个广告的成效",
        "-- Total",
        "Totale complessivo",
        "Total of 12 results",
        "All",
        "alles",
    ],
)
def test_totals_in_many_languages(text: str) -> None:
    assert is_total(text)


@pytest.mark.parametrize(
    "text", ["Total comfort", "Total 5 star comfort", "Total-Comfort", "Summer", "12 reasons", "Sumatra", 12, None]
)
def test_ads_are_no_totals(text: object) -> None:
    assert not is_total(text)


def test_all_values_of_a_breakdown() -> None:
    assert means_all("All")
    assert not means_all("All-day menu")


@pytest.mark.parametrize("name", ["C", "Total comfort", "Total 5"])
def test_a_named_ad_that_is_the_sum_of_others_is_an_ad(tmp_path: Path, name: str) -> None:
    ads, creatives, _ = read(tmp_path / "a.csv", f"{HEAD}A,1000,10,1\nB,2000,20,2\n{name},3000,30,3\n")
    assert ads == creatives == ["A", "B", name]


@pytest.mark.parametrize("name", ["Total: Sale", "Total - Winter", "Total", "All"])
def test_what_is_called_a_total_and_is_no_sum_is_an_ad_and_told(tmp_path: Path, name: str) -> None:
    ads, creatives, told = read(tmp_path / "a.csv", f"{HEAD}A,1000,10,1\nB,2000,20,2\n{name},3000,31,3\n")
    assert ads == creatives == ["A", "B", name]
    assert f'row 3 ("{name}") is called like a total but is not the sum of others, and is read as an ad' in told


@pytest.mark.parametrize("name", ["Total", "Total: Ads", "Gesamt", "alles"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_proven_total_is_left_out_and_named(tmp_path: Path, name: str, is_first: bool) -> None:
    rows = [f"{name},3000,30,3.5\n", "A,1000,10,1.25\n", "B,2000,20,2.25\n"]
    ads, creatives, told = read(tmp_path / "a.csv", HEAD + "".join(rows if is_first else [*rows[1:], rows[0]]))
    assert ads == creatives == ["A", "B"]
    assert f'("{name}") is the sum of others, and no ad' in told


def test_every_additive_column_counts(tmp_path: Path) -> None:
    ads, _, told = read(tmp_path / "a.csv", f"{HEAD}A,1000,10,1\nB,2000,20,2\nTotal,3000,30,7\n")
    assert ads == ["A", "B", "Total"]
    assert "is read as an ad" in told


def test_a_brand_beside_a_total(tmp_path: Path) -> None:
    text = f"{HEAD}A,1000,10,1\nB,2000,20,2\nTotal: Sale,500,5,1\nTotal,3500,35,4\nTotal: Account,3500,35,4\n"
    ads, creatives, _ = read(tmp_path / "a.csv", text)
    assert ads == creatives == ["A", "B", "Total: Sale"]


def test_subtotals_of_blocks(tmp_path: Path) -> None:
    text = f"{HEAD}A,1000,10,1\nB,2000,20,2\nSubtotal,3000,30,3\nC,10,1,1\nD,20,1,1\nSubtotal,30,2,2\nGrand total,3030,32,5\n"
    assert read(tmp_path / "a.csv", text)[0] == ["A", "B", "C", "D"]


def test_one_ad_and_its_equal(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", f"{HEAD}A,1000,10,1\nTotal,1000,10,1\n")[0] == ["A"]
    assert read(tmp_path / "b.csv", f"{HEAD}A,1000,10,1\nTotal: Sale,1000,10,1\n")[0] == ["A", "Total: Sale"]


def test_all_of_a_breakdown_is_left_out_only_as_the_sum_of_its_rows(tmp_path: Path) -> None:
    head = "Ad name,Gender,Impressions,Link clicks\n"
    text = f"{head}A,male,100,1\nA,female,200,3\nA,All,300,4\nB,male,50,1\nB,female,60,1\nB,All,900,9\n"
    ads, creatives, told = read(tmp_path / "a.csv", text)
    assert ads == creatives == ["A", "A", "B", "B", "B"]
    assert 'row 3 ("A") is the sum of an ad\'s rows over a breakdown, and no ad' in told
    assert 'row 6 ("B") stands for all of a breakdown but is not the sum of its rows, and is read as an ad' in told


@pytest.mark.parametrize(("again", "ads"), [("A,1000,10,1\n", ["A", "B"]), ("A,1000,11,1\n", ["A", "B", "A"])])
def test_the_same_row_twice_is_counted_once_and_told(tmp_path: Path, again: str, ads: list[str]) -> None:
    found, _, told = read(tmp_path / "a.csv", f"{HEAD}A,1000,10,1\nB,2000,20,2\n{again}")
    assert found == ads
    assert ('row 3 ("A") agrees with an earlier row in every cell and is counted once' in told) == (len(ads) == 2)
    assert read_catalog(tmp_path / "a.csv").dropped == ({COPY: 1} if len(ads) == 2 else {})


def test_small_ads_may_agree_by_chance(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", f"{HEAD}A,1,0,0\nB,2000,20,2\nA,1,0,0\n")[0] == ["A", "B", "A"]


def test_totals_in_tables_of_our_own_words(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("headline,impressions,clicks\nSea,100,1\nSand,200,3\nTotal,300,4\n")
    catalog = read_catalog(path)
    assert [one.headline for one in catalog.creatives] == ["Sea", "Sand"]
    assert dict(catalog.dropped) == {TOTAL_ROW: 1}
    assert any('row 3 ("Total") is the sum of others' in note for note in catalog.warnings)
    path.write_text("headline,impressions,clicks\nSea,100,1\nSand,200,3\nTotal,300,5\n,300,4\n")
    catalog = read_catalog(path)
    assert [one.headline for one in catalog.creatives] == ["Sea", "Sand", "Total"]
    assert "neither a file_name nor a headline" in catalog.failures[0].problem


def test_totals_in_logs() -> None:
    rows = pd.DataFrame({"creative": ["a", "b", "Total"], "impressions": [100, 200, 300], "clicks": [1, 3, 4]})
    log = build_event_log(rows, "log.csv")
    assert log.rows.creative.tolist() == ["a", "b"]
    assert log.warnings == ('log.csv: row 3 ("Total") is the sum of others, and no ad.',)
    assert build_event_log(rows.assign(clicks=[1, 3, 5]), "log.csv").rows.creative.tolist() == ["a", "b", "Total"]


@pytest.mark.parametrize(("shown", "clicks"), [(1.234, 1), (10, 0.5)])
def test_counts_of_a_log_are_whole(shown: float, clicks: float) -> None:
    rows = pd.DataFrame({"creative": ["a", "b"], "impressions": [5, shown], "clicks": [1, clicks]})
    with pytest.raises(CatalogError, match="log row 2: impressions and clicks are whole numbers; correct or remove it"):
        build_event_log(rows, "log")


NAMES = st.sampled_from(["A", "B", "C", "Total", "Total: Sale", "All", "Subtotal", ""])
FIGURES = st.tuples(st.integers(0, 4).map(float), st.integers(0, 2).map(float), st.none() | st.integers(0, 3).map(float))


@RELAXED
@given(st.lists(st.tuples(NAMES, FIGURES), max_size=7))
def test_no_total_is_left_out_that_is_not_proven(rows: list[tuple[str, tuple[float, float, float | None]]]) -> None:
    lines = [Line(row=at, name=name, figures=figures) for at, (name, figures) in enumerate(rows, start=1)]
    left_out = find_left_out(lines, needs_name=False)
    kept = [line for line in lines if line.row not in left_out.rows]
    for line in lines:
        if line.row not in left_out.rows:
            continue
        assert left_out.rows[line.row] == TOTAL_ROW
        assert not line.name or is_total(line.name)
        assert re.search(rf"row {line.row}\b", left_out.notes[0]) or "more" in left_out.notes[0]
        spans = [kept[a:b] for a in range(len(kept)) for b in range(a + 1, len(kept) + 1)]
        spans.append([one for one in kept if not is_total(one.name)])  # a total of everything covers no other total
        sums = [[sum(one.figures[at] or 0 for one in span if one.name) for at in range(3)] for span in spans]
        assert any(
            all(
                figure is None or abs(figure - total) <= (0 if at < 2 else 0.5 * len(kept))
                for at, (figure, total) in enumerate(zip(line.figures, one, strict=True))
            )
            for one in sums
        ), (line, kept)


def test_rows_without_a_name_are_left_out_and_told() -> None:
    lines = [Line(row=1, name="A", figures=(5.0, 1.0)), Line(row=2, name="", figures=(7.0, 1.0), label="Total: Account")]
    found = find_left_out([*lines, Line(row=3, name="", figures=(9.0, 1.0), label="enabled")])
    assert found.rows == {2: TOTAL_ROW, 3: NO_NAME}
    assert found.notes == ('row 2 ("Total: Account"), row 3 ("enabled") name no ads.',)
    assert SUBTOTAL not in found.rows.values()


@pytest.mark.parametrize(
    "name", ["Account total", "TOTAL (3 ads)", "Gesamt (3)", "Summe aller Anzeigen", "Итого", "Ads total", "Σ"]
)
def test_a_last_row_that_holds_the_word_and_is_the_sum_is_a_total(name: str) -> None:
    lines = [Line(row=1, name="red", figures=(4100.0, 41.0)), Line(row=2, name="blue", figures=(2300.0, 19.0))]
    found = find_left_out([*lines, Line(row=3, name=name, figures=(6400.0, 60.0))])
    assert found.rows == {3: TOTAL_ROW}
    other = find_left_out([*lines, Line(row=3, name=name, figures=(6401.0, 60.0))])
    assert other.rows == {}


def test_a_last_row_that_is_the_sum_and_has_another_name_stays_and_is_told() -> None:
    lines = [Line(row=1, name="red", figures=(4100.0, 41.0)), Line(row=2, name="blue", figures=(2300.0, 19.0))]
    found = find_left_out([*lines, Line(row=3, name="green", figures=(6400.0, 60.0))])
    assert found.rows == {}
    assert found.notes == ('row 3 ("green") is the sum of all other rows but is not called a total, and is read as an ad.',)


DAYS = ["2026-11-01", "2026-11-20"]


@pytest.mark.parametrize("head", ["Ad name,Day", "Ad name,Reporting starts,Reporting ends", "ad_name,headline,day"])
@pytest.mark.parametrize("where", ["below", "above", "behind"])
def test_subtotals_over_days_are_no_ads(tmp_path: Path, head: str, where: str) -> None:
    def line(ad: str, first: str, last: str, counts: str) -> str:
        days = f"{first},{last}" if "ends" in head else first if first == last else ""
        return f"{ad},{'Words,' if 'headline' in head else ''}{days},{counts}\n"

    rows = {ad: [line(ad, day, day, f"{n}00,{n}") for n, day in enumerate(DAYS, 1)] for ad in ("red", "blue")}
    sums = {ad: line(ad, DAYS[0], DAYS[1], "300,3") for ad in rows}
    parts = [
        [sums[ad], *rows[ad]] if where == "above" else [*rows[ad], *([sums[ad]] if where == "below" else [])] for ad in rows
    ]
    text = "".join(map("".join, parts)) + ("".join(sums.values()) if where == "behind" else "")
    (tmp_path / "a.csv").write_text(
        f"{head},{'impressions,clicks' if 'headline' in head else 'Impressions,Link clicks'}\n{text}"
    )
    catalog = read_catalog(tmp_path / "a.csv")
    assert sum(one.impressions or 0 for one in catalog.creatives) == 600
    assert dict(catalog.dropped) == {SUBTOTAL: 2}
    assert any('("red"), row ' in note and "sums of ads' rows" in note for note in catalog.warnings)


@pytest.mark.parametrize(
    ("red", "blue"), [("red Total", "blue Total"), ("red Ergebnis", "blue Ergebnis"), ("Total red", "Total blue")]
)
def test_pivots_are_read_without_their_totals(tmp_path: Path, red: str, blue: str) -> None:
    head = "Ad name,Campaign,Impressions,Link clicks\n"
    text = f"{head}red,x,100,1\nred,y,200,3\n{red},,300,4\nblue,x,10,1\n{blue},,10,1\nGrand Total,,310,5\n"
    ads, creatives, told = read(tmp_path / "a.csv", text)
    assert ads == creatives == ["red", "red", "blue"]
    assert f'row 3 ("{red}"), row 5 ("{blue}"), row 6 ("Grand Total") are sums of others' in told
    ads, _, told = read(tmp_path / "b.csv", text.replace("300,4", "301,4"))
    assert red in ads
    assert re.search(rf'row 3 \("{red}"\).* called like totals but are not the sums of others', told)


def test_totals_of_days_behind_the_ads_are_sums_of_a_group(tmp_path: Path) -> None:
    rows = "".join(f"{ad},{day},{n}00,{n}\n" for n, ad in enumerate(("red", "blue"), 1) for day in DAYS)
    totals = "".join(f"Total,{day},300,3\n" for day in DAYS)
    assert read(tmp_path / "a.csv", f"Ad name,Day,Impressions,Link clicks\n{rows}{totals}")[0] == ["red", "red", "blue", "blue"]


def test_a_pivot_that_names_an_ad_once_is_refused(tmp_path: Path) -> None:
    text = f"{HEAD}red,100,1,1\n,200,3,2\nblue,10,1,1\n,20,1,1\n"
    with pytest.raises(CatalogError, match=r"a\.csv: row 2, row 4 name no ads, as in a pivot table .* repeat the names in all"):
        read(tmp_path / "a.csv", text)


def test_small_rows_that_stand_twice_are_copies_where_many_do_and_told_where_few_do(tmp_path: Path) -> None:
    rows = "".join(f"A{n},{10 + n},1,0\n" for n in range(6))
    ads, _, told = read(tmp_path / "a.csv", f"{HEAD}{rows}{rows}")
    assert ads == [f"A{n}" for n in range(6)]
    assert "agree with earlier rows in every cell and are counted once" in told
    ads, _, told = read(tmp_path / "a.csv", f"{HEAD}{rows}A0,10,1,0\n")
    assert len(ads) == 7
    assert 'row 7 ("A0") agrees with an earlier row in every cell and is counted, too' in told
