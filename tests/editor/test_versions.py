"""What is offered of a flat ad: what can be seen and set, layouts of its own parts, and a sentence where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.decision.finalists import FACE_SHARES
from adcreative.editor.models import FoundLayouts
from adcreative.editor.preparation.lines import ENOUGH, HOPELESS, MOST_TRIED, keep_settable
from adcreative.editor.preparation.search_space import find_messages
from adcreative.editor.settings import EditorConfig, Level
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError
from stylegan.faces.visible_changes import MAX_GAIN
from tests.editor.fakes import (
    NAMES,
    FakeCopywriter,
    FakeSession,
    attributes_in,
    bumpy_surface,
    edit_creative,
    fake_ad,
    fake_tools,
    open_ad,
)

QUICK = EditorConfig(edit_look=False, population_size=8, generations=2, num_headlines=0, num_descriptions=0)


def test_a_headline_that_says_what_stood_below_is_another_message() -> None:
    heads = ("Sleep better tonight", "Free delivery until Sunday", "Better sleep for free", "Rest well")
    lines = Lines(
        headlines=heads,
        descriptions=("Free delivery until Sunday on every bed",),
        headline_features=(None,) * 4,
        description_features=(None,),
    )
    assert find_messages(lines) == {1}


class Layout:
    """A red picture that says the ad's words."""

    is_message = False

    def __init__(self, ad: Creative) -> None:
        self.creative = ad

    def draw(self, creative: Creative) -> np.ndarray:
        if len(creative.headline) > 20:
            raise CreativeError("the words do not fit this layout.", "Shorten them.")
        return fake_ad(0).image_u8 + np.uint8(9)


def composing(why: str = "") -> Any:
    def compose(ad: Creative, image_u8: np.ndarray, num: int) -> FoundLayouts:
        return FoundLayouts(why=why) if why else FoundLayouts((Layout(ad),) * num)

    return compose


def test_a_new_layout_is_offered_never_delivered_and_can_be_taken_and_reworded() -> None:
    tools = fake_tools(copywriter=None, compose_layouts=composing(), analyzer=SimpleNamespace(analyze=lambda image_u8: []))
    session = open_ad(fake_ad(0), tools, replace(QUICK, num_layouts=1))
    outcome = session.search()
    (version,) = outcome.alternatives
    assert [(edit.direction, edit.strength) for edit in version.edits] == [("layout", 1.0)]
    assert outcome.result.status == "kept"
    taken = session.choose(0, is_forced=True)
    np.testing.assert_array_equal(taken.image_u8, Layout(fake_ad(0)).draw(fake_ad(0)))
    assert session.reword(taken, "Dry feet", "").result.headline_edited == "Dry feet"
    with pytest.raises(CreativeError, match="do not fit this layout"):
        session.reword(taken, "Dry feet all day and all night", "")
    assert open_ad(fake_ad(0), tools, replace(QUICK, num_layouts=0)).search().alternatives == ()


def test_nothing_worth_a_test_is_said_with_what_would_help() -> None:
    tools = fake_tools(copywriter=None, compose_layouts=composing("photos: none is large enough"))
    found = edit_creative(fake_ad(0), tools=tools, config=QUICK).result
    assert found.alternatives == ()
    assert found.reason.endswith("(photos: none is large enough): give its photo, logo and words to adcreative compose")


@pytest.mark.parametrize(("last", "kept", "tried"), [(0, 0, HOPELESS), (2, 2, MOST_TRIED), (MOST_TRIED, ENOUGH, ENOUGH)])
def test_lines_are_tried_in_the_picture_until_enough_can_be_set_or_the_first_cannot(last: int, kept: int, tried: int) -> None:
    heads, asked = tuple(f"line {number}" for number in range(14)), list[str]()

    def find_unset(ad: Creative) -> tuple[str, ...]:
        asked.append(ad.headline)
        return () if heads.index(ad.headline) <= last else ("no font",)

    lines = Lines(
        headlines=heads, descriptions=("",), headline_features=(None,) * 14, description_features=(None,), buttons=("Go", "Buy")
    )
    opened: Any = SimpleNamespace(creative=fake_ad(0, read_fields=("headline",)), find_unset=find_unset)
    found, why = keep_settable(lines, opened)
    assert (found.headlines, found.buttons) == (heads[: kept + 1], lines.buttons)
    assert len(asked) == tried
    assert why == (() if last == MOST_TRIED else ("no font",))


def test_a_line_that_was_read_and_cannot_be_set_is_not_offered() -> None:
    writer = FakeCopywriter(["Dry feet all day"])
    config = replace(QUICK, num_headlines=3)
    told = edit_creative(fake_ad(0), tools=fake_tools(copywriter=writer), config=config)
    assert "Dry feet all day" in told.lines.headlines
    read = fake_ad(0, read_fields=("headline",))
    found = edit_creative(read, tools=fake_tools(copywriter=writer), config=config)
    assert found.lines.headlines == ("Shoes",)
    assert found.result.alternatives == ()
    assert "the words to be replaced were not found in the picture" in found.result.reason


def test_an_edit_that_shows_nothing_is_not_found_and_one_that_does_says_how_strongly() -> None:
    sessions: list[FakeSession] = []

    def open_faces(image_u8: np.ndarray, faces: Any, *_: Any) -> FakeSession:
        sessions.append(FakeSession(image_u8, [face.row for face in faces]))
        return sessions[-1]

    tools = fake_tools(bumpy_surface, open_faces=open_faces)
    outcome = edit_creative(fake_ad(), tools=replace(tools, visible_changes={NAMES[0]: 0.4}))
    shown = outcome.result
    assert shown.status == "edited"
    smiles = [abs(edit.strength) for edit in shown.edits if edit.direction == NAMES[0]]
    assert smiles
    assert min(smiles) >= 0.4 - 1e-6
    assert shown.edit_strength == pytest.approx(attributes_in(outcome.image_u8)[:, 0].max() / 0.4, abs=0.01)
    hidden = edit_creative(fake_ad(), tools=replace(tools, visible_changes=dict.fromkeys(NAMES, 50.0))).result
    assert not [edit for edit in hidden.edits if edit.face >= 0]
    assert hidden.edit_strength is None
    np.testing.assert_array_equal(sessions[-1].gains, np.full((2, 2, len(NAMES)), MAX_GAIN))


def test_without_results_a_version_is_one_question_and_two_at_most_are_of_faces() -> None:
    """The same ad with a model of its own may mix words and faces; without one each version has one thing to be told by."""
    config = EditorConfig(edit_look=False, population_size=24, generations=8, num_finalists=5, seed=2)
    session = open_ad(fake_ad(), fake_tools(bumpy_surface), config, level=Level(is_known=False))
    offered = session.search().alternatives
    faces = [[edit for edit in one.edits if edit.face >= 0] for one in offered]
    assert 1 <= sum(map(bool, faces)) <= 2
    assert max(map(len, faces)) == 1
    for one, of_faces in zip(offered, faces, strict=True):
        assert len(of_faces) == len(one.edits) or not of_faces, "words and a face are two questions"
    ends = np.concatenate([session.space.low.ravel(), session.space.high.ravel()])
    for edit in (edit for of_face in faces for edit in of_face):
        assert any(edit.strength == pytest.approx(share * end) for share in FACE_SHARES for end in ends)
        assert edit.shown is not None
    known = open_ad(fake_ad(), fake_tools(bumpy_surface), config).search().alternatives
    assert any(len({edit.face >= 0 for edit in one.edits}) == 2 for one in known)
