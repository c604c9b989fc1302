"""A first-order surrogate of the picture: how its features react to each edit alone, added up for every candidate.

To score a candidate exactly, its picture must be composed and encoded. The surrogate replaces that by finite differences:
each edit direction is composed once on either side of zero, on all faces at a time, and its picture is encoded. Then

    features(strengths) = features(original)
                        + sum over directions k of |strength_k / probe_k| * (features(probe_k) - features(original))

with the probe on the strength's side. That costs two pictures per direction instead of one per candidate. Global adjustments
(exposure, crop, ...) are measured in the same way for the whole picture, and each scene as the picture that it is. What
several edits do together is not in the sum; candidates that may win are composed and encoded themselves (`final_pixels.py`).

Composed pictures are measured, not renders of the face alone: an edit moves the picture's own pixels. On simulated ads, codes
of renders explain nothing of the codes of composed faces, while this sum explains 70 to 80 % of them, and 70 to 99 % of smile,
yaw and pitch.

Knows features; no models, no torch.
Shapes: P candidates, F faces that are edited, A all faces, K directions, L adjustments or scenes, S = 2 sides (low, high),
C code width, Di width of the picture's vector, Ds number of image statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from adcreative.creative import Creative
from adcreative.errors import CreativeError
from stylegan.faces.visible_changes import measure_seen
from stylegan.latents.realism import measure_realism

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.extraction import FeatureExtractor
    from stylegan.photo.session import FaceEditSession

SAME_PLACE = 0.05  # cosine added for a face that stays in its place; the codes of two people differ by far more
PROBE_SHARE = 0.6  # of a direction's safe range; the reaction is nearly linear, see above


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSurrogate:
    """What one picture's features do when the whole picture changes: global adjustments on either side, or scenes.

    probes [S, L]: the strengths that were composed; 0 where a change cannot be used on that side, because a face or the picture
    could not be read any more. A scene has a high side only, probed at 1. codes [S, L, A, C], attributes [S, L, A, .], image
    [S, L, Di], statistics [S, L, Ds]: differences to the original, 0 where there is no probe.
    """

    probes: np.ndarray
    codes: np.ndarray
    attributes: np.ndarray
    image: np.ndarray
    statistics: np.ndarray

    def limits(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the range low [L], high [L], with 0 on the sides that cannot be used."""
        return np.where(self.probes[0] != 0.0, low, 0.0), np.where(self.probes[1] != 0.0, high, 0.0)

    def change(self, features: CreativeFeatures, strengths: np.ndarray) -> FeatureChange:
        """Return the differences of P candidates with these strengths [P, L] to the original."""
        shares = _shares(strengths, self.probes[None])  # [P, S, L]
        change = FeatureChange.none(features, len(strengths))
        for name, total in vars(change).items():
            total += np.einsum("psl,sl...->p...", shares, getattr(self, name))
        return change


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceSurrogate(PictureSurrogate):
    """What one picture's features do when its faces are edited.

    Its codes and attributes are those of the F edited faces alone, for each of the K directions. face_rows [F]: rows of the
    edited faces in the features. face_weights [F]: the share of each face in what the picture as a whole does, by area.
    unedited_atypicality [F, 2, C]: how atypical the faces are unedited; atypicality [S, K, F, 2, C]: what the end of each
    direction's safe range adds to that (stylegan/latents/realism.py). gains [S, F, K]: what the strengths of a face are
    multiplied by (`measure_reach`); probes were composed without. seen [S, K, F]: by how many levels the pixels of each face
    change (`measure_seen`).
    """

    face_rows: np.ndarray
    face_weights: np.ndarray
    unedited_atypicality: np.ndarray
    atypicality: np.ndarray
    gains: np.ndarray
    seen: np.ndarray | None = None

    def realism(self, strengths: np.ndarray) -> np.ndarray:
        """Return how real the faces of candidates [P, F, K] still look, [P], 0..1, added up from single directions.

        It errs on the careful side: several directions together are more atypical in the sum than in their render (60 random
        edits of six faces: 0.02 on average, Spearman correlation of the two 0.97, on the same side of 0.85 in 88 %).
        """
        shares = self.gains * _shares(strengths, self.probes[None, :, None, :] / PROBE_SHARE)  # [P, S, F, K]
        added = np.einsum("psfk,skfic->pfic", shares, self.atypicality, optimize=True)  # [P, F, 2, C]
        return measure_realism(self.unedited_atypicality, self.unedited_atypicality + added)

    def change(self, features: CreativeFeatures, strengths: np.ndarray) -> FeatureChange:
        """Return the differences of P candidates with these strengths [P, F, K] to the original."""
        shares = self.gains * _shares(strengths, self.probes[None, :, None, :])  # [P, S, F, K]
        of_picture = np.einsum("psfk,f->psk", shares, self.face_weights)  # the probes moved all faces
        change = FeatureChange.none(features, len(strengths))
        change.codes[:, self.face_rows] += np.einsum("psfk,skfc->pfc", shares, self.codes)
        change.attributes[:, self.face_rows] += np.einsum("psfk,skfa->pfa", shares, self.attributes)
        change.image[:] += np.einsum("psk,ski->pi", of_picture, self.image)
        change.statistics[:] += np.einsum("psk,skl->pl", of_picture, self.statistics)
        return change


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstOrderSurrogate:
    """All that was measured of one picture; None where nothing of the kind may be edited."""

    faces: FaceSurrogate | None = None
    adjustments: PictureSurrogate | None = None
    scenes: PictureSurrogate | None = None

    def apply(
        self, features: CreativeFeatures, strengths: np.ndarray, adjustments: np.ndarray, scenes: np.ndarray
    ) -> list[CreativeFeatures]:
        """Return the expected features of each candidate; `features` itself where nothing is edited.

        Args:
            features: of the original. strengths [P, F, K], adjustments [P, L]. scenes [P]: index, 0 is the original's.
        """
        change = FeatureChange.none(features, len(strengths))
        if self.faces is not None:
            change = change + self.faces.change(features, strengths)
        if self.adjustments is not None:
            change = change + self.adjustments.change(features, adjustments)
        if self.scenes is not None:
            change = change + self.scenes.change(features, np.eye(self.scenes.probes.shape[1] + 1)[scenes][:, 1:])
        edited = strengths.any(axis=(1, 2)) | adjustments.any(axis=1) | (scenes > 0)
        return [change.apply(features, p) if edited[p] else features for p in range(len(strengths))]


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureChange:
    """Differences of P candidates to the original: codes [P, A, C], attributes [P, A, .], image [P, Di], statistics [P, Ds]."""

    codes: np.ndarray
    attributes: np.ndarray
    image: np.ndarray
    statistics: np.ndarray

    @classmethod
    def none(cls, features: CreativeFeatures, num_candidates: int) -> FeatureChange:
        """Return no change, for as many candidates."""
        shapes = _shapes(features, len(features.face_codes))
        return cls(**{name: np.zeros((num_candidates, *shape), np.float32) for name, shape in shapes.items()})

    def __add__(self, other: FeatureChange) -> FeatureChange:
        return FeatureChange(**{name: values + getattr(other, name) for name, values in vars(self).items()})

    def apply(self, features: CreativeFeatures, row: int) -> CreativeFeatures:
        """Return the original's features with one candidate's differences; the image's vector keeps its length."""
        changes: dict[str, Any] = {
            "face_codes": features.face_codes + self.codes[row],
            "face_attributes": features.face_attributes + self.attributes[row],
        }
        if features.image is not None:
            moved = features.image + self.image[row]
            changes["image"] = moved * (np.linalg.norm(features.image) / max(float(np.linalg.norm(moved)), 1e-12))
        if features.look is not None:
            changes["look"] = features.look + self.statistics[row]
        return replace(features, **changes)


