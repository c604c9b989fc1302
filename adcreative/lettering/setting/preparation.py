"""Preparation for setting texts into one picture, done once: fonts of its texts, and the ground behind texts and buttons.

Most of the time for a text is spent here, independently of the new text, so the preparation can be done in advance
(`prepare`). Knows pixels, blocks of text and fonts; no new words.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import RLock
from typing import cast

import numpy as np

from adcreative.artifacts import hash_bytes
from adcreative.encoders.latest import LatestAnswers
from adcreative.lettering.erasing.compression import Compression, find_compression
from adcreative.lettering.erasing.erasing import erase_block
from adcreative.lettering.erasing.hole_filling import FillHoles, fill_once
from adcreative.lettering.erasing.inks import Colour
from adcreative.lettering.erasing.layers import Layer, lift_shape
from adcreative.lettering.erasing.shadows import Shadow, find_shadow, measure_coverage
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.words import PictureWords
from adcreative.lettering.setting.drawing import as_it_was, draw, grown, shaded
from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.matching import FontMatch, Look, looking, match_fonts
from adcreative.lettering.setting.plates import Lift
from adcreative.lettering.setting.reflow import Reflow, mask_things, plan_reflow
from adcreative.progress import ShouldStop, never


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_preparation.py`."""

    max_lifts: int = 4  # cached grounds of one button, which differ only in other new texts


FITTED = Fitted()


