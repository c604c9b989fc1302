"""FinalMLP: gates that start at 1, the bilinear term spelled out, and what a sum of two streams cannot learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.ctr.inputs.network_inputs import InputShape
from adcreative.ctr.networks.finalmlp import BilinearFusion, FinalMLP, FinalMLPConfig
from adcreative.errors import ConfigError
from adcreative.metrics.binary import area_under_curve
from tests.ctr.networks.planted_logs import Budget, LogModel, categorical_world, draw_inputs, train
from tests.ctr.nn.test_layers import seeded

SHAPE = InputShape(num_fields=5, field_dim=4, views={"context_1": (1, 4), "context_2": (2, 4)})
CONFIG = FinalMLPConfig(hidden_dims_1=(16, 8), hidden_dims_2=(12, 8), gate_dims=(6,), num_heads=4)


def test_gates_are_one_at_the_start_so_it_equals_two_plain_mlps() -> None:
    gated = FinalMLP(SHAPE, CONFIG, generator=seeded()).eval()
    inputs = draw_inputs(SHAPE, 9, seed=1)
    gates = gated.gate_values(inputs)
    assert gates is not None
    assert torch.equal(gates[0], torch.ones(9, 5, 4))
    assert torch.equal(gates[1], torch.ones(9, 5, 4))
    plain = FinalMLP(SHAPE, replace(CONFIG, gated=False), generator=seeded()).eval()
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if not k.startswith("gates.")})
    assert torch.equal(plain(inputs), gated(inputs))
    with torch.no_grad():
        gated.gates[0].last.bias.fill_(1.0)  # type: ignore[index, union-attr]
    assert not torch.allclose(plain(inputs), gated(inputs))


@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_fusion_is_the_explicit_double_sum(num_heads: int) -> None:
    fusion = BilinearFusion(8, 4, num_heads, generator=seeded()).requires_grad_(False)
    fusion.first.bias.fill_(0.3)
    assert fusion.bilinear.numel() == 8 * 4 // num_heads
    one, two = torch.randn(3, 8, generator=seeded(1)), torch.randn(3, 4, generator=seeded(2))
    blocks = torch.block_diag(*fusion.bilinear)  # heads are blocks of one matrix
    expected = [
        float(fusion.first.bias + fusion.first.weight[0] @ a + fusion.second.weight[0] @ b)
        + sum(float(a[i] * blocks[i, j] * b[j]) for i in range(8) for j in range(4))
        for a, b in zip(one, two, strict=True)
    ]
    torch.testing.assert_close(fusion(one, two), torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_heads_that_do_not_divide_a_tower_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_heads 3 must divide the last of hidden_dims \[64, 64, 64\]"):
        FinalMLPConfig(num_heads=3)


def test_gates_open_the_field_that_counts_in_a_placement() -> None:
    """Field 1 counts in placement 0 only, field 2 in placement 1 only; the learnt gate of a placement is wider for its own."""
    rng = np.random.default_rng(0)
    ids = np.stack([rng.integers(0, 2, 12_000), rng.integers(0, 12, 12_000), rng.integers(0, 12, 12_000)], axis=1)
    effect = np.random.default_rng(5).normal(0, 2, 12)
    world = categorical_world(ids, np.where(ids[:, 0] == 0, effect[ids[:, 1]], effect[ids[:, 2]]), 12, rng)
    config = FinalMLPConfig(hidden_dims_1=(16,), hidden_dims_2=(16,), gate_dims=(16,), context_1=("c0",), context_2=("c0",))
    model = train(LogModel("finalmlp", world.spec, config, 8, 0), world.part(slice(0, 10_000)), Budget(epochs=8))
    assert isinstance(model, LogModel)
    test = world.part(slice(10_000, None))
    with torch.no_grad():
        gates = model.network.gate_values(model.inputs(test.batch))  # type: ignore[operator]
        found = area_under_curve(test.labels, model(test.batch).numpy())
    print(f"FinalMLP {found:.3f}, oracle {test.oracle:.3f}")
    assert found > 0.5 + 0.9 * (test.oracle - 0.5)
    first, in_zero = (gates[0] + gates[1]).mean(dim=2), test.batch.ids[:, 0] == 2
    assert float(first[in_zero, 1].mean()) > 1.3 * float(first[in_zero, 2].mean())
    assert float(first[~in_zero, 2].mean()) > 1.3 * float(first[~in_zero, 1].mean())
