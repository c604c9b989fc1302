"""The readers' model follows tastes, not exposure; its state moves with clicks alone; slates for somebody new are diverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from adcreative import pipeline
from adcreative.delivery.rotation.slate_choice import choose_slates
from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.slate_readers.choice import choose_state, hold_out
from adcreative.papers.slate_readers.histories import ReaderHistories, read_histories
from adcreative.papers.slate_readers.model import (
    Draw,
    ReaderConfig,
    ReaderNetwork,
    ReaderView,
    _step_gru,
    fit_readers,
    score_slates,
)
from tests.verbs.test_rotate import NAMES, account, log, slate_log  # noqa: F401

NUM_STEPS, SIZES = 12, (4, 8)
NO_CLICK = {4: -1.2, 8: -0.4}
MEMORY = 0.6


@dataclass(frozen=True)
class PlantedReaders:
    """A log's rows with `item`; places of creatives [N, 2], families [N], exposure counts [N], utility [U, T, N]."""

    rows: pd.DataFrame
    items: np.ndarray
    groups: np.ndarray
    exposure: np.ndarray
    utility: np.ndarray

    def histories(self) -> ReaderHistories:
        return read_histories(self.rows, len(self.items))


def plant_readers(num_readers: int = 1200, num_items: int = 60, num_groups: int = 6, *, turn: float = 0.0) -> PlantedReaders:
    """A click on v moves the reader to 0.6 z + 0.4 v; utility of i is -|z - v_i|; exposure has nothing to do with it.

    turn: radians; above 0 a click on v turns the reader to what comes after it (shoes, socks, laces): v turned by so much.
    """
    seed, turned = 0, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    rng = np.random.default_rng(seed)
    groups = np.arange(num_items) % num_groups
    items = rng.normal(0, 1.6, (num_groups, 2))[groups] + rng.normal(0, 0.5, (num_items, 2))
    weight = rng.permutation(1 / np.arange(1, num_items + 1) ** 0.8)
    taste = items[rng.integers(0, num_items, num_readers)] + rng.normal(0, 0.4, (num_readers, 2))
    utility, rows = np.zeros((num_readers, NUM_STEPS, num_items)), []
    for step in range(NUM_STEPS):
        size = SIZES[step % 2]
        keys = rng.exponential(1, (num_readers, num_items)) / weight
        shown = rng.permuted(np.argpartition(keys, size, axis=1)[:, :size], axis=1)
        utility[:, step] = -np.linalg.norm(taste[:, None] - items, axis=2)
        appeal = np.exp(np.c_[np.full(num_readers, NO_CLICK[size]), np.take_along_axis(utility[:, step], shown, axis=1)])
        chance = np.cumsum(appeal / appeal.sum(axis=1, keepdims=True), axis=1)
        chosen = (rng.random((num_readers, 1)) > chance).sum(axis=1) - 1
        rows.append(
            pd.DataFrame(
                {
                    "user": np.repeat([f"r{number:05d}" for number in range(num_readers)], size),
                    "time": str(step),
                    "slate": np.repeat(np.arange(num_readers) * NUM_STEPS + step, size),
                    "position": np.tile(np.arange(1, size + 1), num_readers),
                    "item": shown.ravel(),
                    "clicks": (chosen[:, None] == np.arange(size)).ravel().astype(int),
                }
            )
        )
        hit = chosen >= 0
        clicked = items[np.take_along_axis(shown, np.maximum(chosen, 0)[:, None], axis=1)[:, 0]]
        moved = clicked @ turned.T if turn else MEMORY * taste + (1 - MEMORY) * clicked
        taste = np.where(hit[:, None], moved, taste)
    table = pd.concat(rows, ignore_index=True)
    exposure = np.bincount(table["item"], minlength=num_items)
    return PlantedReaders(table, items, groups, exposure, utility)


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
    parts = ("slates", "chosen", "reader", "before")
    one, other = ({name: getattr(histories, name)[rows] for name in parts} for rows in (learnt, ~learnt))
    return replace(histories, **one), replace(histories, **other)


