"""Model folders: `manifest.json` next to one safetensors file; hashed, saved atomically, validated on load.

The name of the tensors file has the file's hash, and the manifest names the file, so a save takes effect when the manifest is
replaced: a run killed earlier leaves the old model intact, a run killed later the new one. Other files in the folder (a model
card) are not touched. No pickle, no torch: tensors are numpy arrays here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as pack_tensors

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from adcreative.errors import AdCreativeError, ArtifactError, UnwritableError

MANIFEST = "manifest.json"
TOGETHER = "models.json"  # next to the folders of models that were trained together
OUR_FILE = re.compile(r"model-[0-9a-f]{16}\.safetensors")  # an older one is removed; files with other names are not ours
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DRAFT_LETTERS = 100  # length of the file's name within the name of its draft
_DRAFT = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.part")
_WATCHERS: ContextVar[tuple[Callable[[Path, Path], None], ...]] = ContextVar("_WATCHERS", default=())
MAX_NAME_BYTES = 230  # of the tensors file; file systems allow 255


@dataclass(frozen=True)
class Artifact:
    """Content of a model folder: the manifest, the tensors by name, and the sha256 of the manifest's bytes."""

    manifest: dict[str, Any]
    tensors: dict[str, np.ndarray]
    content_hash: str


def hash_bytes(*parts: bytes | memoryview) -> str:
    """Return the hex sha256 over `parts`, each prefixed with its length, so that different lists never collide."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return the hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(*paths: Path) -> str:
    """Return the hex sha256 over the bytes of files and of all files in folders, in the order of their names."""
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,)))
    return hash_bytes(*(hash_file(file).encode() for file in sorted(files) if file.is_file()))


def make_private_dir(folder: Path) -> None:
    """Create a folder with owner-only permissions, whatever the umask; an existing folder is unchanged."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            path.chmod(0o700)


def write_atomically(path: Path, payload: bytes, *, is_durable: bool = True, is_private: bool = False) -> None:
    """Write `payload` to `path` atomically: readers never see a partial file, and a kill leaves none.

    is_durable: wait for the disk; otherwise a file may be empty or missing after a power cut. is_private: for files that show
    people: owner-only permissions, whatever the umask.
    """
    with open_atomically(path, is_durable=is_durable, is_private=is_private) as file:
        file.write(payload)


@contextlib.contextmanager
def open_atomically(
    path: Path, *, is_text: bool = False, is_durable: bool = True, is_private: bool = False
) -> Iterator[IO[Any]]:
    """Open a file that replaces `path` only if the block succeeds; after a crash the older file is unchanged.

    The folder is created when missing. is_text: UTF-8 with "\\n" line ends, else bytes. The rest as in `write_atomically`.

    Raises:
        UnwritableError: the disk is full, or the folder cannot be written.
    """
    is_filled, temporary = False, None
    try:
        if is_private:
            make_private_dir(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = _open_draft(path)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") if is_text else os.fdopen(handle, "wb") as file:
            yield file
            is_filled = True
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o600 if is_private else 0o644)
        put_in_place(Path(temporary), path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, AdCreativeError):
            raise
        is_ours = temporary is None or is_filled  # another error of the block may concern its inputs
        if is_full(error) or (isinstance(error, OSError) and is_ours):
            raise unwritable(path, error) from error
        raise


