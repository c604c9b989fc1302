"""Against FuxiCTR: the same data, sizes, first weights and batches; AUC side by side, rows a second by turns in one process.

    pip install -e ".[bench]" && python -m tests.bench.fuxictr

DIN is FuxiCTR's own class with its own loader for long histories (both in its wheel). QIN is not in the wheel: its layers
stand here as published, on FuxiCTR's embedding, loss, optimiser and training step. One thread each, no loader processes.

In float64 the two give one AUC. In float32 they part by rounding, and where logits pass 17: FuxiCTR takes the logarithm of a
probability that is then exactly 1, which costs 100 and sends no gradient.
"""

from __future__ import annotations

import importlib.util
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor, nn

from adcreative.catalog.datasets.microlens import MmctrRows
from adcreative.ctr.networks.din import DINConfig
from adcreative.ctr.networks.qin import QINConfig
from adcreative.ctr.training.streamed import RunConfig, TrainConfig
from adcreative.metrics.binary import area_under_curve
from adcreative.papers.microlens.model import BASELINE_DIN, ITEM, LEVELS, MODELS, MicroLensConfig
from adcreative.papers.microlens.run import MicroLensData, MicroLensTraining
from tests.bench.mmctr_data import World

Sizes = QINConfig | DINConfig
REGULARIZER, RATE, AUC_BATCH = 1e-6, 2e-3, 128
_FIELDS = "embedding_layer.embedding_layer."


