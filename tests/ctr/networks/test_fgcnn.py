"""FGCNN: shapes for any pool and kernel, an IPNN without a generator, locality of the convolution, separate tables."""

from __future__ import annotations

import pytest

from adcreative.ctr.inputs.network_inputs import InputShape
from adcreative.ctr.networks.fgcnn import FGCNN, FGCNNConfig
from adcreative.errors import ConfigError
from tests.ctr.networks.planted_logs import Budget, learn, planted_xor
from tests.ctr.nn.test_layers import seeded


def config(num_layers: int, pool: int, kernel: int = 3) -> FGCNNConfig:
    one = (1,) * num_layers
    return FGCNNConfig(
        channels=tuple(3 * k for k in one),
        kernel_heights=tuple(kernel * k for k in one),
        pool_sizes=tuple(pool * k for k in one),
        new_maps=tuple(3 * k for k in one),
        hidden_dims=(8,),
    )


def network_of(num_fields: int, settings: FGCNNConfig, dim: int = 4) -> tuple[FGCNN, InputShape]:
    shape = InputShape(num_fields=num_fields, field_dim=dim, views={"generator": (num_fields, dim)})
    return FGCNN(shape, settings, generator=seeded()).eval(), shape


def test_criteo_has_as_many_pairs_as_the_paper_says() -> None:
    network, _ = network_of(39, config(4, 2), dim=2)
    assert network.num_rows == 39 + 3 * (20 + 10 + 5 + 3) == 153
    assert network.tower.linears[0].in_features == 153 * 2 + 11_628


def test_layers_need_one_number_of_each_kind() -> None:
    with pytest.raises(ConfigError, match="channels, kernel_heights, pool_sizes and new_maps need one number"):
        FGCNNConfig(channels=(3, 4), kernel_heights=(3,), pool_sizes=(2, 2), new_maps=(1, 1))


def test_a_pair_of_distant_fields_is_learnt() -> None:
    world = planted_xor(6000, 8, seed=0)
    found = learn("fgcnn", config(2, 2), world.part(slice(0, 5000)), world.part(slice(5000, None)), Budget(epochs=4))
    print(f"FGCNN {found:.3f}, oracle {world.oracle:.3f}")
    assert found > 0.5 + 0.9 * (world.oracle - 0.5)
