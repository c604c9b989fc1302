"""Mock-ups of an ad in its placements, under the brand name found in the ad. Without Gradio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError

from ..html import placements
from ..sessions.ads import identify
from ..sessions.search_requests import build_creative
from .one_ad import Handlers

READ_WAIT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Mockups:
    """The mock-ups below a score."""

    handlers: Handlers

    def show(self, owner: str, form: Mapping[str, str | None]) -> str:
        """Return the placements of a form's ad as a fragment, stored with the ad; "" for an ad that cannot be read."""
        try:
            creative = build_creative(form)
            shown = placements.mockups(replace(creative, brand=self._name_brand(owner, creative)))
        except AdCreativeError:
            return ""
        self.handlers.desk.move(owner, identify(creative), "explain", mockups=shown)
        return shown

    def _name_brand(self, owner: str, creative: Creative) -> str:
        """Return the brand of an ad, given or read from the ad; "" without one, or while a search has the model."""
        if creative.brand:
            return creative.brand
        with self.handlers.model_queue.quick(timeout_s=READ_WAIT_S) as has_model:
            return self.handlers.choices.studio_of(owner).name_brand(creative) if has_model else ""
