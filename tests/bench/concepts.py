"""Planted accounts for `concepts`: ads of 5 to 20 ideas of one brand, composed, read by the shipped encoders, some near-twins.

    python -m tests.bench.concepts                 every figure, with the floors beside
    python -m tests.bench.concepts --photos DIR    with photographs (jpg, png) in place of drawn products
    python -m tests.bench.concepts --export FILE   whether what one half of a real account tells holds in the other

An idea is an angle (problem, offer, proof, news, how-to, question) on one thing, with one picture, mostly in one layout;
its ads differ in their wording, colours and lines below. Ideas of a brand share its name, its photographs and its voice.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from adcreative.compose.fonts import open_pairs
from adcreative.compose.palettes import derive_palettes
from adcreative.compose.parts import Box, Parts, Photo
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.search import as_creative, drawn_lines
from adcreative.compose.shapes import SHAPES
from adcreative.concepts.attributes import find_attributes
from adcreative.concepts.briefs import Budget, NextBrief, candidates, rank_briefs
from adcreative.concepts.grouping import group, see
from adcreative.concepts.worth import LEAST, Results, Told, measure, weigh_attributes, weigh_concepts
from adcreative.creative import Creative
from adcreative.ctr.account.effects import weigh_features
from adcreative.ctr.account.seen_effects import SeenFeature
from adcreative.features.batch import CreativeFeatures
from adcreative.features.extraction import look_stats
from adcreative.features.lettering import lettering_stats
from adcreative.features.outcomes import fold
from adcreative.features.tables import keep_with_results, read_usable
from adcreative.market.brands import VOICES, Brand, draw_brands
from adcreative.market.lines import draw_speaker
from adcreative.market.material import STAGE, draw_material

ANGLES: Mapping[str, tuple[str, ...]] = {
    "problem": (
        "Tired of {pain}?",
        "Still living with {pain}?",
        "Say goodbye to {pain}",
        "No more {pain}. Just {gain}",
        "{Thing}, without {pain}",
    ),
    "offer": (
        "{offer}",
        "{offer}, only this week",
        "Last chance: {offer_lower}",
        "Today only: {offer_lower}",
        "{offer} at {brand}",
    ),
    "proof": (
        "Join {crowd} {people}",
        "{crowd} {people} cannot be wrong",
        "{Thing}, rated 4.8 by {people}",
        "Why {people} choose {brand}",
        "Loved by {people}",
    ),
    "news": ("New: {thing}", "Meet {thing}", "Introducing {thing}", "{Thing} is here", "{Thing}, now at {brand}"),
    "how-to": (
        "How to {benefit}",
        "{number} ways to {benefit}",
        "{number} small changes that help you {benefit}",
        "How {brand} helps you {benefit}",
        "{Benefit}, the easy way",
    ),
    "question": ("Want to {benefit}?", "Ready to {benefit}?", "When did you last {benefit}?", "What if you could {benefit}?"),
}
LAYOUTS = (
    "announcement",
    "badge_led",
    "big_offer",
    "card_over_photo",
    "colour_band",
    "editorial",
    "full_bleed",
    "minimal",
    "offer_split",
    "product_on_colour",
    "proof_list",
    "question",
    "split",
    "split_side",
    "spotlight",
    "type_only",
)
SHOWN_PX, NUM_PHOTOS, TWIN_SHARE, RELAID, TRIES = 360, 3, 0.1, 0.2, 12
FIXED = ("benefit", "thing", "pain", "gain", "offer", "people", "number", "crowd", "topic")


@dataclass(frozen=True, eq=False)
class Idea:
    """One planted idea. frames: its headlines; slots: what they speak of."""

    angle: str
    layout: str
    photo: int
    slots: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Drawn:
    """N ads of one brand with what the encoders saw of them. concept, twin: [N] numbers; ads of one twin are one ad to whoever
    scrolls past: the same headline, layout and colours."""

    creatives: Sequence[Creative]
    features: Sequence[CreativeFeatures]
    concept: np.ndarray
    twin: np.ndarray


def draw_ads(seed: int, num: int, num_ideas: int, photos: Sequence[Path] = ()) -> Drawn:
    """Draw the ads of one brand; the same seed and photographs give the same pixels."""
    rng = np.random.default_rng(seed)
    (brand,) = draw_brands(1, rng=rng)
    parts = _parts(brand, rng, photos)
    ideas = list(_ideas(brand, num_ideas, rng))
    share = rng.dirichlet(np.full(num_ideas, 2.0))
    found: list[tuple[Creative, CreativeFeatures, str, int]] = []
    counts = np.maximum(3, np.round(share * num)).astype(int)
    for place, (idea, count) in enumerate(zip(ideas, counts, strict=True)):
        while count > 0:
            shown = idea if rng.random() >= RELAID else replace(idea, layout=str(rng.choice(LAYOUTS)))
            one = _compose(shown, brand, parts, rng)
            if one is None:
                idea = idea if shown is not idea else replace(idea, layout=str(rng.choice(LAYOUTS)))
                continue
            found.append((*one, place))
            count -= 1
            if count and rng.random() < TWIN_SHARE:
                found.append((*_twin(*one, rng), place))
                count -= 1
    creatives, features, looks, concepts = zip(*found, strict=True)
    _, twins = np.unique([f"{place} {look}" for look, place in zip(looks, concepts, strict=True)], return_inverse=True)
    named = [replace(one, ad_name=f"ad {row:04d}", row=row + 1) for row, one in enumerate(creatives)]
    return Drawn(named, list(features), np.array(concepts), twins)


def _parts(brand: Brand, rng: np.random.Generator, photos: Sequence[Path]) -> Parts:
    left, top, side = STAGE
    whole = Box(left, top, left + side, top + side)
    if photos:
        chosen = [Image.open(photos[k]).convert("RGB") for k in rng.choice(len(photos), NUM_PHOTOS, replace=False)]
        shown = [Photo(one, (whole,), None) for one in chosen]
    else:
        grey = np.full((256, 256, 3), 128, np.uint8)
        drawn = [draw_material(brand, grey, rng) for _ in range(NUM_PHOTOS)]
        shown = [Photo(Image.fromarray(one.product), (whole,), None, words_may_lie=False) for one in drawn]
    colours = ["#{:02x}{:02x}{:02x}".format(*tone) for tone in (brand.palette.main, brand.palette.accent)]
    return Parts(
        photos=tuple(shown),
        logo=None,
        brand=brand.name,
        palettes=derive_palettes(colours, are_given=True),
        typefaces=open_pairs(),
    )


def _ideas(brand: Brand, num: int, rng: np.random.Generator) -> Iterator[Idea]:
    speaker = draw_speaker(brand.name, brand.category, rng=rng)
    seen: set[tuple[str, ...]] = set()
    angles = [str(one) for one in rng.permutation(list(ANGLES))]
    while len(seen) < num:
        slots = {name: speaker.fill(f"{{{name}}}", rng) for name in FIXED}
        angle = angles[len(seen) % len(angles)]
        key = (angle, *(slots[name] for name in FIXED if f"{{{name}}}" in ANGLES[angle][0].casefold()))
        if key not in seen:
            seen.add(key)
            yield Idea(angle, str(rng.choice(LAYOUTS)), int(rng.integers(NUM_PHOTOS)), slots)


def _compose(idea: Idea, brand: Brand, parts: Parts, rng: np.random.Generator) -> tuple[Creative, CreativeFeatures, str] | None:
    """Return one ad of an idea with its look and lettering, and what makes it the ad it is; None where nothing fits."""
    voice = VOICES[brand.category]
    slots = dict(idea.slots) | {"brand": brand.name}
    slots |= {"Thing": _upper(slots["thing"]), "Benefit": _upper(slots["benefit"]), "offer_lower": slots["offer"].lower()}
    for _ in range(TRIES):
        texts = {
            "headline": str(rng.choice(ANGLES[idea.angle])).format_map(slots),
            "subline": str(rng.choice(voice.bodies)),
            "button": str(rng.choice(voice.buttons)),
            "proof": f"Rated 4.8 by {slots['people']}",
        }
        if idea.angle == "offer" or idea.layout in ("big_offer", "offer_split", "badge_led"):
            texts |= {"offer": slots["offer"], "badge": "New", "headline": texts["headline"]}
        recipe = Recipe(
            layout=idea.layout,
            texts=texts,
            photo=None if idea.layout == "type_only" else idea.photo,
            palette=int(rng.integers(len(parts.palettes))),
            density=str(rng.choice(["airy", "normal"])),  # type: ignore[arg-type]
        )
        composed = compose_ad(recipe, parts, SHAPES["1:1"], strict=True)
        if composed.problems:
            continue
        creative = as_creative(recipe, composed, parts, SHOWN_PX)
        assert creative.image_u8 is not None
        lines = drawn_lines(composed, SHOWN_PX)
        seen = CreativeFeatures(
            look=look_stats(creative.image_u8), lettering=lettering_stats(creative.image_u8, lines.boxes_px, lines.inks)
        )
        return creative, seen, f"{recipe.layout} {recipe.palette} {texts['headline']}"
    return None


def _twin(
    first: Creative, seen: CreativeFeatures, look: str, rng: np.random.Generator
) -> tuple[Creative, CreativeFeatures, str]:
    """Return the same ad again: cut by a few pixels, lighter, or darker; or with another button."""
    assert first.image_u8 is not None
    picture, size = Image.fromarray(first.image_u8), first.image_u8.shape[1]
    cut = int(rng.integers(2, size // 24))
    turned = picture.crop((cut, cut, size - cut, size - cut)).resize(picture.size)
    turned = ImageEnhance.Brightness(turned).enhance(float(rng.uniform(0.9, 1.1)))
    image_u8 = np.asarray(turned)
    headline = first.headline if rng.random() < 0.7 else first.headline.rstrip("?.!") + "!"
    return replace(first, image_u8=image_u8, headline=headline), replace(seen, look=look_stats(image_u8)), look


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def encode(drawn: Drawn) -> Drawn:
    """Return the same ads with the shipped towers' answers."""
    from adcreative.verbs.loading import load_tools

    clip = load_tools().clip
    texts = sorted({text for one in drawn.creatives for text in (one.headline, one.body) if text})
    words = dict(zip(texts, clip.encode_texts(texts), strict=True))
    features = [
        replace(seen, image=clip.encode_images([one.image_u8])[0], text=words.get(one.headline), body=words.get(one.body))
        for one, seen in zip(drawn.creatives, drawn.features, strict=True)
        if one.image_u8 is not None
    ]
    return replace(drawn, features=features)


