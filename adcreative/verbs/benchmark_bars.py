"""The verb `benchmark bars`: networks on a frozen impression log by the BARS-CTR protocol. Imports torch only when called."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json, hash_bytes, write_atomically
from adcreative.benchmarks.bars.datasets import BarsDataset
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.engines import BatchConfig, apply_job
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.settings import BarsSettings

ENVIRONMENT = "environment.json"
BOARDS = ("board.csv", "board.md", "board.html", "board.json")


@dataclass(frozen=True, kw_only=True)
class BarsSummary:
    """The board as Markdown, its rows and its path. stopped: the same command continues the run."""

    table: str
    rows: list[dict[str, Any]]
    path: Path
    stopped: bool = False


@takes(BarsSettings)
def benchmark_bars(
    data: str,
    out: Path,
    settings: BarsSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> BarsSummary:
    """Compare networks on a frozen impression log; write board.html, board.md, board.csv and board.json into `out`.

    See `benchmarks.bars.protocol`. Finished trials are never trained again: each is stored in `out`/trials under a hash of the
    settings.

    Args:
        data: id of a data set (`benchmarks.bars.datasets`), or a TOML file that describes another data set.
        settings: folder of the data files; lines of the grid, () = all; grid: "small", "sequences", or a YAML file; processes
            and engine: "local", or "ray": a cluster whose nodes all read `files` and write `out`. Fields may be keywords.
    Raises:
        ConfigError: an unknown data set, grid, network or key; files of another md5. CatalogError: a file is missing.
        TrainingError: nothing can be learnt.
    """
    config, out = BatchConfig(workers=settings.workers, engine=settings.engine), Path(out)
    grid, num_seeds = settings.grid, settings.num_seeds
    if num_seeds < 1:
        raise ConfigError(f"seeds must be at least 1, got {num_seeds}.")
    from adcreative.benchmarks.bars.board import render_csv, render_html, render_markdown
    from adcreative.benchmarks.bars.datasets import check_files, find_dataset
    from adcreative.benchmarks.bars.grid import expand, read_grid
    from adcreative.benchmarks.bars.protocol import CHOICES, Plan, follow
    from adcreative.benchmarks.bars.trials import TrialJob
    from adcreative.ctr.training.log_training import check_fits

    dataset, folder = find_dataset(data, settings.files)
    data_key = hash_bytes(dump_json([dataset.id, dataset.md5, str(dataset.schema)], sort_keys=True).encode())[:16]
    trials = expand(
        read_grid(grid), settings.networks, data_key=data_key, embedding_dim=dataset.embedding_dim, seed=0, where=f"grid {grid}"
    )
    for trial in trials:
        check_fits(dataset.schema, trial.settings.name, dataset.id)
    outputs, environment, choices = tuple(out / name for name in BOARDS), (out / ENVIRONMENT,), (out / CHOICES,)
    sources = (*(folder / name for name in dataset.file_names), Path(data), Path(grid))
    check_outputs((*outputs, *environment, *choices), sources, restart=restart)
    progress("checking the files", 0, 1)  # compares md5 sums
    check_files(dataset, folder)
    with own_outputs(environment, sources, restart=restart):
        write_atomically(environment[0], dump_json(_describe_machine(dataset.id), indent=1).encode())
    job = TrialJob(dataset, folder, out, progress if config.workers in (None, 1) and config.engine == "local" else silent)
    plan = Plan(dataset=dataset, folder=folder, out=out, trials=trials, seeds=range(num_seeds))
    with own_outputs(choices, sources, restart=restart):
        rows = follow(plan, lambda missing: apply_job(job, missing, config, should_stop), progress)
    if rows is None:
        return BarsSummary(table="", rows=[], path=out, stopped=True)
    title, facts = f"{dataset.id}: {len(plan.lines)} networks by one protocol", _facts(dataset, len(trials), num_seeds)
    notes = {"dataset": dataset.id, "md5": dataset.md5, "num_settings": len(trials), "num_seeds": num_seeds, "rows": rows}
    with own_outputs(outputs, sources, restart=restart):
        write_atomically(outputs[0], render_csv(rows).encode())
        write_atomically(outputs[1], (table := render_markdown(rows, title, facts)).encode())
        write_atomically(outputs[2], render_html(rows, title, facts).encode())
        write_atomically(outputs[3], dump_json(notes, indent=1).encode())
    return BarsSummary(table=table, rows=rows, path=outputs[2])


def _facts(dataset: BarsDataset, num_settings: int, num_seeds: int) -> list[str]:
    """Return the facts that a reader needs besides the table: data, split, protocol."""
    set_aside = "" if dataset.valid else " A tenth of the training part was set aside to stop early and to choose by."
    return [
        f"Data: {dataset.id}, {', '.join(f'{name} (md5 {dataset.md5[name]})' for name in dataset.file_names)}.{set_aside}",
        *([dataset.note] if dataset.note else []),
        f"{num_settings} settings were tried, field width {dataset.embedding_dim} for all; what was chosen ran with "
        f"{num_seeds} seeds.",
    ]


def _describe_machine(dataset: str) -> dict[str, Any]:
    """Return versions and processor, on which the rows per second depend."""
    import torch

    versions = {"python": platform.python_version(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {"dataset": dataset, "written": datetime.now(UTC).isoformat(timespec="seconds"), "processor": model, **versions}
