"""Groups lines of text in a picture into blocks, each with box, colour, size, alignment and plate (a button's shape).

Knows lines and pixels; no models, no fields of an ad. `roles` names the role of a block.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.lettering.reading.block_features import Piece, share_of
from adcreative.lettering.reading.ink import contrast_ratio, measure_ink, measure_letters, measure_stroke
from adcreative.lettering.reading.reader import TextLine
from adcreative.lettering.reading.role_models import ROLES, load_roles

Box = tuple[int, int, int, int]  # x0, y0, x1, y1, end exclusive

ALIGNMENTS = ("left", "centre", "right")
WITH_SUBLINES = ("headline", "subline", "offer", "price")  # roles whose small lower lines are another block


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, fitted on real ads of the working half (`tests/real`) and on ads drawn for tests."""

    same_row: float = 0.5  # minimum overlap, as share of the lower line's height, of two lines in one row
    same_height: float = 1.6  # maximum ratio of the heights of two parts of a line
    same_panel: float = 0.8  # minimum share of a line's plate inside the panel of all lines
    small: float = 0.45  # maximum height of the lines of a subline joined with the block above, of its lines; 0.4 to 0.55 do
    small_words: int = 2  # minimum words of such lines: a single word below is part of the message
    sure: float = 0.7  # minimum probability of a certain role: right in 35 of 41 blocks that fill fields, at 0.8 in 21 of 25
    plate_tolerance: float = 26.0  # 0..255: maximum colour distance of a plate's pixels from the label's ground
    strict_tolerance: float = 10.0  # 0..255: the same on a photograph of a similar colour
    plate_edge: float = 0.7  # minimum share of a plate's surroundings with another colour in that case
    plate_fill: float = 0.75  # minimum share of its box filled by a plate
    max_plate_heights: float = 5.5  # maximum height of a plate in heights of its label
    max_plate_share: float = 0.25  # of the picture
    max_plate_lines: int = 3  # on a badge ("20 %", "off", "all coats")
    ribbon_step: float = 12.0  # 0..255: minimum step at a ribbon's upper and lower end, which excludes gradients
    whole_width: float = 0.97  # minimum width of the letters' box, as share of the ink's box, for using the letters' box
    ribbon_fill: float = 0.95  # minimum share of a ribbon's pixels outside its words in its colour
    # chosen by hand from here on; the method was not recorded
    x_height: float = 0.74  # heights of capitals: lower-case letters without ascenders
    descender: float = 0.28  # heights of capitals below the baseline
    level: float = 0.7  # minimum overlap, as share of the lower part's height, of two parts of one line
    same_line: float = 1.6  # maximum ratio of their heights
    overlap: float = 0.45  # of the height: maximum overlap along the line
    letter_gap: float = 0.35  # of the height: maximum gap between them
    same_edge: float = 0.2  # heights of capitals: maximum difference of aligned edges
    same_middle: float = 0.015  # of the picture's width: maximum distance from its middle for centred text
    beside_share: float = 0.8  # of a label's width: range on each side for the search of its plate
    beside_heights: int = 3  # heights of a label, added to that range
    least_plate_heights: float = 1.25  # minimum height of a plate in heights of its label


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class BlockLine:
    """A line of a block: its text and the tight box around its letters (px), or the detected box if no ink was found.

    colour: RGB 0..255 of its letters, which differs from the block's in an emphasised line; None without ink.
    stroke_px: mean width of its letters' strokes, 0 without ink.
    """

    text: str
    box: Box
    confidence: float
    angle_deg: float = 0.0
    colour: tuple[int, int, int] | None = None
    stroke_px: float = 0.0

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    @property
    def cap_px(self) -> float:
        """Height of capitals: height of the letters' box, corrected for descenders, and for text without tall letters."""
        return self.height / ink_height(self.text)


