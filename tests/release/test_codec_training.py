"""Training of the image codec: crops of every group, the course of the learning rate, and that a killed run goes on."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adcreative.codec.model import freeze
from adcreative.codec.network import ImageCodec
from adcreative.release.codec_data import held_out_photographs
from adcreative.release.codec_training import CROP_PX, Crops, learning_rate, train
from tests.codec.conftest import SMALL


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, level, size in (("ad-1", 10, (300, 280)), ("face-1", 120, (64, 64)), ("brick", 240, (130, 128))):
        Image.fromarray(np.full((*size, 3), level, np.uint8)).save(folder / f"{name}.png")
    return folder


def options(pictures: Path, out: Path, **changes: float) -> argparse.Namespace:
    numbers = {"steps": 4, "decay": 2, "batch": 2, "lr": 1e-3, "minutes": 1, "every": 1, "seed": 0} | changes
    return argparse.Namespace(pictures=pictures, out=out, **numbers)


def test_crops_are_drawn_from_every_group(pictures: Path) -> None:
    crops = Crops(pictures, np.random.default_rng(0)).draw(200)
    assert crops.shape == (200, 3, CROP_PX, CROP_PX)
    shares = [float((crops[:, 0, 0, 0] * 255).round().eq(level).float().mean()) for level in (10, 120, 240)]
    assert np.allclose(shares, [0.75, 0.12, 0.13], atol=0.1)
    assert sum(shares) == pytest.approx(1)
    (pictures / "brick.png").unlink()
    with pytest.raises(SystemExit, match="holds no pictures of every group"):
        Crops(pictures, np.random.default_rng(0))


def test_learning_rate_rises_stays_and_falls(pictures: Path) -> None:
    course = options(pictures, pictures, steps=2000, decay=500)
    rates = [learning_rate(step, course) for step in range(2001)]
    assert rates[0] == pytest.approx(1e-3 / 500)
    assert rates[499] == rates[1500] == 1e-3
    assert rates[1750] == pytest.approx(5e-4)
    assert rates[2000] == 0


def test_a_stopped_run_goes_on_from_its_checkpoint(pictures: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    _, step = train(lambda: ImageCodec(SMALL), SMALL.lambdas, options(pictures, tmp_path / "run", minutes=0))
    assert step == 0
    first, step = train(lambda: ImageCodec(SMALL), SMALL.lambdas, options(pictures, tmp_path / "run", steps=2))
    assert step == 2
    again, step = train(lambda: ImageCodec(SMALL), SMALL.lambdas, options(pictures, tmp_path / "run", steps=2))
    assert step == 2
    assert freeze(first).model_id == freeze(again).model_id
    further, step = train(lambda: ImageCodec(SMALL), SMALL.lambdas, options(pictures, tmp_path / "run"))
    assert step == 4
    assert freeze(further).model_id != freeze(first).model_id


def test_held_out_photographs_are_in_colour() -> None:
    found = held_out_photographs()
    assert set(found) == {"astronaut", "chelsea", "coffee", "china", "flower"}
    assert all(image_u8.shape[2] == 3 and image_u8.dtype == np.uint8 for image_u8 in found.values())
