"""Follow a recipe that changes the source: in a copy of the checkout, its files saved, its diffs applied, its commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "adcreative" / "docs"


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield (language, text) of each fenced block of a page under adcreative/docs."""
    yield from re.findall(r"```(\w+)\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def copy_checkout(folder: Path) -> None:
    """Copy what a recipe may change, and link what it only reads."""
    for name in ("adcreative", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("stylegan", "apps", "data"):
        (folder / name).symlink_to(ROOT / name)


def apply_diff(text: str, folder: Path) -> None:
    """Apply one hunk under a `--- FILE` line, wherever in the file its old lines stand.

    Raises:
        AssertionError: the old lines do not stand there exactly once: the recipe is stale.
    """
    header, *lines = text.splitlines()
    path = folder / header.removeprefix("--- ")
    old = "".join(line[1:] + "\n" for line in lines if line[:1] != "+")
    new = "".join(line[1:] + "\n" for line in lines if line[:1] != "-")
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1, f"{path.name} holds {content.count(old)} times:\n{old}"
    path.write_text(content.replace(old, new), encoding="utf-8")


def follow_in_source(page: str, folder: Path) -> str:
    """Do in a copy of the checkout at `folder` what the page says; return what its commands printed."""
    copy_checkout(folder)
    printed = ""
    for language, text in blocks(page):
        if language == "diff":
            apply_diff(text, folder)
        elif named := re.match(r"# file: (\S+)\n", text):
            path = folder / named.group(1)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            assert language == "sh", f"{page}: nobody follows a block of {language}"
            for line in text.splitlines():
                command = line.replace("python ", f"{sys.executable} ", 1).split()
                environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                printed += done.stdout
    return printed
