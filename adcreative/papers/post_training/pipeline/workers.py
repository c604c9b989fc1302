"""Where stages run: in this process (for tests and one machine), or each as a Ray actor in a process of its own; and drills,
which kill them by a schedule, to see whether training survives it and what that costs.

Both answer the same calls; a stage that died raises StageLostError at the next call and is there again, empty, after `revive`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adcreative.errors import AdCreativeError, EngineError, TrainingError
from adcreative.papers.post_training.pipeline.stage import Ends, Stage

Build = Callable[[int, bool], Stage | Ends]  # number of the stage; whether its weights are those to begin with
NEED_NO_WEIGHTS = ("has_state", "load", "restore", "reset")


class StageLostError(AdCreativeError, RuntimeError):
    """A stage's process died, or is a new one without weights."""


def _answer(worker: Stage | Ends, number: int, name: str, arguments: Sequence[Any]) -> Any:
    """Call a method. A worker that was made anew does no part of a step before it has weights: it would pass on zeros."""
    if name not in NEED_NO_WEIGHTS and not worker.has_state():
        raise StageLostError(f"stage {number} was made anew and has no weights")
    return getattr(worker, name)(*arguments)


class Workers:
    """Stages that can be called by number, and that may die."""

    def start(self, stage: int, name: str, *arguments: Any) -> Any:
        """Begin a call, and return a ticket for what the stage's method gives; tickets of other calls may be arguments.

        A stage's calls are answered in the order of their start. Raises StageLostError when its process is known to be dead.
        """
        raise NotImplementedError

    def wait(self, tickets: Sequence[Any]) -> list[Any]:
        """Return what the calls gave. Raises StageLostError when a process died meanwhile, or has no weights."""
        raise NotImplementedError

    def kill(self, stage: int) -> None:
        """End the process of a stage, without warning it: for drills."""
        raise NotImplementedError

    def revive(self, stage: int) -> None:
        """Wait until a stage that died answers again, without weights."""
        raise NotImplementedError

    def call(self, stage: int, name: str, *arguments: Any) -> Any:
        """Return what the stage's method gives. Raises StageLostError."""
        return self.wait([self.start(stage, name, *arguments)])[0]

    def call_all(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return what the method gives on every stage, all at once. Raises StageLostError."""
        return self.wait([self.start(stage, name, *given) for stage, given in enumerate(arguments)])


class LocalWorkers(Workers):
    """All stages in this process, one call after another."""

    def __init__(self, build: Build, num_workers: int) -> None:
        self._build = build
        self._stages: list[Stage | Ends | None] = [build(number, True) for number in range(num_workers)]

    def start(self, stage: int, name: str, *arguments: Any) -> Any:
        found = self._stages[stage]
        if found is None:
            raise StageLostError(f"stage {stage} died")
        return _answer(found, stage, name, arguments)

    def wait(self, tickets: Sequence[Any]) -> list[Any]:
        return list(tickets)

    def kill(self, stage: int) -> None:
        self._stages[stage] = None

    def revive(self, stage: int) -> None:
        if self._stages[stage] is None:
            self._stages[stage] = self._build(stage, False)


class RayWorkers(Workers):
    """Each stage as a Ray actor, which Ray starts again, on another node if need be, when its process dies.

    Tickets are references to objects: what one stage gives goes straight to the next, and stages work at the same time.
    """

    def __init__(self, build: Build, num_workers: int, *, timeout_s: float = 300.0) -> None:
        try:
            import ray
        except ImportError as error:
            raise TrainingError('stages in processes of their own need ray: pip install "adcreative[ray]"') from error
        self._ray, self._timeout_s = ray, timeout_s

        class Actor:
            def __init__(self, number: int) -> None:
                self._number, self._stage = number, build(number, not ray.get_runtime_context().was_current_actor_reconstructed)

            def call(self, name: str, *arguments: Any) -> Any:
                return _answer(self._stage, self._number, name, arguments)

        remote: Any = ray.remote(max_restarts=-1, max_task_retries=0, num_cpus=0, scheduling_strategy="SPREAD")(Actor)
        self._actors: list[Any] = [remote.remote(number) for number in range(num_workers)]

    def start(self, stage: int, name: str, *arguments: Any) -> Any:
        return self._actors[stage].call.remote(name, *arguments)

    def wait(self, tickets: Sequence[Any]) -> list[Any]:
        try:
            return list(self._ray.get(list(tickets), timeout=self._timeout_s))
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.WorkerCrashedError) as error:
            raise StageLostError(f"the process of a stage died ({error})") from error
        except self._ray.exceptions.GetTimeoutError as error:
            raise EngineError(f"no answer of the stages within {self._timeout_s:.0f} s; look at their nodes") from error

    def kill(self, stage: int) -> None:
        self._ray.kill(self._actors[stage], no_restart=False)

    def revive(self, stage: int) -> None:
        import time

        ends = time.monotonic() + self._timeout_s
        while time.monotonic() < ends:
            try:
                self.call(stage, "has_state")
            except StageLostError:
                time.sleep(0.2)
            else:
                return
        raise EngineError(f"stage {stage} did not come back within {self._timeout_s:.0f} s; look at its node")


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
