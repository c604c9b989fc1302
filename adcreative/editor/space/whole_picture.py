"""The whole picture: protected parts, light, colour, crop, and other backgrounds. Knows pixels; no models, no torch.

Protected parts (`protect`): faces, salient things (the product), text; each errs on the side of protecting too much, since a
product that is painted over cannot be sold and a line that is cut cannot be read.

Adjustments are a vector of strengths, one per name of `genome.ADJUSTMENTS`, -1..1 (crop 0..1); 0 leaves the picture bit for
bit. Light and colour are locked where changes would spoil an ad: white, black, grey, skin, colours of letters and plates. They
are applied at full size on final pixels, after faces and scene.

Scenes: unprotected parts are painted anew before the search, by any object with `paint` (encoders/inpainting.py wraps
`diffusers`); the new ground fades in around protected parts, so that no seam is visible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageEnhance
from scipy import fft, ndimage

from adcreative.creative import Creative

if TYPE_CHECKING:
    from adcreative.encoders.inpainting import InpaintingModel

SALIENCY_SIDE_PX = 64  # Hou & Zhang 2007, section 2: things are found at this scale
SALIENCY_TIMES_MEAN = 3.0  # Hou & Zhang 2007, eq. 6
FOREIGN, GROUND_NOISE = 16.3, 6.0  # squared distance from the ground's colours; deviation (0..255) of a plain ground
TEXT_SIDE_PX = 512  # longer side of the copy used to detect text
FACE_MARGIN = 0.6  # of a face box's sides, on each side: hair, neck and hat belong to the person
GROWTH_SHARE = 0.02  # of the shorter side, around saliency and text
MAX_TEXT_HEIGHT = 0.25  # of the picture's height; higher blocks of edges are things, not lines of text
EXPOSURE_STOPS = 0.4  # per unit of strength; a stop doubles the values
WARMTH_GAIN = 0.08  # per unit: gain of red over grey
CONTRAST_STOPS, SATURATION_STOPS = 0.35, 0.5  # per unit: the factor's logarithm, base 2
MAX_CROP = 0.15  # of either side, at strength 1
SAFE_MARGIN = 0.03  # of either side, around faces, text and product when the picture is cropped
MIN_CROP = 0.1  # of a side: smaller crops are not offered; half of it, at the usual reach, is just visible
NEUTRAL, COLOURFUL = 14, 44  # chroma (largest less least of R, G, B) up to which a pixel is locked; from which it is free
SKIN_CB, SKIN_CR, SKIN_SOFT = (77, 127), (133, 173), 16  # Chai & Ngan 1999, section III; levels beyond until a pixel is free
DRAWN, DRAWN_SOFT = 20, 24  # levels from a colour of letters or plates, up to which a pixel is locked; beyond, until it is free
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # ITU-R BT.709
FADE_SHARE = 0.03  # of the shorter side: distance from protected parts over which the new ground fades in
MIN_GROUND_SHARE = 0.1  # of the picture; less ground than this is not painted
NO_CHANGE = 1.0  # mean absolute difference (0..255) below which a scene equals the original


@dataclass(frozen=True)
class Protection:
    """Protected parts of a picture [H, W]: mask is bool, True where an edit may not change pixels."""

    mask: np.ndarray

    def frame(self) -> tuple[int, int, int, int]:
        """Return the box x0, y0, x1, y1 (px, end exclusive) around all protected parts; an empty box without any."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            height, width = self.mask.shape
            return width // 2, height // 2, width // 2, height // 2
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def protect(image_u8: np.ndarray, faces_xyxy_px: Sequence[Any] = (), extra: np.ndarray | None = None) -> Protection:
    """Find the protected parts of a picture [H, W, 3]: faces with a margin, salient things, text, and `extra` [H, W]."""
    height, width = image_u8.shape[:2]
    mask = salient_mask(image_u8) | text_mask(image_u8)
    mask = ndimage.binary_dilation(mask, iterations=max(1, round(GROWTH_SHARE * min(height, width))))
    for x0, y0, x1, y1 in ([float(edge) for edge in box] for box in faces_xyxy_px):
        dx, dy = FACE_MARGIN * (x1 - x0), FACE_MARGIN * (y1 - y0)
        rows = slice(max(0, int(y0 - dy)), min(height, int(np.ceil(y1 + dy))))
        mask[rows, max(0, int(x0 - dx)) : min(width, int(np.ceil(x1 + dx)))] = True
    return Protection(mask if extra is None else mask | extra)


