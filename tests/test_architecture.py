"""What every source file keeps to; who may import whom is said by the import contracts in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_PARAMETERS = 9
LOOSE_FILES = 10  # modules that may stand in adcreative/ itself

# Public verbs list their settings one by one, since a person types them: in Python, or as options of a command.
PUBLIC_VERBS = ("adcreative/pipeline.py", "adcreative/verbs/", "adcreative/papers/", "adcreative/cli/")


# Where modules of our own may be imported inside a function: so that `--help`, the catalogue and the report load no torch, or
# so that what one choice needs is not loaded for the others. Circles are no reason (see the import contracts).
DEFERRED = (
    "adcreative/verbs/",
    "adcreative/papers/",  # a verb loads no model before its input
    "adcreative/catalog/sources.py",
    "adcreative/copywriter/build.py",
    "adcreative/copywriter/products/build.py",  # by name
    "adcreative/editor/models.py",
    "adcreative/editor/preparation/",
    "adcreative/encoders/headline.py",
    "adcreative/encoders/text_encoder.py",
    "adcreative/lettering/__init__.py",  # its front: a door loads its floor when it is first used
    "adcreative/market/simulator.py",
    "stylegan/faces/visible_changes.py",
    "stylegan/networks/checkpoints.py",
)
LIGHT = [
    "adcreative",
    "adcreative.creative",
    "adcreative.report",
    "adcreative.cli.app",
    "adcreative.pipeline",
    "adcreative.catalog",
    "adcreative.editor.search.registry",
    "adcreative.encoders.weights",
]


def source_files() -> list[Path]:
    return [path for top in ("stylegan", "adcreative", "apps") for path in sorted((ROOT / top).rglob("*.py"))]


@cache
def functions() -> list[tuple[str, str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Return each function of the source with its file and its name in it, as `adcreative/x.py`, `Class.method`."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + child.name, child
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            else:
                yield from walk(child, prefix)

    return [
        (path.relative_to(ROOT).as_posix(), name, node)
        for path in source_files()
        for name, node in walk(ast.parse(path.read_text(encoding="utf-8")), "")
    ]


def num_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    named = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def test_few_files_stand_loose_in_adcreative() -> None:
    loose = sorted(path.name for path in (ROOT / "adcreative").glob("*.py"))
    assert len(loose) <= LOOSE_FILES, loose


def test_no_function_but_a_public_verb_takes_more_than_nine_parameters() -> None:
    wide = {
        f"{path}:{name}": count
        for path, name, node in functions()
        if (count := num_parameters(node)) > MAX_PARAMETERS and not path.startswith(PUBLIC_VERBS)
    }
    assert not wide


def test_own_modules_are_imported_inside_functions_only_where_that_is_listed() -> None:
    found = set()
    for path, _, node in functions():
        for one in ast.walk(node):
            if isinstance(one, ast.ImportFrom) and (one.module or "").split(".")[0] in ("adcreative", "stylegan", "apps"):
                found.add(path)
    assert not {path for path in found if not path.startswith(DEFERRED)}
    assert not {place for place in DEFERRED if not any(path.startswith(place) for path in found)}, "take them off the list"


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not {path.name for path in source_files()} & {"utils.py", "common.py", "helpers.py", "misc.py", "base.py"}


def test_what_is_frozen_stays_so() -> None:
    """Records that bring their own fields into form are listed; what changes later is no frozen dataclass."""
    found = {path.relative_to(ROOT).as_posix() for path in source_files() if "object.__setattr__" in path.read_text("utf-8")}
    assert found == {
        "adcreative/compose/recipe.py",
        "adcreative/editor/space/genome.py",
        "stylegan/networks/generator.py",
        "stylegan/networks/ir_se50.py",
    }


def test_thresholds_of_lettering_stand_in_records() -> None:
    """What is listed is no threshold: a format's version or size, a scale's end, the width that points are told for."""
    conventions = {"FORMAT", "HEIGHT_PX", "MOST", "PHONE_WIDTH_PT", "STEP_PX", "SURE", "VERSION", "WINDOW_PX", "_TERMS"}
    loose = set()
    for path in (ROOT / "adcreative" / "lettering").rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            parts = list(ast.walk(node)) if isinstance(node, ast.Assign | ast.AnnAssign) else []
            if any(isinstance(part, ast.Constant) and type(part.value) in (int, float) for part in parts):
                loose |= {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    assert loose - {"KIND"} == conventions


def test_one_module_writes_tables() -> None:
    """Others would forget a sign that starts a formula; see `adcreative.catalog.tables`."""
    own = [
        path for path in source_files() if re.search(r"csv\.(writer|DictWriter)\b|\.to_csv\(|\bto_excel\(", path.read_text())
    ]
    assert own == []


def test_light_modules_load_no_torch() -> None:
    code = f"import importlib, sys\nfor name in {LIGHT}:\n    importlib.import_module(name)\n"
    code += "    print(name, 'torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.splitlines() == [f"{name} False" for name in LIGHT]
