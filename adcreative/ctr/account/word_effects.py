"""What was worth a higher click rate in the headlines of an account: effects of what can be seen in a line, all at once.

    log-odds of ad i = mean + columns_i + text_i + x_i . b + e_i,     b_f ~ N(0, v)  for every feature f of a line

This is the account's mixed model (`mixed_model`) with one more block: x_i, the features of `features.line_features`, centred.
Columns (device, ad group, placement ...) have effects of their own, so that a word is held against ads shown in the same
context; each text has one too, so that a line shown in ten contexts is not ten findings. The common variance v pulls what many
features show by chance to 0. The effects' posterior mean and covariance are those of the Gaussian process:

    E b = v X' a,     cov b = v I - v^2 X' R X         a, R: weights and precision of the fitted model

An effect is a comparison of ads that ran, not an experiment: what tells two ads apart beside their words and columns is in it.
Source: Rasmussen & Williams 2006, section 2.7 (explicit basis functions with a prior).

    python -m adcreative.ctr.account.word_effects export.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse

from adcreative.creative import Creative
from adcreative.ctr.account.encoder import AccountEncoder, Encoded
from adcreative.ctr.account.kernels import list_blocks
from adcreative.ctr.account.mixed_model import fit_mixed_model
from adcreative.ctr.account.table import AccountTable, find_group_column, read_table
from adcreative.features.batch import CreativeFeatures
from adcreative.features.line_features import GENERAL, WORD_PREFIX, LineEffect, has_feature, words_of
from adcreative.features.outcomes import fold
from adcreative.features.tables import keep_with_results, read_usable

INTERVAL_Z = 1.645
MIN_TEXTS = 5  # different lines with a feature, and without it
MAX_WORDS = 24
MIN_SHARE, MAX_SHARE = 0.02, 0.7  # of the different lines
LINES, TEXTS = "lines", "text"


def measure_word_effects(creatives: Sequence[Creative], table: AccountTable, *, seed: int) -> tuple[LineEffect, ...]:
    """Return the effects of what can be seen in an account's headlines, the largest first.

    Features that fewer than MIN_TEXTS different headlines have, or lack, are left out; so are columns with one value. Empty
    where fewer than 2 MIN_TEXTS different headlines have results.

    Args:
        creatives: with results, in the order of `table`.
        seed: draws the ads where there are more than the mixed model holds.
    """
    lines = [creative.headline for creative in creatives]
    texts = {fold(line) for line in lines if line.strip()}
    if len(texts) < 2 * MIN_TEXTS:
        return ()
    group_column = find_group_column(table)
    subjects = [_subject(creative, group_column) for creative in creatives]
    usual_words = float(np.median([len(text.split()) for text in texts]))
    features = [*GENERAL, *(f"{WORD_PREFIX}{word}" for word in frequent_words(sorted(texts)))]
    seen = np.array([
        [has_feature(line, name, brand=one.brand, subject=subject, usual_words=usual_words) for name in features]
        for line, one, subject in zip(lines, creatives, subjects, strict=True)
    ], np.float64)  # fmt: skip
    kept = find_telling(seen, [fold(line) for line in lines])
    if not len(kept):
        return ()
    seen, features = seen[:, kept], [features[place] for place in kept]
    means, covariance = weigh_features(table, seen - seen.mean(axis=0), {TEXTS: [fold(line) for line in lines]}, seed=seed)
    deviations = np.sqrt(np.diag(covariance))
    effects = [
        LineEffect(
            feature=name, effect=float(mean), low=float(mean - INTERVAL_Z * deviation),
            high=float(mean + INTERVAL_Z * deviation), ads=int(seen[:, place].sum()),
            usual_words=usual_words if name == "long" else 0.0,
        )
        for place, (name, mean, deviation) in enumerate(zip(features, means, deviations, strict=True))
    ]  # fmt: skip
    return tuple(sorted(effects, key=lambda one: (not one.is_certain, -abs(one.effect))))


def frequent_words(texts: Sequence[str]) -> list[str]:
    """Return words and pairs of words that stand in MIN_SHARE to MAX_SHARE of different lines, the most frequent first.

    Of several that stand in the same lines the longest is kept: "free delivery" in place of "free" where both always go
    together.
    """
    where: dict[str, set[int]] = {}
    for place, text in enumerate(texts):
        words = words_of(text)
        for term in {*words, *(" ".join(pair) for pair in pairwise(words))}:
            where.setdefault(term, set()).add(place)
    least = max(MIN_TEXTS, MIN_SHARE * len(texts))
    common = [term for term, places in where.items() if least <= len(places) <= MAX_SHARE * len(texts) and len(term) > 2]
    longest: dict[frozenset[int], str] = {}
    for term in sorted(common, key=lambda term: (len(term), term)):
        longest[frozenset(where[term])] = term
    ranked = sorted(longest.values(), key=lambda term: (-len(where[term]), term))
    return ranked[:MAX_WORDS]


def _subject(creative: Creative, group_column: str) -> str:
    """Return what an ad sells, as far as its columns say it: category and the value of the group column."""
    named = getattr(creative, group_column, "") if hasattr(creative, group_column) else creative.context.get(group_column, "")
    return f"{creative.category} {named}"


def find_telling(seen: np.ndarray, keys: Sequence[str]) -> np.ndarray:
    """Return the places of features that enough different lines or pictures have and lack, without those that only say again,
    or deny, what an earlier one says.

    Args:
        seen: [N, F] 1 where ad i has feature f, 0 where it lacks it, NaN where nobody can tell. keys: [N] what tells the lines,
            or the pictures, of the ads apart.
    """
    kept: list[int] = []
    for place in range(seen.shape[1]):
        having = {key for key, there in zip(keys, seen[:, place], strict=True) if there == 1}
        lacking = {key for key, there in zip(keys, seen[:, place], strict=True) if there == 0}
        said = [one for other in kept for one in (seen[:, other], 1 - seen[:, other])]
        is_new = not any(np.array_equal(seen[:, place], one, equal_nan=True) for one in said)
        if min(len(having), len(lacking)) >= MIN_TEXTS and is_new:
            kept.append(place)
    return np.array(kept, np.int64)


def weigh_features(
    table: AccountTable, features: np.ndarray, repeats: Mapping[str, Sequence[str]], *, seed: int, left_out: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the posterior mean [F] and covariance [F, F] of the features' effects on log-odds, beside everything else.

    Args:
        features: [N, F] centred, 0 where unknown. repeats: block -> what is shared by ads that show the same line or picture,
            "" for nothing. left_out: columns that the features themselves stand for.
    """
    encoded = AccountEncoder.fit(table, seed=seed).encode(table)
    for name in ("words", "characters", *left_out):
        encoded = encoded.without(name)
    columns = list_blocks(encoded, only="columns")
    same = {name: _mark_repeats(keys) for name, keys in repeats.items()}
    dense = features.astype(np.float32)
    mass = {name: encoded.mass[name] for name in encoded.sparse}
    mass |= {name: np.asarray(rows.sum(axis=1)).ravel() for name, rows in same.items()}
    mass |= {LINES: np.square(dense, dtype=np.float64).sum(axis=1)}
    whole = Encoded({**encoded.sparse, **same}, {LINES: dense}, mass, encoded.condensed)
    model = fit_mixed_model(whole, table.clicks, table.impressions, [*columns, *same, LINES], seed=seed)
    held, variance = model.support.dense[LINES].astype(np.float64), model.variances[LINES]
    spread = variance * np.eye(dense.shape[1]) - variance**2 * held.T @ model.precision.astype(np.float64) @ held
    return variance * held.T @ model.weights, spread + np.diag(np.maximum(1e-12 - np.diag(spread), 0))


def _mark_repeats(keys: Sequence[str]) -> sparse.csr_matrix:
    """Return [N, K] with a 1 in the column of each ad's key; ads without one have none."""
    place_of = {key: place for place, key in enumerate(sorted(set(filter(None, keys))))}
    rows = [row for row, key in enumerate(keys) if key]
    columns = [place_of[keys[row]] for row in rows]
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(keys), max(len(place_of), 1)))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the effects of an export's headlines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, help="ads with results: a table or a folder")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    creatives = list(keep_with_results(read_usable(arguments.export, None), arguments.export))
    table = read_table(creatives, [CreativeFeatures() for _ in creatives])
    for one in measure_word_effects(creatives, table, seed=arguments.seed):
        print(f"{'*' if one.is_certain else ' '} {one.sentence}; effect {one.effect:+.3f} ({one.low:+.3f} to {one.high:+.3f})")


if __name__ == "__main__":
    main()
