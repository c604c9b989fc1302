"""Parts of an ad that exists, for new ads: words and roles, colours, logo, the largest part of the photograph without words.

Each part comes with how sure it is; what is not sure is left out and asked for by name, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from adcreative.compose.brief import NAME
from adcreative.compose.colour import to_oklch
from adcreative.compose.cutouts import Segmenter, cut_out
from adcreative.compose.logo import free_logo
from adcreative.compose.palettes import MIN_CHROMA
from adcreative.errors import ConfigError
from adcreative.lettering import TextBlock, Words

SURE = 0.9  # of the reader, for words to be taken
CELLS = 64  # of the longer side, in which the photograph is looked for
MIN_PHOTO, MIN_PHOTO_PX = 0.10, 180  # of the ad's pixels; of the shorter side
TEXTURE = 5.0  # 0..255: spread of greys in a cell of a photograph
KEPT = 0.8  # of what stands out beside words, for the photograph to be whole
FLAT = 9.0  # 0..255: residual of a ground on which a logo can be cut out
MAX_LOGO = 3  # words
TAKEN = ("headline", "subline", "offer", "price", "proof", "badge", "button", "legal")  # roles whose words are taken


@dataclass(frozen=True, eq=False)
class Taken:
    """What was taken from an ad. sure: part -> 0..1; missing: parts that are asked for, with the reason."""

    messages: Mapping[str, tuple[str, ...]]
    brand: str
    photo: Image.Image | None
    logo: Image.Image | None
    colours: tuple[str, ...]
    sure: Mapping[str, float]
    missing: Mapping[str, str]


def take_parts(image_u8: np.ndarray, words: Words, segment: Segmenter | None) -> Taken:
    """Take an ad [H, W, 3] uint8 apart.

    Args:
        words: what was read in it. segment: says what stands out, so that no thing is taken that words or rim cut.
    """
    sure: dict[str, float] = {}
    missing: dict[str, str] = {}
    messages = _messages(words, sure, missing)
    brand, logo = _brand(image_u8, words, sure, missing)
    photo = _photo(image_u8, words, segment, sure, missing)
    colours = _colours(image_u8, words)
    if colours:
        sure["brand.colours"] = 0.9
    return Taken(messages, brand, photo, logo, colours, sure, missing)


def _messages(words: Words, sure: dict[str, float], missing: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[TextBlock]] = {}
    for block in words.blocks:
        if block.role in TAKEN:
            found.setdefault(block.role, []).append(block)
    messages = {}
    for role, blocks in found.items():
        least = min(block.confidence for block in blocks)
        if least < SURE or words.hides_words or not all(block.is_sure for block in blocks):
            missing[f"messages.{role}"] = f'it was read as "{blocks[0].text[:60]}", not for sure'
            continue
        sure[f"messages.{role}"] = least
        messages[role] = tuple(block.text for block in blocks)
    if words.hides_words:
        missing["messages.headline"] = words.unread_note or "large words could not be read"
    elif "headline" not in found:
        missing["messages.headline"] = "no line leads the ad"
    return messages


def _brand(
    image_u8: np.ndarray, words: Words, sure: dict[str, float], missing: dict[str, str]
) -> tuple[str, Image.Image | None]:
    logos = [block for block in words.with_role("brand") if len(block.text.split()) <= MAX_LOGO]
    if len(logos) != 1 or logos[0].confidence < SURE:
        missing["brand.name"] = "no single line stands as a logo" if len(logos) != 1 else "the logo was not read for sure"
        return "", None
    block = logos[0]
    sure["brand.name"] = block.confidence
    if block.residual > FLAT:
        missing["brand.logo"] = "it stands on a photograph, from which it cannot be freed"
        return block.text, None
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = block.box
    rim = round(0.35 * (y1 - y0))
    crop = image_u8[max(0, y0 - rim) : min(height, y1 + rim), max(0, x0 - rim) : min(width, x1 + rim)]
    try:
        logo = free_logo(Image.fromarray(crop).convert("RGBA"))
    except ConfigError:
        missing["brand.logo"] = "it has the colour of its ground"
        return block.text, None
    if logo.height < 24:
        missing["brand.logo"] = f"it is {logo.height} px high, too small to be set anew"
        return block.text, None
    sure["brand.logo"] = block.confidence
    return block.text, logo


def _photo(
    image_u8: np.ndarray, words: Words, segment: Segmenter | None, sure: dict[str, float], missing: dict[str, str]
) -> Image.Image | None:
    """Return the largest rectangle of the photograph without words; None where the thing in it is cut."""
    box = find_photograph(image_u8, [line.box_xyxy_px for line in (*words.lines, *words.unread)])
    if box is None:
        missing["photos"] = "no part of the ad without words is a photograph that is large enough"
        return None
    x0, y0, x1, y1 = box
    crop = np.ascontiguousarray(image_u8[y0:y1, x0:x1])
    if segment is not None:
        _, edge = cut_out(crop, segment(crop), has_person=False)
        seen = segment(image_u8) > 0.6
        drawn = [block.plate or block.box for block in words.blocks]  # letters and plates stand out, too
        for left, top, right, bottom in [*drawn, *(tuple(map(round, line.box_xyxy_px)) for line in words.unread)]:
            seen[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4] = False
        kept = float(seen[y0:y1, x0:x1].sum()) / max(float(seen.sum()), 1.0)
        if kept < KEPT or (edge.rim > 0.3 and edge.area > 0.05):
            missing["photos"] = (
                f"{1 - kept:.0%} of what the photograph shows lies under words or beyond them" if kept < KEPT
                else "what the photograph shows is cut by its rim"
            )  # fmt: skip
            return None
        sure["photos"] = kept
    else:
        sure["photos"] = 0.7
    return Image.fromarray(crop)


def find_photograph(image_u8: np.ndarray, words_xyxy_px: Sequence[Sequence[float]]) -> tuple[int, int, int, int] | None:
    """Return the largest box x0, y0, x1, y1 (px) without words that holds a photograph, None where there is none."""
    height, width = image_u8.shape[:2]
    cell = max(height, width) / CELLS
    rows, columns = max(4, round(height / cell)), max(4, round(width / cell))
    grey = cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    square = cv2.resize(grey * grey, (columns, rows), interpolation=cv2.INTER_AREA)
    is_textured = (np.sqrt(np.maximum(square - mean * mean, 0)) > TEXTURE).astype(np.uint8)
    taken = np.zeros((rows, columns), np.uint8)
    for x0, y0, x1, y1 in words_xyxy_px:
        pad = 0.25 * (y1 - y0)
        top, bottom = int((y0 - pad) / height * rows), int(np.ceil((y1 + pad) / height * rows))
        left, right = int((x0 - pad) / width * columns), int(np.ceil((x1 + pad) / width * columns))
        taken[max(0, top) : bottom, max(0, left) : right] = 1
    is_textured &= 1 - taken
    kernel = np.ones((5, 5), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(is_textured, cv2.MORPH_CLOSE, kernel))
    if count <= 1:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    around = cv2.dilate((labels == largest).astype(np.uint8), kernel)
    ys, xs = np.flatnonzero(around.any(axis=1)), np.flatnonzero(around.any(axis=0))
    free = np.zeros_like(taken)
    free[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = 1
    free &= 1 - taken
    left, top, right, bottom = _largest_rectangle(free)
    box = (
        round(left / columns * width), round(top / rows * height), round(right / columns * width), round(bottom / rows * height)
    )  # fmt: skip
    sides = box[2] - box[0], box[3] - box[1]
    holds = float(is_textured[top:bottom, left:right].mean()) if right > left and bottom > top else 0.0
    if sides[0] * sides[1] < MIN_PHOTO * height * width or min(sides) < MIN_PHOTO_PX or holds < 0.15:
        return None
    return box


def _largest_rectangle(free: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the largest rectangle of ones in [rows, columns]: bars of a histogram, row by row."""
    best, box = 0, (0, 0, 0, 0)
    heights = np.zeros(free.shape[1], int)
    for row, line in enumerate(free):
        heights = np.where(line > 0, heights + 1, 0)
        stack: list[tuple[int, int]] = []  # start, height
        for column, high in enumerate([*heights.tolist(), 0]):
            start = column
            while stack and stack[-1][1] >= high:
                start, tall = stack.pop()
                if tall * (column - start) > best:
                    best, box = tall * (column - start), (start, row - tall + 1, column, row + 1)
            stack.append((start, high))
    return box


