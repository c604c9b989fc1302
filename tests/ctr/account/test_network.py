"""QIN as a member of an account's model: the shipped network with the account's own values, or one fitted from nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special

from adcreative.creative import Creative
from adcreative.ctr.account.encoder import AccountEncoder
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.members import NAMED, QIN_OWN, find_candidates
from adcreative.ctr.account.model import AccountModel
from adcreative.ctr.account.network import AccountNetwork, choose_past, extend_builder, extend_state, fit_network
from adcreative.ctr.account.table import Ads, read_table
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.ctr.predictor import Predictor
from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ConfigError
from adcreative.features.batch import CreativeFeatures

WIDTH = 24


def plant_pictures(num: int, seed: int) -> tuple[Ads, np.ndarray]:
    """Ads whose rate depends on one direction of their picture's embedding and on their brand; true rates [N]."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(num, WIDTH)).astype(np.float32)
    brand = rng.integers(5, size=num)
    truth = special.expit(-3.5 + 0.5 * image[:, 0] + 0.2 * (brand - 2))
    creatives = [
        Creative(
            ad_name=f"ad {row}",
            file_name=f"{row}.png",
            headline=f"coat {row % 40}",
            brand=f"brand {brand[row]}",
            impressions=4_000,
            clicks=int(rng.binomial(4_000, truth[row])),
        )
        for row in range(num)
    ]
    return Ads(creatives, [CreativeFeatures(image=one) for one in image]), truth


@pytest.fixture(scope="module")
def planted() -> tuple[Ads, np.ndarray]:
    return plant_pictures(260, seed=1)


@pytest.fixture(scope="module")
def network(planted: tuple[Ads, np.ndarray]) -> AccountNetwork:
    known = planted[0].rows(np.arange(200))
    clicks, shown = (np.array([float(getattr(one, name)) for one in known.creatives]) for name in ("clicks", "impressions"))
    fitted = fit_network(known, clicks, shown, np.arange(200), seed=0)
    assert fitted is not None
    return fitted


def log_odds(network: AccountNetwork, ads: Ads) -> np.ndarray:
    table = read_table(ads.creatives, ads.features)
    return network.log_odds(AccountEncoder.fit(table, seed=0).encode(replace(table, ads=ads)))


def test_it_learns_what_pictures_are_worth_and_loses_it_without_them(
    network: AccountNetwork, planted: tuple[Ads, np.ndarray]
) -> None:
    unseen, truth = planted[0].rows(np.arange(200, 260)), special.logit(planted[1][200:])
    assert np.corrcoef(log_odds(network, unseen), truth)[0, 1] > 0.8
    blind = log_odds(network, replace(unseen, blank=frozenset({"picture"})))
    shown = [one.image[0] for one in unseen.features if one.image is not None]
    assert abs(np.corrcoef(blind, shown)[0, 1]) < 0.3
    assert np.corrcoef(blind, truth)[0, 1] > 0.15  # the brand is left


@pytest.fixture(scope="module")
def din(planted: tuple[Ads, np.ndarray]) -> AccountNetwork:
    known = planted[0].rows(np.arange(200))
    clicks, shown = (np.array([float(getattr(one, name)) for one in known.creatives]) for name in ("clicks", "impressions"))
    fitted = fit_network(known, clicks, shown, np.arange(200) % 40, seed=0, name="din")
    assert fitted is not None
    return fitted


@pytest.mark.parametrize("which", ["network", "din"])
def test_saved_it_says_the_same_bits_alone_and_in_company(
    which: str, planted: tuple[Ads, np.ndarray], request: pytest.FixtureRequest
) -> None:
    network: AccountNetwork = request.getfixturevalue(which)
    ads = planted[0].rows(np.arange(200, 260))
    notes, tensors = network.state()
    again = AccountNetwork.from_state(notes, tensors)
    np.testing.assert_array_equal(log_odds(again, ads), log_odds(network, ads))
    table = read_table(ads.creatives, ads.features)
    encoded = AccountEncoder.fit(table, seed=0).encode(table)
    np.testing.assert_array_equal(network.log_odds(encoded.rows(np.array([7]))), network.log_odds(encoded)[[7]])


def test_words_alone_are_left_to_the_other_members_unless_a_network_is_named(planted: tuple[Ads, np.ndarray]) -> None:
    words = Ads(planted[0].creatives, [CreativeFeatures(text=one.image) for one in planted[0].features])
    counts = np.full(260, 50.0), np.full(260, 4_000.0)
    assert fit_network(words, *counts, np.arange(260), seed=0) is None
    named = fit_network(words, *counts, np.arange(260), seed=0, name="fm")
    assert named is not None
    assert (named.name, named.past) == ("fm", None)


