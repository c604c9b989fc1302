"""Soft shadows and glows of letters on their ground: detected in a picture, removed, and rendered for new letters.

    seen = ground (1 - strength s) + end strength s      s: the letters' coverage, shifted and blurred; end: black or white

The ground of a photograph is unknown, but its slopes are independent of the letters: the best shadow minimizes the slopes of
the picture around the letters once removed, by robust least squares. A hard shadow, the letters moved by whole pixels
without blur, hides most of its edges behind the letters: the best one separates darker from lighter pixels next to them.
Knows pixels and coverages; no fonts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of
from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.ink import luminance, measure_letters


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_shadows.py`."""

    reach_share: float = 0.8  # of a line's height: search radius of a shadow around its letters
    least_reach_px: int = 12  # minimum of that radius
    fitted_height_px: float = 40.0  # height of lines after downscaling larger pictures
    # candidate deviations of shadows, in heights of a line
    blurs: tuple[float, ...] = (0.03, 0.045, 0.065, 0.09, 0.12, 0.155, 0.2, 0.26)
    max_shift: float = 0.3  # of a line's height
    least_strength: float = 0.25  # 0..1: a fainter shadow is hardly visible, and may be the picture's own shading
    max_strength: float = 0.95  # 0..1
    # 0..255: minimum change of the ground by a shadow: less is overshoot of compression
    least_seen: float = 8.0
    near_px: int = 3  # pixels closer to letters are soft edges and compression artifacts
    num_strips: int = 8  # strips of a text, which have to agree
    least_sure: float = 4.0  # minimum ratio of the mean strength over the strips to its deviation
    hard_reach: float = 0.14  # of a line's height: maximum shift of a hard shadow
    least_hard_px: int = 3  # minimum of that shift
    num_hard: int = 12  # moves examined closely
    least_light: float = 4.0  # 0..255: darker pixels are mostly noise
    least_parted: float = 0.5  # minimum share of the variance next to letters explained by a hard shadow
    least_covered: float = 0.75  # minimum share of its pixels at least half as dark as usual
    same_colour: float = 26.0  # maximum distance of colours in an opaque shadow, 0..255 a channel
    num_colours: int = 4  # candidate colours
    grey_off: float = 16.0  # 0..255: maximum difference of a shadow from the black or white one that replaces it
    most_shade: float = 0.7  # maximum share of the pixels around letters covered by a shadow to one side
    faintest: float = 0.006  # pixels with less coverage by a shadow stay unchanged
    rounds: int = 6  # of Gauss-Newton
    noise: float = 1.5  # deviation (0..255) of every pixel: slopes of dark pixels' logarithms are mostly noise
    light_ink: float = 0.18  # luminance of a middle grey: lighter letters have shadows, darker letters have glows
    truncate: float = 3.0  # truncation of a blur, in deviations
    pad_share: float = 0.3  # of a line's height: margin in which letters are searched
    letter_coverage: float = 0.05  # 0..1: minimum coverage of a letter's pixel
    known_coverage: float = 0.02  # 0..1: maximum coverage of letters nearby for known ground
    least_band: int = 64  # minimum pixels next to letters
    moved_coverage: float = 0.95  # 0..1: minimum coverage of a pixel fully inside the moved letters
    start_strength: float = 0.3  # initial value of Gauss-Newton
    most_step: float = 0.3  # maximum change of the strength per round
    end_strength: float = 0.02  # minimum of the strength
    slope_spread: float = 1.5  # deviation of the slopes of uniform noise, relative to their median


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A shadow of letters, or a glow around them: end 0 or 255, or the colour of an opaque shadow; strength 0..1, shift (down,
    right) and deviation in px, 0 for a hard shadow, which cannot be removed where opaque."""

    end: float | tuple[int, int, int]
    strength: float
    shift_px: tuple[float, float]
    blur_px: float

    @property
    def is_hard(self) -> bool:
        return self.blur_px == 0.0

    def cover(self, coverage: np.ndarray) -> np.ndarray:
        """Return the coverage [H, W] of the picture by the shadow of letters with coverage [H, W], also under them."""
        return self.strength * _soft(coverage, self.blur_px, self.shift_px)

    def cast(self, image_u8: np.ndarray, coverage: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the shadow of letters with coverage [H, W] added."""
        return self._mixed(image_u8, coverage, is_cast=True)

    def lift(self, image_u8: np.ndarray, coverage: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the shadow of letters with coverage [H, W] removed; undefined under the letters."""
        return self._mixed(image_u8, coverage, is_cast=False)

    def _mixed(self, image_u8: np.ndarray, coverage: np.ndarray, *, is_cast: bool) -> np.ndarray:
        reach = int(np.ceil(FITTED.truncate * self.blur_px + max(map(abs, self.shift_px)))) + 1
        out, window = image_u8.copy(), window_of(coverage > 0.0, reach)
        if window is None:
            return out
        crop = image_u8[window].astype(np.float32)
        cover = self.strength * _soft(coverage[window], self.blur_px, self.shift_px)
        mixed = _mix(crop, cover[:, :, None], self.end, is_cast=is_cast)
        touched = cover > FITTED.faintest
        out[window][touched] = mixed.round().clip(0, 255).astype(np.uint8)[touched]
        return out


def _mix(values: np.ndarray, cover: np.ndarray, end: float | tuple[int, int, int], *, is_cast: bool) -> np.ndarray:
    own = np.asarray(end, np.float32)
    return np.asarray(values * (1.0 - cover) + own * cover if is_cast else (values - own * cover) / (1.0 - cover))


def _soft(coverage: np.ndarray, blur_px: float, shift_px: tuple[float, float]) -> np.ndarray:
    """Return letters' coverage [h, w], blurred and shifted like their shadow."""
    import cv2

    half = int(np.ceil(FITTED.truncate * blur_px))  # 0 leaves the coverage unchanged
    soft = cv2.GaussianBlur(coverage.astype(np.float32), (2 * half + 1,) * 2, blur_px, borderType=cv2.BORDER_CONSTANT)
    across = np.array([[1.0, 0.0, shift_px[1]], [0.0, 1.0, shift_px[0]]])
    return np.asarray(cv2.warpAffine(soft, across, soft.shape[::-1], flags=cv2.INTER_LINEAR))


def _slopes(values: np.ndarray) -> np.ndarray:
    """Return the slopes of values [h, w] down and right [2, h, w], equal to np.gradient in half of its time."""
    slopes = np.empty((2, *values.shape), values.dtype)
    for found, along in ((slopes[0], values), (slopes[1].T, values.T)):
        np.subtract(along[2:], along[:-2], out=found[1:-1])
        found[1:-1] /= 2.0
        found[0], found[-1] = along[1] - along[0], along[-1] - along[-2]
    return slopes


def measure_coverage(image_u8: np.ndarray, block: TextBlock) -> np.ndarray:
    """Return the coverage of the picture [H, W] by a block's letters, 0..1."""
    coverage = np.zeros(image_u8.shape[:2], np.float32)
    for line in block.lines:
        ink = measure_letters(image_u8, line.box, pad=max(3.0, FITTED.pad_share * line.height))
        x0, y0, x1, y1 = ink.window
        np.maximum(coverage[y0:y1, x0:x1], ink.coverage, out=coverage[y0:y1, x0:x1])
    return coverage


def find_shadow(image_u8: np.ndarray, block: TextBlock, coverage: np.ndarray) -> Shadow | None:
    """Return the shadow of a block's letters with coverage [H, W] in the picture [H, W, 3]; None without one."""
    import cv2

    height_px = float(np.median([line.height for line in block.lines]))
    reach = max(FITTED.least_reach_px, round(FITTED.reach_share * height_px))
    x0, y0, x1, y1 = block.box
    window = (slice(max(0, y0 - reach), y1 + reach), slice(max(0, x0 - reach), x1 + reach))
    crop, letters = image_u8[window].astype(np.float32).mean(axis=2), coverage[window]
    end = 0.0 if float(luminance(np.array(block.colour))) > FITTED.light_ink else 255.0
    moves = _Moves(letters, height_px)
    hard = _find_hard(np.maximum(np.abs(end - crop), 1.0), moves, end)
    coloured = _find_coloured(image_u8[window].astype(np.float32), moves, hard)
    if coloured is not None or hard is not None:
        return coloured or hard
    scale = min(1.0, FITTED.fitted_height_px / height_px)
    near = ndimage.binary_dilation(letters > FITTED.letter_coverage, iterations=FITTED.near_px).astype(np.float32)
    size = (max(8, round(scale * crop.shape[1])), max(8, round(scale * crop.shape[0])))
    crop, letters, near = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (crop, letters, near))
    light, known, height_px = np.maximum(np.abs(end - crop), 1.0), near < FITTED.known_coverage, height_px * scale
    if not known.any():
        return None
    ground = _Slopes(light, known)
    trials = [_Trial(ground, letters, blur * height_px, FITTED.max_shift * height_px) for blur in FITTED.blurs]
    best = min(trials, key=lambda trial: trial.cost)
    is_seen = best.strength * float(np.median(light[known])) >= FITTED.least_seen
    if not is_seen or best.strength < FITTED.least_strength or best.sureness() < FITTED.least_sure:
        return None
    down, right = (float(one) / scale for one in best.shift)
    return Shadow(end=end, strength=min(best.strength, FITTED.max_strength), shift_px=(down, right), blur_px=best.blur / scale)


