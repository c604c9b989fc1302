"""A small world with known answers: faces are rows of pixels, directions are linear, the click surface is a formula.

Pixel [f, k] of the fake picture holds attribute k of face f as 128 + 40 * value, so that what is composed can be extracted
again, rounding included, as with real pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from adcreative.creative import SYNTHETIC_PERSON, Creative, Prediction
from adcreative.editor.session import EditorConfig, EditorTools, EditOutcome, Session, SessionSettings, open_session
from adcreative.errors import CreativeError
from adcreative.features.batch import FACE_ATTRIBUTES, CreativeFeatures
from stylegan.latents.realism import measure_realism

NUM_DIRECTIONS, CODE_DIM, NUM_ATTRIBUTES = 6, 16, len(FACE_ATTRIBUTES)
NAMES = FACE_ATTRIBUTES[:NUM_DIRECTIONS]
SCALE = 40.0  # a change of 0.6 is seen: 24 levels
HEADLINES = {"Shoes": 0.0, "Shoes for rain": 0.2, "Buy shoes": -0.3, "Dry feet all day": 0.35, "Shoes, shoes": -0.1}
VECTORS = np.random.default_rng(5).standard_normal((NUM_DIRECTIONS, CODE_DIM)) / 4


@dataclass(frozen=True)
class FakeDirections:
    """Directions as the editor sees them: names, and the safe range of each."""

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    limits: None = None

    def select(self, chosen: Sequence[str]) -> FakeDirections:
        rows = [self.names.index(name) for name in chosen]
        return FakeDirections(tuple(chosen), self.low[rows], self.high[rows])


def fake_directions(num: int = NUM_DIRECTIONS, reach: float = 2.0) -> FakeDirections:
    return FakeDirections(NAMES[:num], np.full(num, -reach), np.full(num, reach))


def ad_picture(attributes: np.ndarray) -> np.ndarray:
    """Return a picture [16, 16, 3] whose faces have these attributes [F, K]; pixel [15, 15] says how many faces."""
    image_u8 = np.full((16, 16, 3), 128, dtype=np.uint8)
    for f, row in enumerate(attributes):
        image_u8[f, : len(row)] = np.clip(np.round(128 + SCALE * row), 0, 255).astype(np.uint8)[:, None]
    image_u8[15, 15] = len(attributes)
    return image_u8


def attributes_in(image_u8: np.ndarray) -> np.ndarray:
    num_faces = int(image_u8[15, 15, 0])
    return (image_u8[:num_faces, :NUM_ATTRIBUTES, 0].astype(np.float32) - 128) / SCALE


def codes_of(attributes: np.ndarray) -> np.ndarray:
    return (1.0 + attributes[..., :NUM_DIRECTIONS] @ VECTORS).astype(np.float32)


@dataclass
class FakeSession:
    """Faces whose attributes are moved by strengths; `num_composed` counts pictures, `blind_to` loses a face to a direction."""

    image_u8: np.ndarray
    rows: Sequence[int]
    num_composed: int = 0
    blind_to: int | None = None
    gains: np.ndarray | None = None

    def set_gains(self, gains: np.ndarray) -> None:
        self.gains = gains

    def compose(self, strengths: np.ndarray, *, is_draft: bool = False) -> np.ndarray:
        self.num_composed += 1
        attributes = attributes_in(self.image_u8)
        attributes[list(self.rows), : strengths.shape[1]] += strengths
        if self.blind_to is not None and (strengths[:, self.blind_to] > 0.5).any():
            return ad_picture(attributes[:-1])
        return ad_picture(attributes)

    def control(self) -> np.ndarray:
        return self.image_u8.copy()

    def mask(self) -> np.ndarray:
        mask = np.zeros(self.image_u8.shape[:2], dtype=bool)
        mask[list(self.rows)] = True
        return mask

    def identity(self, strengths: np.ndarray) -> float:
        return float(1.0 - 0.05 * np.linalg.norm(strengths, axis=1).max())

    def bones(self, image_u8: np.ndarray) -> np.ndarray:
        return np.zeros(len(self.rows))

    def atypicality(self, strengths: np.ndarray) -> np.ndarray:
        moved = strengths @ VECTORS[: strengths.shape[2]]
        return np.stack([moved, 0.5 * moved], axis=2)

    def realism(self, strengths: np.ndarray) -> np.ndarray:
        return measure_realism(self.atypicality(np.zeros_like(strengths[:1]))[0], self.atypicality(strengths))


def opened_faces(ad: Creative, features: CreativeFeatures, session: FakeSession) -> Any:
    """What measuring the faces of an opened ad asks of it."""
    boxes = [(0.0, float(row), 8.0, row + 1.0) for row in session.rows]
    return SimpleNamespace(
        creative=ad, image_u8=ad.image_u8, features=features, session=session, face_rows=session.rows, face_boxes=boxes
    )


class FakeExtractor:
    """Reads the fake picture and looks headlines up; a picture of only zeros cannot be read."""

    hashes: Mapping[str, str] = MappingProxyType({})

    def __init__(self) -> None:
        self.num_extracted = 0

    def extract(self, creatives: Sequence[Creative]) -> list[Any]:
        self.num_extracted += len(creatives)
        return [self._one(creative) for creative in creatives]

    def for_versions(self, image_u8: np.ndarray) -> FakeExtractor:
        return self

    def for_models(self, models: Any) -> FakeExtractor:
        return self

    def _one(self, creative: Creative) -> CreativeFeatures | CreativeError:
        if "unreadable" in creative.headline:
            return CreativeError("the headline is unreadable.", "Write another.")
        if creative.image_u8 is not None and not creative.image_u8.any():
            return CreativeError("the picture is black.", "Supply another.")
        faces: dict[str, Any] = {}
        if creative.image_u8 is not None:
            attributes = attributes_in(creative.image_u8)
            faces = {
                "face_attributes": attributes,
                "face_codes": codes_of(attributes),
                "face_shares": np.full(len(attributes), 0.1, np.float32),
                "image": np.ones(4, np.float32),
            }
        return CreativeFeatures(
            text=np.full(4, len(creative.headline), np.float32) if creative.headline else None,
            appeal=HEADLINES.get(creative.headline, 0.0) if creative.headline else None,
            body=np.full(4, len(creative.body), np.float32) if creative.body else None,
            **faces,
        )


@dataclass
class FakePredictor:
    """log-odds = surface(features); the ensemble disagrees by `spread` of it. Counts what it was asked."""

    surface: Callable[[CreativeFeatures], float]
    spread: Callable[[CreativeFeatures], float] = lambda features: 0.0
    content_hash: str = "fake"
    searched_share: float = 1.0
    notes: Mapping[str, Any] = field(default_factory=dict)
    num_asked: int = field(default=0)

    def predict_log_odds(self, creatives: Sequence[Creative], features: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        assert len(creatives) == len(features)
        self.num_asked += len(features)
        return np.array([self.surface(f) for f in features]), np.array([self.spread(f) for f in features])

    def predict_change(self, creatives: Sequence[Creative], features: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Changes against the first; errors on two versions of one ad correlate by 0.9."""
        mean, std = self.predict_log_odds(creatives, features)
        variance = std[0] ** 2 + std[1:] ** 2 - 2 * 0.9 * std[0] * std[1:]
        return mean[1:] - mean[0], np.sqrt(np.maximum(variance, 0.0))

    def known_values(self, column: str) -> list[str]:
        return []

    def predict(self, creatives: Sequence[Creative], features: Sequence[Any]) -> list[Prediction]:
        rates = [float(1 / (1 + np.exp(-self.surface(f)))) for f in features]
        return [Prediction(ctr=r, ctr_low=r * 0.9, ctr_high=min(1.0, r * 1.1), evidence="a formula") for r in rates]


