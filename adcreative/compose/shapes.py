"""The shapes ads are composed for: size in px, the part that no app covers, the smallest type that can be read, the weight.

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

    kind: the class of layouts it takes (square, tall, story, wide, box, skyscraper, banner). safe: fractions of the picture
    that words and the logo stay in. min_type: px, the least type size. max_bytes: weight of the file, None for no limit.
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

        It goes by the width, as ads are shown as wide as the screen.
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
    """Return the shape of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SHAPES:
        raise ConfigError(f"there is no shape {name!r}; name some of {', '.join(SHAPES)}.")
    return SHAPES[name]
