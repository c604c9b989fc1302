"""Gates for values: nothing changes at first, noise goes, what has an effect stays, and too strong a pull takes that too."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable
from adcreative.ctr.log_network import build_batch
from adcreative.errors import ConfigError
from adcreative.papers.compression.values import GatedTable, ValuesConfig, compress_values, rewind
from adcreative.papers.compression.wrapping import wrap_tables
from tests.ctr.compression.worlds import build, held_auc, planted_coclusters, planted_noise_values, trained


def test_at_the_start_every_gate_is_one() -> None:
    world, _, _ = planted_coclusters(500, seed=0)
    model, batch = build("fm", world), build_batch(world.rows(slice(0, 100)))
    before = model.network(batch)
    wrap_tables(model.network, lambda _, table: GatedTable(table))
    torch.testing.assert_close(model.network(batch), before, rtol=1e-6, atol=1e-6)


def test_a_hard_table_folds_and_shrinks_to_its_own_vectors() -> None:
    table = GatedTable(SmallTable(torch.randn(9, 4), 6))
    with torch.no_grad():
        table.scores[3:6] = -1.0
    ids = torch.arange(9)
    for temperature in (1.0, 200.0):
        table.temperature = temperature
        torch.testing.assert_close(table.fold()(ids), table(ids), rtol=1e-6, atol=1e-6)
    table.harden()
    small = table.shrink()
    with torch.no_grad():
        table.weight[0] = 0
    torch.testing.assert_close(small(ids), table(ids), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(small.fold()(ids), table(ids), rtol=1e-6, atol=1e-6)
    assert len(small.weight) == 6
    assert small(torch.tensor([4])).abs().max() == 0


def test_rewound_weights_are_those_of_the_model_to_the_last_bit() -> None:
    world, _, _ = planted_coclusters(500, seed=0)
    model = build("dnn", world, hidden_dims=(8,))
    start = copy.deepcopy(model.network.state_dict())
    tables = wrap_tables(model.network, lambda _, table: GatedTable(table))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(1.0)
    rewind(model.network, start)
    assert all(torch.equal(model.network.state_dict()[name], value) for name, value in start.items())
    assert all(table.scores[0] == 1.5 for table in tables.values())


@pytest.mark.planted
def test_noise_goes_and_what_has_an_effect_stays() -> None:
    world = planted_noise_values(40_000, seed=0)
    work = world.work(epochs=2)
    plain = trained("fm", world, work, epochs=3, dim=4)
    kept: dict[float, np.ndarray] = {}
    aucs: dict[Any, float] = {"plain": held_auc(plain.network, work)}
    for strength in (0.0, 0.3, 6.0):
        model = replace(plain, network=copy.deepcopy(plain.network))
        said = compress_values(model, work, ValuesConfig(strength=strength, epochs=6))
        kept[strength] = np.array([now / of for key, (now, of) in said["kept"].items() if "first_order" in key])
        aucs[strength] = held_auc(model.network, work)
        assert said["settled"] > 0.95
    print("kept by field", kept[0.3].round(3), "AUC", aucs)
    assert kept[0.3][2:].max() < 0.05
    assert kept[0.3][:2].min() >= 0.5 * 0.85  # half of the values have an effect
    assert aucs[0.3] >= aucs["plain"] - 0.002
    assert kept[0.0].min() > 0.8
    assert kept[0.0].sum() > kept[0.3].sum() > kept[6.0].sum()
    assert aucs[6.0] < aucs[0.3] - 0.02  # the broken twin: too strong a pull


def test_unknown_values_are_never_dropped_and_names_are_told() -> None:
    world = planted_noise_values(3000, seed=0)
    model = build("fm", world, dim=4)
    said = compress_values(model, world.work(epochs=0), ValuesConfig(epochs=1, strength=5.0, gate_learning_rate=0.5))
    table = model.network.inputs.tables.tables.table("c2")
    assert isinstance(table, SmallTable)
    assert table.places[0, 1] == 1  # type: ignore[index]
    assert len(table.weight) == FIRST + said["kept"]["inputs.tables.tables/c2"][0] < 302
    assert set(said["kept_values"]["inputs.tables.tables/c0"]) <= set(world.encoding.vocabularies["c0"])


def test_a_hashed_table_is_refused() -> None:
    world = planted_noise_values(1000, seed=0)
    model = build("fm", world)
    model.network.inputs.tables.tables.replace(
        "c0", SmallTable(torch.zeros(3, 8), 8, places=torch.zeros(1, 42, dtype=torch.int64))
    )
    with pytest.raises(ConfigError, match="has no row for each value any more"):
        compress_values(model, world.work(), ValuesConfig())
