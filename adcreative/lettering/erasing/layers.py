"""Lifts parts off a picture and pastes them elsewhere: words, a button, a logo. Their pixels stay unchanged.

    picture = ground (1 - alpha) + part      pasted on its original ground, a part restores the original pixels

A part on a flat ground or a gradient is separated by the fitted surface; on other grounds a button is separated by its
colour, and the hole is filled as behind letters. Knows pixels and boxes; not the purpose of a part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.erasing import draw_grain, erase_block, fill_hole
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.erasing.patterns import repeat_spots
from adcreative.lettering.erasing.shadows import find_shadow, measure_coverage
from adcreative.lettering.reading.blocks import FITTED as BLOCKS
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.reading.ink import fit_ground, measure_grain


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    least_off: float = 5.0  # 0..255: pixels with a larger difference from the ground belong to the part
    strong_off: float = 60.0  # 0..255, on a ground that is no surface: larger differences from a surface are not ground
    speck_px: int = 5  # maximum width of compression artifacts next to a button: thinner components are not part of the button
    # minimum coverage of a part's edge: smaller ones are the old ground's grain and artifacts, which stay there
    least_alpha: float = 0.12
    soft_px: int = 2  # width of a part's soft edge
    shadow_share: float = 0.5  # of a part's height: margin in which its shadow, its rim and the ground are examined
    least_plate_px: int = 12  # minimum side of a button recognized by its shape
    plate_row: float = 0.8  # minimum share of each of a button's rows, between its ends, in its colour or enclosed by it
    plate_fill: float = 0.9  # minimum share of all its pixels in its colour or enclosed by it
    max_part_share: float = 0.97  # maximum share of the window for a part: a larger component is no part on a ground
    least_reach_px: int = 8  # minimum margin around a part
    least_around: int = 64  # minimum pixels of ground for fitting its surface


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A part of a picture without its ground. part [h, w, 3] float32: its pixels less the visible ground; alpha [h, w].

    left, top: the original position of its upper left corner, px.
    """

    part: np.ndarray
    alpha: np.ndarray
    left: int
    top: int

    def at(self, left: int, top: int) -> Layer:
        """Return the part at another position."""
        return replace(self, left=left, top=top)

    def cut(self, box: Box) -> Layer:
        """Return the part inside a box (px of the picture)."""
        x0, y0, x1, y1 = (max(0, box[0] - self.left), max(0, box[1] - self.top), box[2] - self.left, box[3] - self.top)
        return Layer(part=self.part[y0:y1, x0:x1], alpha=self.alpha[y0:y1, x0:x1], left=self.left + x0, top=self.top + y0)

    def scaled(self, scale: float) -> Layer:
        """Return the part scaled, with its upper left corner fixed."""
        height, width = self.alpha.shape
        if scale == 1.0 or not height or not width:
            return self
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bands = [self.part[:, :, 0], self.part[:, :, 1], self.part[:, :, 2], self.alpha]
        resized = [np.asarray(Image.fromarray(band).resize(size, Image.Resampling.LANCZOS)) for band in bands]
        return Layer(part=np.stack(resized[:3], axis=2), alpha=resized[3].clip(0.0, 1.0), left=self.left, top=self.top)

    def inked(self, colour: tuple[int, int, int]) -> Layer:
        """Return the part in one colour."""
        return replace(self, part=self.alpha[:, :, None] * np.array(colour, np.float32))

    def cut_out(self, colour: tuple[int, int, int], ground: tuple[int, int, int]) -> Layer:
        """Return the part without pixels of its old ground's colour, such as the hole in an A; colour: of its letters."""
        away = np.array(colour, np.float32) - np.array(ground, np.float32)
        pixels = self.part / np.maximum(self.alpha, FITTED.least_alpha)[:, :, None] - np.array(ground, np.float32)
        share = np.clip(pixels @ away / max(1.0, float(away @ away)), 0.0, 1.0)
        return replace(self, part=self.part * share[:, :, None], alpha=(self.alpha * share).astype(np.float32))

    def cover(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the part's coverage of a picture [H, W] at its position, 0..1."""
        covers = np.zeros(shape[:2], np.float32)
        x0, y0 = max(0, self.left), max(0, self.top)
        part = self.alpha[y0 - self.top :, x0 - self.left :][: max(0, shape[0] - y0), : max(0, shape[1] - x0)]
        covers[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
        return covers

    def paste(self, picture: np.ndarray) -> np.ndarray:
        """Paste the part into a picture [H, W, 3] uint8, in place, clipped to the picture.

        Returns:
            the mask [H, W] of the covered pixels.
        """
        height, width = picture.shape[:2]
        under = np.zeros((height, width), bool)
        x0, y0 = max(0, self.left), max(0, self.top)
        x1, y1 = min(width, self.left + self.alpha.shape[1]), min(height, self.top + self.alpha.shape[0])
        if x1 <= x0 or y1 <= y0:
            return under
        cut = (slice(y0 - self.top, y1 - self.top), slice(x0 - self.left, x1 - self.left))
        ground, alpha = picture[y0:y1, x0:x1].astype(np.float32), self.alpha[cut][:, :, None]
        picture[y0:y1, x0:x1] = (ground * (1.0 - alpha) + self.part[cut]).round().clip(0, 255).astype(np.uint8)
        under[y0:y1, x0:x1] = self.alpha[cut] > 0
        return under


def lift_block(
    image_u8: np.ndarray, block: TextBlock, inpainter: FillHoles, keep_out: np.ndarray
) -> tuple[Layer, np.ndarray, np.ndarray] | None:
    """Lift a block of text, with its button, off the picture [H, W, 3].

    Args:
        keep_out: [H, W] pixels that are not ground.
    Returns:
        the part, the picture without it and the mask [H, W] of replaced pixels; None if the part cannot be separated.
    """
    if block.plate is not None:
        return lift_shape(image_u8, block.plate, inpainter, keep_out, colour=block.ground)
    alpha = measure_coverage(image_u8, block)
    erased, mask = erase_block(image_u8, block, inpainter, keep_out, shadow=find_shadow(image_u8, block, alpha))
    return _layer(image_u8, erased, mask, alpha * mask), erased, mask


def lift_shape(
    image_u8: np.ndarray,
    box: Box,
    inpainter: FillHoles,
    keep_out: np.ndarray,
    *,
    colour: tuple[int, int, int] | None = None,
    reach_px: int | None = None,
) -> tuple[Layer, np.ndarray, np.ndarray] | None:
    """Lift the shape in a box, with its rim and shadow, off the picture [H, W, 3]; returns as `lift_block`.

    Args:
        colour: RGB of the shape, for separation on a ground that is neither flat nor a gradient; None: by contrast.
        reach_px: margin around the box for its shadow and the ground; None: a share of its height.
    """
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = box
    reach = max(FITTED.least_reach_px, round(FITTED.shadow_share * (y1 - y0))) if reach_px is None else reach_px
    left, top, right, bottom = max(0, x0 - reach), max(0, y0 - reach), min(width, x1 + reach), min(height, y1 + reach)
    crop_u8, barred = image_u8[top:bottom, left:right], keep_out[top:bottom, left:right]
    inside = np.zeros(crop_u8.shape[:2], bool)
    inside[max(0, y0 - 2 - top) : y1 + 2 - top, max(0, x0 - 2 - left) : x1 + 2 - left] = True
    crop = crop_u8.astype(np.float32)
    around = ~inside & ~barred
    if around.sum() < FITTED.least_around:
        return None
    surface, residual = fit_ground(crop, around)
    grain = measure_grain(crop, around)
    mask, erased, off = np.zeros((height, width), bool), image_u8.copy(), np.abs(crop - surface).max(axis=2)
    is_surface = residual <= max(INK.flat_residual, INK.grain_residual * grain)
    shape = _shape(off > FITTED.least_off + 3.0 * grain, inside, barred) if is_surface else None
    if shape is not None:
        faint = (off > FITTED.least_off) & ndimage.binary_dilation(shape, iterations=max(FITTED.soft_px, reach // 2)) & ~barred
        hole = ndimage.binary_dilation(shape, iterations=FITTED.soft_px) | faint
        filled = (surface + draw_grain(crop_u8, grain, hole)).round().clip(0, 255).astype(np.uint8)
        erased[top:bottom, left:right][hole] = filled[hole]
        mask[top:bottom, left:right] = hole
    else:
        own = (x0 - left, y0 - top, x1 - left, y1 - top)
        plate = None if colour is None or (inside & barred).any() else find_plate_coverage(crop, own, colour)
        if plate is not None:
            return _lift_plate(image_u8, (left, top), plate, inpainter, keep_out)
        if colour is not None:
            near = np.linalg.norm(crop - np.array(colour, np.float32), axis=2) <= BLOCKS.plate_tolerance
            near |= inside & _pill_mask(inside.shape, own, 3)
            shape = _shape(near, inside, barred)
        else:
            shape = _shape(off > FITTED.strong_off, inside, barred)
        if shape is None:
            return None
        mask[top:bottom, left:right] = ndimage.binary_dilation(shape, iterations=FITTED.soft_px + 1)
        erased, drawn = fill_hole(image_u8, mask, keep_out & ~mask, inpainter)
        mask |= drawn
    erased = repeat_spots(erased, mask, keep_out & ~mask)
    alpha = np.zeros((height, width), np.float32)
    solid = shape if colour is None else ndimage.binary_opening(shape, np.ones((FITTED.speck_px, FITTED.speck_px)))
    alpha[top:bottom, left:right] = _edge_alpha(crop, erased[top:bottom, left:right].astype(np.float32), solid)
    alpha[alpha < FITTED.least_alpha] = 0.0
    return _layer(image_u8, erased, mask & (alpha > 0.0), alpha), erased, mask


def find_plate_coverage(crop: np.ndarray, box: Box, colour: tuple[int, int, int]) -> np.ndarray | None:
    """Return the coverage 0..1 of a picture [h, w] by a button of one colour, a rounded rectangle that fills a box.

    The button's ground may have the button's colour, too, so the radius is that of its second roundest corner. None for
    another shape.

    Args:
        crop: [h, w, 3] the picture, with or without the label's letters. box: of the button, px.
    """
    x0, y0, x1, y1 = box
    if min(x0, y0) < 0 or x1 > crop.shape[1] or y1 > crop.shape[0] or min(x1 - x0, y1 - y0) < FITTED.least_plate_px:
        return None
    near = np.linalg.norm(crop - np.array(colour, np.float32), axis=2) <= BLOCKS.plate_tolerance
    full = np.flatnonzero(near[y0:y1, x0:x1].sum(axis=1) >= FITTED.plate_row * (x1 - x0 - (y1 - y0)))
    if not len(full):
        return None
    box = (x0, y0 + int(full[0]), x1, y0 + int(full[-1]) + 1)  # without a glow next to it
    inner, half = near[box[1] : box[3], x0:x1], min(x1 - x0, box[3] - box[1]) // 2
    corners = [turned[:half, :half] for turned in (inner, inner[:, ::-1], inner[::-1], inner[::-1, ::-1])]
    radii = np.arange(half + 1)
    shapes = [_round_coverage((2 * half, 2 * half), (0, 0, 2 * half, 2 * half), float(r))[:half, :half] > 0.5 for r in radii]
    best = sorted(int(radii[np.argmin([(shape != corner).sum() for shape in shapes])]) for corner in corners)
    coverage = _round_coverage(near.shape, box, best[-2])
    solid = ndimage.binary_erosion(coverage >= 1.0, iterations=1)[box[1] : box[3], x0:x1]
    filled = ndimage.binary_fill_holes(inner | ~solid) & solid
    is_filled = bool(solid.any()) and float(filled.sum()) >= FITTED.plate_fill * float(solid.sum())
    return coverage if is_filled else None


def _round_coverage(shape: tuple[int, ...], box: Box, radius: float) -> np.ndarray:
    """Return the coverage [h, w] of a rectangle with round corners."""
    x0, y0, x1, y1 = box
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    across, down = np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2 + radius, np.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2 + radius
    beyond = np.hypot(np.maximum(across, 0.0), np.maximum(down, 0.0)) + np.minimum(np.maximum(across, down), 0.0) - radius
    return np.asarray(np.clip(0.5 - beyond, 0.0, 1.0), np.float32)


def _lift_plate(
    image_u8: np.ndarray, corner: tuple[int, int], coverage: np.ndarray, inpainter: FillHoles, keep_out: np.ndarray
) -> tuple[Layer, np.ndarray, np.ndarray]:
    """Lift a button with coverage [h, w] at a corner (x, y) off a picture; its soft edge gets the colour next to it."""
    (left, top), (height, width) = corner, coverage.shape
    mask = np.zeros(image_u8.shape[:2], bool)
    mask[top : top + height, left : left + width] = ndimage.binary_dilation(coverage > 0.0, iterations=FITTED.soft_px)
    erased, drawn = fill_hole(image_u8, mask, keep_out & ~mask, inpainter)
    mask |= drawn
    core = ndimage.binary_erosion(coverage >= 1.0, iterations=1)
    nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    crop = image_u8[top : top + height, left : left + width].astype(np.float32)
    part = np.where((coverage >= 1.0)[:, :, None], crop, crop[tuple(nearest)]) * coverage[:, :, None]
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    layer = Layer(part=part[cut], alpha=coverage[cut], left=left + int(columns[0]), top=top + int(rows[0]))
    return layer, repeat_spots(erased, mask, keep_out & ~mask), mask


def _shape(off: np.ndarray, inside: np.ndarray, barred: np.ndarray) -> np.ndarray | None:
    """Return the mask [h, w] of the components in the middle, holes filled; None if one extends beyond the window."""
    labels, _ = ndimage.label(ndimage.binary_closing(off, iterations=1) | off)
    own = set(np.unique(labels[inside])) - {0}
    shape = ndimage.binary_fill_holes(np.isin(labels, list(own)))
    rim = np.zeros(shape.shape, bool)
    rim[0], rim[-1], rim[:, 0], rim[:, -1] = True, True, True, True
    if not shape.any() or (shape & rim).any() or (shape & barred).any() or shape.mean() > FITTED.max_part_share:
        return None
    return np.asarray(shape)


def _pill_mask(shape: tuple[int, ...], box: Box, inset: int) -> np.ndarray:
    """Return the mask [h, w] covered by every button that fills a box, whatever the radius of its ends, less an inset (px)."""
    x0, y0, x1, y1 = box
    radius = min(x1 - x0, y1 - y0) / 2
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    beside = np.maximum(np.maximum(x0 + radius - x, x - x1 + radius), 0.0)
    above = np.maximum(np.maximum(y0 + radius - y, y - y1 + radius), 0.0)
    return np.asarray(np.hypot(beside, above) <= radius - inset)


def _edge_alpha(crop: np.ndarray, ground: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return a part's coverage of its ground [h, w]: 1 inside, at the edge proportional to its difference from the ground."""
    core = ndimage.binary_erosion(shape, iterations=FITTED.soft_px)
    distance = np.abs(crop - ground).max(axis=2)
    nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    full = distance[tuple(nearest)] if core.any() else np.full_like(distance, max(1.0, float(distance.max())))
    alpha = np.where(core, 1.0, np.clip(distance / np.maximum(full, 1.0), 0.0, 1.0))
    return np.where(ndimage.binary_dilation(shape, iterations=FITTED.soft_px), alpha, 0.0).astype(np.float32)


def _layer(image_u8: np.ndarray, ground_u8: np.ndarray, mask: np.ndarray, alpha: np.ndarray) -> Layer:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Layer(part=np.zeros((0, 0, 3), np.float32), alpha=np.zeros((0, 0), np.float32), left=0, top=0)
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    pixels, ground, covers = image_u8[cut].astype(np.float32), ground_u8[cut].astype(np.float32), alpha[cut]
    part = np.where(mask[cut][:, :, None], pixels - ground * (1.0 - covers[:, :, None]), 0.0)
    return Layer(part=part.astype(np.float32), alpha=covers.astype(np.float32), left=int(columns[0]), top=int(rows[0]))
