"""Train the models of blocks and roles on drawn ads: python -m data.make.roles --photos FOLDER --out data/weights/roles

FOLDER holds photographs under open licences; `data/README.md` names those that the shipped models were trained with.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from PIL import Image

from adcreative.artifacts import hash_bytes, save_artifact
from adcreative.lettering.reading.block_features import BLOCK_FEATURES, block_rows, find_pairs, link_rows, share_of
from adcreative.lettering.reading.blocks import TextBlock, join_lines, measure_lines
from adcreative.lettering.reading.role_models import FORMAT, KIND, ROLES, RoleModels
from adcreative.lettering.reading.word_marks import MARKS
from data.make.roles.drawn_ads import DrawnAd, draw_ad, font_files

LINK_ROUNDS, ROLE_ROUNDS, NUM_SEEDS = 200, 110, 3
# Chosen on the labelled working half of real ads (`tests/real`), with makers left out in turn: probability for joining
# lines, penalty for different heights, flatness of role probabilities, and number of blocks of each role in real ads (half of
# the difference from drawn ads is compensated).
LEAST, PENALTY, FLATNESS, PRIOR_SHARE = 0.55, 0.7, 1.2, 0.5
REAL_BLOCKS = {
    "headline": 66,
    "subline": 59,
    "offer": 24,
    "price": 10,
    "proof": 2,
    "badge": 6,
    "button": 6,
    "brand": 68,
    "product_print": 39,
    "legal": 22,
    "address": 35,
    "tag": 28,
}
HIDDEN_WORDS = 0.2  # share of drawn blocks with hidden known words, since not all words of real ads are known
SETTINGS = {
    "learning_rate": 0.08,
    "num_leaves": 8,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
}


@dataclass(frozen=True)
class Sample:
    """A drawn ad as input of the models: lines measured in its pixels, block of each (-1: none), roles of blocks."""

    lines: list[TextBlock]
    block: list[int]
    roles: list[str]
    size: tuple[int, int]


def sample_of(ad: DrawnAd) -> Sample:
    """Measure a drawn ad's lines like the reader, and find the block of each by position."""
    lines = measure_lines(ad.image_u8, ad.lines)
    blocks = []
    for line in lines:
        shares = [share_of(line.box, truth.box_xyxy_px) for truth in ad.lines]
        blocks.append(ad.block[int(np.argmax(shares))] if max(shares) > 0.5 else -1)
    height, width = ad.image_u8.shape[:2]
    return Sample(lines, blocks, ad.roles, (height, width))


def draw_samples(num: int, *, seed: int, photos: Sequence[np.ndarray], first: int = 0) -> Iterator[Sample]:
    """Yield `num` drawn ads from number `first` on, without ads that have a single line or lines outside."""
    for number in range(first, first + num):
        ad = draw_ad(np.random.default_rng((seed, number)), photos)
        (height, width), middles = ad.image_u8.shape[:2], np.array([line.quad_xy_px.mean(axis=0) for line in ad.lines])
        if len(ad.lines) > 1 and (middles > 0).all() and (middles < (width, height)).all():  # a tilted one may leave it
            yield sample_of(ad)


