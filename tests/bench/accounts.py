"""Accounts as the model of an account may meet them, each against the twenty-line script: made up, true rates planted.

    python -m tests.bench.accounts                               three kinds, five seeds each
    python -m tests.bench.accounts --kinds search --seeds 1 2    some

social: ads of a page with several interests each, ages, placements, at about 8 % with much that nothing explains. search:
English text ads of keyword groups at about 3 %, a few of which hold most impressions (log-normal, deviation 2.2). pictures: ads
of a simulated market, with faces, products and words. A part is held out by ad text, of pictures by ad. The script is that of
../shared/tools/account_bench.py: TF-IDF of words and characters, one-hot columns, logistic regression, an ad counting for at
most 1,000 impressions. `gain`: nats per impression over the mean rate, an ad counting for at most 5,000.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse, special
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from adcreative.creative import Creative
from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.members import NETWORKS
from adcreative.errors import CreativeError
from adcreative.features.batch import CATEGORICAL_FIELDS, CreativeFeatures

HELD_OUT_PERCENT = 30
TOPICS: Mapping[str, Sequence[str]] = {
    "history": ("Remember who built this country", "Our story is not in their books", "A photograph from 1965"),
    "music": (
        "New tracks every Friday",
        "Listen free with the plugin",
        "The best mixes of the week",
        "Your playlist is waiting",
    ),
    "pride": ("Be proud of who you are", "Join a community that stands together", "Like and share if you agree"),
    "faith": ("Pray for our families", "Hope begins at home", "A verse for every morning", "Share if you believe"),
    "veterans": ("They served, now it is our turn", "Honour the ones who came back", "Thank a soldier today"),
    "humour": ("Tag a friend who does this", "Funny but true", "Memes that made our week", "You laugh, you lose"),
    "border": ("Secure what is ours", "Stop the flood", "Every nation has a door", "Sign the petition now"),
    "justice": ("Say their names", "Film the police", "Know your rights", "A lawyer explains what to do"),
}
ENDINGS = ("", "Join us!", "Follow for more.", "Click to learn more.", "Share with your friends.", "Come on Saturday, 2 pm.")
INTERESTS = tuple(f"interest {number}" for number in range(40))
PRODUCTS = (
    "running shoes",
    "winter tyres",
    "garden furniture",
    "coffee beans",
    "dog food",
    "office chairs",
    "phone cases",
    "camping tents",
    "wall paint",
    "yoga mats",
    "hiking boots",
    "baby clothes",
    "car insurance",
    "city hotels",
)
INTENTS = ("cheap", "best", "buy", "compare", "near you", "brand")
HEADS = (
    "{0} online",
    "Buy {0} today",
    "{0} from $9",
    "Top {0} 2024",
    "{0} - free delivery",
    "Official {0} store",
    "Save on {0}",
)
LINES = (
    "Order before noon, get it tomorrow.",
    "Over 10,000 happy customers.",
    "Free returns within 30 days.",
    "Compare prices and save up to 40%.",
    "Family business since 1962.",
    "Limited stock. Order now.",
)


@dataclass(frozen=True)
class Account:
    """Ads with results and what encoders saw of them, in order; held_out [N] bool."""

    creatives: Sequence[Creative]
    features: Sequence[CreativeFeatures]
    held_out: np.ndarray


def is_held_out(key: str, seed: int) -> bool:
    """True for HELD_OUT_PERCENT of the keys, by hash."""
    return int(hashlib.sha256(f"{seed} {key}".encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def make_social(seed: int, num: int) -> Account:
    """Make a page's ads: topic, line, ending, interests and age each move the rate; half of the variance is the ad's own."""
    rng = np.random.default_rng([seed, 1])
    worth = _Worth(rng)
    creatives = []
    for row in range(num):
        topic = str(rng.choice(list(TOPICS)))
        line, ending = str(rng.choice(TOPICS[topic])), str(rng.choice(ENDINGS))
        offset = 5 * list(TOPICS).index(topic)
        interests = sorted({INTERESTS[int(k) % 40] for k in offset + rng.integers(0, 8, int(rng.integers(1, 5)))})
        age, placement = (
            str(rng.choice(["18-65+", "18-45", "16-53", "25-65+"])),
            str(rng.choice(["feed", "feed; right column"])),
        )
        log_odds = -2.5 + worth(topic, 0.5) + worth(line, 0.4) + worth(ending, 0.25) + worth(age, 0.3) + worth(placement, 0.3)
        log_odds += sum(worth(one, 0.4) for one in interests) / np.sqrt(len(interests)) + rng.normal(0, 0.6)
        text = f"{line}. {ending} #{rng.choice(['now', 'truth', 'us', 'live'])}{rng.integers(6)}"
        shown = int(np.exp(rng.normal(6.5, 1.8))) + 30
        creatives.append(
            Creative(
                ad_name=f"ad {row}",
                primary_text=text,
                placement=placement,
                platform="meta",
                impressions=shown,
                clicks=int(rng.binomial(shown, special.expit(log_odds))),
                row=row + 1,
                context={"age": age, "interest": "; ".join(interests)},
            )
        )
    return _words_only(creatives, seed)


def make_search(seed: int, num: int) -> Account:
    """Make text ads of keyword groups; groups differ most, headlines and lines less, devices by a factor."""
    rng = np.random.default_rng([seed, 2])
    worth = _Worth(rng)
    creatives = []
    for row in range(num):
        product, intent = str(rng.choice(PRODUCTS)), str(rng.choice(INTENTS))
        head, line = str(rng.choice(HEADS)).format(product.title()), str(rng.choice(LINES))
        device = str(rng.choice(["mobile", "desktop", "tablet"]))
        log_odds = -3.7 + worth(product, 0.5) + worth(intent, 0.5) + worth(f"{product} {intent}", 0.4) + worth(device, 0.3)
        log_odds += worth(head.replace(product.title(), ""), 0.3) + worth(line, 0.2) + rng.normal(0, 0.3)
        shown = int(min(np.exp(rng.normal(5.5, 2.2)), 3e6)) + 30
        creatives.append(
            Creative(
                ad_name=f"ad {row}",
                headline=head,
                description=line,
                category=f"{product} {intent}",
                placement=device,
                platform="google",
                impressions=shown,
                clicks=int(rng.binomial(shown, special.expit(log_odds))),
                row=row + 1,
            )
        )
    return _words_only(creatives, seed)


def make_pictures(seed: int, num: int) -> Account:
    """Make a market's ads with pictures, read by the shipped encoders."""
    from adcreative.verbs.loading import load_market, load_tools

    market, extractor = load_market(60 + seed), load_tools().extractor
    kept: list[tuple[Creative, CreativeFeatures]] = []
    for creative in market.iter_creatives(num, seed=1, scale=0.3):
        (seen,) = extractor.extract([creative])
        if not isinstance(seen, CreativeError):
            kept.append((replace(creative, image_u8=None), seen))
    held_out = np.array([is_held_out(creative.ad_name, seed) for creative, _ in kept])
    return Account([creative for creative, _ in kept], [seen for _, seen in kept], held_out)


