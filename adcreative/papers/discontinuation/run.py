"""The two-term hazard as a further model of `forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.verbs import forecast as product
from adcreative.verbs.settings import ReadSettings

if TYPE_CHECKING:
    from adcreative.delivery.forecast.lifetimes import Lifetimes
    from adcreative.papers.discontinuation.model import TwoTermHazard


@takes(ReadSettings)
def forecast_two_terms(
    account: Path, out: Path, settings: ReadSettings, *, creatives: Path | None = None, seed: int = 0, restart: bool = False,
    progress: Progress = silent, should_stop: ShouldStop = never,
) -> RunSummary:  # fmt: skip
    """Forecast as `verbs.forecast` does, with the two-term hazard beside its models; arguments and errors are the same."""
    return product.forecast(
        account, out, settings, creatives=creatives, seed=seed, also={"two-term hazard": fit}, restart=restart,
        progress=progress, should_stop=should_stop,
    )  # fmt: skip


def fit(lives: Lifetimes, features: np.ndarray, seed: int) -> TwoTermHazard:
    """Fit the two hazards to lives with features [N, K]."""
    from adcreative.papers.discontinuation.model import click_rate_weights, fit_two_term

    weights = click_rate_weights(lives.clicks, lives.impressions)
    return fit_two_term(features, lives.followed, lives.ended, weights, seed=seed)
