from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adcreative import __version__, pipeline
from adcreative.cli import app

VERBS = ("train", "score", "optimize", "evaluate", "explain", "benchmark", "demo", "models", "app", "disclosures", "purge",
         "plan-test", "read-out", "export", "import-results")  # fmt: skip
runner = CliRunner()


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_with_an_example(verb: str) -> None:
    result = runner.invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: adcreative {verb}" in result.output


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "app"])
def test_each_verb_is_a_function_of_the_pipeline(verb: str) -> None:
    assert callable(getattr(pipeline, verb.replace("-", "_")))
    assert verb.replace("-", "_") in pipeline.__all__


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == __version__


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['adcreative', '--help']\ntry:\n import adcreative.cli as c; c.app()\nexcept SystemExit: pass\n"
    )
    code += "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    started_s = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.monotonic() - started_s < 10  # the half-second promise is measured by make bench


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "nowhere", "--out", "s.csv"], "nowhere"),
        (["evaluate", "nowhere", "--out", "m.json"], "nowhere"),
        (["train", "nowhere", "--out", "model"], "nowhere"),
        (["optimize", "nowhere", "--out", "out"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path / a) if a in {"s.csv", "m.json", "model", "out"} else a for a in arguments]
    finished = subprocess.run(
        [sys.executable, "-m", "adcreative.cli", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert finished.returncode == 2
    assert finished.stderr.count("adcreative:") == 1
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("headline\nHello there\n")
    result = runner.invoke(
        app, ["score", str(tmp_path / "ads.csv"), "--out", str(tmp_path / "s.csv"), "--model", str(tmp_path / "none")]
    )
    assert result.exit_code == 2
    assert "holds no predictor" in result.output


def test_score_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("headline\nHello there\nTry it free today\n")
    result = runner.invoke(app, ["score", str(tmp_path / "ads.csv"), "--out", str(tmp_path / "s.csv")])
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 3


def test_models_lists_licences() -> None:
    result = runner.invoke(app, ["models"])
    assert result.exit_code == 0
    assert "licence=Apache-2.0" in result.output
