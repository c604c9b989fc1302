"""The account of the demo: earlier ads with results, and twelve new ads of the same brands as in a feed.

The twelve are planned, not random: eight with people, two with a product only, two in another language, in all placements.
Their people are the first of the demo's cast (`weights/cast`), chosen by eye: evenly lit adults of several ages and origins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.config import build_config
from adcreative.errors import ConfigError
from adcreative.market.brands import read_market
from adcreative.market.lines import AdWords
from adcreative.market.people import Casting
from adcreative.market.plans import AdPlan, draw_plans
from adcreative.market.rendering import AdDesign

CAST = tuple(range(12))  # rows of the shipped cast
SCALE, EARLIER_SCALE = 0.5, 0.3
SPARE = 60  # ads planned in addition to the earlier ads, from which the twelve are taken


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One of the twelve ads: its placement, template, number of people, and optionally given words."""

    placement: str
    template: str
    num_people: int
    with_product: bool = True
    category: str = ""
    words: AdWords | None = None


SLOTS = tuple(build_config(Slot, one, where="showcase.yaml") for one in read_market("showcase"))


def plan_showcase(
    num: int, num_earlier: int, casting: Casting, *, rng: np.random.Generator
) -> tuple[list[AdPlan], list[AdPlan]]:
    """Return the plans of an account's earlier ads, and of `num` new ads (at most twelve), each of a different brand.

    Raises:
        ConfigError: more new ads than planned.
    """
    if not 1 <= num <= len(SLOTS):
        raise ConfigError(f"the demo improves 1 to {len(SLOTS)} ads, got {num}.")
    plans = list(draw_plans(num_earlier + SPARE, casting, scale=EARLIER_SCALE, rng=rng))
    last = list({plan.brand.name: plan for plan in plans}.values())  # the last ad of each brand, followed by the others
    last += [plan for plan in reversed(plans) if not any(plan is one for one in last)]
    people = _cast(casting)
    new, taken = [], 0
    for slot in SLOTS[:num]:
        plan = next((plan for plan in last if plan.brand.category == slot.category), last[0])
        last.remove(plan)
        shown = [people[(taken + j) % len(people)] for j in range(slot.num_people)]
        taken += slot.num_people
        new.append(_fill(plan, slot, shown, rng))
    held_out = {(plan.brand.name, plan.number) for plan in new}
    earlier = [plan for plan in plans if (plan.brand.name, plan.number) not in held_out]
    return spread_evenly(earlier, num_earlier), new


def _cast(casting: Casting) -> list[np.ndarray]:
    """Return the codes of the people to cast; for a pool other than the shipped one, its first codes."""
    rows = [row for row in CAST if row < len(casting.codes)] or list(range(len(casting.codes)))
    return [casting.codes[row] for row in rows]


def _fill(plan: AdPlan, slot: Slot, people: Sequence[np.ndarray], rng: np.random.Generator) -> AdPlan:
    codes = np.stack(people) if people else np.zeros((0, plan.face_codes.shape[-1]), np.float32)
    seed = int(rng.integers(2**31)) if plan.design is None else plan.design.style_seed
    design = AdDesign(
        brand=plan.brand,
        placement=slot.placement,
        template=slot.template,
        with_product=slot.with_product,
        style_seed=seed,
        scale=SCALE,
    )
    return replace(plan, design=design, words=slot.words or plan.words, face_codes=codes, person_codes=codes, test_id="")


def spread_evenly(plans: Sequence[AdPlan], num: int) -> list[AdPlan]:
    """Return `num` plans taken evenly from all brands, in order."""
    rows = np.unique(np.linspace(0, len(plans) - 1, min(num, len(plans))).round().astype(int))
    return [plans[row] for row in rows]
