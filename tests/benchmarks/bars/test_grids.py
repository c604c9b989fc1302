"""The grids that ship: each can be expanded, tries every line alike, and fits the logs that it is meant for."""

from __future__ import annotations

from adcreative.benchmarks.bars.grid import GRIDS, expand, read_grid
from adcreative.ctr.networks.registry import NETWORKS


def test_every_shipped_grid_tries_each_line_with_as_many_regularisations() -> None:
    names = sorted(path.stem for path in GRIDS.glob("*.yaml"))
    assert names == ["sequences", "small"]
    for name in names:
        trials = expand(read_grid(name), (), data_key="k", embedding_dim=8, seed=0, where=name)
        tried: dict[str, set[float]] = {}
        for trial in trials:
            tried.setdefault(trial.line, set()).add(trial.settings.training.embedding_regularizer)
        assert {len(values) for values in tried.values()} == {3}, name


def test_networks_with_and_without_a_history_stand_in_the_grid_for_sequences() -> None:
    lines = {name: NETWORKS[name].reads_history for name in read_grid("sequences")["networks"]}
    assert {name for name, reads in lines.items() if reads} == {name for name, one in NETWORKS.items() if one.reads_history}
    assert {name for name, reads in lines.items() if not reads} >= {"linear", "dnn"}
    assert not any(NETWORKS[NETWORK_OF.get(name, name)].reads_history for name in read_grid("small")["networks"])


NETWORK_OF = {"autoint+": "autoint"}
