"""Metrics of set continuation (playlists, asset sets), each under its exact name, since published sources disagree.

The RecSys Challenge 2018 has three public scorers: Spotify's Python file, its rules page, and the winner's code. R-precision
has the variants "track", "paper" and "winner", NDCG "code" and "rules". A figure is meaningless without the name of its
variant. Items are any hashable values; lists are best first. Does not import torch.

Source: Chen, Lamere, Schedl & Zamani 2018 (challenge); Zamani, Schedl, Lamere & Chen 2019, section 3.2.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Literal

import numpy as np

from adcreative.errors import ConfigError

RPrecision = Literal["track", "paper", "winner"]
Ndcg = Literal["code", "rules"]
LIST_LENGTH = 500  # length to which a list is cut before scoring
PER_PAGE = 10
ARTIST_CREDIT = 0.25


def cut_list(predicted: Sequence[Hashable]) -> list[Hashable]:
    """Return the first LIST_LENGTH entries without duplicates: cut first, then deduplicated, as in the challenge."""
    return list(dict.fromkeys(predicted[:LIST_LENGTH]))


def r_precision(
    predicted: Sequence[Hashable],
    held_out: Collection[Hashable],
    *,
    variant: RPrecision,
    owner_of: Mapping[Hashable, Hashable] | None = None,
) -> float:
    """Return the share of the held-out items among as many first predictions.

        track   |first |G| of the list that are in G| / |G|                                                        0..1
        paper   the same plus 0.25 for each owner (artist, brand) in common, over |G|                              may exceed 1
        winner  a hit counts 1, a miss of an owner in G 0.25 once per owner, over min(|G|, 500)                    0..1

    Args:
        owner_of: item -> its artist or brand; needed by "paper" and "winner".
    Raises:
        ConfigError: no held-out items, an unknown variant, or a missing `owner_of`.
    """
    wanted = set(held_out)
    if not wanted:
        raise ConfigError("R-precision needs at least one held-out item")
    if variant not in ("track", "paper", "winner"):
        raise ConfigError(f'no R-precision named "{variant}"; known: track, paper, winner')
    first = cut_list(predicted)[: len(wanted)]
    hits = sum(item in wanted for item in first)
    if variant == "track":
        return hits / len(wanted)
    if owner_of is None:
        raise ConfigError(f'the R-precision "{variant}" needs owner_of: item -> artist or brand')
    owners = {owner_of[item] for item in wanted if item in owner_of}
    if variant == "paper":
        shared = {owner_of[item] for item in first if item in owner_of} & owners
        return (hits + ARTIST_CREDIT * len(shared)) / len(wanted)
    missed = {owner_of[item] for item in first if item not in wanted and item in owner_of} & owners
    return (hits + ARTIST_CREDIT * len(missed)) / min(len(wanted), LIST_LENGTH)


def list_ndcg(predicted: Sequence[Hashable], held_out: Collection[Hashable], *, variant: Ndcg) -> float:
    """Return NDCG of one list with gain 1 for a held-out item.

        code    DCG = sum rel_i / log2(i + 1); ideal: min(|G|, 500) hits at the top
        rules   DCG = rel_1 + sum_{i >= 2} rel_i / log2(i); ideal: as many hits as the list has, at the top; 0 without a hit

    "rules" gives 1 to a list whose only hit is first, so it must not be compared with "code".

    Raises:
        ConfigError: no held-out items, or an unknown variant.
    """
    wanted = set(held_out)
    if not wanted:
        raise ConfigError("NDCG needs at least one held-out item")
    if variant not in ("code", "rules"):
        raise ConfigError(f'no NDCG named "{variant}"; known: code, rules')
    gains = np.array([item in wanted for item in cut_list(predicted)], np.float64)
    places = np.arange(1, LIST_LENGTH + 1)
    if variant == "code":
        discounts, num_ideal = 1 / np.log2(places + 1), min(len(wanted), LIST_LENGTH)
    else:
        discounts, num_ideal = 1 / np.maximum(1.0, np.log2(places)), int(gains.sum())
    ideal = discounts[:num_ideal].sum()
    return float(gains @ discounts[: len(gains)] / ideal) if ideal > 0 else 0.0


def first_hit_clicks(predicted: Sequence[Hashable], held_out: Collection[Hashable]) -> int:
    """Return the number of page turns (pages of ten) to the first held-out item; 51 if the 500 entries have none."""
    wanted = set(held_out)
    for place, item in enumerate(cut_list(predicted)):
        if item in wanted:
            return place // PER_PAGE
    return LIST_LENGTH // PER_PAGE + 1
