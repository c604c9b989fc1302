"""The lines and buttons that the search chooses among, and what the encoders make of each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from adcreative.creative import Creative

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Lines and buttons to choose from, the creative's own first, with what the encoders make of the lines.

    The features are those of the words alone; None for an own line that has no words. A button is a category, not a text.
    unfit: pairs of a headline and a description that may not stand in one ad, since they say the same twice or lose an offer.
    """

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]
    headline_features: tuple[CreativeFeatures | None, ...]
    description_features: tuple[CreativeFeatures | None, ...]
    buttons: tuple[str, ...] = ()
    unfit: frozenset[tuple[str, str]] = frozenset()

    def is_fit(self, headline_idx: int, description_idx: int) -> bool:
        """Say whether these two lines may stand in one ad."""
        return (self.headlines[headline_idx], self.descriptions[description_idx]) not in self.unfit

    def apply(self, creative: Creative, headline_idx: int, description_idx: int, button_idx: int = 0) -> Creative:
        """Return the creative with these lines and this button."""
        return replace(
            creative, headline=self.headlines[headline_idx], description=self.descriptions[description_idx],
            cta=self.buttons[button_idx] if button_idx else creative.cta,
        )  # fmt: skip

    def only(self, headlines: Sequence[int], descriptions: Sequence[int], buttons: Sequence[int]) -> Lines:
        """Return these lines and buttons alone."""
        return replace(
            self, headlines=tuple(self.headlines[k] for k in headlines),
            headline_features=tuple(self.headline_features[k] for k in headlines),
            descriptions=tuple(self.descriptions[k] for k in descriptions),
            description_features=tuple(self.description_features[k] for k in descriptions),
            buttons=tuple(self.buttons[k] for k in buttons),
        )  # fmt: skip

    def ordered(self, headline_worth: np.ndarray, description_worth: np.ndarray) -> Lines:
        """Return the same lines, the creative's own still first, the others by their worth, the largest first."""
        heads = [0, *(1 + np.argsort(-headline_worth, kind="stable"))]
        descs = [0, *(1 + np.argsort(-description_worth, kind="stable"))]
        return self.only(heads, descs, range(len(self.buttons)))
