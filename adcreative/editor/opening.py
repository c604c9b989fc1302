"""Before the search: see what is in a creative, open its faces, have lines written, measure what edits do to the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative, FaceReport
from adcreative.editor.genome import GeneSpace
from adcreative.editor.objectives import FaceSession, Lines, encode_lines, predict_uplift, with_line_features
from adcreative.editor.response import FaceResponse, measure_response
from adcreative.editor.settings import EditorConfig, EditorTools, refuse_faces
from adcreative.errors import CopywriterError, CreativeError
from adcreative.provenance.consent import Permission


@dataclass(frozen=True, kw_only=True)
class OpenCreative:
    """A creative ready to be edited: what was seen in it, which rows of its faces the session edits, which were refused."""

    creative: Creative
    image_u8: np.ndarray | None
    features: Any
    session: FaceSession | None
    face_rows: tuple[int, ...]
    faces: FaceReport


def permitted_tools(creative: Creative, tools: EditorTools, config: EditorConfig) -> tuple[EditorTools, Permission]:
    """Return the tools with only those directions that the creative's consent record allows, and what it said."""
    if not config.require_consent or not tools.directions.names:
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
    creative: Creative, tools: EditorTools, config: EditorConfig, permission: Permission | None = None
) -> OpenCreative:
    """Extract a creative's features and open a session on the faces that may be edited.

    `permission` comes with `tools` from `permitted_tools`; it is asked for when left out.

    Raises:
        CreativeError: the picture cannot be read, or nothing can be extracted.
    """
    image_u8 = picture(creative)
    (features,) = tools.extractor.extract([creative])
    if isinstance(features, CreativeError):
        raise features
    faces: Sequence[Any] = []
    if image_u8 is not None:
        faces = refuse_faces(image_u8, tools.analyzer.analyze(image_u8), tools)
    permission = permission or permitted_tools(creative, tools, config)[1]
    rows, refused = _editable_rows(permission, faces, config)
    if not len(tools.directions.names):  # no direction allowed
        rows = []
    session = None
    if image_u8 is not None and rows:
        session = tools.open_session(image_u8, [faces[row] for row in rows], tools)
    return OpenCreative(
        creative=creative, image_u8=image_u8, features=features, session=session, face_rows=tuple(rows),
        faces=FaceReport(found=len(faces), refused=tuple(refused)),
    )  # fmt: skip


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


def measure_space(opened: OpenCreative, lines: Lines, tools: EditorTools) -> tuple[GeneSpace, FaceResponse | None]:
    """Return what the search may change, and how the picture answers to it; directions that lose a face are left out."""
    low, high, response = np.asarray(tools.directions.low), np.asarray(tools.directions.high), None
    if opened.session is not None:
        response = measure_response(
            opened.creative, opened.features, opened.session, tools.extractor,
            face_rows=opened.face_rows, low=low, high=high,
        )  # fmt: skip
        low, high = response.limits(low, high)
    space = GeneSpace(
        num_faces=len(opened.face_rows), low=low, high=high,
        num_headlines=len(lines.headlines), num_descriptions=len(lines.descriptions),
    )  # fmt: skip
    return space, response


def write_lines(
    creative: Creative, features: Any, tools: EditorTools, config: EditorConfig, should_stop: Callable[[], bool] | None
) -> tuple[Lines, str]:
    """Return the lines to choose from, the creative's own first, the others by predicted rate; and a note for the user.

    A line is only replaced where there is one: words are not added to a creative that has none.
    """
    headlines: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    num_headlines = config.num_headlines if creative.headline else 0
    num_descriptions = config.num_descriptions if creative.description else 0
    note = ""
    if tools.copywriter is not None and num_headlines + num_descriptions:
        from adcreative.copywriter import Brief

        brief = Brief(
            brand=creative.brand, product=creative.category, headline=creative.headline,
            description=creative.description or creative.primary_text, platform=creative.platform,
            placement=creative.placement,
        )  # fmt: skip
        try:
            written = tools.copywriter.write(brief, num_headlines, num_descriptions, config.seed, should_stop=should_stop)
            headlines = tuple(written.headlines)[:num_headlines]
            descriptions = tuple(written.descriptions)[:num_descriptions]
        except CopywriterError as error:
            note = f"no new words: {error}"
    return _ranked(encode_lines(creative, headlines, descriptions, tools.extractor), creative, features, tools), note


def _ranked(lines: Lines, creative: Creative, features: Any, tools: EditorTools) -> Lines:
    """Return the lines with the new ones in order of predicted uplift, the likeliest first."""
    new_heads, new_descs = lines.headlines[1:], lines.descriptions[1:]
    if not new_heads and not new_descs:
        return lines
    changed = [replace(creative, headline=line) for line in new_heads]
    changed += [replace(creative, description=line) for line in new_descs]
    seen = with_line_features(lines, features)
    uplift, _ = predict_uplift(tools.predictor, [creative, *changed], [features, *seen])
    return lines.ordered(uplift[: len(new_heads)], uplift[len(new_heads) :])
