"""The verb `compress`: a smaller model of an impression log, and a report of the loss. Imports torch only when called."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import MANIFEST, check_replaceable, dump_json, read_manifest, write_atomically
from adcreative.catalog.formats.logs import list_log_files, log_columns
from adcreative.catalog.log_schema import check_columns
from adcreative.config import did_you_mean, load_config, read_sections
from adcreative.ctr.card import LOG_FORMAT, LOG_KIND
from adcreative.errors import CatalogError, ConfigError
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.report.compression import recommend, render_compression
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_not_in_log, check_outputs, own_outputs
from adcreative.verbs.settings import CompressSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from adcreative.ctr.compression.comparison import Point
    from adcreative.ctr.compression.registry import Method
    from adcreative.ctr.compression.rows import CompressionRows
    from adcreative.ctr.compression.tuning import Work
    from adcreative.ctr.log_network import LogModel

REPORT, PAGE = "compression.json", "compression.html"


@dataclass(frozen=True, kw_only=True)
class CompressSummary(RunSummary):
    """The folder of the smaller model, sizes and figures before and after, and how to read them.

    done: number of applied methods. points: before and after each method, as in compression.json.
    """

    points: tuple[dict[str, Any], ...] = ()
    recommendation: str = ""


@takes(CompressSettings)
def compress(
    model: Path,
    data: Path,
    out: Path,
    settings: CompressSettings,
    *,
    restart: bool = False,
    methods: Mapping[str, Method] | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> CompressSummary:
    """Make a model of an impression log smaller and faster; write the model into `out`, with a report of the loss.

    Methods are applied in the order given: low-rank (factor tables and layers), int8 (eight bits a weight on disk, the last of
    several), distil (a student), and the methods in `methods`. The report compares before and after on rows used neither for
    learning nor for choosing: the test rows, or half of the validation rows.

    Args:
        model: a folder that `train` wrote for a log. data: the log of that training.
        settings: method, such as "hash,low-rank"; budget: share to keep, for methods that take one; fields may be given as
            keywords. methods: name -> method, in place of the registry's.
    Raises:
        ConfigError: method, setting, model and data do not fit, a budget cannot be met, or `out` holds another program's
            report.
        CatalogError: the data cannot be read, or `out` holds a model. TrainingError: too few rows to measure a difference.
        ArtifactError: as `LogModel.load`, or `out` holds a model of another kind.
    """
    started_s, model, data, out = time.monotonic(), Path(model), Path(data), Path(out)
    _check_folders(model, out, restart)
    outputs, inputs = (out / REPORT, out / PAGE), (*list_log_files(data), model, settings.config)
    check_outputs(outputs, inputs, restart=restart)
    check_not_in_log(outputs, data)
    from adcreative.ctr.compression.comparison import measure_point
    from adcreative.ctr.compression.registry import METHODS, find_methods
    from adcreative.ctr.compression.rows import open_rows
    from adcreative.ctr.compression.tuning import StoppedError, TuneConfig, Work
    from adcreative.ctr.log_network import LogModel
    from adcreative.ctr.training.log_training import split_by_column

    known = METHODS if methods is None else methods
    names = find_methods(settings.method, known)
    configs = _read_settings(settings.config, names, settings.budget, known)
    found = LogModel.load(model)
    check_columns(found.encoding.schema, log_columns(data), str(data))
    rows = open_rows(split_by_column(data, found.encoding.schema), found.encoding)
    tuning = load_config(TuneConfig, settings.config, section="tuning")
    work = Work(rows=rows, seed=settings.seed, tuning=tuning, progress=progress, should_stop=should_stop)
    points, now = [measure_point("before", found, rows.held)], found
    try:
        for name in names:
            now = _apply(now, name, known[name].compress, configs[name], work)
            points.append(measure_point(name, now, rows.held))
    except StoppedError:
        return CompressSummary(path=out, done=len(points) - 1, stopped=True, seconds=time.monotonic() - started_s)
    with own_outputs(outputs, inputs, restart=restart):
        return replace(_write(out, points, rows, model, data), seconds=time.monotonic() - started_s)


def _check_folders(model: Path, out: Path, restart: bool) -> None:
    """Raise as `compress` when `model` is no model of a log, or `out` cannot be written as a model folder."""
    if out.is_file() or ((out / MANIFEST).exists() and not restart):
        raise CatalogError(f"{out} holds a model or is a file; choose another place, or write it anew with --restart")
    check_replaceable(out, LOG_KIND)
    if out.resolve() == model.resolve():
        raise ConfigError(f"{out} is the model that is to be compressed; choose another place")
    read_manifest(model, kind=LOG_KIND, formats=(LOG_FORMAT,))


def _apply(
    model: LogModel, name: str, method: Callable[..., dict[str, Any]], config: DataclassInstance, work: Work
) -> LogModel:
    """Return the model after one method; the input model is not changed."""
    current = replace(model, network=copy.deepcopy(model.network))
    said = method(current, work, config)
    student = said.pop("student", current)
    step = {"method": name, "config": asdict(config), "seed": work.seed, **said}
    return replace(student, made_smaller=(*model.made_smaller, step))


def _read_settings(path: Path | None, names: Sequence[str], budget: float, methods: Mapping[str, Method]) -> dict[str, Any]:
    """Return the settings of each method.

    Raises:
        ConfigError: an unknown section or key, an invalid value, or a budget that no method takes.
    """
    known = [*names, "tuning"]
    unknown = sorted(set(read_sections(path)) - set(known)) if path is not None else []
    if unknown:
        raise ConfigError(f'{path} has a section "{unknown[0]}" that no method here reads. {did_you_mean(unknown[0], known)}')
    if budget and not any(methods[name].has_budget for name in names):
        takers = ", ".join(name for name, one in methods.items() if one.has_budget)
        raise ConfigError(f"{' and '.join(names)} decide by themselves how much is left; --budget goes with {takers}")
    return {
        name: load_config(
            methods[name].config, path, {"budget": budget} if budget and methods[name].has_budget else {}, section=name
        )
        for name in names
    }


def _write(out: Path, points: list[Point], rows: CompressionRows, model: Path, data: Path) -> CompressSummary:
    """Write report and model; the model last, so that every folder with a model has a report."""
    from adcreative.ctr.compression.comparison import measure_speeds
    from adcreative.metrics.impressions import compare_predictions, measure_impressions

    labels, users = rows.held.clicks, rows.held.users
    speeds = measure_speeds([point.model.network for point in points], rows.held)
    lines = []
    for point, speed in zip(points, speeds, strict=True):
        compared = compare_predictions(labels, points[0].predicted, point.predicted, users)
        lines.append(
            {
                "name": point.name,
                "numbers": point.numbers,
                "weight_bytes": point.weight_bytes,
                "peak_bytes": point.peak_bytes,
                "disk_bytes": point.disk_bytes,
                "rows_per_s": round(speed, 1),
                **{figure: one["after"] for figure, one in compared.items()},
                "against_before": compared,
            }
        )
    advice = recommend(lines)
    last = points[-1].model
    report: Mapping[str, Any] = {
        "model": model.name,
        "data": data.name,
        "rows": {"measured_on": rows.held_role, "number": len(rows.held)},
        "points": lines,
        "recommendation": advice,
        "steps": list(last.made_smaller),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / REPORT, dump_json(report, indent=1).encode())
    write_atomically(out / PAGE, render_compression(report).encode())
    metrics = {rows.held_role: measure_impressions(labels, points[-1].predicted, users)}
    replace(last, metrics=metrics).save(out)
    return CompressSummary(
        path=out, done=len(points) - 1, points=tuple(lines), recommendation=advice, lines=(*map(_say, lines), advice)
    )


def _say(point: Mapping[str, Any]) -> str:
    return (
        f"{point['name']}: {point['numbers']:,} numbers, {point['disk_bytes']:,} bytes on disk, "
        f"{point['rows_per_s']:,.0f} rows a second, AUC {point['auc']:.4f}"
    )