def _find_hard(light: np.ndarray, moves: _Moves, end: float) -> Shadow | None:
    """Return the hard shadow of letters among these moves; None without one.

        -log light = -log(1 - strength) (letters moved by (dy, dx)) + ground,      the move with the largest R^2

    Both sides are centred by local means, so that the shadow is compared with the ground next to it.

    Args:
        light: [h, w] |end - seen|, above 0.
    """
    if not moves.is_enough:
        return None
    best, inside, dark, own = moves.find(-np.log(np.maximum(light, FITTED.least_light)))
    if not inside.any() or moves.parted(dark, own) < FITTED.least_parted * float(dark @ dark):
        return None
    depth = float(dark @ own) / float(own @ own)
    strength, left = 1.0 - float(np.exp(-depth)), dark - depth * own
    is_seen = strength >= FITTED.least_strength and strength * float(np.median(light[moves.band][~inside])) >= FITTED.least_seen
    is_whole = float((left[inside] > -0.5 * depth).mean()) >= FITTED.least_covered
    if not (is_seen and is_whole):
        return None
    return Shadow(end=end, strength=strength, shift_px=(float(best[0]), float(best[1])), blur_px=0.0)


def _find_coloured(crop: np.ndarray, moves: _Moves, grey: Shadow | None) -> Shadow | None:
    """Return the opaque hard shadow of one colour among these moves; None without one.

    Detection as for a grey shadow, on the mask of pixels next to letters with one of their most frequent colours.

    Args:
        crop: [h, w, 3] the picture. grey: the black or white hard shadow found before, None without one; pixels explained
            by it stay with it.
    """
    if not moves.is_enough:
        return None
    for colour in _frequent(crop[moves.band]):
        near = np.linalg.norm(crop - colour, axis=2) <= FITTED.same_colour
        if not 0.0 < float(near[moves.band].mean()) <= FITTED.most_shade:
            continue
        best, inside, seen, own = moves.find(near.astype(np.float32))
        if not inside.any() or moves.parted(seen, own) < FITTED.least_parted * float(seen @ seen):
            continue
        if float(near[moves.band][inside].mean()) < FITTED.least_covered:
            continue
        found = np.median(crop[moves.band][inside & near[moves.band]], axis=0)
        usual = np.median(crop[moves.band][~near[moves.band]], axis=0)
        shaded = usual if grey is None else _mix(usual, np.asarray(grey.strength, np.float32), grey.end, is_cast=True)
        if grey is not None and np.abs(shaded - found).max() < FITTED.grey_off:
            return None
        if np.abs(found - usual).max() < FITTED.least_seen:
            continue
        end = (int(found[0]), int(found[1]), int(found[2]))
        return Shadow(end=end, strength=1.0, shift_px=(float(best[0]), float(best[1])), blur_px=0.0)
    return None


