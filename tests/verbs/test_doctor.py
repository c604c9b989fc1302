"""Doctor says what is missing, what to do, and whether a command would fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from adcreative.cli.app import app
from adcreative.verbs import doctor as module
from adcreative.verbs.doctor import Finding, doctor

SECRET = "hunter2-and-more"


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """A machine where all is well; the dict says the state of each weight."""
    states = {"predictor": "ok", "smollm2-135m": "ok", "minilm": "ok"}
    rows = [{"name": name, "origin": "shipped", "how_to_get": f"get {name}"} for name in states]
    monkeypatch.setattr(module, "weight_table", lambda: rows)
    monkeypatch.setattr(module, "check_weight", states.__getitem__)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000_000))
    monkeypatch.setattr(module, "_available_bytes", lambda: 8_000_000_000)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(module, "languages_for", lambda script: ["all"])  # a machine may lack some of tesseract's languages
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ADCREATIVE_LLM_API_KEY", raising=False)
    return states


metadata_version = metadata.version


def found(findings: list[Finding], name: str) -> Finding:
    (one,) = [finding for finding in findings if finding.name == name]
    return one


def test_a_healthy_machine_has_no_finding_to_act_on(healthy: dict[str, str]) -> None:
    assert [finding for finding in doctor() if finding.status != "ok" or finding.remedy] == []
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    assert {row["status"] for row in json.loads(result.stdout)} == {"ok"}


def test_a_script_that_is_not_read_is_named_with_its_package(healthy: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "languages_for", lambda script: [] if script == "Thai" else ["all"])
    finding = found(doctor(), "words in pictures")
    assert finding.status == "ok"
    assert finding.remedy == "To have Thai read, on Debian: apt-get install tesseract-ocr tesseract-ocr-tha"


@pytest.mark.parametrize(
    ("weight", "state", "status", "said"),
    [
        ("predictor", "absent", "problem", "get predictor"),
        ("smollm2-135m", "absent", "warning", "get smollm2-135m"),
        ("minilm", "changed", "problem", "Its bytes are not those that were published"),
    ],
)
def test_weights_are_held_against_their_hash(healthy: dict[str, str], weight: str, state: str, status: str, said: str) -> None:
    healthy[weight] = state
    finding = found(doctor(), f"weight {weight}")
    assert finding.status == status
    assert said in finding.remedy
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == (2 if status == "problem" else 0)
    assert said in result.stdout


def _old_numpy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module.metadata, "version", lambda name: "1.0" if name == "numpy" else metadata_version(name))


def _no_pillow(patch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pillow":
            raise metadata.PackageNotFoundError(name)
        return metadata_version(name)

    patch.setattr(module.metadata, "version", version)


def _full_disk(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000_000))


def _small_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module, "_available_bytes", lambda: 1_000_000_000)


def _old_python(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module.sys, "version_info", (3, 9, 1))


def _bad_key(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ADCREATIVE_LLM_API_KEY", f"{SECRET}\nx")


def _locked_cache(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module.os, "access", lambda *_: False)


@pytest.mark.parametrize(
    ("breaks", "name", "remedy"),
    [
        (_old_numpy, "package numpy", 'pip install "numpy>='),
        (_no_pillow, "package pillow", 'pip install "pillow'),
        (_full_disk, "disk, cache", "Free some space"),
        (_small_memory, "memory", "Close other programs"),
        (_old_python, "python", "Use Python 3.11, 3.12 or 3.13"),
        (_bad_key, "language model key", "set it again"),
        (_locked_cache, "cache", "Set ADCREATIVE_CACHE to a folder of yours"),
    ],
)
def test_what_is_wrong_is_a_problem_with_its_remedy(
    healthy: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    breaks: Callable[[pytest.MonkeyPatch], Any],
    name: str,
    remedy: str,
) -> None:
    breaks(monkeypatch)
    finding = found(doctor(), name)
    assert finding.status == "problem"
    assert remedy in finding.remedy
    assert SECRET not in repr(finding)


def test_missing_extras_and_a_readable_cache_are_warnings(
    healthy: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "cache" / "features").mkdir(parents=True, mode=0o755)
    findings = doctor()
    assert {finding.status for finding in findings} == {"ok", "warning"}
    assert 'pip install "adcreative[app]"' in found(findings, "extra app").remedy
    assert "pip install rapidocr" in found(findings, "words in pictures").remedy
    assert "chmod" in found(findings, "cache").remedy


def test_a_server_that_does_not_answer_is_a_problem(healthy: dict[str, str]) -> None:
    finding = found(doctor(llm="http://127.0.0.1:9/v1"), "language model server")
    assert finding.status == "problem"
    assert "did not answer after 1 attempts" in finding.remedy
    assert "holds a user or password" in found(doctor(llm=f"http://a:{SECRET}@h/v1"), "language model server").remedy
