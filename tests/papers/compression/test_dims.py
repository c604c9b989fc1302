"""Dimensions by blocks of frequency: exact budgets, zeros that stay, and frequent values that keep more of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable, pack_zeros, unpack_zeros
from adcreative.errors import ConfigError
from adcreative.papers.compression.dims import (
    DimsConfig,
    SoftTable,
    compress_dims,
    normalise_rows,
    prune_to_budget,
    search_alpha,
    split_blocks,
)
from adcreative.papers.compression.wrapping import count_values, wrap_tables
from tests.ctr.compression.worlds import planted_zipf_ranks, trained


def test_soft_folded_and_small_tables_have_the_same_vectors() -> None:
    table, ids = SoftTable(SmallTable(torch.randn(9, 4), 6), np.arange(9) % 3, 3), torch.arange(9)
    with torch.no_grad():
        table.alpha.copy_(torch.rand(3, 4))
    torch.testing.assert_close(table.fold()(ids), table(ids), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(table.shrink()(ids), table(ids), rtol=1e-6, atol=1e-6)


def test_a_value_that_loses_all_numbers_of_a_centred_table_is_an_average_one() -> None:
    table = SoftTable(SmallTable(torch.randn(99, 4, generator=torch.Generator().manual_seed(0)) + 3.0, 6), np.zeros(99, int), 1)
    with torch.no_grad():
        table.alpha.uniform_(0.2, 1.0, generator=torch.Generator().manual_seed(1))
    ids, small = torch.arange(1, 99), table.shrink(is_centred=True)
    torch.testing.assert_close(small(ids), table(ids), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        small.weight[5] = 0.0
    torch.testing.assert_close(small(torch.tensor([5]))[0], table(torch.arange(2, 99)).mean(dim=0), rtol=1e-5, atol=1e-5)
    assert not small(torch.tensor([0])).any()
    tiny = SoftTable(SmallTable(torch.randn(9, 4), 6), np.zeros(9, int), 1).shrink(is_centred=True)
    assert tiny.mean is None  # the mean would cost more than it saves


def test_blocks_are_by_frequency_and_gradients_of_equal_size() -> None:
    assert split_blocks(np.array([5, 9, 1, 7, 3, 2, 8, 4, 6, 0]), (0.1, 0.2, 0.3, 0.4)).tolist() == [
        2,
        0,
        3,
        1,
        3,
        3,
        1,
        2,
        2,
        3,
    ]
    gradient = torch.randn(4, 8) * torch.tensor([[44.0], [10.0], [3.0], [1.0]])
    torch.testing.assert_close(normalise_rows(gradient).abs().mean(dim=1), torch.ones(4))


@pytest.mark.parametrize("budget", [0.5, 0.25, 0.013])
def test_a_budget_is_met_to_the_number(budget: float) -> None:
    tables = {"a": SmallTable(torch.randn(50, 8), 8), "b": SmallTable(torch.randn(31, 8), 8)}
    masks = prune_to_budget(tables, budget)
    left = sum(int((table.weight != 0).sum()) for table in tables.values())
    assert left == int(budget * 81 * 8) == int(sum(mask.sum() for mask in masks.values()))
    assert min(float(t.weight[t.weight != 0].abs().min().detach()) for t in tables.values()) >= 0
    with pytest.raises(ConfigError, match="cannot be met"):
        prune_to_budget({"a": SmallTable(torch.zeros(5, 2), 2)}, 0.5)


def test_zeros_are_still_zero_after_tuning_and_pack_small() -> None:
    world = planted_zipf_ranks(3000, seed=0)
    model = trained("fm", world, world.work(), epochs=1)
    said = compress_dims(model, world.work(epochs=2, learning_rate=1e-2), DimsConfig(budget=0.25, epochs=1))
    tables = [model.network.inputs.tables.tables, model.network.inputs.views["first_order"].tables]
    weights: list[Any] = [group.table(name).weight for group in tables for name in group.sizes]
    left = sum(int((weight != 0).sum()) for weight in weights)
    assert left <= said["numbers"][0] == int(0.25 * said["numbers"][1])
    state = {name: value.numpy() for name, value in model.network.state_dict().items()}
    packed = pack_zeros(state)
    assert sum(one.nbytes for one in packed.values()) < 0.35 * sum(one.nbytes for one in state.values())
    unpacked = unpack_zeros(packed, {name: value.shape for name, value in state.items()})
    assert all((unpacked[name] == value).all() for name, value in state.items())
    shapes = {name: value.shape for name, value in state.items()}
    with pytest.raises(ConfigError, match="packed"):
        unpack_zeros({name: one[:-1] if name.endswith("values") else one for name, one in packed.items()}, shapes)


def block_sums(*, normalises: bool) -> tuple[float, float]:
    """Sum of alpha of the most frequent and of the rarest items."""
    world = planted_zipf_ranks(40_000, seed=0)
    work = world.work(epochs=0)
    model = trained("fm", world, work, epochs=4)
    counts = count_values(model, work)

    def soften(name: str, table: SmallTable) -> SoftTable:
        blocks = np.zeros(len(table.weight), np.int64)
        blocks[FIRST:] = split_blocks(counts[name][FIRST:], (0.1, 0.2, 0.3, 0.4))
        return SoftTable(table, blocks, 4)

    tables = wrap_tables(model.network, soften)
    search_alpha(model.network, list(tables.values()), work, DimsConfig(epochs=10, penalty=0.05, normalises=normalises))
    alpha = tables["inputs.tables.tables/c1"].alpha.detach().sum(dim=1)
    return float(alpha[0]), float(alpha[-1])


@pytest.mark.planted
def test_frequent_values_keep_more_dimensions_only_with_normalised_gradients() -> None:
    head, tail = block_sums(normalises=True)
    print(f"widths of frequent values {head:.2f}, of rare ones {tail:.2f}")
    assert head >= 2 * tail, (head, tail)
    head, tail = block_sums(normalises=False)
    assert head < 1.5 * tail, (head, tail)  # the broken twin
