"""The verb `rank-features`: rank columns of a log or an export by their information on clicks. Imports no torch."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.column_doubts import find_post_click, say_left_out
from adcreative.catalog.formats.logs import (
    CSV_SUFFIXES,
    LIBSVM_SUFFIXES,
    PARQUET_SUFFIXES,
    iter_log,
    list_log_files,
    log_columns,
    read_sample,
)
from adcreative.catalog.log_schema import LABEL_NAMES, LogSchema, check_columns
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import beside, write_rows
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.metrics.column_counts import ColumnCounts, ColumnHasher, count_columns, count_pairs, noise_columns, pair_hashes
from adcreative.metrics.information import (
    order_without_redundancy,
    pair_information,
    score_by_margins,
    score_by_rows,
    shift_score_in_batches,
)
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.report.feature_ranks import render_ranks
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_not_in_log, check_outputs, own_outputs
from adcreative.verbs.settings import RankSettings
from adcreative.verbs.train_log import read_schema

COLUMNS = ("rank", "column", "score", "information", "by_chance", "deviation", "values", "coverage", "says_something", "order")
MAX_PAIRS, PAIR_ROWS, SAMPLE_ROWS, PAIR_DRAWS = 300, 200_000, 20_000, 8
MAX_AD_IMPRESSIONS = 1000  # an ad counts as at most this many impressions, otherwise a few ads would decide
MIN_DEVIATIONS = 3.0
METHODS = ("permutation", "shift")
WORDS = ("platform", "placement", "audience", "brand", "category", "cta", "currency")


@dataclass(frozen=True, kw_only=True)
class FeatureRank:
    """A column, or a pair "a AND b", with its score: information in nats less the chance information.

    by_chance: information by chance of a column with as many values, with the deviation of draws. says_something: above every
    noise column, and three deviations above chance; a pair must also exceed the better of its columns. order: rank after
    redundant columns are moved back; 0 = not ordered. is_noise: an added column without information.
    """

    column: str
    score: float
    information: float
    by_chance: float
    deviation: float
    values: int
    coverage: float
    says_something: bool = False
    order: int = 0
    is_noise: bool = False


@dataclass(frozen=True, kw_only=True)
class RankSummary(RunSummary):
    """path: the table, next to .html and .json. ranks: best first, with noise columns. done: columns and pairs."""

    ranks: tuple[FeatureRank, ...]
    noise_line: float
    num_rows: int


@dataclass
class _Counted:
    """Counts of columns and pairs, and a sample of the first rows to measure redundancy between columns."""

    columns: dict[str, ColumnCounts]
    pairs: dict[tuple[str, str], ColumnCounts]
    sample: dict[str, np.ndarray]
    labels: np.ndarray
    num_rows: int


@takes(RankSettings)
def rank_features(
    data: Path,
    out: Path,
    settings: RankSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RankSummary:
    """Rank the columns of an impression log, or of a folder or export with results, by their information on clicks.

    Noise columns are added for comparison; a column that does not score above all of them is suspect. A log is streamed and
    its order does not matter. Ads with results are shuffled as whole ads, and an ad counts as at most 1,000 impressions.

    Args:
        settings: what to rank and how; fields may be given as keywords. Columns that were probably written after the click
            and are not in `keep` are left out, with a warning. The method "shift", the published score, is exactly 0 on rows
            sorted by the label.
    Raises:
        CatalogError: the data cannot be read. ConfigError: no label, no such method, or `out` is a file of another program.
        TrainingError: all rows have one label.
    """
    started_s, data, out = time.monotonic(), Path(data), Path(out)
    columns, schema, method, order, seed = settings.columns, settings.schema, settings.method, settings.order, settings.seed
    if method not in METHODS:
        raise ConfigError(f'no method "{method}". {did_you_mean(method, METHODS)}')
    if order not in (1, 2):
        raise ConfigError(f"order must be 1 or 2, got {order}")
    outputs = (out, beside(out, ".html"), beside(out, ".json"))
    if len(set(outputs)) < len(outputs):
        raise ConfigError(f"{out} is to be a table; name it like ranks.csv")
    roles = None if schema is None else read_schema(schema)
    name = _find_label(data, settings.label or ("" if roles is None else roles.label)) if columns is None else ""
    if (roles is not None or settings.ignore or settings.keep) and not name:
        raise ConfigError(f"schema, ignore and keep are for a log with a column of 0 and 1; {data} is none")
    inputs = (data, columns, schema, *(list_log_files(data) if name else ()))
    check_outputs(outputs, inputs, restart=restart)
    check_not_in_log(outputs, data if name else None)
    rng = np.random.default_rng(seed)
    warnings: tuple[str, ...] = ()
    if name:
        names, warnings = _choose_columns(data, name, roles, settings.ignore, settings.keep)
        counted = _read_log(data, name, names, order, seed, progress, should_stop)
        if counted is None:
            return RankSummary(path=out, done=0, ranks=(), noise_line=0.0, num_rows=0, stopped=True, warnings=warnings)
        ranks, what = _rank_log(counted, method, rng), f"rows of {data.name}"
        num_rows = counted.num_rows
    else:
        ranks, num_rows = _rank_ads(data, read_table_settings(columns, dates=settings.dates), order, rng, seed)
        what = f"ads of {data.name}"
    noise_line = max((one.score for one in ranks if one.is_noise), default=0.0)
    ranks = _judge(ranks, noise_line)
    with own_outputs(outputs, inputs, restart=restart):
        table = [{"rank": number, **asdict(one)} for number, one in enumerate(ranks, start=1)]
        write_rows(out, [{name: row[name] for name in COLUMNS} for row in table], COLUMNS)
        report = {"data": what, "num_rows": num_rows, "noise_line": noise_line, "method": method, "seed": seed, "ranks": table}
        write_atomically(outputs[2], dump_json(report, indent=1).encode())
        write_atomically(outputs[1], render_ranks(report).encode())
    return RankSummary(
        path=out,
        done=len([one for one in ranks if not one.is_noise]),
        ranks=tuple(ranks),
        noise_line=noise_line,
        num_rows=num_rows,
        warnings=warnings,
        lines=_say(ranks, noise_line),
        seconds=time.monotonic() - started_s,
    )


def _say(ranks: Sequence[FeatureRank], noise_line: float) -> tuple[str, ...]:
    """Return the informative columns, best first."""
    said = [f"{one.column}: {one.score:.5f}" for one in ranks if one.says_something][:15]
    return (f"above the noise line of {max(noise_line, 0.0):.5f}:", *said) if said else ("no column says anything",)


def _find_label(data: Path, label: str) -> str:
    """Return the label column of a log, or "" for data that is no log.

    Raises:
        ConfigError: the named column does not exist.
    """
    is_table = data.is_file() and data.suffix.casefold() in (*CSV_SUFFIXES, *PARQUET_SUFFIXES, *LIBSVM_SUFFIXES)
    if not is_table and not label:
        return ""
    known = log_columns(data)
    if label:
        if label not in known:
            raise ConfigError(f'{data} has no column "{label}". {did_you_mean(label, known)}')
        return label
    return next((name for name in known if name.casefold() in LABEL_NAMES), "")


def _choose_columns(
    data: Path, label: str, schema: LogSchema | None, ignore: Sequence[str], keep: Sequence[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the columns to rank, and a warning about columns left out as written after the click.

    Raises:
        ConfigError: a named column is not in the log, or no column remains.
    """
    sample = read_sample(data)
    known = list(map(str, sample.columns))
    if schema is not None:
        check_columns(schema, known, str(data))
    for name in (*ignore, *keep):
        if name not in known:
            raise ConfigError(f'{data} has no column "{name}". {did_you_mean(name, known)}')
    wanted = [name for name in (known if schema is None else schema.inputs) if name != label and name not in ignore]
    conversion = "" if schema is None else schema.conversion
    leaks = find_post_click(sample, label, wanted, conversion=conversion, kept=keep)
    left = [name for name in wanted if name not in leaks]
    said = (say_left_out(leaks, f"rank one with --keep {shlex.quote(next(iter(leaks)))}"),) if leaks else ()
    if not left:
        raise ConfigError(f"no column of {data} is left to rank; {said[0] if said else 'ignore fewer of them'}")
    return left, said


