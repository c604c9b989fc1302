"""Fits the style of drawn letters to a picture's: size, position, tracking, weight and softness, with subpixel accuracy.

Smooth letters: Gauss-Newton on the squared difference of two coverages, with the gradients of the drawn one:

    seen - drawn = gx (dx + x dsx) + gy (dy + y dsy)      dsy: relative change of size, dsx - dsy: of the tracking

Snapped letters have no fractions: whole and half sizes with matching widths are tried, at whole pixels.
Source: Lucas & Kanade 1981 for the registration. Knows coverages and fonts; no pictures of ads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.glyphs import Lettering


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_registration.py`."""

    own_blur_px: float = 7.0  # divided by the size: maximum difference from 1 of the likeness of the letters' own font
    ink: float = 0.3  # minimum coverage of a letter's pixel
    word_pad_px: int = 3  # columns beside a word, as room for its letters to move
    size_reach: float = 0.12  # relative range of snapped sizes around the first guess
    width_slack_px: float = 2.0  # maximum difference of a snapped line from the old width
    width_slack: float = 0.012  # addition to that difference, as a share of the width
    max_snapped_sizes: int = 5  # maximum number of tried sizes
    max_bearing: float = 0.15  # of the size: maximum offset of ink from the start and the end of its line's advance
    rounds: int = 4  # of registration
    registered_blur_px: float = 0.7  # deviation of the blur during registration
    max_step_px: float = 1.5  # maximum step per round
    max_step_size: float = 0.04  # relative maximum step per round
    max_tracking: float = 0.12  # of the size
    weight_share: float = 0.5  # weight of a different weight, relative to likeness
    tracking_share: float = 1.5  # weight of a different tracking, relative to likeness
    stroke_steps: tuple[float, ...] = (-0.024, -0.012, 0.012, 0.024)  # of the size: tried changes of the outline
    blurs_px: tuple[float, ...] = (0.3, 0.45, 0.6, 0.8, 1.1, 1.5)  # tried deviations of the blur
    same_size: float = 0.06  # maximum log ratio of two equal sizes: heights of small letters are whole pixels
    chance_px: float = 1.5  # maximum total tracking over a line that is chance
    slack: float = 0.01  # maximum loss of likeness for plain letters
    gain: float = 0.01  # minimum gain of likeness for another outline or blur
    worst_condition: float = 1e12  # of the normal matrix: no solution beyond it


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class SeenLine:
    """A line of the picture: its words, its letters' coverage [h, w] 0..1, its pixels and their ground [h, w, 3] float32, the
    pixel of its upper left corner, and the box of its ink (px of the picture, end exclusive)."""

    text: str
    coverage: np.ndarray
    pixels: np.ndarray
    ground: np.ndarray
    left: int
    top: int
    box: tuple[int, int, int, int]

    @cached_property
    def words(self) -> tuple[SeenLine, ...]:
        """The line's words, each as a line of its own; the whole line if its gaps do not match its words.

        A long line in the right font drifts by half a letter, by its spaces and rounded advances alone; a word does not.
        """
        x0, _, x1, _ = self.box
        said, has_ink = self.text.split(), self.coverage[:, x0 - self.left : x1 - self.left].max(axis=0) > FITTED.ink
        gaps = [gap[0] for gap in ndimage.find_objects(ndimage.label(~has_ink)[0])]
        gaps = sorted(sorted(gaps, key=lambda gap: gap.start - gap.stop)[: len(said) - 1], key=lambda gap: gap.start)
        if not gaps or len(gaps) != len(said) - 1:
            return (self,)
        starts, ends = [x0, *(x0 + gap.stop for gap in gaps)], [*(x0 + gap.start for gap in gaps), x1]
        return tuple(self._cut(word, left, right) for word, left, right in zip(said, starts, ends, strict=True))

    def _cut(self, text: str, left: int, right: int) -> SeenLine:
        """Return the part of the line between two columns of the picture, with the text `text`."""
        x0, x1 = max(left - FITTED.word_pad_px, self.left), min(right + FITTED.word_pad_px, self.left + self.coverage.shape[1])
        window = np.s_[:, x0 - self.left : x1 - self.left]
        coverage = self.coverage[window].copy()
        coverage[:, : left - x0], coverage[:, right - x0 :] = 0.0, 0.0
        rows, columns = np.flatnonzero((coverage > FITTED.ink).any(axis=1)), np.flatnonzero((coverage > FITTED.ink).any(axis=0))
        box = (x0 + int(columns[0]), self.top + int(rows[0]), x0 + int(columns[-1]) + 1, self.top + int(rows[-1]) + 1)
        return replace(
            self, text=text, coverage=coverage, pixels=self.pixels[window], ground=self.ground[window], left=x0, box=box
        )

    @property
    def tight(self) -> np.ndarray:
        """The coverage [h, w] in the box of the ink."""
        x0, y0, x1, y1 = self.box
        return self.coverage[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]

    @cached_property
    def softened(self) -> np.ndarray:
        """The coverage, blurred like the drawn one for registration."""
        return np.asarray(ndimage.gaussian_filter(self.coverage, FITTED.registered_blur_px))


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A style and the starts of the lines' baselines in it, px. likeness: 1 - sum of differences / sum of larger, 0..1;
    least: of the least similar line. by_words: likeness word by word, and heavier: logarithm of the ratio of drawn to seen ink,
    for fonts that are not certainly the letters' own (`look_at_words`)."""

    lettering: Lettering
    places: tuple[tuple[float, float], ...]
    likeness: float
    least: float = 0.0
    by_words: float = 0.0
    heavier: float = 0.0

    @property
    def is_own(self) -> bool:
        """Whether the font is the letters' own, within the accuracy for their size."""
        return is_own(self.likeness, self.lettering.size_px)

    @property
    def nearness(self) -> float:
        """Suitability as a replacement of the old letters: bolder, lighter or crowded letters are visible at once."""
        added = FITTED.weight_share * abs(self.heavier) + FITTED.tracking_share * abs(self.lettering.tracking)
        return self.likeness if not self.by_words else max(self.likeness, self.by_words) - added


