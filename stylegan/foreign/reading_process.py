"""The process in which foreign files are read: limited in memory, time and file size, and thrown away afterwards.

    python -m stylegan.foreign.reading_process SOURCE OUT_DIR TIMEOUT_S

Writes a face-model folder. A failure that has a sentence is one JSON line on standard output, with exit code 3.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import LICENCES
from stylegan.foreign.kinds import read_weights
from stylegan.foreign.own import read_beside_manifest
from stylegan.networks.checkpoints import file_sha256, save_face_model

FAILED = 3
FIXED_MEMORY_BYTES = 8 << 30
MEMORY_PER_SOURCE_BYTE = 8


def limit_resources(source_bytes: int, timeout_s: int) -> None:
    """Bound memory, processor time and written bytes of this process; where a system knows no such limits, the caller's
    time limit is the only one."""
    try:
        import resource
    except ImportError:
        return
    limits = {
        resource.RLIMIT_AS: FIXED_MEMORY_BYTES + MEMORY_PER_SOURCE_BYTE * source_bytes,
        resource.RLIMIT_CPU: timeout_s,
        resource.RLIMIT_FSIZE: (64 << 20) + 4 * source_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            continue


def convert(source: Path, out_dir: Path) -> None:
    """Read `source` and write it as a face model in single precision, with its origin in the manifest."""
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
        notes=notes,
    )


def main(arguments: list[str]) -> int:
    source, out_dir, timeout_s = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    limit_resources(source.stat().st_size, timeout_s)
    try:
        convert(source, out_dir)
    except CheckpointError as error:
        print(json.dumps({"error": str(error)}))
    except MemoryError:
        print(json.dumps({"error": "the file asks for far more memory than its size explains; it is damaged or hostile"}))
    except RecursionError:
        print(json.dumps({"error": "the file is nested without end; it is damaged or hostile"}))
    except Exception as error:  # whatever a damaged file makes the readers raise must stay one sentence
        reason = str(error).split("\n")[0]
        print(json.dumps({"error": f"the file cannot be read as weights ({type(error).__name__}: {reason})"}))
    else:
        return 0
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
