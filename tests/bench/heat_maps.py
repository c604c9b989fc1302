"""Which heat map shows where the shipped model really looks: occlusion, gradients, or a prior of faces, words and saliency.

python -m tests.bench.heat_maps [--ads 24] [--tiny]

Deletion: the cells that a map ranks first are covered; how far the log-odds move, over shares of the picture, more is better.
Insertion: all others are covered; how far the log-odds are from those of the whole picture, less is better (Petsiuk et al.
2018, RISE, with the change in place of the class probability). Both as ratios to cells in random order; intervals (90 %) of
the difference to occlusion draw whole ads. Ads are simulated and not those of training.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from adcreative.catalog.images import picture
from adcreative.explain.attribution import calibrated_log_odds
from adcreative.explain.perturbation import cell_edges, find_things, map_heat, occlusion_drops, shrink_picture
from adcreative.lettering.reading.reader import has_reader, load_reader
from adcreative.metrics.bootstrap import draw_group_counts, percentile_interval
from adcreative.verbs.loading import load_market, load_model, load_tools
from data.make.shipped_training import MARKET_SCALE

SHARES, SEED, NUM_RANDOM, NUM_BOOTSTRAP = (0.1, 0.2, 0.3, 0.5), 911, 4, 2000
JUDGED_SIDE_PX = 512  # of the pictures in which cells are covered to judge a map
METHODS = ("occlusion", "gradients", "prior")


def heat_maps_figures(num: int = 24) -> dict[str, Any]:
    """Return for each method deletion and insertion over random order, and the difference to occlusion with its interval."""
    extractor, predictor = load_tools().extractor, load_model().predictor
    extract, rng = extractor.without_cache().extract, np.random.default_rng(0)
    score = partial(_score, predictor)
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in (*METHODS, "random")}
    for creative in load_market(0).iter_creatives(num, SEED, scale=MARKET_SCALE):
        image_u8 = picture(creative)
        if image_u8 is None:
            continue
        small, seen = shrink_picture(image_u8), shrink_picture(image_u8, JUDGED_SIDE_PX)
        heat = map_heat(creative, small, extract, score, find_things(small, extractor.analyzer)).cells
        maps = {
            "occlusion": heat,
            "gradients": map_gradients(creative, seen, extractor, predictor),
            "prior": map_prior(seen, extractor.analyzer),
        }
        orders = {name: np.argsort(-np.abs(one).ravel(), kind="stable") for name, one in maps.items()}
        orders |= {f"random {number}": rng.permutation(heat.size) for number in range(NUM_RANDOM)}
        found = measure_orders(list(orders.values()), heat.shape, partial(occlusion_drops, creative, seen), extract, score)
        curves = dict(zip(orders, found, strict=True))
        for name in METHODS:
            rows[name].append(curves[name])
        drawn = np.mean([curves[f"random {number}"] for number in range(NUM_RANDOM)], axis=0)
        rows["random"].append((float(drawn[0]), float(drawn[1])))
    return summarise({name: np.array(found) for name, found in rows.items()}, rng)


def measure_orders(
    orders: Sequence[np.ndarray], shape: tuple[int, ...], drops: Callable[..., np.ndarray], extract: Any, score: Any
) -> list[tuple[float, float]]:
    """Return for each order of cells the mean change when its first cells are covered, and when all others are."""
    cells = list(np.ndindex(*shape))
    regions = []
    for order in orders:
        for share in SHARES:
            first = max(1, round(share * len(cells)))
            regions += [[cells[place] for place in order[:first]], [cells[place] for place in order[first:]]]
    moved = np.abs(drops(regions, extract, score)).reshape(len(orders), len(SHARES), 2).mean(axis=1)
    return [(float(deleted), float(inserted)) for deleted, inserted in moved]


def map_gradients(creative: Any, image_u8: np.ndarray, extractor: Any, predictor: Any) -> np.ndarray:
    """Return per cell the first-order change of covering it: gradient times (pixels less mean), through the CLIP tower."""
    (features,) = extractor.without_cache().extract([_with(creative, image_u8)])
    batch, clip = predictor.builder.encode([creative], [features], None), extractor.clip
    log_odds_of = calibrated_log_odds(predictor, batch)
    pixels = clip.transform(Image.fromarray(image_u8))[None].requires_grad_()
    vector = clip.model.encode_image(pixels, normalize=True).float()
    mean, std = (torch.from_numpy(values["image"]) for values in (predictor.builder.means, predictor.builder.stds))
    (slope,) = torch.autograd.grad(log_odds_of({"image": (vector - mean) / std}).sum(), pixels)
    fill = pixels.detach().mean(dim=(2, 3), keepdim=True)
    effect = (slope * (pixels.detach() - fill)).sum(dim=1)[0].numpy()
    down, across = cell_edges(image_u8)
    scale_y, scale_x = effect.shape[0] / image_u8.shape[0], effect.shape[1] / image_u8.shape[1]
    rows, columns = (np.round(edges * scale).astype(int) for edges, scale in ((down, scale_y), (across, scale_x)))
    return np.array(
        [
            [effect[rows[y] : rows[y + 1], columns[x] : columns[x + 1]].sum() for x in range(len(columns) - 1)]
            for y in range(len(rows) - 1)
        ]
    )


def map_prior(image_u8: np.ndarray, analyzer: Any) -> np.ndarray:
    """Return what a person looks at first, without any model of clicks: faces 1, words 0.7, spectral residual up to 0.5.

    Source: Hou & Zhang, CVPR 2007, for the residual.
    """
    height, width = image_u8.shape[:2]
    luma = image_u8.astype(np.float64).mean(axis=2)
    spectrum = np.fft.fft2(ndimage.zoom(luma, (64 / height, 64 / width), order=1))
    size = np.log(np.abs(spectrum) + 1e-9)
    residual = np.abs(np.fft.ifft2(np.exp(size - ndimage.uniform_filter(size, 3) + 1j * np.angle(spectrum)))) ** 2
    saliency = ndimage.gaussian_filter(residual, 3)
    saliency = ndimage.zoom(saliency, (height / saliency.shape[0], width / saliency.shape[1]), order=1)[:height, :width]
    prior = 0.5 * saliency / max(float(saliency.max()), 1e-12)
    boxes = [(1.0, face.box_xyxy_px) for face in analyzer.analyze(image_u8)]
    boxes += [(0.7, line.box_xyxy_px) for line in load_reader().read(image_u8)] if has_reader() else []
    for value, (x0, y0, x1, y1) in boxes:
        inside = prior[max(int(y0), 0) : int(y1) + 1, max(int(x0), 0) : int(x1) + 1]
        np.maximum(inside, value, out=inside)
    down, across = cell_edges(image_u8)
    return np.array(
        [
            [prior[down[y] : down[y + 1], across[x] : across[x + 1]].mean() for x in range(len(across) - 1)]
            for y in range(len(down) - 1)
        ]
    )


def summarise(rows: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    """Return figures of curves [ads, 2]."""
    base = rows["random"].mean(axis=0)
    found: dict[str, Any] = {"ads": len(rows["random"])}
    counts = draw_group_counts(found["ads"], NUM_BOOTSTRAP, rng=rng)
    for name in METHODS:
        for column, what in enumerate(("deletion", "insertion")):
            found[f"{name} {what} over random"] = round(float(rows[name][:, column].mean() / base[column]), 3)
            if name != METHODS[0]:
                less = (rows[METHODS[0]] - rows[name])[:, column] / base[column]
                interval = percentile_interval(counts @ less / len(less), 0.9) or (float("nan"), float("nan"))
                found[f"occlusion less {name}, {what}"] = [round(float(one), 3) for one in (less.mean(), *interval)]
    return found


def _score(predictor: Any, creatives: Sequence[Any], features: Sequence[Any]) -> np.ndarray:
    log_odds: np.ndarray = predictor.predict_log_odds(creatives, features)[0]
    return log_odds


def _with(creative: Any, image_u8: np.ndarray) -> Any:
    return replace(creative, image_path=None, image_u8=image_u8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ads", type=int, default=24)
    parser.add_argument("--tiny", action="store_true", help="two ads: no figure means anything")
    arguments = parser.parse_args()
    print(json.dumps(heat_maps_figures(2 if arguments.tiny else arguments.ads), indent=1))


if __name__ == "__main__":
    main()
