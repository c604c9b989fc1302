"""Selection of field values: a gate for each value, hardened step by step; values with a closed gate are dropped.

    e'_v = g_v e_v,   g_v = s(t c_v) / s(c_0),   s the sigmoid, c_0 = 0.5: g = 1 at t = 1, and 0 or 1 / s(c_0) as t grows
    t runs from 1 to `final_temperature` in equal factors;  loss + strength / V * sum over all V values of s(t c_v)
    afterwards the weights are reset to the model's, mask_v = [c_v > 0] is fixed, and the rest is tuned again

Padding and the row of unknown values have no gate. Dropping a value drops its interactions.
Source:
    Lyu et al., OptFS, WWW 2023. Differs: the search starts from, and is reset to, the weights of the trained
    model; the penalty is divided by the number of values, so that one strength suits tables of all sizes; kept rows are used
    with gate 1, without the factor 1 / s(c_0).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.compression.tuning import Work, tune
from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable, plain_table
from adcreative.ctr.log_network import LogModel
from adcreative.errors import ConfigError
from adcreative.papers.compression.wrapping import drop_rows, unwrap_tables, wrap_tables

START = 0.5


@dataclass(frozen=True, kw_only=True)
class ValuesConfig:
    """strength of the penalty on all gates together; epochs of the search; gate_learning_rate of Adam, for gates alone."""

    strength: float = 0.3
    final_temperature: float = 200.0
    epochs: int = 4
    learning_rate: float = 1e-3
    gate_learning_rate: float = 2e-2

    def __post_init__(self) -> None:
        if self.strength < 0 or self.final_temperature < 1 or self.epochs < 1:
            raise ConfigError(
                f"strength must be at least 0, final_temperature and epochs at least 1, got {self.strength}, "
                f"{self.final_temperature} and {self.epochs}"
            )


class GatedTable(nn.Module):
    """A table with a gate per row; `temperature` is set by the caller."""

    def __init__(self, table: SmallTable) -> None:
        super().__init__()
        self.dim, self.temperature = table.dim, 1.0
        self.weight = nn.Parameter(table.weight.detach().clone())
        self.scores = nn.Parameter(torch.full((len(self.weight),), START))
        self.mask: Tensor
        self.register_buffer("mask", torch.ones(len(self.weight)))
        self.is_hard = False

    def gates(self) -> Tensor:
        """Return the gate of each row [V]: soft during the search, 0 or 1 afterwards."""
        if self.is_hard:
            return self.mask
        soft = torch.sigmoid(self.temperature * self.scores) / torch.sigmoid(torch.tensor(START))
        return torch.cat([torch.ones(FIRST), soft[FIRST:]])

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors [..., D]."""
        vectors = F.embedding(ids, self.weight) * self.gates()[ids].unsqueeze(-1)
        return F.pad(vectors, (0, self.dim - vectors.shape[-1]))

    def openness(self) -> Tensor:
        """Return the sum of s(t c_v) over the values."""
        return torch.sigmoid(self.temperature * self.scores[FIRST:]).sum()

    def harden(self) -> None:
        """Fix the mask: rows whose score is above 0, padding and unknown values too."""
        self.is_hard = True
        self.mask = torch.cat([torch.ones(FIRST), (self.scores.detach()[FIRST:] > 0).float()])

    def fold(self) -> nn.Embedding:
        """Return the plain table with the same vectors."""
        with torch.no_grad():
            return plain_table(self(torch.arange(len(self.weight))))

    def shrink(self) -> SmallTable:
        """Return the table without rows of closed gates; only after `harden`."""
        return drop_rows(self.weight, self.dim, self.mask.numpy() > 0)

    def penalised_weights(self) -> list[Tensor]:
        """Return the weights; gates are not regularised."""
        return [self.weight]


def compress_values(model: LogModel, work: Work, config: ValuesConfig) -> dict[str, Any]:
    """Drop the values that need no row from a model's tables, then tune the model; return number and names of kept values.

    Raises:
        ConfigError: the tables no longer have a row for each value.
    """
    network = model.network
    start = copy.deepcopy(network.state_dict())
    tables = wrap_tables(network, lambda _, table: GatedTable(table))
    scores = [table.scores for table in tables.values()]
    num_values = sum(len(one) - FIRST for one in scores)
    num_steps = config.epochs * -(-work.rows.train.num_rows // work.tuning.batch_size)

    def anneal(step: int) -> None:
        for table in tables.values():
            table.temperature = config.final_temperature ** min(step / max(num_steps - 1, 1), 1.0)

    def pull() -> Tensor:
        return config.strength / max(num_values, 1) * torch.stack([table.openness() for table in tables.values()]).sum()

    search = replace(work.tuning, epochs=config.epochs, learning_rate=config.learning_rate)
    tune(
        network,
        work,
        search,
        penalty=pull,
        after_step=anneal,
        keeps_best=False,
        learning_rates={id(one): config.gate_learning_rate for one in scores},
    )
    is_settled = torch.cat([torch.sigmoid(table.temperature * table.scores.detach()[FIRST:]) for table in tables.values()])
    for table in tables.values():
        table.harden()
    rewind(network, start)
    unwrap_tables(network, lambda key, _: tables[key].shrink())
    return {
        "kept": {key: [int(table.mask[FIRST:].sum()), len(table.mask) - FIRST] for key, table in tables.items()},
        "settled": float(((is_settled < 0.05) | (is_settled > 0.95)).float().mean()),
        "kept_values": {key: _names(model, key, table.mask.numpy()) for key, table in tables.items()},
        "losses": tune(network, work, work.tuning),
    }


def rewind(network: nn.Module, start: dict[str, Tensor]) -> None:
    """Reset all weights of a network to those in `start`; wrapped tables by their weight."""
    own = network.state_dict()
    kept = {name: value for name, value in start.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(kept, strict=False)


def _names(model: LogModel, key: str, mask: np.ndarray) -> list[str]:
    """Return the first kept values of a field by name."""
    known = model.encoding.vocabularies.get(key.partition("/")[2], ())
    return [known[row] for row in np.flatnonzero(mask[FIRST:]) if row < len(known)][:1000]
