"""CheckFree: pre-training continues without a checkpoint when the weights of some layers are lost.

The layers of a decoder are divided into stages, as in a pipeline over machines. A lost stage is rebuilt from its
neighbours, layer by layer, and continues with a new optimiser and a learning rate LR_FACTOR times as high:

    W_i = (w_{i-1} W_{i-1} + w_{i+1} W_{i+1}) / (w_{i-1} + w_{i+1}),   w the squared norm of a neighbour's last gradient

A stage at the edge becomes a copy of its one neighbour. CheckFree+ prepares for that: in every second micro-batch of training
the order of the first two and of the last two stages is swapped. Embedding, final norm and head are never lost: the paper keeps
copies of these.

Source:
    Blagoev, Ersoy, Chen 2025 (arXiv 2506.15461), section 4; LR_FACTOR from the authors' code.
Differs: the rule on transformers' Trainer in one process, losses drawn by a schedule; stages are not sent over machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments, default_data_collator

from adcreative.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState

LR_FACTOR = 1.1  # 1.2 for the authors' 500M model
Layers = list[dict[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class CheckFreeConfig:
    """How the decoder is trained.

    num_stages: number of stages of layers. is_plus: swapped order in every second micro-batch (CheckFree+).
    length: tokens of a sequence. batch: sequences of a micro-batch; a step has two.
    """

    num_stages: int = 4
    num_steps: int = 100
    is_plus: bool = False
    length: int = 64
    batch: int = 4
    learning_rate: float = 5e-5
    seed: int = 0


def cut_stages(num_layers: int, num_stages: int, *, is_plus: bool = False) -> list[range]:
    """Return the layers of each stage, in nearly equal numbers.

    Raises:
        ConfigError: fewer stages than a neighbour (with `is_plus` two swaps) needs, or more than layers.
    """
    least = 4 if is_plus else 2
    if not least <= num_stages <= num_layers:
        raise ConfigError(f"the model has {num_layers} layers, got {num_stages} stages; use {least} to {num_layers}")
    return [range(part[0], part[-1] + 1) for part in np.array_split(range(num_layers), num_stages)]


def merge_layers(num_layers: int, sources: Sequence[Layers], weights: Sequence[float]) -> Layers:
    """Return the layers of a lost stage as the weighted mean of its neighbours' layers; with one neighbour a copy.

    Stages of unequal length are paired by relative depth.

    Args:
        num_layers: number of layers of the lost stage. sources: layers of each neighbour, name -> tensor.
        weights: one per neighbour, >= 0; all zero (before the first step) means equal weights.
    """
    shares = np.asarray(weights, float) / sum(weights) if sum(weights) > 0 else np.full(len(sources), 1 / len(sources))
    partners = [[source[round(place * (len(source) - 1))] for source in sources] for place in np.linspace(0, 1, num_layers)]
    return [
        {name: torch.stack([share * one[name] for share, one in zip(shares, layers, strict=True)]).sum(0) for name in layers[0]}
        for layers in partners
    ]


def draw_losses(num_steps: int, num_stages: int, rate: float, seed: int) -> dict[int, int]:
    """Return step -> stage lost before it; each step but the first loses a stage with probability `rate`."""
    rng = np.random.default_rng(seed)
    is_lost, stages = rng.random(num_steps + 1) < rate, rng.integers(num_stages, size=num_steps + 1)
    return {step: int(stages[step]) for step in range(2, num_steps + 1) if is_lost[step]}


class StageLosses(TrainerCallback):
    """Removes stages before the steps of a schedule, and rebuilds each; `events` records the recoveries."""

    def __init__(self, model: PreTrainedModel, config: CheckFreeConfig, losses: Mapping[int, int]) -> None:
        self._decoder, self._losses = model.model, losses
        cuts = cut_stages(len(model.model.layers), config.num_stages, is_plus=config.is_plus)
        self._stages = [[model.model.layers[number] for number in cut] for cut in cuts]
        groups = [[value for layer in stage for value in layer.parameters()] for stage in self._stages]
        in_stages = {id(value) for group in groups for value in group}
        ends = [value for value in model.parameters() if id(value) not in in_stages]
        self.optimizer = torch.optim.AdamW([{"params": group} for group in (*groups, ends)], lr=config.learning_rate)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda _step: 1.0)
        self._gradients = [0.0] * len(groups)  # squared norms; with one common scale, so clipping does not matter
        self.events: list[dict[str, Any]] = []
        if config.is_plus:
            self._swap_order(model)

    def _swap_order(self, model: PreTrainedModel) -> None:
        true_order = list(self._decoder.layers)
        swapped = [self._stages[number] for number in (1, 0, *range(2, len(self._stages) - 2), -1, -2)]
        self._num_micro = 0

        def swap(*_: object) -> None:
            if model.training:
                self._num_micro += 1
                if self._num_micro % 2 == 0:
                    self._decoder.layers = nn.ModuleList(layer for stage in swapped for layer in stage)

        def put_back(*_: object) -> None:
            self._decoder.layers = nn.ModuleList(true_order)

        model.register_forward_pre_hook(swap)
        model.register_forward_hook(put_back)

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Remove the lost stage of this step, and rebuild it."""
        step = state.global_step + 1
        if (lost := self._losses.get(step)) is None:
            return
        for parameter in self._parameters(lost):
            parameter.data.fill_(torch.nan)  # so that it cannot be used by mistake
            self.optimizer.state.pop(parameter, None)
        sources = [number for number in (lost - 1, lost + 1) if 0 <= number < len(self._stages)]
        found = merge_layers(
            len(self._stages[lost]),
            [[layer.state_dict() for layer in self._stages[number]] for number in sources],
            [self._gradients[number] for number in sources],
        )
        for layer, weights in zip(self._stages[lost], found, strict=True):
            layer.load_state_dict(weights)
        self.scheduler.base_lrs[lost] *= LR_FACTOR
        self.optimizer.param_groups[lost]["lr"] *= LR_FACTOR
        self.events.append({"step": step, "stage": lost, "from": sources})

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Record the squared gradient norm of each stage."""
        for number in range(len(self._stages)):
            gradients = [value.grad for value in self._parameters(number) if value.grad is not None]
            self._gradients[number] = float(torch.stack([one.square().sum() for one in gradients]).sum())

    def _parameters(self, stage: int) -> list[nn.Parameter]:
        return list(self.optimizer.param_groups[stage]["params"])


def train_decoder(
    model: PreTrainedModel,
    tokens: Sequence[int],
    out_dir: Path,
    config: CheckFreeConfig,
    *,
    losses: Mapping[int, int],
    held_out: Sequence[int],
) -> dict[str, Any]:
    """Train all weights of a decoder, in place, and return the initial and final losses (nats per token) and the recoveries.

    Args:
        tokens, held_out: concatenated texts for training and for measurement.
        losses: step -> stage lost before it.
    Raises:
        TrainingError: fewer tokens than a step, or the measurement, needs.
        ConfigError: a number of stages that the model cannot be divided into.
    """
    callback = StageLosses(model, config, losses)
    arguments = TrainingArguments(
        output_dir=str(out_dir),
        max_steps=config.num_steps,
        per_device_train_batch_size=config.batch,
        seed=config.seed,
        gradient_accumulation_steps=2,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_strategy="no",
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=_sequences(tokens, config.length, 2 * config.batch),
        eval_dataset=_sequences(held_out, config.length, 1),
        data_collator=default_data_collator,
        callbacks=[callback],
        optimizers=(callback.optimizer, callback.scheduler),
    )
    trainer.remove_callback(PrinterCallback)
    before = trainer.evaluate()["eval_loss"]
    steps = trainer.train().global_step
    after = trainer.evaluate()["eval_loss"]
    return {"steps": steps, "loss_before": before, "loss_after": after, "recoveries": callback.events}


def _sequences(tokens: Sequence[int], length: int, least: int) -> list[dict[str, Tensor]]:
    rows = torch.tensor(tokens[: len(tokens) // length * length]).view(-1, length)
    if len(rows) < least:
        raise TrainingError(f"the texts have {len(tokens)} tokens, {least} sequences of {length} are needed; bring more text")
    return [{"input_ids": row, "labels": row} for row in rows]