@dataclass(frozen=True, kw_only=True)
class TextBlock:
    """Lines that form one message, from top to bottom.

    colour, ground: RGB 0..255 of the letters and of their background; contrast: 1..21 (WCAG). residual: deviation of the ground
    from a flat one or a gradient, 0..255. alignment: one of ALIGNMENTS. plate: box of the coloured shape behind a single line,
    such as a button; panel: the same behind several lines. role: one of role_models.ROLES, "" before naming. whole: probability
    that exactly these lines form one block; chance: probability that they do, and have this role.
    """

    lines: tuple[BlockLine, ...]
    colour: tuple[int, int, int]
    ground: tuple[int, int, int]
    residual: float
    alignment: str = "left"
    plate: Box | None = None
    panel: Box | None = None
    role: str = ""
    whole: float = 1.0
    chance: float = 1.0

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def box(self) -> Box:
        boxes = np.array([line.box for line in self.lines])
        x0, y0 = boxes[:, :2].min(axis=0)
        x1, y1 = boxes[:, 2:].max(axis=0)
        return int(x0), int(y0), int(x1), int(y1)

    @property
    def size_px(self) -> float:
        """Median height of capitals of the lines."""
        return float(np.median([line.cap_px for line in self.lines]))

    @property
    def is_sure(self) -> bool:
        """Whether the role is certain; a block with an uncertain role fills no field of an ad."""
        return self.chance >= FITTED.sure

    @property
    def contrast(self) -> float:
        return contrast_ratio(self.colour, self.ground)

    @property
    def confidence(self) -> float:
        return min(line.confidence for line in self.lines)

    @property
    def sureness(self) -> float:
        """Certainty of the block, 0..1: the minimum for its words and its role."""
        return min(self.confidence, self.chance)

    @property
    def angle_deg(self) -> float:
        return float(np.median([line.angle_deg for line in self.lines]))

    @property
    def piece(self) -> Piece:
        """The inputs of the models of blocks and roles."""
        heights = [line.cap_px for line in self.lines]
        return Piece(
            text="\n".join(line.text for line in self.lines),
            box=self.box,
            cap_px=max(heights) if len(heights) < 3 else self.size_px,
            ink=self.colour,
            ground=self.ground,
            contrast=self.contrast,
            roughness=self.residual,
            angle_deg=self.angle_deg,
            plate=self.plate or self.panel,
            num_lines=len(heights),
            evenness=min(heights) / max(*heights, 1.0),
            stroke_px=float(np.median([line.stroke_px for line in self.lines])),
        )


def ink_height(text: str) -> float:
    """Return the height of a text's letters in heights of capitals, from the letters present: x 0.74, descenders 0.28 more."""
    is_latin = any("a" <= char <= "z" for char in text)
    is_high = not is_latin or any(char.isdigit() or char.isupper() or char in "bdfhijklt!?$€£%|/()\"'" for char in text)
    return (1.0 if is_high else FITTED.x_height) + FITTED.descender * (is_latin and any(char in "gjpqy,;()Q$" for char in text))


def build_blocks(image_u8: np.ndarray, lines: Sequence[TextLine]) -> list[TextBlock]:
    """Return the blocks of the lines found in the picture [H, W, 3], from top to bottom, without roles."""
    blocks = sorted(group_lines(measure_lines(image_u8, lines), image_u8.shape[:2]), key=lambda one: (one.box[1], one.box[0]))
    return _align(blocks, image_u8.shape[1])


def group_lines(single: Sequence[TextBlock], size: tuple[int, int]) -> list[TextBlock]:
    """Return the blocks of a picture's lines, each a block of its own, for a picture with `size` (height, width).

    Small lines below a headline, which the models join too often, become a block of their own; those below a brand remain.
    """
    models = load_roles()
    groups, sures = models.join([block.piece for block in single], size)
    joined = [
        replace(join_lines([single[place] for place in group]), whole=sure) for group, sure in zip(groups, sures, strict=True)
    ]
    chances = models.chances([block.piece for block in joined], size)
    parted = list[TextBlock]()
    for group, whole, row in zip(groups, joined, chances, strict=True):
        parts = split_small([single[place] for place in group]) if ROLES[int(row.argmax())] in WITH_SUBLINES else []
        parted += [replace(join_lines(part), whole=whole.whole) for part in parts] or [whole]
    return parted


def split_small(lines: Sequence[TextBlock]) -> list[list[TextBlock]]:
    """Return the lines of a block in two parts if the lower ones are much smaller and have several words, else no parts."""
    ordered = sorted(lines, key=lambda one: one.box[1] + one.box[3])
    for num in range(1, len(ordered)):
        upper, lower = ordered[:num], ordered[num:]
        low = max(one.size_px for one in lower)
        is_small = low <= FITTED.small * min(one.size_px for one in upper)
        gap = min(one.box[1] for one in lower) - max(one.box[3] for one in upper)
        if is_small and gap > -FITTED.descender * low and sum(len(one.text.split()) for one in lower) >= FITTED.small_words:
            return [upper, lower]
    return []


