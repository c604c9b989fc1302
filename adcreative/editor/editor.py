"""Edit one creative: search faces, words and picture, score the best edits again, judge them, deliver one or keep the ad.

    1. prepare    find and open faces, write lines, measure how the picture reacts to each edit (preparation/)
    2. search     propose candidates, score them, render those that could be the best (search/, scoring/)
    3. decide     compose the finalists at full size, extract and score them again with two models, ask the third (decision/)

Predictor and judge guide the search together (their pooled lower bound), so that what only one of them believes is not
followed. Every rate in the result comes from final pixels and words, never from the search's own estimates; that of an edit
is the original's, moved by the change that the three models together let expect, so that rates and uplift say the same.
Loads no torch by itself; models come in through EditorTools.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from adcreative.config import config_as_dict
from adcreative.creative import Alternative, Creative, EditResult
from adcreative.editor.decision.finalists import (
    Finalist,
    describe_alternative,
    finish_edit,
    pick_finalist,
    score_finalists,
)
from adcreative.editor.decision.judge import Verdict, accept, choose_alternatives, choose_distinct, choose_finalists
from adcreative.editor.decision.opinions import audit
from adcreative.editor.decision.result import FinalEdit, Original, build_result, predict_control_change, record_search
from adcreative.editor.models import EditorTools
from adcreative.editor.preparation.lines import build_lines
from adcreative.editor.preparation.picture import open_creative, permitted_tools, tools_for_versions
from adcreative.editor.preparation.search_space import measure_space
from adcreative.editor.scoring.final_pixels import PixelScorer, compose_creative, with_pixels
from adcreative.editor.scoring.first_order import FirstOrderSurrogate
from adcreative.editor.scoring.objectives import CandidateScorer, ScoringConfig
from adcreative.editor.search.config import Scorer
from adcreative.editor.search.registry import SearchResult, search_edits
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.editor.space.lines import Lines
from adcreative.editor.space.looks import sweep_looks
from adcreative.progress import Rounds
from adcreative.provenance.consent import Permission

SetWords = Callable[[Creative], tuple[np.ndarray | None, str]]

__all__ = ["EditOutcome", "EditorConfig", "EditorTools", "edit_creative"]


@dataclass(frozen=True, kw_only=True)
class EditOutcome:
    """An edit and its evidence.

    image_u8: the picture to deliver (the original when kept, None without a picture). control_u8: the picture with its faces
    inverted and not edited; None when no face was opened. verdict: None when no edit reached the auditor. search: what the
    search found. lines: what it chose among. config: the settings it was made with. choose: choose(index) delivers one of the
    alternatives instead, or keeps the ad when it does not survive the same verdict; choose(index, is_forced=True) delivers it
    whatever the verdict says, which the result then states. picture_of: the picture of an alternative, by index. set_words: the
    picture of this edit with the words of another creative in it, and what became of them. All three hold the opened picture.
    """

    result: EditResult
    image_u8: np.ndarray | None = field(repr=False)
    control_u8: np.ndarray | None = field(repr=False)
    verdict: Verdict | None
    search: SearchResult = field(repr=False)
    lines: Lines = field(repr=False)
    config: EditorConfig = field(repr=False)
    choose: Callable[..., EditOutcome] | None = field(default=None, repr=False, compare=False)
    picture_of: Callable[[int], np.ndarray | None] | None = field(default=None, repr=False, compare=False)
    set_words: SetWords | None = field(default=None, repr=False, compare=False)

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The best distinct edits that were found, the largest lower bound first; also when the ad is kept."""
        return self.result.alternatives

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
    progress: Rounds | None = None,
    should_stop: Callable[[], bool] | None = None,
    show_best: Callable[[Creative], None] | None = None,
) -> EditOutcome:
    """Search an edit of a creative that should raise its click rate; keep it as it was when none survives.

    Args:
        progress: called as progress(generation, generations, best lower bound of uplift so far, in log-odds).
        should_stop: asked between generations; True ends the search, and what was found until then is judged as usual.
        show_best: called with the best edit so far, composed at full size, whenever the search finds a better one.
    Raises:
        CreativeError: the creative cannot be read, or a face session cannot be opened.
    """
    started_s, config = time.monotonic(), config or EditorConfig()
    tools, permission = permitted_tools(creative, tools)
    opened = open_creative(creative, tools, config, permission, should_stop)
    _prepare_beside(opened, tools)
    tools = tools_for_versions(opened, tools)
    lines, note = build_lines(opened.creative, opened.features, tools, config, should_stop)
    note = "; ".join(filter(None, (opened.unread, note)))
    space, surrogate = measure_space(opened, lines, tools)
    scorer, second_opinion = _build_scorers(opened, space, lines, surrogate, tools, config)
    if show_best is not None:
        second_opinion = _showing(second_opinion, lambda best: show_best(compose_creative(opened, best, space, lines)))
    found = search_edits(
        scorer, space, config, rng=np.random.default_rng(config.seed), second_opinion=second_opinion,
        render=PixelScorer(opened, lines, scorer, tools.extractor) if surrogate is not None else None,
        progress=progress, should_stop=should_stop,
    )  # fmt: skip
    chosen = choose_finalists(found.front, space, num_finalists=config.num_finalists)
    finalists = score_finalists(opened, chosen, space, lines, tools, config)
    others = choose_alternatives(_with_looks(found.edits, space, scorer), chosen, space, num_alternatives=config.num_finalists)
    alternatives = score_finalists(opened, others, space, lines, tools, config)
    return _decide(_Searched(opened, lines, space, found, finalists, alternatives, tools, config, permission, note), started_s)


