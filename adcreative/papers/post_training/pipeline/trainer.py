"""Trains a language model over pipeline stages, and goes on when stages die: a step is done, or done again, never skipped.

The embedding, the final norm and the head are a worker of their own (`Ends`), numbered after the last stage. The trainer
itself holds no weights; when its process dies, the same command goes on from the last checkpoint. With neighbours none is
written unless asked for.

Micro-batches go through the stages in GPipe's order: all forward, one behind the other, then all backward, then every stage
changes its weights. Stages that run in processes of their own so work at the same time; each keeps what it needs of all
micro-batches of a step. With "neighbours+", odd micro-batches pass the first two and the last two stages in swapped order, so
that each learns to stand in for its neighbour at the edge; evaluation and delivery use the true order.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from adcreative.artifacts import open_atomically
from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.post_training.pipeline.recovery import LR_FACTOR, MODES, Recovery, merge_layers, plan_ends, plan_recovery
from adcreative.papers.post_training.pipeline.stage import Ends, Stage, StageConfig, end_parameters
from adcreative.papers.post_training.pipeline.workers import StageLostError, Workers
from adcreative.progress import Progress, ShouldStop, never, silent

CHECKPOINT, LOG = "pipeline.pt", "recoveries.jsonl"
EVERY = 20  # steps between checkpoints, where they are what a lost stage comes from


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """How the pipeline trains.

    num_micro: micro-batches of one step. every: steps between checkpoints, 0 for none; None: EVERY with "checkpoint", none with
    neighbours, which need none.
    """

    num_stages: int = 4
    num_steps: int = 100
    num_micro: int = 4
    recover: str = "checkpoint"
    every: int | None = None
    learning_rate: float = 3e-4
    max_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.recover not in MODES:
            raise ConfigError(f'there is no recovery "{self.recover}"; known: {", ".join(MODES)}')
        if min(self.num_stages, self.num_steps, self.num_micro) < 1:
            raise ConfigError("stages, steps and micro-batches must be at least 1")
        if self.steps_between < 0 or (self.recover == "checkpoint" and not self.steps_between):
            raise ConfigError(f"a checkpoint every {self.every} steps; use 1 or more, or 0 (none) with neighbours")
        if self.recover == "neighbours" and self.num_stages < 2:
            raise ConfigError(
                "a single stage has no neighbour to be rebuilt from; use 2 stages or more, or --recover checkpoint"
            )
        if self.recover == "neighbours+" and self.num_stages < 4:
            raise ConfigError(f"neighbours+ swaps two stages at each end, got {self.num_stages}; use 4 stages or more")

    @property
    def steps_between(self) -> int:
        """Steps between checkpoints, 0 for none."""
        return self.every if self.every is not None else EVERY if self.recover == "checkpoint" else 0

    @property
    def stage(self) -> StageConfig:
        """How each stage learns."""
        return StageConfig(learning_rate=self.learning_rate, max_norm=self.max_norm)

    @property
    def num_workers(self) -> int:
        """Stages, and the ends."""
        return self.num_stages + 1


def cut_stages(num_layers: int, num_stages: int) -> list[range]:
    """Return the layers of each stage, as equal in number as can be, longer ones at the ends.

    Raises:
        ConfigError: more stages than layers.
    """
    if not 1 <= num_stages <= num_layers:
        raise ConfigError(f"the model has {num_layers} layers, got {num_stages} stages; use 1 to {num_layers}")
    sizes = [num_layers // num_stages] * num_stages
    from_ends = [end for i in range(num_stages) for end in (i, num_stages - 1 - i)]
    for place in list(dict.fromkeys(from_ends))[: num_layers % num_stages]:
        sizes[place] += 1
    starts = [sum(sizes[:i]) for i in range(num_stages)]
    return [range(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def stage_builder(load_model: Callable[[], PreTrainedModel], config: PipelineConfig) -> Callable[[int, bool], Stage | Ends]:
    """Return what builds a stage, or the ends, where it runs; built again after a death it has no weights to trust."""
    num_stages, stage_config = config.num_stages, config.stage

    def build(number: int, has_state: bool) -> Stage | Ends:
        model = load_model()
        if number == num_stages:
            return Ends(model, stage_config, has_state=has_state)
        decoder = model.model
        layers = nn.ModuleList([decoder.layers[i] for i in cut_stages(len(decoder.layers), num_stages)[number]])
        return Stage(layers, decoder.rotary_emb, stage_config, has_state=has_state)

    return build


class PipelineTrainer:
    """Drives the stages through the steps, and rebuilds those that die.

    model: takes the weights over in the end (`collect`). batch: step -> token ids [num_micro, B, T], the same whenever it is
    asked.
    """

    def __init__(
        self, model: PreTrainedModel, workers: Workers, batch: Callable[[int], Tensor], config: PipelineConfig, out: Path
    ) -> None:
        self._model, self._workers, self._batch, self._config, self._out = model, workers, batch, config, out
        self._ends = config.num_stages  # number of that worker
        self.step, self.losses = 0, dict[int, float]()
        self.events: list[dict[str, Any]] = []

    def train(
        self,
        *,
        before_step: Callable[[int], None] = lambda _: None,
        progress: Progress = silent,
        should_stop: ShouldStop = never,
    ) -> None:
        """Train up to num_steps, from the checkpoint in `out` when there is one.

        Args:
            before_step: called with the number of the step that comes next, each time it is tried; a drill kills here.
        """
        if (self._out / CHECKPOINT).exists():
            self._load_checkpoint()
        elif self._config.steps_between:
            self._save_checkpoint()
        self._replicate_ends()
        while self.step < self._config.num_steps and not should_stop():
            progress("training", self.step, self._config.num_steps)
            try:
                before_step(self.step + 1)
                self._do_step()
                self._replicate_ends()
            except StageLostError:
                self._recover()
                continue
            if self._is_due():
                try:
                    self._save_checkpoint()
                except StageLostError:
                    self._recover()
        progress("training", self.step, self._config.num_steps)

    def _is_due(self) -> bool:
        every = self._config.steps_between
        return every > 0 and (self.step % every == 0 or self.step == self._config.num_steps)

    def _order(self, micro: int) -> list[int]:
        """Return the stages in the order that a micro-batch passes them."""
        order = list(range(self._config.num_stages))
        if self._config.recover == "neighbours+" and micro % 2:
            order[0], order[1], order[-1], order[-2] = order[1], order[0], order[-2], order[-1]
        return order

    def _do_step(self) -> None:
        start, tokens, ends = self._workers.start, list(self._batch(self.step + 1)), self._ends
        num_micro, num_stages = len(tokens), self._config.num_stages
        left: dict[int, Any] = {}  # micro-batch -> ticket of what left the stage where it was last
        for micro, place in gpipe(num_micro, num_stages + 2):
            if place == 0:
                left[micro] = start(ends, "embed", micro, tokens[micro])
            elif place <= num_stages:
                left[micro] = start(self._order(micro)[place - 1], "forward", micro, left[micro])
            else:
                left[micro] = start(ends, "finish", micro, left[micro], tokens[micro], 1 / num_micro)
        for micro, place in gpipe(num_micro, num_stages + 1):
            where = self._order(micro)[-1 - place] if place < num_stages else ends
            left[micro] = start(where, "backward", micro, left[micro])
        loss = self._workers.wait([start(ends, "loss"), *left.values()])[0]
        self._workers.call_all("apply", [(self.step + 1,)] * self._config.num_workers)
        self.step += 1
        self.losses[self.step] = loss

    def _replicate_ends(self) -> None:
        """Give both edge stages a copy of the ends' weights, from which lost ends start."""
        if self._config.recover != "checkpoint":
            weights = self._workers.start(self._ends, "weights")
            self._workers.wait([self._workers.start(stage, "keep_ends", weights) for stage in (0, self._config.num_stages - 1)])

    @torch.no_grad()
    def evaluate(self, tokens: Tensor) -> float:
        """Return the loss of token ids [B, T] with the stages in their true order."""
        hidden = self._workers.call(self._ends, "enter", tokens)
        for stage in range(self._config.num_stages):
            hidden = self._workers.call(stage, "evaluate", hidden)
        return float(self._workers.call(self._ends, "evaluate", hidden, tokens))

    def collect(self) -> PreTrainedModel:
        """Return the model with the weights that the stages have now."""
        decoder = self._model.model
        for stage, layers in enumerate(cut_stages(len(decoder.layers), self._config.num_stages)):
            for number, state in zip(layers, self._workers.call(stage, "weights"), strict=True):
                decoder.layers[number].load_state_dict(state)
        with torch.no_grad():
            weights = self._workers.call(self._ends, "weights")
            for parameter, value in zip(end_parameters(self._model), weights, strict=True):
                parameter.copy_(value)
        return self._model

    def _recover(self) -> None:
        """Give every stage that lost its weights new ones, and write down how; the step is then done again."""
        started = time.monotonic()
        while True:
            try:
                lost = self._find_lost()
                done_at = self.step
                plans = self._plan(lost)
                if any(plan.how == "checkpoint" for plan in plans):
                    self._go_back(plans)
                else:
                    for plan in plans:
                        self._rebuild(plan)
                self._workers.call_all("reset", [()] * self._config.num_workers)
                break
            except StageLostError:
                continue
        for plan in plans:
            self._note(plan, done_at - self.step, time.monotonic() - started)

    def _go_back(self, plans: list[Recovery]) -> None:
        """Take all stages back to the checkpoint.

        Raises:
            TrainingError: there is none, since neighbours were to do without.
        """
        if not (self._out / CHECKPOINT).exists():
            whys = "; ".join(dict.fromkeys(plan.why for plan in plans if plan.why))
            raise TrainingError(
                f"after step {self.step} {whys}, and there is no checkpoint; begin anew, with --every to have some"
            )
        self._load_checkpoint()

    def _plan(self, lost: list[int]) -> list[Recovery]:
        """Return what becomes of each lost worker."""
        num_stages, mode = self._config.num_stages, self._config.recover
        plans = plan_recovery([one for one in lost if one != self._ends], num_stages, mode)
        if self._ends in lost:
            edges = [stage for stage in (0, num_stages - 1) if stage not in lost]
            plans.append(plan_ends(num_stages, mode, [one for one in edges if self._workers.call(one, "kept_ends")]))
        return plans

    def _find_lost(self) -> list[int]:
        lost = []
        for stage in range(self._config.num_workers):
            self._workers.revive(stage)
            if not self._workers.call(stage, "has_state"):
                lost.append(stage)
        return lost

    def _rebuild(self, plan: Recovery) -> None:
        if plan.how == "replica":
            self._workers.call(self._ends, "load", self._workers.call(plan.sources[0], "kept_ends"), self.step, LR_FACTOR)
            return
        sources = [self._workers.call(source, "weights") for source in plan.sources]
        weights = [self._workers.call(source, "grad_norm") ** 2 for source in plan.sources]
        if not sum(weights) > 0:  # before the first step there is no gradient
            weights = [1.0] * len(weights)
        num_layers = len(cut_stages(len(self._model.model.layers), self._config.num_stages)[plan.stage])
        self._workers.call(plan.stage, "load", merge_layers(num_layers, sources, weights), self.step, LR_FACTOR)

    def _note(self, plan: Recovery, steps_lost: int, seconds: float) -> None:
        event = {
            "step": self.step, "stage": plan.stage, "how": plan.how, "from": list(plan.sources), "why": plan.why,
            "steps_lost": steps_lost, "seconds": round(seconds, 3),
        }  # fmt: skip
        self.events.append(event)
        with (self._out / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")

    def _save_checkpoint(self) -> None:
        state = {
            "workers": self._workers.call_all("checkpoint", [()] * self._config.num_workers), "step": self.step,
            "losses": self.losses,
        }  # fmt: skip
        with open_atomically(self._out / CHECKPOINT) as file:
            torch.save(state, file)

    def _load_checkpoint(self) -> None:
        path = self._out / CHECKPOINT
        state = torch.load(path, weights_only=True)
        found = len(state.get("workers", ())) - 1
        if found != self._config.num_stages:
            raise TrainingError(f"{path} holds {found} stages, got {self._config.num_stages}; give a new --out or that number")
        self._workers.call_all("restore", [(one,) for one in state["workers"]])
        self.step, self.losses = state["step"], state["losses"]


def gpipe(num_micro: int, num_places: int) -> Iterator[tuple[int, int]]:
    """Yield each micro-batch at each place, in GPipe's order: in tick t, micro-batch m is at place t - m.

    What is of one tick can run at the same time.
    """
    for tick in range(num_micro + num_places - 1):
        for micro in range(max(0, tick - num_places + 1), min(num_micro, tick + 1)):
            yield micro, tick - micro


def packed_batches(
    token_rows: Sequence[Sequence[int]], num_micro: int, batch: int, length: int, seed: int
) -> Callable[[int], Tensor]:
    """Return step -> token ids [num_micro, batch, length], drawn from the texts joined one after the other.

    Raises:
        TrainingError: there are fewer tokens than one sequence needs.
    """
    joined = torch.tensor([token for row in token_rows for token in row])
    if len(joined) <= length:
        raise TrainingError(f"the texts have {len(joined)} tokens, a sequence has {length}; bring more text")

    def draw(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        starts = torch.randint(len(joined) - length, (num_micro, batch), generator=generator)
        return joined[starts[..., None] + torch.arange(length)]

    return draw
