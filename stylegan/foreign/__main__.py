"""Convert one checkpoint from the command line; a failure is one sentence and exit code 2."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stylegan.errors import StyleGANError
from stylegan.foreign.conversion import convert_weights


def main() -> int:
    """Convert a weight file from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stylegan.foreign", description=__doc__)
    parser.add_argument("source", type=Path, help=".pt, .pkl, .safetensors or a face-model folder")
    parser.add_argument("out_dir", type=Path, help="face-model folder to write")
    arguments = parser.parse_args()
    try:
        summary = convert_weights(arguments.source, arguments.out_dir)
    except StyleGANError as error:
        print(f"stylegan: {error}", file=sys.stderr)
        return 2
    for warning in summary.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    parts = "generator and encoder" if summary.has_encoder else "generator"
    print(
        f"{summary.source_format} {parts}, {summary.size_px} px, {summary.num_parameters:,} parameters: {str(summary.path)!r}"
    )
    print(f"licence: {summary.licence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
