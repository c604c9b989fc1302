"""Extracts parts of an existing ad for new ads: words and roles, colours, logo, the photograph's largest part without words.

Each part has a confidence; uncertain parts are left out and requested by name, never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.artifacts import make_private_dir, write_atomically
from adcreative.compose.brief import NAME
from adcreative.compose.colour import as_hex, to_oklab, to_oklch, to_rgb
from adcreative.compose.crops import SMALLEST_PX
from adcreative.compose.cutouts import Segmenter
from adcreative.compose.logo import free_logo
from adcreative.compose.palettes import MIN_CHROMA, main_colours
from adcreative.compose.stored import write_picture
from adcreative.errors import ConfigError
from adcreative.lettering import TextBlock, TextReading, Words, erase, read

SURE = 0.9  # minimum confidence of the reader for words to be taken
LARGE_PX, AGAIN_SMALLER, AGAIN_LARGER = 800, 0.8, 1.5  # longer side from which the second reading is smaller; its two scales
SURE_BRAND = 0.7  # minimum probability of the brand: printed words of a product are mistaken for it, too
CELLS = 64  # per longer side: grid of the search for the photograph
MIN_PHOTO, MIN_PHOTO_PX = 0.04, SMALLEST_PX  # of the ad's pixels; of the shorter side
TEXTURE = 5.0  # 0..255: minimum spread of greys in a cell of a photograph
SEEN = 0.6  # 0..1: minimum saliency
KEPT = 0.8  # minimum share of each salient object inside the photograph
MAX_CUT, MAX_CUT_BELOW = 0.15, 0.6  # maximum share of an inner side covered by an object: people are cropped at the waist
SCRAP_REACH, SCRAP_STEP = 0.3, 40  # of a side: window of its ground, twice the largest scrap; minimum difference, 0..255
SCRAPS = (0.004, 0.12)  # share of a side on scraps; more is a photograph's own texture
NEAR_WORDS = 0.15  # of the ad's longer side: maximum distance of a scrap from words
HOLDS = 0.25  # minimum share of textured cells in a photograph: less is a drawn bar or plate
RIM, PLAIN, OTHER_COLOUR = 0.25, 3.0, 10.0  # a margin: maximum share of the side; spread, least step of a channel, 0..255
STRAIGHT = 0.9  # minimum share of a margin's end at which the colour changes: less is a thing before a plain wall
PANELS, MIN_PANEL_PX = 3, 96  # maximum divisions of an ad into panels, one in another; minimum side of a panel
MAX_LINES = 12  # maximum px of dividing lines: more are a pattern
SHOWS = 0.03  # minimum salient share of a panel without words that is a photograph
CALM = 9.0  # 0..255: maximum residual of a ground for erasing letters and for cutting out a logo
MAX_ERASED = 0.15  # maximum share of a photograph on which erased words stood: more leaves an empty middle
STILL_THERE = 0.3  # maximum share of a detected line in the photograph on erased words
ON_THING, MIN_BESIDE = 0.3, 4  # minimum mean saliency of words printed on a product; minimum number of others that are the ad's
CUT_WORDS = (0.1, 0.9)  # share of a block inside a photograph that cuts it
LETTER, CLEAN = 24.0, 4.0  # 0..255: minimum change by erasing a letter; maximum difference of the ground where letters were
SHAPES_PX, MAX_SHAPE = 256, 0.2  # longer side of the copy in which shapes behind words are found; maximum share of the ad
MIN_FILL, MIN_CORNER_FILL = 0.5, 0.8  # minimum share of its box filled by such a shape; by one in a corner of the ad
LIVELY = 0.6  # minimum textured share of what stands out: a drawn sign has less
AIR = 0.12  # margin around what stands out, of its longer side
MAX_LOGO, MAX_LOGO_LINES = 4, 2  # words, lines
MIN_LOGO_PX = 30  # height: a lower one is blurred in an ad of 1080 px
MARK_REACH, MARK_GAP = 3.0, 0.5  # of the brand's height: how far its mark is looked for; maximum gap between parts of a logo
BULLET_REACH, BULLET_NEAR = (0.15, 2.2), 0.3  # of a line's height: where its bullet stands; maximum spread of their distances
MAX_BULLET = 1.2  # of a line's height
MAX_HAZE = 0.1  # maximum share of a logo's pixels
MAX_EDGE_INK = 0.002  # maximum share of the edge of a logo's box that another thing crosses
MAX_BOX = 0.3  # maximum drawn share of a logo's edge: more is its ground
SAME_COLOUR = 0.08  # OKLab
TAKEN_FILES = (NAME, "photo.png", "logo.png")
TAKEN = ("headline", "subline", "offer", "price", "proof", "badge", "button", "legal")  # roles whose words are taken


@dataclass(frozen=True, eq=False)
class Taken:
    """The parts taken from an ad. sure: part -> confidence 0..1; missing: requested parts, with the reason.

    proposals: role -> uncertain words.
    """

    messages: Mapping[str, tuple[str, ...]]
    brand: str
    photo: Image.Image | None
    logo: Image.Image | None
    colours: tuple[str, ...]
    sure: Mapping[str, float]
    missing: Mapping[str, str]
    proposals: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_enough(self) -> bool:
        """Whether ads can be made: of type alone only if the brand can be recognized, or more is said than one line."""
        is_known = bool(self.brand) or self.logo is not None
        says_more = len(self.messages) > (1 if {"offer", "price", "button"} & set(self.messages) else 2)
        return "headline" in self.messages and (self.photo is not None or (bool(self.colours) and (is_known or says_more)))

    @property
    def lost_its_picture(self) -> bool:
        """Whether the ad shows something that could not be taken, so that ads of type alone say less than it does."""
        return self.photo is None and self.missing.get("photos", NO_PHOTOGRAPH) != NO_PHOTOGRAPH


NO_PHOTOGRAPH = "no part of the ad without words is a photograph that is large enough"
_ADDRESS = re.compile(r"@|www\.|https?:", re.I)  # a message with an address was joined from two blocks
FindLines = Callable[[np.ndarray], np.ndarray]  # picture [H, W, 3] -> boxes x0, y0, x1, y1 of lines of text [N, 4], px


def take_parts(image_u8: np.ndarray, words: Words, segment: Segmenter | None, find_lines: FindLines | None = None) -> Taken:
    """Extract the parts of an ad [H, W, 3] uint8.

    Args:
        words: the words read in it. segment: saliency, which excludes objects cut by words or edges.
        find_lines: checks that erased words are gone; None: no words are erased.
    """
    sure: dict[str, float] = {}
    missing: dict[str, str] = {}
    messages, proposals = _messages(image_u8, words, sure, missing)
    brand, logo = _brand(image_u8, words, sure, missing)
    photo = _photo(image_u8, words, segment, find_lines, sure, missing)
    colours = _colours(image_u8, words)
    if colours:
        sure["brand.colours"] = 0.9
    return Taken(messages, brand, photo, logo, colours, sure, missing, proposals)


def read_twice(image_u8: np.ndarray, reader: TextReading | None = None) -> Words:
    """Return the words of an ad [H, W, 3] uint8, with lines certain only if a second size reads the same."""
    words = read(image_u8, reader)
    scale = AGAIN_SMALLER if max(image_u8.shape[:2]) >= LARGE_PX else AGAIN_LARGER
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    again = read(cv2.resize(image_u8, None, fx=scale, fy=scale, interpolation=how), reader)
    seen = {line.text for line in again.lines}

    def doubt(block: TextBlock) -> TextBlock:
        lines = (one if one.text in seen else replace(one, confidence=0.0) for one in block.lines)
        return replace(block, lines=tuple(lines))

    return replace(words, blocks=tuple(map(doubt, words.blocks)))


def _messages(
    image_u8: np.ndarray, words: Words, sure: dict[str, float], missing: dict[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    found: dict[str, list[TextBlock]] = {}
    for block in words.blocks:
        if block.role in TAKEN:
            role = "proof" if block.role == "subline" and _has_bullets(image_u8, block) else block.role
            found.setdefault(role, []).append(block)
    messages, proposals = {}, {}
    for role, blocks in found.items():
        taken = [one for one in blocks if _is_certain(one, words) and not _ADDRESS.search(one.text)]
        unsure = next((one for one in blocks if one not in taken), None)
        if unsure is not None:
            missing[f"messages.{role}"] = f'it was read as "{unsure.text[:60]}", not for sure'
            proposals[role] = unsure.text
        if taken:
            sure[f"messages.{role}"] = min(one.confidence for one in taken)
            messages[role] = tuple(text for one in taken for text in _facts(image_u8, one, role))
    _drop_repeats(messages, sure)
    if words.hides_words and "headline" not in messages:
        missing["messages.headline"] = words.unread_note or "large words could not be read"
    elif "headline" not in found:
        missing["messages.headline"] = "no line leads the ad"
    return messages, proposals


def _drop_repeats(messages: dict[str, tuple[str, ...]], sure: dict[str, float]) -> None:
    """Remove offers, prices and badges whose words each headline says, too."""
    said = [f" {' '.join(text.casefold().split())} " for text in messages.get("headline", ())]
    for role in ("offer", "price", "badge"):
        texts = messages.get(role, ())
        left = tuple(
            text for text in texts if not said or not all(f" {' '.join(text.casefold().split())} " in one for one in said)
        )
        if texts and not left:
            del messages[role], sure[f"messages.{role}"]
        elif texts:
            messages[role] = left


def _is_certain(block: TextBlock, words: Words) -> bool:
    """Return whether a block's words are certain: where large words are unread, only those that a person confirmed."""
    return block.confidence >= SURE and block.is_sure and (block.chance == 1.0 or not words.hides_words)