def _read_log(
    data: Path, label: str, names: Sequence[str], order: int, seed: int, progress: Progress, should_stop: ShouldStop
) -> _Counted | None:
    """Count a log in one pass; None when stopped."""
    hasher = ColumnHasher()
    counted = _Counted({}, {}, {}, np.zeros(0, np.int64), 0)
    paired = _choose_paired(names, seed) if order == 2 else []
    samples: list[dict[str, np.ndarray]] = []
    labels_seen = []
    sample = read_sample(data, 1_000)
    ids = {str(column) for column in sample.columns if column != label and pd.api.types.is_integer_dtype(sample[column])}
    for table in iter_log(data, is_text=ids.__contains__):  # whole numbers stay text: 007 is not 7
        if should_stop():
            return None
        table = table.assign(**{name: table[name].where(table[name] != "") for name in ids})
        labels = pd.to_numeric(table[label], errors="coerce").to_numpy(np.float64)
        if not np.isin(labels, (0.0, 1.0)).all():
            wrong = table[label].iloc[int(np.argmax(~np.isin(labels, (0.0, 1.0))))]
            raise TrainingError(f'the label "{label}" must be 0 or 1, got {wrong}')
        found = {name: hasher.hashes(name, table[name]) for name in names}
        hashed = {name: hashes for name, (hashes, _) in found.items()}
        noise = noise_columns(counted.num_rows, len(table), seed=seed)
        count_columns(counted.columns, hashed | noise, labels, {name: one for name, (_, one) in found.items()})
        if counted.num_rows < PAIR_ROWS:
            count_pairs(counted.pairs, hashed, paired, labels)
            samples.append(hashed | noise)
            labels_seen.append(labels)
        counted.num_rows += len(table)
        progress("counting rows", counted.num_rows, counted.num_rows)
    if not counted.num_rows:
        raise CatalogError(f"{data} has no row")
    counted.labels = np.concatenate(labels_seen).astype(np.int64)
    counted.sample = {name: np.concatenate([one[name] for one in samples]) for name in samples[0]}
    return counted


