"""What may be approved and packed: the result that is on the page, as it lies on disk, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from adcreative.errors import AdCreativeError

from ..sessions.ads import NOT_SHOWN, identify_shown
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
        if screen is None or shown != identify_shown(screen.ad, screen.record, screen.download):
            raise AdCreativeError(NOT_SHOWN)
        self.handlers.desk.find(owner).after("approve", shown=shown)

    def check_packable(self, owner: str) -> None:
        """Make sure that what the owner's page shows was approved.

        Raises:
            AdCreativeError: it was not.
        """
        screen = self.handlers.find_screen(owner)
        self.handlers.desk.find(owner).after("pack", shown=screen.shown if screen is not None else "")

    def note(self, owner: str, event: str) -> None:
        """Note that the result on the owner's page was approved or packed."""
        screen = self.handlers.find_screen(owner)
        if screen is not None:
            self.handlers.desk.move(owner, screen.ad, event, shown=screen.shown)
