"""How far what was learnt of words on some accounts comes true on another: leave one account out.

    python -m data.make.transfer --upworthy packages-train.parquet --search search-ads-nl.csv --markets 1 2 3

For each account a ridge on sentence embeddings, fitted to differences of log-odds inside the groups of all other accounts, says
what the words of its ads should be worth against each other; slope is by how much those differences must be multiplied to fit
the account's own results, by weighted least squares within its groups (1: they come true, 0: they say nothing), with its
standard error from groups. `own` is the same with the ridge fitted to half of the account's own groups. Real accounts are
pooled by a random-effects mean; simulated markets are listed beside them, since they are of our making.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative.creative import Creative

PENALTY = 30.0  # of the ridge, in units of an ad's weight times a squared embedding, per account of equal total weight
MIN_CLICKS = 5
NOISE = 0.15  # log-odds: variation of ads in one group beyond their words, so that no ad dominates the fit
TOTAL_WEIGHT = 20_000.0  # of each account, so that none dominates the fit of the others


@dataclass(frozen=True, eq=False)
class Account:
    """Ads with results: embeddings [N, D], log-odds [N], weights [N], group [N]; centred within groups."""

    name: str
    is_real: bool
    embeddings: np.ndarray
    log_odds: np.ndarray
    weights: np.ndarray
    group: np.ndarray

    def rows(self, idx: np.ndarray) -> Account:
        return Account(self.name, self.is_real, self.embeddings[idx], self.log_odds[idx], self.weights[idx], self.group[idx])


def build_account(
    name: str, embeddings: np.ndarray, clicks: np.ndarray, impressions: np.ndarray, group: np.ndarray, *, is_real: bool
) -> Account:
    """Return the ads with a comparable ad in their group, centred within groups; the weights are inverse variances."""
    kept = np.flatnonzero(clicks >= MIN_CLICKS)
    _, place, sizes = np.unique(group[kept], return_inverse=True, return_counts=True)
    kept, place = kept[sizes[place] > 1], place[sizes[place] > 1]
    _, place = np.unique(place, return_inverse=True)
    yes, no = clicks[kept] + 0.5, impressions[kept] - clicks[kept] + 0.5
    weights = 1 / (1 / yes + 1 / no + NOISE**2)
    total = np.bincount(place, weights)

    def centred(values: np.ndarray) -> np.ndarray:
        means = np.stack([np.bincount(place, weights * column) for column in values.reshape(len(kept), -1).T], axis=1)
        found: np.ndarray = values - (means / total[:, None])[place].reshape(values.shape)
        return found

    return Account(name, is_real, centred(embeddings[kept]), centred(np.log(yes / no)), weights, place)


def fit_words(accounts: Sequence[Account]) -> np.ndarray:
    """Return the ridge's weights [D]; all accounts have equal weight."""
    dim = accounts[0].embeddings.shape[1]
    gram, moment = PENALTY * len(accounts) * np.eye(dim), np.zeros(dim)
    for one in accounts:
        weights = one.weights * min(1.0, TOTAL_WEIGHT / one.weights.sum())
        gram += one.embeddings.T @ (weights[:, None] * one.embeddings)
        moment += one.embeddings.T @ (weights * one.log_odds)
    return np.linalg.solve(gram, moment)


def measure_slope(account: Account, weights: np.ndarray) -> tuple[float, float]:
    """Return the slope of observed on predicted differences, and its standard error over groups (sandwich)."""
    predicted = account.embeddings @ weights
    below = float(account.weights @ predicted**2)
    if below < 1e-12:
        return 0.0, float("inf")
    slope = float(account.weights @ (predicted * account.log_odds)) / below
    scores = account.weights * predicted * (account.log_odds - slope * predicted)
    return slope, float(np.sqrt(np.square(np.bincount(account.group, scores)).sum()) / below)


def pool(slopes: Sequence[float], errors: Sequence[float]) -> tuple[float, float, float]:
    """Return mean, standard error and standard deviation between accounts of slopes (DerSimonian & Laird 1986)."""
    values, variances = np.array(slopes), np.square(errors)
    weights = 1 / variances
    mean = float(weights @ values / weights.sum())
    surplus = float(weights @ (values - mean) ** 2) - (len(values) - 1)
    between = max(surplus / float(weights.sum() - (weights**2).sum() / weights.sum()), 0.0) if len(values) > 1 else 0.0
    weights = 1 / (variances + between)
    return float(weights @ values / weights.sum()), float(weights.sum() ** -0.5), float(np.sqrt(between))


def transfer_figures(accounts: Sequence[Account], *, seed: int = 0) -> dict[str, Any]:
    """Leave each account out in turn; return slopes, and their pooled mean over the real accounts."""
    rows: dict[str, Any] = {}
    for one in accounts:
        others = [other for other in accounts if other is not one]
        slope, error = measure_slope(one, fit_words(others))
        is_half = np.random.default_rng(seed).random(int(one.group.max()) + 1)[one.group] < 0.5
        own, own_error = measure_slope(one.rows(np.flatnonzero(is_half)), fit_words([one.rows(np.flatnonzero(~is_half))]))
        rows[one.name] = {
            "is_real": one.is_real,
            "ads": len(one.log_odds),
            "slope": round(slope, 3),
            "slope_error": round(error, 3),
            "own_slope": round(own, 3),
            "own_slope_error": round(own_error, 3),
        }
    real = [row for row in rows.values() if row["is_real"]]
    found: dict[str, Any] = {"accounts": rows}
    if real:
        mean, error, between = pool([row["slope"] for row in real], [row["slope_error"] for row in real])
        found |= {"real_slope": round(mean, 3), "real_slope_error": round(error, 3), "between_accounts": round(between, 3)}
    return found


