"""Edit one creative: search faces, words, look and scene, see the finalists again, ask the judge, deliver the edit or keep it.

    open, probe the picture (opening.py, response.py) -> search (search.py), the elite rendered (elite.py, composing.py)
    -> compose, extract and score the finalists with two models (finalists.py) -> verdict of a third (judge.py) -> EditOutcome

Predictor and judge guide the search together (their pooled lower bound), so that what only one of them believes is not
followed. Every rate in the result comes from final pixels and words, never from the search's own estimates; that of an edit
is the original's, moved by what the three models together let expect of the change, so that rates and uplift say the same.
Loads no torch by itself; models come in through EditorTools.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adcreative.config import config_as_dict
from adcreative.creative import Creative, Edit, EditResult, SearchRecord
from adcreative.editor.decision.finalists import Alternative, Finalist, name_alternative, pick_finalist, score_finalists
from adcreative.editor.decision.judge import Verdict
from adcreative.editor.decision.panel import audit
from adcreative.editor.scoring.composing import PixelScorer
from adcreative.editor.scoring.objectives import CandidateScorer, Lines, predict_uplift
from adcreative.editor.search.config import Progress
from adcreative.editor.search.registry import SearchResult, search_edits
from adcreative.editor.settings import EditorConfig, EditorTools
from adcreative.editor.space.adjustments import LOOKS
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.editor.space.opening import OpenCreative, measure_space, open_creative, permitted_tools, write_lines
from adcreative.errors import CreativeError

__all__ = ["EditOutcome", "EditorConfig", "EditorTools", "edit_creative"]

MAX_FRONT = 60  # edits of a front that a result lists


@dataclass(frozen=True, kw_only=True)
class EditOutcome:
    """An edit and its evidence.

    image_u8: the picture to deliver (the original when kept, None without a picture). control_u8: the picture with its faces
    inverted and not edited. verdict: None when no edit reached the auditor. search: front, log and leaders of the search.
    alternatives: the finalists, largest lower bound first. config: the settings it was made with. choose: choose(index)
    delivers one of the alternatives instead, or keeps the ad when it does not survive the same verdict; it holds the opened
    picture in memory.
    """

    result: EditResult
    image_u8: np.ndarray | None = field(repr=False)
    control_u8: np.ndarray | None = field(repr=False)
    verdict: Verdict | None
    search: SearchResult = field(repr=False)
    lines: Lines = field(repr=False)
    config: EditorConfig = field(repr=False)
    alternatives: tuple[Alternative, ...] = ()
    choose: Callable[[int], EditOutcome] | None = field(default=None, repr=False, compare=False)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings it was made with, as plain JSON types, for the record of a run."""
        return config_as_dict(self.config)

    @property
    def front(self) -> tuple[tuple[float, float], ...]:
        """Size and lower bound of uplift (log-odds) of every edit on the search's front."""
        return tuple((one.fitness.values[2], one.fitness.values[0]) for one in self.search.front)


