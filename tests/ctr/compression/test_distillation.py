"""Distillation: what the controller reads, that it learns at all, and that it trusts the teacher where the teacher is right."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adcreative.ctr.compression.distillation import (
    Controller,
    DistilConfig,
    _class_means,
    _distil,
    compress_distil,
    outer_gradient,
    start_as_teacher,
    student_loss,
    student_of,
    trilateral_inputs,
)
from adcreative.ctr.compression.tuning import Work, predict_clicks
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, build_batch, build_log_network
from adcreative.ctr.networks.adaptdhm import AdaptDHMConfig
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.errors import ConfigError
from tests.ctr.compression.worlds import World, build, held_auc, planted_coclusters, planted_histories, trained, world


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
        self.network = SimpleNamespace(probabilities=lambda logits: {"ctr": torch.sigmoid(logits)})

    def forward(self, batch: Any) -> torch.Tensor:
        return self.table[batch.ids[:, 0], batch.ids[:, 1]]


def accuracy(made: World, right: np.ndarray, work: Work, config: DistilConfig, weights: list[Tensor] | None = None) -> float:
    """Share of held-back rows whose side the student knows; weights: takes the teacher's weight of each training row."""
    known = {(int(a), int(b)): bool(one) for (a, b), one in zip(made.ids, right, strict=True)}
    generator = torch.Generator().manual_seed(1)
    network = build_log_network("dnn", made.encoding.spec, DNNConfig(hidden_dims=(64,)), dim=8, generator=generator)
    with torch.no_grad():
        for parameter in network.inputs.parameters():
            parameter.mul_(1000.0)
    teacher, controller = Told(known), Controller(generator=generator)
    _distil(teacher, network, controller, work, config)
    if weights is not None:
        rows = made.rows(slice(0, work.rows.train.num_rows))
        batch, truth = build_batch(rows), torch.from_numpy(rows.labels)
        with torch.no_grad():
            student, told = torch.sigmoid(network(batch)), torch.sigmoid(teacher(batch))
            weights.append(controller(trilateral_inputs(student, told, truth, _class_means(teacher, work))))
    start = len(made.ids) - len(work.rows.held)
    return float(((predict_clicks(network, work.rows.held) > 0.5) == right[start:]).mean())


@pytest.mark.planted
def test_the_controller_finds_where_the_teacher_is_right() -> None:
    """With true labels to choose by it trusts the teacher where labels err, and is no worse than the best fixed weight."""
    made, right, is_inside = planted_teacher(12_000, seed=0)
    a, b = int(0.7 * len(made.ids)), int(0.85 * len(made.ids))
    made.labels[a:b] = right[a:b]
    work, config = made.work(), DistilConfig(epochs=30, learning_rate=1e-2)
    fixed = {weight: accuracy(made, right, work, replace(config, fixed_weight=weight)) for weight in (0.0, 0.3, 0.5, 1.0)}
    weights: list[Tensor] = []
    found = accuracy(made, right, work, config, weights)
    is_flipped = (made.labels[:a] != right[:a]) & ~is_inside[:a]
    of_region, of_flipped = (float(weights[0][torch.from_numpy(one)].mean()) for one in (is_inside[:a], is_flipped))
    print(
        f"weight {of_flipped:.2f} where labels err, {of_region:.2f} where the teacher does; accuracy {found:.3f}, fixed {fixed}"
    )
    assert of_flipped >= of_region + 0.5, (of_flipped, of_region)
    assert found >= max(fixed.values()) - 0.01, (found, fixed)
    assert found >= max(fixed[0.0], fixed[1.0]) + 0.1, (found, fixed)


