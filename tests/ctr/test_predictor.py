from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.ctr.changes import ChangeCalibration, ChannelCalibration
from adcreative.ctr.predictor import AccountHistory, Predictor
from adcreative.ctr.trainable import check_trainable
from adcreative.errors import ArtifactError, ConfigError, FeatureError, TrainingError
from adcreative.features.batch import CreativeFeatures
from adcreative.metrics.creatives import evaluate_predictions
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_market, plant_tests


def test_predictions_are_rates_with_intervals_reasons_and_evidence(predictor: Predictor, world: PlantedWorld) -> None:
    predictions = predictor.predict(world.creatives, world.features)
    assert len(predictions) == len(world.creatives)
    for one in predictions:
        assert 0 <= one.ctr_low <= one.ctr <= one.ctr_high <= 1
        assert one.evidence.endswith(".")
    with_picture = predictions[0]
    assert "picture" in with_picture.evidence
    assert all(reason.split()[0] in {"words", "picture", "faces", "look", "context"} for reason in with_picture.reasons)


def test_it_learns_the_planted_truth_and_keeps_the_appeal(predictor: Predictor) -> None:
    market, tests = plant_market(300, seed=50, num_brands=40), plant_tests(100, seed=51)
    log_odds, _ = predictor.predict_log_odds(market.creatives, market.features)
    appeal = np.array([one.appeal for one in market.features], float)
    assert np.corrcoef(log_odds, market.true_log_odds)[0, 1] > np.corrcoef(appeal, market.true_log_odds)[0, 1] + 0.05
    log_odds, _ = predictor.predict_log_odds(tests.creatives, tests.features)
    rates = 1 / (1 + np.exp(-log_odds))
    alone = np.array([1 / (1 + np.exp(4 - (one.appeal or 0))) for one in tests.features])
    kept, best = (evaluate_predictions(tests.creatives, r)["pairwise_accuracy_significant"] for r in (rates, alone))
    assert kept > best - 0.04  # a small net of few rows and epochs; an untrained one would keep all


def test_intervals_cover_the_true_rates_of_new_creatives(predictor: Predictor) -> None:
    market = plant_market(300, seed=60, num_brands=40)
    predictions = predictor.predict(market.creatives, market.features)
    truth = 1 / (1 + np.exp(-market.true_log_odds))
    covered = np.mean([one.ctr_low <= rate <= one.ctr_high for one, rate in zip(predictions, truth, strict=True)])
    assert 0.82 <= covered <= 0.98


def test_saved_and_loaded_are_bit_equal(predictor: Predictor, world: PlantedWorld, tmp_path: Path) -> None:
    saved = predictor.save(tmp_path / "model")
    loaded = Predictor.load(tmp_path / "model")
    assert loaded.content_hash == predictor.content_hash == saved
    assert loaded.predict(world.creatives, world.features) == predictor.predict(world.creatives, world.features)
    for ours, theirs in zip(
        predictor.predict_log_odds(world.creatives, world.features),
        loaded.predict_log_odds(world.creatives, world.features),
        strict=True,
    ):
        assert np.array_equal(ours, theirs)
    assert loaded.save(tmp_path / "again") == saved


@pytest.mark.slow
def test_same_seed_same_model_in_another_process(tmp_path: Path, world: PlantedWorld) -> None:
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from tests.ctr.conftest import SMALL\n"
        "from tests.ctr.planted import plant_tests\n"
        "from data.make.predictor_fitting import fit_predictor\n"
        "w = plant_tests(60, seed=2)\n"
        "print(fit_predictor(w.creatives, w.features, SMALL, seed=int(sys.argv[1])).content_hash)\n"
    )
    tests = plant_tests(60, seed=2)
    here = fit_predictor(tests.creatives, tests.features, SMALL, seed=5).content_hash
    root = Path(__file__).parents[2]
    there = subprocess.run([sys.executable, "-c", code, "5"], capture_output=True, text=True, check=True, cwd=root)
    assert there.stdout.strip() == here


def test_an_ad_has_the_same_bits_in_any_company(predictor: Predictor, world: PlantedWorld) -> None:
    plain, rng = predictor.predict(world.creatives, world.features), np.random.default_rng(1)
    for size in (1, 2, 5, 16, 17, 50):
        order = rng.permutation(len(world.creatives))[:size]
        part = world.rows(order)
        assert predictor.predict(part.creatives, part.features) == [plain[i] for i in order]