class PreparedPicture:
    """Fonts and grounds of one picture [H, W, 3]; safe to share between threads.

    Args:
        field_blocks: field -> its block. faces_xyxy_px: boxes of faces.
    """

    def __init__(
        self,
        image_u8: np.ndarray,
        words: PictureWords,
        field_blocks: Mapping[str, TextBlock],
        *,
        typefaces: Sequence[Typeface],
        faces_xyxy_px: Sequence[Sequence[float]],
        inpainter: FillHoles,
    ) -> None:
        self.image_u8, self._words, self.field_blocks, self._typefaces = image_u8, words, field_blocks, typefaces
        self.faces, self._inpainter = [list(map(float, box)) for box in faces_xyxy_px], inpainter
        self._fill = fill_once(inpainter)
        self._looking: dict[str, Generator[None, None, Look]] = {}
        self._looked: dict[str, Look] = {}
        self._matches: dict[str, list[FontMatch]] | None = None
        self._erased: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._shadows: dict[str, Shadow | None] = {}
        self._lifts: dict[Box, LatestAnswers[tuple[Layer, np.ndarray, np.ndarray] | None]] = {}
        self._compressions: dict[str, Compression] = {}
        self._reflows: dict[str, Reflow | None] = {}
        self._lock = RLock()

    @property
    def num_pixels(self) -> int:
        return self.image_u8.shape[0] * self.image_u8.shape[1]

    @cached_property
    def key(self) -> str:
        """The cache key of all results: the picture, its texts, fonts, faces, and the inpainter."""
        seen = (self._words.blocks, sorted(self.field_blocks.items()), self._typefaces, self.faces, self._inpainter)
        return hash_bytes(repr(self.image_u8.shape).encode(), self.image_u8.tobytes(), repr(seen).encode())

    def match(self) -> dict[str, list[FontMatch]]:
        """Return for each field the fonts with the most similar letters (`match_fonts`)."""
        with self._lock:
            if self._matches is None:
                for name in self.field_blocks:
                    while self._look_on(name):
                        pass
                self._matches = match_fonts(self.image_u8, self.field_blocks, self._typefaces, self._looked)
                self._looked.clear()
            return self._matches

    def _look_on(self, name: str) -> bool:
        """Take one step of the font search of a field (`looking`); return whether a step was left."""
        with self._lock:
            if name in self._looked or self._matches is not None:
                return False
            steps = self._looking.pop(name, None) or looking(self.image_u8, self.field_blocks[name], self._typefaces)
            try:
                next(steps)
            except StopIteration as end:
                self._looked[name] = end.value
                return False
            self._looking[name] = steps
            return True

    def can_be_set(self, name: str) -> bool:
        """Return whether an available font is similar to a field's letters, which new words require."""
        return any(match.is_like for match in self.match()[name])

    def erase(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture without the letters of a field, and the mask [H, W] of the replaced pixels."""
        with self._lock:
            if name not in self._erased:
                beside = self.mask_others(name)
                letters, shadow, ink = self.letters(name), self.shadow(name), self._ink(name)
                self._erased[name] = erase_block(
                    self.image_u8, self.field_blocks[name], self._fill, beside, letters=letters, shadow=shadow, ink=ink
                )
            return self._erased[name]

    def erase_on(self, picture: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a picture [H, W, 3] with other new texts, without the letters of a field, and the mask [H, W]."""
        ground, mask = self.erase(name)
        return np.where(mask[:, :, None], ground, picture), mask

    def others(self, block: TextBlock) -> list[TextBlock]:
        """Return all blocks of the original picture except one."""
        return [other for other in self._words.blocks if other.box != block.box]

    def mask_others(self, name: str) -> np.ndarray:
        """Return the mask [H, W] of faces and of all text except a field's in the original picture."""
        return mask_things(self.image_u8.shape[:2], self.others(self.field_blocks[name]), self.faces)

    def compression(self, name: str, match: FontMatch) -> Compression:
        """Return the picture's compression, estimated from a block's letters drawn again in place."""
        with self._lock:
            if name not in self._compressions:
                block, erased = self.field_blocks[name], self.erase_on(self.image_u8, name)[0]
                setting = as_it_was(block, match)
                drawn, _ = draw(shaded(erased, setting, self.shadow(name)), setting, match.colour)
                self._compressions[name] = find_compression(self.image_u8, drawn, grown(block, setting))
            return self._compressions[name]

    def plan_reflow(self, picture: np.ndarray, name: str, match: FontMatch, others: Sequence[TextBlock]) -> Reflow | None:
        """Return the reflow of the blocks below a field's text; None without one.

        Args:
            picture: [H, W, 3] in its current state. others: all other blocks at their current position.
        """
        block, faces = self.field_blocks[name], self.faces
        with self._lock:
            if name not in self._reflows:
                known = {place.box: place for place in self.field_blocks.values()}
                first = [known.get(other.box, other) for other in self.others(block)]
                self._reflows[name] = plan_reflow(self.image_u8, self.erase(name), block, match, first, faces, self._fill)
            before = self._reflows[name]
        if picture is self.image_u8:
            return before
        reflow = plan_reflow(picture, self.erase_on(picture, name), block, match, others, faces, self._fill)
        return None if reflow is None else replace(reflow, before=before)

    def letters(self, name: str) -> np.ndarray | None:
        """Return the coverage of the picture [H, W] by a field's letters; None without a certain font."""
        match = next(iter(self.match()[name]), None)
        return None if match is None else match.cover(self.field_blocks[name], self.image_u8.shape)

    def _ink(self, name: str) -> Colour | None:
        match = next(iter(self.match()[name]), None)
        return None if match is None else match.ink

    def shadow(self, name: str) -> Shadow | None:
        """Return the shadow of a field's letters; None without one, as on a button."""
        with self._lock:
            if name not in self._shadows:
                block, letters, ink = self.field_blocks[name], self.letters(name), self._ink(name)
                block = block if ink is None else replace(block, colour=ink)
                letters = measure_coverage(self.image_u8, block) if letters is None else letters
                self._shadows[name] = None if block.plate else find_shadow(self.image_u8, block, letters)
            return self._shadows[name]

    def lifter(self, block: TextBlock, beside: np.ndarray) -> Lift:
        """Return a function that lifts the button of a block off a picture, with a cache for labels on the same ground.

        Args:
            beside: [H, W] pixels that are not ground.
        """
        with self._lock:
            if block.box not in self._lifts:
                plate, fill = cast(Box, block.plate), self._fill
                self._lifts[block.box] = LatestAnswers(
                    lambda picture, keep_out: lift_shape(picture, plate, fill, keep_out, colour=block.ground), FITTED.max_lifts
                )
            latest = self._lifts[block.box]

        def lift(picture: np.ndarray) -> tuple[Layer, np.ndarray, np.ndarray] | None:
            with self._lock:
                return latest(picture, beside)

        return lift

    def prepare(self, should_stop: ShouldStop = never) -> None:
        """Prepare the fonts and the grounds of every field, from the bottom of the ad upward, in the order of setting;
        `should_stop` is checked between fields and fonts. Other callers wait for a result in progress."""
        for name in self.field_blocks:
            is_looking = True
            while is_looking:
                if should_stop():
                    return
                is_looking = self._look_on(name)
        upward = sorted(self.field_blocks, key=lambda name: -self.field_blocks[name].box[1])
        names = [name for name in upward if self.can_be_set(name)]
        steps: list[Callable[[], object]] = [partial(work, name) for name in names for work in (self.shadow, self.erase)]
        steps += [partial(self._lift, name) for name in names]
        for work_out in steps:
            if should_stop():
                return
            work_out()

    def _lift(self, name: str) -> None:
        """Lift a field's button off the picture in which its text is the first new one."""
        block = self.field_blocks[name]
        if block.plate is not None:
            picture = self.erase_on(self.image_u8, name)[0]
            self.lifter(block, self.mask_others(name))(picture)
