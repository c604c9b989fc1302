"""What the page says works in an account, against what was planted; and against the other half of a real account.

    python -m tests.bench.what_works --seeds 100 180             accounts of 30 to 1,000 ads, effects planted
    python -m tests.bench.what_works --export search-ads.csv     halves of a real one, by headline: one tells, the other judges

Planted: headlines of an account's own words, a number, a question; each is worth nothing, or (a tenth to a third of them) 10 to
30 log-percent up or down. Beside it ad groups, devices, lines and ads vary, impressions are log-normal. Held against the truth:
root mean squared error (of all; of what is worth something), how often the 90 % range holds the truth (of all; of what is worth
something), what is said to be sure, how much of that is worth nothing or has the wrong sign, and how much of what is worth
something is found.

Halves: the log-likelihood (nats, its normal approximation at 0) that the told effects gain in the other half over saying 0.

Ways: shown; normal, one variance for all features that the account's evidence chooses (what was shown before, nearly); alone,
each feature by itself with ads that vary, shrunk likewise; ratio, the plain ratio of the rates with and without it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from adcreative.creative import Creative
from adcreative.ctr.account.effects import TEXTS, weigh_features
from adcreative.ctr.account.sparse_effects import draw_effects
from adcreative.ctr.account.table import AccountTable, read_table
from adcreative.ctr.account.word_effects import SeenLines, mark_features, see_lines
from adcreative.features.batch import CreativeFeatures
from adcreative.features.outcomes import fold
from adcreative.features.tables import keep_with_results, read_usable

SIZES: Mapping[str, tuple[int, int]] = {"30 to 99 ads": (30, 99), "100 to 299": (100, 299), "300 to 1000": (300, 1000)}
SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "sa", "ti", "vo", "ba", "de"), ("ran", "len", "mos", "tur", "pel", "gan")
NUM_WORDS, Z = 16, 1.645
VARIANCES = np.square(np.geomspace(0.003, 1.0, 40))
LIMITS = (64, 128, 300)  # ads of the half that tells

Told = tuple[np.ndarray, np.ndarray, np.ndarray]  # [F] each: effect, low, high


def draw_account(seed: int, smallest: int = 30, largest: int = 1000) -> tuple[list[Creative], dict[str, float]]:
    """Return the ads of a simulated account, and what was planted by feature."""
    rng = np.random.default_rng(seed)
    num = round(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    num_groups, num_lines = max(2, int(num / rng.uniform(5, 30))), max(10, int(num / rng.uniform(1, 2.5)))
    ad_spread, line_spread = rng.choice([0.1, 0.2, 0.35]), rng.choice([0.05, 0.15, 0.25])
    words = rng.choice([a + b for a in SYLLABLES[0] for b in SYLLABLES[1]], NUM_WORDS, replace=False).tolist()
    names = [*(f"word {word}" for word in words), "number", "question"]
    share = rng.choice([0.1, 0.2, 0.35])
    worth = np.where(rng.random(len(names)) < share, rng.choice([-1, 1], len(names)) * rng.uniform(0.1, 0.3, len(names)), 0.0)
    often = special.logit(np.r_[rng.uniform(0.06, 0.45, NUM_WORDS), 0.3, 0.15])
    often = often + rng.normal(0, 0.7, (num_groups, len(names)))  # groups have words of their own
    group_of = rng.integers(num_groups, size=num_lines)
    has = rng.random((num_lines, len(names))) < special.expit(often[group_of])
    lines = [_write_line(row, words, rng) for row in has]
    of_line = has @ worth + rng.normal(0, line_spread, num_lines) + rng.normal(0, rng.uniform(0.2, 0.7), num_groups)[group_of]
    shown = np.maximum(20, np.exp(rng.uniform(5, 8.7) + rng.normal(0, rng.uniform(0.8, 1.8), num))).astype(int)
    level, devices = np.log(rng.uniform(0.006, 0.12)), rng.normal(0, 0.25, 2)
    line, device = rng.integers(num_lines, size=num), rng.integers(2, size=num)
    rates = special.expit(level + of_line[line] + devices[device] + rng.normal(0, ad_spread, num))
    clicks = rng.binomial(shown, rates)
    creatives = [
        Creative(
            headline=lines[line[k]],
            category=f"group {group_of[line[k]]}",
            platform="meta",
            row=k + 1,
            impressions=int(shown[k]),
            clicks=int(clicks[k]),
            context={"device": ("mobile", "desktop")[device[k]]},
        )
        for k in range(num)
    ]
    return creatives, dict(zip(names, worth.tolist(), strict=True))


def _write_line(has: np.ndarray, words: Sequence[str], rng: np.random.Generator) -> str:
    said = [words[place] for place in rng.permutation(NUM_WORDS) if has[place]]
    said.append("".join(rng.choice(list("abcdefgh"), 7)))  # so that lines differ
    number = f"{rng.integers(2, 9)} " if has[-2] else ""
    return f"{number}{' '.join(said)}{'?' if has[-1] else ''}"


def tell(table: AccountTable, lines: SeenLines) -> tuple[dict[str, Told], np.ndarray, np.ndarray]:
    """Return what each way says of the features, and their score [F] and information [F, F]."""
    centred = lines.seen - lines.seen.mean(axis=0)
    score, information, _ = weigh_features(table, centred, {TEXTS: lines.lines}, left_out=set(), seed=0)
    draws = draw_effects(score, information, seed=0)
    ways: dict[str, Told] = {
        "shown": (draws.mean(axis=0), *np.quantile(draws, (0.05, 0.95), axis=0)),
        "normal": _normal(score, information),
        "alone": _alone(table, lines.seen),
        "ratio": _ratio(table, lines.seen),
    }
    return ways, score, information


def _normal(score: np.ndarray, information: np.ndarray) -> Told:
    size = np.eye(len(score))
    evidence = [
        -0.5 * np.linalg.slogdet(size + v * information)[1] + 0.5 * score @ np.linalg.solve(information + size / v, score)
        for v in VARIANCES
    ]
    covariance = np.linalg.inv(information + size / VARIANCES[int(np.argmax(evidence))])
    return _interval(covariance @ score, np.sqrt(np.diag(covariance)))


def _alone(table: AccountTable, seen: np.ndarray) -> Told:
    """Empirical Bayes, feature by feature: weights 1 / (binomial variance + variance of ads), both by moments."""
    rate = (table.clicks.sum() + 0.5) / (table.impressions.sum() + 1)
    counted = table.impressions * rate * (1 - rate)
    odds = special.logit((table.clicks + 0.5) / (table.impressions + 1))
    apart = (counted * np.square(odds - np.average(odds, weights=counted))).sum() - (len(odds) - 1)
    varies = max(0.0, apart / (counted.sum() - np.square(counted).sum() / counted.sum()))
    weights = 1 / (1 / counted + varies)
    means, errors = [], []
    for column in seen.T == 1:
        means.append(np.average(odds[column], weights=weights[column]) - np.average(odds[~column], weights=weights[~column]))
        errors.append(1 / weights[column].sum() + 1 / weights[~column].sum())
    seen_alone, variance = np.array(means), np.array(errors)
    prior = max(1e-5, float((np.square(seen_alone) - variance).mean()))
    return _interval(seen_alone * prior / (prior + variance), np.sqrt(prior * variance / (prior + variance)))


def _ratio(table: AccountTable, seen: np.ndarray) -> Told:
    clicks, shown = table.clicks[:, None], table.impressions[:, None]
    counts = [((there * clicks).sum(axis=0) + 0.5, (there * shown).sum(axis=0) + 1) for there in (seen, 1 - seen)]
    odds = [special.logit(clicked / of) for clicked, of in counts]
    return _interval(odds[0] - odds[1], np.sqrt(1 / counts[0][0] + 1 / counts[1][0]))


def _interval(mean: np.ndarray, std: np.ndarray) -> Told:
    return mean, mean - Z * std, mean + Z * std


def planted_figures(seeds: Sequence[int], sizes: Mapping[str, tuple[int, int]] = SIZES) -> dict[str, Any]:
    """Return size of account -> way -> figures."""
    found: dict[str, Any] = {}
    for name, (smallest, largest) in sizes.items():
        rows: dict[str, list[np.ndarray]] = {}
        for seed in seeds:
            creatives, planted = draw_account(seed, smallest, largest)
            table = _read(creatives)
            lines = see_lines(creatives, table)
            if not lines.names:
                continue
            truth = np.array([planted.get(feature, 0.0) for feature in lines.names])
            for way, told in tell(table, lines)[0].items():
                rows.setdefault(way, []).append(np.stack([*told, truth]))
        found[name] = {way: summarise(np.concatenate(parts, axis=1)) for way, parts in rows.items()}
    return found


def summarise(rows: np.ndarray) -> dict[str, Any]:
    """Return figures of rows [4, F]: effect, low, high, truth."""
    effect, low, high, truth = rows
    is_sure, is_real, error = (low > 0) | (high < 0), truth != 0, np.square(effect - truth)
    holds = (low <= truth) & (truth <= high)
    return {
        "features": len(truth),
        "error": _round(np.sqrt(error.mean())),
        "error of real": _round(np.sqrt(error[is_real].mean())),
        "ranges hold": _round(holds.mean()),
        "of real": _round(holds[is_real].mean()),
        "sure": int(is_sure.sum()),
        "of these nothing": _round((~is_real)[is_sure].mean()) if is_sure.any() else None,
        "wrong sign": int((is_sure & (effect * truth < 0)).sum()),
        "real found": _round(is_sure[is_real].mean()),
    }


def halves_figures(creatives: Sequence[Creative], num: int = 8, limits: Sequence[int] = LIMITS) -> dict[str, Any]:
    """Return ads of the telling half -> way -> nats gained in the other half, the difference to "normal" with its standard
    error over draws, and draws in which it gains more."""
    texts = [fold(one.headline) for one in creatives]
    gains: dict[str, dict[str, list[float]]] = {}
    for draw in range(num):
        rng = np.random.default_rng(draw)
        unique = rng.permutation(sorted(set(texts)))
        first = set(unique[: len(unique) // 2].tolist())
        telling = [one for one, text in zip(creatives, texts, strict=True) if text in first]
        judging = [one for one, text in zip(creatives, texts, strict=True) if text not in first]
        table = _read(judging)
        for limit in (*(limit for limit in limits if limit < len(telling)), len(telling)):
            some = [telling[place] for place in np.sort(rng.permutation(len(telling))[:limit])]
            known = _read(some)
            lines = see_lines(some, known)
            if not lines.names:
                continue
            seen = mark_features(judging, table, lines.names, lines.usual_words)
            same = SeenLines(
                names=lines.names,
                seen=seen,
                lines=tuple(map(fold, (one.headline for one in judging))),
                usual_words=lines.usual_words,
            )
            _, score, information = tell(table, same)
            for way, (effect, _, _) in tell(known, lines)[0].items():
                name = "all" if limit == len(telling) else str(limit)
                gained = float(score @ effect - 0.5 * effect @ information @ effect)
                gains.setdefault(name, {}).setdefault(way, []).append(gained)
    return {name: {way: _compare(found, ways["normal"]) for way, found in ways.items()} for name, ways in gains.items()}


def _compare(gained: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    more = np.array(gained) - base
    error = float(more.std(ddof=1) / np.sqrt(len(more))) if len(more) > 1 else float("nan")
    return {
        "nats": _round(np.mean(gained)),
        "over normal": _round(more.mean()),
        "its error": _round(error),
        "gains more": f"{int((more > 0).sum())} of {len(more)}",
    }


def _read(creatives: Sequence[Creative]) -> AccountTable:
    return read_table(creatives, [CreativeFeatures() for _ in creatives])


def _round(value: Any) -> float:
    return round(float(value), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 140), help="first, and one after the last")
    parser.add_argument("--export", type=Path, help="a real account's ads with results")
    parser.add_argument("--draws", type=int, default=8, help="halves of it")
    parser.add_argument("--tiny", action="store_true", help="one small account: no figure means anything")
    arguments = parser.parse_args()
    if arguments.export:
        creatives = list(keep_with_results(read_usable(arguments.export, None), arguments.export))
        print(json.dumps(halves_figures(creatives, arguments.draws), indent=1))
        return
    seeds, sizes = range(*arguments.seeds), SIZES
    if arguments.tiny:
        seeds, sizes = range(1), {"40 ads": (40, 40)}
    print(json.dumps(planted_figures(seeds, sizes), indent=1))


if __name__ == "__main__":
    main()
