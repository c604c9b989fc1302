"""The maker of the models of blocks and roles: drawn ads say what is in them, and trees in numpy give LightGBM's scores."""

from __future__ import annotations

import re

import lightgbm
import numpy as np
import pytest

from adcreative.lettering.reading.role_models import ROLES, RoleModels
from adcreative.lettering.reading.trees import BoostedTrees
from data.make.roles import __main__ as maker
from data.make.roles.drawn_ads import draw_ad, read_phrases
from tests.real.labels import read_ads

PHOTO = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)


def test_a_drawn_ad_is_the_same_for_a_seed_and_says_what_each_line_is() -> None:
    first, again = (draw_ad(np.random.default_rng(3), [PHOTO]) for _ in range(2))
    assert np.array_equal(first.image_u8, again.image_u8)
    assert [line.text for line in first.lines] == [line.text for line in again.lines]
    assert {*first.block} <= {*range(len(first.roles))}
    assert {*first.roles} <= {*ROLES}
    height, width = first.image_u8.shape[:2]
    boxes = np.array([line.box_xyxy_px for line in first.lines])
    assert boxes.min() > -0.05 * width
    assert boxes[:, 2].max() < 1.05 * width
    assert boxes[:, 3].max() < 1.05 * height


def test_no_phrase_of_drawn_ads_is_a_text_of_the_real_ads_that_measure_the_models() -> None:
    def letters(text: str) -> str:
        return "".join(char for char in re.sub(r"{\w+}", "", text).casefold() if char.isalpha())

    phrases = read_phrases()
    texts = [texts for language in phrases["languages"].values() for role, texts in language.items() if role != "script"]
    said = [text for some in texts for text in some]
    said += [*phrases["prints"], *phrases["brands"], *phrases["slogans"]]
    labelled = {letters(block.text) for ad in read_ads("work") for block in ad.blocks}
    copies = [
        text
        for text in said
        if "{brand}" not in text
        and len(letters(text)) > 1
        and (letters(text) in labelled or (len(letters(text)) >= 8 and any(letters(text) in one for one in labelled)))
    ]
    assert not copies


def test_trees_in_numpy_give_the_scores_of_lightgbm() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 6)).astype(np.float32)
    numbers = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int) + (rows[:, 3] > 1)
    settings = {**maker.SETTINGS, "objective": "multiclass", "num_class": 3}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, numbers), 7)
    trees = BoostedTrees.from_tensors(maker.pack_trees(booster, "some", 3), "some")
    assert trees.score(rows) == pytest.approx(booster.predict(rows, raw_score=True), abs=1e-5)
    other = maker.pack_trees(lightgbm.train({**settings, "seed": 5}, lightgbm.Dataset(rows, numbers), 9), "some", 3)
    both = BoostedTrees.from_tensors(maker.average_trees([maker.pack_trees(booster, "some", 3), other], "some"), "some")
    mean = (trees.score(rows) + BoostedTrees.from_tensors(other, "some").score(rows)) / 2
    assert both.score(rows) == pytest.approx(mean, abs=1e-5)


def test_models_trained_on_a_few_ads_join_lines_and_know_roles_better_than_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "LINK_ROUNDS", 20)
    monkeypatch.setattr(maker, "ROLE_ROUNDS", 10)
    monkeypatch.setattr(maker, "NUM_SEEDS", 2)
    monkeypatch.setitem(maker.SETTINGS, "min_data_in_leaf", 4)
    samples = list(maker.draw_samples(18, seed=1, photos=[PHOTO]))
    tensors = maker.train(samples[:12], seed=1)
    again = maker.train(samples[:12], seed=1)
    assert all(np.array_equal(tensors[name], again[name]) for name in tensors)  # the same bytes for a seed
    models = RoleModels(tensors)
    rows, truth = maker.link_data(samples[12:])
    chances = models.link_chances(rows)
    assert chances[truth > 0].mean() > chances[truth == 0].mean() + 0.1
    rows, numbers = maker.role_data(samples[12:])
    named = models.role_chances(rows)[np.arange(len(rows)), numbers]
    assert named.mean() > 1.5 / len(ROLES)
