"""Each owner's settings for all ads: a model trained on the owner's results, a brand kit, consent records, the copywriter."""

from __future__ import annotations

import logging
import shutil
import threading
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
    """A language model: its spec for `pipeline.check_language_model`, its server's key (never shown), and its reported name."""

    spec: str
    key: str = field(default="", repr=False)
    called: str = ""


@dataclass(kw_only=True, eq=False)
class Choices:
    """The choices of all owners; an owner without a choice uses the studio's models, with a separate folder of features.

    studio: shared by all owners. features_dir: parent of the owners' folders of features. own: studios trained on an owner's
    results; general: studios of all other owners. kept_models: folders of models chosen in an earlier run, loaded at first
    use. kits, consent_files: files written in the page. writers: kept in memory only, because a writer may hold a key.
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
        """Return the studio that scores the owner's ads, with the owner's own model and consent records where there are any."""
        studio, consents = self.own_of(owner) or self.general_of(owner), self.consent_files.get(owner)
        return studio if consents is None else studio.with_consents(consents)

    def own_of(self, owner: str) -> Studio | None:
        """Return the studio trained on the owner's results; None without one."""
        with self._lock:
            if (folder := self.kept_models.pop(owner, None)) is not None:
                try:
                    self.own[owner] = self.general_of(owner).with_model(folder)
                except AdCreativeError:  # the shipped model scores
                    log.exception("a model of an earlier run cannot be loaded")
        return self.own.get(owner)

    def general_of(self, owner: str) -> Studio:
        """Return the shared studio with a features folder that holds only this owner's features."""
        return self.general.get(owner) or self.general.setdefault(owner, self.studio.with_features_in(self.features_of(owner)))

    def has_features(self, owner: str) -> bool:
        """Return whether features of the owner's pictures may be stored."""
        return owner in self.general

    def forget_features(self, owner: str) -> None:
        """Delete the owner's features only; a request that is being answered stores no more of them."""
        studios = [one for one in (self.general.pop(owner, None), self.own.get(owner)) if one is not None]
        if owner in self.own:
            self.own[owner] = self.own[owner].with_features_in(self.features_of(owner))
        for studio in studios:
            studio.forget_features(for_good=True)
        self.drop_features(owner)

    def drop_features(self, owner: str) -> None:
        """Delete the owner's folder of features, such as after long work that stored some has ended."""
        shutil.rmtree(self.features_of(owner), ignore_errors=True)

    def features_of(self, owner: str) -> Path:
        """Return the folder of the features of the owner's pictures."""
        return self.features_dir / folder_name(home_of(owner))

    def cards_of(self, owner: str) -> tuple[dict[str, Any], ...]:
        """Return the model cards of the owner's studio."""
        own = self.own_of(owner)
        return self.cards if own is None else tuple(own.cards)

    def with_writer(self, owner: str, settings: Written) -> Written:
        """Return the settings of a search or of writing with the owner's writer, if one was chosen."""
        writer = self.writers.get(owner)
        return settings if writer is None else replace(settings, copywriter=writer.spec, llm_key=writer.key)

    def forget(self, owner: str) -> None:
        """Delete the owner's choices, except the trained model, which has a delete button of its own."""
        self.kits.pop(owner, None)
        self.consent_files.pop(owner, None)
        self.writers.pop(owner, None)
