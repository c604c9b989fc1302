"""What a network trained on an impression log shows of itself, as plain values: pairs it looks at, gates, choices, clusters."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from adcreative.ctr.inputs.log_encoding import FIRST, LogRows
from adcreative.ctr.log_network import LogModel, build_batch
from adcreative.ctr.networks.adaptdhm import AdaptDHM
from adcreative.ctr.networks.autoint import AutoInt
from adcreative.ctr.networks.finalmlp import FinalMLP
from adcreative.ctr.networks.optinter import OptInter

NUM_PAIRS, MAX_CONTEXT_VALUES = 10, 50


@torch.no_grad()
def describe_network(model: LogModel, rows: LogRows) -> dict[str, Any]:
    """Return what there is to see in the network, {} for one that shows nothing.

    Returns:
        AutoInt: "pairs", the strongest of how much one field looks at another in the first layer, mean over the rows.
        FinalMLP with contexts: "gates", for each value of a context field the mean gate (0..2) of each field.
        OptInter: "choices", pair of fields -> memorise, factorise or drop.
        AdaptDHM: "clusters", share of the rows in each.
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
        cluster = network.route(inputs)
        shares = torch.bincount(cluster, minlength=int(cluster.max()) + 1) / len(cluster)
        return {"clusters": {str(number): float(share) for number, share in enumerate(shares)}}
    if isinstance(network, FinalMLP) and (gates := network.gate_values(inputs)) is not None:
        contexts = {"stream 1": (gates[0], model.config.context_1), "stream 2": (gates[1], model.config.context_2)}
        found = {stream: _gates_by_context(model, rows, gate, names) for stream, (gate, names) in contexts.items() if names}
        return {"gates": found} if found else {}
    return {}


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
