"""Transfer an edit of a small generated face to the picture, at the picture's own resolution.

The generator draws the face small and inexactly, so its changes are used instead of its pixels. Two renders, of the
face as inverted and as edited, are compared through their meshes:

    shape    the picture's own pixels move with the landmarks: out(p) = picture(p - move(p))
    light    changes not explained by moving the inverted render in the same way (appearing teeth, a fold beside the mouth) are
            added, registered to the picture's own features: out(p) += weight(p) * (edited - moved inverted)(p - shift(p))

`move` is linear between landmarks and fades to zero inside the mask, so the picture's detail stays sharp without double
contours. The light keeps only local changes (a smile does not change the lamp) and counts only where the inversion resembles
the picture: objects unknown to the generator, such as a hand before the face, cannot be edited.
Knows renders, meshes and the square; knows no generator. All points are in the square's frame, 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import gaussian_filter

from stylegan.faces.alignment import Alignment, Box, sample
from stylegan.faces.mesh import FACE_OVAL, LEFT_EYE, LIPS, NUM_POINTS, RIGHT_EYE, SKULL
from stylegan.faces.mirror import MIRROR

FIELD_SIZE = 128
MASK_SIZE = 256
OVAL_GROWTH = 1.16
FADE_GROWTH = (1.0, 1.16)
LIGHT_GROWTH, PART_GROWTH = 0.97, 1.25
FEATHER = 0.05
FADE = 0.16
SKIN_LIGHT, SKIN_COLOUR = 0.6, 0.2
NUM_RING_POINTS = 48
MAX_MOVE = 0.10
MAX_LIGHT = 80.0
LOCAL_SIZE = 0.09
AGREEMENT_SIZE = 0.02
AGREEMENT_DEVIATIONS = 1.0


@dataclass(frozen=True)
class FaceRegion:
    """The changeable area of one face: its square, landmarks and mask.

    points [N, 2]: traced points in the square's frame, the mesh first. ring [M, 2]: the mask's outline there, which never
    moves. box: the part of the picture that the square touches. grid [h, w, 2]: the frame coordinates of its pixels. mask
    [h, w, 1] float32: 0 outside, 1 well inside. fade [h, w, 1]: the applied share of a move, 0 before the mask ends. light
    [MASK_SIZE, MASK_SIZE, 2], in the frame: weight of changes of brightness and colour, 1 at eyes and mouth, less on skin,
    0 on hair and neck.
    """

    alignment: Alignment
    points: np.ndarray
    ring: np.ndarray
    box: Box
    grid: np.ndarray
    mask: np.ndarray
    fade: np.ndarray
    light: np.ndarray


@dataclass(frozen=True)
class FaceChange:
    """The generator's change of the aligned crop [S, S, 3] uint8: its renders, as inverted and as edited, of the same size, and
    their traced points [N, 2], in the order of the region's. reach: moves of the picture's points relative to the render's, for
    all or [N]: the shape can be moved further than the generator renders well. part: share of move and light, 0..1, for all or
    [N]: a direction changes its own part of the face, and the rest stays the picture's. is_even: both halves of the face move
    alike: a smile of the render is often crooked, and the mesh finds the halves with different errors."""

    crop_u8: np.ndarray
    inverted_u8: np.ndarray
    edited_u8: np.ndarray
    inverted_points: np.ndarray
    edited_points: np.ndarray
    reach: float | np.ndarray = 1.0
    part: float | np.ndarray = 1.0
    is_even: bool = False


def open_region(points: np.ndarray, alignment: Alignment, height: int, width: int) -> FaceRegion:
    """Draw the mask of one face: the mesh's face oval, grown by 16 % as room for jaw and mouth, with a soft edge.

    Args:
        points: [N, 2] traced points in the square's frame, the 468 of the mesh first.
        alignment: the face's square. height, width: size of the picture.
    """
    oval = points[list(FACE_OVAL)]
    outline = np.clip(_grown(oval, OVAL_GROWTH), 0.02, 0.98)
    box = alignment.bounding_box(height, width)
    grid = alignment.aligned_grid(box)
    mask = sample(_smooth_edge(_draw_polygon(outline), FEATHER), grid)
    fade = sample(_smooth_edge(_draw_polygon(_grown(oval, FADE_GROWTH)), FADE), grid)
    mask[(grid < 0.0).any(axis=2) | (grid > 1.0).any(axis=2)] = 0.0
    mask = np.clip(mask, 0.0, 1.0)
    fade = np.clip(fade, 0.0, 1.0) * (mask > 0.0)
    ring = outline[np.linspace(0, len(outline), NUM_RING_POINTS, endpoint=False).astype(int)]
    skin = _smooth_edge(_draw_polygon(_grown(oval, LIGHT_GROWTH)), FEATHER)
    parts = np.max([_draw_polygon(_grown(points[list(part)], PART_GROWTH)) for part in (LEFT_EYE, RIGHT_EYE, LIPS)], axis=0)
    parts_blurred = gaussian_filter(parts, sigma=FEATHER * MASK_SIZE / 2)[:, :, None]
    light = skin * (np.array([SKIN_LIGHT, SKIN_COLOUR], dtype=np.float32) * (1.0 - parts_blurred) + parts_blurred)
    return FaceRegion(alignment, points, ring, box, grid, mask, fade, light)


def paste_change(picture_f32: np.ndarray, region: FaceRegion, change: FaceChange) -> None:
    """Apply a change to a picture [H, W, 3] float32 (0..255), in place; only pixels where region.mask > 0 are touched."""
    x0, y0, x1, y1 = region.box
    moved = _carried(change)
    move = _field(region.points + moved, moved, region.ring)
    light = _light(region, change, move)
    steps = sample(move, region.grid) * region.fade
    pixels = _sample_picture(picture_f32, region, region.grid - steps) + sample(light, region.grid) * region.mask
    touched = region.mask[:, :, 0] > 0.0
    picture_f32[y0:y1, x0:x1][touched] = np.clip(pixels[touched], 0.0, 255.0)


def paste_render(picture_f32: np.ndarray, region: FaceRegion, render_u8: np.ndarray) -> None:
    """Replace a face by a render inside its mask, in place."""
    x0, y0, x1, y1 = region.box
    window = picture_f32[y0:y1, x0:x1]
    window += region.mask * (sample(render_u8.astype(np.float32), region.grid) - window)


def _without_drift(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the move of each point [N, 2], without the best similarity transform of the skull's points.

    The square is tied to eyes and mouth, so a drift of the skull is only framing; the neck would not follow it.
    """
    start, end = before[:, 0] + 1j * before[:, 1], after[:, 0] + 1j * after[:, 1]
    skull = list(SKULL)
    centred, target = start[skull] - start[skull].mean(), end[skull] - end[skull].mean()
    turn = np.vdot(centred, target) / np.vdot(centred, centred)
    rest = end - end[skull].mean() - turn * (start - start[skull].mean())
    return np.stack([rest.real, rest.imag], axis=1)


