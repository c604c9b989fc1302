"""TOML fills dataclasses: every fault is told, once, with the nearest name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcreative.config import build_config, config_as_dict, did_you_mean, load_config, nearest_name
from adcreative.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class InnerConfig:
    size: int = 8
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be 1 or more, got {self.size}.")


@dataclass(frozen=True, kw_only=True)
class OuterConfig:
    population_size: int = 24
    mutation_rate: float = 0.2
    name: str = "demo"
    keep_original: bool = True
    engine: Literal["smollm2", "template"] = "template"
    hidden_dims: tuple[int, ...] = (64, 32)
    span: tuple[float, float] = (0.0, 1.0)
    tags: list[str] = field(default_factory=list)
    out: Path | None = None
    limits: dict[str, int] = field(default_factory=dict)
    inner: InnerConfig = InnerConfig()
    other: InnerConfig | None = None


@dataclass(frozen=True, kw_only=True)
class NeedyConfig:
    brand: str
    count: int


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_and_no_overrides_give_the_defaults() -> None:
    assert load_config(OuterConfig) == OuterConfig()


def test_file_fills_every_kind_of_field(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.toml",
        'population_size = 12\nmutation_rate = 1\nname = "é"\nkeep_original = false\nengine = "smollm2"\nhidden_dims = []\n'
        'span = [0, 2.5]\ntags = ["a"]\nout = "runs/a"\nlimits = {headline = 40}\n[inner]\nsize = 4\n[other]\nrate = 2\n',
    )
    config = load_config(OuterConfig, path)
    assert config == OuterConfig(
        population_size=12,
        mutation_rate=1.0,
        name="é",
        keep_original=False,
        engine="smollm2",
        hidden_dims=(),
        span=(0.0, 2.5),
        tags=["a"],
        out=Path("runs/a"),
        limits={"headline": 40},
        inner=InnerConfig(size=4),
        other=InnerConfig(rate=2.0),
    )
    assert isinstance(config.mutation_rate, float)
    assert isinstance(config.hidden_dims, tuple)


def test_overrides_win_and_none_falls_through(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", "population_size = 12\n[inner]\nsize = 4\nrate = 0.5\n")
    config = load_config(OuterConfig, path, {"population_size": 6, "inner.size": 2, "name": None, "other": InnerConfig()})
    assert (config.population_size, config.inner, config.name) == (6, InnerConfig(size=2, rate=0.5), "demo")
    assert config.other == InnerConfig()


def test_a_section_is_read_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", "unrelated = 1\n[train.editor]\npopulation_size = 3\n")
    assert load_config(OuterConfig, path, section="train.editor").population_size == 3
    assert load_config(OuterConfig, path, section="absent") == OuterConfig()
    with pytest.raises(ConfigError, match=r'"unrelated" must be a table \(\[unrelated\]\), got 1'):
        load_config(OuterConfig, path, section="unrelated")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", 'populaton_size = 1\nmutation_rate = "high"\nzzz = 1\n[inner]\nsise = 2\nsize = true\n')
    with pytest.raises(ConfigError) as caught:
        load_config(OuterConfig, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for part in (
        'unknown key "populaton_size". Did you mean "population_size"?',
        "\"mutation_rate\" must be a number, got 'high'.",
        'unknown key "zzz". Known: engine, hidden_dims,',
        'unknown key "inner.sise". Did you mean "size"?',
        '"inner.size" must be a whole number, got True.',
    ):
        assert part in message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("population_size", 2.5, '"population_size" must be a whole number, got 2.5'),
        ("population_size", "3", "must be a whole number, got '3'"),
        ("mutation_rate", False, "must be a number, got False"),
        ("keep_original", 1, "must be true or false, got 1"),
        ("name", 1, "must be text, got 1"),
        ("engine", "gpt", "must be one of 'smollm2', 'template', got 'gpt'"),
        ("hidden_dims", 3, "must be a list, each a whole number, got 3"),
        ("hidden_dims", [1, "x"], r'"hidden_dims\[1\]" must be a whole number'),
        ("span", [1.0], "must be a list of 2 values, got 1 values"),
        ("tags", "abc", "must be a list, each text, got 'abc'"),
        ("out", 3, "must be a path, got 3"),
        ("limits", 3, "must be a table, got 3"),
        ("limits", {"a": "x"}, r'"limits\.a" must be a whole number'),
        ("inner", 3, "must be a table, got 3"),
        ("inner", {"size": 0}, "inner: size must be 1 or more, got 0"),
        ("other", {"size": "x"}, r'"other\.size" must be a whole number'),
        ("other", 3, "must be a table, got 3"),
    ],
)
def test_wrong_types_are_named(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config(OuterConfig, {key: value})


def test_missing_values_are_listed() -> None:
    with pytest.raises(ConfigError, match=r'"brand" is required \(text\)\. "count" is required \(a whole number\)'):
        build_config(NeedyConfig, {}, where="card.toml")


def test_range_checks_of_the_class_are_configuration_errors() -> None:
    with pytest.raises(ConfigError, match=r"the given options: size must be 1 or more, got 0"):
        load_config(InnerConfig, overrides={"size": 0})


def test_unreadable_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read \(No such file or directory\)"):
        load_config(OuterConfig, tmp_path / "gone.toml")
    with pytest.raises(ConfigError, match=r"b\.toml is not valid TOML: .*\(at line 1, column 3\)"):
        load_config(OuterConfig, write(tmp_path / "b.toml", "a b = 1"))
    (tmp_path / "c.toml").write_bytes(b'a = "\xff"')
    with pytest.raises(ConfigError, match=r"c\.toml is not valid TOML"):
        load_config(OuterConfig, tmp_path / "c.toml")


@settings(deadline=None)
@given(
    st.builds(
        OuterConfig,
        population_size=st.integers(),
        mutation_rate=st.floats(allow_nan=False),
        hidden_dims=st.lists(st.integers()).map(tuple),
        out=st.sampled_from([None, Path("a/b")]),
        inner=st.builds(InnerConfig, size=st.integers(1)),
        other=st.none() | st.just(InnerConfig()),
        tags=st.lists(st.text()),
        limits=st.dictionaries(st.text(), st.integers()),
    )
)
def test_plain_values_rebuild_the_configuration(config: OuterConfig) -> None:
    assert build_config(OuterConfig, config_as_dict(config)) == config


def test_nearest_names() -> None:
    assert nearest_name("DeepFN", ["autoint", "deepfm"]) == "deepfm"
    assert nearest_name("zzz", ["autoint", "deepfm"]) is None
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("zzz", []) == "Known: none."
