"""What of a predicted change may be stated on an account that the model has not learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.ctr.transfer import ChangeTransfer, read_transfer
from data.make.transfer import build_account, fit_words, measure_slope, pool, tiny_accounts, transfer_figures


def test_the_measured_transfer_shrinks() -> None:
    found = read_transfer()
    assert 0 <= found.words < 1
    assert 0 <= found.picture < 1
    change, deviation = found.claim(0.3, 0.2)
    assert abs(change) < 0.3
    assert deviation > 0


def test_parts_are_shrunk_each_by_its_own_slope() -> None:
    found = ChangeTransfer(words=0.5, words_between=0.3, picture=0.1, picture_between=0.4)
    change, deviation = found.claim(1.0, 0.6)
    assert change == pytest.approx(0.5 * 0.6 + 0.1 * 0.4)
    assert deviation == pytest.approx(np.hypot(0.3 * 0.6, 0.4 * 0.4))


def test_accounts_with_one_truth_transfer_and_one_with_another_does_not() -> None:
    alike = tiny_accounts(300)
    assert transfer_figures(alike)["real_slope"] == pytest.approx(1.0, abs=0.15)
    rng = np.random.default_rng(1)
    embeddings, impressions = rng.normal(size=(300, 8)), np.full(300, 4_000.0)
    clicks = rng.binomial(4_000, 1 / (1 + np.exp(4 - embeddings @ rng.normal(size=8) / 4))).astype(float)
    other = build_account("other", embeddings, clicks, impressions, np.arange(300) // 5, is_real=True)
    slope, error = measure_slope(other, fit_words(alike))
    assert abs(slope) < 0.6
    assert error < 0.3


def test_pooling_weighs_by_precision_and_sees_variation_between_accounts() -> None:
    mean, error, between = pool([0.0, 0.1], [0.1, 0.1])
    assert mean == pytest.approx(0.05)
    assert error == pytest.approx(0.1 / np.sqrt(2))
    assert between == 0.0
    assert pool([0.0, 1.0], [0.1, 0.1])[2] == pytest.approx(0.7, abs=0.05)
