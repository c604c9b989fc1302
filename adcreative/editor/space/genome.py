"""What the search may change in a creative, and how a genome says it.

A genome is a flat list of numbers, so that DEAP's selection and archives take it as it is:

    [ strength per face and direction, then per adjustment | active bit of each | headline | description | button | scene ]

A strength counts only where its bit is 1 (Deb & Goyal 1996 call such mixed genomes GeneAS); the bits keep edits sparse, and
a strength that was switched off comes back unchanged when its bit does. The last four are indices; 0 is the creative's own
line, button or scene, so the genome of zeros is the creative as it was. Knows nothing of pictures, models or torch.

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

STRENGTH_STEP = 0.01  # AdSEE's step of the gene space (GA_optimize.py): finer differences cannot be seen or scored
CHOICES = ("headline", "description", "button", "scene")  # what the last genes index
KINDS = ("line", "layout", "message", "picture", "look")  # what a version tries: a new line, a new layout of the ad's parts,
# another message of the ad first, another face, crop or background, another light or colour
VISIBLE = 0.8  # part of the range of light, colour or crop from which on a change of these alone is seen in a card
ADJUSTMENTS = ("exposure", "warmth", "contrast", "saturation", "crop")  # of the whole picture (`whole_picture.py`)
CROP = ADJUSTMENTS.index("crop")
CHOICE_SIZES = (0.5, 0.5, 0.25, 1.5)  # how much of an edit each is, in standard deviations of a face direction


@dataclass(frozen=True, kw_only=True)
class CandidateScore:
    """What one candidate is worth, against the creative as it was. Log-odds are natural logarithms.

    uplift_mean: predicted change of the log-odds of a click; uplift_std: how far the ensemble disagrees about it;
    uplift_low: the lower bound that the search raises. identity: -1..1, 1 for the unedited faces, the worst face counts.
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
    """Four objectives: a large lower bound of uplift, faces that stay themselves, a small edit, and a realistic one.

    An edit that violates a limit is worse than every edit that violates none or less.

    values: (uplift_low, identity, size, realism).

    Source: constrained domination of Deb et al. 2002, definition 1 (NSGA-II, section VI).
    """

    weights = (1.0, 1.0, -1.0, 1.0)
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

    def set_fitness(self, score: CandidateScore) -> None:
        """Keep the score and set the fitness from it."""
        self.score = score
        self.fitness.values = (score.uplift_low, score.identity, score.size, score.realism)
        self.fitness.violation = score.violation


