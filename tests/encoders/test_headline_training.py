"""Training of the headline model: the likelihood, the batches, the start, resuming; on a tiny network and planted words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertModel

from adcreative.encoders import headline, weights
from adcreative.encoders import headline_training as training
from adcreative.encoders.headline import HeadlineModel, HeadlineNet, read_minilm
from adcreative.encoders.headline_tests import HeadlineTests, evaluate_scores

GOOD, BAD = ("free", "puppy", "secret"), ("report", "budget", "quarterly")
CONFIG = replace(
    training.HeadlineTrainingConfig(), seeds=(0, 1), num_epochs=2, batch_arms=32, num_tuned_layers=1, layer_lr=1e-3,
    head_lr=1e-2, ridge=10.0,
)  # fmt: skip


def planted_tests(num_tests: int = 60) -> HeadlineTests:
    """Three arms a test; each headline has one word that doubles or halves the click rate, among neutral ones."""
    rng = np.random.default_rng(0)
    headlines, rates = [], []
    for number in range(num_tests):
        for arm in range(3):
            word = str(rng.choice(GOOD if arm == 0 else BAD))
            neutral = rng.choice(["the", "city", "river", "walk", "in", "red", "of", "street"], 4)
            headlines.append(f"{' '.join(neutral[:2])} {word} {' '.join(neutral[2:])} {number}")
            rates.append(0.04 if arm == 0 else 0.01)
    impressions = np.full(num_tests * 3, 3000.0)
    clicks = rng.binomial(3000, rates).astype(float)
    ids = tuple(f"test-{i}" for i in range(num_tests))
    return HeadlineTests(
        ids, np.repeat(np.arange(num_tests), 3), tuple(headlines), impressions, clicks, np.zeros(num_tests * 3)
    )


def tiny_net() -> HeadlineNet:
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=128
    )
    return HeadlineNet(BertModel(config).eval(), 1, (0, 1, 2)).eval()


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return read_minilm(weights.find_weight("minilm"))[1]


@pytest.fixture(scope="module")
def encoded(tokenizer: object) -> training.EncodedTests:
    return training.encode_tests(planted_tests(), tiny_net(), tokenizer)


def test_loss_is_the_multinomial_likelihood_of_a_naive_loop() -> None:
    rng = np.random.default_rng(1)
    test_idx = np.array([0, 0, 1, 1, 1, 2, 2])
    impressions, clicks, scores = rng.uniform(100, 900, 7), rng.integers(0, 30, 7), rng.normal(0, 2, 7)
    expected = 0.0
    for arm in range(7):
        same = test_idx == test_idx[arm]
        share = impressions[arm] * np.exp(scores[arm]) / (impressions[same] * np.exp(scores[same])).sum()
        expected -= clicks[arm] * np.log(share)
    found = training.multinomial_loss(
        torch.from_numpy(scores).float(), torch.from_numpy(np.log(impressions)).float(), torch.from_numpy(clicks).float(),
        torch.from_numpy(test_idx),
    )  # fmt: skip
    assert float(found) == pytest.approx(expected / clicks.sum(), rel=1e-5)


@pytest.mark.parametrize("size", [1e3, 1e4])
def test_loss_and_gradient_stay_finite_for_huge_scores(size: float) -> None:
    scores = torch.tensor([size, -size, 0.0, 0.0], requires_grad=True)
    loss = training.multinomial_loss(scores, torch.zeros(4), torch.tensor([0.0, 3.0, 1.0, 0.0]), torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(scores.grad).all()


def test_loss_ignores_what_a_whole_test_shares() -> None:
    scores, zeros, clicks = torch.randn(4), torch.zeros(4), torch.tensor([3.0, 1.0, 2.0, 0.0])
    test_idx = torch.tensor([0, 0, 1, 1])
    moved = scores + torch.tensor([5.0, 5.0, -2.0, -2.0])
    arguments = (zeros, clicks, test_idx)
    torch.testing.assert_close(training.multinomial_loss(scores, *arguments), training.multinomial_loss(moved, *arguments))


def test_effective_clicks_are_clicks_without_overdispersion_and_bounded_with_it() -> None:
    tests = planted_tests(5)
    assert np.array_equal(training.effective_clicks(tests, 0.0), tests.clicks)
    assert np.bincount(tests.test_idx, training.effective_clicks(tests, 0.1)).max() < 3 / 0.1


def test_batches_hold_each_arm_once_and_tests_whole(encoded: training.EncodedTests) -> None:
    batches = training.make_batches(encoded, 20, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(180))
    for rows in batches:
        names, counts = np.unique(encoded.tests.test_idx[rows], return_counts=True)
        assert (counts == 3).all()
        assert len(names) <= 8


def test_padded_rows_score_like_each_alone(encoded: training.EncodedTests) -> None:
    net = tiny_net()
    together = training.score_encoded(net, encoded)[:10]
    with torch.inference_mode():
        alone = [float(net.score_hidden(*encoded.pad(np.array([row])))) for row in range(10)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_ridge_start_already_orders_planted_words(encoded: training.EncodedTests) -> None:
    net = tiny_net()
    training.fit_ridge_head(net, encoded, CONFIG)
    scores = training.score_encoded(net, encoded)
    assert evaluate_scores(encoded.tests, scores, num_resamples=2)["pairwise_accuracy_significant"] > 0.7


def test_an_epoch_lowers_the_loss_and_repeats_exactly(encoded: training.EncodedTests) -> None:
    results = []
    for _ in range(2):
        net = tiny_net()
        training.fit_ridge_head(net, encoded, CONFIG)
        run = training.start_seed(net, CONFIG, 24)
        losses = [training.train_epoch(net, encoded, CONFIG, run, 0) for _ in range(2)]
        results.append((losses, net.tuned_state()["head.weight"].clone()))
        assert losses[1] < losses[0]
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_running_average_lies_between_the_start_and_the_live_weights(encoded: training.EncodedTests) -> None:
    net = tiny_net()
    start = net.tuned_state()["head.weight"].clone()
    run = training.start_seed(net, CONFIG, 12)
    training.train_epoch(net, encoded, CONFIG, run, 0)
    moved, averaged = (state["head.weight"] - start for state in (net.tuned_state(), run.average))
    assert 0 < averaged.norm() < moved.norm()


def test_scale_is_found_and_the_mean_becomes_zero(encoded: training.EncodedTests) -> None:
    net = tiny_net()
    training.fit_ridge_head(net, encoded, CONFIG)
    training.set_scale(net, encoded, encoded, CONFIG.overdispersion)
    for linear in (net.head, net.surface_head):
        linear.weight.data.mul_(2)
    assert training.set_scale(net, encoded, encoded, CONFIG.overdispersion) == pytest.approx(0.5, abs=0.01)
    assert training.set_scale(net, encoded, encoded, CONFIG.overdispersion) == pytest.approx(1.0, abs=0.01)
    assert training.score_encoded(net, encoded).mean() == pytest.approx(0.0, abs=1e-5)


def test_tests_that_share_a_headline_with_another_part_are_dropped() -> None:
    tests = planted_tests(6)
    other = tests.select(np.array([True, False, False, False, False, False]))
    shared = replace(tests, headlines=(*tests.headlines[:5], other.headlines[0], *tests.headlines[6:]))
    kept = training.without_shared_headlines(shared, [other])
    assert kept.test_ids == ("test-2", "test-3", "test-4", "test-5")


@pytest.fixture
def tiny_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: object) -> Path:
    """A parquet of planted tests, and the tiny network in MiniLM's place."""
    tests = planted_tests()
    table = pd.DataFrame(
        {
            "clickability_test_id": [tests.test_ids[i] for i in tests.test_idx],
            "headline": tests.headlines,
            "impressions": tests.impressions,
            "clicks": tests.clicks,
        }
    )
    table.to_parquet(tmp_path / "p.parquet")
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=128
    )
    state = BertModel(config).state_dict()

    def read_tiny(_: Path) -> tuple[BertModel, object]:
        model = BertModel(config).eval()
        model.load_state_dict(state)
        return model, tokenizer

    for module in (training, headline):
        monkeypatch.setattr(module, "read_minilm", read_tiny)
    monkeypatch.setattr(training, "HeadlineNet", lambda minilm, num_tuned: HeadlineNet(minilm, num_tuned, (0, 1, 2)))
    return tmp_path / "p.parquet"


