"""Training over stages: the same steps as one model in one piece, and none of them skipped when stages die."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from adcreative.errors import ConfigError, TrainingError
from adcreative.papers.post_training.pipeline.recovery import LR_FACTOR, MODES
from adcreative.papers.post_training.pipeline.trainer import PipelineConfig, cut_stages, gpipe, packed_batches
from adcreative.papers.post_training.pipeline.workers import StageLostError, draw_failures, kill_by_schedule
from tests.papers.post_training.pipeline.small import build_trainer, load_small, markov_rows


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_stages_train_as_the_model_in_one_piece(tmp_path: Path) -> None:
    """Without clipping, three steps over six stages give the weights of three steps of the whole model."""
    trainer, _ = build_trainer(tmp_path, num_steps=3, max_norm=1e9, learning_rate=1e-3)
    trainer.train()
    whole = load_small()
    optimizer = torch.optim.Adam(whole.parameters(), lr=1e-3)
    batch = packed_batches(markov_rows(), 2, 4, 24, 0)
    for step in range(1, 4):
        for tokens in batch(step):
            logits = whole(tokens).logits
            (functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()) / 2).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert torch.allclose(weights(trainer.collect()), weights(whole), atol=2e-5)
    assert not torch.allclose(weights(whole), weights(load_small()), atol=1e-3)


def test_the_swap_is_for_odd_micro_batches_and_never_for_evaluation(tmp_path: Path) -> None:
    trainer, _ = build_trainer(tmp_path, recover="neighbours+")
    assert trainer._order(0) == [0, 1, 2, 3, 4, 5]
    assert trainer._order(1) == [1, 0, 2, 3, 5, 4]
    tokens = packed_batches(markov_rows(), 1, 4, 24, 0)(0)[0]
    logits = load_small()(tokens).logits
    expected = functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    assert trainer.evaluate(tokens) == pytest.approx(expected.item(), abs=1e-5)
    assert build_trainer(tmp_path / "plain", recover="neighbours")[0]._order(1) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("recover", "stage", "how", "steps_lost"),
    [
        ("neighbours", 2, "merge", 0),
        ("neighbours", 0, "copy", 0),
        ("neighbours+", 5, "copy", 0),
        ("checkpoint", 3, "checkpoint", 1),
        ("neighbours+", 6, "replica", 0),  # embedding, norm and head, which stand after the last of six stages
        ("neighbours", 6, "replica", 0),
    ],
)
def test_a_lost_stage_is_rebuilt_and_no_step_is_skipped(
    tmp_path: Path, recover: str, stage: int, how: str, steps_lost: int
) -> None:
    trainer, workers = build_trainer(tmp_path, recover=recover)
    tried: list[int] = []
    kill = kill_by_schedule(workers, {6: stage})

    def before(step: int) -> None:
        tried.append(step)
        kill(step)

    trainer.train(before_step=before)
    assert sorted(trainer.losses) == [1, 2, 3, 4, 5, 6]
    assert tried == ([1, 2, 3, 4, 5, 6, 5, 6] if steps_lost else [1, 2, 3, 4, 5, 6, 6])
    logged = [json.loads(line) for line in (tmp_path / "recoveries.jsonl").read_text().splitlines()]
    assert [(one["stage"], one["how"], one["steps_lost"]) for one in logged] == [(stage, how, steps_lost)]
    assert logged == trainer.events


@pytest.mark.parametrize("recover", ["neighbours", "neighbours+"])
def test_neighbours_write_no_checkpoint(tmp_path: Path, recover: str) -> None:
    trainer, workers = build_trainer(tmp_path, recover=recover, every=None)
    trainer.train(before_step=kill_by_schedule(workers, {3: 2, 4: 6, 5: 0}))
    assert [path.name for path in tmp_path.iterdir()] == ["recoveries.jsonl"]
    assert [event["how"] for event in trainer.events] == ["merge", "replica", "copy"]
    assert sorted(trainer.losses) == [1, 2, 3, 4, 5, 6]
    build_trainer(tmp_path / "asked", recover=recover, every=3)[0].train()
    assert (tmp_path / "asked" / "pipeline.pt").exists()


def test_what_neighbours_cannot_rebuild_ends_with_a_sentence(tmp_path: Path) -> None:
    trainer, workers = build_trainer(tmp_path / "all", recover="neighbours", every=None, num_stages=2)

    def kill(step: int) -> None:
        for number in range(2) if step == 3 else ():
            workers.kill(number)

    with pytest.raises(
        TrainingError, match="after step 2 all stages were lost at once, and there is no checkpoint; begin anew"
    ):
        trainer.train(before_step=kill)


@pytest.mark.parametrize("moment", ["forward", "backward", "apply"])
@pytest.mark.parametrize("recover", MODES)
@pytest.mark.slow
def test_a_stage_may_die_at_any_moment_of_a_step(tmp_path: Path, recover: str, moment: str) -> None:
    """The step is done again: with checkpoints as if nothing had been, with neighbours by a stage that was rebuilt."""
    calm, _ = build_trainer(tmp_path / "calm", recover=recover, num_micro=4)
    calm.train()
    trainer, workers = build_trainer(tmp_path / "disturbed", recover=recover, num_micro=4)
    start, calls = workers.start, []

    def die(stage: int, name: str, *arguments: Any) -> Any:
        if (stage, name) == (2, moment) and trainer.step == 4:
            calls.append(name)
            if len(calls) == (1 if moment == "apply" else 2):  # of micro-batch 1
                workers.kill(2)
        return start(stage, name, *arguments)

    workers.start = die  # type: ignore[method-assign]
    trainer.train()
    assert [(event["stage"], event["how"]) for event in trainer.events] == [
        (2, "checkpoint" if recover == "checkpoint" else "merge")
    ]
    assert sorted(trainer.losses) == [1, 2, 3, 4, 5, 6]
    assert torch.equal(weights(calm.collect()), weights(trainer.collect())) is (recover == "checkpoint")
    assert trainer.losses[6] == pytest.approx(calm.losses[6], rel=0.1)


def test_micro_batches_go_through_the_stages_one_behind_the_other(tmp_path: Path) -> None:
    assert list(gpipe(2, 3)) == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (1, 2)]
    assert sorted(gpipe(5, 3)) == [(micro, place) for micro in range(5) for place in range(3)]
    trainer, workers = build_trainer(tmp_path, num_stages=3, num_steps=1)
    start, said = workers.start, list[tuple[int, str, int]]()

    def listen(stage: int, name: str, *arguments: Any) -> Any:
        if name in ("forward", "backward"):
            said.append((stage, name, arguments[0]))
        return start(stage, name, *arguments)

    workers.start = listen  # type: ignore[method-assign]
    trainer.train()
    forward = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert sorted(one[::2] for one in said[:6]) == forward
    assert {one[1] for one in said[:6]} == {"forward"}  # all of them before the first backward
    assert said.index((0, "forward", 1)) < said.index((2, "forward", 0))
    assert said.index((2, "backward", 1)) < said.index((0, "backward", 0))


def test_a_stage_without_weights_does_no_part_of_a_step(tmp_path: Path) -> None:
    _, workers = build_trainer(tmp_path)
    workers.kill(1)
    with pytest.raises(StageLostError, match="stage 1 died"):
        workers.call(1, "evaluate", torch.zeros(1, 2, 32))
    workers.revive(1)
    with pytest.raises(StageLostError, match="stage 1 was made anew and has no weights"):
        workers.call(1, "evaluate", torch.zeros(1, 2, 32))


def test_a_rebuilt_stage_has_a_fresh_optimiser_and_the_mean_of_its_neighbours(tmp_path: Path) -> None:
    trainer, workers = build_trainer(tmp_path, recover="neighbours", num_steps=3)
    trainer.train()
    norms = [workers.call(stage, "grad_norm") for stage in (1, 3)]
    left, right = (workers.call(stage, "weights")[0] for stage in (1, 3))
    workers.kill(2)
    trainer._recover()
    merged = workers.call(2, "weights")[0]
    share = norms[0] ** 2 / (norms[0] ** 2 + norms[1] ** 2)
    assert all(torch.allclose(merged[name], share * left[name] + (1 - share) * right[name], atol=1e-6) for name in left)
    state = workers.call(2, "checkpoint")["optimizer"]
    assert state["state"] == {}
    assert state["param_groups"][0]["lr"] == pytest.approx(LR_FACTOR * 3e-3)
    assert workers.call(1, "checkpoint")["optimizer"]["state"] != {}


def test_lost_ends_begin_with_the_weights_that_an_edge_stage_kept(tmp_path: Path) -> None:
    trainer, workers = build_trainer(tmp_path, recover="neighbours+", num_steps=3)
    trainer.train()
    before = workers.call(6, "weights")
    workers.kill(6)
    trainer._recover()
    assert all(torch.equal(one, other) for one, other in zip(before, workers.call(6, "weights"), strict=True))
    assert not torch.equal(before[0], load_small().get_input_embeddings().weight)
    state = workers.call(6, "checkpoint")["optimizer"]
    assert state["state"] == {}
    assert state["param_groups"][0]["lr"] == pytest.approx(LR_FACTOR * 3e-3)


def test_ends_that_are_lost_with_both_copies_come_from_the_checkpoint(tmp_path: Path) -> None:
    trainer, workers = build_trainer(tmp_path, recover="neighbours+", num_steps=3)
    trainer.train()
    for number in (0, 5, 6):
        workers.kill(number)
    trainer._recover()
    assert [event["how"] for event in trainer.events if event["stage"] == 6] == ["checkpoint"]
    assert "keep a copy of embedding and head were lost with them" in trainer.events[-1]["why"]
    assert not torch.equal(workers.call(6, "weights")[0], torch.zeros(1))


def test_a_checkpoint_gives_the_undisturbed_weights(tmp_path: Path) -> None:
    calm, _ = build_trainer(tmp_path / "calm")
    calm.train()
    disturbed, workers = build_trainer(tmp_path / "disturbed")
    disturbed.train(before_step=kill_by_schedule(workers, {3: 1, 6: 4}))
    assert torch.equal(weights(calm.collect()), weights(disturbed.collect()))


def test_a_killed_trainer_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    calm, _ = build_trainer(tmp_path / "calm")
    calm.train()
    stopped, _ = build_trainer(tmp_path / "stopped")
    calls = iter([False] * 5)
    stopped.train(should_stop=lambda: next(calls, True))
    assert stopped.step == 5
    again, _ = build_trainer(tmp_path / "stopped")
    again.train()
    assert torch.equal(weights(calm.collect()), weights(again.collect()))


def test_a_death_between_the_stages_updates_is_no_double_step(tmp_path: Path) -> None:
    calm, _ = build_trainer(tmp_path / "calm", recover="neighbours")
    calm.train()
    trainer, workers = build_trainer(tmp_path / "disturbed", recover="neighbours")
    call_all, deaths = workers.call_all, [4]

    def die_in_the_middle(name: str, arguments: Any) -> Any:
        if name == "apply" and arguments[0][0] in deaths:
            deaths.clear()
            workers.call(0, "apply", 4)
            workers.kill(3)
        return call_all(name, arguments)

    workers.call_all = die_in_the_middle  # type: ignore[method-assign]
    trainer.train()
    assert sorted(trainer.losses) == [1, 2, 3, 4, 5, 6]
    assert [event["stage"] for event in trainer.events] == [3]
    assert workers.call(0, "checkpoint")["step"] == 6


def test_failures_are_drawn_by_seed() -> None:
    drawn = draw_failures(1000, 6, 0.05, seed=3)
    assert drawn == draw_failures(1000, 6, 0.05, seed=3) != draw_failures(1000, 6, 0.05, seed=4)
    assert 30 < len(drawn) < 70
    assert set(drawn.values()) == set(range(6))
    assert draw_failures(1000, 6, 0.0, seed=3) == {}


def test_cuts() -> None:
    assert [len(stage) for stage in cut_stages(30, 4)] == [8, 7, 7, 8]
    assert [len(stage) for stage in cut_stages(6, 6)] == [1] * 6
    assert [number for stage in cut_stages(31, 4) for number in stage] == list(range(31))
    with pytest.raises(ConfigError, match="the model has 6 layers, got 7 stages; use 1 to 6"):
        cut_stages(6, 7)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='there is no recovery "hope"'):
        PipelineConfig(recover="hope")
    with pytest.raises(ConfigError, match="must be at least 1"):
        PipelineConfig(num_steps=0)
    with pytest.raises(ConfigError, match=r"a checkpoint every 0 steps; use 1 or more, or 0 \(none\) with neighbours"):
        PipelineConfig(every=0)
    with pytest.raises(ConfigError, match="a single stage has no neighbour"):
        PipelineConfig(recover="neighbours", num_stages=1)
    with pytest.raises(ConfigError, match=r"swaps two stages at each end, got 3; use 4 stages or more"):
        PipelineConfig(recover="neighbours+", num_stages=3)
    with pytest.raises(TrainingError, match="the texts have 3 tokens, a sequence has 8; bring more text"):
        packed_batches([[1, 2, 3]], 1, 1, 8, 0)
    build_trainer(tmp_path)[0].train()
    with pytest.raises(TrainingError, match="holds 6 stages, got 3; give a new --out or that number"):
        build_trainer(tmp_path, num_stages=3)[0].train()
