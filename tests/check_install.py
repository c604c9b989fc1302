"""Check that the package works as `pip install adcreative` leaves it, without extras: python -m tests.check_install.

A wheel is built and installed into an empty folder, beside links to the packages that the plain dependencies of pyproject.toml
bring and to nothing else: what else is installed here, such as pytest, gradio or ray, is not found there, as on a user's
machine. Every module of the wheel is imported there, and `--help` and `models` run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

# Only these need an extra to load: the app (extra app) and what composes
# ads (extra picture).
NEED_AN_EXTRA = (
    "adcreative._studio",
    "adcreative.compose",
    "adcreative.verbs.compose",
    "adcreative.verbs.edit_composed",
    "adcreative.verbs.new_layouts",
    "adcreative.verbs.simulated_briefs",
)

CHILD = """
import importlib, pkgutil, sys
import adcreative, stylegan
need_an_extra = %r
def passed_over(name):
    if not name.startswith(need_an_extra):
        importlib.import_module(name)
names = [module.name for package in (adcreative, stylegan)
         for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=passed_over)]
names = [name for name in names if not name.endswith("__main__") and not name.startswith(need_an_extra)]
for name in names:
    importlib.import_module(name)
from adcreative.cli.app import app
for words in (["--help"], ["models"]):
    try:
        app(words)
    except SystemExit as stop:
        assert not stop.code, words
print(len(names), "modules load without extras, from", adcreative.__file__)
"""


def plain_dependencies(name: str = "adcreative") -> dict[str, Distribution]:
    """Return what an install of `name` without extras brings, by the requirements of what is installed here."""
    found: dict[str, Distribution] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(name, frozenset())]
    seen = set(waiting)
    while waiting:
        one, extras = waiting.pop()
        try:
            found[canonicalize_name(one)] = distribution(one)
        except PackageNotFoundError:  # an optional package that is not installed
            continue
        for requirement in map(Requirement, found[canonicalize_name(one)].requires or ()):
            marker = requirement.marker
            wanted = (requirement.name, frozenset(requirement.extras))
            if wanted not in seen and (not marker or any(marker.evaluate({"extra": extra}) for extra in extras or {""})):
                seen.add(wanted)
                waiting.append(wanted)
    return found


def link_packages(packages: dict[str, Distribution], folder: Path) -> None:
    """Link the top-level files and folders of each package, its metadata too, into `folder`."""
    for package in packages.values():
        for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(package.locate_file(top))).resolve())


def main() -> None:
    """Build, install and check; a failure ends with the traceback of the import that failed."""
    packages = plain_dependencies()
    del packages["adcreative"]
    assert "torch" in packages
    assert not {"pytest", "gradio", "ray"} & packages.keys(), "a plain dependency brings a package of the extras"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", scratch, str(ROOT)], check=True)
        (wheel,) = folder.glob("*.whl")
        subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
        link_packages(packages, folder / "site")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment["PYTHONPATH"] = str(folder / "site")
        subprocess.run([sys.executable, "-S", "-c", CHILD % (NEED_AN_EXTRA,)], check=True, cwd=folder, env=environment)


if __name__ == "__main__":
    main()
