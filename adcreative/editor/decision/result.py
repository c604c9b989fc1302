"""From the chosen edit to its result: rates, interval, list of changes, and the record of the search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.creative import Creative, Edit, EditResult, SearchRecord
from adcreative.editor.decision.judge import Verdict
from adcreative.editor.models import EditorTools, predict_uplift
from adcreative.editor.search.registry import SearchResult
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import CandidateScore, EditPlan
from adcreative.errors import CreativeError
from adcreative.problem import Problem

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel

MAX_FRONT = 60  # edits of a front listed in a result
WORDS = ("headline", "description", "cta")  # fields that an edit may replace besides pixels


@dataclass(frozen=True, kw_only=True)
class FinalEdit:
    """An edit in its delivered form: final pixels and words, features extracted from them, and every change.

    identity (-1..1), realism (0..1): of the worst face; None when no face was opened. edit_strength: as in EditResult.
    text_problems: problems with the words in the picture.
    """

    creative: Creative
    features: Any
    edits: tuple[Edit, ...]
    identity: float | None
    realism: float | None
    edit_strength: float | None = None
    text_problems: tuple[Problem, ...] = ()


def build_result(
    original: EditableCreative,
    edit: FinalEdit | None,
    verdict: Verdict | None,
    tools: EditorTools,
    config: EditorConfig,
    control_change: float | None,
) -> EditResult:
    """Return the result of an edit, or of the original when there is no edit or the verdict rejects it.

    The rates of an edit are the original's rates moved by the verdict's expected change, so that rates and uplift agree. An
    unchanged creative is its own edit.

    Args:
        control_change: predicted change of log-odds when the faces are inverted and not edited; 0 when no face was opened, None
            when no features could be extracted from that picture.
    """
    delivered = edit if verdict is not None and verdict.is_delivered else None
    creative, final = original.creative, delivered.creative if delivered else original.creative
    before, judge_before, auditor_before = (
        model.predict([creative], [original.features])[0] for model in (tools.predictor, tools.judge, tools.auditor)
    )
    uplift, judged, audited, evidence, change_low, change_high = 0.0, 0.0, 0.0, before.evidence, None, None
    by_words: float | None = None
    if delivered and verdict:
        change_low, change_high = (relative_change(before.ctr, one) for one in verdict.interval)
        uplift, judged, audited = verdict.expected, verdict.judged, verdict.audited
        evidence = tools.predictor.predict([final], [delivered.features])[0].evidence
        by_words = _change_by_words(original, delivered, tools)
    edits = delivered.edits if delivered else ()
    unedited = 1.0 if original.session is not None else None
    return EditResult(
        file_name=creative.file_name,
        ad_name=creative.ad_name,
        status="edited" if delivered else "kept",
        headline_original=creative.headline,
        headline_edited=final.headline,
        description_original=creative.description,
        description_edited=final.description,
        cta_original=creative.cta,
        cta_edited=final.cta,
        ctr_original=before.ctr,
        ctr_original_judge=judge_before.ctr,
        ctr_original_auditor=auditor_before.ctr,
        ctr_control=None if control_change is None else move_rate(before.ctr, control_change),
        ctr_edited=move_rate(before.ctr, uplift),
        ctr_edited_low=move_rate(before.ctr_low, uplift),
        ctr_edited_high=move_rate(before.ctr_high, uplift),
        ctr_edited_judge=move_rate(judge_before.ctr, judged),
        ctr_edited_auditor=move_rate(auditor_before.ctr, audited),
        uplift_low=change_low,
        uplift_high=change_high,
        identity_similarity=delivered.identity if delivered else unedited,
        realism=delivered.realism if delivered else unedited,
        edit_strength=delivered.edit_strength if delivered else None,
        faces=replace(original.faces, edited=len({edit.face for edit in edits if edit.face >= 0})),
        edits=edits,
        seed=config.seed,
        model_hash=tools.predictor.content_hash,
        evidence=evidence,
        consent_id=creative.consent_id,
        read_fields=creative.read_fields,
        words_in_picture="; ".join(delivered.text_problems) if delivered else "",
        picture_problems=delivered.text_problems if delivered else (),
        enough_data=before.enough_data,
        change_by_words=by_words,
    )


def _change_by_words(original: EditableCreative, edit: FinalEdit, tools: EditorTools) -> float:
    """Return the predictor's change of log-odds with the new words and the original's picture."""
    if all(getattr(edit.creative, kind) == getattr(original.creative, kind) for kind in WORDS):
        return 0.0
    reworded = replace(original.creative, **{kind: getattr(edit.creative, kind) for kind in WORDS})
    features = original.features.with_words_of(edit.features)
    change, _ = predict_uplift(tools.predictor, [original.creative, reworded], [original.features, features])
    return float(change[0])


def move_rate(rate: float, change: float) -> float:
    """Return a rate (0..1) with log-odds moved by `change`; a change of 0 returns the rate bit for bit."""
    if change == 0.0 or not 0.0 < rate < 1.0:
        return rate
    odds = rate / (1.0 - rate) * float(np.exp(change))
    return odds / (1.0 + odds)


def relative_change(rate: float, change: float) -> float:
    """Return a change of log-odds as a relative change of a rate (0..1); 0 for a rate of 0."""
    return move_rate(rate, change) / rate - 1 if rate else 0.0


def predict_control_change(opened: EditableCreative, control_u8: np.ndarray, predictor: ClickModel) -> float | None:
    """Return the predicted change of log-odds when the faces are inverted and not edited; None when extraction fails."""
    control = replace(opened.creative, image_u8=control_u8)
    (of_control,) = opened.extractor.extract([control])
    if isinstance(of_control, CreativeError):
        return None
    change, _ = predict_uplift(predictor, [opened.creative, control], [opened.features, of_control])
    return float(change[0])


def list_word_edits(before: Creative, after: Creative) -> list[Edit]:
    """Return one Edit for each changed field: headline, description and button."""
    return [Edit(face=-1, direction=kind, strength=0.0) for kind in WORDS if getattr(after, kind) != getattr(before, kind)]


def record_search(found: SearchResult, delivered: EditPlan | None) -> SearchRecord:
    """Return the search record of a result; of a front larger than MAX_FRONT, edits spread evenly over the sizes."""
    correlation = found.rank_correlation
    front = sorted({_size_and_bound(member.score) for member in found.front if member.score is not None})
    spread = np.linspace(0, len(front) - 1, min(len(front), MAX_FRONT)).round().astype(int)
    seconds = found.logbook.select("second")
    predicted = [one.score.uplift_mean if one.score else 0.0 for one in found.best_so_far]
    return SearchRecord(
        hypervolume=tuple(round(volume, 6) for volume in found.hypervolume),
        rendered=len(found.pairs),
        rank_correlation=None if correlation is None else round(correlation, 4),
        elite_changes=found.best_changes,
        front=tuple(front[idx] for idx in spread),
        delivered=_size_and_bound(delivered.score) if delivered is not None and delivered.score is not None else None,
        curve=tuple((round(one, 4), round(said, 4)) for one, said in zip(predicted, seconds, strict=True) if said is not None),
        stopped_itself=found.is_stopped,
    )


def _size_and_bound(score: CandidateScore) -> tuple[float, float]:
    """Return an edit's size (standard deviations) and lower bound of uplift (log-odds), as estimated by the search."""
    return round(score.size, 4) + 0.0, round(score.uplift_low, 4) + 0.0  # avoids -0.0
