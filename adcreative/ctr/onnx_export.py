"""Export a trained network of an impression log as ONNX, for other servers: encoded rows in, probabilities out.

Inputs are named as the arrays of `LogRows` (ids [rows, fields], numbers, history.NAME ...), outputs ctr, and cvr and ctcvr
for a network with conversions. The encoding (schema, vocabularies, means) is stored in the model's metadata as JSON,
under "adcreative.encoding". The folded form is exported. Needs the extra "onnx".
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.artifacts import write_atomically
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, LogNetwork, batch_of
from adcreative.errors import ArtifactError, ConfigError

TOLERANCE = 1e-4
METADATA_KEY = "adcreative.encoding"


class ServedNetwork(nn.Module):
    """Maps tensors by position, in the order of `names`, to the probabilities of `outputs`."""

    def __init__(self, network: LogNetwork, names: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.log_network, self.names, self.outputs = network, tuple(names), tuple(outputs)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return one tensor [rows] for each output."""
        logits = self.log_network(batch_of(dict(zip(self.names, tensors, strict=True))))
        found = self.log_network.network.probabilities(logits)
        return tuple(found[name] for name in self.outputs)


def export_onnx(model: LogModel, rows: LogRows, out: Path) -> float:
    """Write a model as ONNX and return the largest difference of probabilities between model and onnxruntime on `rows`.

    Args:
        rows: two or more encoded rows, for the shapes and for the comparison.
    Raises:
        ConfigError: the extra is not installed. ArtifactError: onnxruntime gives other numbers, or accepts one number of rows
            only; nothing is written.
    """
    onnx, onnxruntime = import_onnx()
    folded = model.fold()
    expected = model.predict(rows)
    names, outputs = list(rows.arrays), list(expected)
    arrays = {name: np.ascontiguousarray(values) for name, values in rows.arrays.items()}
    served = ServedNetwork(folded.network, names, outputs)
    dim = torch.export.Dim("rows", min=1)
    with _silent(), torch.no_grad():
        program = torch.onnx.export(
            served,
            tuple(torch.from_numpy(values) for values in arrays.values()),
            input_names=names,
            output_names=outputs,
            dynamic_shapes=(tuple({0: dim} for _ in names),),
            dynamo=True,
            verbose=False,
            external_data=False,
        )
    proto = program.model_proto  # type: ignore[union-attr]
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(model.encoding.as_dict(), ensure_ascii=False)
    payload = proto.SerializeToString()
    onnx.checker.check_model(proto)
    session = onnxruntime.InferenceSession(payload, providers=["CPUExecutionProvider"])
    if fixed := [one.name for one in session.get_inputs() if isinstance(one.shape[0], int)]:
        raise ArtifactError(f"the exporter fixed the number of rows of {', '.join(fixed)}; nothing was written")
    wanted = {one.name for one in session.get_inputs()}  # unused tensors are no inputs of the graph
    found = session.run(outputs, {name: values for name, values in arrays.items() if name in wanted})
    difference = max(float(np.abs(one - expected[name]).max()) for name, one in zip(outputs, found, strict=True))
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"onnxruntime gives rates that differ by {difference:.2g}, more than {TOLERANCE:g}; nothing was written"
        )
    write_atomically(out, payload)
    return difference


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress the exporter's messages on its own internals: warnings, log lines and prints."""
    logger = logging.getLogger("onnxscript"), logging.getLogger("onnx_ir"), logging.getLogger("torch.onnx")
    levels = [one.level for one in logger]
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for one in logger:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(logger, levels, strict=True):
                one.setLevel(level)


def import_onnx() -> tuple[Any, Any]:
    """Return the modules onnx and onnxruntime.

    Raises:
        ConfigError: one of them, or onnxscript, is not installed.
    """
    try:
        importlib.import_module("onnxscript")
        return importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(f'export-model needs the extra "onnx" ({error}): pip install "adcreative[onnx]"') from error
