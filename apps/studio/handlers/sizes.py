"""The picture of a version in further shapes: laid out before the approval, so that the approval covers the shapes.

Without Gradio. The run's row lists the shapes next to the picture, where the pack and the approval read them.
An ad kept unchanged has no run and nothing to approve: its shapes are only files to download.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from adcreative.errors import AdCreativeError
from adcreative.progress import Count, uncounted
from adcreative.provenance.sidecar import write_whole
from adcreative.report.pictures import preview

from ..html import sizes as size_fragments
from ..sessions.ads import Stage
from ..sessions.belongings import digest_file
from ..sessions.jobs import Job
from .one_ad import GONE, Handlers
from .screens import Screen, safe_stem
from .steps import Answer, say_faults

Laid = TypeVar("Laid")
RATIOS = {"Square 1:1": "1:1", "Portrait 4:5": "4:5", "Story 9:16": "9:16", "Landscape 1.91:1": "1.91:1"}
SHOWN_PX, ROWS, KEPT = 360, "results.jsonl", "kept-shapes"
APPROVED = "This version is approved already. Take it anew (its card says “Use this one”), then lay the shapes out and approve."


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The button "Lay these shapes out"."""

    handlers: Handlers

    def watch(self, lay_out: Callable[[Count], Laid]) -> Iterator[str | Laid]:
        """Yield a fragment with the shape in progress at each change, and finally the result of `lay_out`."""
        job = Job(work=lambda report, _: lay_out(lambda done, total: report(done, total, 0.0))).start()
        said = ""
        for state in job.states():
            told = size_fragments.being_laid_out(state.done, state.total)
            if told != said:
                yield (said := told)
        yield job.result()

    def lay_out(self, owner: str, ratios: Sequence[str] | None, tell: Count = uncounted) -> Answer:
        """Write the chosen shapes (of RATIOS) of the owner's version in place of earlier shapes; none chosen: delete all."""

        def work() -> Answer:
            run, creative = self.handlers.find_run(owner)
            screen = self.handlers.find_screen(owner)
            assert screen is not None
            wanted = _choose_shapes(ratios)
            if screen.download is None:
                raise AdCreativeError("This ad has no picture to lay out.")
            if self.handlers.desk.find(owner).stage in (Stage.APPROVED, Stage.PACKED):
                raise AdCreativeError(APPROVED)
            opened = self.handlers.outcomes.get(screen.key)
            if opened is None:
                raise AdCreativeError(GONE)
            stem = screen.download.stem  # such as "ad.edited", so that the shapes are packed like the picture
            with self._while_laid_out(owner, screen), self.handlers.writing_into(run, owner):
                _forget_sizes(run)
                with self.handlers.model_queue.quick():
                    studio = self.handlers.choices.studio_of(owner)
                    rows = studio.size_one(creative, opened.outcome, wanted, run, stem=stem, tell=tell) if wanted else []
                _note_sizes(run, rows)
                self._note_shown(owner, screen, [run / row["image"] for row in rows])
            return size_fragments.sizes(_view(rows, run)), {"sizes": rows}

        return say_faults(work)

    @contextmanager
    def _while_laid_out(self, owner: str, screen: Screen) -> Iterator[None]:
        """Block an approval of the version until its shapes are done: an approval covers only what was seen.

        Raises:
            AdCreativeError: the shapes are being laid out already.
        """
        desk = self.handlers.desk
        desk.move(owner, screen.ad, "lay", shown=screen.shown)
        try:
            yield
        finally:
            desk.move(owner, screen.ad, "laid", shown=screen.shown)

    def _note_shown(self, owner: str, screen: Screen, shapes: Sequence[Path]) -> None:
        """Store the digests of the shapes shown to the owner, unless another version was chosen meanwhile."""
        search = self.handlers.board.find(owner)
        if search is not None and search.screen is not None and search.screen.shown == screen.shown:
            search.chosen = replace(search.screen, shapes={path: digest_file(path) for path in shapes})

    def lay_out_kept(
        self, owner: str, ratios: Sequence[str] | None, tell: Count = uncounted
    ) -> tuple[str, list[Path] | None, dict[str, Any]]:
        """Write the shapes of the owner's unchanged ad; return the fragment, the pictures, the record."""
        files: list[Path] = []

        def work() -> Answer:
            creative, screen = self.handlers.find_creative(owner), self.handlers.find_screen(owner)
            opened = None if screen is None else self.handlers.outcomes.get(screen.key)
            wanted = _choose_shapes(ratios)
            if not creative.has_image:
                raise AdCreativeError("This ad has no picture to lay out.")
            if opened is None:
                raise AdCreativeError(GONE)
            outcome = opened.outcome
            if outcome.result.status != "kept":
                raise AdCreativeError("This is a new version: choose its shapes in step 4, so that your approval covers them.")
            if not wanted:
                raise AdCreativeError("Choose a shape first.")
            folder = self.handlers.owner_dir(owner) / KEPT
            shutil.rmtree(folder, ignore_errors=True)
            stem = safe_stem(outcome.result.as_dict())
            with self.handlers.model_queue.quick(), self.handlers.writing_into(folder, owner):
                studio = self.handlers.choices.studio_of(owner)
                rows = studio.size_one(creative, outcome, wanted, folder, stem=stem, tell=tell)
            files.extend(folder / row["image"] for row in rows)
            return size_fragments.sizes(_view(rows, folder)), {"sizes": rows}

        shown, record = say_faults(work)
        return shown, files or None, record


def _choose_shapes(ratios: Sequence[str] | None) -> list[str]:
    """Return the ratios of the ticked shapes.

    Raises:
        AdCreativeError: there is no such shape.
    """
    unknown = [name for name in ratios or () if name not in (*RATIOS, *RATIOS.values())]
    if unknown:
        raise AdCreativeError(f"There is no shape “{unknown[0][:20]}”. Choose of {', '.join(RATIOS)}.")
    return [RATIOS.get(name, name) for name in ratios or ()]


def _view(rows: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    return [{**row, "cut": preview(Image.open(folder / row["image"]).convert("RGB"), SHOWN_PX)} for row in rows]


def _note_sizes(run: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the shapes into the row of the run, so that the hash of an approval covers them."""
    path = run / ROWS
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    write_whole(path, (json.dumps({**row, "sizes": list(rows)}, ensure_ascii=False) + "\n").encode())


def _forget_sizes(run: Path) -> None:
    row = json.loads((run / ROWS).read_text(encoding="utf-8").splitlines()[0])
    for one in row.get("sizes") or ():
        for path in (run / "images").glob(f"{Path(one['image']).name}*"):
            path.unlink()
    _note_sizes(run, [])
