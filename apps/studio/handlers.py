"""What the buttons do: form values in, page fragments and plain JSON out.

Plain functions and generators without Gradio, so that they can be tested without a browser. All numbers come from the
pipeline; a fault that the user can mend becomes a sentence on the page, never a traceback.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_picture, check_words, save_run

from . import fragments
from .jobs import Job, JobBoard, ReportProgress, ShouldStop
from .port import Studio
from .seat import ModelSeat, Ticket
from .wishes import FACE_NAME, FORM_FIELDS, MAX_TEXT_CHARS, Wish, build_creative, search_options, with_consent

log = logging.getLogger(__name__)

PREVIEW_PX = 1280
MAX_OPEN = 8  # searches whose other edits can still be taken: each holds its pictures in memory
KEEP_S = 3600.0  # how long the search of a closed page is kept
CANCEL_WAIT_S = 2.0
Pair = tuple[Path, Path]


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a search shows: a progress fragment, then the pictures to compare, the result, the file to take and its record.

    alternatives: the map of other edits, as a fragment; choices: the names of those that can be taken instead. run: the folder
    that the later steps work on; it never leaves this process, and neither do creative, key (of the open outcome) and wish
    (what was asked for).
    """

    progress: str = ""
    pair: Pair | None = None
    result: str = ""
    download: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)
    alternatives: str = ""
    choices: tuple[str, ...] = ()
    run: Path | None = None
    creative: Creative | None = None
    key: str = ""
    wish: Wish = field(default_factory=Wish)


