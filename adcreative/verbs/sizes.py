"""The delivered picture of an ad, edited or unchanged, in further shapes: laid out, scored, checked, written to disk.

composed   laid out anew: from the parts of a composed ad (`ad.json` next to it), or of a flat ad where they are certain
padded     whole on the ad's own ground colour, where a part is uncertain
as it is   where the shape is the ad's own
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adcreative.creative import Creative, EditResult
from adcreative.delivery.padding import has_shape, pad
from adcreative.delivery.placements import fit_picture, placement_limit
from adcreative.errors import CreativeError
from adcreative.features.picture_fields import words_of
from adcreative.lettering import Words
from adcreative.progress import Count, uncounted
from adcreative.provenance.sidecar import export_picture
from adcreative.provenance.weight import fit_export
from adcreative.runs.folder import Makers, Outcome
from adcreative.verbs.score_table import move_rate

if TYPE_CHECKING:
    from adcreative.editor.models import EditorTools
    from adcreative.features.batch import CreativeFeatures

WORDS = ("headline", "description", "cta")
LAID_OUT_ANEW = "laid out anew from the ad's own parts"
PADDED = "the whole ad on its own ground colour, since it could not be laid out anew: {why}"


@dataclass(frozen=True, kw_only=True)
class SizedPicture:
    """A picture in a shape. made: method. added: share (0..1) of new ground. note: the method in words, for the row."""

    ratio: str
    image_u8: np.ndarray = field(repr=False)
    made: Literal["as it is", "padded", "composed"]
    added: float = 0.0
    note: str = ""
    is_clear: bool = False


def write_sizes(
    creative: Creative,
    outcome: Outcome,
    ratios: Sequence[str],
    tools: EditorTools,
    out: Path,
    *,
    stem: str,
    makers: Makers,
    tell: Count = uncounted,
) -> list[dict[str, Any]]:
    """Lay the delivered picture of an ad out in each shape, score and check it, and write it into `out`/images.

    An unchanged ad is laid out, too, so that every ad has, for example, a story.

    Args:
        tell: callback with the number of finished shapes and of all shapes.
    Returns:
        a row for each shape: ratio, image (path relative to `out`), width, height (px), ctr, extended (share of new ground),
        made ("as it is", "composed" or "padded"), fits (formats), notes. Empty for an ad without a picture, and for one that
        failed.
    """
    result, image_u8 = outcome.result, outcome.image_u8
    if image_u8 is None or result.status not in ("edited", "kept"):
        return []
    delivered = replace(creative, image_u8=image_u8)
    if result.status == "edited":
        delivered = replace(
            delivered, headline=result.headline_edited, description=result.description_edited, cta=result.cta_edited, words=""
        )  # since the picture is another one
    sized = []
    tell(0, len(ratios))
    for one in _lay_out(creative, delivered, result, ratios, tools):
        sized.append(one)
        tell(len(sized), len(ratios))
    extracted = tools.extractor.extract([replace(delivered, image_u8=one.image_u8) for one in sized])
    rows = []
    for one, features in zip(sized, extracted, strict=True):
        suffix, quality = _choose_file(one)
        name = f"images/{stem}.{one.ratio.replace(':', 'x')}{suffix}"
        has_made_parts = any(edit.face >= 0 or edit.direction == "scene" for edit in result.edits)
        export_picture(
            out / name,
            one.image_u8,
            is_edited=has_made_parts,
            original_path=creative.image_path,
            result=result.as_dict(),
            models=makers.models,
            signing=makers.signing,
            quality=quality,
        )
        row = _describe(one, features, delivered, name, (out / name).stat().st_size, tools)
        rows.append({**row, "ctr": state_rate(row["ctr"], result)})
    return rows


def _lay_out(
    creative: Creative, delivered: Creative, result: EditResult, ratios: Sequence[str], tools: EditorTools
) -> Iterator[SizedPicture]:
    """Yield the delivered picture in each shape."""
    image_u8 = delivered.image_u8
    assert image_u8 is not None
    others = [ratio for ratio in ratios if not has_shape(image_u8, ratio)]
    composed, why, clear = dict[str, np.ndarray](), "", list[Sequence[float]]()
    if others:
        words = words_of(delivered, image_u8, tools.text_reader) if tools.text_reader is not None else Words()
        composed, why = _compose(creative, delivered, result, others, words)
        clear = [*(block.plate or block.box for block in words.blocks), *(line.box_xyxy_px for line in words.unread)]
        clear += [face.box_xyxy_px for face in tools.analyzer.analyze(image_u8)]
    for ratio in ratios:
        if ratio in composed:
            anew = composed[ratio]
            yield SizedPicture(ratio=ratio, image_u8=anew, made="composed", note=LAID_OUT_ANEW, is_clear=True)
            continue
        one = pad(image_u8, ratio, clear)
        is_own = ratio not in others
        yield SizedPicture(
            ratio=ratio,
            image_u8=one.image_u8,
            made="as it is" if is_own else "padded",
            added=one.added,
            note="" if is_own else PADDED.format(why=why),
            is_clear=one.is_clear,
        )


def _compose(
    creative: Creative, delivered: Creative, result: EditResult, ratios: Sequence[str], words: Words
) -> tuple[dict[str, np.ndarray], str]:
    """Return shape name -> picture for the shapes that can be composed anew from the ad's parts, and why the others cannot."""
    if find_spec("skia") is None:
        return {}, 'composing needs pip install "adcreative[picture]"'
    from adcreative.compose.shapes import shape_named
    from adcreative.verbs.new_layouts import read_composed, render, take_ad

    assert delivered.image_u8 is not None
    shapes = [shape_named(ratio) for ratio in ratios]
    edited = {name: getattr(delivered, name) for name in WORDS if getattr(delivered, name) != getattr(creative, name)}
    is_of_words = all(edit.direction in WORDS for edit in result.edits)
    if is_of_words and (known := read_composed(creative, edited)) is not None:
        recipe, parts = known
    else:
        layouts = take_ad(delivered.image_u8, words, delivered)
        found = layouts.search(shapes, 1, result.seed)
        if layouts.prepared is None or not found:
            return {}, "; ".join(f"{part}: {told}" for part, told in layouts.missing.items()) or "its words do not fit"
        recipe, parts = found[0].recipe, layouts.prepared.parts
    drawn = {shape.name: render(recipe, parts, shape) for shape in shapes}
    return {name: image_u8 for name, image_u8 in drawn.items() if image_u8 is not None}, "its words do not fit"


