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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
from PIL import Image

from adcreative.catalog.images import picture
from adcreative.creative import SYNTHETIC_PERSON, Creative, EditResult, Prediction
from adcreative.errors import AdCreativeError
from adcreative.provenance.export import export_picture

from . import fragments
from .jobs import Job, JobBoard, ReportProgress, ShouldStop

log = logging.getLogger(__name__)

FORM_FIELDS = ("image_path", "headline", "primary_text", "description", "cta", "brand", "category", "placement")
PREVIEW_PX = 1280
KEEP_S = 3600.0  # how long the search of a closed page is kept
MAX_TEXT_CHARS = 10_000
# name -> population and generations; None is what the command line uses, so that "normal" gives the same numbers there.
EFFORTS: dict[str, dict[str, int | None]] = {
    "quick": {"population_size": 12, "generations": 4},
    "normal": {"population_size": None, "generations": None},
    "thorough": {"population_size": 40, "generations": 20},
}
# "allowed": those shown agreed, as a consent record says; "synthetic": nobody real is shown.
FACES_ALLOWED, FACES_SYNTHETIC, FACES_LEFT = "allowed", "synthetic", "leave"
COPYWRITERS = ("smollm2", "template")
Pair = tuple[Path, Path]


class Outcome(Protocol):
    """What an edit search returns."""

    @property
    def result(self) -> EditResult: ...
    @property
    def image_u8(self) -> np.ndarray | None: ...
    @property
    def control_u8(self) -> np.ndarray | None: ...


