"""What every network of the registry keeps to: shapes, gradients, rows on their own, seeds, saving, learning by heart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.fields import InputSpec
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs, PaddedPart
from adcreative.ctr.networks.adaptdhm import AdaptDHMConfig
from adcreative.ctr.networks.autoint import AutoIntConfig
from adcreative.ctr.networks.din import DINConfig
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.esmm import ESMMConfig
from adcreative.ctr.networks.fgcnn import FGCNNConfig
from adcreative.ctr.networks.finalmlp import FinalMLPConfig
from adcreative.ctr.networks.optinter import OptInterConfig
from adcreative.ctr.networks.qin import QINConfig
from adcreative.ctr.networks.registry import NETWORKS, find_network
from adcreative.ctr.networks.sdim import SDIMConfig
from adcreative.errors import ConfigError
from tests.ctr.networks.planted_logs import draw_inputs

FIELDS, DIM = 6, 4
# those that are too large for a test by default
SMALL: dict[str, Any] = {
    "dnn": DNNConfig(hidden_dims=(16, 8)),
    "autoint": AutoIntConfig(attention_dim=8, num_layers=2),
    "fgcnn": FGCNNConfig(channels=(3, 4), kernel_heights=(3, 4), pool_sizes=(2, 2), new_maps=(2, 2), hidden_dims=(16,)),
    "finalmlp": FinalMLPConfig(hidden_dims_1=(16, 8), hidden_dims_2=(12,), gate_dims=(8,), num_heads=4, context_1=("c0",)),
    "optinter": OptInterConfig(hidden_dims=(16,)),
    "adaptdhm": AdaptDHMConfig(hidden_dims=(16, 8)),
    "esmm": ESMMConfig(hidden_dims=(16, 8)),
    "din": DINConfig(attention_dims=(8,), hidden_dims=(16, 8)),
    "qin": QINConfig(num_layers=2, num_rows=2),
    "sdim": SDIMConfig(num_hashes=12, short_length=3, hidden_dims=(16, 8)),
}


class Stranger(nn.Identity):
    is_dense = "its own"


def config_of(name: str) -> Any:
    return SMALL[name] if name in SMALL else NETWORKS[name].config()


def shape_of(name: str) -> InputShape:
    entry, spec = NETWORKS[name], InputSpec(categorical={f"c{number}": 10 for number in range(FIELDS)})
    dim, num_pairs = entry.embedding_dim or DIM, FIELDS * (FIELDS - 1) // 2
    views = {
        key: (num_pairs if view.is_crossed else len(view.fields or spec.fields), view.dim)
        for key, view in entry.views(config_of(name), dim, spec).items()
    }
    target = 2 * DIM if entry.reads_history else 0
    return InputShape(num_fields=FIELDS, field_dim=dim, target_dim=target, sequence_dim=target, views=views)


def build(name: str, seed: int = 0) -> nn.Module:
    return NETWORKS[name].build(shape_of(name), config_of(name), generator=torch.Generator().manual_seed(seed))


def index(inputs: NetworkInputs, rows: Tensor) -> NetworkInputs:
    parts = {name: getattr(inputs, name) for name in ("fields", "target", "sequence", "mask", "domain")}
    taken = {name: None if part is None else part[rows] for name, part in parts.items()}
    return NetworkInputs(**taken, views={name: view[rows] for name, view in inputs.views.items()})


def impossible(config: Any) -> list[tuple[str, Any]]:
    """Return (field, value) for sizes that nothing can have, told by the names of the fields."""
    found: list[tuple[str, Any]] = []
    for name, value in vars(config).items():
        if isinstance(value, tuple) and "dims" in name:
            found += [(name, (0,)), (name, (8, -5))]
        elif name.startswith("num_") or name.endswith(("_dim", "_length", "_signature")):
            found += [(name, 0), (name, -4)]
        elif "_prob" in name:
            found += [(name, 1.0), (name, -0.1), (name, float("nan"))]
        elif name.endswith("_std"):
            found.append((name, -1.0))
    return found


@pytest.mark.parametrize(("network", "name", "value"), [(n, *one) for n, config in SMALL.items() for one in impossible(config)])
def test_sizes_that_cannot_be_are_refused_by_name(network: str, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{name} must be (at least 1|in |a number above 0|above 0)"):
        replace(SMALL[network], **{name: value})


def test_an_attention_unit_needs_a_hidden_layer_and_a_search_a_temperature() -> None:
    for config in (DINConfig, SDIMConfig):
        with pytest.raises(ConfigError, match="attention_dims must name at least one hidden layer, got none"):
            config(attention_dims=())
    with pytest.raises(ConfigError, match="temperatures must fall to one above 0 in at least one step"):
        OptInterConfig(end_temperature=0.0)


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'no network named "finalmpl"\. Did you mean "finalmlp"\?'):
        find_network("finalmpl")


@pytest.mark.parametrize("name", NETWORKS)
class TestContract:
    def test_logits_have_one_number_a_row(self, name: str) -> None:
        logits = build(name).eval()(draw_inputs(shape_of(name), 7, seed=1))
        assert logits.shape == ((7, 2) if name == "esmm" else (7,))
        assert bool(torch.isfinite(logits).all())

    def test_gradients_are_finite_and_reach_every_parameter(self, name: str) -> None:
        model = build(name).train()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)))
        model(draw_inputs(shape_of(name), 40, seed=1)).square().sum().backward()
        for parameter_name, parameter in model.named_parameters():
            if parameter.numel() == 0:  # such as a weight of each dense input, of which a log has none
                continue
            assert parameter.grad is not None, parameter_name
            assert bool(torch.isfinite(parameter.grad).all()), parameter_name

    def test_rows_do_not_influence_each_other(self, name: str) -> None:
        model, inputs = build(name).eval(), draw_inputs(shape_of(name), 9, seed=2)
        together = model(inputs)
        for row in (0, 3, 8):
            torch.testing.assert_close(model(index(inputs, torch.tensor([row])))[0], together[row], rtol=1e-4, atol=1e-5)

    def test_padding_of_a_history_changes_nothing(self, name: str) -> None:
        inputs = draw_inputs(shape_of(name), 6, seed=3)
        if inputs.mask is None or inputs.sequence is None:
            assert not NETWORKS[name].reads_history
            return
        model = build(name).eval()
        noisy = torch.where(inputs.mask[..., None] > 0, inputs.sequence, torch.full_like(inputs.sequence, 9.0))
        torch.testing.assert_close(model(replace(inputs, sequence=noisy)), model(inputs))
        nothing = replace(inputs, mask=torch.zeros_like(inputs.mask))
        assert bool(torch.isfinite(model(nothing)).all())
        assert not torch.allclose(model(nothing), model(inputs))  # the history is read

    def test_what_is_shown_has_a_value_for_each_row_field_or_pair(self, name: str) -> None:
        model, inputs = build(name).eval(), draw_inputs(shape_of(name), 9, seed=2)
        assert isinstance(model, Network)
        seen = model.show(inputs)
        shapes = {key: tuple(part.shape) for key, part in vars(seen).items() if isinstance(part, Tensor)}
        of_history = () if inputs.mask is None else tuple(inputs.mask.shape)
        known = {"autoint": {"pairs": (FIELDS, FIELDS)}, "adaptdhm": {"clusters": (9,)}, "din": {"weights": of_history}}
        assert shapes == known.get(name, {})
        assert (seen.choices is not None) == (name == "optinter")
        assert (seen.gates is not None) == (name == "finalmlp")

    def test_parts_that_leave_out_what_does_not_count_are_told_by_their_kind(self, name: str) -> None:
        model = build(name)
        assert isinstance(model, Network)
        stranger = Stranger()
        model.add_module("stranger", stranger)
        model.fold()
        assert stranger.is_dense == "its own"
        parts = [part for part in model.modules() if isinstance(part, PaddedPart)]
        assert bool(parts) == (name in ("din", "sdim", "adaptdhm"))
        assert all(part.is_dense for part in parts)
        assert not any(part.is_dense for part in model.train().modules() if isinstance(part, PaddedPart))

    def test_same_seed_same_weights_and_saved_ones_come_back(self, name: str) -> None:
        one, two, other = build(name, 3), build(name, 3), build(name, 4)
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
        inputs = draw_inputs(shape_of(name), 5, seed=4)
        other.load_state_dict(one.state_dict())
        assert torch.equal(other.eval()(inputs), one.eval()(inputs))

    def test_thirty_two_rows_can_be_learnt_by_heart(self, name: str) -> None:
        inputs = draw_inputs(shape_of(name), 32, seed=6)
        model = build(name).train()
        if sum(parameter.numel() for parameter in model.parameters()) < 32:  # what learns is the tables, which are not here
            return
        labels = torch.from_numpy(np.random.default_rng(0).integers(0, 2, 32).astype(np.float32))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(300):
            optimizer.zero_grad()
            logits = model(inputs)
            logits = logits[:, 0] if logits.ndim == 2 else logits
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
            loss.backward()
            optimizer.step()
        assert float(loss.detach()) < 0.25  # 0.69 at the start


def test_a_network_without_an_output_bias_starts_where_it_does() -> None:
    class Silent(Network):
        def forward(self, inputs: NetworkInputs) -> torch.Tensor:
            return inputs.fields.sum(dim=(1, 2))

    network = Silent()
    network.start_at(-5.0)
    assert network.output_bias() is None
