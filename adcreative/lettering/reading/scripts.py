"""Classifies the script of a line of text from its pixels, independently of a reader that may not know its letters.

    window [32, 160] -> four convolutions, 3 x 3, stride 2 -> mean and maximum along the line -> one score per script

A line is split into windows whose log-probabilities are averaged. The network was trained on drawn lines of random words
(`data/make/scripts`); it runs in numpy, since torch is not loaded for reading words. Knows pixels; no models of readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from scipy.special import log_softmax

from adcreative.artifacts import load_artifact, read_manifest
from adcreative.encoders.weights import find_weight

SCRIPTS = (
    "none",
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Thai",
    "Hangul",
    "Han",
    "kana",
)
KIND, FORMAT = "script classifier", 1
HEIGHT_PX, WINDOW_PX = 32, 160


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/reading/test_scripts.py`."""

    step_px: int = 120  # distance of two windows of one line
    max_windows: int = 4  # of one line: only the first part of a longer one is classified
    noise: float = 8.0  # 0..255 added to a window's deviation, also in training (`data/make/scripts`)


FITTED = Fitted()


class ScriptClassifier:
    """Classifies the script of lines of text.

    Args:
        weights: name -> array: conv{1..4}.weight [O, I, 3, 3], conv{1..4}.bias [O], head.weight [S, 2 O], head.bias [S].
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = weights

    def classify(self, crops_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Return the probability of each of SCRIPTS [N, S] for upright lines [H, W, 3] uint8."""
        windows = [cut_windows(crop) for crop in crops_u8]
        if not windows:
            return np.zeros((0, len(SCRIPTS)))
        logs = log_softmax(self._scores(np.concatenate(windows)), axis=1)
        ends = np.cumsum([len(part) for part in windows])[:-1]
        means = np.stack([part.mean(axis=0) for part in np.split(logs, ends)])
        chances: np.ndarray = np.exp(log_softmax(means, axis=1))
        return chances

    def _scores(self, windows_u8: np.ndarray) -> np.ndarray:
        """Return scores [N, S] for windows [N, 32, 160]."""
        seen = normalise(windows_u8)[:, None]  # [N, 1, 32, 160]
        for number in range(1, 5):
            seen = np.maximum(_convolve(seen, self._weights[f"conv{number}.weight"], self._weights[f"conv{number}.bias"]), 0.0)
        along = seen.max(axis=2)  # [N, O, w]
        pooled = np.concatenate([along.mean(axis=2), along.max(axis=2)], axis=1)
        scores: np.ndarray = pooled @ self._weights["head.weight"].T + self._weights["head.bias"]
        return scores


def cut_windows(crop_u8: np.ndarray) -> np.ndarray:
    """Return windows [n, 32, 160] uint8 of a line [H, W, 3], grey, n from 1 to FITTED.max_windows."""
    height, width = crop_u8.shape[:2]
    size = (max(4, round(HEIGHT_PX * width / max(height, 1))), HEIGHT_PX)
    grey = np.asarray(Image.fromarray(crop_u8).convert("L").resize(size, Image.Resampling.BILINEAR))
    starts = range(
        0, max(1, min(grey.shape[1] - WINDOW_PX + FITTED.step_px, FITTED.max_windows * FITTED.step_px)), FITTED.step_px
    )
    parts = [grey[:, start : start + WINDOW_PX] for start in starts]
    return np.stack([np.pad(part, ((0, 0), (0, WINDOW_PX - part.shape[1])), mode="edge") for part in parts])


def normalise(windows_u8: np.ndarray) -> np.ndarray:
    """Return windows [N, 32, W] with mean 0 and deviation 1 each, float32."""
    values = windows_u8.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = values / (values.std(axis=(1, 2), keepdims=True) + FITTED.noise)
    return scaled


def _convolve(seen: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return a 3 x 3 convolution of [N, I, h, w] with stride 2 and zero padding of one pixel."""
    padded = np.pad(seen, ((0, 0), (0, 0), (1, 1), (1, 1)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]  # [N, I, h, w, 3, 3]
    summed: np.ndarray = np.tensordot(patches, weight, axes=((1, 4, 5), (1, 2, 3)))  # [N, h, w, O]
    return np.moveaxis(summed + bias, 3, 1)


@cache
def hash_scripts() -> str:
    """Return the content hash of the shipped classifier, on which the read words depend.

    Raises:
        WeightsError: the weights are not on this machine. ArtifactError: the weights are damaged.
    """
    return read_manifest(find_weight("scripts"), kind=KIND, formats=(FORMAT,))[1]


@cache
def load_scripts() -> ScriptClassifier:
    """Load the shipped classifier once per process.

    Raises:
        WeightsError: the weights are not on this machine. ArtifactError: the weights are damaged.
    """
    return ScriptClassifier(load_artifact(find_weight("scripts"), kind=KIND, formats=(FORMAT,)).tensors)
