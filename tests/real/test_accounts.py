"""Real accounts, which lie beside a checkout and are never committed: the model of an account against a twenty-line script.

    python -m pytest tests/real -s          prints every figure

Skipped where ../shared is missing. The script and its split are those of ../shared/tools/account_bench.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from adcreative import pipeline
from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.features.batch import CreativeFeatures

SHARED = Path(__file__).parents[2].parent / "shared"
BENCH, ACCOUNTS = SHARED / "tools" / "account_bench.py", SHARED / "data" / "accounts"
SPLITS = ("s1", "s2", "s3", "s4", "s5")
HELD_OUT_PERCENT = 30
SEGMENTS = ("campaign", "ad_group", "age", "gender", "interest")

pytestmark = [
    pytest.mark.skipif(not BENCH.is_file(), reason="no ../shared beside the checkout"), pytest.mark.timeout(1800),
]  # fmt: skip


def is_held_out(key: str, salt: str) -> bool:
    return int(hashlib.sha256((salt + key).encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def judge(folder: Path, scores: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(BENCH), "judge", str(folder), str(scores)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def figures(train: pd.DataFrame, truth: pd.DataFrame, rates: np.ndarray) -> dict[str, float]:
    """Rank correlation, gain over the mean rate in nats per impression, level; an ad counts for 5,000 impressions at most."""
    base = train.clicks.sum() / train.impressions.sum()
    cap = np.minimum(1, 5_000 / truth.impressions)
    clicks, shown = truth.clicks * cap, truth.impressions * cap

    def loss(rate: Any) -> float:
        return float(-(clicks * np.log(rate) + (shown - clicks) * np.log1p(-rate)).sum() / shown.sum())

    return {
        "spearman": float(spearmanr(rates, truth.clicks / truth.impressions)[0]),
        "gain": loss(base) - loss(rates), "level": float((rates * shown).sum() / clicks.sum()),
    }  # fmt: skip


def train_and_score(folder: Path) -> dict[str, Any]:
    pipeline.train(folder / "train.csv", folder / "model")
    pipeline.score(folder / "test.csv", folder / "scores.csv", model=folder / "model")
    return judge(folder, folder / "scores.csv")


def test_dutch_search_ads_beat_the_script(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(BENCH), "make", str(tmp_path)], check=True)
    found = train_and_score(tmp_path)
    print("\nsearch-ads-nl", found)
    assert found["without_a_number"] == 0
    assert found["model"]["spearman"] >= 0.823
    assert found["model"]["gain"] >= 0.0060
    assert 0.9 <= found["model"]["level"] <= 1.1


def test_other_splits_of_the_same_account_do_too(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("account_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    bench.make(tmp_path / "all")
    whole = pd.concat([pd.read_csv(tmp_path / "all" / name).fillna("") for name in ("train.csv", "truth.csv")])
    rows = []
    for salt in SPLITS:
        folder = tmp_path / salt
        folder.mkdir()
        held_out = (whole.headline + "|" + whole.description).map(lambda text, salt=salt: is_held_out(text, salt))
        whole[~held_out].to_csv(folder / "train.csv", index=False)
        whole[held_out].to_csv(folder / "truth.csv", index=False)
        whole[held_out].drop(columns=["impressions", "clicks"]).to_csv(folder / "test.csv", index=False)
        rows.append(train_and_score(folder))
        print("\n", salt, rows[-1])
    ours, script = (pd.DataFrame([row[name] for row in rows]) for name in ("model", "baseline"))
    print(f"\nmean of {len(rows)} splits: {ours.mean().round(5).to_dict()}, script {script.mean().round(5).to_dict()}")
    assert (ours.spearman.mean() - script.spearman.mean()) >= 0.01
    assert (ours.gain > script.gain).all()
    assert ours.level.between(0.9, 1.1).all()


def test_ads_of_new_ad_groups_are_ordered_at_least_as_well_as_by_the_script(tmp_path: Path) -> None:
    """Whole ad groups held out: the script's level is off by up to three quarters there; ours keeps order and level."""
    subprocess.run([sys.executable, str(BENCH), "make", str(tmp_path)], check=True)
    whole = pd.concat([pd.read_csv(tmp_path / name).fillna("") for name in ("train.csv", "truth.csv")])
    rows = []
    for salt in SPLITS[:2]:
        folder = tmp_path / salt
        folder.mkdir()
        held_out = whole.category.map(lambda group, salt=salt: is_held_out(group, salt))
        whole[~held_out].to_csv(folder / "train.csv", index=False)
        whole[held_out].to_csv(folder / "truth.csv", index=False)
        whole[held_out].drop(columns=["impressions", "clicks"]).to_csv(folder / "test.csv", index=False)
        rows.append(train_and_score(folder))
        print("\nnew ad groups", salt, rows[-1])
    ours, script = (pd.DataFrame([row[name] for row in rows]) for name in ("model", "baseline"))
    assert (ours.spearman > script.spearman - 0.02).all()
    assert ours.gain.mean() > 0
    assert ours.gain.mean() > script.gain.mean()
    assert ours.level.between(0.6, 1.6).all()