def _facts(image_u8: np.ndarray, block: TextBlock, role: str) -> tuple[str, ...]:
    """Return the messages of a block: each line of a list with bullets is one."""
    if role == "proof" and _has_bullets(image_u8, block):
        return tuple(line.text for line in block.lines)
    return (block.text,)


def _has_bullets(image_u8: np.ndarray, block: TextBlock) -> bool:
    """Return whether something is drawn beside each of a block's lines, at one distance, and nothing between two lines."""
    distances = []
    for line in block.lines:
        x0, y0, _, y1 = line.box
        high = y1 - y0
        left, right = max(0, round(x0 - BULLET_REACH[1] * high)), max(1, round(x0 - BULLET_REACH[0] * high))
        part = image_u8[max(0, y0) : y1, left:right]
        if not part.size:
            return False
        drawn = np.linalg.norm(to_oklab(part) - to_oklab(np.array(block.ground)), axis=2) > SAME_COLOUR
        columns = np.flatnonzero(drawn.any(axis=0))
        is_wide = len(columns) > 0 and columns[-1] - columns[0] > MAX_BULLET * high
        if not len(columns) or is_wide or drawn.all(axis=0).any():  # nothing, an arrow, or a line that goes on to the next one
            return False
        distances.append((x0 - left - float(columns.mean())) / high)
    return len(distances) > 1 and float(np.std(distances)) <= BULLET_NEAR


