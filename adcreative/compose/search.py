"""Searches layouts, leading messages, facts, colours and crops for a set of ads, each worth a separate test.

A candidate is a list of genes (`Genes`), scored on its final pixels in one shape by predicted rate, distance from earlier
ads, and design. Survivors are selected by NSGA-II (Deb et al. 2002, from DEAP); ads without faults dominate others. The
result is the best ad of each concept, a message in a family of layouts, without near-twins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np
from deap import base, tools

from adcreative.compose.colour import to_rgb
from adcreative.compose.layout import layout_names, load_layout
from adcreative.compose.measures import LEADS, Measures, design_score, likeness, measure, picture_likeness
from adcreative.compose.parts import Parts
from adcreative.compose.recipe import Density, Recipe
from adcreative.compose.render import Composed, compose_ad
from adcreative.compose.scene import Words
from adcreative.compose.shapes import Shape
from adcreative.compose.typesetting import line_width, rise_and_fall
from adcreative.creative import Creative
from adcreative.encoders.threads import iter_in_threads
from adcreative.features.lettering import CAP_SHARE, DrawnLines
from adcreative.progress import Count, ShouldStop, never, uncounted

POPULATION, GENERATIONS = 36, 3
TWIN = 0.88  # minimum likeness (0..1) of near-twins
SAME_PICTURE = 0.93  # minimum likeness of the pictures alone
CROSSED, SPREAD = 0.9, 0.45  # probability of crossover; deduction for similarity to chosen ads
DENSITIES: tuple[Density, ...] = ("normal", "airy", "full")
MAX_PROOFS = 3
PLURALS = "sn"  # final letters of plural nouns: apples, Schuhen
FOUND_BEYOND_PX = 2.0  # margin of a line finder's box on each side, on a picture of SCORED_PX
SCORED_PX = 480  # of the longer side, for scores in the search: same ranking as at full size, in a third of the time


class Score(Protocol):
    """Predicts ads: their final pixels and words, and the positions of their lines, if known, to lower bounds [N]."""

    def __call__(self, creatives: Sequence[Creative], lines: Sequence[DrawnLines] | None = None) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Candidate:
    """A composed ad with its score. predicted: lower bound, None without a model; novelty: 0..1, distance from earlier ads."""

    recipe: Recipe
    measures: Measures
    design: float
    novelty: float
    predicted: float | None = None

    @property
    def concept(self) -> tuple[str, str]:
        """The tested concept: the leading line, in a family of layouts."""
        return self.measures.lead, self.measures.family

    @property
    def worth(self) -> float:
        """Criterion among ads of one concept: the prediction, else the design."""
        return self.design if self.predicted is None else self.predicted


class Genes:
    """Integer encoding of an ad's choices for given parts and messages; gene i is 0..sizes[i]-1."""

    def __init__(self, parts: Parts, messages: Mapping[str, tuple[str, ...]], shape: Shape, *, has_faces: bool = False) -> None:
        self.parts, self.messages, self.has_faces = parts, messages, has_faces
        self.leads = [role for role in LEADS if messages.get(role)]
        proofs = messages.get("proof", ())
        self.proofs = [()] + [proofs[k : k + n] for n in range(1, MAX_PROOFS + 1) for k in range(len(proofs) - n + 1)]
        self.layouts = [name for name in layout_names() if self._can(name, shape)]
        optional = [role for role in ("subline", "offer", "badge", "price") if messages.get(role)]
        self.optional = optional
        self.names = (
            "layout",
            "lead",
            "headline",
            "subline",
            "offer",
            "button",
            "proofs",
            "shown",
            "palette",
            "typefaces",
            "photo",
            "cutout",
            "density",
        )
        lines = [max(1, len(messages.get(role, ()))) for role in ("headline", "subline", "offer", "button")]
        self.sizes = (
            max(1, len(self.layouts)),
            max(1, len(self.leads)),
            *lines,
            len(self.proofs),
            2 ** len(optional),
            len(parts.palettes),
            len(parts.typefaces),
            max(1, len(parts.photos)),
            2,
            len(DENSITIES),
        )

    def _can(self, name: str, shape: Shape) -> bool:
        """Return whether some ad of these parts has everything that a layout needs, and shows a photo if there are any."""
        layout = load_layout(name)
        if "face" in layout.needs and not self.has_faces:
            return False
        trees = [layout.trees[kind] for kind in ("square", shape.kind)]
        if self.parts.photos and not all(tree.holds_photo for tree in trees):
            return False
        texts = {role: "\n".join(lines[:MAX_PROOFS]) if role == "proof" else lines[0] for role, lines in self.messages.items()}
        recipe = Recipe(layout=name, texts=texts, photo=0 if self.parts.photos else None, cutout=True)
        problems = compose_ad(recipe, self.parts, shape, strict=True).problems
        return not any(getattr(one, "code", "") == "ad_missing_part" for one in problems)

    def decode(self, genes: Sequence[int]) -> Recipe:
        """Return the recipe of genes, without roles that have no place in the layout."""
        chosen = dict(zip(self.names, genes, strict=True))
        layout = load_layout(self.layouts[chosen["layout"]])
        lead = self.leads[chosen["lead"]] if self.leads else "headline"
        texts = {role: lines[chosen.get(role, 0)] for role, lines in self.messages.items()}
        texts["proof"] = "\n".join(self.proofs[chosen["proofs"]])
        for place, role in enumerate(self.optional):
            if not chosen["shown"] >> place & 1 and role != lead and role not in layout.needs:
                texts[role] = ""
        if "proof" in layout.needs and "\n" not in texts["proof"]:  # a single proof is no list
            texts["proof"] = "\n".join(self.messages.get("proof", ())[:MAX_PROOFS])
        if not texts.get("price"):
            texts["old_price"] = ""
        if lead != "offer" and _words(texts.get("offer", "")) <= _words(texts.get("headline", "")):
            texts["offer"] = ""  # the headline already states the offer
        texts = {role: words for role, words in texts.items() if words and role in layout.takes}
        needs_photo = any(need in layout.needs for need in ("photo", "cutout")) or "photo" in layout.takes
        photo = self._suited(chosen["photo"], texts.get("headline", "")) if self.parts.photos and needs_photo else None
        has_cutout = photo is not None and self.parts.photos[photo].cutout is not None
        free = has_cutout and bool(
            chosen["cutout"] or "cutout" in layout.needs or not self.parts.photos[photo or 0].words_may_lie
        )
        return Recipe(
            layout=layout.name,
            texts=texts,
            photo=photo,
            cutout=free,
            palette=chosen["palette"],
            typefaces=chosen["typefaces"],
            density=DENSITIES[chosen["density"]],
            emphasis=lead if lead in texts else "headline" if "headline" in texts else next(iter(texts), "headline"),
        )

    def _suited(self, photo: int, headline: str) -> int:
        """Return the photo, or another one if only that one shows an object named in the headline."""
        words = [word[:-1] if word[-1] in PLURALS else word for word in re.findall(r"\w{4,}", headline.casefold())]
        named = [any(word in one.shows.casefold() for word in words) for one in self.parts.photos]
        return photo if named[photo] or not any(named) else named.index(True)

    def sample(self, number: int, rng: np.random.Generator) -> list[list[int]]:
        """Return candidates with each layout and each leading message about equally often."""
        drawn = [[int(rng.integers(size)) for size in self.sizes] for _ in range(number)]
        order, everything = rng.permutation(self.sizes[0]), 2 ** len(self.optional) - 1
        for place, genes in enumerate(drawn):
            genes[0], genes[1] = int(order[place % self.sizes[0]]), (place // self.sizes[0]) % self.sizes[1]
            genes[7] = everything if place % 2 else genes[7]
        return drawn


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


@dataclass(eq=False)
class _Individual:
    """Genes with their fitness for DEAP."""

    genes: list[int]
    fitness: base.Fitness = field(default_factory=lambda: _Fitness())
    candidate: Candidate | None = None


class _Fitness(base.Fitness):
    weights = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search over the ads of given parts and messages.

    score: predicts ads from final pixels and words; None: by design alone. ran: grids (`measures.grid_of`) of earlier ads.
    shape: the shape of the candidates. has_faces: whether a photo shows a face.
    Only the layouter's faults are considered; the caller also checks pixels.
    """

    parts: Parts
    messages: Mapping[str, tuple[str, ...]]
    shape: Shape
    score: Score | None = None
    ran: Sequence[np.ndarray] = ()
    has_faces: bool = False
    population: int = POPULATION
    generations: int = GENERATIONS

    def run(self, seed: int, *, tell: Count = uncounted, should_stop: ShouldStop = never) -> list[Candidate]:
        """Return all ads without faults, the best first by `Candidate.worth`."""
        rng = np.random.default_rng(seed)
        genes = Genes(self.parts, self.messages, self.shape, has_faces=self.has_faces)
        if not genes.layouts:
            return []
        seen: dict[tuple[int, ...], _Individual] = {}
        asked, population = genes.sample(self.population, rng), list[_Individual]()
        for generation in range(self.generations + 1):
            fresh = [one for one in dict.fromkeys(map(tuple, asked)) if one not in seen]
            scored = self._score(genes, [_Individual(list(one)) for one in fresh])
            seen |= dict(zip(fresh, scored, strict=True))
            population = tools.selNSGA2(population + scored, min(self.population, len(population) + len(scored)))
            tell(generation + 1, self.generations + 1)
            if should_stop() or generation == self.generations:
                break
            asked = list(_children(population, genes.sizes, self.population, rng))
        found = [one.candidate for one in seen.values() if one.candidate is not None]
        distinct = {repr(one.recipe): one for one in found}
        return sorted(distinct.values(), key=lambda one: -one.worth)

    def _score(self, genes: Genes, individuals: list[_Individual]) -> list[_Individual]:
        """Compose, measure and score candidates; faulty ones get no candidate."""
        recipes = [genes.decode(one.genes) for one in individuals]
        looked = list(iter_in_threads(self._look, recipes))
        clean = [(place, found) for place, found in enumerate(looked) if isinstance(found, _Looked)]
        predicted: Sequence[float | None] = [None] * len(clean)
        if self.score is not None and clean:
            predicted = self.score([one.creative for _, one in clean], [one.lines for _, one in clean]).tolist()
        for one, found in zip(individuals, looked, strict=True):
            one.fitness.values = (-100.0 - (found if isinstance(found, int) else 0),) * 3
        for (place, seen), value in zip(clean, predicted, strict=True):
            measures = seen.measures
            novelty = 1.0 - max((picture_likeness(measures.grid, one) for one in self.ran), default=0.0)
            candidate = Candidate(recipes[place], measures, design_score(measures), novelty, value)
            individuals[place].candidate = candidate
            individuals[place].fitness.values = (candidate.worth, candidate.novelty, candidate.design)
        return individuals

    def _look(self, recipe: Recipe) -> _Looked | int:
        """Compose an ad and return its measurements, or the number of its faults."""
        composed = compose_ad(recipe, self.parts, self.shape, strict=True)
        if composed.problems:
            return len(composed.problems)
        if self.score is None:
            return _Looked(measure(recipe, composed))
        creative = as_creative(recipe, composed, self.parts, SCORED_PX)
        return _Looked(measure(recipe, composed), creative, drawn_lines(composed, SCORED_PX))


@dataclass(frozen=True, eq=False)
class _Looked:
    """The measurements of a candidate without faults; only measures without a model."""

    measures: Measures
    creative: Creative = field(default_factory=Creative)
    lines: DrawnLines = field(default_factory=lambda: DrawnLines(np.zeros((0, 4), np.float32)))


def drawn_lines(composed: Composed, longest_px: int) -> DrawnLines:
    """Return the lines of a composed ad in a copy with a longer side of `longest_px`, in the format of a line finder.

    A real line finder also returns large ornaments that it mistakes for letters.
    """
    scale = min(1.0, longest_px / max(composed.scene.width, composed.scene.height))
    beyond = np.array([-1.0, -1.0, 1.0, 1.0], np.float32) * FOUND_BEYOND_PX * longest_px / SCORED_PX
    boxes, inks = [], []
    for item in composed.scene.items:
        if not isinstance(item, Words):
            continue
        for text, x, baseline in item.lines:
            capitals = rise_and_fall(text, item.kind)[0] * item.size
            high, middle = capitals / CAP_SHARE, baseline - capitals / 2
            boxes.append((x, middle - high / 2, x + line_width(text, item.kind) * item.size, middle + high / 2))
            inks.append(to_rgb(item.colour))
    return DrawnLines(np.array(boxes, np.float32).reshape(-1, 4) * scale + beyond, inks)


def words_as_creative(recipe: Recipe, brand: str) -> Creative:
    """Return the words of a composed ad in the fields of a model, without a picture."""
    texts = recipe.texts
    body = [texts[role].replace("\n", ". ") for role in ("subline", "offer", "price", "proof") if texts.get(role)]
    headline = texts.get("headline", "") or texts.get(recipe.emphasis, "")
    return Creative(headline=headline, description=" ".join(body), cta=texts.get("button", ""), brand=brand)


def as_creative(recipe: Recipe, composed: Composed, parts: Parts, longest_px: int | None = None) -> Creative:
    """Return a composed ad as input of a model: its words by field, and its final pixels.

    longest_px: smaller pixels, for a faster score.
    """
    image = composed.image
    if longest_px is not None:
        image.thumbnail((longest_px, longest_px), reducing_gap=2.0)
    shown = "; ".join(filter(None, (parts.photos[number].consent_id for number in composed.photos)))
    return replace(words_as_creative(recipe, parts.brand), image_u8=np.asarray(image), consent_id=shown)


def _children(
    population: Sequence[_Individual], sizes: Sequence[int], number: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """Yield genes of children: binary tournaments by dominance, uniform crossover, one gene in ten mutated."""

    def parent() -> list[int]:
        first, second = (population[int(rng.integers(len(population)))] for _ in range(2))
        return second.genes if second.fitness.dominates(first.fitness) else first.genes

    for _ in range(number):
        one, other = parent(), parent()
        takes = rng.random(len(sizes)) < (0.5 if rng.random() < CROSSED else 1.0)
        child = [a if take else b for a, b, take in zip(one, other, takes, strict=True)]
        renewed = rng.random(len(sizes)) < max(0.1, 1.0 / len(sizes))
        yield [int(rng.integers(size)) if again else gene for gene, size, again in zip(child, sizes, renewed, strict=True)]


def choose(
    candidates: Sequence[Candidate], number: int, fits: Callable[[Candidate], bool] = lambda one: True
) -> list[Candidate]:
    """Return at most `number` ads, of different concepts while there are any, then of other layouts, without near-twins.

    The best ad is first. Each further ad maximizes its worth minus its likeness to the chosen ads, so that the set covers
    messages, families, colours and photos.

    Args:
        fits: whether an ad works in every requested shape; slow, so it is called as late as possible.
    """
    if not candidates:
        return []
    worth = np.array([one.worth for one in candidates])
    span = float(np.ptp(worth)) or 1.0
    left, chosen = list(range(len(candidates))), list[Candidate]()
    alike = np.zeros(len(candidates))
    ways: tuple[Callable[[Candidate], object], ...] = (lambda one: one.concept, lambda one: one.recipe.layout, lambda one: None)
    for is_told in ways:
        while left and len(chosen) < number:
            told = {is_told(one) for one in chosen} - {None}
            families, leads = [one.measures.family for one in chosen], [one.measures.lead for one in chosen]
            open_ = [k for k in left if is_told(candidates[k]) not in told]
            if not open_:
                break
            seen = [candidates[k].measures for k in open_]
            repeated = [0.3 * families.count(one.family) + 0.15 * leads.count(one.lead) for one in seen]
            cost = [alike[k] + again for k, again in zip(open_, repeated, strict=True)]
            best = max(zip(open_, cost, strict=True), key=lambda one: (worth[one[0]] - worth.min()) / span - SPREAD * one[1])[0]
            left.remove(best)
            if not fits(candidates[best]):
                continue
            chosen.append(candidates[best])
            near = partial(_is_twin, candidates[best])
            left = [k for k in left if not near(candidates[k])]
            for k in left:
                alike[k] = max(alike[k], likeness(candidates[k].measures, candidates[best].measures))
    return chosen


def _is_twin(first: Candidate, second: Candidate) -> bool:
    one, other = first.measures, second.measures
    return likeness(one, other) >= TWIN or picture_likeness(one.grid, other.grid) >= SAME_PICTURE
