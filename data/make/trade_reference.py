"""Write the reference set that a lone ad is compared with (`ctr/trade.toml`): what the shipped predictor says of other ads.

    python -m data.make.trade_reference packages-train.parquet [--out adcreative/ctr/trade.toml]

Ads with pictures come from simulated markets, lines from the Upworthy Research Archive (CC BY 4.0): only quantiles of predicted
rates are kept. To be run again whenever the shipped predictor changes; a test compares the hashes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.artifacts import write_atomically
from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.ctr.predictor import Predictor
from adcreative.ctr.trade import ALL, NUM_STEPS, PICTURES, WORDS
from adcreative.encoders.weights import embedded_dir
from adcreative.features.outcomes import fold
from data.make.predictor_fitting import predict_rates
from data.make.shipped_training import CHUNK, batched, extract

MIN_ADS = 40  # minimum ads of a category
NUM_LINES = 600
MARKET, NUM_ADS, MARKET_SEED, SCALE = 101, 1_080, 1, 0.3


def quantiles_of(rates: np.ndarray) -> list[float]:
    """Return NUM_STEPS + 1 quantiles, six digits each."""
    return [float(f"{rate:.6g}") for rate in np.quantile(rates, np.linspace(0, 1, NUM_STEPS + 1))]


def quantiles_by_category(creatives: Sequence[Creative], rates: np.ndarray) -> dict[str, list[float]]:
    """Return the quantiles of ALL, and of each category with at least MIN_ADS ads."""
    categories = np.array([fold(creative.category) for creative in creatives])
    found = {ALL: quantiles_of(rates)}
    for category in sorted(set(categories) - {"", ALL}):
        if (categories == category).sum() >= MIN_ADS:
            found[category] = quantiles_of(rates[categories == category])
    return found


def render_trade(content_hash: str, quantiles: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return the file as TOML."""
    lines = [
        "# Quantiles 0, 0.05 ... 1 of rates that the shipped predictor says of other ads: what a lone ad is compared with.",
        "# pictures: ads of a simulated market. words: lines of the Upworthy Research Archive (CC BY 4.0). Written by",
        "# python -m data.make.trade_reference packages-train.parquet",
        f'model = "{content_hash}"',
    ]
    for kind, groups in quantiles.items():
        lines += ["", f"[{kind}]"]
        lines += [f'"{name}" = [{", ".join(f"{rate:g}" for rate in rates)}]' for name, rates in groups.items()]
    return "\n".join(lines) + "\n"


def build_trade(
    predictor: Predictor, ads: tuple[Sequence[Creative], Sequence[Any]], lines: tuple[Sequence[Creative], Sequence[Any]]
) -> str:
    """Return trade.toml for a predictor.

    Args:
        ads, lines: creatives and their features, with pictures and without.
    """
    with_picture = [row for row, one in enumerate(ads[1]) if one.image is not None]
    shown, features = [ads[0][row] for row in with_picture], [ads[1][row] for row in with_picture]
    quantiles = {
        PICTURES: quantiles_by_category(shown, predict_rates(predictor, shown, features)),
        WORDS: {ALL: quantiles_of(predict_rates(predictor, *lines))},
    }
    return render_trade(predictor.content_hash, quantiles)


def extract_ads() -> tuple[list[Creative], list[Any]]:
    """Return the ads of the market and their features, chunk by chunk, so that memory holds few pictures."""
    from adcreative.verbs.loading import load_market, load_tools

    creatives: list[Creative] = []
    features: list[Any] = []
    drafts = load_market(MARKET).iter_creatives(NUM_ADS, MARKET_SEED, scale=SCALE)
    for number, chunk in enumerate(batched(drafts, CHUNK)):
        kept, seen = extract(load_tools(), chunk, f"part {number + 1}")
        creatives, features = creatives + kept, features + seen
    return creatives, features


def main() -> None:
    """Render, read, score and write."""
    from adcreative.verbs.loading import load_tools

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("--out", type=Path, default=Path("adcreative/ctr/trade.toml"))
    arguments = parser.parse_args()
    packages = read_catalog(arguments.packages).creatives
    chosen = np.sort(np.random.default_rng(0).choice(len(packages), min(NUM_LINES, len(packages)), replace=False))
    lines = extract(load_tools(), [packages[row] for row in chosen], "lines")
    text = build_trade(Predictor.load(embedded_dir("predictor")), extract_ads(), lines)
    write_atomically(arguments.out, text.encode())


if __name__ == "__main__":
    main()
