"""What each owner has chosen for all of their ads: a model of their own results, a brand kit, consent records, who writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..port import Studio


@dataclass(frozen=True)
class Writer:
    """A language model as `pipeline.check_language_model` takes it, the key of its server, which is never shown, and what the
    model calls itself."""

    spec: str
    key: str = field(default="", repr=False)
    called: str = ""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices of all owners; whoever chose nothing has the studio's.

    own: studios of owners who trained on their own results. kits, consent_files: files that were written in the page. writers:
    in memory only, since a key may be among them.
    """

    studio: Studio
    cards: tuple[dict[str, Any], ...] = ()
    own: dict[str, Studio] = field(default_factory=dict)
    kits: dict[str, Path] = field(default_factory=dict)
    consent_files: dict[str, Path] = field(default_factory=dict)
    writers: dict[str, Writer] = field(default_factory=dict)

    def studio_of(self, owner: str) -> Studio:
        """Return the studio that scores the owner's ads: that of their own results, if they trained on some, with the consent
        records that they added."""
        studio, consents = self.own.get(owner, self.studio), self.consent_files.get(owner)
        return studio if consents is None else studio.with_consents(consents)

    def cards_of(self, owner: str) -> tuple[dict[str, Any], ...]:
        """Return the model cards of the owner's studio."""
        own = self.own.get(owner)
        return self.cards if own is None else tuple(getattr(own, "cards", ()))

    def writer_options(self, owner: str, copywriter: str) -> dict[str, str]:
        """Return the options of a search, or of writing, that say who writes: what the owner chose for all ads, else this."""
        writer = self.writers.get(owner)
        if writer is None:
            return {"copywriter": copywriter}
        return {"copywriter": writer.spec, **({"llm_key": writer.key} if writer.key else {})}

    def forget(self, owner: str) -> None:
        """Drop what the owner chose, but the model of their results, which has a button of its own."""
        for chosen in (self.kits, self.consent_files, self.writers):
            chosen.pop(owner, None)
