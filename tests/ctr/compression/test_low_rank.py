"""Low rank: the error that is left is known before; what serves counts, not what stands in a table; the mean belongs to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from adcreative.ctr.compression.low_rank import (
    LowRankConfig,
    Moments,
    choose_ranks,
    compress_low_rank,
    factor_layer,
    factor_table,
    gather_moments,
)
from adcreative.ctr.inputs.small_tables import SmallTable
from adcreative.errors import ConfigError
from tests.ctr.compression.worlds import build, held_auc, planted_coclusters, trained, zipf_ids


def activations(num: int = 4000, rank: int = 6, *, seed: int = 0) -> tuple[torch.Tensor, nn.Linear]:
    """Inputs [N, 20] on a 6-dimensional subspace far from 0, and a layer 20 -> 16."""
    rng = np.random.default_rng(seed)
    basis, offset = rng.normal(size=(rank, 20)), 3.0 * rng.normal(size=20)
    inputs = rng.normal(size=(num, rank)) @ basis + offset + 0.01 * rng.normal(size=(num, 20))
    layer = nn.Linear(20, 16)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(rng.normal(size=(16, 20))))
        layer.bias.copy_(torch.from_numpy(rng.normal(size=16)))
    return torch.from_numpy(inputs).float(), layer


def moments_of(values: torch.Tensor, chunk: int = 10**6) -> Moments:
    moments = Moments(values.shape[1])
    for part in values.split(chunk):
        moments.add(part)
    return moments


def squared_error(layer: nn.Module, inputs: torch.Tensor, outputs: torch.Tensor) -> float:
    return float((layer(inputs).detach().double() - outputs.double()).square().sum(dim=1).mean())


@pytest.mark.parametrize("rank", [1, 3, 6, 10])
def test_the_error_is_the_sum_of_the_eigenvalues_that_are_left_out(rank: int) -> None:
    inputs, layer = activations()
    moments = moments_of(outputs := layer(inputs).detach())
    found = squared_error(factor_layer(layer, moments, rank), inputs, outputs)
    assert found == pytest.approx(float(moments.decompose()[1][rank:].sum()), rel=1e-4, abs=1e-6)


def test_weights_and_no_mean_are_worse_on_a_subspace() -> None:
    """The broken twins: singular vectors of the weights, and a mimic that forgets the mean."""
    inputs, layer = activations()
    outputs = layer(inputs).detach()
    right = factor_layer(layer, moments_of(outputs), 6)
    left, values, of_weights = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
    by_weights = nn.Linear(20, 16)
    no_mean = factor_layer(layer, moments_of(outputs), 6).fold()
    with torch.no_grad():
        by_weights.weight.copy_(left[:, :6] @ torch.diag(values[:6]) @ of_weights[:6])
        by_weights.bias.copy_(layer.bias)
        kept = right.second.weight @ right.second.weight.T
        no_mean.bias.copy_(kept @ layer.bias)
    errors = [squared_error(one, inputs, outputs) for one in (right, by_weights, no_mean)]
    assert errors[0] < 0.05
    assert min(errors[1:]) > 100 * errors[0]


def test_full_rank_is_the_layer_and_folding_changes_nothing() -> None:
    inputs, layer = activations()
    outputs = layer(inputs).detach()
    full = factor_layer(layer, moments_of(outputs), 16)
    torch.testing.assert_close(full(inputs), outputs, rtol=1e-4, atol=1e-3)
    small = factor_layer(layer, moments_of(outputs), 4)
    torch.testing.assert_close(small.fold()(inputs), small(inputs), rtol=1e-5, atol=1e-4)


def test_chunks_are_one_pass_and_signs_are_fixed() -> None:
    inputs, layer = activations()
    outputs = layer(inputs).detach()
    one, many = (moments_of(outputs, chunk).decompose() for chunk in (10**6, 37))
    for a, b in zip(one, many, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7)


def test_float32_sums_of_squares_would_lose_it() -> None:
    values = 1000.0 + torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    variance = moments_of(values).decompose()[1]
    assert variance.tolist() == pytest.approx([1.0, 1.0], rel=0.02)
    mean = values.mean(dim=0)
    in_float32 = (values.T @ values) / len(values) - torch.outer(mean, mean)
    assert abs(float(in_float32[0, 0]) - 1.0) > 0.02


def test_a_table_is_fitted_to_what_is_served() -> None:
    rng = np.random.default_rng(0)
    table = nn.Embedding(400, 8, padding_idx=0)
    with torch.no_grad():
        table.weight[1:] = torch.from_numpy(rng.normal(size=(399, 8)) @ rng.normal(size=(8, 8))).float() + 2.0
    ids = torch.from_numpy(zipf_ids(20_000, 399, rng) + 1)
    served = moments_of(table(ids).detach())
    every_row = moments_of(table.weight.detach()[1:])

    def error(small: SmallTable) -> float:
        return float((small(ids) - table(ids)).detach().square().sum(dim=1).mean())

    right, twin = (factor_table(table, one, 2) for one in (served, every_row))
    assert error(right) == pytest.approx(float(served.decompose()[1][2:].sum()), rel=1e-4)
    assert error(twin) > 1.03 * error(right)
    torch.testing.assert_close(factor_table(table, served, 8)(ids), table(ids), rtol=1e-4, atol=1e-4)
    assert right(torch.zeros(3, dtype=torch.int64)).abs().max() == 0
    torch.testing.assert_close(right.fold()(ids), right(ids), rtol=1e-6, atol=1e-6)


def test_ranks_by_energy_and_by_budget() -> None:
    spectra = {"a": torch.tensor([8.0, 1.0, 0.5, 0.5]), "b": torch.tensor([1.0, 1.0, 1.0, 1.0])}
    sizes = {"a": (400, 20), "b": (400, 20)}
    assert choose_ranks(spectra, sizes, LowRankConfig(energy=0.9)) == {"a": 2, "b": 4}
    assert choose_ranks(spectra, sizes, LowRankConfig(energy=0.8)) == {"a": 1, "b": 4}
    bought = choose_ranks(spectra, sizes, LowRankConfig(budget=0.1))
    assert sum(20 * rank for rank in bought.values()) <= 80
    assert bought["b"] == 3
    with pytest.raises(ConfigError, match=r"cannot be met: rank 1 everywhere takes 0\.05"):
        choose_ranks(spectra, sizes, LowRankConfig(budget=0.04))


def test_padding_and_the_rows_of_a_model_enter_its_moments_once() -> None:
    world, _, _ = planted_coclusters(1000, seed=0)
    work, model = world.work(), build("dnn", world, hidden_dims=(16, 8))
    moments = gather_moments(model.network, work)
    assert set(moments) == {
        "inputs.tables.tables/c0",
        "inputs.tables.tables/c1",
        "network.tower.linears.0",
        "network.tower.linears.1",
    }
    assert {one.count for one in moments.values()} == {700}


def test_a_trained_network_loses_little_and_gets_smaller() -> None:
    world, _, _ = planted_coclusters(12_000, seed=0)
    work = world.work(epochs=1)
    model = trained("dnn", world, work, epochs=5, dim=16, hidden_dims=(64, 64))
    before, num_before = held_auc(model.network, work), sum(p.numel() for p in model.network.parameters())
    said = compress_low_rank(model, work, LowRankConfig(budget=0.5))
    print(f"AUC {before:.4f}, at half the numbers {held_auc(model.network, work):.4f}")
    assert held_auc(model.network, work) > before - 0.01
    assert sum(p.numel() for p in model.network.parameters()) < 0.55 * num_before
    assert said["losses"][-1] <= said["losses"][0] + 0.01
    assert max(said["lost_variance"].values()) < 0.8


def test_what_cannot_be_factored_is_said() -> None:
    world, _, _ = planted_coclusters(1000, seed=0)
    with pytest.raises(ConfigError, match="no table and no hidden layer of this network gets smaller"):
        compress_low_rank(build("fm", world, dim=2), world.work(), LowRankConfig(energy=1.0))
    with pytest.raises(ConfigError, match="energy must be in"):
        LowRankConfig(energy=0.0)
