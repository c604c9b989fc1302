"""Select significant effects among several, with a false discovery rate of at most a tenth.

Source: Benjamini & Hochberg 1995, "Controlling the False Discovery Rate" (JRSS B 57).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

INTERVAL_Z = 1.6449  # two-sided 90 %, like every interval here
FALSE_SHARE = 0.1  # allowed share of false discoveries


def find_discoveries(effects: Sequence[tuple[float, float, float]], *, false_share: float = FALSE_SHARE) -> list[bool]:
    """Return which of the jointly tested effects are significant.

    Args:
        effects: each with its 90 % interval: low, effect, high, around 0 under the null hypothesis (log-odds).
        false_share: the false discovery rate (0..1).
    """
    from scipy.stats import false_discovery_control, norm

    if not effects:
        return []
    low, middle, high = np.asarray(effects, dtype=np.float64).T
    reach = np.maximum(np.where(middle > 0, middle - low, high - middle), 1e-12)  # on the side towards 0
    p_values = 2 * norm.sf(INTERVAL_Z * np.abs(middle) / reach)
    return [bool(one) for one in false_discovery_control(p_values, method="bh") <= false_share]