@dataclass(frozen=True, eq=False)
class Planted:
    """An account with results, grouped as `group` would (some ads astray). effect: [N] of each ad's concept; has: [N, A] its
    attributes; worth: [A] of them, log-odds."""

    results: Results
    effect: np.ndarray
    has: np.ndarray
    worth: np.ndarray


FRESH = 3000  # first seed of accounts that nothing was fitted to
ATTRIBUTES, ASTRAY = 8, 0.05  # the second: share of ads in another's concept, as an adjusted Rand index of 0.9 has it


def draw_results(seed: int, smallest: int, largest: int) -> Planted:
    """Draw an account of 5 to 20 concepts and ATTRIBUTES; some of both are worth nothing, ads vary beside them."""
    rng = np.random.default_rng(seed)
    num, num_concepts = round(np.exp(rng.uniform(np.log(smallest), np.log(largest)))), int(rng.integers(5, 21))
    concept = rng.choice(num_concepts, num, p=rng.dirichlet(np.full(num_concepts, 2.0)))
    of_concept = np.where(rng.random(num_concepts) < rng.choice([0.3, 0.6]), rng.normal(0, 0.25, num_concepts), 0.0)
    often = rng.normal(rng.normal(-0.7, 0.7, ATTRIBUTES), 1.5, (num_concepts, ATTRIBUTES))
    has = (rng.random((num, ATTRIBUTES)) < 1 / (1 + np.exp(-often[concept]))).astype(float)
    worth = np.where(rng.random(ATTRIBUTES) < 0.3, rng.choice([-1, 1], ATTRIBUTES) * rng.uniform(0.1, 0.3, ATTRIBUTES), 0.0)
    places, place_of = rng.normal(0, 0.3, 3), rng.integers(3, size=num)
    shown = np.maximum(100, np.exp(rng.uniform(6.5, 9) + rng.normal(0, rng.uniform(0.6, 1.4), num))).astype(int)
    odds = np.log(rng.uniform(0.006, 0.04)) + of_concept[concept] + has @ worth + places[place_of]
    clicks = rng.binomial(shown, 1 / (1 + np.exp(-odds - rng.normal(0, rng.choice([0.1, 0.2, 0.3]), num))))
    ads = [
        Creative(ad_name=f"ad {k}", placement=f"place {place_of[k]}", impressions=int(shown[k]), clicks=int(clicks[k]))
        for k in range(num)
    ]
    found = np.where(rng.random(num) < ASTRAY, rng.choice(concept, num), concept)
    order = np.argsort(np.argsort(-np.bincount(found, minlength=num_concepts), kind="stable"))
    return Planted(Results(ads, order[found], np.arange(num)), of_concept[concept], has, worth)


