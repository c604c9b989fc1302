"""The shapes of composed ads: size in px, the area that no app covers, the minimum type size, the file size limit.

Sources: Meta's safe zones of stories and reels (14 % at the top, 35 % at the foot, 6 % at the sides), the IAB's fixed sizes and
Google's 150 kB for display pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

from adcreative.compose.parts import Box
from adcreative.errors import ConfigError

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Shape:
    """A size to compose for.

    kind: the class of layouts (square, tall, story, wide, box, skyscraper, banner). safe: fractions of the picture
    for words and the logo. min_type: minimum type size, px. max_bytes: maximum file size, None for no limit.
    """

    name: str
    width: int
    height: int
    kind: str
    min_type: float
    safe: Box = WHOLE
    max_bytes: int | None = None

    @property
    def safe_px(self) -> Box:
        """The safe zone in px."""
        x0, y0, x1, y1 = self.safe
        return Box(x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height)

    @property
    def unit(self) -> float:
        """One step of the grid of margins and gaps in px: 8 px in an ad of 1080 x 1080, never under 2.

        The width counts most, since ads are shown as wide as the screen.
        """
        side = min(self.width, 2 * self.height)
        return max(2.0, 8 * (side * (self.width * self.height) ** 0.5 / 1080**2) ** 0.5)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("1:1", 1080, 1080, "square", 24),
        Shape("4:5", 1080, 1350, "tall", 24),
        Shape("9:16", 1080, 1920, "story", 30, Box(0.06, 0.14, 0.94, 0.65)),
        Shape("1.91:1", 1200, 628, "wide", 20),
        Shape("300x250", 300, 250, "box", 10, max_bytes=150_000),
        Shape("160x600", 160, 600, "skyscraper", 10, max_bytes=150_000),
        Shape("728x90", 728, 90, "banner", 10, max_bytes=150_000),
    )
}


def shape_named(name: str) -> Shape:
    """Return the shape with a name.

    Raises:
        ConfigError: there is no such shape.
    """
    if name not in SHAPES:
        raise ConfigError(f"there is no shape {name!r}; name some of {', '.join(SHAPES)}.")
    return SHAPES[name]
