"""Probes on planted features."""

from __future__ import annotations

import numpy as np
import pytest

from data.make.probes import fit_probe
from stylegan.errors import DirectionError


def test_a_probe_finds_the_planted_label_and_says_how_well() -> None:
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(120) % 3 == 0, 1.0, -1.0)
    features = rng.normal(size=(120, 40)) * 30
    features[:, 5] = labels * 100 + rng.normal(size=120)
    groups = np.arange(120)
    probe = fit_probe(features, labels, groups)
    assert probe.auc > 0.95
    assert probe.num_plus == 40
    assert probe.score(features[labels > 0]).mean() > probe.score(features[labels < 0]).mean()
    unrelated = fit_probe(np.delete(features, 5, axis=1), labels, groups)
    assert unrelated.auc < 0.7
    assert abs(unrelated.class_gap) < probe.class_gap


def test_a_probe_keeps_the_pictures_of_one_face_in_one_fold() -> None:
    """Features that only say which face it is: with a row split the copy of a face would give its label away."""
    rng = np.random.default_rng(0)
    face = np.repeat(np.eye(40), 2, axis=0) * 1000
    labels = np.repeat(np.where(rng.uniform(size=40) < 0.5, 1.0, -1.0), 2)
    assert fit_probe(face, labels, np.repeat(np.arange(40), 2)).auc < 0.7


def test_a_probe_needs_faces_on_both_sides() -> None:
    labels = np.array([1.0] * 9 + [-1.0] * 30)
    with pytest.raises(DirectionError, match="ten faces on each side, got 9 and 30"):
        fit_probe(np.zeros((39, 3)), labels, np.arange(39))
