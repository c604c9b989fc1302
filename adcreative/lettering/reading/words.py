"""The words of a picture: its blocks with their roles, and the check of faces that are letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adcreative.encoders.latest import LatestAnswers
from adcreative.lettering.reading.blocks import TextBlock, build_blocks
from adcreative.lettering.reading.reader import TextLine, TextReading, pack_lines, unpack_lines
from adcreative.lettering.reading.roles import is_same_text, letters_of, name_roles
from adcreative.lettering.reading.spelling import mend_strokes
from adcreative.lettering.reading.tesseract import languages_for, name_package


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen on real ads of the working half (`tests/real`)."""

    letter_confidence: float = 0.8  # minimum confidence of a line over a face that is lettering
    letter_overlap: float = 0.6  # minimum share of a face's box covered by such a line
    headline_share: float = 0.5  # of the highest line: minimum height of a possible headline
    num_latest: int = 4  # pictures with cached blocks
    # chosen by hand from here on; the method was not recorded
    same_text: float = 0.8  # minimum similarity of a line and its known text


FITTED = Fitted()


@dataclass(frozen=True)
class PictureWords:
    """The text blocks of one picture, with roles, and the lines of the blocks.

    size: height and width of the picture. unread: lines in unreadable scripts, without text.
    """

    blocks: tuple[TextBlock, ...] = ()
    lines: tuple[TextLine, ...] = ()
    size: tuple[int, int] = (1, 1)
    unread: tuple[TextLine, ...] = ()

    @property
    def unread_note(self) -> str:
        """A sentence about the picture's unread scripts, and the packages to install; "" without unread lines."""
        scripts = list(dict.fromkeys(line.script for line in self.unread))
        missing = [name_package(script) for script in scripts if not languages_for(script)]
        said = f"the picture holds words in {' and '.join(scripts)} script that could not be read" if scripts else ""
        return f"{said}; install {' '.join(missing)} to read them" if missing else said

    @property
    def hides_words(self) -> bool:
        """Whether an unread line is large enough to be the headline, which makes all other roles uncertain."""
        heights = [box[3] - box[1] for box in (line.box_xyxy_px for line in self.lines)]
        hidden = [box[3] - box[1] for box in (line.box_xyxy_px for line in self.unread)]
        return max(hidden, default=0.0) > FITTED.headline_share * max(heights, default=0.0)

    def with_role(self, *roles: str) -> list[TextBlock]:
        """Return the blocks with one of these roles, in reading order."""
        return [block for block in self.blocks if block.role in roles]

    def covers(self, box_xyxy_px: Sequence[float]) -> bool:
        """Return whether one confidently read line covers most of a box, so that the box is no face."""
        x0, y0, x1, y1 = (float(edge) for edge in box_xyxy_px)
        area = max((x1 - x0) * (y1 - y0), 1e-9)
        for line in (*self.lines, *self.unread):
            a0, b0, a1, b1 = line.box_xyxy_px
            shared = max(0.0, min(x1, a1) - max(x0, a0)) * max(0.0, min(y1, b1) - max(y0, b0))
            if line.confidence >= FITTED.letter_confidence and shared >= FITTED.letter_overlap * area:
                return True
        return False


def read_words(image_u8: np.ndarray, reader: TextReading, *, brand: str = "") -> PictureWords:
    """Read the text in the picture [H, W, 3] uint8, as blocks with roles.

    The blocks of the latest pictures are cached until `forget_words`: the score, its explanation and the search of one ad
    all need them.
    """
    found = reader.read(image_u8)
    lines, unread = [line for line in found if line.text], tuple(line for line in found if not line.text)
    height, width = image_u8.shape[:2]
    blocks = name_roles(list(_latest(image_u8, *pack_lines(lines).values())), height, width, brand=brand)
    return PictureWords(tuple(blocks), tuple(lines), (height, width), unread)


def forget_words() -> None:
    """Empty the cache of blocks."""
    _latest.forget()


def _find_blocks(image_u8: np.ndarray, *packed_lines: np.ndarray) -> tuple[TextBlock, ...]:
    lines = unpack_lines(*packed_lines)
    return tuple(mend_strokes(build_blocks(image_u8, lines)))


_latest = LatestAnswers(_find_blocks, FITTED.num_latest)


def with_known_words(block: TextBlock, text: str) -> TextBlock:
    """Return a block whose lines have the known text instead of the read one: spaces and marks are misread most often.

    The words are distributed in proportion to the read letters; the block is returned unchanged if a line's words differ from
    the words read in it.
    """
    words = text.split()
    read = np.cumsum([len(letters_of(line.text)) for line in block.lines])
    known = np.cumsum([len(letters_of(word)) for word in words])
    if not len(known) or not read[-1] or not known[-1]:
        return block
    # of equally near words the last, so that one without letters ("29 €") stays behind the one before
    ends = [len(words) - int(np.argmin(np.abs(known / known[-1] - share)[::-1])) for share in read / read[-1]]
    lines = []
    for line, start, end in zip(block.lines, [0, *ends[:-1]], ends, strict=True):
        said = " ".join(words[start:end])
        if not is_same_text(line.text, said, FITTED.same_text):
            return block
        lines.append(replace(line, text=said))
    return replace(block, lines=tuple(lines))


def refuse_letters(faces: Sequence[Any], words: PictureWords) -> list[Any]:
    """Return the faces, with a refusal for lettering ("é" has an eye and a mouth, too)."""
    refusal = "what was taken for a face is lettering"
    return [
        replace(face, refusal=refusal) if face.refusal is None and words.covers(face.box_xyxy_px) else face for face in faces
    ]
