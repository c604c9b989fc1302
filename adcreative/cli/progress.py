"""Progress display, stopping and exit codes of commands. Does not import torch.

Progress, warnings and errors go to stderr; stdout holds the result, with --json as one JSON object. A terminal gets a bar;
other outputs, such as a log file, get a line from time to time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Timer
from typing import TYPE_CHECKING

import typer

from adcreative.cli.terminal import plain, say, say_json, say_lines
from adcreative.errors import AdCreativeError
from adcreative.progress import Progress, ShouldStop, listening

if TYPE_CHECKING:
    from adcreative.pipeline import RunSummary

EXIT_CODES = (
    "Exit codes: 0 done (creatives that failed are in X.failures.csv beside X); 2 nothing could be done, or the run had to end "
    "(wrong option, unusable folder, full disk, missing weight): one sentence on stderr says why; 130 stopped by Ctrl-C or "
    "SIGTERM. After any of them, and after a kill, the same command goes on where it was."
)
SECONDS_BETWEEN_LINES = 30.0
LOADING = "loading models"
MOST_SECONDS_SILENT = 1.0  # before the first line, while packages and models load; Python itself takes up to another second


class Pace:
    """Rate and remaining time of a stage, from the progress since its start; progress of an earlier run does not count.

    A stage may continue after a shorter stage inside it, which restarts each time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.began: dict[str, tuple[int, float]] = {}  # progress at the start, and start time

    def describe(self, stage: str, done: int, total: int) -> str:
        """Return text such as "21.3/s, 1 h 15 min left", or "" before any progress."""
        if stage not in self.began or done < self.began[stage][0] or done == 0:
            self.began[stage] = done, self.clock()
        first_done, started_s = self.began[stage]
        num, passed_s = done - first_done, self.clock() - started_s
        if num <= 0 or passed_s <= 0:
            return ""
        rate = num / passed_s
        said = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        return f"{said}, {duration((total - done) / rate)} left" if total > done else said


def duration(seconds: float) -> str:
    """Return text such as "40 s", "12 min", "3 h 05 min", "2 d 4 h"."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn AdCreativeErrors into one line and exit code 2; for commands with their own signal handlers."""
    try:
        yield
    except AdCreativeError as error:
        say(f"adcreative: {plain(str(error))}", err=True)
        raise typer.Exit(2) from error


@contextmanager
def verb(as_json: bool = False) -> Iterator[tuple[Progress, ShouldStop]]:
    """Yield (progress, should_stop); turn AdCreativeErrors into one line and exit code 2.

    The first Ctrl-C, or SIGTERM, asks the verb to stop at the next safe point; the second ends the program. as_json: also print
    the line as {"error": ..., "exit_code": 2}.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    stop_requested = False

    def request_stop(signum: int, frame: object) -> None:
        nonlocal stop_requested
        if stop_requested:
            raise KeyboardInterrupt
        stop_requested = True
        console.print("stopping after this creative; press Ctrl-C again to stop at once")

    console, pace = Console(stderr=True), Pace()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    bar = Bar(*columns, console=console, disable=not console.is_terminal)
    task = bar.add_task(LOADING, total=None, pace="")
    printed_s, stages = 0.0, set[str]()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal printed_s
        loading.cancel()
        said = pace.describe(stage, done, total)
        bar.update(task, description=plain(stage), completed=done, total=total or None, pace=said)
        now_s = time.monotonic()
        if bar.disable and (stage not in stages or now_s - printed_s >= SECONDS_BETWEEN_LINES):
            printed_s = now_s
            stages.add(stage)
            counts = f": {done} of {total}" if total else f": {done}" if done else ""
            say(f"{stage}{counts}{', ' * bool(said)}{said}", err=True)

    def tell_loading() -> None:
        if bar.disable:
            say(LOADING, err=True)

    loading = Timer(MOST_SECONDS_SILENT, tell_loading)
    loading.daemon = True
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(signum, request_stop) for signum in signals]
    try:
        with bar, listening(report):
            loading.start()
            yield report, lambda: stop_requested
    except AdCreativeError as error:
        console.print(f"adcreative: {plain(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True)
        exit_code = 130 if stop_requested else 2
        if as_json:
            say_json({"error": str(error), "exit_code": exit_code})
        raise typer.Exit(exit_code) from error
    except KeyboardInterrupt as error:
        console.print("stopped; the same command goes on where it was")
        raise typer.Exit(130) from error
    finally:
        loading.cancel()
        for signum, handler in zip(signals, previous, strict=True):
            signal.signal(signum, handler)


def counted(count: int, noun: str) -> str:
    """Return text such as "1 row taken", "2 rows taken" for the noun "row{s} taken"."""
    return f"{count} {noun.format(s='' if count == 1 else 's')}"


def finish(summary: RunSummary, noun: str, *, as_json: bool = False) -> None:
    """Print warnings, findings, and the path of the result; exit with 130 if the run was stopped. noun: as in `counted`."""
    exit_code = 130 if summary.stopped else 0
    for warning in summary.warnings:
        say(f"warning: {warning}", err=True)
    if as_json:
        say_json({**asdict(summary), "exit_code": exit_code})
    elif summary.stopped:
        say(f"stopped after {counted(summary.done, noun)}; the same command goes on where it was")
    elif summary.forecast:
        say(_describe_forecast(summary))
    else:
        say_lines(summary.lines)
        why = "left out" if summary.lines else "failed (see *.failures.csv)"
        failed = f", {summary.failed} {why}" if summary.failed else ""
        say(f"{counted(summary.done, noun)}{failed}: {summary.path}")
    if exit_code:
        raise typer.Exit(exit_code)


def _describe_forecast(summary: RunSummary) -> str:
    forecast = summary.forecast
    assert forecast is not None
    said = [f"{forecast.to_do} creatives to do, {forecast.already_done} done before, {forecast.unusable} that cannot be used."]
    if forecast.first_problem:
        said.append(f"The first of these: {forecast.first_problem}")
    if forecast.seconds is not None:
        each = f"{forecast.seconds_each:.2g} s each, measured on {forecast.num_measured}"
        said.append(f"About {duration(forecast.seconds)} ({each}, nothing cached).")
    return " ".join([*said, f"Nothing was written; the result would be {summary.path}."])
