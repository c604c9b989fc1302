"""Sets new words into a picture in place of those that stand there: headline, description and button.

    find    the block that says the field now          encoders/picture_words
    erase   its letters                                 erasing
    set     the new text in the nearest font            matching, typesetting, room, plates
    accept  or leave the picture as it was, and say why acceptance

Pixels outside the old and the new boxes stay bit for bit. Knows pictures and words; no click rates, no models of faces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adcreative.creative import Creative
from adcreative.editor.picture.acceptance import find_faults, readable
from adcreative.editor.picture.compression import RINGING_PX, Compression, find_compression
from adcreative.editor.picture.erasing import erase_block, inpaint_strokes
from adcreative.editor.picture.fonts import Typeface
from adcreative.editor.picture.lettering import paste_coverage
from adcreative.editor.picture.matching import FontMatch, match_fonts
from adcreative.editor.picture.plates import widen_plate
from adcreative.editor.picture.room import find_room
from adcreative.editor.picture.typesetting import IsFree, SetLine, Setting, lay_out, lay_out_label
from adcreative.encoders.hole_filling import FillHoles
from adcreative.encoders.picture_words.blocks import Box, TextBlock
from adcreative.encoders.picture_words.reader import MODEL_VARIABLE, TextReading
from adcreative.encoders.picture_words.roles import is_same_text
from adcreative.encoders.picture_words.words import PictureWords, with_known_words

FIELDS = ("headline", "description", "cta")
NAMES = {"headline": "headline", "description": "description", "cta": "button"}
MAX_ANGLE_DEG = 2.0  # text that leans more is left alone
MAX_LEAN_DEG = 20.0  # divided by a text's length in heights: the slope of a short text is not measured finer
MIN_LIKENESS = 0.4  # of the nearest font to the old letters; script and display lettering has no counterpart at hand
NEW_INK = 120.0  # distance of colours from which the ink counts as another
RETRIES = (1.0, 0.96, 0.92)  # sizes to try when a text does not read back
LABEL_PAD = 0.75  # heights of a label's letters between it and the end of its button
THING_RIM = 0.2  # of a line's height: its descenders and soft edges
MAX_REMEMBERED = 64


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """What setting an ad's words does to its picture.

    mask [H, W]: pixels that differ; pixels [H, W, 3]: what stands there. done: fields whose text was set; inked: those
    among them that took another ink, as the old one has too little contrast; left: fields whose
    text stands in the picture and could not be set, with the reason.
    """

    mask: np.ndarray = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    done: tuple[str, ...] = ()
    inked: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)

    def apply(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the words set; the picture itself when nothing changes."""
        return np.where(self.mask[:, :, None], self.pixels, image_u8) if self.done else image_u8

    @property
    def note(self) -> str:
        """What became of the words in the picture, in a sentence; "" when there is nothing to say."""
        told = [f"the {NAMES[name]} in the picture stays as it was: {why}" for name, why in self.left.items()]
        if self.done:
            names = [NAMES[name] for name in self.done]
            ink = " (in another ink, as the old one had too little contrast)" if self.inked else ""
            told.insert(0, f"{' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))} set into the picture{ink}")
        return "; ".join(told)


