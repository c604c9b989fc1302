"""What the adapter is tuned on: the training part of real headline tests, as files that post-training reads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.errors import TrainingError
from adcreative.papers.post_training.data import read_approved, read_corpus, read_preferences
from data.make.adapter_data import approved_lines, line_prompts, main, preference_pairs, read_tests, win_probability
from data.make.headline_tests import HeadlineTests, part_of_test


def make_tests() -> HeadlineTests:
    """Two tests: the first with a clear winner, a clear loser and noise between; the second with nothing to tell apart."""
    headlines = ("Win", "Middle", "Lose", "Same", "Same too")
    clicks = np.array([300.0, 200.0, 100.0, 50.0, 51.0])
    return HeadlineTests(("a", "b"), np.array([0, 0, 0, 1, 1]), headlines, np.full(5, 5000.0), clicks, np.zeros(5, np.int64))


def test_pairs_are_well_separated_and_limited_per_arm() -> None:
    pairs = preference_pairs(make_tests(), min_probability=0.95)
    assert [(row["chosen"], row["rejected"]) for row in pairs] == [("Win", "Lose"), ("Middle", "Lose"), ("Win", "Middle")]
    assert len(preference_pairs(make_tests(), min_probability=0.95, max_uses=1)) == 1 + 1 - 1
    assert preference_pairs(make_tests(), min_probability=0.5)[-1]["chosen"].startswith("Same")


def test_the_approved_line_is_the_winner_of_a_decided_test() -> None:
    assert approved_lines(make_tests(), ["p", "q"]) == [{"description": "p", "line": "Win"}]


def test_win_probability_agrees_with_draws_from_the_posterior() -> None:
    rng = np.random.default_rng(0)
    clicks, impressions = np.array([60.0, 45.0, 60.0]), np.array([3000.0, 3000.0, 3000.0])
    draws = rng.beta(clicks + 0.5, impressions - clicks + 0.5, size=(200_000, 3))
    found = win_probability(clicks, impressions, np.array([0, 1, 0]), np.array([1, 0, 2]))
    assert found == pytest.approx([(draws[:, 0] > draws[:, 1]).mean(), (draws[:, 1] > draws[:, 0]).mean(), 0.5], abs=3e-3)


def write_archive(path: Path, num_tests: int = 60) -> Path:
    rows = []
    for test in range(num_tests):
        for arm, clicks in enumerate((90, 30)):
            rows.append(
                {
                    "clickability_test_id": f"t{test}",
                    "headline": f"Headline {arm} of {test}",
                    "impressions": 3000,
                    "clicks": clicks,
                    "test_week": 201330 if test == 0 else 201440,
                    "excerpt": "Pass it on.",
                    "lede": f"<p>Story&nbsp;{test}, told <b>well</b>.</p>" if test % 2 else "",
                }
            )
    frame = pd.DataFrame(rows)
    shared = next(f"t{test}" for test in range(num_tests) if part_of_test(f"t{test}") == "held-out")
    is_first = frame.clickability_test_id == next(f"t{t}" for t in range(1, num_tests) if part_of_test(f"t{t}") == "tune")
    frame.loc[is_first, "headline"] = frame.loc[frame.clickability_test_id == shared, "headline"].to_numpy()
    frame.to_parquet(path)
    return path


def test_nothing_of_another_part_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_archive(tmp_path / "packages.parquet")
    tests, about = read_tests(path, "tune")
    held_out, _ = read_tests(path, "held-out")
    assert {part_of_test(name) for name in tests.test_ids} == {"tune"}
    assert not set(tests.headlines) & set(held_out.headlines)
    all_tune = {f"t{test}" for test in range(60) if part_of_test(f"t{test}") == "tune"}
    assert len(all_tune - set(tests.test_ids)) == (2 if part_of_test("t0") == "tune" else 1)  # shared words; doubtful weeks
    by_test = dict(zip(tests.test_ids, line_prompts(about), strict=True))
    odd, even = (next(name for name in tests.test_ids if int(name[1:]) % 2 == rest) for rest in (1, 0))
    assert by_test[odd] == f"About: Story {odd[1:]}, told well .\nHeadlines:\n-"
    assert by_test[even] == "Headlines:\n-"  # a standing phrase under every test is not about it
    monkeypatch.setattr(sys, "argv", ["adapter_data", str(path), str(tmp_path)])
    main()
    pairs, approved = read_preferences(tmp_path / "pairs.jsonl"), read_approved(tmp_path / "approved.jsonl")
    assert len(pairs) == len(approved) == len(tests.test_ids)
    assert {row["prompt"] for row in approved} == set(line_prompts(about))
    assert {row["prompt"] for row in pairs} == {"Headlines:\n-"}
    assert {row["text"] for row in read_corpus(tmp_path / "headlines.jsonl")} == set(tests.headlines)


def test_a_test_file_without_tests_of_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no test in the part 'held-out'"):
        read_tests(write_one_test(tmp_path / "one.parquet"), "held-out")


def write_one_test(path: Path) -> Path:
    name = next(f"t{test}" for test in range(60) if part_of_test(f"t{test}") == "tune")
    columns = {"clickability_test_id": name, "headline": ["A b", "C d"], "impressions": 100, "clicks": [1, 2]}
    pd.DataFrame(columns).to_parquet(path)
    return path
