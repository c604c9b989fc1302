"""Learn the embedded edit directions from the training faces, measure them on held-out faces, keep what passes.

    python -m data.make.directions FACES --model data/weights/faces --out data/weights/directions [--sheet sheet.png]

Every attribute is measured on *rendered* faces (face mesh, pixels, probes), since rendered faces are what an edit changes.
Sex, ethnicity and skin tone are measured to be held still: directions are made orthogonal to them (in the metric of the
codes), their side effects stand in the table, and none is offered under such a name. Age is offered behind a switch only.
A direction ships when strength +2 raises, against -2, its own attribute in at least 90 % of held-out faces and moves no
other measured attribute more, in standard deviations; both are the ends of what is offered. What a probe reads must move by
half of what lies between faces with and without it. What passes all this and still shows nothing to the eye on the sheet is
left out by name (--reject), and stays in the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.make.appearance import PIXEL_MEASURES, measure_pixels
from data.make.captions import label_faces, read_caption_words
from data.make.face_folder import read_faces, split_faces
from data.make.probes import CHILD, PROBES, PictureFeatures, Probe, fit_probe
from data.make.projection import fit_regressor, raw_directions, separate_directions
from stylegan.errors import DirectionError
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.images import decode_image
from stylegan.latents.codec import FaceCodec, inversion_errors
from stylegan.latents.directions.labelled import DirectionSet, EditLimits
from stylegan.networks.checkpoints import load_face_model
from stylegan.networks.efficientnet import installed_backbone_path

OFFERED = (
    "smile",
    "mouth_open",
    "eyes_open",
    "gaze_x",
    "gaze_y",
    "head_yaw",
    "head_pitch",
    "brightness",
    "hair_lightness",
    "light_side",
    "glasses",
    "beard",
    "makeup",
    "age",
)
RESTRICTED = ("age",)
MEASURES = (*ATTRIBUTES, *PIXEL_MEASURES, *PROBES)
STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
MIN_IDENTITY = 0.8
MAX_STRENGTH = 2.0  # beyond it, eyes and mouths look wrong before any measurement shows it
EFFECTS = "effect_in_deviations_from_-2_to_+2"
PROBE = 2.0
MIN_MOVED_SHARE = 0.9
MIN_PROBE_AUC = 0.8
MIN_CLASS_SHARE = 0.5
NUM_MIXES = 5000
RIDGE = 0.1


@dataclass(frozen=True)
class MeasuredFaces:
    """Rendered faces: codes [N, C], and measurements of the renders, values [N, len(MEASURES)], NaN without a face."""

    codes: np.ndarray
    values: np.ndarray


class FaceMeter:
    """Renders codes and measures MEASURES on the pictures."""

    def __init__(
        self, codec: FaceCodec, analyzer: FaceAnalyzer, features: PictureFeatures, probes: Mapping[str, Probe] | None = None
    ) -> None:
        self.codec, self.analyzer, self.features, self.probes = codec, analyzer, features, dict(probes or {})

    def measure(self, codes: np.ndarray) -> MeasuredFaces:
        """Render codes [N, C], encode the renders again, measure them; a missing probe gives NaN."""
        values = np.full((len(codes), len(MEASURES)), np.nan, dtype=np.float32)
        encoded = np.zeros_like(codes)
        for start in range(0, len(codes), 64):
            part = slice(start, start + 64)
            renders = self.codec.render(codes[part])
            encoded[part] = self.codec.encode(renders)
            values[part, : len(ATTRIBUTES)] = self.analyzer.measure_aligned(renders)
            for row, render in enumerate(renders, start=start):
                pixels = measure_pixels(render, self.analyzer.locate_aligned(render).points[:, :2])
                values[row, len(ATTRIBUTES) : len(ATTRIBUTES) + len(pixels)] = pixels
            seen = self.features.compute(renders)
            for name, probe in self.probes.items():
                values[part, MEASURES.index(name)] = probe.score(seen)
        return MeasuredFaces(encoded, values)


def fit_probes(
    crops_u8: np.ndarray,
    renders_u8: np.ndarray,
    face_paths: list[Path],
    said: Mapping[str, frozenset[str]],
    features: PictureFeatures,
) -> dict[str, Probe]:
    """Fit the caption probes to faces and their renders; probes with an AUC below MIN_PROBE_AUC are left out."""
    seen = np.concatenate([features.compute(list(crops_u8)), features.compute(list(renders_u8))])
    groups = np.tile(np.arange(len(crops_u8)), 2)
    probes = {}
    for name, label in PROBES.items():
        probe = fit_probe(seen, np.tile(label_faces(face_paths, said, label), 2), groups)
        print(f"probe {name}: cross-validated AUC {probe.auc:.3f}, {probe.num_plus} positive faces", flush=True)
        if probe.auc >= MIN_PROBE_AUC:
            probes[name] = probe
    return probes


def fit_regressors(measured: MeasuredFaces) -> tuple[list[str], np.ndarray]:
    """Return the names and regressors [A, C] of the measured attributes: offered ones first, then those to be kept constant."""
    known = [name for name in MEASURES if np.isfinite(measured.values[:, MEASURES.index(name)]).all()]
    names = [name for name in OFFERED if name in known] + [name for name in known if name not in OFFERED]
    rows = [fit_regressor(measured.codes, measured.values[:, MEASURES.index(name)], ridge=RIDGE) for name in names]
    return names, np.stack(rows)


def fit_limits(
    codes: np.ndarray, errors: np.ndarray, seen: np.ndarray, face_paths: list[Path], said: Mapping[str, frozenset[str]]
) -> tuple[EditLimits, dict[str, float]]:
    """Fit the limits of editable faces, and return them with their figures.

    Captions name only some of the people with sunglasses, so a probe on picture features (`seen`) finds the others first: a
    score above the median of the named faces counts as sunglasses. A second probe then predicts the label from codes; its
    threshold is the 99th percentile of the others.

    Args:
        codes: [N, C]. errors: [N], of the inversions. seen: [N, D] picture features.
    """
    named = np.array([1.0 if "sunglasses" in said.get(path.name, frozenset()) else 0.0 for path in face_paths])
    folds = KFold(5, shuffle=True, random_state=0)
    by_picture = cross_val_predict(make_pipeline(StandardScaler(), Ridge(alpha=3e4)), seen, named, cv=folds)
    covered = np.maximum(named, by_picture > np.median(by_picture[named > 0]))
    by_code = cross_val_predict(Ridge(alpha=300.0), codes, covered, cv=folds)
    threshold = float(np.quantile(by_code[covered == 0], 0.99))
    regression = Ridge(alpha=300.0).fit(codes, covered)
    weights = np.append(regression.coef_, regression.intercept_ - threshold).astype(np.float32)
    figures = {"faces": int(covered.sum()), "found": float((by_code[covered > 0] > threshold).mean()), "false_alarms": 0.01}
    return EditLimits(weights, round(float(np.quantile(errors, 0.998)), 4)), figures


def fit_children(
    codes: np.ndarray, face_paths: list[Path], said: Mapping[str, frozenset[str]]
) -> tuple[np.ndarray, dict[str, float]]:
    """Fit weights and bias [C + 1] of a probe that detects a child from codes [N, C], and return them with their figures.

    The threshold is the 95th percentile of the adults: editing a child is worse than refusing an adult.
    """
    labels = label_faces(face_paths, said, CHILD)
    known = np.isfinite(labels)
    codes, is_child = codes[known], labels[known] > 0
    scores = cross_val_predict(Ridge(alpha=300.0), codes, is_child * 1.0, cv=KFold(5, shuffle=True, random_state=0))
    threshold = float(np.quantile(scores[~is_child], 0.95))
    regression = Ridge(alpha=300.0).fit(codes, is_child * 1.0)
    weights = np.append(regression.coef_, regression.intercept_ - threshold).astype(np.float32)
    found = float((scores[is_child] > threshold).mean())
    return weights, {"faces": int(is_child.sum()), "adults": int((~is_child).sum()), "found": found, "false_alarms": 0.05}


def mix_codes(codes: np.ndarray, num: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return codes of `num` synthetic faces, [num, C], with the mean and covariance of `codes`.

    mean + sqrt(s) (a - mean) + sqrt(1 - s) (b - mean),   a, b two of the codes, s uniform in 0..1
    """
    centred = codes - codes.mean(axis=0)
    a, b = (centred[rng.integers(len(codes), size=num)] for _ in range(2))
    share = rng.uniform(size=(num, 1))
    return (codes.mean(axis=0) + np.sqrt(share) * a + np.sqrt(1.0 - share) * b).astype(np.float32)


