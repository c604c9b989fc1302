"""The model of an account: better than its floors, right in level and spread, the same once loaded, honest about its limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from threadpoolctl import threadpool_info, threadpool_limits

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.members import FLOORS, KNOWN_GROUPS, MEAN
from adcreative.ctr.account.model import AccountModel, with_words_of
from adcreative.ctr.account.table import number_groups
from adcreative.ctr.predictor import Predictor
from adcreative.ctr.training.loop import Callbacks
from adcreative.errors import ArtifactError, TrainingError
from adcreative.features.batch import CreativeFeatures
from tests.ctr.account.accounts import PlantedAccount, plant_account

Models = tuple[AccountModel, AccountModel, AccountModel]


def level_of(predicted: np.ndarray, account: PlantedAccount) -> float:
    """Predicted over true clicks, an ad counting for at most 100 of them, so that one giant does not stand for all."""
    shown = np.array([one.impressions for one in account.creatives], float)
    counted = np.minimum(shown, 100 / account.truth)
    return float(counted @ predicted / (counted @ account.truth))


def test_ads_it_has_not_seen_are_ordered_by_their_true_rates(models: Models, account: PlantedAccount) -> None:
    unseen = account.rows(np.arange(300, 400))
    for model in models:
        rates = model.rates(unseen.creatives, unseen.features).rate
        assert spearmanr(rates, unseen.truth)[0] > 0.8


def test_card_states_each_floor_and_the_stack_is_worse_than_none(models: Models) -> None:
    members = models[0].card("m")["members"]
    assert {name for name, one in members.items() if one["is_floor"]} == set(FLOORS) & set(KNOWN_GROUPS)
    assert sum(one["weight"] for one in members.values()) == pytest.approx(1.0)
    assert all(one["gain_interval"][1] > -1e-5 for one in members.values())
    assert members[MEAN]["gain_interval"][0] > 0


@pytest.mark.parametrize(
    ("rate", "impressions", "giant"),
    [
        (0.0005, (10.0, 1e7), False),
        pytest.param(0.02, (10.0, 1e7), False, marks=pytest.mark.slow),
        pytest.param(0.3, (10.0, 1e6), False, marks=pytest.mark.slow),
        pytest.param(0.02, (100.0, 1e4), True, marks=pytest.mark.slow),
    ],
)
def test_level_and_coverage_hold_whatever_the_account(rate: float, impressions: tuple[float, float], giant: bool) -> None:
    account = plant_account(360, rate=rate, seed=3, impressions=impressions, giant=giant)
    model, _, _ = fit_account(account.creatives[:280], account.features[:280], seed=0)
    unseen = account.rows(np.arange(280, 360))
    assert 0.8 < level_of(model.rates(unseen.creatives, unseen.features).rate, unseen) < 1.25
    found = model.notes["metrics"]
    assert 0.9 < found["level"] < 1.1
    assert 0.88 < found["coverage"] < 0.92
    predictions = model.predict(unseen.creatives, unseen.features)
    held = [one.ctr_low <= truth <= one.ctr_high for one, truth in zip(predictions, unseen.truth, strict=True)]
    assert np.mean(held) > 0.78  # 80 ads: 0.9 less three deviations


def test_sixty_ads_are_enough_and_noise_gives_the_mean() -> None:
    account, others = plant_account(60, rate=0.05, seed=5), plant_account(60, rate=0.05, seed=6)
    shuffled = np.random.default_rng(0).permutation(60)
    noise = [
        replace(one, impressions=account.creatives[k].impressions, clicks=account.creatives[k].clicks)
        for one, k in zip(account.creatives, shuffled, strict=True)
    ]
    model, _, _ = fit_account(noise, account.features, seed=0)
    assert not model.notes["is_skilled"]
    said = model.predict(noise[:1], account.features[:1])[0]
    assert said.enough_data
    assert "no better than the mean rate" in said.evidence
    unseen = [one.ctr for one in model.predict(others.creatives, others.features)]
    assert np.std(unseen) < 0.3 * np.std(account.truth)


def test_saved_and_loaded_it_says_the_same_to_the_bit(models: Models, account: PlantedAccount, tmp_path: Path) -> None:
    saved = models[0].save(tmp_path / "model")
    loaded = AccountModel.load(tmp_path / "model")
    assert saved == loaded.content_hash == models[0].content_hash
    assert loaded.predict(account.creatives[300:], account.features[300:]) == models[0].predict(
        account.creatives[300:], account.features[300:]
    )
    again = loaded.predict_change(account.creatives[300:305], account.features[300:305])
    np.testing.assert_array_equal(again, models[0].predict_change(account.creatives[300:305], account.features[300:305]))
    assert not list((tmp_path / "model").glob("*.pkl"))


def test_a_share_learnt_from_tests_is_saved_and_noted(models: Models, tmp_path: Path) -> None:
    models[0].save(tmp_path / "model")
    loaded = AccountModel.load(tmp_path / "model")
    loaded.state_share(0.2)
    saved = loaded.save(tmp_path / "taught")
    again = AccountModel.load(tmp_path / "taught")
    assert (again.searched_share, again.notes["searched_share"], again.content_hash) == (0.2, 0.2, saved)
    assert again.searched_share != models[0].searched_share == models[0].notes["searched_share"]


@pytest.mark.slow
def test_same_seed_same_model_and_rows_do_not_influence_each_other(account: PlantedAccount, models: Models) -> None:
    again, _, _ = fit_account(account.creatives[:300], account.features[:300], seed=0)
    assert again.content_hash == models[0].content_hash
    one = models[0].predict([account.creatives[310]], [account.features[310]])[0]
    many = models[0].predict(account.creatives[300:], account.features[300:])[10]
    assert one.ctr == pytest.approx(many.ctr, rel=1e-9)


def test_judge_and_auditor_are_other_models(models: Models, account: PlantedAccount) -> None:
    rates = [model.rates(account.creatives[300:], account.features[300:]).rate for model in models]
    assert len({model.content_hash for model in models}) == 3
    assert all(0.8 < np.corrcoef(rates[0], other)[0, 1] < 0.9999 for other in rates[1:])


def test_new_words_are_worth_what_such_words_were_worth(models: Models, account: PlantedAccount) -> None:
    """Planted: only opening and ending matter, so the best and the worst opening differ by a known amount."""
    best, worst = (account.creatives[int(pick(account.truth))] for pick in (np.argmax, np.argmin))
    swapped = with_words_of(worst, best)
    mean, std = models[0].predict_change([worst, swapped, worst], [CreativeFeatures()] * 3)
    assert mean[0] > 0.2
    assert 0 < std[0] < 1.0
    assert abs(mean[1]) < 1e-9  # nothing was changed


def test_evidence_names_language_and_unknown_columns(models: Models, account: PlantedAccount) -> None:
    german = replace(
        account.creatives[0],
        headline="Günstige Schuhe für lange Tage",
        description="Jetzt bestellen und sparen",
        context={"device": "television", "age": "18-24"},
    )
    said = models[0].evidence_for(german, CreativeFeatures())
    assert 'device "television" was not in the training data' in said
    assert "in German, in which it has learnt from no ad" in said
    assert models[0].unseen(replace(german, context={"interest": "i1; i3"})) == {}
    assert models[0].grade(german, CreativeFeatures())["row"] == "extrapolated"


def test_groups_hold_ads_of_one_text_or_test_together() -> None:
    ads = [
        Creative(headline="A"),
        Creative(headline="a "),
        Creative(headline="B", test_id="t"),
        Creative(headline="C", test_id="t"),
        Creative(headline="C"),
        Creative(file_name="x.png"),
        Creative(file_name="x.png", context={"age": "18-24"}),
        Creative(file_name="y.png"),
    ]
    group = number_groups(ads).tolist()
    assert group[0] == group[1]
    assert group[2] == group[3] == group[4]
    assert group[5] == group[6]
    assert len({group[0], group[2], group[5], group[7]}) == 4


def test_too_few_groups_are_refused() -> None:
    account = plant_account(80, rate=0.05, seed=5)
    same = [replace(one, headline="the same", description=f"{row % 5}") for row, one in enumerate(account.creatives)]
    with pytest.raises(TrainingError, match="Different ads in these results: 5, since ads of the same words"):
        fit_account(same, account.features, seed=0)


def test_a_fit_that_is_stopped_says_so(account: PlantedAccount) -> None:
    with pytest.raises(TrainingError, match="stopped before the model was fitted"):
        fit_account(account.creatives, account.features, seed=0, callbacks=Callbacks(should_stop=lambda: True))


def test_a_fit_takes_one_thread_and_leaves_the_others_as_they_were(account: PlantedAccount) -> None:
    threads: list[int] = []

    def stop_soon() -> bool:
        threads.extend(pool["num_threads"] for pool in threadpool_info())
        return True

    with threadpool_limits(2):
        with pytest.raises(TrainingError, match="stopped"):
            fit_account(account.creatives, account.features, seed=0, callbacks=Callbacks(should_stop=stop_soon))
        assert {pool["num_threads"] for pool in threadpool_info()} == {2}
    assert set(threads) == {1}


def test_other_encoders_and_other_artefacts_are_refused(models: Models, tmp_path: Path) -> None:
    model = AccountModel(
        models[0].known,
        ood_scores={},
        notes={**models[0].notes, "encoder_hashes": {"words": "abc"}},
    )
    with pytest.raises(ArtifactError, match="fitted with words abc, here it is def"):
        model.check_encoders({"words": "def"})
    models[0].save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="is a account_model, a predictor is needed"):
        Predictor.load(tmp_path / "model")
