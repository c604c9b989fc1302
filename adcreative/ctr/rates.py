"""What a click-rate model says of ads with results that it has not seen, whichever kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeldOutRates:
    """Predicted rate, its 90 % interval, and how far that covers the clicks (0..1; 0.9 on average is right), [N] each."""

    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    covered: np.ndarray
