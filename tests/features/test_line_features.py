"""What can be seen in a line, in any language, and what the evidence of an account says of it."""

from __future__ import annotations

import pytest

from adcreative.features.line_features import GENERAL, LineEffect, expected_change, has_feature, read_effects


@pytest.mark.parametrize(
    ("feature", "with_it", "without"),
    [
        ("number", "12 linen shirts", "Twelve linen shirts"),
        ("amount", "Two shirts for 70 €", "70 shirts"),
        ("question", "靴をお探しですか？", "靴があります。"),
        ("exclamation", "Nu in huis!", "Nu in huis"),
        ("brand", "Schoenen van VELLETTE", "Schoenen van hier"),
        ("subject", "Voetbalschoen voor kunstgras", "Gratis verzending"),
        ("long", "One two three four five six", "One two three four five"),
    ],
)
def test_a_feature_is_seen_in_its_line_only(feature: str, with_it: str, without: str) -> None:
    known = {"brand": "Vellette", "subject": "voetbalschoenen kids", "usual_words": 5.0}
    assert has_feature(with_it, feature, **known)  # type: ignore[arg-type]
    assert not has_feature(without, feature, **known)  # type: ignore[arg-type]
    assert feature in GENERAL


def test_words_are_whole_words_in_order() -> None:
    assert has_feature("Altijd gratis verzending.", "word gratis verzending")
    assert not has_feature("Verzending altijd gratis", "word gratis verzending")
    assert not has_feature("Gratisartikel", "word gratis")
    assert not has_feature("Anything", "nothing known")


def test_only_certain_effects_count_and_what_is_written_is_read_again() -> None:
    effects = (
        LineEffect(feature="number", effect=0.12, low=0.03, high=0.2, ads=340),
        LineEffect(feature="question", effect=-0.1, low=-0.25, high=0.05, ads=90),
    )
    assert expected_change("7 shirts?", effects) == pytest.approx(0.12)
    assert read_effects([one.as_dict() for one in effects]) == effects
    assert effects[0].sentence == "lines with a number: +13 % (3 to 22) in 340 ads"
    assert effects[0].as_dict()["label"] == "a number"
