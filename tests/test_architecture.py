"""The import table of the house, as data; an arrow that is not in it fails here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDS = {"adcreative.creative", "adcreative.errors", "adcreative.config"}

# room -> rooms it may import at all, even inside functions (longest prefix names the room)
MAY_IMPORT = {
    "stylegan": {"stylegan"},
    "adcreative": set(),
    "adcreative.creative": set(),
    "adcreative.errors": set(),
    "adcreative.run_log": RECORDS,
    "adcreative.engines": RECORDS,
    "adcreative.config": RECORDS,
    "adcreative.artifacts": RECORDS,
    "adcreative.catalog": RECORDS | {"adcreative.catalog"},
    "adcreative.encoders": RECORDS | {"adcreative.encoders", "adcreative.catalog", "adcreative.artifacts", "stylegan"},
    "adcreative.purging": RECORDS | {"adcreative.feature_cache", "adcreative.provenance", "adcreative.run_log"},
    "adcreative.feature_owners": set(),
    "adcreative.threads": set(),
    "adcreative.feature_cache": RECORDS | {"adcreative.artifacts", "adcreative.feature_owners"},
    "adcreative.features": RECORDS | {"adcreative.catalog", "adcreative.artifacts"},
    "adcreative.feature_builder": RECORDS | {"adcreative.features", "adcreative.artifacts"},
    "adcreative.feature_extraction": RECORDS
    | {"adcreative.catalog", "adcreative.encoders", "adcreative.features", "adcreative.feature_cache", "adcreative.threads"},
    "adcreative.ctr": RECORDS
    | {"adcreative.ctr", "adcreative.features", "adcreative.feature_builder", "adcreative.artifacts", "adcreative.catalog"},
    "adcreative.provenance": RECORDS | {"adcreative.provenance", "adcreative.__version__"},
    "adcreative.copywriter": RECORDS | {"adcreative.copywriter", "adcreative.encoders"},
    "adcreative.editor": RECORDS
    | {
        "adcreative.editor", "adcreative.catalog", "adcreative.copywriter", "adcreative.ctr", "adcreative.encoders",
        "adcreative.features", "adcreative.feature_extraction", "adcreative.provenance", "stylegan",
    },
    "adcreative.market": RECORDS | {"adcreative.market", "adcreative.catalog", "adcreative.encoders", "stylegan"},
    "adcreative.report": RECORDS | {"adcreative.report"},
    "adcreative.delivery": RECORDS | {"adcreative.delivery", "adcreative.catalog", "adcreative.provenance"},
}  # fmt: skip
DOORS = ("adcreative.__main__", "adcreative.cli", "adcreative.cli_delivery", "adcreative.cli_description",
         "adcreative.cli_explanation",
         "adcreative.cli_progress",
         "adcreative.cli_provenance", "apps")  # fmt: skip
DOORS_MAY_IMPORT = RECORDS | {
    "adcreative", "adcreative.cli_delivery", "adcreative.cli_description", "adcreative.cli_explanation",
    "adcreative.cli_progress",
    "adcreative.cli_provenance", "adcreative.pipeline", "adcreative.report",
    "adcreative.cli", "adcreative.catalog.images",
    "adcreative.provenance.export", "apps",
}  # fmt: skip
# The joints: they wire rooms together and may import any of them.
JOINTS = (
    "adcreative.pipeline",
    "adcreative.account",
    "adcreative.ad_run",
    "adcreative.adapter_wins",
    "adcreative.batching",
    "adcreative.benchmarking",
    "adcreative.campaign",
    "adcreative.checking",
    "adcreative.describing",
    "adcreative.evaluating",
    "adcreative.explaining",
    "adcreative.faithfulness",
    "adcreative.optimizing",
    "adcreative.reading",
    "adcreative.scoring",
    "adcreative.governance",
    "adcreative.model_card",
    "adcreative.studio",
    "adcreative.run_output",
    "adcreative.tools",
    "adcreative.wording",
    "adcreative.shipped_training",
    "adcreative.word_gradients",
)


def source_modules() -> list[tuple[str, Path]]:
    modules = []
    for top in ("stylegan", "adcreative", "apps"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            modules.append((name, path))
    return modules


def imported_names(module: str, path: Path) -> set[str]:
    names: set[str] = set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            is_package = (ROOT / base.replace(".", "/")).is_dir()
            names |= {f"{base}.{alias.name}" for alias in node.names} if is_package else {base}
    return {name for name in names if name.split(".")[0] in {"adcreative", "stylegan", "apps"}}


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if module == room or module.startswith(room + ".")), key=len)


def is_inside(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


@pytest.mark.parametrize(("module", "path"), source_modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_follow_the_table(module: str, path: Path) -> None:
    if module in JOINTS:
        return
    if module.startswith(DOORS):
        allowed = {room for room in DOORS_MAY_IMPORT if room != "adcreative"}
        broken = {n for n in imported_names(module, path) if n != "adcreative.__version__" and not is_inside(n, allowed)}
    else:
        broken = {n for n in imported_names(module, path) if not is_inside(n, MAY_IMPORT[room_of(module)])}
    assert not broken, f"{module} imports {sorted(broken)}"


def test_every_module_has_a_room() -> None:
    for module, _ in source_modules():
        known = module in JOINTS or module.startswith(DOORS) or module == "adcreative" or room_of(module) != "adcreative"
        assert known, f"{module} belongs to no room of the table"


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for _, p in source_modules() if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not {p.name for _, p in source_modules()} & {"utils.py", "common.py", "helpers.py", "misc.py", "base.py"}


LIGHT = ["adcreative", "adcreative.creative", "adcreative.report", "adcreative.cli", "adcreative.pipeline",
         "adcreative.catalog", "adcreative.editor.search", "adcreative.encoders.weights"]  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_no_torch(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.strip() == "False"
