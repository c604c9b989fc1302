"""Questions about an account's results in addition to the ranking: informative columns, tomorrow's rotation, retirement dates
of ads, matching keywords. Without Gradio.

Each question runs a command of the pipeline on the uploaded table: a plot, a table to download, a sentence about certainty.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from adcreative.catalog.tables import read_our_rows, write_rows
from adcreative.errors import AdCreativeError
from adcreative.pipeline import forecast, rank_features, read_result_rows, rotate, target
from adcreative.progress import Progress, ShouldStop

from ..html import insights as insight_fragments
from .account import write_mapping
from .long_work import LongWork

EVENTS = "events.csv"
Aside = Callable[..., Any]
QUESTIONS = ("columns", "rotation", "retire", "keywords")


@dataclass(frozen=True, kw_only=True)
class InsightScreen:
    """A fragment, the table to download, and the record."""

    shown: str = ""
    table: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The inputs of a question: the table of results, a mapping of its columns, keywords, and the output folder."""

    results: Path
    columns: Path | None
    labels: Path | None
    out: Path


@dataclass(kw_only=True, eq=False)
class Insights(LongWork[InsightScreen]):
    """The button "Answer" of the account page; each owner has one running question at a time."""

    screen = InsightScreen

    def ask(
        self,
        owner: str,
        question: str | None,
        results_path: str | None,
        labels_path: str | None = None,
        columns: Mapping[str, str | None] | None = None,
    ) -> Iterator[InsightScreen]:
        """Answer one of QUESTIONS; yield a screen at each change.

        Args:
            labels_path: a table with a column "keyword" (or query, interest), for "keywords". columns: as for `Accounts.ask`.
        """
        try:
            results, labels, out = self._bring(owner, question, results_path, labels_path)
        except AdCreativeError as error:
            yield self.refuse(error)
            return

        def work(tell: Progress, should_stop: ShouldStop) -> InsightScreen:
            mapping = write_mapping(columns or {}, out / "mapping.json", results, self.handlers.aside)
            asked = Asked(results=results, columns=mapping, labels=labels, out=out)
            try:
                return _ANSWERS[str(question)](asked, partial(self.handlers.aside, progress=tell, should_stop=should_stop))
            except AdCreativeError as error:
                said = str(error).replace(f"{asked.out}/", "").replace(str(asked.results), asked.results.name)
                # the events are derived from the export, and are unknown to its owner
                raise AdCreativeError(said.replace(EVENTS, asked.results.name)) from error

        yield from self.watch(self.start(owner, work))

    def _bring(
        self, owner: str, question: str | None, results_path: str | None, labels_path: str | None
    ) -> tuple[Path, Path | None, Path]:
        """Return the table of results, the table of keywords, and an empty folder for the answer."""
        if question not in QUESTIONS:
            raise AdCreativeError(f"Choose a question: {', '.join(QUESTIONS)}.")
        if not results_path:
            raise AdCreativeError("Upload the table of results that you exported first.")
        if question == "keywords" and not labels_path:
            raise AdCreativeError("Upload a table of keywords too: one column “keyword”, a row for each.")
        self.handlers.belongings.note(owner, results_path, labels_path)
        out = self.handlers.owner_dir(owner) / "insights"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True, mode=0o700)
        return Path(results_path), Path(labels_path) if labels_path else None, out


def _answer_columns(asked: Asked, aside: Aside) -> InsightScreen:
    out = asked.out / "which-columns.csv"
    found = aside(rank_features, asked.results, out, columns=asked.columns)
    shown = insight_fragments.columns(found.ranks, found.noise_line, found.num_rows)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "lines": found.lines})


def _answer_rotation(asked: Asked, aside: Aside) -> InsightScreen:
    events, ads = aside(_write_events, asked)
    out = asked.out / "rotation.csv"
    found = aside(rotate, ads, out, log=events)
    shown = insight_fragments.rotation(read_our_rows(out), found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "lines": list(found.lines)})


def _answer_retire(asked: Asked, aside: Aside) -> InsightScreen:
    out = asked.out / "retire-by.csv"
    source = asked.results if asked.columns is None else aside(_write_events, asked)[0]
    found = aside(forecast, source, out)
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    shown = insight_fragments.retire(read_our_rows(out), figures, found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "figures": figures})


def _answer_keywords(asked: Asked, aside: Aside) -> InsightScreen:
    assert asked.labels is not None
    _, ads = aside(_write_events, asked)
    out = asked.out / "keywords.csv"
    found = aside(target, ads, out, labels=asked.labels, num=5, use_pictures=False)
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    shown = insight_fragments.keywords(read_our_rows(out), figures, found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "figures": figures})


_ANSWERS: Mapping[str, Callable[[Asked, Aside], InsightScreen]] = {
    "columns": _answer_columns,
    "rotation": _answer_rotation,
    "retire": _answer_retire,
    "keywords": _answer_keywords,
}


def _write_events(asked: Asked) -> tuple[Path, Path]:
    """Write the rows of an export as a log by ad and day, and its ads as a catalogue; return both paths.

    Raises:
        CatalogError: the export cannot be used.
    """
    rows = read_result_rows(asked.results, columns=asked.columns)
    events, ads = asked.out / EVENTS, asked.out / "ads.csv"
    shown = (
        {
            "ad_name": row.ad_name,
            "day": row.date_start,
            "context": row.placement,
            "impressions": row.impressions,
            "clicks": row.clicks,
        }
        for row in rows
    )
    write_rows(events, shown, ("ad_name", "day", "context", "impressions", "clicks"))
    words = {row.ad_name: row.words or row.ad_name for row in reversed(rows)}
    write_rows(ads, ({"ad_name": name, "headline": text} for name, text in reversed(words.items())), ("ad_name", "headline"))
    return events, ads
