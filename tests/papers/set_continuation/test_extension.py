"""Sets of planted tastes with a skew of popularity: two stages beat one, titles alone beat popularity, seeds never come
back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.sparse import csr_matrix, eye

from adcreative.metrics.continuation import list_ndcg
from adcreative.papers.set_continuation.reranking import Extender, Hidden, fit_extender, hide_items
from adcreative.papers.set_continuation.retrieval import Library, Retriever, fold_in

NUM_TASTES = 12


@lru_cache(maxsize=1)
def plant(num_sets: int = 1200, num_items: int = 480) -> tuple[csr_matrix, csr_matrix, csr_matrix]:
    """Members [S, N], words of items [N, V], titles [S, V]: sets mix two tastes, items are skewed within a taste."""
    rng = np.random.default_rng(0)
    taste = rng.integers(0, NUM_TASTES, num_items)
    skew = rng.pareto(1.2, num_items) + 0.3
    rows, columns, title = [], [], []
    for row in range(num_sets):
        first, second = rng.choice(NUM_TASTES, 2, replace=False)
        share = np.where(taste == first, 1.0, np.where(taste == second, 0.35, 0.01)) * skew
        size = int(rng.integers(12, 30))
        rows += [row] * size
        columns += list(rng.choice(num_items, size, replace=False, p=share / share.sum()))
        title.append(first if rng.random() < 0.8 else rng.integers(NUM_TASTES))
    members = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(num_sets, num_items))
    words = csr_matrix(
        eye(NUM_TASTES).tocsr()[np.where(rng.random(num_items) < 0.7, taste, rng.integers(0, NUM_TASTES, num_items))]
    )
    return members, words, csr_matrix(eye(NUM_TASTES).tocsr()[title])


def held_out() -> tuple[Library, csr_matrix, Hidden]:
    members, words, titles = plant()
    hidden = hide_items(members[1000:], titles[1000:], rng=np.random.default_rng(5))
    return Library(members=members[:1000], words=words), titles[:1000], hidden


def ndcg(extender: Extender, hidden: Hidden, *, least: int, most: int = 99) -> float:
    counts = np.asarray(hidden.seeds.sum(axis=1)).ravel()
    rows = np.flatnonzero((counts >= least) & (counts <= most))
    lists = extender.extend(hidden.seeds[rows], hidden.titles[rows], 500)
    return float(
        np.mean([list_ndcg(list(one), set(hidden.hidden[row]), variant="code") for one, row in zip(lists, rows, strict=True)])
    )


def popular(library: Library, hidden: Hidden, *, least: int, most: int = 99) -> float:
    order = np.argsort(-library.popularity, kind="stable")
    counts = np.asarray(hidden.seeds.sum(axis=1)).ravel()
    found = []
    for row in np.flatnonzero((counts >= least) & (counts <= most)):
        seeds = set(hidden.seeds.indices[hidden.seeds.indptr[row] : hidden.seeds.indptr[row + 1]])
        found.append(list_ndcg([item for item in order if item not in seeds], set(hidden.hidden[row]), variant="code"))
    return float(np.mean(found))


@pytest.mark.planted
def test_two_stages_beat_one_and_popularity_and_titles_alone_beat_popularity() -> None:
    library, titles, hidden = held_out()
    both = fit_extender(library, titles, seed=0)
    one = Extender(both.retriever, None)
    figures = {
        "two stages": ndcg(both, hidden, least=5), "stage one": ndcg(one, hidden, least=5),
        "popular": popular(library, hidden, least=5), "title": ndcg(both, hidden, least=0, most=0),
        "popular, no seeds": popular(library, hidden, least=0, most=0),
    }  # fmt: skip
    print({name: round(value, 4) for name, value in figures.items()})
    assert both.ranker is not None
    assert figures["two stages"] > figures["stage one"] + 0.005
    assert figures["stage one"] > figures["popular"] + 0.05
    assert figures["title"] > figures["popular, no seeds"] + 0.05


def test_seeds_never_come_back_and_lists_have_no_repeats() -> None:
    library, titles, hidden = held_out()
    small = Library(members=library.members[:80], words=library.words)
    extender = fit_extender(small, titles[:80], seed=0)
    for row, found in enumerate(extender.extend(hidden.seeds[:20], hidden.titles[:20], 500)):
        seeds = set(hidden.seeds.indices[hidden.seeds.indptr[row] : hidden.seeds.indptr[row + 1]])
        assert not seeds & set(found)
        assert len(set(found)) == len(found) == 480 - len(seeds)


def test_half_of_the_sets_are_kept_from_the_stage_one_that_stage_two_learns_on(monkeypatch: pytest.MonkeyPatch) -> None:
    library, titles, _ = held_out()
    small = Library(members=library.members[:100], words=library.words)
    seen = []
    plain = Retriever.__init__
    monkeypatch.setattr(
        Retriever, "__init__", lambda self, of, **rest: (seen.append(of.members.shape[0]), plain(self, of, **rest))[1]
    )
    fit_extender(small, titles[:100], seed=0)
    assert seen == [50, 100]


def test_folding_in_solves_the_weighted_least_squares_problem() -> None:
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(12, 3))
    row = csr_matrix(([1.0, 1.0], ([0, 0], [2, 7])), shape=(1, 12))
    confidence = np.ones(12)
    confidence[[2, 7]] += 100
    wanted = np.zeros(12)
    wanted[[2, 7]] = 1
    expected = np.linalg.solve((factors.T * confidence) @ factors + 10 * np.eye(3), factors.T @ (confidence * wanted))
    assert fold_in(row, factors, factors.T @ factors)[0] == pytest.approx(expected)


def test_the_same_seed_gives_the_same_lists() -> None:
    library, titles, hidden = held_out()
    small = Library(members=library.members[:80], words=library.words)
    first, second = (fit_extender(small, titles[:80], seed=3).extend(hidden.seeds[:5], hidden.titles[:5], 50) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
