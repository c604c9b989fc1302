"""Floors of the board: simple models, fitted on the same training rows with the same rows for early stopping.

    mean rate       clicks over rows of the training part, for every row
    boosted trees   each category as its mean click rate, fitted across folds (scikit-learn's TargetEncoder), numbers
                    unchanged, then scikit-learn's histogram boosting with early stopping on validation rows

Trees read columns with one value per row: no histories, vectors or lists of values. From a large log they learn from MAX_ROWS
rows, evenly spread. A floor is fitted once; its figures are in `trials/floors-KEY/test.json`, KEY a hash of the data set.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json, hash_bytes, write_atomically
from adcreative.benchmarks.bars.board import MEAN, TREES
from adcreative.benchmarks.bars.datasets import BarsDataset
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.training.log_stream import LogFile
from adcreative.metrics.impressions import measure_impressions
from adcreative.progress import Progress

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FLOORS = (MEAN, TREES)
MAX_ROWS, MAX_TREES = 1_000_000, 500


def measure_floors(
    dataset: BarsDataset, train: LogFile, valid: LogFile, test: LogFile, trials: Path, progress: Progress
) -> list[dict[str, Any]]:
    """Return the figures of each floor: line, valid and test figures, rows per second of its fit; measured once per data set.

    Raises:
        TrainingError: a part has one class only.
    """
    key = hash_bytes(dump_json([dataset.id, dataset.md5, str(dataset.schema), MAX_ROWS, MAX_TREES], sort_keys=True).encode())[
        :16
    ]
    path = trials / f"floors-{key}" / "test.json"
    if not path.is_file():
        found = _measure(train, valid, test, progress)
        write_atomically(path, dump_json(found, indent=1).encode())
    figures: list[dict[str, Any]] = json.loads(path.read_bytes())
    return figures


def _measure(train: LogFile, valid: LogFile, test: LogFile, progress: Progress) -> list[dict[str, Any]]:
    progress("fitting the floors", 0, len(FLOORS))
    learnt, held = read_rows(train), read_rows(valid)
    schema, labels = train.schema, _labels(learnt, train.schema)
    begun_s, trees = time.process_time(), _fit_trees(learnt, held, schema)
    rows_per_s = len(learnt) / max(time.process_time() - begun_s, 1e-9)
    progress("fitting the floors", 1, len(FLOORS))
    rate, found = float(labels.mean()), []
    for line, speed in ((MEAN, 0.0), (TREES, rows_per_s)):
        predict = None if line == MEAN else trees
        valid_figures = _figures([held], schema, rate, predict)
        test_figures = _figures(test.tables(), schema, rate, predict)
        found.append({"line": line, "valid": valid_figures, "test": test_figures, "rows_per_s": speed, "num_rows": len(learnt)})
    progress("fitting the floors", len(FLOORS), len(FLOORS))
    return found


def _figures(tables: Iterable[pd.DataFrame], schema: LogSchema, rate: float, trees: Pipeline | None) -> dict[str, float | None]:
    """Return the figures of one floor on rows read in chunks; trees None: the mean rate."""
    labels, users, rates = [], [], []
    for table in tables:
        labels.append(_labels(table, schema))
        users.append(table[schema.user].astype(str) if schema.user else np.full(len(table), ""))
        rates.append(np.full(len(table), rate) if trees is None else trees.predict_proba(_columns(table, schema))[:, 1])
    codes = pd.factorize(np.concatenate(users))[0] if schema.user else np.full(sum(map(len, labels)), -1)
    return measure_impressions(np.concatenate(labels), np.concatenate(rates), codes)


def read_rows(file: LogFile, max_rows: int = MAX_ROWS) -> pd.DataFrame:
    """Return the rows of a role, or every second, fourth ... row, so that at most max_rows are returned."""
    step, seen, kept = 1, 0, pd.DataFrame()
    for table in file.tables():
        table.index = pd.RangeIndex(seen, seen + len(table))
        seen += len(table)
        kept = pd.concat([kept, table[table.index % step == 0]])
        while len(kept) > max_rows:
            step *= 2
            kept = kept[kept.index % step == 0]
    return kept.reset_index(drop=True)


def _fit_trees(learnt: pd.DataFrame, held: pd.DataFrame, schema: LogSchema) -> Pipeline:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import TargetEncoder

    names = [*schema.categorical, *schema.bucketed]
    means = TargetEncoder(target_type="binary", cv=StratifiedKFold(5, shuffle=True, random_state=0))
    encoder = make_column_transformer((means, names), ("passthrough", list(schema.numeric)))
    labels = _labels(learnt, schema)
    codes = encoder.fit_transform(_columns(learnt, schema), labels)
    trees = HistGradientBoostingClassifier(max_iter=MAX_TREES, early_stopping=True, n_iter_no_change=20, random_state=0)
    trees.fit(codes, labels, X_val=encoder.transform(_columns(held, schema)), y_val=_labels(held, schema))
    return make_pipeline(encoder, trees)


def _columns(rows: pd.DataFrame, schema: LogSchema) -> pd.DataFrame:
    texts = {name: rows[name].astype(str) for name in (*schema.categorical, *schema.bucketed)}
    numbers = {name: pd.to_numeric(rows[name], errors="coerce").astype(np.float64) for name in schema.numeric}
    return pd.DataFrame({**texts, **numbers})


def _labels(rows: pd.DataFrame, schema: LogSchema) -> np.ndarray:
    found: np.ndarray = (pd.to_numeric(rows[schema.label]) > 0).to_numpy().astype(np.float64)
    return found
