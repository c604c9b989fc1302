"""Training on MicroLens's layout: the schedule, the regulariser, resuming, the table of baselines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from adcreative.artifacts import load_artifact
from adcreative.ctr.training.streamed import RunConfig, TrainConfig, add_penalty_gradient
from adcreative.errors import ConfigError, TrainingError
from adcreative.metrics.binary import area_under_curve, log_loss
from adcreative.metrics.impressions import measure_impressions
from adcreative.papers.microlens.model import MODELS, PARTS
from adcreative.papers.microlens.run import (
    MicroLensData,
    MicroLensTraining,
    compare,
    main,
)
from tests.benchmarks.narrow_models import QUICK, narrow_entries
from tests.catalog.datasets.microlens_files import write_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("mmctr"), num_train=500, num_valid=160)


@pytest.fixture(scope="module")
def data(folder: Path) -> MicroLensData:
    return MicroLensData.open(folder)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same networks, narrow."""
    for name, entry in narrow_entries().items():
        monkeypatch.setitem(MODELS, name, entry)  # type: ignore[arg-type]


def train(
    data: MicroLensData, out: Path, name: str = "qin", schedule: TrainConfig = QUICK, **options: object
) -> MicroLensTraining:
    run = RunConfig(**options)  # type: ignore[arg-type]
    return MicroLensTraining(name, data, out, schedule, run=run, log=lambda line: None)


def test_a_stopped_run_goes_on_to_the_same_weights(data: MicroLensData, tmp_path: Path) -> None:
    whole = train(data, tmp_path / "whole")
    result = whole.fit()
    stopped = train(data, tmp_path / "stopped")
    assert stopped.fit(max_steps=1) is None
    stopped = train(data, tmp_path / "stopped")
    assert stopped.state.step == 1
    assert stopped.fit(max_steps=4) is None  # into the second epoch
    resumed = train(data, tmp_path / "stopped")
    assert (resumed.state.epoch, resumed.state.step) == (1, 1)
    assert resumed.fit() == result
    expected = whole.network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.network.state_dict().items())
    kept = load_artifact(tmp_path / "stopped", kind="microlens qin", formats=(1,))
    assert np.array_equal(kept.tensors["network.head.weight"], expected["network.head.weight"].numpy())
    assert not list(tmp_path.rglob(".state*"))


def test_another_seed_or_schedule_is_refused_in_the_same_folder(data: MicroLensData, tmp_path: Path) -> None:
    train(data, tmp_path).fit(max_steps=1)
    with pytest.raises(ConfigError, match=r"state\.pt belongs to a training with other settings or data; choose another"):
        train(data, tmp_path, seed=1)


