"""The check of the demo notices ads that became worse."""

from __future__ import annotations

import pytest

from tests.check_demo import MAX_WORSE, WORST, check_composed, check_worse


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


def wall(*rates: float, ran: float = 0.01) -> dict[str, object]:
    return {"brand": "Nordhem", "mean_true_ran": ran, "true_new": rates}


def test_new_ads_are_counted_and_must_be_worth_more_than_what_ran() -> None:
    page = '<article class="ad">' * 9
    better = [wall(0.012, 0.011, 0.01)] * 3
    assert check_composed(better, page) == 9
    with pytest.raises(AssertionError, match=r"new ads have 1\.00% planted"):
        check_composed([wall(0.01, 0.01, 0.01, ran=0.011)] * 3, page)
    with pytest.raises(AssertionError, match="hardly a new ad"):
        check_composed([*better[1:], wall(0.02)], page)
    with pytest.raises(AssertionError, match="no wall"):
        check_composed(better, "")
