"""Offline page that explains a single rate: its parts, its words, a heat map over its picture, its neighbours.

Knows Pillow, numpy and plain values; reads no model. The heat map is drawn over the grey picture: orange where a region raises
the rate, blue where a region lowers the rate, with opacity by effect; the strongest region has full colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from adcreative.report.pictures import preview
from adcreative.report.rendering import read_part, render_part

RAISES_RGB, LOWERS_RGB = (214, 96, 0), (0, 92, 184)  # distinguishable for colour-blind readers
MAX_OPACITY = 0.7
METHODS = {
    "share": "Integrated gradients over the field embeddings, from nothing known to this creative; shares add up.",
    "ablation": "The model's log-odds minus those with the part masked: exact, but parts that interact need not add up.",
    "words": "Leave-one-out: each word is removed, the words are read anew, and the log-odds are compared.",
    "gradients": "Integrated gradients over the word embeddings, from blank tokens to these words; what letters, digits and "
    "length add is not in it.",
    "heat": "Occlusion: a window of 2 x 2 cells is filled with the picture's mean colour, and so is each face and "
    "line of text; everything is read anew, and the log-odds are compared; cells add up to these effects as near as they can.",
    "nearest": "Cosine similarity to creatives that the model was trained on, with the rates they had.",
}
SHAPLEY = "Shapley values over the parts of the ad: the mean change of the log-odds as it becomes known; shares add up."


def draw_heat(image_u8: np.ndarray, heat: np.ndarray) -> Image.Image:
    """Return a picture [H, W, 3] uint8 with a heat map [cells down, cells across], as RGB of the same size."""
    height, width = image_u8.shape[:2]
    largest = float(np.abs(heat).max())
    scaled = heat / largest if largest > 0 else np.zeros_like(heat)
    smooth = np.asarray(Image.fromarray(scaled.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
    opacity = MAX_OPACITY * np.clip(np.abs(smooth), 0, 1)[..., None]
    colour = np.where(smooth[..., None] > 0, np.array(RAISES_RGB, np.float32), np.array(LOWERS_RGB, np.float32))
    grey = np.asarray(Image.fromarray(image_u8).convert("L").convert("RGB"), np.float32)
    return Image.fromarray((grey * (1 - opacity) + colour * opacity).round().astype(np.uint8))


def render_explanation(explanation: Mapping[str, Any], picture: Image.Image | None, heat: Image.Image | None) -> str:
    """Return the page of an explanation (see `verbs.explain`) with embedded pictures; loads nothing from the network."""
    sizes = [abs(part["share_log_odds"]) for part in explanation["parts"]]
    words = [abs(word["log_odds"]) for word in explanation["words"]]
    return render_part(
        "explanation.html.j2",
        one=explanation,
        picture=preview(picture),
        heat=preview(heat),
        methods=explanation["methods"],
        largest_share=max([*sizes, 1e-9]),
        largest_word=max([*words, 1e-9]),
        style=read_part("explanation.css"),
    )
