"""Which ad is on whose page, and what belongs to it: a score, a search and an approval are of one ad and never of another.

An ad is known by the bytes of its picture and by its words. A change of either makes it another ad: what was found for the one
before is shown no more and can be neither taken, approved nor packed; brought back unchanged, it is found again. Knows no
page and no model.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adcreative.creative import Creative

from .wishes import FORM_FIELDS

MAX_STATES = 10_000
OTHER_AD = "The ad was changed meanwhile, so this is not shown. Press the button again."
NO_AD = ""


@dataclass(frozen=True, kw_only=True)
class AdState:
    """The ad on a page: what it is known by, and what was said of it so far: its score (fragment and record), and why it has
    that score (fragment and page to download)."""

    ad: str = NO_AD
    score: tuple[str, dict[str, Any]] | None = None
    why: tuple[str, Path | None] | None = None


@dataclass(frozen=True)
class Desk:
    """Who has which ad before them. A page says so whenever its form changes and with every question it asks."""

    _states: dict[str, AdState] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(self, owner: str, ad: str) -> bool:
        """Put an ad before the owner; return whether it is another than the one before."""
        with self._lock:
            is_other = self._states.get(owner, AdState()).ad != ad
            if is_other:
                self._states.pop(owner, None)
                self._states[owner] = AdState(ad=ad)
                if len(self._states) > MAX_STATES:  # who came first, and never left
                    del self._states[next(iter(self._states))]
        return is_other

    def find(self, owner: str) -> AdState:
        with self._lock:
            return self._states.get(owner, AdState())

    def note_score(self, owner: str, ad: str, score: tuple[str, dict[str, Any]]) -> bool:
        """Keep the score of an ad; False, and nothing is kept, when the owner has another ad before them by now."""
        return self._note(owner, ad, score=score)

    def note_why(self, owner: str, ad: str, why: tuple[str, Path | None]) -> bool:
        """Keep the explanation of an ad's score; False as for `note_score`."""
        return self._note(owner, ad, why=why)

    def _note(self, owner: str, ad: str, **said: Any) -> bool:
        with self._lock:
            state = self._states.get(owner, AdState())
            if state.ad == ad:
                self._states[owner] = replace(state, **said)
            return state.ad == ad

    def clear(self, owner: str) -> None:
        with self._lock:
            self._states.pop(owner, None)


def identify(creative: Creative) -> str:
    """Return what an ad is known by: 64 hexadecimal digits of its words and the bytes of its picture."""
    words = {name: getattr(creative, name) for name in FORM_FIELDS if name != "image_path"}
    return _hash(words, creative.image_path)


def identify_shown(ad: str, row: Mapping[str, Any], image_path: Path | None) -> str:
    """Return what a result is known by: the ad it is of, the words it shows, the bytes of its picture."""
    return _hash(
        {"ad": ad, **{name: row.get(name) for name in ("status", "headline_edited", "description_edited")}}, image_path
    )


def _hash(words: Mapping[str, Any], image_path: Path | None) -> str:
    found = hashlib.sha256()
    for name, text in sorted(words.items()):
        found.update(f"{name}:{len(str(text))}:{text};".encode("utf-8", "surrogatepass"))
    if image_path is not None:
        try:
            found.update(b"picture:" + image_path.read_bytes())
        except OSError:  # deleted meanwhile: an ad of its own, which nothing was found for
            found.update(b"missing picture:" + str(image_path).encode("utf-8", "surrogateescape"))
    return found.hexdigest()
