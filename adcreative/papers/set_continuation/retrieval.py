"""Stage one: candidates for a set from which other sets hold its seeds, and from what its title and the items say.

    sets      sets that share seeds with this one, by cosine of rows; their items, less the more popular they are (exponent 0.9)
    items     items that stand beside the seeds in other sets, by cosine of columns (exponent 0.6)
    factors   weighted matrix factorisation by alternating least squares, the set folded in from its seeds
    words     cosine between the title and the seeds' words, and the items' words
    popular   how many sets hold an item

Each score is standardised over the candidates; the blend is their weighted sum. No torch.

Source: Volkovs et al., Two-stage Model for Automatic Playlist Continuation at Scale, RecSys Challenge 2018 (stages,
exponents); Hu, Koren & Volinsky 2008 (ALS). Differs: no CNN over the order, words in place of its title factors, factor rank
by the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.preprocessing import normalize

SETS_EXPONENT, ITEMS_EXPONENT = 0.9, 0.6
ALPHA, REGULARISATION, SWEEPS, MAX_RANK = 100.0, 10.0, 8, 64
SCORES = ("sets", "items", "factors", "words", "popular")
BLEND = (0.3, 0.2, 0.2, 0.25, 0.05)


@dataclass(frozen=True, kw_only=True)
class Library:
    """Known sets: members [S, N] 0 or 1; words [N, V] of items, rows of length 1 (no columns: no words)."""

    members: csr_matrix
    words: csr_matrix

    @property
    def popularity(self) -> np.ndarray:
        """[N] how many sets hold each item."""
        return np.asarray(self.members.sum(axis=0)).ravel()


class Retriever:
    """Scores all items of a library for sets that are given by seeds and words of a title."""

    def __init__(self, library: Library, *, seed: int = 0) -> None:
        self.library = library
        members = library.members
        counts = np.maximum(library.popularity, 1)
        self.by_set = normalize(members)  # rows of length 1
        self.discounted = self.by_set @ diags(counts**-SETS_EXPONENT)
        columns = normalize(members, axis=0)
        self.columns = columns
        self.column_discount = counts**-ITEMS_EXPONENT * counts**0.5
        self.factors = fit_factors(members, rank=int(min(MAX_RANK, max(2, min(members.shape) // 4))), seed=seed)
        self.gram = self.factors.T @ self.factors

    def score(self, seeds: csr_matrix, titles: csr_matrix) -> np.ndarray:
        """Return [B, N, 5] standardised scores, seeds and others alike.

        Args:
            seeds: [B, N] 0 or 1. titles: [B, V] words of titles, rows of length 1 or 0.
        """
        near = seeds @ self.by_set.T  # [B, S]
        near.data = near.data**2
        found = [
            (near @ self.discounted).toarray(),
            (seeds @ self.columns.T @ self.columns).toarray() * self.column_discount,
            fold_in(seeds, self.factors, self.gram) @ self.factors.T,
            self._by_words(seeds, titles),
            np.tile(np.log1p(self.library.popularity), (seeds.shape[0], 1)),
        ]
        return np.stack([_standardise(np.asarray(one, np.float64)) for one in found], axis=2)

    def _by_words(self, seeds: csr_matrix, titles: csr_matrix) -> np.ndarray:
        words = self.library.words
        if words.shape[1] == 0:
            return np.zeros((seeds.shape[0], words.shape[0]))
        said = normalize(normalize(seeds @ words) + 2.0 * titles)
        return np.asarray((said @ words.T).toarray())


def blend_scores(scores: np.ndarray, num_seeds: np.ndarray) -> np.ndarray:
    """Return [B, N] the blend of scores [B, N, 5]; without seeds, words and popularity alone."""
    weights = np.tile(np.array(BLEND), (len(scores), 1))
    weights[num_seeds == 0] = (0.0, 0.0, 0.0, 0.7, 0.3)
    return np.einsum("bnk,bk->bn", scores, weights)


def _standardise(rows: np.ndarray) -> np.ndarray:
    spread = rows.std(axis=1, keepdims=True)
    return (rows - rows.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, 1.0)


def fit_factors(members: csr_matrix, *, rank: int, seed: int) -> np.ndarray:
    """Return item factors [N, rank] by alternating least squares with confidence 1 + alpha where a set holds an item."""
    rng = np.random.default_rng(seed)
    items = rng.normal(0, 0.1, (members.shape[1], rank))
    columns = members.T.tocsr()
    for _ in range(SWEEPS):
        sets = fold_in(members, items, items.T @ items)
        items = fold_in(columns, sets, sets.T @ sets)
    return items


def fold_in(rows: csr_matrix, factors: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return [B, rank] the factors of rows [B, N] that fit `factors` best: one least-squares problem a row."""
    found = np.zeros((rows.shape[0], factors.shape[1]))
    ridge = gram + REGULARISATION * np.eye(factors.shape[1])
    for row in range(rows.shape[0]):
        held = factors[rows.indices[rows.indptr[row] : rows.indptr[row + 1]]]
        if len(held):
            found[row] = np.linalg.solve(ridge + ALPHA * held.T @ held, (1 + ALPHA) * held.sum(axis=0))
    return found
