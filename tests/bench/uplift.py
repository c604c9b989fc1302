"""Realised uplift: what edits are worth in a market whose true rates are known, per search algorithm, at equal budgets.

    python -m tests.bench.uplift --markets 1 2 3 --num 8 --out uplift.json

For each market a predictor and a judge are fitted to creatives with results, as an account would; other creatives of the same
market are then edited by each algorithm, and the planted truth tells what was delivered. A kept creative counts as uplift 0.
Intervals are 95 % bootstrap intervals over creatives, paired across algorithms.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.editor import EditorConfig, EditorTools, EditOutcome, edit_creative
from adcreative.editor.finalists import compose_edit
from adcreative.editor.opening import measure_space, open_creative
from adcreative.errors import CreativeError

ALGORITHMS = ("nsga2", "adsee", "hill-climbing", "random")
NUM_RESAMPLES = 2000
Log = Callable[[str], None]


class KnowsTruth(Protocol):
    """A market whose planted click rate can be asked for (market.Market)."""

    def true_ctr(self, creative: Creative, image_u8: np.ndarray | None = None) -> float:
        """Return the true rate of the creative, or of its words with another picture."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One creative edited by one algorithm; uplifts are relative changes of the click rate, 0 when it was kept."""

    algorithm: str
    name: str
    status: str
    true_uplift: float
    predicted_uplift: float
    expected_uplift: float
    judged_uplift: float
    evaluations: int
    seconds: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean or ratio with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


@dataclass(frozen=True, kw_only=True)
class UpliftRow:
    """One line of the table.

    true, predicted, expected: mean relative uplift over all creatives, kept ones as 0; expected is shrunk by the judge.
    realised: true over predicted. times_random: true uplift over random search's. worse_share: of delivered creatives, those
    whose true rate fell.
    """

    algorithm: str
    num_creatives: int
    num_delivered: int
    true: Interval
    predicted: Interval
    expected: Interval
    realised: Interval
    times_random: Interval
    worse_share: float
    evaluations: float
    seconds: float


def measure_uplift(
    creatives: Sequence[Creative],
    market: KnowsTruth,
    tools: EditorTools,
    config: EditorConfig,
    algorithms: Sequence[str] = ALGORITHMS,
    *,
    log: Log = lambda line: None,
) -> list[UpliftRow]:
    """Edit each creative with each algorithm and return one row per algorithm."""
    return tabulate(run_trials(creatives, market, tools, config, algorithms, log=log))


def run_trials(
    creatives: Sequence[Creative],
    market: KnowsTruth,
    tools: EditorTools,
    config: EditorConfig,
    algorithms: Sequence[str] = ALGORITHMS,
    *,
    log: Log = lambda line: None,
) -> list[Trial]:
    """Return one trial per creative and algorithm; a creative that cannot be edited is left out for all."""
    trials: list[Trial] = []
    for creative in creatives:
        for algorithm in algorithms:
            try:
                outcome = edit_creative(creative, tools=tools, config=replace(config, algorithm=algorithm))
            except CreativeError as error:
                log(f"{creative.name}: left out, {error}")
                break
            trials.append(_trial(algorithm, creative, outcome, market))
            log(f"{creative.name} {algorithm} {trials[-1].status}: true {trials[-1].true_uplift:+.3f}, "
                f"predicted {trials[-1].predicted_uplift:+.3f}, {trials[-1].seconds:.1f} s; {trials[-1].reason}")  # fmt: skip
    return trials


def _trial(algorithm: str, creative: Creative, outcome: EditOutcome, market: KnowsTruth) -> Trial:
    result, is_edited = outcome.result, outcome.result.status == "edited"
    final = replace(creative, headline=result.headline_edited, description=result.description_edited, cta=result.cta_edited)
    before, after = market.true_ctr(creative), market.true_ctr(final, outcome.image_u8)
    return Trial(
        algorithm=algorithm, name=creative.name, status=result.status,
        true_uplift=after / before - 1 if is_edited else 0.0,
        predicted_uplift=_change(result.ctr_original, result.ctr_edited),
        expected_uplift=float(np.expm1(outcome.verdict.expected)) if is_edited and outcome.verdict else 0.0,
        judged_uplift=_change(result.ctr_original_judge, result.ctr_edited_judge),
        evaluations=result.evaluations, seconds=result.seconds, reason=result.reason,
    )  # fmt: skip


def _change(before: float | None, after: float | None) -> float:
    return after / before - 1 if before and after is not None else float("nan")


def tabulate(trials: Sequence[Trial], *, seed: int = 0) -> list[UpliftRow]:
    """Return one row per algorithm, in order of first appearance."""
    names = list(dict.fromkeys(trial.algorithm for trial in trials))
    by_name = {name: [trial for trial in trials if trial.algorithm == name] for name in names}
    num = len(by_name[names[0]])
    picks = np.random.default_rng(seed).integers(num, size=(NUM_RESAMPLES, num))
    baseline = np.array([trial.true_uplift for trial in by_name.get("random", [])])
    rows = []
    for name, group in by_name.items():
        true, predicted, expected = (
            np.array([getattr(trial, kind) for trial in group])
            for kind in ("true_uplift", "predicted_uplift", "expected_uplift")
        )
        delivered = [trial for trial in group if trial.status == "edited"]
        rows.append(UpliftRow(
            algorithm=name, num_creatives=num, num_delivered=len(delivered),
            true=_mean(true, picks), predicted=_mean(predicted, picks), expected=_mean(expected, picks),
            realised=_ratio(true, predicted, picks),
            times_random=_ratio(true, baseline if len(baseline) == num else np.full(num, np.nan), picks),
            worse_share=sum(trial.true_uplift < 0 for trial in delivered) / max(len(delivered), 1),
            evaluations=float(np.mean([trial.evaluations for trial in group])),
            seconds=float(np.mean([trial.seconds for trial in group])),
        ))  # fmt: skip
    return rows


