"""Preparation of photographs: areas that must not be cropped, quiet areas for words, and cut-outs. Independent of briefs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from adcreative.compose.cutouts import EdgeQuality, Segmenter, cut_out, find_plain_ground
from adcreative.compose.parts import Box, Photo

MAX_PX = 2160  # of the longer side: no shape needs more
QUIET_PX = 96  # of the longer side of the saliency map
MIN_FACE = 0.04  # of the photograph's height: smaller faces are bystanders
FACE_MARGIN = 0.15  # of a face's box, for ears and chin; with a larger margin, no crop of a portrait contains all of it
HAIR = 0.4  # of a face's height, above it: a head without its hair looks cut
SAME_SIZE = 0.5  # minimum height of a face of a group, of the largest one's
HELD = 0.995  # share of the saliency inside a focus box

FindFaces = Callable[[np.ndarray], Sequence[Sequence[float]]]  # picture [H, W, 3] -> boxes x0, y0, x1, y1 in px, largest first


@dataclass(frozen=True)
class PreparedPhoto:
    """A prepared photo, with the quality of its parts. edge: of the cut-out, even if rejected."""

    photo: Photo
    edge: EdgeQuality
    num_faces: int


def prepare_photo(
    image_u8: np.ndarray, *, segment: Segmenter | None, find_faces: FindFaces | None = None, words_may_lie: bool = True
) -> PreparedPhoto:
    """Analyse a photograph [H, W, 3] uint8: faces and salient objects (`Photo.focus`), quiet areas, a cut-out.

    Args:
        segment: returns the saliency map; None: no cut-out, and the centre as focus.
        words_may_lie: overruled for an object on plain ground: words look better next to it.
    """
    image_u8 = _at_most(image_u8, MAX_PX)
    height, width = image_u8.shape[:2]
    found = [] if find_faces is None else [tuple(map(float, box)) for box in find_faces(image_u8)]
    faces = [box for box in found if box[3] - box[1] >= MIN_FACE * height]
    standing_out = None if segment is None else segment(image_u8)
    rgba, edge = cut_out(image_u8, standing_out, has_person=bool(faces))
    focus = _group([_face_box(box, width, height) for box in faces])
    thing = rgba[..., 3] / 255.0 if rgba is not None else standing_out
    if thing is not None and (box := _box_of(thing)) is not None:
        focus.append(box)
    photo = Photo(
        pixels=Image.fromarray(image_u8),
        focus=tuple(focus),
        cutout=None if rgba is None else Image.fromarray(rgba, "RGBA"),
        words_may_lie=words_may_lie and find_plain_ground(image_u8) is None,
        quiet=_busyness(image_u8, thing),
    )
    return PreparedPhoto(photo=photo, edge=edge, num_faces=len(faces))


def _at_most(image_u8: np.ndarray, longest_px: int) -> np.ndarray:
    height, width = image_u8.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image_u8)
    return np.asarray(cv2.resize(image_u8, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA))


def _face_box(box: Sequence[float], width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = FACE_MARGIN * (x1 - x0), FACE_MARGIN * (y1 - y0)
    return Box(
        max(0.0, (x0 - dx) / width),
        max(0.0, (y0 - HAIR * (y1 - y0)) / height),
        min(1.0, (x1 + dx) / width),
        min(1.0, (y1 + dy) / height),
    )


def _group(faces: list[Box]) -> list[Box]:
    """Return faces with the box around those about as large as the first in its place: none of a group is cut."""
    near = [box for box in faces if box.height >= SAME_SIZE * faces[0].height]
    if len(near) < 2:
        return faces
    around = Box(*(min(box[side] for box in near) for side in (0, 1)), *(max(box[side] for box in near) for side in (2, 3)))
    return [around, *faces]


def _box_of(thing: np.ndarray) -> Box | None:
    """Return the box of nearly all of a saliency map [H, W] 0..1, in fractions; None for an empty map."""
    mass = np.where(thing > 0.4, thing, 0.0)
    total = float(mass.sum())
    if total < 0.01 * mass.size:
        return None
    ends = []
    for axis in (0, 1):
        share = np.cumsum(mass.sum(axis=axis)) / total
        out = (1 - HELD) / 2
        ends.append((int(np.searchsorted(share, out)) / len(share), (int(np.searchsorted(share, 1 - out)) + 1) / len(share)))
    (x0, x1), (y0, y1) = ends
    return Box(x0, y0, min(x1, 1.0), min(y1, 1.0))


def _busyness(image_u8: np.ndarray, thing: np.ndarray | None) -> np.ndarray:
    """Return [H', W'] float32 0..1: high on the object, and where the picture has many edges."""
    scale = QUIET_PX / max(image_u8.shape[:2])
    size = (max(1, round(image_u8.shape[1] * scale)), max(1, round(image_u8.shape[0] * scale)))
    grey = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lines = cv2.morphologyEx(cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edges = cv2.blur(cv2.resize(lines, size, interpolation=cv2.INTER_AREA), (5, 5)) / 40.0
    own = np.zeros_like(edges) if thing is None else cv2.resize(thing.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    steps = np.rint(np.clip(np.maximum(own, edges), 0.0, 1.0) * 255)  # rounded like a map read from a file
    return (steps / 255).astype(np.float32)