@pytest.mark.planted
@pytest.mark.parametrize("name", ["din", "sdim"])  # the student of a QIN is a DIN
def test_a_student_of_histories_keeps_them(name: str) -> None:
    made = planted_histories(16_000, seed=0)
    work = made.work()
    teacher = trained(name, made, work, epochs=6, rate=3e-3, dim=16)
    student = compress_distil(teacher, work, DistilConfig(epochs=14))["student"]
    blind = trained("dnn", made, work, epochs=3, rate=3e-3, dim=16)
    assert held_auc(teacher.network, work) > held_auc(blind.network, work) + 0.15  # there is something to lose
    assert held_auc(student.network, work) > held_auc(teacher.network, work) - 0.02
    sizes = [sum(p.numel() for p in one.network.parameters()) for one in (student, teacher)]
    assert sizes[0] < sizes[1] / 3


@pytest.mark.parametrize(("name", "of_student"), [("din", "din"), ("qin", "din"), ("sdim", "sdim"), ("dnn", "dnn")])
def test_a_student_reads_what_its_teacher_reads(name: str, of_student: str) -> None:
    made = planted_histories(1200, seed=0)
    work, teacher = made.work(), build(name, made)
    student = compress_distil(teacher, work, DistilConfig(epochs=1))["student"]
    assert student.name == of_student
    rows = work.rows.held
    other = LogRows({**rows.arrays, "history.past": rows.arrays["history.past"][::-1]}, rows.labels, rows.users)
    assert np.array_equal(*(predict_clicks(student.network, one) for one in (rows, other))) is (name == "dnn")


def test_a_student_of_given_domains_reads_them() -> None:
    encoding = replace(planted_coclusters(500, seed=0)[0].encoding, domains=("feed", "story"))
    encoding = replace(encoding, schema=replace(encoding.schema, domain="placement"))
    config = AdaptDHMConfig()
    network = build_log_network("adaptdhm", encoding.spec, config, dim=4, generator=torch.Generator().manual_seed(0))
    told = LogModel("adaptdhm", encoding, config, 4, network, {})
    assert student_of(told, DistilConfig())[0] == "adaptdhm"
    found = replace(told, encoding=replace(encoding, schema=replace(encoding.schema, domain="")))
    assert student_of(found, DistilConfig())[0] == "dnn"  # clusters that it found itself hang on the fields alone


def test_tables_begin_as_the_teachers_turned() -> None:
    made = planted_histories(300, seed=0)
    teacher, student = build("din", made, dim=8), build("din", made, dim=6)
    with torch.no_grad():
        table: Any = teacher.network.inputs.tables.tables.table("c0")
        table.weight[:, 6:] = 0
        table.weight.copy_(table.weight @ torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1))).Q)
    start_as_teacher(teacher.network, student.network)
    ids = torch.arange(82)
    own, told = (one.network.inputs.tables.tables.look_up("c0", ids).detach() for one in (student, teacher))
    torch.testing.assert_close(own @ own.T, told @ told.T, rtol=1e-4, atol=1e-4)  # rank 6: nothing is lost
    assert own[0].abs().max() == 0


def test_a_small_student_learns_from_a_trained_teacher() -> None:
    made, _, _ = planted_coclusters(12_000, seed=0)
    work = made.work()
    teacher = trained("dnn", made, work, epochs=5, dim=16, hidden_dims=(64, 64))
    said = compress_distil(
        teacher,
        work,
        DistilConfig(
            epochs=2,
            hidden_dims=(8,),
        ),
    )
    student = said["student"]
    assert said["first_outer_gradient"] > 0
    assert 0 < said["teacher_weight"] < 1
    assert sum(p.numel() for p in student.network.parameters()) < sum(p.numel() for p in teacher.network.parameters()) / 2
    assert held_auc(student.network, work) > 0.5
    assert work.rows.held.clicks.mean() == pytest.approx(predict_clicks(student.network, work.rows.held).mean(), abs=0.05)


def test_a_teacher_of_conversions_is_refused() -> None:
    made, _, _ = planted_coclusters(500, seed=0)
    with pytest.raises(ConfigError, match="esmm learns conversions beside clicks"):
        compress_distil(build("esmm", made), made.work(), DistilConfig())


def test_a_weight_beyond_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fixed_weight must be in 0..1, got -1; leave it out for a weight of each row"):
        DistilConfig(fixed_weight=-1)
