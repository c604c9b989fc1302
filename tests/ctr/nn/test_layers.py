from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from adcreative.ctr.nn.layers import (
    QuadraticLayer,
    QuadraticNetwork,
    SeededDropout,
    SparseTargetAttention,
    build_linear,
    build_table,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def naive_attention(layer: SparseTargetAttention, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
    """The formula of the paper, one row and one history item at a time."""
    target, items = target.detach(), items.detach()
    outputs = []
    for t, history, m in zip(target, items, mask, strict=True):
        pooled = torch.zeros(layer.attention_dim)
        for s, is_real in zip(history, m, strict=True):
            score = (layer.to_query.weight @ t) @ (layer.to_key.weight @ s) / math.sqrt(2 * len(t)) * is_real
            pooled = pooled + max(float(score.detach()), 0.0) * (layer.to_value.weight @ s)
        outputs.append(layer.to_output.weight @ pooled + t)
    return torch.stack(outputs)


def naive_quadratic(layer: QuadraticLayer, x: Tensor) -> Tensor:
    """The published layer in eval mode, row by row of R and without library layers."""
    width = x.shape[1]
    total = torch.zeros_like(x)
    for r in range(layer.num_rows):
        part = slice(r * width, (r + 1) * width)
        total = total + x @ layer.to_rows.weight[part].T + layer.to_rows.bias[part]
    z = x * total
    norm = layer.norm
    z = (z - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias
    return x + torch.where(z > 0, z, z * layer.activation.weight)


def test_attention_equals_its_naive_twin() -> None:
    layer = SparseTargetAttention(6, 9, generator=seeded())
    target, items = torch.randn(4, 6, generator=seeded(1)), torch.randn(4, 5, 9, generator=seeded(2))
    mask = (torch.rand(4, 5, generator=seeded(3)) > 0.4).float()
    torch.testing.assert_close(layer(target, items, mask), naive_attention(layer, target, items, mask))


@pytest.mark.parametrize("num_rows", [1, 3, 4])
def test_quadratic_layer_equals_its_naive_twin_and_its_folded_form(num_rows: int) -> None:
    network = QuadraticNetwork(5, num_layers=3, num_rows=num_rows, dropout_prob=0.1, generator=seeded())
    x = torch.randn(7, 5, generator=seeded(1))
    with torch.no_grad():  # nothing at its neutral start
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=seeded(2)))
    for _ in range(3):
        network(x)
    network.eval()
    expected = x
    for layer in network.layers:
        expected = naive_quadratic(layer, expected)  # type: ignore[arg-type]
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.fold()(x), expected, rtol=1e-4, atol=1e-4)


def test_dropout_is_repeatable_keeps_the_mean_and_leaves_the_global_seed_alone() -> None:
    state = torch.get_rng_state()
    ones = torch.ones(20_000)
    first, second = SeededDropout(0.25, seeded(5))(ones), SeededDropout(0.25, seeded(5))(ones)
    assert torch.equal(first, second)
    assert float(first.mean()) == pytest.approx(1.0, abs=0.02)
    assert set(first.tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    assert torch.equal(SeededDropout(0.25, seeded(5)).eval()(ones), ones)
    build_linear(3, 3, generator=seeded())
    build_table(3, 3, std=1.0, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_table_keeps_row_zero_at_zero() -> None:
    table = build_table(4, 3, std=1.0, generator=seeded())
    assert not table.weight[0].any()
    table(torch.tensor([0, 1])).sum().backward()
    assert table.weight.grad is not None
    assert not table.weight.grad[0].any()
    assert bool(table.weight.grad[1].all())