def salient_mask(image_u8: np.ndarray) -> np.ndarray:
    """Return a mask [H, W] of salient things in the picture [H, W, 3]: unusual texture, or colours unlike the background's.

        L = log |F[channel]|,  R = L - mean3x3(L),  S = gauss * |F^-1[exp(R + i phase)]|^2,  surprising: S > 3 mean(S)
        d^2 = (c - m)^T C^-1 (c - m) with mean m and covariance C of the colours at the frame,  foreign: d^2 > 16.3

    The first finds small things in texture and misses large plain ones; the second finds large plain ones.

    Source: Hou & Zhang 2007, "Saliency detection: a spectral residual approach", eq. 3-6, per channel, sigma 2.5 as in their
    code; Wei, Wen, Zhu & Sun 2012, "Geodesic saliency using background priors", for the frame as sample of the ground. Differs:
    one Gaussian of its colours instead of geodesic distances; 16.3 is the 99.9 % point of chi squared with three degrees.
    """
    height, width = image_u8.shape[:2]
    side = (SALIENCY_SIDE_PX, SALIENCY_SIDE_PX)
    small = np.asarray(Image.fromarray(image_u8).resize(side, Image.Resampling.BOX), np.float64)  # [64, 64, 3]
    found = _is_foreign(small)
    for channel in np.moveaxis(small, 2, 0):
        if np.ptp(channel) >= 1.0:  # a plain channel has only rounding noise
            found |= _is_surprising(channel)
    found = ndimage.binary_fill_holes(found)
    return np.asarray(Image.fromarray(found).resize((width, height), Image.Resampling.NEAREST))


