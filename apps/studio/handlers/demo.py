"""The sample ads: their pictures for an opening page, the verdict on the first sample, and the form of a chosen sample."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.report.pictures import Preview

from ..html import fragments
from ..sessions.search_requests import FORM_FIELDS
from .one_ad import Handlers
from .scores import label_ad

log = logging.getLogger(__name__)
SAMPLES = Path(__file__).parents[1] / "samples"
HERO_PX = 360
FIRST = "coffee"


def read_sample(name: str) -> Creative:
    """Return a sample ad by its name.

    Raises:
        AdCreativeError: there is no such sample.
    """
    words: dict[str, dict[str, Any]] = json.loads((SAMPLES / "ads.json").read_text(encoding="utf-8"))
    if name not in words:
        raise AdCreativeError(f"There is no such sample. Choose of {', '.join(words)}.")
    return Creative(image_path=SAMPLES / name / "ad.jpg", file_name=f"{name}.jpg", **words[name])


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The sample ads; the verdict on the first sample is computed once and shown to everybody."""

    handlers: Handlers
    _answers: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def samples(self) -> list[tuple[str, Preview | None]]:
        """Return name and picture of each sample; sample FIRST comes first."""
        names = sorted((path.parent.name for path in SAMPLES.glob("*/ad.jpg")), key=lambda name: (name != FIRST, name))
        return [(name, label_ad(read_sample(name), HERO_PX)[1]) for name in names]

    def answer(self) -> tuple[str, tuple[str, ...]] | None:
        """Return the verdict on the first sample and its parts' effects; None while the model is busy and nothing is cached."""
        if not self._answers:
            try:
                with self.handlers.model_queue.beside():  # a score may need the model meanwhile
                    self.handlers.studio.load()
                with self.handlers.model_queue.quick(timeout_s=0.5) as has_model:
                    if not has_model:
                        return None
                    standing = self.handlers.studio.stand_one(read_sample(FIRST))
            except AdCreativeError:  # reported to a visitor who asks for a score
                log.exception("the sample cannot be scored")
                return None
            self._answers.append((fragments.say_verdict(standing), tuple(standing.prediction.reasons)))
        return self._answers[0]

    def bring(self, owner: str, name: str = "") -> dict[str, Any]:
        """Return the form of a sample, named as in FORM_FIELDS; its picture counts as an upload.

        Raises:
            AdCreativeError: there is no such sample.
        """
        creative = read_sample(name or FIRST)
        assert creative.image_path is not None
        path = self.handlers.belongings.lend(owner, creative.file_name, creative.image_path.read_bytes())
        return {**{field_name: getattr(creative, field_name) for field_name in FORM_FIELDS}, "image_path": str(path)}
