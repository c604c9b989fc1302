"""Stage one: candidates for a set from other sets with its seeds, and from the words of its title and of the items.

    sets      sets that share seeds with this one, by cosine of rows; their items, discounted by popularity (exponent 0.9)
    items     items that co-occur with the seeds in other sets, by cosine of columns (exponent 0.6)
    factors   weighted matrix factorisation by alternating least squares, the set folded in from its seeds
    words     cosine between the title and the seeds' words, and the items' words
    popular   number of sets with an item

Each score is standardised over the candidates; the blend is their weighted sum. No torch.

Stage two: boosted trees rank the candidates of stage one, trained on sets with hidden items.

Stage one is fitted on one half of the sets, stage two learns on the other half, so that its training sets are new to stage one.
Positives are hidden items, negatives the candidates that stage one ranked highest, not random ones, which would teach
popularity. The number of seeds is a feature, so that one model serves all kinds of sets, also those with a title alone. No
torch.

Source: Volkovs et al. 2018 (stages, exponents, hard negatives, features); Hu, Koren & Volinsky 2008 (ALS). Differs: words in
place of its title factors, factor rank by the size of the data, lightgbm's lambdarank on binary relevance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.preprocessing import normalize

from adcreative.errors import ConfigError
from adcreative.progress import Count, uncounted

if TYPE_CHECKING:
    from lightgbm import Booster

SETS_EXPONENT, ITEMS_EXPONENT = 0.9, 0.6
ALPHA, REGULARISATION, SWEEPS, MAX_RANK = 100.0, 10.0, 8, 64
SCORES = ("sets", "items", "factors", "words", "popular")
BLEND = (0.3, 0.2, 0.2, 0.25, 0.05)
NUM_CANDIDATES, NUM_EACH = 400, 30
NEGATIVES_EACH = 4  # for each positive
SEED_COUNTS = (0, 1, 3, 5, 10)
MIN_SETS = 60
NUM_ROUNDS, NUM_LEAVES = 120, 15
FEATURES = (*SCORES, "blend", "place in stage one", "number of seeds", "log popularity", "best blend")


@dataclass(frozen=True, kw_only=True)
class Library:
    """Known sets: members [S, N] 0 or 1; words [N, V] of items, rows of length 1 (no columns: no words)."""

    members: csr_matrix
    words: csr_matrix

    @property
    def popularity(self) -> np.ndarray:
        """[N] number of sets with each item."""
        return np.asarray(self.members.sum(axis=0)).ravel()


class Retriever:
    """Scores all items of a library for sets given by seeds and words of a title."""

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
    """Return [B, rank] the least-squares factors of rows [B, N] for `factors`, one problem per row."""
    found = np.zeros((rows.shape[0], factors.shape[1]))
    ridge = gram + REGULARISATION * np.eye(factors.shape[1])
    for row in range(rows.shape[0]):
        held = factors[rows.indices[rows.indptr[row] : rows.indptr[row + 1]]]
        if len(held):
            found[row] = np.linalg.solve(ridge + ALPHA * held.T @ held, (1 + ALPHA) * held.sum(axis=0))
    return found


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Sets with some items hidden: seeds [B, N], titles [B, V], hidden item numbers of each."""

    seeds: csr_matrix
    titles: csr_matrix
    hidden: tuple[np.ndarray, ...]


class Extender:
    """Both fitted stages.

    Args:
        ranker: None keeps the order of stage one.
    """

    def __init__(self, retriever: Retriever, ranker: Booster | None) -> None:
        self.retriever, self.ranker = retriever, ranker

    def extend(self, seeds: csr_matrix, titles: csr_matrix, num: int) -> list[np.ndarray]:
        """Return for each set the best `num` items other than its seeds, best first.

        Args:
            seeds: [B, N] 0 or 1. titles: [B, V].
        """
        scores = self.retriever.score(seeds, titles)
        num_seeds = np.asarray(seeds.sum(axis=1)).ravel()
        blend = blend_scores(scores, num_seeds)
        found = []
        for row in range(seeds.shape[0]):
            candidates = rank_candidates(blend[row], seeds.indices[seeds.indptr[row] : seeds.indptr[row + 1]])
            if self.ranker is not None:
                features = describe_candidates(
                    scores[row], blend[row], candidates, num_seeds[row], self.retriever.library.popularity
                )
                order = np.argsort(-np.asarray(self.ranker.predict(features)), kind="stable")
                candidates = np.concatenate([candidates[: len(features)][order], candidates[len(features) :]])
            found.append(candidates[:num])
        return found


