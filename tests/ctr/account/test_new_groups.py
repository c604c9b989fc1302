"""Ads of groups that the account has no results of: a half of its own, honest about how little a new group is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special
from scipy.stats import spearmanr

from adcreative.creative import Creative
from adcreative.ctr.account.encoder import AccountEncoder
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.linear import CappedLogistic
from adcreative.ctr.account.members import COLUMNS, MEAN, MEANING, MEMBERS, WORDS, Job
from adcreative.ctr.account.model import AccountModel
from adcreative.ctr.account.part_fitting import _even_weights
from adcreative.ctr.account.stacking import Even, fit_weights
from adcreative.ctr.account.table import WHOLE_TEXT, find_group_column, read_table
from adcreative.features.batch import CreativeFeatures
from tests.ctr.account.accounts import plant_account, plant_groups


def test_the_column_that_tells_rates_apart_best_is_found() -> None:
    account = plant_groups(300, 20, rate=0.03, seed=2)
    assert find_group_column(read_table(account.creatives, account.features)) == "category"
    plain = plant_account(300, rate=0.03, seed=2)
    assert find_group_column(read_table(plain.creatives, plain.features)) == ""
    each_its_own = [replace(one, category=f"c{row}") for row, one in enumerate(plain.creatives)]
    assert find_group_column(read_table(each_its_own, plain.features)) == ""


class _Directions:
    """An encoder whose texts "line N" are directions drawn from N."""

    name, content_hash = "directions", "0"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        seeds = [int(text.split()[-1]) if text else None for text in texts]
        drawn = np.stack([np.full(40, np.nan) if s is None else np.random.default_rng(s).normal(size=40) for s in seeds])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def test_what_words_mean_carries_over_to_new_groups_in_a_plain_regression() -> None:
    rng, encoder = np.random.default_rng(5), _Directions()
    texts = [f"line {number}" for number in range(400)]
    log_odds = -3.0 + 4.0 * encoder.encode(texts)[:, 0] + 0.5 * (np.arange(400) % 2)
    ads = [
        Creative(
            headline=text,
            category=f"group {number // 10}",
            placement=("feed", "story")[number % 2],
            impressions=3_000,
            clicks=int(rng.binomial(3_000, special.expit(log_odds[number]))),
            row=number + 1,
        )
        for number, text in enumerate(texts)
    ]
    table = read_table(ads, [CreativeFeatures()] * len(ads), text_encoder=encoder)
    learnt, asked = np.arange(300), np.arange(300, 400)
    fitted = AccountEncoder.fit(table.rows(learnt), seed=0)
    encoded = fitted.encode(table)
    job = Job(encoded.rows(learnt), table.clicks[learnt], table.impressions[learnt], 0, group_column="category")
    member = MEMBERS[MEANING].fit(job)
    assert isinstance(member, CappedLogistic)
    assert set(member.blocks) == {"further headline", "placement"}
    found = member.log_odds(encoded.rows(asked))
    assert spearmanr(found, log_odds[asked])[0] > 0.7
    again = MEMBERS[MEANING].from_state(*member.state())
    np.testing.assert_array_equal(again.log_odds(encoded.rows(asked)), found)
    plain = fitted.encode(read_table(ads, [CreativeFeatures()] * len(ads))).rows(learnt)
    assert MEMBERS[MEANING].fit(replace(job, encoded=plain)) is None


def test_headline_and_other_words_are_read_apart_and_as_one_only_for_models_that_were() -> None:
    ads = [Creative(headline="line 1", description="line 2"), Creative(headline="line 3")]
    table = read_table(ads, [CreativeFeatures()] * 2, text_encoder=_Directions())
    assert [name for name in table.dense if "further" in name] == ["further headline", "further body"]
    np.testing.assert_array_equal(table.dense["further headline"], _Directions().encode(["line 1", "line 3"]))
    np.testing.assert_array_equal(table.dense["further body"][0], _Directions().encode(["line 2"])[0])
    assert np.isnan(table.dense["further body"][1]).all()
    whole = read_table(ads, [CreativeFeatures()] * 2, text_encoder=_Directions(), has_whole_text=True)
    np.testing.assert_array_equal(whole.dense[WHOLE_TEXT], _Directions().encode(["line 1 line 2", "line 3"]))


def test_few_groups_draw_weights_towards_equal_ones() -> None:
    even = _even_weights([MEAN, COLUMNS, WORDS, MEANING], 20)
    np.testing.assert_allclose(even.weights, [1 / 3, 0, 1 / 3, 1 / 3])
    assert even.share == 0.5
    assert _even_weights([MEAN, WORDS], 5_000).share < 0.005
    rng = np.random.default_rng(0)
    truth = rng.normal(-3, 0.5, 200)
    said = np.stack([truth, rng.normal(-3, 0.5, 200)], axis=1)
    shown = np.full(200, 2_000.0)
    clicks = rng.binomial(2_000, special.expit(truth)).astype(float)
    plain = fit_weights(said, clicks, shown)
    assert plain[0] > 0.9
    drawn = fit_weights(said, clicks, shown, even=Even(np.array([0.5, 0.5]), 0.5))
    np.testing.assert_allclose(drawn, 0.5 * plain + 0.25)


@pytest.mark.planted
def test_new_groups_are_answered_by_what_carries_over(tmp_path: Path) -> None:
    account = plant_groups(420, 24, rate=0.03, seed=4)
    is_new = np.array([one.category in {f"group {number}" for number in range(8)} for one in account.creatives])
    known, new = account.rows(np.flatnonzero(~is_new)), account.rows(np.flatnonzero(is_new))
    learnt, unseen = (
        known.rows(np.arange(0, len(known.truth) - 40)),
        known.rows(np.arange(len(known.truth) - 40, len(known.truth))),
    )
    model, judge, _ = fit_account(learnt.creatives, learnt.features, seed=0)
    assert model.group_column == "category"
    assert model.new is not None
    of_known = model.rates(unseen.creatives, unseen.features)
    assert spearmanr(of_known.rate, unseen.truth)[0] > 0.85
    of_new = model.rates(new.creatives, new.features)
    by_known = special.expit(model.known.log_odds(read_table(new.creatives, new.features)))
    within = [one.category for one in new.creatives]
    assert _within(of_new.rate, new.truth, within) > 0.5  # which of a group's ads is the better one does carry over
    assert np.std(special.logit(of_new.rate)) < np.std(special.logit(new.truth))  # and which group, not
    assert 0.5 < of_new.rate.mean() / new.truth.mean() < 2.0
    assert of_new.covered.mean() > 0.75
    assert not np.allclose(of_new.rate, by_known)
    figures = model.notes["new_groups"]["metrics"]
    assert 0.75 < figures["level"] < 1.33
    assert 0.86 < figures["coverage"] < 0.94
    mean, std = model.predict_change(new.creatives[:2], [CreativeFeatures()] * 2)
    other = judge.predict_change(new.creatives[:2], [CreativeFeatures()] * 2)
    assert np.isfinite([mean, std, *other]).all()
    model.save(tmp_path / "model")
    again = AccountModel.load(tmp_path / "model")
    mixed = [new.creatives[0], unseen.creatives[0], new.creatives[1]]
    assert again.predict(mixed, [CreativeFeatures()] * 3) == model.predict(mixed, [CreativeFeatures()] * 3)
    assert again.predict(mixed, [CreativeFeatures()] * 3)[1].ctr == pytest.approx(of_known.rate[0], rel=1e-9)


@pytest.mark.planted
def test_what_good_groups_happen_to_use_is_given_no_credit_for_them() -> None:
    """Sixteen groups differ by 0.4; three good ones alone run another button, which changes nothing."""
    rng = np.random.default_rng(3)
    levels = np.sort(rng.normal(0.0, 0.4, 16))
    ads = [
        Creative(
            headline=f"line {rng.integers(30)}",
            category=f"group {group}",
            cta="Sign up" if group >= 13 else "Shop now",
            impressions=4_000,
            clicks=int(rng.binomial(4_000, special.expit(-3.0 + levels[group] + rng.normal(0, 0.05)))),
            row=row + 1,
        )
        for row, group in enumerate(rng.integers(16, size=240))
    ]
    model, _, _ = fit_account(ads, [CreativeFeatures()] * len(ads), seed=0)
    assert model.group_column == "category"
    assert model.new is not None
    asked = [Creative(headline="line 3", category="group of its own", cta=cta) for cta in ("Shop now", "Sign up")]
    (mean,), (std,) = model.predict_change(asked, [CreativeFeatures()] * 2)
    rows = [asked[0], asked[1], asked[1], asked[1]]
    (credited,), (sure,) = model.new.change(read_table(rows, [CreativeFeatures()] * 4))
    assert credited > 0.2
    assert mean < credited / 2
    assert mean / std < credited / sure / 2
    same = [asked[0], replace(asked[0], headline="line 4")]  # what is not known of the group is the same for both
    assert model.predict_change(same, [CreativeFeatures()] * 2)[1][0] < 0.15


def _within(rates: np.ndarray, truth: np.ndarray, group: list[str]) -> float:
    """Return the correlation of log-odds less their means of each group."""
    left = []
    for values in (rates, truth):
        log_odds = special.logit(values)
        left.append(log_odds - np.array([np.mean([log_odds[k] for k, g in enumerate(group) if g == one]) for one in group]))
    return float(np.corrcoef(*left)[0, 1])
