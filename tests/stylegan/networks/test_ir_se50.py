from __future__ import annotations

import pytest
import torch

from stylegan.errors import ShapeError
from stylegan.networks.ir_se50 import E4EConfig, E4EEncoder, Encoder4Editing, upsample_add


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
