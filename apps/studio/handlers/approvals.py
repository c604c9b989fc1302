"""What may be approved and packed: the result that is on the page, as it lies on disk, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_approved
from adcreative.provenance.run_records import read_rows

from ..html import steps as step_fragments
from ..sessions.ads import CHANGED, NOT_SHOWN, Stage, identify_shown
from ..sessions.belongings import digest_file
from ..sessions.questions import Unanswered
from .one_ad import Handlers


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """Guards the two last steps of an ad."""

    handlers: Handlers

    def check_shown(self, owner: str, shown: str | None) -> None:
        """Make sure that the owner looks at what an approval would be of: the same ad, words and picture, as they lie on disk.

        Raises:
            AdCreativeError: it is something else.
        """
        screen = self.handlers.find_screen(owner)
        if screen is None or screen.run is None:
            raise AdCreativeError(NOT_SHOWN)
        self.handlers.desk.find(owner).after("approve", shown=shown)
        row = next(iter(read_rows(screen.run)), {})
        laid_out = {screen.run / str(one["image"]) for one in row.get("sizes") or ()}
        has_shown = shown == identify_shown(screen.ad, row, screen.download)
        has_shapes = laid_out == set(screen.shapes) and all(
            path.is_file() and digest_file(path) == digest for path, digest in screen.shapes.items()
        )
        if not has_shown or not has_shapes:
            raise AdCreativeError(NOT_SHOWN)

    def check_packable(self, owner: str, run: Path) -> None:
        """Make sure that what the owner's page shows was approved, as it lies in `run`.

        Raises:
            AdCreativeError: the page shows something else. Unanswered: nobody approved it, or it was changed since.
        """
        screen = self.handlers.find_screen(owner)
        self.handlers.desk.find(owner).after("pack", shown=screen.shown if screen is not None else "")
        try:
            check_approved(run)
        except AdCreativeError as error:  # its stage says that it was approved
            raise Unanswered(CHANGED, "approval") from error

    def say(self, owner: str) -> str:
        """Say who approved the result on the owner's page, such as when it comes back to the page; nothing of another one."""
        screen = self.handlers.find_screen(owner)
        if screen is None or screen.run is None or self.handlers.desk.find(owner).stage not in (Stage.APPROVED, Stage.PACKED):
            return ""
        try:
            return step_fragments.approval(check_approved(screen.run))
        except AdCreativeError:  # it was changed since
            return ""

    def note(self, owner: str, event: str) -> None:
        """Note that the result on the owner's page was approved or packed."""
        screen = self.handlers.find_screen(owner)
        if screen is not None:
            self.handlers.desk.move(owner, screen.ad, event, shown=screen.shown)
