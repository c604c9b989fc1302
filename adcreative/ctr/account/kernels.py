"""Similarity of two sets of ads by block: inner products of their encodings, and products of these kernels.

A block is an effect of the mixed model: its kernel is the overlap of two ads, its mass the squared length of one ad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.ctr.account.encoder import Encoded

PAIRS = "pairs of columns"
COLUMNS_X_WORDS = "columns x words"


@dataclass(frozen=True)
class Kernel:
    """One block: shared [A, B] float64 between two sets of ads, mass [A] of the first set alone."""

    shared: np.ndarray
    mass: np.ndarray


def list_blocks(encoded: Encoded, *, only: str = "all") -> list[str]:
    """Return the names of the non-empty blocks of these ads; only: "all" or "columns"."""
    columns = _columns(encoded)
    blocks = [*columns, *([PAIRS] if len(columns) > 1 else [])]
    if only == "columns":
        return blocks
    words = [name for name in ("words", "characters") if name in encoded.sparse and encoded.mass[name].any()]
    dense = [name for name in encoded.dense if encoded.mass[name].any()]
    crossed = [COLUMNS_X_WORDS] if columns and "characters" in words else []
    return [*blocks, *words, *crossed, *dense]


def compute_kernels(first: Encoded, second: Encoded, blocks: Sequence[str]) -> dict[str, Kernel]:
    """Return block -> kernel between two sets of ads, in the order of `blocks`."""
    found: dict[str, Kernel] = {}
    columns = [_inner(first, second, name) for name in _columns(first)] if {PAIRS, COLUMNS_X_WORDS} & set(blocks) else []
    for name in blocks:
        if name == PAIRS:
            found[name] = _pair_product(columns)
        elif name == COLUMNS_X_WORDS:
            words = _inner(first, second, "characters")
            shared = sum((one.shared for one in columns), np.zeros_like(words.shared))
            mass = sum((one.mass for one in columns), np.zeros_like(words.mass))
            found[name] = Kernel(shared * words.shared / len(columns), mass * words.mass / len(columns))
        else:
            found[name] = _inner(first, second, name)
    return found


def _columns(encoded: Encoded) -> list[str]:
    return [name for name in encoded.sparse if name not in ("words", "characters")]


def _inner(first: Encoded, second: Encoded, name: str) -> Kernel:
    if name in first.sparse:
        shared = (first.sparse[name] @ second.sparse[name].T).toarray().astype(np.float64)
    else:
        shared = first.dense[name].astype(np.float64) @ second.dense[name].astype(np.float64).T
    return Kernel(shared, first.mass[name])


def _pair_product(columns: Sequence[Kernel]) -> Kernel:
    """Return the sum over pairs i < j of K_i * K_j, as ((sum K)^2 - sum K^2) / 2."""

    def pairs(parts: Sequence[np.ndarray]) -> np.ndarray:
        total = np.sum(parts, axis=0)
        found: np.ndarray = (total * total - np.sum([part * part for part in parts], axis=0)) / 2
        return found

    return Kernel(pairs([one.shared for one in columns]), pairs([one.mass for one in columns]))
