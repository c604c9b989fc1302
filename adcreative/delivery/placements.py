"""Check where a picture can run: its shape, size and weight against the formats of platforms. Rules only, no model.

The formats are dated data (rules/placements.yaml) with sources; platforms change them, and accept more than they recommend.
Knows sizes in pixels and bytes, but no files or pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from adcreative.config import read_packaged_yaml

PLATFORM_ALIASES = {"facebook": "meta", "instagram": "meta", "youtube": "google", "display": "google"}


@dataclass(frozen=True, kw_only=True)
class PlacementRule:
    """One format of a platform. ratio, min_px and advised_px are (width, height); min_px is (0, 0) if not stated.

    placements: values of `placement` that allow only this format of the platform. keep_free: "top" and "bottom" -> share of the
    height (0..1) covered by the platform's own controls. is_exact: only the size advised_px is accepted. ratio_to: the other
    end of a range of accepted ratios.
    """

    name: str
    platform: str
    ratio: tuple[float, float]
    advised_px: tuple[int, int]
    max_bytes: int
    min_px: tuple[int, int] = (0, 0)
    placements: tuple[str, ...] = ()
    keep_free: dict[str, float] = field(default_factory=dict)
    is_exact: bool = False
    ratio_to: tuple[float, float] | None = None
    sources: tuple[str, ...] = ()

    @property
    def width_per_height(self) -> float:
        return self.ratio[0] / self.ratio[1]

    def takes_shape(self, size_px: tuple[int, int], tolerance: float) -> bool:
        """Return whether a width and height match this ratio, or the exact size if only that size is accepted."""
        if self.is_exact:
            return size_px == self.advised_px
        ratio, last = size_px[0] / size_px[1], self.ratio_to or self.ratio
        edges = sorted((self.width_per_height, last[0] / last[1]))
        return edges[0] * (1 - tolerance) - 1e-9 <= ratio <= edges[1] * (1 + tolerance) + 1e-9


@dataclass(frozen=True, kw_only=True)
class PictureFit:
    """Uses of a picture: names of fitting formats, problems that exclude it, and notes."""

    fits: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def read_placements() -> tuple[tuple[PlacementRule, ...], float]:
    """Return the formats and the relative tolerance of aspect ratios."""
    pack = read_packaged_yaml(resources.files("adcreative.delivery.rules") / "placements.yaml")
    rules = tuple(
        PlacementRule(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})  # type: ignore[arg-type]
        for row in pack["placements"]
    )
    return rules, float(pack["ratio_tolerance"])


def fit_picture(
    size_px: tuple[int, int], num_bytes: int | None = None, *, platform: str = "", placement: str = "", is_clear: bool = False
) -> PictureFit:
    """Return the formats that a picture fits, and the reasons against others.

    Args:
        size_px: width and height, upright. num_bytes: size of the file; None: unknown, not checked.
        platform, placement: as in the ad's table; only formats of that platform are checked, and of that placement if it allows
            a single format. All formats for an unknown platform.
        is_clear: words and faces are known to avoid the areas that platforms cover, so no note is needed.
    """
    rules, tolerance = read_placements()
    wanted = _select(rules, platform, placement)
    width, height = size_px
    near = _near(size_px, wanted, tolerance)
    if not near:
        return PictureFit(problems=(_describe_crop(size_px, wanted),))
    fits, problems, notes = [], [], []
    advised: dict[tuple[int, int], list[str]] = {}
    for rule in near:
        if width < rule.min_px[0] or height < rule.min_px[1]:
            problems.append(f"is too small for {rule.name}: {width}x{height} px, at least {_size(rule.min_px)} are needed")
        elif num_bytes is not None and num_bytes > rule.max_bytes:
            problems.append(f"is too heavy for {rule.name}: {_weights(num_bytes, rule.max_bytes)} are taken")
        else:
            fits.append(rule.name)
            if width < rule.advised_px[0]:
                advised.setdefault(rule.advised_px, []).append(rule.name)
            if rule.keep_free and not is_clear:
                free = " and ".join(f"the {place} {share:.0%}" for place, share in rule.keep_free.items())
                notes.append(f"{rule.name} cover {free} with their own controls: keep words and faces out of there")
    if any(rule.is_exact and rule.name in fits for rule in near):  # a banner need not fit a feed, too
        problems = []
    sizes = [f"{_size(size)} are advised for {' and '.join(names)}" for size, names in advised.items()]
    return PictureFit(fits=tuple(fits), problems=tuple(problems), notes=(*sizes, *notes))


def placement_limit(size_px: tuple[int, int], *, platform: str = "") -> int:
    """Return the largest number of bytes allowed in every format that this shape fits; 0 if it fits none."""
    rules, tolerance = read_placements()
    return min((rule.max_bytes for rule in _near(size_px, _select(rules, platform, ""), tolerance)), default=0)


def _near(size_px: tuple[int, int], rules: Sequence[PlacementRule], tolerance: float) -> list[PlacementRule]:
    """Return the formats of a shape; formats with a range of ratios only if their platform has no exact one."""
    found = [rule for rule in rules if rule.takes_shape(size_px, tolerance)]
    named = {rule.platform for rule in found if rule.ratio_to is None}
    return [rule for rule in found if rule.ratio_to is None or rule.platform not in named]


def _select(rules: Sequence[PlacementRule], platform: str, placement: str) -> list[PlacementRule]:
    words = f"{platform} {placement}".casefold().split()
    named = {PLATFORM_ALIASES.get(word, word) for word in words}
    found = [rule for rule in rules if rule.platform in named] or list(rules)
    return [rule for rule in found if set(rule.placements) & set(words)] or found


def _describe_crop(size_px: tuple[int, int], rules: Sequence[PlacementRule]) -> str:
    """Return a sentence that no format has this shape, with the crop for the nearest format that accepts the result."""
    width, height = size_px
    shapes = [rule for rule in rules if not rule.is_exact and rule.ratio_to is None]
    shapes.sort(key=lambda rule: max(width / height / rule.width_per_height, rule.width_per_height * height / width))
    platforms = " or ".join(dict.fromkeys(rule.platform.capitalize() for rule in rules))
    said = f"has no usual {platforms} shape ({width}x{height} px), so the platform may cut it; "
    for rule in shapes:
        cut = (min(width, round(height * rule.width_per_height)), min(height, round(width / rule.width_per_height)))
        if cut[0] >= rule.min_px[0] and cut[1] >= rule.min_px[1]:
            return f"{said}cut it to {_size(cut)} yourself for {rule.name}"
    least = max(shapes[0].min_px, shapes[0].advised_px)
    return f"{said}it is too small to be cut: make it anew in {_size(least)} for {shapes[0].name}"


def _weights(num_bytes: int, max_bytes: int) -> str:
    """Return the size of a file and the limit, in MB, or in kB for limits below one MB."""
    if max_bytes >= 2**20:
        return f"{num_bytes / 2**20:.1f} MB, at most {max_bytes / 2**20:.0f} MB"
    return f"{num_bytes / 2**10:.0f} kB, at most {max_bytes / 2**10:.0f} kB"


def _size(size_px: Sequence[int]) -> str:
    return f"{size_px[0]}x{size_px[1]} px"
