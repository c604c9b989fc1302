"""Features for the models that join lines and name roles: geometry, ink, plate and words of lines, pairs and blocks.

Lengths are in heights of capitals or shares of the picture, so that its size does not matter. Independent of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adcreative.lettering.reading.word_marks import KNOWN, MARKS, ends_open, goes_on, mark_words

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in px, end exclusive

_WORD_MARKS = (
    "upper",
    "amount",
    "domain",
    "handle",
    "phone",
    "email",
    "date",
    "small",
    "list",
    "closed",
    "latin",
    "wordless",
    "percent",
    "currency",
    *(f"known {name}" for name in KNOWN),
)
_COLUMNS = [MARKS.index(name) for name in _WORD_MARKS]
UPPER = MARKS.index("upper")
LINK_FEATURES = (
    "height ratio",
    "gap below",
    "gap beside",
    "shared width",
    "shared height",
    "left apart",
    "middle apart",
    "right apart",
    "least apart",
    "one plate",
    "plates",
    "between",
    "lines nearer",
    "width ratio",
    "height share",
    "lines",
    "roughness",
    "roughness apart",
    "angle apart",
    "picture's shape",
    "lower is smaller",
    "first words",
    "second words",
    "next gap",
    "upper apart",
    "first ends open",
    "second goes on",
    "first to largest",
    "second to largest",
    *(f"first {name}" for name in _WORD_MARKS),
    *(f"second {name}" for name in _WORD_MARKS),
)
BLOCK_FEATURES = (
    "size share",
    "size to largest",
    "size rank",
    "size to median",
    "letters' rank",
    "left",
    "top",
    "right",
    "bottom",
    "middle x",
    "middle y",
    "width",
    "height",
    "lines",
    "picture's shape",
    "plate",
    "plate width",
    "plate height",
    "plate fill",
    "plate lines",
    "contrast",
    "roughness",
    "roughness to median",
    "ink light",
    "ink saturation",
    "ground light",
    "ground saturation",
    "ground like others",
    "ink like others",
    "angle",
    "blocks",
    "from top",
    "from bottom",
    "said again",
    "in address",
    "has larger of words",
    "of letters",
    "evenness",
    "lowest",
    "highest",
    "buttons",
    "amounts",
    "phrase",
    "larger phrases",
    "phrases above",
    "size to phrases",
    "largest is headline-like",
    "weight",
    "weight to median",
    "others english",
    *MARKS,
)


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, set so that rare cases in drawn and real ads of the working half (`tests/real`) are cut off."""

    reach: float = 2.6  # heights of capitals: maximum distance of two lines in one block
    plain: float = 3.0  # 0..255: roughness up to this is compression noise, and counts as 0
    most_tilt_deg: float = 20.0  # maximum angle between lines in one block
    level_deg: float = 2.0  # accuracy of a line's angle
    # chosen by hand from here on; the method was not recorded
    least_large: float = 0.35  # of the larger line: minimum height for the maximum distance
    one_plate: float = 0.8  # minimum overlap, as share of one plate, of two detections of one plate
    most_apart: float = 20.0  # heights of capitals: distances between edges are clipped here
    most_pieces: int = 40  # lines of a picture: clipped here
    most_letters: int = 20  # letters of a text: clipped here
    wordy: int = 6  # minimum letters of a text with content
    most_blocks: int = 30  # blocks of a picture: clipped here
    larger: float = 1.05  # minimum ratio of heights for a larger text
    long: int = 6  # minimum letters of a phrase
    far_tilt_deg: float = 45.0  # angles are clipped here
    same_colour: float = 60.0  # maximum distance of equal colours, 0..255 a channel
    slack: float = 0.3  # of a block's height: maximum overlap of neighbours
    no_next: float = 10.0  # heights of capitals: distances to the next line are clipped here


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The measurements of a line, or of a whole block.

    text: lines separated by line breaks. box: in px. cap_px: height of capitals. ink, ground: RGB 0..255. contrast: 1..21.
    roughness: of the ground, 0..255. plate: box of the coloured shape behind, None without. num_lines: of a block. evenness:
    ratio of the lowest to the highest line, 0..1. stroke_px: width of the letters' strokes, 0 if unknown.
    """

    text: str
    box: Box
    cap_px: float
    ink: tuple[int, int, int]
    ground: tuple[int, int, int]
    contrast: float
    roughness: float
    angle_deg: float = 0.0
    plate: Box | None = None
    num_lines: int = 1
    evenness: float = 1.0
    stroke_px: float = 0.0
    marks: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def weight(self) -> float:
        """Width of the letters' strokes in heights of capitals."""
        return self.stroke_px / max(self.cap_px, 1.0)

    def marked(self) -> np.ndarray:
        """Return the MARKS of the text."""
        return self.marks if len(self.marks) else mark_words(self.text)