@dataclass(frozen=True, kw_only=True, eq=False)
class EditPlan:
    """What an edit does, read once from its genome: all that judging, composing and telling it need.

    lines: numbers of headline, description and button, 0 for the creative's own; scene: number of the background. faces [F, K]:
    strengths of the directions of each face; look [L]: of the adjustments of the whole picture (standard deviations, 0 leaves
    as it is). score: what the search says of it; None before it was scored. is_message: its headline is another message of the
    ad. layout: number of a new layout, which has its own pixels and words; 0 for the ad's own.
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
        """Lower bound of the uplift (log-odds), as the search saw it."""
        return self.score.uplift_low if self.score is not None else 0.0

    @property
    def size(self) -> float:
        """Length of the edit (standard deviations, words included)."""
        return self.score.size if self.score is not None else 0.0

    @property
    def kind(self) -> str:
        """What it tries, of KINDS: words count before pixels, all else before light and colour, these before a button."""
        if self.layout or any(self.lines[:2]):
            return "message" if self.is_message else "layout" if self.layout else "line"
        if self.faces.any() or self.scene or (self.look.any() and not np.delete(self.look, CROP).any()):
            return "picture"
        return "look" if self.look.any() or not self.lines[2] else "line"

    @property
    def idea(self) -> tuple[object, ...]:
        """What tells it from others of its kind: its words; else layout or background; else its strongest change, with sign."""
        place = int(np.argmax(np.abs(self.faces))) if self.faces.any() else -1
        sign = 0 if place < 0 else int(np.sign(self.faces.ravel()[place]))
        return (self.kind, *self.lines[:2], self.layout, self.scene, *(() if any(self.lines[:2]) else (place, sign)))

    def without_look(self) -> EditPlan:
        """Return it with light, colour and crop as they were, unless it changes nothing else; of these a crop stays alone.
        Faces stay as they were beside new words, so that a test of either tells its own worth."""
        if any(self.lines[:2]) and self.faces.any():
            return replace(self, faces=np.zeros_like(self.faces)).without_look()
        if self.kind != "look" and (any(self.lines) or self.faces.any() or self.scene):
            return replace(self, look=np.zeros_like(self.look))
        keep = np.arange(len(self.look)) == CROP
        return replace(self, look=np.where(keep, self.look, 0.0)) if self.look[CROP : CROP + 1].any() else self

    def with_one_face_edit(self, single: Sequence[EditPlan]) -> EditPlan:
        """Return it with one edit of one face, as far as that goes: of those it has, the one that alone is worth most, so that
        a test tells its gain from no other's.

        Args:
            single: scored plans of one change each.
        """
        ours = [one for one in single if (np.sign(one.faces) * np.sign(self.faces)).sum() > 0.0]
        return replace(self, faces=max(ours, key=lambda one: one.rank).faces) if ours else self

    @property
    def rank(self) -> tuple[float, float]:
        """What plans are ordered by, the best last: whether they are allowed, then their lower bound."""
        return (0.0 if self.score is None else -self.score.violation, self.low)

    def distance(self, other: EditPlan) -> float:
        """Return how far apart two edits are, in standard deviations; infinite when a line or the background differs. A button
        alone is no difference."""
        if (self.lines[:2], self.scene, self.layout) != (other.lines[:2], other.scene, other.layout):
            return float("inf")
        return float(np.linalg.norm(self.strengths - other.strengths))


@dataclass(frozen=True, kw_only=True)
class GeneSpace:
    """The search space: which genes a genome has, and the range of each.

    num_faces: faces that may be edited. low, high: safe range of each direction, [K], or of each face and direction, [F, K], in
    standard deviations, with low <= 0 <= high. least [2, F, K]: the weakest strength below and above 0 that shows, positive;
    None: MIN_STRENGTH. num_headlines, num_descriptions, num_buttons, num_scenes: what there is to choose from, the creative's
    own included. adjustment_low, adjustment_high [L]: range of each global
    adjustment (ADJUSTMENTS), empty when exposure, colour and crop stay as they are. messages: numbers of the
    headlines that say another message of the ad.
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
        """S: how many strengths, and how many bits, a genome has."""
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
        """Return the genome of the creative as it was."""
        return Individual(np.zeros(self.num_genes))

    def sample(self, *, rng: np.random.Generator, active_share: float | None = None) -> Individual:
        """Draw a genome: strengths and choices uniform, each bit 1 with probability `active_share`.

        None draws the share too, uniformly, so that samples range from sparse to dense.
        """
        return self._at(rng.random(self._num_draws), active_share)

    def sample_evenly(self, num: int, *, rng: np.random.Generator) -> list[Individual]:
        """Draw `num` genomes, each distributed as one `sample`, that together cover the space evenly.

        Every option of a choice comes up equally often, give or take one, and every part of a strength's range does: a Latin
        hypercube (McKay, Beckman & Conover 1979).
        """
        from scipy.stats import qmc  # half a second, which a command that searches nothing need not wait for

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
        """Return the applied strengths (the phenotype), [P, S]: in steps of 0.01, 0 where inactive or too weak to show.

        Of strengths below a `least` that was measured, those nearer to it than to nothing are raised to it.
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
        """Return the strengths that are applied to the faces, [P, F, K]; see `decode`."""
        num = self.num_faces * self.num_directions
        return self.decode(genomes)[:, :num].reshape(len(genomes), self.num_faces, self.num_directions)

    def adjustments(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return the adjustments that are applied to the whole picture, [P, L]; see `decode`."""
        return self.decode(genomes)[:, self.num_faces * self.num_directions :]

    def choices(self, genomes: Sequence[Individual]) -> np.ndarray:
        """Return indices of headline, description, button and scene, [P, 4] int."""
        num = len(CHOICES)
        return np.array([genome[-num:] for genome in genomes], dtype=np.int64).reshape(len(genomes), num)

    def plans(self, genomes: Sequence[Individual]) -> list[EditPlan]:
        """Return what each genome does, with its score."""
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
        """Return whether pixels change, not words and button beside the picture alone."""
        chosen = zip(CHOICES, genome[-len(CHOICES) :], strict=True)
        return bool(self.decode([genome]).any() or any(one and kind in self.in_picture for kind, one in chosen))

    def fit(self, genome: Individual) -> Individual:
        """Return the genome with lines that may stand in one ad: its headline with its description, else with the first
        description that fits, else the ad's own headline with its description, else both of the ad's own."""
        headline, description = (int(one) for one in self.words(genome))
        if self.fits is None or self.fits[headline, description]:
            return genome
        below = np.flatnonzero(self.fits[headline])
        pair = (headline, below[0]) if len(below) else (0, description if self.fits[0, description] else 0)
        return Individual([*genome[: -len(CHOICES)], *pair, *genome[-len(CHOICES) + 2 :]])

    def single_lines(self) -> list[Individual]:
        """Return an edit for each headline, then for each description: that line and nothing else, but for what has to change
        for it to fit."""
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
        """Return an edit for each end of each direction of each face and of each adjustment: it and nothing else."""
        edits = []
        for place, ends in enumerate(zip(*self.bounds(), strict=True)):
            for strength in ends:
                if abs(strength) >= MIN_STRENGTH:
                    edit = self.original()
                    edit[place], edit[self.num_strengths + place] = float(strength), 1.0
                    edits.append(edit)
        return edits

    def is_faint(self, plan: EditPlan) -> bool:
        """Return whether an edit changes light, colour or crop alone, and by less than is seen in a card."""
        if plan.faces.any() or plan.scene or plan.layout or any(plan.lines[:2]) or not plan.look.any():
            return False
        reach = np.maximum(-self.adjustment_low, self.adjustment_high)
        return not bool((np.abs(plan.look) >= VISIBLE * reach - 1e-9)[plan.look != 0.0].any())

    def words(self, genome: Individual) -> tuple[float, ...]:
        """Return which headline and description a genome chooses; equal for genomes with the same words."""
        return tuple(genome[-len(CHOICES) :][: CHOICES.index("description") + 1])

    def key(self, genome: Individual) -> tuple[float, ...]:
        """Return the decoded genome as a hashable key; genomes with equal keys are the same candidate."""
        return (*np.round(self.decode([genome])[0] / STRENGTH_STEP).tolist(), *genome[-len(CHOICES) :])
