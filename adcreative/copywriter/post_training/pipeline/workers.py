"""Where stages run, and how they are called. Here: all of them in this process, each of which a drill can take away.

A stage that died raises StageLostError at the next call and is there again, empty, after `revive`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from adcreative.copywriter.post_training.pipeline.stage import Stage
from adcreative.errors import AdCreativeError

__all__ = ["LocalWorkers", "StageLostError", "Workers"]

Build = Callable[[int, bool], Stage]  # number of the stage; whether its weights are those to begin with


class StageLostError(AdCreativeError, RuntimeError):
    """A stage died; `stage` says which."""

    def __init__(self, stage: int) -> None:
        super().__init__(f"stage {stage} died")
        self.stage = stage


class Workers(Protocol):
    """Stages that can be called by number, and that may die."""

    def call(self, stage: int, name: str, *arguments: Any) -> Any:
        """Return what the stage's method gives. Raises StageLostError when it died."""

    def call_all(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return what the method gives on every stage, all at once. Raises StageLostError."""

    def kill(self, stage: int) -> None:
        """End a stage without warning it: for drills."""

    def revive(self, stage: int) -> None:
        """Wait until a stage that died answers again, without weights."""


class LocalWorkers:
    """All stages in this process."""

    def __init__(self, build: Build, num_stages: int) -> None:
        self._build = build
        self._stages: list[Stage | None] = [build(number, True) for number in range(num_stages)]

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
