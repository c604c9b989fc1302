"""Evaluation of a click-rate model on creatives outside its training data: figures with intervals over groups, and deciles.

Groups (test, else brand, else creative) are drawn with replacement, because arms of a test and ads of a brand share random
effects. A model that does not differ from the mean rate on these creatives gets the verdict "not enough data", regardless of
other figures. Knows predictors and counts; no files, no pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.calibration import LEVEL
from adcreative.ctr.click_model import ClickModel
from adcreative.ctr.evidence import GRADED, ROW_GRADES
from adcreative.features.batch import CreativeFeatures
from adcreative.features.outcomes import Counts, count_outcomes
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.metrics.calibration import NUM_BINS, equal_weight_bins
from adcreative.metrics.creatives import bootstrap_metrics, evaluate_predictions

PROMISED = (0.88, 0.92)  # acceptable coverage of a 90 % interval
NUM_DRAWS = 400
NOT_ENOUGH = "not enough data"
BETTER = "better than the mean rate"


def measure_held_out(
    predictor: ClickModel, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], *, seed: int = 0
) -> dict[str, Any]:
    """Return the metrics of `evaluate_predictions`, and how far they can be trusted.

    Returns:
        besides the metrics: coverage (share of creatives whose clicks are in the 90 % interval, binomial noise included),
        log_loss_gain (nats per impression under the log-loss of these creatives' own mean rate), intervals (metric -> 90 %
        interval over groups; None with fewer than two groups), reliability (bins of equal impressions: predicted and observed
        rate), deciles (of predicted rate: the same and coverage), impression_deciles (likewise, of impressions), deciles_off
        (number of the former whose coverage interval excludes PROMISED), drift and evidence (see `summarise_evidence`),
        num_groups, verdict: "better than the mean rate" when the interval of log_loss_gain is above 0, else "not enough data",
        and gaps: a sentence for each figure that these creatives cannot give, and what data would give it.
    """
    counts, held_out = count_outcomes(creatives), predictor.rates(creatives, features)
    rates, covered = held_out.rate, held_out.covered
    metrics: dict[str, Any] = evaluate_predictions(creatives, rates)
    intervals: dict[str, Any] = dict(bootstrap_metrics(creatives, rates, seed=seed))
    draws = draw_groups(counts.group, seed=seed)
    metrics["coverage"] = float(covered.mean())
    intervals["coverage"] = _interval(draws, counts.group, covered, np.ones_like(covered))
    metrics["log_loss_gain"], intervals["log_loss_gain"] = _gain(draws, counts, rates)
    is_better = intervals["log_loss_gain"] is not None and intervals["log_loss_gain"][0] > 0
    order = np.argsort(rates, kind="stable")
    bins = equal_weight_bins(rates, counts.impressions)
    equal_impressions = [order[bins[order] == number] for number in range(NUM_BINS)]
    by_decile = np.array_split(order, NUM_BINS)
    metrics["intervals"] = {name: None if pair is None else list(pair) for name, pair in intervals.items()}
    metrics["reliability"] = [_bin(rows, counts, rates, draws, None) for rows in equal_impressions if len(rows)]
    metrics["deciles"] = [_bin(rows, counts, rates, draws, covered) for rows in by_decile if len(rows)]
    by_impressions = np.array_split(np.argsort(counts.impressions, kind="stable"), NUM_BINS)
    metrics["impression_deciles"] = [_bin(rows, counts, rates, draws, covered) for rows in by_impressions if len(rows)]
    metrics["deciles_off"] = sum(map(_is_off, metrics["deciles"]))
    metrics |= summarise_evidence(predictor, creatives, features)
    metrics["num_groups"] = int(draws.shape[1])
    metrics["verdict"] = BETTER if is_better else NOT_ENOUGH
    metrics["gaps"] = _list_gaps(creatives, counts, metrics)
    return metrics


def describe_lonely_tests(creatives: Sequence[Creative]) -> str | None:
    """Return a sentence when there are tests but none has two arms, else None."""
    tests = Counter(creative.test_id for creative in creatives if creative.test_id)
    if not tests or max(tests.values()) > 1:
        return None
    said = f"none of the {len(tests)} tests has two arms: no order within tests can be told."
    return f"{said} Give all arms of one the same test_id."


def _list_gaps(creatives: Sequence[Creative], counts: Counts, metrics: dict[str, Any]) -> list[str]:
    """Return a sentence with the reason for each kind of figure that is None."""
    gaps = []
    if counts.clicks.sum() in (0, counts.impressions.sum()):
        who = "nobody" if counts.clicks.sum() == 0 else "everybody"
        gaps.append(f"{who} clicked in {counts.impressions.sum():.0f} impressions: no order and no level can be told.")
    elif metrics["spearman"] is None:
        gaps.append(f"the {len(creatives)} creatives have one click rate or one prediction: no order across them can be told.")
    if lonely := describe_lonely_tests(creatives):
        gaps.append(lonely)
    elif metrics["pairwise_accuracy"] is None and any(creative.test_id for creative in creatives):
        gaps.append("no test has two arms whose words or pictures and whose rates differ: no order within tests can be told.")
    if metrics["num_groups"] < 2:
        gaps.append("all creatives are of one group (test, else brand): no interval can be told. Add results of others.")
    return gaps


def describe_rows(
    predictor: ClickModel, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]
) -> list[dict[str, Any]]:
    """Return one row per creative: counts, predicted rate with interval, observed rate, coverage, grades.

    covered is 0..1 (see `HeldOutRates`); grade is the row's; grade_words and so on are those of its parts, "" for missing
    parts.
    """
    counts, held_out = count_outcomes(creatives), predictor.rates(creatives, features)
    described = []
    for row, grades in enumerate(_grade(predictor, creatives, features)):
        impressions, clicks = int(counts.impressions[row]), int(counts.clicks[row])
        described.append(
            {
                "name": creatives[row].name,
                "test_id": creatives[row].test_id,
                "impressions": impressions,
                "clicks": clicks,
                **{
                    name: float(f"{value:.6g}")
                    for name, value in (
                        ("observed", clicks / impressions),
                        ("ctr", held_out.rate[row]),
                        ("ctr_low", held_out.low[row]),
                        ("ctr_high", held_out.high[row]),
                        ("covered", held_out.covered[row]),
                    )
                },
                "grade": grades["row"],
                **{f"grade_{name}": grades.get(name, "") for name in GRADED},
            }
        )
    return described


def summarise_evidence(
    predictor: ClickModel, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]
) -> dict[str, Any]:
    """Return the distance of the creatives from the training data, and the evidence behind the predictions.

    Returns:
        drift: "picture" and "words" -> n (creatives with one), far (share beyond the 99 % quantile of held-out creatives; 0.01
        is usual), distance (median, cosine) and usual (that quantile); "context" -> n and far (share with a category missing in
        training). evidence: "rows" -> grade -> number of creatives; "words", "picture", "faces", "context" -> grade (that of
        training), source (a phrase), n, and extrapolated (number of creatives).
    """
    graded = _grade(predictor, creatives, features)
    drift: dict[str, Any] = {}
    for modality, name in (("picture", "image"), ("words", "text")):
        values = [value for one in features if (value := getattr(one, name)) is not None]
        if values and modality in predictor.ood_scores:
            check = predictor.ood_scores[modality]
            distances = check.distances(np.asarray(values, np.float32))
            drift[modality] = {
                "n": len(values),
                "far": float((distances > check.threshold).mean()),
                "distance": float(np.median(distances)),
                "usual": check.threshold,
            }
    has_context = [row for row, grades in enumerate(graded) if "context" in grades]
    if has_context:
        unseen = [bool(predictor.unseen(creatives[row])) for row in has_context]
        drift["context"] = {"n": len(has_context), "far": float(np.mean(unseen))}
    evidence: dict[str, Any] = {"rows": {name: sum(one["row"] == name for one in graded) for name in ROW_GRADES}}
    for name in GRADED:
        grade, source = predictor.notes["grades"][name]
        own = [one[name] for one in graded if name in one]
        evidence[name] = {"grade": grade, "source": source, "n": len(own), "extrapolated": own.count("extrapolated")}
    return {"drift": drift, "evidence": evidence}


def _grade(predictor: ClickModel, creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> list[dict[str, str]]:
    return [predictor.grade(one, read) for one, read in zip(creatives, features, strict=True)]


def _is_off(decile: dict[str, Any]) -> bool:
    interval = decile["coverage_interval"]
    return interval is not None and (interval[1] < PROMISED[0] or interval[0] > PROMISED[1])


def draw_groups(group: np.ndarray, *, seed: int) -> np.ndarray:
    """Return [NUM_DRAWS, G] the number of times each group is drawn; group [N] holds numbers 0..G-1."""
    num_groups = int(group.max()) + 1
    return draw_group_counts(num_groups, NUM_DRAWS, rng=np.random.default_rng(seed))


def _sums(group: np.ndarray, values: np.ndarray, num_groups: int) -> np.ndarray:
    return np.bincount(group, values, num_groups)


def _interval(draws: np.ndarray, group: np.ndarray, above: np.ndarray, below: np.ndarray) -> tuple[float, float] | None:
    """Return the 90 % interval of sum(above) / sum(below); draws without any row are left out."""
    num_groups = draws.shape[1]
    if len(np.unique(group)) < 2:
        return None
    totals = draws @ _sums(group, below, num_groups)
    found = (draws @ _sums(group, above, num_groups))[totals > 0] / totals[totals > 0]
    return percentile_interval(found, LEVEL)


def _gain(draws: np.ndarray, counts: Counts, rates: np.ndarray) -> tuple[float, tuple[float, float] | None]:
    """Return the gain in nats per impression of the predictions over the mean rate, and its interval."""
    clipped = np.clip(rates, 1e-7, 1 - 1e-7)
    nats = -(counts.clicks * np.log(clipped) + (counts.impressions - counts.clicks) * np.log1p(-clipped))
    num_groups = draws.shape[1]
    table = np.stack([_sums(counts.group, values, num_groups) for values in (counts.clicks, counts.impressions, nats)], axis=1)

    def gain(totals: np.ndarray) -> np.ndarray:
        clicks, impressions, lost = totals.T
        mean = np.clip(clicks / impressions, 1e-7, 1 - 1e-7)
        return (-(clicks * np.log(mean) + (impressions - clicks) * np.log1p(-mean)) - lost) / impressions

    value = float(gain(table.sum(axis=0, keepdims=True))[0])
    if num_groups < 2:
        return value, None
    drawn = gain(draws @ table)
    return value, percentile_interval(drawn, LEVEL)


def _bin(rows: np.ndarray, counts: Counts, rates: np.ndarray, draws: np.ndarray, covered: np.ndarray | None) -> dict[str, Any]:
    """Return n, impressions, predicted and observed rate of some rows with its interval, and their coverage."""
    group, impressions, clicks = counts.group[rows], counts.impressions[rows], counts.clicks[rows]
    observed = _interval(draws, group, clicks, impressions)
    found: dict[str, Any] = {
        "n": len(rows),
        "impressions": int(impressions.sum()),
        "predicted": float(impressions @ rates[rows] / impressions.sum()),
        "observed": float(clicks.sum() / impressions.sum()),
        "observed_interval": None if observed is None else list(observed),
    }
    if covered is not None:
        interval = _interval(draws, group, covered[rows], np.ones(len(rows)))
        found |= {"coverage": float(covered[rows].mean()), "coverage_interval": None if interval is None else list(interval)}
    return found
