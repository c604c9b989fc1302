"""Measure an adapter against the model below it on held-out headline tests, and write its card.

python -m data.make.adapter_card packages.parquet --adapter RUN/3/adapter --export DIR
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from adcreative.artifacts import write_atomically
from adcreative.copywriter.engines.adapter import CONFIG_FILE, WEIGHTS_FILE, merge_adapter
from adcreative.copywriter.engines.decoding import SamplingConfig
from adcreative.encoders.headline import HeadlineModel
from adcreative.metrics.bootstrap import Interval
from adcreative.papers.post_training.model import BASE_NAME, Model, load_base, write_adapter
from data.make.adapter_data import line_prompts, read_tests
from data.make.adapter_measures import (
    LineLikelihoods,
    is_malformed,
    is_repetitive,
    length_matched_wins,
    line_likelihoods,
    perplexity,
    preference_accuracy,
    ratio_interval,
    sample_lines,
)
from data.make.headline_tests import ATTRIBUTION, HeadlineTests

SAMPLING = SamplingConfig(max_new_tokens=28, temperature=0.8, top_p=0.9)
NUM_BRIEFS, LINES_PER_BRIEF = 40, 10
WRITERS = ("base", "tuned")

Draft = tuple[str, bool]  # a line, and whether it is finished
Drafts = dict[str, list[list[Draft]]]  # by writer and brief
LineScorer = Callable[[Sequence[str]], np.ndarray]  # lines [N] -> scores [N], larger is better


def evaluate_and_export(parquet_path: Path, adapter: Path, export: Path | None) -> dict[str, Any]:
    """Return all figures of the card that need no click predictor; with `export`, copy the adapter there with its card.

    adapter: a stage's adapter, or one of its checkpoints.
    """
    tests, about = read_tests(parquet_path, "held-out")
    prompts = line_prompts(about)
    arm_prompts = [prompts[test] for test in tests.test_idx]
    model, tokenizer = load_base()
    likelihoods: dict[str, LineLikelihoods] = {}
    drafts: Drafts = {}
    for name in WRITERS:  # between the two, the adapter is merged into the weights
        if name == "tuned":
            merge_adapter(model, adapter)
        likelihoods[name] = line_likelihoods(model, tokenizer, arm_prompts, tests.headlines, is_bf16=True)
        drafts[name] = write_drafts((model, tokenizer), prompts[:NUM_BRIEFS])
    figures = likelihood_figures(tests, likelihoods["base"], likelihoods["tuned"])
    figures |= draft_figures(drafts, tests, {"win_rate": HeadlineModel.load().score})
    if export is not None:
        write_adapter(load_file(adapter / WEIGHTS_FILE), json.loads((adapter / CONFIG_FILE).read_text()), export)
        write_card(export, figures)
    return figures


def write_drafts(model: Model, prompts: Sequence[str]) -> list[list[Draft]]:
    """Return LINES_PER_BRIEF lines for each prompt; deterministic."""
    return [sample_lines(*model, prompt, LINES_PER_BRIEF, seed=place, config=SAMPLING) for place, prompt in enumerate(prompts)]


def redraft(parquet_path: Path, adapter: Path) -> tuple[Drafts, HeadlineTests]:
    """Return the lines judged by `evaluate_and_export`, generated again, and the held-out tests."""
    tests, about = read_tests(parquet_path, "held-out")
    prompts = line_prompts(about)
    model = load_base()
    base = write_drafts(model, prompts[:NUM_BRIEFS])
    merge_adapter(model[0], adapter)
    return {"base": base, "tuned": write_drafts(model, prompts[:NUM_BRIEFS])}, tests


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write figures.json and README.md into an adapter's folder."""
    notes = folder / "NOTES.md"
    write_atomically(folder / "figures.json", (json.dumps(figures, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomically(folder / "README.md", card(figures, notes.read_text() if notes.is_file() else "").encode())


def likelihood_figures(tests: HeadlineTests, base: LineLikelihoods, tuned: LineLikelihoods) -> dict[str, Any]:
    """Return preference accuracies on significant pairs and perplexities, with intervals, for all and for trusted weeks."""
    scores = {
        "per_token": (tuned.per_token, base.per_token),
        "total": (tuned.total, base.total),
        "log_ratio": (tuned.total - base.total, base.total),
        "log_ratio_per_token": (tuned.per_token - base.per_token, base.per_token),
    }
    figures: dict[str, Any] = {"tests": len(tests.test_ids), "perplexity": {}, "accuracy": {}}
    for name, likelihoods in zip(WRITERS, (base, tuned), strict=True):
        figures["perplexity"][name] = asdict(perplexity(tests, likelihoods))
    balanced = ~tests.is_imbalanced()
    weeks = {"all": np.ones(len(tests.test_ids), bool), "balanced": balanced}
    for label, keep in weeks.items():
        kept, rows = tests.select(keep), keep[tests.test_idx]
        figures["accuracy"][label] = {
            name: {
                "base": asdict(preference_accuracy(kept, below[rows])),
                "tuned": asdict(preference_accuracy(kept, above[rows])),
                "gain": asdict(preference_accuracy(kept, above[rows], below[rows])),
            }
            for name, (above, below) in scores.items()
        }
    return figures


def draft_figures(drafts: Drafts, tests: HeadlineTests, judges: Mapping[str, LineScorer]) -> dict[str, Any]:
    """Return length-matched win rates of tuned over base lines, the shares of faulty lines, and sample lines.

    judges: name of the figure -> scorer that decides which line is better.
    """
    lines = {name: [[line for line, _ in rows] for rows in drafts[name]] for name in WRITERS}
    wins = {name: _wins(lines["tuned"], lines["base"], judge) for name, judge in judges.items()}
    by_test = [np.flatnonzero(tests.test_idx == test) for test in range(len(tests.test_ids))]
    groups = {**drafts, "real headlines": [[(tests.headlines[arm], True) for arm in arms] for arms in by_test]}
    return {
        "briefs": len(lines["tuned"]),
        "lines_per_brief": LINES_PER_BRIEF,
        "matched_pairs": int(next(iter(wins.values()))[1].sum()),
        **{name: asdict(ratio_interval(*counts)) for name, counts in wins.items()},
        "faults": {name: _faults(rows) for name, rows in groups.items()},
        "lines": {name: [line for rows in lines[name][:8] for line in rows[:2]] for name in WRITERS},
    }


def _wins(tuned: list[list[str]], base: list[list[str]], judge: LineScorer) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of length-matched pairs of each brief won by tuned lines, and the number of pairs, both [briefs]."""
    matched = [length_matched_wins(ours, judge(ours), others, judge(others)) for ours, others in zip(tuned, base, strict=True)]
    wins, counts = (np.array(column, float) for column in zip(*matched, strict=True))
    return wins, counts


def _faults(groups: list[list[Draft]]) -> dict[str, Any]:
    counts = np.array([len(group) for group in groups], float)
    repetitive = np.array([sum(is_repetitive(line) for line, _ in group) for group in groups], float)
    malformed = np.array([sum(is_malformed(line, is_finished=done) for line, done in group) for group in groups], float)
    characters = np.array([sum(len(line) for line, _ in group) for group in groups], float)
    return {
        "repetitive": asdict(ratio_interval(repetitive, counts)),
        "malformed": asdict(ratio_interval(malformed, counts)),
        "characters": float(characters.sum() / counts.sum()),
    }


def card(figures: dict[str, Any], notes: str = "") -> str:
    """Return the README.md of the adapter's folder; notes: remarks of a person who read the lines (NOTES.md there)."""
    show = lambda figure: str(Interval(**figure))  # noqa: E731
    names = {
        "per_token": "log-likelihood per token",
        "total": "log-likelihood, summed",
        "log_ratio": "log-ratio to the base model, summed (DPO's implicit reward)",
        "log_ratio_per_token": "log-ratio to the base model, per token",
    }
    weeks = {"all": "all weeks", "balanced": "without 25 June 2013 - 10 January 2014"}
    accuracy = "\n".join(
        f"| {names[name]} | {weeks[label]} | {show(row['base'])} | {show(row['tuned'])} | {show(row['gain'])} |"
        for label, rows in figures["accuracy"].items()
        for name, row in rows.items()
    )
    faults = "\n".join(
        f"| {name} | {show(row['repetitive'])} | {show(row['malformed'])} | {row['characters']:.0f} |"
        for name, row in figures["faults"].items()
    )
    return (
        (Path(__file__).parent / "adapter_card.md")
        .read_text(encoding="utf-8")
        .format(
            base_name=BASE_NAME,
            attribution=ATTRIBUTION,
            accuracy=accuracy,
            faults=faults,
            tests=figures["tests"],
            base_perplexity=show(figures["perplexity"]["base"]),
            tuned_perplexity=show(figures["perplexity"]["tuned"]),
            win_rate=show(figures["win_rate"]),
            pairs=figures["matched_pairs"],
            briefs=figures["briefs"],
            lines=figures["lines_per_brief"],
            predictor=_predictor_said(figures.get("predictor_win_rate")),
            notes=f"{notes.strip()}\n\n" if notes.strip() else "",
        )
    )


def _predictor_said(win_rate: dict[str, float] | None) -> str:
    if win_rate is None:
        return ""
    return f"""
By the shipped click predictor (`data/weights/predictor`), over the same pairs, each line the headline of an ad with nothing
else: {Interval(**win_rate)}. The predictor reads the same headline score beside what the words say, and was fitted to the same
archive, so this is no independent opinion. Figures about written lines are made by
`python -m data.make.adapter_wins packages-train.parquet data/weights/copywriter`.
"""


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="parquet file of headline tests; figures are of its held-out part")
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--export", type=Path, help="copy the adapter there, with a card of the figures")
    arguments = parser.parse_args()
    print(json.dumps(evaluate_and_export(arguments.data, arguments.adapter, arguments.export), indent=2))


if __name__ == "__main__":
    main()