def measure_lines(image_u8: np.ndarray, lines: Sequence[TextLine]) -> list[TextBlock]:
    """Return each line found in the picture [H, W, 3] as a block of its own, with its plate."""
    single = [_measure_line(image_u8, line) for line in _join_pieces(lines)]
    plates = [find_plate(image_u8, one) for one in single]
    return [
        replace(one, plate=plate) if plate is not None and not _is_panel(plate, single, image_u8.shape[1]) else one
        for one, plate in zip(single, plates, strict=True)
    ]


def join_lines(blocks: Sequence[TextBlock]) -> TextBlock:
    """Return blocks of one message as one block, with its lines in reading order, and the ink of most letters.

    A plate belongs to a single line; a plate behind all lines becomes their panel.
    """
    if len(blocks) == 1:
        return blocks[0]
    lines = order_lines([line for block in blocks for line in block.lines])
    most = max(blocks, key=lambda block: len(block.text) * block.size_px)
    shapes = [block.plate or block.panel for block in blocks]
    panel = max((shape for shape in shapes if shape), key=lambda shape: shape[2] - shape[0], default=None)
    if panel is not None and any(shape is None or share_of(shape, panel) < FITTED.same_panel for shape in shapes):
        panel = None
    is_single = len(lines) == 1
    return replace(
        most,
        lines=lines,
        residual=max(block.residual for block in blocks),
        plate=panel if is_single else None,
        panel=None if is_single else panel,
    )


def order_lines(lines: Sequence[BlockLine]) -> tuple[BlockLine, ...]:
    """Return the lines of a block in reading order; parts of one row with similar heights become one line."""
    is_from_right = sum(map(_leads_left, "".join(line.text for line in lines))) > sum(len(line.text) for line in lines) / 4
    rows: list[list[BlockLine]] = []
    for line in sorted(lines, key=lambda one: (one.box[1] + one.box[3]) / 2):
        last = rows[-1] if rows else []
        if last and all(_is_beside(line.box, other.box) for other in last):
            last.append(line)
        else:
            rows.append([line])
    ordered: list[BlockLine] = []
    for row in rows:
        row.sort(key=lambda one: -one.box[2] if is_from_right else one.box[0])
        ordered.append(row[0])
        for line in row[1:]:
            if max(line.height, ordered[-1].height) <= FITTED.same_height * min(line.height, ordered[-1].height):
                ordered[-1] = _one_line(ordered[-1], line)
            else:
                ordered.append(line)
    return tuple(ordered)


def _one_line(first: BlockLine, second: BlockLine) -> BlockLine:
    a, b = first.box, second.box
    box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    sure, colour = (
        min(first.confidence, second.confidence),
        first.colour if len(first.text) >= len(second.text) else second.colour,
    )
    return replace(first, text=join_texts(first.text, second.text), box=box, confidence=sure, colour=colour)


def join_texts(first: str, second: str) -> str:
    """Return the joined text of two parts of a line, with a space between them if their script has spaces."""
    is_close = is_unspaced(first[-1:]) or is_unspaced(second[:1])
    return f"{first}{'' if is_close else ' '}{second}"


def _is_beside(a: Box, b: Box) -> bool:
    """Return whether two boxes are in one row: they overlap in most of the lower box's height, and in little width."""
    shared = min(a[3], b[3]) - max(a[1], b[1]), min(a[2], b[2]) - max(a[0], b[0])
    height, width = min(a[3] - a[1], b[3] - b[1]), min(a[2] - a[0], b[2] - b[0])
    return shared[0] > FITTED.same_row * height and shared[1] < FITTED.same_row * width


def _leads_left(char: str) -> bool:
    return unicodedata.bidirectional(char) in ("R", "AL")


def is_unspaced(text: str) -> bool:
    """Return whether a text is in a script without spaces between words: Chinese, Japanese, Thai."""
    return any("\u2e80" <= char <= "\u9fff" or "\u0e00" <= char <= "\u0e7f" or "\uff00" <= char <= "\uffef" for char in text)