def measure_direction(
    name: str, vector: np.ndarray, codes: np.ndarray, deviations: np.ndarray, meter: FaceMeter, strengths: tuple[float, ...]
) -> dict[str, Any]:
    """Measure the effects of a direction on faces: share moved, mean change of every measurement in deviations, safe range."""
    grid = {s: meter.measure(codes + s * vector) for s in strengths}
    own = MEASURES.index(name)
    change = (grid[PROBE].values - grid[-PROBE].values) / deviations
    seen = np.isfinite(change[:, own])
    effects = {m: round(float(np.nanmean(change[:, i])), 3) for i, m in enumerate(MEASURES) if np.isfinite(change[:, i]).any()}
    row: dict[str, Any] = {
        "moved_share": round(float((change[seen, own] > 0).mean()), 3),
        EFFECTS: effects,
        "largest_other": max((abs(value), other) for other, value in effects.items() if other != name),
        "held_out_faces": int(seen.sum()),
    }
    if 0.0 in strengths:
        identity = {s: float(row_cosine(grid[s].codes, grid[0.0].codes).mean()) for s in strengths}
        seen_share = {s: float(np.isfinite(grid[s].values[:, own]).mean()) for s in strengths}
        safe = [s for s in strengths if seen_share[s] >= 0.98 * seen_share[0.0] and identity[s] >= MIN_IDENTITY]
        one_step = (grid[1.0].values - grid[-1.0].values)[:, own]
        row["moved_share_from_-1_to_+1"] = round(float((one_step[np.isfinite(one_step)] > 0).mean()), 3)
        steps = {s: (grid[s].values - grid[0.0].values)[:, own] / deviations[own] for s in strengths}
        row |= {
            "own_effect_by_strength": {f"{s:+.0f}": round(float(np.nanmean(step)), 3) for s, step in steps.items()},
            "identity": {f"{s:+.0f}": round(value, 3) for s, value in identity.items()},
            "low": float(min(safe)),
            "high": float(max(safe)),
        }
    return row


