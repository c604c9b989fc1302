"""The verb `evaluate`: measure a model on results outside its training data.

Imports torch only when called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.tables import beside, failures_path, write_failures, write_rows
from adcreative.errors import CatalogError, ConfigError
from adcreative.features.tables import extract_features, keep_with_results, read_usable
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.model_folder import find_models, is_log_model


def evaluate(
    data: Path,
    out: Path,
    *,
    model: Path | None = None,
    columns: Path | None = None,
    dates: str = "",
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> dict[str, Any]:
    """Measure a model on creatives with results outside its training data; write `out` (JSON), a PNG and a CSV.

    PNG and CSV have the same stem; the CSV has one row a creative: rates, interval, whether it covered, and the evidence used.
    `dates`: as for `score`. With the model of an impression log `data` is a log; see `evaluate_log`.

    Returns:
        n, pairwise_accuracy, pairwise_accuracy_significant, spearman, ndcg_at_10, log_loss, brier, ece, coverage,
        log_loss_gain, their intervals over groups, reliability, deciles, deciles_off, drift, evidence, num_groups, verdict
        and gaps: see `ctr.evaluation.measure_held_out`. None where nothing could be measured; gaps say why.
    Raises:
        CatalogError: nothing in `data` has results or can be read, or `out` is a folder. ConfigError: stopped, or an output
            is an input or, without `restart`, a file of another program. ArtifactError: there is no such model.
    """
    if model is not None and is_log_model(model):
        from adcreative.verbs.use_log import evaluate_log

        return evaluate_log(data, out, model=model, restart=restart, progress=progress, should_stop=should_stop)
    data, out = Path(data), Path(out)
    outputs = (out, beside(out, ".csv"), beside(out, ".png"), failures_path(out))
    inputs = (data, columns, model)
    check_outputs(outputs, inputs, restart=restart)
    find_models(model)
    from adcreative.ctr.evaluation import describe_rows, measure_held_out
    from adcreative.report.plots import draw_evaluation
    from adcreative.verbs.loading import load_scorer

    catalog = read_usable(data, read_table_settings(columns, dates=dates))
    wanted = keep_with_results(catalog, data)
    extractor, predictor = load_scorer(model)
    creatives, features, failures = extract_features(extractor, wanted, progress, should_stop)
    if should_stop():
        raise ConfigError("stopped before all creatives were read; nothing was measured and nothing was written")
    if not creatives:
        with own_outputs((failures_path(out),), inputs, restart=restart):
            write_failures(failures_path(out), [*catalog.failures, *failures])
        raise CatalogError(f"none of the {len(failures)} creatives with results could be read; {failures_path(out)} says why")
    progress("measuring", 0, 1)
    metrics = measure_held_out(predictor, creatives, features)
    rows, picture = describe_rows(predictor, creatives, features), draw_evaluation(metrics)
    with own_outputs(outputs, inputs, restart=restart):
        write_failures(failures_path(out), [*catalog.failures, *failures])
        write_rows(beside(out, ".csv"), rows, tuple(rows[0]))
        write_atomically(beside(out, ".png"), picture)
        write_atomically(out, dump_json(metrics, indent=1).encode())
    return metrics
