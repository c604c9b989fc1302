"""Where stages run: in this process (for tests and one machine), or each as a Ray actor in a process of its own.

Both answer the same calls; a stage that died raises StageLostError at the next call and is there again, empty, after `revive`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from adcreative.copywriter.post_training.pipeline.ends import Ends
from adcreative.copywriter.post_training.pipeline.stage import Stage
from adcreative.errors import AdCreativeError, EngineError, TrainingError

__all__ = ["LocalWorkers", "RayWorkers", "StageLostError", "Workers"]

Build = Callable[[int, bool], Stage | Ends]  # number of the stage; whether its weights are those to begin with


class StageLostError(AdCreativeError, RuntimeError):
    """A stage's process died; `stage` says which."""

    def __init__(self, stage: int) -> None:
        super().__init__(f"the process of stage {stage} died")
        self.stage = stage


class Workers(Protocol):
    """Stages that can be called by number, and that may die."""

    def call(self, stage: int, name: str, *arguments: Any) -> Any:
        """Return what the stage's method gives. Raises StageLostError when its process died."""

    def call_all(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return what the method gives on every stage, all at once. Raises StageLostError."""

    def kill(self, stage: int) -> None:
        """End the process of a stage, without warning it: for drills."""

    def revive(self, stage: int) -> None:
        """Wait until a stage that died answers again, without weights."""


class LocalWorkers:
    """All stages in this process."""

    def __init__(self, build: Build, num_workers: int) -> None:
        self._build = build
        self._stages: list[Stage | Ends | None] = [build(number, True) for number in range(num_workers)]

    def call(self, stage: int, name: str, *arguments: Any) -> Any:
        found = self._stages[stage]
        if found is None:
            raise StageLostError(stage)
        return getattr(found, name)(*arguments)

    def call_all(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return [self.call(stage, name, *given) for stage, given in enumerate(arguments)]

    def kill(self, stage: int) -> None:
        self._stages[stage] = None

    def revive(self, stage: int) -> None:
        if self._stages[stage] is None:
            self._stages[stage] = self._build(stage, False)


class RayWorkers:
    """Each stage as a Ray actor, which Ray starts again, on another node if need be, when its process dies."""

    def __init__(self, build: Build, num_workers: int, *, restarts: int = -1, timeout_s: float = 300.0) -> None:
        try:
            import ray
        except ImportError as error:
            raise TrainingError('stages in processes of their own need ray: pip install "adcreative[ray]"') from error
        self._ray, self._timeout_s = ray, timeout_s

        class Actor:
            def __init__(self, number: int) -> None:
                self._stage = build(number, not ray.get_runtime_context().was_current_actor_reconstructed)

            def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
                return getattr(self._stage, name)(*arguments)

        remote: Any = ray.remote(max_restarts=restarts, max_task_retries=0, num_cpus=0, scheduling_strategy="SPREAD")(Actor)
        self._actors: list[Any] = [remote.remote(number) for number in range(num_workers)]

    def call(self, stage: int, name: str, *arguments: Any) -> Any:
        return self._wait(stage, self._actors[stage].call.remote(name, arguments))

    def call_all(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        asked = [self._actors[stage].call.remote(name, given) for stage, given in enumerate(arguments)]
        return [self._wait(stage, one) for stage, one in enumerate(asked)]

    def _wait(self, stage: int, asked: Any) -> Any:
        try:
            return self._ray.get(asked, timeout=self._timeout_s)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.WorkerCrashedError) as error:
            raise StageLostError(stage) from error
        except self._ray.exceptions.GetTimeoutError as error:
            raise EngineError(f"stage {stage} did not answer within {self._timeout_s:.0f} s; look at its node") from error

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