def means(network: ReaderNetwork) -> Draw:
    """The means of the guide as one draw."""
    parts = {name: getattr(network, name)["mean"].detach()[None] for name in vars(network.draw(1)[0])}
    return Draw(**{**parts, "place": parts["place"] * (torch.arange(parts["place"].shape[1]) > 0)})


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
def test_a_reader_who_drifts_is_followed_by_the_running_mean() -> None:
    """Its own world: it tells slates left out better than all readers alike, and the GRU tells no more."""
    planted = plant_readers(600)
    found = choose_state(planted.histories(), planted.groups, ReaderConfig(dim=2, num_steps=300), seed=0)
    print(found)
    assert found.state == "linear"
    assert min(found.figures["linear"], found.figures["gru"]) > found.figures["alike"] + 0.06


@pytest.mark.planted
def test_a_reader_who_wants_what_comes_next_is_followed_by_the_gru() -> None:
    """A click turns the reader by a third of a circle: no mean of what was clicked lies there."""
    planted = plant_readers(turn=2 * np.pi / 3)
    found = choose_state(planted.histories(), planted.groups, ReaderConfig(dim=2, num_steps=500), seed=0)
    print(found)
    assert found.state == "gru"
    assert found.figures["gru"] > found.figures["linear"] + 0.02


def test_the_last_quarter_of_each_readers_slates_is_left_out_with_its_clicks() -> None:
    histories = read_histories(log_rows(num_steps=8), 5)
    learnt, held = hold_out(histories)
    assert (np.bincount(learnt.reader) == 6).all()
    assert (np.bincount(held.reader) == 2).all()
    for reader in range(len(histories.names)):
        known = int((learnt.chosen[learnt.reader == reader] >= 0).sum())
        assert learnt.clicks[reader][:known].tolist() == histories.clicks[reader][:known].tolist()
        assert (learnt.clicks[reader][known:] == -1).all()
        assert held.before[held.reader == reader].min() == known


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
    draw = means(network)
    clicks = torch.tensor([[2, 4, -1], [2, 4, 5]])
    states = network.states(clicks, draw, torch.zeros(1, 2, 4))
    assert torch.equal(states[0, 0, 2], states[0, 0, 3])  # padding is no click
    assert torch.equal(states[0, 0, :3], states[0, 1, :3])
    assert not torch.allclose(states[0, 1, 2], states[0, 1, 3])


def test_chances_sum_to_one_over_what_was_shown_and_no_click() -> None:
    network = small()
    slates = torch.tensor([[0, 3, -1], [5, 1, 2]])
    chances = score_slates(torch.zeros(1, 2, 4), slates, means(network)).exp()[0]
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
                {
                    "user": f"u{reader}",
                    "time": str(step + 5),
                    "slate": reader * num_steps + step,
                    "position": at + 1,
                    "item": int(item),
                    "clicks": int(at == hit),
                }
                for at, item in enumerate(shown)
            ]
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


@pytest.mark.slow
def test_same_seed_same_fit_and_a_creative_never_shown_lies_with_its_family() -> None:
    histories = read_histories(log_rows(), 6)  # the sixth is never shown
    config = ReaderConfig(num_item_steps=60, num_steps=120, num_linear_steps=120)
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


@pytest.fixture
def reader_log(tmp_path: Path) -> Path:
    """Sixty readers with one of two tastes, who see three of six ads ten times each; the first half likes the first three."""
    rng = np.random.default_rng(2)
    rows = []
    for reader in range(60):
        for step in range(10):
            shown = rng.choice(6, 3, replace=False)
            appeal = np.append(np.where((shown < 3) == (reader < 30), 3.0, 0.2), 1.0)
            pick = rng.choice(4, p=appeal / appeal.sum())
            rows += [
                {
                    "user": f"u{reader}",
                    "time": step,
                    "slate": reader * 10 + step,
                    "position": at + 1,
                    "creative": NAMES[item],
                    "click": int(at == pick),
                }
                for at, item in enumerate(shown)
            ]
    pd.DataFrame(rows).to_csv(tmp_path / "readers.csv", index=False)
    return tmp_path / "readers.csv"


