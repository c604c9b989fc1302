"""The change in log-odds that models predict for an edit: one model's, and several models' together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.models import ClickPredictor

BUTTON_STD = 0.1  # log-odds that a new button leaves unexplained, assumed: ctr/changes.py calibrates words and picture only


def predict_uplift(
    predictor: ClickPredictor, creatives: Sequence[Creative], features: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the change in log-odds against the first creative, [N-1] each.

    They are the predictor's own, which was calibrated on real pairs of ads. No predictor has learnt how far the effect of a
    new button comes true, so BUTTON_STD^2 is added to the variance where the button differs.
    """
    mean, std = (np.asarray(part, dtype=np.float64) for part in predictor.predict_change(creatives, features))
    has_new_button = np.array([one.cta != creatives[0].cta for one in creatives[1:]], dtype=np.float64)
    return mean, np.sqrt(np.maximum(std**2 + BUTTON_STD**2 * has_new_button, 0.0))


def pool_opinions(means: np.ndarray, stds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of several models' predicted changes, [J, N] each -> [N].

        mean = average of the means,   variance = average of the variances + variance of the means

    the moments of their equal mixture: what one model does not know the others do not know either (all see the same kind of
    data), and where they contradict each other less is known.
    """
    return means.mean(axis=0), np.sqrt(np.square(stds).mean(axis=0) + means.var(axis=0))


def searched_share(models: Sequence[ClickPredictor]) -> float:
    """Return the share (0..1) of the change predicted for the best of many versions that comes true (`ctr.search_shrinkage`).

    The mean of what they say themselves; one that does not say counts as 1.
    """
    return float(np.mean([getattr(getattr(one, "changes", None), "searched_share", 1.0) for one in models]))
