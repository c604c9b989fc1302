"""Export a picture with its sidecar, the JSON file of the edits, the tool and models, the consent, and the approver.

A platform that re-encodes pictures drops embedded metadata; this file stays. Field names digital_source_type, ai_tool and
human_oversight follow AdCP's provenance.json. The file has no names of people, only the id of the consent record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from adcreative import __version__
from adcreative.artifacts import hash_file, write_atomically
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import EDITED, encode_picture, read_source_type
from adcreative.provenance.signing import SigningConfig, sign_picture

FORMAT = 1
SUFFIX = ".provenance.json"


def sidecar_path(picture_path: Path) -> Path:
    """Return the path of a picture's sidecar: ad.edited.png has ad.edited.png.provenance.json."""
    return picture_path.with_name(picture_path.name + SUFFIX)


def build_sidecar(
    result: Mapping[str, Any], picture_path: Path, *, models: Mapping[str, str], source_type: str = ""
) -> dict[str, Any]:
    """Build the content of a sidecar.

    Args:
        result: a row of results.jsonl (EditResult.as_dict()).
        picture_path: the exported picture, which must exist; its hash is stored.
        models: name to sha256 of every model that took part.
        source_type: the digital source type in the picture; read from the file when left out.
    """
    texts = {name: {"original": result[f"{name}_original"], "delivered": result[f"{name}_edited"]} for name in _WORDS}
    return {
        "format": FORMAT,
        "picture": picture_path.name,
        "picture_sha256": hash_file(picture_path),
        "original": result["file_name"],
        "ad_name": result["ad_name"],
        "digital_source_type": source_type or read_source_type(picture_path),
        "ai_tool": {"name": "adcreative", "version": __version__},
        "models": dict(sorted(models.items())),
        "edits": [dict(edit) for edit in result["edits"]],
        "words": {name: text for name, text in texts.items() if text["original"] or text["delivered"]},
        "seed": result["seed"],
        "consent_id": result.get("consent_id", ""),
        "human_oversight": "none",
        "human_approval": None,
    }


def write_sidecar(picture_path: Path, content: Mapping[str, Any]) -> Path:
    """Write the sidecar of a picture in one step and return its path."""
    path = sidecar_path(picture_path)
    write_whole(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically, with owner-only permissions, since it shows or names people.

    Raises:
        ProvenanceError: the file cannot be written, such as when the disk is full; an earlier file stays.
    """
    try:
        write_atomically(path, content, is_private=True)
    except OSError as error:
        remedy = "Free some space, or choose another place; the same command goes on where it was."
        raise ProvenanceError(f"{path} cannot be written ({error.strerror or error}). {remedy}") from error


def read_sidecar(picture_path: Path) -> dict[str, Any]:
    """Read the sidecar of a picture.

    Raises:
        ProvenanceError: the sidecar is missing or of another format, or the picture was changed since.
    """
    path = sidecar_path(picture_path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProvenanceError(f"{path.name} cannot be read ({error}). Export the picture again.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProvenanceError(f"{path.name} is not a sidecar of format {FORMAT}. Export the picture again.")
    if hash_file(picture_path) != content.get("picture_sha256"):
        raise ProvenanceError(f"{picture_path.name} was changed after its sidecar was written. Export the picture again.")
    return content


def hash_sidecar(picture_path: Path) -> str:
    """Return the hash of a sidecar's content without the approval; "" if there is no readable sidecar."""
    path = sidecar_path(picture_path)
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else ""
    except (OSError, ValueError, RecursionError):
        return ""
    if isinstance(content, dict):
        content = {name: value for name, value in content.items() if name not in _OF_APPROVAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def copy_sidecar(picture_path: Path, copy_path: Path) -> None:
    """Copy a picture's sidecar to an unchanged copy of the picture, if there is one; an original has no sidecar.

    Raises:
        ProvenanceError: as `read_sidecar` and `write_sidecar`.
    """
    if sidecar_path(picture_path).is_file():
        write_sidecar(copy_path, read_sidecar(picture_path) | {"picture": copy_path.name})


def approve_sidecar(picture_path: Path, *, by: str, at: datetime) -> dict[str, Any]:
    """Record in the sidecar that a person approved the picture, and return the content.

    Raises:
        ProvenanceError: as `read_sidecar`, or an empty name, or a time without a time zone.
    """
    if not by.strip():
        raise ProvenanceError("an approval needs the name of who approved.")
    if at.tzinfo is None:
        raise ProvenanceError(f"the time of an approval needs a zone, got {at.isoformat()}.")
    content = read_sidecar(picture_path)
    content |= {"human_approval": {"by": by.strip()[:200], "at": at.isoformat()}, "human_oversight": "selected"}
    write_sidecar(picture_path, content)
    return content


_WORDS = ("headline", "description")
_OF_APPROVAL = ("human_approval", "human_oversight")


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
