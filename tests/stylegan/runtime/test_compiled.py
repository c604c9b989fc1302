"""Folded and compiled networks give what the network gives; only what can be written is compiled."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn

from stylegan.runtime.compiled import CompiledNetwork, compile_network
from stylegan.runtime.folding import fold_batch_norms, with_part


class _Residual(nn.Module):
    """Convolutions of every kind that is written: plain, depthwise, strided, without bias; a sum; two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.act = nn.ReLU6()
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.down = nn.Conv2d(8, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.act(self.stem(x) * 1) if self.training else self.act(self.stem(x))
        return [self.down(x), x + self.depthwise(x)]


@pytest.mark.parametrize("features_only", [False, True])
def test_compiled_is_the_network(features_only: bool) -> None:
    torch.manual_seed(0)
    network = timm.create_model("efficientnet_lite0", pretrained=False, num_classes=0, features_only=features_only)
    for norm in (part for part in network.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_mean.uniform_(-0.1, 0.1)
    folded = fold_batch_norms(network)
    compiled = compile_network(folded)
    assert isinstance(compiled, CompiledNetwork)
    images_f32 = torch.rand(3, 3, 96, 96) * 2 - 1
    with torch.inference_mode():
        expected, found, alone = folded(images_f32), compiled(images_f32), compiled(images_f32[1:2])
    assert isinstance(found, list) is features_only
    outputs = zip(expected, found, alone, strict=True) if features_only else [(expected, found, alone)]
    for one, other, single in outputs:
        torch.testing.assert_close(other, one, atol=1e-5 * float(one.abs().max()), rtol=1e-4)
        assert torch.equal(other[1:2], single)


@pytest.mark.parametrize("size", [(15, 15), (16, 23)])
def test_odd_sizes_and_every_kind_of_convolution(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = _Residual().eval()
    compiled = compile_network(network)
    assert isinstance(compiled, CompiledNetwork)
    images_f32 = torch.randn(2, 3, *size)
    with torch.inference_mode():
        for _ in range(2):
            for one, other in zip(network(images_f32), compiled(images_f32), strict=True):
                torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-5)
            images_f32 = images_f32[:, :, 1:]  # another size is compiled anew


def test_gradients_go_through_the_network_itself() -> None:
    network = _Residual().eval()
    compiled = compile_network(network)
    images_f32 = torch.randn(1, 3, 16, 16, requires_grad=True)
    compiled(images_f32)[0].sum().backward()
    assert images_f32.grad is not None


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.SiLU()),
        nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)),
        nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2)),
        nn.Sequential(nn.Conv2d(3, 4, (3, 1))),
        nn.Sequential(nn.Conv2d(3, 4, 3, padding="same")),
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")),
        nn.Sequential(nn.AdaptiveAvgPool2d(1)),
        nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten()),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()),
        nn.Sequential(nn.BatchNorm2d(3)),
    ],
    ids=lambda network: " ".join(type(part).__name__ for part in network),
)
def test_what_cannot_be_written_stays_as_it_is(network: nn.Module) -> None:
    assert compile_network(network.eval()) is network


def test_a_network_that_looks_at_its_input_stays_as_it_is() -> None:
    class Undecided(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    network = Undecided()
    assert compile_network(network) is network


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
