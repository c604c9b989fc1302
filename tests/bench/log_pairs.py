"""Networks for impression logs twice: ours, and those of FuxiCTR 2.3.10 and deepctr-torch 0.3.0 with the same weights.

FuxiCTR: FinalMLP's gates, towers and fusion on its embedding and training step (Frappe), SDIM and DIN (Amazon Beauty), the
classes that its wheel holds; a linear model, FM and DNN of its layers (Frappe). deepctr-torch: AutoInt (Frappe) and ESMM
(planted funnel); its step is that of its `fit`.

Beauty as a log: each of a user's later events is a click; a drawn item that the user never had is none. The last event and its
negative are the test rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from adcreative.ctr.inputs.fields import InputSpec
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogNetwork, build_log_network
from adcreative.ctr.networks.autoint import AutoIntConfig
from adcreative.ctr.networks.din import DINConfig
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.esmm import ESMMConfig
from adcreative.ctr.networks.finalmlp import FinalMLPConfig
from adcreative.ctr.networks.fm import FMConfig
from adcreative.ctr.networks.linear import LinearConfig
from adcreative.ctr.networks.sdim import SDIMConfig
from adcreative.ctr.training.streamed import add_penalty_gradient

RATE, DIM, BATCH = 1e-3, 10, 1024
FIELDS = ("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")
LENGTH, SHORT, MIN_EVENTS = 20, 5, 9
Rows = tuple[LogRows, LogRows]


@dataclass
class Pair:
    """One network twice.

    theirs_step trains on a batch, theirs_logits predicts one, reader yields batches of rows as their library reads them.
    penalty: of the embedding regulariser of both.
    """

    ours: LogNetwork
    theirs: Any
    theirs_step: Callable[[Any], Any]
    theirs_batch: Callable[[LogRows], Any]
    theirs_logits: Callable[[Any], Tensor]
    reader: Callable[[LogRows], Iterator[Any]]
    penalty: float = 0.0
    max_norm: float = 10.0

    def __post_init__(self) -> None:
        trained = [weight for weight in self.ours.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=RATE, fused=True)

    def widen(self) -> None:
        """Compute in float64 from now on, both of them."""
        self.ours.double()
        self.theirs.double()
        if hasattr(self.theirs, "powers_of_two"):  # SDIM's, which meet float32 codes whatever the weights are
            self.theirs.powers_of_two.data = self.theirs.powers_of_two.data.float()
        if hasattr(self.theirs, "get_labels"):
            labels_of = self.theirs.get_labels
            self.theirs.get_labels = lambda inputs: labels_of(inputs).double()

    def step(self, batch: Any, labels: Tensor) -> None:
        """One step of ours, as `StreamedTraining` makes it."""
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.ours(batch)
        own: Any = getattr(self.ours, "loss", None)
        loss = (
            nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
            if own is None
            else own(logits, labels)
        )
        (loss / len(labels)).backward()
        if self.penalty:
            add_penalty_gradient(self.ours, self.penalty)
        nn.utils.clip_grad_norm_(self.ours.parameters(), self.max_norm)
        self.optimizer.step()


def build_ours(name: str, spec: InputSpec, config: Any, dim: int = DIM) -> LogNetwork:
    """Return our network on a log."""
    return build_log_network(name, spec, config, dim=dim, generator=torch.Generator().manual_seed(0))


def load(ours: LogNetwork, found: dict[str, Tensor]) -> None:
    """Put mapped weights into our network; every tensor must have a place and be filled."""
    ours.load_state_dict({name: tensor.detach().clone() for name, tensor in found.items()}, strict=True)


def read_frappe(logs: Path) -> tuple[Rows, InputSpec]:
    """Return Frappe's rows; every id has its own row of the table in both networks."""
    tables = [pd.read_parquet(logs / f"frappe-{part}.parquet") for part in ("train", "test")]
    both = pd.concat(tables)
    codes = {name: pd.Index(sorted(both[name].unique())) for name in FIELDS}
    sizes = {name: len(index) + 2 for name, index in codes.items()}
    rows = []
    for table in tables:
        ids = np.stack([codes[name].get_indexer(table[name]) + 2 for name in FIELDS], axis=1).astype(np.int64)
        arrays = {"ids": ids, "numbers": np.zeros((len(ids), 0), np.float32)}
        rows.append(LogRows(arrays, table["label"].to_numpy(np.float32), np.full(len(ids), -1, np.int64)))
    return (rows[0], rows[1]), InputSpec(categorical=sizes)


