"""What a lone ad is compared with: quantiles of the trade, or of the account."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.ctr.trade import ALL, NOTE, NUM_STEPS, PICTURES, WORDS, Peers, find_peers, read_trade
from adcreative.verbs.model_folder import read_model_manifests
from data.make.trade_reference import MIN_ADS, quantiles_by_category, render_trade


def test_share_below_is_that_of_the_ads_that_made_the_quantiles() -> None:
    rates = np.random.default_rng(0).lognormal(-4, 0.5, 3_000)
    peers = Peers(np.quantile(rates, np.linspace(0, 1, NUM_STEPS + 1)).tolist(), "ads")
    for rate in (0.005, 0.015, 0.03, 0.08):
        assert peers.share_below(rate) == pytest.approx(float((rates < rate).mean()), abs=0.025)
    assert peers.share_below(0.0) == 0.0
    assert peers.share_below(1.0) == 1.0
    assert Peers([0.01] * 21, "ads").share_below(0.01) == 0.5


def test_the_reference_set_is_that_of_the_shipped_predictor() -> None:
    """Else: python -m data.make.trade_reference packages-train.parquet"""
    trade = read_trade()
    assert trade.model == read_model_manifests(None)["predictor"].content_hash
    for groups in trade.quantiles.values():
        for rates in groups.values():
            assert len(rates) == NUM_STEPS + 1
            assert list(rates) == sorted(rates)


def test_an_ad_meets_its_category_where_there_are_some_else_all_of_its_kind() -> None:
    trade = read_trade()
    same, other = Creative(headline="x", category=" Travel"), Creative(headline="x", category="keys")
    phrases = [
        find_peers({}, trade.model, ad, has_picture=has_picture).phrase  # type: ignore[union-attr]
        for ad, has_picture in ((same, True), (other, True), (same, False))
    ]
    assert [phrase.partition(" (")[0] for phrase in phrases] == [
        "ads of its category in our reference set",
        "ads in our reference set",
        "lines in our reference set",
    ]
    assert find_peers({}, "another model", same, has_picture=True) is None
    own = find_peers({NOTE: [0.01, 0.02, 0.03]}, "an account's", same, has_picture=True)
    assert own == Peers([0.01, 0.02, 0.03], "ads of the account that it was trained on")


def test_a_category_of_few_ads_gets_no_quantiles_of_its_own() -> None:
    ads = [Creative(headline="x", category="many" if row < MIN_ADS else "few") for row in range(MIN_ADS + 5)]
    found = quantiles_by_category(ads, np.linspace(0.01, 0.02, len(ads)))
    assert list(found) == [ALL, "many"]
    text = render_trade("abc", {PICTURES: found, WORDS: {ALL: found[ALL]}})
    assert text.count("\n[") == 2
    assert 'model = "abc"' in text
