"""One search of an edit: the work, its state, and the best edit so far."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import ImproveSettings
from adcreative.progress import Rounds, ShouldStop
from adcreative.report.pictures import Preview, preview

from ..html import fragments
from ..sessions.ads import NO_AD
from ..sessions.jobs import Job, JobState
from ..sessions.model_queue import Ticket
from .screens import Brought, Opened, Screen

log = logging.getLogger(__name__)
LIVE_PX = 360


@dataclass(kw_only=True)
class Watch:
    """The visible state of a running search: the best edit so far. is_cancelled: the owner asked for a stop, which keeps the
    result so far; a search stopped for another reason leaves nothing."""

    headline: str = ""
    picture: Preview | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def show(self, best: Creative) -> None:
        self.headline = best.headline
        self.picture = None if best.image_u8 is None else preview(Image.fromarray(best.image_u8), LIVE_PX)

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()


@dataclass(kw_only=True)
class Search:
    """A search on the board: its job (result: the last screen), its ticket in the model queue, the ad's id, the uploaded ad,
    the visible state, and the screen of another edit if the user chose one."""

    job: Job[Screen]
    ticket: Ticket
    ad: str = NO_AD
    creative: Creative | None = None
    watch: Watch = field(default_factory=Watch)
    chosen: Screen | None = None

    @property
    def is_lost(self) -> bool:
        """True when the search was stopped for another reason than its owner's request for the result so far."""
        return self.job.is_stopped and not self.watch.is_cancelled

    @property
    def screen(self) -> Screen | None:
        """The last screen; None while the search runs, or when it was stopped without any result."""
        if not self.job.is_finished or self.is_lost:
            return None
        screen = self.chosen or self.job.result()
        return screen if screen.record else None


@dataclass(frozen=True, kw_only=True)
class Task:
    """The work of a search: wait for the model, search, build the last screen; an exception becomes a screen."""

    handlers: Any  # the Handlers that started the search
    owner: str
    brought: Brought
    settings: ImproveSettings
    ticket: Ticket
    watch: Watch

    def __call__(self, report: Rounds, should_stop: ShouldStop) -> Screen:
        screen = self._work(report, should_stop)
        is_found = screen.record.get("status") in ("edited", "kept")
        said = {"shown": screen.shown} if is_found else {}
        self.handlers.desk.move(self.owner, self.brought.ad, "find" if is_found else "drop", **said)
        self.handlers.desk.tell_scored(self.owner, self.brought.ad)  # restarts the work that the search displaced
        return screen

    def _work(self, report: Rounds, should_stop: ShouldStop) -> Screen:
        told: list[JobState] = []

        def tell(done: int, total: int, best: float) -> None:
            told.append(JobState(done=done, total=total))
            report(done, total, best)
            self.handlers.model_queue.let_short_pass(self.ticket)

        try:
            with self.handlers.model_queue.hold(self.ticket, should_stop=should_stop) as has_model:
                if not has_model or should_stop():
                    return Screen()
                session = self.handlers.choices.studio_of(self.owner).open_one(
                    self.brought.creative, self.settings, should_stop=should_stop
                )
                outcome = session.search(progress=tell, should_stop=should_stop, show_best=self.watch.show)
            if should_stop() and not self.watch.is_cancelled:
                return Screen()
            screen = self.handlers.show(self.owner, self.brought, Opened(session=session, outcome=outcome))
            return replace(screen, progress=fragments.stopped_early(told[-1])) if should_stop() and told else screen
        except AdCreativeError as error:
            return Screen(progress=fragments.problem(error), record={"status": "failed", "error": str(error)})
        except Exception as error:
            log.exception("a search failed")
            return Screen(progress=fragments.breakdown(error), record={"status": "failed", "error": "internal error"})
