"""Pictures within a limit of bytes: the best quality that fits, the format by likeness, marks kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut
from skimage.metrics import structural_similarity

from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.weight import fit_bytes, similarity


def photo() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:320, 100:420])


def encode(image_u8: np.ndarray):
    return lambda file_format, quality: encode_picture(image_u8, file_format, is_edited=False, quality=quality or None)


def test_similarity_is_that_of_scikit_image() -> None:
    first = photo()
    second = np.asarray(Image.open(io.BytesIO(encode(first)("JPEG", 40))))
    settings = {"channel_axis": 2, "data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert similarity(first, second) == pytest.approx(structural_similarity(first, second, **settings), abs=1e-6)
    assert similarity(first, first) == pytest.approx(1.0)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_the_best_quality_that_fits_is_taken(file_format: str) -> None:
    picture = photo()
    found = fit_bytes(picture, 20_000, encode(picture), [file_format])
    assert len(found.content) <= 20_000 < len(encode(picture)(file_format, found.quality + 1))
    assert 0.8 < found.similarity < 1


def test_what_fits_without_loss_loses_nothing_and_the_likest_format_wins() -> None:
    picture = photo()
    assert fit_bytes(picture, 10**6, encode(picture)).file_format == "PNG"
    flat = np.full((320, 320, 3), 200, np.uint8)
    assert fit_bytes(flat, 5000, encode(flat), ["JPEG", "PNG"]).quality >= 90  # equally like: the first named
    each = {name: fit_bytes(picture, 12_000, encode(picture), [name]).similarity for name in ("JPEG", "WEBP", "AVIF")}
    together = fit_bytes(picture, 12_000, encode(picture), ["PNG", "JPEG", "WEBP", "AVIF"])
    assert together.file_format == max(each, key=lambda name: each[name])
    assert together.similarity == max(each.values())
    assert max(each.values()) > min(each.values()) + 0.005  # the choice matters


def test_what_cannot_fit_is_told() -> None:
    picture = photo()
    with pytest.raises(ProvenanceError, match=r"has [\d,]+ bytes at least \(JPEG\), 900 are allowed"):
        fit_bytes(picture, 900, encode(picture))
    with pytest.raises(ProvenanceError, match='fitted as PNG, JPEG, WEBP, AVIF, not "GIF"'):
        fit_bytes(picture, 900, encode(picture), ["GIF"])
