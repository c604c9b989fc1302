"""The verb `evaluate`: a model held against results it was not trained on.

Loads no torch until it is called.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adcreative.artifacts import write_atomically
from adcreative.catalog.tables import write_failures, write_rows
from adcreative.errors import CatalogError, ConfigError
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.progress import Progress, ShouldStop, never, silent

__all__ = ["evaluate"]


def evaluate(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> dict[str, Any]:
    """Measure a model on creatives with results that it was not trained on; write `out` (JSON), and of the same name a PNG and
    a CSV with one row a creative: rates, interval, whether it covered, and what the prediction rests on.

    Returns:
        n, pairwise_accuracy, pairwise_accuracy_significant, spearman, ndcg_at_10, log_loss, brier, ece, coverage,
        log_loss_gain, their intervals over groups, reliability, deciles, deciles_off, drift, evidence, num_groups, verdict
        and gaps: see `ctr.held_out.measure_held_out`. None where nothing could be measured; gaps say why.
    Raises:
        CatalogError: nothing in `data` has results or can be read, or `out` is a folder. ConfigError: stopped.
    """
    from adcreative.ctr.evaluation import describe_rows, measure_held_out
    from adcreative.report.plots import draw_evaluation
    from adcreative.verbs.loading import load_model, load_tools

    data, out = Path(data), Path(out)
    if out.is_dir():
        raise CatalogError(f"{out} is a folder; name the JSON file to write, such as {out / 'metrics.json'}")
    catalog = read_usable(data, columns)
    wanted = keep_with_results(catalog, data)
    extractor, predictor = load_tools().extractor, load_model(model).predictor
    creatives, features, failures = extract_features(extractor, wanted, progress, should_stop)
    if should_stop():
        raise ConfigError("stopped before all creatives were read; nothing was measured and nothing was written")
    failures_path = out.parent / "failures.csv"
    if not creatives:
        write_failures(failures_path, [*catalog.failures, *failures])
        raise CatalogError(f"none of the {len(failures)} creatives with results could be read; {failures_path} says why")
    progress("measuring", 0, 1)
    metrics = measure_held_out(predictor, creatives, features)
    rows, picture = describe_rows(predictor, creatives, features), draw_evaluation(metrics)
    write_failures(failures_path, [*catalog.failures, *failures])
    write_rows(out.with_suffix(".csv"), rows, tuple(rows[0]))
    write_atomically(out.with_suffix(".png"), picture)
    write_atomically(out, (json.dumps(metrics, indent=1) + "\n").encode())
    return metrics
