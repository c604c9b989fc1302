"""Which boxes of a picture are covered as a whole: faces first, then lines of text, from the largest."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative.explain.perturbation import MAX_THINGS, find_things

pytest.importorskip("rapidocr")


def test_faces_come_before_lines_and_large_before_small() -> None:
    image = Image.new("RGB", (480, 360), "white")
    draw = ImageDraw.Draw(image)
    for row, size in enumerate((48, 24)):
        draw.text((20, 180 + 80 * row), "Sleep better tonight", font=ImageFont.load_default(size), fill="black")
    faces = [SimpleNamespace(box_xyxy_px=box) for box in ((10, 10, 30, 30), (100, 10, 180, 90))]
    found = find_things(np.asarray(image), SimpleNamespace(analyze=lambda image_u8: faces))
    assert found[:2] == [[100, 10, 180, 90], [10, 10, 30, 30]]
    assert len(found) == 4
    (_, top, _, bottom), (_, small_top, _, small_bottom) = found[2:]
    assert 170 < top < bottom < 245 < small_top < small_bottom
    crowd = SimpleNamespace(analyze=lambda image_u8: faces * 9)
    assert len(find_things(np.asarray(image), crowd)) == MAX_THINGS


def test_what_is_taken_for_a_line_but_holds_a_face_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that found the rim of two photographs came and went with noise of one level, and the whole map with it."""
    lines = np.array([(14, 2, 365, 211), (20, 120, 340, 180), (20, 217, 283, 253)], np.float32)
    reader = SimpleNamespace(find_lines=lambda image_u8: lines)
    monkeypatch.setattr("adcreative.explain.perturbation.load_reader", lambda: reader)
    faces = [SimpleNamespace(box_xyxy_px=(219, 72, 303, 168)), SimpleNamespace(box_xyxy_px=(65, 79, 143, 169))]
    found = find_things(np.zeros((384, 384, 3), np.uint8), SimpleNamespace(analyze=lambda image_u8: faces))
    assert found == [[219, 72, 303, 168], [65, 79, 143, 169], *lines[1:].tolist()]  # words across faces are lines
