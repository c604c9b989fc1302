"""What the three models say of final pixels and words: two choose, the third reports (the rules are in `judge.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.decision.judge import Verdict, give_verdict
from adcreative.editor.models import EditorTools, pool_opinions, predict_uplift
from adcreative.editor.settings import EditorConfig

THIRD_SHARE = 0.5  # of risk_aversion: the bar of the third model, for whose errors nothing was picked (`docs/measured.md`)


@dataclass(frozen=True)
class Opinion:
    """What predictor and judge say of a change, in log-odds.

    chosen, low, std: mean, lower bound and standard deviation of both together; judged: mean of the judge alone.
    """

    chosen: float
    low: float
    judged: float
    std: float


UNASKED = Opinion(0.0, 0.0, 0.0, 0.0)


def ask_choosers(
    creatives: Sequence[Creative],
    features: Sequence[Any],
    tools: EditorTools,
    config: EditorConfig,
    *,
    is_searched: bool = False,
) -> list[Opinion]:
    """Return what predictor and judge together say of each creative against the first, [N-1].

    is_searched: they were picked by prediction among many; then mean and lower bound are stated as far as such changes come
    true, which decides nothing by itself: neither changes its sign. std stays, since no less is unknown of the change.
    """
    models = (tools.predictor, tools.judge)
    opinions = [predict_uplift(model, creatives, features) for model in models]
    means, stds = (np.stack(part) for part in zip(*opinions, strict=True))
    mean, std = pool_opinions(means, stds)
    low, share = mean - config.risk_aversion * std, np.mean([model.searched_share for model in models]) if is_searched else 1.0
    mean, low, means = share * mean, share * low, share * means
    return [Opinion(*map(float, numbers)) for numbers in zip(mean, low, means[1], std, strict=True)]


def audit(
    creatives: Sequence[Creative],
    features: Sequence[Any],
    opinion: Opinion,
    tools: EditorTools,
    config: EditorConfig,
    *,
    is_searched: bool = False,
) -> Verdict:
    """Ask the third model, which had no part in the choice, about the second creative against the first, and weigh both.

    is_searched: as in `ask_choosers`; the third model shares data and habits with the two that picked, and so their errors.
    """
    audited, audited_std = predict_uplift(tools.auditor, creatives, features)
    audited_low = bound_of_third(audited, audited_std, config.risk_aversion)
    share = tools.auditor.searched_share if is_searched else 1.0
    audited, audited_low = share * audited, share * audited_low
    _, std = pool_opinions(np.array([[opinion.chosen], audited]), np.array([[opinion.std], audited_std]))
    return give_verdict(
        chosen=opinion.chosen, low=opinion.low, judged=opinion.judged, audited=float(audited[0]),
        audited_low=float(audited_low[0]), std=float(std[0]), min_uplift=config.min_uplift,
    )  # fmt: skip


def bound_of_third(mean: np.ndarray, std: np.ndarray, risk_aversion: float) -> np.ndarray:
    """Return the lower bound of changes that the third model expects, nearer to its mean than that of those who chose."""
    return mean - THIRD_SHARE * risk_aversion * std
