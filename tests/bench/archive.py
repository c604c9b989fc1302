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

from adcreative.codec.archive.container import ArchiveReader
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


def picture_bytes(path: Path) -> int:
    """Return how many bytes of an archive the pictures take that it holds as differences."""
    with ArchiveReader(path) as reader:
        blobs = {one[part] for one in reader.index["pictures"] for part in ("webp", "file", "table", "patch") if part in one}
        heads = [one["content"]["png"] for one in reader.index["files"] if "png" in one["content"]]
        around = sum(len(head["head"]) + len(head["tail"]) for head in heads)
        return around + sum(reader.index["blobs"][number][1] for number in blobs)


def measure(run: Path, sources: list[Path]) -> dict[str, float]:
    """Return sizes in bytes, ratios, and seconds of processor time, of one run folder."""
    with tempfile.TemporaryDirectory() as name:
        folder, archive = Path(name, "run"), Path(name, "run.adc")
        folder.mkdir()
        for part in RUN_PARTS:  # of a demo, neither its account nor its model
            if (run / part).is_dir():
                shutil.copytree(run / part, folder / part)
            elif (run / part).exists():
                shutil.copyfile(run / part, folder / part)
        started = time.process_time()
        packed = pack_folder(folder, archive, sources=sources, progress=silent, should_stop=never)
        packed_at = time.process_time()
        restore_folder(archive, Path(name, "back"), progress=silent, should_stop=never)
        figures: dict[str, float] = {
            "whole_zip": zip_bytes(path for path in folder.rglob("*") if path.is_file()), "whole_archive": packed.packed_bytes,
            "pictures_zip": zip_bytes(folder.rglob("*.png")), "pictures_archive": picture_bytes(archive),
            "pack_s": round(packed_at - started, 1), "restore_s": round(time.process_time() - packed_at, 1),
        }  # fmt: skip
    for kind in ("whole", "pictures"):
        figures[f"{kind}_times"] = round(figures[f"{kind}_zip"] / figures[f"{kind}_archive"], 2)
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