def _brand(
    image_u8: np.ndarray, words: Words, sure: dict[str, float], missing: dict[str, str]
) -> tuple[str, Image.Image | None]:
    logos = [
        one
        for one in words.with_role("brand")
        if one.chance >= SURE_BRAND and len(one.lines) <= MAX_LOGO_LINES and len(one.text.split()) <= MAX_LOGO
    ]
    if len(logos) != 1 or logos[0].confidence < SURE:
        missing["brand.name"] = "no single line stands as a logo" if len(logos) != 1 else "the logo was not read for sure"
        return "", None
    block = logos[0]
    sure["brand.name"] = block.confidence
    if block.residual > CALM:
        missing["brand.logo"] = "it stands on a photograph, from which it cannot be freed"
        return block.text, None
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = _logo_box(image_u8, words, block)
    rim = round(0.35 * (block.box[3] - block.box[1]))
    crop = image_u8[max(0, y0 - rim) : min(height, y1 + rim), max(0, x0 - rim) : min(width, x1 + rim)]
    if _edge_ink(crop, block.ground) > MAX_EDGE_INK:
        missing["brand.logo"] = "something else reaches into its box"
        return block.text, None
    try:
        logo = free_logo(Image.fromarray(crop).convert("RGBA"))
    except ConfigError:
        missing["brand.logo"] = "it has the colour of its ground"
        return block.text, None
    alpha = np.asarray(logo.getchannel("A"))
    if np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]).mean() > 255 * MAX_BOX:
        missing["brand.logo"] = "its ground cannot be told from it"
        return block.text, None
    if _haze(alpha) > MAX_HAZE:
        missing["brand.logo"] = "shades of its ground stay around it"
        return block.text, None
    if logo.height < MIN_LOGO_PX:
        missing["brand.logo"] = f"it is {logo.height} px high, too small to be set anew"
        return block.text, None
    sure["brand.logo"] = block.confidence
    return block.text, logo


def _edge_ink(crop: np.ndarray, ground: tuple[int, int, int]) -> float:
    """Return the share of a crop's outermost pixels [H, W, 3] that have not the colour of the logo's ground."""
    edge = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])[None]
    return float((np.linalg.norm(to_oklab(edge) - to_oklab(np.array(ground)), axis=2) > SAME_COLOUR).mean())


