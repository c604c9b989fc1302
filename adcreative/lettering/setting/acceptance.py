"""Acceptance test of a new text in a picture: it reads back exactly, has contrast, leaves no seam."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.smears import is_smeared
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.reading.ink import luminance
from adcreative.lettering.reading.measures import FITTED as MEASURES
from adcreative.lettering.reading.measures import PHONE_WIDTH_PT
from adcreative.lettering.reading.reader import TextReading
from adcreative.lettering.reading.roles import letters_of
from adcreative.lettering.reading.spelling import mend_capitals
from adcreative.lettering.setting.changes import floor_tenth
from adcreative.lettering.setting.typesetting import FITTED as TYPESETTING
from adcreative.lettering.setting.typesetting import Setting
from adcreative.problem import Problem


@dataclass(frozen=True)
class Thresholds:
    """Bounds for acceptance, chosen by eye on drawn ads and checked by blind pairs (`tests/bench/blind_pairs.py`).

    old_share: minimum contrast relative to the old letters', since the ground varies. most_nudge: maximum share of black or
    white mixed into an ink. inks, tones, tone_contrast: other inks, their shares in the ground's colour, and the target
    contrast. ground_percentile: of the ground's pixels under a text may have less contrast. grain_ratio, grain_allowance: of
    grain in filled and surrounding pixels; an invisible amount, 0..255. seam_reach, seam_pad: px around a hole that are
    compared, and in the window. least_repeated: minimum letters of a text that must not be repeated. crop_pads: margins around
    a line for reading back, in heights of the line, tried in order. line_px: minimum height of a line for reading.
    """

    old_share: float = 0.9
    most_nudge: float = 0.35
    inks: tuple[tuple[int, int, int], ...] = ((0, 0, 0), (255, 255, 255))
    tones: tuple[float, ...] = (0.6, 0.68, 0.76, 0.84, 0.92)
    tone_contrast: float = 5.0
    ground_percentile: float = 5.0
    grain_ratio: float = 2.5
    grain_allowance: float = 1.5
    seam_reach: int = 8
    seam_pad: int = 12
    least_repeated: int = 12
    crop_pads: tuple[float, ...] = (0.35, 0.2, 0.55)
    line_px: int = 32
    # chosen by hand from here on; the method was not recorded
    num_nudges: int = 8  # number of tried shares of black or white
    least_around: int = 64  # minimum pixels around a hole for judging its grain
    grain_blur_px: float = 1.5  # deviation of the high-pass filter for grain
    seam_percentile: int = 75  # of steps of light across a seam


THRESHOLDS = Thresholds()
_SAME = str.maketrans({"…": "...", **dict(zip("’‘“”–—‑´`，！？：", "''\"\"---'',!?:", strict=True))})


def read_back(image_u8: np.ndarray, setting: Setting, reader: TextReading) -> str:
    """Return the text read at the setting, line by line from the top; a misread line is read up to twice more."""
    texts = []
    for line in sorted(setting.lines, key=lambda line: line.box[1]):
        seen = ""
        for pad in THRESHOLDS.crop_pads:
            read = reader.read_lines([crop_line(image_u8, line.box, pad)])[0]
            seen = seen or read
            if comparable(read) == comparable(line.text):
                seen = line.text
                break
        texts.append(seen)
    return " ".join(texts)


def crop_line(image_u8: np.ndarray, box: Box, pad: float) -> np.ndarray:
    """Return a line's pixels with a margin (a share of its height), enlarged for a low line."""
    height, width = image_u8.shape[:2]
    margin = max(2, round(pad * (box[3] - box[1])))
    x0, y0, x1, y1 = max(0, box[0] - margin), max(0, box[1] - margin), min(width, box[2] + margin), min(height, box[3] + margin)
    crop = image_u8[y0:y1, x0:x1]
    if 0 < crop.shape[0] < THRESHOLDS.line_px:
        size = max(1, round(crop.shape[1] * THRESHOLDS.line_px / crop.shape[0])), THRESHOLDS.line_px
        crop = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
    return crop


