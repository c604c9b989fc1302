"""The models that ship with the package name the encoders that ship with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs.loading import load_model
from stylegan.faces import analysis

ROLES = ("predictor", "judge", "auditor")


@pytest.mark.parametrize("role", ROLES)
def test_manifest_names_the_content_of_the_face_networks(role: str) -> None:
    manifest = json.loads((embedded_dir(role) / "manifest.json").read_text())
    assert manifest["config"]["encoder_hashes"]["faces"] == load_face_analyzer().measures_hash


def test_hash_of_the_face_networks_does_not_depend_on_where_packages_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from torch.nn import functional as F` is no constant: its text holds the path of the installation."""
    before = load_face_analyzer().measures_hash
    monkeypatch.setattr(analysis, "F", json, raising=False)
    assert load_face_analyzer().measures_hash == before


def test_evidence_says_when_the_words_are_in_a_language_that_it_does_not_know() -> None:
    model = load_model(None).predictor
    german = Creative(headline="Günstige Schuhe für den Winter", description="Jetzt bestellen und sparen")
    english = Creative(headline="Warm shoes for a cold winter", description="Order today and save")
    said, plain = (model.evidence_for(one, CreativeFeatures()) for one in (german, english))
    assert said.endswith("; the words are in German, and what it knows of words is English: its headline score is left out.")
    assert "English" not in plain


@pytest.mark.parametrize("role", ROLES)
def test_the_headline_score_of_an_english_model_does_not_move_a_german_ad(role: str) -> None:
    model = getattr(load_model(None), role)
    german = Creative(headline="Günstige Schuhe für den Winter", description="Jetzt bestellen und sparen")
    english = Creative(headline="Warm shoes for a cold winter", description="Order today and save")
    plain, praised = (CreativeFeatures(appeal=score) for score in (-0.5, 0.5))
    of_german, of_english = (model.predict_log_odds([ad, ad], [plain, praised])[0] for ad in (german, english))
    assert of_german[0] == of_german[1]
    assert of_english[0] < of_english[1]
    mean = float(model.builder.means["appeal"][0])
    neutral = model.predict_log_odds([english], [CreativeFeatures(appeal=mean)])[0]
    np.testing.assert_allclose(of_german[0], neutral[0], atol=1e-6)