def find_pairs(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Return pairs of lines (upper or left one first) close enough to be in one block."""
    order = sorted(range(len(pieces)), key=lambda place: (pieces[place].box[1], pieces[place].box[0]))
    pairs = []
    for i, first in enumerate(order):
        for second in order[i + 1 :]:
            a, b = pieces[first], pieces[second]
            reach = FITTED.reach * max(min(a.cap_px, b.cap_px), FITTED.least_large * max(a.cap_px, b.cap_px))
            is_level = abs(a.angle_deg - b.angle_deg) <= FITTED.most_tilt_deg
            if is_level and _gap(a.box, b.box, 1) <= reach and _gap(a.box, b.box, 0) <= reach:
                pairs.append((first, second))
    return pairs


def link_rows(pieces: Sequence[Piece], pairs: Sequence[tuple[int, int]], size: tuple[int, int]) -> np.ndarray:
    """Return LINK_FEATURES [P, F] float32 of pairs of the lines of a picture with `size` (height, width)."""
    boxes = np.array([piece.box for piece in pieces], np.float64).reshape(-1, 4)
    marks = [piece.marked() for piece in pieces]
    below = _nearest_below(boxes)
    largest = max((piece.cap_px for piece in pieces), default=1.0)
    rows = np.zeros((len(pairs), len(LINK_FEATURES)), np.float32)
    for place, (i, j) in enumerate(pairs):
        a, b = pieces[i], pieces[j]
        small, large = sorted((max(a.cap_px, 1.0), max(b.cap_px, 1.0)))
        gap_y, gap_x = b.box[1] - a.box[3], max(b.box[0] - a.box[2], a.box[0] - b.box[2])
        width_a, width_b = a.box[2] - a.box[0], b.box[2] - b.box[0]
        apart = np.abs([a.box[0] - b.box[0], (a.box[0] + a.box[2] - b.box[0] - b.box[2]) / 2, a.box[2] - b.box[2]]) / small
        hull = (min(a.box[0], b.box[0]), min(a.box[1], b.box[1]), max(a.box[2], b.box[2]), max(a.box[3], b.box[3]))
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        within = np.all((middles >= hull[:2]) & (middles <= hull[2:]), axis=1)
        one_plate = a.plate is not None and b.plate is not None and share_of(a.plate, b.plate) > FITTED.one_plate
        rows[place, : len(LINK_FEATURES) - 2 * len(_WORD_MARKS)] = (
            np.log(large / small),
            gap_y / small,
            gap_x / small,
            -gap_x / max(min(width_a, width_b), 1.0),
            -_signed_gap(a.box, b.box, 1) / max(min(a.box[3] - a.box[1], b.box[3] - b.box[1]), 1.0),
            *np.minimum(apart, FITTED.most_apart),
            min(apart.min(), FITTED.most_apart),
            one_plate,
            (a.plate is not None) + 2 * (b.plate is not None),
            within.sum() - within[i] - within[j],
            below[i] != j,
            np.log(max(width_a, 1.0) / max(width_b, 1.0)),
            large / min(size),
            min(len(pieces), FITTED.most_pieces),
            _rough(max(a.roughness, b.roughness)),
            _rough(abs(a.roughness - b.roughness)),
            _tilt(a.angle_deg - b.angle_deg),
            np.log(size[0] / size[1]),
            b.cap_px < a.cap_px,
            marks[i][0],
            marks[j][0],
            _next_gap(boxes, below, j, small),
            abs(marks[i][UPPER] - marks[j][UPPER]),
            ends_open(a.text),
            goes_on(b.text),
            a.cap_px / largest,
            b.cap_px / largest,
        )
        rows[place, -2 * len(_WORD_MARKS) :] = np.concatenate([marks[i][_COLUMNS], marks[j][_COLUMNS]])
    return rows


def block_rows(pieces: Sequence[Piece], size: tuple[int, int]) -> np.ndarray:
    """Return BLOCK_FEATURES [B, F] float32 of all blocks of a picture with `size` (height, width)."""
    num, (height, width) = len(pieces), size
    rows = np.zeros((num, len(BLOCK_FEATURES)), np.float32)
    if not num:
        return rows
    marks = np.stack([piece.marked() for piece in pieces])
    boxes = np.array([piece.box for piece in pieces], np.float64)
    sizes = np.array([piece.cap_px for piece in pieces])
    letters = np.array([sum(char.isalnum() for char in piece.text) for piece in pieces])
    weight = sizes * np.minimum(letters, FITTED.most_letters) ** 0.5
    inks, grounds = np.array([piece.ink for piece in pieces], float), np.array([piece.ground for piece in pieces], float)
    weights = np.array([piece.weight for piece in pieces])
    rough = np.array([_rough(piece.roughness) for piece in pieces])
    folded = ["".join(char for char in piece.text.casefold() if char.isalnum()) for piece in pieces]
    shares = boxes / (width, height, width, height)
    is_amount = marks[:, MARKS.index("amount")] + marks[:, MARKS.index("percent")] > 0
    is_domain = marks[:, MARKS.index("domain")] + marks[:, MARKS.index("handle")] > 0
    is_phrase = _phrases(marks) & ~is_domain
    wordy = np.array([bool(letter_num >= FITTED.wordy) for letter_num in letters])
    for i, piece in enumerate(pieces):
        others = np.arange(num) != i
        plate = piece.plate
        on_plate = 0 if plate is None else sum(share_of(other.box, plate) > 0.5 for other in pieces) - 1
        own = max(sizes[i], 1.0)
        rows[i] = (
            sizes[i] / min(size),
            sizes[i] / sizes.max(),
            (sizes > sizes[i]).sum(),
            sizes[i] / np.median(sizes),
            (weight > weight[i]).sum(),
            *shares[i],
            (shares[i, 0] + shares[i, 2]) / 2,
            (shares[i, 1] + shares[i, 3]) / 2,
            shares[i, 2] - shares[i, 0],
            shares[i, 3] - shares[i, 1],
            piece.num_lines,
            np.log(height / width),
            plate is not None,
            0 if plate is None else (plate[2] - plate[0]) / width,
            0 if plate is None else (plate[3] - plate[1]) / own,
            0 if plate is None else (piece.box[2] - piece.box[0]) / max(plate[2] - plate[0], 1),
            on_plate,
            piece.contrast,
            rough[i],
            rough[i] - np.median(rough),
            inks[i].mean(),
            np.ptp(inks[i]),
            grounds[i].mean(),
            np.ptp(grounds[i]),
            _likeness(grounds, i),
            _likeness(inks, i),
            _tilt(piece.angle_deg),
            min(num, FITTED.most_blocks),
            (boxes[:, 3] <= boxes[i, 1]).mean(),
            (boxes[:, 1] >= boxes[i, 3]).mean(),
            len(folded[i]) > 2 and any(folded[i] in folded[k] for k in range(num) if k != i),
            len(folded[i]) > 2 and any(is_domain[k] and folded[i][:8] in folded[k] for k in range(num) if k != i),
            (others & wordy & (sizes > sizes[i])).sum(),
            letters[i] / max(letters.sum(), 1),
            piece.evenness,
            boxes[i, 3] >= boxes[:, 3].max(),
            boxes[i, 1] <= boxes[:, 1].min(),
            marks[others, MARKS.index("known button")].sum(),
            is_amount[others].sum(),
            is_phrase[i],
            (is_phrase & (sizes > FITTED.larger * sizes[i])).sum(),
            (is_phrase & (boxes[:, 3] <= boxes[i, 1] + own)).sum(),
            np.log(own / max(sizes[is_phrase & others].max(initial=1.0), 1.0)) if (is_phrase & others).any() else 2.0,
            wordy[int(weight.argmax())],
            weights[i],
            weights[i] / max(float(np.median(weights)), 1e-3),
            (marks[others, MARKS.index("english")] * letters[others]).sum() / max(letters[others].sum(), 1),
            *marks[i],
        )
    return rows


def _phrases(marks: np.ndarray) -> np.ndarray:
    """Return the mask [B] of texts with content, like headlines and unlike names or amounts: several words, or common ones."""
    is_long = marks[:, MARKS.index("letters")] >= np.log1p(FITTED.long)
    is_said = (marks[:, MARKS.index("words")] > np.log1p(1)) | (marks[:, MARKS.index("latin")] < 0.5)
    is_said |= marks[:, MARKS.index("known common")] > 0
    is_plain = marks[:, MARKS.index("amount")] + marks[:, MARKS.index("phone")] + marks[:, MARKS.index("small")] == 0
    return is_long & is_said & is_plain


def _rough(residual: float) -> float:
    return float(np.log(max(residual, FITTED.plain)))


def _tilt(angle_deg: float) -> float:
    return float(np.clip(abs(angle_deg) - FITTED.level_deg, 0.0, FITTED.far_tilt_deg))


def share_of(box: Box, other: Box) -> float:
    """Return the share of a box inside another."""
    width, height = (max(0.0, min(box[axis + 2], other[axis + 2]) - max(box[axis], other[axis])) for axis in (0, 1))
    return width * height / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)


def _signed_gap(a: Box, b: Box, axis: int) -> float:
    """Return the gap between two boxes along an axis, negative for an overlap."""
    return max(b[axis] - a[axis + 2], a[axis] - b[axis + 2])


def _gap(a: Box, b: Box, axis: int) -> float:
    return max(0.0, _signed_gap(a, b, axis))


def _likeness(colours: np.ndarray, place: int) -> float:
    """Return the share of other blocks with nearly the same colour as a block."""
    near = np.linalg.norm(colours - colours[place], axis=1) < FITTED.same_colour
    return float((near.sum() - 1) / max(len(colours) - 1, 1))


def _nearest_below(boxes: np.ndarray) -> list[int]:
    """Return for each line the index of the nearest line below with a horizontal overlap, -1 without one."""
    found = []
    for place, box in enumerate(boxes):
        shared = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
        gaps = boxes[:, 1] - box[3]
        fits = (shared > 0) & (gaps > -FITTED.slack * (box[3] - box[1])) & (np.arange(len(boxes)) != place)
        found.append(int(np.where(fits, gaps, np.inf).argmin()) if fits.any() else -1)
    return found


def _next_gap(boxes: np.ndarray, below: Sequence[int], place: int, cap: float) -> float:
    """Return the gap between a line and the next one below, in heights of capitals; at most 10."""
    found = FITTED.no_next if below[place] < 0 else (boxes[below[place], 1] - boxes[place, 3]) / cap
    return float(np.clip(found, -1.0, FITTED.no_next))
