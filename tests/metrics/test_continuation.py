"""The challenge's metrics on cases worked out by hand, variant by variant."""

from __future__ import annotations

import math

import pytest

from adcreative.errors import ConfigError
from adcreative.metrics.continuation import first_hit_clicks, list_ndcg, r_precision

HELD_OUT = ("a", "b", "c", "d")
FILLERS = [f"f{number}" for number in range(12)]
LIST = ["a", "x", "y", "w", *FILLERS, "b"]  # b has rank 17
OWNERS = {"a": "A", "b": "B", "c": "C", "d": "D", "x": "A", "y": "A", "w": "B"} | {name: f"of {name}" for name in FILLERS}


@pytest.mark.parametrize(("variant", "value"), [("track", 0.25), ("paper", 0.375), ("winner", 0.375)])
def test_r_precision_of_the_hand_case(variant: str, value: float) -> None:
    assert r_precision(LIST, HELD_OUT, variant=variant, owner_of=OWNERS) == pytest.approx(value)


@pytest.mark.parametrize(("variant", "value"), [("track", 1.0), ("paper", 1.25), ("winner", 1.0)])
def test_r_precision_of_the_perfect_list(variant: str, value: float) -> None:
    """Paper: four hits and four owners in common, (4 + 0.25 * 4) / 4 = 1.25."""
    assert r_precision(HELD_OUT, HELD_OUT, variant=variant, owner_of=OWNERS) == pytest.approx(value)


def test_ndcg_of_the_hand_case_in_both_variants() -> None:
    code = (1 + 1 / math.log2(18)) / sum(1 / math.log2(place + 1) for place in range(1, 5))
    assert list_ndcg(LIST, HELD_OUT, variant="code") == pytest.approx(code)
    assert code == pytest.approx(0.4840, abs=5e-5)
    assert list_ndcg(LIST, HELD_OUT, variant="rules") == pytest.approx((1 + 1 / math.log2(17)) / 2)
    assert list_ndcg(LIST, HELD_OUT, variant="rules") == pytest.approx(0.6223, abs=5e-5)
    assert list_ndcg(["a", "x"], HELD_OUT, variant="rules") == 1.0  # lenient: not to be mixed with the other
    assert list_ndcg(["x"], HELD_OUT, variant="rules") == 0.0


def test_clicks_of_the_hand_case() -> None:
    assert first_hit_clicks(LIST, HELD_OUT) == 0
    assert first_hit_clicks(LIST[1:], HELD_OUT) == 1  # the first hit has index 15
    assert first_hit_clicks(FILLERS, HELD_OUT) == 51
    assert first_hit_clicks([], HELD_OUT) == 51  # a missing list is the worst, not the best


def test_a_repeated_item_counts_once_and_the_list_is_cut_before_repeats_are_dropped() -> None:
    assert list_ndcg(["a", "a"], HELD_OUT, variant="code") == list_ndcg(["a"], HELD_OUT, variant="code")
    assert r_precision(["a", "a", "x", "y"], HELD_OUT, variant="track") == 0.25
    assert first_hit_clicks(["x"] * 500 + ["a"], HELD_OUT) == 51


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one held-out item"):
        r_precision(LIST, (), variant="track")
    with pytest.raises(ConfigError, match="known: track, paper, winner"):
        r_precision(LIST, HELD_OUT, variant="spotify")
    with pytest.raises(ConfigError, match="needs owner_of"):
        r_precision(LIST, HELD_OUT, variant="paper")
    with pytest.raises(ConfigError, match="known: code, rules"):
        list_ndcg(LIST, HELD_OUT, variant="page")
    with pytest.raises(ConfigError, match="NDCG needs at least one"):
        list_ndcg(LIST, (), variant="code")
