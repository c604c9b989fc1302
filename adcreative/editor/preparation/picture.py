"""Open the picture of a creative: read words, find faces, check consent, and prepare everything that may change in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative, FaceReport
from adcreative.editor.models import EditorTools
from adcreative.editor.settings import SessionSettings
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.whole_picture import PictureAdjuster, Scenes, paint_scenes, protect
from adcreative.errors import CreativeError
from adcreative.features.picture_fields import fill_fields, words_of
from adcreative.lettering import TextSetter, Words, refuse_letters, typefaces
from adcreative.problem import Problem
from adcreative.progress import ShouldStop, never
from adcreative.provenance.consent import Permission

if TYPE_CHECKING:
    from stylegan.latents.directions.labelled import DirectionSet
    from stylegan.photo.session import FaceEditSession

FLAT_GROUND = 9.0  # residual (0..255) of a ground of one colour, the threshold of `compose.from_ad`


def open_creative(
    creative: Creative, models: EditorTools, settings: SessionSettings, should_stop: ShouldStop | None = None
) -> EditableCreative:
    """Extract a creative's features, open a session on the editable faces, and paint scenes if a painter is available.

    Raises:
        CreativeError: the picture cannot be read, or no features can be extracted.
    """
    permission, directions = _permit(creative, models, settings)
    image_u8, words = picture(creative), Words()
    if image_u8 is not None and settings.config.set_text and models.text_reader is not None:
        words = words_of(creative, image_u8, models.text_reader)
        creative = fill_fields(creative, words)
    (features,) = models.extractor.extract([creative])
    if isinstance(features, CreativeError):
        raise features
    faces: Sequence[Any] = []
    if image_u8 is not None:
        found = refuse_letters(leave_out(models.analyzer.analyze(image_u8), settings.faces), words)
        faces = models.refuse_faces(image_u8, found, models.codec, directions)
    rows, refused = _editable_rows(permission, faces, settings)
    if not len(directions.names):  # no direction allowed
        rows = []
    session, adjuster, scenes, setter, extractor = None, None, None, None, models.extractor
    if image_u8 is not None:
        session = models.open_faces(image_u8, [faces[row] for row in rows], models, directions) if rows else None
        opened = (session, drawn_colours(words))
        adjuster, scenes = _open_whole_picture(creative, image_u8, faces, opened, models, settings, should_stop)
        setter = _open_words(creative, image_u8, words, faces, (session, scenes), models, settings)
        if scenes is None:  # painted scenes may add faces
            extractor = extractor.for_versions(image_u8)
    return EditableCreative(
        creative=creative,
        image_u8=image_u8,
        features=features,
        extractor=extractor,
        permission=permission,
        directions=directions,
        session=session,
        face_rows=tuple(rows),
        face_boxes=tuple(faces[row].box_xyxy_px for row in rows),
        faces=FaceReport(found=len(faces), refused=tuple(refused)),
        adjuster=adjuster,
        scenes=scenes,
        setter=setter,
        unread=Problem("unread_words", told=creative.read_note) if creative.read_note else None,
        spoken=" ".join(block.text for block in words.blocks),
    )


def _permit(creative: Creative, models: EditorTools, settings: SessionSettings) -> tuple[Permission, DirectionSet]:
    """Return the consent for the creative's faces, and the permitted directions with the requested range."""
    directions = models.directions
    directions = replace(directions, low=directions.low * settings.boldness, high=directions.high * settings.boldness)  # type: ignore[type-var]
    if not directions.names:
        return Permission(is_granted=True), directions
    permission = models.consents.permit(creative, models.today())
    names = permission.allowed(directions.names)
    if permission.directions is None or list(directions.names) == names:
        return permission, directions
    if not names:
        asked, allowed = ", ".join(directions.names), ", ".join(permission.directions)
        refusal = f'consent record "{creative.consent_id}" allows {allowed}, and this run edits {asked or "no face"}'
        permission = Permission(is_granted=False, refusal=refusal)
    return permission, directions.select(names)


def leave_out(faces: Sequence[Any], chosen: frozenset[int] | None) -> list[Any]:
    """Return the faces, largest first, with a refusal for each face not in `chosen`; None: no refusal."""
    if chosen is None:
        return list(faces)
    is_open = [number in chosen or face.refusal is not None for number, face in enumerate(faces)]
    return [f if ok else replace(f, refusal="it was not chosen") for f, ok in zip(faces, is_open, strict=True)]


