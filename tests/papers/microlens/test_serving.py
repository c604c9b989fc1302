"""The serving form of QIN gives the training form's logits, keeps histories, and records no gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from adcreative.ctr.networks.qin import QINConfig
from adcreative.errors import ConfigError
from adcreative.papers.microlens.inputs import MicroLensConfig, MicroLensItems, TargetNetwork
from adcreative.papers.microlens.models import build_qin
from adcreative.papers.microlens.serving import ServingQIN
from tests.ctr.nn.test_layers import seeded

CONFIG = MicroLensConfig(num_items=50, num_tags=20, item_embedding_dim=12, embedding_dim=16)


def trained(seed: int = 0, num_rows: int = 4, dtype: torch.dtype = torch.float32) -> TargetNetwork:
    """A network with nothing at its neutral start, running statistics included."""
    network = build_qin(CONFIG, QINConfig(num_rows=num_rows), generator=seeded(seed)).to(dtype)
    core: Any = network.network
    generator = seeded(seed + 1)
    with torch.no_grad():
        for table in (network.item_table, network.tag_table, network.likes_table, network.views_table):
            table.weight[1:] = 0.5 * torch.randn(table.weight[1:].shape, generator=generator)
        for layer in core.quadratic.layers:
            layer.to_rows.bias.normal_(0, 0.3, generator=generator)
            layer.norm.running_mean.normal_(0, 0.5, generator=generator)
            layer.norm.running_var.uniform_(0.5, 3.0, generator=generator)
            layer.norm.weight.normal_(0.5, 0.2, generator=generator)
            layer.norm.bias.normal_(0, 0.3, generator=generator)
            layer.activation.weight.uniform_(0.05, 0.6, generator=generator)
        core.head.weight.mul_(0.5)
        core.head.bias.fill_(-0.7)
    return network.eval()


def draw_items(num: int, seed: int, first_id: int = 1, dtype: torch.dtype = torch.float32) -> MicroLensItems:
    generator = seeded(seed)
    return MicroLensItems(
        torch.randint(first_id, 50, (num,), generator=generator),
        torch.randint(0, 20, (num, 5), generator=generator),
        torch.randn(num, 12, generator=generator).to(dtype),
    )


def draw_levels(num: int) -> torch.Tensor:
    return torch.randint(0, 11, (num, 2), generator=seeded(9))


def plain_logits(
    network: TargetNetwork, levels: torch.Tensor, candidates: MicroLensItems, history: MicroLensItems
) -> torch.Tensor:
    batch = MicroLensItems(
        *(None if part is None else part.expand(len(levels), *part.shape) for part in vars(history).values())
    )
    return network(levels, candidates, batch).detach()


def padded(history: MicroLensItems, num_pads: int) -> MicroLensItems:
    return MicroLensItems(
        torch.cat([torch.zeros(num_pads, dtype=torch.int64), history.ids]),
        torch.cat([torch.ones(num_pads, 5, dtype=torch.int64), history.tags]),
        torch.cat([torch.full((num_pads, 12), 3.0, dtype=history.embeddings.dtype), history.embeddings]),
    )


@pytest.mark.parametrize("num_rows", [1, 3, 4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_logits_equal_the_training_form(num_rows: int, dtype: torch.dtype, tolerance: float) -> None:
    network = trained(num_rows=num_rows, dtype=dtype)
    levels, candidates = draw_levels(40), draw_items(40, seed=1, dtype=dtype)
    history = padded(draw_items(9, seed=2, dtype=dtype), num_pads=3)
    expected = plain_logits(network, levels, candidates, history)
    assert float(expected.std()) > 0.3  # nothing trivial is compared
    scored = ServingQIN(network).score(levels, candidates, history)
    torch.testing.assert_close(scored, expected, rtol=tolerance, atol=tolerance)
    without = plain_logits(network, levels, candidates, padded(draw_items(0, seed=2, dtype=dtype), num_pads=3))
    assert float((scored - without).abs().max()) > 1e-2  # the history is looked at


def test_an_empty_history_and_one_of_padding_only_are_the_same() -> None:
    network = trained()
    levels, candidates, nothing = draw_levels(5), draw_items(5, seed=1), draw_items(0, seed=2)
    serving = ServingQIN(network)
    expected = plain_logits(network, levels, candidates, padded(nothing, num_pads=4))
    for history in (nothing, padded(nothing, num_pads=4)):
        torch.testing.assert_close(serving.score(levels, candidates, history), expected, rtol=1e-5, atol=1e-5)


def test_an_output_bias_is_served_too() -> None:
    network = trained()
    network.network.attention.to_output.bias = torch.nn.Parameter(torch.randn(48, generator=seeded(4)))
    levels, candidates, history = draw_levels(5), draw_items(5, seed=1), draw_items(4, seed=2)
    expected = plain_logits(network, levels, candidates, history)
    torch.testing.assert_close(ServingQIN(network).score(levels, candidates, history), expected, rtol=1e-5, atol=1e-5)


def test_it_is_a_snapshot_without_a_gradient_graph() -> None:
    network = trained()
    levels, candidates, history = draw_levels(6), draw_items(6, seed=1), draw_items(4, seed=2)
    serving = ServingQIN(network)
    before = serving.score(levels, candidates, history)
    assert not before.requires_grad
    assert not serving.encode_history(history).keys.requires_grad
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert torch.equal(serving.score(levels, candidates, history), before)


def test_keys_and_values_are_kept_per_account_until_its_history_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = ServingQIN(trained(), max_histories=2)
    encoded: list[int] = []
    encode = serving.encode_history
    monkeypatch.setattr(serving, "encode_history", lambda history: encoded.append(len(history.ids)) or encode(history))
    levels, candidates = draw_levels(6), draw_items(6, seed=1)
    short, long = draw_items(4, seed=2), draw_items(5, seed=3)
    first = serving.score(levels, candidates, short, account="a")
    assert torch.equal(serving.score(levels, candidates, short, account="a"), first)
    assert encoded == [4]
    serving.score(levels, candidates, long, account="a")  # a new item came in
    assert encoded == [4, 5]
    serving.score(levels, candidates, short, account="a")  # used again, so "long" is the oldest
    serving.score(levels, candidates, short, account="b")
    assert (serving.num_histories, encoded) == (2, [4, 5, 4])
    serving.score(levels, candidates, long, account="a")
    assert encoded == [4, 5, 4, 5]
    serving.score(levels, candidates, short)
    assert serving.num_histories == 2  # no account, nothing kept


def test_nothing_to_keep_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_histories must be at least 1, got 0\."):
        ServingQIN(trained(), max_histories=0)
