"""Train the shipped predictor, judge and auditor: words from real headline tests, pictures and faces from simulated markets.

    python -m data.make.shipped_training packages-train.parquet [--out data/weights]

They learn from many markets: what holds in all is what an account that none has seen can be told. Each leaves out another
third of the markets, so that they do not share all the luck of their data. They know no brand, and read its history instead.
The headline tests used here are the "calibrate" part, which the headline model has never seen, so that its score is weighed
as it deserves; the "held-out" part is used only to measure. Features are cached, so that a stopped run goes on quickly.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.ctr.config import PredictorConfig
from adcreative.ctr.predictor import Predictor
from adcreative.features.tables import extract_features
from adcreative.metrics.creatives import bootstrap_metrics, evaluate_predictions
from adcreative.verbs.loading import Judges, Tools, load_market, load_tools
from data.make.headline_tests import ATTRIBUTION, part_of_test
from data.make.predictor_fitting import fit_predictor, predict_rates

PROVENANCE = {
    "words": "measured: real headline tests of Upworthy, 2013-2015, and simulated ads",
    "picture": "simulated: ads of our market simulator, no real clicks",
    "faces": "simulated: ads of our market simulator, no real clicks",
    "context": "simulated: ads of our market simulator, no real clicks",
}
FIRST_MARKET = 100  # smaller seeds are reserved for demonstrations, tests and benchmarks: no shipped model has seen them
MARKET_SCALE = 0.5
CREATIVE_SEED = 100
CHUNK = 64


def extract(tools: Tools, creatives: Sequence[Creative], label: str) -> tuple[list[Creative], list[Any]]:
    """Return creatives without their pixels, and their features; unusable ones are counted and left out."""
    usable, features, _ = extract_features(tools.extractor, creatives, lambda *_: None, lambda: False)
    kept = [replace(creative, image_u8=None) for creative in usable]
    print(f"{label}: {len(kept)} of {len(creatives)} creatives usable", flush=True)
    return kept, features


def extract_words(creatives: Sequence[Creative]) -> tuple[list[Creative], list[Any]]:
    """Return the features of headline packages, for a worker process."""
    torch.set_num_threads(1)
    return extract(load_tools(), creatives, "headline tests")


def extract_market(seed: int, num: int) -> tuple[list[Creative], list[Any]]:
    """Generate creatives of a market and their features, chunk by chunk, so that memory holds few pictures.

    Names of brands and tests include the market's number: the same name in another market is another account.
    """
    torch.set_num_threads(1)
    tools, market = load_tools(), load_market(seed)
    kept: list[Creative] = []
    features: list[Any] = []
    for start, chunk in enumerate(batched(market.iter_creatives(num, CREATIVE_SEED, scale=MARKET_SCALE), CHUNK)):
        more, their_features = extract(tools, chunk, f"market {seed}, part {start + 1}")
        kept += [
            replace(one, brand=f"{one.brand} {seed}", test_id=f"{seed}-{one.test_id}" if one.test_id else "") for one in more
        ]
        features += their_features
    return kept, features


def left_out(jobs: Sequence[Any], row: int) -> list[Any]:
    """Return the jobs without every third one, starting at `row`: the training data of model number `row`."""
    return [job for number, job in enumerate(jobs) if number % len(Judges._fields) != row]


def batched(creatives: Iterable[Creative], size: int) -> Iterator[list[Creative]]:
    """Yield lists of `size` creatives, the last one shorter (itertools.batched of Python 3.12)."""
    iterator = iter(creatives)
    while chunk := list(islice(iterator, size)):
        yield chunk


def fit_and_save(name: str, seed: int, table: tuple[list[Creative], list[Any]], held_out: list[Creative], out: Path) -> str:
    """Fit one model, measure it on unseen headline tests, save it; return a line of figures."""
    torch.set_num_threads(1)
    tools = load_tools()
    config = PredictorConfig(encoder_hashes=tools.extractor.hashes, ignored_categories=("brand",))
    predictor = fit_predictor(*table, config, seed=seed, provenance=PROVENANCE)
    predictor.notes["headline_tests"] = measure_headlines(tools, predictor, held_out)
    predictor.notes["attribution"] = ATTRIBUTION
    predictor.save(out / name)
    return json.dumps({name: predictor.notes["metrics"], "headlines": predictor.notes["headline_tests"]})


def measure_headlines(tools: Tools, predictor: Predictor, creatives: Sequence[Creative]) -> dict[str, Any]:
    """Return metrics on headline tests that no model has seen, with bootstrap intervals over tests."""
    kept, features = extract(tools, creatives, "held-out headline tests")
    rates = predict_rates(predictor, kept, features)
    return {**evaluate_predictions(kept, rates), "intervals": bootstrap_metrics(kept, rates, seed=0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("--out", type=Path, default=Path("data/weights"))
    parser.add_argument("--markets", type=int, default=36, help="simulated markets, of which each model leaves out a third")
    parser.add_argument("--num", type=int, default=150, help="creatives per market")
    parser.add_argument("--workers", type=int, default=2, help="processes, one core each")
    arguments = parser.parse_args()
    packages = read_catalog(arguments.packages).creatives
    calibrate, held_out = ([c for c in packages if part_of_test(c.test_id) == part] for part in ("calibrate", "held-out"))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, mp_context=spawn) as pool:
        words = pool.submit(extract_words, calibrate)
        jobs = [pool.submit(extract_market, FIRST_MARKET + k, arguments.num) for k in range(arguments.markets)]
        fits = []
        for row, name in enumerate(Judges._fields):
            parts = [words.result(), *(job.result() for job in left_out(jobs, row))]
            table = ([c for creatives, _ in parts for c in creatives], [f for _, features in parts for f in features])
            fits.append(pool.submit(fit_and_save, name, 1000 * row, table, held_out, arguments.out))
        for fit in fits:
            print(fit.result(), flush=True)


if __name__ == "__main__":
    main()