def prepare_words(
    creative: Creative, models: EditorTools, settings: SessionSettings, should_stop: ShouldStop = never
) -> Creative:
    """Prepare fonts and grounds for a creative's words; return the creative with the words of its picture.
    `models.prepared` keeps the results until a search opens the creative; `should_stop` is polled between the parts.

    Raises:
        CreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative)
    if image_u8 is None or not settings.config.set_text or models.text_reader is None:
        return creative
    words = words_of(creative, image_u8, models.text_reader)
    creative, faces = fill_fields(creative, words), models.analyzer.analyze(image_u8)
    if should_stop():  # for example when the ad was deleted and nothing of it may be kept
        return creative
    setter = _open_words(creative, image_u8, words, faces, (None, None), models, settings)
    if setter is not None:
        setter.prepared.prepare(should_stop)
    return creative


def _open_words(
    creative: Creative,
    image_u8: np.ndarray,
    words: Words,
    faces: Sequence[Any],
    others: tuple[FaceEditSession | None, Scenes | None],
    models: EditorTools,
    settings: SessionSettings,
) -> TextSetter | None:
    """Return the setter for new words in the picture; None when none of the ad's words are in the picture."""
    if models.text_reader is None or not words.blocks:
        return None
    session, scenes = others
    fixed = session.mask() if session is not None else np.zeros(image_u8.shape[:2], bool)
    if scenes is not None:
        fixed = fixed | (scenes.weight[:, :, 0] > 0)
    boxes = [face.box_xyxy_px for face in faces if not words.covers(face.box_xyxy_px)]
    setter = TextSetter(
        image_u8,
        words,
        creative.picture_texts,
        reader=models.text_reader,
        typefaces=typefaces(settings.fonts),
        faces_xyxy_px=boxes,
        fixed=fixed,
        inpainter=models.inpainter,
        cache=models.prepared,
    )
    return setter if setter.field_blocks else None


def _open_whole_picture(
    creative: Creative,
    image_u8: np.ndarray,
    faces: Sequence[Any],
    found: tuple[FaceEditSession | None, list[tuple[int, int, int]]],
    models: EditorTools,
    settings: SessionSettings,
    should_stop: ShouldStop | None,
) -> tuple[PictureAdjuster | None, Scenes | None]:
    """Return the adjuster of the whole picture and its painted scenes; None for each that is disabled."""
    config, (session, drawn) = settings.config, found
    if not settings.edit_look and models.scene_painter is None:
        return None, None
    boxes = [face.box_xyxy_px for face in faces]
    protection = protect(image_u8, boxes, session.mask() if session is not None else None)
    adjuster = PictureAdjuster(image_u8, protection, config.look_reach, drawn) if settings.edit_look else None
    if models.scene_painter is None:
        return adjuster, None
    scenes = paint_scenes(
        creative,
        image_u8,
        protection,
        models.scene_painter,
        num_scenes=config.num_scenes,
        seed=config.seed,
        prompt=config.scene_prompt,
        should_stop=should_stop,
    )
    return adjuster, scenes


def drawn_colours(words: Words) -> list[tuple[int, int, int]]:
    """Return the RGB colours of an ad's letters, plates and flat grounds."""
    grounds = [block.ground for block in words.blocks if block.plate is not None or block.residual <= FLAT_GROUND]
    return list(dict.fromkeys([*grounds, *(block.colour for block in words.blocks)]))


def _editable_rows(permission: Permission, faces: Sequence[Any], settings: SessionSettings) -> tuple[list[int], list[str]]:
    """Return the indices of editable faces, and a reason for each other face."""
    if not permission.is_granted:
        return [], [permission.refusal] * len(faces)
    rows: list[int] = []
    refused: list[str] = []
    for row, face in enumerate(faces):
        if face.refusal is not None:
            refused.append(face.refusal)
        elif len(rows) >= settings.config.max_faces:
            refused.append(f"only the {settings.config.max_faces} largest faces of a picture are edited (max_faces)")
        else:
            rows.append(row)
    return rows, refused
