"""The looks that a picture's light, colour and crop can be given as a whole, as designers name them: warm, cool, vivid, soft.

A search of an ad whose lines stay as they are ends near the smallest change of light that the models prefer, which nobody tells
from the ad as it was. These are what can be offered beside it: each goes one way as far as is allowed, with what belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from adcreative.editor.space.adjustments import ADJUSTMENTS
from adcreative.editor.space.genome import MIN_STRENGTH, GeneSpace, Individual

# name -> adjustment -> part of its range, negative below 0; the first is what the look is known by
LOOKS: Mapping[str, Mapping[str, float]] = {
    "warm": {"warmth": 1.0, "exposure": 0.6}, "cool": {"warmth": -1.0, "saturation": -0.6},
    "vivid": {"saturation": 1.0, "contrast": 0.6}, "soft": {"contrast": -1.0, "exposure": 0.6},
    "deep": {"exposure": -1.0, "contrast": 0.6}, "bright": {"exposure": 1.0, "saturation": 0.6},
    "near": {"crop": 1.0},
}  # fmt: skip


def sweep_looks(space: GeneSpace) -> list[Individual]:
    """Return an edit for each of LOOKS that the space allows, with the ad's own words and faces."""
    found, first = [], space.num_faces * space.num_directions
    for parts in LOOKS.values() if len(space.adjustment_low) else ():
        edit, strengths = space.original(), []
        for name, part in parts.items():
            place = ADJUSTMENTS.index(name)
            strengths.append(float(part * (space.adjustment_high if part > 0 else -space.adjustment_low)[place]))
            edit[first + place], edit[space.num_strengths + first + place] = strengths[-1], 1.0
        if abs(strengths[0]) >= MIN_STRENGTH:
            found.append(edit)
    return found
