from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adcreative import artifacts
from adcreative.artifacts import hash_bytes, load_artifact, save_artifact, write_atomically
from adcreative.errors import ArtifactError

TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], np.int64), "c": np.float16([0.5])}


def save(folder: Path, **changes: object) -> str:
    arguments = {"kind": "toy", "format_version": 2, "tensors": TENSORS, "notes": {"x": [1, "two"]}} | changes
    return save_artifact(folder, **arguments)  # type: ignore[arg-type]


def load(folder: Path):  # type: ignore[no-untyped-def]
    return load_artifact(folder, kind="toy", formats=(1, 2))


def change_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_round_trip_is_exact_and_hashes_agree(tmp_path: Path) -> None:
    content_hash = save(tmp_path / "model")
    artifact = load(tmp_path / "model")
    assert artifact.content_hash == content_hash
    assert artifact.manifest["x"] == [1, "two"]
    for name, array in TENSORS.items():
        assert artifact.tensors[name].dtype == array.dtype  # type: ignore[attr-defined]
        assert np.array_equal(artifact.tensors[name], array)


def test_same_content_same_hash_and_any_change_another(tmp_path: Path) -> None:
    first = save(tmp_path / "a")
    assert save(tmp_path / "b") == first
    assert save(tmp_path / "c", notes={"x": 2}) != first
    assert save(tmp_path / "d", tensors={"b": TENSORS["b"] + 1}) != first


def test_saving_again_replaces_the_model_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "README.md").write_text("card")
    save(tmp_path, tensors={"b": np.zeros(2, np.float32)})
    assert load(tmp_path).tensors["b"].tolist() == [0, 0]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md", ".safetensors"]


def test_a_file_that_is_not_named_as_ours_are_stays(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "mine.safetensors").write_bytes(b"mine")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"file": "mine.safetensors"}))
    save(tmp_path)
    assert (tmp_path / "mine.safetensors").read_bytes() == b"mine"


def test_a_save_killed_before_the_manifest_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)

    def die(path: Path, payload: bytes) -> None:
        if path.name == "manifest.json":
            raise KeyboardInterrupt
        write_atomically(path, payload)

    monkeypatch.setattr(artifacts, "write_atomically", die)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, tensors={"b": np.zeros(2, np.float32)})
    assert np.array_equal(load(tmp_path).tensors["b"], TENSORS["b"])


def test_a_killed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(source: str, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(artifacts.os, "replace", die)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == []


def test_hash_parts_do_not_run_together() -> None:
    assert hash_bytes(b"ab", b"c") != hash_bytes(b"a", b"bc")


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="tensor b of the toy holds NaN or infinite values; nothing was saved"):
        save(tmp_path / "m", tensors={"b": np.array([np.nan], np.float32)})
    with pytest.raises(ArtifactError, match="the manifest cannot be written as JSON"):
        save(tmp_path / "m", notes={"x": float("nan")})
    with pytest.raises(ArtifactError, match="note 'sha256' is a reserved name"):
        save(tmp_path / "m", notes={"sha256": "x"})
    assert not (tmp_path / "m").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="file is a file; a model needs a folder of its own"):
        save(tmp_path / "file")


def test_another_kind_is_neither_overwritten_nor_loaded(tmp_path: Path) -> None:
    save(tmp_path, kind="other")
    with pytest.raises(ArtifactError, match="holds a other; save the toy into another folder"):
        save(tmp_path)
    with pytest.raises(ArtifactError, match="is a other, a toy is needed"):
        load(tmp_path)


def test_loading_never_guesses(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no toy in .*: it has no manifest.json"):
        load(tmp_path)
    save(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    payload = weights.read_bytes()
    weights.write_bytes(payload[:-1])
    with pytest.raises(ArtifactError, match=r"its manifest says .*: it was changed or cut short; re-fit"):
        load(tmp_path)
    weights.unlink()
    with pytest.raises(ArtifactError, match=r"is missing, .* needs it; copy the whole folder or re-fit"):
        load(tmp_path)
    weights.write_bytes(payload)
    change_manifest(tmp_path, format=3)
    with pytest.raises(ArtifactError, match=r"artefact format 3 in .*, this version reads 1-2. Upgrade adcreative or re-fit"):
        load(tmp_path)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(b"\xff" * 64)
    change_manifest(tmp_path, sha256=artifacts.hashlib.sha256(b"\xff" * 64).hexdigest())
    with pytest.raises(ArtifactError, match="is no safetensors file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "name", ["../model.safetensors", "/etc/x.safetensors", "model.pkl", 3, "{" * 300 + ".safetensors", "\ud800.safetensors"]
)
def test_the_manifest_cannot_point_elsewhere(tmp_path: Path, name: object) -> None:
    save(tmp_path)
    change_manifest(tmp_path, file=name)
    with pytest.raises(ArtifactError, match=r"a plain name ending in .safetensors is needed"):
        load(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("{", "is no JSON"), ("[1]", "holds a list, an object is needed")])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        load(tmp_path)