def row_cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, [N]."""
    return (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def passes(row: dict[str, Any], name: str) -> bool:
    """Return whether a measured direction may be shipped under its name."""
    own = row[EFFECTS].get(name, 0.0)
    moves = row["moved_share"] >= MIN_MOVED_SHARE and own > row["largest_other"][0]
    return bool(moves and row["high"] > 0 > row["low"] and row.get("share_of_class_gap", 1.0) >= MIN_CLASS_SHARE)


def save_sheet(directions: DirectionSet, codes: np.ndarray, codec: FaceCodec, path: Path) -> None:
    """Draw every direction on some faces: per direction and face one row at its lowest, half, zero, half, highest strength."""
    rows = []
    for vector, low, high in zip(directions.vectors, directions.low, directions.high, strict=True):
        strips = [
            np.concatenate(codec.render(code + np.linspace(low, high, 5)[:, None].astype(np.float32) * vector), axis=1)
            for code in codes[:3]
        ]
        rows.append(np.concatenate(strips, axis=1))
    Image.fromarray(np.concatenate(rows)).save(path)


def measure_training_faces(codes: np.ndarray, meter: FaceMeter) -> MeasuredFaces:
    """Render and measure training codes [N, C] and mixes of them; renders without a face are left out."""
    rendered = np.concatenate([codes, mix_codes(codes, NUM_MIXES, rng=np.random.default_rng(0))])
    measured = meter.measure(rendered)
    known = np.isfinite(measured.values).any(axis=0)
    seen = np.isfinite(measured.values[:, known]).all(axis=1)
    print(f"{len(rendered)} codes, {seen.mean():.1%} rendered with a face", flush=True)
    return MeasuredFaces(rendered[seen], measured.values[seen])


def measure_directions(
    vectors: Mapping[str, np.ndarray],
    raw: Mapping[str, np.ndarray],
    held_out: np.ndarray,
    deviations: np.ndarray,
    meter: FaceMeter,
) -> dict[str, dict[str, Any]]:
    """Measure every direction on held-out codes [N, C], and its effects without the projection (`raw`)."""
    table: dict[str, dict[str, Any]] = {}
    for name, vector in vectors.items():
        row = table[name] = measure_direction(name, vector, held_out, deviations, meter, STRENGTHS)
        if name in meter.probes:
            steps = row["own_effect_by_strength"]
            moved = (steps["+2"] - steps["-2"]) * deviations[MEASURES.index(name)]
            row["share_of_class_gap"] = round(float(moved / meter.probes[name].class_gap), 3)
        unprojected = measure_direction(name, raw[name], held_out, deviations, meter, (-PROBE, PROBE))
        row["before_projection"] = {k: unprojected[k] for k in ("moved_share", "largest_other", EFFECTS)}
        print(name, "ships" if passes(row, name) else "does not ship", row, flush=True)
    return table


def shipped_set(
    vectors: Mapping[str, np.ndarray],
    table: Mapping[str, dict[str, Any]],
    rejected: Sequence[str],
    notes: Mapping[str, Any],
    limits: EditLimits,
    regressors: np.ndarray,
) -> DirectionSet:
    """Return the directions that passed and were not rejected by eye.

    Raises:
        DirectionError: no direction passed.
    """
    kept = [name for name in vectors if passes(table[name], name) and name not in rejected]
    if not kept:
        raise DirectionError("no direction passed its measurement; the face model is not good enough to edit with")
    return DirectionSet(
        names=tuple(kept),
        vectors=np.stack([vectors[name] for name in kept]),
        low=np.array([max(table[name]["low"], -MAX_STRENGTH) for name in kept], dtype=np.float32),
        high=np.array([min(table[name]["high"], MAX_STRENGTH) for name in kept], dtype=np.float32),
        restricted=tuple(name for name in kept if name in RESTRICTED),
        limits=limits,
        regressors=regressors,
        table={
            **notes,
            "shipped": {name: table[name] for name in kept},
            "measured_and_not_shipped": {name: table[name] for name in vectors if name not in kept},
            "rejected_by_eye": list(rejected),
        },
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder of aligned faces with metadata.csv (file_name, captions)")
    parser.add_argument("--model", type=Path, default=Path("data/weights/faces"))
    parser.add_argument("--out", type=Path, default=Path("data/weights/directions"))
    parser.add_argument("--sheet", type=Path, help="also draw every shipped direction on three held-out faces")
    parser.add_argument("--reject", nargs="*", default=[], help="names that the sheet shows not to deserve their name")
    parser.add_argument("--num-held-out", type=int, help="measure on so many held-out faces; default: all")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(1)
    codec, analyzer = FaceCodec(load_face_model(arguments.model)), FaceAnalyzer()
    features = PictureFeatures(torch.load(installed_backbone_path(), map_location="cpu", weights_only=True))
    said = read_caption_words(arguments.faces)
    train_paths, held_out_paths = split_faces(list(arguments.faces.glob("*.jpg")))
    images = decode_image(read_faces(train_paths, size=codec.size))
    codes = codec.encode([*images, *images[:, :, ::-1]])
    originals = codes[: len(images)]
    renders = codec.render(originals)
    probes = fit_probes(images, np.stack(renders), train_paths, said, features)
    limits, limit_figures = fit_limits(
        originals, inversion_errors(list(images), renders), features.compute(list(images)), train_paths, said
    )
    children, child_figures = fit_children(originals, train_paths, said)
    limits = replace(limits, children=children)
    print(f"covered eyes: {limit_figures}; children: {child_figures}; largest error {limits.max_error}", flush=True)
    meter = FaceMeter(codec, analyzer, features, probes)
    measured = measure_training_faces(codes, meter)
    names, regressors = fit_regressors(measured)
    offered = [name for name in OFFERED if name in names]
    vectors = dict(zip(offered, separate_directions(codes, regressors, len(offered)), strict=True))
    raw = dict(zip(offered, raw_directions(codes, regressors[: len(offered)]), strict=True))
    held_out = codec.encode([*decode_image(read_faces(held_out_paths[: arguments.num_held_out], size=codec.size))])
    table = measure_directions(vectors, raw, held_out, measured.values.std(axis=0), meter)
    notes = {
        "covered_eyes": limit_figures,
        "children": child_figures,
        "held_still": names,
        "probes": {name: {"auc": round(p.auc, 3), "faces": p.num_plus} for name, p in probes.items()},
    }
    directions = shipped_set(vectors, table, arguments.reject, notes, limits, regressors)
    directions.save(arguments.out)
    if arguments.sheet:
        save_sheet(directions, held_out, codec, arguments.sheet)


if __name__ == "__main__":
    main()
