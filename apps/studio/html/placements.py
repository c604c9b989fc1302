"""An ad in its placements: a feed, a story, next to an article, in a search, with the crop of each placement.

Shapes and the areas covered by a platform come from the dated rules of the checks. Nothing here computes a score.
"""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageFilter

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.pipeline import read_placements
from adcreative.report.pictures import preview

from .plain import read_macros

SHOWN_PX = 420
FEED = (4 / 5, 1.91)  # narrowest and widest shape, width per height, that a feed shows whole
STORY, DISPLAY = "Meta stories and reels", "Google landscape"
SEARCH_CHARS = (30, 90)  # length at which a search cuts a headline and a description


def mockups(creative: Creative) -> str:
    """Show the ad in its placements; placements with a picture only for an ad with a picture.

    Raises:
        AdCreativeError: the picture cannot be read.
    """
    image_u8 = picture(creative)
    views: list[dict[str, Any]] = []
    if image_u8 is not None:
        image, rules = Image.fromarray(image_u8), {rule.name: rule for rule in read_placements()[0]}
        ratio = image.width / image.height
        fed = min(max(ratio, FEED[0]), FEED[1])
        story, display = rules[STORY], rules[DISPLAY]
        views = [
            {"kind": "feed", "name": "Feed", "cut": preview(_crop(image, fed), SHOWN_PX), "lost": _lost(ratio, fed)},
            {
                "kind": "story",
                "name": "Story",
                "cut": preview(_fit(image, story.width_per_height), SHOWN_PX),
                "lost": 0,
                "covered": {side: round(100 * share) for side, share in story.keep_free.items()},
            },
            {
                "kind": "display",
                "name": "Beside an article",
                "cut": preview(_crop(image, display.width_per_height), SHOWN_PX),
                "lost": _lost(ratio, display.width_per_height),
            },
        ]
    texts = {name: getattr(creative, name) for name in ("headline", "primary_text", "description", "cta", "brand")}
    return read_macros("placements")("mockups", views, texts, SEARCH_CHARS)


def _crop(image: Image.Image, width_per_height: float) -> Image.Image:
    """Crop the centre of a picture, as platforms do."""
    width = min(image.width, round(image.height * width_per_height))
    height = min(image.height, round(image.width / width_per_height))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + max(width, 1), top + max(height, 1)))


def _fit(image: Image.Image, width_per_height: float) -> Image.Image:
    """Place a whole picture on a blurred background of another shape, as stories do."""
    width = max(image.width, round(image.height * width_per_height))
    height = max(round(width / width_per_height), 1)
    scale = min(1.0, 2 * SHOWN_PX / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    ground = _crop(image, width_per_height).resize(size).filter(ImageFilter.GaussianBlur(size[0] / 25))
    whole = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)), Image.Resampling.LANCZOS)
    ground.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return ground


def _lost(have: float, shown: float) -> int:
    """Return the share of a picture removed by a crop, in percent."""
    return round(100 * (1 - min(have / shown, shown / have)))
