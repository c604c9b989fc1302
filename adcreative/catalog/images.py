"""Read picture files as pixels; used by app, CLI and API alike.

Every picture becomes image_u8 [H, W, 3] sRGB: EXIF rotation is applied, transparency is laid on white, CMYK, palettes, 16-bit
and foreign colour profiles are converted, and the first frame of an animation is taken. Size limits are checked in the header,
before any pixel is decoded.
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from adcreative.creative import Creative
from adcreative.errors import CreativeError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
HAS_HEIF = find_spec("pillow_heif") is not None  # reads HEIC pictures of phones; without pillow_heif they are refused by name
MOVING = ("GIF", "WEBP", "PNG")
MIN_SIDE_PX = 64
MAX_PIXELS = 40_000_000
MAX_DRAFTED_PIXELS = 120_000_000  # limit for a JPEG, decoded at a half or a quarter of its size; phones take 108 megapixels
DECODER = f"1, Pillow {PIL.__version__}"  # changes whenever a file may decode to other pixels
_MAX_FILE_BYTES = 500_000_000
_STRIP_ROWS = 256
_KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF or HEIC" if HAS_HEIF else "JPEG, PNG, WebP, GIF, BMP or TIFF"
_DECODER_ERRORS = (
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
    Warning,
    struct.error,
    zlib.error,
)  # raised by Pillow for damaged files
_OURS_BY_MAGIC = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_FOREIGN_MAGIC = {
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop file",
    b"%!PS": "PostScript",
    b"PK\x03\x04": "a zip archive",
    b"\x00\x00\x01\x00": "an icon",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL": "JPEG XL",
    b"\x1aE\xdf\xa3": "a video",
}
_warnings_lock = threading.Lock()


def picture(creative: Creative) -> np.ndarray | None:
    """Return the creative's picture as image_u8 [H, W, 3], or None for a creative of words only.

    Raises:
        CreativeError: as `read_image`.
    """
    if creative.image_u8 is not None:
        return creative.image_u8
    return read_image(creative.image_path) if creative.image_path is not None else None


def read_image(path: Path) -> np.ndarray:
    """Read a picture file.

    Returns:
        [H, W, 3] uint8, 0..255, sRGB, upright, opaque; its own memory.
    A JPEG of more than 40 megapixels, up to 120, is read at half its width and height.

    Raises:
        CreativeError: missing, empty, not a picture, damaged, another format, under 64 px a side, or over 40
            megapixels.
    """
    with _open_file(Path(path)) as file:
        return _decode(file, Path(path).name)


def count_frames(path: Path) -> int:
    """Return the number of frames of a picture file: 1 for a still picture or an unreadable file."""
    try:
        with _open_file(Path(path)) as file, _open_header(file, Path(path).name) as image:
            return int(getattr(image, "n_frames", 1)) if image.format in MOVING else 1
    except (CreativeError, *_DECODER_ERRORS):
        return 1


def as_jpeg(path: Path) -> bytes | None:
    """Return a picture as a JPEG if browsers cannot show its format (HEIC); None for other formats.

    Raises:
        CreativeError: as `read_image`.
    """
    with _open_file(Path(path)) as file:
        if file.read(12)[4:8] != b"ftyp":
            return None
    written = io.BytesIO()
    Image.fromarray(read_image(path)).save(written, "JPEG", quality=95, subsampling=0)
    return written.getvalue()


def read_image_bytes(path: Path, max_bytes: int) -> bytes | None:
    """Return the bytes of a picture file for `decode_image`; None above `max_bytes`, where `read_image` is better.

    Raises:
        CreativeError: missing, no file, empty, or over 500 MB.
    """
    with _open_file(Path(path)) as file:
        content = file.read(max_bytes + 1)
    return content if len(content) <= max_bytes else None


@contextmanager
def _open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a picture file after checking that it exists, is a regular file and has a valid size."""
    try:
        num_bytes = path.stat().st_size
        if not path.is_file():
            raise CreativeError(f'"{path.name}" is not a file.', "Name the picture itself.")
        if num_bytes == 0:
            raise CreativeError(f'"{path.name}" is empty (0 bytes).', "Export or download the picture again.")
        if num_bytes > _MAX_FILE_BYTES:
            problem = f'"{path.name}" has {num_bytes / 1e6:.0f} MB; at most {_MAX_FILE_BYTES / 1e6:.0f} MB are read.'
            raise CreativeError(problem, "Export it smaller.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        problem = f'"{path.name}" cannot be read ({error.strerror or error}).'
        raise CreativeError(problem, "Check that the file is there and may be read.") from error


def decode_image(image_bytes: bytes, name: str = "picture") -> np.ndarray:
    """Decode the bytes of a picture file; otherwise like `read_image`."""
    if not image_bytes:
        raise CreativeError(f'"{name}" is empty (0 bytes).', "Export or download the picture again.")
    return _decode(io.BytesIO(image_bytes), name)


def _decode(file: IO[bytes], name: str) -> np.ndarray:
    with _open_header(file, name) as image:
        if image.format == "JPEG" and MAX_PIXELS < image.width * image.height <= MAX_DRAFTED_PIXELS:
            image.draft("RGB" if image.mode == "RGB" else None, (image.width // 2, image.height // 2))
        _check_size(image.size, name)
        try:
            image.load()
            return np.array(_to_srgb(_turn_upright(image)), dtype=np.uint8)  # [H, W, 3]
        except _DECODER_ERRORS as error:
            problem = f'"{name}" is truncated or damaged: its {image.format} data cannot be decoded.'
            raise CreativeError(problem, "Export or download the picture again.") from error


def _open_header(file: IO[bytes], name: str) -> Image.Image:
    """Return the picture with only its header read."""
    start = file.read(512)
    file.seek(0)
    try:
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about bombs; our own, lower limit refuses them
            return Image.open(file, formats=(*FORMATS, _learn_heif()) if _name_kind(start) == "HEIC" and HAS_HEIF else FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(name, "more than 100") from error
    except UnidentifiedImageError as error:
        kind = _name_kind(start)
        is_ours = start.startswith(_OURS_BY_MAGIC) or (kind == "HEIC" and HAS_HEIF)
        if kind and not is_ours:
            raise CreativeError(f'"{name}" is {kind}, not {_KINDS}.', "Save it as JPEG or PNG.") from error
        if is_ours:
            problem = f'"{name}" is truncated or damaged: its header cannot be read.'
            raise CreativeError(problem, "Export or download the picture again.") from error
        problem = f'"{name}" is not a picture of a known kind ({_KINDS}).'
        raise CreativeError(problem, "Supply the picture itself, as JPEG or PNG.") from error
    except _DECODER_ERRORS as error:
        problem = f'"{name}" is truncated or damaged: its header cannot be read.'
        raise CreativeError(problem, "Export or download the picture again.") from error


@cache
def _learn_heif() -> str:
    """Register the HEIC decoder with Pillow and return its format name. Loaded on demand, since HEIC ads are rare."""
    import_module("pillow_heif").register_heif_opener(thumbnails=False)
    return "HEIF"


def _check_size(size_px: tuple[int, int], name: str) -> None:
    width, height = size_px
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width * height / 1e6:.0f}", f"{width}x{height} px, ")
    if min(width, height) < MIN_SIDE_PX:
        problem = f'"{name}" is {width}x{height} px; at least {MIN_SIDE_PX}x{MIN_SIDE_PX} px is needed.'
        raise CreativeError(problem, "Supply a larger picture.")


def _too_large(name: str, megapixels: str, sides: str = "") -> CreativeError:
    problem = f'"{name}" is {sides}{megapixels} megapixels; at most {MAX_PIXELS // 1_000_000} are read.'
    return CreativeError(problem, "Export it smaller; ads need no more than 4 megapixels.")


def _name_kind(start: bytes) -> str | None:
    """Return the likely kind of a file that Pillow may not open."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start[4:8] == b"ftyp":
        return {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}.get(start[8:12], "a video")
    for magic, kind in _FOREIGN_MAGIC.items():
        if start.startswith(magic):
            return kind
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "SVG" if b"<svg" in text else None


def _turn_upright(image: Image.Image) -> Image.Image:
    with contextlib.suppress(*_DECODER_ERRORS):  # unreadable EXIF has no usable rotation
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = _narrow(image)
    elif image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.new("RGB", opaque.size, "white")
        image.paste(opaque, mask=opaque.getchannel("A"))
    elif image.mode in ("P", "PA", "1"):
        image = image.convert("RGB")
    if profile:
        image = _apply_profile(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")  # `convert` would copy the picture


def _narrow(image: Image.Image) -> Image.Image:
    """Return 16-bit, 32-bit or floating-point grey as 8-bit grey: full scale stays full scale.

    Rows are converted in strips, so that a picture of 40 megapixels needs memory for its own levels and one strip.
    """
    levels = np.asarray(image)  # [H, W], in the picture's own type, not copied
    strips = [slice(top, top + _STRIP_ROWS) for top in range(0, len(levels), _STRIP_ROWS)]
    highest = max(float(np.nan_to_num(levels[strip].astype(np.float32)).max()) for strip in strips)
    if image.mode == "F" and highest <= 1.0:
        factor = 255.0
    elif image.mode.startswith("I;16") or highest > 255.0:
        factor = 1 / 257.0
    else:
        factor = 1.0
    narrow = np.empty(levels.shape, np.uint8)
    for strip in strips:
        scaled = np.nan_to_num(levels[strip].astype(np.float64)) * factor
        narrow[strip] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return Image.fromarray(narrow)


def _apply_profile(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Return the picture in sRGB; a broken profile, or a profile of another colour space, is not applied."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        space = source.profile.xcolor_space.strip()
        is_srgb = "srgb" in (source.profile.profile_description or "").casefold()
        if is_srgb or {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}.get(space) != image.mode:
            return image
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return converted if converted is not None else image
    except (ImageCms.PyCMSError, *_DECODER_ERRORS):
        return image
