"""AdaptDHM: untouched clusters are the shared network, centres keep their length, and clusters find planted domains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import nn

from adcreative import pipeline
from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.networks.adaptdhm import AdaptDHM, AdaptDHMConfig, Router
from adcreative.errors import ConfigError
from adcreative.metrics.binary import area_under_curve
from tests.ctr.networks.planted_logs import draw_inputs
from tests.ctr.nn.test_layers import seeded

SHAPE = InputShape(num_fields=1, field_dim=8)


def plant_domains(num: int, seed: int) -> tuple[NetworkInputs, np.ndarray, np.ndarray]:
    """Three blobs; the label hangs on the first number, with its sign flipped in the second blob."""
    rng = np.random.default_rng(seed)
    centres = 6.0 * np.eye(8)[[1, 3, 5]]
    domain = rng.integers(0, 3, num)
    values = centres[domain] + rng.normal(size=(num, 8))
    logit = 2.5 * values[:, 0] * np.where(domain == 1, -1.0, 1.0)
    labels = (rng.random(num) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return NetworkInputs(fields=torch.from_numpy(values).float()[:, None]), labels, domain


@pytest.mark.parametrize("num_clusters", [1, 3])
def test_clusters_find_the_domains_that_one_network_cannot_serve(num_clusters: int) -> None:
    """The broken twin has one cluster: a linear tower then averages two signs away."""
    inputs, labels, domain = plant_domains(6000, 0)
    network = AdaptDHM(SHAPE, AdaptDHMConfig(num_clusters=num_clusters, hidden_dims=()), generator=seeded())
    optimizer, target = torch.optim.Adam(network.parameters(), lr=2e-2), torch.from_numpy(labels)
    for step in range(300):
        rows = torch.arange(512 * (step % 9), 512 * (step % 9) + 512)
        optimizer.zero_grad()
        logits = network(NetworkInputs(fields=inputs.fields[rows]))
        nn.functional.binary_cross_entropy_with_logits(logits, target[rows]).backward()
        optimizer.step()
    network.eval()
    test = NetworkInputs(fields=inputs.fields[4608:])
    found = area_under_curve(labels[4608:], network(test).detach().numpy())
    if num_clusters == 1:
        assert found < 0.7
    else:
        assert found > 0.85
        assert adjusted_rand_score(domain[4608:], network.route(test).numpy()) > 0.9
        assert network.router is not None
        assert float(network.router.occupancy.min()) > 0.2  # none of them is empty


def draw_blobs(centres: np.ndarray, common: float, num: int, rng: np.random.Generator) -> tuple[torch.Tensor, np.ndarray]:
    """Rows around three centres of unequal share, all moved by a common mean, and which centre each is of."""
    blob = rng.choice(3, num, p=[0.2, 0.3, 0.5])
    return torch.from_numpy(common + centres[blob] + rng.normal(size=(num, 16))).float(), blob


@pytest.mark.parametrize("common", [0.0, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_centres_stay_apart_whatever_all_rows_share(seed: int, common: float) -> None:
    """After 200 batches, not only after the first: with soft shares all centres ran to one point."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 16))
    centres *= 6 / np.linalg.norm(centres, axis=1, keepdims=True)
    router = Router(16, AdaptDHMConfig(), generator=seeded(seed)).train()
    for _ in range(200):
        router(draw_blobs(centres, common, 512, rng)[0])
    rows, blob = draw_blobs(centres, common, 2000, rng)
    cosines = (router.centres @ router.centres.T).numpy()[np.triu_indices(3, 1)]
    assert cosines.mean() < 0.5, cosines
    assert adjusted_rand_score(blob, router.eval()(rows).numpy()) > 0.9


