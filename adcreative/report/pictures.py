"""Encode picture files as small data URIs, and find the region where two pictures differ.

Knows Pillow and numpy; a missing or unreadable picture gives None, because a report must be written even when files were
removed in the meantime.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

PREVIEW_PX = 720
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    AttributeError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)  # raised by Pillow for damaged files
CLOSEUP_PX = 360
KINDS = ("original", "edited", "control")
_DIFFERENCE_CELL_PX = 8
_DIFFERENCE_FLOOR = 4.0  # luma of 255, cell mean: above JPEG noise of the stored original, below a visible edit
_DIFFERENCE_SHARE = 0.12  # of the largest difference: excludes ringing around drawn letters when the edit is strong


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A picture embedded in the page: its data URI and size."""

    uri: str
    width: int
    height: int


def picture_path(result: Mapping[str, Any], kind: str, image_dir: Path) -> Path | None:
    """Return the path of a result's picture of one kind ("original", "edited", "control") under image_dir.

    Tried in order: the row's `original_image`, `edited_image` or `control_image` (relative to image_dir's parent), the stem of
    edited_image, the stem of file_name. A path outside of image_dir, or a missing file, gives None.
    """
    named = str(result.get(f"{kind}_image") or "")
    stem = PurePosixPath(str(result.get("edited_image") or "")).name.removesuffix(".edited.png")
    stem = stem or PurePosixPath(str(result.get("file_name") or "")).stem
    candidates = [image_dir.parent / named] if named else []
    candidates += [image_dir / f"{stem}.{kind}{suffix}" for suffix in (".png", ".jpg")] if stem else []
    for candidate in candidates:
        path = candidate.resolve()
        if path.is_relative_to(image_dir.resolve()) and path.is_file():
            return path
    return None


def read_picture(path: Path | None) -> Image.Image | None:
    """Read one of our own picture files as RGB, or return None if the file is missing or unreadable."""
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except _DAMAGED:
        return None


def preview(image: Image.Image | None, max_px: int = PREVIEW_PX) -> Preview | None:
    """Encode a picture as a JPEG data URI with a long side of at most max_px."""
    if image is None:
        return None
    small = image.copy()
    small.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=86, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Preview(uri=f"data:image/jpeg;base64,{encoded}", width=small.width, height=small.height)


def read_named(name: str, image_dir: Path) -> Image.Image | None:
    """Read a picture by its path relative to image_dir's parent; None for a path outside of image_dir."""
    path = (image_dir.parent / name).resolve()
    return read_picture(path) if name and path.is_relative_to(image_dir.resolve()) else None


def changed_box(before: Image.Image | None, after: Image.Image | None) -> tuple[int, int, int, int] | None:
    """Return the square around the differences of two pictures of one size, as box_xyxy_px with a margin.

    Luma differences are averaged over small cells first, so that compression noise does not count. None if nothing differs, if
    the sizes differ, or if the change covers most of the picture and a close-up would add nothing.
    """
    if before is None or after is None or before.size != after.size:
        return None
    width, height = before.size
    grid = (max(width // _DIFFERENCE_CELL_PX, 1), max(height // _DIFFERENCE_CELL_PX, 1))
    luma = [np.asarray(image.convert("L").resize(grid, Image.Resampling.BOX), np.float32) for image in (before, after)]
    difference = np.abs(luma[0] - luma[1])
    rows, columns = np.nonzero(difference > max(_DIFFERENCE_FLOOR, _DIFFERENCE_SHARE * float(difference.max())))
    if not len(rows):
        return None
    x0, x1 = columns.min() / grid[0] * width, (columns.max() + 1) / grid[0] * width
    y0, y1 = rows.min() / grid[1] * height, (rows.max() + 1) / grid[1] * height
    side = min(1.5 * max(x1 - x0, y1 - y0, 64), width, height)
    if side > 0.8 * min(width, height):
        return None
    left = int(np.clip((x0 + x1 - side) / 2, 0, width - side))
    top = int(np.clip((y0 + y1 - side) / 2, 0, height - side))
    return left, top, left + int(side), top + int(side)


def closeup(image: Image.Image | None, box_xyxy_px: tuple[int, int, int, int] | None) -> Preview | None:
    """Crop box_xyxy_px from a picture and scale it to CLOSEUP_PX; None if one is missing or the box is outside."""
    if image is None or box_xyxy_px is None or box_xyxy_px[2] > image.width or box_xyxy_px[3] > image.height:
        return None
    cut = image.crop(box_xyxy_px).resize((CLOSEUP_PX, CLOSEUP_PX), Image.Resampling.LANCZOS)
    return preview(cut, CLOSEUP_PX)
