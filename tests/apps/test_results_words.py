"""What a page says of an edit, read as a stranger would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.creative import EditResult
from adcreative.lettering import Change
from adcreative.problem import Problem
from adcreative.verbs.directions import read_direction_names
from apps.studio.handlers.steps import merge_notes
from apps.studio.html.results import _has_new_words, cards, result, say_kept_words, say_looks
from tests.apps.fakes import FakeAlternative, FakeOutcome
from tests.lettering.reading.drawn_ads import placed


@pytest.mark.parametrize(
    ("direction", "strength", "said"),
    [
        ("smile", 0.3, "slightly more smile"),
        ("mouth_open", -1.0, "mouth clearly more closed"),
        ("head_yaw", 2.0, "head strongly turned"),
        ("gaze_y", 0.3, "looks slightly higher or lower"),
        ("exposure", -0.3, "slightly darker"),
        ("scene", 1.0, "another background"),
    ],
)
def test_looks_are_said_in_plain_words(direction: str, strength: float, said: str) -> None:
    assert say_looks([{"direction": direction, "strength": strength}]) == (said,)


def test_what_is_true_of_both_ads_of_a_test_is_said_once() -> None:
    names = [f"ad_{called}_acv0123456789ab" for called in ("original", "version-B")]
    notes = [f'{name}: Meta has no button "Commander"; choose one' for name in names]
    notes += [f"{names[1]}: the title has 50 letters; about 27 are shown", "the rows are in euros"]
    assert merge_notes(notes) == [
        'Meta has no button "Commander"; choose one',
        "this version: the title has 50 letters; about 27 are shown",
        "the rows are in euros",
    ]


def test_every_direction_has_words() -> None:
    for name in read_direction_names():
        (said,) = say_looks([{"direction": name, "strength": 0.4}])
        assert "{" not in said
        assert "slightly" in said


def test_a_language_is_named_as_unwritten_only_where_no_words_are_new() -> None:
    assert _has_new_words({"headline_original": "Frisch", "headline_edited": "Frisch geröstet"})
    assert not _has_new_words({"headline_original": "Frisch", "headline_edited": "Frisch", "description_edited": None})
    assert not _has_new_words({"headline_original": "Frisch", "headline_edited": ""})


@pytest.mark.parametrize(
    ("headlines", "said", "unsaid"),
    [
        (("Frisch geröstet",), "phrases were only put together anew", "its words stay"),
        (("Frisch", "Frisch"), "make no other line, so its words stay", "together anew"),
        ((), "is surely better, and new lines in German need", "its words stay"),
    ],
)
def test_phrases_are_put_together_anew_only_where_a_card_has_new_words(
    headlines: tuple[str, ...], said: str, unsaid: str
) -> None:
    row = EditResult(
        file_name="ad.png",
        status="kept",
        headline_original="Frisch",
        headline_edited="Frisch",
        enough_data=False,
        problems=(Problem("ad_language", language="German"),),
    )
    found = tuple(FakeAlternative(uplift=0.1, uplift_low=0.0, size=1.0, headline=headline) for headline in headlines)
    shown = result(FakeOutcome(result=row, image_u8=None, control_u8=None, alternatives=found), None, ())
    assert shown.lower().count("new lines in german need a writer that knows it") == 1
    assert said in shown
    assert unsaid not in shown.split("<details>")[0]


@pytest.mark.parametrize(
    ("status", "codes", "said"),
    [
        ("kept", ["no_other_line"], "Write a fact or two"),
        ("edited", ["no_other_line"], ""),
        ("kept", ["no_other_line", "nothing_to_test"], "Make ads from a photo"),
        ("kept", ["unread_words", "nothing_to_test"], "Type the headline"),
        ("kept", [], "Bring my results"),
    ],
)
def test_where_nothing_is_surely_better_one_sentence_says_what_would_help(status: str, codes: list[str], said: str) -> None:
    told = tuple(Problem(code, why="x", told="x") for code in codes)
    row = EditResult(file_name="ad.png", status=status, enough_data=False, problems=told, is_untested=True)
    shown = result(FakeOutcome(result=row, image_u8=None, control_u8=None), None, ()).split("<details>")[0]
    assert shown.count("data-go") == bool(said)
    assert said in shown


def test_a_card_says_a_description_only_where_it_is_new() -> None:
    result = EditResult(file_name="ad.png", status="kept", description_original="Posted the same day", enough_data=False)
    found = tuple(
        FakeAlternative(uplift=0.1, uplift_low=0.0, size=1.0, headline="Coffee", description=below)
        for below in ("Posted the same day", "Roasted in Leeds <b>")
    )
    shown = cards(FakeOutcome(result=result, image_u8=None, control_u8=None, alternatives=found), lambda idx: None)
    assert "Posted the same day" not in shown
    assert "Roasted in Leeds &lt;b&gt;" in shown


def test_a_card_says_that_its_words_are_in_a_similar_font_and_where_the_own_is_brought() -> None:
    kept = EditResult(file_name="ad.png", status="kept", headline_original="Tea", enough_data=False)
    nothing = np.zeros((2, 2), bool)
    for is_said in (True, False):
        texts = {"headline": placed("Fresh tea", is_own_font=not is_said)}
        words = Change(mask=nothing, pixels=np.zeros((2, 2, 3), np.uint8), placed=texts).problems
        one = FakeAlternative(uplift=0.1, uplift_low=0.0, size=1.0, headline="Fresh tea", picture_problems=words)
        shown = cards(FakeOutcome(result=kept, image_u8=None, control_u8=None, alternatives=(one,)), lambda idx: None)
        assert ("in a font like yours" in shown) == is_said
        assert ("Your own font, under Settings" in shown) == is_said


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((Problem("words_set", words="headline", ink=""),), ""),
        ((Problem("words_stay", word="headline", why="no font is like it"),), "The picture keeps the old headline"),
        ((), "New words beside the picture only"),
    ],
)
def test_a_card_says_where_its_picture_keeps_the_old_words(told: tuple[Problem, ...], said: str) -> None:
    result = EditResult(file_name="ad.png", status="kept", headline_original="Tea", enough_data=False)
    found = FakeAlternative(uplift=0.1, uplift_low=0.0, size=1.0, headline="Coffee", picture_problems=told)
    picture = np.zeros((20, 20, 3), np.uint8)
    shown = cards(FakeOutcome(result=result, image_u8=picture, control_u8=None, alternatives=(found,)), lambda idx: picture)
    assert said in shown
    assert ("ac-amber" in shown) == bool(said)
    assert say_kept_words(replace(found, headline="Tea"), result) == ""
