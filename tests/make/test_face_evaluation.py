from __future__ import annotations

import numpy as np
import pytest
import torch

from data.make.face_evaluation import encoder_error, frechet_distance, inversion_errors, sharpness
from data.make.face_model.growth import grow_face_model
from stylegan.networks.checkpoints import FaceModel


@pytest.mark.slow
def test_inversion_starts_at_the_encoders_error(tiny_face_model: FaceModel) -> None:
    faces = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    figures, renders = inversion_errors(tiny_face_model, faces)
    assert figures["error_encoder"] == pytest.approx(encoder_error(tiny_face_model, faces), rel=1e-4)
    assert figures["error_tuned"] < figures["error_encoder"]
    assert figures["seconds_per_face"] > 0
    assert np.abs(renders[0] / 127.5 - 1 - faces[0].permute(1, 2, 0).numpy()).mean() == pytest.approx(
        figures["error_tuned"], abs=5e-3
    )


def test_a_grown_model_is_measured_at_both_sizes(tiny_face_model: FaceModel) -> None:
    """A new block that draws nothing yet: same error at the old size, and no more detail than the enlarged picture."""
    grown = grow_face_model(tiny_face_model, channels=4)
    faces = torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    small = torch.nn.functional.interpolate(faces, size=(32, 32), mode="bilinear", antialias=True)
    assert encoder_error(grown, faces, size=32) == pytest.approx(encoder_error(tiny_face_model, small), rel=1e-5)
    plain = sharpness(grown, faces)
    with torch.no_grad():
        grown.generator.synthesis.to_rgbs[-1].weight.normal_(std=20.0)  # type: ignore[union-attr, operator]
    noisy = sharpness(grown, faces)
    assert noisy["full"]["fine_detail"] > 2 * plain["full"]["fine_detail"]
    assert noisy["enlarged"] == plain["enlarged"]


def test_frechet_distance_of_normal_clouds_is_the_published_formula() -> None:
    """Diagonal covariances commute: |shift|^2 + sum (sqrt a - sqrt b)^2."""
    rng = np.random.default_rng(0)
    left = rng.normal(size=(200_000, 3)) * [1.0, 2.0, 3.0]
    right = rng.normal(size=(200_000, 3)) * [2.0, 2.0, 1.0] + [0.0, 3.0, 0.0]
    assert frechet_distance(left, right) == pytest.approx(9.0 + 1.0 + 0.0 + 4.0, rel=0.02)
    assert frechet_distance(left, left) == pytest.approx(0.0, abs=1e-6)
