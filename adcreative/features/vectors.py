"""Picture vectors of creatives, for models without other inputs from a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import CreativeError
from adcreative.progress import track


class EncodesPictures(Protocol):
    """Encodes pictures [H, W, 3] uint8 as vectors [B, E]."""

    def encode_images(self, images_u8: Sequence[np.ndarray]) -> np.ndarray: ...


def encode_pictures(creatives: Sequence[Creative | None], encoder: EncodesPictures) -> np.ndarray:
    """Return [N, E] float32 vectors of pictures, zeros without a creative or a readable picture."""
    found: dict[int, np.ndarray] = {}
    for at, one in enumerate(track(creatives, "reading pictures")):
        try:
            image_u8 = picture(one) if one is not None else None
        except CreativeError:
            continue  # its words are used all the same
        if image_u8 is not None:
            found[at] = encoder.encode_images([image_u8])[0]
    vectors = np.zeros((len(creatives), len(next(iter(found.values()))) if found else 0), np.float32)
    for at, vector in found.items():
        vectors[at] = vector
    return vectors