def _haze(alpha: np.ndarray) -> float:
    """Return the share of a logo's visible pixels [H, W] 0..255 that are translucent beyond the width of an edge."""
    near = cv2.dilate((alpha > 180).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(((alpha > 24) & ~near).sum() / max(1, (alpha > 24).sum()))


def _logo_box(image_u8: np.ndarray, words: Words, block: TextBlock) -> tuple[int, int, int, int]:
    """Return the box of a brand's words with the drawn mark beside them, px; that of the words where no mark ends near them."""
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = block.box
    reach, gap = MARK_REACH * (y1 - y0), max(1, round(MARK_GAP * (y1 - y0)))
    left, top = max(0, round(x0 - reach)), max(0, round(y0 - reach))
    part = image_u8[top : min(height, round(y1 + reach)), left : min(width, round(x1 + reach))]
    drawn = (np.linalg.norm(to_oklab(part) - to_oklab(np.array(block.ground)), axis=2) > SAME_COLOUR).astype(np.uint8)
    for other in words.blocks:
        if other is not block:
            drawn[max(0, other.box[1] - top) : other.box[3] - top, max(0, other.box[0] - left) : other.box[2] - left] = 0
    _, labels = cv2.connectedComponents(cv2.dilate(drawn, np.ones((gap, gap), np.uint8)))
    own = set(np.unique(labels[y0 - top : y1 - top, x0 - left : x1 - left])) - {0}
    ys, xs = np.nonzero(np.isin(labels, list(own)) & (drawn > 0))
    if not len(ys) or min(ys.min(), xs.min()) == 0 or ys.max() == part.shape[0] - 1 or xs.max() == part.shape[1] - 1:
        return block.box  # it goes on: a photograph, a shape behind the words
    return min(x0, left + xs.min()), min(y0, top + ys.min()), max(x1, left + xs.max() + 1), max(y1, top + ys.max() + 1)


@dataclass(frozen=True, eq=False)
class _View:
    """A picture of the ad with some words erased, or a panel of it, in which a photograph is looked for.

    picture: [H, W, 3]. drawn: boxes of the words left. gone: erased words. frame: the panel, px. standing_out: [H, W] 0..1.
    """

    picture: np.ndarray
    drawn: Sequence[Sequence[int]]
    gone: Sequence[TextBlock]
    frame: tuple[int, int, int, int]
    standing_out: np.ndarray | None

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Return the possible photographs, those that show most first: the largest part without words, and what stands out."""
        x0, y0, x1, y1 = self.frame
        part = np.ascontiguousarray(self.picture[y0:y1, x0:x1])
        words = [(b[0] - x0, b[1] - y0, b[2] - x0, b[3] - y0) for b in self.drawn if _meet(b, self.frame)]
        found = [find_photograph(part, words)]
        if not words and found[0] is not None and part.shape != self.picture.shape:
            return [self.frame]
        if self.standing_out is not None:
            found += find_things(part, np.ascontiguousarray(self.standing_out[y0:y1, x0:x1]), [_wider(one) for one in words])
        boxes = [(one[0] + x0, one[1] + y0, one[2] + x0, one[3] + y0) for one in found if one is not None]
        return sorted(boxes, key=lambda box: self.shown(box) < 0.5)

    def shown(self, box: Sequence[int]) -> float:
        """Return the share of what stands out, without words, that a box holds; 1 where nothing does."""
        if self.standing_out is None:
            return 1.0
        seen = _without_words(self.standing_out, self.drawn)
        inside = int(seen[box[1] : box[3], box[0] : box[2]].sum())
        return inside / int(seen.sum()) if seen.any() else 1.0


def _photo(
    image_u8: np.ndarray,
    words: Words,
    segment: Segmenter | None,
    find_lines: FindLines | None,
    sure: dict[str, float],
    missing: dict[str, str],
) -> Image.Image | None:
    """Return a panel that is a photograph, else the largest rectangle without words, else what stands out; None if that is cut.

    Words on smooth ground are erased first, and a rectangle is taken where no traces of them are detected.
    """
    missing["photos"] = NO_PHOTOGRAPH
    seen = None if segment is None else segment(image_u8)
    said = _drawn_words(words, seen)
    prints = [one for one in words.blocks if one not in said and seen is not None and _part(seen, one.box).mean() > SEEN]
    for view in _views(image_u8, words, said, seen, segment, find_lines):
        for box in view.boxes():
            x0, y0, x1, y1 = box
            crop = np.ascontiguousarray(view.picture[y0:y1, x0:x1])
            if _erased_share(view.gone, box) > MAX_ERASED:
                missing["photos"] = "words cover too much of what its photograph shows"
                continue
            if view.gone and find_lines is not None and _are_seen(find_lines(crop), view.gone, (x0, y0)):
                continue
            if any(CUT_WORDS[0] < _share_in(one.box, box) < CUT_WORDS[1] for one in words.blocks if one not in view.gone):
                missing["photos"] = "words are cut by the part with its photograph"
                continue
            if prints and not any(_meet(box, one.box) for one in prints):
                missing["photos"] = "the part without words does not show the product, on which words are printed"
                continue
            kept = 0.7 if view.standing_out is None else _wholeness(view, box)
            if kept >= KEPT or view.standing_out is None:
                missing.pop("photos")
                sure["photos"] = kept
                return Image.fromarray(without_rim(crop))
            missing["photos"] = f"{1 - kept:.0%} of what its photograph shows lies under words or beyond them"
    return None


def _views(
    image_u8: np.ndarray,
    words: Words,
    said: Sequence[TextBlock],
    standing_out: np.ndarray | None,
    segment: Segmenter | None,
    find_lines: FindLines | None,
) -> Iterator[_View]:
    """Yield where a photograph is looked for: panels without words, the ad with words erased, the ad, its other panels."""
    height, width = image_u8.shape[:2]
    whole = (0, 0, width, height)
    behind = {block: _shape_behind(image_u8, block) for block in said}
    unread = [tuple(map(round, line.box_xyxy_px)) for line in words.unread]
    drawn = [*behind.values(), *unread]
    panels = [] if segment is None else [box for box in find_panels(image_u8) if box != whole]
    free = [box for box in panels if not any(_meet(box, word) for word in drawn)]
    for box in free:
        view = _view(image_u8, drawn, [], box, segment)
        if view.standing_out is not None and (view.standing_out > SEEN).mean() * height * width >= SHOWS * _area(box):
            yield view
    flat = [one for one in said if one.role != "brand" and _is_alone(image_u8, behind[one])]
    calm = [one for one in said if one not in flat and one.residual <= CALM and behind[one] == one.box and one.role != "brand"]
    if (flat or calm) and find_lines is not None:
        erased = _painted_over(image_u8, [behind[one] for one in flat])
        if calm:
            erased = erase(erased, replace(words, blocks=tuple(calm)))
        gone = [*flat, *(block for block in calm if is_clean(image_u8, erased, block))]
        left = [*(behind[block] for block in said if block not in gone), *unread]
        yield _view(erased, left, gone, whole, segment)
    yield _View(image_u8, drawn, [], whole, standing_out)
    for box in panels:
        if box not in free:
            yield _view(image_u8, drawn, [], box, segment)


def _drawn_words(words: Words, standing_out: np.ndarray | None) -> list[TextBlock]:
    """Return the blocks that belong to the ad, not to what it shows: several "prints" beside what stands out are the ad's."""
    prints = [block for block in words.with_role("product_print") if block.is_sure]
    beside = [] if standing_out is None else [one for one in prints if _part(standing_out, one.box).mean() < ON_THING]
    printed = [one for one in prints if one not in beside or len(beside) < MIN_BESIDE]
    return [block for block in words.blocks if block not in printed]


def _part(picture: np.ndarray, box: Sequence[int]) -> np.ndarray:
    x0, y0, x1, y1 = (max(0, side) for side in box)
    return picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]


