"""Learn the embedded edit directions from the training faces, measure them on held-out faces, keep what passes.

    python -m adcreative.encoders.direction_training FACES [--out data/weights/directions]

Every attribute is measured on *rendered* faces (face mesh and pixels), since rendered faces are what an edit changes. Sex,
ethnicity and age come from the faces' captions and are nuisances: directions are made orthogonal to them (in the metric of
the codes) and none is offered under such a name. A direction ships when strength +1.5 raises, against -1.5, its own
attribute in at least 90 % of held-out faces and moves no other offered attribute more, in standard deviations.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adcreative.encoders.face_captions import read_caption_words
from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from stylegan.checkpoints import load_face_model
from stylegan.directions import DirectionSet, fit_regressor, separate_directions
from stylegan.face_attributes import ATTRIBUTES
from stylegan.faces import FaceAnalyzer, FaceCodec
from stylegan.images import decode_image
from stylegan.training import read_faces, split_faces

OFFERED = ("smile", "mouth_open", "eyes_open", "gaze_x", "gaze_y", "head_yaw", "head_pitch")
PIXEL_MEASURES = ("skin_red", "skin_green", "skin_blue", "brightness")
CHEEK_POINTS = (50, 280, 205, 425)
NUISANCE_WORDS = {
    "sex": (("woman", "female"), ("man", "male")),
    "african": (("african",), ("asian", "irish", "persian", "american")),
    "asian": (("asian",), ("african", "irish", "persian", "american")),
    "irish": (("irish",), ("african", "asian", "persian", "american")),
    "age": (("old", "senior", "wrinkly"), ("child", "baby", "toddler", "teenager", "young")),
}
PROBE = 1.5
STRENGTHS = (-4.0, -3.0, -PROBE, 0.0, PROBE, 3.0, 4.0)
MIN_IDENTITY = 0.8
MAX_STRENGTH = 2.0  # beyond it, eyes and mouths look wrong before any measure says so
EFFECTS = "effect_in_deviations_from_-1.5_to_+1.5"
MIN_MOVED_SHARE = 0.9
RIDGE = 0.1


@dataclass(frozen=True)
class MeasuredFaces:
    """Rendered faces: codes [N, C], and what the renders measure, values [N, len(MEASURES)], NaN where no face is seen."""

    codes: np.ndarray
    values: np.ndarray


MEASURES = ATTRIBUTES + PIXEL_MEASURES


def measure_codes(codes: np.ndarray, codec: FaceCodec, analyzer: FaceAnalyzer) -> MeasuredFaces:
    """Render codes, encode the renders again, and measure every attribute and pixel measure on them."""
    values = np.full((len(codes), len(MEASURES)), np.nan, dtype=np.float32)
    encoded = np.zeros_like(codes)
    for start in range(0, len(codes), 64):
        part = slice(start, start + 64)
        renders = codec.render(codes[part])
        encoded[part] = codec.encode(renders)
        values[part, : len(ATTRIBUTES)] = analyzer.measure_aligned(renders)
        for i, render in enumerate(renders):
            points = analyzer.locate_aligned(render).points[list(CHEEK_POINTS), :2]
            x, y = np.clip(points.round().astype(int), 2, render.shape[0] - 3).T
            patches = np.stack([render[b - 2 : b + 3, a - 2 : a + 3] for a, b in zip(x, y, strict=True)])
            values[start + i, len(ATTRIBUTES) :] = [*(patches.mean(axis=(0, 1, 2)) / 255), render.mean() / 255]
    return MeasuredFaces(encoded, values)


def caption_labels(
    face_paths: list[Path], said: Mapping[str, frozenset[str]], sides: tuple[tuple[str, ...], tuple[str, ...]]
) -> np.ndarray:
    """Return per face +1 (its words name the first side), -1 (the second), or NaN (neither, or both)."""
    labels = np.full(len(face_paths), np.nan)
    for i, path in enumerate(face_paths):
        plus, minus = (not said.get(path.name, frozenset()).isdisjoint(side) for side in sides)
        if plus != minus:
            labels[i] = 1.0 if plus else -1.0
    return labels


def fit_regressors(
    measured: MeasuredFaces, codes: np.ndarray, face_paths: list[Path], said: Mapping[str, frozenset[str]]
) -> tuple[list[str], np.ndarray]:
    """Return the names and regressors [A, C] of offered attributes, then nuisances."""
    names = [*OFFERED, *(name for name in MEASURES if name not in OFFERED)]
    rows = [fit_regressor(measured.codes, measured.values[:, MEASURES.index(name)], ridge=RIDGE) for name in names]
    for name, sides in NUISANCE_WORDS.items():
        labels = caption_labels(face_paths, said, sides)
        known = np.isfinite(labels)
        rows.append(fit_regressor(codes[known], labels[known], ridge=0.5))
        names.append(name)
    return names, np.stack(rows)


def measure_direction(
    k: int, directions: np.ndarray, codes: np.ndarray, deviations: np.ndarray, codec: FaceCodec, analyzer: FaceAnalyzer
) -> dict[str, Any]:
    """Measure what a direction does to held-out faces: share moved, mean change per attribute in deviations, safe range."""
    grid = {s: measure_codes(codes + s * directions[k], codec, analyzer) for s in STRENGTHS}
    own = MEASURES.index(OFFERED[k])
    change = (grid[PROBE].values - grid[-PROBE].values) / deviations
    seen = np.isfinite(change[:, own])
    identity = {s: float(row_cosine(grid[s].codes, grid[0.0].codes).mean()) for s in STRENGTHS}
    seen_share = {s: float(np.isfinite(grid[s].values[:, own]).mean()) for s in STRENGTHS}
    safe = [s for s in STRENGTHS if seen_share[s] >= 0.98 * seen_share[0.0] and identity[s] >= MIN_IDENTITY]
    effects = {name: round(float(np.nanmean(change[:, i])), 3) for i, name in enumerate(MEASURES)}
    others = [abs(value) for name, value in effects.items() if name != OFFERED[k] and name in (*OFFERED, *PIXEL_MEASURES)]
    return {
        "moved_share": round(float((change[seen, own] > 0).mean()), 3),
        EFFECTS: effects,
        "largest_other": round(max(others), 3),
        "identity": {f"{s:+.1f}": round(value, 3) for s, value in identity.items()},
        "low": float(min(safe)), "high": float(max(safe)), "held_out_faces": int(seen.sum()),
    }  # fmt: skip


def row_cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, [N]."""
    return (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def passes(row: dict[str, Any], name: str) -> bool:
    """Tell whether a measured direction may ship under its name."""
    own = row[EFFECTS][name]
    return bool(row["moved_share"] >= MIN_MOVED_SHARE and own > row["largest_other"] and row["high"] > 0 > row["low"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder of aligned faces with metadata.csv (file_name, captions)")
    parser.add_argument("--out", type=Path, default=Path("data/weights/directions"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec, analyzer = FaceCodec(load_face_model(embedded_dir("faces"))), load_face_analyzer()
    words = read_caption_words(arguments.faces)
    train_paths, held_out_paths = split_faces(list(arguments.faces.glob("*.jpg")))
    images = decode_image(read_faces(train_paths, size=codec.size))
    codes = codec.encode([*images, *images[:, :, ::-1]])
    values = measure_codes(codes, codec, analyzer).values
    seen = np.isfinite(values).all(axis=1)
    print(f"{len(codes)} codes, {seen.mean():.1%} rendered with a face", flush=True)
    measured = MeasuredFaces(codes[seen], values[seen])
    names, regressors = fit_regressors(measured, codes[: len(train_paths)], train_paths, words)
    directions = separate_directions(codes, regressors, len(OFFERED))
    deviations = measured.values.std(axis=0)
    held_out = codec.encode([*decode_image(read_faces(held_out_paths, size=codec.size))])
    table = {}
    for k, name in enumerate(OFFERED):
        table[name] = measure_direction(k, directions, held_out, deviations, codec, analyzer)
        print(name, "ships" if passes(table[name], name) else "does not ship", table[name], flush=True)
    kept = [k for k, name in enumerate(OFFERED) if passes(table[name], name)]
    DirectionSet(
        names=tuple(OFFERED[k] for k in kept), vectors=directions[kept],
        low=np.array([max(table[OFFERED[k]]["low"], -MAX_STRENGTH) for k in kept], dtype=np.float32),
        high=np.array([min(table[OFFERED[k]]["high"], MAX_STRENGTH) for k in kept], dtype=np.float32),
        table={"shipped": {OFFERED[k]: table[OFFERED[k]] for k in kept}, "held_still": names,
               "measured_and_not_shipped": {n: table[n] for n in OFFERED if OFFERED.index(n) not in kept}},
    ).save(arguments.out)  # fmt: skip


if __name__ == "__main__":
    main()
