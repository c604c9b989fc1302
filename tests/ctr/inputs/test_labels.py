"""Class labels as a field of the networks: pooled as the mean, read by each network, and not there for the shipped layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.benchmarks.adsee_inputs import attach_labels, fit_labels, label_shares, widen_spec
from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.creative_network import CTR_MODELS, build_ctr_model
from adcreative.ctr.inputs.creative import input_rows, input_spec
from adcreative.ctr.inputs.fields import FieldTables
from adcreative.features.batch import FIELDS, LABELS, CreativeFeatures, FeatureBatch
from adcreative.features.builder import MIN_CATEGORY_ROWS, FeatureBuilder
from tests.ctr.planted import PlantedWorld

READS_LABELS = sorted(set(CTR_MODELS) - {"mean_rate"})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labelled(*sets: list[int] | None) -> list[CreativeFeatures]:
    return [CreativeFeatures(labels=None if found is None else np.array(found, np.int64)) for found in sets]


@pytest.fixture
def with_labels(batch: FeatureBatch, world: PlantedWorld) -> FeatureBatch:
    """The planted batch; row k has label 0 when k is even and label 1 when k is a multiple of three."""
    sets = [[10] * (k % 2 == 0) + [20] * (k % 3 == 0) for k in range(len(batch))]
    return attach_labels(batch, labelled(*sets), (10, 20))


def test_labels_of_training_rows_are_known_and_nothing_else() -> None:
    features = labelled([5, 9], [9], [9, 5], None, [], [7, 7, 7], [5])
    assert MIN_CATEGORY_ROWS == 3
    assert fit_labels(features, np.arange(7)) == (5, 9)
    assert fit_labels(features, np.arange(6)) == (9,)
    assert fit_labels(labelled(None, None), np.arange(2)) == ()


def test_shares_are_one_over_the_number_of_known_labels() -> None:
    found = label_shares(labelled([9, 5], [5, 77], [77], None, []), (5, 9))
    assert found.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_the_field_is_the_mean_of_the_labels_vectors(builder: FeatureBuilder, with_labels: FeatureBatch) -> None:
    """Against torch's embedding bag on lists of ids padded with 0, as AdSEE's library pools them."""
    spec = input_spec(widen_spec(builder.spec, (10, 20)))
    fields = FieldTables(spec, 6, spec.fields, generator=seeded()).eval()
    ids = torch.tensor([[1 * (k % 2 == 0), 2 * (k % 3 == 0)] for k in range(len(with_labels))])
    table = torch.cat([torch.zeros(1, 6), fields.projections["f_labels"].weight.detach().T])  # type: ignore[operator]
    expected = torch.nn.functional.embedding_bag(ids, table, mode="mean", padding_idx=0)
    found = fields(input_rows(with_labels)).detach()
    assert found.shape[1] == len(FIELDS) + 1
    torch.testing.assert_close(found[:, -1], expected)
    assert bool(expected[6].any())
    assert not bool(expected[1].any())


@pytest.mark.parametrize("name", READS_LABELS)
class TestNetworks:
    def test_a_spec_without_labels_builds_the_same_network(
        self, name: str, builder: FeatureBuilder, batch: FeatureBatch, with_labels: FeatureBatch
    ) -> None:
        """Names, shapes and start of the parameters, and the logits, are those of a spec that never heard of labels."""
        nets = [
            build_ctr_model(name, spec, CTRModelConfig(), generator=seeded()).eval()
            for spec in (builder.spec, widen_spec(builder.spec, ()))
        ]
        first, second = (net.state_dict() for net in nets)
        assert list(first) == list(second)
        assert not any("label" in key for key in first)
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert torch.equal(nets[0](batch), nets[1](with_labels))

    def test_labels_reach_the_logit_and_all_their_weights_learn(
        self, name: str, builder: FeatureBuilder, with_labels: FeatureBatch
    ) -> None:
        model = build_ctr_model(name, widen_spec(builder.spec, (10, 20)), CTRModelConfig(), generator=seeded()).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim and not parameter.any():
                    parameter.copy_(0.05 * torch.randn(parameter.shape, generator=seeded(1)))
        logits = model(with_labels)
        (logits**2).sum().backward()
        weights = {key: value for key, value in model.named_parameters() if "label" in key}
        assert weights
        assert all(bool(value.grad.any()) for value in weights.values() if value.grad is not None)
        assert all(value.grad is not None for value in weights.values())
        blank = replace(with_labels, dense={**with_labels.dense, LABELS: torch.zeros_like(with_labels.dense[LABELS])})
        change = (model(blank) - logits).detach().abs()
        has_label = with_labels.dense[LABELS].sum(dim=1) > 0
        assert float(change[has_label].min()) > 0
        rows = torch.nonzero(~has_label)[:, 0]
        alone = [model(part.index_select(rows)).detach() for part in (with_labels, blank)]
        torch.testing.assert_close(*alone)


def test_history_items_carry_the_labels_of_their_rows(world: PlantedWorld) -> None:
    builder = FeatureBuilder.fit(world.creatives, world.features, np.arange(len(world.creatives)))
    table = builder.encode_table(world.creatives, world.features, np.ones(len(world.creatives), bool))
    found = attach_labels(table, labelled(*[[10]] * len(world.creatives)), (10,))
    assert found.history is not None
    assert bool((found.history.items.dense[LABELS] == 1).all())
    assert table.history is not None
    assert LABELS not in table.history.items.dense