def _zoo_module(path: str) -> Any:
    """Return a module of model_zoo/LongCTR, whose files are made to be run in their folder; DIN.py forgets to import torch."""
    import fuxictr

    file = Path(fuxictr.__file__).parents[1] / "model_zoo" / "LongCTR" / f"{path}.py"
    spec = importlib.util.spec_from_file_location(f"longctr_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.torch = torch  # type: ignore[attr-defined]
    spec.loader.exec_module(module)
    return module


def feature_map(world: World, config: MicroLensConfig, folder: Path) -> Any:
    """Return FuxiCTR's description of the columns."""
    from fuxictr.features import FeatureMap

    width, projected = config.embedding_dim, config.projected_dim or config.embedding_dim
    level = {"type": "categorical", "vocab_size": 11, "padding_idx": 0, "source": ""}
    item = {"source": "item", "padding_idx": 0, "embedding_dim": width}
    found = FeatureMap("mmctr", str(folder))
    found.labels, found.default_emb_dim = ["label"], width
    found.features.update(
        {name: {"type": "meta", "source": ""} for name in ("user_index", "seq_len", "item_index")}
        | {
            "likes_level": level,
            "views_level": level,
            "item_id": {**item, "type": "categorical", "vocab_size": world.num_items},
            "item_tags": {
                **item,
                "type": "sequence",
                "max_len": 5,
                "vocab_size": world.num_tags,
                "feature_encoder": "layers.MaskedAveragePooling()",
            },
            "item_emb_d128": {
                "source": "item",
                "type": "embedding",
                "pretrain_dim": world.embedding_dim,
                "embedding_dim": projected,
            },
        }
    )
    return found


def write_for_fuxictr(world: World, folder: Path, name: str, batches: Iterator[MmctrRows]) -> None:
    """Write rows, in this order, as FuxiCTR's loader for long histories wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = list(batches)
    users, history, levels, items, labels = (
        np.concatenate([getattr(part, field) for part in parts]) for field in ("users", "history", "levels", "items", "labels")
    )
    del users
    lengths = (history > 0).sum(axis=1)
    pd.DataFrame(
        {
            "user_index": np.arange(len(items)),
            "seq_len": lengths,
            "item_index": items,
            "likes_level": levels[:, 0],
            "views_level": levels[:, 1],
            "label": labels.astype(np.int64),
        }
    ).to_parquet(folder / f"{name}.parquet")
    sequences = [row[len(row) - length :] for row, length in zip(history, lengths, strict=True)]
    pd.DataFrame({"full_item_seq": sequences}).to_parquet(folder / f"{name}_users.parquet")
    _, _, tags, embeddings = world.items()
    ids = np.arange(world.num_items)
    pd.DataFrame({"item_index": ids, "item_id": ids, "item_tags": list(tags), "item_emb_d128": list(embeddings)}).to_parquet(
        folder / "items.parquet"
    )


def loader(world: World, config: MicroLensConfig, folder: Path, name: str, batch_size: int) -> Any:
    """Return FuxiCTR's loader over the rows in the order of the file."""
    return _zoo_module("longctr_dataloader").LongCTRDataLoader(
        feature_map(world, config, folder),
        str(folder / name),
        user_info=str(folder / f"{name}_users.parquet"),
        item_info=str(folder / "items.parquet"),
        batch_size=batch_size,
        shuffle=False,
        num_workers=0,
        max_len=64,
    )


def build_theirs(world: World, config: MicroLensConfig, sizes: Sizes, folder: Path) -> Any:
    """Return FuxiCTR's network of that name and configuration."""
    settings = {
        "gpu": -1,
        "learning_rate": RATE,
        "embedding_dim": config.embedding_dim,
        "embedding_regularizer": REGULARIZER,
        "net_regularizer": None,
        "optimizer": "adam",
        "loss": "binary_crossentropy",
        "metrics": ["AUC"],
        "verbose": 0,
        "model_root": str(folder),
        "monitor": "AUC",
    }
    columns = feature_map(world, config, folder)
    if isinstance(sizes, DINConfig):
        DIN = _zoo_module("DIN/DIN").DIN
        network = DIN(
            columns,
            attention_hidden_units=list(sizes.attention_dims),
            attention_hidden_activations="ReLU",
            dnn_hidden_units=list(sizes.hidden_dims),
            attention_dropout=sizes.attention_dropout_prob,
            net_dropout=sizes.dropout_prob,
            batch_norm=True,
            **settings,
        )
    else:
        network = _published_qin()(columns, config, sizes, settings)
    network._max_gradient_norm, network._batch_index = 10.0, 0
    return network.train()


def _published_qin() -> Any:
    """Return the class; FuxiCTR is imported here, since it is an extra."""
    from fuxictr.pytorch.layers import FeatureEmbedding
    from fuxictr.pytorch.models import BaseModel

    DIN = _zoo_module("DIN/DIN").DIN

    class Attention(nn.Module):
        """s_j = q . k_j / sqrt(a), o = W_o sum_j ReLU(s_j m_j) v_j + t, with keys and values of every item formed."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.W_q, self.W_k, self.W_v = (nn.Linear(width, 2 * width, bias=False) for _ in range(3))
            self.W_o = nn.Linear(2 * width, width, bias=False)

        def forward(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
            query, key, value = self.W_q(target)[:, None], self.W_k(items), self.W_v(items)
            scores = torch.matmul(query, key.transpose(1, 2)) / query.shape[2] ** 0.5
            return self.W_o(torch.matmul(torch.relu(scores * mask[:, None]), value)[:, 0]) + target

    class Rows(nn.Module):
        def __init__(self, width: int, num_rows: int, prob: float) -> None:
            super().__init__()
            self.linear, self.num_rows = nn.Sequential(nn.Linear(width, num_rows * width), nn.Dropout(prob)), num_rows

        def forward(self, x: Tensor) -> Tensor:
            return torch.einsum("bd,brd->bd", x, self.linear(x).view(len(x), self.num_rows, -1))

    class Quadratic(nn.Module):
        def __init__(self, width: int, config: QINConfig) -> None:
            super().__init__()
            layers = range(config.num_layers)
            self.layer = nn.ModuleList(Rows(width, config.num_rows, config.dropout_prob) for _ in layers)
            self.norm = nn.ModuleList(nn.BatchNorm1d(width) for _ in layers)
            self.activation = nn.ModuleList(nn.PReLU() for _ in layers)
            self.dropout = nn.Dropout(config.dropout_prob)
            self.fc = nn.Linear(width, 1)

        def forward(self, x: Tensor) -> Tensor:
            for layer, norm, activation in zip(self.layer, self.norm, self.activation, strict=True):
                x = x + self.dropout(activation(norm(layer(x))))
            return self.fc(x)

    class PublishedQIN(DIN):  # type: ignore[misc, valid-type]  # its batches, labels and training step
        def __init__(self, columns: Any, config: MicroLensConfig, sizes: QINConfig, settings: dict[str, Any]) -> None:
            BaseModel.__init__(self, columns, model_id="QIN", **settings)
            width = config.embedding_dim
            item_dim = 2 * width + (config.projected_dim or width)
            self.item_info_dim, self.accumulation_steps = item_dim, 1
            self.embedding_layer = FeatureEmbedding(columns, width)
            self.attention_layers = Attention(item_dim)
            self.qnn = Quadratic(2 * width + 2 * item_dim, sizes)
            self.compile("adam", "binary_crossentropy", RATE)
            self.reset_parameters()

        def forward(self, inputs: Any) -> dict[str, Tensor]:
            columns, items, mask = self.get_inputs(inputs)
            vectors = self.embedding_layer(items, flatten_emb=True).view(len(mask), -1, self.item_info_dim)
            target, history = vectors[:, -1], vectors[:, :-1]
            row = self.embedding_layer(columns, flatten_emb=True)
            x = torch.cat([row, target, self.attention_layers(target, history, mask)], dim=1)
            return {"y_pred": self.output_activation(self.qnn(x))}

    return PublishedQIN


QIN_NAMES = {  # of the authors' released code (salmon1802/QIN, QIN_variety_v9), whose R parts stand one under the other as ours
    r"^attention_layers\.W_q": "network.attention.to_query",
    r"^attention_layers\.W_k": "network.attention.to_key",
    r"^attention_layers\.W_v": "network.attention.to_value",
    r"^attention_layers\.W_o": "network.attention.to_output",
    r"^qnn\.fc": "network.head",
    r"^qnn\.layer\.(\d+)\.linear\.0": r"network.quadratic.layers.\1.to_rows",
    r"^qnn\.(norm|activation)\.(\d+)": r"network.quadratic.layers.\2.\1",
}


def mapped_weights(name: str, theirs: nn.Module, ours: nn.Module) -> dict[str, Tensor]:
    """Return FuxiCTR's weights under our names."""
    state = theirs.state_dict()
    found = {
        f"inputs.tables.tables.by_field.f_{table}.weight": state.pop(f"{_FIELDS}embedding_layers.{table}.weight")
        for table in (*LEVELS, *ITEM[:2])
    }
    key = f"inputs.tables.projections.f_{ITEM[2]}.weight"
    found[key] = state.pop(f"{_FIELDS}feature_encoders.{ITEM[2]}.weight")
    if name == "qin":
        for key, tensor in state.items():
            for pattern, own in QIN_NAMES.items():
                key = re.sub(pattern, own, key)
            found[key] = tensor
        return found
    rest = [key for key in ours.state_dict() if key not in found]  # attention, tower, head stand in one order in both
    tower = sorted(
        (key for key in rest if ".tower." in key), key=lambda key: int(key.split(".")[3])
    )  # linear, norm, linear ...
    first = next(number for number, key in enumerate(rest) if ".tower." in key)
    rest = [*rest[:first], *tower, *rest[first + len(tower) :]]
    assert len(rest) == len(state)
    return found | dict(zip(rest, state.values(), strict=True))


class Rivals:
    """The two trainings, started from the same weights on the same batches."""

    def __init__(
        self,
        name: str,
        config: MicroLensConfig,
        sizes: Sizes,
        folder: Path,
        world: World,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self.world, self.config, self.folder, self.batch_size = world, config, folder / "fuxictr", batch_size
        schedule = TrainConfig(batch_size=batch_size, learning_rate=RATE, embedding_regularizer=REGULARIZER, max_epochs=1)
        torch.manual_seed(seed)
        self.theirs = build_theirs(world, config, sizes, self.folder)
        self.data = MicroLensData.open(folder)
        self.ours = MicroLensTraining(
            name,
            self.data,
            folder / "ours",
            entry=replace(MODELS[name], inputs=config, network=sizes, training=schedule),
            run=RunConfig(seed=seed, save_every=0),
            log=lambda line: None,
        )
        weights = mapped_weights(name, self.theirs, self.ours.network)
        self.ours.network.load_state_dict({key: value.clone() for key, value in weights.items()})
        write_for_fuxictr(world, self.folder, "train", self._rows(seed))
        self.our_rows = self._rows(seed)
        self.their_rows = iter(loader(world, config, self.folder, "train", batch_size))

    def _rows(self, seed: int) -> Iterator[MmctrRows]:
        return self.data.train.iter_batches(self.batch_size, rng=np.random.default_rng([seed, 0]))

    def race(self, num_steps: int) -> dict[str, list[tuple[float, float]]]:
        """Train by turns, one batch each; return (seconds for the batch to be read, for the step) of both, in CPU time."""
        seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
        turns: dict[str, tuple[Iterator[Any], Callable[[Any], None]]] = {
            "ours": (self.our_rows, self.ours.step),
            "theirs": (self.their_rows, lambda batch: self.theirs.train_step(batch).item()),
        }
        for _ in range(num_steps):
            for who, (source, step) in turns.items():
                started_s = time.process_time()
                batch = next(source)
                read_s = time.process_time()
                step(batch)
                seconds[who].append((read_s - started_s, time.process_time() - read_s))
        return seconds

    def aucs(self) -> tuple[float, float]:
        """Return the validation AUC of ours and of theirs, each predicted by its own code."""
        labels, probabilities, _ = self.ours.predict()
        write_for_fuxictr(self.world, self.folder, "valid", self.data.valid.iter_batches(1024))
        theirs = self.theirs.predict(loader(self.world, self.config, self.folder, "valid", 1024))
        return area_under_curve(labels, probabilities), area_under_curve(labels, theirs)


def race_figures(name: str, folder: Path, world: World, *, num_steps: int, batch_size: int = 256) -> dict[str, float]:
    """Return rows a second (CPU time, one thread) at the published sizes and ratios ours / theirs, with and without reading."""
    config = MicroLensConfig(
        num_items=world.num_items,
        num_tags=world.num_tags,
        item_embedding_dim=world.embedding_dim,
        **({"embedding_dim": 64, "projected_dim": 128} if name == "din" else {}),
    )
    sizes = BASELINE_DIN if name == "din" else QINConfig()
    seconds = Rivals(name, config, sizes, folder, world, batch_size=batch_size, seed=0).race(num_steps)
    whole = {who: statistics.median(map(sum, pairs[1:])) for who, pairs in seconds.items()}  # the first step warms up
    step = {who: statistics.median(pair[1] for pair in pairs[1:]) for who, pairs in seconds.items()}
    ratios = [sum(b) / sum(a) for a, b in zip(seconds["ours"][1:], seconds["theirs"][1:], strict=True)]
    return {
        f"{name}_rows_per_s": round(batch_size / whole["ours"]),
        f"{name}_fuxictr_rows_per_s": round(batch_size / whole["theirs"]),
        f"{name}_over_fuxictr": round(whole["theirs"] / whole["ours"], 2),
        f"{name}_over_fuxictr_lowest": round(min(ratios), 2),
        f"{name}_over_fuxictr_step_alone": round(step["theirs"] / step["ours"], 2),
    }


def auc_pairs(name: str, folder: Path, world: World, *, seeds: range, num_steps: int) -> np.ndarray:
    """Return the AUC of ours, of theirs, and of ours from weights changed by 1e-7 of themselves, [seeds, 3], without dropout.

    The third says how far rounding alone carries a training of this length.
    """
    config = MicroLensConfig(
        num_items=world.num_items,
        num_tags=world.num_tags,
        item_embedding_dim=world.embedding_dim,
        embedding_dim=8,
        projected_dim=16 if name == "din" else None,
    )
    din = DINConfig(attention_dims=(32, 16), hidden_dims=(64, 32), activation="relu", batch_norm=True)
    sizes = din if name == "din" else QINConfig(num_layers=2, num_rows=2, dropout_prob=0.0)
    found = []
    for seed in seeds:
        rivals = Rivals(name, config, sizes, folder, world, batch_size=AUC_BATCH, seed=seed)
        rivals.race(num_steps)
        nudged = Rivals(name, config, sizes, folder, world, batch_size=AUC_BATCH, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in nudged.ours.network.parameters():
                weight.mul_(1 + 1e-7 * torch.randn(weight.shape, generator=generator))
        for rows in nudged.our_rows:
            nudged.ours.step(rows)
        labels, probabilities, _ = nudged.ours.predict()
        found.append((*rivals.aucs(), area_under_curve(labels, probabilities)))
    return np.array(found)


def auc_figures(name: str, folder: Path, world: World, *, seeds: range, num_steps: int) -> dict[str, Any]:
    """Return AUC per seed in float64, where the two must agree, and in float32 beside what rounding alone does."""
    figures: dict[str, Any] = {}
    to_float, default = torch.Tensor.float, torch.get_default_dtype()
    for kind in (torch.float64, torch.float32):
        torch.set_default_dtype(kind)
        if kind is torch.float64:  # FuxiCTR casts its inputs and labels by .float()
            torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
        try:
            ours, theirs, nudged = auc_pairs(name, folder, world, seeds=seeds, num_steps=num_steps).T
        finally:
            torch.Tensor.float = to_float  # type: ignore[method-assign]
            torch.set_default_dtype(default)
        prefix = f"{name}_{str(kind).removeprefix('torch.')}"
        figures |= {
            f"{prefix}_auc": ours.round(5).tolist(),
            f"{prefix}_fuxictr_auc": theirs.round(5).tolist(),
            f"{prefix}_auc_difference_mean": round(float((ours - theirs).mean()), 5),
            f"{prefix}_auc_difference_largest": round(float(np.abs(ours - theirs).max()), 5),
            f"{prefix}_auc_difference_by_rounding": round(float(np.abs(ours - nudged).max()), 5),
            f"{prefix}_auc_deviation_over_seeds": round(float(ours.std(ddof=1)), 5),
        }
    return figures


def fuxictr_figures(*, num_seeds: int = 3, auc_steps: int = 100, race_steps: int = 5) -> dict[str, Any]:
    """Return all figures, or one line that says what to install."""
    try:
        import fuxictr  # noqa: F401
    except ImportError:
        return {"fuxictr": 'not installed; pip install -e ".[bench]"'}
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        learnt = World(num_items=800, embedding_dim=16, embedding_scale=0.25, history_lengths=(4, 16))
        full = World(embedding_dim=128, history_lengths=(1, 64))
        learnt.write(Path(name) / "learnt", AUC_BATCH * auc_steps, 6_000)
        full.write(Path(name) / "full", 256 * race_steps, 100)
        for network in ("din", "qin"):
            figures |= race_figures(network, Path(name) / "full", full, num_steps=race_steps)
            figures |= auc_figures(network, Path(name) / "learnt", learnt, seeds=range(num_seeds), num_steps=auc_steps)
    return {f"fuxictr_{key}" if not key.startswith("fuxictr") else key: value for key, value in figures.items()}


if __name__ == "__main__":
    print(json.dumps(fuxictr_figures(), indent=1))
