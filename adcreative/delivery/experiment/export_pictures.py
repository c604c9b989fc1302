"""The pictures beside an export: copies of the delivered files, or, where those are too heavy, the best file within the limit.

The limit is what was asked for, else what the placements of the platform take for a picture of that shape. A file that is light
enough leaves unchanged. One that is not is written anew (`provenance.weight`): its mark, author and profile are kept, its
sidecar says from which picture it was made and how like it is; a signature (C2PA) does not survive that, and is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.artifacts import hash_file, make_private_dir
from adcreative.catalog.images import read_image
from adcreative.delivery.experiment.variants import Variant
from adcreative.delivery.placements import placement_limit
from adcreative.errors import CatalogError, CreativeError
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.sidecar import copy_sidecar, read_sidecar, sidecar_path, write_sidecar, write_whole
from adcreative.provenance.weight import LOSSLESS, FittedPicture, fit_bytes

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "AVIF": ".avif"}
SIGNED = b"jumbf"  # a C2PA manifest lies in such a box

# told before a picture is written: its variant, what it is made from with its sha256, and the sha256 of what is written
Leave = Callable[[Variant, Path, str, str], None]


def let_leave(variant: Variant, source: Path, source_sha256: str, sha256: str) -> None:
    """Let every picture leave, and note none."""


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """How heavy pictures may be (bytes; 0: what the platform takes) and in which formats they may be written anew."""

    max_bytes: int = 0
    formats: tuple[str, ...] = ("PNG", "JPEG")
    platform: str = ""


def picture_dir(out: Path) -> Path:
    """Return the folder of the pictures beside an export."""
    return out.with_name(f"{out.stem}-images")


def list_picture_files(variants: Sequence[Variant], out: Path, limits: PictureLimits) -> list[Path]:
    """Return the files that `copy_picture` may write: pictures under every suffix they may get, and their sidecars."""
    names = []
    for one in variants:
        if one.creative.image_path is not None:
            own = one.creative.image_path.suffix.lower()
            names += [f"{one.name}{suffix}" for suffix in dict.fromkeys((own, *(SUFFIXES[name] for name in limits.formats)))]
    pictures = [picture_dir(out) / name for name in dict.fromkeys(names)]
    return [path for picture in pictures for path in (picture, sidecar_path(picture))]


def copy_picture(variant: Variant, out: Path, limits: PictureLimits, leave: Leave = let_leave) -> tuple[str, list[str]]:
    """Put a variant's picture into the folder beside the export.

    Args:
        leave: told of the picture before it is written; it raises where the picture must not leave.
    Returns:
        its name there, and what a person should know of it.
    Raises:
        CreativeError: it is missing in the run, or cannot be made light enough. CatalogError: it cannot be written.
    """
    source = variant.creative.image_path
    assert source is not None
    target = picture_dir(out) / f"{variant.name}{source.suffix.lower()}"
    try:
        make_private_dir(target.parent)
        limit = limits.max_bytes or _platform_limit(source, limits.platform)
        content = source.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if not limit or len(content) <= limit:
            leave(variant, source, digest, digest)
            write_whole(target, content)
            copy_sidecar(source, target)
            return target.name, []
        fitted = _fit(source, limit, limits.formats)
        target = target.with_name(f"{variant.name}{SUFFIXES[fitted.file_format]}")
        leave(variant, source, hash_file(source), hashlib.sha256(fitted.content).hexdigest())  # as it was read last
        write_whole(target, fitted.content)
        _adapt_sidecar(source, target, fitted)
    except FileNotFoundError as error:
        remedy = "Run optimize again, or restore the run's images."
        raise CreativeError(f"its picture {variant.creative.file_name} is missing in the run.", remedy) from error
    except OSError as error:
        raise CatalogError(f"{target.parent} cannot be written ({error.strerror or error}). Choose another place.") from error
    return target.name, _say(source, fitted)


def _platform_limit(source: Path, platform: str) -> int:
    with Image.open(source) as image:
        return placement_limit(image.size, platform=platform)


def _fit(source: Path, limit: int, formats: Sequence[str]) -> FittedPicture:
    pixels = np.asarray(read_image(source))

    def encode(file_format: str, quality: int) -> bytes:
        return encode_picture(pixels, file_format, is_edited=False, original_path=source, quality=quality or None)

    try:
        return fit_bytes(pixels, limit, encode, formats)
    except ProvenanceError as error:
        raise CreativeError(
            f"its picture is too heavy: {error}", "Give a higher --max-bytes or other --picture-format."
        ) from error


def _adapt_sidecar(source: Path, target: Path, fitted: FittedPicture) -> None:
    """Give a picture that was written anew the sidecar of what it was made from; an original has none to give."""
    if not sidecar_path(source).is_file():
        return
    content = read_sidecar(source)
    encoded = {
        "from_sha256": content["picture_sha256"], "format": fitted.file_format, "quality": fitted.quality,
        "similarity": round(fitted.similarity, 5),
    }  # fmt: skip
    digest = hashlib.sha256(fitted.content).hexdigest()
    write_sidecar(target, content | {"picture": target.name, "picture_sha256": digest, "encoded": encoded})


def _say(source: Path, fitted: FittedPicture) -> list[str]:
    how = "every pixel kept" if fitted.quality == LOSSLESS else f"quality {fitted.quality}, similarity {fitted.similarity:.3f}"
    size, new_size = source.stat().st_size, len(fitted.content)
    notes = [f"its picture had {size:,} bytes and is written as {fitted.file_format} of {new_size:,} ({how})"]
    if SIGNED in source.read_bytes():
        notes.append("its picture was signed (C2PA); the one written anew is not")
    return notes
