"""What a typical market rewards, and how the market of one seed differs: the tables behind `truth`. Plain data and one draw.

A weight of 0.1 is about 10 % of the click rate. Every planted number is `core + spread * draw`, where the draw is a standard
normal (cut at 2.5) hashed from the seed and the number's name: independent of order, the same in every process, and defined
for brands, categories and buttons nobody listed.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

MAX_DRAW = 2.5


def draw_normal(seed: int, *names: str) -> float:
    """Return a standard normal number, cut at +-2.5, that depends on the seed and the names alone (Box-Muller on SHA-256)."""
    digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
    first = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    second = int.from_bytes(digest[8:16], "big") / 2**64
    value = math.sqrt(-2.0 * math.log(first)) * math.cos(2.0 * math.pi * second)
    return max(-MAX_DRAW, min(MAX_DRAW, value))


@dataclass(frozen=True, kw_only=True)
class CurvePlan:
    """How a measured quantity may pay: centre and scale turn its raw value into u = (raw - centre) / scale.

    weight, weight_spread: size of the effect. best, best_spread: where an inner optimum lies, in u. width: its breadth in u.
    rising_odds: share of seeds in which more is better all the way (tanh) instead. least: the weight is never below it, so
    that None alone lets a sign turn. by_category multiplies the weight; categories not named count 1.
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
    by_category: tuple[tuple[str, float], ...] = ()


# Centres and scales: about the mean and standard deviation over aligned portraits (0 and 0.07 of gaze look straight ahead).
FACE_PLANS: dict[str, CurvePlan] = {
    "smile": CurvePlan(
        centre=0.52, scale=0.10, weight=0.15, weight_spread=0.03, best=1.5, best_spread=0.4, width=1.6, rising_odds=0.4,
        least=0.07,
        by_category=(("travel", 1.35), ("food", 1.2), ("fitness", 1.1), ("home", 1.1), ("software", 0.9), ("beauty", 0.8),
                     ("fashion", 0.35), ("finance", 0.45)),
    ),
    "eyes_open": CurvePlan(
        centre=0.34, scale=0.05, weight=0.08, weight_spread=0.03, best=0.8, best_spread=0.5, width=1.4, rising_odds=0.3,
        by_category=(("beauty", 1.6), ("fashion", 1.4), ("fitness", 1.2)),
    ),
    "gaze_x": CurvePlan(
        centre=0.0, scale=0.05, weight=0.06, weight_spread=0.025, best=0.0, best_spread=0.5, width=1.4,
        by_category=(("finance", 1.6), ("software", 1.3), ("travel", 0.6)),
    ),
    "gaze_y": CurvePlan(
        centre=0.07, scale=0.04, weight=0.04, weight_spread=0.02, best=0.0, best_spread=0.7, width=1.4,
        by_category=(("finance", 1.5), ("travel", 0.7)),
    ),
    "head_pitch": CurvePlan(
        centre=0.0, scale=6.0, weight=0.08, weight_spread=0.03, best=0.0, best_spread=1.0, width=1.3, rising_odds=0.2,
        by_category=(("fitness", 1.5), ("fashion", 1.4), ("home", 0.7)),
    ),
}  # fmt: skip
SHARE_PLAN = CurvePlan(centre=0.10, scale=0.06, weight=0.08, weight_spread=0.03, best=0.3, best_spread=0.7, width=1.2)

LOOK_PLANS: dict[str, CurvePlan] = {
    "brightness": CurvePlan(
        centre=0.58, scale=0.18, weight=0.10, weight_spread=0.04, best=0.3, best_spread=0.6, width=1.3,
        by_category=(("beauty", 1.3), ("home", 1.2), ("fitness", 0.7)),
    ),
    "contrast": CurvePlan(centre=0.21, scale=0.06, weight=0.06, weight_spread=0.03, rising_odds=0.7, best=0.7),
    "saturation": CurvePlan(
        centre=0.28, scale=0.13, weight=0.05, weight_spread=0.04, rising_odds=0.6, best=0.5, least=None,
        by_category=(("food", 1.6), ("travel", 1.3), ("finance", -0.5), ("fashion", 0.3)),
    ),
    "warmth": CurvePlan(
        centre=0.05, scale=0.14, weight=0.03, weight_spread=0.05, rising_odds=1.0, least=None,
        by_category=(("food", 1.6), ("home", 1.4), ("software", -0.8), ("finance", -0.6)),
    ),
}  # fmt: skip

# feature of `phrases` -> (core weight, spread over seeds, categories in which it counts more or less); see `readers`
PHRASE_PLANS: dict[str, tuple[float, float, dict[str, float]]] = {
    "free": (0.02, 0.07, {"software": 1.5, "finance": 0.4}),
    "how": (0.02, 0.04, {"finance": 1.4, "software": 1.3, "fashion": 0.4}),
    "question": (-0.05, 0.05, {"fitness": 0.6, "finance": 1.4}),
    "number": (0.04, 0.04, {"finance": 1.4, "fashion": 0.4}),
    "saving": (0.03, 0.07, {"travel": 1.4, "beauty": 0.5}),
    "urgency": (0.01, 0.05, {"travel": 1.5, "fashion": 1.2, "finance": -0.8}),
    "novelty": (-0.02, 0.05, {"fashion": 0.6, "software": 0.8}),
    "you": (0.02, 0.03, {}),
    "proof": (0.04, 0.05, {"beauty": 1.5, "home": 1.2}),
    "ease": (0.02, 0.05, {"food": 1.4, "software": 1.3}),
    "curiosity": (-0.02, 0.05, {"finance": 1.5, "beauty": 0.7}),
    "reason": (0.02, 0.04, {}),
    "superlative": (-0.02, 0.04, {}),
    "negative": (0.0, 0.05, {"fitness": 1.5}),
    "exclamation": (-0.08, 0.05, {"food": 0.3}),
    "brand_named": (0.0, 0.04, {"fashion": 1.5}),
    "shouting": (-0.25, 0.06, {}),
}
SPECIFICITY_WEIGHT, LEAST_SPECIFICITY = (0.29, 0.06), 0.14
EMPTY_COST, LEAST_EMPTY_COST = (0.34, 0.05), 0.24
LENGTH_WEIGHT = (0.09, 0.04)
LENGTH_BEST_WORDS = (7.0, 1.2)
LENGTH_WIDTH_WORDS = 3.5
APPEAL_LIMIT = 0.5
BODY_SHARE = 0.35
BUTTON_SPREAD = 0.025

FACE_LIMIT, WORDS_LIMIT, LOOK_LIMIT = 0.6, 0.6, 0.4
FACE_PRESENCE = (0.12, 0.06)
PRESENCE_SHARE = 0.02
BASE_CTR = 0.0125
BASE_SPREAD, CATEGORY_SPREAD, BRAND_SPREAD, PLACEMENT_SPREAD = 0.15, 0.15, 0.20, 0.08
WORDS_ONLY_EFFECT = (-0.15, 0.05)
TASTE_SPREAD = 0.2
