"""A network of the registry on rows of an impression log: inputs and network in one module, and its saved model.

Knows encoded rows and tensors; reading a log is the task of `catalog` and `verbs`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.config import build_config
from adcreative.ctr.card import LOG_FORMAT, LOG_KIND
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.inputs.fields import FieldInputs, InputBatch, InputSpec
from adcreative.ctr.inputs.log_encoding import LogEncoding, LogRows
from adcreative.ctr.inputs.network_inputs import Network
from adcreative.ctr.inputs.small_tables import (
    SmallTable,
    build_structure,
    check_places,
    pack_zeros,
    read_structure,
    unpack_zeros,
)
from adcreative.ctr.networks.registry import find_network
from adcreative.ctr.nn.folding import fold_batch_norms
from adcreative.ctr.nn.int8 import pack_int8, unpack_int8
from adcreative.ctr.saved_model import SavedModel
from adcreative.errors import ArtifactError, ConfigError

CHUNK_ROWS = 4096


class LogNetwork(nn.Module):
    """InputBatch -> logits [B] (or [B, 2] for click and conversion)."""

    def __init__(self, inputs: FieldInputs, network: Network) -> None:
        super().__init__()
        self.inputs, self.network = inputs, network
        self.id_counts: dict[str, Tensor] = {}

    def forward(self, batch: InputBatch) -> Tensor:
        logits: Tensor = self.network(self.inputs(batch))
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the training loss summed over rows."""
        return self.network.loss(logits, labels)

    def count_ids(self, batches: Iterable[InputBatch]) -> None:
        """Count the training rows of each id; needed before `add_batch_aware_gradient`."""
        counts: dict[str, Tensor] = {}
        for batch in batches:
            for name, ids in self.inputs.ids_by_field(batch).items():
                ordered = ids.sort(dim=1).values
                is_first = F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0), value=True)  # an id counts once per row
                size = {**self.inputs.spec.categorical, **self.inputs.spec.multi_valued}[name]
                found = torch.bincount(ordered[is_first], minlength=size)
                counts[name] = counts[name] + found if name in counts else found
        self.id_counts = counts

    def add_batch_aware_gradient(self, batch: InputBatch, strength: float) -> None:
        """Add strength / n_j w_j to the gradient of each table row j that a batch looks up; n_j: training rows with j.

        This is the gradient of strength / (2 n_j) |w_j|^2 over the ids in the batch; all other rows are unchanged.
        Source:
            Zhou et al., Deep Interest Network, KDD 2018, eqs. 7-9 (mini-batch aware regularisation).
        Raises:
            ConfigError: the ids were not counted.
        """
        if not self.id_counts:
            raise ConfigError("count the ids of the training rows before batch-aware regularisation (`count_ids`).")
        ids_by_field = self.inputs.ids_by_field(batch)
        for _, tables in find_tables(self.inputs):
            for name in ids_by_field.keys() & tables.sizes.keys():
                table = tables.table(name)
                if isinstance(table, nn.Embedding) and table.weight.grad is not None:
                    rows = ids_by_field[name].unique()
                    rows = rows[rows > 0]
                    share = strength / self.id_counts[name].to(rows.device)[rows].clamp_min(1).to(table.weight.dtype)
                    table.weight.grad[rows] += share[:, None] * table.weight.detach()[rows]

    def embedding_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser."""
        return self.inputs.embedding_weights()


def build_log_network(name: str, spec: InputSpec, config: object, *, dim: int, generator: torch.Generator) -> LogNetwork:
    """Build the network registered as `name` with its settings on fields of width `dim`.

    Raises:
        ConfigError: no such name, or the rows lack an input of the network.
    """
    entry = find_network(name)
    dim = entry.embedding_dim or dim
    inputs = FieldInputs(
        spec, dim, reads_history=entry.reads_history, views=entry.views(config, dim, spec), generator=generator
    )
    return LogNetwork(inputs, entry.build(inputs.shape, config, generator=generator))


def build_batch(rows: LogRows, device: torch.device | str = "cpu") -> InputBatch:
    """Return encoded rows as tensors on a device."""
    return batch_of({name: torch.from_numpy(np.ascontiguousarray(values)).to(device) for name, values in rows.arrays.items()})


def batch_of(tensors: dict[str, Tensor]) -> InputBatch:
    """Return the batch of tensors with the names of the arrays of `LogRows`."""

    def part(kind: str) -> dict[str, Tensor]:
        return {name.removeprefix(kind): one for name, one in tensors.items() if name.startswith(kind)}

    return InputBatch(
        ids=tensors["ids"],
        numbers=tensors["numbers"],
        values=part("values."),
        vectors=part("vectors."),
        history=part("history."),
        domain=tensors.get("domain"),
        crossed=tensors.get("crossed"),
    )


@dataclass(frozen=True, eq=False)
class LogModel(SavedModel):
    """A trained network with the encoding of its log.

    metrics: of the validation rows. made_smaller: reports of the compression steps.
    """

    KIND, FORMAT = LOG_KIND, LOG_FORMAT
    name: str
    encoding: LogEncoding
    config: Any
    dim: int
    network: LogNetwork
    metrics: dict[str, Any]
    made_smaller: tuple[dict[str, Any], ...] = ()

    def predict(self, rows: LogRows) -> dict[str, np.ndarray]:
        """Return ctr [N], and cvr and ctcvr for a network with conversions."""
        return predict_rates(self.network, rows)

    def fold(self) -> LogModel:
        """Return a copy for serving, equal to rounding: batch norm and rows multiplied out, no training forms.

        Small tables and factored layers are kept.

        Raises:
            ArtifactError: a table is still in training.
        """
        tables = [group.table(name) for _, group in find_tables(self.network) for name in group.sizes]
        if not all(isinstance(one, nn.Embedding | SmallTable) for one in tables):
            raise ArtifactError("fold the replaced tables first (`EmbeddingTables.fold`), then the model")
        network = copy.deepcopy(self.network).eval()
        fold_batch_norms(network.network)
        network.network.fold()
        return replace(self, network=network)

    def describe(self) -> dict[str, Any]:
        return {
            "grades": {"log": ("measured", "its validation rows")},
            "metrics": self.metrics,
            "training": {"network": self.name, "network_config": asdict(self.config), "embedding_dim": self.dim},
        }

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and notes, the complete content of a saved model."""
        tensors = {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}
        return pack_zeros(pack_int8(tensors)) if self.made_smaller else tensors, {
            "network": self.name,
            "network_config": asdict(self.config),
            "embedding_dim": self.dim,
            "encoding": self.encoding.as_dict(),
            "metrics": self.metrics,
            "structure": read_structure(self.network),
            "made_smaller": list(self.made_smaller),
        }

    @classmethod
    def from_state(cls, manifest: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> LogModel:
        name, dim, encoding = manifest["network"], manifest["embedding_dim"], LogEncoding.from_dict(manifest["encoding"])
        config = build_config(find_network(name).config, manifest["network_config"], where="the manifest")
        network = build_log_network(name, encoding.spec, config, dim=dim, generator=torch.Generator().manual_seed(0))
        build_structure(network, manifest.get("structure", {}))
        found = unpack_int8(unpack_zeros(tensors, {key: one.shape for key, one in network.state_dict().items()}))
        network.load_state_dict({key: torch.from_numpy(value) for key, value in found.items()}, strict=True)
        check_places(network)
        steps = tuple(manifest.get("made_smaller", ()))
        return cls(name, encoding, config, dim, network.eval(), manifest["metrics"], steps)


@torch.no_grad()
def predict_rates(network: LogNetwork, rows: LogRows) -> dict[str, np.ndarray]:
    """Return ctr [N], and cvr and ctcvr of a network with conversions, in eval mode."""
    if network.training:
        network.eval()
    parts = [rates_of(network.network, network(build_batch(chunk))) for chunk in iter_chunks(rows)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {"ctr": np.zeros(0)}


def rates_of(network: Network, logits: Tensor) -> dict[str, np.ndarray]:
    """Return the predicted rates of N rows from a network's logits, as float64: ctr, and cvr and ctcvr with conversions."""
    return {name: one.numpy() for name, one in network.probabilities(logits.double()).items()}


def iter_chunks(rows: LogRows) -> Iterator[LogRows]:
    """Yield the rows in chunks, so that a network's activations fit into memory."""
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows.rows(slice(start, start + CHUNK_ROWS))