@dataclass(kw_only=True)
class Search:
    """A search on the board: its job, which returns the last screen, its place in the line for the model, and the screen of
    another edit that was taken instead."""

    job: Job[Screen]
    ticket: Ticket
    uploads: tuple[Path | None, ...] = ()
    chosen: Screen | None = None

    @property
    def screen(self) -> Screen | None:
        """The last screen; None while the search runs, or when it was stopped."""
        if not self.job.is_finished or self.job.is_stopped:
            return None
        return self.chosen or self.job.result()


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """The buttons of one app. Two searches never share the model: the seat is taken even while a stopped one winds down.

    An owner is a visitor (or the session of an API client). A closed page does not end its search: who comes back within
    `keep_s` finds it, running or done; after that it is stopped and its files are deleted.
    """

    studio: Studio
    result_dir: Path
    cards: tuple[dict[str, Any], ...] = ()
    keep_s: float = KEEP_S
    board: JobBoard[Search] = field(default_factory=JobBoard)
    seat: ModelSeat = field(default_factory=ModelSeat)
    away: dict[str, threading.Timer] = field(default_factory=dict)
    outcomes: dict[str, Any] = field(default_factory=dict)

    def inspect(self, image_path: str | None) -> tuple[str, list[str], bool]:
        """Say the size of an uploaded picture and show its faces, or say why it cannot be used.

        Returns:
            a fragment; a name for each face that can be edited, such as "Face 1"; whether the question about faces has a sense.
        """
        if not image_path:
            return "", [], False
        try:
            creative = Creative(image_path=Path(image_path))
            image_u8 = picture(creative)
            faces = self._find_faces(creative)
        except AdCreativeError as error:
            return fragments.problem(error), [], False
        height, width = image_u8.shape[:2] if image_u8 is not None else (0, 0)
        names = [f"{FACE_NAME} {number}" for number, face in enumerate(faces or (), 1) if not face.refusal]
        shown = fragments.picture_note((width, height), faces, image_u8, check_picture(creative))
        return shown, names, faces is None or bool(names)

    def _find_faces(self, creative: Creative) -> Sequence[Any] | None:
        """Return the faces of a picture, or None while a search has the model."""
        with self.seat.quick(timeout_s=1.0) as has_model:
            return self.studio.find_faces(creative) if has_model else None

    def demo(self, owner: str) -> dict[str, Any]:
        """Return the form of an ad to try, named as in FORM_FIELDS; its picture counts as an upload."""
        with self.seat.quick():
            creative = self.studio.demo_ad(self.lent_dir(owner))
        return {name: getattr(creative, name) for name in FORM_FIELDS}

    def score(self, *, image_path: str | None = None, **words: str | None) -> tuple[str, dict[str, Any]]:
        """Predict one creative: a fragment for the page, and the prediction as plain JSON."""
        try:
            creative = build_creative({"image_path": image_path, **words})
            with self.seat.quick():
                prediction = self.studio.score_one(creative)
        except AdCreativeError as error:
            return fragments.problem(error), {"error": str(error)}
        except Exception as error:
            log.exception("scoring failed")
            return fragments.breakdown(error), {"error": "internal error"}
        shown = fragments.score(prediction, self.cards, check_words(creative))
        return shown, asdict(prediction)

    def improve(self, owner: str, form: Mapping[str, str | None], wish: Wish) -> Iterator[Screen]:
        """Search an edit; yield the screen at each change. Closing the generator leaves the search running for `resume`."""
        try:
            creative = with_consent(build_creative(form), wish)
            options = search_options(creative, wish, self.studio.direction_names)
            picture(creative)  # refused here and now; a search that waits holds no pixels
            ticket = self.seat.join()
        except AdCreativeError as error:
            yield Screen(progress=fragments.problem(error), record={"status": "refused", "error": str(error)})
            return
        job = Job(work=self._search(owner, creative, options, ticket, wish))
        search = Search(job=job, ticket=ticket, uploads=(creative.image_path, wish.brand_kit))
        earlier = self.board.find(owner)
        self.board.post(owner, job, search)
        self._drop(earlier)
        job.start()
        yield from self._watch(search)

    def resume(self, owner: str) -> Iterator[Screen]:
        """Show the owner's search again, running or done, such as after the page was closed; an empty screen without one."""
        self.come_back(owner)
        search = self.board.find(owner)
        if search is None or search.job.is_stopped:
            yield Screen()
            return
        yield from self._watch(search)

    def is_running(self, owner: str) -> bool:
        search = self.board.find(owner)
        return search is not None and not search.job.is_finished

    def cancel(self, owner: str) -> str:
        """Ask the owner's search to stop, and say what is so shortly after.

        The answer may reach the page after the search's own last word; told that it has ended, both say the same.
        """
        if not self.board.stop(owner):
            return fragments.note("Nothing is running.")
        search = self.board.find(owner)
        if search is not None and search.job.stop(wait_s=CANCEL_WAIT_S):
            return fragments.stopped(search.job.state)
        return fragments.note("Stopping …")

    def forget(self, owner: str) -> None:
        """Stop the owner's search and delete everything of it, the uploaded picture included."""
        self.come_back(owner)
        search, screen = self.board.find(owner), self.find_screen(owner)
        self.board.take_down(owner)
        if screen is not None:
            self.outcomes.pop(screen.key, None)
        for directory in (self.owner_dir(owner), self.lent_dir(owner)):
            shutil.rmtree(directory, ignore_errors=True)
        for upload in search.uploads if search is not None else ():
            if upload is not None and upload.is_relative_to(self.result_dir.parent):
                upload.unlink(missing_ok=True)

    def _drop(self, search: Search | None) -> None:
        """Delete what an earlier search of an owner made: nothing leads to it any more."""
        if search is None or not search.job.is_finished:
            return
        for screen in (search.chosen, search.job.result()):
            if screen is not None:
                self.outcomes.pop(screen.key, None)
                if screen.run is not None:
                    shutil.rmtree(screen.run, ignore_errors=True)

    def leave(self, owner: str) -> None:
        """Note that the owner's page was closed: after `keep_s` without a return, everything of it is deleted."""
        self.come_back(owner)
        timer = self.away[owner] = threading.Timer(self.keep_s, self.forget, [owner])
        timer.daemon = True
        timer.start()

    def come_back(self, owner: str) -> None:
        timer = self.away.pop(owner, None)
        if timer is not None:
            timer.cancel()

    def _watch(self, search: Search) -> Iterator[Screen]:
        for state in search.job.states():
            yield Screen(progress=fragments.progress(state, num_ahead=self.seat.ahead(search.ticket)))
        screen = search.screen or search.job.result()
        if search.job.is_stopped:
            state = search.job.state
            screen = Screen(progress=fragments.stopped(state), record={"status": "stopped", "rounds": state.done})
        yield screen

    def _search(
        self,
        owner: str,
        creative: Creative,
        options: dict[str, Any],
        ticket: Ticket,
        wish: Wish,
    ) -> Callable[[ReportProgress, ShouldStop], Screen]:
        """Return the work of a search: wait for the model, search, and make the last screen; a fault becomes a screen."""

        def work(report: ReportProgress, should_stop: ShouldStop) -> Screen:
            try:
                with self.seat.hold(ticket, should_stop=should_stop) as has_model:
                    if not has_model or should_stop():
                        return Screen()
                    outcome = self.studio.improve_one(creative, **options, progress=report, should_stop=should_stop)
                return Screen() if should_stop() else self.show(owner, creative, outcome, picture(creative), wish)
            except AdCreativeError as error:
                return Screen(progress=fragments.problem(error), record={"status": "failed", "error": str(error)})
            except Exception as error:
                log.exception("a search failed")
                return Screen(progress=fragments.breakdown(error), record={"status": "failed", "error": "internal error"})

        return work

    def choose(self, owner: str, choice: str | None) -> Screen:
        """Take another of the edits that the search found, after the same second opinion.

        Raises:
            AdCreativeError: no search, or no edit of that name.
        """
        screen = self.find_screen(owner)
        if screen is None or choice not in screen.choices:
            raise AdCreativeError("There is no such edit to take; run a search first.")
        number = screen.choices.index(choice)
        return self._replace(owner, lambda outcome: outcome.choose(number))

    def use_words(self, owner: str, headline: str | None, description: str | None) -> Screen:
        """Put words of the user's own on the edit, scored again and shown to all three models.

        Raises:
            AdCreativeError: no edit, or both models see no gain any more; the edit then keeps the words it had.
        """
        _, creative = self.find_run(owner)
        words = {
            "headline": (headline or "").strip()[:MAX_TEXT_CHARS],
            "description": (description or "").strip()[:MAX_TEXT_CHARS],
        }

        def reword(outcome: Any) -> Any:
            reworded = self.studio.reword_one(creative, outcome, **words)
            if reworded.result.status != "edited":
                raise AdCreativeError(f"The edit keeps the words it had: {reworded.result.reason}.")
            return reworded

        return self._replace(owner, reword)

    def _replace(self, owner: str, change: Callable[[Any], Any]) -> Screen:
        """Show what `change` makes of the owner's open outcome in place of it."""
        search, screen = self.board.find(owner), self.find_screen(owner)
        if search is None or screen is None or screen.creative is None:
            raise AdCreativeError("There is no edit yet. Run a search first (step 3).")
        opened = self.outcomes.get(screen.key)
        if opened is None:
            raise AdCreativeError("That search is no longer open. Run it again: the same seed finds the same edits.")
        with self.seat.quick():
            outcome = change(opened)
        search.chosen = self.show(owner, screen.creative, outcome, picture(screen.creative), screen.wish)
        return search.chosen

    def find_screen(self, owner: str) -> Screen | None:
        search = self.board.find(owner)
        return search.screen if search is not None else None

    def find_run(self, owner: str) -> tuple[Path, Creative]:
        """Return the folder of the owner's edit, and the ad as it was brought.

        Raises:
            AdCreativeError: there is no edit yet.
        """
        screen = self.find_screen(owner)
        if screen is None or screen.run is None or screen.creative is None:
            raise AdCreativeError("There is no edit yet. Run a search first (step 3).")
        return screen.run, screen.creative

    def show(self, owner: str, creative: Creative, outcome: Any, before: np.ndarray | None, wish: Wish) -> Screen:
        """Write the folder of an outcome and return the last screen."""
        result = outcome.result.as_dict()
        key = uuid4().hex[:12]
        self.outcomes[key] = outcome
        while len(self.outcomes) > MAX_OPEN:
            self.outcomes.pop(next(iter(self.outcomes)))
        run = self.owner_dir(owner) / key
        pair, download, is_edited = None, None, result["status"] == "edited"
        if is_edited:
            settings = {**outcome.settings, "seed": result["seed"], "model_hash": result["model_hash"]}
            row = save_run(
                creative, outcome, run, stem=_safe_stem(result), settings=settings, cards=self.cards,
                models=getattr(self.studio, "model_hashes", {}), signing=getattr(self.studio, "signing", None),
            )  # fmt: skip
            if before is not None and outcome.image_u8 is not None:
                download = run / row["edited_image"]
                pair = _save_pair(before, outcome.image_u8, run / "preview")
        alternatives = tuple(getattr(outcome, "alternatives", ())) if result["enough_data"] else ()
        return Screen(
            pair=pair, result=fragments.result(outcome, before, self.cards), download=download, record=result,
            alternatives=fragments.alternatives(alternatives, getattr(outcome, "front", ()), _find_taken(alternatives, result)),
            choices=tuple(fragments.name_alternative(number) for number in range(1, len(alternatives) + 1)),
            run=run if is_edited else None, creative=creative, key=key, wish=wish,
        )  # fmt: skip

    def lent_dir(self, owner: str) -> Path:
        """Where pictures lie that the app itself puts into the form: they count as uploads of the owner."""
        return self.result_dir.with_name("demos") / self.owner_dir(owner).name

    def owner_dir(self, owner: str) -> Path:
        return self.result_dir / re.sub(r"\W", "", owner or "session")


def _safe_stem(result: dict[str, Any]) -> str:
    """A file name that is safe on every system, from what the user called the creative."""
    stem = re.sub(r"[^\w-]+", "-", Path(result.get("file_name") or "creative").stem).strip("-_")
    return stem[:60] or "creative"


def _save_pair(before: np.ndarray, after: np.ndarray, directory: Path) -> Pair:
    """Save both pictures at one preview size; the slider lays them over each other pixel by pixel."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    height, width = before.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    paths = (directory / "before.jpg", directory / "after.jpg")
    for image_u8, path in zip((before, after), paths, strict=True):
        Image.fromarray(image_u8).resize(size, Image.Resampling.LANCZOS).save(path, "JPEG", quality=93, subsampling=0)
    return paths


def _find_taken(alternatives: Sequence[Any], result: Mapping[str, Any]) -> int | None:
    """Return which of the alternatives the result is, counted from 1, or None."""
    for number, one in enumerate(alternatives, 1):
        words = {"headline": one.headline, "description": getattr(one, "description", result["description_edited"])}
        has_words = all(text == result[f"{kind}_edited"] for kind, text in words.items())
        if result["status"] == "edited" and has_words and [asdict(edit) for edit in one.edits] == list(result["edits"]):
            return number
    return None
