"""Sets new words into a picture in place of those that stand there: headline, description and button.

    find    the block that says the field now           field_blocks
    erase   its letters                                 lettering/erasing
    set     the new text in the nearest font            matching, typesetting, room, plates
    move    what stands below, where it needs the room  reflow
    accept  or leave the picture as it was, and say why acceptance

Fields are set from the foot of the ad upward, so that what is moved is final. Pixels outside the old and the new boxes, and
those of what was moved, stay bit for bit. Knows pictures and words; no click rates, no models of faces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.lettering.erasing.compression import RINGING_PX, Compression, find_compression
from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.hole_filling import FillHoles, fill_once
from adcreative.lettering.erasing.shadows import Shadow
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.reader import MODEL_VARIABLE, TextReading
from adcreative.lettering.reading.roles import lacks_a_piece
from adcreative.lettering.reading.words import PictureWords
from adcreative.lettering.setting.acceptance import (
    advised_contrast,
    find_faults,
    find_lost_lines,
    find_repeated,
    least_contrast,
    needed_contrast,
    readable,
)
from adcreative.lettering.setting.changes import FIELDS, Change
from adcreative.lettering.setting.field_blocks import as_set, find_field_blocks
from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.glyphs import paste_coverage
from adcreative.lettering.setting.matching import FontMatch
from adcreative.lettering.setting.plates import can_be_bared, plate_alignment, resize_plate, widen_plate
from adcreative.lettering.setting.preparation import PreparedPicture
from adcreative.lettering.setting.prepared_cache import PreparedCache
from adcreative.lettering.setting.reflow import (
    Reflow,
    column_of,
    lowest_baseline,
    mask_things,
    moved,
    plan_reflow,
    stands_close,
)
from adcreative.lettering.setting.room import find_room
from adcreative.lettering.setting.typesetting import IsFree, SetLine, Setting, keeps_all, lay_out, lay_out_label
from adcreative.problem import Problem

MAX_ANGLE_DEG = 2.0  # text that leans more is left alone
MAX_LEAN_DEG = 20.0  # divided by a text's length in heights: the slope of a short text is not measured finer
NEW_INK = 120.0  # distance of colours from which the ink counts as another
RETRIES = (1.0, 0.96, 0.92)  # sizes to try when a text does not read back
LABEL_PAD, MAX_LABEL_PAD = 0.75, 2.0  # heights of a label's letters between it and the end of its button
WIDENINGS = (1.0, 0.8, 0.6, 0.4, 0.2)  # of what a button lacks: what is left, its label is smaller by
MAX_REMEMBERED = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """How a text is set: on which picture, with which pixels filled, as which block, and how it is laid out at a scale."""

    canvas: np.ndarray
    mask: np.ndarray
    place: TextBlock
    lay: Callable[[float], Setting | None]
    reflow: Reflow | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Set:
    """A text that was set. picture [H, W, 3] with it; changed: name -> the blocks that are new or elsewhere.

    faint: its contrast and the one that is advised, where it has less.
    """

    picture: np.ndarray
    changed: dict[str, TextBlock]
    faint: tuple[float, float] | None = None


class TextSetter:
    """Sets words into one picture. Results are remembered, since a search asks for the same words many times.

    Args:
        image_u8: [H, W, 3]. words: what was read in it. texts: field -> the text of the ad, of FIELDS.
        faces_xyxy_px: boxes of its faces. fixed: [H, W] pixels that other edits change, on which no text may be set.
        inpainter: fills what is neither flat nor drawn; None: patches of the picture.
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
        inpainter = inpainter or inpaint_strokes
        self._image_u8, self.words, self._texts, self._reader = image_u8, words, texts, reader
        self._faces, self._fixed, self._inpainter = faces_xyxy_px, fixed, fill_once(inpainter)
        self.field_blocks = find_field_blocks(words, texts)
        prepared = PreparedPicture(
            image_u8, words, self.field_blocks, typefaces=typefaces, faces_xyxy_px=faces_xyxy_px, inpainter=inpainter
        )
        self.prepared = prepared if cache is None else cache.share(prepared)
        self._compressions: dict[str, Compression] = {}
        self._reflows: dict[Box, Reflow | None] = {}
        self._remembered: dict[tuple[str, ...], Change] = {}

    def change(self, texts: Mapping[str, str]) -> Change:
        """Return what the picture becomes when the ad's texts become these, of FIELDS."""
        key = tuple(texts.get(name, "") for name in FIELDS)
        if key not in self._remembered:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = self._set_all(dict(zip(FIELDS, key, strict=True)))
        return self._remembered[key]

    def without(self, name: str) -> np.ndarray:
        """Return the picture [H, W, 3] without a field's letters, its ground compressed as they were."""
        erased, match = self._erase(name, self._image_u8)[0], self._match(name, self.field_blocks[name].text)
        if match is None:
            return erased
        nothing = Setting(lines=(), lettering=match.lettering, cost=0.0)
        return self._compression(name, match, erased).apply(erased, _grown(self.field_blocks[name], nothing))

    def _set_all(self, texts: Mapping[str, str]) -> Change:
        picture, inked = self._image_u8, []
        left: dict[str, tuple[Problem, ...]] = {}
        faint: dict[str, tuple[float, float]] = {}
        similar: dict[str, str] = {}
        own = {block.box: name for name, block in self.field_blocks.items()}
        blocks = {own.get(block.box, str(k)): block for k, block in enumerate(self.words.blocks)} | self.field_blocks
        done, movers = [], dict.fromkeys("")
        for name in sorted(self.field_blocks, key=lambda one: -self.field_blocks[one].box[1]):
            text = as_set(texts[name], self.field_blocks[name])
            if texts[name] == self._texts.get(name, ""):
                continue
            found = self._set_one(picture, name, text, blocks) if text else (Problem("no_text"),)
            if isinstance(found, tuple):
                left[name] = found
                continue
            picture = found.picture
            match = self._match(name, text)
            old = self.field_blocks[name].colour if match is None or match.ink is None else match.ink
            if float(np.linalg.norm(np.subtract(found.changed[name].colour, old))) > NEW_INK:
                inked.append(name)
            elif found.faint is not None:
                faint[name] = found.faint
            if match is not None and not match.is_own:
                similar[name] = match.typeface.family
            movers |= dict.fromkeys(blocks[other].role or "text" for other in found.changed if other != name)
            blocks |= found.changed
            done.append(name)
        if repeated := find_repeated(done, blocks):  # such as two texts that change places, where one cannot be set
            change = self._set_all({**texts, **{name: self._texts[name] for name in repeated}})
            left = {**change.left, **dict.fromkeys(repeated, (Problem("said_twice_in_picture"),))}
            return replace(change, left={name: left[name] for name in FIELDS if name in left})
        return Change(
            mask=(picture != self._image_u8).any(axis=2), pixels=picture, done=_in_order(done), inked=_in_order(inked),
            faint={name: faint[name] for name in FIELDS if name in faint}, moved=tuple(movers),
            similar={name: similar[name] for name in FIELDS if name in similar},
            left={name: left[name] for name in FIELDS if name in left},
        )  # fmt: skip

    def _set_one(
        self, picture: np.ndarray, name: str, text: str, blocks: Mapping[str, TextBlock]
    ) -> _Set | tuple[Problem, ...]:
        """Set one text, or return why it was not set.

        Args:
            blocks: name -> every block of the picture as it is.
        """
        block, others = self.field_blocks[name], [other for key, other in blocks.items() if key != name]
        if abs(block.angle_deg) > max(MAX_ANGLE_DEG, MAX_LEAN_DEG / max(1.0, (block.box[2] - block.box[0]) / block.size_px)):
            return (Problem("leans", degrees=abs(block.angle_deg)),)
        if lacks_a_piece(block.text, self._texts[name]):
            return (Problem("not_in_one_piece"),)
        if unread := self._reader.unread_letters(text):
            return (Problem("unread_letters", letters=unread[:8], variable=MODEL_VARIABLE),)
        match = self._match(name, text)
        if match is None:
            return (Problem("no_letters"),)
        if not match.is_like:
            return (Problem("no_font_alike"),)
        erased = self._erase(name, picture)
        plan = self._plan(erased, block, match, text, others)
        reflow = self._plan_reflow(picture, erased, block, match, text, others, plan)
        why: tuple[Problem, ...] = ()
        for one in filter(None, [reflow, plan]):
            found = self._draw_one(picture, name, text, match, one, blocks)
            if isinstance(found, _Set):
                return found
            why = why or found  # what moves others fits more, so what is wrong there tells more
        return why

    def _draw_one(
        self, picture: np.ndarray, name: str, text: str, match: FontMatch, plan: _Plan, blocks: Mapping[str, TextBlock]
    ) -> _Set | tuple[Problem, ...]:
        """Set a text as planned, or return what is wrong with it."""
        block, faults = self.field_blocks[name], [Problem("does_not_fit")]
        erased, shadow = self._erase(name, self._image_u8)[0], self.prepared.shadow(name)
        ground = _shaded(erased, _as_it_was(block, match), shadow)
        least = needed_contrast(ground, [line.box for line in block.lines], match.colour)
        for scale in RETRIES:
            setting = plan.lay(scale)
            if setting is None:
                break
            canvas, mask, shift = plan.canvas, plan.mask, plan.reflow.shift(setting) if plan.reflow is not None else 0
            if plan.reflow is not None:
                canvas, under, shifted = plan.reflow.lay(canvas, shift)
                mask = mask & ~under
            canvas = _shaded(canvas, setting, shadow)
            colour = readable(match.colour, canvas, setting, least)
            after, letters = _draw(canvas, setting, colour)
            after = self._compression(name, match, erased).apply(after, _grown(block, setting))
            changed = (after != picture).any(axis=2)
            if self._fixed is not None and (changed & self._fixed).any():
                return (Problem("on_an_edited_face"),)
            # without what made way and hard shadows, whose outlines are no seam
            under_text = plan.canvas if shadow is not None and shadow.is_hard else _shaded(plan.canvas, setting, shadow)
            faults = find_faults(under_text, after, mask & ~letters, text, setting, colour, self._reader, least)
            if not faults and plan.reflow is not None and shift:
                old = [follower.block for follower in plan.reflow.followers]
                faults = find_lost_lines(picture, after, old, shifted, self._reader)
            if not faults:
                lines = tuple(replace(block.lines[0], text=line.text, box=line.box, angle_deg=0.0) for line in setting.lines)
                contrast = least_contrast(canvas, [line.box for line in setting.lines], colour)
                advised = advised_contrast(setting, picture.shape[1])
                faint = (contrast, advised) if contrast < advised else None
                changed = {name: replace(plan.place, lines=lines, colour=colour)}
                if shift and plan.reflow is not None:
                    boxes = {follower.block.box: moved(follower.block, shift) for follower in plan.reflow.followers}
                    changed |= {key: boxes[other.box] for key, other in blocks.items() if other.box in boxes}
                return _Set(picture=after, changed=changed, faint=faint)
        return tuple(faults)

    def _plan(
        self, erased: tuple[np.ndarray, np.ndarray], block: TextBlock, match: FontMatch, text: str, others: Sequence[TextBlock]
    ) -> _Plan:
        """Return how a text is set while all else stays where it is."""
        is_free = find_room(erased[0], block, others, self._faces)
        canvas, mask, place = self._make_room(erased, block, match, text, others)

        def lay(scale: float) -> Setting | None:
            return self._lay(text, place, _at_scale(match, scale), is_free, others)

        return _Plan(canvas=canvas, mask=mask, place=place, lay=lay)

    def _lay(
        self, text: str, place: TextBlock, match: FontMatch, is_free: IsFree, others: Sequence[TextBlock]
    ) -> Setting | None:
        if place.plate is not None:
            return lay_out_label(text, place, match, place.plate[2] - place.plate[0] - 2 * _label_pad(place))
        is_headed, is_followed = stands_close(place, match, others)
        column = column_of(place, match, self._others(place), is_free, self._image_u8.shape[1])
        column = replace(column, lowest_px=lowest_baseline(place, match, others))
        return lay_out(text, place, match, is_free, column=column, is_headed=is_headed, is_followed=is_followed)

    def _others(self, block: TextBlock) -> list[TextBlock]:
        return [other for other in self.words.blocks if other.box != block.box]

    def _plan_reflow(
        self,
        picture: np.ndarray,
        erased: tuple[np.ndarray, np.ndarray],
        block: TextBlock,
        match: FontMatch,
        text: str,
        others: Sequence[TextBlock],
        plain: _Plan,
    ) -> _Plan | None:
        """Return how a text is set when what stands below moves with it, where that costs less; else None."""
        tight = plain.lay(1.0)
        if block.plate is not None or (tight is not None and keeps_all(tight, block, match)):
            return None
        reflow = before = self._reflow_before(block, match)
        if picture is not self._image_u8:
            reflow = plan_reflow(picture, erased, block, match, others, self._faces, self._inpainter)
            reflow = None if reflow is None else replace(reflow, before=before)
        if reflow is None:
            return None

        column = column_of(block, match, self._others(block), reflow.is_free, picture.shape[1])

        def lay(scale: float) -> Setting | None:
            return lay_out(text, block, _at_scale(match, scale), reflow.is_free, column=column, reflow=reflow)

        wide = lay(1.0)
        if wide is None or (tight is not None and wide.cost >= tight.cost):
            return None
        return _Plan(canvas=reflow.clean, mask=reflow.mask, place=block, lay=lay, reflow=reflow)

    def _reflow_before(self, block: TextBlock, match: FontMatch) -> Reflow | None:
        """Return how what follows a block makes way in the picture as it came."""
        if block.box not in self._reflows:
            erased = next(self.prepared.erase(name) for name, place in self.field_blocks.items() if place.box == block.box)
            known = {place.box: place for place in self.field_blocks.values()}
            others = [known.get(other.box, other) for other in self._others(block)]
            self._reflows[block.box] = plan_reflow(self._image_u8, erased, block, match, others, self._faces, self._inpainter)
        return self._reflows[block.box]

    def _match(self, name: str, text: str) -> FontMatch | None:
        """Return the nearest font that has the letters of a text, None when none has."""
        return next((match for match in self.prepared.match()[name] if match.typeface.has_letters(text)), None)

    def _erase(self, name: str, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture without a block's letters, and the mask of the pixels that were replaced."""
        ground, mask = self.prepared.erase(name)
        return np.where(mask[:, :, None], ground, picture), mask

    def _compression(self, name: str, match: FontMatch, erased: np.ndarray) -> Compression:
        """Return how the picture was compressed, as a block's letters show that are drawn again where they stand."""
        if name not in self._compressions:
            block = self.field_blocks[name]
            setting = _as_it_was(block, match)
            drawn, _ = _draw(_shaded(erased, setting, self.prepared.shadow(name)), setting, match.colour)
            self._compressions[name] = find_compression(self._image_u8, drawn, _grown(block, setting))
        return self._compressions[name]

    def _make_room(
        self, erased: tuple[np.ndarray, np.ndarray], block: TextBlock, match: FontMatch, text: str, others: Sequence[TextBlock]
    ) -> tuple[np.ndarray, np.ndarray, TextBlock]:
        """Return the picture, what was filled in it and the block, its button as much wider or narrower as the label is."""
        picture, mask = erased
        if block.plate is None:
            return picture, mask, block
        more = match.lettering.length(text) - match.lettering.length(block.text)
        pad = (block.plate[2] - block.plate[0] - match.lettering.length(block.text)) / 2
        if pad > MAX_LABEL_PAD * block.size_px:  # it is as wide as its column, whatever it says
            more = max(0.0, more - 2 * (pad - MAX_LABEL_PAD * block.size_px))
        alignment = plate_alignment(block, self._others(block), picture.shape[1])
        lift = self.prepared.lifter(block, mask_things(picture.shape[:2], others, self._faces))
        if more < 0:
            is_bare = can_be_bared(picture, block.plate)
            sized = resize_plate(picture, block, -2 * int(-more / 2), lift, alignment=alignment) if is_bare else None
            return (sized[0], mask | sized[2], sized[1]) if sized is not None else (picture, mask, block)
        is_free = find_room(picture, block, others, self._faces, block.plate)
        for share in WIDENINGS:
            more_px = 2 * round(share * more / 2)
            sized = widen_plate(picture, block, more_px, is_free, lift, alignment=alignment)
            if sized is not None:
                return sized[0], mask | sized[2], sized[1]
        return picture, mask, block


def _at_scale(match: FontMatch, scale: float) -> FontMatch:
    return replace(match, lettering=match.lettering.scaled(scale))


def _in_order(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name in names)


def _label_pad(block: TextBlock) -> float:
    """Return the least room (px) between a label and either end of its button: as the old label had, LABEL_PAD at most."""
    return float(min(_usual_pad(block), LABEL_PAD * block.size_px))


def _usual_pad(block: TextBlock) -> float:
    """Return the room (px) between a label and either end of its button: as much as the old label had, within reason."""
    if block.plate is None:
        return 0.0
    old = min(block.box[0] - block.plate[0], block.plate[2] - block.box[2])
    return float(min(max(old, 0.4 * block.size_px), MAX_LABEL_PAD * block.size_px))


def _grown(block: TextBlock, setting: Setting) -> list[Box]:
    """Return the boxes of old and new lines with the room that the noise around letters takes."""
    return [
        (x0 - RINGING_PX, y0 - RINGING_PX, x1 + RINGING_PX, y1 + RINGING_PX)
        for x0, y0, x1, y1 in (*(line.box for line in block.lines), *(line.box for line in setting.lines))
    ]


def _as_it_was(block: TextBlock, match: FontMatch) -> Setting:
    """Return a block's old lines as text that is set in the font that was found."""
    lines = tuple(
        SetLine(text=line.text, x=x, y=y, box=line.box) for line, (x, y) in zip(block.lines, match.places, strict=True)
    )
    return Setting(lines=lines, lettering=match.lettering, cost=0.0)


def _cover(setting: Setting, shape: tuple[int, ...]) -> np.ndarray:
    """Return how far lines cover a picture [H, W], 0..1."""
    coverage = np.zeros(shape[:2], np.float32)
    for line in setting.lines:
        paste_coverage(coverage, *setting.lettering.draw(line.text, line.x, line.y))
    return coverage


def _shaded(picture: np.ndarray, setting: Setting, shadow: Shadow | None) -> np.ndarray:
    """Return the picture with the shadow that lines cast, where the old ones did."""
    return picture if shadow is None else shadow.cast(picture, _cover(setting, picture.shape))


def _draw(picture: np.ndarray, setting: Setting, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with the lines drawn in a colour, and the mask [H, W] of the pixels they touch."""
    coverage = _cover(setting, picture.shape)
    touched = coverage > 0
    mixed = picture.astype(np.float32) * (1.0 - coverage[:, :, None]) + np.array(colour, np.float32) * coverage[:, :, None]
    return np.where(touched[:, :, None], mixed.round().astype(np.uint8), picture), touched
