"""When a search should end before its budget does: its own prediction still rises, and a second opinion no longer follows.

Optimising against a model first raises what is true and then only what is predicted (Goodhart's law; Gao, Schulman & Hilton
2023 draw the curve for reward models). The truth is unknown during a search. Predictor and judge guide it together, so when
their prediction rises while the judge's own does not, it is the predictor alone that is being followed. The auditor is not
asked here: it could not report on a choice in which it had a part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_RISE = 1e-3  # log-odds; less is no rise


@dataclass
class StoppingRule:
    """Stop once the leader's prediction has risen since the second opinion was last at its best, `patience` generations ago.

    curve: (prediction, second opinion) of the leader after each generation, log-odds.
    """

    patience: int
    curve: list[tuple[float, float]] = field(default_factory=list)

    def update(self, predicted: float, second_opinion: float) -> bool:
        """Take in one generation's leader; return whether the search should stop."""
        self.curve.append((predicted, second_opinion))
        peak = max(range(len(self.curve)), key=lambda number: (self.curve[number][1], -number))
        has_risen = predicted > self.curve[peak][0] + MIN_RISE
        return has_risen and len(self.curve) - 1 - peak >= self.patience
