"""FGCNN: shapes for any pool and kernel, an IPNN without a generator, locality of the convolution, separate tables."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from adcreative.ctr.inputs.network_inputs import InputShape
from adcreative.ctr.networks.fgcnn import FGCNN, FGCNNConfig, GeneratorLayer
from adcreative.errors import ConfigError
from tests.ctr.networks.planted_logs import Budget, draw_inputs, learn, planted_xor
from tests.ctr.nn.test_layers import seeded


def config(num_layers: int, pool: int, kernel: int = 3) -> FGCNNConfig:
    one = (1,) * num_layers
    return FGCNNConfig(
        channels=tuple(3 * k for k in one), kernel_heights=tuple(kernel * k for k in one),
        pool_sizes=tuple(pool * k for k in one), new_maps=tuple(3 * k for k in one), hidden_dims=(8,),
    )  # fmt: skip


def network_of(num_fields: int, settings: FGCNNConfig, dim: int = 4) -> tuple[FGCNN, InputShape]:
    shape = InputShape(num_fields=num_fields, field_dim=dim, views={"generator": (num_fields, dim)})
    return FGCNN(shape, settings, generator=seeded()).eval(), shape


@pytest.mark.parametrize(("num_fields", "pool"), [(7, 2), (8, 3), (5, 4), (39, 2)])
@pytest.mark.parametrize("kernel", [1, 3, 4, 9])
def test_shapes_for_any_pool_and_kernel(num_fields: int, pool: int, kernel: int) -> None:
    network, shape = network_of(num_fields, config(2, pool, kernel))
    heights = [math.ceil(num_fields / pool), math.ceil(math.ceil(num_fields / pool) / pool)]
    new = list(network.generate(draw_inputs(shape, 3, seed=1).views["generator"]))
    assert [tuple(one.shape) for one in new] == [(3, 3 * height, 4) for height in heights]
    assert network.num_rows == num_fields + 3 * sum(heights)
    assert network(draw_inputs(shape, 3, seed=1)).shape == (3,)


def test_criteo_has_as_many_pairs_as_the_paper_says() -> None:
    network, _ = network_of(39, config(4, 2), dim=2)
    assert network.num_rows == 39 + 3 * (20 + 10 + 5 + 3) == 153
    assert network.tower.linears[0].in_features == 153 * 2 + 11_628


def test_a_generator_of_zeros_leaves_an_ipnn_on_raw_features() -> None:
    network, shape = network_of(6, replace(config(1, 2), batch_norm=False))
    with torch.no_grad():
        for layer in network.layers:
            layer.recombine.weight.zero_()  # type: ignore[union-attr, operator]
    inputs = draw_inputs(shape, 5, seed=2)
    fields = inputs.fields
    first = network.tower.linears[0]
    products = (fields @ fields.transpose(1, 2))[:, *torch.triu_indices(6, 6, offset=1)]
    all_pairs = torch.triu_indices(network.num_rows, network.num_rows, offset=1)
    is_raw = (all_pairs < 6).all(dim=0)
    columns = torch.cat([torch.arange(24), network.num_rows * 4 + is_raw.nonzero()[:, 0]])
    raw = torch.cat([fields.flatten(1), products], dim=1)
    hidden = torch.relu(raw @ first.weight[:, columns].T + first.bias)  # type: ignore[union-attr, index, operator]
    torch.testing.assert_close(network(inputs), network.head(hidden)[:, 0])


def test_a_row_of_the_pooled_map_sees_its_window_only() -> None:
    layer = GeneratorLayer(1, 8, 4, channels=2, kernel=3, pool=2, new_maps=1, generator=seeded())
    fields = torch.randn(1, 1, 8, 4, generator=seeded(1), requires_grad=True)
    pooled, _ = layer(fields)
    pooled[:, :, 1].sum().backward()  # pooled from rows 2 and 3, each of which sees one neighbour on both sides
    assert fields.grad is not None
    touched = fields.grad[0, 0].abs().sum(dim=1) > 0
    assert not touched[[0, 5, 6, 7]].any()
    assert touched[1:5].any()


def test_the_two_tables_have_separate_gradients() -> None:
    network, shape = network_of(6, config(1, 2))
    inputs = draw_inputs(shape, 5, seed=2)
    own = inputs.views["generator"].requires_grad_()
    inputs.fields.requires_grad_()
    sum(one.sum() for one in network.generate(own)).backward()  # type: ignore[union-attr]
    assert own.grad is not None
    assert inputs.fields.grad is None


def test_layers_need_one_number_of_each_kind() -> None:
    with pytest.raises(ConfigError, match="channels, kernel_heights, pool_sizes and new_maps need one number"):
        FGCNNConfig(channels=(3, 4), kernel_heights=(3,), pool_sizes=(2, 2), new_maps=(1, 1))


def test_a_pair_of_distant_fields_is_learnt() -> None:
    world = planted_xor(6000, 8, seed=0)
    found = learn("fgcnn", config(2, 2), world.part(slice(0, 5000)), world.part(slice(5000, None)), Budget(epochs=4))
    assert found > 0.5 + 0.9 * (world.oracle - 0.5)
