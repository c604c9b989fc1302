"""The recipe of one ad as plain data: with the same parts it renders the same bytes again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adcreative.compose.parts import ROLES
from adcreative.errors import ConfigError

Density = Literal["airy", "normal", "full"]
UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")  # controls, forced directions


@dataclass(frozen=True)
class Recipe:
    """One composed ad.

    layout: name of a file in `layouts/`. texts: role (of ROLES) to words; several proofs are separate lines. photo, palette,
    typefaces: index of the part, None for no photo. cutout: use the photo's cut-out if there is one. emphasis: the leading
    role. accent: "#rrggbb" in place of the palette's accent.
    """

    layout: str
    texts: Mapping[str, str] = field(default_factory=dict)
    photo: int | None = 0
    cutout: bool = False
    palette: int = 0
    typefaces: int = 0
    density: Density = "normal"
    emphasis: str = "headline"
    accent: str | None = None

    def __post_init__(self) -> None:
        unknown = sorted({*self.texts, self.emphasis} - set(ROLES))
        if unknown:
            raise ConfigError(f"an ad has no role {', '.join(unknown)}; name roles of {', '.join(ROLES)}.")
        if self.density not in ("airy", "normal", "full"):
            raise ConfigError(f"density is airy, normal or full, got {self.density!r}.")
        object.__setattr__(self, "texts", {role: UNSEEN.sub("", words) for role, words in self.texts.items()})

    def to_json(self) -> dict[str, object]:
        """Return the recipe as JSON values, for ad.json."""
        return {name: dict(value) if name == "texts" else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Recipe:
        """Return the recipe written by `to_json`.

        Raises:
            ConfigError: a field is unknown or of the wrong kind.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown or not isinstance(values.get("layout"), str) or not isinstance(values.get("texts", {}), Mapping):
            raise ConfigError(
                f"a recipe has the fields {', '.join(cls.__dataclass_fields__)} with a layout's name and texts by role; "
                f"got {', '.join(unknown or map(str, values))}."
            )
        return cls(**values)  # type: ignore[arg-type]
