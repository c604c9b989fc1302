"""Palettes of an ad from the brand's colours, its logo, and its photos. Each pair of roles is readable."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from adcreative.compose.colour import MIN_CONTRAST, contrast, from_oklch, ink_on, legible, to_oklab, to_oklch
from adcreative.compose.parts import Palette, Photo

NUM_CLUSTERS = 7
SAMPLE_PX = 72  # of the longer side, for clustering
MIN_CHROMA = 0.05  # below, a colour is a grey
MIN_SHARE = 0.015  # minimum share of the pixels for a colour of the picture
BUTTON_CONTRAST = 1.6  # minimum contrast of accent and ground, so that a button is visible
OWN_CONTRAST = 3.0  # minimum contrast of a given colour to near-black, on which it is type, too
NEAR_BLACK = "#101214"
NEUTRAL = "#2f5bea"  # the accent if neither brand nor pictures have a colour
SAME_HUE = 0.35  # radians


def main_colours(image: Image.Image, weight: np.ndarray | None = None) -> list[tuple[str, float]]:
    """Return the colours of a picture as ("#rrggbb", share 0..1), sorted by chroma and share.

    Args:
        image: RGB, or RGBA, whose transparent pixels are ignored. weight: [H', W'] 0..1, weight of each position.
    """
    small = image.convert("RGBA")
    small.thumbnail((SAMPLE_PX, SAMPLE_PX))
    pixels = np.asarray(small, np.float64)
    counts = pixels[..., 3] / 255.0
    if weight is not None:
        counts = counts * cv2.resize(weight.astype(np.float32), small.size)
    is_seen = counts > 0.3
    if is_seen.sum() < NUM_CLUSTERS:
        return []
    lab, counts = to_oklab(pixels[is_seen][:, :3]), counts[is_seen]
    spread = (lab * [1.0, 2.0, 2.0]).astype(np.float32)  # hues are separated before lights and shadows of one hue
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1e-4)
    _, labels, _ = cv2.kmeans(spread, NUM_CLUSTERS, np.empty(0, np.int32), criteria, 2, cv2.KMEANS_PP_CENTERS)
    found = []
    for cluster in range(NUM_CLUSTERS):
        own = labels[:, 0] == cluster
        share = float(counts[own].sum() / counts.sum())
        if share >= MIN_SHARE:
            lightness, a, b = np.average(lab[own], axis=0, weights=counts[own])
            found.append((lightness, float(np.hypot(a, b)), float(np.arctan2(b, a)), share))
    found.sort(key=lambda one: -one[1] * one[3] ** 0.4)
    return [(from_oklch(*one[:3]), one[3]) for one in found]


def find_accents(logo: Image.Image | None, photos: Sequence[Photo]) -> tuple[list[str], str]:
    """Return candidate accents of an ad, the brand's first, and their source ("logo", "photo" or "")."""
    for source, pictures in (("logo", [logo] if logo is not None else []), ("photo", [_thing(one) for one in photos])):
        colours: list[str] = []
        for picture in pictures:
            for colour, _ in main_colours(picture):
                _, chroma, hue = to_oklch(colour)
                if chroma >= MIN_CHROMA and all(_hue_distance(hue, to_oklch(one)[2]) > SAME_HUE for one in colours):
                    colours.append(colour)
        if colours:
            return colours[:3], source
    return [], ""


def _thing(photo: Photo) -> Image.Image:
    return photo.cutout if photo.cutout is not None else photo.pixels


def _hue_distance(first: float, second: float) -> float:
    return float(abs((first - second + np.pi) % (2 * np.pi) - np.pi))


def derive_palettes(colours: Sequence[str], *, are_given: bool) -> tuple[Palette, ...]:
    """Return palettes around one to three colours: white, pastel, full colour, dark, each with a contrast of at least 4.5:1.

    Args:
        colours: "#rrggbb", the leading one first; none gives a blue. are_given: the brand's or an ad's own colours, so accents
            are not changed, a second colour takes the pastel's place, and dark is near-black; else an accent is darkened
            until white letters are readable on it.
    """
    lead = colours[0] if colours else NEUTRAL
    second = next((one for one in colours[1:] if contrast(one, lead) >= BUTTON_CONTRAST), None)
    _, chroma, hue = to_oklch(lead)
    tint = min(chroma, 0.09)
    accent = lead if are_given else legible(from_oklch(min(to_oklch(lead)[0], 0.62), max(chroma, 0.12), hue), "#ffffff")
    grounds = {
        "white": ("#ffffff", accent, from_oklch(0.955, tint * 0.35, hue)),
        "pastel": (from_oklch(0.94, tint * 0.5, hue), accent, from_oklch(0.88, tint * 0.8, hue)),
        "full": (accent, second or "#ffffff", from_oklch(to_oklch(accent)[0] - 0.07, chroma, hue)),
        "dark": (
            from_oklch(0.21, min(chroma, 0.035), hue),
            from_oklch(max(to_oklch(lead)[0], 0.72), max(chroma, 0.1), hue),
            from_oklch(0.29, min(chroma, 0.05), hue),
        ),
    }
    if are_given:
        own = next((one for one in (lead, *colours[1:]) if contrast(one, NEAR_BLACK) >= OWN_CONTRAST), "#ffffff")
        grounds["dark"] = (NEAR_BLACK, own, "#26282c")
    if are_given and second is not None:
        grounds["pastel"] = (second, lead, "#ffffff")
    palettes = [_palette(ground, wanted, soft) for ground, wanted, soft in grounds.values()]
    if second is not None:
        palettes.append(_palette("#ffffff", second, from_oklch(0.93, tint * 0.6, hue)))
    return tuple(dict.fromkeys(palettes))


def _palette(ground: str, accent: str, soft: str) -> Palette:
    """Return a palette with readable letters, and a button that is visible on the ground."""
    if contrast(accent, ground) < BUTTON_CONTRAST:
        accent = legible(accent, ground, BUTTON_CONTRAST)
    ink = (
        ink_on(ground)
        if contrast(ground, "#ffffff") >= MIN_CONTRAST
        else legible(from_oklch(0.22, 0.02, to_oklch(ground)[2]), ground)
    )
    return Palette(ground=ground, ink=ink, accent=accent, on_accent=ink_on(accent), soft=soft)
