"""The process that reads foreign files: sandboxed (`sandbox.py`), and discarded afterwards.

    python -m stylegan.foreign.reading_process SOURCE OUT_DIR TIMEOUT_S

Writes a face-model folder. A failure with a sentence is one JSON line on standard output, with exit code 3.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import LICENCES
from stylegan.foreign.kinds import read_weights
from stylegan.foreign.messages import FAILED, printable
from stylegan.foreign.own import read_beside_manifest
from stylegan.foreign.sandbox import confine
from stylegan.networks.checkpoints import file_sha256, save_face_model


def prepare_imports(source: Path) -> None:
    """Import now what torch and timm import at their first use: both create folders, which the sandbox forbids later."""
    with torch.device("meta"):
        torch.ones(1) / 2.0
    if source.with_name("manifest.json").is_file():
        import stylegan.networks.encoder  # noqa: F401  a face model of ours may import timm


def convert(source: Path, out_dir: Path, remarks: Sequence[str] = ()) -> None:
    """Read `source` and write it as a face model in single precision, with its origin and remarks on the reading."""
    face_model = read_beside_manifest(source) if source.suffix == ".safetensors" else None
    if face_model is not None:
        generator, encoder = face_model.generator, face_model.stored_encoder
        source_format, notes = "safetensors", list(face_model.manifest.get("notes", []))
        licence = str(face_model.manifest.get("licence", LICENCES["safetensors"]))
    else:
        converted = read_weights(source)
        source_format, notes = converted.source_format, list(converted.notes)
        licence = LICENCES[source_format]
        generator, encoder = converted.build()
    save_face_model(
        out_dir,
        generator,
        encoder,
        dtype=torch.float32,
        source={"name": source.name, "format": source_format, "sha256": file_sha256(source)},
        licence=licence,
        notes=[*notes, *remarks],
    )


def main(arguments: list[str]) -> int:
    """Convert one weight file in this process, sandboxed before the file is opened; return the exit code."""
    source, out_dir, timeout_s = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    out_dir.mkdir(parents=True, exist_ok=True)
    prepare_imports(source)
    remarks = confine(source, out_dir, timeout_s)
    try:
        convert(source, out_dir, remarks)
    except Exception as error:
        print(json.dumps({"error": printable(_sentence(error))}))
        return FAILED
    return 0


def _sentence(error: Exception) -> str:
    """Return one sentence for any error that a damaged file raises in the readers."""
    if isinstance(error, CheckpointError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the file asks for far more memory than its size explains; it is damaged or hostile"
    if isinstance(error, RecursionError):
        return "the file is nested without end; it is damaged or hostile"
    reason = str(error).split("\n")[0]
    return f"the file cannot be read as weights ({type(error).__name__}: {reason})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