def _colours(image_u8: np.ndarray, words: Words) -> tuple[str, ...]:
    """Return the colours that the ad was drawn in, the button's first: plates, letters and flat grounds that are no grey."""
    blocks = sorted(words.blocks, key=lambda block: (block.plate is None, -block.size_px))
    drawn = [block.ground for block in blocks if block.plate is not None or block.residual <= FLAT]
    drawn += [block.colour for block in blocks]
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in drawn]
    return tuple(dict.fromkeys(one for one in colours if to_oklch(one)[1] >= MIN_CHROMA))[:2]


def write_taken(taken: Taken, folder: Path) -> Path:
    """Write what was taken as a brief with its pictures into a folder, and return the path of brief.toml.

    What is missing stands in it as a comment that says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Taken from an ad; what was not sure is asked for below.", ""]
    lines += [f"# {name}: {why}" for name, why in taken.missing.items()]
    lines += ["", "[brand]", f"name = {_toml(taken.brand)}", f"colours = {_toml(list(taken.colours))}"]
    if taken.logo is not None:
        taken.logo.save(folder / "logo.png")
        lines.append('logo = "logo.png"')
    if taken.photo is not None:
        taken.photo.save(folder / "photo.png", compress_level=1)
        lines += ["", "[[photos]]", 'file = "photo.png"']
    lines += ["", "[messages]"]
    for role, texts in taken.messages.items():
        single = role in ("price", "old_price", "badge", "legal")
        lines.append(f"{role} = {_toml(' '.join(texts) if single else list(texts))}")
    path = folder / NAME
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)