def is_own(likeness: float, size_px: float) -> bool:
    """Return whether a likeness indicates the letters' own font: small letters never match exactly."""
    return likeness >= 1.0 - FITTED.own_blur_px / size_px


def fit_lettering(lines: Sequence[SeenLine], first: Lettering) -> Fit:
    """Return the style of the lines, starting from a font at about their size; the better of smooth and snapped letters.

    Args:
        lines: at least one. The longest determines size and tracking, all of them their baselines.
    """
    lead = max(lines, key=lambda line: len(line.text))
    fits = [fit for fit in (_fit_smooth(lead, first), _fit_snapped(lead, first)) if fit is not None]
    if not fits:
        placed = tuple(_start(line, first) for line in lines)
        return Fit(lettering=first, places=placed, likeness=0.0)
    best = _fit_weight(lead, max(fits, key=lambda fit: fit.likeness))
    placed_lines = [best if line is lead else _place(line, best.lettering) for line in lines]
    weights = [float(line.coverage.sum()) for line in lines]
    return Fit(
        lettering=best.lettering,
        places=tuple(fit.places[0] for fit in placed_lines),
        likeness=float(np.average([fit.likeness for fit in placed_lines], weights=weights)),
        least=min(fit.likeness for fit in placed_lines),
    )


def look_at_words(lines: Sequence[SeenLine], fit: Fit) -> Fit:
    """Return a fit with the likeness of the lines' words, each at its best position, and their weight.

    A font that is only similar drifts along a line, since the widths of its letters differ: lines tell little of shapes.
    """
    words = [word for line in lines for word in line.words]
    placed = [_place(word, fit.lettering) for word in words]
    weights = [float(word.coverage.sum()) for word in words]
    drawn = sum(float(_drawn_on(word, fit.lettering, *one.places[0]).sum()) for word, one in zip(words, placed, strict=True))
    by_words = float(np.average([one.likeness for one in placed], weights=weights))
    return replace(fit, by_words=by_words, heavier=float(np.log(max(drawn, 1.0) / sum(weights))))


def _start(line: SeenLine, lettering: Lettering) -> tuple[float, float]:
    """Return the baseline's start that aligns the left and the lower edges of drawn and seen ink."""
    x0, _, _, y1 = lettering.ink_box(line.text)
    return line.box[0] - x0, line.box[3] - y1


def _place(line: SeenLine, lettering: Lettering) -> Fit:
    """Locate a line in a known style."""
    if lettering.is_snapped:
        return _place_snapped(line, lettering)
    x, y = _start(line, lettering)
    for _ in range(FITTED.rounds):
        step = _step(line, lettering, x, y, only_place=True)
        if step is None:
            break
        x, y = x + step[0], y + step[1]
    return Fit(lettering=lettering, places=((x, y),), likeness=_likeness(line, lettering, x, y))


