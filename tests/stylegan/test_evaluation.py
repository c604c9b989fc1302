from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan.checkpoints import FaceModel
from stylegan.evaluation import encoder_error, inversion_errors, save_samples
from stylegan.images import decode_image


def test_encoder_error_is_the_mean_over_all_faces(tiny_face_model: FaceModel) -> None:
    faces = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        rendered = tiny_face_model.generator.synthesize(tiny_face_model.encoder(faces)).clamp(-1, 1)
    assert encoder_error(tiny_face_model, faces) == pytest.approx(float((rendered - faces).abs().mean()), rel=1e-5)


def test_inversion_starts_at_the_encoders_error(tiny_face_model: FaceModel) -> None:
    faces = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    figures = inversion_errors(tiny_face_model, faces)
    assert figures["error_encoder"] == pytest.approx(encoder_error(tiny_face_model, faces), rel=1e-4)
    assert figures["error_tuned"] < figures["error_encoder"]
    assert figures["seconds_per_face"] > 0


def test_sheet_holds_64_different_samples(tiny_face_model: FaceModel, tmp_path: Path) -> None:
    save_samples(tiny_face_model, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (256, 256, 3)
    z = torch.randn(64, 12, generator=torch.Generator().manual_seed(1))
    generator = tiny_face_model.generator
    with torch.no_grad():
        tiles = decode_image(generator.synthesize(generator.map(z, truncation=0.8)))
    np.testing.assert_array_equal(sheet[32:64, 64:96], tiles[10])  # second row, third column
    assert len(np.unique(tiles.reshape(64, -1), axis=0)) == 64