def is_full(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, is a full disk, an exceeded quota or a file size limit."""
    while error is not None and getattr(error, "errno", None) not in FULL:
        error = error.__cause__ or error.__context__
    return error is not None


def unwritable(path: Path, error: BaseException) -> UnwritableError:
    """Return the error for a path that cannot be written: a full disk, a quota, no permission."""
    said, remedy = getattr(error, "strerror", None) or error, "Free some space, or choose another place"
    sentence = f"{path} cannot be written ({said}). {remedy}; the same command goes on where it was."
    return UnwritableError(sentence, error if isinstance(error, OSError) else None)


def put_in_place(draft: Path, path: Path) -> None:
    """Rename a finished draft to its final path; watchers are called before (see `watching`)."""
    for tell in _WATCHERS.get():
        tell(draft, path)
    os.replace(draft, path)


@contextlib.contextmanager
def watching(tell: Callable[[Path, Path], None]) -> Iterator[None]:
    """Call tell(draft, path) in the block before any draft becomes the file `path`."""
    token = _WATCHERS.set((*_WATCHERS.get(), tell))
    try:
        yield
    finally:
        _WATCHERS.reset(token)


def remove_drafts(folder: Path, is_meant: Callable[[str], bool]) -> None:
    """Remove drafts of killed processes in a folder; a draft of a living process is locked and stays.

    Args:
        is_meant: whether to remove drafts of a file, given the first hundred letters of its name.
    """
    if fcntl is None or not folder.is_dir():
        return
    for path in list(folder.iterdir()):
        found = _DRAFT.fullmatch(path.name)
        if found is None or not is_meant(found["name"]) or path.is_symlink():
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _open_draft(path: Path) -> tuple[int, str]:
    """Create a draft next to a file and lock it while it is open, so that `remove_drafts` skips it."""
    while True:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:DRAFT_LETTERS]}.", suffix=".part")
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # otherwise `remove_drafts` deleted it before the lock
            return handle, temporary
        os.close(handle)


def dump_json(value: object, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Return JSON text with a line end; NaN and infinities, which are not valid JSON, become null."""
    options: dict[str, Any] = {"ensure_ascii": False, "indent": indent, "sort_keys": sort_keys, "allow_nan": False}
    try:
        return json.dumps(value, **options) + "\n"
    except ValueError:
        return json.dumps(_without_nan(value), **options) + "\n"


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(one) for key, one in value.items()}
    return [_without_nan(one) for one in value] if isinstance(value, (list, tuple)) else value


def pack_manifest(manifest: Mapping[str, Any]) -> bytes:
    """Return the manifest as JSON bytes; equal manifests give equal bytes.

    Raises:
        ArtifactError: a number is NaN or infinite, or a value is not a JSON type.
    """
    try:
        return (json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"the manifest cannot be written as JSON ({error}); use finite numbers and plain types") from error