def state_rate(rate: float | None, result: EditResult) -> float | None:
    """Return a rate as a result states its own: None for models without the account's results and without a usual rate."""
    if rate is None or not result.is_untested:
        return rate
    return move_rate(rate, result.level_shift) if result.level_shift else None


def _choose_file(one: SizedPicture) -> tuple[str, int | None]:
    """Return suffix and quality: PNG, or the best JPEG where a PNG is too large for the placements of this shape."""
    height, width = one.image_u8.shape[:2]
    limit = placement_limit((width, height))
    return fit_export(one.image_u8, limit) if limit else (".png", None)


def _describe(
    one: SizedPicture,
    features: CreativeFeatures | CreativeError,
    delivered: Creative,
    name: str,
    num_bytes: int,
    tools: EditorTools,
) -> dict[str, Any]:
    height, width = one.image_u8.shape[:2]
    fit, ctr = fit_picture((width, height), num_bytes, platform=delivered.platform, is_clear=one.is_clear), None
    notes = [one.note] if one.note else []
    if isinstance(features, CreativeError):
        notes.append(f"it cannot be scored: {features.problem}")
    else:
        shown = replace(delivered, image_u8=one.image_u8)
        ctr = tools.predictor.predict([shown], [features])[0].ctr
    return {
        "ratio": one.ratio,
        "image": name,
        "width": width,
        "height": height,
        "ctr": ctr,
        "extended": one.added,
        "made": one.made,
        "fits": list(fit.fits),
        "notes": [*notes, *fit.problems, *fit.notes],
    }
