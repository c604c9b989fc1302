"""ESMM on the conversions of two real ad accounts, against a network that learns from clicked rows alone.

    python -m tests.bench.funnel_accounts ACCOUNTS [NAME]

An account counts impressions, clicks and conversions by ad and segment. It becomes a log by writing each impression down, at
most MOST of an ad, with clicks and conversions in proportion (drawn). A fifth of the ads (by headline, or id) is held out.
Printed: AUC of pCVR on clicked held-out rows and of pCTCVR on all, each with its interval, and predicted over observed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.esmm import ESMMConfig
from adcreative.ctr.training.log_training import OF_LOGS, Settings, encode_log, measure_parts, split_by_column, train_network
from adcreative.ctr.training.streamed import TrainConfig
from adcreative.metrics.impressions import measure_impressions

MOST = 400
ACCOUNTS = {
    "search-ads-nl": (("ad_group", "device", "headline_1", "headline_2", "description"), "headline_1"),
    "social-ads-segments": (("xyz_campaign_id", "fb_campaign_id", "age", "gender", "interest"), "ad_id"),
}


def write_log(account: Path, fields: Sequence[str], group: str, seed: int = 0) -> pd.DataFrame:
    """Return one row an impression: fields as text, click, conversion, split by group."""
    table, rng = pd.read_csv(account), np.random.default_rng(seed)
    table = table.rename(columns={"Impressions": "impressions", "Clicks": "clicks", "Total_Conversion": "conversions"})
    counts = table[["impressions", "clicks", "conversions"]].to_numpy(float).round().astype(int)
    rows, click, convert = [], [], []
    for number, (shown, clicks, conversions) in enumerate(counts):
        share = min(1.0, MOST / max(shown, 1))
        num_clicks = int(rng.binomial(clicks, share)) if clicks > 50 else int(clicks)
        num_rows = max(round(shown * share), num_clicks)
        num_conversions = int(rng.binomial(min(conversions, clicks), num_clicks / clicks)) if clicks else 0
        rows += [number] * num_rows
        click += [1] * num_clicks + [0] * (num_rows - num_clicks)
        convert += [1] * num_conversions + [0] * (num_rows - num_conversions)
    keys = [zlib.crc32(str(value).encode()) % 10 for value in table[group]]
    split = np.array(["test" if key < 2 else "valid" if key == 2 else "train" for key in keys])
    found = table.loc[rows, list(fields)].astype(str).reset_index(drop=True)
    return found.assign(click=click, conversion=convert, split=split[rows]).sample(frac=1.0, random_state=seed)


def compare(log: Path, fields: Sequence[str], folder: Path, seed: int) -> dict[str, Any]:
    """Return the figures of ESMM and of a DNN on clicked rows, on the same held-out rows."""
    schema = LogSchema(label="click", conversion="conversion", categorical=tuple(fields), split="split")
    training = TrainConfig(**{**OF_LOGS, "batch_size": 1024, "embedding_regularizer": 1e-3})
    both = split_by_column(log, schema)
    encoded = encode_log(both, num_labels=2)
    settings = Settings(name="esmm", network=ESMMConfig(hidden_dims=(64, 32)), training=training, seed=seed)
    trained = train_network(encoded, settings, folder / f"esmm-{seed}")
    assert trained is not None
    rows = [encoded.encoding.encode(table) for table in both["test"].tables()]
    esmm = measure_parts([(one.labels, one.users, trained.model.predict(one)) for one in rows])
    clicked = folder / "clicked.parquet"
    table = pd.read_parquet(log)
    table[table["click"] == 1].to_parquet(clicked)
    alone = replace(schema, label="conversion", conversion="")
    only = split_by_column(clicked, alone)
    encoded = encode_log(only)
    network = replace(settings, name="dnn", network=DNNConfig(hidden_dims=(64, 32)))
    trained = train_network(encoded, network, folder / f"dnn-{seed}")
    assert trained is not None
    parts = [encoded.encoding.encode(table) for table in only["test"].tables()]
    labels = np.concatenate([one.labels for one in parts])
    rates = np.concatenate([trained.model.predict(one)["ctr"] for one in parts])
    clicks_only = measure_impressions(labels, rates, np.full(len(labels), -1))
    keep = ("auc", "auc_low", "auc_high", "predicted_over_observed")
    shown = {"esmm_cvr": esmm["cvr"], "clicked_rows_only_cvr": clicks_only, "esmm_ctcvr": esmm["ctcvr"]}
    return {name: {key: round(float(one[key]), 4) for key in keep} for name, one in shown.items()}


def main() -> None:
    """Print one line an account and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", type=Path, help="folder of the accounts' tables")
    parser.add_argument("names", nargs="*", default=list(ACCOUNTS), help=f"of {sorted(ACCOUNTS)}")
    arguments = parser.parse_args()
    for name in arguments.names:
        fields, group = ACCOUNTS[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            table = write_log(arguments.accounts / f"{name}.csv", fields, group)
            table.to_parquet(folder / "log.parquet")
            sizes = {"rows": len(table), "clicks": int(table["click"].sum()), "conversions": int(table["conversion"].sum())}
            for seed in range(2):
                found = compare(folder / "log.parquet", fields, folder, seed)
                print(json.dumps({"account": name, "seed": seed, **sizes, **found}), flush=True)


if __name__ == "__main__":
    main()
