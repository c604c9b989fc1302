"""Guard of approving and packing: only the result on the page, exactly as stored on disk, may be approved and packed."""

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
    """Guards the last two steps of an ad: approving and packing."""

    handlers: Handlers

    def check_shown(self, owner: str, shown: str | None) -> None:
        """Check that the result shown to the owner (ad, words, pictures) equals the result on disk before an approval.

        Raises:
            AdCreativeError: the shown result differs.
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
        """Check that the result in `run` is the one on the owner's page and was approved unchanged.

        Raises:
            AdCreativeError: the page shows another result. Unanswered: nobody approved the result, or a file changed since.
        """
        screen = self.handlers.find_screen(owner)
        self.handlers.desk.find(owner).after("pack", shown=screen.shown if screen is not None else "")
        try:
            check_approved(run)
        except AdCreativeError as error:  # the recorded stage says approved
            raise Unanswered(CHANGED, "approval") from error

    def say(self, owner: str) -> str:
        """Return a fragment with the approver of the result on the owner's page; "" for a result without a valid approval."""
        screen = self.handlers.find_screen(owner)
        if screen is None or screen.run is None or self.handlers.desk.find(owner).stage not in (Stage.APPROVED, Stage.PACKED):
            return ""
        try:
            return step_fragments.approval(check_approved(screen.run))
        except AdCreativeError:  # the result was changed after the approval
            return ""

    def note(self, owner: str, event: str) -> None:
        """Record that the result on the owner's page was approved or packed."""
        screen = self.handlers.find_screen(owner)
        if screen is not None:
            self.handlers.desk.move(owner, screen.ad, event, shown=screen.shown)
