"""A first-order surrogate of the picture: features respond to each edit separately, and the responses are summed.

To score a candidate exactly, its picture must be composed and encoded. The surrogate replaces that by finite differences:
each edit direction is composed once on either side of zero, on all faces at a time, and the picture is encoded. Then

    features(strengths) = features(original)
                        + sum over directions k of |strength_k / probe_k| * (features(probe_k) - features(original))

with the probe on the strength's side. That costs two pictures per direction instead of one per candidate. Global adjustments
(exposure, crop, ...) are measured in the same way for the whole picture, and each scene as a complete picture. Interactions
between edits are not in the sum; candidates that may win are composed and encoded themselves (`final_pixels.py`).

Composed pictures are measured, not renders of the face alone: an edit moves the picture's own pixels. On simulated ads, codes
of renders explain nothing of the codes of composed faces, while this sum explains 70 to 80 % of them, and 70 to 99 % of smile,
yaw and pitch.

Knows features; no models, no torch.
Shapes: P candidates, F faces that are edited, A all faces, K directions, L adjustments or scenes, S = 2 sides (low, high),
C code width, Di width of the picture's vector, Ds number of image statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from stylegan.latents.realism import measure_realism

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures

SAME_PLACE = 0.05  # cosine added for a face that keeps its position; the codes of two people differ by far more
PROBE_SHARE = 0.6  # of a direction's safe range; the response is nearly linear, see above


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSurrogate:
    """Response of one picture's features to changes of the whole picture: global adjustments on either side, or scenes.

    probes [S, L]: the composed strengths; 0 where a change cannot be used on that side, because a face or the picture
    became unreadable. A scene has a high side only, probed at 1. codes [S, L, A, C], attributes [S, L, A, .], image
    [S, L, Di], statistics [S, L, Ds]: differences to the original, 0 where there is no probe.
    """

    probes: np.ndarray
    codes: np.ndarray
    attributes: np.ndarray
    image: np.ndarray
    statistics: np.ndarray

    def limits(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the range low [L], high [L], with 0 on unusable sides."""
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
    """Response of one picture's features to edits of its faces.

    codes and attributes cover only the F edited faces, for each of the K directions. face_rows [F]: rows of the edited faces in
    the features. face_weights [F]: each face's share of the change of the whole picture, by area. unedited_atypicality [F, 2,
    C]: atypicality of the unedited faces; atypicality [S, K, F, 2, C]: its increase at the end of each direction's safe range
    (stylegan/latents/realism.py). gains [S, F, K]: factor by which the face's points move further (`measure_reach`); probes
    were composed without gains. seen [S, K, F]: change of each face's pixels in levels (`measure_seen`). bones [S, K, F]:
    difference in head shape at that point (`FaceEditSession.bones`).
    """

    face_rows: np.ndarray
    face_weights: np.ndarray
    unedited_atypicality: np.ndarray
    atypicality: np.ndarray
    gains: np.ndarray
    seen: np.ndarray
    bones: np.ndarray

    def realism(self, strengths: np.ndarray) -> np.ndarray:
        """Return the realism (0..1) of the faces of candidates [P, F, K], [P], summed from single directions.

        The estimate is conservative: several directions together are more atypical in the sum than in their render (60 random
        edits of six faces: 0.02 on average, Spearman correlation of the two 0.97, on the same side of 0.85 in 88 %).
        """
        shares = _shares(strengths, self.probes[None, :, None, :] / PROBE_SHARE)  # [P, S, F, K]
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
    """All surrogates of one picture; None where the picture cannot be edited in that way."""

    faces: FaceSurrogate | None = None
    adjustments: PictureSurrogate | None = None
    scenes: PictureSurrogate | None = None

    def apply(
        self, features: CreativeFeatures, strengths: np.ndarray, adjustments: np.ndarray, scenes: np.ndarray
    ) -> list[CreativeFeatures]:
        """Return the expected features of each candidate; `features` itself without edits.

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
        """Return zero differences for the given number of candidates."""
        shapes = feature_shapes(features, len(features.face_codes))
        return cls(**{name: np.zeros((num_candidates, *shape), np.float32) for name, shape in shapes.items()})

    def __add__(self, other: FeatureChange) -> FeatureChange:
        return FeatureChange(**{name: values + getattr(other, name) for name, values in vars(self).items()})

    def apply(self, features: CreativeFeatures, row: int) -> CreativeFeatures:
        """Return the original's features plus one candidate's differences; the norm of the image vector is kept."""
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
    """Return each strength in units of its probe, with the sides on axis 1: [P, S, ...]; 0 where there is no probe."""
    sides = np.stack([np.minimum(strengths, 0.0), np.maximum(strengths, 0.0)], axis=1)
    return np.divide(sides, probes, out=np.zeros_like(sides), where=probes != 0.0)


def feature_shapes(features: CreativeFeatures, num_faces: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each difference in a FeatureChange."""
    return {
        "codes": (num_faces, features.face_codes.shape[1]),
        "attributes": (num_faces, features.face_attributes.shape[1]),
        "image": (0 if features.image is None else len(features.image),),
        "statistics": (0 if features.look is None else len(features.look),),
    }


def match_faces(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the index after the edit of each face [F]: faces are ordered by size, which an edit may change.

    The assignment maximises the sum of code cosines, plus SAME_PLACE for an unchanged position; a refused face (NaN)
    is unlike every other face.
    """
    a, b = np.nan_to_num(before), np.nan_to_num(after)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    likeness = np.divide(a @ b.T, norms, out=np.zeros_like(norms), where=norms > 0) + SAME_PLACE * np.eye(len(a))
    return linear_sum_assignment(-likeness)[1]
