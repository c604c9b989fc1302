"""A brand kit's fonts and its lock on the look reach the editor."""

from __future__ import annotations

from pathlib import Path

from adcreative.copywriter.brand_kit import BrandKit
from adcreative.editor.preparation.branded import with_kit
from adcreative.editor.settings import EditorConfig
from tests.editor.fakes import fake_tools


def test_fonts_and_lock_reach_the_editor() -> None:
    tools, config = fake_tools(), EditorConfig()
    branded, locked = with_kit(tools, config, BrandKit("A", fonts=("/a.ttf",), lock_look=True))
    assert branded.fonts == (Path("/a.ttf"),)
    assert not locked.edit_look


def test_a_kit_that_says_nothing_of_pictures_changes_nothing() -> None:
    tools, config = fake_tools(), EditorConfig()
    for kit in (None, BrandKit("A")):
        assert with_kit(tools, config, kit) == (tools, config)