def _is_surprising(channel: np.ndarray) -> np.ndarray:
    spectrum = fft.fft2(channel)
    log_size = np.log(np.abs(spectrum) + 1e-9)
    residual = log_size - ndimage.uniform_filter(log_size, 3, mode="wrap")
    saliency = ndimage.gaussian_filter(np.abs(fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2, 2.5)
    return saliency > SALIENCY_TIMES_MEAN * saliency.mean()


def _is_foreign(small: np.ndarray) -> np.ndarray:
    at_frame = np.concatenate(
        [small[:3].reshape(-1, 3), small[-3:].reshape(-1, 3), small[:, :3].reshape(-1, 3), small[:, -3:].reshape(-1, 3)]
    )
    offset = small - at_frame.mean(axis=0)
    precision = np.linalg.inv(np.cov(at_frame.T) + GROUND_NOISE**2 * np.eye(3))
    return np.einsum("ijc,cd,ijd->ij", offset, precision, offset) > FOREIGN


def text_mask(image_u8: np.ndarray) -> np.ndarray:
    """Return a mask [H, W] of the boxes of possible text lines in the picture [H, W, 3].

    Strokes have strong gradients on both sides of a bar, side by side along a line: the morphological gradient is closed along
    the line, and a region is kept when it is wider than high, not too high, and dense with edges.

    Source: Wu, Hsieh & Chen 2008, "Morphology-based text line extraction", with one threshold instead of their verifier, so
    that texture is taken for text rather than text for texture.
    """
    height, width = image_u8.shape[:2]
    scale = min(1.0, TEXT_SIDE_PX / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = np.asarray(Image.fromarray(image_u8).convert("L").resize(small, Image.Resampling.BOX), np.float32)
    gradient = ndimage.morphological_gradient(grey, size=(3, 3))
    edges = gradient > max(40.0, float(gradient.mean() + 1.5 * gradient.std()))
    closed = ndimage.binary_closing(np.pad(edges, 12), structure=np.ones((3, 11), dtype=bool))[12:-12, 12:-12]
    labels, _ = ndimage.label(closed)
    mask = np.zeros((height, width), dtype=bool)
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        box_height, box_width = rows.stop - rows.start, columns.stop - columns.start
        is_line = 4 <= box_height <= MAX_TEXT_HEIGHT * small[1] and box_width >= 1.5 * box_height
        inside = labels[rows, columns] == label
        if is_line and inside.mean() > 0.35 and edges[rows, columns][inside].mean() > 0.3:
            y0, y1 = int(rows.start / scale), int(np.ceil(rows.stop / scale))
            x0, x1 = int(columns.start / scale), int(np.ceil(columns.stop / scale))
            mask[y0:y1, x0:x1] = True
    return mask


class PictureAdjuster:
    """Applies global adjustments to one picture. low, high [5]: range of each adjustment; both 0 where not allowed."""

    def __init__(
        self, image_u8: np.ndarray, protection: Protection, reach: float = 1.0, drawn: Sequence[Sequence[int]] = ()
    ) -> None:
        """Find the tightest crop of the picture [H, W, 3] that cuts no protected part.

        Args:
            reach: share (0..1) of each range that may be used. drawn: locked RGB colours of the brand, of plates and of
                letters.
        """
        self._drawn = drawn
        height, width = image_u8.shape[:2]
        self._tightest = tightest_crop(protection.frame(), height, width)
        x0, _, x1, _ = self._tightest
        can_crop = 1.0 - (x1 - x0) / width >= MIN_CROP
        self.low = reach * np.array([-1.0, -1.0, -1.0, -1.0, 0.0])
        self.high = reach * np.array([1.0, 1.0, 1.0, 1.0, float(can_crop)])

    def apply(self, image_u8: np.ndarray, adjustments: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3], uint8, with adjustments [5] applied; same size.

        The crop keeps the shape of the frame and is scaled back to its size.
        """
        exposure, warmth, contrast, saturation, crop = (float(strength) for strength in adjustments)
        if not any((exposure, warmth, contrast, saturation, crop)):
            return image_u8
        is_coloured = any((exposure, warmth, contrast, saturation))
        picture = Image.fromarray(warm(image_u8, warmth) if warmth else image_u8)
        if exposure:
            picture = ImageEnhance.Brightness(picture).enhance(2.0 ** (EXPOSURE_STOPS * exposure))
        if contrast:
            picture = ImageEnhance.Contrast(picture).enhance(2.0 ** (CONTRAST_STOPS * contrast))
        if saturation:
            picture = ImageEnhance.Color(picture).enhance(2.0 ** (SATURATION_STOPS * saturation))
        if is_coloured:
            free = find_free(image_u8, self._drawn)[:, :, None]
            mixed = image_u8 + free * (np.asarray(picture, np.float32) - image_u8)
            picture = Image.fromarray(mixed.round().astype(np.uint8))
        if crop:
            box = self.crop_box(crop, *image_u8.shape[:2])
            picture = picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)
        return np.array(picture)

    def crop_box(self, strength: float, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the box x0, y0, x1, y1 (px) of a crop of this strength (0..1), from the full frame to the tightest crop."""
        whole, tight = np.array([0, 0, width, height]), np.array(self._tightest)
        x0, y0, x1, y1 = whole + strength * (tight - whole)
        return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))


def find_free(image_u8: np.ndarray, drawn: Sequence[Sequence[int]] = ()) -> np.ndarray:
    """Return how freely light and colour of each pixel of a picture [H, W, 3] may change, [H, W] 0..1; 0: locked.

    Args:
        drawn: locked RGB colours, in addition to white, black, grey and skin.
    """
    chroma = image_u8.max(axis=2).astype(np.float32) - image_u8.min(axis=2)
    free = (chroma - NEUTRAL) / (COLOURFUL - NEUTRAL)
    tones = np.asarray(Image.fromarray(image_u8).convert("YCbCr"), np.float32)
    off = [np.maximum(low - tones[..., k], tones[..., k] - high) for k, (low, high) in ((1, SKIN_CB), (2, SKIN_CR))]
    free = np.minimum(free, np.maximum(*off) / SKIN_SOFT)
    for colour in drawn:
        distance = np.abs(image_u8.astype(np.int16) - np.array(colour, np.int16)).max(axis=2)
        free = np.minimum(free, (distance - DRAWN) / DRAWN_SOFT)
    return free.clip(0.0, 1.0)