def draw_outcomes(planted: Planted, seed: int) -> tuple[Results, dict[str, np.ndarray]]:
    """Return the account with conversions, orders of differing value and money spent, and measure -> true log effects [N]."""
    rng = np.random.default_rng([seed, 3])
    concept = planted.results.concept
    won, cost, value = (
        np.where(rng.random(concept.max() + 1) < 0.4, rng.normal(0, 0.25, concept.max() + 1), 0.0)[concept] for _ in range(3)
    )
    rate, price, order = rng.uniform(0.02, 0.1), rng.uniform(0.2, 2), rng.uniform(20, 80)
    rows = []
    for row, one in enumerate(planted.results.creatives):
        clicks = one.clicks or 0
        orders = int(rng.binomial(clicks, min(rate * np.exp(won[row] + rng.normal(0, 0.15)), 1.0)))
        each = order * np.exp(value[row] + rng.normal(-0.32, 0.8, orders))  # a mean of `order`
        spent = clicks * price * float(np.exp(cost[row] + rng.normal(0, 0.15)))
        rows.append(replace(one, conversions=float(orders), revenue=float(each.sum()), spend=spent))
    clicked = planted.effect + planted.has @ planted.worth
    truths = {"conversions": clicked + won, "value": clicked + won + value, "cost": cost - won}
    return replace(planted.results, creatives=rows), truths


