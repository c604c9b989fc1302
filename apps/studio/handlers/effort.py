"""How long a search takes, said before it begins. Without Gradio, as `one_ad`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adcreative.errors import AdCreativeError

from ..html import fragments
from ..sessions.wishes import EFFORTS, Wish, build_creative, measure_wish
from .one_ad import Handlers


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The line under the choice of how long to look."""

    handlers: Handlers

    def say(self, form: Mapping[str, str | None], effort: str | None, faces: str | None) -> str:
        """Say how long a search of this ad takes; nothing without an ad."""
        wish = Wish(effort=effort if effort in EFFORTS else "normal", faces=faces or "")
        try:
            kind, num_versions = measure_wish(build_creative(form), wish)
        except AdCreativeError:  # an empty form
            return ""
        seconds, is_measured = self.handlers.estimates.guess(kind, num_versions)
        num_ahead = self.handlers.seat.num_searches
        return fragments.estimate(seconds, num_versions, is_measured=is_measured, num_ahead=num_ahead)
