"""Folded forms and ONNX give the numbers of the trained network, for every network of the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema
from adcreative.cli.app import app
from adcreative.ctr import onnx_export
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.inputs.log_encoding import LogEncoding, LogRows, draw_rows, fit_crossed, fit_encoding
from adcreative.ctr.log_network import LogModel, build_batch, build_log_network
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.ctr.nn.layers import SharedBatchNorm
from adcreative.errors import ArtifactError
from tests.ctr.networks.test_network_contracts import SMALL
from tests.verbs.test_train_log import make_log

SCHEMA = LogSchema(
    label="click",
    categorical=("placement", "style"),
    numeric=("bid",),
    multi_valued=("tags",),
    conversion="conversion",
    sequences={"style_history": "style"},
    max_history=8,
)
CONFIGS: dict[str, Any] = {
    **{name: entry.config() for name, entry in NETWORKS.items()},
    **SMALL,
    "finalmlp": replace(SMALL["finalmlp"], context_1=("placement",), batch_norm=True),
    "dnn": replace(SMALL["dnn"], batch_norm=True, dropout_prob=0.2),
    "din": replace(SMALL["din"], batch_norm=True),
    "optinter": replace(SMALL["optinter"], choices=("memorise",)),
}


def built(name: str) -> tuple[LogModel, LogRows]:
    """A network after some steps of training, so that statistics and weights are not those of the start."""
    table = make_log(400)
    entry = NETWORKS[name]
    encoding = fit_encoding([table], SCHEMA, num_labels=entry.num_labels)
    if entry.reads_crossed:
        encoding = fit_crossed(encoding, [encoding.encode(table)])
    generator = torch.Generator().manual_seed(0)
    network = build_log_network(name, encoding.spec, CONFIGS[name], dim=4, generator=generator)
    with torch.no_grad():
        for weight in network.inputs.embedding_weights():
            weight.normal_(generator=generator)
    optimizer = torch.optim.Adam((p for p in network.parameters() if p.requires_grad), lr=1e-2)
    for _ in range(5):
        logits = network(build_batch(draw_rows(encoding, 64, rng=np.random.default_rng(1))))
        (logits - 1.0).square().mean().backward()
        optimizer.step()
    model = LogModel(name, encoding, CONFIGS[name], 4, network.eval(), {})
    return model, draw_rows(encoding, 40, rng=np.random.default_rng(2))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_folded_form_gives_the_same_logits(name: str) -> None:
    model, rows = built(name)
    folded = model.fold()
    with torch.no_grad():
        plain, served = (one.network(build_batch(rows)) for one in (model, folded))
    torch.testing.assert_close(served, plain, rtol=1e-5, atol=1e-5)
    assert float(plain.std()) > 1e-3
    has_norms = any(isinstance(one, SharedBatchNorm) for one in folded.network.modules())
    assert not has_norms or name == "qin"  # whose layers keep theirs beside the folded ones


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_can_start_at_the_base_rate(name: str) -> None:
    encoding = built(name)[0].encoding
    network = build_log_network(name, encoding.spec, CONFIGS[name], dim=4, generator=torch.Generator().manual_seed(0)).eval()
    network.network.start_at(-5.0)  # type: ignore[operator]
    if network.network.output_bias() is None:  # type: ignore[operator]
        return  # it learns the level
    with torch.no_grad():
        logits = network(build_batch(draw_rows(encoding, 40, rng=np.random.default_rng(2))))
    clicks = logits if logits.ndim == 1 else logits[:, 0]
    assert float(clicks.mean()) == pytest.approx(-5.0, abs=1.0)  # numbers and histories move it a little


def test_replaced_tables_must_be_folded_first() -> None:
    model, _ = built("dnn")

    class Twice(torch.nn.Module):
        def __init__(self, table: torch.nn.Embedding) -> None:
            super().__init__()
            self.table = table

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return 2 * self.table(ids)

        def fold(self) -> torch.nn.Embedding:
            return torch.nn.Embedding.from_pretrained(2 * self.table.weight.detach(), padding_idx=0)

        def penalised_weights(self) -> list[torch.Tensor]:
            return [self.table.weight]

    tables = dict(find_tables(model.network))["inputs.tables.tables"]
    tables.replace("style", Twice(tables.table("style")))
    with pytest.raises(ArtifactError, match="fold the replaced tables first"):
        model.fold()
    tables.fold()
    model.fold()


def check_export(name: str, tmp_path: Path) -> None:
    import onnxruntime

    model, _ = built(name)
    model.save(tmp_path / "model")
    summary = pipeline.export_model(tmp_path / "model", tmp_path / "model.onnx")
    assert summary.difference <= 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    encoding = LogEncoding.from_dict(json.loads(session.get_modelmeta().custom_metadata_map["adcreative.encoding"]))
    rows = encoding.encode(make_log(33, seed=9))  # another number of rows than the export saw
    read = {one.name for one in session.get_inputs()}
    found = session.run(None, {key: value for key, value in rows.arrays.items() if key in read})
    expected = model.predict(rows)
    assert summary.outputs == tuple(expected)
    for one, (output, values) in zip(found, expected.items(), strict=True):
        np.testing.assert_allclose(one, values, atol=1e-4, err_msg=output)


@pytest.mark.planted
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_gives_the_rates_of_every_network(name: str, tmp_path: Path) -> None:
    check_export(name, tmp_path)


def test_other_models_and_other_numbers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = CliRunner().invoke(app, ["export-model", str(tmp_path), "--out", str(tmp_path / "m.onnx")])
    assert found.exit_code == 2
    assert "no log model in" in " ".join(found.output.split())
    model, rows = built("linear")
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(ArtifactError, match="onnxruntime gives rates that differ by"):
        onnx_export.export_onnx(model, rows, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def unordered_log(num_rows: int) -> pd.DataFrame:
    """A log whose columns stand in no alphabetical order, in each kind of column."""
    rng, table = np.random.default_rng(0), make_log(num_rows)
    table["site"], table["app"] = rng.choice(list("xyz"), num_rows), rng.choice(list("uvw"), num_rows)
    table["z_vector"], table["a_vector"] = ([[*one] for one in rng.normal(size=(num_rows, k))] for k in (3, 2))
    table["before"] = [list(rng.choice(list("uvw"), 3)) for _ in range(num_rows)]
    return table


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_gives_its_numbers_whatever_the_order_of_its_columns(name: str, tmp_path: Path) -> None:
    schema = replace(
        SCHEMA,
        categorical=("style", "site", "app", "placement"),
        vectors=("z_vector", "a_vector"),
        sequences={"style_history": "style", "before": "app"},
    )
    table, entry = unordered_log(300), NETWORKS[name]
    encoding = fit_encoding([table], schema, num_labels=entry.num_labels)
    if entry.reads_crossed:
        encoding = fit_crossed(encoding, [encoding.encode(table)])
    config = replace(CONFIGS[name], choices=("memorise",) * 6) if name == "optinter" else CONFIGS[name]
    network = build_log_network(name, encoding.spec, config, dim=4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in network.inputs.embedding_weights():
            weight /= weight.abs().mean()  # rows of padding stay 0
    model, rows = LogModel(name, encoding, config, 4, network.eval(), {}), encoding.encode(table)
    model.save(tmp_path / "model")
    loaded = LogModel.load(tmp_path / "model")
    assert loaded.encoding.as_dict() == encoding.as_dict()
    for output, rates in model.predict(rows).items():
        np.testing.assert_allclose(loaded.predict(loaded.encoding.encode(table))[output], rates, atol=1e-6)
