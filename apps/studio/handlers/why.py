"""Explanation of an ad's rate: heat map, words, parts. Without Gradio."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.progress import Progress, Rounds, ShouldStop

from ..html import fragments
from ..html import steps as step_fragments
from ..sessions.ads import OTHER_AD, AdState
from ..sessions.jobs import Job, JobBoard
from ..sessions.model_queue import Ticket
from ..sessions.read_ahead import ReadAhead
from ..sessions.search_requests import build_creative
from .one_ad import Handlers

log = logging.getLogger(__name__)
Answer = tuple[str, Path | None, dict[str, Any]]
APART_S = 0.7  # an explanation takes one to three seconds


@dataclass(frozen=True, kw_only=True)
class Why:
    """The button next to the score. read_ahead: computes the answer while the user reads the score; None: computed on request.
    apart_s: minimum time between two progress reports, in seconds."""

    handlers: Handlers
    read_ahead: ReadAhead[Answer] | None = None
    apart_s: float = APART_S
    board: JobBoard[Job[Answer | None]] = field(default_factory=JobBoard)

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(self._forget)
        if self.read_ahead is not None:
            self.handlers.desk.on_scored.append(self.begin)

    def explain(self, owner: str, form: dict[str, Any]) -> Iterator[Answer]:
        """Explain the score of an ad; yield a fragment, the page to download and the record at each change."""
        try:
            creative = build_creative(form)
            self.handlers.bring(owner, form)
            ad = self.handlers.desk.find(owner).ad
            begun = self.read_ahead.take(owner, self._key(owner, ad)) if self.read_ahead is not None else None
            answer = None if begun is None else (yield from self._watch(owner, begun, lambda: 0))
            if answer is None:
                ticket = self.handlers.model_queue.join()
                job = Job(work=lambda report, should_stop: self._ask(owner, ad, creative, ticket, report, should_stop))
                answer = yield from self._watch(owner, job.start(), lambda: self.handlers.model_queue.num_ahead(ticket))
        except AdCreativeError as error:
            yield fragments.problem(error), None, {"error": str(error)}
            return
        shown, path, record = answer or ("", None, {"status": "stopped"})
        if not self.handlers.desk.note_why(owner, ad, (shown, path)):
            shown, path, record = fragments.note(OTHER_AD), None, {"error": OTHER_AD}
        yield shown, path, record

    def begin(self, owner: str, state: AdState) -> None:
        """Start to explain the score of an ad that was just shown, then prepare a search of the ad."""
        creative, studio = state.creative, self.handlers.choices.studio_of(owner)
        if self.read_ahead is None or creative is None or state.why is not None:
            return

        def prepare(should_stop: ShouldStop) -> None:
            if not should_stop():
                with contextlib.suppress(AdCreativeError):  # reported when the search is requested
                    studio.prepare_one(creative, should_stop)

        self.read_ahead.begin(
            owner,
            self._key(owner, state.ad),
            lambda report, should_stop: self._find(owner, state.ad, creative, _counting(report), should_stop),
            is_before=lambda: self.handlers.desk.find(owner).ad == state.ad,
            then=prepare,
        )

    def _key(self, owner: str, ad: str) -> object:
        return ad, id(self.handlers.choices.studio_of(owner))

    def _watch(
        self, owner: str, job: Job[Answer | None], num_ahead: Callable[[], int]
    ) -> Generator[Answer, None, Answer | None]:
        self.board.post(owner, job, job)
        try:
            for state in job.states(apart_s=self.apart_s):
                yield (
                    fragments.working(
                        "Covering regions" if state.total else "Waiting for the model" if num_ahead() else "Reading the ad",
                        state,
                    ),
                    None,
                    {},
                )
        finally:
            if not job.is_finished:  # a closed page needs no answer; the follow-up of a found answer continues
                job.stop(wait_s=0)
        return job.result()

    def _ask(
        self, owner: str, ad: str, creative: Creative, ticket: Ticket, report: Rounds, should_stop: ShouldStop
    ) -> Answer | None:
        """Wait for the model and compute the answer; None when stopped."""

        def tell(stage: str, done: int, total: int) -> None:
            report(done, total, 0.0)
            self.handlers.model_queue.let_short_pass(ticket)

        with self.handlers.model_queue.hold(ticket, should_stop=should_stop) as has_model:
            return self._find(owner, ad, creative, tell, should_stop) if has_model else None

    def _find(self, owner: str, ad: str, creative: Creative, tell: Progress, should_stop: ShouldStop) -> Answer | None:
        """Compute the answer with the model; an error becomes an answer."""
        out = self._folder(owner) / ad[:16]
        try:
            summary = self.handlers.choices.studio_of(owner).explain_one(creative, out, progress=tell, should_stop=should_stop)
            if summary.stopped:
                return None
            return step_fragments.explanation(summary.explanation, out / "heat.png"), summary.path, summary.explanation
        except AdCreativeError as error:
            return fragments.problem(error), None, {"error": str(error)}
        except Exception as error:
            log.exception("explaining failed")
            return fragments.breakdown(error), None, {"error": "internal error"}

    def _folder(self, owner: str) -> Path:
        return self.handlers.owner_dir(owner) / "why"

    def _forget(self, owner: str) -> None:
        """Stop the owner's explanations; a job that is still writing its page deletes the page at its end."""
        jobs = [self.board.find(owner), self.read_ahead.forget(owner) if self.read_ahead is not None else None]
        self.board.take_down(owner)
        for job in filter(None, jobs):
            job.then(lambda: shutil.rmtree(self._folder(owner), ignore_errors=True))
            job.then(lambda: self.handlers.choices.drop_features(owner))


def _counting(report: Rounds) -> Progress:
    return lambda stage, done, total: report(done, total, 0.0)
