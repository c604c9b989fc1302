"""QIN as published on MicroLens_1M_x1: parameter budget as logged by its authors, and a naive twin of its forward."""

from __future__ import annotations

import pytest
import torch

from adcreative.ctr.networks.qin import QINConfig
from adcreative.papers.microlens.model import MicroLensConfig, MicroLensItems, build_qin
from tests.ctr.nn.test_layers import naive_attention, naive_quadratic, seeded

SMALL = MicroLensConfig(num_items=20, num_tags=9, item_embedding_dim=5, embedding_dim=4)
SMALL_QIN = QINConfig(num_layers=2, num_rows=3)


def draw_items(*shape: int, seed: int) -> MicroLensItems:
    generator = seeded(seed)
    return MicroLensItems(
        torch.randint(0, 20, shape, generator=generator),
        torch.randint(0, 9, (*shape, 5), generator=generator),
        torch.randn(*shape, 5, generator=generator),
    )


@pytest.mark.parametrize(("num_rows", "expected"), [(4, 31_244_293), (3, 27_045_893)])
def test_parameter_count_is_the_logged_one(num_rows: int, expected: int) -> None:
    network = build_qin(MicroLensConfig(), QINConfig(num_rows=num_rows), generator=seeded())
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_forward_equals_a_naive_twin() -> None:
    network = build_qin(SMALL, SMALL_QIN, generator=seeded())
    with torch.no_grad():
        for table in (network.item_table, network.tag_table, network.likes_table, network.views_table):
            table.weight[1:] = torch.randn(table.weight[1:].shape, generator=seeded(9))
    network.eval()
    network.requires_grad_(False)
    levels, target, history = torch.tensor([[1, 2], [3, 0]]), draw_items(2, seed=1), draw_items(2, 6, seed=2)

    def vector(ids: torch.Tensor, tags: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        real = [network.tag_table.weight[tag] for tag in tags if tag != 0]
        mean = torch.stack(real).mean(0) if real else torch.zeros(4)
        return torch.cat([network.item_table.weight[ids], mean, network.projection.weight @ embedding])

    expected = []
    for b in range(2):
        e = vector(target.ids[b], target.tags[b], target.embeddings[b])
        items = torch.stack([vector(history.ids[b, j], history.tags[b, j], history.embeddings[b, j]) for j in range(6)])
        mask = (history.ids[b] > 0).float()
        attended = naive_attention(network.network.attention, e[None], items[None], mask[None])[0]
        likes, views = network.likes_table.weight[levels[b, 0]], network.views_table.weight[levels[b, 1]]
        x = torch.cat([likes, views, e, attended])[None]
        for layer in network.network.quadratic.layers:
            x = naive_quadratic(layer, x)  # type: ignore[arg-type]
        expected.append(float(network.network.head.weight[0] @ x[0] + network.network.head.bias[0]))
    torch.testing.assert_close(network(levels, target, history), torch.tensor(expected), rtol=1e-4, atol=1e-5)