def fuxictr_map(spec: InputSpec, folder: Path, *, is_item: bool = False) -> Any:
    """Return FuxiCTR's description of the fields."""
    from fuxictr.features import FeatureMap

    found = FeatureMap("log", str(folder))
    found.labels, found.default_emb_dim, found.num_fields = ["label"], DIM, len(spec.categorical)
    for name, size in spec.categorical.items():
        found.features[name] = {
            "type": "categorical",
            "vocab_size": size,
            "padding_idx": 0,
            "source": "item" if is_item else "",
            "embedding_dim": DIM,
        }
    if is_item:
        found.features |= {name: {"type": "meta", "source": ""} for name in ("user_index", "seq_len", "item_index")}
    return found


def zoo(path: str) -> Any:
    """Return a module of model_zoo/LongCTR, whose files are made to be run in their folder; some forget to import torch."""
    import fuxictr

    file = Path(fuxictr.__file__).parents[1] / "model_zoo" / "LongCTR" / f"{path}.py"
    module_spec = importlib.util.spec_from_file_location(f"longctr_{file.stem}", file)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module.torch, module.nn = torch, nn  # type: ignore[attr-defined]
    module_spec.loader.exec_module(module)
    return module


def fuxictr_settings(folder: Path, penalty: float) -> dict[str, Any]:
    """Return what all of FuxiCTR's networks are built with."""
    return {
        "gpu": -1,
        "learning_rate": RATE,
        "embedding_dim": DIM,
        "embedding_regularizer": penalty or None,
        "net_regularizer": None,
        "optimizer": "adam",
        "loss": "binary_crossentropy",
        "metrics": ["AUC"],
        "verbose": 0,
        "model_root": str(folder),
        "monitor": "AUC",
    }


