"""Why an ad has the rate it has: heat map, words, parts. Without Gradio, as `handlers`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.errors import AdCreativeError

from ..html import fragments
from ..html import steps as step_fragments
from ..sessions.ads import OTHER_AD
from ..sessions.jobs import Job, JobBoard, ReportProgress, ShouldStop
from ..sessions.wishes import build_creative
from .one_ad import Handlers

log = logging.getLogger(__name__)
Answer = tuple[str, Path | None, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Why:
    """The button beside the score."""

    handlers: Handlers
    board: JobBoard[Job[Answer]] = field(default_factory=JobBoard)

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(self.board.take_down)

    def explain(self, owner: str, form: dict[str, Any]) -> Iterator[Answer]:
        """Explain the score of an ad; yield a fragment, the page to download and the record at each change."""
        out = self.handlers.owner_dir(owner) / "why"
        try:
            creative = build_creative(form)
            self.handlers.bring(owner, form)
            ad = self.handlers.desk.find(owner).ad
            ticket = self.handlers.seat.join()
        except AdCreativeError as error:
            yield fragments.problem(error), None, {"error": str(error)}
            return

        def work(report: ReportProgress, should_stop: ShouldStop) -> Answer:
            def tell(stage: str, done: int, total: int) -> None:
                report(done, total, 0.0)
                self.handlers.seat.let_short_pass(ticket)

            try:
                with self.handlers.seat.hold(ticket, should_stop=should_stop) as has_model:
                    summary = None
                    if has_model:
                        summary = self.handlers.choices.studio_of(owner).explain_one(
                            creative, out, progress=tell, should_stop=should_stop
                        )  # fmt: skip
                if summary is None or summary.stopped:
                    return "", None, {"status": "stopped"}
                shown = step_fragments.explanation(summary.explanation, out / "heat.png")
                return shown, summary.path, summary.explanation
            except AdCreativeError as error:
                return fragments.problem(error), None, {"error": str(error)}
            except Exception as error:
                log.exception("explaining failed")
                return fragments.breakdown(error), None, {"error": "internal error"}

        job = Job(work=work)
        self.board.post(owner, job, job)
        job.start()
        try:
            for state in job.states():
                yield step_fragments.explaining(state, self.handlers.seat.ahead(ticket)), None, {}
        finally:
            job.stop(wait_s=0)  # a closed page needs no answer
        shown, path, record = job.result()
        if not self.handlers.desk.note_why(owner, ad, (shown, path)):
            shown, path, record = fragments.note(OTHER_AD), None, {"error": OTHER_AD}
        yield shown, path, record