def test_segments_without_words_beat_the_script() -> None:
    """Ads of a social account told apart by age, gender and interest alone, at two clicks in ten thousand impressions."""
    raw = pd.read_csv(ACCOUNTS / "social-ads-segments.csv")
    table = pd.DataFrame({
        "campaign": raw.xyz_campaign_id, "ad_group": raw.fb_campaign_id, "age": raw.age, "gender": raw.gender,
        "interest": raw.interest, "impressions": raw.Impressions, "clicks": raw.Clicks, "ad": raw.ad_id,
    })  # fmt: skip
    table = table[table.impressions >= 30].astype(dict.fromkeys(("ad", *SEGMENTS), str))
    rows = []
    for salt in SPLITS:
        held_out = table.ad.map(lambda ad, salt=salt: is_held_out(ad, salt))
        train, truth = table[~held_out], table[held_out]
        known, asked = ([_as_creative(row) for row in part.to_dict("records")] for part in (train, truth))
        model, _, _ = fit_account(known, [CreativeFeatures()] * len(known), seed=0)
        rates = model.rates(asked, [CreativeFeatures()] * len(asked))
        encoder = OneHotEncoder(handle_unknown="ignore").fit(train[list(SEGMENTS)])
        share = np.minimum(1, 1_000 / train.impressions)
        plain = LogisticRegression(C=0.03, max_iter=400).fit(
            encoder.transform(pd.concat([train, train])[list(SEGMENTS)]), np.r_[np.ones(len(train)), np.zeros(len(train))],
            sample_weight=np.r_[train.clicks * share, (train.impressions - train.clicks) * share],
        )  # fmt: skip
        script = plain.predict_proba(encoder.transform(truth[list(SEGMENTS)]))[:, 1]
        rows.append({
            "ours": figures(train, truth, rates.rate), "script": figures(train, truth, script),
            "coverage": float(rates.covered.mean()),
        })  # fmt: skip
        print("\n", salt, rows[-1])
    ours, plainly = (pd.DataFrame([row[name] for row in rows]) for name in ("ours", "script"))
    print(f"\nmean: {ours.mean().to_dict()}, script {plainly.mean().to_dict()}")
    assert ours.spearman.mean() - plainly.spearman.mean() >= 0.01
    assert ours.gain.mean() > plainly.gain.mean()
    assert ours.level.between(0.8, 1.25).all()
    assert 0.86 <= np.mean([row["coverage"] for row in rows]) <= 0.94  # its counts vary less than chance lets expect


def _as_creative(row: dict[str, Any]) -> Creative:
    return Creative(
        ad_name=row["ad"], impressions=int(row["impressions"]), clicks=int(row["clicks"]),
        context={name: row[name] for name in SEGMENTS},
    )  # fmt: skip