def comparable(text: str) -> str:
    """Return a text in comparable form: without spaces, whose width OCR does not measure, and with normalised marks."""
    return re.sub(r"\s+", "", text.translate(_SAME))


def find_faults(
    erased_u8: np.ndarray,
    after_u8: np.ndarray,
    mask: np.ndarray,
    text: str,
    setting: Setting,
    colour: tuple[int, int, int],
    reader: TextReading,
    least: float = MEASURES.min_contrast,
) -> list[Problem]:
    """Return the reasons against delivering a text that was set; empty if acceptable.

    Args:
        erased_u8, after_u8: the picture [H, W, 3] without the old text, and with the new one.
        mask: [H, W] the filled pixels of the old text. text: the wanted text. least: required contrast.
    """
    faults = [*_contrast_faults(erased_u8, setting, colour, least), *_seam_faults(erased_u8, mask)]
    if not faults and is_smeared(erased_u8, mask):
        faults.append(Problem("smear"))
    if not faults:
        read = read_back(after_u8, setting, reader)
        if comparable(text) not in (comparable(read), comparable(mend_capitals(read))):
            faults.append(Problem("misread", read=read))
    return faults


def find_lost_lines(
    before_u8: np.ndarray, after_u8: np.ndarray, old: Sequence[TextBlock], new: Sequence[TextBlock], reader: TextReading
) -> list[Problem]:
    """Return problems for lines that are read differently after their blocks moved from `old` to `new`."""
    faults = []
    for first, second in zip(old, new, strict=True):
        for line, there in zip(first.lines, second.lines, strict=True):
            reads = [
                reader.read_lines([crop_line(before_u8, line.box, pad), crop_line(after_u8, there.box, pad)])
                for pad in THRESHOLDS.crop_pads[:2]
            ]
            if not any(comparable(was) == comparable(now) for was, now in reads):
                faults.append(Problem("lost_line", line=line.text, read=reads[0][1]))
    return faults


def find_repeated(done: Sequence[str], blocks: Mapping[str, TextBlock]) -> list[str]:
    """Return the names of new texts that repeat, contain or are part of another block of the picture.

    Buttons and logos may be repeated, and so may a word or two.

    Args:
        done: names of the new blocks. blocks: name -> every current block of the picture.
    """
    others = [letters_of(block.text) for name, block in blocks.items() if name not in done and _may_not_be_repeated(block)]
    texts = {name: letters_of(blocks[name].text) for name in done if _may_not_be_repeated(blocks[name])}
    return [name for name, text in texts.items() if any(text in other or other in text for other in others)]


def _may_not_be_repeated(block: TextBlock) -> bool:
    return block.plate is None and block.role != "brand" and len(letters_of(block.text)) >= THRESHOLDS.least_repeated


def needed_contrast(erased_u8: np.ndarray, old: Sequence[Box], colour: tuple[int, int, int]) -> float:
    """Return the required contrast of a text in place of one with lines at `old` in a colour.

    MEASURES.min_contrast, or the old letters' contrast if lower: the designer chose that ink on that ground, and a new line
    in another ink looks wrong next to the rest. A contrast below the advised one is reported (`advised_contrast`).
    """
    return min(MEASURES.min_contrast, THRESHOLDS.old_share * least_contrast(erased_u8, old, colour))


def advised_contrast(setting: Setting, width: int) -> float:
    """Return WCAG's minimum contrast of a text in a picture `width` px wide, lower for large print."""
    large_pt = MEASURES.large_bold_pt if setting.lettering.is_bold else MEASURES.large_pt
    is_large = TYPESETTING.cap_share * setting.size_px * PHONE_WIDTH_PT / width >= large_pt
    return MEASURES.min_large_contrast if is_large else MEASURES.min_contrast


