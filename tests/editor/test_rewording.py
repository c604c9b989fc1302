"""Lines a few at a time, none twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.copywriter.brief import Brief
from adcreative.copywriter.candidates import CopyCandidates
from adcreative.copywriter.fresh_lines import Wording, write_lines
from adcreative.creative import Creative, Edit
from adcreative.editor import session as editing
from adcreative.editor.session import EditorConfig
from adcreative.lettering import Change
from tests.editor.fakes import FakePredictor, bumpy_surface, fake_ad, fake_tools, open_ad
from tests.lettering.reading.drawn_ads import placed

AD = Creative(headline="Warm coats for winter", brand="Somnia")
LINES = (
    "A coat for frosty mornings",
    "Warm coats for winter",
    "Walk home dry tonight",
    "A coat for frosty mornings",
    "Pockets",
)


class Writer:
    """Writes the same lines in each round; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Brief, int, int, int]] = []
        self.num_begun = 0

    def write(self, brief: Brief, headlines: int, descriptions: int, seed: int, should_stop: Any = None) -> CopyCandidates:
        self.asked.append((brief, headlines, descriptions, seed))
        return CopyCandidates(headlines=LINES, descriptions=(), engines=("w",) * len(LINES), engine="w")


@pytest.mark.parametrize("is_briefed", [False, True])
def test_a_copywriter_is_asked_for_a_few_at_a_time(is_briefed: bool) -> None:
    writer = Writer()
    wording = Wording(text="Waterproof.", avoid=("cheap",)) if is_briefed else Wording()
    assert list(write_lines(AD, writer, "headline", wording=wording, num=2, seed=7)) == [LINES[0], LINES[2]]
    ((brief, *asked),) = writer.asked
    assert asked == [3, 0, 7]
    assert (brief.notes, brief.avoid) == (("Waterproof.", ("cheap",)) if is_briefed else ("", ()))


def test_nothing_is_given_twice_and_rounds_end() -> None:
    writer = Writer()
    assert list(write_lines(AD, writer, "headline", num=6)) == [LINES[0], LINES[2], LINES[4]]
    assert [seed for *_, seed in writer.asked] == list(range(8))


def test_stopping_ends_the_lines() -> None:
    assert not list(write_lines(AD, Writer(), "headline", should_stop=lambda: True))


def test_words_of_ones_own_bring_their_own_interval_of_the_change() -> None:
    ad, tools = fake_ad(description="Good shoes."), fake_tools()
    for model in (tools.predictor, tools.judge, tools.auditor):
        model.spread = lambda features: 0.1  # type: ignore[attr-defined]
    session = open_ad(ad, tools, EditorConfig(edit_look=False, population_size=12, generations=4, identity_floor=0.0))
    found = session.search()
    for headline, status in (("Dry feet all day", "edited"), ("Buy shoes", "kept")):
        result = session.reword(replace(found, plan=None), headline, "Good shoes.", is_forced=False).result
        assert result.status == status
        assert (result.uplift_low is None) == (result.uplift_high is None) == (status == "kept")
        if status == "edited":
            assert result.uplift_low < result.ctr_edited / result.ctr_original - 1 < result.uplift_high
            assert result.uplift_low != found.result.uplift_low


class Buttons(FakePredictor):
    """A button "Sign up" is worth 0.4 log-odds beside what the features say."""

    def known_values(self, column: str) -> list[str]:
        return ["shop now", "sign up"]

    def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
        mean, std = super().predict_change(creatives, features)
        worth = np.array([0.4 * (one.cta == "Sign up") for one in creatives])
        return mean + worth[1:] - worth[0], std


def test_new_words_stand_beside_the_edited_button_picture_and_scene() -> None:
    ad, tools = fake_ad(description="Good shoes.", cta="Shop now"), fake_tools()
    predictor = Buttons(bumpy_surface)
    tools = replace(tools, predictor=predictor, judge=predictor, auditor=predictor)
    session = open_ad(ad, tools, EditorConfig(edit_look=False, population_size=12, generations=4, identity_floor=0.0))
    found = session.search()
    others = tuple(
        Edit(face=-1, direction=name, strength=strength) for name, strength in (("exposure", 0.5), ("scene", 2.0), ("cta", 0.0))
    )
    face, words = Edit(face=0, direction="smile", strength=1.0), Edit(face=-1, direction="headline", strength=0.0)
    edited = replace(found.result, status="edited", cta_edited="Sign up", edits=(face, *others, words))
    reworded = session.reword(replace(found, result=edited), "Shoes for rain", "Good shoes.")
    final = replace(ad, image_u8=found.image_u8, headline="Shoes for rain", cta="Sign up")
    before, after = tools.extractor.extract([ad, final])
    assert reworded.result.cta_edited == "Sign up"
    assert reworded.verdict.chosen == pytest.approx(bumpy_surface(after) - bumpy_surface(before) + 0.4)
    exposure, scene, button = others
    assert reworded.result.edits == (face, exposure, scene, words, button)
    again = session.reword(reworded, "Shoes", "Good shoes.")  # the ad's own headline: no edit of it
    assert again.result.edits == (face, exposure, scene, button)


