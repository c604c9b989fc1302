"""The library: ads, versions, approvals and models stored in a workspace, available to any tab, browser or later start.

An ad is stored after its first score or search, and again after every later step; opening an ad restores its page.
Each tab has an open ad of its own. Without Gradio.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_approved
from adcreative.workspace.store import Record, Workspace

from ..html import fragments
from ..html import library as library_fragments
from ..sessions.ads import AdState, Stage
from ..sessions.jobs import Job
from ..sessions.model_queue import Ticket
from ..sessions.owners import KEPT, is_kept
from ..sessions.search_requests import FORM_FIELDS, SearchRequest
from .brand import Brands
from .consents import FILE as CONSENT_FILE
from .one_ad import Handlers
from .planned import find_shelf
from .scores import label_ad
from .screens import Screen
from .search import Search

log = logging.getLogger(__name__)
HOME = "home"  # below the workspace: the data and settings shared by all ads
CARD_PX = 320
MAX_TABS = 200  # number of tabs whose latest ad is remembered
CUT_OFF = (
    "The search for better versions was cut off when the app stopped. Press “Improve it” to begin it again; the same number of "
    "the try finds the same versions."
)
NO_SUCH_AD = "This ad is no longer in the library."
_SCREEN_TEXTS = ("result", "record", "cards", "shown", "ad", "key")


@dataclass(kw_only=True, eq=False)
class Library:
    """Storage of an app's work in one workspace."""

    handlers: Handlers
    workspace: Workspace
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Restore the settings shared by all ads, and store ads from now on."""
        self.handlers.desk.on_moved.append(self.save)
        self.handlers.on_tested.append(self.keep_tests)
        self.handlers.find_kept, self.handlers.open_kept = self.bring_back, self.open
        choices, home = self.handlers.choices, self.handlers.owner_dir(f"{KEPT}.")
        Brands(handlers=self.handlers).bring_back(f"{KEPT}.")
        if (consents := home / CONSENT_FILE).is_file():
            choices.consent_files[KEPT] = consents
        for old in [one for one in self.workspace.find_all("setting") if one.name.startswith("tab/")][MAX_TABS:]:
            self.workspace.delete("setting", old.name)

    @property
    def where(self) -> str:
        """Return the path of the workspace, without the name of anybody's home folder."""
        folder, home = self.workspace.folder, Path.home()
        return str(Path("~") / folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)

    def save(self, owner: str, state: AdState) -> None:
        """Store the current state of an ad, with the version on its page; an ad without a score or search is not stored."""
        creative = state.creative
        if not owner.startswith(f"{KEPT}.") or creative is None or (state.score is None and state.stage is Stage.BROUGHT):
            return
        with self._lock:
            try:
                self._save(owner, state, creative)
            except (AdCreativeError, OSError):  # such as a full disk: the visit goes on
                log.exception("an ad could not be kept")

    def _save(self, owner: str, state: AdState, creative: Creative) -> None:
        before = self.workspace.find("ad", state.ad)
        paths = list(before.paths) if before is not None else []
        if not paths and creative.image_path is not None:
            paths = [self.workspace.keep_file(creative.image_path.read_bytes(), creative.image_path.name)]
        words = {name: getattr(creative, name) for name in FORM_FIELDS if name != "image_path"}
        score = state.score or ((before.data["score"] or None) if before is not None else None)
        data = {
            "words": words,
            "file_name": creative.file_name,
            "consent_id": creative.consent_id,
            "stage": str(state.stage),
            "shown": state.shown,
            "score": score,
            "mockups": state.mockups,
        }
        search = self.handlers.board.find(owner)  # its ad may have left the page
        screen = search.screen if search is not None and search.ad == state.ad else None
        consent_id = screen.creative.consent_id if screen is not None and screen.creative is not None else creative.consent_id
        self.workspace.put("ad", state.ad, data, consent_id=consent_id, paths=paths)
        if self.handlers.desk.find(owner).ad == state.ad:
            self._drop_draft(owner, state.ad, paths)
            self.workspace.put("setting", f"tab/{owner}", {"ad": state.ad})
        if screen is None or not screen.key:
            return
        version = ("version", screen.key)
        self.workspace.put(
            *version, self._write_screen(screen), parent=("ad", state.ad), paths=[screen.run] if screen.run else []
        )
        if state.stage in (Stage.APPROVED, Stage.PACKED) and screen.run is not None:
            self.workspace.put("approval", screen.key, dict(check_approved(screen.run)), parent=version)

    def _drop_draft(self, owner: str, ad: str, paths: list[Path]) -> None:
        """Delete this tab's previous wording of the same picture if the wording was only scored and has no versions."""
        tab = self.workspace.find("setting", f"tab/{owner}")
        draft = None if tab is None or tab.data["ad"] == ad else self.workspace.find("ad", tab.data["ad"])
        if draft is None or not paths or draft.paths != tuple(paths) or draft.data["stage"] != Stage.SCORED:
            return
        if not self.workspace.find_all("version", ("ad", draft.name)):
            self.workspace.delete("ad", draft.name)

    def bring_back(self, owner: str) -> None:
        """Reopen the tab's last ad after a restart of the app."""
        tab = self.workspace.find("setting", f"tab/{owner}")
        if tab is not None and self.workspace.find("ad", tab.data["ad"]) is not None:
            self.open(owner, tab.data["ad"])

    def open(self, owner: str, ad: str) -> None:
        """Open an ad of the library in its stored state.

        Args:
            ad: the ad's id, or a prefix of the id.
        Raises:
            AdCreativeError: the ad no longer exists.
        """
        with self._lock:
            record = next((one for one in self.workspace.find_all("ad") if one.name.startswith(ad)), None)
            if record is None:
                raise AdCreativeError(NO_SUCH_AD)
            ad = record.name
            running = next((one for one in self.handlers.board.find_all() if one.ad == ad and not one.job.is_finished), None)
            state = self._read_state(owner, record, is_running=running is not None)
            if running is not None:
                self.handlers.board.post(owner, running.job, running)
                running.job.then(lambda: self._note_found(owner, ad, running))
            elif (screen := self._read_latest(record, state)) is not None:
                search = Search(job=Job.done(screen), ticket=Ticket(True, 0), ad=ad, creative=screen.creative)
                self.handlers.board.post(owner, search.job, search)
            self.handlers.desk.restore(owner, state)
            self.workspace.put("setting", f"tab/{owner}", {"ad": ad})

    def _note_found(self, owner: str, ad: str, search: Search) -> None:
        """Tell a tab that watched another tab's search how the search ended."""
        screen = search.screen
        self.handlers.desk.move(owner, ad, "find" if screen else "drop", **({"shown": screen.shown} if screen else {}))

    def _read_state(self, owner: str, record: Record, *, is_running: bool) -> AdState:
        data, path = record.data, None
        if record.paths and record.paths[0].is_file():
            name = Path(data["file_name"] or record.paths[0].name).name
            path = self.handlers.belongings.lend(owner, name, record.paths[0].read_bytes())
        creative = Creative(image_path=path, file_name=data["file_name"], **data["words"])
        stage = Stage(data["stage"])
        if stage is Stage.SEARCHING and not is_running:
            stage = Stage.SCORED if data["score"] else Stage.BROUGHT
        stage = Stage.FOUND if stage is Stage.LAYING else stage
        score = (data["score"][0], data["score"][1]) if data["score"] else None
        return AdState(
            ad=record.name,
            creative=creative,
            label=label_ad(creative),
            stage=stage,
            score=score,
            mockups=data["mockups"],
            shown=data["shown"],
        )

    def _read_latest(self, record: Record, state: AdState) -> Screen | None:
        """Return the screen of the version last shown for an ad, or a note about an interrupted search."""
        if record.data["stage"] == Stage.SEARCHING:
            return Screen(progress=fragments.note(CUT_OFF), record={"status": "stopped"}, creative=state.creative)
        versions = self.workspace.find_all("version", ("ad", record.name))
        found = next((one for one in versions if one.data["shown"] == state.shown and state.shown), None)
        return None if found is None else self._read_screen(found.data, state)

    def _write_screen(self, screen: Screen) -> dict[str, Any]:
        def inside(path: Path | None) -> str:
            return "" if path is None else path.relative_to(self.workspace.folder).as_posix()

        return {
            **{name: getattr(screen, name) for name in _SCREEN_TEXTS},
            "pair": [inside(path) for path in screen.pair or ()],
            "download": inside(screen.download),
            "run": inside(screen.run),
            "shapes": {inside(path): digest for path, digest in screen.shapes.items()},
            "consent_id": screen.creative.consent_id if screen.creative else "",
            "wish": {**dataclasses.asdict(screen.search_request), "brand_kit": None},
        }

    def _read_screen(self, data: Mapping[str, Any], state: AdState) -> Screen:
        def outside(name: str) -> Path | None:
            return self.workspace.folder / name if name else None

        search_request: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data["wish"].items()
        }
        before, after = (*map(outside, data["pair"]), None, None)[:2]
        creative = dataclasses.replace(state.creative or Creative(), consent_id=data["consent_id"])
        return Screen(
            **{name: data[name] for name in _SCREEN_TEXTS},
            pair=(before, after) if before and after else None,
            download=outside(data["download"]),
            run=outside(data["run"]),
            creative=creative,
            search_request=SearchRequest(**search_request),
            shapes={self.workspace.folder / name: digest for name, digest in data["shapes"].items()},
        )

    def show(self) -> tuple[str, list[str]]:
        """Return a fragment of all stored ads, the latest first, and their ids."""
        ads = self.workspace.find_all("ad")
        cards = []
        for ad in ads:
            path = next(iter(ad.paths), None)
            words = ad.data["words"]
            creative = Creative(image_path=path, file_name=ad.data["file_name"], **words)
            called, picture = label_ad(creative, CARD_PX)
            versions = self.workspace.find_all("version", ("ad", ad.name))
            approvals = [one for version in versions for one in self.workspace.find_all("approval", ("version", version.name))]
            cards.append(
                {
                    "called": words["headline"] or called,
                    "picture": picture,
                    "stage": ad.data["stage"],
                    "when": datetime.fromtimestamp(ad.changed_s, UTC).astimezone(),
                    "num_versions": sum(_is_found(version.data["record"]) for version in versions),
                    "by": sorted({str(one.data.get("by", "")) for one in approvals}),
                }
            )
        return library_fragments.ads(cards), [ad.name for ad in ads]

    def keep_tests(self, owner: str) -> None:
        """Store a record of each planned test, with its latest read-out."""
        plans = {one.name: one for one in find_shelf(self.handlers, owner).plans} if is_kept(owner) else {}
        for one in plans.values():
            data = {"campaign": one.campaign, "versions": one.names, "read_out": one.read_out}
            self.workspace.put("test", one.name, data, paths=[one.plan.parent])
        for old in self.workspace.find_all("test"):
            if plans and old.name not in plans:
                self.workspace.delete("test", old.name)

    def delete_ad(self, owner: str, ad: str) -> None:
        """Delete an ad with its versions, approvals and pictures, and close it on every page."""
        for search in self.handlers.board.find_all():
            if search.ad == ad:
                search.job.stop(wait_s=None if not search.job.is_finished else 0)
        record = self.workspace.find("ad", ad)
        versions = self.workspace.find_all("version", ("ad", ad))
        runs = [path for one in versions for path in one.paths]
        copies = [*runs, *(record.paths if record is not None else ())]
        self.handlers.belongings.erase(owner, copies)
        for name in find_shelf(self.handlers, owner).forget_runs(one.name for one in versions):
            self.workspace.delete("test", name)
        self.workspace.delete("ad", ad)
        for tab in self.workspace.find_all("setting"):
            if tab.data.get("ad") == ad:
                self.handlers.board.take_down(tab.name.removeprefix("tab/"))
                self.handlers.desk.drop(tab.name.removeprefix("tab/"), ad)
                self.workspace.delete("setting", tab.name)

    def delete_all(self, owner: str) -> None:
        """Delete everything stored in the workspace, for all tabs."""
        home = self.handlers.owner_dir(owner)
        for record in self.workspace.find_all("ad"):
            self.delete_ad(owner, record.name)
        self.workspace.delete_all()
        self.handlers.use_own(owner, None)
        for forget in self.handlers.also_forget:
            forget(owner)
        self.handlers.choices.forget_features(owner)
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)


def _is_found(record: Mapping[str, Any]) -> bool:
    """Return whether the record of a search holds a version, or versions to choose from, and not the ad as it is."""
    return record.get("status") == "edited" or bool(record.get("alternatives"))
