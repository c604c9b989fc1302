"""Shares of an account model's log-odds that add up: Shapley values over the parts of an ad, by exact enumeration.

    share of part p = mean over orders in which parts become known of  log-odds(with p) - log-odds(without p)

An account's model is not differentiable, so gradients do not apply; with at most five parts all 32 subsets are predicted.

Source: Shapley 1953; Lundberg & Lee 2017.
"""

from __future__ import annotations

from itertools import combinations
from math import factorial

from adcreative.creative import Creative
from adcreative.ctr.account.model import AccountModel
from adcreative.ctr.account.table import PARTS
from adcreative.explain.attribution import Attribution
from adcreative.features.batch import CATEGORICAL_FIELDS, CreativeFeatures


def attribute(model: AccountModel, creative: Creative, features: CreativeFeatures, history: object = ()) -> Attribution:
    """Decompose the log-odds of one ad by parts; field_shares is empty and rest is 0. An account's model uses no history.

    Raises:
        FeatureError: as `AccountModel.predict`.
    """
    parts = [name for name in PARTS if _has(creative, features, name)]
    subsets = [known for size in range(len(parts) + 1) for known in combinations(parts, size)]
    blanked = [tuple(name for name in PARTS if name not in known) for known in subsets]
    value = dict(zip(subsets, model.log_odds_without(creative, features, blanked).tolist(), strict=True))
    num, everything = len(parts), tuple(parts)
    shares = dict.fromkeys(parts, 0.0)
    for known in subsets:
        for name in parts:
            if name not in known:
                joined = tuple(part for part in parts if part in known or part == name)
                weight = factorial(len(known)) * factorial(num - len(known) - 1) / factorial(num)
                shares[name] += weight * (value[joined] - value[known])
    ablations = {name: value[everything] - value[tuple(p for p in parts if p != name)] for name in parts}
    return Attribution(
        log_odds=value[everything],
        base=value[()],
        shares=shares,
        field_shares={},
        rest=value[everything] - value[()] - sum(shares.values()),
        ablations=ablations,
    )


def base_log_odds(model: AccountModel, creative: Creative, features: CreativeFeatures) -> float:
    """Return the `base` of `attribute` alone: the log-odds of an ad of which nothing is known.

    Raises:
        FeatureError: as `AccountModel.predict`.
    """
    return float(model.log_odds_without(creative, features, [tuple(PARTS)])[0])


def _has(creative: Creative, features: CreativeFeatures, part: str) -> bool:
    return {
        "words": creative.has_words,
        "picture": features.image is not None,
        "look": features.look is not None,
        "faces": len(features.face_shares) > 0,
        "context": bool(creative.context) or any(getattr(creative, name).strip() for name in CATEGORICAL_FIELDS),
    }[part]
