"""The encoder of creatives and labels, its training with hard negatives, and the subsequent tuning of label vectors.

    vector(x) = unit(mean of n-gram vectors of the words + M * dense part)      words as hashed n-grams; dense: picture and
    sentence vectors
    loss      = sum over the 10 hardest in-batch negatives of softmax(sim / 0.1) * max(0, margin - sim(x, l+) + sim(x, l-))

Stage one trains the shared encoder, stage two freezes it and tunes one vector for each label, which starts at the label's
encoding. One positive per point and step, so that points with many labels do not dominate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from adcreative.papers.ngame.batches import cluster_points, doubling_schedule, draw_batches, draw_positives, positive_mask
from adcreative.progress import Count, ShouldStop, never, uncounted

NUM_HARDEST, TEMPERATURE, MARGIN = 10, 0.1, 0.3
LABEL_MARGIN, NUM_LABEL_NEGATIVES = 0.2, 5
RECLUSTER_EVERY = 5
ENCODE_ROWS = 8192


@dataclass(frozen=True, kw_only=True)
class TargetingConfig:
    """Sizes and rates: dim D of vectors, epochs of both stages, batch size, the largest cluster, learning rates."""

    dim: int = 128
    num_epochs: int = 40
    num_label_epochs: int = 15
    batch_size: int = 256
    max_cluster: int = 32
    learning_rate: float = 3e-3
    label_learning_rate: float = 2e-3


@dataclass(frozen=True)
class Inputs:
    """Words as hashed n-grams [N, V] (weights in the cells) and a dense part [N, K]; either may have no column."""

    grams: csr_matrix
    dense: np.ndarray

    def __len__(self) -> int:
        return int(self.grams.shape[0])

    def take(self, rows: np.ndarray) -> Inputs:
        """Return some rows."""
        return Inputs(self.grams[rows], self.dense[rows])


class TargetEncoder(nn.Module):
    """Maps inputs to unit vectors [B, D]; creatives and labels share the weights."""

    def __init__(self, num_grams: int, dense_dim: int, dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.grams = nn.EmbeddingBag(max(1, num_grams), dim, mode="sum")
        self.dense = nn.Linear(max(1, dense_dim), dim, bias=False)
        self.has_grams, self.has_dense = num_grams > 0, dense_dim > 0
        with torch.no_grad():
            self.grams.weight.copy_(torch.randn(self.grams.weight.shape, generator=generator) / dim**0.5)
            self.dense.weight.copy_(torch.randn(self.dense.weight.shape, generator=generator) / max(1, dense_dim) ** 0.5)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return [B, D] unit vectors; an empty input gives zeros."""
        total = torch.zeros(len(inputs), self.dense.out_features)
        if self.has_grams:
            grams = inputs.grams
            total = total + self.grams(
                torch.from_numpy(grams.indices.astype(np.int64)),
                torch.from_numpy(grams.indptr[:-1].astype(np.int64)),
                per_sample_weights=torch.from_numpy(grams.data.astype(np.float32)),
            )
        if self.has_dense:
            total = total + self.dense(torch.from_numpy(inputs.dense.astype(np.float32)))
        return nn.functional.normalize(total, dim=-1)

    @torch.inference_mode()
    def encode(self, inputs: Inputs) -> np.ndarray:
        """Return [N, D] float32 unit vectors."""
        rows = np.arange(len(inputs))
        parts = [self(inputs.take(rows[start : start + ENCODE_ROWS])) for start in range(0, max(1, len(rows)), ENCODE_ROWS)]
        return torch.cat(parts).numpy()


def hard_negative_loss(
    points: Tensor, labels: Tensor, is_positive: Tensor, *, margin: float = MARGIN, num_hardest: int = NUM_HARDEST
) -> Tensor:
    """Return the mean loss of a batch.

    Args:
        points, labels: [B, D] unit vectors, label b being a positive of point b. is_positive: [B, B], excluded from the
            negatives.
    """
    similarity = points @ labels.T  # [B, B]
    own = similarity.diagonal()
    hardest = similarity.masked_fill(is_positive, -2.0).topk(min(num_hardest, len(points)), dim=1).values
    weights = torch.softmax(hardest.detach() / TEMPERATURE, dim=1) * (hardest > -1.5)
    return (weights * torch.relu(margin - own[:, None] + hardest)).sum(dim=1).mean()


def train_encoder(
    points: Inputs,
    labels: Inputs,
    truth: csr_matrix,
    config: TargetingConfig,
    *,
    seed: int,
    is_clustered: bool = True,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> TargetEncoder:
    """Train the shared encoder.

    Args:
        truth: [N, L] 0 or 1; every point needs a label. is_clustered: False keeps batches uniform, for comparison.
    """
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    encoder = TargetEncoder(points.grams.shape[1], points.dense.shape[1], config.dim, generator=generator)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
    sizes = doubling_schedule(config.num_epochs, config.max_cluster) if is_clustered else [1] * config.num_epochs
    clusters: list[np.ndarray] = []
    for epoch, size in enumerate(sizes):
        if should_stop():
            break
        progress(epoch, config.num_epochs)
        if not clusters or size != sizes[epoch - 1] or (size > 1 and epoch % RECLUSTER_EVERY == 0):
            clusters = cluster_points(encoder.encode(points), size, rng=rng)
        for batch, chosen, mask in _batches(clusters, truth, config, rng):
            _step(optimiser, hard_negative_loss(encoder(points.take(batch)), encoder(labels.take(chosen)), mask))
    progress(config.num_epochs, config.num_epochs)
    return encoder


def tune_labels(
    vectors: np.ndarray,
    label_vectors: np.ndarray,
    truth: csr_matrix,
    config: TargetingConfig,
    *,
    seed: int,
    should_stop: ShouldStop = never,
) -> np.ndarray:
    """Return [L, D] unit vectors of labels, tuned to their points; the points' vectors [N, D] are fixed."""
    rng = np.random.default_rng(seed)
    table = nn.Embedding.from_pretrained(torch.from_numpy(label_vectors.astype(np.float32)).clone(), freeze=False, sparse=True)
    optimiser = torch.optim.SparseAdam(list(table.parameters()), lr=config.label_learning_rate)
    clusters = cluster_points(vectors, config.max_cluster, rng=rng)
    frozen = torch.from_numpy(vectors.astype(np.float32))
    for _ in range(config.num_label_epochs):
        if should_stop():
            break
        for batch, chosen, mask in _batches(clusters, truth, config, rng):
            drawn = nn.functional.normalize(table(torch.from_numpy(chosen.astype(np.int64))), dim=-1)
            points = frozen[torch.from_numpy(batch)]
            _step(optimiser, hard_negative_loss(points, drawn, mask, margin=LABEL_MARGIN, num_hardest=NUM_LABEL_NEGATIVES))
    tuned: np.ndarray = nn.functional.normalize(table.weight.detach(), dim=-1).numpy()
    return tuned


def _batches(
    clusters: list[np.ndarray], truth: csr_matrix, config: TargetingConfig, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, Tensor]]:
    """Yield points, a label of each, and the mask of true pairs, for one epoch."""
    for batch in draw_batches(clusters, config.batch_size, rng=rng):
        chosen = draw_positives(truth, batch, rng=rng)
        yield batch, chosen, torch.from_numpy(positive_mask(truth, batch, chosen))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
