"""The font at hand that is nearest to the letters in a picture, and how exactly its letters are set there.

Every font is rendered and compared with the old crop at the old width (coarse); the nearest are fitted (registration). Knows
letters' coverage and fonts; not what an ad is.
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
    """Numbers of this file, chosen by hand, checked by `python -m tests.bench.set_text --hide-fonts`."""

    compared_lines: int = 3  # the longest lines of a block decide
    compared_words: int = 3  # the longest words of each decide
    # fonts nearest to the longest line: they alone are held against the others (ten texts: nine did as well)
    num_compared: int = 16
    num_fitted: int = 5  # of the fonts that are nearest at first sight
    family_slack: float = 0.06  # nearness by which a style of one family may be behind the nearest of all
    sure_likeness: float = 0.88  # of drawn and seen letters, from which on the fit's colour is theirs
    max_squeeze: float = 0.35  # logarithm of height to width by which a font may miss the old letters' proportions
    usual_leading: float = 1.2  # of the size
    least_pieces: int = 4  # of a line, that tell where it stands
    least_inside: float = 0.3  # of a piece's height that a letter has in the line
    mark_share: float = 0.12  # area of a dot or an accent, in squared heights of most letters
    mark_reach: float = 0.6  # distance of a dot or an accent from its letter, in heights of most letters
    min_likeness: float = 0.65  # of a font to the old letters; script and display lettering has no counterpart at hand
    # word by word, on an even ground: text fonts not at hand 0.53 to 0.85, script and display 0.19 to 0.51
    min_by_words: float = 0.55
    least_of_line: float = 0.5  # of each line whose ink was guessed
    pieces_a_letter: tuple[float, float] = (0.4, 1.6)  # at least and at most, of letters that are told from their ground
    least_mark: float = 0.012  # of the height of most letters, squared, that a dot covers
    widest_piece: float = 3.0  # in heights of most letters
    same_edge_px: float = 1.2  # lines whose starts, middles or ends differ by no more are aligned
    pad_share: float = 0.25  # of a line's height around it, in which letters are looked for
    least_coverage: float = 0.3  # 0..1 that a line's letters have somewhere
    least_leading: float = 0.95  # of the size, between two baselines


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class FontMatch:
    """How a block's letters are drawn. likeness: of drawn and old coverage, 0..1; by_words: word by word, on an even ground.

    places: where the old lines' baselines start, x and y in px; leading_px: distance of baselines. alignment: one of
    ALIGNMENTS; anchor_px: where every line starts, has its middle or ends, by advance, not by ink. colour: RGB 0..255. ink: by
    which the letters were told, where the block's own colour did not tell them.
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
        """Whether new words may be set in it: a font that is only similar drifts along a line, and is told by its words."""
        return is_like(self)

    @property
    def is_own(self) -> bool:
        """Whether it is the letters' own font, as far as their size can tell."""
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
        """Return how far the old letters, drawn in this font, cover the picture [H, W]; None when it is not surely theirs."""
        if self.likeness < (FITTED.sure_likeness if self.ink is None else FITTED.min_likeness):
            return None  # letters that are told by their ink are only seen in part, but where they are is known
        coverage = np.zeros(shape[:2], np.float32)
        for line, (x, y) in zip(block.lines, self.places, strict=True):
            paste_coverage(coverage, *self.lettering.draw(line.text, x, y))
        return coverage


def is_like(font: FontMatch | Fit) -> bool:
    """Return whether letters in a font may stand in for those that were seen, by their line or by its words."""
    return font.likeness >= FITTED.min_likeness or font.by_words >= FITTED.min_by_words


Look = tuple[list[SeenLine], list[Fit], Colour | None]  # of a block: its lines, fits of the nearest fonts, ink; see `looking`


