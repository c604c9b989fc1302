"""EfficientNet-Lite0 written out against timm's, its naive twin: the same names, the same bits."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from stylegan.errors import CheckpointError, ShapeError
from stylegan.networks.efficientnet import EfficientNetLevels, EfficientNetLite0, load_backbone
from stylegan.networks.ir_se50 import E4EConfig, E4EEncoder, Encoder4Editing, upsample_add
from stylegan.networks.unset import build_unset, unset_weights


def _same(ours: nn.Module, twin: nn.Module) -> None:
    for norm in (part for part in twin.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_mean.uniform_(-0.1, 0.1)
        norm.running_var.uniform_(0.5, 2)
    ours.load_state_dict(twin.state_dict(), strict=True)
    ours.eval(), twin.eval()


@torch.inference_mode()
@pytest.mark.parametrize("size", [64, 96])
def test_the_network_is_timms(size: int) -> None:
    torch.manual_seed(0)
    ours, twin = EfficientNetLite0(), timm.create_model("efficientnet_lite0", pretrained=False)
    _same(ours, twin)
    images_f32 = torch.rand(2, 3, size, size)
    assert torch.equal(ours.forward_features(images_f32), twin.forward_features(images_f32))
    torch.testing.assert_close(ours(images_f32), twin(images_f32))


@torch.inference_mode()
@pytest.mark.parametrize("levels", [(2, 3, 4), (3, 4), (0, 1, 2, 3)])
def test_levels_are_timms(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    twin = timm.create_model("efficientnet_lite0", features_only=True, pretrained=False, out_indices=levels)
    ours = EfficientNetLevels(levels)
    _same(ours, twin)
    images_f32 = torch.rand(1, 3, 96, 96)
    found, expected = ours(images_f32), twin(images_f32)
    assert [one.shape[1] for one in found] == ours.feature_channels == twin.feature_info.channels()
    assert all(torch.equal(left, right) for left, right in zip(found, expected, strict=True))


def test_other_weights_are_refused() -> None:
    state = EfficientNetLite0().state_dict()
    with pytest.raises(CheckpointError, match="the file has 1 tensors, EfficientNet-Lite0 has 296"):
        load_backbone(EfficientNetLevels((3, 4)), {"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="other shapes than those of EfficientNet-Lite0"):
        load_backbone(EfficientNetLevels((3, 4)), {name: torch.zeros(1) for name in state})


def test_unset_weights_draw_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    table = build_unset(nn.Embedding, 5, 4, padding_idx=0)
    with unset_weights():
        nn.Sequential(nn.Linear(3, 3), nn.Conv2d(2, 2, 1), nn.LayerNorm(4))
    assert torch.equal(torch.rand(3), expected)
    assert table.weight.shape == (5, 4)
    assert table.weight.device.type == "cpu"
    assert nn.Linear(3, 3).weight.abs().max() > 0, "outside of the block weights are drawn again"


def test_published_sizes() -> None:
    with torch.device("meta"):
        network = Encoder4Editing(E4EConfig(num_rows=18))  # for a generator of 1024 px
    assert len(network.state_dict()) == 621
    assert sum(p.numel() for p in network.parameters()) == 267_136_704
    assert [len(style.convs) // 2 for style in network.styles] == [4] * 3 + [5] * 4 + [6] * 11


def test_the_interface_of_the_embedded_encoder() -> None:
    with torch.device("meta"):
        encoder = E4EEncoder(E4EConfig(num_rows=16))
        code = encoder.encode(torch.zeros(2, 3, 256, 256))
    assert encoder.config.code_dim == 16 * 512
    assert code.shape == (2, 16 * 512)
    assert encoder.expand(code).shape == (2, 16, 512)


def test_upsampling_keeps_the_corners() -> None:
    coarse = torch.tensor([[[[0.0, 3.0], [6.0, 9.0]]]])
    expected = torch.tensor([[0.0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]])
    torch.testing.assert_close(upsample_add(coarse, torch.ones(1, 1, 4, 4))[0, 0], expected + 1)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ShapeError, match="has 4 stages"):
        E4EConfig(num_rows=18, stage_channels=(64, 128))
    with torch.device("meta"):
        encoder = E4EEncoder(E4EConfig(num_rows=10, w_dim=8, stage_channels=(8, 8, 8, 8), squeeze_channels=(1, 1, 1, 1)))
    with pytest.raises(ShapeError, match=r"aligned faces \[B, 3, 256, 256\], got \[1, 3, 128, 128\]"):
        encoder.encode(torch.zeros(1, 3, 128, 128))
