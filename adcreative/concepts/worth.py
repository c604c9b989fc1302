"""Estimate the effects of concepts and attributes in an account with a mixed model, and select the reliable effects.

Concepts are compared with each other, with an ad and its near-duplicates as one observation; attributes are compared with ads
without them, with the concepts as a random effect, so that an attribute does not get the credit of its concept. An effect is
reliable if its 90 % interval lies beyond LEAST: it is then wrong in at most one of twenty cases, and so are at most 5 % of
the reliable effects (Efron 2008, "Microarrays, empirical Bayes and the two-groups model": local false discovery rates).

Clicks are one of MEASURES. The model takes the others as counts of trials too: conversions of impressions; value of impressions
as conversions of the mean value, the fewer the more the values differ; cost as conversions (clicks where none are told) of the
money spent, in units of which a hundredth converts, with the sign turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.account.effects import TAILS, TEXTS, Worth, draw_contrasts, find_telling
from adcreative.ctr.account.seen_effects import SeenFeature
from adcreative.ctr.account.sparse_effects import DENSE, MOSTLY_NONE, WIDE
from adcreative.ctr.account.table import AccountTable, Ads, read_columns
from adcreative.features.outcomes import fold

LEAST = 0.01  # log-odds: a change of the click rate by 1 %, which is irrelevant in practice
MAX_CONCEPTS = 80  # number of compared concepts, those with the most clicks
TWINS, CONCEPTS = "twins", "concepts"
MAX_ROWS = 1_000  # rows of the mixed model, those with the most informative counts: 2,000 ads take a minute of one core
MEASURES = ("clicks", "conversions", "value", "cost")
MIN_HITS, MIN_TOLD, RARE = 30, 4, 0.01  # conversions or clicks, and ads with them, below which a measure is not told
WANTED = float(np.log(1.1))  # log-odds that a test should detect: a tenth of the clicks
Z = 1.645


@dataclass(frozen=True, eq=False)
class Told:
    """Effects [F], their draws [K, F], and the standard deviation of ads beyond the effects (log-odds)."""

    worths: Sequence[Worth]
    draws: np.ndarray
    spread: float


@dataclass(frozen=True, eq=False)
class Results:
    """N rows of an account: an ad, or an ad in a segment. concept, twin: [N] group numbers from `grouping`.

    hits, trials: [N] counts of another measure than clicks of impressions. is_cost: fewer hits of the trials are more of it.
    """

    creatives: Sequence[Creative]
    concept: np.ndarray
    twin: np.ndarray
    hits: np.ndarray | None = None
    trials: np.ndarray | None = None
    is_cost: bool = False

    def read(self, field: str) -> np.ndarray:
        """Return [N] a number of each row, NaN where it is unknown."""
        return np.array([np.nan if (value := getattr(one, field)) is None else float(value) for one in self.creatives])

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return hits [N] and trials [N]."""
        if self.hits is not None and self.trials is not None:
            return self.hits, self.trials
        return np.nan_to_num(self.read("clicks")), np.nan_to_num(self.read("impressions"))

    def table(self) -> AccountTable:
        """Return the rows as the input of the mixed model."""
        num = len(self.creatives)
        hits, trials = self.counts()
        return AccountTable(
            texts=[""] * num,
            columns=read_columns(self.creatives),
            dense={},
            group=np.arange(num),
            ads=Ads(self.creatives, ()),
            clicks=hits,
            impressions=trials,
        )


def measure(results: Results, name: str) -> tuple[Results, np.ndarray] | None:
    """Return the results as one of MEASURES, and the rows [M] that have it; None where too little is told of it."""
    shown, clicks, spend, won, worth = (
        results.read(field) for field in ("impressions", "clicks", "spend", "conversions", "revenue")
    )
    if name == "clicks":
        hits, trials = clicks, shown
    elif name == "conversions":
        hits, trials = won, shown
    elif name == "value":
        mean, share = _typical_value(won, worth)
        hits, trials = worth / mean * share, shown * share
    else:
        hits = clicks if np.isnan(won).all() else won
        total = np.nansum(spend)
        trials = spend * np.nansum(hits) / (RARE * total) if total > 0 else np.full(len(spend), np.nan)
    rows = np.flatnonzero(np.isfinite(hits) & (trials > 0) & (hits >= 0))
    if hits[rows].sum() < MIN_HITS or len(set(results.twin[rows].tolist())) < MIN_TOLD:
        return None
    told = replace(
        results,
        creatives=[results.creatives[row] for row in rows.tolist()],
        concept=results.concept[rows],
        twin=results.twin[rows],
        hits=np.minimum(hits[rows], trials[rows]),
        trials=trials[rows],
        is_cost=name == "cost",
    )
    return told, rows