def _fit_smooth(line: SeenLine, first: Lettering) -> Fit | None:
    lettering = _smooth_guess(line, first)
    if lettering is None:
        return None
    x, y = _start(line, lettering)
    best = Fit(lettering=lettering, places=((x, y),), likeness=_likeness(line, lettering, x, y))
    for _ in range(FITTED.rounds):
        step = _step(line, lettering, x, y, only_place=False)
        if step is None:
            break
        x, y = x + step[0], y + step[1]
        tracking = lettering.tracking + (step[2] - step[3]) * _advance(lettering, line.text) / max(1, len(line.text) - 1)
        if abs(tracking) > FITTED.max_tracking:
            break
        lettering = replace(lettering, size_px=lettering.size_px * (1.0 + step[3]), tracking=tracking)
        likeness = _likeness(line, lettering, x, y)
        if likeness > best.likeness:
            best = Fit(lettering=lettering, places=((x, y),), likeness=likeness)
    return _without_tracking(line, best)


def _smooth_guess(line: SeenLine, first: Lettering) -> Lettering | None:
    """Return smooth letters with the old height, tracked to the old width; None if impossible."""
    plain = replace(first, is_snapped=False, tracking=0.0)
    x0, y0, x1, y1 = plain.ink_box(line.text)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    by_width = plain.size_px * (line.box[2] - line.box[0]) / (x1 - x0)
    by_height = plain.size_px * (line.box[3] - line.box[1]) / (y1 - y0)
    if abs(np.log(by_height / by_width)) < FITTED.same_size:  # the width of small letters is more accurate
        return replace(plain, size_px=by_width)
    sized = replace(plain, size_px=by_height)
    x0, _, x1, _ = sized.ink_box(line.text)
    tracking = ((line.box[2] - line.box[0]) - (x1 - x0)) / sized.size_px / max(1, len(line.text) - 1)
    return replace(sized, tracking=tracking) if abs(tracking) <= FITTED.max_tracking else None


def _advance(lettering: Lettering, text: str) -> float:
    return lettering.length(text) / lettering.size_px


def _without_tracking(line: SeenLine, fit: Fit) -> Fit:
    """Return the fit without a tracking of less than a pixel in total, which is chance."""
    if not fit.lettering.tracking or abs(fit.lettering.tracking) * fit.lettering.size_px * len(line.text) > FITTED.chance_px:
        return fit
    plain = _place(line, replace(fit.lettering, tracking=0.0))
    return plain if plain.likeness > fit.likeness - FITTED.slack else fit


def _fit_snapped(line: SeenLine, first: Lettering) -> Fit | None:
    found = []
    for size in _snapped_sizes(line, first):
        found.append(_place_snapped(line, replace(first, size_px=size, tracking=0.0, is_snapped=True)))
    return max(found, key=lambda fit: fit.likeness, default=None)


def _snapped_sizes(line: SeenLine, first: Lettering) -> Iterator[float]:
    """Yield whole and half sizes that match the old width, the nearest first."""
    wanted = line.box[2] - line.box[0]
    misses = []
    low, high = first.size_px * (1.0 - FITTED.size_reach), first.size_px * (1.0 + FITTED.size_reach)
    slack = FITTED.width_slack_px + FITTED.width_slack * wanted
    for size in np.arange(np.ceil(2 * low) / 2, high + 0.25, 0.5):
        lettering = replace(first, size_px=float(size), tracking=0.0, is_snapped=True)
        room = lettering.room_px(line.text) - wanted
        if not -slack - 2.0 <= room <= slack + 2.0 + 2.0 * FITTED.max_bearing * size:  # cannot match
            continue
        x0, _, x1, _ = lettering.ink_box(line.text)
        miss = abs((x1 - x0) - wanted)
        if miss <= slack:
            misses.append((miss + (size != round(size)), float(size)))
    for _, size in sorted(misses)[: FITTED.max_snapped_sizes]:
        yield size


def _place_snapped(line: SeenLine, lettering: Lettering) -> Fit:
    """Find the whole pixel of a line, by the correlation of the two coverages."""
    x, y = (round(edge) for edge in _start(line, lettering))
    best = max(
        ((_likeness(line, lettering, x + dx, y + dy), x + dx, y + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)),
        key=lambda one: one[0],
    )
    if max(abs(best[1] - x), abs(best[2] - y)) == 1:  # at the rim of the tried positions: continue from there
        x, y = best[1], best[2]
        best = max(
            ((_likeness(line, lettering, x + dx, y + dy), x + dx, y + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)),
            key=lambda one: one[0],
        )
    return Fit(lettering=lettering, places=((float(best[1]), float(best[2])),), likeness=best[0])


