"""Rank briefs for new ads by the expected value of a test, and write the files that `compose` reads.

    value of a test  =  E[ gain of the new ad * chance that the test calls it better ]

over draws of the account's posterior, against a usual ad of the account, at the given impressions per arm. Its assurance is the
probability that the test ends with an answer, better or worse (O'Hagan, Stevens & Campbell 2005). A brief is one more ad of a
concept, a concept with an attribute that it lacks, or the account's best attributes combined in a new concept.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from adcreative.catalog.platforms.layout import HEADLINE_JOINT
from adcreative.concepts.attributes import label_of, says, word_attributes
from adcreative.concepts.worth import LEAST, Results, Told
from adcreative.creative import Creative
from adcreative.ctr.account.seen_effects import SeenFeature

NUM_BRIEFS, MAX_OF_CONCEPT = 5, 2
MIN_SHARE_HAD = 0.2  # share of a concept's ads with an attribute, below which the attribute is a gap
NUM_LINES, NUM_RAN, NUM_PHOTOS = 4, 8, 3
Z = 1.645
WEEKS_AHEAD = 4
MIN_WORDS = 3  # of a headline cut from a search ad's: "Free | At-Home | Test Kits" is one line
LIKELY = 0.75  # least probability of an effect above LEAST for an attribute to be requested
NO_LETTERING = 0.01  # share of a picture covered by text lines, below which the picture can be a photo of new ads


@dataclass(frozen=True, kw_only=True)
class NextBrief:
    """One brief. kind: "scale", "gap" or "new". concept: its number, -1 if new. attributes: labels of added attributes.

    effect, low, high: expected log-odds of an ad made from the brief, relative to a usual ad of the account, with the ad's 90 %
    interval. assurance: 0..1. value: expected gain in log-odds from testing the brief, 0 if the test does not favour it.
    """

    kind: str
    concept: int
    attributes: tuple[str, ...]
    title: str
    effect: float
    low: float
    high: float
    assurance: float
    value: float
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The impressions of each arm of a test, and the click rate of a usual ad (0..1)."""

    impressions: int
    rate: float

    @property
    def error(self) -> float:
        """The standard error of the log-odds ratio of two arms."""
        return float(np.sqrt(2 / max(self.impressions * self.rate * (1 - self.rate), 1e-6)))


def rank_briefs(
    concepts: Told,
    attributes: Told,
    features: Sequence[SeenFeature],
    results: Results,
    budget: Budget,
    *,
    seed: int,
    num: int = NUM_BRIEFS,
    falling: Mapping[int, float] | None = None,
) -> tuple[NextBrief, ...]:
    """Return the best briefs, the most valuable test first, at most MAX_OF_CONCEPT of one concept.

    Args:
        features: the features of `attributes`, in the same order. falling: concept -> weekly change of its log-odds, for
            fatigued concepts; a new ad is expected at the concept's level after four more weeks.
    """
    rng = np.random.default_rng(seed)
    found = list(candidates(concepts, attributes, features, results, falling or {}))
    briefs = [_weigh(one, draws, spread, budget, rng) for one, draws, spread in found]
    counts: Counter[int] = Counter()
    chosen: list[NextBrief] = []
    for one in sorted(briefs, key=lambda brief: -brief.value):
        if counts[one.concept] < MAX_OF_CONCEPT and len(chosen) < num and one.effect > 0:
            counts[one.concept] += 1
            chosen.append(one)
    return tuple(chosen)


def candidates(
    concepts: Told, attributes: Told, features: Sequence[SeenFeature], results: Results, falling: Mapping[int, float]
) -> list[tuple[NextBrief, np.ndarray, float]]:
    """Return briefs without figures, the draws [K] of their effects, and the standard deviation of a single new ad."""
    blank = NextBrief(kind="scale", concept=-1, attributes=(), title="", effect=0, low=0, high=0, assurance=0, value=0)
    words = [place for place, one in enumerate(features) if one.kind in ("words", "look", "face")]
    better = [place for place in words if (attributes.draws[:, place] > LEAST).mean() >= LIKELY]
    found: list[tuple[NextBrief, np.ndarray, float]] = []
    for number, worth in enumerate(concepts.worths):
        drawn = concepts.draws[:, number] + WEEKS_AHEAD * falling.get(number, 0.0)
        found.append((replace(blank, concept=number, title=f"One more of {worth.label}"), drawn, concepts.spread))
        own = results.concept == number
        for place in better:
            had = features[place].seen[own]
            share = float(np.nanmean(had)) if np.isfinite(had).any() else 1.0
            if share < MIN_SHARE_HAD and worth.effect > 0:
                label = attributes.worths[place].label
                told = replace(blank, kind="gap", concept=number, attributes=(label,), title=f"{worth.label} with {label}")
                found.append((told, drawn + (1 - share) * attributes.draws[: len(drawn), place], concepts.spread))
    best = sorted(better, key=lambda place: -attributes.worths[place].effect)[:2]
    if len(best) == 2:
        labels = tuple(attributes.worths[place].label for place in best)
        apart = float(concepts.draws.std()) if concepts.draws.size else 0.0  # spread of the concepts' effects
        together = attributes.draws[:, best].sum(axis=1)
        told = replace(blank, kind="new", attributes=labels, title=f"A new idea with {' and '.join(labels)}")
        found.append((told, together, float(np.hypot(concepts.spread, apart))))
    return found


