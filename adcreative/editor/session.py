"""One ad, opened for editing once: search an edit, choose another edit, set the user's own words.

    1. open       read its words, open its faces, write lines, measure the picture's response to each edit (preparation/)
    2. search     propose candidates, score them, render the contenders for the best (search/, scoring/)
    3. decide     compose the finalists at full size, extract and score them again with two models, ask the third (decision/)

Predictor and judge guide the search together (their pooled lower bound), so that an edit favoured by only one of them is not
followed. Every rate in a result comes from final pixels and words, never from the search's own estimates; the rate of an edit
is the original's, moved by the change expected from all three models, so that rates and uplift agree.
Imports no torch by itself; models are passed in as EditorTools.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.creative import Alternative, Creative, EditResult
from adcreative.editor.decision.finalists import Finalist, describe_alternative, finish_edit, pick_finalist, score_finalists
from adcreative.editor.decision.judge import MOST_QUESTIONS, Verdict, accept, choose_finalists, choose_versions
from adcreative.editor.decision.opinions import ask_choosers, audit
from adcreative.editor.decision.result import (
    WORDS,
    FinalEdit,
    build_result,
    list_word_edits,
    predict_control_change,
    record_search,
)
from adcreative.editor.decision.untested import state_level
from adcreative.editor.models import EditorTools
from adcreative.editor.preparation.lines import build_lines, keep_settable
from adcreative.editor.preparation.picture import open_creative
from adcreative.editor.preparation.search_space import measure_space
from adcreative.editor.scoring.final_pixels import PixelScorer, compose_creative, with_pixels
from adcreative.editor.scoring.first_order import FirstOrderSurrogate
from adcreative.editor.scoring.objectives import CandidateScorer
from adcreative.editor.search.config import Scorer
from adcreative.editor.search.registry import SearchResult, search_edits
from adcreative.editor.settings import EditorConfig, SessionSettings
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import EditPlan, GeneSpace, Individual
from adcreative.editor.space.lines import Lines
from adcreative.errors import ConfigError, CreativeError
from adcreative.problem import Problem
from adcreative.progress import Rounds, ShouldStop, never

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel

__all__ = ["EditOutcome", "EditorConfig", "EditorTools", "Session", "SessionSettings", "open_session"]


@dataclass(frozen=True, kw_only=True)
class EditOutcome:
    """An edit and its evidence: plain data that can be pickled, stored and sent. The Session draws the pictures of the plans.

    image_u8: the picture to deliver (the original when kept, None without a picture). control_u8: the picture with its faces
    inverted and not edited; None when no face was opened. verdict: None when no edit reached the auditor. plan: the changes of
    the picture; None when the ad is kept, or the picture is the user's own. plans: of the alternatives, in their order.
    search: result of the search. lines: candidate lines. asked: settings of the edit; directions: names of the requested and
    permitted face edits.
    """

    result: EditResult
    image_u8: np.ndarray | None = field(repr=False)
    control_u8: np.ndarray | None = field(repr=False)
    verdict: Verdict | None
    plan: EditPlan | None = field(default=None, repr=False)
    plans: tuple[EditPlan, ...] = field(default=(), repr=False)
    search: SearchResult = field(repr=False)
    lines: Lines = field(repr=False)
    asked: SessionSettings = field(repr=False)
    directions: tuple[str, ...] = ()

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The best distinct edits of the search, the largest lower bound first; also when the ad is kept."""
        return self.result.alternatives

    @property
    def front(self) -> tuple[tuple[float, float], ...]:
        """Size and lower bound of uplift (log-odds) of every edit on the search's front."""
        return tuple((one.fitness.values[2], one.fitness.values[0]) for one in self.search.front)


def open_session(
    creative: Creative, settings: SessionSettings, models: EditorTools, should_stop: ShouldStop | None = None
) -> Session:
    """Open a creative for editing: words, permission, faces, candidate lines, and the range of each change.

    Args:
        should_stop: polled; True skips everything not yet written, painted or measured.
    Raises:
        CreativeError: the creative cannot be read, or a face session cannot be opened.
    """
    started_s = time.monotonic()
    opened = open_creative(creative, models, settings, should_stop)
    prepared = opened.setter.prepared if opened.setter is not None and models.prepared is not None else None
    with ThreadPoolExecutor(1, thread_name_prefix="adcreative-grounds") as pool:  # fonts and grounds of the picture's words
        work = None if prepared is None else pool.submit(prepared.prepare, should_stop or never)
        asked = (models, settings.config, should_stop, settings.wording)
        lines, notes = build_lines(opened.creative, opened.features, *asked, spoken=opened.spoken)
        lines, unset = keep_settable(lines, opened, should_stop or never)
        space, surrogate = measure_space(opened, lines, models.visible_changes)
    if work is not None:
        work.result()  # raises the thread's exception
    return Session(
        opened=opened,
        lines=lines,
        space=space,
        surrogate=surrogate,
        models=models,
        settings=settings,
        notes=(*filter(None, [opened.unread]), *notes),
        unset=unset,
        seconds=time.monotonic() - started_s,
    )


