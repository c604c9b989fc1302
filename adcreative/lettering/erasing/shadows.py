"""Soft shadows and glows that letters cast on their ground: found in a picture, taken off it, and cast by new letters.

    seen = ground (1 - strength s) + end strength s      s: the letters' coverage, shifted and blurred; end: black or white

The ground of a photograph is not known, but its slopes do not know of the letters: the shadow is the one without which the
slopes of the picture around the letters are least, by robust least squares. A hard shadow, the letters moved by whole pixels
and not blurred, hides most of its edges behind them: it is the one that best parts darker from lighter pixels beside them.
Knows pixels and coverages; no fonts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from adcreative.lettering.erasing.holes import window_of
from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.ink import luminance, measure_letters

REACH_SHARE, LEAST_REACH_PX = 0.8, 12  # of a line's height: how far from its letters a shadow is looked for
FITTED_HEIGHT_PX = 40.0  # of lines: larger pictures are looked at smaller
BLURS = (0.03, 0.045, 0.065, 0.09, 0.12, 0.155, 0.2, 0.26)  # deviations of shadows that are tried, in heights of a line
MAX_SHIFT = 0.3  # of a line's height
LEAST_STRENGTH, MAX_STRENGTH = 0.25, 0.95  # a fainter one is hardly seen, and may be the picture's own shade
LEAST_SEEN = 8.0  # 0..255 by which a shadow changes the ground where it is fullest: less is the overshoot of compression
NEAR_PX = 3  # pixels so near to letters are soft edges and compression's ringing
NUM_STRIPS, LEAST_SURE = 8, 4.0  # of a text, which have to agree; deviations of the strength's mean over them above nothing
HARD_REACH, LEAST_HARD_PX = 0.14, 3  # of a line's height: how far a hard shadow is shifted at most; at least looked for so far
NUM_HARD, LEAST_LIGHT = 12, 4.0  # moves that are looked at closely; 0..255 below which light is mostly noise
LEAST_PARTED, LEAST_COVERED = 0.5, 0.75  # of the variance beside letters that a hard shadow explains; of its pixels that are at
# least half as dark as usual
SAME_COLOUR, NUM_COLOURS, GREY_OFF = 26.0, 4, 16.0  # distance of colours in an opaque shadow; how many are tried; 0..255 by
# which a black or white one may miss it and is taken
MOST_SHADE = 0.7  # of the pixels around letters that a shadow to one side covers
FAINTEST = 0.006  # of a shadow: pixels that it covers less stay as they are
ROUNDS, NOISE = 6, 1.5  # deviation (0..255) that every pixel may have: slopes of dark ones' logarithms are mostly noise
LIGHT_INK = 0.18  # luminance of a middle grey: lighter letters cast shadows, darker ones glow
TRUNCATE = 3.0  # deviations of a blur


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A shadow of letters, or a glow around them: end 0 or 255, or the colour of an opaque one; strength 0..1, shift (down,
    right) and deviation in px, 0 for a hard one, of which nothing can be lifted where it is opaque."""

    end: float | tuple[int, int, int]
    strength: float
    shift_px: tuple[float, float]
    blur_px: float

    @property
    def is_hard(self) -> bool:
        return self.blur_px == 0.0

    def cover(self, coverage: np.ndarray) -> np.ndarray:
        """Return how far the shadow of letters that cover [H, W] covers the picture [H, W]; where they stand, too."""
        return self.strength * _soft(coverage, self.blur_px, self.shift_px)

    def cast(self, image_u8: np.ndarray, coverage: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the shadow of letters that cover [H, W]."""
        return self._mixed(image_u8, coverage, is_cast=True)

    def lift(self, image_u8: np.ndarray, coverage: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] without the shadow of letters that cover [H, W]; where they stand it means nothing."""
        return self._mixed(image_u8, coverage, is_cast=False)

    def _mixed(self, image_u8: np.ndarray, coverage: np.ndarray, *, is_cast: bool) -> np.ndarray:
        reach = int(np.ceil(TRUNCATE * self.blur_px + max(map(abs, self.shift_px)))) + 1
        out, window = image_u8.copy(), window_of(coverage > 0.0, reach)
        if window is None:
            return out
        crop = image_u8[window].astype(np.float32)
        cover = self.strength * _soft(coverage[window], self.blur_px, self.shift_px)
        mixed = _mix(crop, cover[:, :, None], self.end, is_cast=is_cast)
        touched = cover > FAINTEST
        out[window][touched] = mixed.round().clip(0, 255).astype(np.uint8)[touched]
        return out


def _mix(values: np.ndarray, cover: np.ndarray, end: float | tuple[int, int, int], *, is_cast: bool) -> np.ndarray:
    own = np.asarray(end, np.float32)
    return np.asarray(values * (1.0 - cover) + own * cover if is_cast else (values - own * cover) / (1.0 - cover))


def _soft(coverage: np.ndarray, blur_px: float, shift_px: tuple[float, float]) -> np.ndarray:
    """Return letters' coverage [h, w] as their shadow has it."""
    import cv2

    half = int(np.ceil(TRUNCATE * blur_px))  # 0 leaves it as it is
    soft = cv2.GaussianBlur(coverage.astype(np.float32), (2 * half + 1,) * 2, blur_px, borderType=cv2.BORDER_CONSTANT)
    across = np.array([[1.0, 0.0, shift_px[1]], [0.0, 1.0, shift_px[0]]])
    return np.asarray(cv2.warpAffine(soft, across, soft.shape[::-1], flags=cv2.INTER_LINEAR))


def _slopes(values: np.ndarray) -> np.ndarray:
    """Return how values [h, w] rise down and right [2, h, w], as np.gradient does and in half of its time."""
    slopes = np.empty((2, *values.shape), values.dtype)
    for found, along in ((slopes[0], values), (slopes[1].T, values.T)):
        np.subtract(along[2:], along[:-2], out=found[1:-1])
        found[1:-1] /= 2.0
        found[0], found[-1] = along[1] - along[0], along[-1] - along[-2]
    return slopes


def measure_coverage(image_u8: np.ndarray, block: TextBlock) -> np.ndarray:
    """Return how far a block's letters cover the picture [H, W], 0..1."""
    coverage = np.zeros(image_u8.shape[:2], np.float32)
    for line in block.lines:
        ink = measure_letters(image_u8, line.box, pad=max(3.0, 0.3 * line.height))
        x0, y0, x1, y1 = ink.window
        np.maximum(coverage[y0:y1, x0:x1], ink.coverage, out=coverage[y0:y1, x0:x1])
    return coverage


def find_shadow(image_u8: np.ndarray, block: TextBlock, coverage: np.ndarray) -> Shadow | None:
    """Return the shadow that a block's letters, which cover [H, W], cast in the picture [H, W, 3]; None when they have none."""
    import cv2

    height_px = float(np.median([line.height for line in block.lines]))
    reach = max(LEAST_REACH_PX, round(REACH_SHARE * height_px))
    x0, y0, x1, y1 = block.box
    window = (slice(max(0, y0 - reach), y1 + reach), slice(max(0, x0 - reach), x1 + reach))
    crop, letters = image_u8[window].astype(np.float32).mean(axis=2), coverage[window]
    end = 0.0 if float(luminance(np.array(block.colour))) > LIGHT_INK else 255.0
    moves = _Moves(letters, height_px)
    hard = _find_hard(np.maximum(np.abs(end - crop), 1.0), moves, end)
    coloured = _find_coloured(image_u8[window].astype(np.float32), moves, hard)
    if coloured is not None or hard is not None:
        return coloured or hard
    scale = min(1.0, FITTED_HEIGHT_PX / height_px)
    near = ndimage.binary_dilation(letters > 0.05, iterations=NEAR_PX).astype(np.float32)
    size = (max(8, round(scale * crop.shape[1])), max(8, round(scale * crop.shape[0])))
    crop, letters, near = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (crop, letters, near))
    light, known, height_px = np.maximum(np.abs(end - crop), 1.0), near < 0.02, height_px * scale
    if not known.any():
        return None
    ground = _Slopes(light, known)
    trials = [_Trial(ground, letters, blur * height_px, MAX_SHIFT * height_px) for blur in BLURS]
    best = min(trials, key=lambda trial: trial.cost)
    is_seen = best.strength * float(np.median(light[known])) >= LEAST_SEEN
    if not is_seen or best.strength < LEAST_STRENGTH or best.sureness() < LEAST_SURE:
        return None
    down, right = (float(one) / scale for one in best.shift)
    return Shadow(end=end, strength=min(best.strength, MAX_STRENGTH), shift_px=(down, right), blur_px=best.blur / scale)


