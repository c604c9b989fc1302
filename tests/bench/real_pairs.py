"""Two real ads of one group whose rates differ: does the model of an account pick the better one, and the rule of delivery?

    python -m tests.bench.real_pairs search-ads-nl.csv

Columns of the table: ad_group, device, headline_1, headline_2, description, impressions, clicks. Ads are held out by their
words (30 % by hash), or whole ad groups (--by-group); predictor, judge and auditor are fitted to the others, on words as
pieces. Of held-out ads of one ad group and device, all pairs whose observed rates differ significantly (two-sided, 5 %) are
asked about, each in both directions, as an edit of the one into the other. picked: share of pairs whose predicted change has
the right sign. delivered: directions that a rule delivers; worse: of these, those in which the second ad's observed rate is
lower. Intervals: 95 %, over ad groups.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.editor.decision.opinions import ask_choosers, bound_of_third
from adcreative.editor.models import predict_uplift
from adcreative.editor.settings import EditorConfig
from adcreative.features.batch import CreativeFeatures
from tests.bench.accounts import is_held_out
from tests.bench.new_groups import read_ads

SIGNIFICANT_Z, MIN_CLICKS, NUM_RESAMPLES = 1.96, 5, 2000
CONFIG = EditorConfig()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A change of one held-out ad into another of its group. observed: difference of log-odds, in its deviations.

    audited_low: the third model's bound as far below its mean as that of the others; third_low: the bound of the rule.
    """

    group: str
    observed: float
    chosen: float
    low: float
    audited: float
    audited_low: float
    third_low: float


def differ(one: Creative, other: Creative) -> float:
    """Return the difference of observed log-odds from one ad to another, in its standard deviations."""
    counts = [(ad.clicks or 0, ad.impressions or 0) for ad in (one, other)]
    odds = [np.log((clicks + 0.5) / (shown - clicks + 0.5)) for clicks, shown in counts]
    variance = sum(1 / (clicks + 0.5) + 1 / (shown - clicks + 0.5) for clicks, shown in counts)
    return float((odds[1] - odds[0]) / np.sqrt(variance))


def ask_pairs(ads: Sequence[Creative], salt: int, *, by_group: bool = False, config: EditorConfig = CONFIG) -> list[Pair]:
    """Return what the models of one split say of the significant pairs among its held-out ads; by_group: of held-out groups."""
    held_out = [is_held_out(ad.category if by_group else f"{ad.headline}|{ad.description}", salt) for ad in ads]
    known = [ad for ad, out in zip(ads, held_out, strict=True) if not out]
    models = fit_account(known, [CreativeFeatures()] * len(known), seed=0)
    tools: Any = argparse.Namespace(**dict(zip(("predictor", "judge", "auditor"), models, strict=True)))
    groups: dict[str, list[Creative]] = {}
    for ad, out in zip(ads, held_out, strict=True):
        if out and (ad.clicks or 0) >= MIN_CLICKS:
            groups.setdefault(f"{ad.category} | {ad.placement}", []).append(ad)
    return [pair for name, members in groups.items() for pair in _ask_group(name, members, tools, config)]


def _ask_group(name: str, members: Sequence[Creative], tools: Any, config: EditorConfig) -> list[Pair]:
    pairs = []
    for first in members:
        others = [other for other in members if other is not first and abs(differ(first, other)) > SIGNIFICANT_Z]
        if not others:
            continue
        asked = [first, *others], [CreativeFeatures()] * (1 + len(others))
        opinions, means_stds = ask_choosers(*asked, tools, config), predict_uplift(tools.auditor, *asked)
        for other, opinion, audited, std in zip(others, opinions, *means_stds, strict=True):
            pairs.append(
                Pair(
                    group=name,
                    observed=differ(first, other),
                    chosen=opinion.chosen,
                    low=opinion.low,
                    audited=float(audited),
                    audited_low=float(audited - config.risk_aversion * std),
                    third_low=float(bound_of_third(audited, std, config.risk_aversion)),
                )
            )
    return pairs


def summarise(pairs: Sequence[Pair], *, seed: int = 0) -> dict[str, Any]:
    """Return what was picked, and what is delivered by the rule, with the third model's bound as far off, and without one."""
    groups = sorted({pair.group for pair in pairs})
    place = np.array([groups.index(pair.group) for pair in pairs])
    right = np.array([np.sign(pair.chosen) == np.sign(pair.observed) for pair in pairs], float)
    picks = np.random.default_rng(seed).integers(len(groups), size=(NUM_RESAMPLES, len(groups)))
    above, below = (np.bincount(place, values, len(groups))[picks].sum(axis=1) for values in (right, np.ones(len(pairs))))
    rules = {
        "the rule": [pair for pair in pairs if min(pair.low, pair.third_low) > 0],
        "all three as sure": [pair for pair in pairs if min(pair.low, pair.audited_low) > 0],
        "two sure": [pair for pair in pairs if pair.low > 0 and pair.audited > 0],
    }
    return {
        "pairs": len(pairs) // 2,
        "groups": len(groups),
        "picked": round(float(right.mean()), 3),
        "picked_interval": np.quantile(above / below, (0.025, 0.975)).round(3).tolist(),
        **{name: {"delivered": len(kept), "worse": sum(pair.observed < 0 for pair in kept)} for name, kept in rules.items()},
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--by-group", action="store_true", help="hold out whole ad groups in place of texts")
    parser.add_argument("--risk-aversion", type=float, default=CONFIG.risk_aversion, help="deviations of the lower bounds")
    arguments = parser.parse_args()
    config = EditorConfig(risk_aversion=arguments.risk_aversion)
    ads = read_ads(arguments.table)
    pairs = [
        pair for salt in range(arguments.splits) for pair in ask_pairs(ads, salt, by_group=arguments.by_group, config=config)
    ]
    print(json.dumps(summarise(pairs), indent=1))


if __name__ == "__main__":
    main()
