"""Actions of the buttons: form values in, page fragments and plain JSON out.

Plain functions and generators without Gradio, so that they can be tested without a browser. All numbers come from the
pipeline; a fault that the user can fix becomes a sentence on the page, never a traceback.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.images import as_jpeg, picture
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import run_here

from ..html import fragments
from ..sessions.ads import NO_AD, OTHER_AD, AdState, Desk, identify
from ..sessions.belongings import FEATURES, Belongings
from ..sessions.departures import Departures
from ..sessions.jobs import Job, JobBoard
from ..sessions.model_queue import ModelQueue
from ..sessions.owners import is_kept
from ..sessions.questions import Unanswered, record_fault
from ..sessions.search_requests import (
    FACES_ALLOWED,
    MAX_TEXT_CHARS,
    SearchRequest,
    build_creative,
    search_settings,
    with_consent,
)
from .choices import Choices
from .scores import forget_pictures, is_accented, label_ad, say_picture, say_score
from .screens import Brought, Look, Opened, Screen, show_outcome
from .search import Search, Task, Watch

if TYPE_CHECKING:
    from adcreative.pipeline import EditOutcome, Studio

log = logging.getLogger(__name__)
Answer = tuple[str, dict[str, Any]]

MAX_OPEN = 8  # open searches with selectable alternatives: each holds its pictures in memory
KEEP_S = 3600.0  # time for which the search of a closed page is kept
READ_WAIT_S = 5.0
ADDRESS_CHARS = 16  # length of the id prefix used in addresses, as in doors.py
NO_EDIT = "There is no new version yet. Press “Improve it” first (step 3)."
NO_RECORD = "Whose consent is it? Choose the record or add one; or say that the faces must stay as they are."
GONE = "These versions are no longer open. Press “Improve it” again: the same number of the try finds the same ones."
SEARCH_OF_OTHER_AD = (
    "These versions are ready, but of an ad that is no longer the one above. Bring that ad back unchanged to see them."
)


@dataclass(kw_only=True, eq=False)
class Handlers:
    """The buttons of one app, and the state of all its visitors; an app has one instance.

    Two searches never share the model: a stopping search holds the queue until its end.

    An owner is a visitor (or the session of an API client). A closed page does not end its search: a visitor who returns within
    `keep_s` finds the search, running or done; after `keep_s` the search is stopped and its files are deleted. A result belongs
    to one ad: while another ad is on the owner's page (`desk`), the result cannot be shown, taken, approved or packed.
    """

    studio: Studio
    result_dir: Path
    cards: tuple[dict[str, Any], ...] = ()
    keep_s: float = KEEP_S
    board: JobBoard[Search] = field(default_factory=JobBoard)
    model_queue: ModelQueue = field(default_factory=ModelQueue)
    outcomes: dict[str, Opened] = field(default_factory=dict)
    desk: Desk = field(default_factory=Desk)
    on_tested: list[Callable[[str], object]] = field(default_factory=list)  # called after a test was planned or read out
    also_forget: list[Callable[[str], object]] = field(default_factory=list)
    kept_dir: Path | None = None  # folder of data that stays in a workspace
    aside: Callable[..., Any] = run_here  # runs long work outside the app; `run_aside` in a process of its own
    open_kept: Callable[[str, str], object] | None = None  # opens an ad of a workspace in a tab, by its address
    find_kept: Callable[[str], object] | None = None  # reopens a tab's last ad from a workspace
    num_forgotten: Counter[str] = field(default_factory=Counter)  # how often an owner's data were deleted
    was_read: set[tuple[str, Path | None]] = field(default_factory=set)  # owner and picture
    belongings: Belongings = field(init=False)
    away: Departures = field(init=False)
    choices: Choices = field(init=False)

    def __post_init__(self) -> None:
        features_dir = self.result_dir.with_name(FEATURES)
        self.choices = Choices(studio=self.studio, features_dir=features_dir, cards=self.cards)
        self.belongings = Belongings(result_dir=self.result_dir, kept_dir=self.kept_dir)
        self.away = Departures(keep_s=self.keep_s, on_gone=self._let_go)
        self.also_forget.extend((self.choices.forget, lambda _: forget_pictures()))

    def tell_tested(self, owner: str) -> None:
        """Notify the listeners of tests that one of the owner's tests was planned or read out."""
        for tell in self.on_tested:
            tell(owner)

    def use_own(self, owner: str, studio: Studio | None) -> None:
        """Score the owner's ads with this studio from now on; None: with the shared studio."""
        if studio is None:
            self.choices.own.pop(owner, None)
        else:
            self.choices.own[owner] = studio
        self.desk.forget_scores(owner)

    def bring(self, owner: str, form: Mapping[str, str | None]) -> bool:
        """Register the ad in the owner's form; return whether the ad differs from the one before."""
        try:
            creative = build_creative(form)
        except AdCreativeError:  # an empty form
            return self.desk.bring(owner, NO_AD)
        self.belongings.note(owner, creative.image_path)
        ad = identify(creative)
        is_other = self.desk.bring(owner, ad)
        if is_other:
            self.desk.move(owner, ad, "name", label=label_ad(creative), creative=creative)
        return is_other

    def bar(self, owner: str) -> str:
        """Return a fragment of the ad on the page and its current step."""
        state = self.desk.find(owner)
        has_address = is_kept(owner) and state.score is not None
        return fragments.ad_bar(state, state.ad[:ADDRESS_CHARS] if has_address else "")

    def look(self, owner: str, form: Mapping[str, str | None], page_ad: str) -> Look | None:
        """Return the data of the ad in the form; None when the page already shows that ad.

        Args:
            page_ad: id of the ad on the page. Only the page knows what it shows: a button pressed at once may have
                registered the form's ad with the server before the page has updated.
        """
        self.bring(owner, form)
        state = self.desk.find(owner)
        if state.ad == page_ad:
            return None
        screen, mockups = self.find_screen(owner) or Screen(), state.mockups if state.score else ""
        is_readable = state.creative is None or not state.creative.has_image or state.label[1] is not None
        return Look(ad=state.ad, score=state.score, why=state.why, mockups=mockups, screen=screen, is_readable=is_readable)

    def inspect(self, image_path: str | None, owner: str = "") -> tuple[str, list[str], bool]:
        """Return the size and faces of an uploaded picture as a fragment, or why the picture cannot be used.

        Returns:
            a fragment; a name for each editable face, such as "Face 1"; whether to ask the question about faces.
        """
        if not image_path:
            return "", [], False
        self.belongings.note(owner, image_path)
        return say_picture(Creative(image_path=Path(image_path)), lambda creative: self._find_faces(owner, creative))

    def show_in_browser(self, owner: str, image_path: str | None) -> Path | None:
        """Return a JPEG copy of a picture that browsers cannot show (HEIC); None otherwise, also for a damaged file."""
        try:
            content = as_jpeg(Path(image_path)) if image_path else None
        except AdCreativeError:
            return None
        return None if content is None else self.belongings.lend(owner, f"{Path(str(image_path)).stem}.jpg", content)

    def read_words(self, owner: str, form: Mapping[str, str | None]) -> tuple[str, dict[str, str]]:
        """Read the words in a picture uploaded without words; return a fragment about the words, and the fields."""
        try:
            creative = build_creative(form)
            self.belongings.note(owner, creative.image_path)
            with self.model_queue.quick(timeout_s=READ_WAIT_S) as has_model:
                self.was_read.update([(owner, creative.image_path)] if has_model else ())
                found = self.choices.studio_of(owner).read_words(creative) if has_model else creative
        except AdCreativeError:
            return "", {}
        fields = {name: getattr(found, name) for name in found.read_fields}
        said = fragments.read_fields(tuple(fields), found.read_note, found.read_guess, has_accents=is_accented(fields.values()))
        return said, fields

    def _find_faces(self, owner: str, creative: Creative) -> Sequence[Any] | None:
        """Return the faces of a picture, or None while a search has the model."""
        with self.model_queue.quick(timeout_s=1.0) as has_model:
            return self.choices.studio_of(owner).find_faces(creative) if has_model else None

    def find_brought(self, owner: str) -> AdState | None:
        """Return the ad for the owner's newly opened page: of a running search, else the latest scored or searched; or None."""
        is_new = self.board.find(owner) is None and self.desk.find_seen(owner) is None
        if is_new and is_kept(owner) and self.find_kept is not None:
            self.find_kept(owner)
        search, seen = self.board.find(owner), self.desk.find_seen(owner)
        if search is None or search.is_lost or (search.job.is_finished and seen is not None):
            return seen
        return AdState(ad=search.ad, creative=search.creative)

    def score(self, owner: str = "", usual_rate_percent: float | None = None, **form: str | None) -> Answer:
        """Predict the rate of one creative; return a fragment for the page, and the prediction as plain JSON.

        Args:
            usual_rate_percent: how often the account's ads are clicked, in percent; None or 0: unknown.
        """
        try:
            creative = build_creative(form)
            self.bring(owner, form)
            ad = self.desk.find(owner).ad
            usual = usual_rate_percent / 100 if usual_rate_percent else None
            studio = self.choices.studio_of(owner)
            with self.model_queue.quick():
                if (owner, creative.image_path) not in self.was_read:  # else an empty field was emptied by the user
                    creative = studio.read_words(creative)  # reads only the picture of an ad without words
                standing = studio.stand_one(creative, usual_rate=usual, read_pictures=False)
        except AdCreativeError as error:
            return fragments.problem(error), record_fault(error)
        except Exception as error:
            log.exception("scoring failed")
            return fragments.breakdown(error), {"error": "internal error"}
        shown, record = say_score(creative, standing, self.choices.cards_of(owner))
        if not self.desk.note_score(owner, ad, (shown, record)):
            return fragments.note(OTHER_AD), {"error": OTHER_AD}
        return shown, record

    def improve(self, owner: str, form: Mapping[str, str | None], search_request: SearchRequest) -> Iterator[Screen]:
        """Search an edit; yield the screen at each change. Closing the generator leaves the search running for `resume`."""
        try:
            creative = with_consent(build_creative(form), search_request)
            search_request = (
                search_request if search_request.brand_kit else replace(search_request, brand_kit=self.choices.kits.get(owner))
            )
            settings = search_settings(creative, search_request, self.studio.direction_names)
            settings = self.choices.with_writer(owner, settings)
            self._check_consent(owner, creative, search_request)
            picture(creative)  # refuses a bad picture at once; a waiting search holds no pixels
            self.bring(owner, form)
            self.belongings.note(owner, search_request.brand_kit)
            ad = self.desk.find(owner).ad
            ticket = self.model_queue.join()
        except AdCreativeError as error:
            yield Screen(progress=fragments.problem(error), record={"status": "refused", **record_fault(error)})
            return
        brought = Brought(ad=ad, creative=creative, before_u8=None, search_request=search_request)
        watch = Watch()
        task = Task(handlers=self, owner=owner, brought=brought, settings=settings, ticket=ticket, watch=watch)
        job = Job(work=task)
        search = Search(job=job, ticket=ticket, ad=ad, creative=creative, watch=watch)
        earlier = self.board.find(owner)
        self.board.post(owner, job, search)
        self._drop(earlier, owner)
        self.desk.move(owner, ad, "search")
        job.then(lambda: self.desk.tell_moved(owner, ad))
        job.start()
        yield from self._watch(owner, search)

    def _check_consent(self, owner: str, creative: Creative, search_request: SearchRequest) -> None:
        """Refuse a search over real faces without a consent record, before the search starts.

        Raises:
            AdCreativeError: no record was chosen, or the record does not cover this ad today.
        """
        if not creative.has_image or search_request.faces != FACES_ALLOWED:
            return
        if not creative.consent_id:
            raise Unanswered(NO_RECORD, "consent_id")
        refusal = self.choices.studio_of(owner).check_consent(creative)
        if refusal:
            raise AdCreativeError(f"The faces may not be edited: {refusal}.")

    def resume(self, owner: str) -> Iterator[Screen]:
        """Yield the owner's last screen and search again, such as after the page was closed; an empty screen without one."""
        self.come_back(owner)
        brought = self.find_brought(owner)
        search = self.board.find(owner)
        if brought is not None:
            self.desk.bring(owner, brought.ad)  # an opening page has an empty form, which this ad fills
        if search is None or brought is None or search.is_lost or search.ad != brought.ad:
            yield Screen()
            return
        yield from self._watch(owner, search)

    def is_running(self, owner: str) -> bool:
        search = self.board.find(owner)
        return search is not None and not search.job.is_finished

    def cancel(self, owner: str) -> str:
        """Ask the owner's search to stop; the best edit so far is checked and shown."""
        search = self.board.find(owner)
        if search is None or search.job.is_finished:
            return fragments.note("Nothing is running.")
        search.watch.cancel()
        self.board.stop(owner)
        return fragments.note("Stopping. The best found so far is checked and shown.")

    def forget(self, owner: str) -> None:
        """Stop the owner's work and delete all its data: uploads, results, copies, and features of pictures."""
        self.come_back(owner)
        self.num_forgotten[owner] += 1
        search = self.board.find(owner)
        self.board.take_down(owner)
        for forget in self.also_forget:
            forget(owner)
        self.desk.clear(owner)
        self.belongings.erase(owner)
        self.choices.forget_features(owner)
        self.was_read -= {one for one in self.was_read if one[0] == owner}
        if search is not None:  # the search may be writing its last pictures
            search.job.then(lambda: self._drop(search))

    @contextmanager
    def writing_into(self, folder: Path, owner: str) -> Iterator[None]:
        """Delete `folder` at the end of the block if the owner's data were deleted during it."""
        before = self.num_forgotten[owner]
        try:
            yield
        finally:
            if self.num_forgotten[owner] != before:
                shutil.rmtree(folder, ignore_errors=True)

    def _drop(self, search: Search | None, owner: str = "") -> None:
        """Delete the files of an owner's earlier search, which is no longer reachable."""
        if search is not None:
            self.desk.move(owner, search.ad, "drop")
        if search is None or not search.job.is_finished:
            return
        for screen in (search.chosen, search.job.result()):
            if screen is not None:
                self.outcomes.pop(screen.key, None)
                if screen.run is not None and not is_kept(owner):  # a workspace keeps each version until its ad goes
                    shutil.rmtree(screen.run, ignore_errors=True)

    def leave(self, owner: str) -> None:
        """Register that the owner's page was closed: after `keep_s` without a return, all data of the owner is deleted."""
        has_any = self.belongings.has_any(owner) or self.choices.has_features(owner)
        if has_any or self.board.find(owner) is not None or self.desk.find(owner).ad:
            self.away.leave(owner)

    def _let_go(self, owner: str) -> None:
        """Delete the data of an ended visit; for a tab in a workspace, only its state in memory."""
        if not is_kept(owner):
            self.forget(owner)
        elif not self.is_running(owner):
            self.board.take_down(owner)
            self.desk.clear(owner)
            self.belongings.erase(owner)

    def come_back(self, owner: str) -> None:
        self.away.come_back(owner)

    def _watch(self, owner: str, search: Search) -> Iterator[Screen]:
        for state in search.job.states():
            live = (search.watch.headline, search.watch.picture)
            yield Screen(progress=fragments.progress(state, num_ahead=self.model_queue.num_ahead(search.ticket), live=live))
        screen = search.screen
        if screen is None:
            state = search.job.state
            screen = Screen(progress=fragments.stopped(state), record={"status": "stopped", "rounds": state.done})
        elif search.ad != self.desk.find(owner).ad:
            address = search.ad[:ADDRESS_CHARS] if is_kept(owner) else ""
            screen = Screen(progress=fragments.other_search(SEARCH_OF_OTHER_AD, address), record={"status": "other ad"})
        yield screen

    def choose(self, owner: str, choice: str | None) -> Screen:
        """Replace the result by another edit of the search, regardless of the models' verdict, which the result states.

        Raises:
            AdCreativeError: no search, or no edit of that name.
        """
        screen = self.find_screen(owner)
        if screen is None or choice not in screen.choices:
            raise AdCreativeError("There is no such version. Press “Improve it” first (step 3).")
        number = screen.choices.index(choice)
        return self._replace(owner, lambda opened: opened.session.choose(number, is_forced=True))

    def use_words(self, owner: str, headline: str | None, description: str | None, own_picture: str | None = None) -> Screen:
        """Apply the user's own words and picture to the edit and score again; the result states the verdict of three models.

        Raises:
            AdCreativeError: there is no result yet.
        """
        words = [(text or "").strip()[:MAX_TEXT_CHARS] for text in (headline, description)]
        self.belongings.note(owner, own_picture)
        own_u8 = picture(Creative(image_path=Path(own_picture))) if own_picture else None
        return self._replace(owner, lambda opened: opened.session.reword(opened.outcome, *words, own_u8=own_u8))

    def find_creative(self, owner: str) -> Creative:
        """Return the uploaded ad of the owner's result.

        Raises:
            AdCreativeError: there is no result yet.
        """
        screen = self.find_screen(owner)
        if screen is None or screen.creative is None:
            raise AdCreativeError(NO_EDIT)
        return screen.creative

    def _replace(self, owner: str, change: Callable[[Opened], EditOutcome]) -> Screen:
        """Replace the owner's open outcome by the result of `change`, and show the result."""
        search, screen = self.board.find(owner), self.find_screen(owner)
        if search is None or screen is None or screen.creative is None:
            raise AdCreativeError(NO_EDIT)
        opened = self.outcomes.get(screen.key)
        if opened is None:
            raise AdCreativeError(GONE)
        with self.model_queue.quick():
            opened = replace(opened, outcome=change(opened))
        brought = Brought(ad=search.ad, creative=screen.creative, before_u8=None, search_request=screen.search_request)
        chosen = self.show(owner, brought, opened)
        search.chosen = chosen
        self.desk.move(owner, search.ad, "find", shown=chosen.shown)
        return chosen

    def find_screen(self, owner: str) -> Screen | None:
        """Return the last screen of the ad on the owner's page; None without one, or while another ad is on the page."""
        search = self.board.find(owner)
        return search.screen if search is not None and search.ad == self.desk.find(owner).ad else None

    def find_run(self, owner: str) -> tuple[Path, Creative]:
        """Return the folder of the owner's edit, and the uploaded ad.

        Raises:
            AdCreativeError: there is no edit yet.
        """
        screen = self.find_screen(owner)
        if screen is None or screen.run is None or screen.creative is None:
            raise AdCreativeError(NO_EDIT)
        return screen.run, screen.creative

    def show(self, owner: str, brought: Brought, opened: Opened) -> Screen:
        """Write the folder of an outcome, keep it open for other choices, and return the last screen."""
        brought = replace(brought, before_u8=picture(brought.creative))
        studio, cards = self.choices.studio_of(owner), self.choices.cards_of(owner)
        screen = show_outcome(brought, opened, self.owner_dir(owner), studio=studio, cards=cards)
        self.outcomes[screen.key] = opened
        while len(self.outcomes) > MAX_OPEN:
            self.outcomes.pop(next(iter(self.outcomes)))
        return screen

    def owner_dir(self, owner: str) -> Path:
        return self.belongings.owner_dir(owner)
