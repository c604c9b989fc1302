"""After the search: compose the best edits at full size, extract features from final pixels and words, and pick one edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.creative import Alternative, Creative, Edit
from adcreative.editor.decision.judge import INTERVAL_Z
from adcreative.editor.decision.opinions import UNASKED, Opinion, ask_choosers
from adcreative.editor.decision.result import FinalEdit, list_word_edits, relative_change
from adcreative.editor.models import EditorTools
from adcreative.editor.scoring.final_pixels import compose_creative
from adcreative.editor.scoring.first_order import match_faces
from adcreative.editor.scoring.objectives import LIKENESS_DECIMALS
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import ADJUSTMENTS, EditPlan
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError
from stylegan.faces.visible_changes import MAX_BONES, SEEN_LEVELS, edit_strength, measure_seen, measure_shown

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures

FACE_SHARES = (1.0, 0.8, 0.6)  # of an edit's strength, the strongest first: weaker face edits would hardly be visible


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One of the best edits: the creative with final pixels and words, the features extracted from them, and its scores.

    identity (-1..1), realism (0..1): of the worst face; None when no face was opened. bones: difference in head shape of the
    worst face (`FaceEditSession.bones`). opinion: pooled prediction of predictor and judge.
    """

    plan: EditPlan
    creative: Creative
    features: Any
    identity: float | None
    realism: float | None = None
    bones: float = 0.0
    edit_strength: float | None = None
    opinion: Opinion = UNASKED

    @property
    def low(self) -> float:
        """Lower bound of the change predicted by predictor and judge, log-odds."""
        return self.opinion.low

    def is_itself(self, config: EditorConfig) -> bool:
        """Return whether the edited faces still show the same people and look real, measured on the finished picture."""
        floors = (self.identity, config.identity_floor), (self.realism, config.realism_floor)
        return self.bones <= MAX_BONES and all(value is None or value >= floor for value, floor in floors)

    @property
    def cost(self) -> float:
        """Cost in the choice among finalists: the size of the edit, weighted higher the less realistic its faces look."""
        return self.plan.size / max(self.realism or 1.0, 1e-6)


def score_finalists(
    opened: EditableCreative, plans: Sequence[EditPlan], lines: Lines, models: EditorTools, config: EditorConfig
) -> list[Finalist]:
    """Compose edits at full size, extract features from final pixels and words, and score them with predictor and judge.

    An edit is dropped if features cannot be extracted, its faces are below a floor, or its changes are invisible.
    """
    seen = [one for plan in plans if (one := _strongest(opened, plan, lines, config)) is not None]
    extracted = opened.extractor.extract([finalist.creative for finalist in seen]) if seen else []
    finalists = [
        replace(finalist, features=features, edit_strength=_edit_strength(opened, finalist.plan, features, models))
        for finalist, features in zip(seen, extracted, strict=True)
        if not isinstance(features, CreativeError)
    ]
    finalists = [one for one in finalists if one.edit_strength is None or one.edit_strength >= 1.0]
    if not finalists:
        return []
    creatives = [opened.creative, *(finalist.creative for finalist in finalists)]
    features = [opened.features, *(f.features for f in finalists)]
    opinions = ask_choosers(creatives, features, models, config, is_searched=True)
    return [
        replace(finalist, opinion=opinion)
        for finalist, opinion in zip(finalists, opinions, strict=True)
        if np.isfinite(opinion.low)
    ]


def _strongest(opened: EditableCreative, plan: EditPlan, lines: Lines, config: EditorConfig) -> Finalist | None:
    """Return a plan's edit at the largest of FACE_SHARES at which its faces stay recognisable and real; None where there is no
    such share, or where the edit is invisible."""
    for share in FACE_SHARES if plan.faces.any() else (1.0,):
        finalist = compose_edit(opened, replace(plan, faces=share * plan.faces), lines)
        if not is_version(opened, finalist):
            return None
        if finalist.is_itself(config):
            return finalist
    return None


def is_version(opened: EditableCreative, finalist: Finalist) -> bool:
    """Return whether an edit is visible: read words are set anew, an edited face or a look differs by SEEN_LEVELS, and not all
    pixels and words are the ad's own."""
    before_u8, after_u8, plan = opened.image_u8, finalist.creative.image_u8, finalist.plan
    if before_u8 is None or after_u8 is None or plan.layout:
        return True
    if opened.find_unset(finalist.creative):
        return False
    if opened.session is not None and plan.faces.any():
        faces_u8 = opened.session.compose(plan.faces.astype(np.float32))
        edited = [box for box, face in zip(opened.face_boxes, plan.faces, strict=True) if face.any()]
        if any(measure_seen(before_u8, faces_u8, box) < SEEN_LEVELS for box in edited):
            return False
    if plan.kind == "look":
        return measure_seen(before_u8, after_u8) >= SEEN_LEVELS
    return bool(list_word_edits(opened.creative, finalist.creative)) or not np.array_equal(before_u8, after_u8)


