"""Before the search: see what is in a creative, open its faces, have lines written and scenes painted, measure what edits do
to the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative, FaceReport
from adcreative.editor.scoring.linear_response import (
    PROBE_SHARE,
    FaceResponse,
    FaceSession,
    PictureResponse,
    WholeResponse,
    measure_response,
    measure_whole,
)
from adcreative.editor.scoring.objectives import Lines, encode_lines, predict_uplift, with_line_features
from adcreative.editor.search.operators import cross_lines
from adcreative.editor.settings import EditorConfig, EditorTools, refuse_faces
from adcreative.editor.space.adjustments import LOOKS, LookEditor
from adcreative.editor.space.genome import GeneSpace
from adcreative.editor.space.protection import protect
from adcreative.editor.space.scene import Scenes, paint_scenes
from adcreative.errors import CopywriterError, CreativeError
from adcreative.provenance.consent import Permission


@dataclass(frozen=True, kw_only=True)
class OpenCreative:
    """A creative ready to be edited: what was seen in it, which rows of its faces the session edits, which were refused.

    look: None when the look stays as it is. scenes: None when the scene does.
    """

    creative: Creative
    image_u8: np.ndarray | None
    features: Any
    session: FaceSession | None
    face_rows: tuple[int, ...]
    faces: FaceReport
    look: LookEditor | None = None
    scenes: Scenes | None = None


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
) -> OpenCreative:
    """Extract a creative's features, open a session on the faces that may be edited, and paint scenes if a painter is there.

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
    permission = permission or permitted_tools(creative, tools)[1]
    rows, refused = _editable_rows(permission, faces, config)
    if not len(tools.directions.names):  # no direction allowed
        rows = []
    session = None
    if image_u8 is not None and rows:
        session = tools.open_session(image_u8, [faces[row] for row in rows], tools)
    look, scenes = None, None
    if image_u8 is not None and (config.edit_look or tools.scene_painter is not None):
        boxes = [face.box_xyxy_px for face in faces]
        protection = protect(image_u8, boxes, session.mask() if session is not None else None)
        look = LookEditor(image_u8, protection) if config.edit_look else None
        if tools.scene_painter is not None:
            scenes = paint_scenes(
                creative, image_u8, protection, tools.scene_painter, num_scenes=config.num_scenes, seed=config.seed,
                prompt=config.scene_prompt, should_stop=should_stop,
            )  # fmt: skip
    return OpenCreative(
        creative=creative, image_u8=image_u8, features=features, session=session, face_rows=tuple(rows),
        faces=FaceReport(found=len(faces), refused=tuple(refused)), look=look, scenes=scenes,
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


def measure_space(opened: OpenCreative, lines: Lines, tools: EditorTools) -> tuple[GeneSpace, PictureResponse | None]:
    """Return what the search may change, and how the picture answers to it; what loses a face is left out.

    The answer is None when the picture stays as it is.
    """
    low, high = np.asarray(tools.directions.low), np.asarray(tools.directions.high)
    look_low, look_high = np.zeros(0), np.zeros(0)
    faces: FaceResponse | None = None
    if opened.session is not None:
        faces = measure_response(
            opened.creative, opened.features, opened.session, tools.extractor,
            face_rows=opened.face_rows, low=low, high=high,
        )  # fmt: skip
        low, high = faces.limits(low, high)
    looks = _measure_looks(opened, tools)
    if looks is not None and opened.look is not None:
        look_low, look_high = looks.limits(opened.look.low, opened.look.high)
    opened_scenes, scenes = _measure_scenes(opened, tools)
    space = GeneSpace(
        num_faces=len(opened.face_rows), low=low, high=high, look_low=look_low, look_high=look_high,
        num_headlines=len(lines.headlines), num_descriptions=len(lines.descriptions), num_buttons=max(1, len(lines.buttons)),
        num_scenes=1 + opened_scenes,
    )  # fmt: skip
    is_fixed = faces is None and looks is None and scenes is None
    return space, None if is_fixed else PictureResponse(faces=faces, looks=looks, scenes=scenes)


def _measure_looks(opened: OpenCreative, tools: EditorTools) -> WholeResponse | None:
    """Return the picture's answers to each look on either side; None when the look stays as it is."""
    look, image_u8 = opened.look, opened.image_u8
    if look is None or image_u8 is None:
        return None

    def compose(idx: int, strength: float) -> np.ndarray:
        return look.apply(image_u8, np.where(np.arange(len(LOOKS)) == idx, strength, 0.0))

    probes = PROBE_SHARE * np.stack([look.low, look.high])
    return measure_whole(opened.creative, opened.features, compose, tools.extractor, probes=probes)


def _measure_scenes(opened: OpenCreative, tools: EditorTools) -> tuple[int, WholeResponse | None]:
    """Return how many scenes there are beside the picture's own, and its answers to them."""
    scenes, image_u8 = opened.scenes, opened.image_u8
    if scenes is None or image_u8 is None:
        return 0, None
    num = len(scenes.pictures)
    answers = measure_whole(
        opened.creative, opened.features, lambda idx, _: scenes.paste(image_u8, idx + 1), tools.extractor,
        probes=np.stack([np.zeros(num), np.ones(num)]),
    )  # fmt: skip
    return num, answers


def write_lines(
    creative: Creative, features: Any, tools: EditorTools, config: EditorConfig, should_stop: Callable[[], bool] | None
) -> tuple[Lines, str]:
    """Return the lines and buttons to choose from, the creative's own first, the others by predicted rate; and a note for the
    user.

    New lines are the copywriter's, and what comes of crossing two of them; those pass the lint too. A line or button is only
    replaced where there is one: nothing is added to a creative that has none.
    """
    headlines: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    num_headlines = config.num_headlines if creative.headline else 0
    num_descriptions = config.num_descriptions if creative.description else 0
    note = ""
    if tools.copywriter is not None and num_headlines + num_descriptions:
        from adcreative.copywriter import Brief, check_copy
        from adcreative.copywriter.rules import word_set

        brief = Brief.of_ad(creative)
        try:
            written = tools.copywriter.write(brief, num_headlines, num_descriptions, config.seed, should_stop=should_stop)
            headlines = tuple(written.headlines)[:num_headlines]
            descriptions = tuple(written.descriptions)[:num_descriptions]
            note, brief = "; ".join(written.notes), written.brief  # a brand's rules hold for crossed lines too
        except CopywriterError as error:
            note = f"no new words: {error}"

        def crossed(lines: tuple[str, ...], kind: str) -> tuple[str, ...]:
            return cross_lines(
                lines, config.num_crossed, joints=word_set("language", "dangling"), rng=np.random.default_rng(config.seed),
                is_fit=lambda line: not check_copy(line, brief, kind) and keeps_disclaimers(line, lines, brief.disclaimers),
            )  # fmt: skip

        headlines += crossed(headlines, "headline")
        descriptions += crossed(descriptions, "description")
    buttons = offer_buttons(creative, tools.predictor, config.num_buttons)
    lines = replace(encode_lines(creative, headlines, descriptions, tools.extractor), buttons=buttons)
    return _ranked(lines, creative, features, tools), note


def keeps_disclaimers(line: str, others: Sequence[str], disclaimers: Sequence[str]) -> bool:
    """Return whether a line carries, whole, every disclaimer that one of the others carries."""
    return all(one in line for one in disclaimers if any(one in other for other in others))


def offer_buttons(creative: Creative, predictor: Any, num_buttons: int) -> tuple[str, ...]:
    """Return the creative's own button and up to num_buttons others that its platform allows; empty when it has none.

    Only buttons that the predictor saw in training are offered: of others it knows nothing.
    """
    if not creative.cta or not num_buttons:
        return ()
    from adcreative.copywriter.buttons import allowed_buttons

    known = known_buttons(predictor)
    own = creative.cta.strip().casefold()
    others = [one for one in allowed_buttons(creative.platform, creative.placement) if one.casefold() != own]
    if known is not None:
        others = [one for one in others if one.casefold() in known]
    return (creative.cta, *others[:num_buttons]) if others else ()


def known_buttons(predictor: Any) -> frozenset[str] | None:
    """Return the buttons of a predictor's training data, folded; None when it does not say."""
    builder = getattr(predictor, "builder", None)
    return frozenset(builder.vocabularies["cta"]) if builder is not None else None


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
