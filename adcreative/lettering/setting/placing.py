"""Sets one text on the current state of a picture: planned in the available room, drawn, and accepted or refused with reasons.

    plan     on its own ground, or with the blocks below moving along; its button resized with the label
    draw     in the old letters' font, ink, shadow and compression noise, a little smaller if the text does not read back
    accept   the drawn text, or return the reasons against it (`acceptance`)

Knows one text, its block and the other blocks; `setting` chooses the texts and their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.reader import TextReading
from adcreative.lettering.setting.acceptance import (
    advised_contrast,
    find_faults,
    find_lost_lines,
    least_contrast,
    needed_contrast,
    readable,
)
from adcreative.lettering.setting.changes import Placed
from adcreative.lettering.setting.drawing import as_it_was, draw, grown, shaded
from adcreative.lettering.setting.matching import FontMatch
from adcreative.lettering.setting.plates import can_be_bared, plate_alignment, resize_plate, widen_plate
from adcreative.lettering.setting.preparation import PreparedPicture
from adcreative.lettering.setting.reflow import Reflow, column_of, lowest_baseline, mask_things, moved, stands_close
from adcreative.lettering.setting.room import find_room
from adcreative.lettering.setting.typesetting import Setting, keeps_all, lay_out, lay_out_label
from adcreative.problem import Problem


@dataclass(frozen=True)
class Thresholds:
    """Bounds of one text's setting, chosen by eye on drawn ads and read back on them (`tests/bench/set_text.py`).

    scales: of the old size, tried in order until the text reads back. least_pad, most_pad: space between a label and either
    end of its button, in heights of its capitals. widenings: shares of a button's missing width, tried in order. new_ink:
    minimum distance of colours, 0..255, of a different ink.
    """

    scales: tuple[float, ...] = (1.0, 0.96, 0.92)
    least_pad: float = 0.75
    most_pad: float = 2.0
    widenings: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.2)
    new_ink: float = 120.0
    # chosen by hand from here on; the method was not recorded
    least_room: float = 0.4  # minimum space beside a label, in heights of its capitals, however narrow the old one was


THRESHOLDS = Thresholds()


@dataclass(frozen=True, kw_only=True, eq=False)
class Accepted:
    """An accepted text. picture [H, W, 3] with the text; moved: name -> the moved blocks."""

    picture: np.ndarray
    placed: Placed
    moved: dict[str, TextBlock]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """The picture on which a text is set, its filled pixels, the block, and the layout at a scale."""

    canvas: np.ndarray
    mask: np.ndarray
    place: TextBlock
    lay: Callable[[float], Setting | None]
    reflow: Reflow | None = None


class Placing:
    """One text on one state of a picture.

    Args:
        home: the original picture, with its prepared fonts and grounds. picture: [H, W, 3] in its current state.
        name, text: a field and its new text. match: the font of its letters. blocks: name -> every current block.
        fixed: [H, W] pixels that other edits change.
    """

    def __init__(
        self,
        home: PreparedPicture,
        picture: np.ndarray,
        name: str,
        text: str,
        match: FontMatch,
        blocks: Mapping[str, TextBlock],
        reader: TextReading,
        fixed: np.ndarray | None = None,
    ) -> None:
        self._home, self._picture, self._name, self._text, self._match, self._blocks = home, picture, name, text, match, blocks
        self._reader, self._fixed = reader, fixed
        self._block = home.field_blocks[name]
        self._others = [other for key, other in blocks.items() if key != name]
        self._ground, self._hole = home.erase_on(picture, name)  # without the old letters, and the mask of filled pixels

    def set(self) -> Accepted | tuple[Problem, ...]:
        """Return the picture with the text, or the reasons against every way of setting it."""
        plain = self._plan()
        why: tuple[Problem, ...] = ()
        for plan in filter(None, [self._plan_reflow(plain), plain]):
            found = self._draw(plan)
            if isinstance(found, Accepted):
                return found
            why = why or found  # a plan that moves other blocks fits more, so its problems are more informative
        return why

    def _plan(self) -> _Plan:
        """Return the plan that leaves all other blocks in place."""
        is_free = find_room(self._ground, self._block, self._others, self._home.faces)
        canvas, mask, place = self._fit_plate()

        def lay(scale: float) -> Setting | None:
            match = _at_scale(self._match, scale)
            if place.plate is not None:
                return lay_out_label(self._text, place, match, place.plate[2] - place.plate[0] - 2 * _label_pad(place))
            is_headed, is_followed = stands_close(place, match, self._others)
            column = column_of(place, match, self._home.others(place), is_free, self._picture.shape[1])
            column = replace(column, lowest_px=lowest_baseline(place, match, self._others))
            return lay_out(self._text, place, match, is_free, column=column, is_headed=is_headed, is_followed=is_followed)

        return _Plan(canvas=canvas, mask=mask, place=place, lay=lay)

    def _fit_plate(self) -> tuple[np.ndarray, np.ndarray, TextBlock]:
        """Return the ground, its filled pixels and the block, with its button resized with the label."""
        ground, block, match = self._ground, self._block, self._match
        if block.plate is None:
            return ground, self._hole, block
        more = match.lettering.length(self._text) - match.lettering.length(block.text)
        pad = (block.plate[2] - block.plate[0] - match.lettering.length(block.text)) / 2
        if pad > THRESHOLDS.most_pad * block.size_px:  # the button has the width of its column, whatever its label
            more = max(0.0, more - 2 * (pad - THRESHOLDS.most_pad * block.size_px))
        alignment = plate_alignment(block, self._home.others(block), ground.shape[1])
        lift = self._home.lifter(block, mask_things(ground.shape[:2], self._others, self._home.faces))
        sized = None
        if more < 0:
            if can_be_bared(ground, block.plate):
                sized = resize_plate(ground, block, -2 * int(-more / 2), lift, alignment=alignment)
        else:
            is_free = find_room(ground, block, self._others, self._home.faces, block.plate)
            widths = (2 * round(share * more / 2) for share in THRESHOLDS.widenings)
            wider = (widen_plate(ground, block, px, is_free, lift, alignment=alignment) for px in widths)
            sized = next((one for one in wider if one is not None), None)
        return (ground, self._hole, block) if sized is None else (sized[0], self._hole | sized[2], sized[1])

    def _plan_reflow(self, plain: _Plan) -> _Plan | None:
        """Return the plan that moves the blocks below, if it costs less; else None."""
        block, match, tight = self._block, self._match, plain.lay(1.0)
        if block.plate is not None or (tight is not None and keeps_all(tight, block, match)):
            return None
        reflow = self._home.plan_reflow(self._picture, self._name, match, self._others)
        if reflow is None:
            return None
        column = column_of(block, match, self._home.others(block), reflow.is_free, self._picture.shape[1])

        def lay(scale: float) -> Setting | None:
            return lay_out(self._text, block, _at_scale(match, scale), reflow.is_free, column=column, reflow=reflow)

        wide = lay(1.0)
        if wide is None or (tight is not None and wide.cost >= tight.cost):
            return None
        return _Plan(canvas=reflow.clean, mask=reflow.mask, place=block, lay=lay, reflow=reflow)

    def _draw(self, plan: _Plan) -> Accepted | tuple[Problem, ...]:
        """Set the text as planned, or return the problems."""
        block, match, home, faults = self._block, self._match, self._home, [Problem("does_not_fit")]
        erased, shadow = home.erase_on(home.image_u8, self._name)[0], home.shadow(self._name)
        ground = shaded(erased, as_it_was(block, match), shadow)
        least = needed_contrast(ground, [line.box for line in block.lines], match.colour)
        for scale in THRESHOLDS.scales:
            setting = plan.lay(scale)
            if setting is None:
                break
            canvas, mask, shift = plan.canvas, plan.mask, plan.reflow.shift(setting) if plan.reflow is not None else 0
            if plan.reflow is not None:
                canvas, under, shifted = plan.reflow.lay(canvas, shift)
                mask = mask & ~under
            canvas = shaded(canvas, setting, shadow)
            colour = readable(match.colour, canvas, setting, least)
            after, letters = draw(canvas, setting, colour)
            after = home.compression(self._name, match).apply(after, grown(block, setting))
            if self._fixed is not None and ((after != self._picture).any(axis=2) & self._fixed).any():
                return (Problem("on_an_edited_face"),)
            # without moved blocks and hard shadows, whose outlines are no seam
            under_text = plan.canvas if shadow is not None and shadow.is_hard else shaded(plan.canvas, setting, shadow)
            faults = find_faults(under_text, after, mask & ~letters, self._text, setting, colour, self._reader, least)
            if not faults and plan.reflow is not None and shift:
                old = [follower.block for follower in plan.reflow.followers]
                faults = find_lost_lines(self._picture, after, old, shifted, self._reader)
            if not faults:
                return self._accept(plan, setting, shift, after, canvas, colour)
        return tuple(faults)

    def _accept(
        self, plan: _Plan, setting: Setting, shift: int, after: np.ndarray, canvas: np.ndarray, colour: tuple[int, int, int]
    ) -> Accepted:
        first, match = self._block.lines[0], self._match
        lines = tuple(replace(first, text=line.text, box=line.box, angle_deg=0.0) for line in setting.lines)
        contrast = least_contrast(canvas, [line.box for line in setting.lines], colour)
        advised = advised_contrast(setting, after.shape[1])
        old = self._block.colour if match.ink is None else match.ink
        is_new_ink = float(np.linalg.norm(np.subtract(colour, old))) > THRESHOLDS.new_ink
        placed = Placed(
            old=self._block.text,
            block=replace(plan.place, lines=lines, colour=colour),
            font=match.typeface.family,
            is_own_font=match.is_own,
            is_new_ink=is_new_ink,
            faint=(contrast, advised) if contrast < advised and not is_new_ink else None,
        )
        boxes = {}
        if shift and plan.reflow is not None:
            boxes = {follower.block.box: moved(follower.block, shift) for follower in plan.reflow.followers}
        movers = {key: boxes[other.box] for key, other in self._blocks.items() if other.box in boxes and key != self._name}
        return Accepted(picture=after, placed=placed, moved=movers)


def _at_scale(match: FontMatch, scale: float) -> FontMatch:
    return replace(match, lettering=match.lettering.scaled(scale))


def _label_pad(block: TextBlock) -> float:
    """Return the minimum space (px) between a label and either end of its button: the old label's, within limits."""
    if block.plate is None:
        return 0.0
    old = min(block.box[0] - block.plate[0], block.plate[2] - block.box[2])
    return float(min(max(old, THRESHOLDS.least_room * block.size_px), THRESHOLDS.least_pad * block.size_px))
