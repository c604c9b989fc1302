"""Pictures that no codec here is trained on."""

from __future__ import annotations

import numpy as np

from data.make.codec_data import held_out_photographs


def test_held_out_photographs_are_in_colour() -> None:
    found = held_out_photographs()
    assert set(found) == {"astronaut", "chelsea", "coffee", "china", "flower"}
    assert all(image_u8.shape[2] == 3 and image_u8.dtype == np.uint8 for image_u8 in found.values())
