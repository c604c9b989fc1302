"""Train the shipped predictor and its judge: words from real headline tests, pictures and faces from the simulated market.

    python -m adcreative.shipped_training packages-train.parquet [--out data/weights]

The headline tests used here are the "calibrate" part, which the headline model has never seen, so that its score is weighed
as it deserves; the "held-out" part is used only to measure. Both models see the same creatives, split and started from
different seeds. Features are cached, so that a run that was stopped goes on quickly.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.ctr.metrics import bootstrap_metrics, evaluate_predictions
from adcreative.ctr.predictor import Predictor, PredictorConfig
from adcreative.encoders.headline_tests import ATTRIBUTION, part_of_test
from adcreative.errors import CreativeError
from adcreative.pipeline import SHIPPED_MARKET_SEED
from adcreative.run_output import predict_rates
from adcreative.tools import Tools, load_market, load_tools

PROVENANCE = {
    "words": "measured: real headline tests of Upworthy, 2013-2015, and simulated ads",
    "picture": "simulated: ads of our market simulator, no real clicks",
    "faces": "simulated: ads of our market simulator, no real clicks",
    "context": "simulated: ads of our market simulator, no real clicks",
}
MARKET_SCALE = 0.5
CREATIVE_SEED = 100
CHUNK = 64


def extract(tools: Tools, creatives: Sequence[Creative], label: str) -> tuple[list[Creative], list[Any]]:
    """Return creatives without their pixels, and their features; unusable ones are counted and left out."""
    kept: list[Creative] = []
    features: list[Any] = []
    for start in range(0, len(creatives), CHUNK):
        chunk = creatives[start : start + CHUNK]
        for creative, result in zip(chunk, tools.extractor.extract(chunk), strict=True):
            if not isinstance(result, CreativeError):
                kept.append(replace(creative, image_u8=None))
                features.append(result)
    print(f"{label}: {len(kept)} of {len(creatives)} creatives usable", flush=True)
    return kept, features


def extract_market(tools: Tools, num: int, *, market_seed: int, creative_seed: int) -> tuple[list[Creative], list[Any]]:
    """Make a simulated market's creatives and their features, chunk by chunk, so that pictures do not pile up."""
    market = load_market(market_seed)
    kept: list[Creative] = []
    features: list[Any] = []
    chunk: list[Creative] = []
    for number, creative in enumerate(market.iter_creatives(num, creative_seed, scale=MARKET_SCALE), 1):
        chunk.append(creative)
        if len(chunk) == CHUNK or number == num:
            more, their_features = extract(tools, chunk, f"market {number}/{num}")
            kept += more
            features += their_features
            chunk = []
    return kept, features


def measure_headlines(tools: Tools, predictor: Predictor, creatives: Sequence[Creative]) -> dict[str, Any]:
    """Return metrics on headline tests that no model has seen, with bootstrap intervals over tests."""
    kept, features = extract(tools, creatives, "held-out headline tests")
    rates = predict_rates(predictor, kept, features)
    return {**evaluate_predictions(kept, rates), "intervals": bootstrap_metrics(kept, rates, seed=0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("--out", type=Path, default=Path("data/weights"))
    parser.add_argument("--num", type=int, default=4000, help="simulated creatives")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tools = load_tools()
    packages = read_catalog(arguments.packages).creatives
    parts = {part: [c for c in packages if part_of_test(c.test_id) == part] for part in ("calibrate", "held-out")}
    words, word_features = extract(tools, parts["calibrate"], "headline tests")
    ads, ad_features = extract_market(tools, arguments.num, market_seed=SHIPPED_MARKET_SEED, creative_seed=CREATIVE_SEED)
    config = PredictorConfig(encoder_hashes=tools.extractor.hashes)
    for name, seed in (("predictor", 0), ("judge", 1000)):
        predictor = Predictor.fit(
            [*words, *ads], [*word_features, *ad_features], config, seed=seed, provenance=PROVENANCE,
            progress=lambda done, total, name=name: print(f"{name}: epoch {done}/{total}", flush=True),
        )  # fmt: skip
        predictor.notes["headline_tests"] = measure_headlines(tools, predictor, parts["held-out"])
        predictor.notes["attribution"] = ATTRIBUTION
        predictor.save(arguments.out / name)
        print(json.dumps({name: predictor.notes["metrics"], "headlines": predictor.notes["headline_tests"]}), flush=True)


if __name__ == "__main__":
    main()
