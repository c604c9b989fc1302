"""Hashing by the graph: planted co-clusters are found, and hashing by them costs nothing where any other hash costs all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from adcreative.ctr.compression.tuning import TuneConfig, Work, tune
from adcreative.ctr.inputs.log_encoding import FIRST, LogRows
from adcreative.ctr.inputs.small_tables import SmallTable
from adcreative.errors import ConfigError
from adcreative.papers.compression.hashing import (
    KINDS,
    Clusters,
    HashConfig,
    cluster_ids,
    compress_hash,
    find_clusters,
    place_ids,
    read_graph,
    shrink_table,
)
from tests.ctr.compression.worlds import World, build, held_auc, planted_coclusters, trained


@pytest.fixture(scope="module")
def planted() -> tuple[World, Work, np.ndarray, np.ndarray]:
    world, of_users, of_items = planted_coclusters(40_000, seed=0)
    return world, world.work(epochs=0), of_users, of_items


@pytest.fixture(scope="module")
def graph(planted: tuple[World, Work, np.ndarray, np.ndarray]) -> tuple[sparse.csr_matrix, list[np.ndarray]]:
    return read_graph(planted[1], [0, 1], [size + FIRST for size in planted[0].sizes])


def test_planted_coclusters_are_found_and_a_high_resolution_breaks_them(planted, graph) -> None:  # type: ignore[no-untyped-def]
    _, _, of_users, of_items = planted
    found = cluster_ids(graph[0], 1.0, seed=0)
    assert adjusted_rand_score(of_users, found.first) > 0.95
    assert adjusted_rand_score(of_items, found.second) > 0.95
    broken = cluster_ids(graph[0], 100.0, seed=0)
    assert adjusted_rand_score(of_users, broken.first) < 0.3
    again = cluster_ids(graph[0], 1.0, seed=0)
    assert (found.first == again.first).all()


def test_a_budget_is_met_and_one_that_cannot_be_is_said(graph) -> None:  # type: ignore[no-untyped-def]
    for most in (100, 250):
        assert 0.5 * most < find_clusters(graph[0], most, seed=0).num_rows <= most
    with pytest.raises(ConfigError, match="a budget of 1 rows cannot be met: the coarsest clusters need"):
        find_clusters(graph[0], 1, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_id_has_a_place_and_padding_and_unknown_their_own(kind: str) -> None:
    clusters = np.array([0, 0, 1, 2, 2, 2, -1, 1])
    places, num_rows = place_ids(kind, clusters, np.arange(8), rng=np.random.default_rng(0))
    assert places.shape == (2 if kind.startswith("double") else 1, 10)
    assert num_rows == 4 + FIRST  # three clusters, and the id that was seen and never clicked
    assert places[0, :FIRST].tolist() == [0, 1]
    assert places[:, FIRST:].min() >= FIRST
    assert places.max() < num_rows
    if kind == "frequency":  # the most frequent id, the last one, has a row of its own
        assert (places[0] == places[0, -1]).sum() == 1
    if kind == "graph":
        assert places[0, 2] == places[0, 3] != places[0, 4]


def test_ids_that_were_shown_and_never_clicked_share_a_row_with_nobody_else() -> None:
    """On Frappe these are a third of the rows; hashed among the clicked ones, they cost 0.055 of AUC."""
    clusters, counts = np.array([0, -1, 1, -1, 0, -1]), np.array([5, 3, 9, 2, 1, 0])
    places, num_rows = place_ids("graph", clusters, counts, rng=np.random.default_rng(0))
    row = places[0][FIRST:]
    assert row[1] == row[3] == num_rows - 1
    assert row[0] == row[4] != row[2]
    assert row[1] not in (row[0], row[2])
    assert FIRST <= row[5] < num_rows  # never seen: by the hash
    assert num_rows == FIRST + 3
    assert place_ids("graph", np.array([0, 1]), np.array([1, 1]), rng=np.random.default_rng(0))[1] == FIRST + 2


def test_a_row_starts_at_the_mean_of_those_it_stands_for() -> None:
    table = SmallTable(torch.arange(12.0).reshape(6, 2), 2)
    with torch.no_grad():
        table.weight[0] = 0
    small = shrink_table(table, np.array([[0, 1, 2, 2, 3, 3]]), 4, np.array([0, 0, 3, 1, 2, 2]))
    assert small.weight[2].tolist() == [(4 * 3 + 6) / 4, (5 * 3 + 7) / 4]
    assert small(torch.tensor([0, 1, 4])).tolist() == [[0.0, 0.0], [2.0, 3.0], [9.0, 10.0]]
    torch.testing.assert_close(small.fold()(torch.arange(6)), small(torch.arange(6)))


def retrained(world: World, work: Work, clusters: Clusters, kind: str) -> float:
    """AUC of a factorisation machine trained from scratch on hashed tables."""
    model, rng = build("fm", world, dim=8), np.random.default_rng(1)
    for name, of_field in (("c0", clusters.first), ("c1", clusters.second)):
        places, num_rows = place_ids(kind, of_field, np.ones(len(of_field)), rng=rng)
        for group in (model.network.inputs.tables.tables, model.network.inputs.views["first_order"].tables):
            start = 0.1 * torch.randn(num_rows, int(group.dim), generator=torch.Generator().manual_seed(2))
            group.replace(name, SmallTable(start, group.dim, places=torch.from_numpy(places)))
    tune(model.network, work, TuneConfig(epochs=3, learning_rate=1e-2, batch_size=512, embedding_regularizer=1e-5))
    return held_auc(model.network, work)


@pytest.mark.planted
def test_graph_hash_costs_nothing_where_modulo_and_shuffled_clusters_cost_all(planted, graph) -> None:  # type: ignore[no-untyped-def]
    world, work, _, _ = planted
    clusters, rng = find_clusters(graph[0], 250, seed=0), np.random.default_rng(4)
    shuffled = replace(clusters, first=rng.permutation(clusters.first), second=rng.permutation(clusters.second))
    full = held_auc(trained("fm", world, work, epochs=3).network, work)
    by_graph, by_modulo, by_chance = (
        retrained(world, work, *one) for one in ((clusters, "graph"), (clusters, "modulo"), (shuffled, "graph"))
    )
    print(f"full {full:.3f}, graph {by_graph:.3f}, modulo {by_modulo:.3f}, shuffled {by_chance:.3f}")
    assert by_graph > full - 0.01
    assert by_graph > by_modulo + 0.2
    assert abs(by_chance - by_modulo) < 0.06


def test_a_trained_model_is_hashed_and_tells_its_clusters(planted) -> None:  # type: ignore[no-untyped-def]
    world, work, _, _ = planted
    model = trained("fm", world, work, epochs=2)
    before, work = held_auc(model.network, work), replace(work, tuning=TuneConfig(epochs=1, learning_rate=3e-3))
    said = compress_hash(model, work, HashConfig(budget=0.25))
    assert sum(said["rows"].values()) <= 0.25 * 1000 + 2 * FIRST
    assert held_auc(model.network, work) > before - 0.01
    largest = said["clusters"][0]
    assert largest["c0"]["such_as"]
    assert set(largest["c0"]["such_as"]) <= set(world.encoding.vocabularies["c0"])
    unseen = LogRows({"ids": np.ones((2, 2), np.int64), "numbers": np.zeros((2, 0), np.float32)}, np.zeros(2), np.full(2, -1))
    assert np.isfinite(model.predict(unseen)["ctr"]).all()


def test_test_edges_are_not_in_the_graph(planted, graph) -> None:  # type: ignore[no-untyped-def]
    world, work, _, _ = planted
    assert graph[0].sum() == work.rows.train.whole.labels.sum() < world.labels.sum()  # type: ignore[attr-defined]


def test_wrong_settings_are_one_sentence(planted) -> None:  # type: ignore[no-untyped-def]
    world, work, _, _ = planted
    with pytest.raises(ConfigError, match='no hash "grph"'):
        HashConfig(kind="grph")
    with pytest.raises(ConfigError, match='no categorical field "user" to cluster'):
        compress_hash(build("fm", world), work, HashConfig(fields=("user", "c1")))
