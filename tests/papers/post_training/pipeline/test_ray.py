"""The drill on a local Ray cluster of two nodes: stages are processes, they are killed, and training ends as it would have."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from torch import Tensor

from adcreative.papers.post_training.pipeline.stage import Ends, Stage
from adcreative.papers.post_training.pipeline.trainer import (
    PipelineConfig,
    PipelineTrainer,
    packed_batches,
    stage_builder,
)
from adcreative.papers.post_training.pipeline.workers import LocalWorkers, RayWorkers, kill_by_schedule
from tests.fake_models import ROOT
from tests.papers.post_training.pipeline.small import load_small, markov_rows

NUM_STEPS = 80
PAUSE_S = 0.05


class SlowStage(Stage):
    """A stage that computes as any other, but sleeps first, so that its time needs no core."""

    def forward(self, micro: int, hidden: Tensor) -> Tensor:
        time.sleep(PAUSE_S)
        return super().forward(micro, hidden)


def slow_stage(config: PipelineConfig, number: int, has_state: bool) -> Stage | Ends:
    built = stage_builder(load_small, config)(number, has_state)
    if isinstance(built, Stage):
        built.__class__ = SlowStage
    return built


VARIABLES = {  # the time limits are for busy machines
    "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000", "RAY_worker_register_timeout_seconds": "120", "RAY_worker_niceness": "0",
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in VARIABLES.items():
            patched.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            cluster.add_node(**node)
            ray.init(address=cluster.address, log_to_driver=False)
            assert len([one for one in ray.nodes() if one["Alive"]]) == 2
            yield
        finally:
            ray.shutdown()
            cluster.shutdown()


def train(
    workers_of: type[LocalWorkers] | type[RayWorkers], out: Path, recover: str, failures: dict[int, int]
) -> PipelineTrainer:
    config = PipelineConfig(num_stages=6, num_steps=NUM_STEPS, num_micro=2, recover=recover, every=10, learning_rate=5e-3)
    workers = workers_of(stage_builder(partial(load_small, 0), config), config.num_workers)
    out.mkdir()
    trainer = PipelineTrainer(load_small(), workers, packed_batches(markov_rows(), 2, 16, 24, 0), config, out)
    trainer.train(before_step=kill_by_schedule(workers, failures))
    return trainer


@pytest.mark.planted
@pytest.mark.parametrize("recover", ["checkpoint", "neighbours+"])
def test_training_survives_the_drill(cluster: None, tmp_path: Path, recover: str) -> None:
    """Every 20 steps a stage dies, one of them at the edge; the loss ends within 5 % of the undisturbed one."""
    calm = train(LocalWorkers, tmp_path / "calm", recover, {})
    drilled = train(RayWorkers, tmp_path / "drilled", recover, {20: 2, 40: 0, 60: 4})
    held_out = packed_batches(markov_rows(), 1, 64, 24, 99)(0)[0]
    assert calm.evaluate(held_out) < 2.55  # 2.8 before the first step, 2.7 after twenty
    assert drilled.evaluate(held_out) == pytest.approx(calm.evaluate(held_out), rel=0.05)
    assert sorted(drilled.losses) == list(range(1, NUM_STEPS + 1))
    logged = [json.loads(line) for line in (tmp_path / "drilled" / "recoveries.jsonl").read_text().splitlines()]
    assert [event["stage"] for event in logged] == [2, 0, 4]
    expected = ["checkpoint"] * 3 if recover == "checkpoint" else ["merge", "copy", "merge"]
    assert [event["how"] for event in logged] == expected
    assert calm.events == []


@pytest.mark.planted
def test_stages_work_at_the_same_time(cluster: None, tmp_path: Path) -> None:
    """Six stages that take 50 ms a micro-batch each: eight of them, one behind the other, take 13 such times and not 48."""
    config = PipelineConfig(num_stages=6, num_steps=4, num_micro=8)
    workers = RayWorkers(partial(slow_stage, config), config.num_workers)
    trainer = PipelineTrainer(load_small(), workers, packed_batches(markov_rows(), 8, 2, 24, 0), config, tmp_path)
    seconds = []

    def note(step: int) -> None:
        seconds.append(time.monotonic())

    trainer.train(before_step=note)
    in_turn = 8 * 6 * PAUSE_S
    assert min(after - before for before, after in itertools.pairwise(seconds[1:])) < 0.6 * in_turn
    plain = LocalWorkers(stage_builder(load_small, config), config.num_workers)
    local = PipelineTrainer(load_small(), plain, packed_batches(markov_rows(), 8, 2, 24, 0), config, tmp_path / "local")
    (tmp_path / "local").mkdir()
    local.train()
    assert local.losses == pytest.approx(trainer.losses)
