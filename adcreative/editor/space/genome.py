"""The search space of a creative, and its encoding as a genome.

A genome is a flat list of numbers, as DEAP's selection and archives expect:

    [ strength per face and direction, then per adjustment | active bit of each | headline | description | button | scene ]

A strength counts only where its bit is 1 (Deb & Goyal 1996 call such mixed genomes GeneAS); the bits keep edits sparse, and
a strength that was switched off returns unchanged with its bit. The last four are indices; 0 is the creative's own
line, button or scene, so the genome of zeros is the unedited creative. Knows nothing of pictures, models or torch.

Shapes: P population, G genes, F faces, K directions, L adjustments, S = F * K + L strengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from deap import base

from adcreative.errors import ConfigError
from stylegan.faces.visible_changes import MIN_STRENGTH

STRENGTH_STEP = 0.01  # AdSEE's step of the gene space (GA_optimize.py): finer differences are neither visible nor scored
CHOICES = ("headline", "description", "button", "scene")  # indexed by the last genes
KINDS = ("line", "layout", "message", "picture", "look")  # what a version changes: a new line, a new layout of the ad's parts,
# another message of the ad first, another face, crop or background, another light or colour
VISIBLE = 0.8  # share of the range of light, colour or crop from which on such a change alone is visible in a card
ADJUSTMENTS = ("exposure", "warmth", "contrast", "saturation", "crop")  # of the whole picture (`whole_picture.py`)
CROP = ADJUSTMENTS.index("crop")
CHOICE_SIZES = (0.5, 0.5, 0.25, 1.5)  # size of each choice, in standard deviations of a face direction


@dataclass(frozen=True, kw_only=True)
class CandidateScore:
    """The score of one candidate against the unedited creative. Log-odds are natural logarithms.

    uplift_mean: predicted change of the log-odds of a click; uplift_std: disagreement of the ensemble;
    uplift_low: the lower bound that the search maximises. identity: -1..1, 1 for the unedited faces, of the worst face.
    size: length of the edit (standard deviations, words included). realism: 0..1, 1 for the unedited faces, see
    stylegan/latents/realism.py. violation: 0 when allowed, larger is worse.
    """

    uplift_mean: float
    uplift_std: float
    uplift_low: float
    identity: float
    size: float
    realism: float = 1.0
    violation: float = 0.0


class EditFitness(base.Fitness):
    """Four objectives: a high lower bound of uplift, recognisable faces, a small edit, and a realistic edit.

    An edit that violates a limit is worse than every edit that violates none or less.

    values: (uplift_low, identity, size, realism).

    Source: constrained domination of Deb et al. 2002, definition 1 (NSGA-II, section VI).
    """

    weights = (1.0, 1.0, -1.0, 1.0)
    violation = 0.0
    crowding_dist = 0.0  # written by deap.tools.selNSGA2

    def dominates(self, other: EditFitness, obj: slice = slice(None)) -> bool:
        """Return whether this fitness is better under constrained domination."""
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
    """A genome with its fitness and, once scored, the score behind the fitness."""

    def __init__(self, genes: Iterable[float] = ()) -> None:
        super().__init__(float(gene) for gene in genes)
        self.fitness = EditFitness()
        self.score: CandidateScore | None = None

    def set_fitness(self, score: CandidateScore) -> None:
        """Keep the score and set the fitness from it."""
        self.score = score
        self.fitness.values = (score.uplift_low, score.identity, score.size, score.realism)
        self.fitness.violation = score.violation


@dataclass(frozen=True, kw_only=True, eq=False)
class EditPlan:
    """A decoded genome: everything needed to judge, compose and describe an edit.

    lines: numbers of headline, description and button, 0 for the creative's own; scene: number of the background. faces [F, K]:
    strengths of the directions of each face; look [L]: of the adjustments of the whole picture (standard deviations, 0: no
    change). score: from the search; None before scoring. is_message: its headline is another message of the ad. layout: number
    of a new layout, which has its own pixels and words; 0 for the ad's own.
    """

    lines: tuple[int, int, int]
    scene: int
    faces: np.ndarray
    look: np.ndarray
    score: CandidateScore | None = None
    is_message: bool = False
    layout: int = 0

    @property
    def strengths(self) -> np.ndarray:
        """Strengths of all faces, then of the look, [S]."""
        return np.concatenate([self.faces.ravel(), self.look])

    @property
    def low(self) -> float:
        """Lower bound of the uplift (log-odds), as estimated by the search."""
        return self.score.uplift_low if self.score is not None else 0.0

    @property
    def size(self) -> float:
        """Length of the edit (standard deviations, words included)."""
        return self.score.size if self.score is not None else 0.0

    @property
    def kind(self) -> str:
        """The main change, of KINDS: words before pixels, pixels before light and colour, light and colour before a button."""
        if self.layout or any(self.lines[:2]):
            return "message" if self.is_message else "layout" if self.layout else "line"
        if self.faces.any() or self.scene or (self.look.any() and not np.delete(self.look, CROP).any()):
            return "picture"
        return "look" if self.look.any() or not self.lines[2] else "line"

    @property
    def idea(self) -> tuple[object, ...]:
        """The key of plans with the same idea: the words; else layout or background; else the strongest change, with sign."""
        place = int(np.argmax(np.abs(self.faces))) if self.faces.any() else -1
        sign = 0 if place < 0 else int(np.sign(self.faces.ravel()[place]))
        return (self.kind, *self.lines[:2], self.layout, self.scene, *(() if any(self.lines[:2]) else (place, sign)))

    def without_look(self) -> EditPlan:
        """Return the plan without changes of light and colour, unless it has no other; then a crop, if any, is kept alone.
        Changes of faces are removed from plans with new words, so that a test measures one of them."""
        if any(self.lines[:2]) and self.faces.any():
            return replace(self, faces=np.zeros_like(self.faces)).without_look()
        if self.kind != "look" and (any(self.lines) or self.faces.any() or self.scene):
            return replace(self, look=np.zeros_like(self.look))
        keep = np.arange(len(self.look)) == CROP
        return replace(self, look=np.where(keep, self.look, 0.0)) if self.look[CROP : CROP + 1].any() else self

    def with_one_face_edit(self, single: Sequence[EditPlan]) -> EditPlan:
        """Return the plan with only the best single face edit among its face edits, so that a test measures one gain.

        Args:
            single: scored plans of one change each.
        """
        ours = [one for one in single if (np.sign(one.faces) * np.sign(self.faces)).sum() > 0.0]
        return replace(self, faces=max(ours, key=lambda one: one.rank).faces) if ours else self

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key of plans, the best last: allowed plans after others, then by lower bound."""
        return (0.0 if self.score is None else -self.score.violation, self.low)

    def distance(self, other: EditPlan) -> float:
        """Return the distance of two edits, in standard deviations; infinite when a line or the background differs. A different
        button does not count."""
        if (self.lines[:2], self.scene, self.layout) != (other.lines[:2], other.scene, other.layout):
            return float("inf")
        return float(np.linalg.norm(self.strengths - other.strengths))


