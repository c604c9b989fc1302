"""Faithfulness of the shipped model's reasons, printed as JSON: held-out headlines, and simulated ads that it has not seen.

python -m tests.bench.faithfulness packages-train.parquet [--headlines 100] [--ads 60]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

HEADLINE_SEED, ADS_SEED = 11, 911


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("--headlines", type=int, default=100)
    parser.add_argument("--ads", type=int, default=60)
    parser.add_argument("--model", type=Path, default=None, help="folder written by train; default: the shipped model")
    arguments = parser.parse_args()
    from adcreative.catalog import read_catalog
    from adcreative.encoders.headline_tests import part_of_test
    from adcreative.explain.faithfulness import judge_heat, judge_words
    from adcreative.verbs.loading import load_market, load_model, load_tools
    from data.make.shipped_training import MARKET_SCALE

    extractor, predictor = load_tools().extractor, load_model(arguments.model).predictor
    found = {}
    if arguments.headlines:
        packages = read_catalog(arguments.packages).creatives
        held_out = [c for c in packages if part_of_test(c.test_id) == "held-out"]
        order = np.random.default_rng(HEADLINE_SEED).permutation(len(held_out))[: arguments.headlines]
        found |= judge_words([held_out[row] for row in order], extractor, predictor, seed=0)
    if arguments.ads:
        ads = load_market(0).iter_creatives(arguments.ads, ADS_SEED, scale=MARKET_SCALE)
        found |= judge_heat(list(ads), extractor, predictor, seed=0)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
