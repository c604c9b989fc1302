"""Convert a checkpoint of another project into a face-model folder, without trusting the file.

The file is read in a separate process (`reading_process.py`); this side starts it, waits, and loads only the safetensors
that it wrote. The folder is written completely or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stylegan.errors import CheckpointError
from stylegan.foreign.messages import FAILED, printable
from stylegan.networks.checkpoints import load_face_model

TIMEOUT_S = 900
READER = "stylegan.foreign.reading_process"  # by name: if imported here, runpy would warn that the module runs twice


@dataclass(frozen=True, kw_only=True)
class ConversionSummary:
    """The result of a conversion.

    path: the face-model folder. source_format: rosinality, nvlabs, tensorflow, e4e or safetensors. source_sha256: of the
    source file. size_px: side of the generator's pictures. has_encoder: whether the model can also encode faces.
    warnings: assumptions about values missing in the file. licence: a note to check before use.
    """

    path: Path
    source_format: str
    source_sha256: str
    size_px: int
    num_rows: int
    num_parameters: int
    has_encoder: bool
    licence: str
    warnings: tuple[str, ...]


def convert_weights(source: Path, out_dir: Path, *, timeout_s: int = TIMEOUT_S) -> ConversionSummary:
    """Convert `source` into the face-model folder `out_dir`, which `load_face_model` reads.

    Args:
        source: .pt of rosinality or e4e, .pkl of NVlabs (PyTorch or TensorFlow), .safetensors, or a face-model folder.
        out_dir: must not exist, or be empty.
        timeout_s: time limit for reading.
    Raises:
        CheckpointError: the source is missing, damaged, of another kind, incomplete, or asks to run code; nothing is written.
    """
    source, out_dir = Path(source), Path(out_dir)
    if source.is_dir() and (source / "model.safetensors").is_file():
        source = source / "model.safetensors"
    if not source.is_file():
        raise CheckpointError(f"{str(source)!r} is not a file; expected .pt, .pkl, .safetensors or a face-model folder")
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise CheckpointError(f"{str(out_dir)!r} exists and is not an empty folder; name a new one")
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        partial_dir = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}.", dir=out_dir.parent))
    except OSError as error:
        raise CheckpointError(f"{str(out_dir)!r} cannot be written ({error.strerror}); choose another place") from error
    try:
        read_apart(source, partial_dir, timeout_s=timeout_s)
        model = load_face_model(partial_dir)
        partial_dir.chmod(0o755)
        os.replace(partial_dir, out_dir)
    finally:
        shutil.rmtree(partial_dir, ignore_errors=True)
    networks = [model.generator] if model.stored_encoder is None else [model.generator, model.stored_encoder]
    return ConversionSummary(
        path=out_dir,
        source_format=model.manifest["source"]["format"],
        source_sha256=model.manifest["source"]["sha256"],
        size_px=model.generator.config.size,
        num_rows=model.generator.config.num_rows,
        num_parameters=sum(p.numel() for network in networks for p in network.parameters()),
        has_encoder=model.has_encoder,
        licence=model.manifest["licence"],
        warnings=tuple(model.manifest["notes"]),
    )


def read_apart(source: Path, out_dir: Path, *, timeout_s: int) -> None:
    """Read `source` in a separate process; a sentence that it prints becomes the error.

    Raises:
        CheckpointError: the process failed, died or took too long.
    """
    package_root = Path(__file__).resolve().parents[2]
    # -P: no import from the working folder; the package is found by its own path
    command = [sys.executable, "-P", "-m", READER, str(source.resolve()), str(out_dir.resolve()), str(timeout_s)]
    # one thread: the restrictions apply to all threads, and no thread may start before them
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": str(package_root), "CUDA_VISIBLE_DEVICES": ""}
    try:
        finished = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(
            f"{source.name!r}: reading took longer than {timeout_s} s; the file is damaged or hostile"
        ) from error
    if finished.returncode == 0:
        return
    if finished.returncode == FAILED:
        raise CheckpointError(f"{source.name!r}: {printable(json.loads(finished.stdout.splitlines()[-1])['error'])}")
    raise CheckpointError(
        f"{source.name!r}: the process that reads it {_ending(finished.returncode, finished.stderr)}; "
        "the file is damaged, hostile or larger than the memory allows"
    )


def _ending(returncode: int, stderr: str) -> str:
    """Describe the end of a process: the signal, or the exit code and the last words."""
    if returncode < 0:
        known = {int(one): one.name for one in signal.Signals}
        return f"was ended by {known.get(-returncode, f'signal {-returncode}')}"
    words = printable((stderr.strip().splitlines() or ["no message"])[-1])[:200]
    return f"ended with code {returncode} ({words})"
