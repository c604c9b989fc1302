"""Mini-batch aware regularisation: rare ids are pushed more, absent ids not at all, and `train` takes it by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adcreative import pipeline
from adcreative.ctr.inputs.fields import InputBatch, InputSpec
from adcreative.ctr.log_network import LogModel, LogNetwork, build_log_network
from adcreative.ctr.networks.din import DINConfig
from adcreative.errors import ConfigError
from tests.verbs.test_train_log import SCHEMA, make_log


def build() -> LogNetwork:
    spec = InputSpec(categorical={"item": 10}, sequences={"past": "item"})
    network = build_log_network("din", spec, DINConfig(), dim=3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        table = network.inputs.tables.tables.table("item")
        table.weight[1:] = 1.0  # type: ignore[index, operator]
    return network


def batch(targets: list[int], histories: list[list[int]]) -> InputBatch:
    return InputBatch(
        ids=torch.tensor(targets)[:, None], numbers=torch.zeros(len(targets), 0), history={"past": torch.tensor(histories)}
    )


def test_counts_are_of_rows_and_rare_ids_are_pushed_more() -> None:
    network = build()
    # id 2 in three rows (twice in one of them), id 3 in one, id 4 in two (once as a target, once in a history), 5 in one
    network.count_ids([batch([2, 2], [[0, 2], [0, 3]]), batch([4, 5], [[2, 2], [0, 4]])])
    assert network.id_counts["item"][:6].tolist() == [3, 0, 3, 1, 2, 1]
    weight = network.inputs.tables.tables.table("item").weight
    weight.grad = torch.zeros_like(weight)
    network.add_batch_aware_gradient(batch([2, 3], [[0, 4], [0, 0]]), 0.6)
    gradient = weight.grad[:, 0].tolist()
    assert gradient[2] == pytest.approx(0.6 / 3)
    assert gradient[3] == pytest.approx(0.6 / 1)
    assert gradient[4] == pytest.approx(0.6 / 2)  # only in the history
    assert [gradient[row] for row in (0, 1, 5, 6, 9)] == [0.0] * 5  # padding, and ids that the batch does not have


def test_ids_must_be_counted_first() -> None:
    with pytest.raises(ConfigError, match="count the ids of the training rows before batch-aware regularisation"):
        build().add_batch_aware_gradient(batch([2], [[0, 3]]), 0.1)


def test_training_takes_it_by_name(tmp_path: Path) -> None:
    make_log(800).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(SCHEMA)
    norms = []
    for strength in (0.0, 300.0):
        (tmp_path / "s.toml").write_text(
            "[inputs]\nembedding_dim = 4\n[training]\nbatch_size = 128\nmax_epochs = 3\nlearning_rate = 0.01\n"
            f"embedding_regularizer = 0.0\nbatch_aware_regularizer = {strength}\n[network]\nhidden_dims = [8]\n"
        )
        out = tmp_path / f"model-{strength}"
        pipeline.train_log(
            tmp_path / "log.parquet", out, schema=tmp_path / "schema.toml", network="din", settings=tmp_path / "s.toml"
        )
        table = LogModel.load(out).network.inputs.tables.tables.table("style")
        norms.append(float(table.weight.detach().norm()))
    assert norms[1] < 0.7 * norms[0]