def _measure_line(image_u8: np.ndarray, line: TextLine) -> TextBlock:
    ink = measure_ink(image_u8, line.box_xyxy_px)
    x0, y0, x1, y1 = (round(edge) for edge in line.box_xyxy_px)
    box = ink.box or (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))
    if ink.box is not None and not ink.is_flat:  # objects seen between letters would make the line too high
        letters = measure_letters(image_u8, (x0, y0, x1, y1), 0.0).box
        box = letters if letters and letters[2] - letters[0] >= FITTED.whole_width * (box[2] - box[0]) else box
    found = BlockLine(
        text=line.text,
        box=box,
        confidence=line.confidence,
        angle_deg=line.angle_deg,
        colour=ink.colour if ink.box is not None else None,
        stroke_px=measure_stroke(ink),
    )
    return TextBlock(lines=(found,), colour=ink.colour, ground=ink.ground_colour, residual=ink.residual)


def _join_pieces(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join parts of one line that the detection split: adjacent, of equal height, less than a letter apart."""
    joined: list[TextLine] = []
    for line in sorted(lines, key=lambda one: one.box_xyxy_px[0]):
        for idx, left in enumerate(joined):
            a, b = left.box_xyxy_px, line.box_xyxy_px
            height_a, height_b = a[3] - a[1], b[3] - b[1]
            overlap = min(a[3], b[3]) - max(a[1], b[1])
            low, high = sorted((height_a, height_b))
            is_level = overlap > FITTED.level * low and high < FITTED.same_line * low
            if is_level and -FITTED.overlap * height_a < b[0] - a[2] < FITTED.letter_gap * height_a:
                quad = np.array(
                    [[a[0], min(a[1], b[1])], [b[2], min(a[1], b[1])], [b[2], max(a[3], b[3])], [a[0], max(a[3], b[3])]]
                )
                text, sure = join_texts(left.text, line.text), min(left.confidence, line.confidence)
                joined[idx] = TextLine(text=text, quad_xy_px=quad.astype(np.float32), confidence=sure)
                break
        else:
            joined.append(line)
    return joined


def _align(blocks: list[TextBlock], width: int) -> list[TextBlock]:
    """Return the blocks with their alignment; an ambiguous block takes the alignment that it shares with another block.

    Lines of nearly equal width fit several alignments, a single line fits all of them.
    """
    fits = [_fitting_alignments(block) for block in blocks]
    sure = [(names[0], block) for names, block in zip(fits, blocks, strict=True) if len(names) == 1 and block.plate is None]
    return [
        replace(block, alignment=names[0] if len(names) == 1 else _choose_alignment(names, block, sure, width))
        for names, block in zip(fits, blocks, strict=True)
    ]


def _edges(boxes: np.ndarray) -> dict[str, np.ndarray]:
    """Return alignment -> x of the edge of each box [N, 4] that the alignment shares, px [N]."""
    return {"left": boxes[:, 0], "centre": (boxes[:, 0] + boxes[:, 2]) / 2, "right": boxes[:, 2]}


def _fitting_alignments(block: TextBlock) -> tuple[str, ...]:
    """Return the alignments that fit the lines, the best first; on a plate only the centre."""
    if block.plate is not None:
        return ("centre",)
    spreads = {name: float(np.ptp(xs)) for name, xs in _edges(np.array([line.box for line in block.lines], float)).items()}
    order = sorted(ALIGNMENTS, key=lambda name: (spreads[name], ALIGNMENTS.index(name)))
    return tuple(name for name in order if name == order[0] or spreads[name] <= FITTED.same_edge * block.size_px)


def _choose_alignment(names: Sequence[str], block: TextBlock, sure: Sequence[tuple[str, TextBlock]], width: int) -> str:
    """Return the best fitting alignment of a block: shared with a certain block, picture's middle, best of its lines, left."""
    own = {name: float(xs[0]) for name, xs in _edges(np.array([block.box], float)).items()}
    for name, other in sure:
        shared = float(_edges(np.array([other.box], float))[name][0])
        if name in names and abs(own[name] - shared) <= FITTED.same_edge * block.size_px:
            return name
    if "centre" in names and abs(own["centre"] - width / 2) <= FITTED.same_middle * width:
        return "centre"
    return names[0] if len(block.lines) > 1 else "left"


def find_plate(image_u8: np.ndarray, block: TextBlock) -> Box | None:
    """Return the box of the coloured shape behind the line, such as a button; None without one.

    The shape is the component of the line's ground colour around the letters; it must end on all sides within a few
    heights of the letters, or run from edge to edge like a ribbon, fill most of its box, and differ from its surroundings. On a
    photograph of a similar colour the search is repeated with a strict tolerance; then most of the surroundings must differ.
    """
    found = _find_shape(image_u8, block, FITTED.plate_tolerance)
    if found is not None:
        return found
    strict = _find_shape(image_u8, block, FITTED.strict_tolerance)
    return strict if strict is not None and _stands_out(image_u8, block, strict) else None


def _stands_out(image_u8: np.ndarray, block: TextBlock, plate: Box) -> bool:
    """Return whether most pixels right outside a plate have another colour, unlike in a gradient."""
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = plate
    ring = np.zeros((height, width), bool)
    ring[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3] = True
    ring[y0:y1, x0:x1] = False
    away = (
        np.linalg.norm(image_u8[ring].astype(np.float32) - np.array(block.ground, np.float32), axis=1) > FITTED.plate_tolerance
    )
    return bool(away.size) and float(away.mean()) >= FITTED.plate_edge


def _find_shape(image_u8: np.ndarray, block: TextBlock, tolerance: float) -> Box | None:
    """Return the box of the component of the line's ground colour within a tolerance, as described in `find_plate`."""
    from scipy import ndimage  # the import takes a fifth of a second, which ads with given words do not need

    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = block.box
    size = y1 - y0
    reach_x = round(FITTED.beside_share * (x1 - x0) + FITTED.beside_heights * size)
    reach_y = round(FITTED.max_plate_heights * size)
    wx0, wy0, wx1, wy1 = max(0, x0 - reach_x), max(0, y0 - reach_y), min(width, x1 + reach_x), min(height, y1 + reach_y)
    away = image_u8[wy0:wy1, wx0:wx1] - np.array(block.ground, np.float32)
    near = np.einsum("yxc,yxc->yx", away, away) <= tolerance**2  # three times as fast as a norm
    own = np.zeros(near.shape, bool)
    own[y0 - wy0 : y1 - wy0, x0 - wx0 : x1 - wx0] = True
    labels, _ = ndimage.label(near | own)
    is_shape = labels == labels[(y0 + y1) // 2 - wy0, (x0 + x1) // 2 - wx0]
    rows, columns = ndimage.find_objects(is_shape.astype(np.uint8))[0]
    px0, py0, px1, py1 = wx0 + columns.start, wy0 + rows.start, wx0 + columns.stop, wy0 + rows.stop
    is_around = px0 < x0 and py0 < y0 and px1 > x1 and py1 > y1
    is_low = size * FITTED.least_plate_heights <= py1 - py0 <= FITTED.max_plate_heights * size
    if not (is_around and is_low and ndimage.binary_fill_holes(is_shape[rows, columns]).mean() >= FITTED.plate_fill):
        return None
    if (px0, px1) == (wx0, wx1) and (py0 > wy0 or not wy0) and (py1 < wy1 or wy1 == height):
        return _find_ribbon(image_u8, block, py0, py1)
    ends_inside = px0 > wx0 and py0 > wy0 and px1 < wx1 and py1 < wy1
    is_small = (px1 - px0) * (py1 - py0) <= FITTED.max_plate_share * width * height
    return (px0, py0, px1, py1) if ends_inside and is_small else None


def _is_panel(plate: Box, lines: Sequence[TextBlock], width: int) -> bool:
    """Return whether a plate has more lines than a button or a badge, or than a ribbon, which has one."""
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in (line.box for line in lines)]
    num = sum(plate[0] <= x <= plate[2] and plate[1] <= y <= plate[3] for x, y in middles)
    return num > (1 if plate[0] <= 0 and plate[2] >= width else FITTED.max_plate_lines)


def _find_ribbon(image_u8: np.ndarray, block: TextBlock, y0: int, y1: int) -> Box | None:
    """Return the box of rows with the line's ground from edge to edge; None if the rows end before, or fade."""
    width, (x0, _, x1, _) = image_u8.shape[1], block.box
    beside = np.concatenate([image_u8[y0 + 1 : y1 - 1, :x0], image_u8[y0 + 1 : y1 - 1, x1:]], axis=1).astype(np.float32)
    near = np.linalg.norm(beside - np.array(block.ground, np.float32), axis=2) <= FITTED.plate_tolerance
    rows = np.median(image_u8, axis=1)
    ends = [(y0 - 3, y0 + 2)] * (y0 >= 3) + [(y1 - 3, y1 + 2)] * (y1 + 2 < len(rows))
    if any(np.abs(rows[first] - rows[last]).max() < FITTED.ribbon_step for first, last in ends):
        return None
    return (0, y0, width, y1) if near.size and near.mean(axis=0).min() > 0.5 and near.mean() >= FITTED.ribbon_fill else None