KINDS: Mapping[str, tuple[Callable[[int, int], Account], int]] = {
    "social": (make_social, 1_796),
    "search": (make_search, 1_479),
    "pictures": (make_pictures, 1_080),
}


class _Worth:
    """What a value is worth in log-odds: drawn once, kept."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._kept: dict[str, float] = {}

    def __call__(self, name: str, std: float) -> float:
        if name not in self._kept:
            self._kept[name] = float(self._rng.normal(0, std))
        return self._kept[name]


def _words_only(creatives: list[Creative], seed: int) -> Account:
    held_out = np.array([is_held_out(creative.text, seed) for creative in creatives])
    return Account(creatives, [CreativeFeatures()] * len(creatives), held_out)


def script_rates(train: Sequence[Creative], asked: Sequence[Creative]) -> np.ndarray:
    """Return the rates [N] that the twenty-line script says."""
    names = [*CATEGORICAL_FIELDS, *sorted({name for one in train for name in one.context})]

    def cells(ads: Sequence[Creative]) -> list[list[str]]:
        return [[getattr(one, n) if n in CATEGORICAL_FIELDS else one.context.get(n, "") for n in names] for one in ads]

    texts = [one.text for one in train]
    fitted: list[Any] = [
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(texts),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, max_features=20_000).fit(texts),
    ]
    context = OneHotEncoder(handle_unknown="ignore").fit(cells(train))

    def design(ads: Sequence[Creative]) -> sparse.csr_matrix:
        found = [one.transform([ad.text for ad in ads]) for one in fitted]
        return sparse.hstack([*found, context.transform(cells(ads))]).tocsr()

    clicks, shown = _counts(train)
    share, rows = np.minimum(1, 1_000 / shown), design(train)
    outcome = np.r_[np.ones(len(train)), np.zeros(len(train))]
    weight = np.r_[clicks * share, (shown - clicks) * share]
    plain = LogisticRegression(C=0.03, max_iter=400).fit(sparse.vstack([rows, rows]), outcome, sample_weight=weight)
    found: np.ndarray = plain.predict_proba(design(asked))[:, 1]
    return found


def _counts(ads: Sequence[Creative]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(one.clicks or 0) for one in ads]), np.array([float(one.impressions or 0) for one in ads])


def measure(train: Sequence[Creative], asked: Sequence[Creative], rates: np.ndarray) -> dict[str, float]:
    """Return rank correlation with observed rates, gain and level, as the owner's bench counts them."""
    clicks, shown = _counts(train)
    base = clicks.sum() / shown.sum()
    clicks, shown = _counts(asked)
    rank = float(spearmanr(rates, clicks / shown)[0])
    share = np.minimum(1, 5_000 / shown)
    clicks, shown = clicks * share, shown * share

    def loss(rate: Any) -> float:
        return float(-(clicks * np.log(rate) + (shown - clicks) * np.log1p(-rate)).sum() / shown.sum())

    gain, level = loss(base) - loss(np.clip(rates, 1e-9, 1 - 1e-9)), float(rates @ shown / clicks.sum())
    return {"spearman": round(rank, 3), "gain": round(gain, 6), "level": round(level, 3)}


