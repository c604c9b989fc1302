"""People fitted into a generator are drawn, saved, loaded, and moved along directions that were learnt in code space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stylegan.errors import CheckpointError, ShapeError
from stylegan.images import decode_image
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.people import FittedPeople, directions_of_latents, with_weights
from stylegan.networks.checkpoints import FaceModel


@pytest.fixture(scope="module")
def people(tiny_face_model: FaceModel) -> FittedPeople:
    state = {name: tensor + 0.01 for name, tensor in tiny_face_model.generator.synthesis.state_dict().items()}
    w_plus = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(0)).half().float()
    return FittedPeople(with_weights(tiny_face_model, state), w_plus)


def test_people_are_drawn_with_their_own_weights(people: FittedPeople, tiny_face_model: FaceModel) -> None:
    drawn = np.stack(people.render(people.codes))
    with torch.no_grad():
        expected = decode_image(people.face_model.generator.synthesize(people.w_plus))
        other = decode_image(tiny_face_model.generator.synthesize(people.w_plus))
    assert np.abs(drawn.astype(int) - expected).mean() < 1.0  # bfloat16
    assert np.abs(drawn.astype(int) - other).mean() > 1.0
    with pytest.raises(ShapeError, match=r"expected codes \[B, 128\], got \[1, 12\]"):
        people.render(np.zeros((1, 12), np.float32))


def test_people_are_loaded_as_they_were_saved(people: FittedPeople, tmp_path: Path) -> None:
    people.save(tmp_path, training="none")
    loaded = FittedPeople.load(tmp_path)
    np.testing.assert_array_equal(loaded.codes, people.codes)
    assert loaded.face_model.manifest["people"] == 3
    save_file({"w_plus": torch.zeros(3, 8, 16)}, tmp_path / "people.safetensors")
    with pytest.raises(CheckpointError, match="differs from the hash"):
        FittedPeople.load(tmp_path)
    (tmp_path / "people.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no people\.safetensors"):
        FittedPeople.load(tmp_path)


def test_a_direction_moves_a_latent_as_it_moves_the_code(people: FittedPeople, tiny_face_model: FaceModel) -> None:
    encoder, rng = tiny_face_model.encoder, np.random.default_rng(0)
    vectors = rng.standard_normal((2, 12)).astype(np.float32)
    directions = DirectionSet(names=("a", "b"), vectors=vectors, low=-np.ones(2), high=np.ones(2), table={})
    code, strengths = rng.standard_normal((1, 12)).astype(np.float32), np.array([[0.5, -1.0]])
    with torch.no_grad():
        start, end = (encoder.expand(torch.from_numpy(c)).flatten(1).numpy() for c in (code, directions.apply(code, strengths)))
    moved = directions_of_latents(directions, encoder, 8).apply(start, strengths)
    np.testing.assert_allclose(moved, end, atol=1e-5)
    longer = directions_of_latents(directions, encoder, 10).vectors.reshape(2, 10, 16)
    np.testing.assert_array_equal(longer[:, 8], longer[:, 7])
