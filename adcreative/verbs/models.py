"""The verbs about models: list weights, convert a face model, export a network of a log as ONNX.

Imports torch only when a verb is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import read_manifest
from adcreative.ctr.card import LOG_FORMAT, LOG_KIND
from adcreative.errors import ArtifactError
from adcreative.progress import Progress, silent
from adcreative.runs.outputs import check_outputs, own_outputs

if TYPE_CHECKING:
    from stylegan.foreign import ConversionSummary


def models() -> list[dict[str, Any]]:
    """Return one row per named weight: purpose, source, size, sha256, licence, and whether present or how to get the file."""
    from adcreative.encoders.weights import weight_table

    return weight_table()


def convert_weights(source: Path, out: Path) -> ConversionSummary:
    """Convert a StyleGAN2 or e4e checkpoint of another project to a face-model folder, without running code of the file.

    Raises:
        ArtifactError: the file is of another kind, incomplete, damaged, or asks to run code; nothing is written.
    """
    from stylegan.errors import StyleGANError
    from stylegan.foreign import convert_weights as convert

    try:
        return convert(Path(source), Path(out))
    except StyleGANError as error:
        raise ArtifactError(str(error)) from error


NUM_ROWS = 64  # rows for the comparison of the written file with the model


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """Path of the file, its inputs and outputs, and the largest difference of its rates from the model's rates."""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    difference: float


def export_model(model: Path, out: Path, *, restart: bool = False, progress: Progress = silent) -> ExportedModel:
    """Write a network that `train --schema` made as ONNX; onnxruntime and the model are compared before the file is written.

    Inputs are the encoded rows (ids, numbers, history.NAME ...), outputs the probabilities; vocabularies, means and the schema
    are stored in the file's metadata, key "adcreative.encoding".

    Raises:
        ArtifactError: as `LogModel.load`, the folder holds no model of a log, or onnxruntime gives other numbers.
        ConfigError: the extra "onnx" is missing, or `out` is a file of another program, without `restart`.
    """
    model, out = Path(model), Path(out)
    read_manifest(model, kind=LOG_KIND, formats=(LOG_FORMAT,))
    check_outputs((out,), (model,), restart=restart)
    from adcreative.ctr.inputs.log_encoding import draw_rows
    from adcreative.ctr.log_network import LogModel
    from adcreative.ctr.onnx_export import export_onnx, import_onnx

    import_onnx()
    found = LogModel.load(model)
    rows = draw_rows(found.encoding, NUM_ROWS, rng=np.random.default_rng(0))
    progress("exporting", 0, 1)
    with own_outputs((out,), (model,), restart=restart):
        difference = export_onnx(found, rows, out)
    outputs = tuple(found.predict(rows))
    return ExportedModel(path=out, inputs=tuple(rows.arrays), outputs=outputs, difference=difference)