def _typical_value(won: np.ndarray, worth: np.ndarray) -> tuple[float, float]:
    """Return the mean value of a conversion (NaN without any), and as how many conversions of that value one counts, 0..1.

    The latter is 1 / (1 + squared coefficient of variation): the variance of a sum of n values is n mean^2 (1 + cv^2).
    """
    has = (won > 0) & np.isfinite(worth)
    if not has.any() or not worth[has].sum() > 0:
        return np.nan, 1.0
    mean = float(worth[has].sum() / won[has].sum())
    apart = won[has] * np.square(worth[has] / won[has] / mean - 1)
    return mean, float(1 / (1 + apart.sum() / max(has.sum() - 1, 1)))


def weigh_concepts(results: Results, labels: Sequence[str], *, seed: int) -> Told:
    """Return the effects of the first len(labels) concepts, at most MAX_CONCEPTS, against the others; none for one concept."""
    num = min(len(labels), MAX_CONCEPTS)
    seen = (results.concept[:, None] == np.arange(num)).astype(np.float64)
    if num < 2 or len(set(results.concept.tolist())) < 2:
        return Told((), np.zeros((1, 0)), 0.0)
    keys = {TWINS: [str(one) for one in results.twin]}
    draws, spread = draw_contrasts(
        results.table(),
        seen,
        keys,
        seed=seed,
        column_of=["concept"] * num,
        max_rows=MAX_ROWS,
        prior=WIDE if results.hits is None else DENSE,
    )
    return _tell([("concept", label) for label in labels[:num]], seen, draws, spread, results)


def weigh_attributes(results: Results, features: Sequence[SeenFeature], *, seed: int) -> tuple[list[SeenFeature], Told]:
    """Return the attributes with enough different ads that have and lack them, and the effects of these attributes."""
    twins = [str(one) for one in results.twin]
    kept: list[SeenFeature] = []
    if features:
        kept = [features[k] for k in find_telling(np.stack([one.seen for one in features], axis=1), twins)]
    if not kept:
        return [], Told((), np.zeros((1, 0)), 0.0)
    seen = np.stack([one.seen for one in kept], axis=1)
    texts = [fold(one.headline or one.text) for one in results.creatives]
    keys = {TWINS: twins, CONCEPTS: [str(one) for one in results.concept], TEXTS: texts}
    draws, spread = draw_contrasts(
        results.table(),
        seen,
        keys,
        seed=seed,
        column_of=[one.column for one in kept],
        max_rows=MAX_ROWS,
        prior=MOSTLY_NONE,
    )
    return kept, _tell([(one.kind, one.label) for one in kept], seen, draws, spread, results)


def _tell(names: Sequence[tuple[str, str]], seen: np.ndarray, draws: np.ndarray, spread: float, results: Results) -> Told:
    shown, clicked = np.nan_to_num(results.read("impressions")), np.nan_to_num(results.read("clicks"))
    draws = -draws if results.is_cost else draws
    lows, highs = np.quantile(draws, TAILS, axis=0)
    means, sure = draws.mean(axis=0), find_sure(draws)
    by_twin = np.bincount(results.twin, shown)
    typical = float(np.median(by_twin[by_twin > 0])) if (by_twin > 0).any() else 1.0
    rate = max(float(results.counts()[0].sum()) / max(float(shown.sum()), 1.0), 1e-6)
    worths = []
    for place, (kind, label) in enumerate(names):
        own = seen[:, place] == 1
        worths.append(
            Worth(
                kind=kind,
                label=label,
                effect=float(means[place]),
                low=float(lows[place]),
                high=float(highs[place]),
                ads=len(set(results.twin[own].tolist())),
                impressions=int(shown[own].sum()),
                clicks=int(clicked[own].sum()),
                is_sure=bool(sure[place]),
                missing="" if sure[place] else _missing(float(draws[:, place].std()), spread, typical, rate),
            )
        )
    return Told(worths, draws, spread)


def find_sure(draws: np.ndarray) -> np.ndarray:
    """Return [F] whether an effect is reliable; see the module docstring. draws: [K, F]."""
    if not draws.shape[1]:
        return np.zeros(0, bool)
    lows, highs = np.quantile(draws, TAILS, axis=0)
    sure: np.ndarray = (lows >= LEAST) | (highs <= -LEAST)
    return sure


def _missing(std: float, spread: float, typical: float, rate: float) -> str:
    """Return how many more ads, with the account's usual impressions, a test needs to tell WANTED from nothing."""
    of_one = spread**2 + 1 / max(typical * rate, 1e-6)
    wanted = (WANTED / Z) ** 2
    if std**2 <= wanted:
        return f"worth less than {np.expm1(WANTED):.0%} either way, as far as can be told"
    more = max(1, int(np.ceil(of_one * (1 / wanted - 1 / std**2))))
    shown = f"{round(typical, -2) or typical:,.0f}"
    ads = "one more ad with it" if more == 1 else f"about {more} more ads with it, each"
    return f"cannot be told yet: {ads} shown some {shown} times would tell {np.expm1(WANTED):.0%}"
