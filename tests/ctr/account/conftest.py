from __future__ import annotations

import pytest

from adcreative.ctr.account.fitting import fit_account
from adcreative.ctr.account.model import AccountModel
from tests.ctr.account.accounts import PlantedAccount, plant_account


@pytest.fixture(scope="session")
def account() -> PlantedAccount:
    return plant_account(400, rate=0.03, seed=1)


@pytest.fixture(scope="session")
def models(account: PlantedAccount) -> tuple[AccountModel, AccountModel, AccountModel]:
    return fit_account(account.creatives[:300], account.features[:300], seed=0)
