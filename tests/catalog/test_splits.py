"""Splits keep groups whole, do not depend on the order of rows, and meet their fractions on average."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog.splits import group_key, split_groups
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from tests.catalog.conftest import RELAXED

CREATIVES = st.lists(
    st.builds(
        Creative,
        test_id=st.sampled_from(["", "t1", "t2", "t3"]),
        brand=st.sampled_from(["", "Fell", "fell", "Marsh"]),
        ad_name=st.text("ab", max_size=2),
        headline=st.text("xyz", min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=60,
)


@RELAXED
@given(CREATIVES, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_no_group_is_on_two_sides_and_row_order_does_not_matter(creatives: list[Creative], seed: int, random) -> None:
    try:
        parts = split_groups(creatives, (0.5, 0.5), seed)
    except CatalogError:
        return
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(creatives)))
    by_brand = len({group_key(creative) for creative in creatives}) >= 2
    sides = [{group_key(creatives[idx], by_brand=by_brand) for idx in part} for part in parts]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]
    order = list(range(len(creatives)))
    random.shuffle(order)
    shuffled = split_groups([creatives[idx] for idx in order], (0.5, 0.5), seed)
    for part, other in zip(parts, shuffled, strict=True):
        assert sorted(part.tolist()) == sorted(order[idx] for idx in other)


def test_key_is_the_test_then_the_brand_then_the_ad() -> None:
    creative = Creative(test_id="t", brand="Fell", ad_name="A", file_name="f.png", headline="H")
    assert group_key(creative) == "test t"
    assert group_key(Creative(brand="FELL", ad_name="A")) == group_key(Creative(brand="fell", ad_name="B"))
    assert group_key(Creative(ad_name="A", headline="H")) == "ad A"
    assert group_key(Creative(file_name="f.png", headline="H")) == "ad f.png"
    assert group_key(Creative(headline="H")) == "ad H"


def test_fractions_are_met_over_many_groups() -> None:
    creatives = [Creative(test_id=f"t{idx // 3}") for idx in range(12_000)]
    shares = [len(part) / 12_000 for part in split_groups(creatives, (0.7, 0.2, 0.1), seed=3)]
    # 4,000 groups: three standard deviations are 0.022
    assert np.abs(np.array(shares) - (0.7, 0.2, 0.1)).max() < 0.022


def test_groups_stay_where_they_were_when_rows_are_added() -> None:
    old = [Creative(test_id=f"t{idx}") for idx in range(300)]
    new = [Creative(test_id=f"n{idx}") for idx in range(300)] + old
    before = {old[idx].test_id for idx in split_groups(old, seed=5)[2]}
    after = {new[idx].test_id for idx in split_groups(new, seed=5)[2]}
    assert before <= after


def test_another_seed_splits_otherwise_and_another_process_the_same() -> None:
    code = (
        "from adcreative.catalog.splits import split_groups; from adcreative.creative import Creative;"
        "print([part.tolist() for part in split_groups([Creative(brand=f'b{i}') for i in range(40)], seed=7)])"
    )
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"}
    creatives = [Creative(brand=f"b{idx}") for idx in range(40)]
    here = [part.tolist() for part in split_groups(creatives, seed=7)]
    assert outputs == {f"{here}\n"}
    assert here != [part.tolist() for part in split_groups(creatives, seed=8)]


@pytest.mark.parametrize("seed", range(20))
def test_three_groups_are_enough_for_three_parts(seed: int) -> None:
    parts = split_groups([Creative(test_id=f"t{idx}") for idx in (0, 1, 2, 2)], seed=seed)
    assert all(len(part) for part in parts)


def test_an_account_of_one_brand_is_split_by_ad() -> None:
    parts = split_groups([Creative(brand="Fell", ad_name=f"a{idx}") for idx in range(50)], (0.5, 0.5), seed=0)
    assert all(len(part) > 10 for part in parts)


def test_a_fraction_of_zero_gives_an_empty_part() -> None:
    parts = split_groups([Creative(test_id=f"t{idx}") for idx in range(50)], (0.5, 0.0, 0.5, 0.0), seed=0)
    assert [len(part) for part in parts][1::2] == [0, 0]
    assert sum(map(len, parts)) == 50


def test_one_test_cannot_be_split() -> None:
    with pytest.raises(CatalogError, match=r"1 groups .* cannot be split into 2 parts without putting one group on both"):
        split_groups([Creative(test_id="t", headline=word) for word in "abc"], (0.5, 0.5), seed=0)


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (1.5, -0.5)])
def test_impossible_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"fractions must be 0 or more and add up to 1, got \("):
        split_groups([Creative(test_id="t")], fractions, seed=0)