def test_log_odds_agree_with_predictions_and_members(predictor: Predictor, world: PlantedWorld) -> None:
    part = world.rows(np.arange(32))
    mean, spread = predictor.predict_log_odds(part.creatives, part.features)
    members = predictor.predict_member_log_odds(part.creatives, part.features)
    assert members.shape == (2, 32)
    np.testing.assert_allclose(members.mean(axis=0), mean)
    np.testing.assert_allclose(members.std(axis=0), spread, atol=1e-9)
    rates = [one.ctr for one in predictor.predict(part.creatives, part.features)]
    assert np.array_equal(np.argsort(rates), np.argsort(mean))


def test_changes_are_channel_by_channel(predictor: Predictor, world: PlantedWorld) -> None:
    """Words and picture each count with their own slope; a wider change is less certain; no change is exactly zero."""
    ad, other = world.features[0], world.features[1]
    new_words, new_faces = ad.with_words_of(other), ad.with_faces_of(other)
    new_picture = replace(ad, image=other.image, look=other.look)
    both = replace(new_words, image=other.image, look=other.look)
    versions = [ad, ad, new_words, new_picture, both, new_faces]
    versions += [both.with_faces_of(other), new_picture.with_faces_of(other)]
    creatives = [world.creatives[0]] * len(versions)
    channels = {"words": (0.25, 0.3), "picture": (0.5, 0.2), "faces": (0.75, 0.2)}
    slopes = {name: ChannelCalibration(*pair) for name, pair in channels.items()}
    believed = Predictor(
        predictor.builder,
        predictor.members,
        predictor.calibrator,
        config=predictor.config,
        changes=ChangeCalibration(slopes, 9, 3),
        ood_scores={},
        notes=predictor.notes,
    )
    mean, std = believed.predict_change(creatives, versions)
    log_odds = predictor.predict_member_log_odds(creatives, versions).mean(axis=0)
    words, picture = log_odds[2] - log_odds[0], log_odds[3] - log_odds[0]
    assert mean[0] == pytest.approx(0.0, abs=1e-6)  # one row alone and one among others differ by rounding
    assert std[0] == pytest.approx(0.0, abs=1e-6)
    assert mean[1] == pytest.approx(0.25 * words, abs=1e-5)
    assert mean[2] == pytest.approx(0.5 * picture, abs=1e-5)
    assert mean[3] == pytest.approx(0.25 * (log_odds[4] - log_odds[3]) + 0.5 * picture, abs=1e-5)
    assert mean[4] == pytest.approx(0.75 * (log_odds[5] - log_odds[0]), abs=1e-5)
    by_channel = [0.25 * (log_odds[6] - log_odds[7]), 0.5 * (log_odds[3] - log_odds[0]), 0.75 * (log_odds[7] - log_odds[3])]
    assert mean[5] == pytest.approx(sum(by_channel), abs=1e-5)
    assert std[1] > 0.3 * np.linalg.norm(np.concatenate([ad.text - other.text, ad.body - other.body])) * 0.99  # type: ignore[operator]
    assert std[3] > max(std[1], std[2])


def test_believed_changes_are_learnt_from_groups(predictor: Predictor, world: PlantedWorld) -> None:
    """In the planted world appeal and picture are what they are predicted to be, so most of a change is believed."""
    assert predictor.changes.num_rows > 100
    assert 0.6 < predictor.changes.channels["words"].slope <= 1.5
    assert 0.3 < predictor.changes.channels["picture"].slope <= 1.5


def test_reasons_are_exact_ablations(predictor: Predictor, world: PlantedWorld) -> None:
    """What "words +x %" says equals the ratio of two predictions: with words, and with words masked in the batch."""
    part = world.rows(np.arange(5))
    batch = predictor.builder.encode(part.creatives, part.features)
    domain = np.ones(5, int)

    def rate(rows):  # type: ignore[no-untyped-def]
        logits = predictor._member_logits(rows, [None, None]).mean(axis=0)
        return predictor.calibrator.rate(predictor.calibrator.log_odds(logits, domain), domain)

    effect = 100 * (rate(batch) / rate(batch.without("words")) - 1)
    for one, expected in zip(predictor.predict(part.creatives, part.features), effect, strict=True):
        said = [reason for reason in one.reasons if reason.startswith("words")]
        assert said == ([f"words {expected:+.0f} %"] if abs(expected) >= 0.5 else [])


