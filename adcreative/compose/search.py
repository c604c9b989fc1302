"""Searches layouts, leading messages, facts, colours and crops for a set of ads, each worth a test of its own.

A candidate is a list of genes (`Genes`), scored on its final pixels in one shape: what is predicted for it, how far it is from
what ran, how well it is laid out. Survivors by NSGA-II (Deb et al. 2002, from DEAP); all without faults dominate those with
some. Delivered is the best of each concept, a message in a family of layouts; near-twins never together.
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
TWIN = 0.88  # likeness (0..1) from which two ads are near-twins
SAME_PICTURE = 0.93  # likeness of pictures alone, whatever they say
CROSSED, SPREAD = 0.9, 0.45  # chance that parents are crossed; how much a place among the delivered costs what is like others
DENSITIES: tuple[Density, ...] = ("normal", "airy", "full")
MAX_PROOFS = 3
PLURALS = "sn"  # letters that a noun may end with when there are several: apples, Schuhen
FOUND_BEYOND_PX = 2.0  # that a finder's box reaches beyond a line on each side, on a picture of SCORED_PX
SCORED_PX = 480  # of the longer side, of what is scored in the search: order as at full size, in a third of the time


class Score(Protocol):
    """Predicts ads: their final pixels and words, and where their lines are drawn, where that is known, to lower bounds [N]."""

    def __call__(self, creatives: Sequence[Creative], lines: Sequence[DrawnLines] | None = None) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Candidate:
    """A composed ad with its score. predicted: lower bound, None without a model; novelty: 0..1, distance to what ran."""

    recipe: Recipe
    measures: Measures
    design: float
    novelty: float
    predicted: float | None = None

    @property
    def concept(self) -> tuple[str, str]:
        """What the ad tests: the line that leads, in a family of layouts."""
        return self.measures.lead, self.measures.family

    @property
    def worth(self) -> float:
        """By what ads of one concept are compared: what is predicted, else the design."""
        return self.design if self.predicted is None else self.predicted


class Genes:
    """The choices that make an ad of given parts and messages, as whole numbers; gene i is 0..sizes[i]-1."""

    def __init__(self, parts: Parts, messages: Mapping[str, tuple[str, ...]], shape: Shape, *, has_faces: bool = False) -> None:
        self.parts, self.messages, self.has_faces = parts, messages, has_faces
        self.leads = [role for role in LEADS if messages.get(role)]
        proofs = messages.get("proof", ())
        self.proofs = [()] + [proofs[k : k + n] for n in range(1, MAX_PROOFS + 1) for k in range(len(proofs) - n + 1)]
        self.layouts = [name for name in layout_names() if self._can(name, shape)]
        optional = [role for role in ("subline", "offer", "badge", "price") if messages.get(role)]
        self.optional = optional
        self.names = ("layout", "lead", "headline", "subline", "offer", "button", "proofs", "shown", "palette", "typefaces",
                      "photo", "cutout", "density")  # fmt: skip
        lines = [max(1, len(messages.get(role, ()))) for role in ("headline", "subline", "offer", "button")]
        self.sizes = (
            max(1, len(self.layouts)), max(1, len(self.leads)), *lines, len(self.proofs), 2 ** len(optional),
            len(parts.palettes), len(parts.typefaces), max(1, len(parts.photos)), 2, len(DENSITIES),
        )  # fmt: skip

    def _can(self, name: str, shape: Shape) -> bool:
        """Return whether some ad of these parts has all that a layout needs, and shows a photo where there are photos."""
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
        """Return the ad that genes stand for; roles that the layout has no place for are left out."""
        chosen = dict(zip(self.names, genes, strict=True))
        layout = load_layout(self.layouts[chosen["layout"]])
        lead = self.leads[chosen["lead"]] if self.leads else "headline"
        texts = {role: lines[chosen.get(role, 0)] for role, lines in self.messages.items()}
        texts["proof"] = "\n".join(self.proofs[chosen["proofs"]])
        for place, role in enumerate(self.optional):
            if not chosen["shown"] >> place & 1 and role != lead and role not in layout.needs:
                texts[role] = ""
        if "proof" in layout.needs and "\n" not in texts["proof"]:  # a list of one is none
            texts["proof"] = "\n".join(self.messages.get("proof", ())[:MAX_PROOFS])
        if not texts.get("price"):
            texts["old_price"] = ""
        if lead != "offer" and _words(texts.get("offer", "")) <= _words(texts.get("headline", "")):
            texts["offer"] = ""  # the headline says it
        texts = {role: words for role, words in texts.items() if words and role in layout.takes}
        needs_photo = any(need in layout.needs for need in ("photo", "cutout")) or "photo" in layout.takes
        photo = self._suited(chosen["photo"], texts.get("headline", "")) if self.parts.photos and needs_photo else None
        has_cutout = photo is not None and self.parts.photos[photo].cutout is not None
        free = has_cutout and bool(
            chosen["cutout"] or "cutout" in layout.needs or not self.parts.photos[photo or 0].words_may_lie
        )
        return Recipe(
            layout=layout.name, texts=texts, photo=photo, cutout=free,
            palette=chosen["palette"], typefaces=chosen["typefaces"], density=DENSITIES[chosen["density"]],
            emphasis=lead if lead in texts else "headline" if "headline" in texts else next(iter(texts), "headline"),
        )  # fmt: skip

    def _suited(self, photo: int, headline: str) -> int:
        """Return the photo, or the one that shows what the headline names and this one does not."""
        words = [word[:-1] if word[-1] in PLURALS else word for word in re.findall(r"\w{4,}", headline.casefold())]
        named = [any(word in one.shows.casefold() for word in words) for one in self.parts.photos]
        return photo if named[photo] or not any(named) else named.index(True)

    def sample(self, number: int, rng: np.random.Generator) -> list[list[int]]:
        """Return candidates that show each layout and each leading message about equally often."""
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
    """Genes with what DEAP sorts by."""

    genes: list[int]
    fitness: base.Fitness = field(default_factory=lambda: _Fitness())
    candidate: Candidate | None = None


class _Fitness(base.Fitness):
    weights = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search over the ads of some parts and messages.

    score: predicts ads from final pixels and words; None: by design alone. ran: grids (`measures.grid_of`) of ads that ran.
    shape: in which candidates are looked at. has_faces: whether a photo shows somebody.
    Faults here are those that the layouter tells; who delivers looks at pixels, too.
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
        """Return every ad without faults that was found, the best first by `Candidate.worth`."""
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
        """Compose, measure and score candidates; those with faults keep none."""
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
        """Compose an ad and return what is seen in it, or the number of its faults."""
        composed = compose_ad(recipe, self.parts, self.shape, strict=True)
        if composed.problems:
            return len(composed.problems)
        if self.score is None:
            return _Looked(measure(recipe, composed))
        creative = as_creative(recipe, composed, self.parts, SCORED_PX)
        return _Looked(measure(recipe, composed), creative, drawn_lines(composed, SCORED_PX))


@dataclass(frozen=True, eq=False)
class _Looked:
    """What is seen of a candidate without faults; without a model measures alone."""

    measures: Measures
    creative: Creative = field(default_factory=Creative)
    lines: DrawnLines = field(default_factory=lambda: DrawnLines(np.zeros((0, 4), np.float32)))


def drawn_lines(composed: Composed, longest_px: int) -> DrawnLines:
    """Return the lines of a composed ad in a copy with `longest_px` on the longer side, as a finder of lines would box them.

    What a finder boxes beside them are large ornaments that it takes for letters.
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
    """Return the words of a composed ad in the fields that a model knows, without a picture."""
    texts = recipe.texts
    body = [texts[role].replace("\n", ". ") for role in ("subline", "offer", "price", "proof") if texts.get(role)]
    headline = texts.get("headline", "") or texts.get(recipe.emphasis, "")
    return Creative(headline=headline, description=" ".join(body), cta=texts.get("button", ""), brand=brand)