def build_finalmlp(logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """FinalMLP with contexts: FuxiCTR's gates, towers and fusion on its embedding."""
    from fuxictr.pytorch.models import BaseModel

    rows, spec = read_frappe(logs)
    module = zoo("FinalMLP/FinalMLP")

    class Tabular(module.FinalMLP):  # type: ignore[misc, name-defined]  # its parts on fields, as in its zoo for tables
        get_inputs, get_labels = BaseModel.get_inputs, BaseModel.get_labels
        train_step = BaseModel.train_step

        def forward(self, inputs: Any) -> dict[str, Tensor]:
            X = self.get_inputs(inputs)
            flat = self.embedding_layer(X, flatten_emb=True)
            one, two = self.fs_module(X, flat)
            self.logit = self.fusion_module(self.mlp1(one), self.mlp2(two))
            return {"y_pred": self.output_activation(self.logit)}

    torch.manual_seed(seed)
    theirs = Tabular(
        fuxictr_map(spec, folder),
        mlp1_hidden_units=[400],
        mlp1_batch_norm=True,
        mlp2_hidden_units=[100],
        mlp2_batch_norm=True,
        fs_hidden_units=[64],
        fs1_context=["user"],
        fs2_context=["item"],
        num_heads=5,
        **fuxictr_settings(folder, 0.01),
    )
    theirs._max_gradient_norm = 10.0
    config = FinalMLPConfig(
        hidden_dims_1=(400,),
        hidden_dims_2=(100,),
        gate_dims=(64,),
        context_1=("user",),
        context_2=("item",),
        num_heads=5,
        batch_norm=True,
    )
    ours, state = build_ours("finalmlp", spec, config), theirs.state_dict()
    field = "embedding_layer.embedding_layer.embedding_layers.{}.weight"
    found = {f"inputs.tables.tables.by_field.f_{name}.weight": state[field.format(name)] for name in FIELDS}
    for number, name in ((1, "user"), (2, "item")):
        found[f"inputs.views.context_{number}.tables.by_field.f_{name}.weight"] = state[
            f"fs_module.fs{number}_ctx_emb.embedding_layer.embedding_layers.{name}.weight"
        ]
        for kind in ("weight", "bias"):
            found[f"network.gates.{number - 1}.hidden.linears.0.{kind}"] = state[f"fs_module.fs{number}_gate.mlp.0.{kind}"]
            found[f"network.gates.{number - 1}.last.{kind}"] = state[f"fs_module.fs{number}_gate.mlp.2.{kind}"]
            found[f"network.tower_{number}.linears.0.{kind}"] = state[f"mlp{number}.mlp.0.{kind}"]
        for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            found[f"network.tower_{number}.norms.0.{kind}"] = state[f"mlp{number}.mlp.1.{kind}"]
    found["network.fusion.first.weight"] = state["fusion_module.w_x.weight"]
    found["network.fusion.first.bias"] = state["fusion_module.w_x.bias"] + state["fusion_module.w_y.bias"]
    found["network.fusion.second.weight"] = state["fusion_module.w_y.weight"]
    found["network.fusion.bilinear"] = state["fusion_module.w_xy"].view(5, 80, 20)
    load(ours, found)
    return _fuxictr_pair(ours, theirs, folder), rows


def _fuxictr_pair(ours: LogNetwork, theirs: Any, folder: Path) -> Pair:
    def read(rows: LogRows) -> Iterator[Any]:
        from fuxictr.pytorch.dataloaders.npz_dataloader import NpzDataLoader

        columns = {name: rows.arrays["ids"][:, k] for k, name in enumerate(FIELDS)} | {"label": rows.labels}
        np.savez(folder / "frappe.npz", **columns)
        return iter(
            NpzDataLoader(theirs.feature_map, str(folder / "frappe.npz"), batch_size=BATCH, shuffle=True, num_workers=0)
        )

    return Pair(ours, theirs, theirs.train_step, _columns, lambda one: (theirs(one), theirs.logit)[1], read, penalty=0.01)


def build_layers(kind: str, logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """A linear model, "fm" or "dnn" of FuxiCTR's layers, with its training step; its wheel holds no class of these networks."""
    from fuxictr.pytorch.layers import FactorizationMachine, FeatureEmbedding, LogisticRegression, MLP_Block
    from fuxictr.pytorch.models import BaseModel

    rows, spec = read_frappe(logs)
    torch.manual_seed(seed)

    class Layers(BaseModel):  # type: ignore[misc]
        def __init__(self, feature_map: Any) -> None:
            super().__init__(feature_map, **fuxictr_settings(folder, 0.01))
            self.embedding_layer: Any = None if kind == "linear" else FeatureEmbedding(feature_map, DIM)
            if kind == "dnn":
                self.part = MLP_Block(DIM * len(FIELDS), [400, 400], output_dim=1, batch_norm=True)
            else:
                self.part = (FactorizationMachine if kind == "fm" else LogisticRegression)(feature_map)
            self.compile("adam", "binary_crossentropy", RATE)
            self.reset_parameters()

        def forward(self, inputs: Any) -> dict[str, Tensor]:
            X = self.get_inputs(inputs)
            if kind == "dnn":
                self.logit = self.part(self.embedding_layer(X, flatten_emb=True))
            else:
                self.logit = self.part(X, self.embedding_layer(X)) if kind == "fm" else self.part(X)
            return {"y_pred": self.output_activation(self.logit)}

    theirs = Layers(fuxictr_map(spec, folder))
    theirs._max_gradient_norm = 10.0
    config = {"linear": LinearConfig(), "fm": FMConfig(), "dnn": DNNConfig(hidden_dims=(400, 400), batch_norm=True)}[kind]
    ours, state = build_ours(kind, spec, config), theirs.state_dict()
    table = "{}embedding_layer.embedding_layer.embedding_layers.{}.weight"
    own = "part." if kind == "linear" else ""
    found = {f"inputs.tables.tables.by_field.f_{name}.weight": state[table.format(own, name)] for name in FIELDS}
    if kind == "fm":
        views = "inputs.views.first_order.tables.by_field.f_{}.weight"
        found |= {views.format(name): state[table.format("part.lr_layer.", name)] for name in FIELDS}
    if kind == "dnn":
        places = {"tower.linears.0": "0", "tower.norms.0": "1", "tower.linears.1": "3", "tower.norms.1": "4", "head": "6"}
        for place, number in places.items():
            of_it = {key.rpartition(".")[2]: one for key, one in state.items() if key.startswith(f"part.mlp.{number}.")}
            found |= {f"network.{place}.{name}": one for name, one in of_it.items()}
    else:
        found["network.bias"] = state["part.bias" if kind == "linear" else "part.lr_layer.bias"].view(())
    load(ours, found)
    return _fuxictr_pair(ours, theirs, folder), rows


def _columns(rows: LogRows) -> dict[str, Tensor]:
    """Return a batch as FuxiCTR's loaders for tables give it."""
    ids = torch.from_numpy(rows.arrays["ids"])
    return {name: ids[:, k] for k, name in enumerate(FIELDS)} | {"label": torch.from_numpy(rows.labels)}


def deepctr_step(theirs: Any, num_labels: int) -> Callable[[Any], Any]:
    """Return what deepctr-torch's `fit` does with a batch."""
    optimizer = torch.optim.Adam(theirs.parameters(), lr=RATE)
    loss_of = nn.functional.binary_cross_entropy

    def step(batch: tuple[Tensor, Tensor]) -> None:
        values, labels = batch
        optimizer.zero_grad()
        predicted = theirs(values).squeeze()
        columns = [predicted] if num_labels == 1 else list(predicted.unbind(dim=1))
        losses = [loss_of(one, labels.view(len(labels), -1)[:, k], reduction="sum") for k, one in enumerate(columns)]
        loss = torch.stack(losses).sum() / len(labels)  # a mean, as ours
        (loss + theirs.get_regularization_loss() + theirs.aux_loss).backward()
        optimizer.step()

    return step


def build_autoint(logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """AutoInt with a DNN beside it: deepctr-torch's class."""
    from deepctr_torch.inputs import SparseFeat
    from deepctr_torch.models import AutoInt

    rows, spec = read_frappe(logs)
    columns = [SparseFeat(name, size, 16) for name, size in spec.categorical.items()]
    theirs = AutoInt([], columns, dnn_hidden_units=(256, 128), l2_reg_embedding=0, l2_reg_dnn=0, seed=seed)
    config = AutoIntConfig(attention_dim=16, num_layers=3, num_heads=2, hidden_dims=(256, 128))
    ours, state = build_ours("autoint", spec, config, dim=16), theirs.state_dict()
    found = {f"inputs.tables.tables.by_field.f_{name}.weight": state[f"embedding_dict.{name}.weight"] for name in FIELDS}
    names = {"to_query": "W_Query", "to_key": "W_key", "to_value": "W_Value", "residual": "W_Res"}
    for layer in range(3):
        found |= {f"network.interacting.{layer}.{a}.weight": state[f"int_layers.{layer}.{b}"].T for a, b in names.items()}
    for layer in range(2):
        for kind in ("weight", "bias"):
            found[f"network.tower.linears.{layer}.{kind}"] = state[f"dnn.linears.{layer}.{kind}"]
    found |= {"network.head.weight": state["dnn_linear.weight"], "network.head.bias": state["out.bias"]}
    load(ours, found)
    return _deepctr_pair(ours, theirs, 1), rows


def _deepctr_pair(ours: LogNetwork, theirs: Any, num_labels: int) -> Pair:
    def batch_of(rows: LogRows) -> tuple[Tensor, Tensor]:
        labels = rows.labels if num_labels == 1 else np.stack([rows.labels[:, 0], rows.labels.prod(axis=1)], axis=1)
        return torch.from_numpy(rows.arrays["ids"]).float(), torch.from_numpy(labels)

    def logits_of(batch: tuple[Tensor, Tensor]) -> Tensor:
        predicted = theirs(batch[0])
        return torch.logit((predicted if num_labels == 1 else predicted[:, :1]).double())

    def read(rows: LogRows) -> Iterator[Any]:
        return iter(DataLoader(TensorDataset(*batch_of(rows)), batch_size=BATCH, shuffle=True))  # as in its fit

    return Pair(ours, theirs, deepctr_step(theirs, num_labels), batch_of, logits_of, read, max_norm=1e9)


def build_esmm(logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """ESMM on a planted funnel: deepctr-torch's class, whose two towers share the bias of the last layer."""
    from deepctr_torch.inputs import SparseFeat
    from deepctr_torch.models.multitask import ESMM

    from tests.ctr.networks.planted_logs import planted_funnel

    world = planted_funnel(60_000, seed=seed)
    ids = np.concatenate([world.batch.ids.numpy(), np.random.default_rng(seed).integers(2, 52, (60_000, 3))], axis=1)
    arrays = {"ids": ids, "numbers": np.zeros((len(ids), 0), np.float32)}
    rows = LogRows(arrays, world.labels.astype(np.float32), np.full(len(ids), -1, np.int64))
    spec = InputSpec(categorical={"item": 3002, "c1": 52, "c2": 52, "c3": 52})
    columns = [SparseFeat(name, size, 16) for name, size in spec.categorical.items()]
    theirs = ESMM(columns, tower_dnn_hidden_units=(256, 128), l2_reg_embedding=0, l2_reg_dnn=0, seed=seed)
    ours, state = build_ours("esmm", spec, ESMMConfig(hidden_dims=(256, 128)), dim=16), theirs.state_dict()
    found = {
        f"inputs.tables.tables.by_field.f_{name}.weight": state[f"embedding_dict.{name}.weight"] for name in spec.categorical
    }
    for task in ("ctr", "cvr"):
        for layer in range(2):
            for kind in ("weight", "bias"):
                found[f"network.{task}_tower.linears.{layer}.{kind}"] = state[f"{task}_dnn.linears.{layer}.{kind}"]
        found[f"network.{task}_head.weight"] = state[f"{task}_dnn_final_layer.weight"]
        found[f"network.{task}_head.bias"] = state["out.bias"]
    load(ours, found)
    return _deepctr_pair(ours, theirs, 2), (rows.rows(slice(0, 50_000)), rows.rows(slice(50_000, None)))


def read_beauty(logs: Path, seed: int) -> tuple[Rows, InputSpec]:
    """Return Beauty's events as rows; users with few events are left out, since FuxiCTR's SDIM needs full short histories."""
    table, rng = pd.read_parquet(logs / "amazon-beauty-sequences.parquet"), np.random.default_rng(seed)
    num_items = int(max(max(one) for one in table["items"]))
    parts: dict[bool, list[tuple[int, list[int], float]]] = {False: [], True: []}
    for items in table["items"]:
        known = set(items)
        for place in range(MIN_EVENTS - 1, len(items)):
            negative = int(rng.integers(1, num_items + 1))
            while negative in known:
                negative = int(rng.integers(1, num_items + 1))
            for item, label in ((int(items[place]), 1.0), (negative, 0.0)):
                parts[place == len(items) - 1].append((item, [int(one) for one in items[:place]][-LENGTH:], label))
    rows = []
    for is_test in (False, True):
        history = np.zeros((len(parts[is_test]), LENGTH), np.int64)
        for number, (_, past, _) in enumerate(parts[is_test]):
            history[number, LENGTH - len(past) :] = np.array(past) + 1
        target = np.array([[item + 1] for item, _, _ in parts[is_test]], np.int64)
        labels = np.array([label for _, _, label in parts[is_test]], np.float32)
        arrays = {"ids": target, "numbers": np.zeros((len(target), 0), np.float32), "history.past": history}
        rows.append(LogRows(arrays, labels, np.full(len(labels), -1, np.int64)))
    return (rows[0], rows[1]), InputSpec(categorical={"item": num_items + 2}, sequences={"past": "item"})


def build_sdim(logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """SDIM: FuxiCTR's class; ours in its variant of that name."""
    rows, spec = read_beauty(logs, seed)
    torch.manual_seed(seed)
    theirs = zoo("SDIM/SDIM").SDIM(
        fuxictr_map(spec, folder, is_item=True),
        dnn_hidden_units=[200, 80],
        attention_dim=16,
        num_hashes=4,
        hash_bits=3,
        short_seq_len=SHORT,
        **fuxictr_settings(folder, 0.0),
    )
    config = SDIMConfig(
        variant="fuxictr",
        short_dim=16,
        num_hashes=12,
        bits_per_signature=3,
        short_length=SHORT - 1,
        hidden_dims=(200, 80),
        activation="relu",
    )
    ours, state = build_ours("sdim", spec, config), theirs.state_dict()
    found = _beauty_table(state)
    found["network.long_term.hashes"] = state["random_rotations"][0].permute(1, 2, 0).reshape(12, DIM)
    names = (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o"))
    found |= {f"network.scaled.to_{a}.weight": state[f"short_attention.W_{b}.weight"] for a, b in names}
    load(ours, found | _dnn(state))
    return _sequence_pair(ours, theirs, folder), rows


def build_din(logs: Path, folder: Path, seed: int) -> tuple[Pair, Rows]:
    """DIN: FuxiCTR's class, ReLU inside as the class takes it."""
    rows, spec = read_beauty(logs, seed)
    torch.manual_seed(seed)
    theirs = zoo("DIN/DIN").DIN(
        fuxictr_map(spec, folder, is_item=True),
        attention_hidden_units=[36],
        attention_hidden_activations="ReLU",
        dnn_hidden_units=[200, 80],
        **fuxictr_settings(folder, 0.0),
    )
    ours = build_ours("din", spec, DINConfig(attention_dims=(36,), hidden_dims=(200, 80), activation="relu"))
    found = _beauty_table(state := theirs.state_dict())
    rest = [name for name in state if name.startswith("attention_layers")]
    inside = [f"attention.{part}.{kind}" for part in ("linears.0", "to_weight") for kind in ("weight", "bias")]
    found |= {f"network.{a}": state[b] for a, b in zip(inside, rest, strict=True)}
    load(ours, found | _dnn(state))
    return _sequence_pair(ours, theirs, folder), rows


def _beauty_table(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        "inputs.tables.tables.by_field.f_item.weight": state["embedding_layer.embedding_layer.embedding_layers.item.weight"]
    }


def _dnn(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a tower of two layers and its head."""
    places = {"tower.linears.0": "dnn.mlp.0", "tower.linears.1": "dnn.mlp.2", "head": "dnn.mlp.4"}
    return {f"network.{a}.{kind}": state[f"{b}.{kind}"] for a, b in places.items() for kind in ("weight", "bias")}


def _sequence_pair(ours: LogNetwork, theirs: Any, folder: Path) -> Pair:
    theirs._max_gradient_norm, theirs._batch_index = 10.0, 0

    def batch_of(rows: LogRows) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        history = torch.from_numpy(rows.arrays["history.past"])
        items = torch.cat([history, torch.from_numpy(rows.arrays["ids"])], dim=1)
        return {"label": torch.from_numpy(rows.labels)}, {"item": items.flatten()}, (history > 0).float()

    def read(rows: LogRows) -> Iterator[Any]:
        history, targets = rows.arrays["history.past"], rows.arrays["ids"][:, 0]
        table = {"user_index": np.arange(len(rows)), "seq_len": (history > 0).sum(axis=1), "item_index": targets}
        pd.DataFrame(table | {"label": rows.labels.astype(np.int64)}).to_parquet(folder / "rows.parquet")
        pd.DataFrame({"full_item_seq": [one[one > 0] for one in history]}).to_parquet(folder / "users.parquet")
        items = np.arange(ours.inputs.spec.categorical["item"])
        pd.DataFrame({"item_index": items, "item": items}).to_parquet(folder / "items.parquet")
        return iter(
            zoo("longctr_dataloader").LongCTRDataLoader(
                theirs.feature_map,
                str(folder / "rows"),
                user_info=str(folder / "users.parquet"),
                item_info=str(folder / "items.parquet"),
                batch_size=BATCH,
                shuffle=True,
                num_workers=0,
                max_len=LENGTH,
            )
        )

    return Pair(ours, theirs, theirs.train_step, batch_of, lambda one: torch.logit(theirs(one)["y_pred"].double()), read)


PAIRS: dict[str, Callable[[Path, Path, int], tuple[Pair, Rows]]] = {
    **{f"{kind}_fuxictr": partial(build_layers, kind) for kind in ("linear", "fm", "dnn")},
    "finalmlp_fuxictr": build_finalmlp,
    "sdim_fuxictr": build_sdim,
    "din_fuxictr": build_din,
    "autoint_deepctr": build_autoint,
    "esmm_deepctr": build_esmm,
}