def test_history_of_the_brand_counts_and_is_kept(predictor: Predictor, world: PlantedWorld) -> None:
    target, features = world.creatives[:1], world.features[:1]
    same = [i for i in range(1, 480) if world.creatives[i].brand == target[0].brand][:4]
    earlier = AccountHistory([world.creatives[i] for i in same], [world.features[i] for i in same])
    newcomer, _ = predictor.predict_log_odds(target, features)
    known, _ = predictor.predict_log_odds(target, features, earlier)
    assert known[0] != newcomer[0]
    assert len(predictor._caches) == 1
    again, _ = predictor.predict_log_odds(target, features, earlier)  # from kept keys and values
    assert again[0] == known[0]
    pairs = list(zip(earlier.creatives, earlier.features, strict=True))
    assert predictor.predict_log_odds(target, features, pairs)[0][0] == known[0]
    stranger = [replace(target[0], brand="someone else")]
    foreign, alone = predictor.predict_log_odds(stranger, features, earlier), predictor.predict_log_odds(stranger, features)
    assert foreign[0][0] == alone[0][0]
    del earlier, pairs
    assert len(predictor._caches) == 0


def test_words_only_and_picture_only_rows_are_at_home(predictor: Predictor, world: PlantedWorld) -> None:
    full = world.features[0]
    words = CreativeFeatures(text=full.text, appeal=full.appeal)
    picture = CreativeFeatures(image=full.image, look=full.look)
    creative = Creative(headline="x", platform="market")
    rates = [one.ctr for one in predictor.predict([creative] * 3, [full, words, picture])]
    assert all(0.003 < rate < 0.1 for rate in rates)
    assert "picture" not in predictor.evidence_for(creative, words)


def test_other_encoders_and_broken_features_are_refused(predictor: Predictor, world: PlantedWorld) -> None:
    odd = replace(world.features[0], image=np.zeros(7, np.float32))
    with pytest.raises(FeatureError, match=r'creative "ad 0": image has shape \[7\], the model reads \[48\]'):
        predictor.predict(world.creatives[:1], [odd])
    config = replace(predictor.config, encoder_hashes={"clip": "a" * 64})
    strict = Predictor(
        predictor.builder,
        predictor.members,
        predictor.calibrator,
        config=config,
        changes=predictor.changes,
        ood_scores={},
        notes=predictor.notes,
    )
    strict.check_encoders({"clip": "a" * 64, "faces": "x"})
    with pytest.raises(ArtifactError, match="the model was fitted with clip aaaaaaaaaaaa, here it is bbbbbbbbbbbb"):
        strict.check_encoders({"clip": "b" * 64})
    strict.config = replace(config, encoder_hashes={"faces": "stylegan.faces.FaceAnalyzer"})
    with pytest.raises(ArtifactError, match=r"fitted with faces stylegan\.fac, here it is 012345678"):  # no name is exempt
        strict.check_encoders({"faces": "0123456789abcdef"})


def test_parts_that_do_not_fit_are_refused(predictor: Predictor, tmp_path: Path) -> None:
    predictor.save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["config"]["model"]["embedding_dim"] = 7
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"the parts of the predictor in .* do not fit together"):
        Predictor.load(tmp_path)


def test_card_is_plain_and_says_what_was_measured(predictor: Predictor) -> None:
    card = json.loads(json.dumps(predictor.card("predictor")))
    assert card["name"] == "predictor"
    assert "real headline tests" in card["source"]
    assert {"n", "pairwise_accuracy", "ece", "coverage", "intervals"} <= set(card["calibration"])


