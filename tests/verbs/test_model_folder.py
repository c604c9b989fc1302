"""The three models of a run: each in its own role, of one training, and whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from adcreative.artifacts import load_artifact
from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ArtifactError
from adcreative.verbs.model_folder import ROLES, note_models, read_model_manifests


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped models, as `train` would leave them."""
    for role in ROLES:
        shutil.copytree(embedded_dir(role), tmp_path / "model" / role)
    note_models(tmp_path / "model", {role: one.content_hash for role, one in read_model_manifests(None).items()})
    return tmp_path / "model"


def test_a_whole_folder_is_read(model: Path) -> None:
    assert tuple(read_model_manifests(model)) == ROLES
    assert read_model_manifests(model)["judge"].card("judge")["name"] == "judge"


def test_one_model_in_two_roles_is_refused(model: Path) -> None:
    shutil.rmtree(model / "judge")
    shutil.copytree(model / "predictor", model / "judge")
    with pytest.raises(ArtifactError, match=r"predictor and judge of .* are one model, which would judge its own proposals"):
        read_model_manifests(model)


def test_swapped_models_are_refused_by_name(model: Path) -> None:
    (model / "judge").rename(model / "other")
    (model / "predictor").rename(model / "judge")
    (model / "other").rename(model / "predictor")
    with pytest.raises(ArtifactError, match=r"were swapped \(judge holds the predictor, predictor holds the judge\)"):
        read_model_manifests(model)


def test_a_training_that_was_cut_off_is_refused(model: Path) -> None:
    """A kill between two of the three models leaves a new one beside two old ones."""
    manifest = json.loads((model / "judge" / "manifest.json").read_text())
    (model / "judge" / "manifest.json").write_text(json.dumps(manifest | {"retrained": True}))
    with pytest.raises(ArtifactError, match="not those of one training, which was cut off or changed since"):
        read_model_manifests(model)
    (model / "models.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"models\.json is damaged"):
        read_model_manifests(model)


def test_tensors_with_nan_are_refused_though_signed_anew(model: Path) -> None:
    import hashlib

    folder = model / "predictor"
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / manifest["file"]
    tensors = load_file(path)
    name = next(name for name, array in tensors.items() if array.dtype.kind == "f" and array.size)
    tensors[name] = np.full_like(tensors[name], np.nan)
    save_file(tensors, path)
    manifest["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=rf"tensor {name} in .* holds NaN or infinite values"):
        load_artifact(folder, kind=manifest["kind"], formats=(manifest["format"],))
