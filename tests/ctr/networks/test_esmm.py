"""ESMM: the loss over all impressions by hand, what unclicked rows teach, and why a tower on clicked rows alone is worse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.esmm import ESMM, ESMMConfig, entire_space_loss
from adcreative.errors import TrainingError
from adcreative.metrics.binary import area_under_curve
from tests.ctr.networks.planted_logs import Budget, LogModel, draw_inputs, planted_funnel, train
from tests.ctr.nn.test_layers import seeded

SHAPE = InputShape(num_fields=3, field_dim=4)


def test_loss_by_hand() -> None:
    """pCTR 0.5, pCVR 0.2: a click with a conversion costs -ln 0.5 - ln 0.1, one without -ln 0.5 - ln 0.9."""
    logits = torch.tensor([[0.0, math.log(0.25)]]).expand(2, 2)
    found = [entire_space_loss(logits[:1], torch.tensor([[1.0, z]])) for z in (1.0, 0.0)]
    assert float(found[0]) == pytest.approx(-math.log(0.5) - math.log(0.1), rel=1e-5)
    assert float(found[1]) == pytest.approx(-math.log(0.5) - math.log(0.9), rel=1e-5)


def test_loss_and_gradient_are_finite_for_extreme_logits() -> None:
    logits = torch.tensor([[60.0, 60.0], [-60.0, -60.0], [60.0, -60.0]], requires_grad=True)
    loss = entire_space_loss(logits, torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def test_unclicked_rows_teach_the_conversion_tower() -> None:
    network = ESMM(SHAPE, ESMMConfig(hidden_dims=(8,)), generator=seeded())
    logits = network(draw_inputs(SHAPE, 6, seed=1))
    network.loss(logits, torch.zeros(6, 2)).backward()
    assert network.cvr_head.weight.grad is not None
    assert float(network.cvr_head.weight.grad.abs().max()) > 1e-4


def test_products_and_order_of_the_probabilities() -> None:
    network = ESMM(SHAPE, ESMMConfig(hidden_dims=(8,)), generator=seeded()).eval()
    found = network.probabilities(network(draw_inputs(SHAPE, 20, seed=1)).detach())
    torch.testing.assert_close(found["ctcvr"], found["ctr"] * found["cvr"], rtol=0, atol=1e-7)
    assert bool((found["ctcvr"] <= torch.minimum(found["ctr"], found["cvr"])).all())


def test_a_conversion_without_a_click_is_refused() -> None:
    with pytest.raises(TrainingError, match="1 rows have a conversion without a click; attribute it to the click"):
        entire_space_loss(torch.zeros(2, 2), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))


def test_all_impressions_teach_conversions_that_clicked_rows_alone_do_not() -> None:
    """Sparse items; the broken twin is a network trained on clicked rows only. Held against the clicked rows of the test."""
    world = planted_funnel(60_000, seed=0)
    learnt, test = world.part(slice(0, 45_000)), world.part(slice(45_000, None))
    budget = Budget(epochs=3, batch_size=1024, learning_rate=5e-3)
    both = train(LogModel("esmm", world.spec, ESMMConfig(hidden_dims=(16,)), 8, 0), learnt, budget)
    clicked = learnt.part(np.flatnonzero(learnt.labels[:, 0] > 0))
    twin = train(
        LogModel("dnn", world.spec, DNNConfig(hidden_dims=(16,)), 8, 0), replace(clicked, labels=clicked.labels[:, 1]), budget
    )
    judged = test.part(np.flatnonzero(test.labels[:, 0] > 0))
    with torch.no_grad():
        ours = area_under_curve(judged.labels[:, 1], both(judged.batch)[:, 1].numpy())
        theirs = area_under_curve(judged.labels[:, 1], twin(judged.batch).numpy())
    print(f"ESMM {ours:.3f}, clicked rows alone {theirs:.3f}")
    assert ours > theirs + 0.02


def test_conversion_rates_are_brought_to_the_level_of_clicked_rows() -> None:
    """Scores that are three times too steep and 1.5 too high: slope 1/3, and the level of the clicked rows afterwards."""
    rng = np.random.default_rng(0)
    truth = rng.normal(-1.0, 1.0, 4000)
    clicked = rng.random(4000) < 0.5
    converted = (rng.random(4000) < 1 / (1 + np.exp(-truth))) & clicked
    labels = torch.from_numpy(np.stack([clicked, converted], axis=1).astype(np.float32))
    network = ESMM(
        InputShape(num_fields=1, field_dim=1), ESMMConfig(hidden_dims=()), generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        network.cvr_head.weight.fill_(3.0)
        network.cvr_head.bias.fill_(1.5)
    inputs = NetworkInputs(fields=torch.from_numpy(truth).float()[:, None, None])
    before = network(inputs)
    slope, _ = network.calibrate(before, labels)
    assert slope == pytest.approx(1 / 3, abs=0.05)
    found = network.probabilities(network(inputs))
    level = float(found["cvr"][labels[:, 0] > 0].detach().sum()) / float(labels[:, 1].sum())
    assert level == pytest.approx(1.0, abs=0.01)
    torch.testing.assert_close(network(inputs)[:, 0], before[:, 0])  # clicks are as they were
    assert network.calibrate(before, torch.zeros(4000, 2)) == (1.0, 0.0)