def _choose_paired(names: Sequence[str], seed: int) -> list[str]:
    """Return the columns whose pairs are counted: all, or a random choice within MAX_PAIRS."""
    most = int((1 + np.sqrt(1 + 8 * MAX_PAIRS)) / 2)
    if len(names) <= most:
        return list(names)
    chosen = np.sort(np.random.default_rng([seed, 3]).permutation(len(names))[:most])
    return [names[place] for place in chosen]


def _rank_log(counted: _Counted, method: str, rng: np.random.Generator) -> list[FeatureRank]:
    clicks = next(iter(counted.columns.values())).clicks.sum()
    if clicks in (0, counted.num_rows):
        raise TrainingError(f"all {counted.num_rows} rows have the label {int(clicks > 0)}; nothing can be ranked")
    ranks = []
    for name, one in counted.columns.items():
        scored = score_by_margins(one.totals, one.clicks, rng=rng)
        value = scored.value
        if method == "shift":
            value = shift_score_in_batches(np.unique(counted.sample[name], return_inverse=True)[1], counted.labels)
        ranks.append(
            FeatureRank(
                column=name,
                score=value,
                information=scored.information,
                by_chance=scored.null,
                deviation=scored.deviation,
                values=one.cardinality,
                coverage=one.coverage,
                is_noise=name.startswith("("),
            )
        )
    ranks = _with_order(ranks, counted.sample, counted.labels)
    for (first, second), one in counted.pairs.items():
        scored = score_by_margins(one.totals, one.clicks, rng=rng, num_draws=PAIR_DRAWS)
        value = scored.value
        if method == "shift":
            together = pair_hashes(counted.sample[first], counted.sample[second])
            value = shift_score_in_batches(np.unique(together, return_inverse=True)[1], counted.labels)
        ranks.append(
            FeatureRank(
                column=f"{first} AND {second}",
                score=value,
                information=scored.information,
                by_chance=scored.null,
                deviation=scored.deviation,
                values=one.cardinality,
                coverage=one.coverage,
            )
        )
    return ranks


