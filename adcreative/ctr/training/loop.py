"""Fit one network to counted results: seeded batches of whole groups, learning rates by the inputs of a weight.

Knows logits and counts; nothing of files, calibration or features' meaning. Losses: `losses.py`; the loop: `trainer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.ctr.config import TrainingConfig
from adcreative.ctr.inputs.embedding_tables import field_key
from adcreative.ctr.inputs.fields import WIDE_INPUT
from adcreative.ctr.training.losses import total_loss
from adcreative.ctr.training.trainer import RunState, Trainer
from adcreative.errors import TrainingError
from adcreative.features.batch import FIELDS, LABELS, MODALITIES, FeatureBatch, modality_mask
from adcreative.features.outcomes import Counts
from adcreative.progress import Count, ShouldStop, never, uncounted

HANDFUL = 16


@dataclass(frozen=True)
class Callbacks:
    """progress is called with (epochs done, most epochs) after each epoch, should_stop before each batch."""

    progress: Count = uncounted
    should_stop: ShouldStop = never


NO_CALLBACKS = Callbacks()


def train_model(
    model: nn.Module,
    batch: FeatureBatch,
    counts: Counts,
    splits: tuple[np.ndarray, np.ndarray],
    *,
    config: TrainingConfig,
    seed: int,
    callbacks: Callbacks = NO_CALLBACKS,
) -> RunState:
    """Fit `model` in place and leave it in eval mode with the weights of its best validation epoch.

    The returned state holds the validation "loss" of each epoch; epoch 0 is the untrained network.

    Args:
        batch: all rows, encoded. counts: their results.
        splits: row numbers for training and for early stopping.
        seed: of batches and masks; same seed, same weights.
    Raises:
        TrainingError: `callbacks.should_stop` returned True, or the loss is no longer finite.
    """
    training = _CreativeTraining(model, batch, counts, splits, config=config, seed=seed, callbacks=callbacks)
    if not training.run(should_stop=callbacks.should_stop):
        epoch = training.state.epoch + 1
        raise TrainingError(f"training was stopped in epoch {epoch} of {config.num_epochs}; nothing was saved")
    return training.state


class _CreativeTraining(Trainer[np.ndarray]):
    """A batch is the row numbers of whole groups; modalities are masked at random."""

    def __init__(
        self,
        model: nn.Module,
        batch: FeatureBatch,
        counts: Counts,
        splits: tuple[np.ndarray, np.ndarray],
        *,
        config: TrainingConfig,
        seed: int,
        callbacks: Callbacks,
    ) -> None:
        super().__init__(
            model,
            _build_optimizer(model, config),
            max_epochs=config.num_epochs,
            patience=config.patience,
            max_gradient_norm=config.max_gradient_norm,
        )
        self.batch, self.counts, self.config, self.callbacks = batch, counts, config, callbacks
        self.train_idx, held_out = splits[0], np.sort(splits[1])
        self.held_out = batch.index_select(torch.from_numpy(held_out)), counts.index_select(held_out)
        self.rng = np.random.default_rng(seed)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=config.num_epochs, eta_min=1e-5)

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        return _draw_batches(self.train_idx, self.counts, self.config.batch_size, self.rng)

    def loss(self, rows: np.ndarray) -> Tensor:
        keep_history = torch.from_numpy(
            (self.rng.random((len(rows), 1)) >= self.config.history_dropout_prob).astype(np.float32)
        )
        inputs = _drop_modalities(self.batch.index_select(torch.from_numpy(rows), keep_history), self.config, self.rng)
        return total_loss(self.network(inputs), self.counts.index_select(rows), self.config)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        self.network.eval()
        loss = float(total_loss(self.network(self.held_out[0]), self.held_out[1], self.config))
        return {"score": -loss, "loss": loss}

    def after_epoch(self, *, is_best: bool) -> None:
        self.schedule.step()
        self.callbacks.progress(self.state.epoch, self.max_epochs)

    def broken(self, what: str) -> TrainingError:
        return TrainingError(f"the training {what} is not finite; lower learning_rate, and check the features for huge values")


def _build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW with three parameter groups by learning rate.

    Adam moves every weight by about the learning rate, so an input of 500 numbers would be learnt hundreds of times faster
    than one of a single number: weights on wide embeddings are slow, the small parts of the wide path fast.
    """
    groups: dict[str, list[nn.Parameter]] = {"fast": [], "embedding": [], "core": []}
    for name, parameter in model.named_parameters():
        reads_inputs = name.startswith(
            ("inputs.tables.projections.", "inputs.dense.projections.", "wide.weights.", "wide.alone.")
        ) and not name.endswith((".bias", f".{field_key(LABELS)}.weight"))
        if reads_inputs and parameter.shape[-1] >= WIDE_INPUT:
            groups["embedding"].append(parameter)
        else:
            groups["fast" if name == "bias" or name.startswith("wide.") else "core"].append(parameter)
    rates = {"fast": config.wide_learning_rate, "embedding": config.embedding_learning_rate, "core": config.learning_rate}
    decays = {"fast": 0.01, "embedding": config.weight_decay, "core": config.weight_decay}
    return torch.optim.AdamW(
        [{"params": found, "lr": rates[kind], "weight_decay": decays[kind]} for kind, found in groups.items() if found]
    )


def _draw_batches(train_idx: np.ndarray, counts: Counts, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield shuffled batches of whole tests, and of up to 16 rows of a brand at a time, so that each can compare rows."""
    rows = rng.permutation(train_idx)
    group, is_test = counts.group[rows], counts.is_test[rows]
    order = np.argsort(group, kind="stable")  # random order within a group
    rows, group, is_test = rows[order], group[order], is_test[order]
    first = np.r_[True, group[1:] != group[:-1]]
    place = np.arange(len(rows)) - np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    unit = np.cumsum(first | (~is_test & (place % HANDFUL == 0))) - 1
    units = np.split(rows, np.flatnonzero(np.diff(unit)) + 1)
    batches: list[list[np.ndarray]] = [[]]
    for number in rng.permutation(len(units)):
        if sum(map(len, batches[-1])) >= batch_size:
            batches.append([])
        batches[-1].append(units[number])
    if len(batches) > 1 and sum(map(len, batches[-1])) < batch_size // 4:
        remainder = batches.pop()
        batches[-1] += remainder
    for batch in batches:
        yield np.concatenate(batch)


def _drop_modalities(batch: FeatureBatch, config: TrainingConfig, rng: np.random.Generator) -> FeatureBatch:
    """Mask modalities at random per row, never all modalities of a row; context fields are dropped one by one."""
    num_rows = len(batch)
    keep = np.ones((num_rows, len(FIELDS)), np.float32)
    for name in MODALITIES:
        columns = modality_mask(name).numpy().astype(bool)
        if name == "context":
            dropped = rng.random((num_rows, int(columns.sum()))) < config.modality_dropout_prob
        else:
            dropped = np.repeat(rng.random((num_rows, 1)) < config.modality_dropout_prob, int(columns.sum()), axis=1)
        keep[:, columns] = ~dropped
    content = 1.0 - modality_mask("context").numpy()
    emptied = (batch.present.numpy() * keep * content).sum(axis=1) == 0
    keep[emptied] = 1.0
    return batch.masked(torch.from_numpy(keep))
