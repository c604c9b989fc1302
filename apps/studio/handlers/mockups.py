"""An ad as it stands where it runs, under the name that it gives itself. Without Gradio, as `one_ad`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError

from ..html import placements
from ..sessions.ads import identify
from ..sessions.wishes import build_creative
from .one_ad import Handlers

READ_WAIT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Mockups:
    """What is shown below a score."""

    handlers: Handlers

    def show(self, owner: str, form: Mapping[str, str | None]) -> str:
        """Return the ad of a form in its placements, as a fragment that comes back with the ad; "" when it cannot be read."""
        try:
            creative = build_creative(form)
            shown = placements.mockups(replace(creative, brand=self._name_brand(owner, creative)))
        except AdCreativeError:
            return ""
        self.handlers.desk.move(owner, identify(creative), "explain", mockups=shown)
        return shown

    def _name_brand(self, owner: str, creative: Creative) -> str:
        """Return whose ad it is, as the ad itself tells; "" where it does not, or while a search has the model."""
        if creative.brand:
            return creative.brand
        with self.handlers.model_queue.quick(timeout_s=READ_WAIT_S) as has_model:
            return self.handlers.choices.studio_of(owner).name_brand(creative) if has_model else ""
