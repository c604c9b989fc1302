"""Open Bandit (ZOZO): logged recommendations of fashion items with propensities. Does not import torch.

The table has timestamp, item_id, position (1 to 3), click, propensity_score and user_feature_0..3; propensity_score is the
propensity of the item at its position. The user features together form the context.

Source: Saito, Aihara, Matsutani & Narita, Open Bandit Dataset and Pipeline, NeurIPS 2021 (CC BY 4.0).
"""

from __future__ import annotations

import pandas as pd

from adcreative.catalog.formats.logs import read_names

FEATURES = "user_feature_"


def add_open_bandit_context(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a context column built from its user features; a table without user features is unchanged."""
    features = sorted(str(name) for name in table.columns if str(name).startswith(FEATURES))
    if not features or "propensity_score" not in table.columns or "context" in table.columns:
        return table
    codes = [read_names(table[name]).str[:6] for name in features]
    return table.assign(context=["/".join(row) for row in zip(*codes, strict=True)])
