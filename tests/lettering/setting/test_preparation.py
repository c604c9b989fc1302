"""What texts need of a picture is worked out once, ahead of them if wished, and changes nothing of what is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from adcreative.lettering.setting import matching
from adcreative.lettering.setting import preparation as preparation_module
from adcreative.lettering.setting.fonts import Typeface
from adcreative.lettering.setting.prepared_cache import FITTED, PreparedCache
from adcreative.lettering.setting.registration import SeenLine
from tests.lettering.reading.drawn_ads import drawn_ad
from tests.lettering.setting.test_setting import AD, setter

NEW = AD | {"headline": "Rest well", "cta": "Order your pillow now"}


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was worked out, in order."""
    done: list[str] = []

    def noting(name: str) -> Callable:
        real = getattr(preparation_module, name)
        return lambda *args, **options: done.append(name) or real(*args, **options)

    for name in ("match_fonts", "erase_block", "lift_shape"):
        monkeypatch.setattr(preparation_module, name, noting(name))
    return done


def test_a_text_is_set_alike_on_prepared_grounds_and_nothing_is_worked_out_again(worked_out: list[str]) -> None:
    plain, prepared = setter(drawn_ad()), setter(drawn_ad())
    expected = plain.change(NEW)
    worked_out.clear()
    prepared.prepared.prepare()
    assert worked_out == ["match_fonts", *["erase_block"] * len(prepared.field_blocks), "lift_shape"]
    assert np.array_equal(prepared.change(NEW).pixels, expected.pixels)
    assert len(worked_out) == len(prepared.field_blocks) + 2


def test_preparing_stops_between_two_parts(worked_out: list[str]) -> None:
    setter(drawn_ad()).prepared.prepare(lambda: "erase_block" in worked_out)
    assert worked_out == ["match_fonts", "erase_block"]


def test_preparing_stops_between_two_fonts_and_what_was_looked_at_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, real = list[tuple[str, str]](), matching._compare

    def compare(typeface: Typeface, words: Sequence[SeenLine]) -> float:
        seen.append((typeface.name, words[0].text))
        return real(typeface, words)

    monkeypatch.setattr(matching, "_compare", compare)
    expected, at_once = setter(drawn_ad()).prepared.match(), seen.copy()
    prepared = setter(drawn_ad()).prepared
    for num in (1, 5, 9):
        seen.clear()
        prepared.prepare(lambda: len(seen) >= num)  # noqa: B023 - asked at once
        assert len(seen) < num + matching.FITTED.compared_lines
        at_once = at_once[len(seen) :]
    seen.clear()
    assert prepared.match() == expected
    assert seen == at_once
    assert seen


def test_grounds_are_shared_by_setters_of_the_same_picture_and_words_alone() -> None:
    kept = PreparedCache()
    first = kept.share(setter(drawn_ad()).prepared)
    assert kept.share(setter(drawn_ad()).prepared) is first
    other_u8 = drawn_ad().copy()
    other_u8[0, 0] ^= 1
    assert kept.share(setter(other_u8).prepared) is not first
    assert kept.share(setter(drawn_ad(), AD | {"cta": ""}).prepared) is not first
    again = kept.share(setter(drawn_ad()).prepared)
    assert again is not first, f"the latest {FITTED.num_kept} are kept"
    kept.forget()
    assert kept.share(setter(drawn_ad()).prepared) is not again


def test_large_pictures_are_not_kept() -> None:
    kept = PreparedCache()
    large = setter(drawn_ad()).prepared
    large.image_u8 = np.zeros((FITTED.max_kept_pixels // 1000 + 1, 1000, 3), np.uint8)
    assert kept.share(large) is large
    assert not kept._kept


def test_the_ground_of_a_text_that_no_font_can_take_the_place_of_is_not_worked_out(
    worked_out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "FITTED", replace(matching.FITTED, min_likeness=1.1, min_by_words=1.1))
    setter(drawn_ad()).prepared.prepare()
    assert worked_out == ["match_fonts"]
