from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.creative import Creative
from adcreative.ctr.config import CTRModelConfig, PredictorConfig, TrainingConfig
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.ctr.training.loop import (
    Callbacks,
    _draw_batches,
    _drop_modalities,
    train_model,
)
from adcreative.ctr.training.losses import binomial_loss, listwise_softmax_loss, total_loss
from adcreative.errors import ConfigError, TrainingError
from adcreative.features.batch import FIELDS, FeatureBatch, modality_mask
from adcreative.features.builder import FeatureBuilder
from adcreative.features.outcomes import Counts, count_outcomes
from tests.ctr.planted import PlantedWorld, plant_tests


def outcomes(impressions: list[float], clicks: list[float], group: list[int]) -> Counts:
    return Counts(np.array(impressions), np.array(clicks), np.array(group), np.ones(len(group), bool))


def test_binomial_loss_by_hand() -> None:
    counts = outcomes([100.0, 300.0], [10.0, 0.0], [0, 1])
    logits = torch.tensor([0.0, math.log(0.1 / 0.9)])
    loss, clicks = binomial_loss(logits, counts, group_variance=0.0)
    assert float(loss) == pytest.approx(100 * math.log(2) - 300 * math.log(0.9), rel=1e-5)
    assert float(clicks) == pytest.approx(10.0)  # 400 impressions at the pooled rate


def test_binomial_weight_of_a_group_is_capped() -> None:
    """n / (1 + N r (1 - r) v): with v = 0.2 a million impressions weigh no more than 1 / (r (1 - r) v) of them."""
    counts = outcomes([1e6, 1e6], [1e4, 1e4], [0, 0])
    _, clicks = binomial_loss(torch.zeros(2), counts, group_variance=0.2)
    assert float(clicks) == pytest.approx(0.01 / (0.01 * 0.99 * 0.2), rel=1e-2)


def test_listwise_softmax_loss_by_hand() -> None:
    """Two arms, rates 3 : 3 with impressions 1 : 3; clicks 2 and 6: -2 ln(1/4) - 6 ln(3/4); a lone row adds nothing."""
    counts = outcomes([100.0, 300.0, 50.0], [2.0, 6.0, 9.0], [0, 0, 1])
    logits = torch.logit(torch.tensor([0.3, 0.3, 0.5]))
    loss, clicks = listwise_softmax_loss(logits, counts, within_group_variance=0.0)
    assert float(loss) == pytest.approx(-2 * math.log(0.25) - 6 * math.log(0.75), rel=1e-5)
    assert float(clicks) == 8.0


def test_total_loss_without_the_within_term_is_the_binomial_one() -> None:
    counts, logits = outcomes([100.0, 100.0], [2.0, 6.0], [0, 0]), torch.tensor([-2.0, -3.0])
    config = TrainingConfig(within_group_weight=0.0)
    loss, clicks = binomial_loss(logits, counts, config.group_variance)
    assert float(total_loss(logits, counts, config)) == pytest.approx(float(loss / clicks))


def test_loss_is_finite_for_extreme_logits() -> None:
    logits = torch.tensor([-80.0, 80.0, 0.0], requires_grad=True)
    loss = total_loss(logits, outcomes([10.0, 10.0, 10.0], [10.0, 0.0, 5.0], [0, 0, 0]), TrainingConfig())
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def test_batches_hold_whole_tests_and_every_row_once(world: PlantedWorld) -> None:
    counts, rows = count_outcomes(world.creatives), np.arange(0, len(world.creatives), 1)
    batches = list(_draw_batches(rows, counts, 64, np.random.default_rng(0)))
    assert np.array_equal(np.sort(np.concatenate(batches)), rows)
    assert min(map(len, batches)) >= 16
    group, is_test = counts.group, counts.is_test
    for batch in batches:
        for test in np.unique(group[batch][is_test[batch]]):
            assert (group[batch] == test).sum() == 4
    again = list(_draw_batches(rows, counts, 64, np.random.default_rng(0)))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("num_tests", [16, 17, 33, 34, 35])
def test_a_small_remainder_joins_the_batch_before(num_tests: int) -> None:
    counts, rows = count_outcomes(plant_tests(num_tests, seed=0).creatives), np.arange(4 * num_tests)
    batches = list(_draw_batches(rows, counts, 64, np.random.default_rng(0)))  # 16 tests a batch
    assert np.array_equal(np.sort(np.concatenate(batches)), rows)
    assert min(map(len, batches)) >= 16


