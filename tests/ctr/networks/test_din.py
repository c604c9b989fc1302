"""DIN against the paper's formulas one number at a time, and what a toy version gets wrong: masks, strength, statistics."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.ctr.networks.din import DINConfig, InterestAttention
from adcreative.ctr.nn.mlp import MOMENTUM, Dice
from adcreative.features.batch import FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.papers.microlens.model import MODELS
from tests.ctr.networks.planted_logs import Budget, LogModel, learn, measure, planted_histories, train
from tests.ctr.nn.test_layers import seeded
from tests.papers.microlens.drawn import SMALL, spell_out


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


def attention(**options: object) -> InterestAttention:
    layer = InterestAttention(3, 2, hidden_dims=(5,), generator=seeded(), **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for linear in (*layer.linears, layer.to_weight):
            linear.bias.copy_(drawn(len(linear.bias), seed=8))
    return layer


def naive_interest(layer: InterestAttention, target: Tensor, items: Tensor, mask: Tensor, extra: Tensor) -> Tensor:
    """w_j = MLP([v ; e_j ; v - e_j ; v * e_j ; extra_j]), v_U = sum of w_j [e_j ; extra_j] over real items; ReLU inside."""
    pooled = torch.zeros(5)
    for e, m, x in zip(items, mask, extra, strict=True):
        if m:
            z = torch.tensor([*target, *e, *(target - e), *(target * e), *x])
            hidden = [
                max(float(row @ z + b), 0.0) for row, b in zip(layer.linears[0].weight, layer.linears[0].bias, strict=True)
            ]
            weight = float(layer.to_weight.weight[0] @ torch.tensor(hidden) + layer.to_weight.bias[0])
            pooled = pooled + weight * torch.cat([e, x])
    return pooled


def test_attention_equals_a_naive_twin() -> None:
    layer = attention(activation="relu").requires_grad_(False)
    target, items, extra = drawn(2, 3, seed=1), drawn(2, 4, 3, seed=2), drawn(2, 4, 2, seed=3)
    mask = torch.tensor([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]])
    expected = torch.stack([naive_interest(layer, *row) for row in zip(target, items, mask, extra, strict=True)])
    torch.testing.assert_close(layer(target, items, mask, extra), expected, rtol=1e-5, atol=1e-5)


def test_dice_by_hand_then_running_statistics() -> None:
    """Values 0 and 2: mean 1, variance 1, so p(0) = sigmoid(-1) and f(0) = 0, f(2) = p 2 + (1 - p) a 2 with p = sigmoid(1)."""
    layer = Dice(1)
    with torch.no_grad():
        layer.slope.fill_(0.25)
    share = 1 / (1 + math.exp(-1))
    found = layer(torch.tensor([[0.0], [2.0]]))
    assert found.tolist() == [[0.0], [pytest.approx(2 * share + (1 - share) * 0.25 * 2)]]
    assert (float(layer.running_mean), float(layer.running_var)) == (pytest.approx(MOMENTUM), 1.0)
    share = 1 / (1 + math.exp(-(2 - MOMENTUM)))
    assert float(layer.eval()(torch.tensor([[2.0]])).detach()) == pytest.approx(2 * share + (1 - share) * 0.5)
    constant = Dice(1).train()(torch.full((4, 1), 3.0))
    torch.testing.assert_close(constant, torch.full((4, 1), 1.5))  # p = 1/2 where nothing varies


def test_dice_statistics_leave_masked_entries_out() -> None:
    values, mask = torch.tensor([[[1.0], [99.0]], [[3.0], [-7.0]]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    layer = Dice(1)
    layer(values, mask)
    assert (float(layer.running_mean), float(layer.running_var)) == (pytest.approx(2 * MOMENTUM), 1.0)
    layer(values, torch.zeros(2, 2))
    assert float(layer.running_mean) == pytest.approx(2 * MOMENTUM)


def test_creative_network_reads_the_history(builder: FeatureBuilder, batch: FeatureBatch) -> None:
    model = build_ctr_model("din", builder.spec, CTRModelConfig(embedding_dim=4), generator=seeded()).eval()
    assert model.wide is not None
    torch.testing.assert_close(model(batch), model.wide(batch))  # the head starts at zero
    with torch.no_grad():
        model.network.head.weight.copy_(drawn(1, 80, seed=4))
        changed = (model(batch) - model(batch.without("history"))).abs()
    assert batch.history is not None
    has_history = batch.history.mask.sum(dim=1) > 0
    assert float(changed[has_history].mean()) > 1e-3
    assert float(changed[~has_history].max()) < 1e-6


def test_network_on_microlens_masks_padding_and_uses_the_history() -> None:
    config = DINConfig(attention_dims=(8,), hidden_dims=(16, 8), activation="relu", batch_norm=True)
    network = replace(MODELS["din"], inputs=replace(SMALL, projected_dim=6), network=config).build_network(seeded())
    with torch.no_grad():
        for weight in network.embedding_weights()[:4]:
            weight[1:] = torch.randn(weight[1:].shape, generator=seeded(5))
    network.eval()
    levels = torch.tensor([[1, 2], [3, 4]])
    target = (torch.tensor([3, 4]), torch.ones(2, 5, dtype=torch.int64), drawn(2, 5, seed=1))
    ids, tags, embeddings = torch.tensor([[0, 5], [0, 6]]), torch.ones(2, 2, 5, dtype=torch.int64), drawn(2, 2, 5, seed=2)
    plain = network(spell_out(levels, target, (ids, tags, embeddings)))
    noise = torch.tensor([[[9.0], [0.0]], [[9.0], [0.0]]])
    torch.testing.assert_close(network(spell_out(levels, target, (ids, tags, embeddings + noise))), plain)
    other = network(spell_out(levels, target, (ids.roll(1, 0), tags, embeddings)))
    assert float((other - plain).abs().min().detach()) > 1e-4


@pytest.mark.slow
def test_the_candidate_decides_what_counts_where_a_mean_cannot() -> None:
    """Polarity world: an unweighted mean of the history, the broken twin, is at least 0.05 behind."""
    world = planted_histories(12_000, seed=0)
    learnt, test = world.part(slice(0, 10_000)), world.part(slice(10_000, None))
    config, budget = DINConfig(attention_dims=(36,), hidden_dims=(64,)), Budget(epochs=5, learning_rate=5e-3)
    found = learn("din", config, learnt, test, budget)
    model = LogModel("din", world.spec, config, budget.dim, 0)
    with torch.no_grad():
        attention: Any = model.network.attention
        attention.to_weight.weight.zero_()
        attention.to_weight.bias.fill_(0.05)
    for parameter in attention.parameters():
        parameter.requires_grad_(False)
    twin = measure(train(model, learnt, budget), test)
    print(f"DIN {found:.3f}, mean of the history {twin:.3f}, oracle {test.oracle:.3f}")
    assert found > twin + 0.05
