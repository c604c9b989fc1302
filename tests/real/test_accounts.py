"""Real accounts, which lie beside a checkout and are never committed: the model of an account against a twenty-line script.

    python -m pytest tests/real -s          prints every figure

Skipped where ../shared is missing. The script and its split are those of ../shared/tools/account_bench.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import multiprocessing
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
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
    pytest.mark.skipif(not BENCH.is_file(), reason="no ../shared beside the checkout"),
    pytest.mark.timeout(1800),
]


def fail_on_own_warnings() -> None:
    """As pytest does in its own process: see filterwarnings in pyproject.toml."""
    for name in ("adcreative", "stylegan", "apps", "tests"):
        warnings.filterwarnings("error", module=name)


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """Two processes of one thread each, in which accounts are learnt from; they keep the models that they loaded."""
    spawn = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(2, spawn, fail_on_own_warnings) as pool:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")
        yield pool


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
        "gain": loss(base) - loss(rates),
        "level": float((rates * shown).sum() / clicks.sum()),
    }


def train_and_score(folder: Path) -> dict[str, Any]:
    pipeline.train(folder / "train.csv", folder / "model")
    pipeline.score(folder / "test.csv", folder / "scores.csv", model=folder / "model")
    return judge(folder, folder / "scores.csv")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, pool: Executor) -> dict[str, dict[str, Any]]:
    """Split of the Dutch account, `own` for that of the script -> figures of a model that learnt from it, and of the script."""
    spec = importlib.util.spec_from_file_location("account_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    base = tmp_path_factory.mktemp("dutch")
    bench.make(base / "own")
    whole = pd.concat([pd.read_csv(base / "own" / name).fillna("") for name in ("train.csv", "truth.csv")])
    for salt in SPLITS:
        folder = base / salt
        folder.mkdir()
        held_out = (whole.headline + "|" + whole.description).map(lambda text, salt=salt: is_held_out(text, salt))
        whole[~held_out].to_csv(folder / "train.csv", index=False)
        whole[held_out].to_csv(folder / "truth.csv", index=False)
        whole[held_out].drop(columns=["impressions", "clicks"]).to_csv(folder / "test.csv", index=False)
    names = ("own", *SPLITS)
    return dict(zip(names, pool.map(train_and_score, [base / name for name in names]), strict=True))


def test_dutch_search_ads_beat_the_script(judged: dict[str, dict[str, Any]]) -> None:
    found = judged["own"]
    print("\nsearch-ads-nl", found)
    assert found["without_a_number"] == 0
    assert found["model"]["spearman"] >= 0.823
    assert found["model"]["gain"] >= 0.0060
    assert 0.9 <= found["model"]["level"] <= 1.1


def test_other_splits_of_the_same_account_do_too(judged: dict[str, dict[str, Any]]) -> None:
    rows = [judged[salt] for salt in SPLITS]
    print(*(f"\n{salt} {row}" for salt, row in zip(SPLITS, rows, strict=True)))
    ours, script = (pd.DataFrame([row[name] for row in rows]) for name in ("model", "baseline"))
    print(f"\nmean of {len(rows)} splits: {ours.mean().round(5).to_dict()}, script {script.mean().round(5).to_dict()}")
    assert (ours.spearman.mean() - script.spearman.mean()) >= 0.01
    assert (ours.gain > script.gain).all()
    assert ours.level.between(0.9, 1.1).all()


def test_ads_of_new_ad_groups_are_ordered_at_least_as_well_as_by_the_script(tmp_path: Path, pool: Executor) -> None:
    """Whole ad groups held out: the script's level is off by up to three quarters there; ours keeps order and level."""
    subprocess.run([sys.executable, str(BENCH), "make", str(tmp_path)], check=True)
    whole = pd.concat([pd.read_csv(tmp_path / name).fillna("") for name in ("train.csv", "truth.csv")])
    folders = [tmp_path / salt for salt in SPLITS[:2]]
    for folder in folders:
        folder.mkdir()
        held_out = whole.category.map(lambda group, salt=folder.name: is_held_out(group, salt))
        whole[~held_out].to_csv(folder / "train.csv", index=False)
        whole[held_out].to_csv(folder / "truth.csv", index=False)
        whole[held_out].drop(columns=["impressions", "clicks"]).to_csv(folder / "test.csv", index=False)
    rows = list(pool.map(train_and_score, folders))
    print(*(f"\nnew ad groups {folder.name} {row}" for folder, row in zip(folders, rows, strict=True)))
    ours, script = (pd.DataFrame([row[name] for row in rows]) for name in ("model", "baseline"))
    assert (ours.spearman > script.spearman - 0.02).all()
    assert ours.gain.mean() > 0
    assert ours.gain.mean() > script.gain.mean()
    assert ours.level.between(0.6, 1.6).all()


