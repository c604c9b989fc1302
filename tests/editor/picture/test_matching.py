"""A line's letters are told from things above and below it by where most of the pieces stand."""

from __future__ import annotations

import numpy as np

from adcreative.editor.picture.fonts import typefaces
from adcreative.editor.picture.lettering import Lettering
from adcreative.editor.picture.matching import _without_things


def test_a_things_edge_above_a_line_is_no_letter_and_dots_and_hooks_are() -> None:
    drawn, _, _ = Lettering.plain(typefaces()[0], 48.0).draw('Ting in "Jura", yes; i', 0.0, 0.0)
    line = np.pad(drawn, ((30, 20), (10, 10)))
    assert (_without_things(line) == line).all()
    arc = line.copy()
    arc[4:12, 40:220] = 1.0
    arc[-6:, 100:160] = 0.9
    assert (_without_things(arc) == line).all()


def test_a_line_of_few_pieces_stays_as_it_is() -> None:
    bars = np.zeros((60, 80), np.float32)
    bars[5:12, 5:75], bars[40:48, 5:75] = 1.0, 1.0
    assert (_without_things(bars) == bars).all()
