"""The closed loop: results find their variants, twice is once, predictions are held against them, training reads them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from adcreative.catalog import read_catalog
from adcreative.delivery.experiment.loop import import_results, read_outcomes, write_training_table
from adcreative.delivery.experiment.recalibration import recalibrate
from adcreative.delivery.experiment.variants import Variant, read_variants
from adcreative.errors import CatalogError
from tests.catalog.conftest import write_csv
from tests.delivery.conftest import HOSTILE, result_row

duckdb = pytest.importorskip("duckdb")


@pytest.fixture
def variants(make_run: Callable[..., Path]) -> tuple[Variant, ...]:
    return read_variants(make_run(), "spring")


def export(path: Path, rows: list[tuple[str, int, int]], start: str = "2026-11-01", end: str = "2026-11-07") -> Path:
    dates = {"Reporting starts": start, "Reporting ends": end} if start else {}
    table = [
        {**dates, "Ad name": name, "Impressions": n, "Link clicks": x, "Amount spent (EUR)": n / 100} for name, n, x in rows
    ]
    return write_csv(path, table)


def counts(store: Path) -> dict[str, tuple[int, int]]:
    return {row["name"]: (row["impressions"], row["clicks"]) for row in read_outcomes(store)}


def test_results_are_joined_by_id_and_by_name(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    control, edited, other, hostile = variants
    rows = [("Ad 1", 1000, 20), (f"{edited.name} - Copy", 1000, 30), (hostile.variant_id, 500, 5), ("Stranger", 900, 9)]
    result = import_results(tmp_path / "a.duckdb", export(tmp_path / "meta.csv", rows), variants)
    assert (result.matched, result.unmatched, result.refused, result.is_known) == (3, 1, 0, False)
    assert 'such as "Stranger"' in " ".join(result.warnings)
    assert counts(tmp_path / "a.duckdb") == {control.name: (1000, 20), edited.name: (1000, 30), hostile.name: (500, 5)}
    outcome = read_outcomes(tmp_path / "a.duckdb")[1]
    assert (outcome["ctr_predicted"], outcome["ctr_real"], outcome["spend"], outcome["currency"]) == (0.025, 0.03, 10.0, "EUR")
    assert outcome["real_by_predicted"] == pytest.approx(1.2)
    assert other.name not in counts(tmp_path / "a.duckdb")


def test_the_same_file_twice_changes_nothing(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    store, path = tmp_path / "a.duckdb", export(tmp_path / "meta.csv", [(v.name, 1000, 20) for v in variants])
    import_results(store, path, variants)
    before = read_outcomes(store)
    again = import_results(store, path, variants)
    assert again.is_known
    assert "was imported before" in again.warnings[-1]
    assert read_outcomes(store) == before


def test_later_exports_of_the_same_days_replace_and_other_days_add(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    store, name = tmp_path / "a.duckdb", variants[0].name
    import_results(store, export(tmp_path / "1.csv", [(name, 1000, 20)]), variants)
    import_results(store, export(tmp_path / "2.csv", [(name, 2500, 50)], end="2026-11-14"))  # the same test, a week later
    assert counts(store) == {name: (2500, 50)}
    import_results(store, export(tmp_path / "3.csv", [(name, 100, 1)], "2026-11-15", "2026-11-15"))
    assert counts(store) == {name: (2600, 51)}
    partly = import_results(store, export(tmp_path / "4.csv", [(name, 999, 9)], "2026-11-10", "2026-11-20"))
    assert (partly.matched, partly.refused) == (0, 1)
    assert counts(store) == {name: (2600, 51)}


def test_undated_totals_replace_each_other(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    store, name = tmp_path / "a.duckdb", variants[0].name
    import_results(store, export(tmp_path / "1.csv", [(name, 1000, 20)], start=""), variants)
    import_results(store, export(tmp_path / "2.csv", [(name, 1500, 31)], start=""))
    assert counts(store) == {name: (1500, 31)}
    assert read_outcomes(store)[0]["date_start"] == ""


def test_rows_of_several_ad_sets_add_up(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    rows = [{"Ad name": variants[0].name, "Ad set name": s, "Impressions": 100, "Link clicks": 2} for s in "abc"]
    import_results(tmp_path / "a.duckdb", write_csv(tmp_path / "m.csv", rows), variants)
    assert counts(tmp_path / "a.duckdb") == {variants[0].name: (300, 6)}


def test_a_failed_import_leaves_the_store_as_it_was(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    store = tmp_path / "a.duckdb"
    with pytest.raises(CatalogError, match=r'none of the 1 rows belongs to a known variant \(such as "Stranger"'):
        import_results(store, export(tmp_path / "1.csv", [("Stranger", 10, 1)]), variants)
    with pytest.raises(CatalogError, match="belongs to a known variant"):  # the variants were not remembered either
        import_results(store, export(tmp_path / "2.csv", [(variants[0].name, 10, 1)]))
    (tmp_path / "b.duckdb").write_text("no database" * 1000)
    with pytest.raises(CatalogError, match="is not a DuckDB file"):
        read_outcomes(tmp_path / "b.duckdb")


def test_files_that_duckdb_opens_but_cannot_keep_results_in_are_refused(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    table = export(tmp_path / "1.csv", [(variants[0].name, 10, 1)])
    duckdb.sql("SELECT 1 AS a").write_parquet(str(tmp_path / "ledger.parquet"))
    with duckdb.connect(tmp_path / "other.duckdb") as other:
        other.execute("CREATE TABLE results (a INTEGER)")
    for name, said in (("ledger.parquet", "is not a DuckDB file"), ("other.duckdb", "is of another program, or damaged")):
        with pytest.raises(CatalogError, match=said):
            import_results(tmp_path / name, table, variants)
    assert duckdb.connect(tmp_path / "other.duckdb").sql("SHOW TABLES").fetchall() == [("results",)]


def test_the_next_training_reads_what_was_learnt(variants: tuple[Variant, ...], tmp_path: Path) -> None:
    store = tmp_path / "a.duckdb"
    import_results(store, export(tmp_path / "m.csv", [(v.name, 1000, 20 + k) for k, v in enumerate(variants)]), variants)
    assert write_training_table(read_outcomes(store), tmp_path / "next") == 4
    catalog = read_catalog(tmp_path / "next")
    assert (catalog.failures, catalog.warnings) == ((), ())
    assert [(c.ad_name, c.clicks, c.brand) for c in catalog.creatives] == [
        (v.name, 20 + k, "Somnia") for k, v in enumerate(variants)
    ]
    assert catalog.creatives[3].headline == HOSTILE
    assert len({c.test_id for c in catalog.creatives}) == 2
    assert all(c.image_path and c.has_results for c in catalog.creatives)
    assert {c.image_path.stat().st_mode & 0o777 for c in catalog.creatives if c.image_path} == {0o600}  # they may show people
    variants[0].creative.image_path.unlink()  # type: ignore[union-attr]
    assert write_training_table(read_outcomes(store), tmp_path / "again") == 3
    with pytest.raises(CatalogError, match="nothing to train on"):
        write_training_table([], tmp_path / "none")


def outcomes(slope: float, intercept: float, share: float) -> list[dict]:
    rows = []
    for test, rate in enumerate(np.linspace(0.01, 0.04, 12)):
        for arm, predicted, real in (
            ("control", rate, expit(intercept + slope * logit(rate))),
            ("edited", rate * 1.3, expit(intercept + slope * logit(rate)) * 1.3**share),
        ):
            n = 10**8
            row = {
                "run_hash": "r",
                "campaign": "c",
                "test": str(test),
                "arm": arm,
                "ctr_predicted": predicted,
                "impressions": n,
            }
            rows.append({**row, "clicks": round(n * real), "ctr_real": round(n * real) / n})
    return rows


def test_planted_slope_and_share_are_found() -> None:
    rows = outcomes(slope=0.6, intercept=-1.2, share=0.4)
    found = recalibrate(rows)
    assert found.realised_share == pytest.approx(0.4, abs=1e-3)
    assert found.realised_share_low < 0.4 < found.realised_share_high  # type: ignore[operator]
    controls = recalibrate([row for row in rows if row["arm"] == "control"])
    assert (controls.slope, controls.intercept) == (pytest.approx(0.6, abs=1e-3), pytest.approx(-1.2, abs=1e-3))
    assert (controls.realised_share, controls.num_tests) == (None, 0)
    perfect = recalibrate(outcomes(slope=1, intercept=0, share=1))
    assert (perfect.real_by_predicted, perfect.slope, perfect.realised_share) == (
        pytest.approx(1, abs=1e-4),
        pytest.approx(1, abs=1e-3),
        pytest.approx(1, abs=1e-3),
    )


def test_a_slope_is_found_where_whole_newton_steps_never_settled() -> None:
    counts = ((0.012, 10_000, 180), (0.007, 1_000, 4), (0.203, 1_000, 203))
    rows = [
        {
            "ctr_predicted": p,
            "impressions": n,
            "clicks": c,
            "ctr_real": c / n,
            "run_hash": "r",
            "campaign": "c",
            "test": str(p),
            "arm": "control",
        }
        for p, n, c in counts
    ]
    assert recalibrate(rows).slope == pytest.approx(0.88224, abs=1e-5)


def test_intervals_cover_under_noise() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        rows = outcomes(slope=1, intercept=0, share=0.5)
        for row in rows:
            row["impressions"] = 20_000
            row["clicks"] = int(rng.binomial(20_000, row["ctr_real"]))
            row["ctr_real"] = row["clicks"] / 20_000
        found = recalibrate(rows)
        covered += found.realised_share_low <= 0.5 <= found.realised_share_high  # type: ignore[operator]
    assert 0.84 <= covered / 200 <= 0.96


def test_what_the_data_do_not_say_is_none() -> None:
    row = {"run_hash": "r", "campaign": "c", "test": "1", "arm": "control", "ctr_predicted": 0.02, "impressions": 100}
    found = recalibrate([{**row, "clicks": 0, "ctr_real": 0.0}])
    assert (found.slope, found.realised_share, found.real_by_predicted) == (None, None, 0.0)
    split = [
        {**row, "clicks": 0, "ctr_real": 0.0},
        {**row, "arm": "edited", "ctr_predicted": 0.5, "clicks": 100, "ctr_real": 1.0},
    ]
    assert recalibrate(split).slope is None
    assert not math.isnan(recalibrate(split).real_by_predicted)


def test_results_of_a_run_without_rates_are_kept_and_compared_with_nothing(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    row = result_row(1, is_untested=True, ctr_original=None, ctr_edited=None)
    untested = read_variants(make_run([row], "untested"), "spring")
    store = tmp_path / "a.duckdb"
    import_results(store, export(tmp_path / "m.csv", [(v.name, 1000, 20) for v in untested]), untested)
    outcomes = read_outcomes(store)
    assert [(one["ctr_real"], one["real_by_predicted"]) for one in outcomes] == [(0.02, None)] * 2
    figures = recalibrate(outcomes)
    assert (figures.num_variants, figures.real_by_predicted, figures.slope, figures.realised_share) == (2, None, None, None)
    assert write_training_table(outcomes, tmp_path / "next") == 2