def test_a_stopped_training_goes_on_where_it_was(tiny_training: Path, tmp_path: Path) -> None:
    whole = training.Training(tiny_training, tmp_path / "whole", Path(), CONFIG).fit()
    stopped = training.Training(tiny_training, tmp_path / "stopped", Path(), CONFIG)
    stopped.fit_seed(0)
    state = torch.load(tmp_path / "stopped" / "seed0.pt", weights_only=True)
    assert state["epoch"] == 2
    continued = training.Training(tiny_training, tmp_path / "stopped", Path(), CONFIG).fit()
    assert all(torch.equal(whole[name], continued[name]) for name in whole)


def test_script_exports_a_model_that_knows_the_planted_words(
    tiny_training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CONFIG", CONFIG)
    out, model_dir = tmp_path / "run", tmp_path / "model"
    arguments = [str(tiny_training), "--out", str(out), "--minilm", ".", "--seeds", "0", "--epochs", "2", "--tuned-layers", "1"]
    training.main([*arguments, "--export", str(model_dir)])
    model = HeadlineModel.load(model_dir)
    scores = model.score([f"the river {word} walk street 7" for word in GOOD + BAD])
    assert scores[:3].min() > scores[3:].max()
    card = (model_dir / "README.md").read_text()
    assert "CC BY 4.0" in card
    assert "| all weeks | " in card
    assert "held-out" in (out / "log.txt").read_text()
