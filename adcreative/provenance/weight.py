"""Encode a picture within a byte limit: the best quality that fits in each format, then the most similar format.

Similarity is the structural similarity (SSIM) of the decoded picture over red, green and blue, which also detects colour
bleeding at letters. Knows pixels and encoders; no placements.

Source: Wang, Bovik, Sheikh & Simoncelli 2004, SSIM with a Gaussian window of 1.5 px, K1 = 0.01, K2 = 0.03 (as scikit-image).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture

LOSSLESS = 0  # quality value of a lossless file
QUALITIES = (20, 97)  # range for JPEG, WebP and AVIF on Pillow's scale; below 20, faces and letters fall apart
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
WINDOW_PX, WINDOW_REACH = 1.5, 3.5
K1, K2, RANGE = 0.01, 0.03, 255.0
ROOM_FOR_MARKS = 0.01  # share of a file's limit reserved for marks, profile and signature

Encode = Callable[[str, int], bytes]  # (format, quality; LOSSLESS: lossless) -> file content


@dataclass(frozen=True, kw_only=True)
class FittedPicture:
    """An encoded file within a limit. quality: on Pillow's scale, 0 for lossless. similarity: 0..1 to the input picture."""

    content: bytes = field(repr=False)
    file_format: str
    quality: int
    similarity: float


def fit_bytes(image_u8: np.ndarray, max_bytes: int, encode: Encode, formats: Sequence[str] = ("PNG", "JPEG")) -> FittedPicture:
    """Return the picture encoded in at most `max_bytes`, in the format with the highest similarity.

    Args:
        image_u8: [H, W, 3] uint8. encode: encoder; called about eight times per format. formats: of FORMATS, in order of
            preference at equal similarity.
    Raises:
        ProvenanceError: an unknown format, or no format fits the limit.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise ProvenanceError(f'pictures are fitted as {", ".join(FORMATS)}, not "{unknown[0]}".')
    best: FittedPicture | None = None
    smallest: list[tuple[int, str]] = []
    for file_format in formats:
        found, least = _best_of_format(file_format, max_bytes, encode)
        smallest.append((least, file_format))
        if found is None:
            continue
        quality, content = found
        likeness = 1.0 if quality == LOSSLESS else similarity(image_u8, _decode(content))
        if best is None or likeness > best.similarity:
            best = FittedPicture(content=content, file_format=file_format, quality=quality, similarity=likeness)
    if best is None:
        least, name = min(smallest, default=(0, "none"))
        raise ProvenanceError(
            f"the picture has {least:,} bytes at least ({name}), {max_bytes:,} are allowed. Allow more, or a smaller picture."
        )
    return best


def fit_export(image_u8: np.ndarray, max_bytes: int) -> tuple[str, int | None]:
    """Return suffix and quality (None: lossless) of the export of a picture [H, W, 3] uint8, with marks, in at most
    `max_bytes`: PNG, else the best JPEG.

    Raises:
        ProvenanceError: neither format fits the limit.
    """

    def encode(file_format: str, quality: int) -> bytes:
        return encode_picture(image_u8, file_format, is_edited=False, quality=quality or None)

    fitted = fit_bytes(image_u8, int(max_bytes * (1 - ROOM_FOR_MARKS)), encode)
    return (".png", None) if fitted.file_format == "PNG" else (".jpg", fitted.quality)


def _best_of_format(file_format: str, max_bytes: int, encode: Encode) -> tuple[tuple[int, bytes] | None, int]:
    """Return the highest quality that fits, with its file (None if no quality fits), and the smallest size found."""
    if file_format == "PNG":
        content = encode(file_format, LOSSLESS)
        return ((LOSSLESS, content) if len(content) <= max_bytes else None), len(content)
    low, high = QUALITIES
    content = encode(file_format, low)
    found, least = ((low, content) if len(content) <= max_bytes else None), len(content)
    while found is not None and low < high:
        middle = (low + high + 1) // 2
        content = encode(file_format, middle)
        if len(content) <= max_bytes:
            low, found = middle, (middle, content)
        else:
            high = middle - 1
    return found, least


def similarity(first_u8: np.ndarray, second_u8: np.ndarray) -> float:
    """Return the mean structural similarity of two pictures [H, W, 3], over all channels and all pixels but the rim."""
    first, second = first_u8.astype(np.float64), second_u8.astype(np.float64)

    def blur(values: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(values, (WINDOW_PX, WINDOW_PX, 0), truncate=WINDOW_REACH))

    mean1, mean2 = blur(first), blur(second)
    varied1, varied2 = blur(first * first) - mean1**2, blur(second * second) - mean2**2
    together = blur(first * second) - mean1 * mean2
    light, contrast = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    ratio = ((2 * mean1 * mean2 + light) * (2 * together + contrast)) / (
        (mean1**2 + mean2**2 + light) * (varied1 + varied2 + contrast)
    )
    rim = min(int(WINDOW_REACH * WINDOW_PX + 0.5), (min(ratio.shape[:2]) - 1) // 2)
    return float(ratio[rim : ratio.shape[0] - rim, rim : ratio.shape[1] - rim].mean())


def _decode(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