def test_rate_halves_after_each_failure_and_training_ends_with_the_best_weights(
    data: MicroLensData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = train(data, tmp_path, schedule=TrainConfig(batch_size=256, max_epochs=9, patience=2, min_learning_rate=6e-4))
    aucs, seen = iter([0.6, 0.7, 0.7, 0.8, 0.75, 0.79]), []
    monkeypatch.setattr("adcreative.ctr.training.streamed.area_under_curve", lambda *_: next(aucs))
    finish = training._finish_epoch

    def watch() -> None:
        finish()
        seen.append(
            (training.state.learning_rate, training.state.num_bad_epochs, training.network.network.head.weight.detach().clone())
        )

    monkeypatch.setattr(training, "_finish_epoch", watch)
    result = training.fit()
    assert [(rate, num_bad_epochs) for rate, num_bad_epochs, _ in seen] == [
        (2e-3, 0),
        (2e-3, 0),
        (1e-3, 1),
        (1e-3, 0),
        (6e-4, 1),
        (6e-4, 2),
    ]
    assert training.optimizer.param_groups[0]["lr"] == 6e-4
    assert result is not None
    assert (result["best_epoch"], result["epochs"]) == (4, 6)
    assert torch.equal(training.network.network.head.weight, seen[3][2])


def test_regulariser_is_half_of_all_squares_and_shrinks_rows_no_batch_has(data: MicroLensData, tmp_path: Path) -> None:
    training = train(data, tmp_path, schedule=TrainConfig(batch_size=128, embedding_regularizer=0.5, max_epochs=1))
    weights = training.network.embedding_weights()
    assert {len(weight) for weight in weights[:4]} == {11, len(data.items.tags), int(data.items.tags.max()) + 1}
    expected = torch.autograd.grad(sum(0.25 * weight.square().sum() for weight in weights), weights)
    weights[0].grad = torch.ones_like(weights[0])  # of the loss; the others have none yet
    add_penalty_gradient(training.network, 0.5)
    for weight, penalty, before in zip(weights, expected, (1.0, 0.0, 0.0, 0.0, 0.0), strict=True):
        torch.testing.assert_close(weight.grad, penalty + before)
    tables = training.network.inputs.tables.tables
    with torch.no_grad():
        tables.table("likes_level").weight[0] = 1.0  # level 0 never occurs
        tables.table("item_tags").weight[11] = 1.0
    training.fit(max_steps=2)
    assert float(tables.table("item_tags").weight[11].detach().max()) < 1.0


def test_a_few_epochs_beat_the_mean_rate(tmp_path: Path) -> None:
    big = write_data(tmp_path / "data", num_train=1500, num_valid=600)
    changes = {"batch_size": 128, "max_epochs": 4, "learning_rate": 5e-3, "embedding_regularizer": 0.0}
    lines = {line["name"]: line for line in compare(big, tmp_path / "out", ["qin"], changes=changes, log=lambda line: None)}
    assert lines["mean_rate"]["auc"] == 0.5
    assert lines["popularity"]["auc"] > 0.6
    assert lines["qin"]["auc"] > 0.65
    assert lines["qin"]["log_loss"] < lines["mean_rate"]["log_loss"]
    assert lines["qin"]["auc_low"] < lines["qin"]["auc"] < lines["qin"]["auc_high"]


def test_command_trains_every_model_and_writes_one_table(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(
        [
            str(folder),
            "--out",
            str(tmp_path),
            "--max-epochs",
            "1",
            "--batch-size",
            "256",
            "--save-every",
            "1",
            "--device",
            "cpu",
        ]
    )
    lines = json.loads((tmp_path / "table.json").read_text())
    assert [line["name"] for line in lines] == ["mean_rate", "popularity", *MODELS]
    assert (tmp_path / "table.csv").read_text().count("\n") == len(lines) + 1
    printed = capsys.readouterr().out
    assert "qin: epoch 1 step 1/2 loss" in printed
    assert "95 % interval" in printed
    assert (tmp_path / "log.txt").read_text().count("valid AUC") == len(MODELS)


def test_command_answers_bad_data_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"microlens_training: .*item_info\.parquet is not there"):
        main([str(tmp_path), "--out", str(tmp_path / "out")])


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [
        ("train", 0.0, r"microlens_training: all 600 rows of .*train\.parquet have the label 0; nothing can be learnt"),
        ("train", 1.0, r"microlens_training: all 600 rows of .*train\.parquet have the label 1; nothing can be learnt"),
        ("valid", 0.0, "microlens_training: AUC needs rows with and without a click; the validation rows have one kind only"),
    ],
)
def test_one_class_is_refused_before_anything_is_trained_or_written(
    name: str, label: float, message: str, tmp_path: Path
) -> None:
    folder = write_data(tmp_path / "data")
    table = pq.read_table(folder / f"{name}.parquet")
    labels = pa.array(np.full(table.num_rows, label, np.float32))
    pq.write_table(table.set_column(table.column_names.index("label"), "label", labels), folder / f"{name}.parquet")
    with pytest.raises(SystemExit, match=message):
        main([str(folder), "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert not (tmp_path / "out").exists()


def test_unknown_model_and_impossible_schedule_are_refused(data: MicroLensData) -> None:
    with pytest.raises(ConfigError, match='no network named "qinn"; known: qin, din, autoint, target_only'):
        data.entry("qinn")
    with pytest.raises(
        ConfigError, match="batch_size must be at least 2, max_epochs and patience at least 1, got 1, 100 and 8"
    ):
        TrainConfig(batch_size=1)


@pytest.mark.parametrize("part", PARTS)
def test_one_modality_alone_sees_nothing_else(data: MicroLensData, part: str, tmp_path: Path) -> None:
    network = train(data, tmp_path, name=part).network.eval()
    rows = next(data.valid.iter_batches(40))
    training = train(data, tmp_path / "x", name=part)
    training.network = network
    with torch.no_grad():
        for weight in network.embedding_weights():
            weight.normal_(generator=torch.Generator().manual_seed(0))
        plain = network(*training.source.build(rows, training.device))
        other = next(iter(data.train.iter_batches(40)))
        swapped = {"levels": ["levels"], "history": ["history"]}.get(part, ["items"])
        for name in ("levels", "items", "history"):
            changed = network(*training.source.build(type(rows)(**{**vars(rows), name: vars(other)[name]}), training.device))
            assert torch.equal(changed, plain) == (name not in swapped), name


def test_area_and_log_loss_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 2, 300).astype(np.float32), rng.integers(1, 20, 300) / 20  # with ties
    weights = rng.integers(0, 4, 300)
    assert area_under_curve(labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities))
    assert area_under_curve(labels, probabilities, weights) == pytest.approx(
        roc_auc_score(labels, probabilities, sample_weight=weights)
    )
    assert log_loss(labels, probabilities) == pytest.approx(sklearn_log_loss(labels, probabilities))
    found = measure_impressions(labels, probabilities, np.arange(300))
    assert 0.08 < found["auc_high"] - found["auc_low"] < 0.2  # standard error about 0.033
    with pytest.raises(TrainingError, match="AUC needs rows with and without a click"):
        area_under_curve(np.ones(4), np.arange(4.0))
