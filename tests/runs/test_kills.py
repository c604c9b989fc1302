"""Fifteen kills each of score, optimize, train and export, one at every write that must be whole: nothing is lost or torn.

A child process is killed (SIGKILL) at its N-th fsync or rename, which is where a kill may leave something half done; the next
one goes on from what is there.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adcreative.editor.settings  # noqa: F401  # once here, not in every child
from adcreative import pipeline
from adcreative.artifacts import TOGETHER, save_artifact
from adcreative.ctr.card import ACCOUNT_FORMAT, ACCOUNT_KIND
from adcreative.errors import ArtifactError, ConfigError
from adcreative.provenance.approval import read_events
from adcreative.runs.log import RunLog, locked
from adcreative.verbs.model_folder import ROLES, read_model_manifests
from tests import fake_models
from tests.fake_models import write_ads

NUM_KILLS = 15


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)


def kill_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a child that is killed before its `step`-th fsync or rename; return whether it got that far."""
    pid = os.fork()
    if pid == 0:
        _die_at(step)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die_at(step: int) -> None:
    """Count the fsyncs and renames of this process, and kill it before the `step`-th of them."""
    left = [step]

    def counted(original: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return call

    os.fsync, os.replace = counted(os.fsync), counted(os.replace)


def test_score_loses_no_row_and_has_none_twice(tmp_path: Path) -> None:
    ads, out = write_ads(tmp_path / "ads", 1200, broken=[7]), tmp_path / "s.csv"
    num_killed = sum(kill_at(step, lambda: pipeline.score(ads, out)) for step in range(1, NUM_KILLS + 1))
    assert num_killed >= NUM_KILLS - 2
    pipeline.score(ads, out)
    with out.open() as file:
        assert [row["reasons"] for row in csv.DictReader(file)] == [f"ad {n}" for n in range(1, 1201) if n != 7]
    assert not list(tmp_path.glob(".*.jsonl"))


def test_optimize_loses_no_row_and_no_picture(tmp_path: Path) -> None:
    ads, out = write_ads(tmp_path / "ads", 30), tmp_path / "run"
    assert all([kill_at(step, lambda: pipeline.optimize(ads, out)) for step in range(1, NUM_KILLS + 1)])  # noqa: C419
    pipeline.optimize(ads, out)
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == list(range(1, 31))
    for row in rows:
        assert json.loads((out / f"{row['edited_image']}.provenance.json").read_text())["picture_sha256"]
    assert (out / "report.html").read_text().rstrip().endswith("</html>")


class Model:
    """A model that training number `attempt` made."""

    def __init__(self, number: int, attempt: int) -> None:
        self.number, self.attempt = number, attempt

    def save(self, folder: Path) -> str:
        notes = {"grades": {}, "metrics": {}, "training": self.attempt, "seed": 1000 * self.number}
        tensors = {"w": np.full(4, float(10 * self.attempt + self.number))}
        return save_artifact(folder, kind=ACCOUNT_KIND, format_version=ACCOUNT_FORMAT, tensors=tensors, notes={"notes": notes})

    def card(self, name: str) -> dict[str, Any]:
        return {"calibration": {}}


def training_stand_ins(attempt: Callable[[], int], *, seconds: float = 0.0) -> dict[str, ModuleType]:
    """Return modules, by name, with which `train` fits nothing; the models note the number of the attempt."""

    def fit(*_: object, **__: object) -> list[Model]:
        time.sleep(seconds)
        return [Model(number, attempt()) for number in range(3)]

    contents: dict[str, dict[str, Any]] = {
        "adcreative.ctr.account.fitting": {"fit_account": fit},
        "adcreative.ctr.evaluation": {"describe_lonely_tests": lambda creatives: None},
        "adcreative.ctr.config": {"PredictorConfig": lambda **_: SimpleNamespace()},
        "adcreative.ctr.trainable": {"check_trainable": lambda *_: None},
        "adcreative.ctr.training.loop": {"Callbacks": lambda *_: None},
        "adcreative.report.account_card": {"render_account_card": lambda card, plot: "card"},
        "adcreative.report.plots": {"draw_account": lambda figures: b"png"},
    }
    modules = {name: ModuleType(name) for name in contents}
    for name, content in contents.items():
        vars(modules[name]).update(content)
    return modules


def test_train_leaves_three_models_of_one_training_or_says_that_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = [0]
    for name, module in training_stand_ins(lambda: attempt[0]).items():
        monkeypatch.setitem(sys.modules, name, module)
    vars(sys.modules["adcreative.features.builder"])["check_finite"] = lambda *_, **__: None
    ads, out, whole = write_ads(tmp_path / "ads", 20), tmp_path / "model", 0
    for step in range(1, NUM_KILLS + 1):
        attempt[0] = step
        assert kill_at(step, lambda: pipeline.train(ads, out, from_scratch=True))
        try:
            trained = {manifest.notes["training"] for manifest in read_model_manifests(out).values()}
        except ArtifactError:
            continue
        assert len(trained) == 1, "models of two trainings pass for one"
        whole += 1
    assert whole >= 1
    attempt[0] = 99
    pipeline.train(ads, out, from_scratch=True)
    assert {role: one.notes["training"] for role, one in read_model_manifests(out).items()} == dict.fromkeys(ROLES, 99)


def test_two_trainings_do_not_save_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in training_stand_ins(lambda: 1).items():
        monkeypatch.setitem(sys.modules, name, module)
    vars(sys.modules["adcreative.features.builder"])["check_finite"] = lambda *_, **__: None
    ads, out = write_ads(tmp_path / "ads", 20), tmp_path / "model"
    with locked(out / TOGETHER), pytest.raises(ConfigError, match="another process is writing"):
        pipeline.train(ads, out, from_scratch=True)
    pipeline.train(ads, out, from_scratch=True)
    assert len(read_model_manifests(out)) == 3


def test_export_is_whole_or_the_one_before(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "up" / "google.csv"
    pipeline.optimize(write_ads(tmp_path / "ads", 5), run)
    pipeline.approve(run, by="Ada")
    lines = ("One line", "Two lines", "Three lines")
    options: dict[str, Any] = {
        "format": "google-editor",
        "campaign": "c",
        "url": "https://x.de",
        "extra_headlines": lines,
        "extra_descriptions": lines,
    }
    for step in range(1, NUM_KILLS + 1):
        kill_at(step, lambda: pipeline.export(run, out, **options))
        assert {event["event"] for event in read_events(run)} <= {"approved", "exported", "exported_tables", "made_from"}
        if out.exists():
            with out.open() as file:
                assert len(list(csv.DictReader(file))) == 10
    assert pipeline.export(run, out, **options).done == 10


def test_two_writers_of_one_run_do_not_mix(tmp_path: Path) -> None:
    """The second is refused with one sentence, whichever verb it is, and the first loses nothing."""
    ads, out = write_ads(tmp_path / "ads", 5), tmp_path / "run"
    refused: list[str] = []

    def try_again(stage: str, done: int, total: int) -> None:
        if done == 2 and not refused:
            with pytest.raises(ConfigError, match="another process is writing") as error:
                pipeline.optimize(ads, out)
            refused.append(str(error.value))
            with pytest.raises(ConfigError, match="another process is writing"):
                RunLog(out / "results.jsonl", {}, key_field="row")
            with pytest.raises(ConfigError, match="another process is writing"):
                pipeline.purge(out, keep_cache=True)

    pipeline.optimize(ads, out, progress=try_again)
    assert refused
    assert len((out / "results.jsonl").read_text().splitlines()) == 5
