"""The slate model finds what is clicked, not what was shown; slates have no repeats and mix opinions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import spearmanr

from adcreative.delivery.rotation.slate_choice import choose_slates, find_kinds, place_shares, read_ranks
from adcreative.delivery.rotation.slate_model import SlateModel, Slates, fit_slate_model
from adcreative.errors import ConfigError, TrainingError

NO_CLICK = 1.5


@lru_cache(maxsize=1)
def planted(num_slates: int = 30_000, num_items: int = 200, size: int = 8) -> tuple[Slates, np.ndarray, np.ndarray]:
    """Slates whose exposure is skewed and has nothing to do with quality; true utilities and exposure counts."""
    rng = np.random.default_rng(0)
    utility = rng.normal(0, 1, num_items)
    weight = rng.permutation(1 / np.arange(1, num_items + 1) ** 0.8)
    keys = rng.exponential(1, (num_slates, num_items)) / weight
    shown = np.argpartition(keys, size, axis=1)[:, :size]
    shown = rng.permuted(shown, axis=1)
    appeal = np.exp(np.concatenate([np.full((num_slates, 1), NO_CLICK), utility[shown]], axis=1))
    chance = np.cumsum(appeal / appeal.sum(axis=1, keepdims=True), axis=1)
    chosen = (rng.random((num_slates, 1)) > chance).sum(axis=1) - 1  # -1: nothing
    clicked = chosen[:, None] == np.arange(size)
    slates = Slates(
        item=shown.ravel(),
        slate=np.repeat(np.arange(num_slates), size),
        position=np.tile(np.arange(size), num_slates),
        clicked=clicked.ravel(),
        num_items=num_items,
    )
    return slates, utility, np.bincount(shown.ravel(), minlength=num_items)


@pytest.fixture(scope="module")
def fitted() -> SlateModel:
    return fit_slate_model(planted()[0])


def test_attractions_follow_utility_and_not_exposure(fitted: SlateModel) -> None:
    _, utility, exposure = planted()
    assert spearmanr(fitted.attraction, utility)[0] >= 0.9
    assert abs(spearmanr(fitted.attraction, exposure)[0]) <= 0.3
    assert fitted.no_click[8] - fitted.attraction.mean() == pytest.approx(NO_CLICK - utility.mean(), abs=0.2)
    assert np.abs(fitted.position).max() < 0.1  # none was planted


def test_posteriors_cover_the_truth(fitted: SlateModel) -> None:
    _, utility, _ = planted()
    away = (fitted.attraction - fitted.attraction.mean() - utility + utility.mean()) / fitted.spread
    assert (np.abs(away) < 1.645).mean() == pytest.approx(0.9, abs=0.07)


def test_no_click_depends_on_the_length_and_places_have_effects() -> None:
    rng = np.random.default_rng(3)
    item, slate, position, clicked = [], [], [], []
    for number in range(8000):
        size = 3 if number % 2 else 6
        shown = rng.choice(20, size, replace=False)
        appeal = np.append(np.exp(-0.4 * np.arange(size)), np.exp(1.0 if size == 3 else 2.0))
        pick = rng.choice(size + 1, p=appeal / appeal.sum())
        item += list(shown)
        slate += [number] * size
        position += range(size)
        clicked += [at == pick for at in range(size)]
    model = fit_slate_model(
        Slates(item=np.array(item), slate=np.array(slate), position=np.array(position), clicked=np.array(clicked), num_items=20)
    )
    assert model.no_click[6] - model.no_click[3] == pytest.approx(1.0, abs=0.25)
    assert model.position[:4] == pytest.approx([0, -0.4, -0.8, -1.2], abs=0.2)
    assert np.isnan(model.no_click[5])
    assert model.no_click_at(5) == model.no_click[6]


def test_a_creative_that_was_never_shown_has_its_familys_mean_and_more_doubt() -> None:
    slates, utility, _ = planted()
    good = np.append((utility > 0).astype(int), [0, 1])
    more = Slates(item=slates.item, slate=slates.slate, position=slates.position, clicked=slates.clicked, num_items=202)
    model = fit_slate_model(more, good)
    assert model.attraction[201] - model.attraction[200] == pytest.approx(
        utility[utility > 0].mean() - utility[utility <= 0].mean(), abs=0.25
    )
    assert model.spread[201] > 3 * np.median(model.spread[:200])


def in_space(doubt: float) -> tuple[SlateModel, np.ndarray]:
    """A model whose posterior is that of one uncertain reader: creatives in 5-d, and their places."""
    places = np.random.default_rng(5).normal(0, 1, (400, 5))
    reader = np.zeros(5)

    class Reader(SlateModel):
        def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
            readers = rng.normal(reader, doubt, (num, 5))
            return -np.linalg.norm(places[None] - readers[:, None], axis=2)

    mean = -np.linalg.norm(places - reader, axis=1)
    return Reader(
        attraction=mean,
        spread=np.full(400, doubt),
        no_click=np.zeros(9),
        position=np.zeros(8),
        group_mean=np.zeros(1),
        item_spread=1.0,
    ), places


def diversity(slates: np.ndarray, places: np.ndarray) -> float:
    pairs = np.triu_indices(slates.shape[1], 1)
    shown = places[slates]
    return float(np.linalg.norm(shown[:, pairs[0]] - shown[:, pairs[1]], axis=2).mean())


def test_in_slate_sampling_is_at_least_1_3_times_as_diverse() -> None:
    model, places = in_space(0.7)
    spread = {
        policy: diversity(choose_slates(model, 8, 150, policy=policy, rng=np.random.default_rng(1)), places)
        for policy in ("in-slate", "ts")
    }
    assert spread["in-slate"] >= 1.3 * spread["ts"]


def test_without_doubt_all_policies_show_the_same_slate() -> None:
    model, _ = in_space(1e-9)
    slates = [
        choose_slates(model, 6, 2, policy=policy, rng=np.random.default_rng(1)) for policy in ("greedy", "ts", "in-slate")
    ]
    assert (slates[0] == slates[1]).all()
    assert (slates[0] == slates[2]).all()


def test_ranks_are_read_one_from_each_draw() -> None:
    draws = np.array([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    assert read_ranks(draws, 2).tolist() == [0, 1, 1, 2]  # best of both, then second of both


@pytest.mark.parametrize("policy", ["in-slate", "ts", "top-two", "greedy", "uniform"])
def test_no_slate_shows_a_creative_or_a_near_duplicate_twice(policy: str) -> None:
    model, _ = in_space(0.7)
    kinds = np.arange(400) // 2
    slates = choose_slates(model, 8, 50, policy=policy, rng=np.random.default_rng(2), kinds=kinds)
    assert all(len(set(kinds[slate])) == 8 for slate in slates)
    alike = choose_slates(model, 3, 1, policy=policy, rng=np.random.default_rng(2), kinds=np.zeros(400, int))
    assert len(set(alike[0])) == 3  # all are alike: better the same kind than an empty place
    shares = place_shares(slates, 400)
    assert shares.sum(axis=1) == pytest.approx(np.ones(8))


def test_near_duplicates_are_told_by_their_words_within_a_family() -> None:
    words = [
        "Sleep better tonight with Somnia",
        "Sleep better tonight with Somnia!",
        "Shoes for the rain",
        "Shoes for the rain",
    ]
    assert find_kinds(words, np.zeros(4, int)).tolist() == [0, 0, 2, 2]
    assert find_kinds(words, np.array([0, 1, 2, 3])).tolist() == [0, 1, 2, 3]
    assert find_kinds(["", ""], np.zeros(2, int)).tolist() == [0, 1]


def test_what_cannot_be_is_refused(fitted: SlateModel) -> None:
    with pytest.raises(ConfigError, match="there are 200"):
        choose_slates(fitted, 201, 1, policy="ts", rng=np.random.default_rng(0))
    with pytest.raises(ConfigError, match='no policy named "best"'):
        choose_slates(fitted, 2, 1, policy="best", rng=np.random.default_rng(0))
    one = np.zeros(1, int)
    with pytest.raises(TrainingError, match="hold 1 clicks; at least 20"):
        fit_slate_model(Slates(item=one, slate=one, position=one, clicked=np.ones(1, bool), num_items=1))


def test_a_slate_of_half_a_weight_counts_half() -> None:
    """Two slates of half a weight are one; a slate of no weight is none."""
    rng = np.random.default_rng(6)
    item, clicked = rng.integers(0, 4, 1200), np.zeros(1200, bool)
    clicked[::2] = rng.random(600) < np.array([0.1, 0.2, 0.3, 0.4])[item[::2]]
    once = Slates(item=item, slate=np.arange(1200) // 2, position=np.arange(1200) % 2, clicked=clicked, num_items=4)
    twice = Slates(
        item=np.tile(item, 3),
        slate=np.arange(3600) // 2,
        position=np.arange(3600) % 2,
        clicked=np.concatenate([clicked, clicked, ~clicked]),
        num_items=4,
        weight=np.repeat([0.5, 0.5, 0.0], 1200),
    )
    one, other = fit_slate_model(once), fit_slate_model(twice)
    assert other.attraction == pytest.approx(one.attraction, abs=1e-3)
    assert other.spread == pytest.approx(one.spread, rel=1e-2)
