"""Kills stages by a schedule drawn from a seed, to see whether training survives it and what that costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adcreative.copywriter.post_training.pipeline.workers import Workers

__all__ = ["draw_failures", "kill_by_schedule"]


def draw_failures(num_steps: int, num_stages: int, rate: float, seed: int) -> dict[int, int]:
    """Return step -> the stage that dies before it; each step has one with probability `rate`, the first step none."""
    rng = np.random.default_rng(seed)
    dies, stages = rng.random(num_steps + 1) < rate, rng.integers(num_stages, size=num_steps + 1)
    return {step: int(stages[step]) for step in range(2, num_steps + 1) if dies[step]}


def kill_by_schedule(workers: Workers, failures: dict[int, int]) -> Callable[[int], None]:
    """Return what kills each stage of the schedule once, when its step is tried for the first time."""
    left = dict(failures)

    def before_step(step: int) -> None:
        if step in left:
            workers.kill(left.pop(step))

    return before_step
