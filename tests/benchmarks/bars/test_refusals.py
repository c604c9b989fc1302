"""Grids: shipped ones try every line alike; grids and data sets that cannot be meant are one sentence each, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.benchmarks.bars.grid import GRIDS, expand, read_grid
from adcreative.cli.app import app
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.errors import AdCreativeError, ConfigError

WRONG_GRIDS = {
    "": "no section networks",
    "[1, 2]": "no section networks",
    "networks: {}": "no section networks with at least one line",
    "networks: [dnn]": "no section networks",
    "networks: {dnn: {}}\nseeds: 3": 'no section "seeds"',
    "networks: {dnnn: {}}": 'Did you mean "dnn"',
    "networks: {dnn: [1]}": r"dnn: must be settings, .*got \[1\]",
    "networks: {dnn: fast}": "dnn: must be settings, .*got 'fast'",
    "networks: {dnn: 3}": "dnn: must be settings, .*got 3",
    "networks: {dnn: {of: [a]}}": "no network named",
    "networks: {dnn: {of: 3}}": 'no network named "3"',
    "training: [1]\nnetworks: {linear: {}}": "training: must be settings",
    "networks: {linear: {training: fast}}": "linear, training: must be settings",
    "networks: {dnn: {hidden_dimz: [[8]]}}": 'Did you mean "hidden_dims"',
    "networks: {dnn: {3: 4}}": 'unknown key "3"',
    "networks: {dnn: {hidden_dims: wide}}": '"hidden_dims" must be a list',
    "networks: {dnn: {hidden_dims: [[[8]]]}}": "must be a whole number",
    "networks: {dnn: {dropout_prob: []}}": "has no value to try",
    "networks: {dnn: {dropout_prob: null}}": "must be a number, got None",
    "networks: {dnn: {dropout_prob: .nan}}": r"dropout_prob must be in 0\.\.1",
    "training: {learning_rate: .inf}\nnetworks: {linear: {}}": "must be a number above 0",
    "networks: {dnn: {hidden_dims: [[1000000000]]}}": "hidden_dims must be at most 1,000,000, got 1,000,000,000",
    "networks: {dnn: {hidden_dims: [[1000000, 1000000]]}}": "needs 14,901 GiB, this machine has .*narrower layers",
    "networks: {qin: {num_layers: 100000000}}": "num_layers must be at most 10,000",
    "networks: &a {dnn: *a}": "aliases repeat parts",
    "networks: {linear: {}}\nnetworks: {dnn: {}}": 'the key "networks" stands twice',
    "networks: {dnn: {dropout_prob: 0.1, dropout_prob: 0.2}}": 'the key "dropout_prob" stands twice',
    "networks: {../../away: {of: linear}}": "must be named by at most 64 letters",
    "networks: {'a|b': {of: linear}}": "must be named by at most 64 letters",
    "networks: {3: {of: linear}}": "must be named by at most 64 letters",
    "networks: !!python/object/apply:os.system ['true']": "cannot be read as YAML",
    "networks: {din: {}}": "din compares a candidate with a history; made-up names none",
    "networks: {esmm: {}}": "esmm learns conversions; made-up names no conversion",
}


@pytest.mark.parametrize("grid", WRONG_GRIDS, ids=lambda grid: grid[:40])
def test_a_grid_that_cannot_be_meant_is_one_sentence(grid: str, frozen: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(grid)
    with pytest.raises(ConfigError, match=WRONG_GRIDS[grid]) as raised:
        pipeline.benchmark_bars(str(frozen), tmp_path / "board", grid=str(tmp_path / "grid.yaml"), num_seeds=1)
    assert "\n" not in str(raised.value)
    if "narrower" not in WRONG_GRIDS[grid]:  # known only when the log was read
        assert not (tmp_path / "board").exists()


DATA = {
    ("embedding_dim = 4", "embeding_dim = 4"): 'Did you mean "embedding_dim"',
    ("embedding_dim = 4", 'embedding_dim = "4"'): '"embedding_dim" must be a whole number',
    ("embedding_dim = 4", "embedding_dim = nan"): '"embedding_dim" must be a whole number',
    ("embedding_dim = 4", "embedding_dim = 0"): r"data\.toml: embedding_dim must be at least 1",
    ("embedding_dim = 4", "embedding_dim = 1000000000000"): "embedding_dim must be at most 1,000,000",
    ("embedding_dim = 4", 'monitor = "acc"'): 'must be "auc" or "gauc"',
    ('user = "user"', ""): 'monitor "gauc" compares the rows of each user',
    ('id = "made-up"', 'id = ""'): "id must be one line of text",
    ('id = "made-up"', 'id = "a\\nb"'): "id must be one line of text",
    ('train = "train.parquet"', 'train = ""'): "must be names of files in one folder, got ''",
    ('train = "train.parquet"', 'train = "."'): r"must be names of files in one folder, got '\.'",
    ('train = "train.parquet"', 'train = "../away.parquet"'): "must be names of files in one folder",
    ('train = "train.parquet"', 'train = "/etc/passwd"'): "must be names of files in one folder",
    ('test = "test.parquet"', 'test = "train.parquet"'): "must be different files, unless the schema names a split column",
    ('test = "test.parquet"', 'test = "test.parquet"\nvalid = "test.parquet"'): "must be different files",
    ('test = "test.parquet"', 'test = "tset.parquet"'): r"tset\.parquet is not there",
    ("[md5]", '[md5]\n"other" = 3'): r'"md5\.other" must be text',
    ('"placement"', '"placemnt"'): r'train\.parquet has no column "placemnt"\. Did you mean "placement"',
    ('label = "click"', 'label = "click"\nsplit = "fold"'): 'has no column "fold"',
    ('label = "click"', ""): "names no label",
}


@pytest.mark.parametrize("change", DATA, ids=lambda change: change[1][:40] or f"no {change[0]}")
def test_a_data_set_that_cannot_be_meant_is_one_sentence(change: tuple[str, str], frozen: Path, tmp_path: Path) -> None:
    text = frozen.read_text()
    if "gauc" in DATA[change] and not change[1]:
        text = text.replace("embedding_dim", 'monitor = "gauc"\nembedding_dim')
    assert change[0] in text
    frozen.write_text(text.replace(*change))
    with pytest.raises(AdCreativeError, match=DATA[change]) as raised:
        pipeline.benchmark_bars(str(frozen), tmp_path / "board", grid=str(frozen.parent / "grid.yaml"), num_seeds=1)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "board").exists()


def test_a_description_that_points_at_itself_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data.toml").symlink_to(tmp_path / "data.toml")
    found = CliRunner().invoke(app, ["benchmark", "bars", "--data", str(tmp_path / "data.toml"), "--out", str(tmp_path / "b")])
    assert found.exit_code == 2
    assert "cannot be read (Too many levels of symbolic links)" in " ".join(found.output.split())


def test_an_md5_in_capitals_is_the_same_and_a_power_of_ten_is_a_number(frozen: Path, tmp_path: Path) -> None:
    sums = [line.split('"')[3] for line in frozen.read_text().splitlines() if line.startswith('"')]
    text = frozen.read_text()
    for one in sums:
        text = text.replace(one, one.upper())
    frozen.write_text(text)
    grid = tmp_path / "grid.yaml"
    grid.write_text("training: {learning_rate: 1e-2, max_epochs: 1, batch_size: 256}\nnetworks: {linear: {}}\n")
    (trial,) = expand(read_grid(str(grid)), (), data_key="k", embedding_dim=4, seed=0, where="grid")
    assert trial.settings.training.learning_rate == 0.01
    assert pipeline.benchmark_bars(str(frozen), tmp_path / "board", grid=str(grid), num_seeds=1).rows


def test_a_training_that_runs_away_is_a_result_and_the_board_goes_on(frozen: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "training: {learning_rate: [1.0e+300, 0.01], max_epochs: 1, batch_size: 100000}\nnetworks: {dnn: {hidden_dims: [8]}}\n"
    )
    found = pipeline.benchmark_bars(str(frozen), tmp_path / "board", grid=str(grid), num_seeds=1)
    failed = [path for path in (tmp_path / "board" / "trials").glob("*/result.json") if "is not finite" in path.read_text()]
    assert len(failed) == 1
    assert [row["settings_tried"] for row in found.rows if row["trials"]] == [2]


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
