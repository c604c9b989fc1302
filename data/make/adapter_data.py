"""Files to tune the copywriter's model on, from real headline tests: approved lines, preference pairs, and all headlines.

    python -m data.make.adapter_data packages-train.parquet runs/lora    # approved.jsonl, pairs.jsonl, headlines.jsonl

The brief of an approved line is the lede of its article, cut short, since packages of a test share the article; only tests of
the training part of the split are used. Pairs have no lede: it is the same for both lines, and reading it twice is nearly
half of the training's time.
"""

from __future__ import annotations

import argparse
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import digamma, ndtr, polygamma

from adcreative.artifacts import write_atomically
from adcreative.copywriter.brief import Brief, clean_text
from adcreative.errors import TrainingError
from adcreative.papers.post_training.data import line_prompt
from data.make.headline_tests import HeadlineTests, build_pairs, normalise_headline, read_headline_tests

Row = dict[str, str]
ABOUT_CHARACTERS = 70
_IDLE_EXCERPTS = 20  # an excerpt used by this many tests says nothing about the article


def read_tests(parquet_path: Path, part: str) -> tuple[HeadlineTests, list[str]]:
    """Return the tests of one part of the split and a text about each test's article [T].

    "tune" excludes tests that share a headline with another part, and tests of the weeks whose randomisation the
    archive's maintainers distrust.

    Raises:
        TrainingError: a column is missing or no test is left.
    """
    tests = read_headline_tests(parquet_path)
    chosen = tests.part(part)
    if part == "tune":
        others = [tests.part(name) for name in ("calibrate", "held-out")]
        elsewhere = {normalise_headline(text) for other in others for text in other.headlines}
        shared = np.array([normalise_headline(text) in elsewhere for text in chosen.headlines], bool)
        is_shared = np.bincount(chosen.test_idx, shared, len(chosen.test_ids)) > 0
        chosen = chosen.select(~(is_shared | chosen.is_imbalanced()))
    if not chosen.test_ids:
        raise TrainingError(f"{parquet_path} has no test in the part {part!r} of the split; more tests are needed.")
    about = _about_of_tests(parquet_path)
    return chosen, [about.get(test_id, "") for test_id in chosen.test_ids]


def line_prompts(about: Sequence[str]) -> list[str]:
    """Return the copywriter's prompt for a headline of each article."""
    return [line_prompt(Brief(description=one)) for one in about]


def win_probability(clicks: np.ndarray, impressions: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the posterior probability [K] that arm first[k] has a higher click rate than arm second[k].

    Rates have Jeffreys' prior, so that rate ~ Beta(a, b) with a = clicks + 1/2, b = impressions - clicks + 1/2. Its log-odds
    have mean psi(a) - psi(b) and variance psi'(a) + psi'(b), exactly; their difference is approximated as normal.
    """
    a, b = clicks + 0.5, np.maximum(impressions - clicks, 0) + 0.5
    mean, variance = digamma(a) - digamma(b), polygamma(1, a) + polygamma(1, b)
    gap = (mean[first] - mean[second]) / np.sqrt(variance[first] + variance[second])
    return np.asarray(ndtr(gap), np.float64)


def preference_pairs(tests: HeadlineTests, *, min_probability: float = 0.95, max_uses: int = 2) -> list[Row]:
    """Return pairs (chosen, rejected) of well separated arms, the largest differences first.

    min_probability: of the chosen arm being truly better; other pairs are noise and left out. max_uses: maximum uses of an arm
    on one side, so that tests of many arms do not outweigh the others.
    """
    pairs = build_pairs(tests)
    probability = win_probability(tests.clicks, tests.impressions, pairs.first, pairs.second)
    rate = (tests.clicks + 0.5) / (tests.impressions + 1)
    gap = np.log(rate[pairs.first] / rate[pairs.second])
    wins, losses = np.zeros(len(tests.headlines), int), np.zeros(len(tests.headlines), int)
    found = []
    for place in np.argsort(-gap, kind="stable"):
        first, second = pairs.first[place], pairs.second[place]
        better, worse = tests.headlines[first], tests.headlines[second]
        is_usable = probability[place] >= min_probability and max(wins[first], losses[second]) < max_uses
        if is_usable and normalise_headline(better) != normalise_headline(worse):
            wins[first] += 1
            losses[second] += 1
            found.append({"chosen": better, "rejected": worse})
    return found


def approved_lines(tests: HeadlineTests, about: Sequence[str], *, min_probability: float = 0.9) -> list[Row]:
    """Return description and line for the best arm of each test that is better than the pooled other arms of the test."""
    found = []
    for test in range(len(tests.test_ids)):
        arms = np.flatnonzero(tests.test_idx == test)
        best = arms[np.argmax((tests.clicks[arms] + 0.5) / (tests.impressions[arms] + 1))]
        rest = arms[arms != best]
        clicks = np.array([tests.clicks[best], tests.clicks[rest].sum()])
        impressions = np.array([tests.impressions[best], tests.impressions[rest].sum()])
        if win_probability(clicks, impressions, np.array([0]), np.array([1]))[0] >= min_probability:
            found.append({"description": about[test], "line": tests.headlines[best]})
    return found


def _about_of_tests(parquet_path: Path) -> dict[str, str]:
    """Return a short text about each test's article: its most frequent lede, else an excerpt that is no stock phrase."""
    packages = pd.read_parquet(parquet_path)
    columns = [name for name in ("lede", "excerpt") if name in packages.columns]
    for name in columns:
        packages[name] = [_plain(text) for text in packages[name]]
    if "excerpt" in columns:
        used = packages.groupby("excerpt").clickability_test_id.nunique()
        packages.loc[packages.excerpt.isin(used[used >= _IDLE_EXCERPTS].index), "excerpt"] = ""
    about = {}
    for test_id, rows in packages.groupby("clickability_test_id"):
        for name in columns:
            texts = rows[name][rows[name] != ""].value_counts(sort=False)
            if len(texts):
                most = sorted(texts.index[texts == texts.max()])[0]
                about[str(test_id)] = _cut_words(most)
                break
    return about


def _plain(markup: object) -> str:
    return clean_text(html.unescape(re.sub(r"<[^>]*>", " ", markup))) if isinstance(markup, str) else ""


def _cut_words(text: str) -> str:
    if len(text) <= ABOUT_CHARACTERS:
        return text
    return text[: max(text.rfind(" ", 0, ABOUT_CHARACTERS + 1), ABOUT_CHARACTERS // 2)].rstrip()


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    tests, about = read_tests(arguments.parquet, "tune")
    rows: dict[str, list[Row]] = {
        "approved": approved_lines(tests, about),
        "pairs": preference_pairs(tests),
        "headlines": [{"text": text} for text in dict.fromkeys(tests.headlines)],
    }
    for name, found in rows.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        write_atomically(arguments.out / f"{name}.jsonl", lines.encode())
        print(f"{name}: {len(found)}")


if __name__ == "__main__":
    main()
