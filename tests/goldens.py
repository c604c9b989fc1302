"""What must not change when code only moves: predictions of the shipped models and the files of one fixed run.

    python -m tests.goldens write OUT        # on the code before, then on the code after
    python -m tests.goldens compare A B      # says the first difference, exit code 1

Floats are compared to the last bit, so both must be made on one machine. Time stamps and seconds are left out. "Ours,
regression only": they say that numbers are the same as before, not that they are right.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from adcreative import pipeline

NUM_ADS = 6
TIMES = {"seconds", "time", "created"}


def write_goldens(out: Path) -> None:
    """Render six simulated ads into `out`/ads (or take those that lie there), then score and optimize them."""
    from adcreative.catalog import read_catalog
    from adcreative.verbs.loading import load_market

    ads = out / "ads"
    if not (ads / "metadata.csv").exists():
        load_market(0).write_folder(ads, NUM_ADS, seed=1, truth_path=out / "ads-truth.json")
    creatives = read_catalog(ads).creatives
    studio = pipeline.Studio()
    rows = []
    for creative in creatives:
        prediction = studio.score_one(creative)
        rows.append(
            {
                "ad": creative.name,
                "ctr": prediction.ctr,
                "low": prediction.ctr_low,
                "high": prediction.ctr_high,
                "reasons": list(prediction.reasons),
                "evidence": prediction.evidence,
            }
        )
    (out / "predictions.json").write_text(json.dumps(rows, indent=1))
    pipeline.score(ads, out / "scores.csv")
    pipeline.optimize(ads, out / "run", seed=1, population=16, generations=2, copywriter="template")


def read_goldens(out: Path) -> dict[str, str]:
    """Return file name -> text without times, of what `write_goldens` left; pictures by a digest of their pixels."""
    import hashlib

    from PIL import Image

    found = {name: (out / name).read_text() for name in ("predictions.json", "scores.csv")}
    lines = [json.loads(line) for line in (out / "run" / "results.jsonl").read_text().splitlines()]
    found["results.jsonl"] = "\n".join(json.dumps(_without_times(line), sort_keys=True) for line in lines)
    for path in sorted((out / "run").rglob("*.png")) + sorted((out / "run").rglob("*.jpg")):
        pixels = np.asarray(Image.open(path))
        found[str(path.relative_to(out))] = hashlib.sha256(pixels.tobytes()).hexdigest()
    return found


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_times(one) for name, one in value.items() if name not in TIMES}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def compare_goldens(before: Path, after: Path) -> list[str]:
    """Return one sentence per file that differs; empty when nothing changed."""
    old, new = read_goldens(before), read_goldens(after)
    told = [f"{name} is only in one of them" for name in sorted(set(old) ^ set(new))]
    for name in sorted(set(old) & set(new)):
        for number, (first, second) in enumerate(zip(old[name].splitlines(), new[name].splitlines(), strict=False)):
            if first != second:
                place = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
                told.append(f"{name} line {number + 1}: ...{first[place - 60 :][:160]} -> ...{second[place - 60 :][:160]}")
                break
    return told


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write_goldens(Path(sys.argv[2]))
    else:
        differences = compare_goldens(Path(sys.argv[2]), Path(sys.argv[3]))
        print("\n".join(differences) or "no difference")
        sys.exit(bool(differences))
