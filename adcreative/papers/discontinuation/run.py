"""The two-term hazard as a further model of `forecast`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.verbs import forecast as product
from adcreative.verbs.settings import ReadSettings

if TYPE_CHECKING:
    from adcreative.creative import Creative
    from adcreative.delivery.forecast.lifetimes import Lifetimes
    from adcreative.delivery.forecast.wear_out import FitsLives
    from adcreative.papers.discontinuation.model import TwoTermHazard


@takes(ReadSettings)
def forecast_two_terms(
    account: Path,
    out: Path,
    settings: ReadSettings,
    *,
    creatives: Path | None = None,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Forecast as `verbs.forecast`, with the two-term hazard as a further model; arguments and errors are the same. Only this
    model reads pictures and whole sentences of `creatives`."""
    return product.forecast(
        account,
        out,
        settings,
        creatives=creatives,
        seed=seed,
        also=read_ads,
        restart=restart,
        progress=progress,
        should_stop=should_stop,
    )


def read_ads(ads: Sequence[Creative | None]) -> tuple[np.ndarray, Mapping[str, FitsLives]]:
    """Return the available sentence and picture vectors of ads [N, V], and the model that reads them."""
    from adcreative.features.vectors import encode_pictures

    words = [f"{one.headline} {one.body}".strip() if one else "" for one in ads]
    has_pictures = any(one is not None and one.has_image for one in ads)
    found = [np.zeros((len(ads), 0), np.float32)]
    if any(words) or has_pictures:
        from adcreative.verbs import loading

        clip = loading.load_tools().clip
        found += [clip.encode_texts(words)] if any(words) else []
        found += [encode_pictures(ads, clip)] if has_pictures else []
    towers = tuple(one.shape[1] for one in found if one.shape[1])
    return np.hstack(found), {"two-term hazard": partial(fit, towers=towers)}


def fit(lives: Lifetimes, features: np.ndarray, seed: int, towers: Sequence[int] = ()) -> TwoTermHazard:
    """Fit the two hazards to lives with features [N, K], whose last columns are vectors of widths `towers`."""
    from adcreative.papers.discontinuation.model import click_rate_weights, fit_two_term

    weights = click_rate_weights(lives.clicks, lives.impressions)
    return fit_two_term(features, lives.followed, lives.ended, weights, seed=seed, towers=towers)
