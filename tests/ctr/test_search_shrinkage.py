"""What of a searched change comes true: the optimiser's curse on planted ads, and where an account's own ads may move it."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.ctr.changes import ChangeCalibration, ChannelCalibration
from adcreative.ctr.search_shrinkage import fit_searched_share, read_searched_share

CHANNELS = {name: ChannelCalibration(1.0, 0.1) for name in ("words", "picture", "faces")}


def _account(*, error: float, num_groups: int = 60, num_ads: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return predictions, impressions, clicks and groups of ads whose true log-odds are predicted with this error."""
    rng = np.random.default_rng(7)
    group = np.repeat(np.arange(num_groups), num_ads)
    true = -3.5 + 0.3 * rng.standard_normal(len(group))
    predicted = true + error * rng.standard_normal(len(group))
    impressions = np.full(len(group), 4000.0)
    return predicted, impressions, rng.binomial(4000, 1 / (1 + np.exp(-true))).astype(float), group


def test_without_ads_the_measured_share_stays() -> None:
    nothing = np.zeros(0)
    assert fit_searched_share(nothing, nothing, nothing, nothing) == pytest.approx(read_searched_share()[0])


def test_an_account_whose_best_ads_were_picked_for_their_errors_lowers_it_and_a_good_one_does_not_raise_it() -> None:
    mean, _ = read_searched_share()
    poor, good = (fit_searched_share(*_account(error=error)) for error in (1.2, 0.01))
    assert poor < 0.5 * mean
    assert good == pytest.approx(mean)  # capped: ads that people wrote are no search


def test_a_planted_share_is_found() -> None:
    """Errors as large as the truth: of the best's predicted lead, half comes true (regression to the mean), below the cap."""
    share = fit_searched_share(*_account(error=0.3, num_groups=300))
    assert 0.44 < share < 0.56


def test_a_model_keeps_its_share_and_one_that_does_not_say_gets_the_measured_one() -> None:
    own = ChangeCalibration(CHANNELS, 40, 8, searched_share=0.31)
    assert ChangeCalibration.from_dict(own.as_dict()).searched_share == 0.31
    earlier = {name: value for name, value in own.as_dict().items() if name != "searched_share"}
    assert ChangeCalibration.from_dict(earlier).searched_share == read_searched_share()[0]
