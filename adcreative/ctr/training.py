"""Fit one network to counted results: binomial likelihood, within-test likelihood, seeded batches, early stopping.

    binomial     sum_i w_i [ y_i softplus(-logit_i) + (1 - y_i) softplus(logit_i) ],   y_i = clicks / impressions
    within test  sum_t w_t sum_i clicks_i [ -log softmax_i( log impressions_i + log p_i ) ]

Zero-click rows stay: they are what a low rate looks like. Creatives vary beyond what binomial noise explains, so a count
stops gaining weight once its noise is below that variation (`group_variance`, `within_test_variance`): otherwise one row of
a million impressions would be the whole loss. Knows logits and counts; nothing of files, calibration or features' meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import TrainingConfig
from adcreative.errors import TrainingError
from adcreative.features import FIELDS, MODALITIES, FeatureBatch, modality_mask

EpochProgress = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Outcomes:
    """Counts of N creatives. group [N] int64: 0..G-1, rows of one test share it; others have a group of their own."""

    impressions: Tensor
    clicks: Tensor
    group: Tensor

    def __len__(self) -> int:
        return self.clicks.shape[0]

    def rows(self, idx: Tensor) -> Outcomes:
        """Return the rows `idx`, groups renumbered from 0."""
        _, group = torch.unique(self.group[idx], return_inverse=True)
        return Outcomes(self.impressions[idx], self.clicks[idx], group)


@dataclass(frozen=True)
class TrainingSummary:
    """How a fit went: validation loss per epoch (epoch 0 is the untrained network), and which epoch was kept."""

    best_epoch: int
    validation_losses: tuple[float, ...]


def binomial_loss(logits: Tensor, outcomes: Outcomes, group_variance: float) -> tuple[Tensor, Tensor]:
    """Return (weighted negative log-likelihood, effective clicks).

    A test shares its luck (audience, day, subject), so the cap applies to the impressions of the whole group:
        weight_i = n_i / (1 + N_group * rate * (1 - rate) * group_variance),   rate: of the batch
    """
    rate = (outcomes.clicks.sum() / outcomes.impressions.sum()).clamp(1e-6, 1 - 1e-6)
    information = _group_sum(outcomes.impressions, outcomes.group)[outcomes.group] * rate * (1 - rate)
    weights = outcomes.impressions / (1 + information * group_variance)
    share = outcomes.clicks / outcomes.impressions
    loss = weights * (share * F.softplus(-logits) + (1 - share) * F.softplus(logits))
    return loss.sum(), (weights * rate).sum()


def within_test_loss(logits: Tensor, outcomes: Outcomes, within_test_variance: float) -> tuple[Tensor, Tensor]:
    """Return (weighted multinomial negative log-likelihood, effective clicks) over groups with two arms or more.

    The clicks of a test fall on its arms in proportion to impressions x rate. Both are 0 when no group has two arms.
    """
    group, clicks = outcomes.group, outcomes.clicks
    num_arms = _group_sum(torch.ones_like(clicks), group)
    group_clicks = _group_sum(clicks, group)
    weights = (num_arms > 1) / (1 + group_clicks / num_arms * within_test_variance)  # [G]
    scores = F.logsigmoid(logits) + outcomes.impressions.log()
    peak = scores.detach().max()
    log_total = _group_sum((scores - peak).exp().clamp_min(1e-30), group).log() + peak  # [G]
    loss = -(weights[group] * clicks * (scores - log_total[group])).sum()
    return loss, (weights * group_clicks).sum()


def total_loss(logits: Tensor, outcomes: Outcomes, config: TrainingConfig) -> Tensor:
    """Return the training loss per effective click: binomial + within_test_weight * within-test."""
    loss, clicks = binomial_loss(logits, outcomes, config.group_variance)
    mean = loss / clicks.clamp_min(1e-6)
    if config.within_test_weight > 0:
        loss, clicks = within_test_loss(logits, outcomes, config.within_test_variance)
        mean = mean + config.within_test_weight * loss / clicks.clamp_min(1.0)
    return mean


def train_model(
    model: nn.Module,
    batch: FeatureBatch,
    outcomes: Outcomes,
    splits: tuple[np.ndarray, np.ndarray],
    *,
    config: TrainingConfig,
    seed: int,
    progress: EpochProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> TrainingSummary:
    """Fit `model` in place and leave it in eval mode with the weights of its best validation epoch.

    Args:
        batch: all rows, encoded. outcomes: their counts.
        splits: row numbers for training and for early stopping.
        seed: of batches and masks; same seed, same weights.
        progress: told (epochs done, most epochs) after each epoch.
    Raises:
        TrainingError: `should_stop` said so, or the loss is no longer finite.
    """
    train_idx, validation_idx = splits
    rng = np.random.default_rng(seed)
    validation = torch.from_numpy(np.sort(validation_idx))
    held_out, held_out_counts = batch.rows(validation), outcomes.rows(validation)
    optimizer = _build_optimizer(model, config)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.num_epochs, eta_min=1e-5)
    losses = [_validation_loss(model, held_out, held_out_counts, config)]
    best_epoch, best_state = 0, _snapshot(model)
    for epoch in range(1, config.num_epochs + 1):
        model.train()
        for rows in _draw_batches(train_idx, outcomes.group.numpy(), config.batch_size, rng):
            if should_stop is not None and should_stop():
                raise TrainingError(f"training was stopped in epoch {epoch} of {config.num_epochs}; nothing was saved")
            idx = torch.from_numpy(rows)
            _train_step(model, _drop_modalities(batch.rows(idx), config, rng), outcomes.rows(idx), config, optimizer)
        schedule.step()
        losses.append(_validation_loss(model, held_out, held_out_counts, config))
        if losses[-1] < losses[best_epoch]:
            best_epoch, best_state = epoch, _snapshot(model)
        if progress is not None:
            progress(epoch, config.num_epochs)
        if epoch - best_epoch >= config.patience:
            break
    model.load_state_dict(best_state)
    model.eval()
    return TrainingSummary(best_epoch, tuple(losses))


def _train_step(
    model: nn.Module, batch: FeatureBatch, outcomes: Outcomes, config: TrainingConfig, optimizer: torch.optim.Optimizer
) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss = total_loss(model(batch), outcomes, config)
    if not bool(torch.isfinite(loss)):
        raise TrainingError("the training loss is not finite; lower learning_rate, and check the features for huge values")
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
    optimizer.step()


def _build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW in two groups: the wide path (faster, hardly any decay: its biases carry the base rates) and the rest."""
    wide = [p for name, p in model.named_parameters() if name.startswith("wide.") or name == "bias"]
    wide_ids = {id(p) for p in wide}
    deep = [p for p in model.parameters() if id(p) not in wide_ids]
    groups: list[dict[str, object]] = [{"params": wide, "lr": config.wide_learning_rate, "weight_decay": 0.01}]
    if deep:
        groups.append({"params": deep, "lr": config.learning_rate, "weight_decay": config.weight_decay})
    return torch.optim.AdamW(groups)


