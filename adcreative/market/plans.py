"""Plans of simulated ads before drawing: advertiser, dates, test, words and people.

A brand's creatives are in date order, with one cast, one writing style and a few designs; about half of them are in tests of
two to four variants that run at the same time and differ in words, in expression, in the person, or in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from adcreative.market.brands import CATEGORIES, Brand, draw_brands
from adcreative.market.layouts import PLACEMENTS
from adcreative.market.lines import AdWords, Speaker, draw_speaker
from adcreative.market.people import Casting
from adcreative.market.rendering import AdDesign

FIRST_DAY = date(2024, 1, 8)
SMALLEST_ACCOUNT, LARGEST_ACCOUNT = 5, 20
# words only, product only, one face, two faces, three faces
_KIND_SHARES = (0.08, 0.12, 0.66, 0.09, 0.05)
_TEST_SHARE = 0.5
_CAST_SIZE = 4
_VARIED = ("words", "expression", "person", "both")
_VARIED_SHARES = (0.35, 0.30, 0.15, 0.20)


@dataclass(frozen=True, kw_only=True)
class AdPlan:
    """The plan of one ad, without pixels and results. face_codes [F, C]; design is None for an ad of words only."""

    number: int
    brand: Brand
    words: AdWords
    design: AdDesign | None
    platform: str
    audience: str
    face_codes: np.ndarray
    person_codes: np.ndarray
    date_start: date
    date_end: date
    test_id: str = ""


@dataclass(frozen=True)
class _Account:
    brand: Brand
    speaker: Speaker
    cast: np.ndarray  # [_CAST_SIZE, C]
    casting: Casting
    scale: float
    rng: np.random.Generator


def draw_plans(num: int, casting: Casting, *, scale: float, rng: np.random.Generator) -> Iterator[AdPlan]:
    """Plan `num` ads, account by account; for a small `num`, accounts are small, so that several brands occur."""
    largest = min(LARGEST_ACCOUNT, max(SMALLEST_ACCOUNT, num // 8))
    sizes: list[int] = []
    while sum(sizes) < num:
        sizes.append(int(rng.integers(SMALLEST_ACCOUNT, largest + 1)))
    left = num
    for brand, size in zip(draw_brands(len(sizes), rng=rng), sizes, strict=True):
        cast = np.stack([casting.draw_person(rng) for _ in range(_CAST_SIZE)])
        account = _Account(brand, draw_speaker(brand.name, brand.category, rng=rng), cast, casting, scale, rng)
        yield from _plan_account(account, min(size, left))
        left -= size


def _plan_account(account: _Account, size: int) -> Iterator[AdPlan]:
    rng = account.rng
    day, number, num_tests = FIRST_DAY + timedelta(days=int(rng.integers(0, 300))), 0, 0
    while number < size:
        num_variants = 1
        if rng.random() < _TEST_SHARE:
            num_variants = min(int(rng.integers(2, 5)), size - number)
        first = _plan_first(account, number, day)
        if num_variants > 1:
            num_tests += 1
            first = replace(first, test_id=f"{account.brand.slug}-test-{num_tests:02d}")
        yield first
        for k in range(1, num_variants):
            yield _plan_variant(account, first, number + k)
        number += num_variants
        day = first.date_end + timedelta(days=int(rng.integers(2, 15)))


def _plan_first(account: _Account, number: int, day: date) -> AdPlan:
    rng, brand = account.rng, account.brand
    kind = int(rng.choice(len(_KIND_SHARES), p=_KIND_SHARES))
    names = list(PLACEMENTS)
    placement = str(rng.choice(names, p=[PLACEMENTS[name].share for name in names]))
    design = AdDesign(
        brand=brand,
        placement=placement,
        template=str(rng.choice(PLACEMENTS[placement].templates)),
        with_product=bool(rng.random() < 0.6),
        style_seed=int(rng.integers(2**31)),
        scale=account.scale,
    )
    persons = account.cast[rng.choice(len(account.cast), size=max(0, kind - 1), replace=False)]
    return AdPlan(
        number=number,
        brand=brand,
        words=account.speaker.write(rng),
        design=design if kind else None,
        platform=str(rng.choice(PLACEMENTS[placement].platforms)),
        audience=str(rng.choice(CATEGORIES[brand.category].audiences)),
        face_codes=_vary_all(account, persons),
        person_codes=persons,
        date_start=day,
        date_end=day + timedelta(days=int(rng.integers(7, 29))),
    )


def _plan_variant(account: _Account, first: AdPlan, number: int) -> AdPlan:
    """Plan another arm of a test: same design, dates and audience; the differences are drawn at random."""
    rng = account.rng
    varied = str(rng.choice(_VARIED, p=_VARIED_SHARES)) if len(first.face_codes) else "words"
    words, persons, codes = first.words, first.person_codes, first.face_codes
    if varied in ("words", "both"):
        words = replace(words, headline=_write_other(account, words.headline))
        if rng.random() < 0.3:
            words = replace(words, description=account.speaker.write(rng).description)
    if varied == "person":
        persons = np.stack([account.casting.draw_person(rng) for _ in persons])
    if varied != "words":
        codes = _vary_all(account, persons)
    return replace(first, number=number, words=words, person_codes=persons, face_codes=codes)


def _write_other(account: _Account, headline: str) -> str:
    for _ in range(8):
        other = account.speaker.write_headline(account.rng)
        if other != headline:
            return other
    return headline


def _vary_all(account: _Account, persons: np.ndarray) -> np.ndarray:
    varied = [account.casting.vary(code, account.rng) for code in persons]
    return np.stack(varied) if varied else persons