def _with_looks(edits: Sequence[Individual], space: GeneSpace, scorer: CandidateScorer) -> list[Individual]:
    """Return the edits of a search and the looks that the picture can be given, the largest lower bound first."""
    looks = sweep_looks(space)
    for look, score in zip(looks, scorer(looks) if looks else (), strict=True):
        look.set_fitness(score)
    allowed = [look for look in looks if look.fitness.violation == 0.0]
    return sorted([*edits, *allowed], key=lambda edit: -edit.fitness.values[0])


def _prepare_beside(opened: EditableCreative, tools: EditorTools) -> None:
    """Have a thread work out fonts and grounds of the picture's words while the search is made ready, where they are kept.

    What fails there fails again, and is told, when the search asks for it.
    """
    if opened.setter is not None and tools.prepared is not None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="adcreative-grounds")
        pool.submit(opened.setter.prepared.prepare)
        pool.shutdown(wait=False)


@dataclass(frozen=True)
class _Searched:
    """A creative after its search: what is decided about, and what the decision is made with.

    finalists: the best edits of the front. others: the best of the rest, of other kinds, to choose from; one that is surely
    better in its final pixels may be delivered by itself, too.
    """

    opened: EditableCreative
    lines: Lines
    space: GeneSpace
    found: SearchResult
    finalists: list[Finalist]
    others: list[Finalist]
    tools: EditorTools
    config: EditorConfig
    permission: Permission
    note: str

    @cached_property
    def picked(self) -> Finalist | None:
        """The edit to put before the auditor; None when there is no finalist and nothing is surely better."""
        return pick_finalist([*self.finalists, *(one for one in self.others if one.low > 0.0)], self.config)

    def audit(self, finalist: Finalist) -> Verdict:
        pair, seen = [self.opened.creative, finalist.creative], [self.opened.features, finalist.features]
        return audit(pair, seen, finalist.opinion, self.tools, self.config, is_searched=True)

    @cached_property
    def ranked(self) -> list[Finalist]:
        """The edit that was picked, and the finalists and others that are something else than it and than each other; the
        largest lower bound first."""
        found, picked = sorted([*self.finalists, *self.others], key=lambda finalist: -finalist.low), self.picked
        listed = [] if picked is None else [picked.genome]
        genomes = [one.genome for one in found if one is not picked]
        listed += choose_distinct(genomes, listed, self.space, num=self.config.num_finalists - len(listed))
        return [one for one in found if any(one.genome is genome for genome in listed)]

    def word_setter(self, edit: Finalist | None, verdict: Verdict | None) -> SetWords:
        """Return what sets other words into the picture of an edit, or of the ad as it came where none is delivered."""
        genome = edit.genome if edit is not None and verdict is not None and verdict.is_delivered else None

        def set_words(worded: Creative) -> tuple[np.ndarray | None, str]:
            note = self.opened.text_note(worded)
            if genome is not None:
                return with_pixels(self.opened, genome, self.space, worded).image_u8, note
            setter, image_u8 = self.opened.setter, self.opened.image_u8
            if setter is not None and image_u8 is not None:
                image_u8 = setter.change(worded.picture_texts).apply(image_u8)
            return image_u8, note

        return set_words

    def finish(self, finalist: Finalist) -> FinalEdit:
        return finish_edit(self.opened, finalist, self.tools.directions.names)


def _build_scorers(
    opened: EditableCreative,
    space: GeneSpace,
    lines: Lines,
    surrogate: FirstOrderSurrogate | None,
    tools: EditorTools,
    config: EditorConfig,
) -> tuple[CandidateScorer, Scorer]:
    """Return the scorer that guides the search (predictor and judge) and the second opinion (the judge alone)."""
    scoring = ScoringConfig(
        risk_aversion=config.risk_aversion, identity_floor=config.identity_floor, realism_floor=config.realism_floor
    )
    guide, second_opinion = (
        CandidateScorer(
            opened.creative, opened.features, space=space, lines=lines, predictors=models, surrogate=surrogate, config=scoring
        )
        for models in ((tools.predictor, tools.judge), (tools.judge,))
    )  # fmt: skip
    return guide, second_opinion


