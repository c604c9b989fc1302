"""The trainer on a handful of drawn faces: it learns, resumes to the same result, and keeps its held-out faces apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from data.make.face_model.augmentation import jitter
from data.make.face_model.trainer import FaceModelTrainer, TrainingConfig
from stylegan.latents.prior import fit_prior
from stylegan.networks.checkpoints import load_face_model, save_face_model


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    """Ovals of different shade on different grounds, [8, 3, 32, 32]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    oval = ((x / 0.6) ** 2 + (y / 0.8) ** 2 < 1).float()
    shades = torch.rand(8, 3, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return oval * shades[:, :, :1, None] + (1 - oval) * shades[:, :, 1:, None]


@pytest.fixture(scope="module")
def backbone_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model("efficientnet_lite0", pretrained=False).state_dict()


def new_trainer(backbone_state: dict[str, torch.Tensor], **changes: object) -> FaceModelTrainer:
    config = TrainingConfig(**{"size": 32, "w_dim": 32, "batch_size": 4, "num_images": 400, **changes})  # type: ignore[arg-type]
    return FaceModelTrainer(config, backbone_state)


@pytest.mark.slow
def test_reconstruction_improves(backbone_state: dict[str, torch.Tensor], faces: torch.Tensor) -> None:
    trainer = new_trainer(backbone_state, num_images=4000, generator_lr=1e-2, batch_size=8)
    first = np.mean([trainer.step(faces)["l1"] for _ in range(5)])
    for _ in range(50):
        trainer.step(faces)
    last = np.mean([trainer.step(faces)["l1"] for _ in range(5)])
    assert last < 0.9 * first


def test_a_resumed_run_takes_the_same_step(backbone_state: dict[str, torch.Tensor], faces: torch.Tensor) -> None:
    straight = new_trainer(backbone_state, adversarial_from=0)
    straight.step(faces)
    state = {k: (dict(v) if isinstance(v, dict) else v) for k, v in straight.state().items()}
    import copy

    state = copy.deepcopy(state)
    expected = straight.step(faces)
    resumed = new_trainer(backbone_state, adversarial_from=0, seed=9)
    resumed.load_state(state)
    assert resumed.step(faces) == pytest.approx(expected, rel=1e-5)


def test_a_run_can_start_from_a_finished_model(backbone_state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    first, second = new_trainer(backbone_state), new_trainer(backbone_state, seed=5)
    save_face_model(tmp_path, first.generator, first.encoder)
    second.start_from(load_face_model(tmp_path))
    for ours, theirs in ((second.ema_synthesis, first.generator.synthesis), (second.encoder, first.encoder)):
        for name, tensor in ours.state_dict().items():
            torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=2e-3, atol=1e-4)


def test_prior_written_into_the_mapping_samples_the_fitted_distribution(backbone_state: dict[str, torch.Tensor]) -> None:
    """map(z) must equal expand(mean + F z), and the samples' covariance that of the codes."""
    trainer = new_trainer(backbone_state)
    codes = torch.randn(4000, 512, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 2, 512)
    prior = fit_prior(codes)
    prior.write_into(trainer.generator.mapping, trainer.encoder)
    z = torch.randn(3, 512)
    expected = trainer.encoder.expand(prior.mean + z @ prior.factor.t())
    torch.testing.assert_close(trainer.generator.map(z), expected, rtol=1e-3, atol=1e-4)
    covariance = prior.factor @ prior.factor.t()
    torch.testing.assert_close(covariance, torch.cov(codes.t()), rtol=1e-3, atol=1e-3)


def test_jitter_keeps_range_and_is_seeded(faces: torch.Tensor) -> None:
    first = jitter(faces, generator=torch.Generator().manual_seed(4))
    again = jitter(faces, generator=torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert first.abs().max() <= 1
    assert not torch.allclose(first, faces)
