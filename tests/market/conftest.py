"""A cartoon face that a colour-reading analyzer understands, so that the market runs without networks."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from adcreative.market import Market
from adcreative.market.measures import FACE_ATTRIBUTES

SKIN, MOUTH = (250, 0, 250), (0, 250, 250)
CODE_DIM = 4


def draw_cartoon(smile: float, side: int = 64) -> np.ndarray:
    """Draw a magenta square whose cyan mouth grows with the smile (0.3 to 0.9) and holds nothing else."""
    image_u8 = np.full((side, side, 3), SKIN, np.uint8)
    height = round(side * 0.5 * float(np.clip(smile, 0.1, 1.0)))
    image_u8[side // 2 - height // 2 : side // 2 + (height + 1) // 2, side // 4 : side * 3 // 4] = MOUTH
    return image_u8


class CartoonCodec:
    """Code component 0 is the smile, in spreads of 0.1 around 0.5; the others do nothing."""

    def render(self, codes: np.ndarray) -> list[np.ndarray]:
        return [draw_cartoon(0.5 + 0.1 * float(code[0])) for code in codes]


class CartoonReader:
    """Finds blocks of magenta columns; smile is the share of the box's middle column that is cyan, doubled."""

    def analyze(self, image_u8: np.ndarray) -> Sequence[SimpleNamespace]:
        levels = image_u8.astype(int)
        skin = (levels[..., 0] > 180) & (levels[..., 1] < 90) & (levels[..., 2] > 180)
        mouth = (levels[..., 0] < 90) & (levels[..., 1] > 180) & (levels[..., 2] > 180)
        columns = np.flatnonzero(skin.any(axis=0))
        faces = []
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(columns) else []:
            rows = np.flatnonzero(skin[:, run].any(axis=1))
            if len(run) < 12 or len(rows) < 12:
                continue
            left, right, top, bottom = run[0], run[-1] + 1, rows[0], rows[-1] + 1
            open_share = mouth[top:bottom, (left + right) // 2].mean()
            attributes = dict.fromkeys(FACE_ATTRIBUTES, 0.0) | {"smile": 2.0 * float(open_share)}
            faces.append(SimpleNamespace(box_xyxy_px=(left, top, right, bottom), attributes=attributes))
        return faces


class WordCounter:
    """Finds every headline equally appealing and counts how often it is asked."""

    def __init__(self) -> None:
        self.num_scored = 0

    def score(self, headlines: list[str]) -> np.ndarray:
        self.num_scored += len(headlines)
        return np.zeros(len(headlines), np.float32)


class SmileDirection:
    """One direction, which moves the cartoon's smile."""

    low = np.array([-2.0], np.float32)
    high = np.array([2.0], np.float32)

    def apply(self, codes: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        edited = codes.copy()
        edited[:, 0] += strengths[:, 0]
        return edited


@pytest.fixture(scope="session")
def face_codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(12, CODE_DIM)).astype(np.float32)


@pytest.fixture(scope="session")
def market(face_codes: np.ndarray) -> Market:
    return build_market(3, face_codes)


def build_market(seed: int, face_codes: np.ndarray) -> Market:
    return Market(seed, CartoonCodec(), CartoonReader(), WordCounter(), face_codes=face_codes, directions=SmileDirection())