class FakeAnalyzer:
    """Faces of the fake picture; `refusals` says which are refused."""

    def __init__(self, refusals: dict[int, str] | None = None) -> None:
        self.refusals = refusals or {}

    def analyze(self, image_u8: np.ndarray) -> list[Any]:
        num_faces = int(image_u8[15, 15, 0])
        return [SimpleNamespace(row=f, refusal=self.refusals.get(f), box_xyxy_px=(0, f, 8, f + 1)) for f in range(num_faces)]


class FakeCopywriter:
    """Writes the lines it was given."""

    def __init__(self, headlines: Sequence[str] = tuple(HEADLINES)[1:], descriptions: Sequence[str] = ()) -> None:
        self.headlines, self.descriptions = headlines, descriptions

    def write(self, brief: Any, num_headlines: int, num_descriptions: int, seed: int, should_stop: Any = None) -> Any:
        headlines, descriptions = self.headlines[:num_headlines], self.descriptions[:num_descriptions]
        return SimpleNamespace(headlines=headlines, descriptions=descriptions, notes=(), brief=brief)


def bumpy_surface(features: CreativeFeatures) -> float:
    """Raise smile to about 1.1 and pitch down, with an interaction, a ridge that punishes changing much, and the headline."""
    value = -3.0 + (features.appeal or 0.0)
    for a in features.face_attributes:
        value += 0.35 * a[0] - 0.16 * a[0] ** 2 - 0.12 * (a[1] - 0.8 * a[0]) ** 2 + 0.25 * np.sin(1.5 * a[2])
        value += -0.10 * (a[3] - 0.5) ** 2 - 0.15 * a[4] * a[0] - 0.05 * a[4] ** 2 - 0.2 * abs(a[5])
    return float(value)


def fake_tools(surface: Any = bumpy_surface, judge: Any = None, auditor: Any = None, **changes: Any) -> EditorTools:
    parts: dict[str, Any] = {
        "extractor": FakeExtractor(),
        "predictor": FakePredictor(surface),
        "judge": FakePredictor(judge or surface),
        "auditor": FakePredictor(auditor or judge or surface),
        "visible_changes": {},
        "analyzer": FakeAnalyzer(),
        "codec": None,
        "directions": fake_directions(),
        "copywriter": FakeCopywriter(),
        "refuse_faces": lambda image_u8, faces, *_: faces,
        "open_faces": lambda image_u8, faces, *_: FakeSession(image_u8, [face.row for face in faces]),
    }
    return EditorTools(**{**parts, **changes})


def fake_ad(num_faces: int = 2, **changes: Any) -> Creative:
    image_u8 = ad_picture(np.zeros((num_faces, NUM_ATTRIBUTES)))
    values = {"file_name": "ad.png", "image_u8": image_u8, "headline": "Shoes", "brand": "Acme", "consent_id": SYNTHETIC_PERSON}
    return Creative(**{**values, **changes})


PLAIN = EditorConfig()


def open_ad(ad: Creative, tools: EditorTools, config: EditorConfig, **asked: Any) -> Session:
    return open_session(ad, SessionSettings(config=config, **asked), tools)


def edit_creative(
    creative: Creative, *, tools: EditorTools, config: EditorConfig = PLAIN, should_stop: Any = None, **told: Any
) -> EditOutcome:
    """Open an ad and search an edit of it."""
    session = open_session(creative, SessionSettings(config=config), tools, should_stop)
    return session.search(should_stop=should_stop, **told)