def _carried(change: FaceChange) -> np.ndarray:
    """Return the moves of the picture's points [N, 2], smoothly limited to less than MAX_MOVE of the side."""
    moved = _without_drift(change.inverted_points, change.edited_points)
    moved = np.reshape(change.reach, (-1, 1)) * np.reshape(change.part, (-1, 1)) * (_even(moved) if change.is_even else moved)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved * (MAX_MOVE * np.tanh(length / MAX_MOVE) / np.maximum(length, 1e-9))


def _even(moved: np.ndarray) -> np.ndarray:
    """Return moves [478, 2] with both halves of the face moved alike: mirrored, and irises in parallel."""
    side = np.where(np.arange(len(moved)) < NUM_POINTS, -1.0, 1.0)
    return (moved + moved[MIRROR] * np.stack([side, np.ones_like(side)], axis=1)) / 2.0


def _light(region: FaceRegion, change: FaceChange, move: np.ndarray) -> np.ndarray:
    """Return the addition to the moved picture, [S, S, 3] float32 in the frame of the moved picture.

        light = weight * local(edited - moved inverted)

    local(x) subtracts a wide average; weight, for brightness and colour separately, is the region's, moved along, times the
    agreement of inversion and picture and the part changed by the edit.
    """
    size = change.edited_u8.shape[0]
    grid = _frame_grid(size)
    render_move = _field(change.edited_points, change.edited_points - change.inverted_points, region.ring)
    inverted = change.inverted_u8.astype(np.float32)
    rest = change.edited_u8 - sample(inverted, grid - sample(render_move, grid))
    shift = _field(region.points, region.points - change.inverted_points, region.ring)
    seen = sample(inverted, grid - sample(shift, grid))  # the inversion, on the picture's features
    area = sample(region.light, grid)
    weight = area * _agreement(change.crop_u8.astype(np.float32), seen, area[:, :, :1])
    if np.ndim(change.part):
        weight = weight * sample(_field(region.points, np.reshape(change.part, (-1, 1)), region.ring), grid)
    steps = sample(move, grid)
    weight = np.clip(sample(weight, grid - steps), 0.0, 1.0)
    moved_points = region.points + _carried(change)
    edited_shift = _field(moved_points, moved_points - change.edited_points, region.ring)
    rest = _local(sample(rest, grid - sample(edited_shift, grid)), weight[:, :, :1])
    rest = (MAX_LIGHT * np.tanh(rest / MAX_LIGHT)).astype(np.float32)
    brightness = rest.mean(axis=2, keepdims=True)
    return weight[:, :, :1] * brightness + weight[:, :, 1:] * (rest - brightness)