class TextSetter:
    """Sets words into one picture. Results are remembered, since a search asks for the same words many times.

    Args:
        image_u8: [H, W, 3]. words: what was read in it. creative: the ad whose words stand there.
        faces_xyxy_px: boxes of its faces. fixed: [H, W] pixels that other edits change, on which no text may be set.
    """

    def __init__(
        self,
        image_u8: np.ndarray,
        words: PictureWords,
        creative: Creative,
        *,
        reader: TextReading,
        typefaces: Sequence[Typeface],
        faces_xyxy_px: Sequence[Sequence[float]] = (),
        fixed: np.ndarray | None = None,
        inpainter: FillHoles = inpaint_strokes,
    ) -> None:
        self._image_u8, self._words, self._creative, self._reader = image_u8, words, creative, reader
        self._typefaces, self._faces, self._fixed, self._inpainter = typefaces, faces_xyxy_px, fixed, inpainter
        self.homes = find_homes(words, creative)
        self._matches: dict[str, list[FontMatch]] | None = None
        self._erased: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._compressions: dict[str, Compression] = {}
        self._remembered: dict[tuple[str, ...], TextChange] = {}

    def change(self, edited: Creative) -> TextChange:
        """Return what the picture becomes when the ad's words become those of `edited`."""
        key = tuple(getattr(edited, name) for name in FIELDS)
        if key not in self._remembered:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = self._set_all(edited)
        return self._remembered[key]

    def _set_all(self, edited: Creative) -> TextChange:
        picture, done, inked, left = self._image_u8, [], [], {}
        changed = np.zeros(picture.shape[:2], bool)
        blocks, own = dict(self.homes), {block.box for block in self.homes.values()}
        for name in FIELDS:
            text = _as_set(getattr(edited, name), self.homes.get(name))
            if name not in self.homes or getattr(edited, name) == getattr(self._creative, name):
                continue
            if not text:
                left[name] = "an empty text is not set"
                continue
            others = [block for block in self._words.blocks if block.box not in own]
            others += [block for other, block in blocks.items() if other != name]
            found = self._set_one(picture, name, text, others)
            if isinstance(found, str):
                left[name] = found
                continue
            picture, mask, blocks[name] = found
            if float(np.linalg.norm(np.subtract(blocks[name].colour, self.homes[name].colour))) > NEW_INK:
                inked.append(name)
            changed |= mask
            done.append(name)
        return TextChange(mask=changed, pixels=picture, done=tuple(done), inked=tuple(inked), left=left)

    def _set_one(
        self, picture: np.ndarray, name: str, text: str, others: Sequence[TextBlock]
    ) -> tuple[np.ndarray, np.ndarray, TextBlock] | str:
        """Return the picture with one text set, the mask of what changed and the new block; or why it was not set."""
        block = self.homes[name]
        if abs(block.angle_deg) > max(MAX_ANGLE_DEG, MAX_LEAN_DEG / max(1.0, (block.box[2] - block.box[0]) / block.size_px)):
            return f"it leans by {abs(block.angle_deg):.0f} degrees"
        if unread := self._reader.unread_letters(text):
            return f'its letters cannot be read back ("{unread[:8]}"); name an OCR model that knows them with {MODEL_VARIABLE}'
        match = self._match(name, text)
        if match is None:
            return "no font at hand has its letters"
        if match.likeness < MIN_LIKENESS:
            return "no font at hand is like its letters"
        erased, mask = self._erase(name, picture)
        is_free = find_room(erased, block, others, self._faces)
        canvas, home = self._make_room(erased, block, match, text, others)
        faults = ["the new text does not fit where the old one stood"]
        for scale in RETRIES:
            setting = _lay(text, home, match, is_free, others, scale)
            if setting is None:
                break
            colour = readable(match.colour, canvas, setting)
            after, letters = _draw(canvas, setting, colour)
            after = self._compression(name, match, erased).apply(after, _grown(block, setting))
            changed = (after != picture).any(axis=2)
            if self._fixed is not None and (changed & self._fixed).any():
                return "a face that is edited lies under it"
            faults = find_faults(picture, canvas, after, mask & ~letters, text, setting, colour, self._reader)
            if not faults:
                lines = tuple(replace(block.lines[0], text=line.text, box=line.box, angle_deg=0.0) for line in setting.lines)
                return after, changed, replace(home, lines=lines, colour=colour)
        return "; ".join(faults)

    def _match(self, name: str, text: str) -> FontMatch | None:
        """Return the nearest font that has the letters of a text, None when none has."""
        if self._matches is None:
            self._matches = match_fonts(self._image_u8, self.homes, self._typefaces)
        return next((match for match in self._matches[name] if match.typeface.has_letters(text)), None)

    def _erase(self, name: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture without a block's letters, and the mask of the pixels that were replaced."""
        if name not in self._erased:
            self._erased[name] = erase_block(self._image_u8, self.homes[name], self._inpainter, self._things_beside(name))
        ground, mask = self._erased[name]
        return np.where(mask[:, :, None], ground, picture), mask

    def _things_beside(self, name: str) -> np.ndarray:
        """Return the mask [H, W] of other text, buttons and faces, which are no ground to fill a hole with."""
        things = np.zeros(self._image_u8.shape[:2], bool)
        others = [block for block in self._words.blocks if block.box != self.homes[name].box]
        boxes = [line.box for block in others for line in block.lines] + [block.plate for block in others if block.plate]
        for x0, y0, x1, y1 in (*boxes, *(tuple(round(float(edge)) for edge in face) for face in self._faces)):
            rim = max(2, round(THING_RIM * (y1 - y0)))
            things[max(0, y0 - rim) : y1 + rim, max(0, x0 - rim) : x1 + rim] = True
        return things

    def _compression(self, name: str, match: FontMatch, erased: np.ndarray) -> Compression:
        """Return how the picture was compressed, as a block's letters show that are drawn again where they stand."""
        if name not in self._compressions:
            block = self.homes[name]
            lines = tuple(
                SetLine(text=line.text, x=x, y=y, box=line.box) for line, (x, y) in zip(block.lines, match.places, strict=True)
            )
            setting = Setting(lines=lines, lettering=match.lettering, cost=0.0)
            drawn, _ = _draw(erased, setting, match.colour)
            self._compressions[name] = find_compression(self._image_u8, drawn, _grown(block, setting))
        return self._compressions[name]

    def _make_room(
        self, erased: np.ndarray, block: TextBlock, match: FontMatch, text: str, others: Sequence[TextBlock]
    ) -> tuple[np.ndarray, TextBlock]:
        """Return the picture and the block, with the button widened if its new label needs it."""
        if block.plate is None:
            return erased, block
        width = match.lettering.length(text)
        old_room = block.plate[2] - block.plate[0] - 2 * _label_pad(block)
        more = int(np.ceil(width - old_room))
        middle = (block.plate[0] + block.plate[2]) / 2
        is_centred = abs(middle - erased.shape[1] / 2) < 0.02 * erased.shape[1]
        if more <= 0:
            return erased, block
        is_free = find_room(erased, block, others, self._faces, block.plate)
        wider = widen_plate(erased, block, more + more % 2, is_free, is_centred=is_centred)
        return wider if wider is not None else (erased, block)


def find_homes(words: PictureWords, creative: Creative) -> dict[str, TextBlock]:
    """Return field -> the block of the picture that says it; fields that do not stand in the picture are left out."""
    homes: dict[str, TextBlock] = {}
    for name in FIELDS:
        text = getattr(creative, name)
        if not text:
            continue
        for block in words.blocks:
            is_taken = any(block.box == other.box for other in homes.values())
            if not is_taken and block.role != "logo" and is_same_text(block.text, text):
                homes[name] = with_known_words(block, _as_set(text, block))
                break
    return homes


def _lay(
    text: str, home: TextBlock, match: FontMatch, is_free: IsFree, others: Sequence[TextBlock], scale: float
) -> Setting | None:
    match = replace(match, lettering=match.lettering.scaled(scale))
    if home.plate is not None:
        return lay_out_label(text, home, match, home.plate[2] - home.plate[0] - 2 * _label_pad(home))
    x0, y0, x1, y1 = home.box
    beside = [other for other in others if other.box[0] < x1 and other.box[2] > x0]
    near = 1.2 * match.leading_px
    is_headed = any(-2 <= y0 - other.box[3] <= near and other.role != "logo" for other in beside)
    is_followed = not is_headed and any(-2 <= (other.plate or other.box)[1] - y1 <= near for other in beside)
    return lay_out(text, home, match, is_free, is_followed=is_followed)


def _label_pad(block: TextBlock) -> float:
    """Return the room (px) between a label and either end of its button: as much as the old label had, within reason."""
    if block.plate is None:
        return 0.0
    old = min(block.box[0] - block.plate[0], block.plate[2] - block.box[2])
    return float(min(max(old, 0.4 * block.size_px), LABEL_PAD * block.size_px))


def _grown(block: TextBlock, setting: Setting) -> list[Box]:
    """Return the boxes of old and new lines with the room that the noise around letters takes."""
    return [
        (x0 - RINGING_PX, y0 - RINGING_PX, x1 + RINGING_PX, y1 + RINGING_PX)
        for x0, y0, x1, y1 in (*(line.box for line in block.lines), *(line.box for line in setting.lines))
    ]


def _draw(picture: np.ndarray, setting: Setting, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with the lines drawn in a colour, and the mask [H, W] of the pixels they touch."""
    height, width = picture.shape[:2]
    coverage = np.zeros((height, width), np.float32)
    for line in setting.lines:
        paste_coverage(coverage, *setting.lettering.draw(line.text, line.x, line.y))
    touched = coverage > 0
    mixed = picture.astype(np.float32) * (1.0 - coverage[:, :, None]) + np.array(colour, np.float32) * coverage[:, :, None]
    return np.where(touched[:, :, None], mixed.round().astype(np.uint8), picture), touched


def _as_set(text: str, block: TextBlock | None) -> str:
    """Return a text as it is set: in capitals where the old one was; SHOP_NOW as a word."""
    text = re.sub(r"\s+", " ", text.replace("_", " ")).strip()
    if block is not None and any(char.isalpha() for char in block.text) and block.text.upper() == block.text:
        return text.upper()
    return text.capitalize() if block is not None and block.plate is not None and text.isupper() and " " in text else text
