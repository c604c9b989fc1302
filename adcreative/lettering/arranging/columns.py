"""The words of an ad set as a column, in their own letters: rows from top to bottom, broken anew, in one scale.

What stood side by side stays so where the column is wide enough, and comes below each other where it is not. Knows parts of an
ad; nothing of what is around the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.lettering.arranging.parts import Piece, SetPiece, set_piece
from adcreative.lettering.reading.blocks import Box

BESIDE = 1.4  # heights of capitals between things that stand side by side, at most


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A piece with its place in the new picture, px, and its scale."""

    piece: Piece
    made: SetPiece
    x: int
    y: int
    scale: float

    @property
    def box(self) -> Box:
        return self.x, self.y, self.x + self.made.width, self.y + self.made.height

    @property
    def num_lines(self) -> int:
        """How many lines its words stand in; 1 for a button."""
        baselines = {
            y + round(word.above_px * self.scale) for (_, _, y), word in zip(self.made.layers, self.piece.words, strict=False)
        }
        return max(1, len(baselines))


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """Words set from the point 0, 0. size: width and height, px."""

    placed: tuple[Placed, ...]
    size: tuple[int, int]

    def at(self, x: float, y: float) -> tuple[Placed, ...]:
        """Return the words with the column's upper left corner at a point, px."""
        return tuple(
            Placed(piece=one.piece, made=one.made, x=one.x + round(x), y=one.y + round(y), scale=one.scale)
            for one in self.placed
        )


def set_column(
    rows: Sequence[Sequence[Piece]], width_px: float, scale: float, *, is_centred: bool, gaps: float = 1.0
) -> Column | None:
    """Set rows of pieces in a column; None when a word or a button is wider than that.

    Args:
        gaps: share of the distances between rows that they keep.
    """
    lines: list[tuple[list[tuple[Piece, SetPiece]], float]] = []
    for row in rows:
        made = [(piece, set_piece(piece, width_px, scale, "centre" if is_centred else "left")) for piece in row]
        kept = [(piece, one) for piece, one in made if one is not None]
        if len(kept) < len(made):
            return None
        above = scale * gaps * row[0].gap_px
        beside = _beside(row, scale)
        if sum(one.width for _, one in kept) + beside * (len(kept) - 1) <= width_px:
            lines.append((kept, above))
        else:
            between = scale * BESIDE * max(piece.block.size_px for piece in row)
            lines += [([one], above if k == 0 else between) for k, one in enumerate(kept)]
    widths = [sum(one.width for _, one in line) + _beside([p for p, _ in line], scale) * (len(line) - 1) for line, _ in lines]
    placed: list[Placed] = []
    full, y = max(widths), 0.0
    for (line, above), width in zip(lines, widths, strict=True):
        y += above if placed else 0.0
        x, height = ((full - width) / 2 if is_centred else 0.0), max(one.height for _, one in line)
        for piece, one in line:
            placed.append(Placed(piece=piece, made=one, x=round(x), y=round(y + (height - one.height) / 2), scale=scale))
            x += one.width + _beside([p for p, _ in line], scale)
        y += height
    return Column(placed=tuple(placed), size=(round(full), round(y)))


def _beside(row: Sequence[Piece], scale: float) -> float:
    return float(scale * BESIDE * np.median([piece.block.size_px for piece in row]))
