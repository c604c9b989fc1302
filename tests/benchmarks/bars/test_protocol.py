"""The benchmark on a frozen log: order of the steps, resumption by hash, same figures twice, what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.benchmarks.bars import protocol, trials
from adcreative.benchmarks.bars.board import describe, render_html, render_markdown
from adcreative.benchmarks.bars.datasets import DATASETS, PUBLISHED, find_dataset
from adcreative.benchmarks.bars.floors import FLOORS
from adcreative.cli.app import app
from adcreative.errors import CatalogError, ConfigError


def run(frozen: Path, out: Path, **options: Any) -> pipeline.BarsSummary:
    options = {"grid": str(frozen.parent / "grid.yaml"), "num_seeds": 2, **options}
    return pipeline.benchmark_bars(str(frozen), out, **options)


def networks(found: pipeline.BarsSummary) -> list[dict[str, Any]]:
    """Return the rows of networks, best first, without those of floors."""
    return [row for row in found.rows if row["trials"]]


def test_test_rows_are_read_after_the_choice_is_written_and_once_for_each_model(
    frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, opened = tmp_path / "board", []
    open_test = trials.open_test

    def spy(dataset: Any, folder: Path) -> Any:
        choices = json.loads((out / "choices.json").read_text())
        assert set(choices) == {"linear", "dnn", "dnn-wide"}  # all are chosen before any test row is read
        opened.append(1)
        return open_test(dataset, folder)

    seen: list[str] = []
    tables = trials.LogFile.tables

    def watch(self: Any) -> Any:
        seen.append(Path(self.path).name)
        return tables(self)

    monkeypatch.setattr(trials, "open_test", spy)
    monkeypatch.setattr(protocol, "open_test", spy)
    monkeypatch.setattr(trials.LogFile, "tables", watch)
    told: list[tuple[str, int, int]] = []
    first = run(frozen, out, progress=lambda *step: told.append(step))
    assert told[0] == ("checking the files", 0, 1)
    starts = {"trying settings": 0, "reading the test rows": 0}
    starts["repeating with other seeds"] = 3  # what was chosen ran with the first seed
    for stage, start in starts.items():
        steps = [(done, total) for name, done, total in told if name == stage]
        assert steps[0][0] == start
        assert steps[-1][0] == steps[-1][1]
    assert len(opened) == 7  # three lines, two seeds, the floors
    assert "train.parquet" not in seen[seen.index("test.parquet") :]  # nothing is trained after
    assert seen.count("test.parquet") == 8  # six of networks, one of each floor
    again = run(frozen, out)
    assert len(opened) == 8  # opened for the floors, and not read
    assert seen.count("test.parquet") == 8
    assert again.rows == first.rows


@pytest.mark.parametrize("name", ["board.csv", "board.html", "environment.json", "choices.json"])
def test_a_file_of_others_stays(name: str, frozen: Path, tmp_path: Path) -> None:
    """Choices that a killed comparison left go on; ones that it did not write stop it before any training."""
    out = tmp_path / "board"
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(ConfigError, match="is there already and is not"):
        run(frozen, out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"


def test_a_row_holds_what_the_board_needs_and_links_to_what_it_rests_on(frozen: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    found = run(frozen, out)
    assert [row["test"]["auc"]["mean"] for row in found.rows] == sorted(
        (row["test"]["auc"]["mean"] for row in found.rows), reverse=True
    )
    row = next(row for row in found.rows if row["line"] == "dnn")
    results = {path.parent.name: json.loads(path.read_text()) for path in (out / "trials").glob("dnn-*/result.json")}
    tried = [key for key in results if json.loads((out / "trials" / key / "config.json").read_text())["line"] == "dnn"]
    tried = [key for key in tried if json.loads((out / "trials" / key / "config.json").read_text())["seed"] == 0]
    assert len(tried) == 2
    assert row["trials"][0] == max(tried, key=lambda key: results[key]["valid"]["auc"])
    assert row["settings_tried"] == 2
    assert row["test"]["auc"]["low"] < row["test"]["auc"]["mean"] < row["test"]["auc"]["high"]
    assert row["test"]["auc"]["std"] is not None
    assert row["test"]["gauc"]["mean"] is not None
    assert 0 <= row["test"]["ece"]["mean"] < 0.5
    assert row["rows_per_s"] > 0
    for page in ("board.md", "board.html"):
        text = (out / page).read_text()
        for key in row["trials"]:
            assert f"trials/{key}/config.json" in text
            assert (out / "trials" / key / "config.json").is_file()
            assert "epoch 1/2" in (out / "trials" / key / "log.txt").read_text()
    lines = list(csv.DictReader(io.StringIO((out / "board.csv").read_text())))
    assert {line["line"] for line in lines} == {"linear", "dnn", "dnn-wide", *FLOORS}
    assert float(lines[0]["auc_mean"]) == found.rows[0]["test"]["auc"]["mean"]
    kept = [path.parent.name for path in (out / "trials").glob("*/model")]
    assert len(kept) == 6  # of settings that were not chosen no weights are kept


def test_a_lost_trial_alone_is_trained_again_with_the_same_figures(frozen: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    first = run(frozen, out)
    written = {path: path.stat().st_mtime_ns for path in (out / "trials").glob("*/result.json")}
    assert len(written) == len({json.loads(path.read_text())["key"] for path in written}) == 7  # 4 settings, 3 repeated
    lost = out / "trials" / networks(first)[0]["trials"][1]
    shutil.rmtree(lost)
    again = run(frozen, out)
    for path, time_ns in written.items():
        assert (path.stat().st_mtime_ns == time_ns) == (path.parent != lost), path
    one, two = (networks(found)[0]["test"] for found in (first, again))
    for name, figures in one.items():
        assert figures == pytest.approx(two[name], abs=1e-6), name


@pytest.mark.planted
def test_processes_give_the_same_board(frozen: Path, tmp_path: Path) -> None:
    options = {"networks": ("linear",), "num_seeds": 1}
    one = run(frozen, tmp_path / "one", **options)
    two = run(frozen, tmp_path / "two", workers=2, **options)
    for found, again in zip(one.rows, two.rows, strict=True):
        assert (found["line"], found["test"]) == (again["line"], again["test"])  # rates of rows differ


def test_a_grown_grid_is_a_second_look_at_the_test_rows_and_is_told(frozen: Path, tmp_path: Path) -> None:
    out, grid = tmp_path / "board", frozen.parent / "other.yaml"
    (frozen.parent / "grid.yaml").write_text(
        "training: {batch_size: 256, max_epochs: 1}\nnetworks:\n  dnn: {hidden_dims: [8]}\n"
    )
    run(frozen, out, num_seeds=1)
    grid.write_text(
        "training: {batch_size: 64, max_epochs: 6, learning_rate: [0.01, 0.001]}\nnetworks:\n  dnn: {hidden_dims: [32]}\n"
    )
    found = run(frozen, out, grid=str(grid), num_seeds=1)
    assert networks(found)[0]["choices_tested"] == 2
    assert "The choice changed after the test rows had been read for: dnn" in (out / "board.md").read_text()


def test_a_stopped_run_says_so_and_goes_on(frozen: Path, tmp_path: Path) -> None:
    asked: list[int] = []
    stopped = run(frozen, tmp_path / "board", should_stop=lambda: len(asked) > 6 or asked.append(1) is not None)
    assert stopped.stopped
    assert not (tmp_path / "board" / "choices.json").exists()
    assert not (tmp_path / "board" / "board.html").exists()
    run(frozen, tmp_path / "board")
    run(frozen, tmp_path / "whole")
    one, two = (json.loads((tmp_path / name / "board.json").read_text())["rows"] for name in ("board", "whole"))
    assert [row["test"] for row in one] == [row["test"] for row in two]


REFUSALS = {
    "unknown key": ("networks: {dnn: {hiden_dims: [8]}}", 'unknown key "hiden_dims". Did you mean "hidden_dims"'),
    "unknown training key": (
        "training: {learning: 1}\nnetworks: {dnn: {}}",
        'unknown key "learning". Did you mean "learning_rate"',
    ),
    "unknown section": ("network: {}\nnetworks: {dnn: {}}", 'has no section "network". Did you mean "networks"'),
    "unknown network": ("networks: {dnnn: {}}", 'no network named "dnnn". Did you mean "dnn"'),
    "no choice": ("networks: {dnn: {dropout_prob: []}}", '"dropout_prob" has no value to try'),
    "wrong type": ("networks: {dnn: {dropout_prob: much}}", '"dropout_prob" must be a number'),
    "no yaml": ("networks: [", "cannot be read as YAML"),
    "nothing": ("a", "has no section networks"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_grid_that_cannot_be_is_refused_in_a_sentence(name: str, frozen: Path, tmp_path: Path) -> None:
    text, message = REFUSALS[name]
    (frozen.parent / "grid.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        run(frozen, tmp_path / "board")
    assert message in str(refused.value)
    assert not (tmp_path / "board").exists()


def test_changed_files_are_refused(frozen: Path, tmp_path: Path) -> None:
    path = frozen.parent / "test.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ConfigError, match=r"test\.parquet has the md5 .*, made-up stands for .*; get the file anew"):
        run(frozen, tmp_path / "board")
    path.unlink()
    with pytest.raises(CatalogError, match=r"test\.parquet is not there; made-up comes from its makers"):
        run(frozen, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_ids_and_networks_that_are_not_there_are_named(frozen: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no data set "Frape_x1", and no TOML file\. Did you mean "Frappe_x1"'):
        pipeline.benchmark_bars("Frape_x1", tmp_path / "board")
    with pytest.raises(ConfigError, match='tries nothing for "finalmlp"'):
        run(frozen, tmp_path / "board", networks=("finalmlp",))
    with pytest.raises(CatalogError, match=r"train\.csv is not there; Criteo_x1 comes from huggingface"):
        pipeline.benchmark_bars("criteo_x1", tmp_path / "board", files=tmp_path)


def test_every_published_table_belongs_to_an_id_with_its_md5_sums() -> None:
    for name in PUBLISHED:
        dataset, folder = find_dataset(name)
        assert folder == Path(name)
        assert set(dataset.md5) == set(dataset.file_names) == {"train.csv", "valid.csv", "test.csv"}
        assert all(len(one) == 32 for one in dataset.md5.values())
    assert set(DATASETS) - set(PUBLISHED) == {"Frappe_part", "iPinYou_part", "AmazonBeauty_sequences"}


def test_the_board_from_the_command_line(frozen: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app,
        [
            "benchmark",
            "bars",
            "--data",
            str(frozen),
            "--grid",
            str(frozen.parent / "grid.yaml"),
            "--network",
            "linear",
            "--seeds",
            "1",
            "--out",
            str(tmp_path / "board"),
        ],
    )
    assert found.exit_code == 0, found.output
    assert "| linear | 0." in found.stdout
    wrong = CliRunner().invoke(app, ["benchmark", "bars", "--data", "Frape_x1", "--out", str(tmp_path / "other")])
    assert wrong.exit_code == 2
    assert 'Did you mean "Frappe_x1"' in " ".join(wrong.output.split())


def test_text_on_the_page_is_escaped_and_a_tie_is_not_praised() -> None:
    figures = {name: {"mean": 0.7, "std": None} for name in ("auc", "gauc", "log_loss", "ece", "predicted_over_observed")}
    row = {
        "line": "dnn",
        "test": figures,
        "valid": figures["auc"],
        "published": None,
        "num_seeds": 1,
        "settings_tried": 1,
        "spread": [0.7, 0.7],
        "choices_tested": 1,
        "num_parameters": 5,
        "bytes": 6,
        "rows_per_s": 1.0,
        "trials": ["dnn-1"],
    }
    page = render_html([row], "<b>bold</b>", ["a & b"])
    assert "<b>bold</b>" not in page
    assert "a &amp; b" in page
    assert describe([row])[0] == "No network is better than the plain DNN here."
    assert "published AUC" not in render_markdown([row], "t", [])
    assert "published AUC" in render_markdown([{**row, "published": {"auc": 0.8, "log_loss": None}}], "t", [])