def _find_hard(light: np.ndarray, moves: _Moves, end: float) -> Shadow | None:
    """Return the hard shadow of letters that may be moved so; None when they have none.

        -log light = -log(1 - strength) (letters moved by (dy, dx)) + ground,      the move with the largest R^2

    Both sides less their means around, so that it is held against the ground next to it.

    Args:
        light: [h, w] |end - seen|, above 0.
    """
    if not moves.is_enough:
        return None
    best, inside, dark, own = moves.find(-np.log(np.maximum(light, LEAST_LIGHT)))
    if not inside.any() or moves.parted(dark, own) < LEAST_PARTED * float(dark @ dark):
        return None
    depth = float(dark @ own) / float(own @ own)
    strength, left = 1.0 - float(np.exp(-depth)), dark - depth * own
    is_seen = strength >= LEAST_STRENGTH and strength * float(np.median(light[moves.band][~inside])) >= LEAST_SEEN
    is_whole = float((left[inside] > -0.5 * depth).mean()) >= LEAST_COVERED
    if not (is_seen and is_whole):
        return None
    return Shadow(end=end, strength=strength, shift_px=(float(best[0]), float(best[1])), blur_px=0.0)


def _find_coloured(crop: np.ndarray, moves: _Moves, grey: Shadow | None) -> Shadow | None:
    """Return the opaque hard shadow, of one colour, of letters that may be moved so; None when they have none.

    It is told as a grey one is, by which pixels beside letters have one of their most frequent colours.

    Args:
        crop: [h, w, 3] the picture. grey: the hard shadow of black or white that was found there; None: none. What it explains
            is left to it.
    """
    if not moves.is_enough:
        return None
    for colour in _frequent(crop[moves.band]):
        near = np.linalg.norm(crop - colour, axis=2) <= SAME_COLOUR
        if not 0.0 < float(near[moves.band].mean()) <= MOST_SHADE:
            continue
        best, inside, seen, own = moves.find(near.astype(np.float32))
        if not inside.any() or moves.parted(seen, own) < LEAST_PARTED * float(seen @ seen):
            continue
        if float(near[moves.band][inside].mean()) < LEAST_COVERED:
            continue
        found = np.median(crop[moves.band][inside & near[moves.band]], axis=0)
        usual = np.median(crop[moves.band][~near[moves.band]], axis=0)
        shaded = usual if grey is None else _mix(usual, np.asarray(grey.strength, np.float32), grey.end, is_cast=True)
        if grey is not None and np.abs(shaded - found).max() < GREY_OFF:
            return None
        if np.abs(found - usual).max() < LEAST_SEEN:
            continue
        end = (int(found[0]), int(found[1]), int(found[2]))
        return Shadow(end=end, strength=1.0, shift_px=(float(best[0]), float(best[1])), blur_px=0.0)
    return None


