"""How small an archive of a run is beside a zip of it: the pictures alone, and the whole folder.

python -m tests.bench.archive RUN          a folder that optimize or demo wrote
python -m tests.bench.archive --tiny       two drawn pictures, no figure means anything
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.codec.archive.packing import pack_folder
from adcreative.codec.archive.restoring import restore_folder
from adcreative.progress import never, silent
from adcreative.verbs.archive import find_sources

RUN_PARTS = ("images", "results.jsonl", "results.run.json", "results.csv", "results.failures.csv", "report.html", "audit.jsonl")


def zip_bytes(paths: Iterable[Path]) -> int:
    """Return the size of a zip of files, deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for number, path in enumerate(sorted(paths)):
            file.write(path, f"{number}-{path.name}")
    return len(buffer.getvalue())


def measure(run: Path, sources: list[Path]) -> dict[str, float]:
    """Return sizes in bytes, ratios, and seconds of processor time, of one run folder."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        whole, pictures = Path(name, "whole"), Path(name, "pictures")
        for part in RUN_PARTS:  # of a demo, neither its account nor its model
            if (run / part).is_dir():
                shutil.copytree(run / part, whole / part)
            elif (run / part).exists():
                whole.mkdir(exist_ok=True)
                shutil.copyfile(run / part, whole / part)
        shutil.copytree(whole, pictures, ignore=lambda _, names: [one for one in names if Path(one).suffix not in ("", ".png")])
        for kind, folder in (("pictures", pictures), ("whole", whole)):
            for place, given in (("", sources), ("_without_sources", [])):
                started = time.process_time()
                packed = pack_folder(folder, Path(name, f"{kind}.adc"), sources=given, progress=silent, should_stop=never)
                figures[f"{kind}_archive{place}"] = packed.packed_bytes
                figures[f"{kind}_pack_s{place}"] = round(time.process_time() - started, 1)
            started = time.process_time()
            restore_folder(Path(name, f"{kind}.adc"), Path(name, f"{kind}-back"), progress=silent, should_stop=never)
            figures[f"{kind}_restore_s"] = round(time.process_time() - started, 1)
            figures[f"{kind}_zip"] = zip_bytes(path for path in folder.rglob("*") if path.is_file())
            for place in ("", "_without_sources"):
                figures[f"{kind}_times{place}"] = round(figures[f"{kind}_zip"] / figures[f"{kind}_archive{place}"], 2)
    return figures


def _tiny(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    for kind, image_u8 in (("original", pixels), ("edited", pixels // 2)):
        Image.fromarray(image_u8).save(folder / "images" / f"1.{kind}.png", compress_level=3)
    (folder / "results.jsonl").write_text('{"row": 1}\n')
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder that optimize or demo wrote")
    parser.add_argument("--tiny", action="store_true", help="two drawn pictures")
    options = parser.parse_args()
    if options.tiny == (options.run is not None):
        parser.error("name a run folder, or say --tiny")
    with tempfile.TemporaryDirectory() as name:
        run = _tiny(Path(name, "run")) if options.tiny else options.run
        print(json.dumps(measure(run, find_sources(run)), indent=1))


if __name__ == "__main__":
    main()