@dataclass(kw_only=True, eq=False)
class Session:
    """A creative opened for editing by `open_session`: the search space, the models, and the settings.

    lines, space: choices of the search. surrogate: None when the picture cannot change. notes: remarks for the user about
    the opening. unset: why new lines cannot be set in the picture. seconds: duration of opening and search.
    """

    opened: EditableCreative
    lines: Lines
    space: GeneSpace
    surrogate: FirstOrderSurrogate | None
    models: EditorTools
    settings: SessionSettings
    notes: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()
    seconds: float = 0.0
    _found: SearchResult | None = field(default=None, repr=False)
    _ranked: tuple[Finalist, ...] = field(default=(), repr=False)  # what can be chosen, looks last

    def search(
        self,
        *,
        progress: Rounds | None = None,
        should_stop: ShouldStop | None = None,
        show_best: Callable[[Creative], None] | None = None,
    ) -> EditOutcome:
        """Search an edit with a higher predicted click rate; keep the creative unchanged when no edit passes the verdict.

        Args:
            progress: called as progress(generation, generations, best lower bound of uplift so far, in log-odds).
            should_stop: polled between generations; True ends the search, and the results so far are judged as usual.
            show_best: called with the best edit so far, composed at full size, whenever the search finds a better one.
        """
        started_s, config = time.monotonic(), self.settings.config
        guide, second = self._scorer(self.models.predictor, self.models.judge), self._scorer(self.models.judge)
        render = PixelScorer(self.opened, self.lines, guide) if self.surrogate is not None else None
        found = self._found = search_edits(
            guide,
            self.space,
            config,
            rng=np.random.default_rng(config.seed),
            render=render,
            progress=progress,
            second_opinion=second if show_best is None else self._showing(second, show_best),
            should_stop=should_stop,
        )
        why = self._compose_layouts(should_stop or never)
        picked, self._ranked = self._rank(found)
        verdict = self._audit(picked) if picked is not None else None
        outcome = self._deliver(found, picked, verdict, self._explain(found, verdict, why))
        self.seconds = round(self.seconds + time.monotonic() - started_s, 3)
        return replace(outcome, result=replace(outcome.result, seconds=self.seconds))

    def choose(self, idx: int, *, is_forced: bool = False) -> EditOutcome:
        """Deliver one of the alternatives of the search instead, or keep the ad when the verdict rejects the alternative.

        Args:
            is_forced: deliver it regardless of the verdict, which the result then states.
        """
        found, chosen = self._searched, self._ranked[idx]
        verdict = self._audit(chosen)
        verdict = accept(verdict) if is_forced else verdict
        problems = (Problem("chosen_by_hand"), verdict.reason)
        return self._deliver(found, chosen, verdict, problems, is_own_choice=verdict.is_delivered)

    def picture(self, idx: int) -> np.ndarray | None:
        """Return the picture [H, W, 3] uint8 of one of the alternatives of the search; None without a picture."""
        _ = self._searched
        return self._ranked[idx].creative.image_u8

    def reword(
        self,
        outcome: EditOutcome,
        headline: str,
        description: str,
        *,
        is_forced: bool = True,
        own_u8: np.ndarray | None = None,
    ) -> EditOutcome:
        """Set other words on an edit, and score the final pixels and words again with all three models.

        Button and every other change of the edit stay; words in the picture are replaced, or the result says
        why not. The user's words are used regardless of models and rules, and the result states the findings of both: the
        expected change, with its interval, a loss as a loss.

        Args:
            outcome: an edit of this session's creative; not modified.
            is_forced: False keeps the original creative when the models predict no gain, and the reason says so.
            own_u8: a picture [H, W, 3] of the user that replaces the picture of the edit.
        Raises:
            CreativeError: the picture cannot be read.
        """
        edited, opened = outcome.result, self.opened
        creative = opened.creative
        final = replace(creative, headline=headline, description=description, cta=edited.cta_edited or creative.cta)
        if own_u8 is None:
            final, text_problems = with_pixels(opened, outcome.plan, final), opened.text_problems(final)
        else:
            final, text_problems = replace(final, image_u8=own_u8), ()
        (features,) = (opened.extractor if own_u8 is None else self.models.extractor).extract([final])
        if isinstance(features, CreativeError):
            raise features
        pair, seen = [creative, final], [opened.features, features]
        (opinion,) = ask_choosers(pair, seen, self.models, self.settings.config)
        verdict = audit(pair, seen, opinion, self.models, self.settings.config)
        verdict = accept(verdict) if is_forced else verdict
        others = [edit for edit in edited.edits if edit.direction not in WORDS] if own_u8 is None else []
        kept = edited if own_u8 is None else replace(edited, identity_similarity=None, realism=None, edit_strength=None)
        new = FinalEdit(
            creative=final,
            features=features,
            edits=(*others, *list_word_edits(creative, final)),
            text_problems=text_problems,
            identity=kept.identity_similarity,
            realism=kept.realism,
            edit_strength=kept.edit_strength,
        )
        problems = (
            Problem("words_by_hand") if own_u8 is None else Problem("words_and_picture_by_hand"),
            Problem("words_unchanged") if own_u8 is None and not new.edits else verdict.reason,
            *self._find_word_problems(edited, headline=headline, description=description),
        )
        is_delivered = verdict.is_delivered
        result = replace(
            build_result(opened, new, verdict, self.models, self.settings.config, self._control_change),
            evaluations=edited.evaluations,
            search=edited.search if is_delivered else replace(edited.search, delivered=None),
            seconds=edited.seconds,
            is_own_choice=is_delivered,
            problems=problems,
            reason="; ".join(problems),
        )
        result = replace(state_level(result, verdict, self.settings.level), alternatives=edited.alternatives)
        return replace(
            outcome,
            result=result,
            image_u8=final.image_u8 if is_delivered else opened.image_u8,
            verdict=verdict,
            plan=outcome.plan if is_delivered and own_u8 is None else None,
        )

    def _find_word_problems(self, edited: EditResult, **words: str) -> Iterator[Problem]:
        """Yield the problems that the rules find in words that an edit did not write."""
        for kind, text in words.items():
            is_new = text and text != getattr(edited, f"{kind}_edited")
            if is_new and (problems := self.settings.wording.check(self.creative, kind, text)):
                yield Problem("rules_say", kind=kind, problems=", ".join(problems))

    @property
    def creative(self) -> Creative:
        """The original ad, with empty fields read in its picture."""
        return self.opened.creative

    @property
    def _searched(self) -> SearchResult:
        if self._found is None:
            raise ConfigError("this session has searched nothing yet; call search() first")
        return self._found

    @cached_property
    def _control_u8(self) -> np.ndarray | None:
        """The picture with its faces inverted and not edited; None when no face was opened."""
        return self.opened.session.control() if self.opened.session is not None else None

    @cached_property
    def _control_change(self) -> float | None:
        """Predicted change of log-odds when the faces are inverted and not edited; None where that picture cannot be read."""
        return 0.0 if self._control_u8 is None else predict_control_change(self.opened, self._control_u8, self.models.predictor)

    def _scorer(self, *predictors: ClickModel) -> CandidateScorer:
        """Return the scorer of candidates by the pooled prediction of these models."""
        return CandidateScorer(
            self.opened.creative,
            self.opened.features,
            space=self.space,
            lines=self.lines,
            predictors=predictors,
            surrogate=self.surrogate,
            config=self.settings.config,
        )

    def _showing(self, second_opinion: Scorer, show: Callable[[Creative], None]) -> Scorer:
        """Return the second opinion, called with the best candidate after each generation, wrapped to show each new best."""
        shown: list[list[float]] = []

        def ask(candidates: list[Individual]) -> list[Any]:
            if list(candidates[0]) not in shown[-1:]:
                shown.append(list(candidates[0]))
                show(compose_creative(self.opened, self.space.plans(candidates[:1])[0], self.lines))
            return second_opinion(candidates)

        return ask

    def _rank(self, found: SearchResult) -> tuple[Finalist | None, tuple[Finalist, ...]]:
        """Score the best edits of a search from final pixels; return the edit for the auditor, and all edits that can be chosen
        instead."""
        config = self.settings.config
        chosen = choose_finalists(self._plans(found.front), num_finalists=config.num_finalists)
        finalists = score_finalists(self.opened, chosen, self.lines, self.models, config)
        (original,) = self.space.plans([self.space.original()])
        layouts = [replace(original, is_message=one.is_message, layout=k) for k, one in enumerate(self.opened.layouts, 1)]
        allowed = [one for one in self._single if one.fitness.violation == 0.0]
        tried = sorted([*found.edits, *allowed], key=lambda edit: -edit.fitness.values[0])
        edits = [one for one in self._plans(tried) if not self.space.is_faint(one)]
        most_faces = config.num_finalists if self.settings.level.is_known else MOST_QUESTIONS
        others = choose_versions([*layouts, *edits], chosen, config.num_finalists, most_faces)
        alternatives = score_finalists(self.opened, others, self.lines, self.models, config)
        found_out = [one for one in alternatives if one.low > 0.0 and one.plan.kind != "look" and not one.plan.layout]
        picked = pick_finalist([*finalists, *found_out])
        scored = sorted([*finalists, *alternatives], key=lambda finalist: -finalist.low)
        listed = [] if picked is None else [picked.plan]
        listed += choose_versions([one.plan for one in scored], listed, config.num_finalists - len(listed), most_faces)
        ranked = [one for one in scored if any(one.plan is plan for plan in listed)]
        return picked, tuple(sorted(ranked, key=lambda one: one.plan.kind == "look"))  # looks come last

    def _plans(self, edits: Sequence[Individual]) -> list[EditPlan]:
        """Return the plans of edits; without the account's results each plan is one change: words, a face edit, or light."""
        plans = self.space.plans(edits)
        if self.settings.level.is_known:
            return plans
        single = self.space.plans(self._single)
        return [plan.with_one_face_edit(single).without_look() for plan in plans]

    def _compose_layouts(self, should_stop: ShouldStop) -> str:
        """Compose new layouts of the ad, and return why there are no more."""
        opened, num = self.opened, self.settings.config.num_layouts
        if self.models.compose_layouts is None or opened.image_u8 is None or not num or should_stop():
            return ""
        found = self.models.compose_layouts(opened.creative, opened.image_u8, num)
        self.opened = replace(opened, layouts=found.layouts)
        return found.why

    @cached_property
    def _single(self) -> list[Individual]:
        """Scored edits of one change each, for each end of each face direction and of each adjustment."""
        single, scorer = self.space.single_changes(), self._scorer(self.models.predictor, self.models.judge)
        for one, score in zip(single, scorer(single) if single else (), strict=True):
            one.set_fitness(score)
        return single

    def _audit(self, finalist: Finalist) -> Verdict:
        pair, seen = [self.opened.creative, finalist.creative], [self.opened.features, finalist.features]
        return audit(pair, seen, finalist.opinion, self.models, self.settings.config, is_searched=True)

    def _deliver(
        self,
        found: SearchResult,
        edit: Finalist | None,
        verdict: Verdict | None,
        problems: tuple[Problem, ...],
        *,
        is_own_choice: bool = False,
    ) -> EditOutcome:
        """Return the outcome with an edit, or with the original when there is no edit or the verdict rejects it."""
        opened = self.opened
        final = finish_edit(opened, edit) if edit is not None else None
        result = build_result(opened, final, verdict, self.models, self.settings.config, self._control_change)
        delivered = edit if edit is not None and verdict is not None and verdict.is_delivered else None
        rate = result.ctr_original or 0.0
        result = replace(
            result,
            evaluations=found.evaluations,
            is_own_choice=is_own_choice,
            problems=problems,
            reason="; ".join(problems),
            alternatives=tuple(describe_alternative(one, finish_edit(opened, one), rate) for one in self._ranked),
            search=record_search(found, None if delivered is None else delivered.plan),
            seconds=self.seconds,
        )
        return EditOutcome(
            result=state_level(result, verdict, self.settings.level),
            image_u8=opened.image_u8 if delivered is None else delivered.creative.image_u8,
            control_u8=self._control_u8,
            verdict=verdict,
            plan=None if delivered is None else delivered.plan,
            plans=tuple(one.plan for one in self._ranked),
            search=found,
            lines=self.lines,
            asked=self.settings,
            directions=tuple(opened.directions.names),
        )

    def _explain(self, found: SearchResult, verdict: Verdict | None, why: str) -> tuple[Problem, ...]:
        """Return why the edit is delivered or the ad kept; for an ad with a picture, why only a look can be tested."""
        planned = self.settings.config.generations + 1
        problems = [verdict.reason if verdict is not None else self._why_no_finalist(found), *self.notes]
        if self.opened.faces.found and not self.opened.permission.is_granted:
            problems.append(Problem("faces_left", refusal=self.opened.permission.refusal))
        if found.is_stopped:
            problems.append(Problem("search_ended_itself", done=len(found.best_so_far), planned=planned))
        if not found.is_complete:
            problems.append(Problem("stopped_early", done=len(found.best_so_far), planned=planned))
        whys = dict.fromkeys([*map(str, self.unset[:1]), *filter(None, [why])])
        if whys and self.opened.image_u8 is not None and all(one.plan.kind == "look" for one in self._ranked):
            problems.append(Problem("nothing_to_test", why="; ".join(whys)))
        return tuple(problems)

    def _why_no_finalist(self, found: SearchResult) -> Problem:
        if self.space.is_single:
            return Problem("nothing_may_change")
        if any(plan.low > 0.0 and plan.kind != "look" for plan in self._plans(found.front)):
            return Problem("unusable_when_finished")
        return Problem("none_surely_better", count=found.evaluations)