def _shares(strengths: np.ndarray, probes: np.ndarray) -> np.ndarray:
    """Return how many probes each strength is, with the sides on axis 1: [P, S, ...]; 0 where there is no probe."""
    sides = np.stack([np.minimum(strengths, 0.0), np.maximum(strengths, 0.0)], axis=1)
    return np.divide(sides, probes, out=np.zeros_like(sides), where=probes != 0.0)


def measure_faces(
    creative: Creative,
    features: CreativeFeatures,
    session: FaceEditSession,
    extractor: FeatureExtractor,
    *,
    face_rows: tuple[int, ...],
    low: np.ndarray,
    high: np.ndarray,
    boxes_xyxy_px: Sequence[Sequence[float]] = (),
) -> FaceSurrogate:
    """Measure how a picture's features react to each face direction, by composing and extracting it on either side.

    Args:
        face_rows: rows of the session's faces in `features`. low, high [K]: safe range of each direction. boxes_xyxy_px: of
            the session's faces; none: what is seen of their pixels is not measured.
    """
    rows, num_directions = np.array(face_rows, dtype=np.int64), len(low)
    probes = PROBE_SHARE * np.stack([np.asarray(low, np.float64), np.asarray(high, np.float64)])  # [S, K]

    def on_all_faces(k: int, strength: float) -> np.ndarray:
        strengths = np.zeros((len(rows), num_directions), dtype=np.float32)
        strengths[:, k] = strength
        return strengths

    unchanged = session.compose(on_all_faces(0, 0.0)) if len(boxes_xyxy_px) else None
    seen = np.zeros((*probes.shape, len(rows)))

    def compose(k: int, strength: float) -> np.ndarray:
        picture = session.compose(on_all_faces(k, strength), is_draft=True)
        if unchanged is not None:
            seen[int(strength > 0), k] = [measure_seen(unchanged, picture, box) for box in boxes_xyxy_px]
        return picture

    usable, differences = _probe(creative, features, extractor, probes, compose, rows)
    shares = features.face_shares[rows].astype(np.float64)
    weights = shares / shares.sum() if shares.sum() > 0 else np.full(len(rows), 1.0 / len(rows))
    reaches = usable / PROBE_SHARE
    tried = [on_all_faces(k, float(reaches[s, k])) for s, k in np.ndindex(reaches.shape)]
    unedited, *found = session.atypicality(np.stack([np.zeros((len(rows), num_directions), np.float32), *tried]))
    added = np.array(found).reshape(*reaches.shape, *unedited.shape) - unedited
    return FaceSurrogate(
        probes=usable, face_rows=rows, face_weights=weights, unedited_atypicality=unedited, atypicality=added,
        gains=np.ones((2, len(rows), num_directions)), seen=None if unchanged is None else seen,
        **differences,
    )  # fmt: skip