def _face_attributes(opened: EditableCreative, features: CreativeFeatures) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the attributes of the opened faces, [F, A] each, before and after the edit; None where a face is lost."""
    before, rows = opened.features, list(opened.face_rows)
    if len(features.face_codes) != len(before.face_codes):
        return None
    matched = match_faces(before.face_codes, features.face_codes)[rows]
    return before.face_attributes[rows], features.face_attributes[matched]


def _edit_strength(opened: EditableCreative, plan: EditPlan, features: CreativeFeatures, models: EditorTools) -> float | None:
    """Return how strongly a plan's face edits are visible in the finished picture; None without face edits."""
    seen = _face_attributes(opened, features)
    found = None if seen is None else edit_strength(*seen, plan.faces, opened.directions.names, models.visible_changes)
    return None if found is None else round(found, 3)


def _face_edits(opened: EditableCreative, finalist: Finalist) -> list[Edit]:
    """Return the edits of faces, each with its visible effect."""
    faces, names = finalist.plan.faces, opened.directions.names
    seen = _face_attributes(opened, finalist.features) if faces.any() else None
    shown = {} if seen is None else measure_shown(*seen, names)
    return [
        Edit(
            face=opened.face_rows[f],
            direction=names[k],
            strength=round(float(faces[f, k]), 4),
            shown=shown[names[k]][f] if names[k] in shown else None,
        )
        for f, k in np.argwhere(faces != 0.0)
    ]


def compose_edit(opened: EditableCreative, plan: EditPlan, lines: Lines) -> Finalist:
    """Compose a plan's edit at full size, without features and scores."""
    edited = compose_creative(opened, plan, lines)
    identity, realism, bones = None, None, 0.0
    if opened.session is not None:
        realism = identity = 1.0
        if plan.faces.any():
            realism = float(opened.session.realism(plan.faces[None].astype(np.float32))[0])
            identity = float(opened.session.identity(plan.faces.astype(np.float32)))
            realism, identity = round(realism, LIKENESS_DECIMALS), round(identity, LIKENESS_DECIMALS)
            bones = float(opened.session.bones(opened.session.compose(plan.faces.astype(np.float32))).max())
    return Finalist(plan=plan, creative=edited, features=None, identity=identity, realism=realism, bones=bones)


def pick_finalist(finalists: list[Finalist]) -> Finalist | None:
    """Return the best finalist, for the auditor; of equal ones the one of least cost; None when there is none."""
    return min(finalists, key=lambda finalist: (-finalist.low, finalist.cost), default=None)


def finish_edit(opened: EditableCreative, finalist: Finalist) -> FinalEdit:
    """Return a finalist in its delivered form, with a list of all changes.

    Face numbers count the faces of the picture from the largest, refused faces included.
    """
    edits = _face_edits(opened, finalist)
    adjusted = zip(ADJUSTMENTS, finalist.plan.look, strict=False)
    edits += [Edit(face=-1, direction=name, strength=round(float(strength), 4)) for name, strength in adjusted if strength]
    if finalist.plan.scene:
        edits.append(Edit(face=-1, direction="scene", strength=float(finalist.plan.scene)))
    if finalist.plan.layout:
        name = "message" if finalist.plan.is_message else "layout"
        edits.append(Edit(face=-1, direction=name, strength=float(finalist.plan.layout)))
    edits += list_word_edits(opened.creative, finalist.creative)
    return FinalEdit(
        creative=finalist.creative,
        features=finalist.features,
        edits=tuple(edits),
        identity=finalist.identity,
        realism=finalist.realism,
        edit_strength=finalist.edit_strength,
        text_problems=opened.text_problems(finalist.creative),
    )


def describe_alternative(finalist: Finalist, final: FinalEdit, rate: float) -> Alternative:
    """Return the record of a finalist, finished as `final`, for a creative whose predicted rate (0..1) is `rate`."""
    said, made = finalist.opinion, finalist.creative
    change, change_low, change_high = (relative_change(rate, said.chosen + side * INTERVAL_Z * said.std) for side in (0, -1, 1))
    return Alternative(
        uplift=said.chosen,
        uplift_low=said.low,
        change=change,
        change_low=change_low,
        change_high=change_high,
        identity=finalist.identity,
        realism=finalist.realism,
        edit_strength=finalist.edit_strength,
        size=finalist.plan.size,
        headline=made.headline,
        description=made.description,
        cta=made.cta,
        edits=final.edits,
        words_in_picture="; ".join(final.text_problems),
        picture_problems=final.text_problems,
        kind=finalist.plan.kind,
    )