def test_an_ad_is_compared_with_the_account_s_other_ads(din: AccountNetwork, planted: tuple[Ads, np.ndarray]) -> None:
    """Neither its own result nor that of an ad with its name, words or test is read; all other items are."""
    past = din.past
    assert past is not None
    assert len(past.items) == 36  # 40 headlines, of which a tenth stops the training; one item of each other
    ads = planted[0].rows(np.arange(200))
    own = past.find_own(ads.creatives)
    assert own.sum() == 36 * 5  # each headline stands in five ads
    assert own.sum(axis=1).max() == 1
    other = [replace(one, headline="nobody says this") for one in ads.creatives]
    assert past.find_own(other).sum() == 36  # the items themselves, by name
    known = int(own.any(axis=1).argmax())
    stranger = replace(ads.creatives[known], ad_name="another", file_name="another.png", headline="nobody says this")
    asked = Ads([stranger, ads.creatives[known]], [ads.features[known]] * 2)
    batch = past.attach(din.builder.encode(asked.creatives, asked.features), past.find_own(asked.creatives))
    assert batch.history is not None
    assert batch.history.mask.sum(dim=1).tolist() == [36, 35]


def test_the_past_is_the_best_known_ad_of_each_group_oldest_first() -> None:
    counted, group = np.array([5.0, 9.0, 1.0, 7.0, 3.0]), np.array([0, 0, 1, 2, 2])
    dates = ["2026-03-02", "2026-03-03", "2026-03-01", "", ""]
    assert choose_past(np.arange(5), counted, group, dates).tolist() == [3, 2, 1]
    many = choose_past(np.arange(100), np.arange(100.0), np.arange(100), [""] * 100)
    assert many.tolist() == list(range(36, 100))


def test_networks_for_logs_are_refused_by_name() -> None:
    assert find_candidates(["din", "fm", "din"]) == (NAMED["din"], NAMED["fm"])
    with pytest.raises(ConfigError, match="esmm is for impression logs"):
        find_candidates(["esmm"])
    with pytest.raises(ConfigError, match='Did you mean "finalmlp"'):
        find_candidates(["finalmpl"])


def test_the_shipped_network_says_at_first_what_it_said() -> None:
    """New values start at nothing: a brand that it has never seen filled must not set its quadratic layers off."""
    shipped = Predictor.load(embedded_dir("predictor"))
    ads = [Creative(headline="Warm shoes", brand=f"brand {row % 2}", category="travel") for row in range(8)]
    features = [CreativeFeatures(appeal=0.1 * row) for row in range(8)]
    builder = extend_builder(shipped.builder, ads)
    assert set(builder.vocabularies["brand"]) == {"brand 0", "brand 1"}
    assert (
        builder.vocabularies["category"][: len(shipped.builder.vocabularies["category"])]
        == (shipped.builder.vocabularies["category"])
    )
    assert extend_builder(shipped.builder, ads, ignored=("brand",)).vocabularies["brand"] == ()
    network = build_ctr_model("qin", builder.spec, shipped.config.model, generator=torch.Generator().manual_seed(0)).eval()
    network.load_state_dict(extend_state(shipped.members[0].state_dict(), network.state_dict()))
    with torch.no_grad():
        before = shipped.members[0](shipped.builder.encode(ads, features))
        after = network(builder.encode(ads, features))
        same = network(replace(builder.encode(ads, features), present=shipped.builder.encode(ads, features).present))
    torch.testing.assert_close(same, before, atol=1e-5, rtol=0)
    assert (after - before).abs().max() < 0.5  # only that a brand is there at all is new


@pytest.mark.planted
def test_an_account_with_pictures_states_what_the_networks_weigh(planted: tuple[Ads, np.ndarray], tmp_path: Path) -> None:
    ads = planted[0]
    model, judge, _ = fit_account(ads.creatives, ads.features, seed=0, networks=["din"])
    card = model.card("m")
    members = card["members"]
    assert {QIN_OWN, NAMED["din"]} <= set(members)
    gain, low, high = card["gain_of_networks"]
    assert low <= gain <= high
    assert not members[QIN_OWN]["is_floor"]
    assert members[QIN_OWN]["spearman"] > 0.5
    model.save(tmp_path / "model")
    asked = ads.creatives[:5], ads.features[:5]
    np.testing.assert_array_equal(AccountModel.load(tmp_path / "model").rates(*asked).rate, model.rates(*asked).rate)
    assert np.isfinite(judge.rates(*asked).rate).all()
