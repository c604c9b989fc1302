"""Sets of planted tastes: two stages beat one, titles alone beat popularity, seeds never come back; and `extend`."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, eye

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError
from adcreative.metrics.continuation import list_ndcg
from adcreative.papers.set_continuation.model import Extender, Hidden, Library, Retriever, fit_extender, fold_in, hide_items
from adcreative.verbs import loading

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
        "two stages": ndcg(both, hidden, least=5),
        "stage one": ndcg(one, hidden, least=5),
        "popular": popular(library, hidden, least=5),
        "title": ndcg(both, hidden, least=0, most=0),
        "popular, no seeds": popular(library, hidden, least=0, most=0),
    }
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


def test_a_title_in_another_language_is_read_by_a_named_encoder(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = (("shoe", "running"), ("pan", "kitchen", "cuisine"), ("pillow", "bedroom"))

    def encode(texts: list[str]) -> np.ndarray:
        rows = np.array([[float(any(word in text for word in words)) for words in topics] for text in texts])
        return np.where(rows.sum(axis=1, keepdims=True) > 0, rows, np.nan)

    monkeypatch.setattr(loading.TextEncoder, "load", lambda name: SimpleNamespace(encode=encode))
    pipeline.extend(library, tmp_path / "more.csv", title="la cuisine", num=10, text_encoder="many-languages")
    assert pd.read_csv(tmp_path / "more.csv").item.str.startswith("pan").all()
    pipeline.extend(library, tmp_path / "plain.csv", title="la cuisine", num=10)
    assert not pd.read_csv(tmp_path / "plain.csv").item.str.startswith("pan").all()


def test_the_same_seed_gives_the_same_lists() -> None:
    library, titles, hidden = held_out()
    small = Library(members=library.members[:80], words=library.words)
    first, second = (fit_extender(small, titles[:80], seed=3).extend(hidden.seeds[:5], hidden.titles[:5], 50) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


TOPICS = {"running": "shoe", "kitchen": "pan", "bedroom": "pillow"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """150 sets of three topics, each of six of the topic's twenty items, with a title that names the topic."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(150):
        topic, thing = list(TOPICS.items())[number % 3]
        for item in rng.choice(20, 6, replace=False):
            rows.append({"set": f"S{number}", "title": f"my {topic} things", "item": f"{thing} {item}"})
    pd.DataFrame(rows).to_csv(tmp_path / "sets.csv", index=False)
    return tmp_path / "sets.csv"


def test_seeds_are_continued_by_their_own_kind(library: Path, tmp_path: Path) -> None:
    summary = pipeline.extend(library, tmp_path / "more.csv", seeds=("pan 1", "pan 2"), num=10)
    found, sheet = pd.read_csv(tmp_path / "more.csv"), json.loads((tmp_path / "more.json").read_text())
    assert found.item.str.startswith("pan").all()
    assert not {"pan 1", "pan 2"} & set(found.item)
    assert found["rank"].tolist() == list(range(1, 11))
    assert set(sheet["figures"]) == {"two stages", "stage one", "popular"}
    assert sheet["figures"][sheet["method"]]["NDCG (code)"] > sheet["figures"]["popular"]["NDCG (code)"] + 0.1
    assert "by popularity" in summary.lines[-1]


def test_a_title_alone_is_enough_when_it_shares_words_with_items(library: Path, tmp_path: Path) -> None:
    pipeline.extend(library, tmp_path / "more.csv", title="pillow", num=5)
    assert pd.read_csv(tmp_path / "more.csv").item.str.startswith("pillow").all()


def test_a_few_sets_are_not_measured(library: Path, tmp_path: Path) -> None:
    pd.read_csv(library).head(60).to_csv(tmp_path / "few.csv", index=False)
    summary = pipeline.extend(tmp_path / "few.csv", tmp_path / "more.csv", seeds=("pan 18",), num=3)
    assert "10 sets are too few to measure" in summary.lines[-1]


def test_words_of_creatives_describe_items(library: Path, tmp_path: Path) -> None:
    items = sorted(pd.read_csv(library).item.unique())
    ads = pd.DataFrame(
        {"ad_name": items, "headline": [f"Sale of {'garden hoses' if one == 'pan 3' else one}" for one in items]}
    )
    ads.to_csv(tmp_path / "ads.csv", index=False)
    pipeline.extend(library, tmp_path / "more.csv", title="garden hoses", num=5, creatives=tmp_path / "ads.csv")
    assert pd.read_csv(tmp_path / "more.csv").item.iloc[0] == "pan 3"


def test_wrong_input_is_refused(library: Path, tmp_path: Path) -> None:
    out = tmp_path / "more.csv"
    with pytest.raises(ConfigError, match=r'"pan 99" is no item of sets\.csv'):
        pipeline.extend(library, out, seeds=("pan 99",))
    with pytest.raises(ConfigError, match="nothing to continue"):
        pipeline.extend(library, out)
    with pytest.raises(ConfigError, match="num must be at least 1"):
        pipeline.extend(library, out, title="x", num=0)
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.extend(library, out, title="x", should_stop=lambda: True)
    for content, message in (
        ("a,item\n1,2\n", "no column of sets"),
        ("set,b\n1,2\n", "no column of items"),
        ("set,item\n1,2\n", "1 sets of 1 items"),
    ):
        (tmp_path / "bad.csv").write_text(content)
        with pytest.raises(CatalogError, match=message):
            pipeline.extend(tmp_path / "bad.csv", out, title="x")
    assert not out.exists()
