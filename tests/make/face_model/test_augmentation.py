from __future__ import annotations

import pytest
import torch

from data.make.face_model.augmentation import jitter


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    """Ovals of different shade on different grounds, [8, 3, 32, 32]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    oval = ((x / 0.6) ** 2 + (y / 0.8) ** 2 < 1).float()
    shades = torch.rand(8, 3, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return oval * shades[:, :, :1, None] + (1 - oval) * shades[:, :, 1:, None]


def test_jitter_keeps_range_and_is_seeded(faces: torch.Tensor) -> None:
    first = jitter(faces, generator=torch.Generator().manual_seed(4))
    again = jitter(faces, generator=torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert first.abs().max() <= 1
    assert not torch.allclose(first, faces)
