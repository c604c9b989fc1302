"""The verb `target`: queries, keywords or interests for each creative, among up to millions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.event_log import read_numbers
from adcreative.catalog.formats.logs import read_names, read_whole_log
from adcreative.catalog.tables import beside, write_rows
from adcreative.errors import CatalogError, ConfigError
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.settings import TargetSettings

if TYPE_CHECKING:
    from adcreative.creative import Creative
    from adcreative.delivery.targeting.ranking import Method, Ranking, Task

    Also = Callable[[list[Creative], list[str], Task], Mapping[str, Method]]

LABEL_NAMES = ("query", "keyword", "label", "interest", "search_term", "hashtag")
CREATIVE_NAMES = ("creative", "ad_name", "ad", "ad_id")
TARGET_COLUMNS = ("creative", "rank", "label", "score", "is_known")


@takes(TargetSettings)
def target(
    ads: Path,
    out: Path,
    settings: TargetSettings,
    *,
    also: Also | None = None,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Rank queries, keywords or interests for each creative; write `out` (CSV), and figures next to it (JSON).

    With known pairs of at least 40 creatives, popular labels, labels with similar words and labels of similar creatives are
    compared on a fifth of the creatives; the best method is used. Otherwise labels with similar words are listed.

    Args:
        ads: folder or table of creatives.
        labels: CSV or parquet with a column query, keyword, label or interest; rows that also name a creative are known pairs.
            With a clicks column, rows without clicks are no pairs.
        num: labels per creative. also: called with creatives, labels and the task; returns further methods by name.
        settings: format of ads and labels; fields may be given as keywords.
    Raises:
        CatalogError: ads or labels cannot be used. ConfigError: a setting, stopped, or an output is a file of another program.
    """
    from adcreative.delivery.targeting.ranking import Task, rank_labels, read_grams

    out, sheet, labels, num = Path(out), beside(Path(out), ".json"), Path(settings.labels), settings.num
    if num < 1:
        raise ConfigError(f"num must be at least 1, got {num}")
    check_outputs((out, sheet), (ads, labels), restart=restart)
    progress("reading ads and labels", 0, 2)
    written = settings.table
    creatives = {one.name: one for one in reversed(read_catalog(Path(ads), columns=written, with_days=False).creatives)}
    if not creatives:
        raise CatalogError(f"{ads} has no creative")
    names, pairs, unknown = _read_labels(labels, creatives, settings.decimals)
    ordered = list(reversed(creatives.values()))
    words = [f"{one.headline} {one.body} {one.brand} {one.category}".strip() for one in ordered]
    truth = _truth([one.name for one in ordered], names, pairs)
    task = Task(points=read_grams(words), labels=read_grams(names), truth=truth)
    progress("ranking", 1, 2)
    ranking = rank_labels(task, num=num, seed=settings.seed, also=also(ordered, names, task) if also else None)
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    with own_outputs((out, sheet), (ads, labels), restart=restart):
        write_rows(out, _rows(ordered, names, truth, ranking), TARGET_COLUMNS)
        write_atomically(sheet, dump_json(_as_dict(names, ranking, len(ordered)), indent=1).encode())
    warnings = [f"{unknown} rows of {Path(labels).name} name creatives that are not in {Path(ads).name}."] if unknown else []
    progress("ranking", 2, 2)
    return RunSummary(path=out, done=len(ordered), warnings=tuple(warnings), lines=_say(names, ranking))


def _read_labels(
    path: Path, creatives: dict[str, Creative], decimals: str = ""
) -> tuple[list[str], list[tuple[str, str]], int]:
    """Return labels, known pairs (creative, label), and the number of rows that name an unknown creative."""
    table: pd.DataFrame = read_whole_log(path)
    by_name = {str(name).strip().casefold(): name for name in table.columns}
    label = next((by_name[name] for name in LABEL_NAMES if name in by_name), None)
    if label is None:
        raise CatalogError(f"{path} has no column of labels; name it {', '.join(LABEL_NAMES[:4])}")
    texts = read_names(table[label])
    table, texts = table[texts != ""], texts[texts != ""]
    names = list(dict.fromkeys(texts))
    if len(names) < 2:
        raise CatalogError(f"{path} has {len(names)} label; at least 2 are needed to choose among")
    creative = next((by_name[name] for name in CREATIVE_NAMES if name in by_name), None)
    if creative is None:
        return names, [], 0
    if "clicks" in by_name:
        name = by_name["clicks"]
        clicked = read_numbers(table, {name: "clicks"}, str(path), decimals=decimals)[0][name] > 0
        table, texts = table[clicked], texts[clicked]
    named = [(one, text) for one, text in zip(read_names(table[creative]), texts, strict=True) if one]
    return names, [pair for pair in named if pair[0] in creatives], sum(one not in creatives for one, _ in named)


def _truth(ads: list[str], names: list[str], pairs: list[tuple[str, str]]) -> csr_matrix:
    ad_at, label_at = ({name: at for at, name in enumerate(some)} for some in (ads, names))
    unique = sorted({(ad_at[ad], label_at[label]) for ad, label in pairs})
    rows, columns = ([pair[side] for pair in unique] for side in (0, 1))
    return csr_matrix((np.ones(len(unique)), (rows, columns)), shape=(len(ads), len(names)))


def _rows(ads: list[Creative], names: list[str], truth: csr_matrix, ranking: Ranking) -> list[dict[str, Any]]:
    rows = []
    for at, one in enumerate(ads):
        known = set(truth.indices[truth.indptr[at] : truth.indptr[at + 1]])
        for rank, (number, score) in enumerate(zip(ranking.numbers[at], ranking.scores[at], strict=True), 1):
            if number >= 0:
                rows.append(
                    {
                        "creative": one.name,
                        "rank": rank,
                        "label": names[number],
                        "score": round(float(score), 4),
                        "is_known": "yes" if number in known else "no",
                    }
                )
    return rows


def _as_dict(names: list[str], ranking: Ranking, num_ads: int) -> dict[str, Any]:
    return {
        "method": ranking.method,
        "num_labels": len(names),
        "num_creatives": num_ads,
        "num_held_out": ranking.num_held_out,
        "figures": ranking.figures,
    }


def _say(names: list[str], ranking: Ranking) -> tuple[str, ...]:
    if not ranking.figures:
        return (f"{len(names):,} labels ranked by like words; nothing was measured, since too few pairs are known",)
    lines = [f"{name}: " + ", ".join(f"{one} {value:.3f}" for one, value in of.items()) for name, of in ranking.figures.items()]
    own = ranking.figures[ranking.method]
    first = next(iter(own))
    right = f"{own[first]:.0%} of {ranking.num_held_out} creatives left out"
    sure = f'"{ranking.method}" is used: the first label was right for {right}'
    return (*lines, sure)
