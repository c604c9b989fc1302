"""What was planted in the headlines of an account is found, with its size, and chance is not taken for a finding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from adcreative.creative import Creative
from adcreative.ctr.account.table import AccountTable, read_table
from adcreative.ctr.account.word_effects import frequent_words, measure_word_effects
from adcreative.features.batch import CreativeFeatures
from adcreative.features.line_features import LineEffect

SHOES = ("trail shoes", "running shoes", "walking boots", "rain jackets", "wool socks", "light tents")
MANNERS = ("for wet hills", "for long days", "from one small mill", "made to last", "in all sizes", "for cold mornings")


def plant(num: int, effects: dict[str, float], *, seed: int = 0, group_spread: float = 0.6) -> list[Creative]:
    """Ads whose log-odds move by `effects` of "number", "question" and "free delivery", and by group and device."""
    rng = np.random.default_rng(seed)
    groups, devices = rng.normal(0, group_spread, len(SHOES)), {"mobile": 0.3, "desktop": -0.3}
    creatives = []
    for row in range(num):
        group, device = int(rng.integers(len(SHOES))), str(rng.choice([*devices]))
        has = {name: bool(rng.random() < 0.35) for name in ("number", "question", "free delivery")}
        line = f"{SHOES[group]} {rng.choice(MANNERS)}"
        line = f"{rng.integers(3, 9)} {line}" if has["number"] else line
        line = f"{line}, free delivery" if has["free delivery"] else line
        line = f"{line}?" if has["question"] else line
        log_odds = special.logit(0.03) + groups[group] + devices[device] + rng.normal(0, 0.08)
        log_odds += sum(effects.get(name, 0.0) for name, there in has.items() if there)
        shown = int(rng.integers(4_000, 12_000))
        creatives.append(
            Creative(
                headline=line.capitalize(),
                category=SHOES[group],
                platform="meta",
                impressions=shown,
                row=row + 1,
                clicks=int(rng.binomial(shown, special.expit(log_odds))),
                context={"device": device},
            )
        )
    return creatives


def measure(creatives: list[Creative]) -> dict[str, LineEffect]:
    effects = measure_word_effects(creatives, table_of(creatives), seed=0)
    return {one.feature: one for one in effects}


def table_of(creatives: list[Creative]) -> AccountTable:
    return read_table(creatives, [CreativeFeatures() for _ in creatives])


def test_planted_effects_are_found_with_their_sign_and_size() -> None:
    planted = {"number": 0.20, "question": -0.15, "free delivery": 0.0}
    found = measure(plant(400, planted))
    assert found["number"].is_certain
    assert found["question"].is_certain
    for name, key in (("number", "number"), ("question", "question"), ("free delivery", "word free delivery")):
        assert found[key].low - 0.03 < planted[name] < found[key].high + 0.03, name
    assert not found["word free delivery"].is_certain
    assert next(iter(found)) in ("number", "question")


def test_an_accounts_own_words_are_found() -> None:
    found = measure(plant(400, {"free delivery": 0.2}))
    assert found["word free delivery"].is_certain
    assert found["word free delivery"].effect > 0.1
    assert "lines with “free delivery”: +" in found["word free delivery"].sentence


def test_noise_is_seldom_taken_for_a_finding() -> None:
    certain = [one.is_certain for seed in range(4) for one in measure(plant(250, {}, seed=seed)).values()]
    assert len(certain) > 40
    assert np.mean(certain) < 0.08


def test_what_an_ad_group_is_worth_is_not_taken_for_a_word() -> None:
    """Ads of one group have more clicks, and more often a number; within groups the number is worth nothing."""
    creatives = plant(400, {}, group_spread=0.0)
    rng = np.random.default_rng(3)
    moved = []
    for one in creatives:
        is_rich = one.category == SHOES[0]
        line = one.headline.lstrip("3456789 ").capitalize()
        line = f"7 {line.lower()}" if rng.random() < (0.9 if is_rich else 0.1) else line
        rate = 0.06 if is_rich else 0.03
        moved.append(replace(one, headline=line, clicks=int(rng.binomial(one.impressions or 0, rate))))
    found = measure(moved)["number"]
    assert found.low < 0 < found.high or abs(found.effect) < 0.05


def test_few_lines_say_nothing() -> None:
    assert measure_word_effects(plant(9, {}), table_of(plant(9, {})), seed=0) == ()
    same = [replace(one, headline="Trail shoes for wet hills") for one in plant(60, {})]
    assert measure_word_effects(same, table_of(same), seed=0) == ()


def test_words_that_always_stand_together_are_one() -> None:
    texts = [f"{name} free delivery" for name in "abcdefghij"] + [f"{name} made to last" for name in "klmnopqrst"]
    assert frequent_words(texts) == ["free delivery", "to last"]
