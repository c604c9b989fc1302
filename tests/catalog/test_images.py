"""Picture files of every kind that exports hold, and every kind that must be refused."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from adcreative.catalog.images import MAX_PIXELS, decode_image, picture, read_image
from adcreative.creative import Creative
from adcreative.errors import CreativeError
from tests.catalog.conftest import RELAXED, save_picture

RED = (200, 30, 20)


def solid(mode: str, color: Any, size_px: tuple[int, int] = (80, 64)) -> Image.Image:
    return Image.new(mode, size_px, color)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def build_png(width: int, height: int, pixels: bytes = b"\0" * 1000, depth: int = 8) -> bytes:
    """A colour PNG from raw scan lines; by default one that claims a size and weighs nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def test_lossless_pixels_come_back_exactly(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "ad.png", (90, 70))
    image_u8 = read_image(path)
    assert image_u8.dtype == np.uint8
    assert image_u8.shape == (70, 90, 3)
    assert image_u8.flags.writeable
    assert np.array_equal(image_u8, np.asarray(Image.open(path)))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tiff"])
def test_every_supported_format(tmp_path: Path, suffix: str) -> None:
    image_u8 = read_image(save(solid("RGB", RED), tmp_path / f"ad.{suffix}"))
    assert image_u8.shape == (64, 80, 3)
    assert np.abs(image_u8.astype(int) - RED).max() <= 6


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (solid("CMYK", (0, 255, 255, 0)), "jpg", (255, 0, 0)),
        (solid("L", 100), "png", (100, 100, 100)),
        (solid("1", 1), "png", (255, 255, 255)),
        (solid("I;16", 0x8080), "png", (128, 128, 128)),
        (solid("I;16", 40), "tiff", (0, 0, 0)),
        (solid("I", 0xFFFF), "tiff", (255, 255, 255)),
        (solid("F", 0.5), "tiff", (128, 128, 128)),
        (solid("F", 51.0), "tiff", (51, 51, 51)),
        (solid("RGBA", (*RED, 0)), "png", (255, 255, 255)),
        (solid("RGBA", (0, 0, 0, 102)), "png", (153, 153, 153)),
        (solid("LA", (0, 0)), "png", (255, 255, 255)),
        (solid("RGB", RED).convert("P", palette=Image.Palette.ADAPTIVE), "png", RED),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_colour_modes_become_srgb(tmp_path: Path, image: Image.Image, suffix: str, expected: tuple[int, ...]) -> None:
    image_u8 = read_image(save(image, tmp_path / f"ad.{suffix}"))
    assert image_u8.shape == (64, 80, 3)
    assert np.abs(image_u8.astype(int) - expected).max() <= 2


def test_transparent_palette_colour_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (80, 64), 0)
    image.putpalette([10, 20, 30] * 256)
    assert (read_image(save(image, tmp_path / "ad.gif", transparency=0)) == 255).all()