def tightest_crop(protected_xyxy_px: tuple[int, int, int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """Return the smallest box of the frame's shape that keeps `protected` and a margin, and at least 1 - MAX_CROP of each side.

    The box is as near to the frame's middle as the protected box allows.
    """
    x0, y0, x1, y1 = protected_xyxy_px
    left, right = max(0.0, x0 - SAFE_MARGIN * width), min(float(width), x1 + SAFE_MARGIN * width)
    top, bottom = max(0.0, y0 - SAFE_MARGIN * height), min(float(height), y1 + SAFE_MARGIN * height)
    share = max(1.0 - MAX_CROP, (right - left) / width, (bottom - top) / height)
    crop_width, crop_height = share * width, share * height
    x_start = min(max((width - crop_width) / 2, right - crop_width, 0.0), left, width - crop_width)
    y_start = min(max((height - crop_height) / 2, bottom - crop_height, 0.0), top, height - crop_height)
    x0, y0 = int(np.floor(x_start)), int(np.floor(y_start))
    return x0, y0, min(width, int(np.ceil(x_start + crop_width))), min(height, int(np.ceil(y_start + crop_height)))


def warm(image_u8: np.ndarray, strength: float) -> np.ndarray:
    """Return the picture [H, W, 3] with red raised against blue (lowered for a negative strength); grey keeps its luma.

    Gains of the channels (von Kries); the gain of green compensates the luma change of the other two.
    """
    gain = WARMTH_GAIN * strength
    green = 1.0 - gain * (_RED - _BLUE) / _GREEN
    matrix = (1.0 + gain, 0.0, 0.0, 0.0, 0.0, green, 0.0, 0.0, 0.0, 0.0, 1.0 - gain, 0.0)
    return np.asarray(Image.fromarray(image_u8).convert("RGB", matrix))


@dataclass(frozen=True)
class Scenes:
    """Painted scenes of one picture. pictures: [H, W, 3] uint8 each. weight [H, W, 1]: 0 where the original is kept."""

    pictures: tuple[np.ndarray, ...]
    weight: np.ndarray

    def paste(self, image_u8: np.ndarray, scene_idx: int) -> np.ndarray:
        """Return the picture with a scene behind the protected parts; index 0 returns the original bit for bit."""
        if not scene_idx:
            return image_u8
        scene = self.pictures[scene_idx - 1].astype(np.float32)
        mixed = image_u8.astype(np.float32) * (1.0 - self.weight) + scene * self.weight
        return np.where(self.weight > 0.0, mixed.round().astype(np.uint8), image_u8)


def paint_scenes(
    creative: Creative,
    image_u8: np.ndarray,
    protection: Protection,
    painter: InpaintingModel,
    *,
    num_scenes: int,
    seed: int,
    prompt: str = "",
    should_stop: Callable[[], bool] | None = None,
) -> Scenes | None:
    """Paint other backgrounds; None when the picture has too little background, or no painted scene differs from it."""
    ground = ~protection.mask
    if ground.mean() < MIN_GROUND_SHARE or num_scenes < 1:
        return None
    painted = painter.paint(image_u8, ground, prompt or scene_prompt(creative), num_scenes, seed=seed, should_stop=should_stop)
    new = [one for one in painted if np.abs(one.astype(np.int16) - image_u8)[ground].mean() >= NO_CHANGE]
    if not new:
        return None
    fade_px = max(1.0, FADE_SHARE * min(ground.shape))
    weight = np.clip(ndimage.distance_transform_edt(ground) / fade_px, 0.0, 1.0) if not ground.all() else np.ones(ground.shape)
    return Scenes(tuple(new), weight.astype(np.float32)[:, :, None])


def scene_prompt(creative: Creative) -> str:
    """Return the prompt for the painter: a plain background for a product of the creative's category.

    Only letters of the category are used, so that a table cell cannot inject a prompt.
    """
    category = " ".join(re.findall(r"[^\W\d_]+", creative.category)[:4])
    return f"plain photographic background for {category or 'a product'}, soft light, no people, no text"
