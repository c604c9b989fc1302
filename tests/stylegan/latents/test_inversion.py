from __future__ import annotations

import pytest
import torch

from stylegan.errors import InversionError, ShapeError
from stylegan.latents.inversion import InversionConfig, invert
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import EncoderConfig, FaceEncoder


def target(tiny_face_model: FaceModel) -> torch.Tensor:
    """A picture that the generator can make, so that the optimum is known to be near zero."""
    w_plus = torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return tiny_face_model.generator.synthesize(w_plus).clamp(-1, 1)


def test_each_stage_lowers_the_error(tiny_face_model: FaceModel) -> None:
    weights_before = {k: v.clone() for k, v in tiny_face_model.generator.state_dict().items()}
    config = InversionConfig(w_steps=60, tuning_steps=60, w_lr=0.1, tuning_lr=5e-3, w_drift=0.0)
    result = invert(tiny_face_model, target(tiny_face_model), config=config)
    assert result.error_w_plus < 0.8 * result.error_encoder
    assert result.error_tuned < 0.9 * result.error_w_plus
    after = tiny_face_model.generator.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in weights_before.items())


def test_no_steps_is_the_encoder(tiny_face_model: FaceModel) -> None:
    image = target(tiny_face_model)
    result = invert(tiny_face_model, image, config=InversionConfig(w_steps=0, tuning_steps=0))
    assert torch.equal(result.w_plus, tiny_face_model.encoder(image))
    assert result.error_tuned == result.error_encoder


def test_a_generator_without_encoder_starts_at_the_mean_face(tiny_face_model: FaceModel) -> None:
    alone = FaceModel(tiny_face_model.generator, None, {})
    image = target(tiny_face_model)
    mean = tiny_face_model.generator.synthesize(tiny_face_model.generator.w_plus_avg).clamp(-1, 1)
    config = InversionConfig(w_steps=60, tuning_steps=0, w_lr=0.1, w_drift=0.0)
    result = invert(alone, image, config=config)
    assert result.error_encoder == pytest.approx(float((mean - image).abs().mean()), rel=1e-4)
    assert result.error_w_plus < 0.8 * result.error_encoder


def test_an_encoder_of_another_size_gets_the_picture_at_its_size(tiny_face_model: FaceModel) -> None:
    generator = tiny_face_model.generator
    seen = []

    class Half(FaceEncoder):
        def forward(self, images_f32: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(images_f32.shape))
            return super().forward(images_f32)

    small = Half(EncoderConfig(size=16, num_rows=8, w_dim=16, code_dim=12, level_width=4)).eval()
    model = FaceModel(generator, small, {})
    invert(model, target(tiny_face_model), config=InversionConfig(w_steps=0, tuning_steps=0))
    assert seen == [(1, 3, 16, 16)]


def test_stops_when_asked(tiny_face_model: FaceModel) -> None:
    calls = []

    def should_stop() -> bool:
        calls.append(1)
        return True

    config = InversionConfig(w_steps=5)
    result = invert(tiny_face_model, target(tiny_face_model), config=config, should_stop=should_stop)
    assert result.error_tuned == result.error_encoder
    assert len(calls) == 2


def test_it_ends_once_the_face_is_drawn_well_enough_and_says_how_far_it_is(tiny_face_model: FaceModel) -> None:
    told: list[tuple[int, int, float]] = []

    def progress(step: int, most: int, error: float) -> None:
        told.append((step, most, error))

    image = target(tiny_face_model)
    config = InversionConfig(w_steps=3, tuning_steps=4, enough=0.0)
    invert(tiny_face_model, image, config=config, progress=progress)
    assert [(step, most) for step, most, _ in told] == [(step, 7) for step in range(1, 8)]
    first = told[0][2]
    told.clear()
    invert(tiny_face_model, image, config=InversionConfig(w_steps=3, tuning_steps=4, enough=first), progress=progress)
    assert [step for step, *_ in told] == [1]
    told.clear()
    edge = image.clone()
    edge[:, :, :3] = 1.0 - edge[:, :, :3]  # hair and ground, which are not edited, do not count
    alone = FaceModel(tiny_face_model.generator, None, {})  # the mean face: a start that no edge changes
    for one in (image, edge):
        invert(alone, one, config=InversionConfig(w_steps=1, tuning_steps=0), progress=progress)
    assert told[0][2] == told[1][2]


def test_bad_pictures(tiny_face_model: FaceModel) -> None:
    with pytest.raises(ShapeError, match=r"expected one aligned face \[1, 3, 32, 32\]"):
        invert(tiny_face_model, torch.zeros(1, 3, 16, 16))
    with pytest.raises(InversionError, match="blank"):
        invert(tiny_face_model, torch.zeros(1, 3, 32, 32))
    with pytest.raises(InversionError, match="invalid numbers"):
        invert(tiny_face_model, torch.full((1, 3, 32, 32), float("nan")))
