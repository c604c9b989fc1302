"""What is offered of a flat ad: what can be seen and set, layouts of its own parts, and a sentence where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.models import FoundLayouts, spare_bystanders
from adcreative.editor.preparation.lines import ENOUGH, HOPELESS, MOST_TRIED, keep_settable
from adcreative.editor.scoring.visibility import SEEN_LEVELS, SEEN_SHARE, measure_reach, measure_seen
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError
from tests.editor.fakes import FakeCopywriter, edit_creative, fake_ad, fake_tools, open_ad

QUICK = EditorConfig(edit_look=False, population_size=8, generations=2, num_headlines=0, num_descriptions=0)


@dataclass(frozen=True)
class Face:
    box_xyxy_px: tuple[int, int, int, int]
    yaw: float = 0.0
    refusal: str | None = None

    @property
    def attributes(self) -> dict[str, float]:
        return {"head_yaw": self.yaw}


def test_only_large_faces_that_look_at_us_are_edited_beside_the_largest() -> None:
    large, half, child = Face((0, 0, 200, 240)), Face((0, 0, 100, 122)), Face((0, 0, 90, 100))
    small, turned, refused = Face((0, 0, 70, 95)), Face((0, 0, 150, 150), yaw=-31.0), Face((0, 0, 200, 200), refusal="no")
    said = [one.refusal or "" for one in spare_bystanders([large, half, child, small, turned, refused])]
    assert said[:2] == ["", ""]
    assert "small beside the largest" in said[2]
    assert "95 px, at least 96 px" in said[3]
    assert "turned away: 31 degrees" in said[4]
    assert said[5] == "no"
    assert spare_bystanders([child])[0].refusal is None
    assert spare_bystanders([]) == []


def test_what_is_seen_is_what_a_hundredth_of_a_face_changes_by() -> None:
    before = np.full((100, 100, 3), 90, np.uint8)
    after = before.copy()
    after[20:30, 20:29, 1] += SEEN_LEVELS  # 90 pixels of 10,000
    assert measure_seen(before, after) < SEEN_LEVELS
    after[20:30, 20:33, 1] = 90 + SEEN_LEVELS
    assert measure_seen(before, after) == SEEN_LEVELS
    assert measure_seen(before, after, (50, 50, 90, 90)) == 0.0
    assert SEEN_SHARE == 0.01
    probes, still = np.array([[-1.0], [1.0]]), np.zeros((2, 1, 1, 8))
    reach = measure_reach(probes, still, ("smile",), {}, np.array([[[6.0]], [[48.0]]]))
    assert reach.least.ravel() == pytest.approx([4.0, 0.5])


def test_a_headline_that_says_what_stood_below_is_another_message() -> None:
    heads = ("Sleep better tonight", "Free delivery until Sunday", "Better sleep for free", "Rest well")
    lines = Lines(
        headlines=heads, descriptions=("Free delivery until Sunday on every bed",), headline_features=(None,) * 4,
        description_features=(None,),
    )  # fmt: skip
    assert lines.find_messages() == {1}


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