def _frequent(colours: np.ndarray) -> np.ndarray:
    """Return the most frequent of colours [N, 3], at most FITTED.num_colours, the most frequent first."""
    from PIL import Image

    reduced = Image.fromarray(colours[None].astype(np.uint8)).quantize(2 * FITTED.num_colours)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=2 * FITTED.num_colours)
    palette = np.array(reduced.getpalette() or [], np.float32).reshape(-1, 3)[: len(counts)]
    return np.asarray(palette[np.argsort(-counts)[: min(FITTED.num_colours, len(palette))]])


class _Moves:
    """The whole-pixel moves of a hard shadow of letters [h, w] of height `height_px`. band [h, w]: next to letters."""

    def __init__(self, letters: np.ndarray, height_px: float) -> None:
        self._reach = max(FITTED.least_hard_px, round(FITTED.hard_reach * height_px))
        self.band = ndimage.binary_dilation(letters > FITTED.letter_coverage, iterations=self._reach)
        self.band &= letters <= FITTED.letter_coverage
        self._weight = np.maximum(_near(self.band.astype(np.float32), self._reach), 1e-3)[self.band]
        self._framed, self._shape = np.pad(letters, self._reach), letters.shape
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    @property
    def is_enough(self) -> bool:
        """Whether the letters have enough pixels next to them."""
        return len(self._weight) >= FITTED.least_band

    def find(self, values: np.ndarray) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
        """Return the move (down, right) that best separates values [h, w] next to the letters; the mask of these pixels under
        the moved letters; and the centred values and moved letters there [N]."""
        seen = self._centred(values)
        steps = range(-self._reach, self._reach + 1)
        moves = [(dy, dx) for dy in steps for dx in steps if dy or dx]
        moves.sort(key=lambda shift: -self.parted(seen, self._moved(shift)[self.band]))
        best = max(moves[: FITTED.num_hard], key=lambda shift: self.parted(seen, self._centred_letters(shift)))
        return best, self._moved(best)[self.band] > FITTED.moved_coverage, seen, self._centred_letters(best)

    @staticmethod
    def parted(seen: np.ndarray, values: np.ndarray) -> float:
        """Return the sum of squares of `seen` explained by values; 0 for a negative correlation."""
        along = float(seen @ values)
        return max(along, 0.0) ** 2 / max(float(values @ values), 1e-6)

    def _moved(self, shift: tuple[int, int]) -> np.ndarray:
        top, left = self._reach - shift[0], self._reach - shift[1]
        return self._framed[top : top + self._shape[0], left : left + self._shape[1]]

    def _centred_letters(self, shift: tuple[int, int]) -> np.ndarray:
        """Return the moved letters, centred; cached, since different colours need mostly the same moves."""
        if shift not in self._kept:
            self._kept[shift] = self._centred(self._moved(shift))
        return self._kept[shift]

    def _centred(self, values: np.ndarray) -> np.ndarray:
        around = _near(np.where(self.band, values, 0.0), self._reach)[self.band] / self._weight
        return np.asarray(values[self.band] - around)