def edit_creative(
    creative: Creative,
    *,
    tools: EditorTools,
    config: EditorConfig | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> EditOutcome:
    """Search an edit of a creative that should raise its click rate; keep it as it was when none survives.

    Args:
        progress: called as progress(generation, generations, best lower bound of uplift so far, in log-odds).
        should_stop: asked between generations; True ends the search, and what was found until then is judged as usual.
    Raises:
        CreativeError: the creative cannot be read.
    """
    config, started_s = config or EditorConfig(), time.monotonic()
    tools, permission = permitted_tools(creative, tools)
    opened = open_creative(creative, tools, config, permission, should_stop)
    lines, note = write_lines(creative, opened.features, tools, config, should_stop)
    space, response = measure_space(opened, lines, tools)
    scorer, second_opinion = (
        CandidateScorer(
            creative, opened.features, space=space, lines=lines, predictors=models, response=response,
            risk_aversion=config.risk_aversion, identity_floor=config.identity_floor,
            realism_floor=config.realism_floor,
        )
        for models in ((tools.predictor, tools.judge), (tools.judge,))
    )  # fmt: skip
    found = search_edits(
        scorer, space, config, rng=np.random.default_rng(config.seed), second_opinion=second_opinion,
        render=PixelScorer(opened, lines, scorer, tools.extractor) if response is not None else None,
        progress=progress, should_stop=should_stop,
    )  # fmt: skip
    finalists = score_finalists(opened, found, space, lines, tools, config)
    winner = pick_finalist(finalists, config)
    verdict = _audit(opened, winner, tools, config) if winner is not None else None
    delivered = winner if verdict is not None and verdict.is_delivered else None
    control_u8 = opened.session.control() if opened.session is not None else None
    reasons = [verdict.reason if verdict is not None else _why_no_finalist(space, found), note]
    if opened.faces.found and not permission.is_granted:
        reasons.append(f"faces were left as they are: {permission.refusal}")
    if found.is_stopped:
        reasons.append(
            f"the search ended itself after {len(found.leaders)} of {config.generations + 1} generations, since what it "
            "predicted went on rising and the second model's opinion did not"
        )
    if not found.is_complete:
        reasons.append(f"stopped early, after {len(found.leaders)} of {config.generations + 1} generations")
    result = replace(
        _result(opened, delivered, verdict, control_u8, tools, config), evaluations=found.evaluations,
        search=_record(found, delivered), reason="; ".join(filter(None, reasons)),
        seconds=round(time.monotonic() - started_s, 3),
    )  # fmt: skip
    ranked = sorted(finalists, key=lambda finalist: -finalist.low)
    outcome = EditOutcome(
        result=result, image_u8=delivered.creative.image_u8 if delivered is not None else opened.image_u8,
        control_u8=control_u8, verdict=verdict, search=found, lines=lines, config=config,
        alternatives=tuple(name_alternative(finalist, _edits(opened, finalist, tools)) for finalist in ranked),
        choose=lambda idx: _deliver_other(outcome, ranked[idx], opened, tools, config),
    )  # fmt: skip
    return outcome


def _deliver_other(
    outcome: EditOutcome, chosen: Finalist, opened: OpenCreative, tools: EditorTools, config: EditorConfig
) -> EditOutcome:
    """Return the outcome with another finalist in place of the one that was picked."""
    verdict = _audit(opened, chosen, tools, config)
    delivered = chosen if verdict.is_delivered else None
    result = replace(
        _result(opened, delivered, verdict, outcome.control_u8, tools, config), evaluations=outcome.result.evaluations,
        reason=f"chosen by hand; {verdict.reason}", seconds=outcome.result.seconds, search=_record(outcome.search, delivered),
    )  # fmt: skip
    image_u8 = delivered.creative.image_u8 if delivered is not None else opened.image_u8
    return replace(outcome, result=result, image_u8=image_u8, verdict=verdict)


def _audit(opened: OpenCreative, winner: Finalist, tools: EditorTools, config: EditorConfig) -> Verdict:
    pair = [opened.creative, winner.creative]
    return audit(pair, [opened.features, winner.features], winner.opinion, tools, config)


def _why_no_finalist(space: GeneSpace, found: SearchResult) -> str:
    if space.is_single:
        return "nothing may be changed: no face can be edited and there are no other lines"
    if any(individual.fitness.values[0] > 0.0 for individual in found.front):
        return "no edit that the search found is usable in the finished picture"
    return f"none of the {found.evaluations} versions that were tried is surely better than the ad as it is"


def _result(
    opened: OpenCreative,
    delivered: Finalist | None,
    verdict: Verdict | None,
    control_u8: np.ndarray | None,
    tools: EditorTools,
    config: EditorConfig,
) -> EditResult:
    """Fill the result from final pixels and words; a kept creative is its own edit. A picture in which no face was opened
    is its own control."""
    creative = opened.creative
    final, features = (delivered.creative, delivered.features) if delivered else (creative, opened.features)
    before, judge_before, auditor_before = (
        model.predict([creative], [opened.features])[0] for model in (tools.predictor, tools.judge, tools.auditor)
    )
    uplift, judged, audited, evidence, change_low, change_high = 0.0, 0.0, 0.0, before.evidence, None, None
    if delivered and verdict:
        change_low, change_high = uplift_interval(before.ctr, verdict)
        uplift, judged, audited = verdict.expected, verdict.judged, verdict.audited
        evidence = tools.predictor.predict([final], [features])[0].evidence
    edits = _edits(opened, delivered, tools) if delivered else ()
    num_faces = len({edit.face for edit in edits if edit.face >= 0})
    return EditResult(
        file_name=creative.file_name, ad_name=creative.ad_name, status="edited" if delivered else "kept",
        headline_original=creative.headline, headline_edited=final.headline,
        description_original=creative.description, description_edited=final.description,
        cta_original=creative.cta, cta_edited=final.cta,
        ctr_original=before.ctr, ctr_original_judge=judge_before.ctr, ctr_original_auditor=auditor_before.ctr,
        ctr_control=before.ctr if control_u8 is None else _control_rate(opened, before.ctr, control_u8, tools),
        ctr_edited=move_rate(before.ctr, uplift), ctr_edited_low=move_rate(before.ctr_low, uplift),
        ctr_edited_high=move_rate(before.ctr_high, uplift), ctr_edited_judge=move_rate(judge_before.ctr, judged),
        ctr_edited_auditor=move_rate(auditor_before.ctr, audited),
        uplift_low=change_low, uplift_high=change_high,
        identity_similarity=delivered.identity if delivered else (1.0 if opened.session is not None else None),
        realism=delivered.realism if delivered else (1.0 if opened.session is not None else None),
        faces=replace(opened.faces, edited=num_faces), edits=edits,
        seed=config.seed, model_hash=tools.predictor.content_hash, evidence=evidence, consent_id=creative.consent_id,
        enough_data=before.enough_data,
    )  # fmt: skip


def move_rate(rate: float, change: float) -> float:
    """Return a rate (0..1) whose log-odds are moved by `change`; a change of 0 returns it bit for bit."""
    if change == 0.0 or not 0.0 < rate < 1.0:
        return rate
    odds = rate / (1.0 - rate) * float(np.exp(change))
    return odds / (1.0 + odds)


def uplift_interval(rate: float, verdict: Verdict) -> tuple[float, float]:
    """Return uplift_low and uplift_high of a result: the verdict's interval as relative changes of this rate (0..1)."""
    low, high = (move_rate(rate, change) / rate - 1 if rate else 0.0 for change in verdict.interval)
    return low, high


def _control_rate(opened: OpenCreative, rate: float, control_u8: np.ndarray, tools: EditorTools) -> float | None:
    """Score the picture with its faces inverted and not edited; None when nothing can be extracted from it."""
    control = replace(opened.creative, image_u8=control_u8)
    (features,) = tools.extractor.extract([control])
    if isinstance(features, CreativeError):
        return None
    change, _ = predict_uplift(tools.predictor, [opened.creative, control], [opened.features, features])
    return move_rate(rate, float(change[0]))


def _edits(opened: OpenCreative, delivered: Finalist, tools: EditorTools) -> tuple[Edit, ...]:
    """List every change; face numbers count the faces of the picture from the largest, refused ones included."""
    edits = [
        Edit(face=row, direction=name, strength=round(float(strength), 4))
        for row, strengths in zip(opened.face_rows, delivered.strengths, strict=True)
        for name, strength in zip(tools.directions.names, strengths, strict=True)
        if strength
    ]
    looks = zip(LOOKS, delivered.look, strict=False)
    edits += [Edit(face=-1, direction=name, strength=round(float(strength), 4)) for name, strength in looks if strength]
    if delivered.genome[-1]:
        edits.append(Edit(face=-1, direction="scene", strength=delivered.genome[-1]))
    for kind in ("headline", "description", "cta"):
        if getattr(delivered.creative, kind) != getattr(opened.creative, kind):
            edits.append(Edit(face=-1, direction=kind, strength=0.0))
    return tuple(edits)


def _record(found: SearchResult, delivered: Finalist | None) -> SearchRecord:
    """Return what a result says of its search; of a front larger than MAX_FRONT, edits spread evenly over the sizes."""
    correlation = found.rank_correlation
    front = sorted({_place(member) for member in found.front})
    spread = np.linspace(0, len(front) - 1, min(len(front), MAX_FRONT)).round().astype(int)
    seconds = found.logbook.select("second")
    opinions = [(one.score.uplift_mean if one.score else 0.0, said) for one, said in zip(found.leaders, seconds, strict=True)]
    return SearchRecord(
        hypervolume=tuple(round(volume, 6) for volume in found.hypervolume), rendered=len(found.pairs),
        rank_correlation=None if correlation is None else round(correlation, 4), elite_changes=found.elite_changes,
        front=tuple(front[idx] for idx in spread), delivered=None if delivered is None else _place(delivered.genome),
        curve=tuple((round(predicted, 4), round(said, 4)) for predicted, said in opinions if said is not None),
        stopped_itself=found.is_stopped,
    )  # fmt: skip


def _place(edit: Individual) -> tuple[float, float]:
    """Return an edit's size (standard deviations) and lower bound of uplift (log-odds), as the search saw it."""
    low, _, size, _ = edit.fitness.values
    return round(size, 4) + 0.0, round(low, 4) + 0.0  # no -0.0