def rank_candidates(blend: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return all items but the seeds in the order of stage one."""
    order = np.argsort(-blend, kind="stable")
    return order[~np.isin(order, seeds)]


def describe_candidates(
    scores: np.ndarray, blend: np.ndarray, candidates: np.ndarray, num_seeds: float, popularity: np.ndarray
) -> np.ndarray:
    """Return [C, 10] FEATURES of the first candidates, as many as stage two ranks."""
    first = candidates[:NUM_CANDIDATES]
    return np.column_stack(
        [
            scores[first],
            blend[first],
            np.log1p(np.arange(len(first))),
            np.full(len(first), num_seeds),
            np.log1p(popularity[first]),
            blend[first] - blend[first[0]],
        ]
    )


def hide_items(members: csr_matrix, titles: csr_matrix, *, rng: np.random.Generator) -> Hidden:
    """Return sets with items hidden: in turn all items (title alone), all but 1, 3, 5, 10; at least one is hidden."""
    rows, columns, hidden = [], [], []
    for row in range(members.shape[0]):
        items = rng.permutation(members.indices[members.indptr[row] : members.indptr[row + 1]])
        num_seeds = min(SEED_COUNTS[row % len(SEED_COUNTS)], max(len(items) - 1, 0))
        rows += [row] * num_seeds
        columns += list(items[:num_seeds])
        hidden.append(items[num_seeds:])
    seeds = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=members.shape)
    return Hidden(seeds=seeds, titles=titles, hidden=tuple(hidden))


def fit_extender(
    library: Library,
    titles: csr_matrix,
    *,
    seed: int = 0,
    use_ranker: bool = True,
    progress: Count = uncounted,
) -> Extender:
    """Fit stage one to all sets, and stage two on sets held out from another fit of stage one.

    Args:
        titles: [S, V] words of the sets' titles. use_ranker: False, or fewer than 60 sets, gives stage one alone.
    Raises:
        ConfigError: lightgbm is not installed.
    """
    num_sets = library.members.shape[0]
    if not use_ranker or num_sets < MIN_SETS:
        return Extender(Retriever(library, seed=seed), None)
    try:
        from lightgbm import LGBMRanker
    except ImportError as error:
        raise ConfigError('re-ranking needs lightgbm: pip install "adcreative[delivery]"') from error
    rng = np.random.default_rng(seed)
    order = rng.permutation(num_sets)
    known, asked = order[: num_sets // 2], order[num_sets // 2 :]
    progress(0, 3)
    stage_one = Retriever(Library(members=library.members[known], words=library.words), seed=seed)
    hidden = hide_items(library.members[asked], titles[asked], rng=rng)
    progress(1, 3)
    features, relevant, sizes = _examples(stage_one, hidden, rng)
    ranker = LGBMRanker(
        objective="lambdarank",
        n_estimators=NUM_ROUNDS,
        num_leaves=NUM_LEAVES,
        learning_rate=0.08,
        min_child_samples=20,
        colsample_bytree=0.8,
        random_state=seed,
        n_jobs=1,
        verbose=-1,
        deterministic=True,
        force_row_wise=True,
    )
    ranker.fit(features, relevant, group=sizes)
    progress(2, 3)
    fitted = Extender(Retriever(library, seed=seed), ranker)
    progress(3, 3)
    return fitted


def _examples(stage_one: Retriever, hidden: Hidden, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return features, relevance and group sizes: hidden items and negatives among the candidates of every set."""
    scores = stage_one.score(hidden.seeds, hidden.titles)
    num_seeds = np.asarray(hidden.seeds.sum(axis=1)).ravel()
    blend = blend_scores(scores, num_seeds)
    features, relevant, sizes = [], [], []
    for row, items in enumerate(hidden.hidden):
        seeds = hidden.seeds.indices[hidden.seeds.indptr[row] : hidden.seeds.indptr[row + 1]]
        candidates = rank_candidates(blend[row], seeds)
        table = describe_candidates(scores[row], blend[row], candidates, num_seeds[row], stage_one.library.popularity)
        is_hit = np.isin(candidates[: len(table)], items)
        hits, misses = np.flatnonzero(is_hit), np.flatnonzero(~is_hit)
        if not len(hits) or not len(misses):
            continue
        hits = rng.choice(hits, min(NUM_EACH, len(hits)), replace=False)
        misses = rng.choice(misses, min(NEGATIVES_EACH * len(hits), len(misses)), replace=False)
        features.append(table[np.concatenate([hits, misses])])
        relevant += [1] * len(hits) + [0] * len(misses)
        sizes.append(len(hits) + len(misses))
    return np.concatenate(features), np.array(relevant), sizes
