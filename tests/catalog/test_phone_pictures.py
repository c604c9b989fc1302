"""What phones and animations bring: HEIC, a hundred megapixels, several frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.catalog.images import as_jpeg, count_frames, decode_image, read_image
from adcreative.errors import CreativeError

pytest.importorskip("pillow_heif").register_heif_opener()  # to write some


def test_a_picture_of_a_phone_is_read_and_has_a_copy_that_browsers_show(tmp_path: Path) -> None:
    heic, jpeg = tmp_path / "a.heic", tmp_path / "a.jpg"
    image = Image.linear_gradient("L").convert("RGB").resize((200, 120))
    image.save(heic, "HEIF", quality=90)
    image.save(jpeg)
    pixels = read_image(heic)
    assert pixels.shape == (120, 200, 3)
    assert np.abs(pixels.astype(int) - np.asarray(image).astype(int)).mean() < 3
    copy = as_jpeg(heic)
    assert copy is not None
    assert np.abs(decode_image(copy).astype(int) - pixels.astype(int)).mean() < 3
    assert as_jpeg(jpeg) is None


def test_a_damaged_picture_of_a_phone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    Image.linear_gradient("L").convert("RGB").save(path, "HEIF")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CreativeError, match="truncated or damaged"):
        read_image(path)


def test_a_jpeg_of_a_hundred_megapixels_is_read_at_half_its_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.catalog.images.MAX_PIXELS", 40_000)
    monkeypatch.setattr("adcreative.catalog.images.MAX_DRAFTED_PIXELS", 120_000)
    path = tmp_path / "large.jpg"
    Image.linear_gradient("L").convert("RGB").resize((400, 250)).save(path)
    assert read_image(path).shape == (125, 200, 3)
    Image.linear_gradient("L").convert("RGB").resize((400, 310)).save(path)
    with pytest.raises(CreativeError, match="megapixels"):
        read_image(path)
    Image.linear_gradient("L").convert("RGB").resize((400, 250)).save(tmp_path / "large.png")
    with pytest.raises(CreativeError, match="megapixels"):
        read_image(tmp_path / "large.png")


@pytest.mark.parametrize(("name", "expected"), [("a.gif", 3), ("b.webp", 3), ("c.png", 1), ("missing.gif", 1)])
def test_frames_are_counted(tmp_path: Path, name: str, expected: int) -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "green", "blue")]
    if name != "missing.gif":
        frames[0].save(tmp_path / name, **({"save_all": True, "append_images": frames[1:]} if expected > 1 else {}))
    assert count_frames(tmp_path / name) == expected
