"""Folded networks give what the networks give, share what they may, and have no batch norm left."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from stylegan.runtime.folding import fold_batch_norms, with_part


def _network(*, features_only: bool) -> nn.Module:
    torch.manual_seed(0)
    network = timm.create_model("efficientnet_lite0", pretrained=False, features_only=features_only)
    for norm in (part for part in network.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.5, 0.5)
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
    return network.eval()


@pytest.mark.parametrize("features_only", [False, True])
def test_folded_is_the_network_layer_by_layer(features_only: bool) -> None:
    network = _network(features_only=features_only)
    images_f32 = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.inference_mode():
        expected, found = network(images_f32), fold_batch_norms(network)(images_f32)
    for one, other in zip(expected, found, strict=True) if features_only else [(expected, found)]:
        torch.testing.assert_close(other, one, atol=1e-5 * float(one.abs().max()), rtol=1e-4)


def test_no_norm_is_left_and_the_network_keeps_its_own() -> None:
    network = _network(features_only=False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = fold_batch_norms(network.train())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    assert not any(part.training for part in folded.modules())
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_norm_that_follows_no_convolution_stays() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    network[0].running_mean.fill_(0.5)
    network[3].running_var.fill_(4.0)
    images_f32 = torch.rand(1, 3, 5, 5)
    folded = fold_batch_norms(network)
    torch.testing.assert_close(folded(images_f32), network(images_f32))
    assert sum(isinstance(part, nn.BatchNorm2d) for part in folded.modules()) == 2


def test_with_part_changes_the_copy_alone_and_shares_the_rest() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    other = with_part(network, "1", nn.Identity())
    x = torch.rand(1, 2)
    assert torch.equal(other(x), network[0](x))
    assert not torch.equal(other(x), network(x))
    assert other[0] is network[0]
