"""Interpretable values of a network trained on an impression log, as plain values: field pairs, gates, choices, clusters."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from adcreative.ctr.inputs.log_encoding import FIRST, LogRows
from adcreative.ctr.inputs.network_inputs import Insight
from adcreative.ctr.log_network import LogModel, build_batch
from adcreative.metrics.binary import area_under_curve

NUM_PAIRS, MAX_CONTEXT_VALUES, NUM_SHOWN_ROWS = 10, 50, 5


@torch.no_grad()
def describe_network(model: LogModel, rows: LogRows) -> dict[str, Any]:
    """Return the interpretable values of the network, {} where there are none.

    Returns:
        AutoInt: "pairs", the strongest attentions between fields in the first layer, mean over the rows.
        FinalMLP with contexts: "gates", for each value of a context field the mean gate (0..2) of each field.
        OptInter: "choices", pair of fields -> memorise, factorise or drop.
        AdaptDHM: "clusters", share of the rows in each (or in each given domain), "evenness" (1: all equal, 0: one has all),
            "alike": for given domains, pairs and the distance of their rates for the same rows, nearest first; for learnt
            clusters, value of a field -> the cluster of most of its rows.
        DIN: "weights", for the first rows with a history, the weight of each past item.
    """
    fields = model.network.inputs.tables.names
    inputs = model.network.inputs(build_batch(rows))
    seen = model.network.network.show(inputs)
    if (strength := seen.pairs) is not None:
        pairs = sorted(itertools.permutations(range(len(fields)), 2), key=lambda pair: -float(strength[pair]))[:NUM_PAIRS]
        named = [{"field": fields[a], "looks_at": fields[b], "strength": float(strength[a, b])} for a, b in pairs]
        return {"pairs": named}
    if seen.choices is not None:
        names = itertools.combinations(model.encoding.schema.categories, 2)
        return {"choices": {f"{a} x {b}": choice for (a, b), choice in zip(names, seen.choices, strict=True)}}
    if seen.clusters is not None:
        return _describe_clusters(model, seen, seen.clusters, rows)
    if seen.weights is not None and inputs.mask is not None:
        return {"weights": _name_history(model, seen.weights, inputs.mask, rows)}
    if seen.gates is not None:
        contexts = {"stream 1": (seen.gates[0], model.config.context_1), "stream 2": (seen.gates[1], model.config.context_2)}
        found = {stream: _gates_by_context(model, rows, gate, names) for stream, (gate, names) in contexts.items() if names}
        return {"gates": found} if found else {}
    return {}


def _describe_clusters(model: LogModel, seen: Insight, cluster: torch.Tensor, rows: LogRows) -> dict[str, Any]:
    num, rates = seen.num_clusters, seen.rates
    shares = (torch.bincount(cluster, minlength=num) / len(cluster)).tolist()
    evenness = -sum(share * math.log(share) for share in shares if share > 0) / math.log(num) if num > 1 else 1.0
    names = [str(number) for number in range(num)]
    if rates is not None:
        names = ["(unknown)", *model.encoding.domains]
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


def _name_history(model: LogModel, weights: torch.Tensor, mask: torch.Tensor, rows: LogRows) -> list[dict[str, Any]]:
    """Return, for some rows, the past items by name with their weights; a weight may be negative."""
    (history, target), *_ = model.encoding.schema.sequences.items()
    vocabulary = ("(padding)", "(unknown)", *model.encoding.vocabularies[target])
    column = model.encoding.schema.categories.index(target)
    shown = []
    for row in (mask.sum(dim=1) > 0).nonzero()[:NUM_SHOWN_ROWS, 0].tolist():
        ids, is_real = rows.arrays[f"history.{history}"][row], mask[row] > 0
        items = [vocabulary[id] if id < len(vocabulary) else f"#{id}" for id in ids[is_real.numpy()]]
        candidate = rows.arrays["ids"][row, column]
        past = [{"item": item, "weight": weight} for item, weight in zip(items, weights[row][is_real].tolist(), strict=True)]
        shown.append({"row": row + 1, "candidate": vocabulary[candidate] if candidate < len(vocabulary) else "", "past": past})
    return shown


def rank_fields(model: LogModel, rows: LogRows, *, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return fields with the loss of AUC when a field's values are shuffled among the rows, largest loss first.

    Shuffling keeps each field's values and breaks their relation to the rest of the row. Two redundant fields can both lose
    nothing.
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
