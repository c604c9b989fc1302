"""Networks for impression logs against other libraries: equal weights at first, equal settings, equal batches.

    pip install -e ".[bench]" && python -m tests.bench.log_parity LOGS [PAIR ...]

The pairs are those of `tests.bench.log_pairs`. Printed: the largest difference of logits before the first step, test AUC of
both after the same steps for three seeds, and rows a second of CPU time by turns in one process, one thread: the training step
alone, and with each library's own reading of rows that lie in memory (FuxiCTR's long histories: in its item and user tables).

With --double both compute in float64. With --nudge theirs is trained once more from weights that are moved by one rounding, and
their_auc_moves_by says what that alone does to its AUC. Both tell what of a difference is rounding. No rows are shipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import build_batch
from adcreative.metrics.binary import area_under_curve
from tests.bench.log_pairs import BATCH, FIELDS, MIN_EVENTS, PAIRS, Pair, Rows


def compare(
    build: Callable[[int], tuple[Pair, Rows]], seeds: range, num_steps: int, *, is_double: bool = False, is_nudged: bool = False
) -> dict[str, Any]:
    """Return logits, AUC and rate of a pair, over seeds."""
    cast = widen if is_double else _as_it_is
    logit_gaps, aucs, ratios, whole, rates = [], [], [], [], []
    for seed in seeds:
        pair, (train, test) = build(seed)
        if is_double:
            pair.widen()
        if is_nudged:
            _nudge(pair.theirs)
        rng = np.random.default_rng(seed)
        with _felt_tables(pair):
            logit_gaps.append(float((_our_logits(pair, test) - _their_logits(pair, test, cast)).abs().max()))
        pair.ours.train()
        pair.theirs.train()
        read, their_read = [], [] if seed else _time_reading(pair, train)
        for order in _orders(len(train), rng, num_steps):
            began_s = time.process_time()
            rows = train.rows(order)
            batch, labels = build_batch(rows), cast(torch.from_numpy(rows.labels))
            read.append(time.process_time() - began_s)
            other = cast(pair.theirs_batch(rows))
            started_s = time.process_time()
            pair.step(batch, labels)
            between_s = time.process_time()
            pair.theirs_step(other)
            ended_s = time.process_time()
            ratios.append((ended_s - between_s) / (between_s - started_s))
            if their_read:
                ours_s = between_s - started_s + read[-1]
                whole.append((ended_s - between_s + statistics.median(their_read)) / ours_s)
                rates.append(BATCH / ours_s)
        clicks = test.labels if test.labels.ndim == 1 else test.labels[:, 0]
        aucs.append(
            [area_under_curve(clicks, logits.numpy()) for logits in (_our_logits(pair, test), _their_logits(pair, test, cast))]
        )
    table = np.array(aucs)
    return {
        "logits_differ_by": float(f"{max(logit_gaps):.2g}"),
        "auc": table[:, 0].round(5).tolist(),
        "their_auc": table[:, 1].round(5).tolist(),
        "auc_difference_mean": round(float((table[:, 0] - table[:, 1]).mean()), 5),
        "auc_difference_largest": round(float(np.abs(table[:, 0] - table[:, 1]).max()), 5),
        "rows_per_s": round(statistics.median(rates)),
        "over_theirs": round(statistics.median(whole), 2),
        "over_theirs_step_alone": round(statistics.median(ratios), 2),
    }


def widen(batch: Any) -> Any:
    """Return a batch, nested as their libraries nest it, with its float tensors as float64."""
    if isinstance(batch, dict):
        return {name: widen(one) for name, one in batch.items()}
    if isinstance(batch, tuple):
        return tuple(widen(one) for one in batch)
    return batch.double() if batch.is_floating_point() else batch


@torch.no_grad()
def _nudge(theirs: Any) -> None:
    """Move each of their weights by a unit in its last place, up or down by chance."""
    generator = torch.Generator().manual_seed(99)
    for weight in theirs.parameters():
        if weight.requires_grad:
            weight.mul_(1 + 6e-8 * torch.randn(weight.shape, generator=generator).sign())


def _as_it_is(batch: Any) -> Any:
    return batch


@contextmanager
def _felt_tables(pair: Pair) -> Iterator[None]:
    """Make both networks' tables a thousand times larger for a while: they start at 1e-4, where any two networks agree."""
    tables = [one.weight for one in [*pair.ours.modules(), *pair.theirs.modules()] if isinstance(one, nn.Embedding)]
    before = [weight.detach().clone() for weight in tables]
    with torch.no_grad():
        for weight in tables:
            weight.mul_(1000.0)
        yield
        for weight, old in zip(tables, before, strict=True):
            weight.copy_(old)


