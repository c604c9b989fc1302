"""Many ads at once: upload, score like the command `score`, rank. Without Gradio."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.progress import Progress, ShouldStop

from ..html import fragments
from ..html import steps as step_fragments
from ..html.steps import ORDERS, FolderWarnings, find_worth
from ..sessions.search_requests import FORM_FIELDS
from .long_work import LongWork
from .score_warnings import FEW_LIKE_IT, find_ad_warnings, find_warnings
from .uploads import gather

if TYPE_CHECKING:
    from adcreative.pipeline import FolderScores


@dataclass(frozen=True, kw_only=True)
class FolderScreen:
    """The screen of a folder: a fragment, the table to download, names of the ads that can be opened, and the record.

    view: arguments of the fragment, for rendering in another order.
    """

    shown: str = ""
    table: Path | None = None
    names: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    forms: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    view: dict[str, Any] = field(default_factory=dict, repr=False)


def _write_settings(written: Mapping[str, str | None], path: Path) -> Path | None:
    """Write a mapping file without columns; return None when no setting is given."""
    said = {name: text for name, text in written.items() if text}
    if said:
        path.write_text(json.dumps({"columns": {}, **said}), encoding="utf-8")
    return path if said else None


@dataclass(kw_only=True, eq=False)
class Folders(LongWork[FolderScreen]):
    """The buttons of the page for many ads. A folder waits in the model queue, and is available after its page was closed."""

    screen = FolderScreen
    waiting = "Waiting for the model"

    def bring(self, owner: str, uploads: Sequence[str | Path] | None) -> None:
        """Register these uploads for deletion with the owner's data."""
        self.handlers.belongings.note(owner, *(uploads or ()))

    def score(
        self, owner: str, uploads: Sequence[str | Path] | None, written: Mapping[str, str | None] | None = None
    ) -> Iterator[FolderScreen]:
        """Score the uploads; yield a screen at each change. written: the format of the table, as in a mapping file."""
        directory = self._folder(owner)
        self.bring(owner, uploads)
        if self.is_running(owner):
            yield FolderScreen(shown=fragments.note("Your ads are being scored already. Stop that first."))
            return
        try:
            shutil.rmtree(directory, ignore_errors=True)
            left_out = gather([Path(path) for path in uploads or ()], directory / "ads")
            columns = _write_settings(written or {}, directory / "columns.json")
            ticket = self.handlers.model_queue.join()
        except AdCreativeError as error:
            yield self.refuse(error)
            return

        def work(tell: Progress, should_stop: ShouldStop) -> FolderScreen:
            def count(stage: str, done: int, total: int) -> None:
                tell("ads scored", done, total)
                self.handlers.model_queue.let_short_pass(ticket)

            with self.handlers.model_queue.hold(ticket, should_stop=should_stop) as has_model:
                if not has_model:
                    return self.stopped()
                found = self.handlers.choices.studio_of(owner).score_folder(
                    directory / "ads", directory / "scores.csv", columns=columns, progress=count, should_stop=should_stop
                )
            return self.stopped() if found is None else self._show(found, left_out)

        yield from self.watch(self.start(owner, work))

    def clear_up(self, owner: str) -> None:
        super().clear_up(owner)
        shutil.rmtree(self._folder(owner), ignore_errors=True)

    def _folder(self, owner: str) -> Path:
        return self.handlers.owner_dir(owner) / "folder"

    def take(self, owner: str, name: str | None) -> dict[str, Any]:
        """Return the form of an ad, named as in FORM_FIELDS; the ad's picture counts as an upload.

        Raises:
            AdCreativeError: no such ad.
        """
        screen = self.find_screen(owner)
        if name not in screen.names:
            raise AdCreativeError("Choose one of the ads in the list first.")
        form = dict(screen.forms[screen.names.index(name)])
        if form["image_path"]:
            path = Path(form["image_path"])
            form["image_path"] = str(self.handlers.belongings.lend(owner, path.name, path.read_bytes()))
        self.handlers.bring(owner, form)
        return form

    def arrange(self, owner: str, order: str | None, query: str | None) -> str:
        """Return the fragment of the owner's scored folder in another order, filtered by `query` in name or words."""
        screen = self.find_screen(owner)
        return (
            step_fragments.folder(**screen.view, order=order or ORDERS[0], query=query or "") if screen.view else screen.shown
        )

    def _show(self, found: FolderScores, left_out: dict[str, int]) -> FolderScreen:
        """Rank the ads by rate, else by strength, best first; then ads with meaningless numbers, then ads without a number."""
        odd = {id(creative): bool(find_ad_warnings(creative)) for creative, _ in found.scored}

        def place(pair: tuple[Any, Any]) -> tuple[bool, bool, float]:
            worth = find_worth(pair[1])
            return worth is None, odd[id(pair[0])], -(worth or 0.0)

        ranked = sorted(found.scored, key=place)
        names = tuple(f"{place}. {creative.name[:80]}" for place, (creative, _) in enumerate(ranked, 1))
        forms = tuple(_fill_form(creative) for creative, _ in ranked)
        dropped = {**found.dropped, **left_out}
        record = {"ads": [row for _, row in ranked], "failed": list(found.failed), "dropped": dropped}
        warnings = {place: find_warnings(creative, row.get("evidence", "")) for place, (creative, row) in enumerate(ranked)}
        judged = [place for place, (creative, _) in enumerate(ranked) if not odd[id(creative)]]
        is_shared = len(judged) > 1 and all(FEW_LIKE_IT in warnings[place] for place in judged)
        if is_shared:  # shown once above the list
            warnings = {place: tuple(one for one in found if one != FEW_LIKE_IT) for place, found in warnings.items()}
        folder_warnings = FolderWarnings(
            of_ads=warnings, odd=frozenset(range(len(ranked))) - frozenset(judged), shared=FEW_LIKE_IT if is_shared else ""
        )
        view: dict[str, Any] = {
            "ranked": ranked,
            "failed": found.failed,
            "dropped": dropped,
            "warnings": found.warnings,
            "score_warnings": folder_warnings,
        }
        shown = step_fragments.folder(**view)
        return FolderScreen(shown=shown, table=found.path, names=names, record=record, forms=forms, view=view)


def _fill_form(creative: Creative) -> dict[str, Any]:
    """Return the form of an ad without the words read in its picture, which are read again from the form."""
    form = {name: "" if name in creative.read_fields else getattr(creative, name) for name in FORM_FIELDS}
    return {**form, "image_path": str(creative.image_path) if creative.image_path else None}
