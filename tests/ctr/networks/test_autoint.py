"""AutoInt against the paper's formulas, and what a toy version gets wrong: softmax axis, heads, residual, absent fields."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.ctr.networks.autoint import AutoIntConfig, InteractingLayer
from adcreative.errors import ConfigError
from adcreative.features.batch import FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.papers.microlens.model import MODELS
from tests.ctr.networks.planted_logs import Budget, LogModel, measure, planted_xor, train
from tests.ctr.nn.test_layers import seeded
from tests.papers.microlens.drawn import SMALL, spell_out


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


def layer_of(width: int = 4, num_heads: int = 2) -> InteractingLayer:
    layer = InteractingLayer(width, width, num_heads, generator=seeded())
    with torch.no_grad():
        for number, part in enumerate((layer.to_query, layer.to_key, layer.to_value, layer.residual)):
            part.weight.copy_(drawn(width, width, seed=20 + number))
    return layer.requires_grad_(False)


@pytest.mark.parametrize("variant", ["paper", "official", "fuxictr"])
def test_the_fused_form_equals_the_attention_that_is_shown(variant: str) -> None:
    layer = InteractingLayer(4, 4, 2, variant=variant, generator=seeded()).double()
    fields, weights = drawn(3, 5, 4, seed=1).double(), list(layer.parameters())
    shown = layer(fields, torch.ones(3, 5))  # by `weights`, which the pair map shows
    torch.testing.assert_close(layer(fields), shown)
    of_shown, of_fused = (torch.autograd.grad(one.square().sum(), weights) for one in (shown, layer(fields)))
    torch.testing.assert_close(of_fused, of_shown)


def test_attention_rows_sum_to_one_and_absent_fields_are_not_looked_at() -> None:
    layer, fields = layer_of(), drawn(2, 5, 4, seed=1)
    weights = layer.weights(fields)
    assert weights.shape == (2, 2, 5, 5)
    torch.testing.assert_close(weights.sum(dim=3), torch.ones(2, 2, 5))
    present = torch.tensor([[1.0, 0.0, 1.0, 1.0, 0.0], [0.0] * 5])
    found = layer(fields, present)
    torch.testing.assert_close(found[0, [0, 2, 3]], layer(fields[:1, [0, 2, 3]])[0])
    assert not layer.weights(fields, present)[1].any()
    assert bool(torch.isfinite(found).all())


@pytest.fixture
def model(builder: FeatureBuilder) -> Any:
    network = build_ctr_model("autoint", builder.spec, CTRModelConfig(embedding_dim=4), generator=seeded())
    with torch.no_grad():
        network.network.head.weight.copy_(drawn(1, network.network.head.in_features, seed=4))
        for layer in network.network.interacting:
            for part in (layer.to_query, layer.to_key, layer.to_value, layer.residual):  # type: ignore[union-attr]
                part.weight.mul_(10.0)
    return network.eval()


def test_an_untrained_network_is_the_linear_path(builder: FeatureBuilder, batch: FeatureBatch) -> None:
    network = build_ctr_model("autoint", builder.spec, CTRModelConfig(embedding_dim=4), generator=seeded()).eval()
    assert network.wide is not None
    torch.testing.assert_close(network(batch), network.wide(batch))


def test_dense_fields_reach_the_output_but_not_the_attention(model: Any, batch: FeatureBatch) -> None:
    """As in AdSEE's code: with the DNN's share of the head removed, only the linear path sees a dense field."""
    rows = batch.index_select(torch.arange(30))
    assert float((model(rows) - model(rows.without("picture"))).abs().max().detach()) > 1e-3
    with torch.no_grad():
        model.network.head.weight[:, -128:] = 0.0
    without_linear = model(rows) - model.wide(rows)
    masked = rows.without("picture").without("faces").without("words").without("look")
    torch.testing.assert_close(model(masked) - model.wide(masked), without_linear)
    assert float(without_linear.abs().max().detach()) > 1e-4


def test_network_on_microlens_ignores_the_history_and_nothing_else() -> None:
    config = AutoIntConfig(attention_dim=4, hidden_dims=(16, 8))
    network = replace(MODELS["autoint"], inputs=SMALL, network=config).build_network(seeded())
    with torch.no_grad():
        for weight in network.embedding_weights()[:4]:
            weight[1:] = torch.randn(weight[1:].shape, generator=seeded(5))
    network.eval().requires_grad_(False)
    levels = torch.tensor([[1, 2], [3, 4]])
    target = ids, tags, embeddings = torch.tensor([3, 4]), torch.ones(2, 5, dtype=torch.int64), drawn(2, 5, seed=1)
    history = (torch.tensor([[1], [5]]), torch.ones(2, 1, 5, dtype=torch.int64), drawn(2, 1, 5, seed=2))
    plain = network(spell_out(levels, target, history))
    empty = (history[0] * 0, history[1] * 0, history[2] * 0)
    assert torch.equal(network(spell_out(levels, target, empty)), plain)
    others = [
        (levels + 1, target),
        (levels, (ids + 1, tags, embeddings)),
        (levels, (ids, tags + 1, embeddings)),
        (levels, (ids, tags, embeddings + 1)),
    ]
    for other_levels, other in others:
        assert float((network(spell_out(other_levels, other, history)) - plain).abs().min()) > 1e-5


@pytest.mark.parametrize("variant", ["paper", "official", "fuxictr"])
def test_variants_differ_as_their_codes_do(variant: str) -> None:
    layer = InteractingLayer(4, 4, 2, variant=variant, generator=seeded()).requires_grad_(False)
    fields = drawn(2, 5, 4, seed=1)

    def project(part: torch.nn.Module) -> Tensor:
        found: Tensor = part(fields)
        return torch.relu(found) if variant == "official" else found

    query, key, value = (
        project(part).unflatten(2, (2, 2)).transpose(1, 2) for part in (layer.to_query, layer.to_key, layer.to_value)
    )
    scores = query @ key.transpose(2, 3) / (math.sqrt(2) if variant == "official" else 1.0)
    mixed = (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)
    residual = fields if variant == "fuxictr" else project(layer.residual)
    expected = torch.relu(mixed + residual)
    if variant == "official":
        expected = torch.nn.functional.layer_norm(expected, (4,))
    torch.testing.assert_close(layer(fields), expected)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match='no AutoInt variant "deepctr"; known: paper, official, fuxictr'):
        AutoIntConfig(variant="deepctr")


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_planted_pair_is_found_and_shows_in_the_map(is_broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """XOR of fields 2 and 5 of ten. The broken twin looks at nothing but itself (attention = identity)."""
    if is_broken:
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda query, key, value, scale: value)
    world = planted_xor(12_000, 10, seed=0)
    config = AutoIntConfig(num_layers=2, attention_dim=16)
    model = train(LogModel("autoint", world.spec, config, 8, 0), world.part(slice(0, 10_000)), Budget(epochs=6))
    assert isinstance(model, LogModel)
    test = world.part(slice(10_000, None))
    found = measure(model, test)
    print(f"AutoInt {found:.3f}, oracle {world.oracle:.3f}, is_broken {is_broken}")
    if is_broken:
        assert found < 0.55
        return
    assert found > 0.5 + 0.9 * (world.oracle - 0.5)
    with torch.no_grad():
        pairs = model.network.pair_map(model.inputs(test.batch)).mean(dim=0)  # type: ignore[operator]
    pairs.fill_diagonal_(0.0)
    top = {divmod(int(k), 10) for k in pairs.flatten().topk(2).indices}
    assert top == {(2, 5), (5, 2)}
