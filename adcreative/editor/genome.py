"""What the search may change in a creative, and how a genome says it.

A genome is a flat list of numbers, so that DEAP's selection and archives take it as it is:

    [ strength per face and direction | active bit per face and direction | headline index | description index ]

A strength counts only where its bit is 1 (Deb & Goyal 1996 call such mixed genomes GeneAS); the bits keep edits sparse, and
a strength that was switched off comes back unchanged when its bit does. Index 0 is the creative's own line, so the genome
of zeros is the creative as it was. Knows nothing of pictures, models or torch.

Shapes: P population, G genes, F faces, K directions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import base

from adcreative.errors import ConfigError

STRENGTH_STEP = 0.01  # AdSEE's step of the gene space (GA_optimize.py): finer differences cannot be seen or scored
MIN_STRENGTH = 0.2  # a weaker change of a face is invisible, so it is left out


@dataclass(frozen=True, kw_only=True)
class CandidateScore:
    """What one candidate is worth, against the creative as it was. Log-odds are natural logarithms.

    uplift_mean: predicted change of the log-odds of a click; uplift_std: how far the ensemble disagrees about it;
    uplift_low: the lower bound that the search raises. identity: -1..1, 1 for the unedited faces, the worst face counts.
    size: length of the edit (standard deviations, words included). violation: 0 when allowed, larger is worse.
    """

    uplift_mean: float
    uplift_std: float
    uplift_low: float
    identity: float
    size: float
    violation: float = 0.0


class EditFitness(base.Fitness):
    """Raise the lower bound of uplift, keep identity, keep the edit small; an edit that is not allowed loses to any that is.

    Source: constrained domination of Deb et al. 2002, definition 1 (NSGA-II, section VI).
    """

    weights = (1.0, 1.0, -1.0)
    violation = 0.0
    crowding_dist = 0.0  # written by deap.tools.selNSGA2

    def dominates(self, other: EditFitness, obj: slice = slice(None)) -> bool:
        """Return whether this is better under constrained domination."""
        if self.violation != other.violation:
            return self.violation < other.violation
        return super().dominates(other, obj)

    def __le__(self, other: EditFitness) -> bool:
        return (-self.violation, *self.wvalues) <= (-other.violation, *other.wvalues)

    def __lt__(self, other: EditFitness) -> bool:
        return (-self.violation, *self.wvalues) < (-other.violation, *other.wvalues)

    def __deepcopy__(self, memo: dict[int, Any]) -> EditFitness:
        copy = type(self)()
        copy.wvalues, copy.violation, copy.crowding_dist = self.wvalues, self.violation, self.crowding_dist
        return copy


class Individual(list[float]):
    """A genome with its fitness, and, once it was scored, the score that the fitness came from."""

    def __init__(self, genes: Iterable[float] = ()) -> None:
        super().__init__(float(gene) for gene in genes)
        self.fitness = EditFitness()
        self.score: CandidateScore | None = None

    def receive(self, score: CandidateScore) -> None:
        """Take the score and set the fitness from it."""
        self.score = score
        self.fitness.values = (score.uplift_low, score.identity, score.size)
        self.fitness.violation = score.violation


@dataclass(frozen=True, kw_only=True)
class GeneSpace:
    """The box a genome lives in.

    num_faces: faces that may be edited. low, high [K]: safe range of each direction, in standard deviations, with
    low <= 0 <= high. num_headlines, num_descriptions: lines to choose from, the creative's own one included.
    """

    num_faces: int
    low: np.ndarray
    high: np.ndarray
    num_headlines: int = 1
    num_descriptions: int = 1

    def __post_init__(self) -> None:
        low, high = np.asarray(self.low, dtype=np.float64), np.asarray(self.high, dtype=np.float64)
        if low.ndim != 1 or low.shape != high.shape or not ((low <= 0) & (high >= 0)).all():
            raise ConfigError(
                f"directions need low [K] <= 0 <= high [K], got low {low.tolist()} and high {high.tolist()}; "
                "the unedited face has to lie inside the range."
            )
        if self.num_faces < 0 or self.num_headlines < 1 or self.num_descriptions < 1:
            raise ConfigError(
                f"a gene space needs num_faces >= 0 and at least one line of each kind, got num_faces={self.num_faces}, "
                f"num_headlines={self.num_headlines}, num_descriptions={self.num_descriptions}."
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    def num_directions(self) -> int:
        return len(self.low)

    @property
    def num_strengths(self) -> int:
        """F * K: how many strengths, and how many bits, a genome has."""
        return self.num_faces * self.num_directions

    @property
    def num_genes(self) -> int:
        return 2 * self.num_strengths + 2

    @property
    def num_choices(self) -> tuple[int, int]:
        return self.num_headlines, self.num_descriptions

    @property
    def is_single(self) -> bool:
        """Whether nothing can be changed, so that the unedited creative is the only candidate."""
        return self.num_strengths == 0 and self.num_choices == (1, 1)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bound of every strength gene, [F * K] each."""
        return np.tile(self.low, self.num_faces), np.tile(self.high, self.num_faces)

    def original(self) -> Individual:
        """Return the genome of the creative as it was."""
        return Individual(np.zeros(self.num_genes))

    def sample(self, *, rng: np.random.Generator, active_share: float | None = None) -> Individual:
        """Draw a genome: strengths and lines uniform, each bit 1 with probability `active_share`.

        None draws the share too, uniformly, so that samples range from sparse to dense.
        """
        low, high = self.bounds()
        share = rng.random() if active_share is None else active_share
        bits = (rng.random(self.num_strengths) < share).astype(np.float64)
        lines = [float(rng.integers(num)) for num in self.num_choices]
        return Individual([*rng.uniform(low, high), *bits, *lines])

    def strengths(self, genomes: list[Individual]) -> np.ndarray:
        """Return what is applied to the faces, [P, F, K]: active strengths in steps of 0.01; 0 where inactive or below 0.2."""
        genes = np.array(genomes, dtype=np.float64).reshape(len(genomes), self.num_genes)  # [P, G]
        values, bits = genes[:, : self.num_strengths], genes[:, self.num_strengths : 2 * self.num_strengths]
        low, high = self.bounds()
        stepped = np.clip(np.round(values / STRENGTH_STEP) * STRENGTH_STEP, low, high)
        applied = np.where((bits > 0.5) & (np.abs(stepped) > MIN_STRENGTH - 1e-9), stepped, 0.0)
        return applied.reshape(len(genomes), self.num_faces, self.num_directions) + 0.0  # no negative zero

    def lines(self, genomes: list[Individual]) -> np.ndarray:
        """Return indices of headline and description, [P, 2] int."""
        return np.array([genome[-2:] for genome in genomes], dtype=np.int64).reshape(len(genomes), 2)

    def key(self, genome: Individual) -> tuple[float, ...]:
        """Return what the genome means; genomes with equal keys are the same candidate."""
        strengths = self.strengths([genome]).ravel()
        return (*np.round(strengths / STRENGTH_STEP).tolist(), *genome[-2:])
