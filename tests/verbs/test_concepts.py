"""`concepts` on a table of ads: what it writes, twice the same; what it says where there is little."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from adcreative.compose.brief import read_brief
from adcreative.errors import CatalogError, ConfigError
from adcreative.pipeline import concepts

IDEAS = (
    ("Tired of hidden fees?", "Still living with hidden fees?", "Say goodbye to hidden fees", "Hidden fees? No more"),
    ("Loved by runners", "Why runners love our shoes", "Rated 4.8 by runners", "Shoes that runners love"),
    ("Plan your pension today", "A pension plan that works", "How to plan a pension", "Your pension plan, made easy"),
)


def write_account(path: Path, *, has_results: bool = True) -> Path:
    """Write an export by day of twelve ads of three ideas, of which the first is clicked most and the last wears out."""
    rng, rows = np.random.default_rng(0), []
    for number, lines in enumerate(IDEAS):
        for place, line in enumerate(lines):
            for day in range(1, 15) if has_results else [1]:
                rate = 0.02 * (2.0, 1.0, 0.97**day)[number]
                rows.append(
                    {
                        "ad_name": f"idea{number}_{place}",
                        "headline": line,
                        "day": f"2026-03-{day:02d}",
                        "impressions": 4000,
                        "clicks": int(rng.binomial(4000, rate)),
                    }
                )
                if not has_results:
                    del rows[-1]["impressions"], rows[-1]["clicks"], rows[-1]["day"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_an_account_becomes_concepts_with_their_worth_and_briefs(tmp_path: Path) -> None:
    export, out = write_account(tmp_path / "export.csv"), tmp_path / "out"
    summary = concepts(export, out, impressions=20_000)
    told = json.loads((out / "concepts.json").read_text())
    assert summary.lines[0] == "12 ads are 3 concepts"
    best = next(one for one in told["concepts"] if "fees" in one["label"])
    assert best["is_sure"]
    assert best["change_low"] > 0.2
    tired = next(one for one in told["concepts"] if "pension" in one["label"].casefold())
    assert tired["weekly_change"] < 0
    assert any("tired" in line for line in summary.lines)
    assert "fees" in told["briefs"][0]["title"]
    assert any("fees" in line for line in read_brief(out / "next.toml").messages.lines("headline"))
    assert len((out / "concepts.csv").read_text().splitlines()) == 13
    page = (out / "report.html").read_bytes()
    concepts(export, out, impressions=20_000)
    assert (out / "report.html").read_bytes() == page


def test_ads_without_results_are_grouped_and_nothing_is_said_of_worth(tmp_path: Path) -> None:
    table = write_account(tmp_path / "ads.csv", has_results=False)
    summary = concepts(table, tmp_path / "out")
    assert summary.lines[0] == "12 ads are 3 concepts"
    assert "nothing is said of what was worth what" in summary.lines[-1]
    assert not (tmp_path / "out" / "next.toml").exists()


def test_of_an_ad_library_it_is_said_which_ads_ran_longest(tmp_path: Path) -> None:
    lines = [
        f"{number}{place},{line},2026-01-01,{'2026-03-01' if number else ''}"
        for number, idea in enumerate(IDEAS)
        for place, line in enumerate(idea)
    ]
    header = "ad_archive_id,ad_creative_link_titles,ad_delivery_start_time,ad_delivery_stop_time"
    lines[0] += "2026-06-01"
    (tmp_path / "library.csv").write_text("\n".join([header, *lines, ""]))
    summary = concepts(tmp_path / "library.csv", tmp_path / "out")
    assert "fees" in summary.lines[-1]
    assert "ran longest, half of them 151 days or more (of all ads 59); weak evidence" in summary.lines[-1]


def test_what_cannot_be_grouped_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("ad_name,headline,impressions,clicks\na,Sleep well,100,3\n")
    with pytest.raises(CatalogError, match="lists 1 different ads; concepts need at least 2"):
        concepts(tmp_path / "one.csv", tmp_path / "out")
    table = write_account(tmp_path / "ads.csv")
    with pytest.raises(ConfigError, match="--impressions must be at least 1"):
        concepts(table, tmp_path / "out", impressions=0)
    with pytest.raises(ConfigError, match="stopped before"):
        concepts(table, tmp_path / "out", should_stop=lambda: True)


def test_names_alone_become_no_words_of_new_ads(tmp_path: Path) -> None:
    export = write_account(tmp_path / "export.csv")
    rows = list(csv.DictReader(export.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        row["ad_name"] = f"{row['ad_name'][-1]} MY Shop {('Video', 'Image', 'Script')[int(row['ad_name'][4])]} 20 % off 2026"
        del row["headline"]
    with export.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    summary = concepts(export, tmp_path / "out", impressions=20_000)
    told = json.loads((tmp_path / "out" / "concepts.json").read_text())
    assert summary.lines[0] == "12 ads are 3 concepts"
    assert not told["twins"]
    assert not [one for one in told["attributes"] if one["kind"] == "words"]
    assert "write its words into next.toml" in summary.lines[-1]
    assert not tomllib.loads((tmp_path / "out" / "next.toml").read_text())["messages"]


def test_an_export_with_orders_tells_what_they_are_worth(tmp_path: Path) -> None:
    export = write_account(tmp_path / "export.csv")
    rows = list(csv.DictReader(export.read_text(encoding="utf-8").splitlines()))
    rng = np.random.default_rng(1)
    for row in rows:
        won = int(rng.binomial(int(row["clicks"]), 0.4 if row["ad_name"].startswith("idea1") else 0.1))
        row["Ad name"], row["Day"], row["Title"] = row.pop("ad_name"), row.pop("day"), row.pop("headline")
        row["Impressions"], row["Link clicks"] = row.pop("impressions"), row.pop("clicks")
        row["Amount spent (USD)"] = f"{0.5 * int(row['Link clicks']):.2f}"
        row["Purchases"], row["Purchases conversion value"] = (str(won), f"{40 * won:.2f}") if won else ("", "")
    with export.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    summary = concepts(export, tmp_path / "out", impressions=20_000)
    told = json.loads((tmp_path / "out" / "concepts.json").read_text())
    assert any("tired" in line for line in summary.lines)
    assert set(told["further"]) == {"conversions", "value", "cost"}
    runners = next(at for at, one in enumerate(told["concepts"]) if "unners" in one["label"])
    assert told["further"]["conversions"]["concepts"][runners]["change_low"] > 0.3
    assert told["further"]["cost"]["concepts"][runners]["change_high"] < -0.3
    assert any("% conversions" in line for line in summary.lines)
    assert "cost " in (tmp_path / "out" / "report.html").read_text()