def _time_reading(pair: Pair, rows: LogRows, num: int = 12) -> list[float]:
    """Return CPU seconds of each of their batches but the first."""
    seconds, batches = [], pair.reader(rows)
    for _ in range(min(num, len(rows) // BATCH)):
        started_s = time.process_time()
        next(batches)
        seconds.append(time.process_time() - started_s)
    return seconds[1:]


def _orders(num_rows: int, rng: np.random.Generator, num_steps: int) -> Iterator[np.ndarray]:
    done = 0
    while True:
        order = rng.permutation(num_rows)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            if done == num_steps:
                return
            done += 1
            yield order[start : start + BATCH]


@torch.no_grad()
def _our_logits(pair: Pair, rows: LogRows) -> Tensor:
    pair.ours.eval()
    logits = pair.ours(build_batch(rows)).double()
    return logits if logits.ndim == 1 else logits[:, 0]


@torch.no_grad()
def _their_logits(pair: Pair, rows: LogRows, cast: Callable[[Any], Any]) -> Tensor:
    pair.theirs.eval()
    return pair.theirs_logits(cast(pair.theirs_batch(rows))).double().flatten()


def write_made_up(folder: Path, num: int = 30_000) -> None:
    """Write rows in the shape of both logs, for a machine that has neither."""
    rng = np.random.default_rng(0)
    sizes = dict(zip(FIELDS, (300, 1500, 7, 7, 2, 3, 2, 9, 80, 230), strict=True))
    effects = {name: rng.normal(0, 0.7, size) for name, size in sizes.items()}
    for part, rows in (("train", num), ("test", num // 2)):
        columns = {name: rng.integers(0, size, rows) for name, size in sizes.items()}
        logit = sum(effects[name][values] for name, values in columns.items()) - 1.0
        label = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
        pd.DataFrame({"label": label} | columns).to_parquet(folder / f"frappe-{part}.parquet")
    users = []
    for _ in range(num // 12):
        start = int(rng.integers(1, 1900))
        users.append([int(one) for one in start + rng.integers(0, 60, int(rng.integers(MIN_EVENTS, 25)))])
    pd.DataFrame({"user": range(len(users)), "items": users}).to_parquet(folder / "amazon-beauty-sequences.parquet")


def log_parity_figures(*, num_seeds: int = 3, num_steps: int = 60, num_rows: int = 30_000) -> dict[str, Any]:
    """Return the figures of all pairs on made-up rows, or one line that says what to install."""
    missing = [name for name in ("fuxictr", "deepctr_torch") if importlib.util.find_spec(name) is None]
    if missing:
        return {"log_parity": f'{missing[0]} is not installed; pip install -e ".[bench]"'}
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_made_up(folder, num_rows)
        for pair, build in PAIRS.items():
            found = compare(partial(build, folder, folder), range(num_seeds), num_steps)
            figures |= {f"{pair}_{key}": value for key, value in found.items()}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, help="folder of the logs")
    parser.add_argument("names", nargs="*", help=f"of {sorted(PAIRS)}; none: all")
    parser.add_argument("--double", action="store_true", help="both in float64")
    parser.add_argument("--nudge", action="store_true", help="train theirs again, a rounding away")
    parser.add_argument("--tiny", action="store_true", help="one seed and three steps")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    num_seeds, num_steps = (1, 3) if arguments.tiny else (3, 60)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names or PAIRS:
            build = partial(PAIRS[name], arguments.logs, Path(folder))
            found = compare(build, range(num_seeds), num_steps, is_double=arguments.double)
            if arguments.nudge:
                moved = compare(build, range(num_seeds), num_steps, is_double=arguments.double, is_nudged=True)
                found["their_auc_moves_by"] = np.subtract(moved["their_auc"], found["their_auc"]).round(5).tolist()
            print(json.dumps({"pair": name, "steps": num_steps, "double": arguments.double} | found), flush=True)


if __name__ == "__main__":
    main()
