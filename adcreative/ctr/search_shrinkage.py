"""The realized share of a searched change: measured elsewhere (search_shrinkage.toml) and on an account's ads. No torch.

The best of many versions by prediction is over-estimated, since selection favours positive errors (the optimiser's
curse, Smith & Winkler 2006). Predicted changes are calibrated on pairs of ads without selection (`ctr.changes`); a searched
change is multiplied by a further share. An account gives evidence, too: in each group the ad with the best out-of-fold
prediction is the choice of a search over that group, and its lead over the others is predicted and observed:

    share = (m0 / v0 + sum_g w_g x_g y_g) / (1 / v0 + sum_g w_g x_g^2)      x: predicted lead, y: observed, w: 1 / its variance

with the share measured elsewhere as prior N(m0, v0); few groups hardly change it. The share is in 0..m0: ads written by people
are no search over hundreds of versions, so they may lower the share measured on searches and never raise it.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

import numpy as np

UNEXPLAINED = 0.15  # log-odds of a difference between two ads of a group, unexplained by prediction and chance


@lru_cache(maxsize=1)
def read_searched_share() -> tuple[float, float]:
    """Return the measured share and its deviation between models and markets."""
    found = tomllib.loads((files("adcreative") / "ctr" / "search_shrinkage.toml").read_text(encoding="utf-8"))
    return float(found["share"]), float(found["std"])


def fit_searched_share(predicted: np.ndarray, impressions: np.ndarray, clicks: np.ndarray, group: np.ndarray) -> float:
    """Return the share for an account, from its own ads.

    Args:
        predicted: [N] log-odds, out of fold, with differences between ads as stated to users. impressions, clicks: counts
            [N]. group: [N] of comparable ads; groups of one ad are ignored.
    """
    mean, deviation = read_searched_share()
    above, below = mean / deviation**2, 1.0 / deviation**2
    shown = np.flatnonzero((impressions > 0) & (clicks > 0))
    for name in np.unique(group[shown]):
        rows = shown[group[shown] == name]
        if len(rows) < 2:
            continue
        best = rows[np.argmax(predicted[rows])]
        others = rows[rows != best]
        odds = np.log((clicks[rows] + 0.5) / (impressions[rows] - clicks[rows] + 0.5))
        noise = 1.0 / (clicks[rows] + 0.5) + 1.0 / (impressions[rows] - clicks[rows] + 0.5) + UNEXPLAINED**2
        weight = 1.0 / noise[rows != best]
        lead = odds[rows == best][0] - float(weight @ odds[rows != best] / weight.sum())
        said = predicted[best] - float(weight @ predicted[others] / weight.sum())
        variance = noise[rows == best][0] + 1.0 / weight.sum()
        above, below = above + said * lead / variance, below + said**2 / variance
    return float(np.clip(above / below, 0.0, mean))
