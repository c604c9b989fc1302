"""Training data for the copywriter's model: approved lines and preference pairs, from real tests or a brand's own file.

Prompts have the shape that the copywriter uses (see prompts.py): the brief, `Headlines:` and a dash; the answer is a space and
the line. Two sources:
    a parquet file of headline tests (encoders.headline_tests): the brief is the article's lede, cut short, since the packages
        of a test share the article; only tests of one part of the split are used;
    a .jsonl file, one object a line: brand, product, description (all optional) and `line`, or `chosen` and `rejected`.
Knows words and counts; does not know the network. No torch.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import digamma, ndtr, polygamma

from adcreative.copywriter.brief import Brief, clean_text, read_facts
from adcreative.copywriter.engines.prompts import brief_prompt
from adcreative.encoders.headline_tests import HeadlineTests, build_pairs, normalise_headline, read_headline_tests
from adcreative.errors import TrainingError

Example = dict[str, str]
ABOUT_CHARACTERS = 70
BRIEF_FIELDS = ("brand", "product", "description")
_IDLE_EXCERPTS = 20  # an excerpt that stands under this many tests says nothing about the article


def line_prompt(brief: Brief) -> str:
    """Return the copywriter's prompt for one headline, without the examples that go before it: training is example enough."""
    return brief_prompt(read_facts(brief), "headline").lstrip("\n") + "-"


def read_tests(parquet_path: Path, part: str) -> tuple[HeadlineTests, list[str]]:
    """Return the tests of one part of the split and the prompt [T] of each.

    From "tune" the tests are left out that share a headline with another part, and those of the weeks whose randomisation
    the archive's maintainers distrust.

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
    return chosen, [line_prompt(Brief(description=about.get(test_id, ""))) for test_id in chosen.test_ids]


def win_probability(clicks: np.ndarray, impressions: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the posterior probability [K] that arm first[k] has a higher click rate than arm second[k].

    Rates have Jeffreys' prior, so that rate ~ Beta(a, b) with a = clicks + 1/2, b = impressions - clicks + 1/2. Its log-odds
    have mean psi(a) - psi(b) and variance psi'(a) + psi'(b), exactly; their difference is taken as normal.
    """
    a, b = clicks + 0.5, np.maximum(impressions - clicks, 0) + 0.5
    mean, variance = digamma(a) - digamma(b), polygamma(1, a) + polygamma(1, b)
    gap = (mean[first] - mean[second]) / np.sqrt(variance[first] + variance[second])
    return np.asarray(ndtr(gap), np.float64)


def preference_pairs(
    tests: HeadlineTests, prompts: Sequence[str], *, min_probability: float = 0.95, max_uses: int = 2
) -> list[Example]:
    """Return prompt, chosen, rejected of well separated arms, the widest gaps first.

    min_probability: of the chosen arm being truly better; the rest is noise and left out. max_uses: how often one arm may
    appear on a side, so that tests of many arms do not outweigh the others.
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
            prompt = prompts[tests.test_idx[first]]
            found.append({"prompt": prompt, "chosen": _answer(better), "rejected": _answer(worse)})
    return found


def approved_lines(tests: HeadlineTests, prompts: Sequence[str], *, min_probability: float = 0.9) -> list[Example]:
    """Return prompt and completion for the best arm of each test that is better than the test's other arms taken together."""
    found = []
    for test in range(len(tests.test_ids)):
        arms = np.flatnonzero(tests.test_idx == test)
        best = arms[np.argmax((tests.clicks[arms] + 0.5) / (tests.impressions[arms] + 1))]
        rest = arms[arms != best]
        clicks = np.array([tests.clicks[best], tests.clicks[rest].sum()])
        impressions = np.array([tests.impressions[best], tests.impressions[rest].sum()])
        if win_probability(clicks, impressions, np.array([0]), np.array([1]))[0] >= min_probability:
            found.append({"prompt": prompts[test], "completion": _answer(tests.headlines[best])})
    return found


def read_approved(path: Path) -> list[Example]:
    """Read approved copy: a parquet file of tests (training part) or .jsonl rows with `line`.

    Raises:
        TrainingError: the file cannot be read, lacks a field, or holds nothing.
    """
    if path.suffix == ".parquet":
        return _not_empty(approved_lines(*read_tests(path, "tune")), path)
    rows = _read_jsonl(path, ("line",))
    return [{"prompt": _row_prompt(row), "completion": _answer(row["line"])} for row in rows]


def read_preferences(path: Path) -> list[Example]:
    """Read pairs: a parquet file of tests (training part) or .jsonl rows with `chosen` and `rejected`.

    Pairs of tests are given without the lede: it is the same for both lines, and reading it twice a pair is nearly half of
    the training's time.

    Raises:
        TrainingError: the file cannot be read, lacks a field, or holds nothing.
    """
    if path.suffix == ".parquet":
        tests, _ = read_tests(path, "tune")
        return _not_empty(preference_pairs(tests, [line_prompt(Brief())] * len(tests.test_ids)), path)
    rows = _read_jsonl(path, ("chosen", "rejected"))
    return [{"prompt": _row_prompt(row)} | {key: _answer(row[key]) for key in ("chosen", "rejected")} for row in rows]


def read_corpus(path: Path) -> list[Example]:
    """Read a brand's corpus as `text` rows: a text file's paragraphs, .jsonl rows with `text`, or a parquet file's headlines.

    Raises:
        TrainingError: the file cannot be read or holds nothing.
    """
    if path.suffix == ".parquet":
        tests, _ = read_tests(path, "tune")
        return [{"text": text} for text in dict.fromkeys(tests.headlines)]
    if path.suffix == ".jsonl":
        return [{"text": clean_text(row["text"])} for row in _read_jsonl(path, ("text",))]
    paragraphs = (clean_text(paragraph) for paragraph in re.split(r"\n\s*\n", _read_text(path)))
    return _not_empty([{"text": paragraph} for paragraph in paragraphs if paragraph], path)


def _answer(line: str) -> str:
    return " " + clean_text(line)


def _row_prompt(row: Example) -> str:
    fields: dict[str, Any] = {name: row.get(name, "") for name in BRIEF_FIELDS}
    return line_prompt(Brief(**fields))


def _not_empty(examples: list[Example], path: Path) -> list[Example]:
    if not examples:
        raise TrainingError(f"{path} holds nothing to learn from: no line, paragraph or well separated pair was found.")
    return examples


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as UTF-8 text ({error}); give a readable file.") from error


def _read_jsonl(path: Path, needed: Sequence[str]) -> list[Example]:
    rows = []
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TrainingError(f"line {number} of {path} is not JSON ({error}); one object a line is needed.") from error
        fields = (*needed, *BRIEF_FIELDS)
        missing = [name for name in needed if not isinstance(row, dict) or not str(row.get(name) or "").strip()]
        if missing:
            raise TrainingError(f"line {number} of {path} has no {' and no '.join(missing)}; fields: {', '.join(fields)}.")
        rows.append({name: str(row.get(name) or "") for name in fields})
    return _not_empty(rows, path)


def _about_of_tests(parquet_path: Path) -> dict[str, str]:
    """Return a short text about each test's article: its most frequent lede, else an excerpt that is not a standing phrase."""
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
