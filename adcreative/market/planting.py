"""Planted effects of a typical market, and their variation by seed: the tables behind `truth` (planting.yaml), and the draw.

A weight of 0.1 is about 10 % of the click rate. Every planted number is `core + spread * draw`, where the draw is a standard
normal (cut at 2.5) hashed from the seed and the number's name: independent of order, equal in every process, and defined for
unlisted brands, categories and buttons.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adcreative.market.brands import read_market

MAX_DRAW = 2.5


def draw_normal(seed: int, *names: str) -> float:
    """Return a standard normal number, cut at +-2.5, determined by the seed and the names (Box-Muller on SHA-256)."""
    digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
    first = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    second = int.from_bytes(digest[8:16], "big") / 2**64
    value = math.sqrt(-2.0 * math.log(first)) * math.cos(2.0 * math.pi * second)
    return max(-MAX_DRAW, min(MAX_DRAW, value))


@dataclass(frozen=True, kw_only=True)
class CurvePlan:
    """Possible effect of a measured quantity: centre and scale convert its raw value to u = (raw - centre) / scale.

    weight, weight_spread: size of the effect. best, best_spread: position of an inner optimum, in u. width: its width in u.
    rising_odds: share of seeds with a monotone effect (tanh) instead. least: lower bound of the weight; only None allows a
    change of sign. by_category multiplies the weight; default 1.
    """

    centre: float
    scale: float
    weight: float
    weight_spread: float
    best: float = 0.0
    best_spread: float = 0.5
    width: float = 1.3
    rising_odds: float = 0.0
    least: float | None = 0.0
    by_category: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PhrasePlan:
    """Core weight of a feature of `phrases`, its spread over seeds, and multipliers by category."""

    weight: float
    spread: float
    by_category: Mapping[str, float] = field(default_factory=dict)


_PLANS: Mapping[str, Any] = read_market("planting")
FACE_PLANS = {name: CurvePlan(**plan) for name, plan in _PLANS["faces"].items()}
LOOK_PLANS = {name: CurvePlan(**plan) for name, plan in _PLANS["looks"].items()}
SHARE_PLAN = CurvePlan(**_PLANS["share"])
PHRASE_PLANS = {name: PhrasePlan(**plan) for name, plan in _PLANS["phrases"].items()}  # see `readers`
SPECIFICITY_WEIGHT, LEAST_SPECIFICITY = (0.29, 0.06), 0.14
EMPTY_COST, LEAST_EMPTY_COST = (0.34, 0.05), 0.24
LENGTH_WEIGHT = (0.09, 0.04)
LENGTH_BEST_WORDS = (7.0, 1.2)
LENGTH_WIDTH_WORDS = 3.5
APPEAL_LIMIT = 0.5
BODY_SHARE = 0.35
BUTTON_SPREAD = 0.025
# of composed ads: families of layouts differ about as much as brands, the leading line half as much
LAYOUT_SPREAD, LEAD_SPREAD = 0.20, 0.10
FACTS_WEIGHT, FACTS_BEST, FACTS_WIDTH = (0.10, 0.04), (2.0, 1.0), 1.5

FACE_LIMIT, WORDS_LIMIT, LOOK_LIMIT = 0.6, 0.6, 0.4
FACE_PRESENCE = (0.12, 0.06)
PRESENCE_SHARE = 0.02
BASE_CTR = 0.0125
BASE_SPREAD, CATEGORY_SPREAD, BRAND_SPREAD, PLACEMENT_SPREAD = 0.15, 0.15, 0.20, 0.08
WORDS_ONLY_EFFECT = (-0.15, 0.05)
TASTE_SPREAD = 0.2
