"""Finds the available font most similar to the letters in a picture, and the exact parameters of its setting.

Every font is rendered and compared with the old crop at the old width (coarse); the best are fitted (registration). Knows
letters' coverage and fonts; no ads.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.inks import FITTED as INKS
from adcreative.lettering.erasing.inks import Colour, find_inks
from adcreative.lettering.reading.blocks import ALIGNMENTS, TextBlock
from adcreative.lettering.reading.ink import FITTED as INK
from adcreative.lettering.reading.ink import cut_below, measure_letters, tight_box
from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.glyphs import Lettering, paste_coverage
from adcreative.lettering.setting.registration import FITTED as REGISTRATION
from adcreative.lettering.setting.registration import (
    Fit,
    SeenLine,
    first_lettering,
    fit_colour,
    fit_lettering,
    is_own,
    look_at_words,
)


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text --hide-fonts`."""

    compared_lines: int = 3  # longest lines of a block used for the comparison
    compared_words: int = 3  # longest words of each line used for the comparison
    # fonts best on the longest line, which alone are compared on the others (ten texts: nine did as well)
    num_compared: int = 16
    num_fitted: int = 5  # of the fonts that are best before the fit
    family_slack: float = 0.06  # maximum nearness by which a style of one family may be behind the best of all
    sure_likeness: float = 0.88  # of drawn and seen letters: minimum for using the fit's colour
    max_squeeze: float = 0.35  # maximum absolute logarithm of the ratio of proportions to the old letters'
    usual_leading: float = 1.2  # of the size
    least_pieces: int = 4  # minimum components for locating the line
    least_inside: float = 0.3  # minimum share of a letter's height inside the line
    mark_share: float = 0.12  # maximum area of a dot or an accent, in squared heights of most letters
    mark_reach: float = 0.6  # maximum distance of a dot or an accent from its letter, in heights of most letters
    min_likeness: float = 0.65  # of a font and the old letters; script and display lettering has no similar available font
    # word by word, on a uniform ground: text fonts that are not available 0.53 to 0.85, script and display 0.19 to 0.51
    min_by_words: float = 0.55
    least_of_line: float = 0.5  # minimum likeness of each line with a guessed ink
    pieces_a_letter: tuple[float, float] = (0.4, 1.6)  # minimum and maximum components per letter of separated letters
    least_mark: float = 0.012  # minimum area of a dot, in squared heights of most letters
    widest_piece: float = 3.0  # maximum width of a component in heights of most letters
    same_edge_px: float = 1.2  # maximum difference of aligned starts, middles or ends of lines
    pad_share: float = 0.25  # of a line's height: margin in which letters are searched
    least_coverage: float = 0.3  # 0..1: minimum of the maximum coverage in a line
    least_leading: float = 0.95  # of the size: minimum distance of two baselines


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class FontMatch:
    """The style of a block's letters. likeness: of drawn and old coverage, 0..1; by_words: word by word, on a uniform ground.

    places: starts of the old lines' baselines, x and y in px; leading_px: distance of baselines. alignment: one of
    ALIGNMENTS; anchor_px: x of the common start, middle or end of the lines, by advance, not by ink. colour: RGB 0..255. ink:
    the guessed ink of the letters, if the block's own colour failed.
    """

    lettering: Lettering
    likeness: float
    places: tuple[tuple[float, float], ...]
    leading_px: float
    alignment: str
    anchor_px: float
    colour: tuple[int, int, int]
    ink: Colour | None = None
    by_words: float = 0.0

    @property
    def is_like(self) -> bool:
        """Whether new words may be set in this font; a font that is only similar drifts along a line: words are compared."""
        return is_like(self)

    @property
    def is_own(self) -> bool:
        """Whether the font is the letters' own, within the accuracy for their size."""
        return self.ink is not None or is_own(self.likeness, self.size_px)

    @property
    def baselines_px(self) -> tuple[float, ...]:
        return tuple(y for _, y in self.places)

    @property
    def typeface(self) -> Typeface:
        return self.lettering.typeface

    @property
    def size_px(self) -> float:
        return self.lettering.size_px

    def cover(self, block: TextBlock, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return the coverage of the picture [H, W] by the old letters, drawn in this font; None for an uncertain font."""
        if self.likeness < (FITTED.sure_likeness if self.ink is None else FITTED.min_likeness):
            return None  # letters found by their ink are only partly visible, but their position is known
        coverage = np.zeros(shape[:2], np.float32)
        for line, (x, y) in zip(block.lines, self.places, strict=True):
            paste_coverage(coverage, *self.lettering.draw(line.text, x, y))
        return coverage


def is_like(font: FontMatch | Fit) -> bool:
    """Return whether letters in a font may replace the seen ones, by the likeness of lines or of words."""
    return font.likeness >= FITTED.min_likeness or font.by_words >= FITTED.min_by_words


Look = tuple[list[SeenLine], list[Fit], Colour | None]  # of a block: its lines, fits of the best fonts, ink; see `looking`


def match_fonts(
    image_u8: np.ndarray,
    blocks: Mapping[str, TextBlock],
    typefaces: Sequence[Typeface],
    looked: Mapping[str, Look] | None = None,
) -> dict[str, list[FontMatch]]:
    """Return for each block a few fonts with the most similar letters, the best first.

    An ad rarely uses more than one family: the family that suits all blocks best comes first for a block if its best
    style is at most FITTED.family_slack behind the best of all.

    Args:
        looked: results of `looking` for each block; None: computed here.
    """
    if looked is None:
        looked = {name: _finish(looking(image_u8, block, typefaces)) for name, block in blocks.items()}
    seen, fits = {name: one[0] for name, one in looked.items()}, {name: one[1] for name, one in looked.items()}
    blocks = {name: _inked(block, looked[name][2]) for name, block in blocks.items()}
    best: dict[str, dict[str, float]] = {}
    for name, found in fits.items():
        for fit in found:
            of_family = best.setdefault(fit.lettering.typeface.family, {})
            of_family[name] = max(of_family.get(name, 0.0), fit.nearness)
    sizes = {name: block.size_px for name, block in blocks.items()}
    house = max(best, key=lambda family: sum(sizes[name] * best[family].get(name, 0.0) for name in sizes), default="")
    chosen = {
        name: [*_home(found, house)[:1], *(fit for fit in found if fit not in _home(found, house)[:1])]
        for name, found in fits.items()
    }
    edges = {name: _edges(found[0], seen[name]) for name, found in chosen.items() if found}
    matches: dict[str, list[FontMatch]] = {}
    for name, found in chosen.items():
        others = [one for other, one in edges.items() if other != name and blocks[other].plate is None]
        measured = [_measure(blocks[name], fit, seen[name], image_u8.shape[1], others) for fit in found]
        matches[name] = [replace(match, ink=looked[name][2]) for match in measured]
    return matches


def looking(image_u8: np.ndarray, block: TextBlock, typefaces: Sequence[Typeface]) -> Generator[None, None, Look]:
    """Examine one block in steps of hundredths of a second; return its lines, fits of the best fonts, and the guessed ink of
    the letters; None: the block's own.

    Other inks are tried if no font is similar, since objects in a photograph are mistaken for letters.
    """
    lines = see_lines(image_u8, block)
    fits = yield from _fit_nearest(lines, block, typefaces)
    if block.residual <= INK.flat_residual and _likeness_of(fits) < FITTED.sure_likeness:
        fits = sorted((look_at_words(lines, fit) for fit in fits), key=lambda fit: (not is_like(fit), -fit.nearness))
    seen: Look = (lines, fits, None)
    if block.plate is not None or any(is_like(fit) for fit in fits):
        return seen
    for ink in find_inks(image_u8, [line.box for line in block.lines]):
        lines = see_lines(image_u8, block, ink)
        if all(_may_be_letters(line) for line in lines):
            fits = yield from _fit_nearest(lines, block, typefaces)
            tried = (lines, [fit for fit in fits if fit.least >= FITTED.least_of_line], ink)
            seen = max(seen, tried, key=lambda one: _likeness_of(one[1]))
        if _likeness_of(seen[1]) >= FITTED.min_likeness:
            break
    return seen


def _finish(steps: Generator[None, None, Look]) -> Look:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _inked(block: TextBlock, ink: Colour | None) -> TextBlock:
    return block if ink is None else replace(block, colour=ink)


def _likeness_of(fits: Sequence[Fit]) -> float:
    return max((fit.likeness for fit in fits), default=0.0)


def _may_be_letters(line: SeenLine) -> bool:
    """Return whether the number of components is plausible for the number of letters."""
    _, num = ndimage.label(line.coverage > 0.5)
    least, most = (share * len(line.text.replace(" ", "")) for share in FITTED.pieces_a_letter)
    return least <= num <= most + 2


def _home(found: Sequence[Fit], house: str) -> list[Fit]:
    """Return the fits of the family `house` that are close to the best of all."""
    near = [
        fit for fit in found if fit.nearness >= found[0].nearness - FITTED.family_slack and is_like(fit) == is_like(found[0])
    ]
    return [fit for fit in near if fit.lettering.typeface.family == house]


def see_lines(image_u8: np.ndarray, block: TextBlock, known: Colour | None = None) -> list[SeenLine]:
    """Return the lines of a block with their letters' coverage; lines without ink are left out.

    Args:
        known: the ink of the letters; None: the colour farthest from the ground.
    """
    seen = []
    for line, below in zip_longest(block.lines, block.lines[1:]):
        pad = max(3.0, (FITTED.pad_share if known is None else INKS.more_pad) * line.height)
        ink = measure_letters(image_u8, line.box, pad, known)
        if below is not None:
            ink = cut_below(ink, below.box[1])
        if ink.box is not None and ink.coverage.max() > FITTED.least_coverage and line.text:
            left, top, right, bottom = ink.window
            pixels = image_u8[top:bottom, left:right].astype(np.float32)
            if known is not None:
                coverage = _without_specks(ink.coverage)
            else:
                coverage = ink.coverage if ink.is_flat or not line.text.isascii() else _without_things(ink.coverage)
            box = tight_box(coverage, left, top) or ink.box
            seen.append(
                SeenLine(text=line.text, coverage=coverage, pixels=pixels, ground=ink.ground, left=left, top=top, box=box)
            )
    return seen


def _without_things(coverage: np.ndarray) -> np.ndarray:
    """Return a line's coverage [h, w] without components above and below it that are larger than dots: objects behind the line.

    Most components are letters, and letters share one line.
    """
    labels, num = ndimage.label(coverage > 0.5)
    if num < FITTED.least_pieces:
        return coverage
    rows = np.array([(piece[0].start, piece[0].stop) for piece in ndimage.find_objects(labels)])
    top, bottom = np.median(rows, axis=0)
    inside = np.minimum(rows[:, 1], bottom) - np.maximum(rows[:, 0], top)
    is_large = np.bincount(labels.ravel(), minlength=num + 1)[1:] > FITTED.mark_share * (bottom - top) ** 2
    is_far = inside < -FITTED.mark_reach * (bottom - top)
    is_thing = np.append(False, (inside < FITTED.least_inside * (rows[:, 1] - rows[:, 0])) & (is_large | is_far))
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.where(is_thing[labels[tuple(nearest)]], 0.0, coverage).astype(np.float32)


def _without_specks(coverage: np.ndarray) -> np.ndarray:
    """Return a line's coverage [h, w] without accidental pixels of the ink's colour: specks, components below or beside the
    letters, and components much wider than a letter."""
    labels, num = ndimage.label(coverage > 0.5)
    if num < FITTED.least_pieces:
        return coverage
    spans = np.array([(piece[0].start, piece[0].stop, piece[1].start, piece[1].stop) for piece in ndimage.find_objects(labels)])
    areas = np.bincount(labels.ravel(), minlength=num + 1)[1:]
    usual = np.repeat(spans[:, :2], np.sqrt(areas).round().astype(int), axis=0)  # letters are neither specks nor large
    top, bottom = np.median(usual, axis=0)
    is_piece = areas >= FITTED.least_mark * (bottom - top) ** 2
    is_piece &= spans[:, 3] - spans[:, 2] <= FITTED.widest_piece * (bottom - top)
    stands = is_piece & (np.minimum(spans[:, 1], bottom) - np.maximum(spans[:, 0], top) > 0)
    if not stands.any():
        return coverage
    is_above = (spans[:, 1] <= top) & (spans[:, 1] >= top - FITTED.mark_reach * (bottom - top))
    is_within = (spans[:, 2] >= spans[stands, 2].min()) & (spans[:, 3] <= spans[stands, 3].max())
    kept = np.append(False, stands | is_piece & is_above & is_within)
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.where(kept[labels[tuple(nearest)]], coverage, 0.0).astype(np.float32)


def _fit_nearest(
    lines: Sequence[SeenLine], block: TextBlock, typefaces: Sequence[Typeface]
) -> Generator[None, None, list[Fit]]:
    """Return fits of the coarsely best fonts, the best first, with a step for each font."""
    if len(lines) != len(block.lines):
        return []
    fits, ranked = [], (yield from _rank(lines, block, typefaces))
    for typeface in ranked[: FITTED.num_fitted]:
        first = first_lettering(typeface, max(lines, key=lambda line: len(line.text)))
        if first is not None:
            fits.append(fit_lettering(lines, first))
        yield
    return sorted(fits, key=lambda fit: -fit.likeness)


def _rank(lines: Sequence[SeenLine], block: TextBlock, typefaces: Sequence[Typeface]) -> Generator[None, None, list[Typeface]]:
    """Return the fonts with glyphs for the block's letters, the best first, with a step for each font."""
    longest = sorted(lines, key=lambda line: -len(line.text))[: FITTED.compared_lines]
    cuts = [sorted(line.words, key=lambda word: -len(word.text))[: FITTED.compared_words] for line in longest]
    found: list[tuple[float, Typeface]] = []
    for typeface in typefaces:
        if typeface.has_letters(block.text):
            found.append((_compare(typeface, cuts[0]), typeface))
        yield
    weights, nearest = [len(line.text) for line in longest], sorted(found, key=lambda one: -one[0])
    if len(cuts) > 1:
        nearest, compared = [], nearest[: FITTED.num_compared]
        for likeness, typeface in compared:
            others = [_compare(typeface, words) for words in cuts[1:]]
            nearest.append((float(np.average([likeness, *others], weights=weights)), typeface))
            yield
    return [typeface for _, typeface in sorted(nearest, key=lambda one: -one[0])]


def _compare(typeface: Typeface, words: Sequence[SeenLine]) -> float:
    """Return the likeness of a font's letters to the old ones at the size that matches the words' total width.

    likeness = (sum of min / sum of max of the two coverages)
               - |log(height ratio)| - 0.5 |log(ratio of the two sums)|    the last is the weight of the strokes
    """
    trial = Lettering.plain(typeface, 64.0)
    boxes = np.array([trial.ink_box(word.text) for word in words], float)
    width, height = (boxes[:, 2] - boxes[:, 0]).sum(), (boxes[:, 3] - boxes[:, 1]).sum()
    if width < 1 or height < 1:
        return -1.0
    size = trial.size_px * sum(word.tight.shape[1] for word in words) / width
    squeeze = abs(float(np.log(height * size / trial.size_px / sum(word.tight.shape[0] for word in words))))
    if squeeze > FITTED.max_squeeze:
        return -squeeze
    overlap = union = drawn_ink = seen_ink = 0.0
    for seen, text in ((word.tight, word.text) for word in words):
        drawn = _tighten(Lettering.plain(typeface, size).draw(text, 0.0, 0.0)[0])
        drawn_ink, seen_ink = drawn_ink + float(drawn.sum()), seen_ink + float(seen.sum())
        if drawn.shape != seen.shape:
            drawn = np.asarray(Image.fromarray(drawn).resize(seen.shape[::-1], Image.Resampling.BILINEAR))
        overlap, union = overlap + float(np.minimum(drawn, seen).sum()), union + float(np.maximum(drawn, seen).sum())
    weight = abs(float(np.log(max(drawn_ink, 1.0) / max(seen_ink, 1.0))))
    return (overlap / union if union else 0.0) - squeeze - REGISTRATION.weight_share * weight


def _tighten(drawn: np.ndarray) -> np.ndarray:
    """Return the part of a coverage [h, w] with ink; all of it without ink."""
    rows, columns = (
        np.flatnonzero((drawn > REGISTRATION.ink).any(axis=1)),
        np.flatnonzero((drawn > REGISTRATION.ink).any(axis=0)),
    )
    return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else drawn


def _measure(
    block: TextBlock, fit: Fit, lines: Sequence[SeenLine], width: int, others: Sequence[Mapping[str, np.ndarray]]
) -> FontMatch:
    """Return a block's match: its fit with the distance of baselines and the alignment. others: edges of other blocks."""
    baselines = [y for _, y in fit.places]
    size = fit.lettering.size_px
    leading = (baselines[-1] - baselines[0]) / (len(baselines) - 1) if len(baselines) > 1 else FITTED.usual_leading * size
    edges = _edges(fit, lines)
    alignment = _alignment(block, edges, width, others)
    return FontMatch(
        lettering=fit.lettering,
        likeness=fit.likeness,
        places=fit.places,
        leading_px=max(leading, FITTED.least_leading * size),
        alignment=alignment,
        anchor_px=float(np.median(edges[alignment])),
        colour=_colour(block, fit, lines),
        by_words=fit.by_words,
    )


def _colour(block: TextBlock, fit: Fit, lines: Sequence[SeenLine]) -> tuple[int, int, int]:
    """Return the colour of a block's letters, corrected for letters missed by the fit, which pull it towards the ground's."""
    fitted = fit_colour(lines, fit)
    if fit.likeness >= FITTED.sure_likeness:
        return fitted
    return max(fitted, block.colour, key=lambda one: float(np.linalg.norm(np.subtract(one, block.ground))))


def _edges(fit: Fit, lines: Sequence[SeenLine]) -> dict[str, np.ndarray]:
    """Return alignment -> x of each line's start, middle or end by advance, px; by the old ink for a font that is only similar,
    since the lengths of its lines differ."""
    starts = np.array([x for x, _ in fit.places])
    ends = starts + np.array([fit.lettering.length(line.text) for line in lines])
    if fit.by_words and not fit.is_own:
        boxes = [fit.lettering.ink_box(line.text) for line in lines]
        bearings = ends - starts - np.array([box[2] for box in boxes])
        starts = np.array([line.box[0] - box[0] for line, box in zip(lines, boxes, strict=True)], float)
        ends = np.array([line.box[2] for line in lines]) + bearings
    return {"left": starts, "centre": (starts + ends) / 2, "right": ends}


def _alignment(
    block: TextBlock, edges: Mapping[str, np.ndarray], width: int, others: Sequence[Mapping[str, np.ndarray]]
) -> str:
    """Return the alignment of the lines: by pixel-exact common edges, else edges shared with a block or the picture's middle.

    A single line, and lines of equal length, fit all alignments; the measured boxes decide if nothing else does.
    """
    if block.plate is not None:
        return "centre"
    spreads = {name: float(np.ptp(edges[name])) for name in ALIGNMENTS}
    shared = [name for name in ALIGNMENTS if spreads[name] <= FITTED.same_edge_px]
    if len(shared) < 2:
        return min(ALIGNMENTS, key=lambda name: spreads[name])
    own = {name: float(np.median(edges[name])) for name in shared}
    told = [
        name
        for name in shared
        if any(abs(own[name] - float(np.median(other[name]))) <= FITTED.same_edge_px for other in others)
    ]
    if len(told) != 1 and "centre" in shared and abs(own["centre"] - width / 2) <= FITTED.same_edge_px:
        return "centre"  # another line of the same length shares both edges and the middle
    return told[0] if told else block.alignment