def _view(
    picture: np.ndarray,
    drawn: Sequence[Sequence[int]],
    gone: Sequence[TextBlock],
    frame: tuple[int, int, int, int],
    segment: Segmenter | None,
) -> _View:
    """Return a part of a picture with what stands out in it."""
    if segment is None:
        return _View(picture, drawn, gone, frame, None)
    x0, y0, x1, y1 = frame
    standing_out = np.zeros(picture.shape[:2], np.float32)
    standing_out[y0:y1, x0:x1] = segment(np.ascontiguousarray(picture[y0:y1, x0:x1]))
    return _View(picture, drawn, gone, frame, standing_out)


def _share_in(box: Sequence[int], outer: Sequence[int]) -> float:
    """Return the share of a box inside another one."""
    wide, high = min(box[2], outer[2]) - max(box[0], outer[0]), min(box[3], outer[3]) - max(box[1], outer[1])
    return max(0, wide) * max(0, high) / max(1, _area(box))


def _area(box: Sequence[int]) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def find_panels(image_u8: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return the panels x0, y0, x1, y1 (px) into which straight lines from side to side divide an ad [H, W, 3] uint8."""
    height, width = image_u8.shape[:2]
    return _divide(image_u8, (0, 0, width, height), PANELS)


def _divide(image_u8: np.ndarray, box: tuple[int, int, int, int], times: int) -> list[tuple[int, int, int, int]]:
    x0, y0, x1, y1 = box
    part = image_u8[y0:y1, x0:x1].astype(np.int16)
    best, at, axis = STRAIGHT, 0, 0
    for along in (0, 1) if times else ():
        lines = part.transpose(1, 0, 2) if along == 0 else part  # first axis: across the dividing line
        if len(lines) < 2 * MIN_PANEL_PX:
            continue
        steps = (np.abs(lines[2:] - lines[:-2]).max(axis=2) > OTHER_COLOUR).mean(axis=1)[MIN_PANEL_PX:-MIN_PANEL_PX]
        if len(steps) and steps.max() > best and (steps > STRAIGHT).sum() <= MAX_LINES:
            best, at, axis = float(steps.max()), int(steps.argmax()) + MIN_PANEL_PX + 1, along
    if not at:
        return [box]
    if axis == 0:
        first, second = (x0, y0, x0 + at, y1), (x0 + at + 2, y0, x1, y1)
    else:
        first, second = (x0, y0, x1, y0 + at), (x0, y0 + at + 2, x1, y1)
    return [*_divide(image_u8, first, times - 1), *_divide(image_u8, second, times - 1)]


def _ring(image_u8: np.ndarray, box: Sequence[int]) -> np.ndarray:
    """Return the pixels [N, 3] around a box, x0, y0, x1, y1 px, beyond its blended edge."""
    wide = _wider(box)
    around = np.zeros(image_u8.shape[:2], bool)
    around[max(0, wide[1] - 3) : wide[3] + 3, max(0, wide[0] - 3) : wide[2] + 3] = True
    around[max(0, wide[1]) : wide[3], max(0, wide[0]) : wide[2]] = False
    return image_u8[around]


def _wider(box: Sequence[int]) -> tuple[int, int, int, int]:
    air = 2 + round(AIR * min(box[3] - box[1], 60))
    return box[0] - air, box[1] - air, box[2] + air, box[3] + air


def _is_alone(image_u8: np.ndarray, box: Sequence[int]) -> bool:
    """Return whether words, with the shape behind them, stand on one flat colour."""
    ring = _ring(image_u8, box).astype(np.float32)
    return bool(len(ring)) and float(ring.std(axis=0).max()) < PLAIN


def _painted_over(image_u8: np.ndarray, boxes: Sequence[Sequence[int]]) -> np.ndarray:
    """Return a picture [H, W, 3] uint8 with boxes in the colour around each."""
    painted = image_u8.copy()
    for box in boxes:
        x0, y0, x1, y1 = _wider(box)
        painted[max(0, y0) : y1, max(0, x0) : x1] = np.median(_ring(image_u8, box), axis=0)
    return painted


def _erased_share(gone: Sequence[TextBlock], box: Sequence[int]) -> float:
    """Return the share of a box, x0, y0, x1, y1 px, on which erased words stood."""
    covered = np.zeros((box[3] - box[1], box[2] - box[0]), bool)
    for block in gone:
        x0, y0, x1, y1 = block.box
        covered[max(0, y0 - box[1]) : max(0, y1 - box[1]), max(0, x0 - box[0]) : max(0, x1 - box[0])] = True
    return float(covered.mean())


def without_rim(picture: np.ndarray) -> np.ndarray:
    """Return a picture [H, W, 3] uint8 without plain lines of another colour at its edges: margins and frames of an ad."""
    rows, columns = picture, picture.transpose(1, 0, 2)
    top, bottom, left, right = (_rim_of(lines) for lines in (rows, rows[::-1], columns, columns[::-1]))
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[top : height - bottom, left : width - right])


def _rim_of(lines: np.ndarray) -> int:
    """Return how many of the first lines [N, M, 3] are plain and unlike the next ones, the blended one behind them too."""
    most = round(RIM * len(lines))
    near = lines[: most + 2].astype(np.int16)
    steps = (np.abs(near[2:] - near[:-2]).max(axis=2) > OTHER_COLOUR).mean(axis=1)
    for last in np.flatnonzero(steps > STRAIGHT)[::-1]:
        if lines[: last + 1].reshape(-1, 3).astype(np.float32).std(axis=0).max() < PLAIN:
            return int(last) + 2
    return 0


def is_clean(image_u8: np.ndarray, erased_u8: np.ndarray, block: TextBlock) -> bool:
    """Return whether a picture [H, W, 3] uint8 without a block's letters shows no shades of them.

    The ground has then the same mean colour where letters were as beside them.
    """
    x0, y0, x1, y1 = block.box
    part = erased_u8[y0:y1, x0:x1].astype(np.float32)
    away = np.abs(part - image_u8[y0:y1, x0:x1]).max(axis=2)
    letters, beside = away > LETTER, away < LETTER / 6
    if not letters.any() or not beside.any():
        return False  # nothing was erased, or no ground is left to compare with
    return float(np.abs(part[letters].mean(axis=0) - part[beside].mean(axis=0)).max()) <= CLEAN


def _shape_behind(image_u8: np.ndarray, block: TextBlock) -> tuple[int, int, int, int]:
    """Return the box of the drawn shape of one colour on which a block stands, px; the block's own on open ground.

    A plate that was found behind the words may be a part of it.
    """
    x0, y0, x1, y1 = block.plate or block.panel or block.box
    height, width = image_u8.shape[:2]
    scale = min(1.0, SHAPES_PX / max(height, width))
    small = cv2.resize(image_u8, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    alike = np.linalg.norm(to_oklab(small) - to_oklab(np.array(block.ground)), axis=2) <= SAME_COLOUR / 2
    _, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8), connectivity=4)
    under = labels[int(y0 * scale) : int(y1 * scale) + 1, int(x0 * scale) : int(x1 * scale) + 1]
    own = np.bincount(under.ravel(), minlength=len(stats))
    own[0] = 0
    largest = int(own.argmax())
    left, top, wide, high, area = (int(value) for value in stats[largest])
    if not own[largest] or area > MAX_SHAPE * alike.size or area < MIN_FILL * wide * high:
        return x0, y0, x1, y1
    edges = (left == 0) + (top == 0) + (left + wide == alike.shape[1]) + (top + high == alike.shape[0])
    if edges > 1 and area < MIN_CORNER_FILL * wide * high:  # the ad's ground, up to a thing on it
        return x0, y0, x1, y1
    if _edge_step(small, labels == largest, block.ground) < SAME_COLOUR:
        return x0, y0, x1, y1
    ends = (left + wide) / scale, (top + high) / scale
    return min(x0, int(left / scale)), min(y0, int(top / scale)), max(x1, round(ends[0])), max(y1, round(ends[1]))


def _edge_step(image_u8: np.ndarray, shape: np.ndarray, ground: tuple[int, int, int]) -> float:
    """Return the median distance (OKLab) of a ground from what surrounds a shape [H, W] of it: small where it goes on."""
    outlines, _ = cv2.findContours(shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros(shape.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    around = image_u8[cv2.dilate(filled, np.ones((3, 3), np.uint8), iterations=2) > filled]
    if not len(around):
        return 0.0
    return float(np.median(np.linalg.norm(to_oklab(around) - to_oklab(np.array(ground)), axis=1)))


def _are_seen(lines_xyxy_px: np.ndarray, gone: Sequence[TextBlock], at: tuple[int, int]) -> bool:
    """Return whether a line detected in a part of a picture, with its corner at `at`, is on erased words."""
    for x0, y0, x1, y1 in np.asarray(lines_xyxy_px) + np.array([*at, *at]):
        for block in gone:
            left, top, right, bottom = block.box
            shared = max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, bottom) - max(y0, top))
            if shared > STILL_THERE * (x1 - x0) * (y1 - y0):
                return True
    return False


def _without_words(standing_out: np.ndarray, drawn: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the mask [H, W] 0 or 1 of what stands out, without letters and plates."""
    seen = (standing_out > SEEN).astype(np.uint8)
    for left, top, right, bottom in drawn:
        seen[max(0, top - 4) : max(0, bottom + 4), max(0, left - 4) : max(0, right + 4)] = 0
    return seen


def _wholeness(view: _View, box: Sequence[int]) -> float:
    """Return the share of the objects visible in a box that is inside it, without letters and plates."""
    assert view.standing_out is not None
    seen = _without_words(view.standing_out, view.drawn)
    if _is_cut(seen, box, view.frame) or _has_scraps(view, seen, box):
        return 0.0
    _, labels = cv2.connectedComponents(seen)
    x0, y0, x1, y1 = box
    inside = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=int(labels.max()) + 1)[1:]
    whole = np.bincount(labels.ravel())[1:]
    return float(inside.sum() / max(1, whole[inside > 0].sum()))


