"""QIN as published on MicroLens_1M_x1: parameter budget as logged by its authors, and a naive twin of its forward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from adcreative.ctr.networks.qin import QINConfig
from adcreative.papers.microlens.model import MODELS
from tests.ctr.nn.test_layers import naive_attention, naive_quadratic, seeded
from tests.papers.microlens.drawn import SMALL, Items, spell_out

SMALL_QIN = QINConfig(num_layers=2, num_rows=3)


def draw_items(*shape: int, seed: int) -> Items:
    generator = seeded(seed)
    return (
        torch.randint(0, 20, shape, generator=generator),
        torch.randint(0, 9, (*shape, 5), generator=generator),
        torch.randn(*shape, 5, generator=generator),
    )


@pytest.mark.parametrize(("num_rows", "expected"), [(4, 31_244_293), (3, 27_045_893)])
def test_parameter_count_is_the_logged_one(num_rows: int, expected: int) -> None:
    network = replace(MODELS["qin"], network=QINConfig(num_rows=num_rows)).build_network(seeded())
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_forward_equals_a_naive_twin() -> None:
    network: Any = replace(MODELS["qin"], inputs=SMALL, network=SMALL_QIN).build_network(seeded())
    tables = network.inputs.tables.tables
    item_table, tag_table, likes_table, views_table = (
        tables.table(name).weight for name in ("item_id", "item_tags", "likes_level", "views_level")
    )
    projection = network.inputs.tables.projections["f_item_emb_d128"].weight
    with torch.no_grad():
        for table in (item_table, tag_table, likes_table, views_table):
            table[1:] = torch.randn(table[1:].shape, generator=seeded(9))
    network.eval()
    network.requires_grad_(False)
    levels, target, history = torch.tensor([[1, 2], [3, 0]]), draw_items(2, seed=1), draw_items(2, 6, seed=2)

    def vector(ids: torch.Tensor, tags: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        real = [tag_table[tag] for tag in tags if tag != 0]
        mean = torch.stack(real).mean(0) if real else torch.zeros(4)
        return torch.cat([item_table[ids], mean, projection @ embedding])

    expected = []
    for b in range(2):
        e = vector(*(part[b] for part in target))
        items = torch.stack([vector(*(part[b, j] for part in history)) for j in range(6)])
        mask = (history[0][b] > 0).float()
        attended = naive_attention(network.network.attention, e[None], items[None], mask[None])[0]
        likes, views = likes_table[levels[b, 0]], views_table[levels[b, 1]]
        x = torch.cat([likes, views, e, attended])[None]
        for layer in network.network.quadratic.layers:
            x = naive_quadratic(layer, x)
        expected.append(float(network.network.head.weight[0] @ x[0] + network.network.head.bias[0]))
    torch.testing.assert_close(network(spell_out(levels, target, history)), torch.tensor(expected), rtol=1e-4, atol=1e-5)
