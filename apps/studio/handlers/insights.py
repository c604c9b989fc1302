"""Questions to an account's results beside the ranking: which columns say anything, what to show tomorrow, when to retire an
ad, which keywords fit. Without Gradio, as `one_ad`.

Each is a verb of the pipeline on the table that was uploaded: a plot, a table to download and one sentence that says how sure.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.catalog.tables import read_our_rows, write_rows
from adcreative.errors import AdCreativeError
from adcreative.pipeline import forecast, rank_features, read_result_rows, rotate, target
from adcreative.progress import Progress, Rounds, ShouldStop

from ..html import fragments
from ..html import insights as insight_fragments
from ..sessions.jobs import Job, JobBoard
from .one_ad import Handlers
from .steps import write_mapping

log = logging.getLogger(__name__)
EVENTS = "events.csv"
QUESTIONS = ("columns", "rotation", "retire", "keywords")


@dataclass(frozen=True, kw_only=True)
class InsightScreen:
    """A fragment, the table to download, and the record."""

    shown: str = ""
    table: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a question is asked of: the table of results, a mapping of its columns, keywords, and where answers are written."""

    results: Path
    columns: Path | None
    labels: Path | None
    out: Path


@dataclass(frozen=True, kw_only=True)
class Insights:
    """The button "Answer" of the account page; one question at a time each."""

    handlers: Handlers
    board: JobBoard[Job[InsightScreen]] = field(default_factory=JobBoard)

    def __post_init__(self) -> None:
        self.handlers.also_forget.append(self.board.take_down)

    def ask(
        self, owner: str, question: str | None, results_path: str | None, labels_path: str | None = None,
        columns: Mapping[str, str | None] | None = None,
    ) -> Iterator[InsightScreen]:  # fmt: skip
        """Answer one of QUESTIONS; yield a screen at each change.

        Args:
            labels_path: a table with a column "keyword" (or query, interest), for "keywords". columns: as for `Steps.account`.
        """
        try:
            asked = self._bring(owner, question, results_path, labels_path, columns or {})
        except AdCreativeError as error:
            yield InsightScreen(shown=fragments.problem(error), record={"error": str(error)})
            return
        stages: list[str] = []
        job = Job(work=_work(str(question), asked, stages))
        self.board.post(owner, job, job)
        job.start()
        for state in job.states():
            yield InsightScreen(shown=insight_fragments.working(state, stages[-1] if stages else ""))
        yield job.result()

    def cancel(self, owner: str) -> str:
        """Ask the owner's question to stop."""
        return fragments.note("Stopping …" if self.board.stop(owner) else "Nothing is running.")

    def is_running(self, owner: str) -> bool:
        job = self.board.find(owner)
        return job is not None and not job.is_finished

    def _bring(
        self, owner: str, question: str | None, results_path: str | None, labels_path: str | None,
        columns: Mapping[str, str | None],
    ) -> Asked:  # fmt: skip
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
        mapping = write_mapping(columns, out / "mapping.json", Path(results_path))
        return Asked(results=Path(results_path), columns=mapping, labels=Path(labels_path) if labels_path else None, out=out)


def _work(question: str, asked: Asked, stages: list[str]) -> Callable[[Rounds, ShouldStop], InsightScreen]:
    """Return the work: answer, and turn a fault into a screen."""

    def work(report: Rounds, should_stop: ShouldStop) -> InsightScreen:
        def tell(stage: str, done: int, total: int) -> None:
            stages.append(stage)
            report(done, total, 0.0)

        try:
            return _ANSWERS[question](asked, tell, should_stop)
        except AdCreativeError as error:
            if should_stop():
                return InsightScreen(shown=fragments.note("Stopped."), record={"status": "stopped"})
            said = str(error).replace(f"{asked.out}/", "").replace(str(asked.results), asked.results.name)
            said = said.replace(EVENTS, asked.results.name)  # made of the export, and nothing that its owner knows
            return InsightScreen(shown=fragments.problem(AdCreativeError(said)), record={"error": said})
        except Exception as error:
            log.exception("a question to an account failed")
            return InsightScreen(shown=fragments.breakdown(error), record={"error": "internal error"})

    return work


def _answer_columns(asked: Asked, tell: Progress, should_stop: ShouldStop) -> InsightScreen:
    out = asked.out / "which-columns.csv"
    found = rank_features(asked.results, out, columns=asked.columns, progress=tell, should_stop=should_stop)
    shown = insight_fragments.columns(found.ranks, found.noise_line, found.num_rows)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "lines": found.lines})


def _answer_rotation(asked: Asked, tell: Progress, should_stop: ShouldStop) -> InsightScreen:
    events, ads = _write_events(asked)
    out = asked.out / "rotation.csv"
    found = rotate(ads, out, log=events, progress=tell, should_stop=should_stop)
    shown = insight_fragments.rotation(read_our_rows(out), found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "lines": list(found.lines)})


def _answer_retire(asked: Asked, tell: Progress, should_stop: ShouldStop) -> InsightScreen:
    out = asked.out / "retire-by.csv"
    source = asked.results if asked.columns is None else _write_events(asked)[0]
    found = forecast(source, out, progress=tell, should_stop=should_stop)
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    shown = insight_fragments.retire(read_our_rows(out), figures, found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "figures": figures})


def _answer_keywords(asked: Asked, tell: Progress, should_stop: ShouldStop) -> InsightScreen:
    assert asked.labels is not None
    _, ads = _write_events(asked)
    out = asked.out / "keywords.csv"
    found = target(ads, out, labels=asked.labels, num=5, use_pictures=False, progress=tell, should_stop=should_stop)
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    shown = insight_fragments.keywords(read_our_rows(out), figures, found.warnings)
    return InsightScreen(shown=shown, table=out, record={"warnings": list(found.warnings), "figures": figures})


_ANSWERS: Mapping[str, Callable[[Asked, Progress, ShouldStop], InsightScreen]] = {
    "columns": _answer_columns, "rotation": _answer_rotation, "retire": _answer_retire, "keywords": _answer_keywords,
}  # fmt: skip


def _write_events(asked: Asked) -> tuple[Path, Path]:
    """Write the rows of an export as a log by ad and day, and its ads as a catalogue; return both.

    Raises:
        CatalogError: the export cannot be used.
    """
    rows = read_result_rows(asked.results, columns=asked.columns)
    events, ads = asked.out / EVENTS, asked.out / "ads.csv"
    shown = (
        {"ad_name": row.ad_name, "day": row.date_start, "context": row.placement, "impressions": row.impressions,
         "clicks": row.clicks}
        for row in rows
    )  # fmt: skip
    write_rows(events, shown, ("ad_name", "day", "context", "impressions", "clicks"))
    words = {row.ad_name: row.words or row.ad_name for row in reversed(rows)}
    write_rows(ads, ({"ad_name": name, "headline": text} for name, text in reversed(words.items())), ("ad_name", "headline"))
    return events, ads