def test_segments_without_words_beat_the_script(pool: Executor) -> None:
    """Ads of a social account told apart by age, gender and interest alone, at two clicks in ten thousand impressions."""
    raw = pd.read_csv(ACCOUNTS / "social-ads-segments.csv")
    table = pd.DataFrame(
        {
            "campaign": raw.xyz_campaign_id,
            "ad_group": raw.fb_campaign_id,
            "age": raw.age,
            "gender": raw.gender,
            "interest": raw.interest,
            "impressions": raw.Impressions,
            "clicks": raw.Clicks,
            "ad": raw.ad_id,
        }
    )
    table = table[table.impressions >= 30].astype(dict.fromkeys(("ad", *SEGMENTS), str))
    rows = list(pool.map(_hold_segments, [table] * len(SPLITS), SPLITS))
    print(*(f"\n{salt} {row}" for salt, row in zip(SPLITS, rows, strict=True)))
    ours, plainly = (pd.DataFrame([row[name] for row in rows]) for name in ("ours", "script"))
    print(f"\nmean: {ours.mean().to_dict()}, script {plainly.mean().to_dict()}")
    assert ours.spearman.mean() - plainly.spearman.mean() >= 0.01
    assert ours.gain.mean() > plainly.gain.mean()
    assert ours.level.between(0.8, 1.25).all()
    assert 0.86 <= np.mean([row["coverage"] for row in rows]) <= 0.94  # its counts vary less than chance lets expect


def _hold_segments(table: pd.DataFrame, salt: str) -> dict[str, Any]:
    """Return the figures of our model and of the script on the ads that are held out by `salt`."""
    held_out = table.ad.map(lambda ad: is_held_out(ad, salt))
    train, truth = table[~held_out], table[held_out]
    known, asked = ([_as_creative(row) for row in part.to_dict("records")] for part in (train, truth))
    model, _, _ = fit_account(known, [CreativeFeatures()] * len(known), seed=0)
    rates = model.rates(asked, [CreativeFeatures()] * len(asked))
    encoder = OneHotEncoder(handle_unknown="ignore").fit(train[list(SEGMENTS)])
    share = np.minimum(1, 1_000 / train.impressions)
    plain = LogisticRegression(C=0.03, max_iter=400).fit(
        encoder.transform(pd.concat([train, train])[list(SEGMENTS)]),
        np.r_[np.ones(len(train)), np.zeros(len(train))],
        sample_weight=np.r_[train.clicks * share, (train.impressions - train.clicks) * share],
    )
    script = plain.predict_proba(encoder.transform(truth[list(SEGMENTS)]))[:, 1]
    return {
        "ours": figures(train, truth, rates.rate),
        "script": figures(train, truth, script),
        "coverage": float(rates.covered.mean()),
    }


def _as_creative(row: dict[str, Any]) -> Creative:
    return Creative(
        ad_name=row["ad"],
        impressions=int(row["impressions"]),
        clicks=int(row["clicks"]),
        context={name: row[name] for name in SEGMENTS},
    )
