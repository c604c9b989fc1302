"""Export a picture: mark it, optionally sign it, and write its sidecar next to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import EDITED, encode_picture
from adcreative.provenance.sidecar import build_sidecar, write_sidecar, write_whole
from adcreative.provenance.signing import SigningConfig, sign_picture

FILE_FORMATS: Mapping[str, str] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def export_picture(
    path: Path,
    image_u8: np.ndarray,
    *,
    is_edited: bool,
    original_path: Path | None = None,
    result: Mapping[str, Any] | None = None,
    models: Mapping[str, str] | None = None,
    signing: SigningConfig | None = None,
    quality: int | None = None,
) -> Path:
    """Write `path` in one step, in the format of its suffix, with a sidecar if `result` is given; return `path`.

    Args:
        image_u8: [H, W, 3] uint8 sRGB, upright.
        is_edited: a trained model made parts of the pixels; other pictures are not marked.
        original_path: the source picture (`marks.encode_picture`).
        result: the picture's row of results.jsonl; None writes no sidecar.
        models: name to sha256 of every model that took part.
        signing: adds a C2PA manifest, as the last step; only to a picture with a part made by a model.
        quality: quality of a JPEG or WebP (`marks.encode_picture`).
    Raises:
        ProvenanceError: unknown suffix, the certificate cannot be used, or the file cannot be written.
    """
    file_format = FILE_FORMATS.get(path.suffix.casefold())
    if file_format is None:
        raise ProvenanceError(f"{path.name}: pictures are written as {', '.join(FILE_FORMATS)}. Choose one of these suffixes.")
    content = encode_picture(image_u8, file_format, is_edited=is_edited, original_path=original_path, quality=quality)
    if signing is not None and is_edited:
        said: dict[str, Any] = {"picture": path.name, "digital_source_type": EDITED}
        if result is not None:
            said |= {"original": result["file_name"], "edits": [dict(edit) for edit in result["edits"]]}
        content = sign_picture(content, file_format, said, signing)
    write_whole(path, content)
    if result is not None:
        write_sidecar(path, build_sidecar(result, path, models=models or {}))
    return path
