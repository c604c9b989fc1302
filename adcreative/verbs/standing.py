"""Compare the predicted rate of an ad with the usual ad. A rate is stated only where its level is known. Imports no torch.

The shipped model ranks ads better than it predicts how often an account's ads are clicked, so that its rates are guesses and
comparisons are not. The reference is an ad of which nothing is known: the mean of the training data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adcreative.creative import Creative, Prediction
from adcreative.verbs.score_table import check_base_rate

if TYPE_CHECKING:
    from adcreative.ctr.click_model import ClickModel
    from adcreative.features.batch import CreativeFeatures


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A prediction, and the ratio of its odds to the odds of an ad of which nothing is known.

    change: 0.1 is ten percent higher odds; change_low, change_high: its 90 % interval. rate, rate_low, rate_high (0..1): None
    where the level is unknown or there is not enough data.
    """

    prediction: Prediction
    change: float
    change_low: float
    change_high: float
    rate: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None


def find_standing(
    predictor: ClickModel, creative: Creative, features: CreativeFeatures, *, knows_level: bool, usual_rate: float | None = None
) -> Standing:
    """Predict a creative and compare the prediction with an ad of which nothing is known.

    Args:
        predictor: a ClickModel. features: of the creative, from the extractor. knows_level: rates are those of the account.
        usual_rate: the rate (0..1) of an ad of which nothing is known, in place of the model's own.
    Raises:
        ConfigError: `usual_rate` is no rate between 0 and 1.
    """
    from adcreative.verbs.explain import find_base

    check_base_rate(usual_rate)
    (prediction,) = predictor.predict([creative], [features])
    base = find_base(predictor, creative, features)
    ends = [_log_odds(rate) - base for rate in (prediction.ctr, prediction.ctr_low, prediction.ctr_high)]
    rates: list[float | None] = [None, None, None]
    if prediction.enough_data and knows_level:
        rates = [prediction.ctr, prediction.ctr_low, prediction.ctr_high]
    elif prediction.enough_data and usual_rate is not None:
        rates = [1 / (1 + math.exp(-(_log_odds(usual_rate) + end))) for end in ends]
    change, low, high = (math.expm1(end) for end in ends)
    return Standing(
        prediction=prediction,
        change=change,
        change_low=low,
        change_high=high,
        rate=rates[0],
        rate_low=rates[1],
        rate_high=rates[2],
    )


def _log_odds(rate: float) -> float:
    rate = min(max(rate, 1e-9), 1 - 1e-9)
    return math.log(rate / (1 - rate))
