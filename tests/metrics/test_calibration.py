"""The line of log-odds that counts fit best."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from adcreative.metrics.calibration import fit_log_odds


@pytest.mark.parametrize("scale", [1, 1000])
def test_at_the_best_line_the_likelihood_is_flat(scale: int) -> None:
    x = logit(np.array([0.012, 0.007, 0.203]))
    shown, clicked = scale * np.array([10_000.0, 1_000, 1_000]), scale * np.array([180.0, 4, 203])
    found = fit_log_odds(x, shown, clicked)
    assert found is not None
    level, slope, error = found
    design, rate = np.stack([np.ones(3), x]), expit(level + slope * x)
    assert design @ (clicked - shown * rate) / clicked.sum() == pytest.approx(0.0, abs=1e-9)
    information = design * (shown * rate * (1 - rate)) @ design.T
    assert error == pytest.approx(np.linalg.inv(information)[1, 1] ** 0.5)


def test_clicks_at_one_end_only_have_no_best_slope() -> None:
    x, shown = np.array([-5.0, -4.0, -3.0]), np.array([1000.0, 1000.0, 1000.0])
    assert fit_log_odds(x, shown, np.array([0.0, 0.0, 40.0])) is None
    assert fit_log_odds(x, shown, np.array([40.0, 0.0, 0.0])) is None
    assert fit_log_odds(x, shown, shown) is None
    assert fit_log_odds(x, shown, np.array([0.0, 40.0, 0.0])) is not None