@dataclass(frozen=True, kw_only=True)
class GeneSpace:
    """The search space: the genes of a genome, and the range of each gene.

    num_faces: faces that may be edited. low, high: safe range of each direction, [K], or of each face and direction, [F, K], in
    standard deviations, with low <= 0 <= high. least [2, F, K]: the weakest visible strength below and above 0, positive; None:
    MIN_STRENGTH. num_headlines, num_descriptions, num_buttons, num_scenes: numbers of options, the creative's own included.
    adjustment_low, adjustment_high [L]: range of each global adjustment (ADJUSTMENTS), empty when exposure, colour and crop are
    fixed. messages: numbers of the headlines with another message of the ad.
    """

    num_faces: int
    low: np.ndarray
    high: np.ndarray
    num_headlines: int = 1
    num_descriptions: int = 1
    num_buttons: int = 1
    num_scenes: int = 1
    adjustment_low: np.ndarray = field(default_factory=lambda: np.zeros(0))
    adjustment_high: np.ndarray = field(default_factory=lambda: np.zeros(0))
    least: np.ndarray | None = None
    fits: np.ndarray | None = None
    in_picture: frozenset[str] = frozenset(("scene",))
    messages: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for name, low_name, high_name in (("directions", "low", "high"), ("adjustments", "adjustment_low", "adjustment_high")):
            low, high = (np.asarray(getattr(self, one), dtype=np.float64) for one in (low_name, high_name))
            fits = low.ndim == 1 or (name == "directions" and low.ndim == 2 and len(low) == self.num_faces)
            if not fits or low.shape != high.shape or not ((low <= 0) & (high >= 0)).all():
                raise ConfigError(
                    f"{name} need low [K] <= 0 <= high [K], got low {low.tolist()} and high {high.tolist()}; "
                    "the unedited picture has to lie inside the range."
                )
            object.__setattr__(self, low_name, low)
            object.__setattr__(self, high_name, high)
        if self.num_faces < 0 or min(self.num_choices) < 1:
            counts = ", ".join(f"num_{kind}s={num}" for kind, num in zip(CHOICES, self.num_choices, strict=True))
            raise ConfigError(
                f"a gene space needs num_faces >= 0 and at least one of each choice, got num_faces={self.num_faces}, {counts}."
            )

    @property
    def num_directions(self) -> int:
        return self.low.shape[-1]

    @property
    def num_strengths(self) -> int:
        """S: number of strengths, and of bits, of a genome."""
        return self.num_faces * self.num_directions + len(self.adjustment_low)

    @property
    def num_genes(self) -> int:
        return 2 * self.num_strengths + len(CHOICES)

    @property
    def num_choices(self) -> tuple[int, int, int, int]:
        return self.num_headlines, self.num_descriptions, self.num_buttons, self.num_scenes

    @property
    def is_single(self) -> bool:
        """Whether nothing can be changed, so that the unedited creative is the only candidate."""
        return self.num_strengths == 0 and max(self.num_choices) == 1

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bound of every strength gene, [S] each."""
        shape = self.num_faces, self.num_directions
        low, high = (np.broadcast_to(one, shape).ravel() for one in (self.low, self.high))
        return np.concatenate([low, self.adjustment_low]), np.concatenate([high, self.adjustment_high])

    def original(self) -> Individual:
        """Return the genome of the unedited creative."""
        return Individual(np.zeros(self.num_genes))

    def sample(self, *, rng: np.random.Generator, active_share: float | None = None) -> Individual:
        """Draw a genome: strengths and choices uniform, each bit 1 with probability `active_share`.

        None draws the share too, uniformly, so that samples range from sparse to dense.
        """
        return self._at(rng.random(self._num_draws), active_share)

    def sample_evenly(self, num: int, *, rng: np.random.Generator) -> list[Individual]:
        """Draw `num` genomes, each distributed as one `sample`, that together cover the space evenly.

        Every option of a choice is drawn equally often, give or take one, and so is every part of a strength's range: a Latin
        hypercube (McKay, Beckman & Conover 1979).
        """
        from scipy.stats import qmc  # half a second, saved in commands that search nothing

        cube = qmc.LatinHypercube(self._num_draws, rng=rng).random(num)
        for k, options in enumerate(self.num_choices, start=-len(CHOICES)):
            cube[:, k] = (rng.permutation(num) % options + 0.5) / options
        return [self._at(draws) for draws in cube]

    @property
    def _num_draws(self) -> int:
        return 2 * self.num_strengths + 1 + len(CHOICES)

    def _at(self, draws: np.ndarray, active_share: float | None = None) -> Individual:
        """Return the genome for numbers drawn in 0..1: strengths, bits, share of active bits, choices."""
        num, (low, high) = self.num_strengths, self.bounds()
        share = draws[2 * num] if active_share is None else active_share
        bits = draws[num : 2 * num] < share
        choices = np.floor(draws[2 * num + 1 :] * self.num_choices)
        return Individual([*(low + draws[:num] * (high - low)), *bits, *choices])

    def decode(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return the applied strengths (the phenotype), [P, S]: in steps of 0.01, 0 where inactive or too weak to be visible.

        Strengths below a measured `least` are raised to it where they are nearer to it than to 0.
        """
        genes = np.array(genomes, dtype=np.float64).reshape(len(genomes), self.num_genes)  # [P, G]
        values, bits = genes[:, : self.num_strengths], genes[:, self.num_strengths : 2 * self.num_strengths]
        low, high = self.bounds()
        stepped = np.clip(np.round(values / STRENGTH_STEP) * STRENGTH_STEP, low, high)
        size, least = np.abs(stepped), np.where(stepped < 0.0, *self._least())
        is_raised = (size < least) & (2.0 * size >= least) & (least > MIN_STRENGTH)
        raised = np.clip(np.sign(stepped) * np.ceil(np.where(is_raised, least, 0.0) / STRENGTH_STEP) * STRENGTH_STEP, low, high)
        stepped = np.where(is_raised, raised, stepped)
        applied = np.where((bits > 0.5) & (np.abs(stepped) > least - 1e-9), stepped, 0.0)
        return applied + 0.0  # no negative zero

    def _least(self) -> np.ndarray:
        """Return the weakest strength that is applied below and above 0, [2, S]."""
        of_adjustments = np.full((2, len(self.adjustment_low)), MIN_STRENGTH)
        shape = 2, self.num_faces * self.num_directions
        of_faces = np.full(shape, MIN_STRENGTH) if self.least is None else self.least.reshape(shape)
        return np.hstack([of_faces, of_adjustments])

    def strengths(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return the strengths applied to the faces, [P, F, K]; see `decode`."""
        num = self.num_faces * self.num_directions
        return self.decode(genomes)[:, :num].reshape(len(genomes), self.num_faces, self.num_directions)

    def adjustments(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return the adjustments applied to the whole picture, [P, L]; see `decode`."""
        return self.decode(genomes)[:, self.num_faces * self.num_directions :]

    def choices(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return indices of headline, description, button and scene, [P, 4] int."""
        num = len(CHOICES)
        return np.array([genome[-num:] for genome in genomes], dtype=np.int64).reshape(len(genomes), num)

    def plans(self, genomes: Sequence[Individual]) -> list[EditPlan]:
        """Return the decoded plan of each genome, with its score."""
        of_faces, looks, chosen = self.strengths(genomes), self.adjustments(genomes), self.choices(genomes)
        return [
            EditPlan(
                lines=(int(head), int(below), int(button)),
                scene=int(scene),
                faces=faces,
                look=look,
                score=one.score,
                is_message=int(head) in self.messages,
            )
            for one, faces, look, (head, below, button, scene) in zip(genomes, of_faces, looks, chosen, strict=True)
        ]

    def changes_picture(self, genome: Individual) -> bool:
        """Return whether pixels change, and not only words and button beside the picture."""
        chosen = zip(CHOICES, genome[-len(CHOICES) :], strict=True)
        return bool(self.decode([genome]).any() or any(one and kind in self.in_picture for kind, one in chosen))

    def fit(self, genome: Individual) -> Individual:
        """Return the genome with lines that may be combined in one ad: its headline with its description, else with the first
        description that fits, else the ad's own headline with its description, else both of the ad's own."""
        headline, description = (int(one) for one in self.words(genome))
        if self.fits is None or self.fits[headline, description]:
            return genome
        below = np.flatnonzero(self.fits[headline])
        pair = (headline, below[0]) if len(below) else (0, description if self.fits[0, description] else 0)
        return Individual([*genome[: -len(CHOICES)], *pair, *genome[-len(CHOICES) + 2 :]])

    def single_lines(self) -> list[Individual]:
        """Return an edit for each headline, then for each description, with no other change than those needed to fit the
        line."""
        edits: dict[tuple[float, ...], Individual] = {}
        for place, num in enumerate(self.num_choices[:2]):
            for idx in range(1, num):
                edit = self.original()
                edit[place - len(CHOICES)] = float(idx)
                edit = self.fit(edit)
                if any(self.words(edit)):
                    edits.setdefault(self.key(edit), edit)
        return list(edits.values())

    def single_changes(self) -> list[Individual]:
        """Return an edit for each end of each direction of each face and of each adjustment, with no other change."""
        edits = []
        for place, ends in enumerate(zip(*self.bounds(), strict=True)):
            for strength in ends:
                if abs(strength) >= MIN_STRENGTH:
                    edit = self.original()
                    edit[place], edit[self.num_strengths + place] = float(strength), 1.0
                    edits.append(edit)
        return edits

    def is_faint(self, plan: EditPlan) -> bool:
        """Return whether an edit changes only light, colour or crop, too little to be visible in a card."""
        if plan.faces.any() or plan.scene or plan.layout or any(plan.lines[:2]) or not plan.look.any():
            return False
        reach = np.maximum(-self.adjustment_low, self.adjustment_high)
        return not bool((np.abs(plan.look) >= VISIBLE * reach - 1e-9)[plan.look != 0.0].any())

    def words(self, genome: Individual) -> tuple[float, ...]:
        """Return the headline and description genes of a genome; equal for genomes with the same words."""
        return tuple(genome[-len(CHOICES) :][: CHOICES.index("description") + 1])

    def key(self, genome: Individual) -> tuple[float, ...]:
        """Return the decoded genome as a hashable key; genomes with equal keys are the same candidate."""
        return (*np.round(self.decode([genome])[0] / STRENGTH_STEP).tolist(), *genome[-len(CHOICES) :])