def outcome_figures(seeds: Sequence[int], smallest: int = 200, largest: int = 400) -> dict[str, Any]:
    """Return by measure how often the interval holds a concept's planted worth, and what is sure and worth nothing."""
    parts: dict[str, list[np.ndarray]] = {}
    for seed in seeds:
        results, truths = draw_outcomes(draw_results(seed, smallest, largest), seed)
        num = int(results.concept.max()) + 1
        for name, whole in truths.items():
            measured = measure(results, name)
            if measured is None:
                continue
            of, idx = measured
            marks = of.concept[:, None] == np.arange(num)
            shares = marks.mean(axis=0)
            has = shares > 0
            means = np.array([whole[idx][own].mean() if own.any() else 0.0 for own in marks.T])
            truth = means - (shares @ means - shares * means) / (1 - shares)
            told = weigh_concepts(of, [str(k) for k in range(num)], seed=seed)
            parts.setdefault(name, []).append(_rows(told, truth)[:, has])
    return {key: value for name, rows in parts.items() for key, value in _judge(name, np.concatenate(rows, axis=1)).items()}


def _judge(name: str, rows: np.ndarray) -> dict[str, float]:
    effect, low, high, truth, *sure = rows
    is_sure = sure[0] == 1 if sure else (low > 0) | (high < 0)
    nothing = (np.abs(truth) < LEAST) | (truth * effect < 0)
    return {
        f"{name}: coverage": round(float(((low <= truth) & (truth <= high)).mean()), 3),
        f"{name}: error": round(float(np.sqrt(np.square(effect - truth).mean())), 3),
        f"{name}: sure": round(float(is_sure.mean()), 3),
        f"{name}: sure and worth nothing, or of the other sign": round(float(nothing[is_sure].mean()), 3)
        if is_sure.any()
        else 0.0,
    }


def weigh(planted: Planted, seed: int) -> dict[str, np.ndarray]:
    """Return rows [4, F] (effect, low, high, truth) of concepts and attributes, by the account's model and by raw means, which
    of them are called sure, and whether the first brief is among the true best three, by both."""
    results, num = planted.results, int(planted.results.concept.max()) + 1
    told = weigh_concepts(results, [str(k) for k in range(num)], seed=seed)
    features = [SeenFeature(kind="words", label=str(k), seen=planted.has[:, k]) for k in range(ATTRIBUTES)]
    kept, attributes = weigh_attributes(results, features, seed=seed)
    marks = results.concept[:, None] == np.arange(num)
    shares = marks.mean(axis=0)
    # what a concept is worth holds all that goes with it, its usual attributes too
    whole = planted.effect + planted.has @ planted.worth
    means = np.array([whole[own].mean() for own in marks.T])
    truth = means - (shares @ means - shares * means) / (1 - shares)
    clicks, shown = (np.array([getattr(one, name) for one in results.creatives], float) for name in ("clicks", "impressions"))
    raw = _raw(marks, clicks, shown)
    found = {"concepts": _rows(told, truth), "raw concepts": np.stack([*raw, truth])}
    truths = np.array([planted.worth[int(one.label)] for one in kept])
    found["attributes"] = _rows(attributes, truths) if kept else np.zeros((5, 0))
    found["raw attributes"] = np.stack([*_raw(np.stack([one.seen == 1 for one in kept], 1), clicks, shown), truths])
    rate = float(clicks.sum() / shown.sum())
    budget = Budget(impressions=20_000, rate=rate)
    best = rank_briefs(told, attributes, kept, results, budget, seed=seed, num=1)
    of_brief = {
        (one.concept, one.attributes): _true(one, truth, planted, results)
        for one, _, _ in candidates(told, attributes, kept, results, {})
    }
    third = sorted(of_brief.values())[-3:][0]
    floor = of_brief.get((int(np.argmax(raw[0])), ()), -np.inf)
    is_best = best and of_brief[best[0].concept, best[0].attributes] >= third
    return found | {"briefs": np.array([[float(bool(is_best))], [float(floor >= third)]])}


