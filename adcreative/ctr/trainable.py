"""Whether anything can be learnt from creatives with results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.config import PredictorConfig
from adcreative.errors import TrainingError

EMBEDDINGS = {"picture": "image", "words": "text"}


def check_trainable(creatives: Sequence[Creative], config: PredictorConfig) -> None:
    """Refuse data from which nothing can be learnt.

    Raises:
        TrainingError: names the missing data and the required amount.
    """
    if not creatives:
        raise TrainingError("no creative has both impressions and clicks; add the columns impressions and clicks")
    for creative in creatives:
        clicks, impressions = creative.clicks or 0, creative.impressions or 0
        if clicks < 0 or clicks > impressions:
            raise TrainingError(
                f'creative "{creative.name}": {clicks} clicks of {impressions} impressions cannot be; correct the row'
            )
    if len(creatives) < config.min_rows:
        raise TrainingError(
            f"{len(creatives)} creatives have results; at least {config.min_rows} are needed to learn from. "
            "Add more, or use the shipped model"
        )
    total = sum(creative.clicks or 0 for creative in creatives)
    if total < config.min_clicks:
        raise TrainingError(
            f"{total} clicks in all; at least {config.min_clicks} are needed to tell creatives apart. Let the ads run longer"
        )
    rates = np.array([(creative.clicks or 0) / (creative.impressions or 1) for creative in creatives])
    if np.ptp(rates) < 1e-12:
        raise TrainingError(
            f"all {len(creatives)} creatives have the same click rate ({rates[0]:.4g}); there is no difference to learn"
        )
