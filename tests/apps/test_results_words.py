"""What a page says of an edit, read as a stranger would."""

from __future__ import annotations

import pytest

from adcreative.verbs.directions import read_direction_names
from apps.studio.html.results import _has_new_words, say_looks


@pytest.mark.parametrize(
    ("direction", "strength", "said"),
    [
        ("smile", 0.3, "slightly more smile"), ("mouth_open", -1.0, "mouth clearly more closed"),
        ("head_yaw", 2.0, "head strongly turned"), ("gaze_y", 0.3, "looks slightly higher or lower"),
        ("exposure", -0.3, "slightly darker"), ("scene", 1.0, "another background"),
    ],
)  # fmt: skip
def test_looks_are_said_in_plain_words(direction: str, strength: float, said: str) -> None:
    assert say_looks([{"direction": direction, "strength": strength}]) == (said,)


def test_every_direction_has_words() -> None:
    for name in read_direction_names():
        (said,) = say_looks([{"direction": name, "strength": 0.4}])
        assert "{" not in said
        assert "slightly" in said


def test_a_language_is_named_as_unwritten_only_where_no_words_are_new() -> None:
    assert _has_new_words({"headline_original": "Frisch", "headline_edited": "Frisch geröstet"})
    assert not _has_new_words({"headline_original": "Frisch", "headline_edited": "Frisch", "description_edited": None})
    assert not _has_new_words({"headline_original": "Frisch", "headline_edited": ""})
