from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from stylegan.errors import CheckpointError
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.people import FittedPeople
from stylegan.networks.checkpoints import FaceModel, load_face_model, save_face_model


@pytest.fixture
def model_dir(tiny_face_model: FaceModel, tmp_path: Path) -> Path:
    save_face_model(tmp_path, tiny_face_model.generator, tiny_face_model.encoder, note="test")
    return tmp_path


def rewrite(model_dir: Path, change: object) -> None:
    """Apply `change` to the tensors and make the manifest's hash agree."""
    import hashlib

    path = model_dir / "model.safetensors"
    tensors = load_file(path)
    change(tensors)  # type: ignore[operator]
    save_file(tensors, path)
    manifest = json.loads((model_dir / "manifest.json").read_text())
    manifest["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (model_dir / "manifest.json").write_text(json.dumps(manifest))


def test_a_full_disk_leaves_the_older_model(
    tiny_face_model: FaceModel, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {path.name: path.read_bytes() for path in model_dir.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\); free some space"):
        save_face_model(model_dir, tiny_face_model.generator, None, note="newer")
    with pytest.raises(CheckpointError, match="cannot be written"):
        FittedPeople(tiny_face_model, torch.zeros(1, 8, 16)).save(model_dir)
    with pytest.raises(CheckpointError, match="cannot be written"):
        DirectionSet(names=("a",), vectors=np.zeros((1, 6)), low=np.zeros(1), high=np.ones(1), table={}).save(model_dir)
    assert {path.name: path.read_bytes() for path in model_dir.iterdir()} == before


def test_round_trip_is_the_same_model_in_half_precision(tiny_face_model: FaceModel, model_dir: Path) -> None:
    loaded = load_face_model(model_dir)
    assert loaded.manifest["note"] == "test"
    for name, tensor in tiny_face_model.generator.state_dict().items():
        assert torch.equal(loaded.generator.state_dict()[name], tensor.half().to(tensor.dtype)), name
    images = torch.zeros(1, 3, 32, 32)
    torch.testing.assert_close(loaded.encoder(images), tiny_face_model.encoder(images), rtol=0.02, atol=0.02)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected manifest\.json and model.safetensors"):
        load_face_model(tmp_path)


def test_changed_bytes(model_dir: Path) -> None:
    content = bytearray((model_dir / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (model_dir / "model.safetensors").write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="its manifest says"):
        load_face_model(model_dir)


def test_other_format(model_dir: Path) -> None:
    manifest = json.loads((model_dir / "manifest.json").read_text())
    (model_dir / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99; this version reads"):
        load_face_model(model_dir)


def test_missing_tensor(model_dir: Path) -> None:
    rewrite(model_dir, lambda tensors: tensors.pop("generator.synthesis.const"))
    with pytest.raises(CheckpointError, match="does not fit its manifest"):
        load_face_model(model_dir)


def test_surplus_tensor(model_dir: Path) -> None:
    rewrite(model_dir, lambda tensors: tensors.update(other=torch.zeros(1)))
    with pytest.raises(CheckpointError, match="no place, first 'other'"):
        load_face_model(model_dir)


def test_nan_weights(model_dir: Path) -> None:
    rewrite(model_dir, lambda tensors: tensors["generator.synthesis.const"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match="NaN"):
        load_face_model(model_dir)


def test_truncated_file(model_dir: Path) -> None:
    import hashlib

    path = model_dir / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    manifest = json.loads((model_dir / "manifest.json").read_text())
    manifest["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (model_dir / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="does not fit"):
        load_face_model(model_dir)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"manifest\.json' is not JSON"),
        ("[" * 100_000, r"manifest\.json' is not JSON"),
        ("[1]", "holds a list, expected an object of face-model"),
        ('{"format": 1, "kind": "face-model"}', "names no sha256"),
    ],
)
def test_a_manifest_that_is_none(model_dir: Path, content: str, message: str) -> None:
    (model_dir / "manifest.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        load_face_model(model_dir)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("generator", {"num_mapping_layers": 10**9}, "its num_mapping_layers is 1000000000, the tensors have 1"),
        ("generator", {"w_dim": 10**7}, "its w_dim is 10000000, the tensors have 16"),
        ("generator", {"z_dim": 10**9}, "its z_dim is 1000000000, the tensors have 12"),
        ("generator", {"channels": {"4": 16, "8": 16, "16": 10**6, "32": 8}}, "its channels is"),
        ("generator", {"size": 2**4000, "channels": {}}, "its channels is|does not describe a face model"),
        ("encoder", {"code_dim": 10**9}, "its encoder's code_dim is 1000000000, the tensors have 12"),
        ("encoder", {"level_width": 10**9}, "its encoder's level_width is 1000000000, the tensors have 4"),
        ("encoder", {"num_rows": "many"}, "do not fit the manifest: its encoder's num_rows"),
    ],
)
def test_sizes_that_the_tensors_do_not_have_are_refused_before_networks_are_made(
    model_dir: Path, part: str, change: dict[str, object], message: str
) -> None:
    """A manifest of a few bytes could otherwise ask for all memory."""
    manifest = json.loads((model_dir / "manifest.json").read_text())
    (model_dir / "manifest.json").write_text(json.dumps({**manifest, part: manifest[part] | change}))
    with pytest.raises(CheckpointError, match=message) as caught:
        load_face_model(model_dir)
    assert len(str(caught.value)) < 2000
