"""Networks that no library of the index holds, against a second form written from the equations in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.networks.adaptdhm import AdaptDHM, AdaptDHMConfig
from adcreative.ctr.networks.fgcnn import FGCNN, GENERATOR, FGCNNConfig
from adcreative.ctr.networks.optinter import CHOICES, CROSSED, FACTORS, OptInter, OptInterConfig
from tests.ctr.networks.planted_logs import draw_inputs

Array = np.ndarray


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stirred(network: torch.nn.Module) -> torch.nn.Module:
    """Every weight and statistic away from where it started."""
    generator = seeded(7)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and "centres" not in name:
                tensor.add_(0.2 * torch.rand(tensor.shape, generator=generator))
    return network.double().eval()


def numbers(tensor: torch.Tensor) -> Array:
    return tensor.detach().double().numpy()


def state_of(network: torch.nn.Module) -> dict[str, Array]:
    return {name: numbers(tensor) for name, tensor in network.state_dict().items() if tensor.is_floating_point()}


def linear(state: dict[str, Array], name: str, x: Array) -> Array:
    return state[f"{name}.weight"] @ x + state[f"{name}.bias"]


@pytest.mark.parametrize(("num_fields", "pool", "kernel"), [(7, 2, 3), (5, 3, 4), (4, 4, 2)])
def test_fgcnn(num_fields: int, pool: int, kernel: int) -> None:
    """Liu et al. 2019: convolution along the fields, pooling, recombination, inner products of all pairs, MLP."""
    dim, maps = 3, 2
    shape = InputShape(num_fields=num_fields, field_dim=dim, views={GENERATOR: (num_fields, dim)})
    config = FGCNNConfig(
        channels=(2, 3), kernel_heights=(kernel, kernel), pool_sizes=(pool, pool), new_maps=(maps, maps), hidden_dims=(5,)
    )
    network = stirred(FGCNN(shape, config, generator=seeded(0)))
    inputs = draw_inputs(shape, 4, seed=1)
    inputs = NetworkInputs(fields=inputs.fields.double(), views={GENERATOR: inputs.views[GENERATOR].double()})
    state, expected = state_of(network), []
    for row in range(4):
        current, rows = numbers(inputs.views[GENERATOR][row])[None], list(numbers(inputs.fields[row]))
        for layer in range(2):
            weight, bias = state[f"layers.{layer}.conv.weight"], state[f"layers.{layer}.conv.bias"]
            height, above = current.shape[1], (kernel - 1) // 2
            mapped = np.zeros((len(bias), height, dim))
            for c in range(len(bias)):
                for h in range(height):
                    for d in range(dim):
                        total = bias[c]
                        for k in range(kernel):
                            place = h - above + k
                            if 0 <= place < height:
                                total += sum(weight[c, j, k, 0] * current[j, place, d] for j in range(len(current)))
                        mapped[c, h, d] = math.tanh(total)
            out_height = math.ceil(height / pool)
            current = np.array(
                [
                    [[mapped[c, h * pool : (h + 1) * pool, d].max() for d in range(dim)] for h in range(out_height)]
                    for c in range(len(bias))
                ]
            )
            new = np.tanh(linear(state, f"layers.{layer}.recombine", current.reshape(-1)))
            rows += list(new.reshape(out_height * maps, dim))
        products = [rows[i] @ rows[j] for i in range(len(rows)) for j in range(i + 1, len(rows))]
        hidden = linear(state, "tower.linears.0", np.array([*np.concatenate(rows), *products]))
        norm = (hidden - state["tower.norms.0.running_mean"]) / np.sqrt(state["tower.norms.0.running_var"] + 1e-5)
        hidden = np.maximum(norm * state["tower.norms.0.weight"] + state["tower.norms.0.bias"], 0)
        expected.append(linear(state, "head", hidden)[0])
    np.testing.assert_allclose(numbers(network(inputs)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("choices", [(), ("memorise", "drop", "factorise", "factorise", "memorise", "drop")])
def test_optinter(choices: tuple[str, ...]) -> None:
    """Lyu et al. 2022: a block for each pair, softmax of alpha over the temperature, layer norm in the classifier."""
    dim = 3
    shape = InputShape(num_fields=4, field_dim=dim, views={CROSSED: (6, 2), FACTORS: (4, 2)})
    network = OptInter(shape, OptInterConfig(hidden_dims=(5,), choices=choices), generator=seeded(0))
    network.step.fill_(300)
    stirred(network)
    inputs = draw_inputs(shape, 4, seed=1)
    views = {name: view.double() for name, view in inputs.views.items()}
    inputs = NetworkInputs(fields=inputs.fields.double(), views=views)
    state, expected = state_of(network), []
    temperature = 1.0 * (0.1 / 1.0) ** 0.3
    for row in range(4):
        parts, pair = [numbers(inputs.fields[row]).reshape(-1)], 0
        for i in range(4):
            for j in range(i + 1, 4):
                if choices:
                    share = np.array([float(choices[pair] == choice) for choice in CHOICES])
                else:
                    share = np.exp(state["alpha"][pair] / temperature)
                    share = share / share.sum()
                memorised = numbers(views[CROSSED][row, pair])
                factorised = numbers(views[FACTORS][row, i]) * numbers(views[FACTORS][row, j])
                if not choices or choices[pair] != "drop":
                    parts.append(share[0] * memorised + share[1] * factorised)
                pair += 1
        hidden = linear(state, "tower.0", np.concatenate(parts))
        hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + 1e-5)
        hidden = np.maximum(hidden * state["tower.1.weight"] + state["tower.1.bias"], 0)
        expected.append(linear(state, "head", hidden)[0])
    np.testing.assert_allclose(numbers(network(inputs)), expected, rtol=1e-9, atol=1e-9)


def test_adaptdhm() -> None:
    """Li et al. 2022: the nearest centre by the row less the mean, of length 1; W = W_shared * W_k, b = b_shared + b_k."""
    shape = InputShape(num_fields=3, field_dim=2)
    network = stirred(AdaptDHM(shape, AdaptDHMConfig(num_clusters=3, hidden_dims=(5, 4)), generator=seeded(0)))
    inputs = NetworkInputs(fields=draw_inputs(shape, 12, seed=1).fields.double())
    state, expected, clusters = state_of(network), [], set()
    for row in range(12):
        x = numbers(inputs.fields[row]).reshape(-1)
        apart = x - state["router.mean"]
        cluster = int(np.argmax([apart / np.linalg.norm(apart) @ centre for centre in state["router.centres"]]))
        clusters.add(cluster)
        values = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * state["norm.weight"] + state["norm.bias"]
        for layer in range(3):
            weight = state[f"layers.{layer}.shared.weight"] * state[f"layers.{layer}.own_weight"][cluster]
            values = weight @ values + state[f"layers.{layer}.shared.bias"] + state[f"layers.{layer}.own_bias"][cluster]
            values = np.maximum(values, 0) if layer < 2 else values
        expected.append(values[0])
    assert len(clusters) == 3
    np.testing.assert_allclose(numbers(network(inputs)), expected, rtol=1e-9, atol=1e-9)
