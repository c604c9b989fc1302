"""Seconds of what runs after launch at the sizes it is made for, each as a ratio to the plain method in the same run.

    make bench BENCH="after-launch"

rotate: 10,000 creatives x 100 contexts, shares by the integral against counting 1,000 joint draws of one context, times 100.
place: 200 ads x 50 places with VCG payments against one assignment alone. target: one creative among 10^6 labels by the
index against all. forecast: lifetimes of 10,000 ads against Cox alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from adcreative.delivery.forecast.lifetimes import Lifetimes
from adcreative.delivery.forecast.wear_out import fit_wear_out
from adcreative.delivery.rotation.policies import choose_shares
from adcreative.delivery.rotation.posterior import fit_posterior
from adcreative.papers.ngame.index import LabelIndex
from adcreative.papers.position_auctions.model import allocate, vcg_prices


def _seconds(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_s)
    return min(times)


def after_launch_figures(scale: float = 1.0, repeats: int = 3) -> dict[str, Any]:
    """Return seconds and ratios; scale shrinks every size."""
    rng = np.random.default_rng(0)
    return _rotation(rng, scale, repeats) | _placement(rng, repeats) | _targeting(rng, scale, repeats) | _lifetimes(rng, scale)


def _rotation(rng: np.random.Generator, scale: float, repeats: int) -> dict[str, float]:
    num, contexts = int(10_000 * scale), max(2, int(100 * scale))
    shown = rng.poisson(rng.gamma(0.5, 100, (num, contexts))).astype(float)
    clicks = rng.binomial(shown.astype(int), rng.beta(3, 200, (num, 1))).astype(float)
    groups = rng.integers(0, max(2, num // 30), num)

    def plan() -> None:
        choose_shares("ts", *fit_posterior(clicks, shown, groups=groups, predicted=rng.uniform(0, 1, num)).logit_moments())

    mean, spread = fit_posterior(clicks, shown, groups=groups).logit_moments()
    drawn_s = _seconds(lambda: rng.normal(mean[:, 0], spread[:, 0], (1000, num)).argmax(axis=1), repeats) * contexts
    took_s = _seconds(plan, repeats)
    return {"rotate_s": round(took_s, 2), "rotate_counting_draws_over_ours": round(drawn_s / took_s, 1)}


def _placement(rng: np.random.Generator, repeats: int) -> dict[str, float]:
    odds, values = 0.02 * np.exp(rng.normal(0, 1, (200, 50))), rng.uniform(0, 1, 200)
    took_s = _seconds(lambda: vcg_prices(odds, values, 10, allocate(odds, values, 10)), repeats)
    one_s = _seconds(lambda: linear_sum_assignment(-odds * values[:, None]), repeats)
    return {"place_s": round(took_s, 3), "place_over_one_assignment": round(took_s / one_s, 1)}


def _targeting(rng: np.random.Generator, scale: float, repeats: int) -> dict[str, float]:
    num, dim = int(1_000_000 * scale), 64
    centres = rng.normal(size=(max(10, num // 500), dim)).astype(np.float32)
    vectors = centres[rng.integers(0, len(centres), num)] + 0.5 * rng.normal(size=(num, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    started_s = time.perf_counter()
    index = LabelIndex([""] * num, vectors, exact_labels=100)
    built_s = time.perf_counter() - started_s
    asked = vectors[:: max(1, num // 100)][:100]
    took_s = _seconds(lambda: index.search(asked, 10), repeats) / len(asked)
    all_s = _seconds(lambda: (asked[:5] @ vectors.T).argpartition(-10, axis=1), 1) / len(asked[:5])
    exact = np.argsort(-(asked[:20] @ vectors.T), axis=1)[:, :10]
    found = index.search(asked[:20], 10)[0]
    recall = float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)]))
    return {"target_ms_a_creative": round(1000 * took_s, 2), "target_all_labels_over_index": round(all_s / took_s, 1),
            "target_index_built_s": round(built_s, 1), "target_recall_at_10": round(recall, 3)}  # fmt: skip


def _lifetimes(rng: np.random.Generator, scale: float) -> dict[str, float]:
    num = max(400, int(10_000 * scale))
    features = rng.normal(size=(num, 12))
    days = np.ceil(rng.exponential(20 * np.exp(-0.5 * features[:, 0])))
    cut = rng.integers(1, 90, num)
    lives = Lifetimes(
        names=tuple(map(str, range(num))), start=np.zeros(num, int), duration=np.minimum(days, cut), ended=days <= cut,
        early=features[:, :4], impressions=rng.integers(500, 5000, num), clicks=rng.integers(1, 100, num), last_day=100,
        screens=(),
    )  # fmt: skip
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    outcome = np.array(list(zip(lives.ended, lives.duration, strict=True)), dtype=[("e", bool), ("d", float)])
    cox_s = _seconds(lambda: CoxPHSurvivalAnalysis(alpha=1.0).fit(features, outcome), 1)
    groups = np.asarray(pd.factorize(np.arange(num) // 3)[0])
    took_s = _seconds(lambda: fit_wear_out(lives, features, groups, seed=0), 1)
    return {"forecast_s": round(took_s, 1), "forecast_over_cox_alone": round(took_s / cox_s, 1)}
