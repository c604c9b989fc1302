"""The demo's people come out of a tuning run: without the rejected ones, drawn as they were fitted, at either size."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.make import demo_cast
from data.make.face_folder import split_faces
from data.make.face_model.growth import grow_face_model
from data.make.face_model.state_files import write_state
from stylegan.images import decode_image
from stylegan.latents.people import FittedPeople
from stylegan.networks.checkpoints import FaceModel, save_face_model
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig


@pytest.fixture
def model(tmp_path: Path) -> FaceModel:
    """A small face model, in the folder `model`."""
    torch.manual_seed(3)
    config = GeneratorConfig(
        size=16,
        z_dim=12,
        w_dim=16,
        num_mapping_layers=1,
        mapping_rows=6,
        normalize_z=False,
        mapping_lr_multiplier=1.0,
        channels={4: 8, 8: 8, 16: 8},
    )
    encoder = FaceEncoder(EncoderConfig(size=16, num_rows=6, w_dim=16, code_dim=12, level_width=4)).eval()
    generator = Generator(config).eval().requires_grad_(False)
    save_face_model(tmp_path / "model", generator, encoder, dtype=torch.float32)
    return FaceModel(generator, encoder, {})


def write_run(tmp_path: Path, model: FaceModel, num: int = 5) -> torch.Tensor:
    """Write faces that are what the model draws of `num` latents, and a run that found just those; return the latents."""
    w_plus = torch.randn(num + 5, 6, 16, generator=torch.Generator().manual_seed(0)).half().float()
    faces = tmp_path / "faces"
    faces.mkdir()
    with torch.no_grad():
        for i, image_u8 in enumerate(decode_image(model.generator.synthesize(w_plus))):
            Image.fromarray(image_u8).save(faces / f"{i}.jpg", quality=100, subsampling=0)
    rows = [int(path.stem) for path in split_faces(list(faces.glob("*.jpg")))[0]][:num]
    run = tmp_path / "run"
    run.mkdir()
    write_state({"w_plus": w_plus[rows], "synthesis": model.generator.synthesis.state_dict()}, run / "state.pt")
    notes = {"names": [f"{row}.jpg" for row in rows], "generator": model.generator.config.as_dict()}
    (run / "run.json").write_text(json.dumps(notes))
    return w_plus[rows]


def test_people_are_written_without_the_rejected(
    tmp_path: Path, model: FaceModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    w_plus = write_run(tmp_path, model)
    arguments = ["demo_cast", tmp_path / "faces", "--run", tmp_path / "run", "--model", tmp_path / "model", "--reject", 1, 3]
    monkeypatch.setattr(
        sys, "argv", [*map(str, arguments), "--out", str(tmp_path / "cast"), "--sheet", str(tmp_path / "s.png")]
    )
    demo_cast.main()
    told = json.loads(capsys.readouterr().out)
    assert told["people"] == 3
    assert told["mean_error"] < 0.03  # JPEG and bfloat16
    people = FittedPeople.load(tmp_path / "cast")
    np.testing.assert_array_equal(people.codes, w_plus[[0, 2, 4]].flatten(1).numpy())
    assert len(people.face_model.manifest["faces"]) == 3
    assert (tmp_path / "s.png").is_file()


def test_a_grown_block_doubles_the_size(tmp_path: Path, model: FaceModel) -> None:
    w_plus = write_run(tmp_path, model)
    block = grow_face_model(model, channels=4).generator.synthesis
    parts = torch.nn.ModuleList([block.convs[-2], block.convs[-1], block.to_rgbs[-1]])
    (tmp_path / "grown").mkdir()
    write_state({"ema": parts.state_dict()}, tmp_path / "grown" / "state.pt")
    people, _ = demo_cast.read_people(tmp_path / "run", tmp_path / "faces", tmp_path / "model", [], tmp_path / "grown")
    assert people.face_model.generator.config.size == 32
    assert people.w_plus.shape[1] == 8
    with torch.no_grad():
        small = people.face_model.generator.synthesize(people.w_plus, size=16)
        torch.testing.assert_close(small, model.generator.synthesize(w_plus), atol=1e-5, rtol=0)


def test_one_of_the_two_steps_has_to_be_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["demo_cast", "faces"])
    with pytest.raises(SystemExit, match="2"):
        demo_cast.main()
    assert "name --choose or --run" in capsys.readouterr().err
