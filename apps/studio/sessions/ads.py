"""The ad on each owner's page and its state: a score, a search and an approval belong to one ad and never to another.

Each ad is a state machine: brought, scored, searching, found, laid out, approved, packed; MOVES lists the transitions.
An ad is identified by the bytes of its picture and by its words. A change of either makes another ad: the result of the
previous ad is hidden and can be neither taken, approved nor packed; the unchanged ad brings its result back. Independent
of pages and models.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError

from .questions import Unanswered
from .search_requests import FORM_FIELDS

MAX_STATES, MAX_ADS = 10_000, 8  # owners; ads of each
OTHER_AD = "The ad was changed meanwhile, so this is not shown. Press the button again."
NO_AD = ""
NOT_SHOWN = "What you see is not what would be approved. Look at the result above again, then approve."
NEEDS_APPROVAL = "Who approves this version? Say in step 4 where it will run and who you are; then it can be packed."
CHANGED = "This version was changed after it was approved. Look at it again, then approve it again in step 4."
BEING_LAID_OUT = "Its shapes are being laid out. Look at them when they stand, then approve: your approval covers each of them."
NOT_NOW = {
    "find": "There is no new version yet. Press “Improve it” first (step 3).",
    "approve": "There is no new version yet. Press “Improve it” first (step 3).",
}


class Stage(StrEnum):
    """The current stage of an ad."""

    EMPTY = "empty"
    BROUGHT = "brought"
    SCORED = "scored"
    SEARCHING = "searching"
    FOUND = "found"
    LAYING = "laying"  # a version that is being laid out in further shapes, which nobody has seen yet
    APPROVED = "approved"
    PACKED = "packed"


_BEFORE_SEARCH = (Stage.BROUGHT, Stage.SCORED)
_SINCE_SEARCH = (Stage.SEARCHING, Stage.FOUND, Stage.LAYING, Stage.APPROVED, Stage.PACKED)
# event -> stage before -> stage after; other transitions are impossible
MOVES: Mapping[str, Mapping[Stage, Stage]] = {
    "score": {**dict.fromkeys(_BEFORE_SEARCH, Stage.SCORED), **{stage: stage for stage in _SINCE_SEARCH}},
    "name": {stage: stage for stage in (*_BEFORE_SEARCH, *_SINCE_SEARCH)},
    "explain": {stage: stage for stage in (*_BEFORE_SEARCH, *_SINCE_SEARCH)},
    "search": dict.fromkeys((*_BEFORE_SEARCH, *_SINCE_SEARCH), Stage.SEARCHING),
    "drop": {Stage.BROUGHT: Stage.BROUGHT, Stage.SCORED: Stage.SCORED, **dict.fromkeys(_SINCE_SEARCH, Stage.SCORED)},
    "find": dict.fromkeys(_SINCE_SEARCH, Stage.FOUND),
    "lay": {Stage.FOUND: Stage.LAYING},
    "laid": {**{stage: stage for stage in (*_BEFORE_SEARCH, *_SINCE_SEARCH)}, Stage.LAYING: Stage.FOUND},
    "approve": dict.fromkeys((Stage.FOUND, Stage.APPROVED, Stage.PACKED), Stage.APPROVED),
    "pack": dict.fromkeys((Stage.APPROVED, Stage.PACKED), Stage.PACKED),
}


@dataclass(frozen=True, kw_only=True)
class AdState:
    """One ad: its id, stage, score (fragment and record), explanation (fragment and page to download), and the id of the result
    on the page (shown). label: its name and thumbnail. mockups: its placements, as a fragment. creative: the uploaded ad, its
    picture by its path."""

    ad: str = NO_AD
    creative: Creative | None = None
    label: tuple[str, Any] = ("", None)
    stage: Stage = Stage.EMPTY
    score: tuple[str, dict[str, Any]] | None = None
    why: tuple[str, Path | None] | None = None
    mockups: str = ""
    shown: str = ""

    def after(self, event: str, **said: object) -> AdState:
        """Return the state after an event of MOVES, updated with `said`.

        Raises:
            AdCreativeError: the event is impossible in this stage; only the result on the page can be approved.
            Unanswered: the version to be packed is not approved yet.
        """
        stage = MOVES[event].get(self.stage)
        if event == "laid" and said.get("shown") != self.shown:
            return self  # another version was chosen meanwhile
        if stage is None and self.stage is Stage.LAYING and event in ("approve", "lay"):
            raise AdCreativeError(BEING_LAID_OUT)
        if stage is None and event == "pack":
            raise Unanswered(NEEDS_APPROVAL, "approval")
        if stage is None:
            raise AdCreativeError(NOT_NOW.get(event, "There is no ad yet. Bring one first."))
        if event in ("lay", "approve", "pack") and said.get("shown") != self.shown:
            raise AdCreativeError(NOT_SHOWN)
        if event in ("drop", "search"):
            said = {**said, "shown": ""}
        changed: dict[str, Any] = said
        state = replace(self, stage=stage, **changed)
        return replace(state, stage=Stage.BROUGHT) if stage is Stage.SCORED and state.score is None else state


@dataclass(frozen=True)
class Desk:
    """The ad on each owner's page, and the stages of the owner's latest ads. A page reports its ad after each change of its
    form and with every request."""

    on_scored: list[Callable[[str, AdState], object]] = field(default_factory=list)  # also after a search
    on_moved: list[Callable[[str, AdState], object]] = field(default_factory=list)  # after every event
    _states: dict[str, dict[str, AdState]] = field(default_factory=dict)  # by owner, then by ad; the last one is on the page
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(self, owner: str, ad: str) -> bool:
        """Make an ad the owner's current ad; return whether the ad has changed."""
        with self._lock:
            ads = self._states.setdefault(owner, {})
            is_other = not ads or next(reversed(ads)) != ad
            if is_other:
                stage = Stage.BROUGHT if ad != NO_AD else Stage.EMPTY
                ads[ad] = ads.pop(ad, AdState(ad=ad, stage=stage))
                if len(ads) > MAX_ADS:
                    del ads[next(iter(ads))]
                self._states[owner] = self._states.pop(owner)
                if len(self._states) > MAX_STATES:  # the oldest owner, who never left
                    del self._states[next(iter(self._states))]
        return is_other

    def find(self, owner: str) -> AdState:
        """Return the state of the owner's current ad."""
        with self._lock:
            return self._current(owner)

    def find_seen(self, owner: str) -> AdState | None:
        """Return the owner's latest scored or searched ad; None without one."""
        with self._lock:
            ads = reversed(self._states.get(owner, {}).values())
            return next((one for one in ads if one.score is not None or one.stage in _SINCE_SEARCH), None)

    def move(self, owner: str, ad: str, event: str, **said: object) -> bool:
        """Apply an event to an ad; return False, without any change, when the owner has no such ad.

        Raises:
            AdCreativeError: as `AdState.after`.
        """
        with self._lock:
            ads = self._states.get(owner, {})
            if ad not in ads or ad == NO_AD:
                return False
            ads[ad] = ads[ad].after(event, **said)
        self.tell_moved(owner, ad)
        return True

    def tell_moved(self, owner: str, ad: str) -> None:
        """Notify the listeners of ads about the state of an ad."""
        with self._lock:
            state = self._states.get(owner, {}).get(ad)
        for tell in self.on_moved if state is not None else ():
            tell(owner, state)  # type: ignore[arg-type]

    def restore(self, owner: str, state: AdState) -> None:
        """Make a stored ad the owner's current ad."""
        self.bring(owner, state.ad)
        with self._lock:
            self._states[owner][state.ad] = state

    def drop(self, owner: str, ad: str) -> None:
        """Delete an ad of an owner."""
        with self._lock:
            self._states.get(owner, {}).pop(ad, None)

    def note_score(self, owner: str, ad: str, score: tuple[str, dict[str, Any]]) -> bool:
        """Store the score of an ad; return False when the owner has another current ad by now."""
        if not self.move(owner, ad, "score", score=score) or self.find(owner).ad != ad:
            return False
        self.tell_scored(owner, ad)
        return True

    def tell_scored(self, owner: str, ad: str) -> None:
        """Notify the listeners of scores about an ad's score, if the ad is the owner's current ad."""
        state = self.find(owner)
        if state.ad == ad and state.score is not None:
            for tell in self.on_scored:
                tell(owner, state)

    def note_why(self, owner: str, ad: str, why: tuple[str, Path | None]) -> bool:
        """Store the explanation of an ad's score; return False as `note_score`."""
        return self.move(owner, ad, "explain", why=why) and self.find(owner).ad == ad

    def forget_scores(self, owner: str) -> None:
        """Delete the scores and explanations of the owner's ads after a change of the model."""
        with self._lock:
            ads = self._states.get(owner, {})
            for ad, state in ads.items():
                stage = Stage.BROUGHT if state.stage is Stage.SCORED else state.stage
                ads[ad] = replace(state, score=None, why=None, stage=stage)

    def clear(self, owner: str) -> None:
        with self._lock:
            self._states.pop(owner, None)

    def _current(self, owner: str) -> AdState:
        ads = self._states.get(owner)
        return ads[next(reversed(ads))] if ads else AdState()


_SHOWN_WORDS = ("status", "headline_edited", "description_edited", "cta_edited")


def identify(creative: Creative) -> str:
    """Return the id of an ad: 64 hexadecimal digits of its words and the bytes of its picture."""
    words = {name: getattr(creative, name) for name in FORM_FIELDS if name != "image_path"}
    return _hash(words, creative.image_path)


def identify_shown(ad: str, row: Mapping[str, Any], image_path: Path | None) -> str:
    """Return the id of a result: a hash of its ad, its words, and the bytes of its picture."""
    return _hash({"ad": ad, **{name: row.get(name) for name in _SHOWN_WORDS}}, image_path)


def _hash(words: Mapping[str, Any], image_path: Path | None) -> str:
    found = hashlib.sha256()
    for name, text in sorted(words.items()):
        found.update(f"{name}:{len(str(text))}:{text};".encode("utf-8", "surrogatepass"))
    if image_path is not None:
        try:
            found.update(b"picture:" + image_path.read_bytes())
        except OSError:  # deleted meanwhile: the id differs from all others
            found.update(b"missing picture:" + str(image_path).encode("utf-8", "surrogateescape"))
    return found.hexdigest()
