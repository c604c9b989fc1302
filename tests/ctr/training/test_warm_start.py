"""The warm start equals the mixed model solved the long way, finds planted effects, and leaves alone what is not told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.benchmarks.adsee_inputs import attach_labels, widen_spec
from adcreative.creative import Creative
from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.creative_network import build_ctr_model
from adcreative.ctr.training import warm_start
from adcreative.ctr.training.warm_start import fit_wide_path
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, CreativeFeatures, FeatureBatch
from adcreative.features.builder import FeatureBuilder
from adcreative.features.outcomes import count_outcomes
from tests.ctr.planted import PlantedWorld, plant_market


class EveryGroupOnce(np.random.Generator):
    """A generator that draws each group once, in order, so that the rows are those that were given."""

    def choice(self, names: np.ndarray, size: int) -> np.ndarray:  # type: ignore[override]
        return names


def once() -> np.random.Generator:
    return EveryGroupOnce(np.random.PCG64(0))


def start(
    world: PlantedWorld, rng: np.random.Generator, *, scale: float = 1.0, labels: Sequence[int] = ()
) -> tuple[torch.nn.Module, FeatureBatch]:
    rows = np.arange(len(world.creatives))
    builder = FeatureBuilder.fit(world.creatives, world.features, rows)
    batch = attach_labels(builder.encode(world.creatives, world.features), world.features, labels)
    model = build_ctr_model(
        "linear", widen_spec(builder.spec, labels), CTRModelConfig(), generator=torch.Generator().manual_seed(0)
    ).eval()
    fit_wide_path(model, batch, count_outcomes(world.creatives), rows, rng=rng, scale=scale)
    return model, batch


def test_equals_the_mixed_model_in_its_primal_form() -> None:
    """Stack all inputs, group dummies and a free intercept; solve the penalised weighted least squares directly."""
    world = plant_market(90, seed=0, num_brands=9)
    sets = [np.flatnonzero([row % 2 == 0, row % 3 == 0]) for row in range(90)]
    world = replace(world, features=[replace(f, labels=found) for f, found in zip(world.features, sets, strict=True)])
    model, batch = start(world, once(), labels=(0, 1))
    present = batch.present.double().numpy()
    blocks, variances = [present], [np.full(len(FIELDS), warm_start.PRESENCE_STD**2)]
    names = [name for name in DENSE_FIELDS if name in model.wide.weights]  # type: ignore[operator,union-attr]
    for name in names:
        values = batch.dense[name].double().numpy() * present[:, [FIELDS.index(name)]]
        std = warm_start.EMBEDDING_STD if values.shape[1] >= 64 else warm_start.MEASURE_STD
        std = warm_start.HEADLINE_STD if name in ("text", "wording") else std
        blocks.append(values)
        variances.append(np.full(values.shape[1], std**2 / values.shape[1]))
    fresh = build_ctr_model(
        "linear",
        FeatureBuilder.fit(world.creatives, world.features, np.arange(90)).spec,
        CTRModelConfig(),
        generator=torch.Generator().manual_seed(0),
    ).eval()
    appeal = batch.dense["appeal"].double().numpy() * float(fresh.wide.log_appeal_weight.detach().exp())  # type: ignore[union-attr,operator]
    blocks.append(appeal)
    variances.append(np.full(1, warm_start.APPEAL_STD**2))
    for k, name in enumerate(CATEGORICAL_FIELDS):
        one_hot = np.eye(model.wide.tables[name].num_embeddings)[batch.categories[:, k].numpy()]  # type: ignore[union-attr,index]
        blocks.append(one_hot * present[:, [FIELDS.index(name)]])
        variances.append(np.full(one_hot.shape[1], warm_start.CATEGORY_STD**2))
    blocks.append(batch.dense[LABELS].double().numpy())
    variances.append(np.full(2, warm_start.CATEGORY_STD**2))
    outcomes = count_outcomes(world.creatives)
    group = outcomes.group
    blocks += [np.eye(group.max() + 1)[group], np.ones((90, 1))]
    variances += [np.full(group.max() + 1, warm_start.GROUP_VARIANCE), np.full(1, 1e9)]
    inputs = np.concatenate(blocks, axis=1)
    clicks, impressions = outcomes.clicks + 0.5, outcomes.impressions + 1.0
    with torch.no_grad():
        target = np.log(clicks / (impressions - clicks)) - fresh(batch).double().numpy()
    precision = 1.0 / (1.0 / clicks + 1.0 / (impressions - clicks) + warm_start.EXTRA_VARIANCE)
    normal = inputs.T @ (precision[:, None] * inputs) + np.diag(1.0 / np.concatenate(variances))
    weights = np.linalg.solve(normal, inputs.T @ (precision * target))
    offset = len(FIELDS)
    np.testing.assert_allclose(model.wide.offsets.detach(), weights[:offset], atol=1e-4)  # type: ignore[union-attr,operator]
    for name in names:
        width = batch.dense[name].shape[1]
        found = model.wide.weights[name].detach()  # type: ignore[union-attr,index]
        np.testing.assert_allclose(found, weights[offset : offset + width], atol=1e-4)
        offset += width
    offset += 1 + sum(model.wide.tables[name].num_embeddings for name in CATEGORICAL_FIELDS)  # type: ignore[union-attr,index,misc]
    np.testing.assert_allclose(model.wide.label_weights.detach(), weights[offset : offset + 2], atol=1e-4)  # type: ignore[union-attr,operator]


def test_planted_effects_are_found_in_a_few_hundred_rows() -> None:
    model, batch = start(plant_market(600, seed=1), np.random.default_rng(0))
    look = model.wide.weights["look"].detach().numpy()  # type: ignore[union-attr,index]
    assert look[0] == pytest.approx(0.2, abs=0.05)  # 0.2 per deviation of the first measure, nothing of the others
    assert np.abs(look[1:]).max() < 0.06
    with torch.no_grad():
        found = model(batch).numpy()
    world = plant_market(600, seed=1)
    assert np.corrcoef(found, world.true_log_odds)[0, 1] > 0.8


def test_luck_of_groups_teaches_nothing_and_a_small_scale_holds_still() -> None:
    world = plant_market(400, seed=2)
    moved, _ = start(world, once())
    held, _ = start(world, once(), scale=0.05)
    norms = [float(model.wide.weights["look"].detach().norm()) for model in (moved, held)]  # type: ignore[union-attr,index]
    assert norms[1] < 0.1 * norms[0]
    lucky = [
        replace(one, clicks=min(one.impressions or 0, (one.clicks or 0) * (1 + int(one.brand[-1]) % 2)))
        for one in world.creatives
    ]
    luck, _ = start(PlantedWorld(lucky, world.features, world.true_log_odds), once())
    change = moved.wide.weights["look"] - luck.wide.weights["look"]  # type: ignore[union-attr,index]
    assert float(change.detach().norm()) < 0.05


def test_members_differ_by_the_groups_they_drew() -> None:
    world = plant_market(300, seed=3)
    first, _ = start(world, np.random.default_rng(0))
    second, _ = start(world, np.random.default_rng(1))
    again, _ = start(world, np.random.default_rng(0))
    looks = [model.wide.weights["look"].detach() for model in (first, second, again)]  # type: ignore[union-attr,index]
    assert torch.equal(looks[0], looks[2])
    assert 0.001 < float((looks[0] - looks[1]).norm()) < 0.3


def plant_two_kinds(num: int, *, beside: float, alone: float) -> PlantedWorld:
    """Ads whose words' appeal is worth `beside` a picture and `alone` without one, in log-odds a unit; half have a picture."""
    rng = np.random.default_rng(4)
    creatives, features, truth = [], [], []
    for row in range(num):
        appeal, has_picture = float(rng.normal(0, 0.3)), row % 2 == 0
        log_odds = -3.5 + (beside if has_picture else alone) * appeal
        truth.append(log_odds)
        creatives.append(
            Creative(
                headline=f"line {row}",
                test_id=f"test {row // 4}",
                impressions=20_000,
                clicks=int(rng.binomial(20_000, 1 / (1 + np.exp(-log_odds)))),
            )
        )
        picture = rng.normal(size=4).astype(np.float32) if has_picture else None
        features.append(CreativeFeatures(appeal=appeal, image=picture))
    return PlantedWorld(creatives, features, np.array(truth))


def test_words_without_a_picture_are_weighed_apart_from_words_beside_one() -> None:
    world = plant_two_kinds(800, beside=0.3, alone=1.0)
    model, batch = start(world, np.random.default_rng(0))
    wide = model.wide
    unit = float(np.std([one.appeal for one in world.features]))
    beside = float((wide.log_appeal_weight.detach()).exp()) / unit  # type: ignore[union-attr,operator]
    alone = float((wide.log_appeal_weight + wide.alone_log_appeal).detach().exp()) / unit  # type: ignore[union-attr,operator]
    assert beside == pytest.approx(0.3, abs=0.1)
    assert alone == pytest.approx(1.0, abs=0.1)
    with torch.no_grad():
        masked = batch.without("picture")
        parts = [model(one) - model(one.without("words")) for one in (batch, masked)]
    torch.testing.assert_close(*parts)  # a picture that is masked is still there: words are read as before
