"""Early stopping of a search: the prediction still rises, and a second opinion no longer does.

Optimising against a model first raises the true objective and then only the prediction (Goodhart's law; Gao, Schulman & Hilton
2023 draw the curve for reward models). The truth is unknown during a search. Predictor and judge guide it together, so when
their prediction rises and the judge's own does not, the search follows the predictor alone. The auditor is not asked here: it
could not report on a choice in which it took part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_RISE = 1e-3  # log-odds; smaller changes are no rise


@dataclass
class StoppingRule:
    """Stop when the second opinion was best at least `patience` generations ago and the prediction has risen since.

    curve: (prediction, second opinion) of the best candidate so far after each generation, log-odds.
    """

    patience: int
    curve: list[tuple[float, float]] = field(default_factory=list)

    def update(self, predicted: float, second_opinion: float) -> bool:
        """Add both opinions of the best candidate after one more generation; return whether the search should stop."""
        self.curve.append((predicted, second_opinion))
        peak = max(range(len(self.curve)), key=lambda number: (self.curve[number][1], -number))
        has_risen = predicted > self.curve[peak][0] + MIN_RISE
        return has_risen and len(self.curve) - 1 - peak >= self.patience
