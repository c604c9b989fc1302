"""The settings of an edit: every field can be set from a file, through every door, and what was meant is guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.config import config_as_dict
from adcreative.creative import Creative
from adcreative.editor.search.config import ALGORITHM_NAMES
from adcreative.editor.search.registry import ALGORITHMS
from adcreative.editor.settings import EditorConfig, fill_config
from adcreative.errors import ConfigError
from adcreative.verbs.studio import limit_changes
from tests.editor.fakes import fake_tools

OTHER_WORDS = {
    "algorithm": "adsee",
    "scene_model": "painter/",
    "scene_prompt": "a beach",
    "inpaint_model": "lama.onnx",
}


def other_value(name: str, value: Any) -> Any:
    """Return a value of the field that is allowed and not its default."""
    if isinstance(value, str):
        return OTHER_WORDS[name]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2


@pytest.mark.parametrize("name", [field.name for field in fields(EditorConfig)])
def test_each_field_is_set_from_a_file(name: str, tmp_path: Path) -> None:
    value = other_value(name, getattr(EditorConfig(), name))
    (tmp_path / "settings.toml").write_text(f"{name} = {json.dumps(value)}\n")
    config = fill_config(tmp_path / "settings.toml")
    assert config == replace(EditorConfig(), **{name: value}) != EditorConfig()


def test_what_is_given_beside_the_file_wins_and_none_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("seed = 7\nrisk_aversion = 1.5\n")
    config = fill_config(tmp_path / "settings.toml", seed=3, risk_aversion=None)
    assert (config.seed, config.risk_aversion) == (3, 1.5)
    assert fill_config(config, seed=None, generations=1) == replace(config, generations=1)
    assert fill_config() == EditorConfig()


def test_wrong_keys_and_values_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('risk_avresion = 1.0\npatience = "long"\n')
    with pytest.raises(
        ConfigError, match=r'"risk_avresion"\. Did you mean "risk_aversion"\?.*"patience" must be a whole number'
    ):
        fill_config(tmp_path / "settings.toml")
    (tmp_path / "settings.toml").write_text('algorithm = "nsga3"\n')
    with pytest.raises(ConfigError, match='no search algorithm named "nsga3"; known: nsga2, adsee'):
        fill_config(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_faces": -1}, "max_faces must not be negative"),
        ({"patience": -1}, "patience must not be negative, got -1"),
        ({"proposal_share": 1.5}, r"proposal_share must be 0 to 1, got 1\.5"),
        ({"algorithm": "simulated"}, "no search algorithm named"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EditorConfig(**setting)


def test_the_names_of_the_algorithms_are_those_of_the_registry() -> None:
    assert tuple(ALGORITHMS) == ALGORITHM_NAMES


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[EditorConfig]:
    """The settings of each batch that pipeline.optimize starts; none is worked through here."""
    found: list[EditorConfig] = []

    def run_batch(batch: Any, survey: Any, config: Any, **others: Any) -> pipeline.RunSummary:
        found.append(batch.job.config)
        return pipeline.RunSummary(path=batch.out, done=0, failed=0)

    monkeypatch.setattr("adcreative.verbs.optimize.run_batch", run_batch)
    monkeypatch.setattr(
        "adcreative.verbs.optimize.survey_catalog", lambda data, *_, **__: SimpleNamespace(data=data, reader=NoAds())
    )
    return found


def test_a_file_and_flags_reach_the_search_from_the_command_line(tmp_path: Path, given: list[EditorConfig]) -> None:
    (tmp_path / "settings.toml").write_text("realism_floor = 0.7\nseed = 5\nrisk_aversion = 2.0\nedit_look = true\n")
    asked = ["optimize", str(tmp_path), "--out", str(tmp_path / "out"), "--config", str(tmp_path / "settings.toml")]
    for flags, changes in (
        ([], {}),
        (
            ["--algorithm", "adsee", "--risk-aversion", "0.1", "--seed", "0"],
            {"algorithm": "adsee", "risk_aversion": 0.1, "seed": 0},
        ),
    ):
        result = CliRunner().invoke(app, [*asked, *flags])
        assert result.exit_code == 0, result.output
        expected = EditorConfig(realism_floor=0.7, seed=5, risk_aversion=2.0, edit_look=True)
        assert given.pop() == replace(expected, **changes)


def test_a_wrong_key_ends_the_command_with_one_sentence(tmp_path: Path, given: list[EditorConfig]) -> None:
    (tmp_path / "settings.toml").write_text("generation = 3\n")
    asked = ["optimize", str(tmp_path), "--out", str(tmp_path / "out"), "--config", str(tmp_path / "settings.toml")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert 'unknown key "generation". Did you mean "generations"?' in " ".join(result.output.split())
    assert not given


def test_settings_reach_the_search_from_python(tmp_path: Path, given: list[EditorConfig]) -> None:
    pipeline.optimize(tmp_path, tmp_path / "out", config=EditorConfig(patience=9), seed=2)
    pipeline.optimize(tmp_path, tmp_path / "out")
    assert given == [EditorConfig(patience=9, seed=2), EditorConfig()]


class NoAds(tuple):
    """A reader of a folder without ads."""

    is_of_pictures = False


@pytest.fixture
def painters(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A studio's models are fakes; which scene and inpaint model it asked for, in order."""
    asked: list[str] = []

    @dataclass(frozen=True)
    class Tools:
        copywriter: Any = None
        directions: Any = fake_tools().directions

        def editor_tools(
            self, judges: Any, names: Any, consents: Any, scene_model: str, inpaint_model: str, prepared: Any
        ) -> Any:
            asked.extend((scene_model, inpaint_model))
            return fake_tools(copywriter=None)

    monkeypatch.setattr("adcreative.verbs.loading.load_tools", lambda copywriter="template", **_: Tools())
    monkeypatch.setattr("adcreative.verbs.loading.load_model", lambda folder=None, **_: fake_tools())
    return asked


