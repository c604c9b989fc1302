"""The delivered picture of an ad, edited or kept as it was, in further shapes: laid out, scored, checked, written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.creative import Creative, EditResult
from adcreative.delivery.placements import fit_picture, placement_limit
from adcreative.errors import CreativeError
from adcreative.features.known_words import words_of
from adcreative.lettering import SizedPicture, arrange
from adcreative.progress import Count, uncounted
from adcreative.provenance.export import export_picture
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.weight import fit_bytes
from adcreative.runs.folder import Makers, Outcome
from adcreative.verbs.score_table import move_rate

if TYPE_CHECKING:
    from adcreative.editor.models import EditorTools

ROOM_FOR_MARKS = 0.01  # of a file's limit, for marks, profile and signature


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

    An ad that is kept as it was is laid out, too: whoever asks for a story wants one of each ad.

    Args:
        tell: how many shapes are laid out, of how many.
    Returns:
        a row for each shape: ratio, image (path relative to `out`), width, height (px), ctr, extended (share of new ground),
        arranged (the side to which its words moved, "" where they stand as they stood), fits (formats), notes. Empty for an ad
        without a picture, and for one that failed.
    """
    result, image_u8 = outcome.result, outcome.image_u8
    if image_u8 is None or result.status not in ("edited", "kept"):
        return []
    delivered = replace(creative, image_u8=image_u8)
    if result.status == "edited":
        delivered = replace(
            delivered, headline=result.headline_edited, description=result.description_edited, cta=result.cta_edited, words=""
        )  # its picture is another one
    words = words_of(delivered, image_u8, tools.text_reader)
    sized = arrange(
        image_u8, words, ratios, texts=delivered.picture_texts, reader=tools.text_reader,
        faces_xyxy_px=[face.box_xyxy_px for face in tools.analyzer.analyze(image_u8)], inpainter=tools.inpainter, tell=tell,
    )  # fmt: skip
    extracted = tools.extractor.extract([replace(delivered, image_u8=one.image_u8) for one in sized])
    rows = []
    for one, features in zip(sized, extracted, strict=True):
        suffix, quality = _choose_file(one)
        name = f"images/{stem}.{one.ratio.replace(':', 'x')}{suffix}"
        has_made_parts = (
            one.extended > 0 or bool(one.arranged) or any(edit.face >= 0 or edit.direction == "scene" for edit in result.edits)
        )
        export_picture(
            out / name, one.image_u8, is_edited=has_made_parts, original_path=creative.image_path, result=result.as_dict(),
            models=makers.models, signing=makers.signing, quality=quality,
        )  # fmt: skip
        row = _describe(one, features, delivered, name, (out / name).stat().st_size, tools)
        rows.append({**row, "ctr": state_rate(row["ctr"], result)})
    return rows


def state_rate(rate: float | None, result: EditResult) -> float | None:
    """Return a rate as a result states its own: none by models that have seen no results of the account, unless a usual rate
    says at which level."""
    if rate is None or not result.is_untested:
        return rate
    return move_rate(rate, result.level_shift) if result.level_shift else None


def _choose_file(one: SizedPicture) -> tuple[str, int | None]:
    """Return suffix and quality: a PNG, or the best JPEG where a PNG is too heavy for the placements of this shape."""
    height, width = one.image_u8.shape[:2]
    limit = placement_limit((width, height))

    def encode(file_format: str, quality: int) -> bytes:
        return encode_picture(one.image_u8, file_format, is_edited=False, quality=quality or None)

    if not limit:
        return ".png", None
    fitted = fit_bytes(one.image_u8, int(limit * (1 - ROOM_FOR_MARKS)), encode)
    return (".png", None) if fitted.file_format == "PNG" else (".jpg", fitted.quality)


def _describe(
    one: SizedPicture, features: Any, delivered: Creative, name: str, num_bytes: int, tools: EditorTools
) -> dict[str, Any]:
    height, width = one.image_u8.shape[:2]
    fit, ctr = fit_picture((width, height), num_bytes, platform=delivered.platform, is_clear=one.is_clear), None
    notes = [*([one.note] if one.note else []), *one.problems]
    if isinstance(features, CreativeError):
        notes.append(f"it cannot be scored: {features.problem}")
    else:
        shown = replace(delivered, image_u8=one.image_u8)
        ctr = tools.predictor.predict([shown], [features])[0].ctr
    return {
        "ratio": one.ratio, "image": name, "width": width, "height": height, "ctr": ctr, "extended": one.extended,
        "arranged": one.arranged, "fits": [] if one.problems else list(fit.fits), "notes": [*notes, *fit.problems, *fit.notes],
    }  # fmt: skip
