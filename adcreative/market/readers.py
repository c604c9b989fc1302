"""Readers of a market: kinds of readers with their own tastes, in shares that differ by market. Plain data.

A market's weight of a phrase is the sum of its own weight (`planting.PHRASE_PLANS`) and the mean taste of its readers.
"curious" is the taste found in Upworthy's headline tests: the headline model's score counts fully for these readers, so its
weight in a market is their share, about 10 to 55 %.

Sizes: planted weights match the effects of words in real ads, in log-odds, other words equal, with 90 % intervals over ads: a
logistic regression of clicks on all of the features below, with an intercept per ad group and device, or per test, and a
bounded weight per ad; computed once, not by a command of this repository. `python -m adcreative.ctr.account.word_effects` reads
all words of an ad, shrinks effects towards 0 and finds smaller effects on the search account: question -0.04 (-0.09 to 0.02),
number 0.00 (-0.07 to 0.07).

                   search account (1,039 texts)      headline tests (3,619 tests)
    offer          -0.08 (-0.12 to -0.06)            free -0.12 (-0.23 to 0.04), saving -0.04 (-0.11 to 0.01)
    question       -0.06 (-0.08 to -0.04)            -0.11 (-0.14 to -0.09)
    number         -0.02 (-0.05 to 0.03)             0.05 (0.01 to 0.08)
    urgency         0.01 (-0.03 to 0.04)             0.02 (-0.02 to 0.07)
    novelty        -0.02 (-0.06 to 0.01)             -0.05 (-0.11 to 0.01)
    proof           not in its headlines             -0.04 (-0.12 to 0.01)
    specificity     0.29 (0.20 to 0.38)              says all, or nothing, of the ad group's name
    3.5 words more -0.09 (-0.15 to -0.04)            0.01 (-0.07 to 0.05)
    curiosity                                        0.10 (0.05 to 0.15)
    exclamation                                      -0.14 (-0.19 to -0.10)
    shouting                                         -0.36 (-0.69 to -0.06)

So weights are mostly below 0.1, differ in sign between accounts (spreads of 0.04 to 0.07), and content about the product has a
larger effect than any style. Set by judgement, not measured: the cost of an opening that fits any ad, and the differences
between kinds of readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adcreative.market.brands import read_market

SHARE_SPREAD = 0.6  # of the log-odds between the shares of two kinds of readers


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A kind of readers. share: in a typical market, 0..1. appeal: weight of the headline model's score for them, 1 = full.

    tastes: phrase -> addition to the market's weight of the phrase.
    """

    share: float
    appeal: float = 0.0
    tastes: Mapping[str, float] = field(default_factory=dict)


READERS: Mapping[str, Reader] = {name: Reader(**one) for name, one in read_market("planting")["readers"].items()}


def draw_shares(draw: Callable[[str, str], float]) -> dict[str, float]:
    """Return each kind's share of a market's readers, summing to 1; `draw(name, name)` is a standard normal of the market.

    share_k = s_k exp(0.6 draw_k) / sum over j of s_j exp(0.6 draw_j)
    """
    raw = {name: one.share * math.exp(SHARE_SPREAD * draw("reader", name)) for name, one in READERS.items()}
    total = sum(raw.values())
    return {name: value / total for name, value in raw.items()}


def mean_taste(shares: Mapping[str, float], phrase: str) -> float:
    """Return the mean addition of a market's readers to its weight of a phrase."""
    return sum(share * READERS[name].tastes.get(phrase, 0.0) for name, share in shares.items())


def mean_appeal(shares: Mapping[str, float]) -> float:
    """Return the weight of the headline model's score in a market, 0..1."""
    return sum(share * READERS[name].appeal for name, share in shares.items())
