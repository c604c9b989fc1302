"""A blind look at composed ads beside real ones: a folder of numbered pictures, a key, and the count of somebody's verdict.

    python -m tests.real.blind_ads fresh --photos PHOTOS/ --out look/            writes look/ad-001.png …, and look.key.json
    python -m tests.real.blind_ads fresh --out look/ --verdict verdict.csv       counts, by who made the ads

Six ads of each brand of a set of `blind_briefs.toml` are mixed with real ads of the work half. Whoever judges sees the pictures
alone, and writes verdict.csv: ad (its number), run (yes or no: could it run as it is?), craft (1 to 5), flaw (a few words).
"""

from __future__ import annotations

import argparse
import csv
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.pipeline import Brand, Brief, BriefPhoto, Messages, compose, read_ad
from tests.real.labels import read_ads

BRIEFS = Path(__file__).with_name("blind_briefs.toml")
SHAPES = ("1:1", "4:5", "1.91:1", "1:1", "300x250", "4:5")  # of the six ads of a brand
NUM_OTHERS, SHOWN_PX, SEED = 40, 760, 7


def briefs(name: str, photos: Path) -> Iterator[tuple[str, Brief]]:
    """Yield slug and brief of each brand of a set."""
    for told in tomllib.loads(BRIEFS.read_text(encoding="utf-8"))["brand"]:
        if told["set"] != name:
            continue
        messages = {role: tuple(said) if isinstance(said, list) else said for role, said in told["messages"].items()}
        yield (
            told["slug"],
            Brief(
                language=told["language"],
                brand=Brand(name=told["name"], colours=tuple(told["colours"])),
                photos=tuple(BriefPhoto(file=photos / file, shows=shows) for file, shows in told["photos"]),
                messages=Messages(**messages),
            ),
        )


def write_look(name: str, photos: Path, out: Path) -> Path:
    """Compose, mix and number the ads; return the key."""
    found: list[tuple[Path, str]] = []
    for slug, brief in briefs(name, photos):
        folder = out.with_name(f"{out.name}.ads") / slug
        if not (folder / "report.html").is_file():
            compose(brief, folder, num=len(SHAPES), shapes=",".join(dict.fromkeys(SHAPES)), seed=SEED)
        for place, shape in enumerate(SHAPES, 1):
            ad = folder / f"{place:02d}"
            if not ad.is_dir():  # the parts gave no more ads that differ
                break
            shapes = read_ad(ad)["shapes"]
            found.append((ad / shapes.get(shape, next(iter(shapes.values())))["picture"], "composed"))
    rng = np.random.default_rng(SEED)
    others = [ad.picture for ad in read_ads("work") if ad.picture is not None]
    found += [(others[place], "other") for place in rng.permutation(len(others))[:NUM_OTHERS]]
    out.mkdir(parents=True, exist_ok=True)
    key = []
    for number, place in enumerate(rng.permutation(len(found)), 1):
        path, maker = found[place]
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SHOWN_PX, SHOWN_PX))
        picture.save(out / f"ad-{number:03d}.png")
        key.append({"ad": number, "maker": maker, "file": str(path)})
    path = out.with_name(f"{out.name}.key.json")
    path.write_text(json.dumps(key, indent=1))
    return path


def count(out: Path, verdict: Path) -> dict[str, dict[str, float]]:
    """Return how many ads of each maker could run, of how many, and their mean craft."""
    makers = {one["ad"]: one["maker"] for one in json.loads(out.with_name(f"{out.name}.key.json").read_text())}
    said: dict[str, list[tuple[bool, int]]] = defaultdict(list)
    for row in csv.DictReader(verdict.read_text(encoding="utf-8").splitlines()):
        said[makers.pop(int(row["ad"].removeprefix("ad-")))].append((row["run"].strip().casefold() == "yes", int(row["craft"])))
    if makers:
        raise SystemExit(f"{verdict} says nothing of {len(makers)} ads, such as {min(makers)}")
    return {
        maker: {
            "could_run": sum(run for run, _ in ads),
            "ads": len(ads),
            "craft": round(float(np.mean([c for _, c in ads])), 2),
        }
        for maker, ads in said.items()
    }


def main() -> None:
    """Write a look, or count a verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=("small", "sharp", "fresh", "last", "third"))
    parser.add_argument("--photos", type=Path, help="folder of the photos that the briefs name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--verdict", type=Path)
    arguments = parser.parse_args()
    if arguments.verdict is not None:
        print(json.dumps(count(arguments.out, arguments.verdict), indent=1))
    elif arguments.photos is None:
        parser.error("--photos names the folder of the photos")
    else:
        print(write_look(arguments.set, arguments.photos, arguments.out))


if __name__ == "__main__":
    main()
