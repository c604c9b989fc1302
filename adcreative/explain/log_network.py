"""What a network trained on an impression log shows of itself, as plain values: pairs it looks at, gates, choices, clusters."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from adcreative.ctr.inputs.log_encoding import FIRST, LogRows
from adcreative.ctr.inputs.network_inputs import NetworkInputs
from adcreative.ctr.log_network import LogModel, build_batch
from adcreative.ctr.networks.adaptdhm import AdaptDHM
from adcreative.ctr.networks.autoint import AutoInt
from adcreative.ctr.networks.din import DIN
from adcreative.ctr.networks.finalmlp import FinalMLP
from adcreative.ctr.networks.optinter import OptInter
from adcreative.metrics.binary import area_under_curve

NUM_PAIRS, MAX_CONTEXT_VALUES, NUM_SHOWN_ROWS = 10, 50, 5


@torch.no_grad()
def describe_network(model: LogModel, rows: LogRows) -> dict[str, Any]:
    """Return what there is to see in the network, {} for one that shows nothing.

    Returns:
        AutoInt: "pairs", the strongest of how much one field looks at another in the first layer, mean over the rows.
        FinalMLP with contexts: "gates", for each value of a context field the mean gate (0..2) of each field.
        OptInter: "choices", pair of fields -> memorise, factorise or drop.
        AdaptDHM: "clusters", share of the rows in each (or in each given domain), "evenness" (1: all alike, 0: one has all),
            "alike": for given domains, pairs and how far their rates for the same rows lie apart, nearest first; for clusters
            that were found, value of a field -> the cluster that most of its rows go to.
        DIN: "weights", for the first rows with a history, what each past item counted.
    """
    network, fields = model.network.network, model.network.inputs.tables.names
    inputs = model.network.inputs(build_batch(rows))
    if isinstance(network, AutoInt):
        strength = network.pair_map(inputs).mean(dim=0)
        pairs = sorted(itertools.permutations(range(len(fields)), 2), key=lambda pair: -float(strength[pair]))[:NUM_PAIRS]
        named = [{"field": fields[a], "looks_at": fields[b], "strength": float(strength[a, b])} for a, b in pairs]
        return {"pairs": named}
    if isinstance(network, OptInter):
        names = itertools.combinations(model.encoding.schema.categories, 2)
        return {"choices": {f"{a} x {b}": choice for (a, b), choice in zip(names, network.choose(), strict=True)}}
    if isinstance(network, AdaptDHM):
        return _describe_clusters(model, network, inputs, rows)
    if isinstance(network, DIN):
        return {"weights": _weigh_history(model, network, inputs, rows)}
    if isinstance(network, FinalMLP) and (gates := network.gate_values(inputs)) is not None:
        contexts = {"stream 1": (gates[0], model.config.context_1), "stream 2": (gates[1], model.config.context_2)}
        found = {stream: _gates_by_context(model, rows, gate, names) for stream, (gate, names) in contexts.items() if names}
        return {"gates": found} if found else {}
    return {}


def _describe_clusters(model: LogModel, network: AdaptDHM, inputs: NetworkInputs, rows: LogRows) -> dict[str, Any]:
    cluster = network.route(inputs)
    num = len(network.layers[0].own_weight)  # type: ignore[arg-type]
    shares = (torch.bincount(cluster, minlength=num) / len(cluster)).tolist()
    evenness = -sum(share * math.log(share) for share in shares if share > 0) / math.log(num) if num > 1 else 1.0
    names = [str(number) for number in range(num)]
    if network.router is None:
        names = ["(unknown)", *model.encoding.domains]
        rates = [torch.sigmoid(network(replace(inputs, domain=torch.full_like(cluster, number)))) for number in range(num)]
        apart = {(a, b): float((rates[a] - rates[b]).abs().mean()) for a, b in itertools.combinations(range(1, num), 2)}
        nearest = sorted(apart, key=lambda pair: apart[pair])[:NUM_PAIRS]
        alike: Any = [{"one": names[a], "other": names[b], "rates_apart": apart[a, b]} for a, b in nearest]
    else:
        alike = _clusters_by_value(model, rows, cluster)
    return {"clusters": dict(zip(names, shares, strict=True)), "evenness": evenness, "alike": alike}


def _clusters_by_value(model: LogModel, rows: LogRows, cluster: torch.Tensor) -> dict[str, Any]:
    """Return field -> value -> (its commonest cluster, share of its rows there), for fields with few values."""
    found: dict[str, Any] = {}
    for column, name in enumerate(model.encoding.schema.categories):
        vocabulary = model.encoding.vocabularies.get(name, ())
        if 0 < len(vocabulary) <= MAX_CONTEXT_VALUES:
            ids = torch.from_numpy(rows.arrays["ids"][:, column])
            counts = {value: torch.bincount(cluster[ids == number + FIRST]) for number, value in enumerate(vocabulary)}
            found[name] = {
                value: {"cluster": int(one.argmax()), "share": float(one.max() / one.sum())}
                for value, one in counts.items()
                if len(one)
            }
    return found


def _weigh_history(model: LogModel, network: DIN, inputs: NetworkInputs, rows: LogRows) -> list[dict[str, Any]]:
    """Return, for some rows, the past items by name with what each weighed; a weight may be negative."""
    assert inputs.mask is not None  # DIN reads a history
    assert inputs.target is not None
    vectors, extra = inputs.spread_sequence().split([network.target_dim, network.sequence_dim - network.target_dim], dim=2)
    kept = network.attention.encode_items(vectors, extra if extra.shape[2] else None)
    weights = network.attention.weigh_kept(inputs.target, kept, vectors, inputs.mask)
    (history, target), *_ = model.encoding.schema.sequences.items()
    vocabulary = ("(padding)", "(unknown)", *model.encoding.vocabularies[target])
    column = model.encoding.schema.categories.index(target)
    shown = []
    for row in (inputs.mask.sum(dim=1) > 0).nonzero()[:NUM_SHOWN_ROWS, 0].tolist():
        ids, is_real = rows.arrays[f"history.{history}"][row], inputs.mask[row] > 0
        items = [vocabulary[id] if id < len(vocabulary) else f"#{id}" for id in ids[is_real.numpy()]]
        candidate = rows.arrays["ids"][row, column]
        past = [{"item": item, "weight": weight} for item, weight in zip(items, weights[row][is_real].tolist(), strict=True)]
        shown.append({"row": row + 1, "candidate": vocabulary[candidate] if candidate < len(vocabulary) else "", "past": past})
    return shown


def rank_fields(model: LogModel, rows: LogRows, *, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return fields with the AUC that is lost when a field's values are shuffled among the rows, largest loss first.

    Shuffling leaves each field's values as they are and breaks what they had to do with the rest of their row. Two fields that
    say the same can both lose nothing.
    """
    labels = rows.clicks
    whole = area_under_curve(labels, model.predict(rows)["ctr"])
    schema, order = model.encoding.schema, rng.permutation(len(rows))
    places: dict[str, tuple[str, int | None]] = {name: ("ids", k) for k, name in enumerate(schema.categories)}
    places |= {name: ("numbers", k) for k, name in enumerate(schema.numeric)}
    places |= {name: (f"values.{name}", None) for name in schema.multi_valued}
    places |= {name: (f"vectors.{name}", None) for name in schema.vectors}
    places |= {name: (f"history.{name}", None) for name in schema.sequences}
    found = []
    for name, (array, column) in places.items():
        values = rows.arrays[array].copy()
        values[..., slice(None) if column is None else column] = values[order][..., slice(None) if column is None else column]
        lost = whole - area_under_curve(labels, model.predict(replace(rows, arrays={**rows.arrays, array: values}))["ctr"])
        found.append({"field": name, "auc_lost": float(lost)})
    return sorted(found, key=lambda one: -one["auc_lost"])


def _gates_by_context(model: LogModel, rows: LogRows, gate: torch.Tensor, contexts: tuple[str, ...]) -> dict[str, Any]:
    """Return context field -> value -> field -> mean gate, for context fields with few values."""
    means, found = gate.mean(dim=2), {}
    for name in contexts:
        vocabulary = model.encoding.vocabularies.get(name, ())
        if not 0 < len(vocabulary) <= MAX_CONTEXT_VALUES:
            continue
        ids = torch.from_numpy(rows.arrays["ids"][:, model.encoding.schema.categories.index(name)])
        found[name] = {
            value: dict(zip(model.network.inputs.tables.names, means[ids == number + FIRST].mean(dim=0).tolist(), strict=True))
            for number, value in enumerate(vocabulary)
            if bool((ids == number + FIRST).any())
        }
    return found
