"""What each owner has chosen for all of their ads: a model of their own results, a brand kit, consent records, who writes."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from adcreative.errors import AdCreativeError
from adcreative.pipeline import WriteSettings

from ..sessions.belongings import folder_name
from ..sessions.owners import ByHome, home_of

if TYPE_CHECKING:
    from adcreative.pipeline import Studio

log = logging.getLogger(__name__)
Written = TypeVar("Written", bound=WriteSettings)


@dataclass(frozen=True)
class Writer:
    """A language model as `pipeline.check_language_model` takes it, the key of its server, which is never shown, and what the
    model calls itself."""

    spec: str
    key: str = field(default="", repr=False)
    called: str = ""


@dataclass(kw_only=True, eq=False)
class Choices:
    """The choices of all owners; whoever chose nothing has the studio's models, with features in a folder of their own.

    studio: everybody's. features_dir: of the folders, one an owner. own: studios of owners who trained on their own results,
    general: the studios of all owners without that. kept_models: folders of models that were chosen in an earlier run, loaded
    when first asked for. kits, consent_files: files that were written in the page. writers: in memory only, since a key may be
    among them.
    """

    studio: Studio
    features_dir: Path
    cards: tuple[dict[str, Any], ...] = ()
    general: ByHome[Studio] = field(default_factory=ByHome)
    own: ByHome[Studio] = field(default_factory=ByHome)
    kept_models: ByHome[Path] = field(default_factory=ByHome)
    kits: ByHome[Path] = field(default_factory=ByHome)
    consent_files: ByHome[Path] = field(default_factory=ByHome)
    writers: ByHome[Writer] = field(default_factory=ByHome)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def studio_of(self, owner: str) -> Studio:
        """Return the studio that scores the owner's ads: that of their own results, if they trained on some, with the consent
        records that they added."""
        studio, consents = self.own_of(owner) or self.general_of(owner), self.consent_files.get(owner)
        return studio if consents is None else studio.with_consents(consents)

    def own_of(self, owner: str) -> Studio | None:
        """Return the studio of the owner's own results; None without one."""
        with self._lock:
            if (folder := self.kept_models.pop(owner, None)) is not None:
                try:
                    self.own[owner] = self.general_of(owner).with_model(folder)
                except AdCreativeError:  # the shipped one scores
                    log.exception("a model of an earlier run cannot be loaded")
        return self.own.get(owner)

    def general_of(self, owner: str) -> Studio:
        """Return everybody's studio with the owner's own features, which no other owner's are among."""
        return self.general.get(owner) or self.general.setdefault(owner, self.studio.with_features_in(self.features_of(owner)))

    def has_features(self, owner: str) -> bool:
        """Return whether anything may be kept of what was read in the owner's pictures."""
        return owner in self.general

    def forget_features(self, owner: str) -> Callable[[], None]:
        """Drop what was read in the owner's pictures and words, and in nobody else's; return what drops it once more, for when
        work that is ending just now has ended."""
        studios = [one for one in (self.general.pop(owner, None), self.own.get(owner)) if one is not None]

        def drop() -> None:
            for studio in studios:
                studio.forget_features()
            shutil.rmtree(self.features_of(owner), ignore_errors=True)

        drop()
        return drop

    def features_of(self, owner: str) -> Path:
        """Return where what is read in the owner's pictures is kept."""
        return self.features_dir / folder_name(home_of(owner))

    def cards_of(self, owner: str) -> tuple[dict[str, Any], ...]:
        """Return the model cards of the owner's studio."""
        own = self.own_of(owner)
        return self.cards if own is None else tuple(own.cards)

    def with_writer(self, owner: str, settings: Written) -> Written:
        """Return the settings of a search, or of writing, with the writer that the owner chose for all ads, if any."""
        writer = self.writers.get(owner)
        return settings if writer is None else replace(settings, copywriter=writer.spec, llm_key=writer.key)

    def forget(self, owner: str) -> None:
        """Drop what the owner chose, but the model of their results, which has a button of its own."""
        self.kits.pop(owner, None)
        self.consent_files.pop(owner, None)
        self.writers.pop(owner, None)
