"""OptInter: a temperature that hardens choices, blocks that are exact, and a search that memorises the planted pair alone."""

from __future__ import annotations

import pytest
import torch

from adcreative.ctr.inputs.network_inputs import InputShape
from adcreative.ctr.networks.optinter import OptInter, OptInterConfig
from adcreative.errors import ConfigError
from tests.ctr.networks.planted_logs import Budget, LogModel, draw_inputs, learn, planted_pairs, train
from tests.ctr.nn.test_layers import seeded

SHAPE = InputShape(num_fields=4, field_dim=4, views={"crossed": (6, 3), "factors": (4, 3)})


def test_choices_harden_as_the_temperature_falls_and_noise_is_seeded() -> None:
    network = OptInter(SHAPE, OptInterConfig(hidden_dims=(8,), end_temperature=0.01, anneal_steps=10), generator=seeded())
    with torch.no_grad():
        network.alpha.copy_(torch.randn(6, 3, generator=seeded(1)))
    assert float(network.eval().weights().max(dim=1).values.min().detach()) < 0.9
    one, two = network.train().weights(), network.weights()
    assert not torch.equal(one, two)  # noise at equal alpha
    network.step.fill_(10)
    assert network.temperature == pytest.approx(0.01)
    assert float(network.eval().weights().max(dim=1).values.min().detach()) > 0.999


def test_steps_count_in_training_only() -> None:
    network = OptInter(SHAPE, OptInterConfig(hidden_dims=(8,)), generator=seeded())
    network.eval()(draw_inputs(SHAPE, 3, seed=1))
    assert int(network.step) == 0
    network.train()(draw_inputs(SHAPE, 3, seed=1))
    assert int(network.step) == 1


def test_unknown_and_missing_choices_are_refused() -> None:
    with pytest.raises(ConfigError, match='no choice "memorize" for a pair; known: memorise, factorise, drop'):
        OptInterConfig(choices=("memorize",))
    with pytest.raises(ConfigError, match="6 pairs need as many choices, got 1"):
        OptInter(SHAPE, OptInterConfig(choices=("drop",)), generator=seeded())


@pytest.mark.slow
def test_the_planted_pair_is_memorised_the_rest_is_dropped_and_retraining_beats_factors() -> None:
    """Pair (0, 1) has a random effect for each crossed value. All-factorise is the broken twin."""
    world = planted_pairs(46_000, seed=0)
    learnt, test = world.part(slice(0, 40_000)), world.part(slice(40_000, None))
    search = OptInterConfig(hidden_dims=(32,), anneal_steps=156, end_temperature=0.3)
    once = Budget(epochs=1, batch_size=256)  # in a second pass crossed rows of any pair know the training rows by heart
    model = train(LogModel("optinter", world.spec, search, 6, 0), learnt, once)
    assert isinstance(model, LogModel)
    choices = model.network.choose()  # type: ignore[operator]
    assert choices[0] == "memorise"
    assert "memorise" not in choices[1:]
    budget = Budget(epochs=4, batch_size=512, learning_rate=5e-3, dim=6)
    found, twin, everything = (
        learn("optinter", OptInterConfig(hidden_dims=(32,), choices=chosen), learnt, test, budget)
        for chosen in (choices, ("factorise",) * 6, ("memorise",) * 6)
    )
    print(f"OptInter {found:.3f}, all factorised {twin:.3f}, all memorised {everything:.3f}, oracle {test.oracle:.3f}")
    assert found > twin + 0.01
    assert found > everything + 0.01  # with a sixth of its crossed rows
    assert found > 0.5 + 0.85 * (test.oracle - 0.5)
