"""Pictures of an export: copies of the delivered files, or the best file within the size limit if a file is too large.

The limit is the requested limit, else the limit of the platform's placements for the picture's aspect ratio. A file within the
limit is copied unchanged. A larger file is re-encoded (`provenance.weight`): mark, author and profile are kept, and the sidecar
records the source picture and the similarity; a signature (C2PA) is lost, which is reported.
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
SIGNED = b"jumbf"  # a C2PA manifest is stored in such a box

# called before a picture is written: its variant, its source with sha256, and the sha256 of the written bytes
Leave = Callable[[Variant, Path, str, str], None]


def let_leave(variant: Variant, source: Path, source_sha256: str, sha256: str) -> None:
    """Allow every picture, without recording it."""


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """Size limit of pictures (bytes; 0: the platform's limit) and the formats for re-encoding."""

    max_bytes: int = 0
    formats: tuple[str, ...] = ("PNG", "JPEG")
    platform: str = ""


def picture_dir(out: Path) -> Path:
    """Return the folder of an export's pictures, next to the export."""
    return out.with_name(f"{out.stem}-images")


def list_picture_files(variants: Sequence[Variant], out: Path, limits: PictureLimits) -> list[Path]:
    """Return the files that `copy_picture` may write: pictures with every possible suffix, and their sidecars."""
    names = []
    for one in variants:
        for source in filter(None, (one.creative.image_path, *one.shapes)):
            suffixes = dict.fromkeys((source.suffix.lower(), *(SUFFIXES[name] for name in limits.formats)))
            names += [f"{_stem(one, source)}{suffix}" for suffix in suffixes]
    pictures = [picture_dir(out) / name for name in dict.fromkeys(names)]
    return [path for picture in pictures for path in (picture, sidecar_path(picture))]


def _stem(variant: Variant, source: Path) -> str:
    """Return the file name stem of a variant's picture: the ad's name, with the shape ("9x16") of one of its shapes."""
    return variant.name if source == variant.creative.image_path else f"{variant.name}_{source.stem.rpartition('.')[2]}"


def copy_shapes(variant: Variant, out: Path, limits: PictureLimits, leave: Leave) -> list[str]:
    """Copy a variant's further shapes next to its picture, and return notes; for sheets, whose rows take one picture."""
    names = [copy_picture(variant, out, limits, leave, source=source)[0] for source in variant.shapes]
    return [f"the sheet takes one picture; choose {', '.join(names)} for their placements by hand"] if names else []


def copy_picture(
    variant: Variant, out: Path, limits: PictureLimits, leave: Leave = let_leave, *, source: Path | None = None
) -> tuple[str, list[str]]:
    """Copy a picture of a variant into the folder next to the export.

    Args:
        leave: called with the picture before it is written; raises if the picture must not be exported. source: one of the
            variant's shapes; without it its own picture.
    Returns:
        the picture's file name, and notes for the user.
    Raises:
        CreativeError: the picture is missing in the run, or cannot be made small enough. CatalogError: it cannot be written.
    """
    source = source or variant.creative.image_path
    assert source is not None
    stem = _stem(variant, source)
    target = picture_dir(out) / f"{stem}{source.suffix.lower()}"
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
        target = target.with_name(f"{stem}{SUFFIXES[fitted.file_format]}")
        leave(variant, source, hash_file(source), hashlib.sha256(fitted.content).hexdigest())  # hash of the version just read
        write_whole(target, fitted.content)
        _adapt_sidecar(source, target, fitted)
    except FileNotFoundError as error:
        remedy = "Run optimize again, or restore the run's images."
        raise CreativeError(f"its picture {source.parent.name}/{source.name} is missing in the run.", remedy) from error
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
    """Write the sidecar of a re-encoded picture, derived from its source's sidecar; originals have no sidecar."""
    if not sidecar_path(source).is_file():
        return
    content = read_sidecar(source)
    encoded = {
        "from_sha256": content["picture_sha256"],
        "format": fitted.file_format,
        "quality": fitted.quality,
        "similarity": round(fitted.similarity, 5),
    }
    digest = hashlib.sha256(fitted.content).hexdigest()
    write_sidecar(target, content | {"picture": target.name, "picture_sha256": digest, "encoded": encoded})


def _say(source: Path, fitted: FittedPicture) -> list[str]:
    how = "every pixel kept" if fitted.quality == LOSSLESS else f"quality {fitted.quality}, similarity {fitted.similarity:.3f}"
    size, new_size = source.stat().st_size, len(fitted.content)
    notes = [f"its picture had {size:,} bytes and is written as {fitted.file_format} of {new_size:,} ({how})"]
    if SIGNED in source.read_bytes():
        notes.append("its picture was signed (C2PA); the one written anew is not")
    return notes
