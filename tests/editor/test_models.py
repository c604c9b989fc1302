"""What models predict of a change: one alone, and several together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.editor.models import BUTTON_STD, pool_opinions, predict_uplift
from tests.editor.fakes import FakeExtractor, FakePredictor, fake_ad


def test_pooled_opinions_are_the_moments_of_their_mixture() -> None:
    rng = np.random.default_rng(0)
    means, stds = np.array([[0.3, -0.1], [0.1, 0.5]]), np.array([[0.1, 0.2], [0.05, 0.4]])
    mean, std = pool_opinions(means, stds)
    which = rng.integers(2, size=400_000)
    for column in range(2):
        drawn = rng.normal(means[which, column], stds[which, column])
        assert mean[column] == pytest.approx(drawn.mean(), abs=2e-3)
        assert std[column] == pytest.approx(drawn.std(), abs=2e-3)


def test_a_new_button_is_not_believed_for_sure() -> None:
    ad, predictor = fake_ad(cta="Shop now"), FakePredictor(lambda f: 0.0)
    (seen,) = FakeExtractor().extract([ad])
    _, std = predict_uplift(predictor, [ad, ad, replace(ad, cta="Learn more")], [seen] * 3)
    assert std.tolist() == [0.0, BUTTON_STD]
