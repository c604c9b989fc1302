"""A state dict under the authors' names gives the logits of a plain forward written from their formulas."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from adcreative.errors import ArtifactError
from adcreative.papers.microlens.inputs import MicroLensItems
from adcreative.papers.microlens.reference import load_reference_state
from tests.ctr.nn.test_layers import seeded

D, ITEMS, TAGS, LEVELS, EMB, LAYERS, ROWS = 6, 30, 15, 11, 7, 3, 2
TABLES = "embedding_layer.embedding_layer.embedding_layers"
PROJECTION = "embedding_layer.embedding_layer.feature_encoders.item_emb_d128.weight"


def draw_state(*, output_bias: bool = False) -> dict[str, Tensor]:
    generator = seeded(3)

    def draw(*shape: int, scale: float = 0.4) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    state = {
        f"{TABLES}.likes_level.weight": draw(LEVELS, D), f"{TABLES}.views_level.weight": draw(LEVELS, D),
        f"{TABLES}.item_id.weight": draw(ITEMS, D), f"{TABLES}.item_tags.weight": draw(TAGS, D), PROJECTION: draw(D, EMB),
        "attention_layers.W_q.weight": draw(6 * D, 3 * D), "attention_layers.W_k.weight": draw(6 * D, 3 * D),
        "attention_layers.W_v.weight": draw(6 * D, 3 * D, scale=0.1), "attention_layers.W_o.weight": draw(3 * D, 6 * D),
        "qnn.fc.weight": draw(1, 8 * D), "qnn.fc.bias": draw(1),
    }  # fmt: skip
    for table in ("item_id", "item_tags", "likes_level", "views_level"):
        state[f"{TABLES}.{table}.weight"][0] = 0.0
    if output_bias:
        state["attention_layers.W_o.bias"] = draw(3 * D)
    for i in range(LAYERS):
        state |= {
            f"qnn.layer.{i}.linear.0.weight": draw(ROWS * 8 * D, 8 * D, scale=0.1),
            f"qnn.layer.{i}.linear.0.bias": draw(ROWS * 8 * D),
            f"qnn.norm.{i}.weight": 0.5 + draw(8 * D, scale=0.1), f"qnn.norm.{i}.bias": draw(8 * D),
            f"qnn.norm.{i}.running_mean": draw(8 * D), f"qnn.norm.{i}.running_var": 0.5 + draw(8 * D).abs(),
            f"qnn.norm.{i}.num_batches_tracked": torch.tensor(7), f"qnn.activation.{i}.weight": 0.1 + draw(1).abs(),
        }  # fmt: skip
    return state


def plain_forward(state: dict[str, Tensor], levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
    """The published formulas on the authors' names; no code of ours."""

    def vectors(items: MicroLensItems) -> Tensor:
        tags = state[f"{TABLES}.item_tags.weight"][items.tags]
        num = (tags.abs().sum(-1, keepdim=True) != 0).sum(-2)
        ids = state[f"{TABLES}.item_id.weight"][items.ids]
        return torch.cat([ids, tags.sum(-2) / (num + 1e-12), items.embeddings @ state[PROJECTION].T], dim=-1)

    t, s, mask = vectors(target), vectors(history), (history.ids > 0).float()
    q, k, v = (state[f"attention_layers.W_{n}.weight"] for n in "qkv")
    scores = torch.matmul(s @ k.T, (t @ q.T)[:, :, None])[:, :, 0] / (6 * D) ** 0.5 * mask
    pooled = (torch.clamp(scores, min=0)[:, :, None] * (s @ v.T)).sum(1)
    o = pooled @ state["attention_layers.W_o.weight"].T + state.get("attention_layers.W_o.bias", 0.0) + t
    likes, views = state[f"{TABLES}.likes_level.weight"][levels[:, 0]], state[f"{TABLES}.views_level.weight"][levels[:, 1]]
    x = torch.cat([likes, views, t, o], dim=1)
    for i in range(LAYERS):
        h = F.linear(x, state[f"qnn.layer.{i}.linear.0.weight"], state[f"qnn.layer.{i}.linear.0.bias"])
        z = torch.einsum("bd,brd->bd", x, h.view(-1, ROWS, 8 * D))
        scale = state[f"qnn.norm.{i}.weight"] / torch.sqrt(state[f"qnn.norm.{i}.running_var"] + 1e-5)
        z = (z - state[f"qnn.norm.{i}.running_mean"]) * scale + state[f"qnn.norm.{i}.bias"]
        x = x + torch.where(z > 0, z, z * state[f"qnn.activation.{i}.weight"])
    return F.linear(x, state["qnn.fc.weight"], state["qnn.fc.bias"])[:, 0]


def draw_items(*shape: int, seed: int) -> MicroLensItems:
    generator = seeded(seed)
    return MicroLensItems(
        torch.randint(0, ITEMS, shape, generator=generator),
        torch.randint(0, TAGS, (*shape, 5), generator=generator),
        torch.randn(*shape, EMB, generator=generator),
    )


@pytest.mark.parametrize("output_bias", [False, True])
def test_logits_are_those_of_the_published_formulas(output_bias: bool) -> None:
    state = draw_state(output_bias=output_bias)
    levels, target, history = (
        torch.randint(0, LEVELS, (12, 2), generator=seeded(1)),
        draw_items(12, seed=1),
        draw_items(12, 8, seed=2),
    )
    expected = plain_forward(state, levels, target, history)
    network = load_reference_state(state)
    assert not network.training
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(network(levels, target, history).detach(), expected, rtol=1e-5, atol=1e-5)


def test_a_tensor_with_no_place_is_named() -> None:
    state = draw_state() | {"qnn.layer.0.extra.weight": torch.zeros(1)}
    with pytest.raises(ArtifactError, match=r"1 tensors with no place \(qnn\.layer\.0\.extra\.weight\); expected one of QIN_v"):
        load_reference_state(state)


@pytest.mark.parametrize("name", [PROJECTION, "qnn.layer.0.linear.0.weight"])
def test_a_missing_tensor_is_named(name: str) -> None:
    state = draw_state()
    del state[name]
    with pytest.raises(ArtifactError, match="state dict lacks " + re.escape(name)):
        load_reference_state(state)


def test_shapes_that_do_not_fit_are_one_sentence() -> None:
    state = draw_state()
    state["qnn.norm.1.bias"] = torch.zeros(3)
    with pytest.raises(ArtifactError, match=r"do not fit together .*norm\.bias"):
        load_reference_state(state)
