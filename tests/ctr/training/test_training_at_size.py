"""Several processes train what one trains, a killed run goes on to the same weights, mixed precision, items met once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from adcreative.ctr.nn.distributed import all_reduce, shard_offset, shared_batch
from adcreative.ctr.training.streamed import RunConfig
from adcreative.papers.microlens.run import MicroLensData, MicroLensTraining
from tests.benchmarks.narrow_models import QUICK, narrow_entries
from tests.catalog.datasets.microlens_files import write_data
from tests.papers.microlens.drawn import spell_out

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("size"), num_train=501, num_valid=1100)  # shares of 58 and 59 in the last batch


@pytest.fixture(autouse=True)
def _fresh_precision() -> Iterator[None]:
    """accelerate fixes the precision of a process at its first use."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def training_of(name: str, folder: Path, out: Path, **options: object) -> MicroLensTraining:
    data = MicroLensData.open(folder)
    narrow = narrow_entries()[name]
    sizes = {key: getattr(narrow.inputs, key) for key in ("embedding_dim", "projected_dim")}
    entry = replace(narrow, inputs=replace(data.entry(name).inputs, **sizes))
    run = RunConfig(save_every=1, **options)  # type: ignore[arg-type]
    return MicroLensTraining(name, data, out, QUICK, entry=entry, run=run, log=lambda line: None)


def weights_in(out: Path) -> dict[str, Tensor]:
    return torch.load(out / "state.pt", weights_only=True)["network"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_two_processes_train_what_one_trains(folder: Path, tmp_path: Path) -> None:
    """In float64, so that rounding has no say: batch norm, dropout, ragged shares, clipping, the penalty, the last batch."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    train = ["-m", "tests.benchmarks.narrow_models", str(folder), str(tmp_path / "two"), "float64", "qin", "din"]
    subprocess.run([*launch, *train], check=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True, timeout=280)
    torch.set_default_dtype(torch.float64)
    try:
        for name in ("qin", "din"):
            one = training_of(name, folder, tmp_path / "one" / name)
            one.fit()
            found = weights_in(tmp_path / "two" / name)
            for key, expected in weights_in(tmp_path / "one" / name).items():
                torch.testing.assert_close(
                    found[key],
                    expected,
                    rtol=1e-9,
                    atol=1e-9,
                    msg=lambda text, key=key: f"{key}: {text}",  # type: ignore[misc]
                )
            assert f"{name}: 2 processes" in (tmp_path / "two" / "log.txt").read_text()
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_killed_process_leaves_a_state_that_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-u",
        "-m",
        "tests.benchmarks.narrow_models",
        str(folder),
        str(tmp_path / "killed"),
        "float32",
        "qin",
    ]
    held = {**ENVIRONMENT, "HOLD_AT": "epoch 1 step 2/4"}  # it would be at its end before the signal arrives
    with subprocess.Popen(command, cwd=ROOT, env=held, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if held["HOLD_AT"] in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    resumed = training_of("qin", folder, tmp_path / "killed" / "qin")
    assert resumed.state.epoch == 0
    assert resumed.state.step in (1, 2)
    whole = training_of("qin", folder, tmp_path / "whole")
    assert resumed.fit() == whole.fit()
    expected = whole.network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.network.state_dict().items())


def test_mixed_precision_keeps_float32_weights_and_nearly_the_probabilities(folder: Path, tmp_path: Path) -> None:
    plain = training_of("din", folder, tmp_path / "plain")
    plain.fit()
    _, expected, _ = plain.predict()
    AcceleratorState._reset_state(reset_partial_state=True)
    mixed = training_of("din", folder, tmp_path / "mixed", precision="bf16")
    assert mixed.settings["precision"] == "bf16"
    mixed.fit()
    assert mixed.state.history[0]["train_loss"] == pytest.approx(plain.state.history[0]["train_loss"], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in mixed.network.parameters())
    mixed.network.load_state_dict(plain.network.state_dict())
    _, found, _ = mixed.predict()
    difference = np.abs(found - expected)  # over five seeds: mean 0.0007 to 0.0012, largest 0.005 to 0.020
    assert 0 < difference.mean() < 0.002
    assert difference.max() < 0.04


@pytest.mark.parametrize("name", ["qin", "din", "history"])
def test_items_held_once_give_the_logits_of_items_spelled_out(name: str, folder: Path, tmp_path: Path) -> None:
    training = training_of(name, folder, tmp_path)
    network = training.network.eval().requires_grad_(False)
    for weight in network.embedding_weights()[:4]:
        weight[1:].normal_(generator=torch.Generator().manual_seed(1))
    rows = next(training.data.train.iter_batches(40))
    items = training.data.items
    parts = (rows.history.astype(np.int64), items.tags[rows.history], items.embeddings[rows.history])
    (batch,) = training.source.build(rows, training.device)
    once = batch.items
    assert once is not None
    assert len(once.rows) == len(np.unique(rows.history))
    assert once.place.shape[1] == 8  # the file's longest history, not the 64 that are read at most
    target = (batch.ids[:, 0], batch.values["item_tags"], batch.vectors["item_emb_d128"])
    spelled_out = spell_out(batch.ids[:, 1:], target, tuple(map(torch.from_numpy, parts)))  # type: ignore[arg-type]
    torch.testing.assert_close(network(batch), network(spelled_out))


def test_a_batch_without_any_history_is_built(folder: Path, tmp_path: Path) -> None:
    training = training_of("din", folder, tmp_path)
    rows = next(training.data.train.iter_batches(5))
    empty = type(rows)(rows.users, np.zeros_like(rows.history), rows.levels, rows.items, rows.labels)
    logits = training.network.eval()(*training.source.build(empty, training.device))
    assert logits.shape == (5,)
    assert bool(torch.isfinite(logits).all())


def test_one_process_shares_with_nobody() -> None:
    values = torch.ones(3)
    with shared_batch():
        assert all_reduce(values) is values
        assert shard_offset(7) == (0, 7)
