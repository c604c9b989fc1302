"""The readers' model follows tastes, not exposure; its state moves with clicks alone; slates for somebody new are diverse."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from adcreative.delivery.rotation.readers.fitting import ReaderConfig, fit_readers
from adcreative.delivery.rotation.readers.histories import ReaderHistories, read_histories
from adcreative.delivery.rotation.readers.model import ReaderView, chosen_log_chance, score_histories
from adcreative.delivery.rotation.readers.network import ReaderNetwork, _step_gru, score_slates
from adcreative.delivery.rotation.slate_choice import choose_slates
from adcreative.delivery.rotation.slate_model import Slates, fit_slate_model
from adcreative.errors import ConfigError, TrainingError
from tests.delivery.rotation.readers.planted import NO_CLICK, NUM_STEPS, PlantedReaders, plant_readers

HELD_FROM, HELD_READERS = 9, 600  # of every second half of the readers, steps from 9 on are left out


@lru_cache(maxsize=1)
def world() -> tuple[PlantedReaders, ReaderHistories, np.ndarray]:
    """The planted log, its histories, and the step of each slate."""
    planted = plant_readers()
    histories = planted.histories()
    return planted, histories, np.tile(np.arange(NUM_STEPS), len(histories.names))


def split() -> tuple[ReaderHistories, ReaderHistories]:
    _, histories, step = world()
    learnt = (step < HELD_FROM) | (histories.reader < HELD_READERS)
    return histories.take(learnt), histories.take(~learnt)


@lru_cache(maxsize=2)
def fitted(state: str) -> ReaderNetwork:
    return fit_readers(split()[0], world()[0].groups, ReaderConfig(state=state, dim=2), seed=0)


def views(network: ReaderNetwork, num: int = 100) -> list[tuple[int, np.ndarray]]:
    """Scores for readers whose last steps were left out, by their clicks before the last step."""
    planted, histories, step = world()
    before = histories.before[step == NUM_STEPS - 1]
    readers = range(HELD_READERS, HELD_READERS + num)
    return [
        (reader, ReaderView(network, histories.clicks[reader][: before[reader]], np.zeros(len(planted.items))).attraction)
        for reader in readers
    ]


@pytest.mark.planted
@pytest.mark.parametrize("state", ["gru", "linear"])
def test_scores_follow_each_readers_taste_and_not_exposure(state: str) -> None:
    planted, _, _ = world()
    network = fitted(state)
    found = views(network)
    truth = [planted.utility[reader, -1] for reader, _ in found]
    with_taste = np.mean([spearmanr(scores, true)[0] for (_, scores), true in zip(found, truth, strict=True)])
    with_exposure = np.mean([spearmanr(scores, planted.exposure)[0] for _, scores in found])
    nothing = network.no_click["mean"].detach().numpy()
    offset = [nothing[8] - scores.mean() - NO_CLICK[8] + true.mean() for (_, scores), true in zip(found, truth, strict=True)]
    print(f"{state}: taste {with_taste:.3f} exposure {with_exposure:.3f} no click off by {np.mean(offset):+.3f}")
    assert with_taste >= 0.9
    assert abs(with_exposure) <= 0.3
    assert abs(np.mean(offset)) <= 0.2
    assert nothing[8] - nothing[4] == pytest.approx(NO_CLICK[8] - NO_CLICK[4], abs=0.2)  # one bias for all lengths: 0


@pytest.mark.planted
def test_what_is_left_out_is_told_better_than_with_all_readers_alike() -> None:
    learnt, held = split()
    row, place = np.nonzero(learnt.slates >= 0)
    rows = Slates(item=learnt.slates[row, place], slate=row, position=place, clicked=learnt.chosen[row] == place,
                  num_items=learnt.num_items)  # fmt: skip
    alike = fit_slate_model(rows, world()[0].groups)
    scores = np.where(held.slates >= 0, alike.attraction[np.maximum(held.slates, 0)] + alike.position[:8], -np.inf)
    scores = np.c_[[alike.no_click_at(int(length)) for length in held.lengths], scores]
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    floor = chosen_log_chance(scores, held).mean()
    gru, linear = (chosen_log_chance(score_histories(fitted(state), held), held).mean() for state in ("gru", "linear"))
    print(f"log-chance of a held-out slate: alike {floor:.3f} gru {gru:.3f} linear {linear:.3f}")
    assert gru > floor + 0.06
    assert linear > floor + 0.06


@pytest.mark.planted
def test_broken_twins_miss_the_bars() -> None:
    """A softmax over the catalogue learns what was shown; a state that also takes unclicked creatives loses the taste."""
    planted, histories, step = world()
    count = np.log(np.bincount(histories.clicks[histories.clicks >= 0], minlength=60) + 0.5)
    assert np.mean([spearmanr(count, planted.utility[reader, -1])[0] for reader in range(HELD_READERS, 700)]) < 0.6
    assert spearmanr(count, planted.exposure)[0] > 0.3
    confused = []
    for reader in range(HELD_READERS, 700):
        mine = (histories.reader == reader) & (step < NUM_STEPS - 1)
        last = [slate[max(place, 0)] for slate, place in zip(histories.slates[mine], histories.chosen[mine], strict=True)]
        scores = ReaderView(fitted("gru"), last, np.zeros(60)).attraction
        confused.append(spearmanr(scores, planted.utility[reader, -1])[0])
    assert np.mean(confused) < 0.9


@pytest.mark.planted
def test_in_slate_sampling_for_somebody_new_is_at_least_1_3_times_as_diverse() -> None:
    places = world()[0].items

    def diversity(policy: str) -> float:
        view = ReaderView(fitted("gru"), (), np.zeros(len(places)))
        shown = places[choose_slates(view, 6, 80, policy=policy, rng=np.random.default_rng(1))]
        pairs = np.triu_indices(6, 1)
        return float(np.linalg.norm(shown[:, pairs[0]] - shown[:, pairs[1]], axis=2).mean())

    assert diversity("in-slate") >= 1.3 * diversity("ts")


def small(state: str = "gru") -> ReaderNetwork:
    return ReaderNetwork(torch.arange(6) % 2, 3, 4, state, start_no_click=-1.0, generator=torch.Generator().manual_seed(0))


def test_the_state_is_that_of_torchs_gru() -> None:
    network, cell = small(), torch.nn.GRUCell(4, 4, bias=False)
    gates = network.gates["mean"].detach()[None]
    with torch.no_grad():
        cell.weight_ih.copy_(torch.cat([gates[0, 0], gates[0, 2], gates[0, 4]]))
        cell.weight_hh.copy_(torch.cat([gates[0, 1], gates[0, 3], gates[0, 5]]))
        entering, hidden = torch.randn(5, 4), torch.randn(5, 4)
        assert torch.allclose(_step_gru(entering[None], hidden[None], gates)[0], cell(entering, hidden), atol=1e-6)


@pytest.mark.parametrize("state", ["gru", "linear"])
def test_a_state_moves_with_clicks_alone_and_nothing_that_comes_later_changes_it(state: str) -> None:
    network = small(state)
    draw = network.means()
    clicks = torch.tensor([[2, 4, -1], [2, 4, 5]])
    states = network.states(clicks, draw, torch.zeros(1, 2, 4))
    assert torch.equal(states[0, 0, 2], states[0, 0, 3])  # padding is no click
    assert torch.equal(states[0, 0, :3], states[0, 1, :3])
    assert not torch.allclose(states[0, 1, 2], states[0, 1, 3])


def test_chances_sum_to_one_over_what_was_shown_and_no_click() -> None:
    network = small()
    slates = torch.tensor([[0, 3, -1], [5, 1, 2]])
    chances = score_slates(torch.zeros(1, 2, 4), slates, network.means()).exp()[0]
    assert torch.allclose(chances.sum(1), torch.ones(2))
    assert chances[0, 3] == 0
    near = -torch.linalg.vector_norm(network.items["mean"][[5, 1, 2]], dim=1)
    expected = torch.softmax(torch.cat([network.no_click["mean"][3:], near]), 0)
    assert torch.allclose(chances[1], expected, atol=1e-6)


def log_rows(num_readers: int = 30, num_steps: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for reader in range(num_readers):
        for step in range(num_steps):
            shown, hit = rng.choice(5, 2, replace=False), rng.integers(-1, 2)
            rows += [
                {"user": f"u{reader}", "time": str(step + 5), "slate": reader * num_steps + step, "position": at + 1,
                 "item": int(item), "clicks": int(at == hit)} for at, item in enumerate(shown)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def test_histories_are_in_order_of_time_and_count_the_clicks_before() -> None:
    rows = log_rows().sample(frac=1.0, random_state=0)  # steps 5 to 10: as words, 10 comes first
    histories = read_histories(rows, 5)
    for reader in (0, 17):
        mine = histories.reader == reader
        name = histories.names[reader]
        own = rows[rows.user == name].assign(step=lambda table: table.time.astype(int)).sort_values(["step", "position"])
        clicked = own[own.clicks > 0]["item"].tolist()
        assert histories.clicks[reader][: len(clicked)].tolist() == clicked
        assert (histories.clicks[reader][len(clicked) :] == -1).all()
        assert histories.slates[mine].ravel().tolist() == own["item"].tolist()
        hit = histories.chosen[mine] >= 0
        assert histories.before[mine].tolist() == (np.cumsum(hit) - hit).tolist()


def test_same_seed_same_fit_and_a_creative_never_shown_lies_with_its_family() -> None:
    histories = read_histories(log_rows(), 6)  # the sixth is never shown
    config = ReaderConfig(num_item_steps=60, num_steps=120)
    one, two = (fit_readers(histories, np.array([0, 0, 0, 1, 1, 1]), config, seed=3) for _ in range(2))
    assert all(torch.equal(left, right) for left, right in zip(one.parameters(), two.parameters(), strict=True))
    spread = one.guide("items").scale.mean(1)
    assert spread[5] > spread[:5].max()


def test_what_cannot_be_followed_is_told() -> None:
    rows = log_rows()
    with pytest.raises(ConfigError, match="only in a log with a column user"):
        read_histories(rows.assign(user=""), 5)
    with pytest.raises(ConfigError, match="a column slate that rows shown together share"):
        read_histories(rows.assign(slate=np.arange(len(rows))), 5)
    with pytest.raises(TrainingError, match=r"follows 5 readers with .* clicks; at least 20 and 100"):
        read_histories(log_rows(num_readers=5), 5)
    with pytest.raises(ConfigError, match='no state of readers is named "lstm"; known: gru, linear'):
        ReaderConfig(state="lstm")
    with pytest.raises(ConfigError, match="dimensions, steps, draws and readers a step must be at least 1"):
        ReaderConfig(dim=0)
