"""Pictures of the alternative edits that a search found, written next to the delivered edit for testing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.provenance.export import export_picture
from adcreative.runs.folder import Makers, Outcome

QUALITY = 95  # of the JPEG
WORDS = ("headline", "description", "cta")


def write_alternatives(
    creative: Creative,
    outcome: Outcome,
    picture_of: Callable[[int], np.ndarray | None],
    num: int,
    out: Path,
    *,
    stem: str,
    makers: Makers,
) -> list[dict[str, Any]]:
    """Write the pictures of the first `num` alternatives of an ad into `out`/images, and return all alternatives as rows.

    Args:
        picture_of: returns the picture [H, W, 3] uint8 of an alternative by index, or None when there is no picture.

    Returns:
        the alternatives as in EditResult.as_dict(), with `image` (path relative to `out`) where a picture was written. No
        picture is written for the delivered edit, nor for an alternative that changes only words beside the picture.
    """
    result = outcome.result.as_dict()
    rows: list[dict[str, Any]] = result["alternatives"]
    for idx, (row, one) in enumerate(zip(rows[:num], outcome.result.alternatives, strict=False)):
        image_u8 = picture_of(idx)
        if image_u8 is None or outcome.image_u8 is None or np.array_equal(image_u8, outcome.image_u8):
            continue
        told = {**result, "edits": row["edits"], **{f"{name}_edited": row[name] for name in WORDS}}
        row["image"] = f"images/{stem}.version-{idx + 1}.jpg"
        export_picture(
            out / row["image"],
            image_u8,
            is_edited=any(edit.face >= 0 or edit.direction == "scene" for edit in one.edits),
            original_path=creative.image_path,
            result=told,
            models=makers.models,
            signing=makers.signing,
            quality=QUALITY,
        )
    return rows
