"""Realised uplift: what edits are worth in a market whose true rates are known, per search algorithm, at equal budgets.

    python -m tests.bench.uplift --out uplift.json                    ten markets that no shipped model has seen
    python -m tests.bench.uplift --train 400                          the same after training on 400 ads of each market
    python -m tests.bench.uplift --kinds faces look words all         each kind of change for itself, and all together
    python -m tests.bench.uplift --curve 6 --generations 30           predicted against true uplift over generations
    python -m tests.bench.uplift --compose                            new ads composed for brands, see `composed_uplift`

Creatives of each market are edited by each algorithm, and the planted truth tells what was delivered. A kept creative counts
as uplift 0. Without results of the market nothing is promised: then "best of the set" counts, the true uplift of the best of
the versions that are offered for a test, the ad as it is among them, as a test with enough traffic finds it. Intervals are 95 %
bootstrap intervals over creatives, paired across algorithms.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.scoring.final_pixels import compose_creative
from adcreative.editor.session import EditorConfig, EditorTools, EditOutcome, Session, SessionSettings, open_session
from adcreative.errors import CreativeError

ALGORITHMS = ("nsga2", "adsee", "random")
MARKETS = tuple(range(1, 11))
_NO_WORDS: Mapping[str, Any] = {
    "num_headlines": 0,
    "num_descriptions": 0,
    "num_crossed": 0,
    "num_buttons": 0,
    "set_text": False,
}
KINDS: Mapping[str, Mapping[str, Any]] = {  # kind of change -> settings under which nothing else is changed
    "faces": {**_NO_WORDS, "edit_look": False},
    "look": {**_NO_WORDS, "edit_look": True, "max_faces": 0},
    "words": {"edit_look": False, "max_faces": 0, "set_text": True},
    "all": {"edit_look": True, "set_text": True},
}
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
    uplift_low: float | None
    uplift_high: float | None
    evaluations: int
    seconds: float
    reason: str
    best_offered: float = 0.0
    num_offered: int = 0


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

    true, predicted, expected: mean relative uplift over all creatives, kept ones as 0; predicted is what the result says (all
    three models), expected the same of the verdict.
    realised: true over predicted. times_random: true uplift over random search's. worse_share: of delivered creatives, those
    whose true rate fell; held_share: of delivered creatives, those whose true uplift the result's 90 % interval holds.
    best_offered: mean true uplift of the best version of each set that is offered for a test, num_offered versions on average.
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
    held_share: float
    best_offered: Interval
    num_offered: float
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
                session = open_session(creative, SessionSettings(config=replace(config, algorithm=algorithm)), tools)
                outcome = session.search()
            except CreativeError as error:
                log(f"{creative.name}: left out, {error}")
                break
            trials.append(_trial(algorithm, creative, session, outcome, market))
            log(
                f"{creative.name} {algorithm} {trials[-1].status}: true {trials[-1].true_uplift:+.3f}, "
                f"predicted {trials[-1].predicted_uplift:+.3f}, {trials[-1].seconds:.1f} s; {trials[-1].reason}"
            )
    return trials


def run_kinds(
    creatives: Sequence[Creative],
    market: KnowsTruth,
    tools: EditorTools,
    config: EditorConfig,
    algorithms: Sequence[str],
    kinds: Sequence[str],
    *,
    log: Log = lambda line: None,
) -> list[Trial]:
    """Return the trials of each kind of change (of KINDS) for itself; the algorithm's name is followed by the kind's."""
    trials = []
    for kind in kinds:
        alone = replace(config, **KINDS[kind])
        found = run_trials(creatives, market, tools, alone, algorithms, log=log)
        trials += [replace(trial, algorithm=f"{trial.algorithm}, {kind}") for trial in found]
    return trials


def _trial(algorithm: str, creative: Creative, session: Session, outcome: EditOutcome, market: KnowsTruth) -> Trial:
    result, is_edited = outcome.result, outcome.result.status == "edited"
    final = replace(creative, headline=result.headline_edited, description=result.description_edited, cta=result.cta_edited)
    before, after = market.true_ctr(creative), market.true_ctr(final, outcome.image_u8)
    offered = [_true_rate(creative, session, outcome, number, market) for number in range(len(outcome.alternatives))]
    return Trial(
        algorithm=algorithm,
        name=creative.name,
        status=result.status,
        true_uplift=after / before - 1 if is_edited else 0.0,
        predicted_uplift=_change(result.ctr_original, result.ctr_edited),
        expected_uplift=float(np.expm1(outcome.verdict.expected)) if is_edited and outcome.verdict else 0.0,
        judged_uplift=_change(result.ctr_original_judge, result.ctr_edited_judge),
        uplift_low=result.uplift_low,
        uplift_high=result.uplift_high,
        evaluations=result.evaluations,
        seconds=result.seconds,
        reason=result.reason,
        best_offered=max([before, *offered]) / before - 1,
        num_offered=len(offered),
    )


def _true_rate(creative: Creative, session: Session, outcome: EditOutcome, number: int, market: KnowsTruth) -> float:
    """Return the planted rate of one of the versions that are offered, by its final pixels and words."""
    one = outcome.alternatives[number]
    words = replace(creative, headline=one.headline, description=one.description, cta=one.cta)
    return market.true_ctr(words, session.picture(number))


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
        rows.append(
            UpliftRow(
                algorithm=name,
                num_creatives=num,
                num_delivered=len(delivered),
                true=_mean(true, picks),
                predicted=_mean(predicted, picks),
                expected=_mean(expected, picks),
                realised=_ratio(true, predicted, picks),
                times_random=_ratio(true, baseline if len(baseline) == num else np.full(num, np.nan), picks),
                worse_share=sum(trial.true_uplift < 0 for trial in delivered) / max(len(delivered), 1),
                held_share=sum(_is_held(trial) for trial in delivered) / max(len(delivered), 1),
                best_offered=_mean(np.array([trial.best_offered for trial in group]), picks),
                num_offered=float(np.mean([trial.num_offered for trial in group])),
                evaluations=float(np.mean([trial.evaluations for trial in group])),
                seconds=float(np.mean([trial.seconds for trial in group])),
            )
        )
    return rows


def _is_held(trial: Trial) -> bool:
    """Return whether the true uplift lies in the interval that the result states."""
    low, high = trial.uplift_low, trial.uplift_high
    return low is not None and high is not None and low <= trial.true_uplift <= high


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
) -> list[tuple[float, float, float]]:
    """Return (predicted, second opinion, true) uplift in log-odds of the best candidate after each generation.

    Predicted and second opinion are the search's and the judge's means; the truth is that of the candidate composed at full
    size. When the first goes on rising and the last does not, the search has begun to exploit its predictor.
    """
    session = open_session(creative, SessionSettings(config=config), tools)
    outcome, space = session.search(), session.space
    start, truths, curve = _log_odds(market.true_ctr(creative)), {}, []
    for best, second in zip(outcome.search.best_so_far, outcome.search.logbook.select("second"), strict=True):
        key = space.key(best)
        if key not in truths:
            composed = compose_creative(session.opened, space.plans([best])[0], session.lines)
            truths[key] = _log_odds(market.true_ctr(composed)) - start
        curve.append((best.score.uplift_mean if best.score else 0.0, second, truths[key]))
    return curve


def average_curves(curves: Sequence[Sequence[tuple[float, float, float]]]) -> np.ndarray:
    """Return the mean curve [G, 3]; one that ended early goes on at its last point, since that is what it delivers."""
    longest = max(len(curve) for curve in curves)
    return np.mean([[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves], axis=0)


def render_curve(mean: np.ndarray) -> str:
    """Return the mean curve as a Markdown table, in percent of the odds."""
    lines = ["| generation | predicted | second opinion | true |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {number} | " + " | ".join(f"{100 * np.expm1(v):+.1f} %" for v in row) + " |" for number, row in enumerate(mean)
    ]
    return "\n".join(lines)


def _log_odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def render_table(rows: Sequence[UpliftRow]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| search | edited | true uplift | predicted | realised | times random | truly worse | interval holds "
        "| best of the set | evaluations | s each |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.algorithm} | {row.num_delivered} of {row.num_creatives} | {row.true} | {row.predicted} | "
            f"{row.realised} | {row.times_random} | {100 * row.worse_share:.0f} % | "
            f"{100 * row.held_share:.0f} % | {row.best_offered} of {row.num_offered:.1f} | {row.evaluations:.0f} "
            f"| {row.seconds:.1f} |"
        )
    return "\n".join(lines)


def fit_judges(creatives: Sequence[Creative], extractor: Any, *, start: Any = None, seed: int = 0) -> Any:
    """Fit predictor, judge and auditor to creatives with results, as `train` does: on top of `start`, or on nothing."""
    from adcreative.ctr.account.fitting import fit_account
    from adcreative.ctr.config import PredictorConfig
    from adcreative.verbs.loading import Judges

    seen = zip(creatives, extractor.extract(creatives), strict=True)
    kept = [(creative, features) for creative, features in seen if not isinstance(features, CreativeError)]
    known, features = [creative for creative, _ in kept], [one for _, one in kept]
    config = PredictorConfig(encoder_hashes=extractor.hashes)
    return Judges(*fit_account(known, features, seed=seed, config=config, shipped=start or (None, None, None)))


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, nargs="+", default=list(MARKETS), help="seeds of planted truths")
    parser.add_argument("--num", type=int, default=8, help="creatives edited per market")
    parser.add_argument("--train", type=int, default=0, help="creatives with results per market; 0: the shipped models")
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS))
    parser.add_argument("--population", type=int, default=EditorConfig.population_size)
    parser.add_argument("--generations", type=int, default=EditorConfig.generations)
    parser.add_argument("--risk-aversion", type=float, default=EditorConfig.risk_aversion)
    parser.add_argument("--patience", type=int, default=EditorConfig.patience)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copywriter", default="template", help="who writes lines: template, smollm2, ...")
    parser.add_argument("--from-scratch", action="store_true", help="fit to the market alone, not on top of the shipped models")
    parser.add_argument("--look", action="store_true", help="edit light, colour and crop too, and set words into pictures")
    parser.add_argument("--no-words", action="store_true", help="edit faces only")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=[], help="kinds of change, each for itself, of ads with a face to edit"
    )
    parser.add_argument(
        "--curve", type=int, default=0, help="creatives per market for the curve over generations, nothing else"
    )
    parser.add_argument("--compose", action="store_true", help="compose new ads in markets of their own, nothing else")
    parser.add_argument("--out", type=Path, default=None, help="JSON with rows and trials")
    return parser.parse_args()


def main() -> None:
    """Run the experiment and print the table; trials are written as they come."""
    import torch

    from adcreative.verbs.loading import load_market, load_model, load_tools

    arguments = parse_arguments()
    torch.set_num_threads(1)
    if arguments.compose:
        from tests.bench import composed_uplift  # it takes intervals from here

        composed_uplift.main(composed_uplift.MARKETS if arguments.markets == list(MARKETS) else arguments.markets)
        return
    tools, trials, curves = load_tools(arguments.copywriter), [], []
    config = EditorConfig(
        seed=arguments.seed,
        population_size=arguments.population,
        generations=arguments.generations,
        risk_aversion=arguments.risk_aversion,
        patience=arguments.patience,
        edit_look=arguments.look,
        set_text=arguments.look,
    )
    if arguments.no_words:
        config = replace(config, num_headlines=0, num_descriptions=0)
    for market_seed in arguments.markets:
        started_s, market, judges = time.monotonic(), load_market(market_seed), load_model(None)
        if arguments.train:
            account = market.make_creatives(arguments.train, seed=1)
            judges = fit_judges(account, tools.extractor, start=None if arguments.from_scratch else judges)
        print(f"market {market_seed}: models ready after {time.monotonic() - started_s:.0f} s", flush=True)
        num = arguments.curve or arguments.num
        fresh = market.make_creatives(4 * num, seed=2, results=False)
        needs_face = arguments.no_words or bool(arguments.kinds)
        ads = [ad for ad in fresh if ad.has_image and (ad.consent_id or not needs_face)][:num]
        editor_tools = tools.editor_tools(judges, None)
        if arguments.curve:
            curves += [measure_hacking(ad, market, editor_tools, config) for ad in ads]
            print(render_curve(average_curves(curves)), flush=True)
            continue
        say = partial(print, flush=True)
        if arguments.kinds:
            trials += run_kinds(ads, market, editor_tools, config, arguments.algorithms, arguments.kinds, log=say)
        else:
            trials += run_trials(ads, market, editor_tools, config, arguments.algorithms, log=say)
        rows = tabulate(trials)
        print(render_table(rows), flush=True)
        if arguments.out is not None:
            content = {"rows": [asdict(row) for row in rows], "trials": [asdict(trial) for trial in trials]}
            arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
