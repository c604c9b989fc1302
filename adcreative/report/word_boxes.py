"""Draw the boxes of a picture's text blocks with their roles, for comparison with the table of its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MAX_SIDE_PX = 1200
LEAST_SURE = 0.7  # below this sureness a block fills no field of an ad, and is marked with "?"
# Okabe and Ito's colours, distinguishable for colour-blind readers; in the order of roles
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def draw_word_boxes(image_u8: np.ndarray, rows: Sequence[Mapping[str, Any]], roles: Sequence[str]) -> Image.Image:
    """Return a picture [H, W, 3], at most MAX_SIDE_PX a side, with the box, number and role of each row that has a box.

    rows: with block, role, sureness (0..1) and box ("left top right bottom", px). roles: all roles, for their colours.
    """
    height, width = image_u8.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    picture = Image.fromarray(image_u8).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    draw, unit = ImageDraw.Draw(picture), max(12, round(min(picture.size) * 0.022))
    font = ImageFont.load_default(unit)
    for row in rows:
        if not row["box"]:
            continue
        x0, y0, x1, y1 = (round(int(edge) * scale) for edge in row["box"].split())
        colour = COLOURS[list(roles).index(row["role"]) % len(COLOURS)] if row["role"] in roles else "#777777"
        draw.rectangle((x0 - 2, y0 - 2, x1 + 1, y1 + 1), outline=colour, width=max(2, unit // 8))
        label = f"{row['block']} {row['role']}{' ?' * (float(row['sureness']) < LEAST_SURE)}"
        left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
        y_label = y0 - 4 - (bottom - top) if y0 > bottom - top + 6 else min(y1 + 2, picture.height - (bottom - top) - 2)
        x_label = max(0, min(x0, picture.width - (right - left) - 4))
        draw.rectangle((x_label, y_label - 2, x_label + right - left + 4, y_label + bottom - top + 2), fill=colour)
        draw.text((x_label + 2 - left, y_label - top), label, font=font, fill="#FFFFFF")
    return picture