def build_manifest(
    kind: str, format_version: int, tensors: Mapping[str, np.ndarray], notes: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """Return the manifest of an artefact and the bytes of its tensors file.

    Raises:
        ArtifactError: a tensor has NaN or infinite values, or a note has a reserved name.
    """
    broken = [name for name, array in tensors.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if broken:
        raise ArtifactError(f"tensor {broken[0]} of the {kind} holds NaN or infinite values; nothing was saved")
    reserved = sorted({"kind", "format", "file", "sha256"} & set(notes))
    if reserved:
        raise ArtifactError(f"note {reserved[0]!r} is a reserved name of the manifest; choose another")
    packed = pack_tensors({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)})
    digest = hashlib.sha256(packed).hexdigest()
    file_name = f"model-{digest[:16]}.safetensors"
    return {"kind": kind, "format": format_version, "file": file_name, "sha256": digest, **notes}, packed


def save_artifact(
    artifact_dir: Path, *, kind: str, format_version: int, tensors: Mapping[str, np.ndarray], notes: Mapping[str, Any]
) -> str:
    """Save tensors and notes as an artefact, replacing an older one in the folder, and return its content hash.

    Raises:
        ArtifactError: the path is a file, the folder holds an artefact of another kind, or a value cannot be stored.
    """
    old_file = check_replaceable(artifact_dir, kind)
    remove_drafts(artifact_dir, lambda name: name == MANIFEST or OUR_FILE.fullmatch(name) is not None)
    manifest, packed = build_manifest(kind, format_version, tensors, notes)
    payload = pack_manifest(manifest)
    write_atomically(artifact_dir / manifest["file"], packed)
    write_atomically(artifact_dir / MANIFEST, payload)
    if OUR_FILE.fullmatch(old_file) and old_file != manifest["file"]:
        (artifact_dir / old_file).unlink(missing_ok=True)
    return hashlib.sha256(payload).hexdigest()


def read_kind(artifact_dir: Path) -> str:
    """Return the kind of artefact in a folder, "" if its manifest is missing or has no kind."""
    manifest_path = artifact_dir / MANIFEST
    if not manifest_path.is_file():
        return ""
    return str(_parse_manifest(manifest_path, manifest_path.read_bytes()).get("kind", ""))


def load_artifact(artifact_dir: Path, *, kind: str, formats: Sequence[int]) -> Artifact:
    """Load an artefact of `kind` with one of the `formats`.

    Raises:
        ArtifactError: a file is missing, truncated or changed, the kind or format is wrong, or a value is not finite.
    """
    manifest, content_hash = read_manifest(artifact_dir, kind=kind, formats=formats)
    manifest_path = artifact_dir / MANIFEST
    tensors_path = artifact_dir / _file_name(manifest_path, manifest)
    if not tensors_path.is_file():
        raise ArtifactError(f"{tensors_path} is missing, {manifest_path} needs it; copy the whole folder or re-fit")
    packed = tensors_path.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != manifest.get("sha256"):
        expected = str(manifest.get("sha256"))[:12]
        raise ArtifactError(
            f"{tensors_path} has sha256 {digest[:12]}, its manifest says {expected}: it was changed or cut short; re-fit"
        )
    try:
        tensors = read_tensors(packed)
    except SafetensorError as error:
        raise ArtifactError(f"{tensors_path} is no safetensors file ({error}); re-fit") from error
    broken = [name for name, array in tensors.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if broken:
        raise ArtifactError(f"tensor {broken[0]} in {tensors_path} holds NaN or infinite values; re-fit the {kind}")
    return Artifact(manifest, tensors, content_hash)


def read_manifest(artifact_dir: Path, *, kind: str, formats: Sequence[int]) -> tuple[dict[str, Any], str]:
    """Return the manifest of an artefact of `kind` and its content hash, without reading its tensors.

    Raises:
        ArtifactError: the manifest is missing or damaged, or the kind or format is wrong.
    """
    manifest_path = artifact_dir / MANIFEST
    if not manifest_path.is_file():
        raise ArtifactError(f"no {kind} in {artifact_dir}: it has no {MANIFEST}; give the folder that training wrote")
    payload = manifest_path.read_bytes()
    manifest = _parse_manifest(manifest_path, payload)
    if manifest.get("kind") != kind:
        raise ArtifactError(f"{manifest_path} is a {manifest.get('kind')}, a {kind} is needed; give another folder")
    if manifest.get("format") not in formats:
        raise ArtifactError(
            f"artefact format {manifest.get('format')} in {manifest_path}, this version reads {_span(formats)}. "
            "Upgrade adcreative or re-fit."
        )
    return manifest, hashlib.sha256(payload).hexdigest()


def check_replaceable(artifact_dir: Path, kind: str) -> str:
    """Return the tensors file of the folder's artefact, "" if there is none.

    Raises:
        ArtifactError: the path is a file, or the folder has an artefact of another kind or a foreign manifest.
    """
    if artifact_dir.is_file():
        raise ArtifactError(f"{artifact_dir} is a file; a model needs a folder of its own")
    manifest_path = artifact_dir / MANIFEST
    if not manifest_path.is_file():
        return ""
    manifest = _parse_manifest(manifest_path, manifest_path.read_bytes())
    if manifest.get("kind") != kind:
        raise ArtifactError(f"{artifact_dir} holds a {manifest.get('kind')}; save the {kind} into another folder")
    return _file_name(manifest_path, manifest)


def _parse_manifest(path: Path, payload: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is no JSON ({error}); copy the folder again or re-fit") from error
    if not isinstance(manifest, dict):
        raise ArtifactError(f"{path} holds a {type(manifest).__name__}, an object is needed; re-fit")
    return manifest


def _file_name(path: Path, manifest: Mapping[str, Any]) -> str:
    name = manifest.get("file")
    is_plain = isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name and name.isprintable()
    if not isinstance(name, str) or not is_plain or len(name.encode()) > MAX_NAME_BYTES:
        raise ArtifactError(f"{path} names the tensors file {str(name)[:80]!r}; a plain name ending in .safetensors is needed")
    return name


def _span(formats: Sequence[int]) -> str:
    low, high = min(formats), max(formats)
    return str(low) if low == high else f"{low}-{high}"
