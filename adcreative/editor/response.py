"""How a picture answers to face edits: measured once on composed pictures, then added up for every candidate.

An edit moves the picture's own pixels (compose.py), which changes what the encoders see much less than it changes a render of
the face alone: on simulated ads the codes of renders explain nothing of the codes of composed faces, while the sum of single
answers explains 70 to 80 % of them, and 70 to 99 % of smile, yaw and pitch. So each direction is composed once on either side
of zero, on all faces at a time, extracted like any other picture, and

    seen(strengths) = seen(original) + sum over directions k of |strength_k / probe_k| * (seen(probe_k) - seen(original))

with the probe on the strength's side. What directions do together is left to the finalists, which are composed and extracted
themselves. It costs two pictures per direction instead of one per candidate. Knows features; no models, no torch.
Shapes: P population, F faces that are edited, K directions, S = 2 sides (low, high).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from adcreative.creative import Creative
from adcreative.errors import CreativeError

if TYPE_CHECKING:
    from adcreative.editor.objectives import Extractor, FaceSession
    from adcreative.features import CreativeFeatures

SAME_PLACE = 0.05  # cosine; the codes of two people differ by far more
PROBE_SHARE = 0.6  # of a direction's safe range; answers are nearly linear, see above


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceResponse:
    """Answers of one picture to its probes.

    probes [S, K]: strengths that were composed, 0 where a direction cannot be used on that side, because a face or the whole
    picture could not be read any more. codes [S, K, F, C], attributes [S, K, F, A], image [S, K, Di], look [S, K, L]:
    differences to the original, 0 where there is no probe. face_rows [F]: rows of the features' faces; face_weights [F]: the
    part of each in what the picture as a whole does, by area.
    """

    probes: np.ndarray
    codes: np.ndarray
    attributes: np.ndarray
    image: np.ndarray
    look: np.ndarray
    face_rows: np.ndarray
    face_weights: np.ndarray

    def limits(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the safe range [K], [K] without the sides that cannot be used."""
        return np.where(self.probes[0] != 0.0, low, 0.0), np.where(self.probes[1] != 0.0, high, 0.0)

    def apply(self, features: CreativeFeatures, strengths: np.ndarray) -> list[CreativeFeatures]:
        """Return what the encoders would see, one CreativeFeatures per candidate.

        Args:
            features: of the original. strengths: [P, F, K], 0 where `limits` leaves no range.
        """
        shares = self._shares(strengths)  # [P, S, F, K]
        codes = np.einsum("psfk,skfc->pfc", shares, self.codes).astype(np.float32)
        attributes = np.einsum("psfk,skfa->pfa", shares, self.attributes).astype(np.float32)
        of_picture = np.einsum("psfk,f->psk", shares, self.face_weights)  # the probes moved all faces
        image = np.einsum("psk,ski->pi", of_picture, self.image).astype(np.float32)
        look = np.einsum("psk,skl->pl", of_picture, self.look).astype(np.float32)
        return [
            self._moved(features, codes[p], attributes[p], image[p], look[p]) if strengths[p].any() else features
            for p in range(len(strengths))
        ]

    def _shares(self, strengths: np.ndarray) -> np.ndarray:
        sides = np.stack([np.minimum(strengths, 0.0), np.maximum(strengths, 0.0)], axis=1)  # [P, S, F, K]
        probes = self.probes[None, :, None, :]
        return np.divide(sides, probes, out=np.zeros_like(sides), where=probes != 0.0)

    def _moved(
        self, features: CreativeFeatures, codes: np.ndarray, attributes: np.ndarray, image: np.ndarray, look: np.ndarray
    ) -> CreativeFeatures:
        all_codes, all_attributes = features.face_codes.copy(), features.face_attributes.copy()
        all_codes[self.face_rows] += codes
        all_attributes[self.face_rows] += attributes
        changes: dict[str, Any] = {"face_codes": all_codes, "face_attributes": all_attributes}
        if features.image is not None:
            moved = features.image + image
            changes["image"] = moved * (np.linalg.norm(features.image) / max(float(np.linalg.norm(moved)), 1e-12))
        if features.look is not None:
            changes["look"] = features.look + look
        return replace(features, **changes)


def measure_response(
    creative: Creative,
    features: CreativeFeatures,
    session: FaceSession,
    extractor: Extractor,
    *,
    face_rows: tuple[int, ...],
    low: np.ndarray,
    high: np.ndarray,
) -> FaceResponse:
    """Compose each direction on either side, extract the pictures, and note the differences to the original."""
    rows, num_directions = np.array(face_rows, dtype=np.int64), len(low)
    probes = PROBE_SHARE * np.stack([np.asarray(low, np.float64), np.asarray(high, np.float64)])  # [S, K]
    places = [(s, k) for s in range(2) for k in range(num_directions) if probes[s, k] != 0.0]
    pictures = []
    for s, k in places:
        strengths = np.zeros((len(rows), num_directions), dtype=np.float32)
        strengths[:, k] = probes[s, k]
        pictures.append(replace(creative, image_u8=session.compose(strengths)))
    seen = extractor.extract(pictures) if pictures else []
    usable = np.zeros_like(probes)
    answers = {name: np.zeros((2, num_directions, *shape)) for name, shape in _shapes(features, len(rows)).items()}
    for (s, k), found in zip(places, seen, strict=True):
        difference = _difference(features, found, rows)
        if difference is None:
            continue
        usable[s, k] = probes[s, k]
        for name, values in difference.items():
            answers[name][s, k] = values
    shares = features.face_shares[rows].astype(np.float64)
    weights = shares / shares.sum() if shares.sum() > 0 else np.full(len(rows), 1.0 / len(rows))
    return FaceResponse(probes=usable, face_rows=rows, face_weights=weights, **answers)


def _shapes(features: CreativeFeatures, num_faces: int) -> dict[str, tuple[int, ...]]:
    return {
        "codes": (num_faces, features.face_codes.shape[1]),
        "attributes": (num_faces, features.face_attributes.shape[1]),
        "image": (0 if features.image is None else len(features.image),),
        "look": (0 if features.look is None else len(features.look),),
    }


def _difference(
    before: CreativeFeatures, after: CreativeFeatures | CreativeError, rows: np.ndarray
) -> dict[str, np.ndarray] | None:
    """Return what changed in `rows`; None when one of these faces is not there or not readable any more."""
    if isinstance(after, CreativeError) or len(after.face_codes) != len(before.face_codes):
        return None
    matched = _matched(before.face_codes, after.face_codes)[rows]
    difference = {
        "codes": after.face_codes[matched] - before.face_codes[rows],
        "attributes": after.face_attributes[matched] - before.face_attributes[rows],
        "image": after.image - before.image if before.image is not None else np.zeros(0),
        "look": after.look - before.look if before.look is not None else np.zeros(0),
    }
    return difference if all(np.isfinite(values).all() for values in difference.values()) else None


def _matched(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return for each face [F] which one it is afterwards: faces are ordered by size, which an edit may change.

    The assignment with the largest sum of code cosines, where staying in place counts SAME_PLACE more; a refused face (NaN)
    counts as unlike every other.
    """
    a, b = np.nan_to_num(before), np.nan_to_num(after)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    likeness = np.divide(a @ b.T, norms, out=np.zeros_like(norms), where=norms > 0) + SAME_PLACE * np.eye(len(a))
    return linear_sum_assignment(-likeness)[1]