def readable(
    colour: tuple[int, int, int], erased_u8: np.ndarray, setting: Setting, least: float = MEASURES.min_contrast
) -> tuple[int, int, int]:
    """Return the colour of the old letters, or a lighter or darker one if its contrast is less than `least`.

    A little white or black is mixed in. If that is not enough, the ink is a deep or a pale tone of the ground, which on a
    middle tone is close to black or white.
    """
    boxes = [line.box for line in setting.lines]
    for share in np.linspace(0.0, THRESHOLDS.most_nudge, THRESHOLDS.num_nudges):
        for end in (0.0, 255.0):
            mixed = np.round(np.array(colour) * (1.0 - share) + end * share).astype(int)
            nudged = (int(mixed[0]), int(mixed[1]), int(mixed[2]))
            if least_contrast(erased_u8, boxes, nudged) >= least:
                return nudged
    x0, y0, x1, y1 = boxes[0]
    ground = np.median(erased_u8[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3), axis=0)
    best = max(THRESHOLDS.inks, key=lambda ink: least_contrast(erased_u8, boxes, ink))
    for share in THRESHOLDS.tones:
        red, green, blue = (int(value) for value in (ground * (1.0 - share) + np.array(best) * share).round())
        if least_contrast(erased_u8, boxes, (red, green, blue)) >= THRESHOLDS.tone_contrast:
            return red, green, blue
    return best


def _contrast_faults(erased_u8: np.ndarray, setting: Setting, colour: tuple[int, int, int], needed: float) -> Iterator[Problem]:
    least = least_contrast(erased_u8, [line.box for line in setting.lines], colour)
    if least < needed:
        yield Problem("low_contrast", contrast=floor_tenth(least), needed=needed)


def least_contrast(erased_u8: np.ndarray, boxes: Sequence[Box], colour: tuple[int, int, int]) -> float:
    """Return the contrast (1..21) with a colour reached by nearly all pixels in a text's boxes."""
    own = float(luminance(np.array(colour)))
    ratios = []
    for x0, y0, x1, y1 in boxes:
        under = luminance(erased_u8[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3))
        ratios.append((np.maximum(under, own) + 0.05) / (np.minimum(under, own) + 0.05))
    return float(np.percentile(np.concatenate(ratios), THRESHOLDS.ground_percentile))


def _seam_faults(erased_u8: np.ndarray, mask: np.ndarray) -> Iterator[Problem]:
    """Compare the filled pixels with their surroundings: grain inside, and the step across the seam."""
    if not mask.any():
        return
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    pad = THRESHOLDS.seam_pad
    window = (slice(max(0, rows[0] - pad), rows[-1] + pad), slice(max(0, columns[0] - pad), columns[-1] + pad))
    picture, filled = erased_u8[window].astype(np.float32), mask[window]
    around = ndimage.binary_dilation(filled, iterations=THRESHOLDS.seam_reach) & ~ndimage.binary_dilation(filled, iterations=1)
    if around.sum() < THRESHOLDS.least_around:
        return
    smooth = np.stack(
        [ndimage.gaussian_filter(channel, THRESHOLDS.grain_blur_px) for channel in np.moveaxis(picture, 2, 0)], axis=2
    )
    grain = np.abs(picture - smooth).mean(axis=2)
    inside, outside = float(np.median(grain[filled])), float(np.median(grain[around]))
    low, high = sorted((inside, outside))
    if high - low > THRESHOLDS.grain_allowance and high > THRESHOLDS.grain_ratio * low:
        yield Problem("other_texture", inside=inside, outside=outside)
    steps = np.abs(np.diff(picture, axis=1)).mean(axis=2)
    across, beside = filled[:, 1:] != filled[:, :-1], around[:, 1:] & around[:, :-1]
    if across.any() and beside.any():
        seam, usual = (float(np.percentile(steps[part], THRESHOLDS.seam_percentile)) for part in (across, beside))
        if seam > THRESHOLDS.grain_ratio * usual + 2 * THRESHOLDS.grain_allowance:
            yield Problem("seam", step=seam, usual=usual)