def measure_picture(
    creative: Creative,
    features: CreativeFeatures,
    compose: Callable[[int, float], np.ndarray],
    extractor: FeatureExtractor,
    *,
    probes: np.ndarray,
) -> PictureSurrogate:
    """Measure how a picture's features react to changes of the whole of it: global adjustments, or scenes.

    Args:
        compose: compose(idx, strength) returns the picture with one change applied. probes [S, L]: strengths; 0: no probe.
    """
    readable = np.isfinite(features.face_codes).all(axis=1) & np.isfinite(features.face_attributes).all(axis=1)
    rows = np.flatnonzero(readable)  # a refused face has no code to compare
    usable, of_rows = _probe(creative, features, extractor, probes, compose, rows)
    differences = {
        name: np.zeros((*probes.shape, *shape)) for name, shape in _shapes(features, len(features.face_codes)).items()
    } | {name: of_rows[name] for name in ("image", "statistics")}
    for name in ("codes", "attributes"):
        differences[name][:, :, rows] = of_rows[name]
    return PictureSurrogate(probes=usable, **differences)


def _probe(
    creative: Creative,
    features: CreativeFeatures,
    extractor: FeatureExtractor,
    probes: np.ndarray,
    compose: Callable[[int, float], np.ndarray],
    rows: np.ndarray,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the probes [S, K] that could be read, and their differences to the original by name, [S, K, ...]."""
    places = [(s, k) for s in range(2) for k in range(probes.shape[1]) if probes[s, k] != 0.0]
    pictures = [replace(creative, image_u8=compose(k, float(probes[s, k]))) for s, k in places]
    seen = extractor.extract(pictures) if pictures else []
    usable = np.zeros_like(probes)
    differences = {name: np.zeros((*probes.shape, *shape)) for name, shape in _shapes(features, len(rows)).items()}
    for (s, k), found in zip(places, seen, strict=True):
        difference = _difference(features, found, rows)
        if difference is None:
            continue
        usable[s, k] = probes[s, k]
        for name, values in difference.items():
            differences[name][s, k] = values
    return usable, differences


def _shapes(features: CreativeFeatures, num_faces: int) -> dict[str, tuple[int, ...]]:
    return {
        "codes": (num_faces, features.face_codes.shape[1]),
        "attributes": (num_faces, features.face_attributes.shape[1]),
        "image": (0 if features.image is None else len(features.image),),
        "statistics": (0 if features.look is None else len(features.look),),
    }


def _difference(
    before: CreativeFeatures, after: CreativeFeatures | CreativeError, rows: np.ndarray
) -> dict[str, np.ndarray] | None:
    """Return what changed in `rows`; None when one of these faces is not there or not readable any more."""
    if isinstance(after, CreativeError) or len(after.face_codes) != len(before.face_codes):
        return None
    matched = match_faces(before.face_codes, after.face_codes)[rows]
    difference = {
        "codes": after.face_codes[matched] - before.face_codes[rows],
        "attributes": after.face_attributes[matched] - before.face_attributes[rows],
        "image": after.image - before.image if before.image is not None else np.zeros(0),
        "statistics": after.look - before.look if before.look is not None else np.zeros(0),
    }
    return difference if all(np.isfinite(values).all() for values in difference.values()) else None


def match_faces(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return for each face [F] which one it is afterwards: faces are ordered by size, which an edit may change.

    The assignment with the largest sum of code cosines, where staying in place counts SAME_PLACE more; a refused face (NaN)
    counts as unlike every other.
    """
    a, b = np.nan_to_num(before), np.nan_to_num(after)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    likeness = np.divide(a @ b.T, norms, out=np.zeros_like(norms), where=norms > 0) + SAME_PLACE * np.eye(len(a))
    return linear_sum_assignment(-likeness)[1]