def test_modality_dropout_never_empties_a_row(batch: FeatureBatch) -> None:
    config = replace(TrainingConfig(), modality_dropout_prob=0.5)
    dropped = _drop_modalities(batch, config, np.random.default_rng(0))
    content = 1.0 - modality_mask("context")
    assert bool(((dropped.present * content).sum(dim=1) > 0).all())
    assert float(dropped.present.sum()) < 0.75 * float(batch.present.sum())
    faces = dropped.present[:, [FIELDS.index("face_mean"), FIELDS.index("face_max")]]
    assert bool((faces[:, 0] == faces[:, 1]).all())  # a modality goes as one


def test_groups_are_tests_else_brands_else_rows() -> None:
    rows = [{"test_id": "a", "brand": "x"}, {"test_id": "a"}, {"brand": "X "}, {"brand": "x"}, {}, {}]
    counts = count_outcomes([Creative(impressions=1, clicks=0, **row) for row in rows])
    assert len(np.unique(counts.group)) == 4
    assert counts.group[0] == counts.group[1]
    assert counts.group[2] == counts.group[3]
    assert counts.is_test.tolist() == [True, True, False, False, False, False]


@pytest.fixture(scope="module")
def tests_only() -> tuple[FeatureBuilder, FeatureBatch, Counts]:
    world = plant_tests(40, seed=3)
    builder = FeatureBuilder.fit(world.creatives, world.features, np.arange(120))
    return builder, builder.encode(world.creatives, world.features), count_outcomes(world.creatives)


def fit(tests_only: tuple[FeatureBuilder, FeatureBatch, Counts], config: TrainingConfig, callbacks: Callbacks = Callbacks()):  # type: ignore[no-untyped-def]  # noqa: B008
    builder, rows, counts = tests_only
    model = build_ctr_model("linear", builder.spec, CTRModelConfig(), generator=torch.Generator().manual_seed(0))
    summary = train_model(
        model, rows, counts, (np.arange(120), np.arange(120, 160)), config=config, seed=0, callbacks=callbacks
    )
    return model, summary


def test_best_epoch_is_kept_and_patience_ends_the_run(tests_only: tuple[FeatureBuilder, FeatureBatch, Counts]) -> None:
    config = TrainingConfig(num_epochs=12, patience=2, wide_learning_rate=0.3)
    model, summary = fit(tests_only, config)
    losses = [epoch["loss"] for epoch in summary.history]
    assert summary.best_epoch == int(np.argmin(losses))
    assert len(losses) <= summary.best_epoch + 2 + 1
    _, rows, counts = tests_only
    idx = torch.arange(120, 160)
    with torch.no_grad():
        loss = float(total_loss(model(rows.index_select(idx)), counts.index_select(idx.numpy()), config))
    assert loss == pytest.approx(min(losses))


def test_progress_is_told_each_epoch(tests_only: tuple[FeatureBuilder, FeatureBatch, Counts]) -> None:
    told: list[tuple[int, int]] = []
    fit(tests_only, TrainingConfig(num_epochs=2), Callbacks(progress=lambda done, most: told.append((done, most))))
    assert told == [(1, 2), (2, 2)]


def test_a_stopped_run_says_so(tests_only: tuple[FeatureBuilder, FeatureBatch, Counts]) -> None:
    with pytest.raises(TrainingError, match="training was stopped in epoch 1 of 20; nothing was saved"):
        fit(tests_only, TrainingConfig(), Callbacks(should_stop=lambda: True))


def test_a_loss_that_is_not_finite_is_an_error(tests_only: tuple[FeatureBuilder, FeatureBatch, Counts]) -> None:
    builder, rows, counts = tests_only
    broken = replace(rows, dense={**rows.dense, "appeal": rows.dense["appeal"] * float("nan")})
    with pytest.raises(TrainingError, match="the training loss is not finite; lower learning_rate"):
        fit((builder, broken, counts), TrainingConfig())


def test_configurations_refuse_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="embedding_dim must be at least 1, got 0"):
        CTRModelConfig(embedding_dim=0)
    with pytest.raises(ConfigError, match=r"dropout_prob must be in 0\.\.1"):
        CTRModelConfig(dropout_prob=1.0)
    with pytest.raises(ConfigError, match="num_epochs and patience must be at least 1"):
        TrainingConfig(num_epochs=0)
    with pytest.raises(ConfigError, match="num_members must be at least 1, got 0"):
        PredictorConfig(num_members=0)
    with pytest.raises(ConfigError, match="fractions must be four positive shares that sum to 1"):
        PredictorConfig(fractions=(0.5, 0.5))
