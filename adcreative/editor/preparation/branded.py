"""What a brand kit says of pictures: the fonts that words are set in, and whether light, colour and crop may change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adcreative.editor.models import EditorTools
from adcreative.editor.settings import EditorConfig

if TYPE_CHECKING:
    from adcreative.copywriter.brand_kit import BrandKit


def with_kit(tools: EditorTools, config: EditorConfig, kit: BrandKit | None) -> tuple[EditorTools, EditorConfig]:
    """Return tools and settings as a brand kit wants the pictures; its rules for words are the copywriter's (`briefed`)."""
    if kit is None:
        return tools, config
    fonts = tuple(map(Path, kit.fonts))
    return (replace(tools, fonts=fonts) if fonts else tools), (replace(config, edit_look=False) if kit.lock_look else config)