def _embed(creatives: Sequence[Creative]) -> np.ndarray:
    from adcreative.errors import CreativeError
    from adcreative.verbs.loading import load_tools

    words = [Creative(headline=one.headline, primary_text=one.body) for one in creatives]
    whole, *found = load_tools().extractor.extract([Creative(headline="a headline", primary_text="a body"), *words])
    rows = []
    for one in found:
        if isinstance(one, CreativeError):
            raise one
        pairs = ((one.text, whole.text), (one.body, whole.body))  # type: ignore[union-attr]
        rows.append(np.concatenate([np.zeros_like(full) if part is None else np.asarray(part) for part, full in pairs]))
    return np.array(rows, np.float64)


def _account(name: str, creatives: Sequence[Creative], groups: Sequence[Any], *, is_real: bool) -> Account:
    clicks, impressions = (np.array([getattr(one, n) or 0 for one in creatives], float) for n in ("clicks", "impressions"))
    _, place = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    return build_account(name, _embed(creatives), clicks, impressions, place, is_real=is_real)


def read_search(path: Path) -> Account:
    """Read search ads; comparisons are within a group and device."""
    table = pd.read_csv(path).fillna("")
    table = table.groupby(["ad_group", "device", "headline_1", "headline_2", "description"], as_index=False)[
        ["impressions", "clicks"]
    ].sum()
    rows = [row for row in table.to_dict("records") if row["clicks"] <= row["impressions"]]
    ads = [
        Creative(
            headline=row["headline_1"],
            description=f"{row['headline_2']} {row['description']}".strip(),
            impressions=int(row["impressions"]),
            clicks=int(row["clicks"]),
        )
        for row in rows
    ]
    return _account("search ads", ads, [(row["ad_group"], row["device"]) for row in rows], is_real=True)


def read_headline_tests(path: Path, num_tests: int) -> Account:
    """Read some tests of the Upworthy archive; packages with the same headline are pooled."""
    table = pd.read_parquet(path)
    keys = ["clickability_test_id", "headline"]
    table = table.groupby(keys, as_index=False)[["impressions", "clicks"]].sum()
    chosen = table.clickability_test_id.drop_duplicates().sample(frac=1.0, random_state=0)[:num_tests]
    rows = table[table.clickability_test_id.isin(set(chosen))].to_dict("records")
    ads = [Creative(headline=r["headline"], impressions=int(r["impressions"]), clicks=int(r["clicks"])) for r in rows]
    return _account("headline tests", ads, [row["clickability_test_id"] for row in rows], is_real=True)


def make_market(seed: int, num: int) -> Account:
    """Generate ads of a simulated market; comparisons are within a brand."""
    from adcreative.verbs.loading import load_market

    ads = load_market(seed).make_creatives(num, seed=1)
    return _account(f"market {seed}", ads, [ad.brand for ad in ads], is_real=False)


def tiny_accounts(num: int = 60) -> list[Account]:
    """Return accounts of random embeddings with one common truth, for a test run with meaningless figures."""
    rng = np.random.default_rng(0)
    truth, found = rng.normal(size=8) / 4, []
    for number in range(3):
        embeddings, group = rng.normal(size=(num, 8)), np.arange(num) // 5
        impressions = np.full(num, 4_000.0)
        clicks = rng.binomial(4_000, 1 / (1 + np.exp(4 - embeddings @ truth))).astype(float)
        found.append(build_account(f"tiny {number}", embeddings, clicks, impressions, group, is_real=True))
    return found


def main() -> None:
    """Print the figures as JSON."""
    import torch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upworthy", type=Path, default=None, help="packages-train.parquet")
    parser.add_argument("--num-tests", type=int, default=1_200, help="tests of it that are read")
    parser.add_argument("--search", type=Path, default=None, help="CSV of search ads with ad_group and device")
    parser.add_argument("--markets", type=int, nargs="*", default=[], help="seeds of simulated markets")
    parser.add_argument("--num", type=int, default=400, help="ads of each market")
    parser.add_argument("--tiny", action="store_true", help="made-up accounts; no figure means anything")
    arguments = parser.parse_args()
    readers: Mapping[str, Any] = {
        "search": lambda: read_search(arguments.search),
        "upworthy": lambda: read_headline_tests(arguments.upworthy, arguments.num_tests),
    }
    accounts = tiny_accounts() if arguments.tiny else [read() for name, read in readers.items() if getattr(arguments, name)]
    accounts += [make_market(seed, arguments.num) for seed in arguments.markets]
    if len(accounts) < 2:
        parser.error("at least two accounts are needed, so that one can be left out")
    print(json.dumps(transfer_figures(accounts), indent=1))


if __name__ == "__main__":
    main()