def _is_cut(seen: np.ndarray, box: Sequence[int], frame: Sequence[int]) -> bool:
    """Return whether visible objects [H, W] continue beyond a side of a box; the edges of its panel do not count."""
    x0, y0, x1, y1 = box
    rim = max(2, round(0.01 * max(seen.shape)))
    sides = (
        (y0 > frame[1] + rim, seen[y0 : y0 + rim, x0:x1], MAX_CUT),
        (x0 > frame[0] + rim, seen[y0:y1, x0 : x0 + rim], MAX_CUT),
        (x1 < frame[2] - rim, seen[y0:y1, x1 - rim : x1], MAX_CUT),
        (y1 < frame[3] - rim, seen[y1 - rim : y1, x0:x1], MAX_CUT_BELOW),
    )
    return any(is_inner and part.mean() > most for is_inner, part, most in sides)


def _has_scraps(view: _View, seen: np.ndarray, box: Sequence[int]) -> bool:
    """Return whether small things beside words end at a side of a box, such as an arrow; a textured side has none."""
    frame, reach = view.frame, round(NEAR_WORDS * max(seen.shape))
    near = np.zeros_like(seen)
    for left, top, right, bottom in (*view.drawn, *(one.box for one in view.gone)):
        near[max(0, top - reach) : max(0, bottom + reach), max(0, left - reach) : max(0, right + reach)] = 1
    x0, y0, x1, y1 = box
    part = view.picture[y0:y1, x0:x1].astype(np.float32)
    thing = cv2.dilate(seen[y0:y1, x0:x1], np.ones((9, 9), np.uint8)) | (1 - near[y0:y1, x0:x1])
    sides = (
        (y0 > frame[1], part[:3].mean(axis=0), thing[0]),
        (x0 > frame[0], part[:, :3].mean(axis=1), thing[:, 0]),
        (x1 < frame[2], part[:, -3:].mean(axis=1), thing[:, -1]),
        (y1 < frame[3], part[-3:].mean(axis=0), thing[-1]),
    )
    for is_inner, line, own in sides:
        ground = ndimage.median_filter(line, size=(max(3, round(SCRAP_REACH * len(line))), 1))
        away = (np.abs(line - ground).max(axis=1) > SCRAP_STEP) & (own == 0)
        if is_inner and SCRAPS[0] < away.mean() < SCRAPS[1]:
            return True
    return False


