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

    def say(self, owner: str, form: Mapping[str, str | None], effort: str | None, faces: str | None) -> str:
        """Say how long a search of this ad takes; nothing without an ad."""
        wish = Wish(effort=effort if effort in EFFORTS else "normal", faces=faces or "")
        try:
            creative = build_creative(form)
        except AdCreativeError:  # an empty form
            return ""
        estimates = self.handlers.estimates
        kinds, num_versions = measure_wish(creative, wish, estimates.find_lettering(creative))
        estimate = estimates.guess(kinds, num_versions)
        ahead = self.handlers.model_queue.num_searches - self.handlers.is_running(owner)  # one's own search makes way
        return fragments.estimate(estimate, num_versions, num_ahead=ahead)