def _weigh(brief: NextBrief, draws: np.ndarray, spread: float, budget: Budget, rng: np.random.Generator) -> NextBrief:
    ads = draws + spread * rng.standard_normal(len(draws))
    better, worse = norm.cdf(ads / budget.error - Z), norm.cdf(-ads / budget.error - Z)
    low, high = np.quantile(ads, (0.05, 0.95))
    value, assurance = float((ads * better).mean()), float((better + worse).mean())
    mean = float(draws.mean())
    why = (
        f"expected {np.expm1(mean):+.0%} beside a usual ad of the account (nine times in ten {np.expm1(low):+.0%} to "
        f"{np.expm1(high):+.0%}); a test with {budget.impressions:,} impressions an arm ends with an answer in "
        f"{round(10 * assurance)} of 10 cases."
    )
    return replace(brief, effect=mean, low=float(low), high=float(high), assurance=assurance, value=value, why=why)


def write_brief(
    brief: NextBrief, creatives: Sequence[Creative], concept: np.ndarray, text_share: np.ndarray, folder: Path
) -> str:
    """Return a brief as the TOML that `compose` reads, with file paths relative to `folder`.

    All lines come from ads of the account, all of one brand: lines of the concept, best first, and for a word attribute the
    lines of other ads with the attribute. Pictures without text become the photos; photos of the concept's other ads are listed
    as already used.

    Args:
        text_share: [N] share of the picture covered by text, NaN if not measured.
    """
    ranked = [int(row) for row in np.argsort([-_rate(one) for one in creatives])]
    rows = [row for row in ranked if concept[row] == brief.concept] or ranked
    brand = next((creatives[row].brand for row in rows if creatives[row].brand), "")
    rows, ranked = ([row for row in some if creatives[row].brand == brand] for some in (rows, ranked))
    messages: dict[str, list[str]] = {"headline": [], "subline": [], "button": []}
    wanted = [name for name in word_attributes() if label_of(name) in brief.attributes]
    having = [row for row in ranked if wanted and all(says(creatives[row], name) for name in wanted)]
    _take(messages["headline"], (_headline(creatives[row]) for row in (*having[:2], *rows)), NUM_LINES)
    _take(messages["subline"], (creatives[row].description or creatives[row].primary_text for row in rows), 2)
    _take(messages["button"], (creatives[row].cta for row in rows), 2)
    pictures = [row for row in rows if creatives[row].image_path is not None]
    photos = [row for row in pictures if text_share[row] < NO_LETTERING]
    photos = list({creatives[row].image_path: row for row in reversed(photos)}.values())[::-1][:NUM_PHOTOS]
    lines = [f"# {brief.title}", f"# {brief.why}"]
    if brief.attributes:
        lines.append(
            f"# Add {' and '.join(brief.attributes)}; what stands below was said by ads of the account: keep what is true."
        )
    if not photos:
        lines.append('# No picture of these ads is free of words: name a photograph, [[photos]] file = "photo.jpg".')
    ran = [_path(creatives[row], folder) for row in pictures if row not in photos][:NUM_RAN]
    lines += [f"ran = {json.dumps(list(dict.fromkeys(ran)), ensure_ascii=False)}", "", "[brand]", f"name = {_quote(brand)}"]
    for row in photos:
        lines += ["", "[[photos]]", f"file = {_quote(_path(creatives[row], folder))}"]
        if creatives[row].consent_id:
            lines.append(f"consent_id = {_quote(creatives[row].consent_id)}")
    lines += ["", "[messages]"]
    if not messages["headline"]:
        lines.append('# These ads came with their names only: write what the new ad says, headline = ["..."].')
    lines += [f"{role} = {json.dumps(said, ensure_ascii=False)}" for role, said in messages.items() if said]
    return "\n".join(lines) + "\n"


def _rate(one: Creative) -> float:
    """Return a smoothed click rate (one click of a typical ad added), so that an ad shown twice does not rank first."""
    return ((one.clicks or 0) + 1) / ((one.impressions or 0) + 200)


def _headline(one: Creative) -> str:
    """Return the line that leads an ad; of a search ad's joined headlines the first, and the next ones if it is very short."""
    words: list[str] = []
    for part in (one.headline or one.text).split(HEADLINE_JOINT):
        if len(words) < MIN_WORDS:
            words += part.split()
    return " ".join(words)


def _take(into: list[str], lines: Iterable[object], most: int) -> None:
    for line in lines:
        text = " ".join(str(line).split())
        if text and text not in into and len(into) < most:
            into.append(text)


def _path(one: Creative, folder: Path) -> str:
    """Return the path of a picture, relative to the brief's folder if possible."""
    return Path(os.path.relpath(Path(str(one.image_path)).resolve(), folder.resolve())).as_posix()


def _quote(text: str) -> str:
    """Return a TOML string; JSON's notation is the same."""
    return json.dumps(text, ensure_ascii=False)
