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


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen by hand, checked by `pytest tests/lettering/erasing/test_shadows.py`."""

    reach_share: float = 0.8  # of a line's height: how far from its letters a shadow is looked for
    least_reach_px: int = 12  # at least so far
    fitted_height_px: float = 40.0  # of lines: larger pictures are looked at smaller
    # deviations of shadows that are tried, in heights of a line
    blurs: tuple[float, ...] = (0.03, 0.045, 0.065, 0.09, 0.12, 0.155, 0.2, 0.26)
    max_shift: float = 0.3  # of a line's height
    least_strength: float = 0.25  # 0..1: a fainter one is hardly seen, and may be the picture's own shade
    max_strength: float = 0.95  # 0..1
    # 0..255 by which a shadow changes the ground where it is fullest: less is the overshoot of compression
    least_seen: float = 8.0
    near_px: int = 3  # pixels so near to letters are soft edges and compression's ringing
    num_strips: int = 8  # of a text, which have to agree
    least_sure: float = 4.0  # deviations of the strength's mean over them above nothing
    hard_reach: float = 0.14  # of a line's height: how far a hard shadow is shifted at most
    least_hard_px: int = 3  # at least looked for so far
    num_hard: int = 12  # moves that are looked at closely
    least_light: float = 4.0  # 0..255 below which light is mostly noise
    least_parted: float = 0.5  # of the variance beside letters that a hard shadow explains
    least_covered: float = 0.75  # of its pixels, that are at least half as dark as usual
    same_colour: float = 26.0  # distance of colours in an opaque shadow, 0..255 a channel
    num_colours: int = 4  # how many are tried
    grey_off: float = 16.0  # 0..255 by which a black or white one may miss it and is taken
    most_shade: float = 0.7  # of the pixels around letters that a shadow to one side covers
    faintest: float = 0.006  # of a shadow: pixels that it covers less stay as they are
    rounds: int = 6  # of Gauss-Newton
    noise: float = 1.5  # deviation (0..255) that every pixel may have: slopes of dark ones' logarithms are mostly noise
    light_ink: float = 0.18  # luminance of a middle grey: lighter letters cast shadows, darker ones glow
    truncate: float = 3.0  # deviations of a blur
    pad_share: float = 0.3  # of a line's height around it, in which letters are looked for
    letter_coverage: float = 0.05  # 0..1 from which a pixel is a letter's
    known_coverage: float = 0.02  # 0..1 of letters near, up to which ground is known
    least_band: int = 64  # pixels beside letters that are enough
    moved_coverage: float = 0.95  # 0..1 from which a pixel is all in the moved letters
    start_strength: float = 0.3  # from which Gauss-Newton starts
    most_step: float = 0.3  # of the strength in one round
    end_strength: float = 0.02  # that the strength keeps at least
    slope_spread: float = 1.5  # deviation of even noise's slopes, of their median


FITTED = Fitted()


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
    """Return letters' coverage [h, w] as their shadow has it."""
    import cv2

    half = int(np.ceil(FITTED.truncate * blur_px))  # 0 leaves it as it is
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
        ink = measure_letters(image_u8, line.box, pad=max(3.0, FITTED.pad_share * line.height))
        x0, y0, x1, y1 = ink.window
        np.maximum(coverage[y0:y1, x0:x1], ink.coverage, out=coverage[y0:y1, x0:x1])
    return coverage


def find_shadow(image_u8: np.ndarray, block: TextBlock, coverage: np.ndarray) -> Shadow | None:
    """Return the shadow that a block's letters, which cover [H, W], cast in the picture [H, W, 3]; None when they have none."""
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
    """Return the hard shadow of letters that may be moved so; None when they have none.

        -log light = -log(1 - strength) (letters moved by (dy, dx)) + ground,      the move with the largest R^2

    Both sides less their means around, so that it is held against the ground next to it.

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
    """Return the opaque hard shadow, of one colour, of letters that may be moved so; None when they have none.

    It is told as a grey one is, by which pixels beside letters have one of their most frequent colours.

    Args:
        crop: [h, w, 3] the picture. grey: the hard shadow of black or white that was found there; None: none. What it explains
            is left to it.
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
    """Return the most frequent of colours [N, 3], as many as FITTED.num_colours, the most frequent first."""
    from PIL import Image

    reduced = Image.fromarray(colours[None].astype(np.uint8)).quantize(2 * FITTED.num_colours)
    counts = np.bincount(np.asarray(reduced).ravel(), minlength=2 * FITTED.num_colours)
    palette = np.array(reduced.getpalette() or [], np.float32).reshape(-1, 3)[: len(counts)]
    return np.asarray(palette[np.argsort(-counts)[: min(FITTED.num_colours, len(palette))]])


class _Moves:
    """The whole-pixel moves that a hard shadow of letters [h, w], `height_px` high, may have. band [h, w]: beside letters."""

    def __init__(self, letters: np.ndarray, height_px: float) -> None:
        self._reach = max(FITTED.least_hard_px, round(FITTED.hard_reach * height_px))
        self.band = ndimage.binary_dilation(letters > FITTED.letter_coverage, iterations=self._reach)
        self.band &= letters <= FITTED.letter_coverage
        self._weight = np.maximum(_near(self.band.astype(np.float32), self._reach), 1e-3)[self.band]
        self._framed, self._shape = np.pad(letters, self._reach), letters.shape
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    @property
    def is_enough(self) -> bool:
        """Whether there are pixels enough beside the letters."""
        return len(self._weight) >= FITTED.least_band

    def find(self, values: np.ndarray) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
        """Return the move (down, right) that best parts values [h, w] beside the letters; which of these pixels it covers, and
        the values and the moved letters there, less their means around [N]."""
        seen = self._centred(values)
        steps = range(-self._reach, self._reach + 1)
        moves = [(dy, dx) for dy in steps for dx in steps if dy or dx]
        moves.sort(key=lambda shift: -self.parted(seen, self._moved(shift)[self.band]))
        best = max(moves[: FITTED.num_hard], key=lambda shift: self.parted(seen, self._centred_letters(shift)))
        return best, self._moved(best)[self.band] > FITTED.moved_coverage, seen, self._centred_letters(best)

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
        usual = FITTED.slope_spread * float(np.median(np.abs(self.seen)))
        self.scale = np.tile(np.hypot(usual, FITTED.noise / light[known]), 2)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the slopes of values [h, w] at the same pixels [N]."""
        return _slopes(values).ravel()[self._places]


class _Trial:
    """The strength and the shift of a shadow of given deviation: Gauss-Newton with weights that edges of things hardly have.

    slopes(log |end - seen|) = slopes(log(1 - strength s)) + slopes of the ground, as little as can be
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
        strip = np.tile(columns * FITTED.num_strips // known.shape[1], 2)
        above = np.bincount(strip, weight * terms[0] * (residual + self.strength * terms[0]), FITTED.num_strips)
        below = np.bincount(strip, weight * terms[0] ** 2, FITTED.num_strips)
        found, share = above / np.maximum(below, 1e-9), below / max(float(below.sum()), 1e-9)
        mean = float((share * found).sum())
        return mean / max(1e-6, float(np.sqrt((share**2 * (found - mean) ** 2).sum())))
