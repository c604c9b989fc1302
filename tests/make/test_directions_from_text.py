"""Text directions with a CLIP model that is planted: it likes bright pictures and knows the word for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from data.make.directions_from_text import TextDirectionConfig, learn_text_direction, sample_codes
from stylegan.errors import DirectionError
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.faces.mesh import FaceLandmarks
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import FaceModel


class BrightnessClip:
    """Two numbers: how bright the picture is, and how red."""

    def encode_images(self, images_u8: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([[image.mean() / 255, image[:, :, 0].mean() / 255] for image in images_u8])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if "bright" in text else [0.0, 0.0] for text in texts])


class BlindAnalyzer:
    """Sees a mesh of one point everywhere, and no attributes."""

    def measure_aligned(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        return np.ones((len(crops), len(ATTRIBUTES)), dtype=np.float32)

    def locate_aligned(self, crop: np.ndarray) -> FaceLandmarks:
        return FaceLandmarks(np.full((468, 3), 16.0, dtype=np.float32), 1.0)


@pytest.fixture(scope="module")
def codec(tiny_face_model: FaceModel) -> FaceCodec:
    return FaceCodec(tiny_face_model)


def learn(codec: FaceCodec, prompt: str = "a bright face", known: DirectionSet | None = None) -> DirectionSet:
    config = TextDirectionConfig(prompt=prompt, num_samples=200)
    return learn_text_direction(config, codec, BrightnessClip(), BlindAnalyzer(), known=known)  # type: ignore[arg-type]


def test_the_prompt_becomes_the_direction_it_names(codec: FaceCodec) -> None:
    found = learn(codec)
    assert found.names == ("a bright face",)
    codes = sample_codes(codec, 40, seed=9)
    up, down = (np.mean(codec.render(codes + s * found.vectors[0])) for s in (2.0, -2.0))
    assert up > down
    assert found.table["a bright face"]["moved_share"] > 0.9
    steps = found.table["a bright face"]["score_by_strength_in_deviations"]
    assert steps["-2"] < 0 < steps["+2"]
    assert found.table["a bright face"]["faces"] == 40


def test_what_is_not_ours_to_change_is_held_still_and_the_rest_may_move(codec: FaceCodec) -> None:
    regressors = np.random.default_rng(0).normal(size=(3, codec.code_dim)).astype(np.float32)
    known = DirectionSet(
        names=("a",),
        vectors=regressors[:1],
        low=np.array([-1.0]),
        high=np.array([1.0]),
        table={"held_still": ["smile", "sex", "skin_red"]},
        regressors=regressors,
    )
    held, free = (one.vectors[0] / np.linalg.norm(one.vectors[0]) for one in (learn(codec, known=known), learn(codec)))
    np.testing.assert_allclose(regressors[1:] @ held, 0.0, atol=1e-4)
    assert abs(regressors[0] @ held) > 0.01
    assert np.abs(regressors[1:] @ free).max() > 0.01


def test_bad_prompts_are_one_sentence() -> None:
    for prompt in ("", "  ", "a face"):
        with pytest.raises(DirectionError, match="needs a prompt that differs"):
            TextDirectionConfig(prompt=prompt)
    with pytest.raises(DirectionError, match="at least 50 samples, got 10"):
        TextDirectionConfig(prompt="bright", num_samples=10)
