"""Distillation: what the controller reads, that it learns at all, and that it trusts the teacher where the teacher is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from adcreative.ctr.compression.distillation import (
    Controller,
    DistilConfig,
    _distil,
    compress_distil,
    outer_gradient,
    student_loss,
    trilateral_inputs,
)
from adcreative.ctr.compression.rows import clicks_of
from adcreative.ctr.compression.tuning import Work, predict_clicks
from adcreative.ctr.log_network import LogNetwork
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.errors import ConfigError
from tests.ctr.compression.worlds import World, build, held_auc, planted_coclusters, trained, world


def test_the_controller_reads_nine_numbers_a_class() -> None:
    student, teacher, truth = torch.tensor([0.2, 0.7]), torch.tensor([0.4, 0.9]), torch.tensor([0.0, 1.0])
    inputs = trilateral_inputs(student, teacher, truth, torch.tensor([0.1, 0.6]))
    assert inputs.shape == (2, 18)
    torch.testing.assert_close(inputs[0, :8], torch.tensor([0.8, 0.2, 0.6, 0.4, 1.0, 0.0, 0.9, 0.1]))
    edges = inputs[:, 8:].unflatten(1, (5, 2))[:, :, 1]
    expected = [[(0.1 - 0.2) ** 2, 0.04, 0.04, 0.16, 0.01], [(0.6 - 0.7) ** 2, 0.09, 0.04, 0.01, 0.16]]
    torch.testing.assert_close(edges, torch.tensor(expected))
    perfect = trilateral_inputs(student, truth, truth, torch.tensor([0.0, 1.0]))
    assert perfect[:, 14:].abs().max() == 0


def test_the_loss_is_both_written_out() -> None:
    logits, told, truth = torch.tensor([0.3, -1.0]), torch.tensor([1.0, 0.5]), torch.tensor([1.0, 0.0])
    torch.testing.assert_close(
        student_loss(logits, told, truth, torch.zeros(2), 1.5), nn.functional.binary_cross_entropy_with_logits(logits, truth)
    )
    t, s = torch.sigmoid(told / 1.5), torch.sigmoid(logits / 1.5)
    divergence = t * (t / s).log() + (1 - t) * ((1 - t) / (1 - s)).log()
    torch.testing.assert_close(student_loss(logits, told, truth, torch.ones(2), 1.5), 1.5**2 * divergence.mean())
    assert float(student_loss(told, told, truth, torch.ones(2), 1.5)) == pytest.approx(0, abs=1e-6)


def small_problem() -> tuple[Any, dict[str, torch.Tensor], torch.Tensor, Any, Any]:
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(16, 3, generator=rng), (torch.rand(16, generator=rng) > 0.5).float()
    weights = {"w": torch.tensor([0.3, -0.2, 0.5])}
    told = torch.randn(16, generator=rng)
    choose = (torch.randn(12, 3, generator=rng), (torch.rand(12, generator=rng) > 0.5).float())
    return (lambda w, batch: batch @ w["w"]), weights, told, (x, y), choose


def test_the_hyper_gradient_is_that_of_finite_differences() -> None:
    forward, weights, told, (x, y), choose = small_problem()

    def outer(score: torch.Tensor) -> torch.Tensor:
        return outer_gradient(forward, weights, (x, told, y, torch.sigmoid(score)), choose, 1.5, 0.5)

    score = torch.linspace(-1, 1, 16, dtype=torch.float32).requires_grad_(True)
    outer(score).backward()
    assert score.grad is not None
    for place in (0, 7, 15):
        step = torch.zeros(16)
        step[place] = 1e-1
        slope = float((outer(score.detach() + step) - outer(score.detach() - step)).detach()) / 2e-1
        assert float(score.grad[place]) == pytest.approx(slope, rel=0.05, abs=2e-5)


def test_a_controller_without_a_gradient_never_learns() -> None:
    """The broken twin: alpha computed under no_grad, as published."""
    forward, weights, told, (x, y), choose = small_problem()
    controller = Controller(generator=torch.Generator().manual_seed(0))
    inputs = trilateral_inputs(torch.sigmoid(forward(weights, x)), torch.sigmoid(told), y, torch.tensor([0.3, 0.6]))
    outer_gradient(forward, weights, (x, told, y, controller(inputs)), choose, 1.5, 0.5).backward()
    assert sum(float(p.grad.abs().sum()) for p in controller.parameters() if p.grad is not None) > 0
    controller.zero_grad()
    with torch.no_grad():
        detached = controller(inputs)
    outer_gradient(forward, weights, (x, told, y, detached), choose, 1.5, 0.5).backward()
    assert all(p.grad is None for p in controller.parameters())


def planted_teacher(num: int, *, seed: int) -> tuple[World, np.ndarray, np.ndarray]:
    """Each pair of values has a side; labels are flipped in 40 % outside the region, and the teacher errs inside it, unsure.

    The region is told by field 0, which the student reads too.
    """
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.integers(0, 20, num), rng.integers(0, 30, num)], axis=1)
    right = (rng.random((20, 30)) < 0.5)[ids[:, 0], ids[:, 1]]
    is_inside = ids[:, 0] < 6
    flips = ~is_inside & (rng.random(num) < 0.4)
    made = world(ids, np.where(right, 8.0, -8.0), rng, (20, 30))
    made.labels = np.where(flips, ~right, right).astype(np.float32)
    return made, right, is_inside


class Told(nn.Module):
    """A teacher that is right outside the region and wrong inside."""

    def __init__(self, right_by_ids: dict[tuple[int, int], bool]) -> None:
        super().__init__()
        table = torch.zeros(22, 32)
        for (a, b), right in right_by_ids.items():
            table[a + 2, b + 2] = (1.0 if right else -1.0) * (-0.8 if a < 6 else 3.0)
        self.table = table

    def forward(self, batch: Any) -> torch.Tensor:
        return self.table[batch.ids[:, 0], batch.ids[:, 1]]


def accuracy(made: World, right: np.ndarray, work: Work, config: DistilConfig) -> float:
    known = {(int(a), int(b)): bool(one) for (a, b), one in zip(made.ids, right, strict=True)}
    generator = torch.Generator().manual_seed(1)
    network = LogNetwork("dnn", made.encoding.spec, DNNConfig(hidden_dims=(64,)), dim=8, generator=generator)
    with torch.no_grad():
        for parameter in network.inputs.parameters():
            parameter.mul_(1000.0)
    _distil(Told(known), network, Controller(generator=generator), work, config)
    start = len(made.ids) - len(work.rows.held)
    return float(((predict_clicks(network, work.rows.held) > 0.5) == right[start:]).mean())


@pytest.mark.planted
def test_teacher_and_truth_together_beat_either_alone_where_both_err() -> None:
    """Labels err outside the region, the teacher inside. A controller is no worse than the truth alone; it is not the best."""
    made, right, _ = planted_teacher(12_000, seed=0)
    work, config = made.work(), DistilConfig(epochs=12, learning_rate=1e-2, controller_learning_rate=2e-2)
    found = {weight: accuracy(made, right, work, replace(config, fixed_weight=weight)) for weight in (0.0, 0.1, 0.3, 1.0, -1.0)}
    assert max(found[0.1], found[0.3]) >= max(found[0.0], found[1.0]) + 0.03, found
    assert found[-1.0] >= found[0.0] - 0.02, found


def test_a_small_student_learns_from_a_trained_teacher() -> None:
    made, _, _ = planted_coclusters(12_000, seed=0)
    work = made.work()
    teacher = trained("dnn", made, work, epochs=5, dim=16, hidden_dims=(64, 64))
    said = compress_distil(teacher, work, DistilConfig(epochs=2, hidden_dims=(8,), fixed_weight=-1))
    student = said["student"]
    assert said["first_outer_gradient"] > 0
    assert 0 < said["teacher_weight"] < 1
    assert sum(p.numel() for p in student.network.parameters()) < sum(p.numel() for p in teacher.network.parameters()) / 2
    assert held_auc(student.network, work) > 0.5
    assert clicks_of(work.rows.held).mean() == pytest.approx(predict_clicks(student.network, work.rows.held).mean(), abs=0.05)


def test_a_teacher_of_conversions_is_refused() -> None:
    made, _, _ = planted_coclusters(500, seed=0)
    with pytest.raises(ConfigError, match="esmm learns conversions beside clicks"):
        compress_distil(build("esmm", made), made.work(), DistilConfig())