class TestRefusals:
    def fit(self, creatives: list[Creative], **changes: object) -> None:
        fit_predictor(creatives, [CreativeFeatures(appeal=0.0)] * len(creatives), replace(SMALL, **changes), seed=0)  # type: ignore[arg-type]

    def rows(self, num: int, clicks: int = 20, **columns: str) -> list[Creative]:
        return [
            Creative(headline=f"h{i}", ad_name=f"ad {i}", impressions=1000, clicks=clicks + i % 3, **columns)
            for i in range(num)
        ]

    def test_no_results(self) -> None:
        with pytest.raises(TrainingError, match="no creative has both impressions and clicks; add the columns"):
            self.fit([Creative(headline="x")] * 100)

    def test_impossible_counts(self) -> None:
        with pytest.raises(TrainingError, match=r'creative "bad": 11 clicks of 10 impressions cannot be; correct the row'):
            check_trainable([Creative(ad_name="bad", impressions=10, clicks=11)], SMALL)

    def test_too_few_rows(self) -> None:
        with pytest.raises(TrainingError, match="30 creatives have results; at least 60 are needed to learn from"):
            self.fit(self.rows(30))

    def test_too_few_clicks(self) -> None:
        with pytest.raises(TrainingError, match="99 clicks in all; at least 100 are needed to tell creatives apart"):
            self.fit(self.rows(100, clicks=0))  # 34 x 0 + 33 x 1 + 33 x 2

    def test_constant_labels(self) -> None:
        with pytest.raises(TrainingError, match=r"all 100 creatives have the same click rate \(0.02\); there is no difference"):
            self.fit([replace(c, clicks=20) for c in self.rows(100)])

    def test_one_group(self) -> None:
        with pytest.raises(TrainingError, match=r"the creatives form 1 groups .* at least 12 tests, brands or ads are needed"):
            self.fit([replace(c, test_id="one", ad_name="same") for c in self.rows(100)])

    def test_a_split_that_is_impossible(self) -> None:
        with pytest.raises(TrainingError, match=r"the creatives cannot be split by group \(.*\)"):
            self.fit([replace(c, test_id="one") for c in self.rows(100)])

    def test_a_part_without_clicks(self) -> None:
        lonely = [replace(c, clicks=0) for c in self.rows(99)]
        with pytest.raises(TrainingError, match=r"split of .* creatives has no clicks"):
            self.fit([*lonely, replace(lonely[0], ad_name="only", clicks=500)])

    def test_wrong_names_before_any_work(self) -> None:
        with pytest.raises(ConfigError, match="provenance names no modality 'smell'"):
            fit_predictor([], [], SMALL, seed=0, provenance={"smell": "measured"})
        with pytest.raises(ConfigError, match='no CTR model named "deepfn"'):
            self.fit(self.rows(100), model_name="deepfn")

    def test_a_stopped_fit_leaves_nothing(self, world: PlantedWorld) -> None:
        with pytest.raises(TrainingError, match="training was stopped in epoch 1"):
            fit_predictor(world.creatives, world.features, SMALL, seed=0, should_stop=lambda: True)


def test_progress_covers_all_members(world: PlantedWorld) -> None:
    told: list[tuple[int, int]] = []
    tests = plant_tests(60, seed=2)
    fit_predictor(tests.creatives, tests.features, SMALL, seed=0, progress=lambda done, most: told.append((done, most)))
    assert told == sorted(told)
    assert {most for _, most in told} == {2 * SMALL.training.num_epochs}


def test_shuffled_clicks_teach_nothing() -> None:
    """Clicks shuffled within tests: an order learnt from them must not hold on held-out tests."""
    tests = plant_tests(150, seed=7)
    rng = np.random.default_rng(0)
    shuffled = list(tests.creatives)
    for start in range(0, len(shuffled), 4):
        order = start + rng.permutation(4)
        for place, source in enumerate(order):
            donor = tests.creatives[source]
            shuffled[start + place] = replace(
                tests.creatives[start + place], clicks=donor.clicks, impressions=donor.impressions
            )
    no_appeal = [replace(one, appeal=None) for one in tests.features]
    fresh = plant_tests(150, seed=8)
    blind = fit_predictor(shuffled, no_appeal, replace(SMALL, num_members=1), seed=0)
    log_odds, _ = blind.predict_log_odds(fresh.creatives, [replace(one, appeal=None) for one in fresh.features])
    accuracy = evaluate_predictions(fresh.creatives, 1 / (1 + np.exp(-log_odds)))["pairwise_accuracy"]
    assert accuracy == pytest.approx(0.5, abs=0.05)  # 900 pairs of 150 tests: two standard errors are 0.04