@pytest.mark.planted
@pytest.mark.parametrize("seed", range(2))
def test_modes_that_a_log_does_not_name_cost_little_over_being_told_them(tmp_path: Path, seed: int) -> None:
    """By the commands: numbers of three blobs, whose first one means the contrary in the second blob."""
    rng, num, width = np.random.default_rng(seed), 12_000, 6
    centres = rng.normal(size=(3, width)) * (np.arange(width) > 0)
    mode = rng.choice(3, num, p=[0.25, 0.35, 0.4])
    numbers = 2 + 6 * (centres / np.linalg.norm(centres, axis=1, keepdims=True))[mode] + rng.normal(size=(num, width))
    logit = 1.5 * (numbers[:, 0] - 2) * np.where(mode == 1, -1, 1)
    click = (rng.random(num) < 1 / (1 + np.exp(-logit))).astype(int)
    names = [f"x{place}" for place in range(width)]
    log = pd.DataFrame({"click": click, "mode": [f"m{one}" for one in mode], **dict(zip(names, numbers.T, strict=True))})
    log[:8_000].to_csv(tmp_path / "log.csv", index=False)
    log[8_000:].to_csv(tmp_path / "new.csv", index=False)
    found = {}
    for name, more in (("routed", ""), ("told", 'categorical = ["mode"]\ndomain = "mode"\n')):
        (tmp_path / f"{name}.toml").write_text(f'label = "click"\nnumeric = {json.dumps(names)}\n{more}')
        pipeline.train_log(tmp_path / "log.csv", tmp_path / name, schema=tmp_path / f"{name}.toml", network="adaptdhm")
        pipeline.score_log(tmp_path / "new.csv", tmp_path / f"{name}.csv", model=tmp_path / name)
        found[name] = area_under_curve(click[8_000:], pd.read_csv(tmp_path / f"{name}.csv")["ctr"].to_numpy())
    oracle = area_under_curve(click[8_000:], logit[8_000:])
    print(found, oracle)
    assert found["told"] > oracle - 0.01
    assert found["routed"] > found["told"] - 0.02


def test_a_model_from_before_the_mean_was_taken_off_routes_as_it_did() -> None:
    network = AdaptDHM(SHAPE, AdaptDHMConfig(hidden_dims=(6,)), generator=seeded()).eval()
    assert network.router is not None
    network.router.mean.fill_(3.0)
    old = {name: value for name, value in network.state_dict().items() if name != "router.mean"}
    network.load_state_dict(old)
    rows = draw_inputs(SHAPE, 20, seed=1).fields.flatten(1)
    assert torch.equal(network.router(rows), (nn.functional.normalize(rows, dim=1) @ network.router.centres.T).argmax(dim=1))


def test_centres_have_unit_length_move_in_training_only_and_ignore_repeated_rows() -> None:
    rows = torch.randn(40, 8, generator=seeded(1))
    one, two = (Router(8, AdaptDHMConfig(), generator=seeded(0)) for _ in range(2))
    one.has_started.fill_(True)
    two.has_started.fill_(True)
    before = one.centres.clone()
    one.eval()(rows)
    assert torch.equal(one.centres, before)
    one.train()(rows)
    two.train()(torch.cat([rows, rows]))
    assert not torch.equal(one.centres, before)
    torch.testing.assert_close(one.centres, two.centres)
    torch.testing.assert_close(one.centres.norm(dim=1), torch.ones(3))


def test_given_domains_take_the_place_of_routing() -> None:
    shape = InputShape(num_fields=1, field_dim=8, num_domains=4)
    network = AdaptDHM(shape, AdaptDHMConfig(hidden_dims=(6,)), generator=seeded()).eval()
    assert network.router is None
    inputs = draw_inputs(shape, 10, seed=1)
    assert inputs.domain is not None
    assert torch.equal(network.route(inputs), inputs.domain)
    with pytest.raises(ValueError, match="built for given domains; the inputs name none"):
        network(NetworkInputs(fields=inputs.fields))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"momentum must be in 0\.\.1 \(1 excluded\), got 1\.0"):
        AdaptDHMConfig(momentum=1.0)
    with pytest.raises(ConfigError, match="num_clusters must be at least 1, got 0"):
        AdaptDHMConfig(num_clusters=0)
