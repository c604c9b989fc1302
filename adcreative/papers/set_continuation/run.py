"""The verb `extend`: similar assets or keywords from a library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.formats.logs import read_names, read_whole_log
from adcreative.catalog.tables import beside, write_rows
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError
from adcreative.options import takes
from adcreative.papers.set_continuation.settings import ExtendSettings
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs

if TYPE_CHECKING:
    from adcreative.papers.set_continuation.model import Extender

ITEM_NAMES = ("item", "asset", "creative", "ad_name", "keyword", "query")
SET_NAMES = ("set", "set_id", "list", "playlist", "collection", "ad_group", "campaign")
TITLE_NAMES = ("title", "set_title", "set_name", "name")
EXTEND_COLUMNS = ("rank", "item", "popularity")
HELD_OUT_PART = 5
MIN_MEASURED = 20


@takes(ExtendSettings)
def extend(
    library: Path,
    out: Path,
    settings: ExtendSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Continue a set: rank the items of a library that fit the seeds, or a title; write `out` (CSV, with a JSON file).

    Stage one retrieves by shared sets, neighbours, factors and words; stage two re-ranks by trees trained on hidden items
    (60 sets or more). Both are compared with popularity on a held-out fifth of the sets; stage two is used where it is better.

    Args:
        library: CSV or parquet, a row per item of a set: set, item, and title where sets have one.
        settings: seeds or title; creatives: folder or table of ads, whose words describe items of the same ad_name (others by
            their own words); text_encoder: reads titles and items in place of their n-grams. Fields may be given as keywords.
    Raises:
        CatalogError: the library cannot be used. ConfigError: an unknown seed, nothing to continue, stopped.
    """
    out, sheet = Path(out), beside(Path(out), ".json")
    seeds, title, num, seed = settings.seeds, settings.title, settings.num, settings.seed
    if num < 1:
        raise ConfigError(f"num must be at least 1, got {num}")
    if not seeds and not title.strip():
        raise ConfigError("nothing to continue: give --seeds, a --title, or both")
    inputs = (library, settings.creatives, Path(settings.text_encoder) if settings.text_encoder else None)
    check_outputs((out, sheet), inputs, restart=restart)
    progress("reading the library", 0, 1)
    items, sets, titles, members = _read_library(Path(library))
    unknown = [one for one in seeds if one not in items]
    if unknown:
        raise ConfigError(f'"{unknown[0][:60]}" is no item of {Path(library).name}. {did_you_mean(unknown[0], list(items))}')
    from adcreative.papers.set_continuation.model import Library, fit_extender

    described = _describe(list(items), settings.creatives)
    read = _find_reader(described, settings.text_encoder)
    words, title_words = read(described), read(titles)
    if should_stop():
        raise ConfigError("stopped before the result was complete; nothing was written")
    figures = _measure(members, words, title_words, seed, progress)
    is_better = bool(figures) and figures["two stages"]["NDCG (code)"] > figures["stage one"]["NDCG (code)"]
    extender = fit_extender(
        Library(members=members, words=words),
        title_words,
        seed=seed,
        use_ranker=is_better,
        progress=count_stage(progress, "fitting"),
    )
    asked = csr_matrix((np.ones(len(seeds)), ([0] * len(seeds), [items[one] for one in seeds])), shape=(1, len(items)))
    asked.data[:] = 1.0
    found = extender.extend(asked, read([title]), num)[0]
    names, popularity = list(items), extender.retriever.library.popularity
    rows = [{"rank": rank, "item": names[at], "popularity": int(popularity[at])} for rank, at in enumerate(found, 1)]
    with own_outputs((out, sheet), inputs, restart=restart):
        write_rows(out, rows, EXTEND_COLUMNS)
        told = {
            "seeds": list(seeds),
            "title": title,
            "num_sets": len(sets),
            "num_items": len(items),
            "method": _method(extender),
        }
        write_atomically(sheet, dump_json({**told, "figures": figures}, indent=1).encode())
    return RunSummary(path=out, done=len(rows), lines=_say(figures, _method(extender), rows, len(sets)))


def _method(extender: Extender) -> str:
    return "stage one" if extender.ranker is None else "two stages"


