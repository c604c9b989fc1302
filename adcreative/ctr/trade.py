"""Reference for a lone ad: quantiles of rates that a model predicts for other ads. Imports no torch.

One ad of an account without results has no other ads for comparison. The reference set of the shipped model (trade.toml)
consists of shippable data: ads with pictures of simulated markets, by category, and lines of real headline tests. An account's
own model compares with the ads of its fit. Both give a rank, never a rate.

    python -m data.make.trade_reference packages-train.parquet          writes trade.toml for the shipped predictor
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from adcreative.creative import Creative
from adcreative.features.outcomes import fold

NOTE = "peers"  # key in a model's notes: the quantiles of its account
PICTURES, WORDS = "pictures", "words"
ALL = "all"
NUM_STEPS = 20  # between quantiles 0 and 1


@dataclass(frozen=True)
class Peers:
    """rates: NUM_STEPS + 1 ascending quantiles of predicted rates. phrase: their description, after "stronger than 7 of 10"."""

    rates: Sequence[float]
    phrase: str

    def share_below(self, rate: float) -> float:
        """Return the share of the peers, 0..1, with a lower predicted rate, ties count half; linear between quantiles."""
        place, after = bisect_left(self.rates, rate), bisect_right(self.rates, rate)
        if after > place:
            return (place + after - 1) / 2 / (len(self.rates) - 1)
        if place == 0 or place == len(self.rates):
            return float(place > 0)
        low, high = self.rates[place - 1], self.rates[place]
        return (place - 1 + (rate - low) / (high - low)) / (len(self.rates) - 1)


@dataclass(frozen=True, kw_only=True)
class Trade:
    """model: content hash of the predictor behind the rates. quantiles: PICTURES or WORDS -> category, folded, or ALL ->
    rates."""

    model: str
    quantiles: Mapping[str, Mapping[str, Sequence[float]]]

    def find(self, creative: Creative, *, has_picture: bool) -> Peers | None:
        """Return the ads of the reference set to compare a creative with: of its category where available."""
        kind = PICTURES if has_picture else WORDS
        groups, category = self.quantiles.get(kind, {}), fold(creative.category)
        if category in groups and category != ALL:
            return Peers(groups[category], "ads of its category in our reference set (simulated markets, no real clicks)")
        if ALL not in groups:
            return None
        what = (
            "ads in our reference set (simulated markets, no real clicks)"
            if has_picture
            else ("lines in our reference set (real headline tests)")
        )
        return Peers(groups[ALL], what)


@lru_cache(maxsize=1)
def read_trade() -> Trade:
    """Return the reference set of the shipped predictor."""
    found = tomllib.loads((files("adcreative") / "ctr" / "trade.toml").read_text(encoding="utf-8"))
    return Trade(model=found["model"], quantiles={kind: found[kind] for kind in (PICTURES, WORDS)})


def find_peers(notes: Mapping[str, object], content_hash: str, creative: Creative, *, has_picture: bool) -> Peers | None:
    """Return the reference for a lone creative: the account's own ads, else the trade's; None for a model without either.

    Args:
        notes, content_hash: of the model.
    """
    own = notes.get(NOTE)
    if isinstance(own, list):
        return Peers([float(rate) for rate in own], "ads of the account that it was trained on")
    trade = read_trade()
    return trade.find(creative, has_picture=has_picture) if trade.model == content_hash else None
