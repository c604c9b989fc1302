"""Open the picture of a creative: read its words, find its faces, ask for consent, and make ready what may change in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative, FaceReport
from adcreative.editor.models import EditorTools, ExtractsVersions, FaceSession, refuse_faces
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.adjustments import PictureAdjuster
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.scene import Scenes, paint_scenes
from adcreative.errors import CreativeError
from adcreative.features.known_words import words_of
from adcreative.features.picture_fields import fill_fields
from adcreative.lettering import TextSetter, Words, protect, refuse_letters, typefaces
from adcreative.progress import ShouldStop, never
from adcreative.provenance.consent import Permission


def permitted_tools(creative: Creative, tools: EditorTools) -> tuple[EditorTools, Permission]:
    """Return the tools with only those directions that the creative's consent record allows, and what it said."""
    if not tools.directions.names:
        return tools, Permission(is_granted=True)
    permission = tools.consents.permit(creative, tools.today())
    names = permission.allowed(tools.directions.names)
    if permission.directions is None or list(tools.directions.names) == names:
        return tools, permission
    if not names:
        asked, allowed = ", ".join(tools.directions.names), ", ".join(permission.directions)
        refusal = f'consent record "{creative.consent_id}" allows {allowed}, and this run edits {asked or "no face"}'
        permission = Permission(is_granted=False, refusal=refusal)
    return replace(tools, directions=tools.directions.select(names)), permission


def open_creative(
    creative: Creative,
    tools: EditorTools,
    config: EditorConfig,
    permission: Permission | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> EditableCreative:
    """Extract a creative's features, open a session on the faces that may be edited, and paint scenes if a painter is there.

    Args:
        permission: what `permitted_tools` returned beside `tools`; looked up when None.
    Raises:
        CreativeError: the picture cannot be read, or no features can be extracted.
    """
    image_u8 = picture(creative)
    words = Words()
    if image_u8 is not None and config.set_text and tools.text_reader is not None:
        words = words_of(creative, image_u8, tools.text_reader)
        creative = fill_fields(creative, words)
    (features,) = tools.extractor.extract([creative])
    if isinstance(features, CreativeError):
        raise features
    faces: Sequence[Any] = []
    if image_u8 is not None:
        faces = refuse_letters(refuse_faces(image_u8, tools.analyzer.analyze(image_u8), tools), words)
    permission = permission or permitted_tools(creative, tools)[1]
    rows, refused = _editable_rows(permission, faces, config)
    if not len(tools.directions.names):  # no direction allowed
        rows = []
    session, adjuster, scenes, setter = None, None, None, None
    if image_u8 is not None:
        session = tools.open_session(image_u8, [faces[row] for row in rows], tools) if rows else None
        adjuster, scenes = _open_whole_picture(creative, image_u8, faces, session, tools, config, should_stop)
        setter = _open_words(creative, image_u8, words, faces, (session, scenes), tools)
    return EditableCreative(
        creative=creative, image_u8=image_u8, features=features, session=session, face_rows=tuple(rows),
        faces=FaceReport(found=len(faces), refused=tuple(refused)), adjuster=adjuster, scenes=scenes, setter=setter,
        unread=creative.read_note,
    )  # fmt: skip


def prepare_words(creative: Creative, tools: EditorTools, config: EditorConfig, should_stop: ShouldStop = never) -> Creative:
    """Work out fonts and grounds for a creative's words; `tools.prepared` keeps them until the search opens the creative;
    `should_stop` is asked between the parts. Return the creative as a search opens it, with the words of its picture.

    Raises:
        CreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative)
    if image_u8 is None or not config.set_text or tools.text_reader is None:
        return creative
    words = words_of(creative, image_u8, tools.text_reader)
    creative, faces = fill_fields(creative, words), tools.analyzer.analyze(image_u8)
    if should_stop():  # such as since the ad was deleted, of which nothing may be kept then
        return creative
    setter = _open_words(creative, image_u8, words, faces, (None, None), tools)
    if setter is not None:
        setter.prepared.prepare(should_stop)
    return creative


def tools_for_versions(opened: EditableCreative, tools: EditorTools) -> EditorTools:
    """Return the tools with an extractor for versions of the opened picture; unchanged where painted scenes may add faces."""
    if opened.image_u8 is None or opened.scenes is not None or not isinstance(tools.extractor, ExtractsVersions):
        return tools
    return replace(tools, extractor=tools.extractor.for_versions(opened.image_u8))


def _open_words(
    creative: Creative,
    image_u8: np.ndarray,
    words: Words,
    faces: Sequence[Any],
    others: tuple[FaceSession | None, Scenes | None],
    tools: EditorTools,
) -> TextSetter | None:
    """Return what sets new words into the picture; None when none of the ad's words stand in it."""
    if tools.text_reader is None or not words.blocks:
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
        reader=tools.text_reader,
        typefaces=typefaces(tools.fonts),
        faces_xyxy_px=boxes,
        fixed=fixed,
        inpainter=tools.inpainter,
        cache=tools.prepared,
    )
    return setter if setter.field_blocks else None


def _open_whole_picture(
    creative: Creative,
    image_u8: np.ndarray,
    faces: Sequence[Any],
    session: FaceSession | None,
    tools: EditorTools,
    config: EditorConfig,
    should_stop: Callable[[], bool] | None,
) -> tuple[PictureAdjuster | None, Scenes | None]:
    """Return what adjusts the whole picture and its painted scenes; None for each that is switched off."""
    if not config.edit_look and tools.scene_painter is None:
        return None, None
    boxes = [face.box_xyxy_px for face in faces]
    protection = protect(image_u8, boxes, session.mask() if session is not None else None)
    adjuster = PictureAdjuster(image_u8, protection, config.look_reach) if config.edit_look else None
    if tools.scene_painter is None:
        return adjuster, None
    scenes = paint_scenes(
        creative, image_u8, protection, tools.scene_painter, num_scenes=config.num_scenes, seed=config.seed,
        prompt=config.scene_prompt, should_stop=should_stop,
    )  # fmt: skip
    return adjuster, scenes


def _editable_rows(permission: Permission, faces: Sequence[Any], config: EditorConfig) -> tuple[list[int], list[str]]:
    """Return indices of faces to edit, and a reason for each other face."""
    if not permission.is_granted:
        return [], [permission.refusal] * len(faces)
    rows: list[int] = []
    refused: list[str] = []
    for row, face in enumerate(faces):
        if face.refusal is not None:
            refused.append(face.refusal)
        elif len(rows) >= config.max_faces:
            refused.append(f"only the {config.max_faces} largest faces of a picture are edited (max_faces)")
        else:
            rows.append(row)
    return rows, refused
