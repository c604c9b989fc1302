"""Which of several effects may be called sure, so that at most a tenth of those called so are chance.

Source: Benjamini & Hochberg 1995, "Controlling the False Discovery Rate" (JRSS B 57).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

INTERVAL_Z = 1.6449  # two-sided 90 %, as every interval here
FALSE_SHARE = 0.1  # of what is called sure that may be chance


def find_discoveries(effects: Sequence[tuple[float, float, float]], *, false_share: float = FALSE_SHARE) -> list[bool]:
    """Return which effects are not chance, of all that are looked at together.

    Args:
        effects: each with its 90 % interval: low, effect, high, around 0 where there is none (log-odds).
        false_share: the expected share (0..1) of chance among those that are returned as sure.
    """
    from scipy.stats import false_discovery_control, norm

    if not effects:
        return []
    low, middle, high = np.asarray(effects, dtype=np.float64).T
    reach = np.maximum(np.where(middle > 0, middle - low, high - middle), 1e-12)  # on the side of no effect
    p_values = 2 * norm.sf(INTERVAL_Z * np.abs(middle) / reach)
    return [bool(one) for one in false_discovery_control(p_values, method="bh") <= false_share]
