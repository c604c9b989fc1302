"""Split creatives by group, never by row: test data must not have been seen in training.

A group is a test; without a test a brand; without a brand an ad. The part of a group depends only on its key and the seed, so
the order of rows does not matter, and a group keeps its part when rows are added later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError


def group_key(creative: Creative, *, by_brand: bool = True) -> str:
    """Return the key of the creative's group: test_id, else brand, else ad_name, file_name or headline."""
    if creative.test_id:
        return f"test {creative.test_id}"
    if creative.brand and by_brand:
        return f"brand {creative.brand.casefold()}"
    return f"ad {creative.ad_name or creative.file_name or creative.headline}"


def split_groups(
    creatives: Sequence[Creative], fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0
) -> list[np.ndarray]:
    """Split creatives into parts that share no group.

        u(group) = SHA-256(seed, key) as a number in [0, 1)
        part p takes the groups whose u is in its slice of the unit interval

    Fractions are therefore met on average over groups. An empty part takes the nearest group of the part with most groups. An
    account of one brand without tests cannot be split by brand; there ads are the groups.

    Returns:
        One int64 array of indices (ascending) per fraction; together they cover all indices. A fraction of 0 gives an empty
            part.
    Raises:
        ConfigError: fractions are negative or do not add up to 1.
        CatalogError: fewer groups than parts, so that a split would have to cut a group.
    """
    if any(fraction < 0 for fraction in fractions) or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"fractions must be 0 or more and add up to 1, got {tuple(fractions)}. Correct them.")
    num_needed = sum(fraction > 0 for fraction in fractions)
    keys = _group_keys(creatives, num_needed)
    groups = sorted(set(keys))
    if len(groups) < num_needed:
        raise CatalogError(
            f"{len(groups)} groups (by test_id, else brand, else ad) cannot be split into {num_needed} parts without "
            "putting one group on both sides. Add creatives of other tests, or fill in test_id."
        )
    part_of = _assign_groups(groups, fractions, seed)
    parts = np.array([part_of[key] for key in keys], dtype=np.int64)
    return [np.flatnonzero(parts == part).astype(np.int64) for part in range(len(fractions))]


def check_split(creatives: Sequence[Creative], parts: Sequence[np.ndarray]) -> None:
    """Refuse a split that has a group in two parts, as a split by row does: its test figures would be too good.

    Raises:
        CatalogError: a group is in two parts, or a row is in two parts or in none.
    """
    rows = np.concatenate([np.asarray(part, np.int64) for part in parts]) if parts else np.zeros(0, np.int64)
    if not np.array_equal(np.sort(rows), np.arange(len(creatives))):
        raise CatalogError(f"the parts hold {len(rows)} of {len(creatives)} rows or hold rows twice; use split_groups.")
    keys = _group_keys(creatives, sum(len(part) > 0 for part in parts))
    seen: dict[str, int] = {}
    for number, part in enumerate(parts):
        for row in part:
            if seen.setdefault(keys[row], number) != number:
                raise CatalogError(
                    f"{keys[row]} is on two sides of the split, so what is judged was learnt from; split by group with "
                    "split_groups, never by row."
                )


def _group_keys(creatives: Sequence[Creative], num_needed: int) -> list[str]:
    """Return the group of each creative; ads instead of brands when there are fewer brands than parts."""
    keys = [group_key(creative) for creative in creatives]
    if len(set(keys)) < num_needed:
        keys = [group_key(creative, by_brand=False) for creative in creatives]
    return keys


def _assign_groups(groups: Sequence[str], fractions: Sequence[float], seed: int) -> dict[str, int]:
    edges = np.cumsum(fractions)
    last_part = max(part for part, fraction in enumerate(fractions) if fraction > 0)
    place = {key: _unit_hash(key, seed) for key in groups}
    part_of = {key: min(int(np.searchsorted(edges, place[key], side="right")), last_part) for key in groups}
    for part, fraction in enumerate(fractions):
        if fraction > 0 and part not in part_of.values():
            sizes = [list(part_of.values()).count(other) for other in range(len(fractions))]
            donor, middle = int(np.argmax(sizes)), edges[part] - fraction / 2
            candidates = [key for key in groups if part_of[key] == donor]
            part_of[min(candidates, key=lambda key: (abs(place[key] - middle), key))] = part
    return part_of


def _unit_hash(key: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56  # exactly representable, so below 1
