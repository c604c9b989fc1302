"""Ranking columns: the planted order on sorted and shuffled rows, noise below, pairs, and the published score's failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.metrics.information import information_of_counts


def planted(num: int = 20_000, *, seed: int = 0) -> pd.DataFrame:
    """A strong and a weak column, one of 500 values, two that say something only together, and an id."""
    rng = np.random.default_rng(seed)
    strong, weak, many = rng.integers(0, 4, num), rng.integers(0, 3, num), rng.integers(0, 500, num)
    a, b = rng.integers(0, 2, num), rng.integers(0, 2, num)
    effects = np.random.default_rng(9).normal(0, 0.75, 500)
    truth = np.array([-1.6, -0.3, 0.3, 1.6])[strong] + 0.25 * (weak - 1) + effects[many] + 1.2 * np.where(a != b, 1, -1)
    return pd.DataFrame(
        {
            "strong": [f"s{k}" for k in strong],
            "weak": weak,
            "many": [f"m{k}" for k in many],
            "a": a,
            "b": b,
            "id": np.arange(num),
            "price": rng.normal(size=num),
            "missing": [None if k % 3 else "x" for k in range(num)],
            "click": (rng.random(num) < 1 / (1 + np.exp(-truth))).astype(int),
        }
    )


def ranked(table: pd.DataFrame, folder: Path, name: str = "log", **options: Any) -> Any:
    table.to_parquet(folder / f"{name}.parquet")
    return pipeline.rank_features(folder / f"{name}.parquet", folder / f"{name}.csv", **options)


def scores(summary: Any) -> dict[str, float]:
    return {one.column: one.score for one in summary.ranks}


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return ranked(planted(), tmp_path_factory.mktemp("ranks"))


def test_strong_then_many_then_weak_then_noise_whatever_the_order_of_rows(shuffled: Any, tmp_path: Path) -> None:
    by_class = ranked(planted().sort_values("click"), tmp_path)
    for found in (scores(shuffled), scores(by_class)):
        noise = max(score for name, score in found.items() if name.startswith("("))
        print({name: round(value, 4) for name, value in found.items()})
        assert found["strong"] > found["many"] > found["weak"] > noise
        assert max(found["id"], found["price"], found["missing"]) < 1e-3 < found["weak"]
    assert not any(one.says_something for one in shuffled.ranks if one.column in ("id", "price", "missing"))
    one, two = scores(shuffled), scores(by_class)
    assert all(two[name] == pytest.approx(one[name], abs=1.5e-3) for name in ("strong", "many", "weak", "a", "b"))


def test_uncorrected_information_is_led_by_noise(shuffled: Any) -> None:
    """The broken twin: plain mutual information."""
    plain = {one.column: one.information for one in shuffled.ranks}
    assert plain["id"] > plain["strong"]
    assert plain["(noise of 10,000 values)"] > 10 * plain["weak"]


def test_the_published_shift_is_exactly_zero_on_sorted_rows(tmp_path: Path) -> None:
    table = planted(16_000)
    each = min((table["click"] == label).sum() for label in (0, 1))
    balanced = pd.concat([table[table["click"] == label][:each] for label in (0, 1)])
    found = scores(ranked(balanced[: 2 * each], tmp_path, method="shift", order=1))
    if each * 2 <= 2**14:
        assert found["strong"] == 0.0
    mixed = scores(ranked(balanced.sample(frac=1, random_state=0), tmp_path, "mixed", method="shift", order=1))
    assert mixed["strong"] > 0.03
    assert scores(ranked(balanced, tmp_path, "sorted", order=1))["strong"] > 0.03


def test_a_pair_is_found_together_and_not_apart(shuffled: Any, tmp_path: Path) -> None:
    found = {one.column: one for one in shuffled.ranks}
    assert abs(found["a"].score) < 1e-3
    assert abs(found["b"].score) < 1e-3
    assert found["a AND b"].score > 0.03
    assert found["a AND b"].says_something
    assert not found["a"].says_something
    assert found["strong AND missing"].score > 0.03
    assert not found["strong AND missing"].says_something  # no more than "strong" alone
    assert not any(" AND " in one.column for one in ranked(planted(2000), tmp_path, order=1).ranks)


def test_names_of_values_do_not_matter_and_one_seed_gives_one_file(tmp_path: Path) -> None:
    table = planted(4000)
    renamed = table.assign(strong=table["strong"].map({"s0": "north", "s1": "süd", "s2": "", "s3": "西"}))
    one, two = scores(ranked(table, tmp_path, "one", order=1)), scores(ranked(renamed, tmp_path, "two", order=1))
    assert two["strong"] == pytest.approx(one["strong"], abs=2e-3)
    ranked(table, tmp_path, "again", order=1)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_a_copy_is_put_behind_and_what_completes_a_pair_before(tmp_path: Path) -> None:
    table = planted(6000)
    found = {one.column: one.order for one in ranked(table.assign(copy=table["strong"]), tmp_path).ranks if one.order}
    assert sorted(found.values()) == list(range(1, len(found) + 1))
    assert min(found["strong"], found["copy"]) == 1
    assert max(found["strong"], found["copy"]) > found["many"]


def test_information_is_that_of_the_definition() -> None:
    totals, clicks = np.array([10, 20, 30]), np.array([1, 10, 6])
    joint = np.stack([clicks, totals - clicks]) / 60
    expected = sum(
        p * np.log(p / (joint[:, v].sum() * joint[c].sum())) for c in range(2) for v in range(3) if (p := joint[c, v]) > 0
    )
    assert information_of_counts(totals, clicks) == pytest.approx(expected)
    assert information_of_counts(np.array([5, 5]), np.array([0, 5])) == pytest.approx(np.log(2))


def test_the_page_shows_bars_a_line_and_no_markup_of_names(tmp_path: Path) -> None:
    table = planted(3000).rename(columns={"weak": "<script>alert(1)</script>"})
    ranked(table, tmp_path)
    page = (tmp_path / "log.html").read_text()
    assert "<script" not in page
    assert "&lt;script" in page
    assert page.count('class="mark"') == len(pd.read_csv(tmp_path / "log.csv"))
    report = json.loads((tmp_path / "log.json").read_text())
    assert report["ranks"][0]["column"] == pd.read_csv(tmp_path / "log.csv")["column"][0]


def test_ads_with_results_are_shuffled_as_wholes(tmp_path: Path) -> None:
    """Impressions of an ad share its luck: a column that only names ads says nothing, though each ad has thousands of rows."""
    rng = np.random.default_rng(0)
    num, rows = 240, []
    for number in range(num):
        placement, luck = ("feed", "story", "search")[number % 3], rng.normal(0, 0.4)
        rate = 1 / (1 + np.exp(-(-3 + {"feed": -0.6, "story": 0.0, "search": 0.6}[placement] + luck)))
        counts = {"impressions": 5000, "clicks": int(rng.binomial(5000, rate))}
        words = {"ad_name": f"ad {number}", "headline": f"Words {number}", "brand": f"b{rng.integers(60)}"}
        rows.append({**words, "placement": placement, **counts})
    pd.DataFrame(rows).to_csv(tmp_path / "ads.csv", index=False)
    summary = pipeline.rank_features(tmp_path / "ads.csv", tmp_path / "ranks.csv")
    found = {one.column: one for one in summary.ranks}
    assert found["placement"].says_something
    assert not found["brand"].says_something
    assert found["brand"].information > 0.1 * found["placement"].information  # and would, uncorrected


def test_from_the_command_line_and_refusals(tmp_path: Path) -> None:
    table = planted(2000)
    table.to_parquet(tmp_path / "log.parquet")
    result = CliRunner().invoke(app, ["rank-features", str(tmp_path / "log.parquet"), "--out", str(tmp_path / "r.csv")])
    assert result.exit_code == 0, result.output
    assert "strong: " in result.output
    table.assign(click=1).to_parquet(tmp_path / "one.parquet")
    table.assign(click=2).to_parquet(tmp_path / "two.parquet")
    (tmp_path / "mine.csv").write_text("my own table\n")
    for log, options, error, message in (
        ("log", {"label": "clik"}, ConfigError, 'no column "clik". Did you mean "click"'),
        ("log", {"method": "shuffle"}, ConfigError, 'no method "shuffle"'),
        ("log", {"order": 3}, ConfigError, "order must be"),
        ("one", {}, TrainingError, "have the label 1; nothing can be ranked"),
        ("two", {}, TrainingError, "must be 0 or 1, got 2"),
        ("gone", {}, CatalogError, "gone.parquet"),
    ):
        with pytest.raises(error, match=message):
            pipeline.rank_features(tmp_path / f"{log}.parquet", tmp_path / "x.csv", **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is there already"):
        pipeline.rank_features(tmp_path / "log.parquet", tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "my own table\n"
    assert not (tmp_path / "x.csv").exists()


def test_what_was_written_after_the_click_is_left_out_and_told(tmp_path: Path) -> None:
    table = planted(4000).assign(
        purchase=lambda rows: rows["click"] * (rows["many"].str.len() % 2), echo=lambda rows: rows["click"]
    )
    found = ranked(table, tmp_path, order=1)
    assert {"purchase", "echo"} & set(scores(found)) == set()
    assert '"purchase" (its name says so)' in found.warnings[0]
    assert "rank one with --keep purchase" in found.warnings[0]
    kept = ranked(table, tmp_path, name="kept", order=1, keep=("purchase",), ignore=("strong",))
    assert kept.ranks[0].column == "purchase"
    assert "strong" not in scores(kept)
    schema = tmp_path / "schema.toml"
    schema.write_text('label = "click"\nconversion = "echo"\ncategorical = ["weak", "purchase"]\n')
    by_schema = ranked(table, tmp_path, name="schema", order=1, schema=schema)
    assert [one.column for one in by_schema.ranks if not one.is_noise] == ["weak"]


def test_columns_that_are_not_there_or_all_left_out_are_refused(tmp_path: Path) -> None:
    table = planted(400)
    with pytest.raises(ConfigError, match=r'has no column "stron"'):
        ranked(table, tmp_path, ignore=("stron",))
    with pytest.raises(ConfigError, match=r"no column of .* is left to rank"):
        ranked(table[["click", "weak"]].rename(columns={"weak": "orders"}), tmp_path, name="few")
    pd.DataFrame({"ad_name": ["a"], "impressions": [9], "clicks": [1]}).to_csv(tmp_path / "ads.csv", index=False)
    with pytest.raises(ConfigError, match="are for a log with a column of 0 and 1"):
        pipeline.rank_features(tmp_path / "ads.csv", tmp_path / "out.csv", keep=("x",))