def compare_with_script(account: Account, shipped: Sequence[Any]) -> dict[str, Any]:
    """Return the figures of the model and of the script on the held-out ads, coverage, and what the networks weigh."""
    known, asked = np.flatnonzero(~account.held_out).tolist(), np.flatnonzero(account.held_out).tolist()
    train, unseen = ([account.creatives[row] for row in idx] for idx in (known, asked))
    model, _, _ = fit_account(train, [account.features[row] for row in known], seed=0, shipped=shipped)
    rates = model.rates(unseen, [account.features[row] for row in asked])
    members = model.notes["members"]
    return {
        "learnt_from": len(train),
        "held_out": len(unseen),
        "ours": measure(train, unseen, rates.rate),
        "script": measure(train, unseen, script_rates(train, unseen)),
        "coverage": round(float(rates.covered.mean()), 3),
        "networks_weigh": round(sum(members[name]["weight"] for name in NETWORKS if name in members), 3),
    }


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| account | ours: rank, gain, level | script: rank, gain, level | coverage | QIN weighs |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ours, script = (", ".join(f"{value:.5g}" for value in row[name].values()) for name in ("ours", "script"))
        lines.append(f"| {row['account']} | {ours} | {script} | {row['coverage']} | {row['networks_weigh']} |")
    return "\n".join(lines)


def main() -> None:
    """Print a row for each account as it comes, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--tiny", action="store_true", help="sizes at which no figure means anything")
    arguments = parser.parse_args()
    kinds, seeds = (["social", "search"], [1]) if arguments.tiny else (arguments.kinds, arguments.seeds)
    rows = []
    for kind in kinds:
        shipped: Sequence[Any] = (None, None, None)
        if kind == "pictures":
            from adcreative.verbs.loading import load_model

            shipped = load_model(None)
        make, num = KINDS[kind]
        for seed in seeds:
            account = make(seed, 90 if arguments.tiny else num)
            rows.append({"account": f"{kind} {seed}", **compare_with_script(account, shipped)})
            print(json.dumps(rows[-1]), flush=True)
    print(render(rows))


if __name__ == "__main__":
    main()