def _with_order(ranks: list[FeatureRank], sample: dict[str, np.ndarray], labels: np.ndarray) -> list[FeatureRank]:
    """Return the columns with their rank after redundant columns are moved back, from a sample of rows."""
    own = [one for one in ranks if not one.is_noise]
    rows = {one.column: sample[one.column][:SAMPLE_ROWS] for one in own}
    seen = labels[:SAMPLE_ROWS]
    redundancy, joint = np.zeros((len(own), len(own))), np.zeros((len(own), len(own)))
    if len(own) > 60:  # cost is quadratic in the number of columns
        return ranks
    for a, b in combinations(range(len(own)), 2):
        one, two = rows[own[a].column], rows[own[b].column]
        redundancy[a, b] = redundancy[b, a] = pair_information(one, two)
        both = pair_information(pair_hashes(one, two), seen)
        joint[a, b] = joint[b, a] = both - max(pair_information(one, seen), pair_information(two, seen))
    places = order_without_redundancy([one.score for one in own], redundancy, joint)
    order = {own[place].column: number for number, place in enumerate(places, start=1)}
    return [FeatureRank(**{**asdict(one), "order": order.get(one.column, 0)}) for one in ranks]


def _rank_ads(
    data: Path, columns: TableSettings, order: int, rng: np.random.Generator, seed: int
) -> tuple[list[FeatureRank], int]:
    """Rank the columns of ads with results; each ad is shuffled as a whole.

    Raises:
        TrainingError: too few ads have results, or the rows have one class only.
    """
    ads = [one for one in read_catalog(data, columns=columns).creatives if one.has_results and one.impressions]
    if len(ads) < 8:
        raise TrainingError(f"{len(ads)} ads in {data} have impressions and clicks; at least 8 are needed to rank columns")
    totals = np.array([min(one.impressions or 0, MAX_AD_IMPRESSIONS) for one in ads], np.float64)
    rates = np.array([(one.clicks or 0) / (one.impressions or 1) for one in ads])
    clicks = totals * np.minimum(rates, 1.0)
    if clicks.sum() in (0, totals.sum()):
        raise TrainingError(f"the ads of {data} have no click, or nothing else; nothing can be ranked")
    texts: dict[str, list[str]] = {name: [getattr(one, name) for one in ads] for name in WORDS}
    for name in dict.fromkeys(key for one in ads for key in one.context):
        texts[name] = [str(one.context.get(name, "")) for one in ads]
    texts = {name: values for name, values in texts.items() if any(values)}
    coded = {name: np.unique(np.array(values, object), return_inverse=True)[1] for name, values in texts.items()}
    present = {name: float(np.mean([bool(value) for value in values])) for name, values in texts.items()}
    noise = {name: np.unique(hashes, return_inverse=True)[1] for name, hashes in noise_columns(0, len(ads), seed=seed).items()}
    candidates = [(name, codes, name in noise) for name, codes in (coded | noise).items()]
    if order == 2:
        for one, two in list(combinations(coded, 2))[:MAX_PAIRS]:
            candidates.append((f"{one} AND {two}", coded[one] * (coded[two].max() + 1) + coded[two], False))
    ranks = []
    for name, codes, is_noise in candidates:
        scored = score_by_rows(np.unique(codes, return_inverse=True)[1], totals, clicks, rng=rng)
        ranks.append(
            FeatureRank(
                column=name,
                score=scored.value,
                information=scored.information,
                by_chance=scored.null,
                deviation=scored.deviation,
                values=len(np.unique(codes)),
                coverage=present.get(name, 1.0),
                is_noise=is_noise,
            )
        )
    return ranks, len(ads)


def _judge(ranks: list[FeatureRank], noise_line: float) -> list[FeatureRank]:
    """Return the ranks, best first, with informative columns marked."""
    alone, line = {one.column: one.score for one in ranks}, max(noise_line, 0.0)
    judged = []
    for one in ranks:
        least, parts = line, one.column.split(" AND ")
        if len(parts) == 2:
            least += max(alone.get(part, 0.0) for part in parts) + MIN_DEVIATIONS * one.deviation
        is_clear = one.information - one.by_chance > MIN_DEVIATIONS * one.deviation
        judged.append(replace(one, says_something=not one.is_noise and one.score > least and is_clear))
    return sorted(judged, key=lambda one: (-one.score, one.column))
