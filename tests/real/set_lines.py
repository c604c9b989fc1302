"""New headlines set into labelled real ads in place of their own, the ad's true words known, as from a table.

Run it as `python -m tests.real.set_lines --split work --out DIR`: it writes each picture before and after, side by side, and
says what was set, what was refused, and how long that took. Whether a picture is clean is for an eye.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from adcreative.lettering import TextSetter, load_reader, read, typefaces
from tests.real.labels import LabelledAd, read_ads

LINES = Path(__file__).with_name("new_lines.yaml")


def open_picture(path: Path) -> np.ndarray:
    """Return a picture [H, W, 3] on white."""
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
        return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"))


def set_line(ad: LabelledAd, line: str, out: Path) -> dict[str, object]:
    """Set a headline into an ad; return what became of it, and write both pictures beside each other."""
    assert ad.picture is not None
    picture = open_picture(ad.picture)
    said = {"headline": " ".join(ad.with_role("headline")[0].text.split())}
    reader, start = load_reader(), time.perf_counter()
    setter = TextSetter(picture, read(picture, reader), said, reader=reader, typefaces=typefaces())
    opened = time.perf_counter()
    change = setter.change({"headline": line})
    seconds = time.perf_counter()
    is_set = "headline" in change.done
    if is_set:
        sheet = np.concatenate([picture, change.apply(picture)], axis=int(picture.shape[1] > picture.shape[0]) ^ 1)
        Image.fromarray(sheet).save(out / f"{ad.file}.png")
    return {
        "file": ad.file,
        "set": is_set,
        "codes": [one.code for one in change.left.get("headline", ())],
        "note": change.note or "the headline was not found in the picture",
        "seconds": [round(opened - start, 1), round(seconds - opened, 1)],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Set the lines of one half and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("work", "held"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="ads whose file names hold this")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    lines = yaml.safe_load(LINES.read_text(encoding="utf-8"))
    ads = [ad for ad in read_ads(asked.split) if ad.file in lines and asked.only in ad.file and ad.picture is not None]
    rows = []
    for ad in ads:
        rows.append(set_line(ad, lines[ad.file], asked.out))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    print(f"set: {sum(bool(row['set']) for row in rows)} of {len(rows)}")


if __name__ == "__main__":
    main()
