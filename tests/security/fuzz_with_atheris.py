"""Damaged files for one reader, led by coverage (atheris: Linux, x86-64); options are libFuzzer's.

python -m tests.security.fuzz_with_atheris READER -runs=20000 -seed=1
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["adcreative", "stylegan"]):
    from tests.security.fuzz_readers import READERS, try_bytes


def main() -> None:
    reader, folder = READERS[sys.argv[1]], Path(tempfile.mkdtemp())
    names = sorted({file_name for file_name, _ in reader.seeds()})
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, (_, content) in enumerate(reader.seeds()):
        (corpus / str(number)).write_bytes(content)

    def read(content: bytes) -> None:
        try_bytes(reader, names[len(content) % len(names)], content, folder)

    atheris.Setup([sys.argv[0], *sys.argv[2:], str(corpus)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
