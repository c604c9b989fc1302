"""Ads of ad groups that a model has not seen: the half for new groups beside each floor, over many splits by whole groups.

    python -m tests.bench.new_groups search-ads-nl.csv

Columns of the table: ad_group, device, headline_1, headline_2, description, impressions, clicks. 30 % of the groups are held
out by hash, twelve times; splits share ads, so that standard errors over splits are somewhat small. Gain: nats per impression
over the mean rate of what was learnt from, an ad counting for at most 5,000 impressions; rank: Spearman correlation with the
rates. Words are read as pieces and by multilingual-e5-small, whose vectors in a plain logistic regression are a floor, and 450
ads support the mixed model, so that twelve fits end within minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import spearmanr

from adcreative.creative import Creative
from adcreative.ctr.account import mixed_model
from adcreative.ctr.account.members import FLOORS
from adcreative.ctr.account.part_fitting import Watch, fit_parts
from adcreative.ctr.account.table import AccountTable, EncodesTexts, read_table
from adcreative.encoders.text_encoder import E5, TextEncoder
from adcreative.features.batch import CreativeFeatures

HELD_OUT_PERCENT, MIN_IMPRESSIONS, MIN_ADS = 30, 30, 100
GROUP, WHOLE = "category", "whole"


def read_ads(path: Path) -> list[Creative]:
    """Return the ads of a table, rows that agree in words, group and device added up."""
    raw = pd.read_csv(path, keep_default_na=False)
    raw = raw.assign(**{name: pd.to_numeric(raw[name], errors="coerce") for name in ("impressions", "clicks")})
    raw = raw[(raw.impressions >= MIN_IMPRESSIONS) & (raw.clicks <= raw.impressions)]
    keys = ["ad_group", "device", "headline_1", "headline_2", "description"]
    rows = raw.groupby(keys, as_index=False)[["impressions", "clicks"]].sum().to_dict("records")
    return [
        Creative(
            headline=row["headline_1"],
            description=f"{row['headline_2']} {row['description']}".strip(),
            category=row["ad_group"],
            placement=row["device"],
            impressions=int(row["impressions"]),
            clicks=int(row["clicks"]),
            row=number + 1,
        )
        for number, row in enumerate(rows)
    ]


def measure_split(table: AccountTable, held_out: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the gain and the rank correlation of each floor and of the whole on the held-out ads."""
    known, asked = table.rows(np.flatnonzero(~held_out)), table.rows(np.flatnonzero(held_out))
    fitted = fit_parts(known.ads.creatives, [known.grouped_by(GROUP)], seed=0, watch=Watch(0), group_column=GROUP)
    encoded = fitted.parts[0].encoder.encode(asked)
    said = {name: member.log_odds(encoded) for name, member in fitted.fitted.items() if name in FLOORS}
    said[WHOLE] = fitted.parts[0].log_odds(asked)
    share = np.minimum(1.0, 5_000 / asked.impressions)
    clicks, shown = share * asked.clicks, share * asked.impressions
    base = np.full(len(asked), special.logit(known.clicks.sum() / known.impressions.sum()))

    def loss(log_odds: np.ndarray) -> float:
        return float((shown * np.logaddexp(0, log_odds) - clicks * log_odds).sum() / shown.sum())

    def rank(log_odds: np.ndarray) -> float:
        return 0.0 if np.ptp(log_odds) < 1e-12 else float(spearmanr(log_odds, asked.clicks / asked.impressions)[0])

    print(json.dumps({"weights": {name: round(weight, 2) for name, weight in fitted.weights.items()}}), flush=True)
    return {name: (loss(base) - loss(log_odds), rank(log_odds)) for name, log_odds in said.items()}


def new_group_figures(path: Path, num_splits: int = 12, text_encoder: EncodesTexts | None = None) -> dict[str, object]:
    """Return the mean gain and rank of the whole, and its paired difference to each floor: gain with the standard error over
    splits and how many are above 0, then the same of the rank."""
    ads = read_ads(path)
    table = read_table(ads, [CreativeFeatures()] * len(ads), text_encoder=text_encoder)
    rows = []
    for number in range(1, num_splits + 1):
        digests = [hashlib.sha256(f"s{number}{ad.category}".encode()).hexdigest() for ad in ads]
        held_out = np.array([int(digest, 16) % 100 < HELD_OUT_PERCENT for digest in digests])
        if min(held_out.sum(), (~held_out).sum()) >= MIN_ADS:
            rows.append(measure_split(table, held_out))
            shown = {name: [round(value, 5) for value in pair] for name, pair in rows[-1].items()}
            print(json.dumps({"split": number, **shown}), flush=True)
    found: dict[str, object] = {"splits": len(rows)}
    for place, figure in enumerate(("gain", "rank")):
        of_all = pd.DataFrame([{name: pair[place] for name, pair in row.items()} for row in rows])
        found[figure] = round(float(of_all[WHOLE].mean()), 5)
        for name in of_all.columns.drop(WHOLE):
            gap = of_all[WHOLE] - of_all[name]
            error = float(gap.std() / np.sqrt(len(gap))) if len(gap) > 1 else None
            found[f"{figure} over {name}"] = [round(float(gap.mean()), 5), error and round(error, 5), int((gap > 0).sum())]
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="CSV of an account's search ads")
    parser.add_argument("--splits", type=int, default=12)
    parser.add_argument("--support", type=int, default=450, help="ads that support the mixed model; 1500 in use")
    parser.add_argument("--text-encoder", default=E5, help="what reads the meaning of words; empty: pieces alone")
    arguments = parser.parse_args()
    mixed_model.MAX_ROWS = arguments.support
    encoder = TextEncoder.load(arguments.text_encoder) if arguments.text_encoder else None
    print(json.dumps(new_group_figures(arguments.table, arguments.splits, encoder), indent=1))


if __name__ == "__main__":
    main()
