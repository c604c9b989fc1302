"""A direction from words, such as "a friendly smile", through any CLIP model.

The global direction of StyleCLIP (Patashnik et al. 2021, section 6) is the effect of each latent number on a picture along the
text's direction in CLIP space; here it is estimated by a ridge regression over rendered faces:

    score_i = picture_i . (t / |t|),   t = text(prompt) - text(neutral)

followed by the conditional projection of labelled directions, which keeps protected attributes (sex, ethnicity, skin tone,
age) constant. The result has the same table; whether the model understood the words must be checked in the table and
by eye.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from data.make.appearance import PIXEL_MEASURES, measure_pixels
from data.make.projection import fit_regressor, separate_directions
from stylegan.errors import DirectionError
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.images import decode_image
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet

NEUTRAL = "a face"
RIDGE = 0.3
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
HELD_OUT_SHARE = 0.2
MEASURES = (*ATTRIBUTES, *PIXEL_MEASURES)


class ImageTextModel(Protocol):
    """A CLIP model: maps pictures [H, W, 3] uint8 and texts to unit vectors of one space, [B, D]."""

    def encode_images(self, images_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Return [B, D]."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return [B, D]."""


@dataclass(frozen=True, kw_only=True)
class TextDirectionConfig:
    """The input of a text direction.

    prompt: description of strength +1. neutral: the text for comparison. num_samples: faces of the model's own prior to
    render; four in five are used for training. seed: of those faces.
    """

    prompt: str
    neutral: str = NEUTRAL
    num_samples: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prompt.strip() or self.prompt.strip() == self.neutral.strip():
            raise DirectionError("a text direction needs a prompt that differs from the neutral text")
        if self.num_samples < 50:
            raise DirectionError(f"a text direction needs at least 50 samples, got {self.num_samples}")


def learn_text_direction(
    config: TextDirectionConfig,
    codec: FaceCodec,
    clip: ImageTextModel,
    analyzer: FaceAnalyzer,
    *,
    known: DirectionSet | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DirectionSet:
    """Learn one direction from a prompt and measure it on held-out samples.

    Args:
        known: labelled directions of the same face model, with the regressors of protected attributes.
        progress: called (done, total).
    Returns:
        A set of one, named after the prompt, with strengths -2..2 and `table[prompt]`.
    """
    prompt, num_samples = config.prompt, config.num_samples
    texts = clip.encode_texts([prompt, config.neutral])
    aim = (texts[0] - texts[1]) / max(float(np.linalg.norm(texts[0] - texts[1])), 1e-9)
    codes = sample_codes(codec, num_samples, seed=config.seed)
    num_train = round(num_samples * (1.0 - HELD_OUT_SHARE))
    scores = np.empty(num_samples)
    for start in range(0, num_samples, 16):
        scores[start : start + 16] = clip.encode_images(codec.render(codes[start : start + 16])) @ aim
        if progress is not None:
            progress(min(start + 16, num_samples), num_samples)
    wanted = fit_regressor(codes[:num_train], scores[:num_train], ridge=RIDGE)
    held_still = np.zeros((0, codes.shape[1])) if known is None else known.protected_regressors
    vector = separate_directions(codes[:num_train], np.concatenate([wanted[None], held_still]), 1)
    row = _measure(vector[0], codes[num_train:], codec, clip, aim, analyzer)
    ends = np.full(1, STRENGTHS[-1], dtype=np.float32)
    limits = None if known is None else known.limits
    return DirectionSet(names=(prompt,), vectors=vector, low=-ends, high=ends, table={prompt: row}, limits=limits)


@torch.inference_mode()
def sample_codes(codec: FaceCodec, num_samples: int, *, seed: int) -> np.ndarray:
    """Return codes of faces sampled from the model's own prior, encoded from their renders, [num_samples, C]."""
    generator = codec.face_model.generator
    z = torch.randn(num_samples, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    renders = [decode_image(generator.synthesize(generator.map(batch, truncation=0.9))) for batch in z.split(16)]
    return codec.encode(list(np.concatenate(renders)))


def _measure(
    vector: np.ndarray, codes: np.ndarray, codec: FaceCodec, clip: ImageTextModel, aim: np.ndarray, analyzer: FaceAnalyzer
) -> dict[str, Any]:
    """Return the effects of the direction on held-out faces, by strength."""
    scores, values = {}, {}
    for strength in STRENGTHS:
        renders = codec.render(codes + strength * vector)
        scores[strength] = clip.encode_images(renders) @ aim
        attributes = analyzer.measure_aligned(renders)
        pixels = [measure_pixels(r, analyzer.locate_aligned(r).points[:, :2]) for r in renders]
        values[strength] = np.concatenate([attributes, np.stack(pixels)], axis=1)
    seen = np.isfinite(values[0.0]).sum(axis=0) > 1
    deviations = np.array([np.nanstd(column) if ok else 0.0 for column, ok in zip(values[0.0].T, seen, strict=True)])
    effects = {
        measure: round(float(np.nanmean((values[2.0] - values[-2.0])[:, i]) / deviations[i]), 3)
        for i, measure in enumerate(MEASURES)
        if deviations[i] > 0
    }
    return {
        "moved_share": round(float((scores[2.0] > scores[-2.0]).mean()), 3),
        "score_by_strength_in_deviations": {
            f"{s:+.0f}": round(float((score - scores[0.0]).mean() / scores[0.0].std()), 3) for s, score in scores.items()
        },
        "effect_in_deviations_from_-2_to_+2": effects,
        "faces": len(codes),
    }
