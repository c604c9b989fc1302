"""The ad to try: its picture for a page that opens, and its form for who takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adcreative.report.pictures import Preview

from ..sessions.wishes import FORM_FIELDS
from .one_ad import Handlers
from .scores import label_ad

HERO_PX = 320


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The ad to try; its picture is made once and shown to everybody."""

    handlers: Handlers
    _kept: list[Preview | None] = field(default_factory=list)

    def picture(self) -> Preview | None:
        """Return the picture of the ad, once the models have loaded; None while the model is busy for the first time."""
        if not self._kept:
            with self.handlers.model_queue.beside():  # a score may want the model meanwhile
                self.handlers.studio.load()
            with self.handlers.model_queue.quick(timeout_s=0.5) as has_model:
                if not has_model:
                    return None
                creative = self.handlers.studio.demo_ad(self.handlers.result_dir.parent / "demo")
            self._kept.append(label_ad(creative, HERO_PX)[1])
        return self._kept[0]

    def bring(self, owner: str) -> dict[str, Any]:
        """Return the form of the ad, named as in FORM_FIELDS; its picture counts as an upload."""
        with self.handlers.model_queue.quick():
            creative = self.handlers.studio.demo_ad(self.handlers.belongings.lent_dir(owner))
        return {name: getattr(creative, name) for name in FORM_FIELDS}
