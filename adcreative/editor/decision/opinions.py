"""Predictions of the three models from final pixels and words: two choose, the third reports (the rules are in `judge.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.decision.judge import Verdict, give_verdict
from adcreative.editor.models import EditorTools, pool_opinions, predict_uplift
from adcreative.editor.settings import EditorConfig

THIRD_SHARE = 0.5  # of risk_aversion: for the auditor, whose errors no choice has selected (`docs/measured.md`)


@dataclass(frozen=True)
class Opinion:
    """Change predicted by predictor and judge, in log-odds.

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
    """Return the pooled prediction of predictor and judge for each creative against the first, [N-1].

    is_searched: the creatives were picked by prediction among many; mean and lower bound are then shrunk to the share of such
    changes that comes true. Signs, and so decisions, stay; so does std, since the uncertainty of the change is no smaller.
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
    """Ask the auditor, which took no part in the choice, about the second creative against the first; combine both opinions.

    is_searched: as in `ask_choosers`; the auditor shares training data and design, and so errors, with predictor and judge.
    """
    audited, audited_std = predict_uplift(tools.auditor, creatives, features)
    audited_low = bound_of_third(audited, audited_std, config.risk_aversion)
    share = tools.auditor.searched_share if is_searched else 1.0
    audited, audited_low = share * audited, share * audited_low
    _, std = pool_opinions(np.array([[opinion.chosen], audited]), np.array([[opinion.std], audited_std]))
    return give_verdict(
        chosen=opinion.chosen,
        low=opinion.low,
        judged=opinion.judged,
        audited=float(audited[0]),
        audited_low=float(audited_low[0]),
        std=float(std[0]),
        min_uplift=config.min_uplift,
    )


def bound_of_third(mean: np.ndarray, std: np.ndarray, risk_aversion: float) -> np.ndarray:
    """Return the lower bound of changes predicted by the auditor: fewer deviations below the mean than for the others."""
    return mean - THIRD_SHARE * risk_aversion * std
