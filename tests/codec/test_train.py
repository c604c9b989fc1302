"""Training of the image codec: its crops, the course of the learning rate, and that a killed run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adcreative.codec import train as training
from adcreative.codec.config import CodecConfig
from adcreative.codec.model import freeze, load_codec
from adcreative.codec.network import ImageCodec
from adcreative.codec.stream import decode, encode
from adcreative.codec.train import CROP_PX, Crops, TrainingOptions, learning_rate, train
from adcreative.errors import ConfigError, TrainingError
from tests.codec.conftest import SMALL

OPTIONS = TrainingOptions(steps=4, decay=2, batch=2, bits_steps=1, every=1, windows=3)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "faces").mkdir(parents=True)
    for name, level, size in (("a.png", 10, (500, 480)), ("faces/b.jpg", 120, (64, 64)), ("c.webp", 240, (200, 228))):
        Image.fromarray(np.full((*size, 3), level, np.uint8)).save(folder / name, quality=95)
    return folder


def test_every_picture_gives_crops(pictures: Path) -> None:
    crops = Crops(pictures, 6, np.random.default_rng(0)).draw(60, np.random.default_rng(1))
    assert crops.shape == (60, 3, CROP_PX, CROP_PX)
    assert crops.dtype == torch.float32
    levels = (crops[:, 0, 64, 64] * 255).round()
    assert {10, 120, 240} == {10 * round(float(level) / 10) for level in levels}
    assert [float((levels.sub(level).abs() < 3).float().mean()) for level in (10, 120, 240)] == pytest.approx(
        [1 / 3] * 3, abs=0.2
    )


def test_the_busier_of_two_places_is_taken(pictures: Path) -> None:
    image_u8 = np.zeros((192, 2000, 3), np.uint8)
    image_u8[:, 1000:] = np.random.default_rng(0).integers(0, 255, (192, 1000, 3))
    (pictures / "wide").mkdir()
    Image.fromarray(image_u8).save(pictures / "wide" / "d.png")
    crops = Crops(pictures / "wide", 80, np.random.default_rng(0)).draw(400, np.random.default_rng(1))
    assert 0.65 < float((crops.std(dim=(1, 2, 3)) > 0.01).float().mean()) < 0.92  # of one place drawn it would be 0.55


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds no picture \(\.png, \.jpg, \.jpeg, \.webp\); name a folder that does"):
        Crops(tmp_path, 2, np.random.default_rng(0))


def test_learning_rate_rises_stays_and_falls() -> None:
    course = replace(OPTIONS, steps=2000, decay=500, learning_rate=1e-3)
    rates = [learning_rate(step, course) for step in range(2001)]
    assert rates[0] == pytest.approx(1e-3 / 200)
    assert rates[199] == rates[1500] == 1e-3
    assert rates[1750] == pytest.approx(5e-4)
    assert rates[2000] == 0
    later = [learning_rate(step, course, begun=300) for step in (0, 299, 399, 499)]
    assert later == pytest.approx([0, 0, 5e-4, 1e-3])


def test_a_stopped_run_goes_on_from_its_checkpoint(pictures: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "run", []
    _, step = train(SMALL, pictures, out, replace(OPTIONS, minutes=0), say=said.append)
    assert (step, said) == (0, [])
    first, step = train(SMALL, pictures, out, replace(OPTIONS, steps=2), say=said.append)
    assert step == 2
    again, step = train(SMALL, pictures, out, replace(OPTIONS, steps=2), say=said.append)
    assert step == 2
    assert freeze(first).model_id == freeze(again).model_id
    further, step = train(SMALL, pictures, out, OPTIONS, say=said.append)
    assert step == 4
    assert freeze(further).model_id != freeze(first).model_id
    assert [line.split(":")[0] for line in said] == ["step 1", "step 2", "step 3", "step 4"]
    with pytest.raises(ConfigError, match=r"checkpoint\.pt is of a codec of other sizes; train with those sizes"):
        train(replace(SMALL, hyper_channels=12), pictures, out, OPTIONS, say=said.append)


def test_first_steps_leave_the_transforms_as_they_start(pictures: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = ImageCodec(SMALL).state_dict()
    network, _ = train(SMALL, pictures, tmp_path / "run", replace(OPTIONS, steps=2, bits_steps=2), say=lambda _: None)
    moved = {name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, start[name])}
    assert {"contexts", "hyper_analysis", "hyper_synthesis", "prior"} <= moved
    assert not moved & {"analysis", "synthesis", "log_steps"}


def test_the_command_writes_a_model_that_codes(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "CodecConfig", lambda: SMALL)
    out = tmp_path / "run"
    training.main([str(pictures), "--out", str(out), "--steps", "2", "--batch", "1", "--windows", "2", "--bits-steps", "1"])
    assert f"model written: {out / 'weights'}" in capsys.readouterr().out
    model = load_codec(out / "weights")
    image_u8 = np.full((20, 30, 3), 77, np.uint8)
    assert decode(model, encode(model, image_u8, 1).content).shape == image_u8.shape


def test_defaults_are_those_of_the_options() -> None:
    given = training._parse(["pictures", "--out", "run"])
    assert given.steps == TrainingOptions.steps
    assert CodecConfig().transforms == "light"
