"""Which parts of a picture stay when the whole picture is edited: faces, salient things (the product), text. No models.

Each part answers with a mask of the picture's pixels or a box around it; both err on the side of protecting too much, since
a product that is painted over cannot be sold and a line that is cut cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from scipy import fft, ndimage

SALIENCY_SIDE_PX = 64  # Hou & Zhang 2007, section 2: things are found at this scale
SALIENCY_TIMES_MEAN = 3.0  # Hou & Zhang 2007, eq. 6
FOREIGN, GROUND_NOISE = 16.3, 6.0  # squared distance from the ground's colours; deviation (0..255) of a ground that is plain
TEXT_SIDE_PX = 512  # longer side of the copy in which text is looked for
FACE_MARGIN = 0.6  # of a face box's sides, on each side: hair, neck and hat belong to the person
GROWTH_SHARE = 0.02  # of the shorter side, around saliency and text
MAX_TEXT_HEIGHT = 0.25  # of the picture's height; higher blocks of edges are things, not lines of text


@dataclass(frozen=True)
class Protection:
    """Parts of a picture [H, W] that stay: mask is bool, True where an edit may not change pixels."""

    mask: np.ndarray

    def frame(self) -> tuple[int, int, int, int]:
        """Return the box x0, y0, x1, y1 (px, end exclusive) around all that is protected; if nothing is, an empty one."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            height, width = self.mask.shape
            return width // 2, height // 2, width // 2, height // 2
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def protect(image_u8: np.ndarray, faces_xyxy_px: Sequence[Any] = (), extra: np.ndarray | None = None) -> Protection:
    """Find what of a picture [H, W, 3] stays: faces with a margin, salient things, text, and the mask `extra` [H, W]."""
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

    The first finds small things in texture and misses large plain ones; the second finds those.

    Source: Hou & Zhang 2007, "Saliency detection: a spectral residual approach", eq. 3-6, per channel, sigma 2.5 as in their
    code; Wei, Wen, Zhu & Sun 2012, "Geodesic saliency using background priors", for what the frame says of the ground. Differs:
    one Gaussian of its colours instead of geodesic distances; 16.3 is the 99.9 % point of chi squared with three degrees.
    """
    height, width = image_u8.shape[:2]
    side = (SALIENCY_SIDE_PX, SALIENCY_SIDE_PX)
    small = np.asarray(Image.fromarray(image_u8).resize(side, Image.Resampling.BOX), np.float64)  # [64, 64, 3]
    found = _is_foreign(small)
    for channel in np.moveaxis(small, 2, 0):
        if np.ptp(channel) >= 1.0:  # on a plain channel nothing stands out but rounding
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
    at_frame = np.concatenate([small[:3].reshape(-1, 3), small[-3:].reshape(-1, 3), small[:, :3].reshape(-1, 3),
                               small[:, -3:].reshape(-1, 3)])  # fmt: skip
    offset = small - at_frame.mean(axis=0)
    precision = np.linalg.inv(np.cov(at_frame.T) + GROUND_NOISE**2 * np.eye(3))
    return np.einsum("ijc,cd,ijd->ij", offset, precision, offset) > FOREIGN


def text_mask(image_u8: np.ndarray) -> np.ndarray:
    """Return a mask [H, W] of the boxes in which lines of text may stand in the picture [H, W, 3].

    Strokes have strong gradients on both sides of a bar, side by side along a line: the morphological gradient is closed along
    the line, and what is left is kept when it is wider than high, not too high, and dense with edges.

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