def _agreement(crop: np.ndarray, seen: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Return 0..1 [S, S, 1]: the local similarity of picture and inversion, independent of brightness and contrast."""
    standard = []
    for image in (crop, seen):
        grey = image.mean(axis=2, keepdims=True)
        mean = (grey * area).sum() / max(area.sum(), 1e-6)
        deviation = np.sqrt((((grey - mean) ** 2) * area).sum() / max(area.sum(), 1e-6))
        standard.append((grey - mean) / max(float(deviation), 4.0))
    sigma = AGREEMENT_SIZE * crop.shape[0]
    difference = gaussian_filter(standard[0] - standard[1], sigma=(sigma, sigma, 0.0))
    likeness = np.exp(-((difference / AGREEMENT_DEVIATIONS) ** 2))
    return gaussian_filter(likeness, sigma=(sigma, sigma, 0.0))


def _local(rest: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Subtract the weighted average over a neighbourhood of LOCAL_SIZE of the square (standard deviation)."""
    sigma = LOCAL_SIZE * rest.shape[0]
    blur = (sigma, sigma, 0.0)
    return rest - gaussian_filter(rest * weight, blur) / np.maximum(gaussian_filter(weight, blur), 1e-3)


def _frame_grid(size: int) -> np.ndarray:
    """Return the pixel centres of a `size`-pixel crop in the square's frame, [size, size, 2] float32."""
    centres = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.stack(np.meshgrid(centres, centres), axis=2)


def _field(points: np.ndarray, values: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Interpolate values [N, C] at points over the square: linear between the points, zero on the ring and beyond.

    Returns:
        [FIELD_SIZE, FIELD_SIZE, C] float32, slightly smoothed against creases.
    """
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    inner = np.isfinite(points).all(axis=1)
    places = np.concatenate([points[inner], ring, corners])
    padded = np.concatenate([values[inner], np.zeros((len(ring) + 4, values.shape[1]))])
    grid = _frame_grid(FIELD_SIZE)
    field = LinearNDInterpolator(places, padded, fill_value=0.0)(grid[:, :, 0], grid[:, :, 1])
    return gaussian_filter(field, sigma=(1.0, 1.0, 0.0)).astype(np.float32)


def _sample_picture(picture_f32: np.ndarray, region: FaceRegion, sources: np.ndarray) -> np.ndarray:
    """Sample the picture at points of the square's frame, [h, w, 3]; a pixel that is its own source stays unchanged."""
    height, width = picture_f32.shape[:2]
    x0, y0, x1, y1 = region.box
    step = (sources - region.grid) @ np.asarray(region.alignment.matrix()[:2, :2].T, dtype=np.float32)
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32) + np.float32(0.5)
    reach = int(np.ceil(np.abs(step).max())) + 3
    low_x, low_y, high_x, high_y = max(0, x0 - reach), max(0, y0 - reach), min(width, x1 + reach), min(height, y1 + reach)
    window = picture_f32[low_y:high_y, low_x:high_x]
    coordinates = np.stack([(x + step[..., 0] - low_x) / (high_x - low_x), (y + step[..., 1] - low_y) / (high_y - low_y)], 2)
    sampled = sample(window, coordinates)
    return np.where((step == 0.0).all(axis=2, keepdims=True), picture_f32[y0:y1, x0:x1], sampled)


def _grown(outline: np.ndarray, growth: float | tuple[float, float]) -> np.ndarray:
    """Scale an outline [N, 2] about its mean, by one factor or one for each axis."""
    middle = outline.mean(axis=0)
    return middle + (outline - middle) * np.asarray(growth)


def _draw_polygon(outline: np.ndarray) -> np.ndarray:
    """Fill a polygon of the square's frame, [MASK_SIZE, MASK_SIZE] float32 of 0 and 1."""
    canvas = Image.new("L", (MASK_SIZE, MASK_SIZE))
    ImageDraw.Draw(canvas).polygon([(x * MASK_SIZE, y * MASK_SIZE) for x, y in outline], fill=1)
    return np.asarray(canvas, dtype=np.float32)


def _smooth_edge(inside: np.ndarray, width: float) -> np.ndarray:
    """Convert a 0/1 shape to [.., .., 1] that rises from exactly 0 at its edge to 1 about 2 * width further inside."""
    blurred = gaussian_filter(inside, sigma=width * MASK_SIZE / 2, mode="constant", truncate=3.0)
    ramp = np.clip(2.0 * blurred - 1.0, 0.0, 1.0)
    return (ramp * ramp * (3.0 - 2.0 * ramp))[:, :, None].astype(np.float32)
