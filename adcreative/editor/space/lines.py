"""The candidate lines and buttons of a search, and the encoded features of each line."""

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
    """Candidate lines and buttons, the creative's own first, with the encoded features of the lines.

    Features are of the words alone; None for an own line without words. A button is a category, not a text. unfit: pairs of a
    headline and a description that may not be combined in one ad, since they repeat each other or lose an offer.
    """

    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]
    headline_features: tuple[CreativeFeatures | None, ...]
    description_features: tuple[CreativeFeatures | None, ...]
    buttons: tuple[str, ...] = ()
    unfit: frozenset[tuple[str, str]] = frozenset()

    def is_fit(self, headline_idx: int, description_idx: int) -> bool:
        """Return whether two lines may be combined in one ad."""
        return (self.headlines[headline_idx], self.descriptions[description_idx]) not in self.unfit

    def apply(self, creative: Creative, headline_idx: int, description_idx: int, button_idx: int = 0) -> Creative:
        """Return the creative with the chosen lines and button."""
        return replace(
            creative,
            headline=self.headlines[headline_idx],
            description=self.descriptions[description_idx],
            cta=self.buttons[button_idx] if button_idx else creative.cta,
        )

    def only(self, headlines: Sequence[int], descriptions: Sequence[int], buttons: Sequence[int]) -> Lines:
        """Return a selection of lines and buttons."""
        return replace(
            self,
            headlines=tuple(self.headlines[k] for k in headlines),
            headline_features=tuple(self.headline_features[k] for k in headlines),
            descriptions=tuple(self.descriptions[k] for k in descriptions),
            description_features=tuple(self.description_features[k] for k in descriptions),
            buttons=tuple(self.buttons[k] for k in buttons),
        )

    def ordered(self, headline_worth: np.ndarray, description_worth: np.ndarray) -> Lines:
        """Return the same lines sorted by worth, the largest first, after the creative's own."""
        heads = [0, *(1 + np.argsort(-headline_worth, kind="stable"))]
        descs = [0, *(1 + np.argsort(-description_worth, kind="stable"))]
        return self.only(heads, descs, range(len(self.buttons)))
