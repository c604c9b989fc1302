"""Budget and settings of a search, and the protocol of a search algorithm. Knows no algorithm itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adcreative.editor.space.genome import CandidateScore, Individual
from adcreative.errors import ConfigError

ALGORITHM_NAMES = ("nsga2", "adsee", "random")

Scorer = Callable[[list[Individual]], list[CandidateScore]]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Budget and settings of a search.

    population_size, generations: candidates per generation, and generations after the first. algorithm: one of
    ALGORITHM_NAMES. num_rendered: most candidates of a generation that are scored again from final pixels. patience:
    generations in which the prediction may rise without a rise of the second opinion (`stopping.py`).

    For NSGA-II only: proposal_share: share of children proposed by the surrogate model, 0 is the plain algorithm;
    crossover_rate: probability that two parents are crossed. crossover_eta, mutation_eta: distribution indices of crossover and
    mutation; larger values stay nearer to the parents.
    """

    population_size: int = 48
    generations: int = 6
    algorithm: str = "nsga2"
    proposal_share: float = 0.75
    crossover_rate: float = 0.9
    crossover_eta: float = 5.0
    mutation_eta: float = 2.0
    num_rendered: int = 2
    patience: int = 4

    def __post_init__(self) -> None:
        if faults := self.find_faults():
            raise ConfigError("; ".join(faults) + ".")

    def find_faults(self) -> list[str]:
        """Return one clause for each setting out of range; empty when all are valid."""
        faults = []
        if self.population_size < 1:
            faults.append(f"population_size must be at least 1, got {self.population_size}")
        faults += [
            f"{name} must not be negative, got {getattr(self, name)}"
            for name in ("generations", "num_rendered", "patience", "crossover_eta", "mutation_eta")
            if getattr(self, name) < 0
        ]
        faults += [
            f"{name} must be 0 to 1, got {getattr(self, name)}"
            for name in ("proposal_share", "crossover_rate")
            if not 0 <= getattr(self, name) <= 1
        ]
        if self.algorithm not in ALGORITHM_NAMES:
            faults.append(f'no search algorithm named "{self.algorithm}"; known: {", ".join(ALGORITHM_NAMES)}')
        return faults


class SearchAlgorithm(Protocol):
    """Ask-and-tell interface: `ask` returns candidates, `tell` receives them scored, repeated within the budget."""

    def ask(self) -> list[Individual]:
        """Return population_size candidates to score."""

    def tell(self, candidates: list[Individual]) -> None:
        """Learn from the candidates of the last `ask`, now scored."""