def match_fonts(
    image_u8: np.ndarray,
    blocks: Mapping[str, TextBlock],
    typefaces: Sequence[Typeface],
    looked: Mapping[str, Look] | None = None,
) -> dict[str, list[FontMatch]]:
    """Return for each block the fonts whose letters are nearest to its own, the nearest first; a few fonts a block.

    An ad is rarely set in more than one family: the family that suits all blocks best comes first for a block as long as its
    nearest style is less than FITTED.family_slack behind the nearest of all.

    Args:
        looked: what `looking` returned of each block; None: it is worked out here.
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
    """Look at one block step by step, hundredths of a second each; return its lines, fits of the nearest fonts to them, and the
    ink by which they were told; None: the block's own.

    Other inks are tried where no font is like what was seen, as before a photograph things are taken for letters.
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
    """Return whether there are about as many pieces as letters."""
    _, num = ndimage.label(line.coverage > 0.5)
    least, most = (share * len(line.text.replace(" ", "")) for share in FITTED.pieces_a_letter)
    return least <= num <= most + 2


def _home(found: Sequence[Fit], house: str) -> list[Fit]:
    """Return the fits of the house's family that are hardly behind the nearest of all."""
    near = [
        fit for fit in found if fit.nearness >= found[0].nearness - FITTED.family_slack and is_like(fit) == is_like(found[0])
    ]
    return [fit for fit in near if fit.lettering.typeface.family == house]


def see_lines(image_u8: np.ndarray, block: TextBlock, known: Colour | None = None) -> list[SeenLine]:
    """Return the lines of a block with their letters' coverage; lines in which no ink is found are left out.

    Args:
        known: the ink of the letters; None: what is farthest from the ground.
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
            seen.append(SeenLine(text=line.text, coverage=coverage, pixels=pixels, ground=ink.ground, left=left, top=top,
                                 box=box))  # fmt: skip
    return seen


def _without_things(coverage: np.ndarray) -> np.ndarray:
    """Return a line's coverage [h, w] without the pieces above and below it that are larger than dots: things behind it.

    Letters are most of the pieces, and stand on one line.
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
    """Return a line's coverage [h, w] without what has the ink's colour by chance: specks, what lies below or beside letters,
    and pieces that are much wider than one."""
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
    """Return fits of the fonts that are nearest at first sight, the nearest first, a step for each font."""
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
    """Return the fonts that have the block's letters, the nearest first, a step for each font."""
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
    """Return how like the old letters a font's are at the size at which its words are together as wide.

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
    """Return the part of a coverage [h, w] that has ink; all of it where there is none."""
    rows, columns = (
        np.flatnonzero((drawn > REGISTRATION.ink).any(axis=1)),
        np.flatnonzero((drawn > REGISTRATION.ink).any(axis=0)),
    )
    return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else drawn


def _measure(
    block: TextBlock, fit: Fit, lines: Sequence[SeenLine], width: int, others: Sequence[Mapping[str, np.ndarray]]
) -> FontMatch:
    """Return a block's match: its fit with the rhythm of its baselines and its alignment. others: edges of other blocks."""
    baselines = [y for _, y in fit.places]
    size = fit.lettering.size_px
    leading = (baselines[-1] - baselines[0]) / (len(baselines) - 1) if len(baselines) > 1 else FITTED.usual_leading * size
    edges = _edges(fit, lines)
    alignment = _alignment(block, edges, width, others)
    return FontMatch(
        lettering=fit.lettering, likeness=fit.likeness, places=fit.places, leading_px=max(leading, FITTED.least_leading * size),
        alignment=alignment, anchor_px=float(np.median(edges[alignment])), colour=_colour(block, fit, lines),
        by_words=fit.by_words,
    )  # fmt: skip


def _colour(block: TextBlock, fit: Fit, lines: Sequence[SeenLine]) -> tuple[int, int, int]:
    """Return the colour of a block's letters; letters that the fit misses draw its colour towards the ground's."""
    fitted = fit_colour(lines, fit)
    if fit.likeness >= FITTED.sure_likeness:
        return fitted
    return max(fitted, block.colour, key=lambda one: float(np.linalg.norm(np.subtract(one, block.ground))))


def _edges(fit: Fit, lines: Sequence[SeenLine]) -> dict[str, np.ndarray]:
    """Return alignment -> x of each line's start, middle or end by advance, px; of a font that is only similar by the old ink,
    as its own lines are of other lengths."""
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
    """Return how the lines are aligned: what they share to a pixel, or share with another block, or with the picture's middle.

    A line alone fits all, and so do lines of one length; what was seen of their boxes decides where nothing else does.
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
