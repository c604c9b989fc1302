"""The audit of installed packages fails where nothing was audited, and passes where nothing was found."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests import check_audit

FINE = {"name": "pillow", "version": "12.3.0", "vulns": []}
FAULTY = {"name": "torch", "version": "2.5", "vulns": [{"id": "CVE-2025-32434", "fix_versions": ["2.6"], "aliases": []}]}
OURS = {"name": "adcreative", "skip_reason": "distribution marked as editable"}
LOCAL = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.13.0+cpu)"}
UNKNOWN = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.1.0)"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([FINE, OURS, LOCAL], 0, "no known faults"),
        ([FINE, FAULTY], 1, "audit failed: 1 known faults; raise the floors of these packages"),
        ([OURS, UNKNOWN], 1, "the advisory service answered for 0 of 2 packages (not for numpy); try again"),
        ([FINE, UNKNOWN], 1, "the advisory service answered for 1 of 2 packages (not for numpy)"),
        ([OURS], 1, "answered for 0 of 1 packages (not for any)"),
    ],
)
def test_the_audit_passes_only_where_it_audited(
    packages: list[Any], code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"dependencies": packages, "fixes": []})))
    assert check_audit.main() == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"dependencies": [1]}'])
def test_no_report_is_no_pass(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert check_audit.main() == 1
    assert "audit failed: pip-audit wrote no report" in capsys.readouterr().out
