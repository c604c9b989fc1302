"""Replaces words in a picture: headline, description and button.

    find    the block of each field                     field_blocks
    erase   its letters                                 lettering/erasing
    set     the new text in the most similar font       placing, matching, typesetting, room, plates
    move    the blocks below, if it needs their room    reflow
    accept  or restore the picture, with the reasons    acceptance

Fields are set from the bottom of the ad upward, so that moved blocks are final. Pixels outside the old and the new boxes,
and outside moved blocks, stay bit for bit. Knows pictures and words; no click rates, no models of faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.hole_filling import FillHoles
from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.reader import MODEL_VARIABLE, TextReading
from adcreative.lettering.reading.roles import lacks_a_piece
from adcreative.lettering.reading.words import PictureWords
from adcreative.lettering.setting.acceptance import find_repeated
from adcreative.lettering.setting.changes import FIELDS, Change, Placed
from adcreative.lettering.setting.drawing import grown
from adcreative.lettering.setting.field_blocks import as_set, find_field_blocks, regroup
from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.gate import find_failures, find_residue, find_touched
from adcreative.lettering.setting.matching import FontMatch
from adcreative.lettering.setting.placing import Accepted, Placing
from adcreative.lettering.setting.preparation import PreparedPicture
from adcreative.lettering.setting.prepared_cache import PreparedCache
from adcreative.lettering.setting.typesetting import Setting
from adcreative.problem import Problem


@dataclass(frozen=True)
class Thresholds:
    """Bounds of replaceable texts, chosen by eye on drawn ads (`tests/bench/set_text.py`).

    most_angle_deg: texts with a larger slope are left alone. most_lean_deg: divided by a text's length in heights of its
    capitals: the accuracy of the slope of a short text. remembered: cached changes.
    """

    most_angle_deg: float = 2.0
    most_lean_deg: float = 20.0
    remembered: int = 64


THRESHOLDS = Thresholds()


class TextSetter:
    """Replaces words in one picture. Results are cached, since a search asks for the same words many times.

    Args:
        image_u8: [H, W, 3]. words: the words read in it. texts: field -> the text of the ad, of FIELDS.
        faces_xyxy_px: boxes of its faces. fixed: [H, W] pixels that other edits change, on which no text may be set.
        inpainter: fills grounds that are neither flat nor drawn; None: patches of the picture.
        cache: keeps fonts and grounds for the next setter of the same picture and texts.
    """

    def __init__(
        self,
        image_u8: np.ndarray,
        words: PictureWords,
        texts: Mapping[str, str],
        *,
        reader: TextReading,
        typefaces: Sequence[Typeface],
        faces_xyxy_px: Sequence[Sequence[float]] = (),
        fixed: np.ndarray | None = None,
        inpainter: FillHoles | None = None,
        cache: PreparedCache | None = None,
    ) -> None:
        self._texts, self._reader, self._fixed = texts, reader, fixed
        self.field_blocks = find_field_blocks(words, texts)
        self.words = words = regroup(words, self.field_blocks)
        prepared = PreparedPicture(
            image_u8,
            words,
            self.field_blocks,
            typefaces=typefaces,
            faces_xyxy_px=faces_xyxy_px,
            inpainter=inpainter or inpaint_strokes,
        )
        self.prepared = prepared if cache is None else cache.share(prepared)
        self._image_u8 = self.prepared.image_u8
        self._residues: dict[str, tuple[Problem, ...]] = {}
        self._remembered: dict[tuple[str, ...], Change] = {}

    def change(self, texts: Mapping[str, str]) -> Change:
        """Return the change of the picture for new texts of the ad, of FIELDS."""
        key = tuple(texts.get(name, "") for name in FIELDS)
        if key not in self._remembered:
            if len(self._remembered) >= THRESHOLDS.remembered:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = self._set_all(dict(zip(FIELDS, key, strict=True)))
        return self._remembered[key]

    def without(self, name: str) -> np.ndarray:
        """Return the picture [H, W, 3] without a field's letters, its ground compressed like the letters."""
        erased, match = self.prepared.erase_on(self._image_u8, name)[0], self._match(name, self.field_blocks[name].text)
        if match is None:
            return erased
        nothing = Setting(lines=(), lettering=match.lettering, cost=0.0)
        return self.prepared.compression(name, match).apply(erased, grown(self.field_blocks[name], nothing))

    def _set_all(self, texts: Mapping[str, str]) -> Change:
        picture, placed = self._image_u8, dict[str, Placed]()
        left: dict[str, tuple[Problem, ...]] = {}
        own = {block.box: name for name, block in self.field_blocks.items()}
        blocks = {own.get(block.box, str(k)): block for k, block in enumerate(self.words.blocks)} | self.field_blocks
        movers = dict.fromkeys("")
        for name in sorted(self.field_blocks, key=lambda one: -self.field_blocks[one].box[1]):
            text = as_set(texts[name], self.field_blocks[name])
            if texts[name] == self._texts.get(name, ""):
                continue
            found = self._set_one(picture, name, text, blocks) if text else (Problem("no_text"),)
            if isinstance(found, tuple):
                left[name] = found
                continue
            picture, placed[name] = found.picture, found.placed
            movers |= dict.fromkeys(blocks[other].role or "text" for other in found.moved)
            blocks |= {name: found.placed.block, **found.moved}
        if repeated := find_repeated(list(placed), blocks):  # such as two swapped texts of which one cannot be set
            return self._without(texts, dict.fromkeys(repeated, (Problem("said_twice_in_picture"),)))
        if refused := self._find_refused(picture, placed, blocks):
            return self._without(texts, refused)
        return Change(
            mask=(picture != self._image_u8).any(axis=2),
            pixels=picture,
            placed=_in_order(placed),
            moved=tuple(movers),
            left=_in_order(left),
        )

    def _find_refused(
        self, picture: np.ndarray, placed: Mapping[str, Placed], blocks: Mapping[str, TextBlock]
    ) -> dict[str, tuple[Problem, ...]]:
        """Return the fields whose texts fail the final check of a finished picture [H, W, 3], with the problems.

        Args:
            blocks: name -> every current block of the picture.
        """
        before, refused = self._image_u8, dict[str, tuple[Problem, ...]]()
        stood = {block.box for block in self.words.blocks}
        touched = find_touched(before, picture, [one for one in blocks.values() if one.box in stood], self._reader)
        for name, one in placed.items():
            others, ground = [other for key, other in blocks.items() if key != name], self.prepared.erase(name)[0]
            failures = find_failures(
                ground,
                picture,
                self.field_blocks[name],
                one.block,
                others,
                self.words.lines,
                self._reader,
                self.prepared.mask_others(name),
            )
            if found := tuple(dict.fromkeys((*self._find_residue(name), *failures, *touched))):
                refused[name] = found
        return refused

    def _find_residue(self, name: str) -> tuple[Problem, ...]:
        """Return the traces of a field's old letters in the erased ground; cached."""
        if name not in self._residues:
            beside = self.prepared.mask_others(name)
            ground, old = self.prepared.erase(name)[0], self.field_blocks[name]
            self._residues[name] = find_residue(self._image_u8, ground, old, beside, self._reader)
        return self._residues[name]

    def _without(self, texts: Mapping[str, str], refused: Mapping[str, tuple[Problem, ...]]) -> Change:
        """Return the change of the picture without the refused texts: all others are set with the refused fields unchanged."""
        change = self._set_all({**texts, **{name: self._texts[name] for name in refused}})
        return replace(change, left=_in_order({**change.left, **refused}))

    def _set_one(
        self, picture: np.ndarray, name: str, text: str, blocks: Mapping[str, TextBlock]
    ) -> Accepted | tuple[Problem, ...]:
        """Set one text, or return the reasons against it.

        Args:
            blocks: name -> every current block of the picture.
        """
        block = self.field_blocks[name]
        lean, length = abs(block.angle_deg), (block.box[2] - block.box[0]) / block.size_px
        if lean > max(THRESHOLDS.most_angle_deg, THRESHOLDS.most_lean_deg / max(1.0, length)):
            return (Problem("leans", degrees=lean),)
        if lacks_a_piece(block.text, self._texts[name]):
            return (Problem("not_in_one_piece"),)
        if unread := self._reader.unread_letters(text):
            return (Problem("unread_letters", letters=unread[:8], variable=MODEL_VARIABLE),)
        match = self._match(name, text)
        if match is None:
            return (Problem("no_letters"),)
        if not match.is_like:
            return (Problem("no_font_alike"),)
        return Placing(self.prepared, picture, name, text, match, blocks, self._reader, self._fixed).set()

    def _match(self, name: str, text: str) -> FontMatch | None:
        """Return the most similar font with glyphs for a text, None without one."""
        return next((match for match in self.prepared.match()[name] if match.typeface.has_letters(text)), None)


_T = TypeVar("_T")


def _in_order(found: Mapping[str, _T]) -> dict[str, _T]:
    return {name: found[name] for name in FIELDS if name in found}