def test_words_that_bring_no_gain_keep_the_ad_as_it_was() -> None:
    ad, tools = fake_ad(description="Good shoes."), fake_tools(lambda features: -3.0 + (features.appeal or 0.0))
    session = open_ad(ad, tools, EditorConfig(edit_look=False, population_size=12, generations=4))
    found = session.search()
    kept = session.reword(found, "Buy shoes", "Good shoes.", is_forced=False)
    assert (kept.result.status, kept.result.edits, kept.result.headline_edited) == ("kept", (), "Shoes")
    assert kept.result.ctr_edited == kept.result.ctr_original
    assert kept.result.reason.startswith("words written by hand; ")
    np.testing.assert_array_equal(kept.image_u8, ad.image_u8)


def test_new_words_are_judged_by_the_settings_of_the_edit() -> None:
    ad, tools = fake_ad(description="Good shoes."), fake_tools(lambda features: -3.0 + (features.appeal or 0.0))
    config = EditorConfig(edit_look=False, population_size=12, generations=4, min_uplift=0.3)
    session = open_ad(ad, tools, config)
    found = session.search()
    refused = session.reword(found, "Shoes for rain", "Good shoes.", is_forced=False).result  # worth 0.2
    assert refused.status == "kept"
    assert "not more than the +35.0 % asked for" in refused.reason


@pytest.mark.parametrize(("worth", "sign"), [(0.2, 1), (-0.3, -1)])
def test_own_words_are_used_whatever_the_models_say_and_the_row_says_what_they_expect(worth: float, sign: int) -> None:
    ad = fake_ad(description="Good shoes.")
    own = {"Shoes for rain": worth}
    tools = fake_tools(lambda features: -3.0 + own.get("Shoes for rain", 0.0) * float((features.appeal or 0.0) > 0.1))
    session = open_ad(ad, tools, EditorConfig(edit_look=False, population_size=12, generations=4))
    found = session.search()
    mine = session.reword(found, "Shoes for rain", "Good shoes.")
    result = mine.result
    assert (result.status, result.headline_edited, result.is_own_choice) == ("edited", "Shoes for rain", True)
    assert result.reason.startswith("words written by hand; ")
    assert np.sign(result.ctr_edited / result.ctr_original - 1) == sign
    assert result.uplift_low - 1e-3 < result.ctr_edited / result.ctr_original - 1 < result.uplift_high + 1e-3
    assert not found.result.is_own_choice


class Setter:
    """Words in the picture: the row of pixels that says the headline, by its length."""

    field_blocks = ("headline",)

    def __init__(self, words: str = "Shoes") -> None:
        self.words = words

    def change(self, texts: Mapping[str, str]) -> Change:
        mask = np.zeros(fake_ad().image_u8.shape[:2], bool)
        mask[0, :] = texts["headline"] != self.words
        pixels = np.full((*mask.shape, 3), len(texts["headline"]), np.uint8)
        return Change(mask=mask, pixels=pixels, placed={"headline": placed(texts["headline"])} if mask.any() else {})


@pytest.mark.parametrize("is_kept", [False, True])
def test_own_words_are_set_into_the_picture_in_place_of_those_that_were_found(
    is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ad = fake_ad(description="Good shoes.")
    tools = fake_tools((lambda features: -3.0) if is_kept else (lambda features: -3.0 + (features.appeal or 0.0)))
    opened = editing.open_creative
    monkeypatch.setattr(editing, "open_creative", lambda *words, **more: replace(opened(*words, **more), setter=Setter()))
    session = open_ad(ad, tools, EditorConfig(edit_look=False, population_size=12, generations=4))
    found = session.search()
    assert found.result.status == ("kept" if is_kept else "edited")
    searched = int(found.image_u8[0, 0, 0])
    assert searched == (ad.image_u8[0, 0, 0] if is_kept else len(found.result.headline_edited))
    mine = session.reword(found, "Shoes for long rain", "Good shoes.")
    assert (mine.image_u8[0] == len("Shoes for long rain")).all()
    np.testing.assert_array_equal(mine.image_u8[1:], found.image_u8[1:])
    assert mine.result.words_in_picture == "headline set into the picture"
    again = session.reword(mine, "Shoes", "Good shoes.")  # the ad's own words stand as they stood
    np.testing.assert_array_equal(again.image_u8[0], ad.image_u8[0])
    brought = session.reword(found, "Shoes for rain", "Good shoes.", own_u8=np.full_like(ad.image_u8, 7))
    assert (brought.image_u8 == 7).all()
