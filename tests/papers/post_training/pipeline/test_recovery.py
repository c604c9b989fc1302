"""How lost stages are rebuilt: the formula, what falls back to the checkpoint and why."""

from __future__ import annotations

import pytest
import torch

from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.post_training.pipeline.recovery import merge_layers, plan_recovery


def layers(seed: int, num: int = 2) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"weight": (3, 2), "bias": (3,), "norm": (2,)}
    return [{name: torch.randn(shape, generator=generator) for name, shape in shapes.items()} for _ in range(num)]


def test_every_tensor_is_the_weighted_mean() -> None:
    left, right = layers(0), layers(1)
    merged = merge_layers(2, [left, right], [1.0, 3.0])
    for number in range(2):
        for name in left[number]:
            assert torch.allclose(merged[number][name], 0.25 * left[number][name] + 0.75 * right[number][name])


def test_unequal_stages_are_paired_by_depth() -> None:
    left = layers(0, 3)
    merged = merge_layers(2, [left], [1.0])
    assert torch.equal(merged[0]["weight"], left[0]["weight"])
    assert torch.equal(merged[1]["weight"], left[2]["weight"])
    assert torch.equal(merge_layers(1, [left], [1.0])[0]["bias"], left[0]["bias"])


def test_a_changed_architecture_is_refused() -> None:
    other = layers(1)
    other[0]["bias"] = torch.zeros(4)
    with pytest.raises(TrainingError, match=r"differ in bias \(\(3,\) and \(4,\)\); use --recover checkpoint"):
        merge_layers(2, [layers(0), other], [1.0, 1.0])
    with pytest.raises(TrainingError, match="at least one must be above zero"):
        merge_layers(2, [layers(0), layers(1)], [0.0, 0.0])


@pytest.mark.parametrize(
    ("lost", "mode", "how"),
    [
        ([2], "neighbours", [("merge", (1, 3))]),
        ([1, 3], "neighbours", [("merge", (0, 2)), ("merge", (2, 4))]),
        ([0, 5], "neighbours+", [("copy", (1,)), ("copy", (4,))]),
        ([0, 2], "neighbours+", [("copy", (1,)), ("merge", (1, 3))]),
        ([0], "neighbours", [("copy", (1,))]),
        ([2, 3], "neighbours", [("merge", (1, 4)), ("merge", (1, 4))]),  # the nearest that are alive
        ([0, 1, 5], "neighbours+", [("copy", (2,)), ("copy", (2,)), ("copy", (4,))]),
        ([2], "checkpoint", [("checkpoint", ())]),
    ],
)
def test_plans(lost: list[int], mode: str, how: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(plan.how, plan.sources) for plan in plan_recovery(lost, 6, mode)] == how


def test_what_is_less_than_the_paper_has_says_so() -> None:
    (middle,) = plan_recovery([2], 6, "neighbours")
    assert middle.why == ""
    near, far = plan_recovery([2, 3], 6, "neighbours")
    assert near.why == far.why == "a neighbour was lost at once, the nearest stage took its place"
    assert "has not learnt to act as it" in plan_recovery([5], 6, "neighbours")[0].why
    assert plan_recovery([5], 6, "neighbours+")[0].why == ""


def test_what_only_a_checkpoint_can_give() -> None:
    plans = plan_recovery([0, 1], 2, "neighbours")
    assert [(plan.how, plan.why) for plan in plans] == [("checkpoint", "all stages were lost at once")] * 2


def test_what_there_is_not() -> None:
    with pytest.raises(ConfigError, match='there is no recovery "hope"; known: checkpoint, neighbours'):
        plan_recovery([1], 4, "hope")
    with pytest.raises(ConfigError, match=r"lost stages \[4\] of 4; stages count from 0"):
        plan_recovery([4], 4, "neighbours")
