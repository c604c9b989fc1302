"""The check of the demo notices ads that became worse."""

from __future__ import annotations

import pytest

from tests.check_demo import MAX_WORSE, WORST, check_worse


def rates(*changes: float) -> list[dict[str, object]]:
    return [
        {"file_name": f"ad-{k}.jpg", "true_original": 0.02, "true_delivered": 0.02 * (1 + change)}
        for k, change in enumerate(changes)
    ]


def test_gains_kept_ads_and_one_small_loss_pass() -> None:
    check_worse(rates(0.1, 0.0, *[0.9 * WORST] * MAX_WORSE))


def test_a_further_loss_is_named() -> None:
    with pytest.raises(AssertionError, match=r"ad-1\.jpg.*ad-2\.jpg"):
        check_worse(rates(0.1, *[-0.001] * (MAX_WORSE + 1)))


def test_a_single_large_loss_is_named() -> None:
    with pytest.raises(AssertionError, match=r"ad-0\.jpg"):
        check_worse(rates(1.1 * WORST, 0.1))
