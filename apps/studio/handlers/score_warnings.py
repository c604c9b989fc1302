"""Reasons to trust a number less: noise pictures, meaningless words, ads unlike the training data."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import CreativeError

FEW_LIKE_IT = "Low confidence: few ads like yours in our data"
NOT_WORDS = "Low confidence: the words look typed at random"
PLACEHOLDER = "Low confidence: the words stand in for others (lorem ipsum)"
NOISE = "Low confidence: the picture looks like noise"
_ROWS = ("qwertyuiop", "qwertzuiop", "asdfghjkl", "yxcvbnm", "zxcvbnm", "azertyuiop")
_WALKS = {row[at : at + 4] for one in _ROWS for row in (one, one[::-1]) for at in range(len(row) - 3)}
_REAL = {"property", "were", "power", "popular", "poetry"}
MAX_CONSONANTS, MIN_CONTRAST = 8, 4.0
NOISE_SHARE = 0.7  # share of the contrast between neighbouring pixels: 1 is white noise, photographs have 0.02 to 0.3
COARSE_SHARE, LEAST_SIDE_PX = 0.9, 64  # threshold for smaller copies, where grass and gravel reach 0.83 and 0.87


def find_warnings(creative: Creative, evidence: str) -> tuple[str, ...]:
    """Return the reasons why a prediction deserves little trust, as badges next to the number.

    Args:
        creative: with the words read in its picture. evidence: the evidence text of the prediction.
    """
    is_far = "far from anything" in evidence
    return (*find_ad_warnings(creative), *((FEW_LIKE_IT,) if is_far else ()))


def find_ad_warnings(creative: Creative) -> tuple[str, ...]:
    """Return the oddities that make every number of an ad meaningless; an unreadable picture adds none."""
    texts = (creative.headline, creative.primary_text, creative.description)
    is_placeholder = bool(re.search(r"\blorem\s+ipsum\b", " ".join(texts), re.IGNORECASE))
    try:
        has_noise = _find_noise(creative)
    except CreativeError:
        has_noise = False
    found = {NOT_WORDS: are_no_words(*texts), PLACEHOLDER: is_placeholder, NOISE: has_noise}
    return tuple(warning for warning, is_there in found.items() if is_there)


def _find_noise(creative: Creative) -> bool:
    """Return whether the picture is noise; the answer for a file is cached, so that new words cost nothing.

    Raises:
        CreativeError: the picture cannot be read.
    """
    path = creative.image_path
    if creative.image_u8 is not None or path is None or not path.is_file():
        return is_noise(picture(creative))
    state = path.stat()
    return _is_file_noise(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _is_file_noise(path: Path, mtime_ns: int, num_bytes: int) -> bool:
    return is_noise(picture(Creative(image_path=path)))


def are_no_words(*texts: str) -> bool:
    """Return whether most longer words are keyboard walks, repeated letters or without vowels.

    Counted in all texts together, and in each text that has at least two such words.

    Scripts without the Latin alphabet are not judged.
    """
    counts = [_count_odd(text) for text in texts]
    num_odd, num_words = (sum(column) for column in zip(*counts, strict=True))
    return 2 * num_odd > num_words or any(odd >= 2 and 2 * odd > words for odd, words in counts)


def _count_odd(text: str) -> tuple[int, int]:
    """Return the number of odd words, and the number of longer words."""
    words = [word.casefold() for word in re.findall(r"[A-Za-zÀ-ɏ]{4,}", text)]
    return sum(map(_is_odd, words)), len(words)


def _is_odd(word: str) -> bool:
    if any(word[at : at + 4] in _WALKS for at in range(len(word) - 3)) and not any(real in word for real in _REAL):
        return True
    plain = re.sub(r"[^a-z]", "a", word)  # a letter with a mark counts as a vowel
    has_no_vowel = not word.isupper() and not re.search(r"[aeiouy]", plain)
    return has_no_vowel or bool(re.search(rf"[^aeiouy]{{{MAX_CONSONANTS + 1},}}|(.)\1{{3,}}", plain))


def is_noise(image_u8: np.ndarray | None) -> bool:
    """Return whether neighbouring pixels differ nearly as much as random pixels, also in smaller copies (coarse noise)."""
    if image_u8 is None or min(image_u8.shape[:2]) < 2:
        return False
    luma = image_u8.astype(np.float32).mean(axis=2)
    if _neighbour_share(luma) > NOISE_SHARE:
        return True
    whole, factor = Image.fromarray(luma), 2
    while min(whole.size) // factor >= LEAST_SIDE_PX:
        if _neighbour_share(np.asarray(whole.reduce(factor))) > COARSE_SHARE:
            return True
        factor *= 2
    return False


def _neighbour_share(luma: np.ndarray) -> float:
    """Return the share of the contrast of luma [H, W] between neighbouring pixels; 0 at a contrast of MIN_CONTRAST or less."""
    contrast = float(luma.std())
    if contrast <= MIN_CONTRAST:
        return 0.0
    steps = np.concatenate([np.diff(luma, axis=axis).ravel() for axis in (0, 1)])
    return float(steps.std()) / (contrast * 2**0.5)
