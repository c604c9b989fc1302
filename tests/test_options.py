"""One record of settings is what the command line, the Python API and the app take."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.errors import ConfigError
from adcreative.options import Seed, takes

NOT_FLAGS = {"features", "signing"}
COMMAND_OF = {
    "ExportSettings": "export",
    "OptimizeSettings": "optimize",
    "PlaceSettings": "place",
    "PlanSettings": "plan-test",
    "RankSettings": "rank-features",
    "ReadSettings": "forecast",
    "RotateSettings": "rotate",
    "ScoreSettings": "score",
    "TrainSettings": "train",
}
RECORDS = [getattr(pipeline, name) for name in COMMAND_OF]


@dataclass(frozen=True, kw_only=True)
class Brew:
    seed: Seed = 0
    strength: float = 1.0


@takes(Brew)
def brew(pot: str, settings: Brew, *, restart: bool = False) -> tuple[str, Brew, bool]:
    """Brew."""
    return pot, settings, restart


def test_fields_are_keywords_in_place_of_a_record_and_on_top_of_one() -> None:
    assert brew("a") == ("a", Brew(), False)
    assert brew("a", strength=2.0, restart=True) == ("a", Brew(strength=2.0), True)
    assert brew("a", Brew(seed=7), strength=2.0) == ("a", Brew(seed=7, strength=2.0), False)
    assert brew(pot="a", settings=Brew(seed=7)) == ("a", Brew(seed=7), False)
    with pytest.raises(ConfigError, match=r'brew has no setting "strenght"\. Did you mean "strength"\?'):
        brew("a", strenght=2.0)
    with pytest.raises(TypeError, match="pot"):
        brew(strength=2.0)
    assert list(inspect.signature(brew).parameters) == ["pot", "settings", "restart", "seed", "strength"]
    assert inspect.signature(brew).parameters["strength"].default == 1.0


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_each_field_is_a_flag_with_its_default_and_a_help_text(record: type[Any]) -> None:
    from typer.main import get_command

    parameters = {one.name: one for one in get_command(app).commands[COMMAND_OF[record.__name__]].params}  # type: ignore[attr-defined]
    for one in fields(record):
        if one.name in NOT_FLAGS | {"min_clicks", "fit_weight"}:
            assert one.name not in parameters
            continue
        assert parameters[one.name].help
        assert parameters[one.name].required or parameters[one.name].default == one.default


def test_what_is_typed_arrives_in_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Any] = []

    def optimize(data: Path, out: Path, settings: Any, **told: Any) -> pipeline.RunSummary:
        given.extend((settings, told["batch"]))
        return pipeline.RunSummary(path=out, done=1)

    monkeypatch.setattr(pipeline, "optimize", optimize)
    typed = "--seed 3 --population 8 --llm smollm2 --direction smile --direction age --faces-and-words-only --keep-controls"
    typed += " --config edit.toml --algorithm adsee --workers 2 --restart"
    done = CliRunner().invoke(app, ["optimize", str(tmp_path), "--out", str(tmp_path / "out"), *typed.split()])
    assert done.exit_code == 0, done.output
    settings, batch = given
    assert settings == pipeline.OptimizeSettings(
        seed=3,
        population=8,
        copywriter="smollm2",
        directions=["smile", "age"],
        look=False,
        keep_controls=True,
        config=Path("edit.toml"),
        algorithm="adsee",
    )
    assert batch == pipeline.BatchConfig(workers=2, restart=True)


def test_in_the_help_the_flags_of_a_record_stand_under_its_first_sentence() -> None:
    shown = CliRunner().invoke(app, ["score", "--help"], env={"COLUMNS": "150"}).output
    titles = ["─ How creatives are scored ─", "─ How an export of ads is read ─", "─ How a batch is worked through ─"]
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)
    assert places[0] < shown.index("--base-rate") < places[1] < shown.index("--sheet") < places[2] < shown.index("--workers")
