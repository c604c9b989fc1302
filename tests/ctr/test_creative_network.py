"""Contract of every network in the registry, and what is particular to each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from adcreative.creative import Creative
from adcreative.ctr.config import CTRModelConfig, TrainingConfig
from adcreative.ctr.creative_network import CTR_MODELS, CreativeNetwork, build_ctr_model
from adcreative.ctr.inputs.creative import WidePath
from adcreative.ctr.training.loop import train_model
from adcreative.errors import ConfigError
from adcreative.features.batch import FIELDS, MODALITIES, CreativeFeatures, FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.features.outcomes import Counts, count_outcomes
from tests.ctr.planted import PlantedWorld, plant_market

CONFIG = CTRModelConfig(embedding_dim=4, num_layers=2)


def build(name: str, builder: FeatureBuilder, seed: int = 0) -> nn.Module:
    """A network whose zero-initialised parts are filled, so that nothing is trivially zero."""
    model = build_ctr_model(name, builder.spec, CONFIG, generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 100)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim and not parameter.any():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
        for table in (module for module in model.modules() if isinstance(module, nn.Embedding)):
            table.weight[0] = 0.0
    return model


@pytest.mark.parametrize("name", CTR_MODELS)
class TestContract:
    def test_logits_have_one_number_a_row(self, name: str, builder: FeatureBuilder, batch: FeatureBatch) -> None:
        logits = build(name, builder).eval()(batch)
        assert logits.shape == (len(batch),)
        assert logits.dtype == torch.float32
        assert bool(torch.isfinite(logits).all())

    def test_gradients_are_finite_and_reach_every_parameter(
        self, name: str, builder: FeatureBuilder, batch: FeatureBatch
    ) -> None:
        model = build(name, builder).train()
        (model(batch) ** 2).sum().backward()
        for parameter_name, parameter in model.named_parameters():
            assert parameter.grad is not None, parameter_name
            assert bool(torch.isfinite(parameter.grad).all()), parameter_name

    def test_rows_do_not_influence_each_other(self, name: str, builder: FeatureBuilder, batch: FeatureBatch) -> None:
        model = build(name, builder).eval()
        together = model(batch)
        for row in (0, 7, len(batch) - 1):
            torch.testing.assert_close(model(batch.index_select(torch.tensor([row])))[0], together[row], rtol=1e-4, atol=1e-5)

    def test_same_seed_same_weights_also_after_training(self, name: str, world: PlantedWorld) -> None:
        states = [self._trained(name, world.rows(np.arange(0, 480, 4)), seed=3).state_dict() for _ in range(2)]
        other = self._trained(name, world.rows(np.arange(0, 480, 4)), seed=4).state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
        if name == "qin":
            assert any(not torch.equal(states[0][key], other[key]) for key in other)

    @pytest.mark.slow
    def test_thirty_two_rows_can_be_learnt_by_heart(self, name: str) -> None:
        world = plant_market(32, seed=5, dims=(16, 16))
        builder = FeatureBuilder.fit(world.creatives, world.features, np.arange(32))
        rows, outcomes = builder.encode(world.creatives, world.features), count_outcomes(world.creatives)
        config = CTRModelConfig(embedding_dim=8, dropout_prob=0, input_dropout_prob=0)
        model = build_ctr_model(name, builder.spec, config, generator=torch.Generator().manual_seed(0))
        observed = torch.logit(torch.from_numpy((outcomes.clicks + 0.5) / (outcomes.impressions + 1)).float())
        before = float(((model.eval()(rows).detach() - observed) ** 2).mean())
        learn_by_heart(model, rows, outcomes)
        after = float(((model.eval()(rows).detach() - observed) ** 2).mean())
        assert after < (before * 1.05 if name == "mean_rate" else before * 0.05)

    def test_absent_fields_are_not_read(self, name: str, builder: FeatureBuilder, batch: FeatureBatch) -> None:
        model, rows = build(name, builder).eval(), batch.index_select(torch.arange(20))
        for modality in MODALITIES:
            masked = rows.without(modality)
            dense = {k: v + 9.0 if k in MODALITIES[modality] else v for k, v in masked.dense.items()}
            categories = masked.categories.flip(0) if modality == "context" else masked.categories
            garbage = replace(masked, dense=dense, categories=categories)
            assert torch.equal(model(masked), model(garbage)), modality

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seed=st.integers(0, 10_000))
    def test_order_of_rows_is_irrelevant(self, name: str, builder: FeatureBuilder, batch: FeatureBatch, seed: int) -> None:
        model = build(name, builder).eval()
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(batch)))
        torch.testing.assert_close(model(batch.index_select(order)), model(batch)[order], rtol=1e-4, atol=1e-5)

    @staticmethod
    def _trained(name: str, world: PlantedWorld, seed: int) -> nn.Module:
        rows = np.arange(len(world.creatives))
        builder = FeatureBuilder.fit(world.creatives, world.features, rows)
        model = build_ctr_model(name, builder.spec, CONFIG, generator=torch.Generator().manual_seed(seed))
        encoded, outcomes = builder.encode(world.creatives, world.features), count_outcomes(world.creatives)
        config = TrainingConfig(num_epochs=2, learning_rate=1e-2)
        train_model(model, encoded, outcomes, (rows[:90], rows[90:]), config=config, seed=seed)
        return model


def learn_by_heart(model: nn.Module, rows: FeatureBatch, outcomes: Counts) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=250)
    model.train()
    observed: Tensor = torch.from_numpy(outcomes.clicks / outcomes.impressions).float()
    for _ in range(250):
        optimizer.zero_grad()
        logits = model(rows)
        loss = (observed * nn.functional.softplus(-logits) + (1 - observed) * nn.functional.softplus(logits)).mean()
        (100 * loss).backward()
        optimizer.step()
        schedule.step()


def test_unknown_model_names_the_nearest(builder: FeatureBuilder) -> None:
    with pytest.raises(ConfigError, match=r'no CTR model named "qinn"\. Did you mean "qin"'):
        build_ctr_model("qinn", builder.spec, CONFIG, generator=torch.Generator())


def test_untrained_qin_is_base_rate_plus_appeal(builder: FeatureBuilder, batch: FeatureBatch) -> None:
    model = build_ctr_model("qin", builder.spec, CONFIG, generator=torch.Generator().manual_seed(0)).eval()
    appeal = batch.dense["appeal"][:, 0] * builder.spec.appeal_scale  # natural-log units, centred
    torch.testing.assert_close(model(batch), builder.spec.base_log_odds + appeal, rtol=1e-5, atol=1e-5)


def test_appeal_raises_the_wide_logit_whatever_is_learnt(builder: FeatureBuilder, batch: FeatureBatch) -> None:
    wide = WidePath(builder.spec, 0.0, generator=torch.Generator())
    with torch.no_grad():
        wide.log_appeal_weight.fill_(-3.0)
    more = replace(batch, dense={**batch.dense, "appeal": batch.dense["appeal"] + 1.0})
    assert bool((wide(more) > wide(batch)).all())


def test_history_matters_and_folding_and_a_cache_change_nothing(builder: FeatureBuilder, batch: FeatureBatch) -> None:
    model = build("qin", builder)
    assert isinstance(model, CreativeNetwork)
    for _ in range(2):
        model.train()(batch)  # moves batch-norm statistics
    plain = model.eval()(batch)
    assert batch.history is not None
    cache = model.encode_history(batch.history.items, batch.history.log_rate)
    torch.testing.assert_close(model(batch, cache), plain)
    folded = model.fold()(batch)
    assert not torch.equal(folded, plain)  # really another path
    torch.testing.assert_close(folded, plain, rtol=1e-5, atol=1e-5)
    assert float((model(batch.without("history")) - folded).abs().max().detach()) > 1e-3
    assert torch.equal(model.train().eval()(batch), plain)  # train() unfolds


def test_unseen_category_contributes_nothing(builder: FeatureBuilder) -> None:
    model = build("linear", builder).eval()
    features = [CreativeFeatures(appeal=0.1)] * 2
    rows = builder.encode([Creative(headline="a", brand="never seen"), Creative(headline="a")], features)
    assert rows.present[:, FIELDS.index("brand")].tolist() == [0.0, 0.0]
    logits = model(rows).detach()
    assert float(logits[0]) == float(logits[1])