def _draw_batches(
    train_idx: np.ndarray, group: np.ndarray, batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield shuffled batches of whole groups, so that every test is compared in one piece."""
    shuffled = rng.permutation(len(np.unique(group[train_idx])))
    _, place = np.unique(group[train_idx], return_inverse=True)
    ordered = train_idx[np.argsort(shuffled[place], kind="stable")]
    starts = np.flatnonzero(np.r_[True, group[ordered][1:] != group[ordered][:-1]])
    cuts: list[int] = []
    last = 0
    for start in starts.tolist():
        if start - last >= batch_size:
            cuts.append(start)
            last = start
    batches = np.split(ordered, cuts)
    if len(batches) > 1 and len(batches[-1]) < batch_size // 4:
        batches[-2:] = [np.concatenate(batches[-2:])]
    yield from batches


def _drop_modalities(batch: FeatureBatch, config: TrainingConfig, rng: np.random.Generator) -> FeatureBatch:
    """Mask modalities at random per row, never all that a row has; context fields and the history drop one by one."""
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
    masked = batch.masked(torch.from_numpy(keep))
    if batch.history is None:
        return masked
    kept = torch.from_numpy((rng.random((num_rows, 1)) >= config.history_dropout_prob).astype(np.float32))
    history = batch.history
    thinned = type(history)(items=history.items, log_rate=history.log_rate, idx=history.idx, mask=history.mask * kept)
    return FeatureBatch(dense=masked.dense, categories=masked.categories, present=masked.present, history=thinned)


@torch.no_grad()
def _validation_loss(model: nn.Module, batch: FeatureBatch, outcomes: Outcomes, config: TrainingConfig) -> float:
    model.eval()
    return float(total_loss(model(batch), outcomes, config))


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _group_sum(values: Tensor, group: Tensor) -> Tensor:
    """Return [G] sums over groups numbered 0..G-1."""
    return torch.zeros(int(group.max()) + 1, dtype=values.dtype).index_add(0, group, values)
