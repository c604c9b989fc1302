from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from adcreative.concepts import grouping
from adcreative.concepts.grouping import group, see
from adcreative.features.batch import CreativeFeatures

LINES = (
    ("Tired of hidden fees?", "Still living with hidden fees?", "Say goodbye to hidden fees", "Hidden fees? No more"),
    ("Rated 4.8 by runners", "Why runners love our shoes", "Loved by runners", "Runners cannot be wrong"),
)
FOREIGN = (
    ("Keeper handschoenen kopen", "Keeper handschoenen nodig?", "Keeper handschoenen bestellen"),
    ("Goedkope voetbalpakken voor kinderen", "Voetbalpakken voor kinderen", "Voetbalpakken voor kinderen, nu online"),
)


def ads(lines: tuple[tuple[str, ...], ...], rng: np.random.Generator) -> tuple[list[str], list[CreativeFeatures], np.ndarray]:
    """Return lines, features with a picture and a meaning near those of their concept, and the concepts."""
    found, features, concept = [], [], []
    for number, own in enumerate(lines):
        picture, meaning = rng.normal(size=(2, 64))
        for line in own:
            near = [centre + 0.4 * rng.normal(size=64) for centre in (picture, meaning)]
            unit = [np.asarray(one / np.linalg.norm(one), np.float32) for one in near]
            features.append(CreativeFeatures(image=unit[0], text=unit[1], look=np.zeros(6, np.float32)))
            found.append(line)
            concept.append(number)
    return found, features, np.array(concept)


def test_ads_of_one_idea_are_one_concept_and_the_largest_comes_first() -> None:
    lines, features, concept = ads((*LINES, ("Plan your pension",)), np.random.default_rng(0))
    found = group(see(lines, features), seed=0)
    assert adjusted_rand_score(concept, found.concept) == 1.0
    sizes = np.bincount(found.concept)
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert np.isnan(found.sureness[-1])  # a lone ad has no likeness with others
    assert (found.sureness[:-1] > 0.5).all()
    assert found.stability == pytest.approx(1.0, abs=0.05)


def test_words_in_a_language_that_the_encoder_does_not_know_are_compared_by_their_letters() -> None:
    lines, features, concept = ads(FOREIGN, np.random.default_rng(1))
    same = np.ones(64, np.float32) / 8  # what an English encoder says of all of them
    blind = [replace(one, image=None, look=None, text=same) for one in features]
    assert adjusted_rand_score(concept, group(see(lines, blind), seed=0).concept) == 1.0


class Narrow:
    """An encoder whose answers all lie near each other, as those of e5 do: the trade is told by a tenth of a vector."""

    def encode(self, texts: list[str]) -> np.ndarray:
        rng = np.random.default_rng(7)
        of_trade = {word: rng.normal(size=32) for word in ("handschoenen", "voetbal")}
        found = []
        for text in texts:
            own = next((of_trade[word] for word in of_trade if word in text.casefold()), None)
            seen = np.random.default_rng(len(text)).normal(size=32) if own is None else own + 0.3 * rng.normal(size=32)
            vector = np.full(32, 3.0) + seen
            found.append(vector / np.linalg.norm(vector))
        return np.array(found, np.float32)


def test_an_encoder_whose_distances_are_small_is_stretched_to_the_shipped_one() -> None:
    lines, features, concept = ads(FOREIGN, np.random.default_rng(4))
    blind = [replace(one, image=None, look=None) for one in features]
    seen = see(lines, blind, Narrow())
    assert seen.stretch > 2
    assert adjusted_rand_score(concept, group(seen, seed=0).concept) == 1.0


def test_the_same_ad_again_is_a_near_twin_of_the_same_concept() -> None:
    lines, features, _ = ads(LINES, np.random.default_rng(2))
    again = replace(features[0], image=features[0].image + np.float32(1e-3))
    found = group(see([*lines, lines[0]], [*features, again]), seed=0)
    assert found.twin[-1] == found.twin[0]
    assert found.concept[-1] == found.concept[0]
    assert np.bincount(found.twin).max() == 2


def test_ads_with_nothing_to_compare_stand_alone() -> None:
    found = group(see(["", "", "Hidden fees"], [CreativeFeatures()] * 3), seed=0)
    assert len(set(found.concept)) == 3


def test_ads_beyond_those_compared_join_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, features, concept = ads(LINES, np.random.default_rng(3))
    monkeypatch.setattr(grouping, "MAX_ADS", 6)
    assert adjusted_rand_score(concept, group(see(lines, features), seed=0).concept) == 1.0


def test_ads_known_by_name_are_grouped_by_what_tells_their_names_apart_and_are_no_twins() -> None:
    names = [
        f"{day}1025 MY Shop LP-Ver1 {kind} {n:03d}"
        for kind in ("Video", "Image", "Retargeting")
        for n in (1, 2)
        for day in (2, 3)
    ]
    seen = see([""] * len(names), [CreativeFeatures()] * len(names), names=names)
    found = group(seen, seed=0)
    assert adjusted_rand_score([name.split()[4] for name in names], found.concept) == 1.0
    assert len(set(found.twin)) == len(names)
    assert sorted(set(found.twin)) == list(range(len(names)))
    worded, features, concept = ads(LINES, np.random.default_rng(0))
    both = group(see([*worded, "", ""], [*features, *[CreativeFeatures()] * 2], names=[*worded, "Video 1", "Video 2"]), seed=0)
    assert adjusted_rand_score([*concept, 2, 2], both.concept) == 1.0