def as_creative(recipe: Recipe, composed: Composed, parts: Parts, longest_px: int | None = None) -> Creative:
    """Return a composed ad as what is scored: its words by the fields that a model knows, and its final pixels.

    longest_px: smaller pixels, for a quicker score.
    """
    image = composed.image
    if longest_px is not None:
        image.thumbnail((longest_px, longest_px), reducing_gap=2.0)
    shown = "; ".join(filter(None, (parts.photos[number].consent_id for number in composed.photos)))
    return replace(words_as_creative(recipe, parts.brand), image_u8=np.asarray(image), consent_id=shown)


def _children(
    population: Sequence[_Individual], sizes: Sequence[int], number: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """Yield genes of children: binary tournaments by domination, uniform crossover, one gene in ten drawn anew."""

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
    """Return at most `number` ads, each of a concept of its own as long as there are concepts; no two near-twins.

    The best of all is first. Each further one is the best by worth less its likeness to those that are chosen, so that the set
    spreads over messages, families, colours and photos.

    Args:
        fits: whether an ad can be had in every shape that is asked for; takes a while, so it is asked as late as possible.
    """
    if not candidates:
        return []
    worth = np.array([one.worth for one in candidates])
    span = float(np.ptp(worth)) or 1.0
    left, chosen = list(range(len(candidates))), list[Candidate]()
    alike = np.zeros(len(candidates))
    for only_new in (True, False):
        while left and len(chosen) < number:
            concepts = {one.concept for one in chosen}
            families, leads = [one.measures.family for one in chosen], [one.measures.lead for one in chosen]
            open_ = [k for k in left if not (only_new and candidates[k].concept in concepts)]
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
