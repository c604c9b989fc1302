"""Shapley values of an account's model: the yardstick alone is that of the whole attribution."""

from __future__ import annotations

import pytest

from adcreative.ctr.account.fitting import fit_account
from adcreative.explain.shapley import attribute, base_log_odds
from tests.ctr.account.accounts import plant_account


def test_the_base_alone_is_that_of_all_parts() -> None:
    account = plant_account(120, rate=0.05, seed=5)
    model, _, _ = fit_account(account.creatives, account.features, seed=0)
    for creative, features in zip(account.creatives[:3], account.features[:3], strict=True):
        found = attribute(model, creative, features)
        assert base_log_odds(model, creative, features) == pytest.approx(found.base)
        assert found.base != pytest.approx(found.log_odds)
