"""The share of a searched change that comes true: measured elsewhere (search_shrinkage.toml) and on an account's ads. No torch.

The best of many versions by prediction is over-estimated, since what was picked was picked for its errors too (the optimiser's
curse, Smith & Winkler 2006). Predicted changes are calibrated on pairs of ads that nobody picked (`ctr.changes`); what a search
brings is multiplied with a share of its own. An account says its part: in each group the ad that was predicted best, out of
fold, is what a search over that group would have picked, and its lead over the others is predicted and observed:

    share = (m0 / v0 + sum_g w_g x_g y_g) / (1 / v0 + sum_g w_g x_g^2)      x: predicted lead, y: observed, w: 1 / its variance

with the share measured elsewhere as prior N(m0, v0); few groups leave it where it was. It lies in 0..m0: ads that people wrote
are no search over hundreds of versions, so they may lower what was measured on searches and never raise it.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

import numpy as np

UNEXPLAINED = 0.15  # log-odds that a difference between two ads of a group holds beyond prediction and chance


@lru_cache(maxsize=1)
def read_searched_share() -> tuple[float, float]:
    """Return the measured share and its deviation between models and markets."""
    found = tomllib.loads((files("adcreative") / "ctr" / "search_shrinkage.toml").read_text(encoding="utf-8"))
    return float(found["share"]), float(found["std"])


def fit_searched_share(predicted: np.ndarray, impressions: np.ndarray, clicks: np.ndarray, group: np.ndarray) -> float:
    """Return the share for an account, from its own ads.

    Args:
        predicted: [N] log-odds, out of fold, with differences between ads as they would be stated. impressions, clicks: counts
            [N]. group: [N] of ads that may be compared; those with one ad say nothing.
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