def _true(brief: NextBrief, truth: np.ndarray, planted: Planted, results: Results) -> float:
    added = [int(label) for label in brief.attributes]
    if brief.concept < 0:
        return float(planted.worth[added].sum())
    own = results.concept == brief.concept
    return float(truth[brief.concept] + sum((1 - planted.has[own, k].mean()) * planted.worth[k] for k in added))


def _rows(told: Told, truth: np.ndarray) -> np.ndarray:
    return np.stack(
        [
            *(np.array([getattr(one, name) for one in told.worths], float) for name in ("effect", "low", "high")),
            truth,
            np.array([one.is_sure for one in told.worths], float),
        ]
    )


def _raw(marks: np.ndarray, clicks: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the plain log-odds ratio of those with and without, with its binomial 90 % interval."""
    own, others = ((clicks @ some, shown @ some) for some in (marks, ~marks))
    odds = [np.log((c + 0.5) / (n - c + 0.5)) for c, n in (own, others)]
    error = 1.645 * np.sqrt(sum(1 / (c + 0.5) + 1 / (n - c + 0.5) for c, n in (own, others)))
    return odds[0] - odds[1], odds[0] - odds[1] - error, odds[0] - odds[1] + error


def worth_figures(seeds: Sequence[int], smallest: int = 200, largest: int = 2000) -> dict[str, Any]:
    """Return coverage, what is sure and worth nothing, errors, and how often the first brief is one of the true best three."""
    parts: dict[str, list[np.ndarray]] = {}
    for seed in seeds:
        for name, rows in weigh(draw_results(seed, smallest, largest), seed).items():
            parts.setdefault(name, []).append(rows)
    whole = {name: np.concatenate(rows, axis=1) for name, rows in parts.items()}
    figures: dict[str, Any] = {}
    for name in ("concepts", "raw concepts", "attributes", "raw attributes"):
        figures |= _judge(name, whole[name])
    briefs = whole["briefs"].mean(axis=1)
    return figures | {"first brief in best three": round(float(briefs[0]), 2), "by raw means": round(float(briefs[1]), 2)}


def grouping_figures(seeds: Sequence[int], photos: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the adjusted Rand index of concepts, with k-means on the picture tower (given the number) as its floor, and how
    near-twins are found."""
    scores: dict[str, list[float]] = {"concepts found: adjusted Rand": [], "k-means on pictures": [], "stability": []}
    near = np.zeros(3)
    for seed in seeds:
        rng = np.random.default_rng([seed, 9])
        drawn = encode(draw_ads(seed, int(rng.integers(50, 110)), int(rng.integers(5, 21)), photos))
        found = group(see([one.headline for one in drawn.creatives], drawn.features), seed=seed)
        pictures = np.stack([one.image for one in drawn.features if one.image is not None])
        floor = KMeans(int(drawn.concept.max()) + 1, n_init=4, random_state=0).fit_predict(pictures)
        scores["concepts found: adjusted Rand"].append(adjusted_rand_score(drawn.concept, found.concept))
        scores["k-means on pictures"].append(adjusted_rand_score(drawn.concept, floor))
        scores["stability"].append(found.stability)
        told, true = (one[:, None] == one for one in (found.twin, drawn.twin))
        off = ~np.eye(len(found.twin), dtype=bool)
        near += [(told & true & off).sum(), (told & off).sum(), (true & off).sum()]
    figures = {name: round(float(np.mean(values)), 3) for name, values in scores.items()}
    return figures | {
        "twins: precision": round(near[0] / max(near[1], 1), 2),
        "twins: recall": round(near[0] / max(near[2], 1), 2),
    }


def halves_figures(creatives: Sequence[Creative], num: int = 8) -> dict[str, Any]:
    """Return what attributes told by one half of a real account, by lines, gain in the other (nats over saying 0), and how
    often the sign of what is called sure is that of the other half, with raw means beside."""
    rng, gained, held = np.random.default_rng(0), {"model": 0.0, "raw": 0.0}, {"model": np.zeros(2), "raw": np.zeros(2)}
    lines = [fold(one.headline or one.text) for one in creatives]
    distinct = sorted(set(lines))
    groups = group(see(distinct, [CreativeFeatures()] * len(distinct)), seed=0)
    number = {line: place for place, line in enumerate(distinct)}
    concept = np.array([groups.concept[number[line]] for line in lines])
    twin = np.array([number[line] for line in lines])
    for _ in range(num):
        first = rng.random(len(distinct)) < 0.5
        halves = []
        for own in (first[twin], ~first[twin]):
            rows = np.flatnonzero(own)
            halves.append(Results([creatives[row] for row in rows.tolist()], concept[rows], twin[rows]))
        told_by, judge = halves
        known = find_attributes(told_by.creatives, [CreativeFeatures()] * len(told_by.creatives))
        kept, told = weigh_attributes(told_by, known, seed=0)
        if not kept:
            continue
        labels = [one.label for one in kept]
        there = find_attributes(judge.creatives, [CreativeFeatures()] * len(judge.creatives))
        seen = np.stack([next(one.seen for one in there if one.label == label) for label in labels], axis=1)
        keys = {"text": [str(one) for one in judge.twin], "concepts": [str(one) for one in judge.concept]}
        score, information, _ = weigh_features(
            judge.table(), np.nan_to_num(seen - np.nanmean(seen, axis=0)), keys, left_out=set(), seed=0, max_rows=1000
        )
        other = np.linalg.lstsq(information, score, rcond=1e-6)[0]
        clicks, shown = (
            np.array([getattr(one, name) for one in told_by.creatives], float) for name in ("clicks", "impressions")
        )
        raw, low, high = _raw(np.stack([one.seen == 1 for one in kept], 1), clicks, shown)
        ways = {
            "model": (np.array([one.effect for one in told.worths]), np.array([one.is_sure for one in told.worths])),
            "raw": (raw, (low > 0) | (high < 0)),
        }
        for way, (effect, sure) in ways.items():
            gained[way] += float(score @ effect - 0.5 * effect @ information @ effect) / num
            held[way] += (effect * other > 0)[sure].sum(), sure.sum()
    return {f"{way}: nats gained": round(gained[way], 1) for way in gained} | {
        f"{way}: sure ones that hold": f"{int(held[way][0])} of {int(held[way][1])}" for way in held
    }


def concept_figures(num_groupings: int = 12, num_accounts: int = 100, largest: int = 2000) -> dict[str, Any]:
    """Return all figures of planted accounts, on seeds that nothing was fitted to."""
    found = grouping_figures(range(500, 500 + num_groupings))
    return found | worth_figures(range(FRESH, FRESH + num_accounts), min(200, largest // 2), largest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of photographs")
    parser.add_argument("--export", type=Path, help="a real account's ads with results: halves of it")
    parser.add_argument("--groupings", type=int, default=12)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--largest", type=int, default=2000, help="ads of an account")
    parser.add_argument("--outcomes", action="store_true", help="conversions, value and cost of the accounts alone")
    arguments = parser.parse_args()
    if arguments.outcomes:
        accounts = range(FRESH, FRESH + arguments.accounts)
        print(json.dumps(outcome_figures(accounts, min(200, arguments.largest // 2), arguments.largest), indent=1))
        return
    if arguments.export:
        creatives = list(keep_with_results(read_usable(arguments.export, None), arguments.export))
        print(json.dumps(halves_figures(creatives), indent=1))
        return
    if arguments.photos:
        photos = sorted(path for path in arguments.photos.rglob("*") if path.suffix in (".jpg", ".png"))
        print(json.dumps(grouping_figures(range(500, 500 + arguments.groupings), photos), indent=1))
        return
    print(json.dumps(concept_figures(arguments.groupings, arguments.accounts, arguments.largest), indent=1))


if __name__ == "__main__":
    main()