@pytest.mark.parametrize("readers", ["linear", pytest.param("", marks=pytest.mark.slow)])
def test_each_reader_gets_slates_of_their_own(
    account: Path,  # noqa: F811
    reader_log: Path,
    tmp_path: Path,
    readers: str,
) -> None:
    summary = pipeline.rotate(account, tmp_path / "plan.csv", log=reader_log, slots=2, readers=readers)
    slates = pd.read_csv(tmp_path / "plan.slates.csv", keep_default_na=False)
    assert slates["user"].nunique() == 61  # "" is for everybody else
    assert (slates.groupby(["user", "slate"])["creative"].nunique() == 2).all()
    liked = slates["creative"].isin(NAMES[:3])
    number = pd.to_numeric(slates["user"].str[1:], errors="coerce")
    assert liked[number < 30].mean() > liked[number >= 30].mean() + 0.3
    plan = pd.read_csv(tmp_path / "plan.csv")
    assert plan.groupby("slot")["share"].sum().to_numpy() == pytest.approx([1, 1], abs=1e-3)
    assert ((plan.ctr_low <= plan.ctr) & (plan.ctr <= plan.ctr_high)).all()
    assert "New edit" in set(plan.creative)  # never shown, but of the family of the first three
    assert summary.lines[0].startswith("60 readers get slates of their own")
    assert ("log-chance of a slate left out, of 120: alike -" in " ".join(summary.lines)) is (not readers)


@pytest.mark.slow
def test_readers_who_are_all_alike_get_the_plan_of_rotate(
    account: Path,  # noqa: F811
    reader_log: Path,
    tmp_path: Path,
) -> None:
    rows, rng = pd.read_csv(reader_log), np.random.default_rng(7)
    rows["click"] = rows.groupby("slate")["position"].transform(lambda one: np.arange(1, 4) == rng.integers(0, 4)).astype(int)
    rows.to_csv(tmp_path / "alike.csv", index=False)
    summary = pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "alike.csv", slots=2)
    assert summary.lines[0].endswith("; alike is used")
    assert "user" not in pd.read_csv(tmp_path / "plan.slates.csv")


@pytest.mark.parametrize("settings", [{"readers": "alike"}, {"half_life_days": 0.0}, {}])
def test_the_rotation_follows_nobody_where_it_is_told_so_or_readers_seldom_come_back(
    account: Path,  # noqa: F811
    reader_log: Path,
    tmp_path: Path,
    settings: dict[str, Any],
) -> None:
    if not settings:
        rows = pd.read_csv(reader_log)
        rows.assign(user=rows["user"] + rows["time"].astype(str)).to_csv(reader_log, index=False)  # a reader for each slate
    summary = pipeline.rotate(account, tmp_path / "plan.csv", log=reader_log, slots=2, **settings)
    assert not any("left out" in line for line in summary.lines)
    assert "user" not in pd.read_csv(tmp_path / "plan.slates.csv")


def test_readers_that_cannot_be_followed_are_refused(
    account: Path,  # noqa: F811
    log: Path,  # noqa: F811
    slate_log: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    out = tmp_path / "plan.csv"
    with pytest.raises(ConfigError, match=r"followed for slates of 2 to 7 places .* got 1"):
        pipeline.rotate(account, out, log=log, readers="gru")
    with pytest.raises(ConfigError, match="only in a log with a column user"):
        pipeline.rotate(account, out, log=slate_log, slots=2, readers="gru")
    with pytest.raises(ConfigError, match="a column slate that rows shown together share"):
        pipeline.rotate(account, out, log=log, slots=2, readers="gru")
    with pytest.raises(ConfigError, match='no state of readers is named "lstm"; known: gru, linear'):
        pipeline.rotate(account, out, log=slate_log, slots=2, readers="lstm")
    with pytest.raises(ConfigError, match="explore and a half-life are not for readers"):
        pipeline.rotate(account, out, log=slate_log, slots=2, readers="gru", explore=0.1)
    assert not out.exists()