def test_a_file_given_at_launch_reaches_every_search_of_the_app(tmp_path: Path, painters: list[str]) -> None:
    (tmp_path / "settings.toml").write_text(
        'risk_aversion = 1.7\npopulation_size = 5\nseed = 4\nscene_model = "painter/"\ninpaint_model = "lama.onnx"\n'
    )
    studio = pipeline.Studio(config=tmp_path / "settings.toml")
    outcome = studio.improve_one(Creative(headline="Shoes"), generations=1)
    expected = EditorConfig(
        risk_aversion=1.7, population_size=5, seed=4, scene_model="painter/", inpaint_model="lama.onnx", generations=1
    )
    assert outcome.asked.config == expected
    assert painters == ["painter/", "lama.onnx"]


@pytest.mark.usefixtures("painters")
def test_boldness_is_the_share_of_each_range_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(opened: Any, *_: Any) -> Any:
        ranges.append(opened.directions)
        raise InterruptedError

    ranges: list[Any] = []
    monkeypatch.setattr("adcreative.editor.session.measure_space", measure)
    for boldness in (1.0, 0.25):
        with pytest.raises(InterruptedError):
            pipeline.Studio().improve_one(Creative(headline="Shoes"), boldness=boldness)
    whole, quarter = ranges
    np.testing.assert_allclose(quarter.low, whole.low / 4)
    np.testing.assert_allclose(quarter.high, whole.high / 4)
    assert (whole.high > whole.low).all()
    for boldness in (0.0, 1.01):
        with pytest.raises(ConfigError, match="boldness must be above 0"):
            pipeline.Studio().improve_one(Creative(headline="Shoes"), boldness=boldness)


def test_settings_in_effect_are_written_into_the_run(tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("headline\nSleep better tonight\n")
    (tmp_path / "settings.toml").write_text("population_size = 3\ngenerations = 1\nnum_crossed = 0\n")
    asked = [
        "optimize",
        str(tmp_path / "ads.csv"),
        "--out",
        str(tmp_path / "run"),
        "--config",
        str(tmp_path / "settings.toml"),
        "--llm",
        "template",
        "--algorithm",
        "adsee",
    ]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "run" / "results.run.json").read_text())
    expected = config_as_dict(EditorConfig(population_size=3, generations=1, num_crossed=0, algorithm="adsee"))
    assert {name: written[name] for name in expected} == expected


def test_nothing_but_what_may_be_changed_is_searched() -> None:
    config = limit_changes(EditorConfig(), ["look"])
    assert (config.set_text, config.edit_look, config.num_headlines, config.num_buttons) == (False, True, 0, 0)
    config = limit_changes(EditorConfig(), ["words", "text"])
    assert (config.set_text, config.edit_look, config.num_headlines) == (True, False, EditorConfig().num_headlines)
    with pytest.raises(ConfigError, match='nothing named "wings" can be changed; known: words, text, look'):
        limit_changes(EditorConfig(), ["wings"])
