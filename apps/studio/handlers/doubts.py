"""When a number deserves less trust than it looks: pictures that are noise, words that are none, ads unlike the data."""

from __future__ import annotations

import re

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative, Prediction
from adcreative.errors import CreativeError

FEW_LIKE_IT = "Low confidence: few ads like yours in our data"
NOT_WORDS = "The words look typed at random"
NOISE = "The picture looks like noise"
_ROWS = ("qwertyuiop", "qwertzuiop", "asdfghjkl", "yxcvbnm", "zxcvbnm", "azertyuiop")
_WALKS = {row[at : at + 4] for one in _ROWS for row in (one, one[::-1]) for at in range(len(row) - 3)}
_REAL = {"property", "were", "power", "popular", "poetry"}
MAX_CONSONANTS = 8
NOISE_SHARE = 0.7  # of the contrast that lies between neighbouring pixels: 1 is white noise, photographs have 0.02 to 0.3


def find_doubts(creative: Creative, prediction: Prediction) -> tuple[str, ...]:
    """Return why a prediction deserves little trust, each a badge that stands beside the number."""
    is_far = "far from anything" in prediction.evidence
    return (*find_picture_doubts(creative), *((FEW_LIKE_IT,) if is_far else ()))


def find_picture_doubts(creative: Creative) -> tuple[str, ...]:
    """Return what is odd about the ad itself; nothing of a picture that cannot be read."""
    is_odd = are_no_words(" ".join((creative.headline, creative.primary_text, creative.description)))
    try:
        has_noise = is_noise(picture(creative))
    except CreativeError:
        has_noise = False
    return (*((NOT_WORDS,) if is_odd else ()), *((NOISE,) if has_noise else ()))


def are_no_words(text: str) -> bool:
    """True when most of the longer words are walks over a keyboard, one letter repeated, or have no vowel.

    Scripts without the Latin alphabet are not judged.
    """
    words = [word.casefold() for word in re.findall(r"[A-Za-zÀ-ɏ]{4,}", text)]
    odd = [word for word in words if _is_odd(word)]
    return len(odd) * 2 > len(words)


def _is_odd(word: str) -> bool:
    if any(word[at : at + 4] in _WALKS for at in range(len(word) - 3)) and not any(real in word for real in _REAL):
        return True
    plain = re.sub(r"[^a-z]", "a", word)  # a letter with a mark counts as a vowel
    has_no_vowel = not word.isupper() and not re.search(r"[aeiouy]", plain)
    return has_no_vowel or bool(re.search(rf"[^aeiouy]{{{MAX_CONSONANTS + 1},}}|(.)\1{{3,}}", plain))


def is_noise(image_u8: np.ndarray | None) -> bool:
    """True when neighbouring pixels differ nearly as much as any two pixels do."""
    if image_u8 is None or min(image_u8.shape[:2]) < 2:
        return False
    luma = image_u8.astype(np.float32).mean(axis=2)
    contrast = float(luma.std())
    steps = np.concatenate([np.diff(luma, axis=axis).ravel() for axis in (0, 1)])
    return contrast > 4 and float(steps.std()) > NOISE_SHARE * contrast * 2**0.5


def parts_of(creative: Creative, num_faces: int | None = None) -> tuple[str, ...]:
    """Return which parts of an ad exist, as reasons name them; num_faces: None when nobody has looked."""
    has_words = bool(creative.headline or creative.primary_text or creative.description)
    has_context = bool(creative.brand or creative.category or creative.placement)
    there = {
        "words": has_words, "picture": creative.has_image, "look": creative.has_image,
        "faces": creative.has_image and num_faces != 0, "context": has_context, "history": True,
    }  # fmt: skip
    return tuple(name for name, is_there in there.items() if is_there)
