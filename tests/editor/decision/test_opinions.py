"""What the third model says of an edit: its mean and its own lower bound, both as far as searched changes come true."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.decision.opinions import Opinion, audit
from adcreative.editor.settings import EditorConfig

PAIR = [Creative(headline="Sleep well"), Creative(headline="Sleep deeper")]
CHOSEN = Opinion(chosen=0.3, low=0.2, judged=0.3, std=0.1)


class Says:
    """Predicts a change of 0.2 with a deviation; half of such changes comes true once they were searched."""

    searched_share = 0.5

    def __init__(self, std: float) -> None:
        self.std = std

    def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0.2]), np.array([self.std])


def verdict(std: float, *, is_searched: bool = False) -> Any:
    tools: Any = Namespace(auditor=Says(std))
    return audit(PAIR, [None, None], CHOSEN, tools, EditorConfig(risk_aversion=0.8), is_searched=is_searched)


def test_a_third_model_that_is_not_sure_keeps_the_ad() -> None:
    sure, unsure = verdict(0.1), verdict(0.6)
    assert (sure.audited, sure.audited_low) == (pytest.approx(0.2), pytest.approx(0.2 - 0.4 * 0.1))
    assert sure.is_delivered
    assert unsure.audited_low == pytest.approx(-0.04)
    assert not unsure.is_delivered


def test_the_share_of_searched_changes_moves_no_sign() -> None:
    searched = verdict(0.1, is_searched=True)
    assert (searched.audited, searched.audited_low) == (pytest.approx(0.1), pytest.approx(0.08))
    assert verdict(0.6, is_searched=True).audited_low == pytest.approx(-0.02)
