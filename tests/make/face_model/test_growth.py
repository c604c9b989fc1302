"""A grown model draws what the old one drew, learns detail from crops, and resumes to the same step."""

from __future__ import annotations

import copy
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch.nn import functional as F

from data.make.face_model import grow, tune
from data.make.face_model.growth import GrowthConfig, GrowthTrainer, Renders, grow_face_model, with_grown_block
from data.make.face_model.joint_tuning import JointTuner, JointTuningConfig
from data.make.face_model.state_files import read_state
from stylegan.errors import CheckpointError, ShapeError
from stylegan.images import decode_image
from stylegan.latents.prior import GaussianPrior
from stylegan.networks.checkpoints import FaceModel, load_face_model, save_face_model
from stylegan.networks.ops import upsample2x


@pytest.fixture(scope="module")
def backbone_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model("efficientnet_lite0", pretrained=False).state_dict()


@pytest.fixture(scope="module")
def base(tiny_face_model: FaceModel) -> FaceModel:
    """The small model with a prior in its mapping, as `python -m data.make.face_model` exports one."""
    model = copy.deepcopy(tiny_face_model)
    GaussianPrior(torch.zeros(12), torch.eye(12)).write_into(model.generator.mapping, model.encoder)  # type: ignore[arg-type]
    return model


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    """Ovals with a fine pattern that the old size cannot show, [6, 3, 64, 64]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    oval = ((x / 0.6) ** 2 + (y / 0.8) ** 2 < 1).float()
    shades = torch.rand(6, 3, 1, 1, generator=torch.Generator().manual_seed(0)) - 0.5
    checks = 0.3 * ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2 - 1)
    return oval * shades + checks


def test_a_grown_model_draws_the_old_picture_enlarged(base: FaceModel) -> None:
    grown = grow_face_model(base, channels=6)
    code = torch.randn(3, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        old, latent = base.generator.synthesize(base.encoder.expand(code)), grown.encoder.expand(code)
        torch.testing.assert_close(grown.generator.synthesize(latent, size=32), old, atol=1e-5, rtol=0)
        torch.testing.assert_close(grown.generator.synthesize(latent), upsample2x(old), atol=1e-5, rtol=0)
        torch.testing.assert_close(grown.generator.map(code)[:, :8], base.generator.map(code))
    torch.testing.assert_close(latent[:, 8:], latent[:, 7:8].expand(-1, 2, -1))


def renders(model: FaceModel, grown: FaceModel, faces: torch.Tensor, *, with_target: bool) -> Renders:
    code = torch.randn(len(faces), 12, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        w_plus = grown.encoder.expand(code)
        features, pictures = grown.generator.synthesis.stage(w_plus, size=32)
    return Renders(features.half().numpy(), pictures.half().numpy(), w_plus, decode_image(faces) if with_target else None)


def new_trainer(base: FaceModel, faces: torch.Tensor, state: dict[str, torch.Tensor], **changes: object) -> GrowthTrainer:
    grown = grow_face_model(base, channels=6)
    settings = {"batch_size": 4, "crop": 16, "num_crops": 4000, "adversarial_from": 0, **changes}
    return GrowthTrainer(
        grown.generator.synthesis,
        GrowthConfig(**settings),
        state,  # type: ignore[arg-type]
        aligned=renders(base, grown, faces, with_target=True),
        others=renders(base, grown, faces, with_target=False),
        real_u8=decode_image(faces),
    )


def test_a_resumed_run_takes_the_same_step(
    base: FaceModel, faces: torch.Tensor, backbone_state: dict[str, torch.Tensor]
) -> None:
    straight = new_trainer(base, faces, backbone_state)
    straight.step()
    state = copy.deepcopy(straight.state())
    expected = straight.step()
    assert np.isfinite(expected["fooled"])
    resumed = new_trainer(base, faces, backbone_state, seed=9)
    resumed.load_state(state)
    assert resumed.step() == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_faces_are_fitted_together(base: FaceModel, faces: torch.Tensor, backbone_state: dict[str, torch.Tensor]) -> None:
    small = torch.nn.functional.avg_pool2d(faces, 2)
    tuner = JointTuner(base, small, JointTuningConfig(num_epochs=60, batch_size=3), backbone_state)
    before = tuner.error()
    while tuner.num_steps_done < tuner.num_steps:
        tuner.step()
    assert tuner.error() < 0.7 * before
    with pytest.raises(ShapeError, match=r"expected faces \[N, 3, 32, 32\], got \[6, 3, 64, 64\]"):
        JointTuner(base, faces, JointTuningConfig(), backbone_state)


def test_a_tuning_goes_on_at_twice_the_size(
    base: FaceModel, faces: torch.Tensor, backbone_state: dict[str, torch.Tensor]
) -> None:
    small = JointTuner(base, F.avg_pool2d(faces, 2), JointTuningConfig(num_epochs=1), backbone_state)
    grown = grow_face_model(base, channels=6)
    grown.generator.synthesis.to_rgbs[-1].weight.fill_(0.2)  # type: ignore[union-attr, operator]
    large = JointTuner(grown, faces, JointTuningConfig(num_epochs=1), backbone_state)
    small.synthesis.const.data += 0.1
    small.w_plus.data += 0.1
    large.start_from(small.w_plus.detach(), small.synthesis.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(large.synthesis(large.w_plus, size=32), small.synthesis(small.w_plus), atol=1e-5, rtol=0)
    torch.testing.assert_close(large.synthesis.to_rgbs[-1].weight, grown.generator.synthesis.to_rgbs[-1].weight)
    with pytest.raises(ShapeError, match="is of another network or other faces"):
        small.start_from(large.w_plus.detach(), large.synthesis.state_dict())


def test_the_commands_tune_grow_and_export(
    base: FaceModel, faces: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, model = tmp_path / "faces", tmp_path / "model"
    folder.mkdir()
    for i, image_u8 in enumerate(decode_image(torch.cat([faces] * 5))):
        Image.fromarray(np.roll(image_u8, i, axis=0)).save(folder / f"{i}.png")
    save_face_model(model, base.generator, base.encoder)
    names = tmp_path / "names.txt"
    train_paths, held_out = grow.split_faces(list(folder.glob("*.png")))
    assert held_out
    names.write_text("\n".join(path.name for path in train_paths[:4]))

    def call(main: object, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["main", *map(str, arguments)])
        main()  # type: ignore[operator]

    call(tune.main, folder, "--names", names, "--out", tmp_path / "tuned", "--model", model, "--num-epochs", 2)
    tuned = tune.read_tuned(tmp_path / "tuned", train_paths, size=32)
    names.write_text("\n".join(tuned.names[1:3]))
    call(
        tune.main,
        folder,
        "--names",
        names,
        "--out",
        tmp_path / "closer",
        "--model",
        model,
        "--num-epochs",
        1,
        "--start",
        tmp_path / "tuned",
        "--latent-share",
        0,
    )
    closer = tune.read_tuned(tmp_path / "closer", train_paths, size=32)
    assert closer.names == tuned.names[1:3]
    assert float((closer.w_plus - tuned.w_plus[1:3]).abs().max()) < 0.01, "one step from where the other run ended"
    names.write_text("\n".join(tuned.names))
    out = tmp_path / "run"
    options = (folder, "--out", out, "--start", model, "--tuned", tmp_path / "tuned", "--channels", 6, "--num-crops", 32)
    call(grow.main, *options)
    call(grow.main, *options, "--export", tmp_path / "grown")
    grown = load_face_model(tmp_path / "grown")
    assert grown.generator.config.size == 64
    assert grown.manifest["training"]["growth"]["crops_seen"] == 32
    small = load_face_model(model)
    assert grown.codes_sha256 == small.codes_sha256 == small.manifest["sha256"]
    with torch.no_grad():
        seen = F.avg_pool2d(faces, 2)
        assert torch.equal(grown.encoder.encode(seen), small.encoder.encode(seen))  # type: ignore[union-attr]
    tuned = tune.read_tuned(tmp_path / "tuned", train_paths, size=64)
    state = read_state(out / "state.pt")
    assert state is not None
    grafted = with_grown_block(base, tuned.synthesis.state_dict(), state).generator.synthesis.state_dict()
    expected = grown.generator.synthesis.state_dict() | tuned.synthesis.state_dict()
    assert all(torch.allclose(grafted[name], tensor, atol=1e-3) for name, tensor in expected.items())
    assert set(asdict(GrowthConfig())) < set(grown.manifest["training"]["growth"])
    assert list(out.glob("sheet-*.png"))
    with pytest.raises(CheckpointError, match=r"no tuning run in .*data\.make\.face_model\.tune"):
        tune.read_tuned(tmp_path / "absent", train_paths, size=64)
    with pytest.raises(CheckpointError, match="1 faces that are not there to train on"):
        tune.read_tuned(tmp_path / "tuned", [p for p in train_paths if p.name != names.read_text().split()[0]], size=64)