def _mean(values: np.ndarray, picks: np.ndarray) -> Interval:
    low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
    return Interval(value=float(values.mean()), low=float(low), high=float(high))


def _ratio(above: np.ndarray, below: np.ndarray, picks: np.ndarray) -> Interval:
    """Return mean(above) / mean(below); NaN where below is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(below[picks].mean(axis=1) > 0, above[picks].mean(axis=1) / below[picks].mean(axis=1), np.nan)
        value = above.mean() / below.mean() if below.mean() > 0 else np.nan
    low, high = np.nanquantile(drawn, (0.025, 0.975)) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return Interval(value=float(value), low=float(low), high=float(high))


def measure_hacking(
    creative: Creative, market: KnowsTruth, tools: EditorTools, config: EditorConfig
) -> list[tuple[float, float]]:
    """Return (predicted, true) uplift in log-odds of the best candidate after each generation, composed at full size.

    When the first goes on rising and the second does not, the search has begun to exploit its predictor.
    """
    outcome = edit_creative(creative, tools=tools, config=config)
    opened = open_creative(creative, tools, config)
    space, _ = measure_space(opened, outcome.lines, tools)
    start, curve = _log_odds(market.true_ctr(creative)), []
    for leader in outcome.search.leaders:
        final = compose_edit(opened, leader, space, outcome.lines).creative
        curve.append((leader.fitness.values[0], _log_odds(market.true_ctr(final)) - start))
    return curve


def _log_odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def render_table(rows: Sequence[UpliftRow]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| search | edited | true uplift | predicted | realised | times random | truly worse | evaluations | s each |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.algorithm} | {row.num_delivered} of {row.num_creatives} | {row.true} | {row.predicted} | "
            f"{row.realised} | {row.times_random} | {100 * row.worse_share:.0f} % | {row.evaluations:.0f} | {row.seconds:.1f} |"
        )
    return "\n".join(lines)


def fit_pair(creatives: Sequence[Creative], extractor: Any, *, seed: int = 0) -> tuple[Any, Any]:
    """Fit a predictor and a judge to creatives with results: other seeds, so other splits and starts."""
    from adcreative.ctr.predictor import Predictor, PredictorConfig

    seen = zip(creatives, extractor.extract(creatives), strict=True)
    kept = [(creative, features) for creative, features in seen if not isinstance(features, CreativeError)]
    known, features = [creative for creative, _ in kept], [one for _, one in kept]
    config = PredictorConfig(encoder_hashes=extractor.hashes)
    first, second = (Predictor.fit(known, features, config, seed=seed + offset) for offset in (0, 1000))
    return first, second


def main() -> None:
    """Run the experiment and print the table; trials are written as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, nargs="+", default=[1, 2, 3], help="seeds of planted truths")
    parser.add_argument("--num", type=int, default=8, help="creatives edited per market")
    parser.add_argument("--train", type=int, default=400, help="creatives with results per market; 0: the shipped models")
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS))
    parser.add_argument("--population", type=int, default=EditorConfig.population_size)
    parser.add_argument("--generations", type=int, default=EditorConfig.generations)
    parser.add_argument("--risk-aversion", type=float, default=EditorConfig.risk_aversion)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copywriter", default="template", help="who writes lines: template, smollm2, ...")
    parser.add_argument("--no-words", action="store_true", help="edit faces only")
    parser.add_argument("--out", type=Path, default=None, help="JSON with rows and trials")
    arguments = parser.parse_args()

    import torch

    from adcreative.tools import load_market, load_model, load_tools

    torch.set_num_threads(1)
    tools, trials = load_tools(arguments.copywriter), []
    config = EditorConfig(
        seed=arguments.seed, population_size=arguments.population, generations=arguments.generations,
        risk_aversion=arguments.risk_aversion,
    )  # fmt: skip
    if arguments.no_words:
        config = replace(config, num_headlines=0, num_descriptions=0)
    for market_seed in arguments.markets:
        started_s, market = time.monotonic(), load_market(market_seed)
        if arguments.train:
            account = market.make_creatives(arguments.train, seed=1)
            predictor, judge = fit_pair(account, tools.extractor)
        else:
            predictor, judge = load_model(None)
        print(f"market {market_seed}: models ready after {time.monotonic() - started_s:.0f} s", flush=True)
        fresh = market.make_creatives(4 * arguments.num, seed=2, results=False)
        ads = [ad for ad in fresh if ad.has_image and (ad.consent_id or not arguments.no_words)][: arguments.num]
        trials += run_trials(
            ads, market, tools.editor_tools(predictor, judge, None), config, arguments.algorithms,
            log=lambda line: print(line, flush=True),
        )  # fmt: skip
        rows = tabulate(trials)
        print(render_table(rows), flush=True)
        if arguments.out is not None:
            content = {"rows": [asdict(row) for row in rows], "trials": [asdict(trial) for trial in trials]}
            arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
