"""What a rate does not hang on need not be measured: the parts that a model names, and those that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from adcreative.creative import Creative
from adcreative.ctr.account.encoder import Encoded
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.linear import CappedLogistic
from adcreative.ctr.account.members import COLUMNS, MEAN, MIXED, TREES, WORDS, MeanRate, Member
from adcreative.ctr.account.mixed_model import MixedModel
from adcreative.ctr.account.model import AccountModel
from adcreative.ctr.account.part import Stack
from adcreative.ctr.account.trees import BoostedTrees
from adcreative.features.batch import GENERAL_PARTS, CreativeFeatures
from tests.ctr.account.accounts import PlantedAccount, plant_account

DENSE = ("picture", "look", "faces", "lettering", "shipped words")
NOTHING, PIXELS = np.zeros(0), np.zeros((4, 4, 3), np.uint8)


def mixed(*blocks: str) -> MixedModel:
    support = Encoded({}, {}, {}, np.zeros((0, 0)))
    return MixedModel(0.0, dict.fromkeys(blocks, 0.1), 0.1, support, NOTHING, np.zeros((0, 0), np.float32))


MEMBERS: Mapping[str, Member] = {
    MEAN: MeanRate(0.0),
    COLUMNS: mixed("device"),
    WORDS: CappedLogistic(["words", "characters"], 0.0, NOTHING),
    MIXED: mixed("device", "characters", "picture", "faces"),
    TREES: BoostedTrees(0.0, 0, *(NOTHING,) * 6),
}


@pytest.mark.parametrize(
    ("weights", "spread_by", "parts"),
    [
        ({COLUMNS: 0.9, MEAN: 0.1}, COLUMNS, set()),
        ({WORDS: 1.0}, COLUMNS, {"words"}),
        ({COLUMNS: 0.5, MIXED: 0.5}, "", {"words", "image", "look"}),
        ({TREES: 0.1, COLUMNS: 0.9}, "", {*GENERAL_PARTS, "lettering"}),
    ],
)
def test_a_rate_hangs_on_what_members_with_weight_read(weights: Mapping[str, float], spread_by: str, parts: set[str]) -> None:
    stack = Stack(MEMBERS, weights, 0.0)
    assert stack.find_spread(DENSE) == spread_by
    assert replace(stack, spread_by=spread_by).parts_read(DENSE) == parts
    assert stack.find_spread(()) == ""  # without pictures the mixed model says how uncertain a rate is, as it knows most


@pytest.fixture(scope="module")
def pictured() -> tuple[PlantedAccount, AccountModel]:
    plain, rng = plant_account(110, rate=0.03, seed=4, impressions=(1_000.0, 9_000.0)), np.random.default_rng(2)
    features = [
        CreativeFeatures(image=rng.normal(size=8).astype(np.float32), look=rng.normal(size=6).astype(np.float32))
        for _ in plain.features
    ]
    account = replace(plain, creatives=[replace(one, file_name=f"{one.row}.png") for one in plain.creatives], features=features)
    return account, fit_account(account.creatives[:90], features[:90], seed=0)[0]


def test_what_a_model_does_not_name_changes_no_rate(pictured: tuple[PlantedAccount, AccountModel]) -> None:
    account, fitted = pictured
    creatives, features = account.creatives[90:], account.features[90:]
    blind = [CreativeFeatures() for _ in features]
    told = fitted.rates(creatives, features)
    assert (told.rate != fitted.rates(creatives, blind).rate).any() == bool(fitted.rate_parts - {"words"})
    members = fitted.known.stack.members
    stack = replace(fitted.known.stack, members=members | {COLUMNS: members[MIXED]}, weights={COLUMNS: 1.0})
    assert "image" in replace(fitted.known, stack=stack).parts_read
    assert sorted(fitted.rate_parts) == fitted.notes["reads"]


def test_an_account_whose_columns_tell_all_needs_no_picture() -> None:
    plain, rng = plant_account(160, rate=0.05, seed=4, impressions=(4_000.0, 9_000.0), extra=0.0), np.random.default_rng(2)
    worth = {"mobile": 0.6, "desktop": -0.6}
    truth = [special.expit(special.logit(0.05) + worth[one.context["device"]]) for one in plain.creatives]
    creatives = [
        Creative(
            ad_name=one.ad_name,
            headline=f"lamp {one.row}",
            image_u8=PIXELS,
            row=one.row,
            context={"device": one.context["device"]},
            impressions=one.impressions,
            clicks=int(rng.binomial(one.impressions or 0, rate)),
        )
        for one, rate in zip(plain.creatives, truth, strict=True)
    ]
    features = [CreativeFeatures(look=rng.normal(size=6).astype(np.float32)) for _ in creatives]
    model = fit_account(creatives[:120], features[:120], seed=0)[0]
    assert model.rate_parts == frozenset()
    told, blind = (model.predict(creatives[120:], seen) for seen in (features[120:], [CreativeFeatures()] * 40))
    assert [(one.ctr, one.ctr_low, one.ctr_high) for one in told] == [(one.ctr, one.ctr_low, one.ctr_high) for one in blind]
    assert "its picture was not looked at" in told[0].evidence
    assert np.mean([one.ctr_low < rate < one.ctr_high for one, rate in zip(told, truth[120:], strict=True)]) > 0.8