def _read_library(path: Path) -> tuple[dict[str, int], list[str], list[str], csr_matrix]:
    """Return items by name, names of sets, their titles, and members [S, N].

    Raises:
        CatalogError: a column is missing, or there are fewer than two sets or items.
    """
    table: pd.DataFrame = read_whole_log(path)
    by_name = {str(name).strip().casefold(): name for name in table.columns}
    item, group, title = (
        next((by_name[name] for name in names if name in by_name), None) for names in (ITEM_NAMES, SET_NAMES, TITLE_NAMES)
    )
    for column, what, names in ((item, "items", ITEM_NAMES), (group, "sets", SET_NAMES)):
        if column is None:
            raise CatalogError(f"{path} has no column of {what}; name it {', '.join(names[:3])}")
    table = table.assign(**{str(name): read_names(table[name]) for name in (item, group)})
    table = table[(table[item] != "") & (table[group] != "")]
    set_at, set_names = pd.factorize(table[group])
    item_at, item_names = pd.factorize(table[item])
    if len(set_names) < 2 or len(item_names) < 2:
        raise CatalogError(f"{path} has {len(set_names)} sets of {len(item_names)} items; at least 2 of each are needed")
    members = csr_matrix((np.ones(len(table)), (set_at, item_at)), shape=(len(set_names), len(item_names)))
    members.data[:] = 1.0  # an item listed twice in a set
    titles = [""] * len(set_names) if title is None else _first(table[title], set_at, len(set_names))
    return {str(name): at for at, name in enumerate(item_names)}, list(map(str, set_names)), titles, members


def _first(column: pd.Series, set_at: np.ndarray, num: int) -> list[str]:
    found = [""] * num
    for at, value in zip(set_at[::-1], read_names(column).to_numpy()[::-1], strict=True):
        found[at] = value or found[at]
    return found


def _describe(names: list[str], creatives: Path | None) -> list[str]:
    known = (
        {}
        if creatives is None
        else {one.name: one for one in reversed(read_catalog(Path(creatives), with_days=False).creatives)}
    )
    return [f"{known[name].headline} {known[name].body} {known[name].category}" if name in known else name for name in names]


def _find_reader(described: Sequence[str], text_encoder: str) -> Callable[[Sequence[str]], csr_matrix]:
    """Return what reads N texts as rows [N, V] of length 1: n-grams by how rare they are among the items, or an encoder."""
    if text_encoder:
        from adcreative.verbs.loading import load_words

        encode = load_words(text_encoder)
        return lambda texts: csr_matrix(encode(texts))
    from adcreative.delivery.targeting.ranking import read_grams, weigh_grams

    grams = read_grams(described)
    return lambda texts: weigh_grams(read_grams(texts), grams)


def _measure(
    members: csr_matrix, words: csr_matrix, titles: csr_matrix, seed: int, progress: Progress
) -> dict[str, dict[str, float]]:
    """Return method -> figures on a fifth of the sets; empty when that is fewer than 20."""
    from adcreative.metrics.continuation import first_hit_clicks, list_ndcg, r_precision
    from adcreative.papers.set_continuation.model import Extender, Library, fit_extender, hide_items

    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(np.asarray(members.sum(axis=1)).ravel() > 1))
    held, learn = order[::HELD_OUT_PART], np.setdiff1d(np.arange(members.shape[0]), order[::HELD_OUT_PART])
    if len(held) < MIN_MEASURED:
        return {}
    count = count_stage(progress, "measuring on sets left out")
    both = fit_extender(Library(members=members[learn], words=words), titles[learn], seed=seed, progress=count)
    hidden = hide_items(members[held], titles[held], rng=rng)
    lists: dict[str, list[Any]] = {
        "two stages": both.extend(hidden.seeds, hidden.titles, 500),
        "stage one": Extender(both.retriever, None).extend(hidden.seeds, hidden.titles, 500),
    }
    ranked = np.argsort(-both.retriever.library.popularity, kind="stable")
    lists["popular"] = [ranked[~np.isin(ranked, hidden.seeds[row].indices)][:500] for row in range(len(held))]
    figures = {}
    for name, of in lists.items():
        pairs = [(list(map(int, one)), set(map(int, gone))) for one, gone in zip(of, hidden.hidden, strict=True)]
        figures[name] = {
            "R-precision (track)": float(np.mean([r_precision(one, gone, variant="track") for one, gone in pairs])),
            "NDCG (code)": float(np.mean([list_ndcg(one, gone, variant="code") for one, gone in pairs])),
            "clicks": float(np.mean([first_hit_clicks(one, gone) for one, gone in pairs])),
        }
    return figures


def _say(figures: dict[str, dict[str, float]], method: str, rows: list[dict[str, Any]], num_sets: int) -> tuple[str, ...]:
    first = ", ".join(f'"{row["item"][:40]}"' for row in rows[:3])
    if not figures:
        return (f"first: {first}", f"{num_sets} sets are too few to measure how well; take it as a suggestion")
    lines = [f"{name}: " + ", ".join(f"{one} {value:.3f}" for one, value in of.items()) for name, of in figures.items()]
    own, floor = figures[method]["R-precision (track)"], figures["popular"]["R-precision (track)"]
    return (
        *lines,
        f"first: {first}",
        f'"{method}" is used: {own:.0%} of hidden items are among the first, {floor:.0%} by popularity',
    )