def _fit_weight(line: SeenLine, fit: Fit) -> Fit:
    """Try other weights of the strokes, then blurs, each at the same position; keep the most similar."""
    ((x, y),) = fit.places
    for steps in (FITTED.stroke_steps, FITTED.blurs_px):
        tried = [fit]
        for step in steps:
            if steps is FITTED.stroke_steps and fit.lettering.stroke + step < 0.0:
                continue
            changed = {"stroke": fit.lettering.stroke + step} if steps is FITTED.stroke_steps else {"blur_px": step}
            lettering = replace(fit.lettering, **changed)  # type: ignore[arg-type]
            tried.append(Fit(lettering=lettering, places=fit.places, likeness=_likeness(line, lettering, x, y) - FITTED.gain))
        fit = max(tried, key=lambda one: one.likeness)
    return fit


def fit_colour(lines: Sequence[SeenLine], fit: Fit) -> tuple[int, int, int]:
    """Return the colour (RGB 0..255) for which letters drawn over the ground differ least from the seen ones.

    colour = sum of a (I - (1 - a) G) / sum of a^2    with coverage a, pixels I and ground G
    """
    above, below = np.zeros(3), 1e-6
    for line, place in zip(lines, fit.places, strict=True):
        drawn = _drawn_on(line, fit.lettering, *place)[:, :, None]
        above += (drawn * (line.pixels - (1.0 - drawn) * line.ground)).sum(axis=(0, 1))
        below += float((drawn * drawn).sum())
    red, green, blue = (int(value) for value in (above / below).round().clip(0, 255))
    return red, green, blue


def _drawn_on(line: SeenLine, lettering: Lettering, x: float, y: float) -> np.ndarray:
    """Return the coverage [h, w] of the drawn line, in the window of the seen one."""
    drawn, left, top = lettering.draw(line.text, x, y)
    window = np.zeros(line.coverage.shape, np.float32)
    height, width = line.coverage.shape
    x0, y0 = max(0, left - line.left), max(0, top - line.top)
    x1, y1 = min(width, left - line.left + drawn.shape[1]), min(height, top - line.top + drawn.shape[0])
    if x1 > x0 and y1 > y0:
        sx, sy = x0 - (left - line.left), y0 - (top - line.top)
        window[y0:y1, x0:x1] = drawn[sy : sy + y1 - y0, sx : sx + x1 - x0]
    return window


def _likeness(line: SeenLine, lettering: Lettering, x: float, y: float) -> float:
    drawn = _drawn_on(line, lettering, x, y)
    larger = float(np.maximum(drawn, line.coverage).sum())
    return 1.0 - float(np.abs(drawn - line.coverage).sum()) / larger if larger else 0.0


def _step(
    line: SeenLine, lettering: Lettering, x: float, y: float, *, only_place: bool
) -> tuple[float, float, float, float] | None:
    """Return (dx, dy, relative change of width, of height) that improve the drawn letters; None for a singular system."""
    drawn = ndimage.gaussian_filter(_drawn_on(line, lettering, x, y), FITTED.registered_blur_px)
    seen = line.softened
    gy, gx = np.gradient(drawn)
    rows, columns = np.mgrid[0 : drawn.shape[0], 0 : drawn.shape[1]].astype(np.float32)
    columns, rows = columns + line.left - x, rows + line.top - y
    terms = [-gx, -gy] if only_place else [-gx, -gy, -gx * columns, -gy * rows]
    design = np.stack([term.ravel() for term in terms], axis=1)
    normal = design.T @ design
    if np.linalg.cond(normal) > FITTED.worst_condition:
        return None
    solved = np.linalg.solve(normal, design.T @ (seen - drawn).ravel())
    dx, dy = (float(np.clip(one, -FITTED.max_step_px, FITTED.max_step_px)) for one in solved[:2])
    if only_place:
        return dx, dy, 0.0, 0.0
    wider, higher = (float(np.clip(one, -FITTED.max_step_size, FITTED.max_step_size)) for one in solved[2:])
    return dx, dy, wider, higher


def first_lettering(typeface: Typeface, line: SeenLine) -> Lettering | None:
    """Return a font at the size that matches the seen line's width; None for a font without ink."""
    trial = Lettering.plain(typeface, 64.0)
    x0, y0, x1, y1 = trial.ink_box(line.text)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    return replace(trial, size_px=64.0 * (line.box[2] - line.box[0]) / (x1 - x0))