class Studio(Protocol):
    """What the app needs of the pipeline. `cards` (model cards) is optional; without a calibration in them no gain is shown."""

    @property
    def direction_names(self) -> tuple[str, ...]: ...
    def score_one(self, creative: Creative) -> Prediction: ...
    def improve_one(
        self,
        creative: Creative,
        *,
        seed: int,
        population_size: int | None,
        generations: int | None,
        copywriter: str,
        directions: Sequence[str] | None,
        progress: Callable[[int, int, float], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> Outcome: ...


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user allows a search to do. faces is "allowed", "synthetic", "leave", or "" when the question was not answered.

    consent_id names the record that "allowed" rests on; the pipeline looks it up and decides.
    """

    effort: str = "normal"
    faces: str = ""
    directions: tuple[str, ...] = ()
    copywriter: str = COPYWRITERS[0]
    seed: int = 0
    consent_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a search shows: a progress fragment, then the pictures to compare, the result, the file to take and its record."""

    progress: str = ""
    pair: Pair | None = None
    result: str = ""
    download: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search on the board: its job, which returns the last screen, and whether the model is free for it yet."""

    job: Job[Screen]
    begun: threading.Event


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """The buttons of one app. Two searches never share the model: the lock holds even while a stopped one winds down.

    An owner is a visitor (or the session of an API client). A closed page does not end its search: who comes back within
    `keep_s` finds it, running or done; after that it is stopped and its files are deleted.
    """

    studio: Studio
    result_dir: Path
    cards: tuple[dict[str, Any], ...] = ()
    keep_s: float = KEEP_S
    board: JobBoard[Search] = field(default_factory=JobBoard)
    model_lock: threading.Lock = field(default_factory=threading.Lock)
    away: dict[str, threading.Timer] = field(default_factory=dict)

    def inspect(self, image_path: str | None) -> str:
        """Say the size of an uploaded picture, or why it cannot be used."""
        if not image_path:
            return ""
        try:
            image_u8 = picture(Creative(image_path=Path(image_path)))
        except AdCreativeError as error:
            return fragments.problem(error)
        height, width = image_u8.shape[:2] if image_u8 is not None else (0, 0)
        return fragments.note(f"{width} × {height} px, ready.")

    def score(self, *, image_path: str | None = None, **words: str | None) -> tuple[str, dict[str, Any]]:
        """Predict one creative: a fragment for the page, and the prediction as plain JSON."""
        try:
            creative = build_creative({"image_path": image_path, **words})
            with self.model_lock:
                prediction = self.studio.score_one(creative)
        except AdCreativeError as error:
            return fragments.problem(error), {"error": str(error)}
        except Exception as error:
            log.exception("scoring failed")
            return fragments.breakdown(error), {"error": "internal error"}
        return fragments.score(prediction, self.cards), asdict(prediction)

    def improve(self, owner: str, form: Mapping[str, str | None], wish: Wish) -> Iterator[Screen]:
        """Search an edit; yield the screen at each change. Closing the generator leaves the search running for `resume`."""
        try:
            creative = with_consent(build_creative(form), wish)
            options = search_options(creative, wish, self.studio.direction_names)
            before = picture(creative)
        except AdCreativeError as error:
            yield Screen(progress=fragments.problem(error), record={"status": "refused", "error": str(error)})
            return
        begun = threading.Event()
        job = Job(work=self._search(owner, creative, before, options, begun))
        search = Search(job=job, begun=begun)
        self.board.post(owner, job, search)
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
        """Ask the owner's search to stop."""
        return fragments.note("Stopping …" if self.board.stop(owner) else "Nothing is running.")

    def forget(self, owner: str) -> None:
        """Stop the owner's search and delete everything of it."""
        self.come_back(owner)
        self.board.take_down(owner)
        shutil.rmtree(self._owner_dir(owner), ignore_errors=True)

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
            yield Screen(progress=fragments.progress(state, is_waiting=not search.begun.is_set()))
        screen = search.job.result()
        if search.job.is_stopped:
            state = search.job.state
            screen = Screen(progress=fragments.stopped(state), record={"status": "stopped", "rounds": state.done})
        yield screen

    def _search(
        self,
        owner: str,
        creative: Creative,
        before: np.ndarray | None,
        options: dict[str, Any],
        begun: threading.Event,
    ) -> Callable[[ReportProgress, ShouldStop], Screen]:
        """Return the work of a search: wait for the model, search, and make the last screen; a fault becomes a screen."""

        def work(report: ReportProgress, should_stop: ShouldStop) -> Screen:
            try:
                with self.model_lock:
                    begun.set()
                    if should_stop():
                        return Screen()
                    outcome = self.studio.improve_one(creative, **options, progress=report, should_stop=should_stop)
                return Screen() if should_stop() else self._show(owner, outcome, before, creative.image_path)
            except AdCreativeError as error:
                return Screen(progress=fragments.problem(error), record={"status": "failed", "error": str(error)})
            except Exception as error:
                log.exception("a search failed")
                return Screen(progress=fragments.breakdown(error), record={"status": "failed", "error": "internal error"})

        return work

    def _show(self, owner: str, outcome: Outcome, before: np.ndarray | None, original_path: Path | None) -> Screen:
        """Write the pictures of an outcome and return the last screen."""
        result = outcome.result.as_dict()
        directory = self._owner_dir(owner) / uuid4().hex[:12]
        pair, download = None, None
        if result["status"] == "edited" and before is not None and outcome.image_u8 is not None:
            directory.mkdir(parents=True, mode=0o700)
            download = directory / f"{_safe_stem(result)}.edited.png"
            is_edited = any(edit.face >= 0 for edit in outcome.result.edits)
            export_picture(
                download, outcome.image_u8, is_edited=is_edited, original_path=original_path, result=result,
                models=getattr(self.studio, "model_hashes", {}),
            )  # fmt: skip
            pair = _save_pair(before, outcome.image_u8, directory)
        shown = fragments.result(outcome, before, self.cards)
        return Screen(progress="", pair=pair, result=shown, download=download, record=result)

    def _owner_dir(self, owner: str) -> Path:
        return self.result_dir / re.sub(r"\W", "", owner or "session")


def build_creative(form: Mapping[str, str | None]) -> Creative:
    """Make a Creative of form values, named as in FORM_FIELDS; what is left out is empty.

    Raises:
        AdCreativeError: neither a picture nor a word.
    """
    image_path = form.get("image_path")
    words = {name: (form.get(name) or "").strip()[:MAX_TEXT_CHARS] for name in FORM_FIELDS if name != "image_path"}
    if not image_path and not (words["headline"] or words["primary_text"] or words["description"]):
        raise AdCreativeError("There is nothing to look at yet. Upload a picture, write a headline, or both.")
    file_name = Path(image_path).name if image_path else ""
    return Creative(image_path=Path(image_path) if image_path else None, file_name=file_name, **words)  # type: ignore[arg-type]


def with_consent(creative: Creative, wish: Wish) -> Creative:
    """Note on the creative what the user said about the faces in it; whether that suffices is the pipeline's to say."""
    named = {FACES_SYNTHETIC: SYNTHETIC_PERSON, FACES_ALLOWED: wish.consent_id.strip()[:200]}
    return replace(creative, consent_id=named.get(wish.faces, ""))


def search_options(creative: Creative, wish: Wish, known_directions: Sequence[str]) -> dict[str, Any]:
    """Turn a wish into the options of a search. Faces are only touched when the user said that they may be.

    Raises:
        AdCreativeError: a picture came without an answer about its faces, or a value is not among the known ones.
    """
    if wish.effort not in EFFORTS:
        raise AdCreativeError(f'effort must be one of {", ".join(EFFORTS)}, got "{wish.effort}".')
    if wish.copywriter not in COPYWRITERS:
        raise AdCreativeError(f'copywriter must be one of {", ".join(COPYWRITERS)}, got "{wish.copywriter}".')
    unknown = [name for name in wish.directions if name not in known_directions]
    if unknown:
        raise AdCreativeError(f'no direction named "{unknown[0]}"; known: {", ".join(known_directions)}.')
    if creative.has_image and wish.faces not in (FACES_ALLOWED, FACES_SYNTHETIC, FACES_LEFT):
        raise AdCreativeError("Please say first whether the faces in this picture may be edited (step 3).")
    directions = wish.directions if creative.has_image and wish.faces != FACES_LEFT else ()
    sizes = EFFORTS[wish.effort]
    return {"seed": int(wish.seed), "copywriter": wish.copywriter, "directions": tuple(directions), **sizes}


def _safe_stem(result: dict[str, Any]) -> str:
    """A file name that is safe on every system, from what the user called the creative."""
    stem = re.sub(r"[^\w-]+", "-", Path(result.get("file_name") or "creative").stem).strip("-_")
    return stem[:60] or "creative"


def _save_pair(before: np.ndarray, after: np.ndarray, directory: Path) -> Pair:
    """Save both pictures at one preview size; the slider lays them over each other pixel by pixel."""
    height, width = before.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    paths = (directory / "before.jpg", directory / "after.jpg")
    for image_u8, path in zip((before, after), paths, strict=True):
        Image.fromarray(image_u8).resize(size, Image.Resampling.LANCZOS).save(path, "JPEG", quality=93, subsampling=0)
    return paths
