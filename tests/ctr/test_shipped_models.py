"""The models that ship with the package name the encoders that ship with it."""

from __future__ import annotations

import json

import pytest

from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from adcreative.features.extraction import hash_of
from stylegan.faces import analysis

ROLES = ("predictor", "judge", "auditor")


@pytest.mark.parametrize("role", ROLES)
def test_manifest_names_the_content_of_the_face_networks(role: str) -> None:
    manifest = json.loads((embedded_dir(role) / "manifest.json").read_text())
    assert manifest["config"]["encoder_hashes"]["faces"] == hash_of(load_face_analyzer())


def test_hash_of_the_face_networks_does_not_depend_on_where_packages_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from torch.nn import functional as F` is no constant: its text holds the path of the installation."""
    before = load_face_analyzer().content_hash
    monkeypatch.setattr(analysis, "F", json, raising=False)
    assert load_face_analyzer().content_hash == before