def _near(values: np.ndarray, reach: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), float(reach), borderType=cv2.BORDER_CONSTANT))


class _Slopes:
    """The slopes of the observed log |end - seen| at pixels outside letters: seen [N] down and then right, and their usual
    scale [N].

    Args:
        light: [h, w] |end - seen|, above 0. known: [h, w] mask of pixels outside letters.
    """

    def __init__(self, light: np.ndarray, known: np.ndarray) -> None:
        self.known = known
        places = np.flatnonzero(known)
        self._places = np.concatenate([places, places + known.size])
        self.seen = self.of(np.log(light))
        usual = FITTED.slope_spread * float(np.median(np.abs(self.seen)))
        self.scale = np.tile(np.hypot(usual, FITTED.noise / light[known]), 2)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the slopes of values [h, w] at the same pixels [N]."""
        return _slopes(values).ravel()[self._places]


class _Trial:
    """The strength and shift of a shadow with a given deviation: Gauss-Newton with weights that are small at edges of objects.

    slopes(log |end - seen|) = slopes(log(1 - strength s)) + slopes of the ground, which are minimized
    """

    def __init__(self, ground: _Slopes, letters: np.ndarray, blur: float, max_shift: float) -> None:
        self.blur, self.strength, self.shift = blur, FITTED.start_strength, np.array([0.0, 0.0])
        self._ground, self._letters, self._scale = ground, letters, ground.scale
        for _ in range(FITTED.rounds):
            residual, terms = self._linear()
            weight = 1.0 / (1.0 + (residual / self._scale) ** 2)
            normal = (terms * weight) @ terms.T
            normal += 1e-3 * np.diag(np.diag(normal)) + 1e-9 * np.eye(3)
            step = np.linalg.solve(normal, (terms * weight) @ residual)
            strength = self.strength + np.clip(step[0], -FITTED.most_step, FITTED.most_step)
            self.strength = float(np.clip(strength, FITTED.end_strength, FITTED.max_strength))
            self.shift = np.clip(self.shift + np.clip(step[1:], -2.0, 2.0), -max_shift, max_shift)
        self.cost = float(np.log1p((self._linear()[0] / self._scale) ** 2).sum())

    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the residual [N] of the known slopes and its derivatives [3, N]: by strength, shift down and shift right."""
        soft = _soft(self._letters, self.blur, (float(self.shift[0]), float(self.shift[1])))
        light = 1.0 - self.strength * soft
        moved = [self.strength * one / light for one in _slopes(soft)]
        terms = [-soft / light, *moved]
        return self._ground.seen - self._ground.of(np.log(light)), np.stack([self._ground.of(one) for one in terms])

    def sureness(self) -> float:
        """Return the certainty of the strength: its mean over strips of the text, in deviations of that mean.

        Each strip is weighted by its share of the shadow.
        """
        residual, terms = self._linear()
        weight = 1.0 / (1.0 + (residual / self._scale) ** 2)
        known = self._ground.known
        columns = np.broadcast_to(np.arange(known.shape[1]), known.shape)[known]
        strip = np.tile(columns * FITTED.num_strips // known.shape[1], 2)
        above = np.bincount(strip, weight * terms[0] * (residual + self.strength * terms[0]), FITTED.num_strips)
        below = np.bincount(strip, weight * terms[0] ** 2, FITTED.num_strips)
        found, share = above / np.maximum(below, 1e-9), below / max(float(below.sum()), 1e-9)
        mean = float((share * found).sum())
        return mean / max(1e-6, float(np.sqrt((share**2 * (found - mean) ** 2).sum())))
