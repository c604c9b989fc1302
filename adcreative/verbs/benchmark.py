"""The verb `benchmark`: published comparison tables on a catalogue or on simulated markets.

Imports torch only when called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.images import picture
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import format_rows
from adcreative.config import did_you_mean
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.tables import iter_features
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.outputs import check_outputs, own_outputs

BENCHMARKS = ("adsee",)
MOST_LABELS = 10
MARKET_CREATIVE_SEED = 500


@dataclass(frozen=True, kw_only=True)
class BenchmarkSummary:
    """The table as text, the rows as plain values, the paths of the files, and the number of creatives measured."""

    table: str
    lines: list[dict[str, Any]]
    path: Path
    num_creatives: int


def benchmark(
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    markets: Sequence[int] = (1, 2),
    num: int = 240,
    num_seeds: int = 5,
    columns: Path | None = None,
    dates: str = "",
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> BenchmarkSummary:
    """Fit and measure the networks and inputs of a published comparison; write NAME.json and NAME.csv into `out`.

    Args:
        name: "adsee", tables 2 and 3 of AdSEE (KDD 2023): see `ctr.benchmark`; class labels come from `encoders.labels`.
        data: folder or table with impressions and clicks; None: simulated markets, whose clicks are planted.
        markets: seeds of the simulated markets. num: creatives per market.
        columns, dates: how `data` is written, as for `score`.
        num_seeds: number of splits by group; every network is trained anew on each.
    Raises:
        ConfigError: no such benchmark, a number is out of range, or a file of another program would be replaced.
        CatalogError: no row of `data` has results.
        TrainingError, FeatureError: nothing can be learnt, features are broken, or stopped; nothing is written.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f'no benchmark named "{name}". {did_you_mean(name, BENCHMARKS)}')
    if num_seeds < 1 or num < 1 or (data is None and not markets):
        raise ConfigError(f"seeds, num and markets must be at least 1, got {num_seeds}, {num} and {len(markets)}.")
    path = Path(out) / f"{name}.json"
    check_outputs((path, path.with_suffix(".csv")), (data,), restart=restart)
    from adcreative.benchmarks.adsee import compare_inputs, render_table

    reader = _Reader(progress, should_stop)
    tables = (
        [_read_table(reader, Path(data), read_table_settings(columns, dates=dates))]
        if data is not None
        else [_simulate_table(reader, seed, num) for seed in markets]
    )
    lines = compare_inputs(
        tables, seeds=range(num_seeds), progress=lambda done, total: progress("fitting", done, total), should_stop=should_stop
    )
    num_creatives = sum(len(creatives) for creatives, _ in tables)
    source = str(data) if data is not None else f"simulated markets {', '.join(map(str, markets))}: no real clicks"
    origin = f"--data {data}" if data is not None else f"{' '.join(f'--market {seed}' for seed in markets)} --num {num}"
    notes = {
        "benchmark": name,
        "command": f"adcreative benchmark {name} {origin} --seeds {num_seeds}",
        "data": source,
        "num_creatives": num_creatives,
        "num_seeds": num_seeds,
        "labels": count_labels([one for _, features in tables for one in features]),
        "lines": lines,
    }
    with own_outputs((path, path.with_suffix(".csv")), (data,), restart=restart):
        write_atomically(path, dump_json(notes, indent=1).encode())
        write_atomically(path.with_suffix(".csv"), _csv_of(lines).encode())
    return BenchmarkSummary(table=render_table(lines), lines=lines, path=path, num_creatives=num_creatives)


def count_labels(features: Sequence[Any]) -> dict[str, Any]:
    """Return the mean number of class labels per picture (None without pictures), and the counts of the commonest labels."""
    from adcreative.encoders.labels import name_label

    seen = [one.labels.tolist() for one in features if one.labels is not None]
    counts = Counter(label for labels in seen for label in labels)
    commonest = {name_label(label): number for label, number in counts.most_common(MOST_LABELS)}
    return {"per_picture": sum(map(len, seen)) / len(seen) if seen else None, "commonest": commonest}


def _read_table(reader: _Reader, data: Path, written: TableSettings) -> tuple[list[Creative], list[Any]]:
    found = [creative for creative in read_catalog(data, columns=written).creatives if creative.has_results]
    if not found:
        raise CatalogError(f"no creative in {data} has both impressions and clicks; add these two columns")
    return reader.read(iter(found), len(found), "reading creatives")


def _simulate_table(reader: _Reader, seed: int, num: int) -> tuple[list[Creative], list[Any]]:
    from adcreative.verbs.loading import load_market

    creatives = load_market(seed).iter_creatives(num, MARKET_CREATIVE_SEED + seed)
    return reader.read(creatives, num, f"simulating market {seed}")


class _Reader:
    """Reads creatives with the shipped encoders, and labels their pictures."""

    def __init__(self, progress: Progress, should_stop: ShouldStop) -> None:
        from adcreative.encoders.labels import PictureLabeller
        from adcreative.verbs.loading import load_tools

        self.extractor, self.labeller = load_tools().extractor, PictureLabeller.load()
        self.progress, self.should_stop = progress, should_stop

    def read(self, creatives: Iterator[Creative], total: int, stage: str) -> tuple[list[Creative], list[Any]]:
        """Return the usable creatives without pixels, and the features of these creatives."""
        kept: list[Creative] = []
        features: list[Any] = []
        tell = partial(self.progress, stage)
        for creative, result in iter_features(self.extractor, creatives, total, tell, self.should_stop):
            if not isinstance(result, CreativeError):
                image_u8 = picture(creative)
                labels = None if image_u8 is None else self.labeller.label(image_u8)
                kept.append(replace(creative, image_u8=None))
                features.append(replace(result, labels=labels))
        return kept, features


def _csv_of(lines: Sequence[dict[str, Any]]) -> str:
    """Return a CSV with one row per line, nested figures as columns such as spearman_low and added_mae."""
    rows = []
    for line in lines:
        row: dict[str, Any] = {}
        for key, value in line.items():
            is_group = key in ("added", "published")
            nested = {f"{key}_{name}": figure for name, figure in (value or {}).items()} if is_group else {key: value}
            for name, figure in nested.items():
                parts = {"": figure} if not isinstance(figure, dict) else figure
                row |= {name if part in ("", "value") else f"{name}_{part}": number for part, number in parts.items()}
        rows.append(row)
    return "".join(format_rows(rows, list(dict.fromkeys(column for row in rows for column in row))))
