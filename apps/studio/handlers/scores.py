"""Display of an ad before any search: its picture, its score, its name on the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from adcreative.catalog.images import count_frames, picture
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import Standing, check_picture, check_words
from adcreative.report.pictures import Preview, preview

from ..html import fragments
from ..html.plain import call_ad
from ..sessions.search_requests import FACE_NAME
from .score_warnings import FEW_LIKE_IT, find_warnings

THUMBNAIL_PX = 96


def say_score(creative: Creative, standing: Standing, cards: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return a fragment of an ad's score, and the score as plain JSON."""
    warnings = find_warnings(creative, standing.prediction.evidence)
    is_odd = any(warning != FEW_LIKE_IT for warning in warnings)
    shown = fragments.score(standing, cards, check_words(creative), warnings=warnings, is_odd=is_odd)
    against = {name: value for name, value in asdict(standing).items() if name != "prediction"}
    return shown, {**asdict(standing.prediction), **against, "doubts": list(warnings)}


def say_picture(creative: Creative, find_faces: Callable[[Creative], Sequence[Any] | None]) -> tuple[str, list[str], bool]:
    """Return a fragment of a picture's size, formats and faces, or of the error; a name for each editable face, such as
    "Face 1"; and whether to ask the question about faces."""
    try:
        image_u8 = picture(creative)
        faces = find_faces(creative)
    except AdCreativeError as error:
        return fragments.problem(error), [], False
    height, width = image_u8.shape[:2] if image_u8 is not None else (0, 0)
    names = [f"{FACE_NAME} {number}" for number, face in enumerate(faces or (), 1) if not face.refusal]
    shown = fragments.picture_note((width, height), faces, image_u8, check_picture(creative))
    if creative.image_path is not None and (num_frames := count_frames(creative.image_path)) > 1:
        shown += fragments.note(f"This picture moves: the first of its {num_frames} frames is used.")
    return shown, names, faces is None or bool(names)


def is_accented(texts: Iterable[str]) -> bool:
    """Return whether a letter with an accent is in these texts, so that other letters may have lost an accent."""
    return any(letter.isalpha() and unicodedata.decomposition(letter) for text in texts for letter in text)


def label_ad(creative: Creative, size_px: int = THUMBNAIL_PX) -> tuple[str, Preview | None]:
    """Return the name of an ad on the page, and its picture with a longest side of at most `size_px`."""
    called, path = call_ad(creative), creative.image_path
    if creative.image_u8 is not None or path is None or not path.is_file():
        return called, _draw_thumbnail(creative, size_px)
    state = path.stat()
    return called, _draw_file(path, state.st_mtime_ns, state.st_size, size_px)


def forget_pictures() -> None:
    """Empty the cache of small pictures, which serves changes of words."""
    _draw_file.cache_clear()


@lru_cache(maxsize=64)
def _draw_file(path: Path, mtime_ns: int, num_bytes: int, size_px: int) -> Preview | None:
    return _draw_thumbnail(Creative(image_path=path), size_px)


def _draw_thumbnail(creative: Creative, size_px: int) -> Preview | None:
    try:
        image_u8 = picture(creative)
    except AdCreativeError:
        return None
    return None if image_u8 is None else preview(Image.fromarray(image_u8), size_px)
