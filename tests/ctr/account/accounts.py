"""Made-up accounts of words and columns with planted rates, for the tests of the account's model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from adcreative.creative import Creative
from adcreative.features.batch import CreativeFeatures

OPENINGS = (
    "cheap shoes",
    "running gear",
    "winter coats",
    "new boots",
    "garden tools",
    "office chairs",
    "red lamps",
    "oak tables",
)
ENDINGS = ("order today", "free delivery", "sale ends soon", "since 1920", "visit our shop", "made by hand")


@dataclass(frozen=True)
class PlantedAccount:
    """Ads with results, what the encoders saw of them (nothing), and the true rates [N]."""

    creatives: list[Creative]
    features: list[CreativeFeatures]
    truth: np.ndarray

    def rows(self, idx: np.ndarray) -> PlantedAccount:
        return PlantedAccount([self.creatives[i] for i in idx], [self.features[i] for i in idx], self.truth[idx])


def plant_account(
    num: int,
    *,
    rate: float,
    seed: int,
    impressions: tuple[float, float] = (100.0, 5_000.0),
    giant: bool = False,
    extra: float = 0.1,
) -> PlantedAccount:
    """Plant effects of words, device, age and interests (several an ad); impressions are log-uniform between the two bounds.

    Args:
        rate: the mean rate of a typical ad. giant: one ad holds half of all impressions. extra: deviation of log-odds that ads
            vary beyond words and columns.
    """
    rng = np.random.default_rng(seed)
    worth = {name: rng.normal(0, 0.35) for name in (*OPENINGS, *ENDINGS, "mobile", "desktop", "18-24", "25-34", "35-44")}
    worth |= {f"i{number}": rng.normal(0, 0.25) for number in range(12)}
    creatives, truth = [], []
    shown = np.exp(rng.uniform(np.log(impressions[0]), np.log(impressions[1]), num)).astype(int)
    if giant:
        shown[num // 2] = shown.sum() - shown[num // 2]
    for row in range(num):
        opening, ending = str(rng.choice(OPENINGS)), str(rng.choice(ENDINGS))
        device, age = str(rng.choice(["mobile", "desktop"])), str(rng.choice(["18-24", "25-34", "35-44"]))
        interests = [f"i{number}" for number in sorted(rng.choice(12, 2, replace=False))]
        log_odds = special.logit(rate) + sum(worth[name] for name in (opening, ending, device, age))
        log_odds += sum(worth[name] for name in interests) / np.sqrt(2) + rng.normal(0, extra)
        truth.append(float(special.expit(log_odds)))
        creatives.append(
            Creative(
                ad_name=f"ad {row}",
                headline=f"{opening} {rng.integers(40)}",
                description=ending,
                platform="meta",
                impressions=int(shown[row]),
                clicks=int(rng.binomial(shown[row], truth[-1])),
                row=row + 1,
                context={"device": device, "age": age, "interest": ";".join(interests)},
            )
        )
    return PlantedAccount(creatives, [CreativeFeatures() for _ in creatives], np.array(truth))


def plant_groups(num: int, num_groups: int, *, rate: float, seed: int) -> PlantedAccount:
    """Plant an account whose ad groups differ by far more than their ads: each ad belongs to one, as its category."""
    plain = plant_account(num, rate=rate, seed=seed, impressions=(500.0, 5_000.0))
    rng = np.random.default_rng([seed, 1])
    worth, group = rng.normal(0, 0.8, num_groups), rng.integers(num_groups, size=num)
    truth = special.expit(special.logit(plain.truth) + worth[group])
    creatives = [
        replace(one, category=f"group {group[row]}", clicks=int(rng.binomial(one.impressions or 0, truth[row])))
        for row, one in enumerate(plain.creatives)
    ]
    return PlantedAccount(creatives, plain.features, truth)
