"""What the bits that a picture needs add to an account's model, beside two other measures of complexity.

    python -m tests.bench.complexity [--num 360]

A market's ads with pictures (a share has none and is left out), read by the shipped encoders; a third is held out. Rates: those
of the simulator, with a worth of complexity planted on top by each measure in turn, or without one; and rates that hang on
brand, category, platform, placement and audience alone. Printed: how much of ln WebP bits a ridge regression reads from look
and picture embedding, rank correlations with the true rates with no measure and with each, and seconds of one thread a picture.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage, special, stats
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs.loading import load_market, load_tools

MEASURES = ("webp", "jpeg", "edges")
WORTH, SIDE_PX, SEEDS = 0.35, 256, 3


def measure(image_u8: np.ndarray) -> tuple[list[float], list[float]]:
    """Return WebP bits, JPEG bits and share of edges of a copy, and the seconds of the copy and of each."""
    picture, times = Image.fromarray(image_u8), [time.process_time()]
    scale = SIDE_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small, found = picture.resize(size, Image.Resampling.LANCZOS), []
    times.append(time.process_time())
    for kind, options in (("WEBP", {"method": 4}), ("JPEG", {})):
        packed = io.BytesIO()
        small.save(packed, kind, quality=75, **options)
        found.append(8 * packed.tell() / (size[0] * size[1]))
        times.append(time.process_time())
    grey = np.asarray(small.convert("L"), np.float32)
    found.append(float((np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1)) > 100).mean()))
    times.append(time.process_time())
    return found, np.diff(times).tolist()


def ranks(
    ads: Sequence[Creative], seen: Sequence[CreativeFeatures], scaled: np.ndarray, log_odds: np.ndarray, seed: int,
    rng: np.random.Generator,
) -> dict[str, float]:  # fmt: skip
    """Return the rank correlation on held-out ads without a measure of complexity and with each."""
    order, num_known = np.random.default_rng(seed).permutation(len(ads)), int(len(ads) * 0.67)
    shown, truth = np.exp(rng.uniform(np.log(500), np.log(8000), len(ads))).astype(int), special.expit(log_odds)
    clicks = rng.binomial(shown, truth)
    told = [replace(ad, clicks=int(k), impressions=int(n)) for ad, k, n in zip(ads, clicks, shown, strict=True)]
    known, asked, found = order[:num_known], order[num_known:], {}
    for name in ("without", *MEASURES):
        column = None if name == "without" else scaled[:, [MEASURES.index(name)]].astype(np.float32)
        rows = [replace(one, complexity=None if column is None else column[k]) for k, one in enumerate(seen)]
        model, _, _ = fit_account([told[k] for k in known], [rows[k] for k in known], seed=seed)
        rates = model.rates([told[k] for k in asked], [rows[k] for k in asked]).rate
        found[name] = float(stats.spearmanr(rates, truth[asked])[0])
    return found


def complexity_figures(num: int = 360, num_seeds: int = SEEDS) -> dict[str, Any]:
    """Return all figures of the module's docstring, means over seeds."""
    ads, seen, rates, found = [], [], [], []
    market, extractor = load_market(64), load_tools().extractor.for_models(())
    for ad in market.iter_creatives(num, seed=1, scale=0.3):
        if ad.image_u8 is not None:
            (one,) = extractor.extract([ad])
            if isinstance(one, CreativeFeatures):
                ads.append(replace(ad, image_u8=None))
                seen.append(one)
                rates.append(market.true_ctr(ad))
                found.append(measure(ad.image_u8))
    truth = np.array(rates)
    logs = np.log(np.array([values for values, _ in found]) + 1e-6)
    scaled = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    inputs = np.stack([np.concatenate([one.look, one.image]) for one in seen if one.look is not None and one.image is not None])
    inputs = (inputs - inputs.mean(axis=0)) / (inputs.std(axis=0) + 1e-6)
    guess = cross_val_predict(RidgeCV(np.logspace(0, 4, 9)), inputs, scaled[:, 0], cv=5)
    base, tables = special.logit(np.clip(truth, 1e-4, 0.5)), {}
    for worth in (*MEASURES, "none", "context"):
        rows = []
        for seed in range(num_seeds):
            rng = np.random.default_rng([seed, 7])
            planted = base - WORTH * scaled[:, MEASURES.index(worth)] if worth in MEASURES else base
            rows.append(ranks(ads, seen, scaled, _of_context(ads, rng) if worth == "context" else planted, seed, rng))
        tables[worth] = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    seconds = np.median([times for _, times in found], axis=0).round(4).tolist()
    return {
        "ads": len(ads), "known_from_look_and_picture": round(float(1 - np.square(scaled[:, 0] - guess).mean()), 3),
        "ranks": tables, "seconds": dict(zip(("copy", *MEASURES), seconds, strict=True)),
    }  # fmt: skip


def _of_context(ads: Sequence[Creative], rng: np.random.Generator) -> np.ndarray:
    worth: dict[str, float] = {}
    names = [(ad.brand, ad.category, ad.platform, ad.placement, ad.audience) for ad in ads]
    sums = [sum(worth.setdefault(name, float(rng.normal(0, 0.3))) for name in of_ad) for of_ad in names]
    return np.asarray(special.logit(0.03) + np.array(sums) + rng.normal(0, 0.1, len(ads)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=360, help="ads of the market")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    print(json.dumps(complexity_figures(arguments.num, arguments.seeds), indent=1))
