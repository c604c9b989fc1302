"""People in simulated ads: a pool of face codes, new people mixed from the pool, and their expressions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from adcreative.errors import ArtifactError, ConfigError, WeightsError

if TYPE_CHECKING:
    from stylegan.latents.directions.labelled import DirectionSet

POOL_FILE = "pool.safetensors"
MIXED_SHARE = 0.6
_SPREAD_SHARE, _ACTIVE_SHARE = 0.4, 0.6


def load_face_pool(faces_dir: Path) -> np.ndarray:
    """Read the codes of adult faces chosen for ads, `codes` of pool.safetensors.

    Returns:
        [N, C] float32.
    Raises:
        WeightsError: the file is missing.
        ArtifactError: the file is damaged, or has no finite table of at least two codes.
    """
    path = faces_dir / POOL_FILE
    if not path.is_file():
        raise WeightsError(f"no face pool at {path}. Restore {POOL_FILE} from the release, or pass face_codes.")
    try:
        codes = load_file(path).get("codes")
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged ({error}). Restore it from the release.") from error
    if codes is None or codes.ndim != 2 or len(codes) < 2 or not np.isfinite(codes).all():
        raise ArtifactError(f'{path} must hold finite "codes" [N, C] with N of at least 2. Restore it from the release.')
    return codes.astype(np.float32)


@dataclass(frozen=True)
class Casting:
    """Draws people and their expressions.

    codes: [N, C], the pool. expressions: edits that vary a face (None: faces keep their expression in the pool).
    mixed_share: share of people, 0..1, who are a mix of two codes of the pool.
    """

    codes: np.ndarray
    expressions: DirectionSet | None = None
    mixed_share: float = MIXED_SHARE

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or len(self.codes) < 2:
            raise ConfigError(f"face_codes must be [N, C] with N of at least 2, got {list(self.codes.shape)}.")

    def draw_person(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a person's code [C]: one of the pool, or a convex mix of two, which is a new person between them."""
        first, second = rng.choice(len(self.codes), size=2, replace=False)
        share = rng.uniform(0.25, 0.5) if rng.random() < self.mixed_share else 0.0
        return ((1.0 - share) * self.codes[first] + share * self.codes[second]).astype(np.float32)

    def vary(self, code: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the same person [C] with another expression; about 60 % of the directions are changed.

        strength = (high - low) / 2 * N(0, 0.4), cut to 0.9 of the safe range on its side of zero
        """
        if self.expressions is None:
            return code
        low, high = np.asarray(self.expressions.low), np.asarray(self.expressions.high)
        strengths = rng.normal(0.0, _SPREAD_SHARE, size=low.shape) * (high - low) / 2.0
        strengths *= rng.random(low.shape) < _ACTIVE_SHARE
        strengths = np.clip(strengths, 0.9 * np.minimum(low, 0.0), 0.9 * np.maximum(high, 0.0))
        return self.expressions.apply(code[None], strengths[None].astype(np.float32))[0].astype(np.float32)