def _showing(second_opinion: Scorer, show: Callable[[Individual], None]) -> Scorer:
    """Return the second opinion, which is asked about the best candidate after each generation, showing each new one."""
    shown: list[list[float]] = []

    def ask(candidates: list[Individual]) -> list[Any]:
        if list(candidates[0]) not in shown[-1:]:
            shown.append(list(candidates[0]))
            show(candidates[0])
        return second_opinion(candidates)

    return ask


def _decide(searched: _Searched, started_s: float) -> EditOutcome:
    """Pick a finalist, ask the auditor about it, and return the outcome; the original is kept when there is no finalist."""
    opened, tools, config = searched.opened, searched.tools, searched.config
    winner = searched.picked
    verdict = searched.audit(winner) if winner is not None else None
    control_u8 = opened.session.control() if opened.session is not None else None
    control_change: float | None = 0.0
    if control_u8 is not None:
        control_change = predict_control_change(opened.creative, opened.features, control_u8, tools)
    original = Original(
        creative=opened.creative, features=opened.features, faces=opened.faces, has_open_faces=opened.session is not None,
        control_change=control_change,
    )  # fmt: skip
    result, image_u8 = _deliver(searched, original, winner, verdict)
    result = replace(result, reason=_explain(searched, verdict), seconds=round(time.monotonic() - started_s, 3))
    outcome = EditOutcome(
        result=result, image_u8=image_u8, control_u8=control_u8, verdict=verdict, search=searched.found, lines=searched.lines,
        config=config,
        choose=lambda idx, *, is_forced=False: _deliver_other(
            outcome, searched, original, searched.ranked[idx], is_forced=is_forced
        ),
        picture_of=lambda idx: searched.ranked[idx].creative.image_u8, set_words=searched.word_setter(winner, verdict),
    )  # fmt: skip
    return outcome


def _deliver(
    searched: _Searched, original: Original, edit: Finalist | None, verdict: Verdict | None
) -> tuple[EditResult, np.ndarray | None]:
    """Return the result and the picture of an edit, or of the original when there is none or the verdict keeps it."""
    final = searched.finish(edit) if edit is not None else None
    result = build_result(original, final, verdict, searched.tools, searched.config)
    is_delivered = edit is not None and verdict is not None and verdict.is_delivered
    record = record_search(searched.found, edit.genome if edit is not None and is_delivered else None)
    image_u8 = edit.creative.image_u8 if edit is not None and is_delivered else searched.opened.image_u8
    alternatives = tuple(describe_alternative(one, searched.finish(one), result.ctr_original or 0.0) for one in searched.ranked)
    return replace(result, evaluations=searched.found.evaluations, search=record, alternatives=alternatives), image_u8


def _deliver_other(
    outcome: EditOutcome, searched: _Searched, original: Original, chosen: Finalist, *, is_forced: bool
) -> EditOutcome:
    """Return the outcome with another finalist in place of the one that was picked."""
    verdict = searched.audit(chosen)
    verdict = accept(verdict) if is_forced else verdict
    result, image_u8 = _deliver(searched, original, chosen, verdict)
    result = replace(
        result, reason=f"chosen by hand; {verdict.reason}", seconds=outcome.result.seconds, is_own_choice=verdict.is_delivered
    )
    set_words = searched.word_setter(chosen, verdict)
    return replace(outcome, result=result, image_u8=image_u8, verdict=verdict, set_words=set_words)


def _explain(searched: _Searched, verdict: Verdict | None) -> str:
    """Return why the edit is delivered or the ad kept, in sentences parted by ";"."""
    found, num_planned = searched.found, searched.config.generations + 1
    reasons = [verdict.reason if verdict is not None else _why_no_finalist(searched.space, found), searched.note]
    if searched.opened.faces.found and not searched.permission.is_granted:
        reasons.append(f"faces were left as they are: {searched.permission.refusal}")
    if found.is_stopped:
        reasons.append(
            f"the search ended itself after {len(found.best_so_far)} of {num_planned} generations, since what it "
            "predicted went on rising and the second model's opinion did not"
        )
    if not found.is_complete:
        reasons.append(f"stopped early, after {len(found.best_so_far)} of {num_planned} generations")
    return "; ".join(filter(None, reasons))


def _why_no_finalist(space: GeneSpace, found: SearchResult) -> str:
    if space.is_single:
        return "nothing may be changed: no face can be edited and there are no other lines"
    if any(individual.fitness.values[0] > 0.0 for individual in found.front):
        return "no edit that the search found is usable in the finished picture"
    return f"none of the {found.evaluations} versions that were tried is surely better than the ad as it is"