def link_data(samples: Iterable[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Return features of pairs [P, F], and whether both lines are in one block [P]."""
    rows, truth = [], []
    for sample in samples:
        pieces = [line.piece for line in sample.lines]
        pairs = find_pairs(pieces)
        if pairs:
            rows.append(link_rows(pieces, pairs, sample.size))
            truth += [sample.block[i] == sample.block[j] >= 0 for i, j in pairs]
    return np.concatenate(rows), np.array(truth, float)


def role_data(samples: Iterable[Sample], models: RoleModels | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return features of blocks [B, F] and the indices of their roles [B]: true blocks, or blocks joined by `models`."""
    rows, truth = [], []
    for sample in samples:
        groups = models.join([line.piece for line in sample.lines], sample.size)[0] if models else _true_groups(sample)
        if not groups:
            continue
        rows.append(block_rows([join_lines([sample.lines[place] for place in group]).piece for group in groups], sample.size))
        for group in groups:
            named = [sample.roles[sample.block[place]] for place in group if sample.block[place] >= 0]
            truth.append(ROLES.index(max(named, key=named.count)) if named else -1)
    stacked, numbers = np.concatenate(rows), np.array(truth)
    return stacked[numbers >= 0], numbers[numbers >= 0]


def _true_groups(sample: Sample) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for place, block in enumerate(sample.block):
        groups.setdefault(block if block >= 0 else -1 - place, []).append(place)
    return list(groups.values())


def hide_words(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return features of blocks with the marks of known words removed from a share of the blocks."""
    known = [place for place, name in enumerate(BLOCK_FEATURES) if name in MARKS and name.startswith("known ")]
    hidden = rows.copy()
    hidden[np.ix_(np.flatnonzero(rng.random(len(rows)) < HIDDEN_WORDS), np.array(known))] = 0.0
    return hidden


def pack_trees(booster: lightgbm.Booster, name: str, num_outputs: int) -> dict[str, np.ndarray]:
    """Return the arrays of `BoostedTrees` for LightGBM's trees."""
    nodes: list[tuple[int, float, int, int, float]] = []

    def add(node: Mapping[str, Any]) -> int:
        place = len(nodes)
        if "leaf_value" in node:
            nodes.append((-1, 0.0, 0, 0, float(node["leaf_value"])))
            return place
        nodes.append((int(node["split_feature"]), float(node["threshold"]), 0, 0, 0.0))
        left, right = add(node["left_child"]), add(node["right_child"])
        nodes[place] = (*nodes[place][:2], left, right, 0.0)
        return place

    roots = [add(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    feature, threshold, left, right, value = zip(*nodes, strict=True)
    arrays: dict[str, np.ndarray] = {
        "feature": np.array(feature, np.int16),
        "threshold": np.array(threshold, np.float32),
        "left": np.array(left, np.int32),
        "right": np.array(right, np.int32),
        "value": np.array(value, np.float32),
        "roots": np.array(roots, np.int32).reshape(-1, num_outputs),
    }
    return {f"{name}.{part}": array for part, array in arrays.items()}


def average_trees(parts: Sequence[Mapping[str, np.ndarray]], name: str) -> dict[str, np.ndarray]:
    """Return the arrays of `BoostedTrees` whose scores are the means of those of several."""
    found: dict[str, list[np.ndarray]] = {}
    start = np.int32(0)
    for part in parts:
        for field in ("feature", "threshold"):
            found.setdefault(f"{name}.{field}", []).append(part[f"{name}.{field}"])
        for field in ("left", "right", "roots"):
            found.setdefault(f"{name}.{field}", []).append(part[f"{name}.{field}"] + start)
        found.setdefault(f"{name}.value", []).append(part[f"{name}.value"] / np.float32(len(parts)))
        start += np.int32(len(part[f"{name}.feature"]))
    return {field: np.concatenate(arrays) for field, arrays in found.items()}


def train(samples: Sequence[Sample], *, seed: int) -> dict[str, np.ndarray]:
    """Return the tensors of `RoleModels`, trained on drawn ads: the mean of models of NUM_SEEDS seeds from `seed` on."""
    parts = [train_once(samples, seed=seed + number) for number in range(NUM_SEEDS)]
    return {**parts[0], **average_trees(parts, "link"), **average_trees(parts, "role")}


def train_once(samples: Sequence[Sample], *, seed: int) -> dict[str, np.ndarray]:
    """Return the tensors of `RoleModels`, trained on drawn ads with one seed."""
    rng = np.random.default_rng(seed)
    given = {**SETTINGS, "seed": seed}
    rows, truth = link_data(samples)
    link = pack_trees(lightgbm.train({**given, "objective": "binary"}, lightgbm.Dataset(rows, truth), LINK_ROUNDS), "link", 1)
    told = {
        "link.least": np.array([LEAST]),
        "link.penalty": np.array([PENALTY]),
        "role.flatness": np.array([FLATNESS]),
        "role.shift": np.zeros(len(ROLES)),
    }
    joiner = RoleModels({**link, **{name.replace("link.", "role."): array for name, array in link.items()}, **told})
    parts = [role_data(samples), role_data(samples, joiner)]
    rows, numbers = (np.concatenate(one) for one in zip(*parts, strict=True))
    dataset = lightgbm.Dataset(hide_words(rows, rng), numbers)
    role = lightgbm.train({**given, "objective": "multiclass", "num_class": len(ROLES)}, dataset, ROLE_ROUNDS)
    told["role.shift"] = prior_shift(numbers)
    return {**link, **pack_trees(role, "role", len(ROLES)), **told}


def prior_shift(numbers: np.ndarray) -> np.ndarray:
    """Return the offset of the scores of ROLES [K], for roles that are more frequent in real ads than in drawn ones."""
    drawn = np.bincount(numbers, minlength=len(ROLES)) + 1.0
    real = np.array([REAL_BLOCKS[role] for role in ROLES], float)
    shift: np.ndarray = PRIOR_SHARE * np.log(real / real.sum() / (drawn / drawn.sum()))
    return shift


def read_photos(folder: Path) -> list[np.ndarray]:
    """Return the photographs of a folder [H, W, 3] uint8, sorted by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def hash_files(paths: Iterable[Path]) -> str:
    """Return a hash of the names and contents of files, sorted by name."""
    ordered = sorted(paths, key=lambda path: path.name)
    return hash_bytes(*(part for path in ordered for part in (path.name.encode(), path.read_bytes())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs under open licences")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--num", type=int, default=1200, help="drawn ads")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    samples = list(draw_samples(given.num, seed=given.seed, photos=read_photos(given.photos)))
    print(f"{len(samples)} ads drawn in {time.monotonic() - started:.0f} s", flush=True)
    tensors = train(samples, seed=given.seed)
    inputs = {"photos": hash_files(given.photos.iterdir()), "fonts": hash_files(font_files())}  # the same give the same bytes
    notes = {"roles": list(ROLES), "num_ads": given.num, "seed": given.seed, **inputs}
    save_artifact(given.out, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
    print(f"written to {given.out} after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
