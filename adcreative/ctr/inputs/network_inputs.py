"""The inputs of every click-rate network, independent of the source: creatives, MicroLens, an impression log.

Shapes: B rows, F fields, D field width, E target width, T history length, S width of a history item (S >= E, its first E
numbers are a target's), U distinct history items, H width of a network's first hidden layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkInputs:
    """B rows as vectors.

    fields [B, F, D]: every field, or every field outside the target where there is one; absent fields are zero vectors. present
    [B, F]: 1 = present, 0 = absent; None: all are present. dense [B, H]: addition of non-field inputs (wide embeddings) to the
    first hidden layer of a network; None: nothing. target [B, E]: the candidate, for networks that compare it with a history.
    sequence: the history, [B, T, S], or [U, S] with each distinct item once and indices `place` [B, T] int64. mask [B, T]: 1 =
    a real item, 0 = padding. domain [B] int64: the placement, market or scenario of a row. views: name -> [B, F', D'], the same
    fields through further tables, which a network needs (`InputShape.views`).
    """

    fields: Tensor
    present: Tensor | None = None
    dense: Tensor | None = None
    target: Tensor | None = None
    sequence: Tensor | None = None
    mask: Tensor | None = None
    place: Tensor | None = None
    domain: Tensor | None = None
    views: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.fields.shape[0]

    def find_target(self) -> Tensor:
        """Return the target [B, E].

        Raises:
            ValueError: there is none.
        """
        if self.target is None:
            raise ValueError("this network compares a target with its history; these inputs have no target")
        return self.target

    def spread_sequence(self) -> Tensor:
        """Return the history as [B, T, S], each row with its own copy of an item.

        Raises:
            ValueError: there is no history.
        """
        if self.sequence is None:
            raise ValueError("these inputs have no history; build them with one")
        return self.sequence if self.place is None else F.embedding(self.place, self.sequence)


@dataclass(frozen=True, kw_only=True)
class InputShape:
    """The sizes for which a network is built; see `NetworkInputs`. Size 0: no such input.

    views: name -> (number of fields, width) of further tables.
    """

    num_fields: int
    field_dim: int
    hidden_dim: int = 0
    target_dim: int = 0
    sequence_dim: int = 0
    num_domains: int = 0
    views: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def flat_dim(self) -> int:
        """Width of all fields side by side."""
        return self.num_fields * self.field_dim


@dataclass(frozen=True)
class KeyValueCache:
    """Keys and values of history items, [U, A] each: the inputs of attention, independent of the target."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Insight:
    """Interpretable values of a network for B rows; unset fields are None.

    pairs [F, F]: attention between fields, mean over the rows. choices: the choice for each pair of categories.
    clusters [B] int64 of num_clusters; rates: for given domains, the click rates [B] of the rows in each domain.
    weights [B, T]: weight of each past item. gates: of both streams, [B, F, D], 0..2.
    """

    pairs: Tensor | None = None
    choices: tuple[str, ...] | None = None
    clusters: Tensor | None = None
    num_clusters: int = 0
    rates: tuple[Tensor, ...] | None = None
    weights: Tensor | None = None
    gates: tuple[Tensor, Tensor] | None = None


class PaddedPart(nn.Module):
    """A part of a network that skips padding and unused branches, or, with `is_dense`, computes on all of them."""

    is_dense: bool = False


class Network(nn.Module):
    """A network on `NetworkInputs`: `forward` returns logits [B]."""

    def forward(self, inputs: NetworkInputs) -> Tensor:
        raise NotImplementedError

    def show(self, inputs: NetworkInputs) -> Insight:
        """Return the interpretable values of the network for these rows; the empty record where there are none."""
        return Insight()

    def encode_sequence(self, sequence: Tensor) -> KeyValueCache | None:
        """Return keys and values of history items [U, S], for any number of targets; None where a network caches none."""
        return None

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the training loss summed over rows, for logits and labels [B], or [B, 2] with conversions."""
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")

    def probabilities(self, logits: Tensor) -> dict[str, Tensor]:
        """Return ctr [B], and cvr and ctcvr of a network with conversions."""
        return {"ctr": torch.sigmoid(logits)}

    def calibrate(self, logits: Tensor, labels: Tensor) -> tuple[float, float]:
        """Calibrate to held-out rows what the loss does not determine; return slope and shift, (1, 0) without a change."""
        return 1.0, 0.0

    def output_bias(self) -> nn.Parameter | None:
        """Return the bias of the last layer, for clicks: of `head`, or of the network; None where there is none."""
        found: nn.Parameter | None = getattr(getattr(self, "head", self), "bias", None)
        return found

    def start_at(self, log_odds: float) -> None:
        """Set the output bias to a level of log-odds; with rare clicks, few training steps would not reach the level."""
        bias = self.output_bias()
        if bias is not None:
            nn.init.constant_(bias, log_odds)

    def fold(self) -> None:
        """Switch to eval mode and to the serving form, where the network has one; `train()` switches back.

        Each `PaddedPart` then computes on padding and on every branch too: no shape depends on the data.
        """
        self.eval()
        self.compute_on_padding(True)

    def train(self, mode: bool = True) -> Self:
        self.compute_on_padding(False)
        return super().train(mode)

    def compute_on_padding(self, is_dense: bool) -> None:
        """Set whether each `PaddedPart` computes on padding and on every branch, or skips both."""
        for part in self.modules():
            if isinstance(part, PaddedPart):
                part.is_dense = is_dense