def _frequent(colours: np.ndarray) -> np.ndarray:
    """Return the most frequent of colours [N, 3], as many as NUM_COLOURS, the most frequent first."""
    from PIL import Image

    reduced = Image.fromarray(colours[None].astype(np.uint8)).quantize(2 * NUM_COLOURS)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=2 * NUM_COLOURS)
    palette = np.array(reduced.getpalette() or [], np.float32).reshape(-1, 3)[: len(counts)]
    return np.asarray(palette[np.argsort(-counts)[: min(NUM_COLOURS, len(palette))]])


class _Moves:
    """The whole-pixel moves that a hard shadow of letters [h, w], `height_px` high, may have. band [h, w]: beside letters."""

    def __init__(self, letters: np.ndarray, height_px: float) -> None:
        self._reach = max(LEAST_HARD_PX, round(HARD_REACH * height_px))
        self.band = ndimage.binary_dilation(letters > 0.05, iterations=self._reach) & (letters <= 0.05)
        self._weight = np.maximum(_near(self.band.astype(np.float32), self._reach), 1e-3)[self.band]
        self._framed, self._shape = np.pad(letters, self._reach), letters.shape
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    @property
    def is_enough(self) -> bool:
        """Whether there are pixels enough beside the letters."""
        return len(self._weight) >= 64

    def find(self, values: np.ndarray) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
        """Return the move (down, right) that best parts values [h, w] beside the letters; which of these pixels it covers, and
        the values and the moved letters there, less their means around [N]."""
        seen = self._centred(values)
        steps = range(-self._reach, self._reach + 1)
        moves = [(dy, dx) for dy in steps for dx in steps if dy or dx]
        moves.sort(key=lambda shift: -self.parted(seen, self._moved(shift)[self.band]))
        best = max(moves[:NUM_HARD], key=lambda shift: self.parted(seen, self._centred_letters(shift)))
        return best, self._moved(best)[self.band] > 0.95, seen, self._centred_letters(best)

    @staticmethod
    def parted(seen: np.ndarray, values: np.ndarray) -> float:
        """Return how much of what is seen values explain, squared; 0 where they go the other way."""
        along = float(seen @ values)
        return max(along, 0.0) ** 2 / max(float(values @ values), 1e-6)

    def _moved(self, shift: tuple[int, int]) -> np.ndarray:
        top, left = self._reach - shift[0], self._reach - shift[1]
        return self._framed[top : top + self._shape[0], left : left + self._shape[1]]

    def _centred_letters(self, shift: tuple[int, int]) -> np.ndarray:
        """Return the moved letters, centred; kept, since a colour is looked for under much the same moves as another."""
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
    """The slopes of what is seen, log |end - seen|, at the pixels that are no letters: seen [N] down and then right, and the
    scale [N] of what they usually are.

    Args:
        light: [h, w] |end - seen|, above 0. known: [h, w] the pixels that are no letters.
    """

    def __init__(self, light: np.ndarray, known: np.ndarray) -> None:
        self.known = known
        places = np.flatnonzero(known)
        self._places = np.concatenate([places, places + known.size])
        self.seen = self.of(np.log(light))
        usual = 1.5 * float(np.median(np.abs(self.seen)))
        self.scale = np.tile(np.hypot(usual, NOISE / light[known]), 2)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the slopes of values [h, w] at the same pixels [N]."""
        return _slopes(values).ravel()[self._places]


class _Trial:
    """The strength and the shift of a shadow of given deviation: Gauss-Newton with weights that edges of things hardly have.

    slopes(log |end - seen|) = slopes(log(1 - strength s)) + slopes of the ground, as little as can be
    """

    def __init__(self, ground: _Slopes, letters: np.ndarray, blur: float, max_shift: float) -> None:
        self.blur, self.strength, self.shift = blur, 0.3, np.array([0.0, 0.0])
        self._ground, self._letters, self._scale = ground, letters, ground.scale
        for _ in range(ROUNDS):
            residual, terms = self._linear()
            weight = 1.0 / (1.0 + (residual / self._scale) ** 2)
            normal = (terms * weight) @ terms.T
            normal += 1e-3 * np.diag(np.diag(normal)) + 1e-9 * np.eye(3)
            step = np.linalg.solve(normal, (terms * weight) @ residual)
            self.strength = float(np.clip(self.strength + np.clip(step[0], -0.3, 0.3), 0.02, MAX_STRENGTH))
            self.shift = np.clip(self.shift + np.clip(step[1:], -2.0, 2.0), -max_shift, max_shift)
        self.cost = float(np.log1p((self._linear()[0] / self._scale) ** 2).sum())

    def _linear(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is left [N] of the known slopes and its terms [3, N]: of the strength, the shift down and right."""
        soft = _soft(self._letters, self.blur, (float(self.shift[0]), float(self.shift[1])))
        light = 1.0 - self.strength * soft
        moved = [self.strength * one / light for one in _slopes(soft)]
        terms = [-soft / light, *moved]
        return self._ground.seen - self._ground.of(np.log(light)), np.stack([self._ground.of(one) for one in terms])

    def sureness(self) -> float:
        """Return how sure the strength is: the mean of what strips of the text have each by themselves, in deviations of it.

        A strip counts as much as it has of the shadow.
        """
        residual, terms = self._linear()
        weight = 1.0 / (1.0 + (residual / self._scale) ** 2)
        known = self._ground.known
        columns = np.broadcast_to(np.arange(known.shape[1]), known.shape)[known]
        strip = np.tile(columns * NUM_STRIPS // known.shape[1], 2)
        above = np.bincount(strip, weight * terms[0] * (residual + self.strength * terms[0]), NUM_STRIPS)
        below = np.bincount(strip, weight * terms[0] ** 2, NUM_STRIPS)
        found, share = above / np.maximum(below, 1e-9), below / max(float(below.sum()), 1e-9)
        mean = float((share * found).sum())
        return mean / max(1e-6, float(np.sqrt((share**2 * (found - mean) ** 2).sum())))
