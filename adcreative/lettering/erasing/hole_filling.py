"""Fills the holes of erased letters in photographs with a named inpainting model: a LaMa export, or a diffusers pipeline.

An ONNX file runs in onnxruntime, which runs no code of the file's author (TorchScript would); anything else is a folder or
hub id for encoders/inpainting, the loader and the loaded model shared with scenes. Knows pixels; no letters.
Source: Suvorov et al. 2022 for LaMa; its ONNX exports take picture and mask and return the picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from adcreative.encoders.latest import LatestAnswers
from adcreative.errors import ConfigError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg

    from adcreative.encoders.inpainting import InpaintingModel


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/erasing/test_hole_filling.py`."""

    num_remembered: int = 4  # cached results
    max_seconds: float = 120.0  # time limit of one filling; real exports take a few seconds
    margin: float = 0.6  # of the hole's longer side: margin around the hole in the model's input
    usual_side_px: int = 512  # input side of exports with dynamic size
    unit_px: int = 8  # divisor of the input side
    most_of_unit: float = 1.5  # maximum output of an export with colours in 0..1 instead of 0..255


FITTED = Fitted()

PROMPT = "plain continuous background, empty, no people, no text, no letters"

FillHoles = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def fill_once(fill: FillHoles) -> FillHoles:
    """Return the function with a cache of its latest results, for a search that sets several labels on one button; each
    caller gets its own copy of the pixels."""
    latest = LatestAnswers(fill, FITTED.num_remembered)
    return lambda image_u8, mask, keep_out: latest(image_u8, mask, keep_out).copy()


def fill_with_painter(painter: InpaintingModel) -> FillHoles:
    """Return a function that fills a mask [H, W] of a picture [H, W, 3] with a painter; deterministic."""

    def fill(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        window = _window(mask)
        if window is None:
            return image_u8
        painted = painter.paint(image_u8[window], mask[window], PROMPT, 1, seed=0)
        return _pasted(image_u8, mask, window, painted[0]) if painted else image_u8

    return fill


def load_lama(path: Path) -> FillHoles:
    """Load a LaMa export in ONNX and return a function that fills holes with it.

    Raises:
        ConfigError: onnxruntime is not installed, or the file is no model with a picture and a mask as inputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError('inpainting with an .onnx file needs onnxruntime; pip install "adcreative[picture]"') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises exceptions of its own, without a common base class
        reason = str(error).splitlines()[0][:160]
        raise ConfigError(f'the inpainting model "{path}" cannot be loaded ({reason}); name a LaMa export in ONNX') from error
    inputs = {tuple(one.shape)[1]: one for one in session.get_inputs() if len(one.shape) == 4}
    if len(session.get_inputs()) != 2 or set(inputs) != {1, 3}:
        shapes = ", ".join(str(list(one.shape)) for one in session.get_inputs())
        raise ConfigError(
            f'the inpainting model "{path}" takes {shapes}; a picture [N, 3, H, W] and a mask [N, 1, H, W] are needed'
        )
    return _Lama(session, inputs[3], inputs[1]).fill


class _Lama:
    def __init__(self, session: InferenceSession, picture: NodeArg, mask: NodeArg) -> None:
        self._session, self._picture_name, self._mask_name = session, picture.name, mask.name
        self._sides = [side if isinstance(side, int) else None for side in picture.shape[2:]]

    def fill(self, image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the mask [H, W] filled, all other pixels bit for bit."""
        window = _window(mask)
        if window is None:
            return image_u8
        crop, hole = image_u8[window], mask[window]
        scale = min(1.0, FITTED.usual_side_px / max(crop.shape[:2]))
        height, width = (
            fixed or max(FITTED.unit_px, round(side * scale / FITTED.unit_px) * FITTED.unit_px)
            for fixed, side in zip(self._sides, crop.shape[:2], strict=True)
        )
        small = np.asarray(Image.fromarray(crop).resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255.0
        small_hole = np.asarray(Image.fromarray(hole.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)) > 0
        from scipy import ndimage

        small_hole = ndimage.binary_dilation(small_hole, iterations=2)  # pixels that were interpolated with pixels of the hole
        given = {self._picture_name: small.transpose(2, 0, 1)[None], self._mask_name: small_hole[None, None].astype(np.float32)}
        painted = self._run(given)
        if painted.shape != (1, 3, height, width) or painted.dtype.kind not in "fiu" or not np.isfinite(painted).all():
            raise ConfigError(
                f"the inpainting model returned {list(painted.shape)} of {painted.dtype}; [1, 3, {height}, {width}] "
                "of finite numbers is needed; name a LaMa export in ONNX"
            )
        painted = painted[0].transpose(1, 2, 0)
        painted = painted * 255.0 if float(painted.max()) <= FITTED.most_of_unit else painted  # exports differ in their range
        painted_u8 = painted.round().clip(0, 255).astype(np.uint8)
        full = np.asarray(Image.fromarray(painted_u8).resize(crop.shape[1::-1], Image.Resampling.LANCZOS))
        return _pasted(image_u8, mask, window, full)

    def _run(self, given: dict[str, np.ndarray]) -> np.ndarray:
        """Return the first output; a model that runs longer than FITTED.max_seconds, such as one with a loop, is terminated."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        timer = threading.Timer(FITTED.max_seconds, lambda: setattr(options, "terminate", True))
        timer.start()
        try:
            return np.asarray(self._session.run(None, given, options)[0])
        except Exception as error:  # onnxruntime raises exceptions of its own, without a common base class
            reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise ConfigError(f"the inpainting model failed while it ran ({reason}); name a LaMa export in ONNX") from error
        finally:
            timer.cancel()


def _window(mask: np.ndarray) -> tuple[slice, slice] | None:
    """Return rows and columns around a mask [H, W] with a margin; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    pad = round(FITTED.margin * max(rows[-1] - rows[0], columns[-1] - columns[0])) + FITTED.unit_px
    return slice(max(0, rows[0] - pad), rows[-1] + 1 + pad), slice(max(0, columns[0] - pad), columns[-1] + 1 + pad)


def _pasted(image_u8: np.ndarray, mask: np.ndarray, window: tuple[slice, slice], painted_u8: np.ndarray) -> np.ndarray:
    out = image_u8.copy()
    out[window][mask[window]] = painted_u8[mask[window]]
    return out
