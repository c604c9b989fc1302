"""What every source file keeps to; who may import whom is said by the import contracts in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def source_modules() -> list[tuple[str, Path]]:
    modules = []
    for top in ("stylegan", "adcreative", "apps"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            modules.append((name, path))
    return modules


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for _, p in source_modules() if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not {p.name for _, p in source_modules()} & {"utils.py", "common.py", "helpers.py", "misc.py", "base.py"}


LIGHT = ["adcreative", "adcreative.creative", "adcreative.report", "adcreative.cli.app", "adcreative.pipeline",
         "adcreative.catalog", "adcreative.editor.search.driver", "adcreative.encoders.weights"]  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_no_torch(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == "False"