def find_things(
    image_u8: np.ndarray, standing_out: np.ndarray, words_xyxy_px: Sequence[Sequence[float]]
) -> list[tuple[int, int, int, int]]:
    """Return boxes x0, y0, x1, y1 (px) without words: around all that stands out [H, W] 0..1, and around its largest part.

    Only those that are textured, as a photograph is, and large enough.
    """
    height, width = standing_out.shape
    seen = (standing_out > SEEN).astype(np.uint8)
    for x0, y0, x1, y1 in words_xyxy_px:
        seen[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen)
    if len(stats) < 2:
        return []
    grey = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
    cell = (max(3, max(height, width) // CELLS),) * 2
    is_textured = np.sqrt(np.maximum(cv2.blur(grey * grey, cell) - cv2.blur(grey, cell) ** 2, 0)) > TEXTURE
    found = []
    for part in (seen, (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)):
        box = _around(part, words_xyxy_px)
        sides = box[2] - box[0], box[3] - box[1]
        is_large = min(sides) >= MIN_PHOTO_PX and sides[0] * sides[1] >= MIN_PHOTO * height * width
        if is_large and is_textured[part > 0].mean() >= LIVELY:
            found.append(box)
    return found


def _around(seen: np.ndarray, words_xyxy_px: Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """Return the box of a mask [H, W] 0 or 1 with air around it, px.

    Where words reach into the box, it gives way on the side on which least of the mask is lost.
    """
    height, width = seen.shape
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    for word in words_xyxy_px:
        if _meet(box, word):
            x0, y0, x1, y1 = box
            sides = [
                (x0, y0, min(x1, int(word[0])), y1),
                (x0, y0, x1, min(y1, int(word[1]))),
                (max(x0, int(word[2]) + 1), y0, x1, y1),
                (x0, max(y0, int(word[3]) + 1), x1, y1),
            ]
            box = max(sides, key=lambda one: int(seen[one[1] : max(one[1], one[3]), one[0] : max(one[0], one[2])].sum()))
    rim = round(AIR * max(box[2] - box[0], box[3] - box[1]))
    for side in range(4):
        for reach in (rim, rim // 2, rim // 4):
            wider = list(box)
            wider[side] = min((width, height)[side % 2], wider[side] + reach) if side > 1 else max(0, wider[side] - reach)
            if not any(_meet(wider, word) for word in words_xyxy_px):
                box = (wider[0], wider[1], wider[2], wider[3])
                break
    return box


def _meet(box: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two boxes share an area."""
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def find_photograph(image_u8: np.ndarray, words_xyxy_px: Sequence[Sequence[float]]) -> tuple[int, int, int, int] | None:
    """Return the largest box x0, y0, x1, y1 (px) of a photograph without words, None without one."""
    height, width = image_u8.shape[:2]
    cell = max(height, width) / CELLS
    rows, columns = max(4, round(height / cell)), max(4, round(width / cell))
    grey = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    square = cv2.resize(grey * grey, (columns, rows), interpolation=cv2.INTER_AREA)
    is_textured = (np.sqrt(np.maximum(square - mean * mean, 0)) > TEXTURE).astype(np.uint8)
    taken = np.zeros((rows, columns), np.uint8)
    for x0, y0, x1, y1 in words_xyxy_px:
        pad = 0.25 * (y1 - y0)
        top, bottom = int((y0 - pad) / height * rows), int(np.ceil((y1 + pad) / height * rows))
        left, right = int((x0 - pad) / width * columns), int(np.ceil((x1 + pad) / width * columns))
        taken[max(0, top) : bottom, max(0, left) : right] = 1
    is_textured &= 1 - taken
    kernel = np.ones((5, 5), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(is_textured, cv2.MORPH_CLOSE, kernel))
    if count <= 1:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    around = cv2.dilate((labels == largest).astype(np.uint8), kernel)
    ys, xs = np.flatnonzero(around.any(axis=1)), np.flatnonzero(around.any(axis=0))
    free = np.zeros_like(taken)
    free[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = 1
    free &= 1 - taken
    left, top, right, bottom = _largest_rectangle(free)
    box = (
        round(left / columns * width),
        round(top / rows * height),
        round(right / columns * width),
        round(bottom / rows * height),
    )
    sides = box[2] - box[0], box[3] - box[1]
    holds = float(is_textured[top:bottom, left:right].mean()) if right > left and bottom > top else 0.0
    if sides[0] * sides[1] < MIN_PHOTO * height * width or min(sides) < MIN_PHOTO_PX or holds < HOLDS:
        return None
    return box


def _largest_rectangle(free: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the largest rectangle of ones in [rows, columns], by a histogram for each row."""
    best, box = 0, (0, 0, 0, 0)
    heights = np.zeros(free.shape[1], int)
    for row, line in enumerate(free):
        heights = np.where(line > 0, heights + 1, 0)
        stack: list[tuple[int, int]] = []  # start, height
        for column, high in enumerate([*heights.tolist(), 0]):
            start = column
            while stack and stack[-1][1] >= high:
                start, tall = stack.pop()
                if tall * (column - start) > best:
                    best, box = tall * (column - start), (start, row - tall + 1, column, row + 1)
            stack.append((start, high))
    return box


def _colours(image_u8: np.ndarray, words: Words) -> tuple[str, ...]:
    """Return the ad's colours, the button's first: chromatic ones of plates, letters and flat grounds, else of the picture.

    An ad without any chromatic colour has that of its leading letters.
    """
    blocks = sorted(words.blocks, key=lambda block: (block.plate is None, -block.size_px))
    drawn = [block.ground for block in blocks if block.plate is not None or block.residual <= CALM]
    drawn += [block.colour for block in blocks]
    return (
        _distinct(map(as_hex, drawn))
        or _distinct(colour for colour, _ in main_colours(Image.fromarray(image_u8)))
        or tuple(as_hex(block.colour) for block in words.with_role("headline")[:1])
    )


def _distinct(found: Iterable[str]) -> tuple[str, ...]:
    """Return the first two chromatic colours that differ."""
    colours: list[str] = []
    for colour in found:
        away = [np.linalg.norm(to_oklab(np.array(to_rgb(colour))) - to_oklab(np.array(to_rgb(one)))) for one in colours]
        if to_oklch(colour)[1] >= MIN_CHROMA and min(away, default=1.0) > SAME_COLOUR:
            colours.append(colour)
    return tuple(colours[:2])


def write_taken(taken: Taken, folder: Path) -> Path:
    """Write the taken parts as a brief with pictures into a folder, and return the path of brief.toml.

    A missing part is a comment with the reason.
    """
    make_private_dir(folder)
    lines = ["# Taken from an ad; what was not sure is asked for below.", ""]
    lines += [f"# {name}: {why}" for name, why in taken.missing.items()]
    lines += ["", "[brand]", f"name = {_toml(taken.brand)}", f"colours = {_toml(list(taken.colours))}"]
    if taken.logo is not None:
        write_picture(taken.logo, folder / "logo.png")
        lines.append('logo = "logo.png"')
    if taken.photo is not None:
        write_picture(taken.photo, folder / "photo.png")
        lines += ["", "[[photos]]", 'file = "photo.png"']
    lines += ["", "[messages]"]
    for role, texts in taken.messages.items():
        single = role in ("price", "old_price", "badge", "legal")
        lines.append(f"{role} = {_toml(' '.join(texts) if single else list(texts))}")
    lines += [
        f"# {role} = {_toml(text)}  # as it was read" for role, text in taken.proposals.items() if role not in taken.messages
    ]
    path = folder / NAME
    write_atomically(path, ("\n".join(lines) + "\n").encode(), is_private=True)
    return path


def _toml(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)