def test_sixteen_bit_colour_is_read() -> None:
    line = b"\0" + struct.pack(">HHH", 0x8080, 0x4040, 0xFFFF) * 80
    image_u8 = decode_image(build_png(80, 64, line * 64, depth=16))
    assert (image_u8 == (128, 64, 255)).all()


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0)), (2, (0, -1))])
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    image = solid("RGB", "black", (120, 80))
    image.paste("white", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image_u8 = read_image(save(image, tmp_path / "ad.jpg", exif=exif, quality=95))
    assert image_u8.shape[:2] == ((120, 80) if orientation in (6, 8) else (80, 120))
    assert image_u8[corner].min() > 240
    assert sum(image_u8[y, x].min() > 128 for y in (0, -1) for x in (0, -1)) == 1


def test_broken_exif_is_passed_over(tmp_path: Path) -> None:
    path = save(solid("RGB", RED), tmp_path / "ad.jpg", exif=b"Exif\0\0MM\0*\0\0\xff\xff garbage")
    assert read_image(path).shape == (64, 80, 3)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [solid("RGB", color) for color in (RED, "blue", "green")]
    path = save(frames[0], tmp_path / f"ad.{suffix}", save_all=True, append_images=frames[1:])
    assert np.abs(read_image(path).astype(int) - RED).max() <= 6


def test_phone_picture_with_a_second_one_inside(tmp_path: Path) -> None:
    path = save(solid("RGB", RED), tmp_path / "ad.jpg", format="MPO", save_all=True, append_images=[solid("RGB", "blue")])
    assert np.abs(read_image(path).astype(int) - RED).max() <= 6


def test_colour_profile_is_converted_and_a_broken_one_ignored(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in (("broken", b"no profile"), ("other", lab), ("same", srgb)):
        path = save(solid("RGB", RED), tmp_path / f"{name}.png", icc_profile=profile)
        assert (read_image(path) == RED).all()
    linear = _linear_profile(srgb)
    image_u8 = read_image(save(solid("RGB", (55, 55, 55)), tmp_path / "linear.png", icc_profile=linear))
    # IEC 61966-2-1: linear 55/255 = 0.2157 is 0.5019 in sRGB, level 128
    assert np.abs(image_u8.astype(int) - 128).max() <= 2


def _linear_profile(srgb: bytes) -> bytes:
    """sRGB's primaries with a straight tone curve: every TRC tag points to a curve of no entries (identity)."""
    content = bytearray(srgb)
    num_tags = struct.unpack(">I", content[128:132])[0]
    for idx in range(num_tags):
        start = 132 + 12 * idx
        if content[start : start + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">II", content, start + 4, len(srgb), 12)
        if content[start : start + 4] == b"desc":
            offset, size = struct.unpack(">II", content[start + 4 : start + 12])
            text = content[offset : offset + size].replace(b"s\0R\0G\0B", b"L\0i\0n\0e").replace(b"sRGB", b"Line")
            content[offset : offset + size] = text
    content += b"curv" + b"\0" * 8
    struct.pack_into(">I", content, 0, len(content))
    content[84:100] = b"\0" * 16
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "problem", "remedy"),
    [
        (b"", r'"ad\.jpg" is empty \(0 bytes\)', "Export or download"),
        (b"just some text", "is not a picture of a known kind", "Supply the picture itself"),
        (b"<!DOCTYPE html><html>login</html>", "is a web page, not JPEG", "Save it as JPEG or PNG"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', "is SVG, not JPEG", "Save it as JPEG or PNG"),
        (b"%PDF-1.7", "is a PDF, not JPEG", "Save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypheic", "is truncated or damaged", "Export or download"),
        (b"\0\0\0\x18ftypisom", "is a video, not JPEG", "Save it as JPEG or PNG"),
        (b"\xff\xd8\xff\xe0", "is truncated or damaged: its header cannot be read", "Export or download"),
        (build_png(10_000, 9_000), r"is 10000x9000 px, 90 megapixels; at most 40 are read", "Export it smaller"),
        (build_png(100_000, 100_000), r"megapixels; at most 40 are read", "Export it smaller"),
        (build_png(1, 1), r"is 1x1 px; at least 64x64 px is needed", "Supply a larger picture"),
        (build_png(63, 900), r"is 63x900 px; at least 64x64 px is needed", "Supply a larger picture"),
        (build_png(200, 200), "is truncated or damaged: its PNG data cannot be decoded", "Export or download"),
    ],
)
def test_what_is_no_usable_picture_is_refused(tmp_path: Path, content: bytes, problem: str, remedy: str) -> None:
    path = tmp_path / "ad.jpg"
    path.write_bytes(content)
    with pytest.raises(CreativeError, match=problem) as caught:
        read_image(path)
    assert caught.value.remedy.startswith(remedy)
    with pytest.raises(CreativeError, match=problem):
        decode_image(content, "ad.jpg")


def test_a_bomb_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import PngImagePlugin

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(CreativeError, match="40 are read"):
        decode_image(build_png(MAX_PIXELS // 64 + 1, 64))


def test_formats_outside_the_list_are_not_even_tried(tmp_path: Path) -> None:
    path = save(solid("RGB", RED), tmp_path / "ad.ppm")
    path.rename(tmp_path / "ad.png")
    with pytest.raises(CreativeError, match="is not a picture of a known kind"):
        read_image(tmp_path / "ad.png")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tiff"])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str) -> None:
    content = save_picture(tmp_path / f"ad.{suffix}").read_bytes()
    with pytest.raises(CreativeError, match="is truncated or damaged"):
        decode_image(content[: len(content) // 2])


def test_missing_file_folder_and_giant_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CreativeError, match=r'"gone\.png" cannot be read \(No such file'):
        read_image(tmp_path / "gone.png")
    with pytest.raises(CreativeError, match="is not a file"):
        read_image(tmp_path)
    with (tmp_path / "giant.png").open("wb") as file:
        file.truncate(600_000_000)  # sparse: takes no room
    with pytest.raises(CreativeError, match="has 600 MB; at most 500 MB are read"):
        read_image(tmp_path / "giant.png")


def test_picture_prefers_pixels_in_memory(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "ad.png")
    image_u8 = np.zeros((64, 64, 3), dtype=np.uint8)
    assert picture(Creative(headline="words")) is None
    assert picture(Creative(image_path=path, image_u8=image_u8)) is image_u8
    from_disk = picture(Creative(image_path=path))
    assert from_disk is not None
    assert np.array_equal(from_disk, read_image(path))


def _encoded(suffix: str) -> bytes:
    levels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, suffix)
    return buffer.getvalue()


SAMPLES = {suffix: _encoded(suffix) for suffix in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}


@RELAXED
@given(
    st.sampled_from(sorted(SAMPLES)), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)
)
def test_damaged_bytes_give_a_picture_or_a_sentence(suffix: str, damage: list[tuple[float, int]]) -> None:
    content = bytearray(SAMPLES[suffix])
    for where, value in damage:
        content[int(where**3 * len(content))] = value  # mostly in the header
    with contextlib.suppress(CreativeError):  # any other error fails the test
        image_u8 = decode_image(bytes(content))
        assert image_u8.ndim == 3
        assert image_u8.dtype == np.uint8
