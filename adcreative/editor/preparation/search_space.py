"""The search space of an opened creative, and the picture's response to each change."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adcreative.editor.scoring.first_order import (
    PROBE_SHARE,
    FaceSurrogate,
    FirstOrderSurrogate,
    PictureSurrogate,
    feature_shapes,
    match_faces,
)
from adcreative.editor.space.editable import EditableCreative
from adcreative.editor.space.genome import ADJUSTMENTS, GeneSpace
from adcreative.editor.space.lines import Lines
from adcreative.errors import CreativeError
from stylegan.faces.visible_changes import measure_reach, measure_seen

if TYPE_CHECKING:
    from adcreative.features.batch import CreativeFeatures
    from adcreative.features.extraction import FeatureExtractor

MESSAGE_SHARE = 0.6  # share of a headline's words found in the ad's description, from which on it is another message of the ad


def measure_space(
    opened: EditableCreative, lines: Lines, visible_changes: Mapping[str, float]
) -> tuple[GeneSpace, FirstOrderSurrogate | None]:
    """Return the search space and the first-order surrogate of the picture; calibrate the strengths of the session.

    A change that loses a face is removed from both, and an invisible change of a face from the space. The surrogate is None
    when the picture cannot change. It does not model words set into the picture: their effect is measured when a candidate is
    rendered. visible_changes: as in EditorTools.
    """
    extractor = opened.extractor.for_models(())  # the surrogate models neither lettering nor complexity
    low, high = np.asarray(opened.directions.low), np.asarray(opened.directions.high)
    adjustment_low, adjustment_high, least = np.zeros(0), np.zeros(0), None
    faces = measure_faces(opened, extractor, low, high)
    if opened.session is not None and faces is not None:
        before = opened.features.face_attributes[list(opened.face_rows)]
        names, seen = opened.directions.names, (faces.seen, faces.bones, before)
        reach = measure_reach(faces.probes, faces.attributes, names, visible_changes, *seen)
        opened.session.set_gains(reach.gains)
        faces = replace(faces, gains=reach.gains)
        low, high = reach.limits(*faces.limits(low, high))
        least = reach.least
    adjustments = _measure_adjustments(opened, extractor)
    if adjustments is not None and opened.adjuster is not None:
        adjustment_low, adjustment_high = adjustments.limits(opened.adjuster.low, opened.adjuster.high)
    scenes = _measure_scenes(opened, extractor)
    space = GeneSpace(
        num_faces=len(opened.face_rows),
        low=low,
        high=high,
        adjustment_low=adjustment_low,
        adjustment_high=adjustment_high,
        num_headlines=len(lines.headlines),
        num_descriptions=len(lines.descriptions),
        num_buttons=max(1, len(lines.buttons)),
        num_scenes=1 + (len(opened.scenes.pictures) if opened.scenes is not None else 0),
        least=least,
        fits=_fitting(lines),
        in_picture=_in_picture(opened),
        messages=find_messages(lines),
    )
    is_fixed = faces is None and adjustments is None and scenes is None and opened.setter is None
    return space, None if is_fixed else FirstOrderSurrogate(faces=faces, adjustments=adjustments, scenes=scenes)


def find_messages(lines: Lines) -> frozenset[int]:
    """Return the numbers of headlines with another message of the ad: more words of its description than of its headline."""
    own, below = (_content_words(text) for text in (lines.headlines[0], lines.descriptions[0]))
    said = [_content_words(headline) for headline in lines.headlines]
    return frozenset(
        k
        for k, words in enumerate(said)
        if k and words and len(words & below) >= MESSAGE_SHARE * len(words) and len(words & below) > len(words & own)
    )


def _content_words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 2}


def _fitting(lines: Lines) -> np.ndarray | None:
    """Return which headline and description may be combined in one ad, [headlines, descriptions]; None: all pairs."""
    if not lines.unfit:
        return None
    num = range(len(lines.headlines)), range(len(lines.descriptions))
    return np.array([[lines.is_fit(head, below) for below in num[1]] for head in num[0]])


def _in_picture(opened: EditableCreative) -> frozenset[str]:
    """Return which choices change pixels: the background, and the fields whose words were found in the picture."""
    field_blocks = opened.setter.field_blocks if opened.setter is not None else {}
    return frozenset(("scene", *({"cta": "button"}.get(name, name) for name in field_blocks)))


def _measure_adjustments(opened: EditableCreative, extractor: FeatureExtractor) -> PictureSurrogate | None:
    """Return the picture's response to each adjustment in both directions; None when there is none."""
    adjuster, image_u8 = opened.adjuster, opened.image_u8
    if adjuster is None or image_u8 is None:
        return None

    def compose(idx: int, strength: float) -> np.ndarray:
        return adjuster.apply(image_u8, np.where(np.arange(len(ADJUSTMENTS)) == idx, strength, 0.0))

    probes = PROBE_SHARE * np.stack([adjuster.low, adjuster.high])
    return _measure_picture(opened, extractor, probes, compose)


def _measure_scenes(opened: EditableCreative, extractor: FeatureExtractor) -> PictureSurrogate | None:
    """Return the differences of the picture's features in each painted scene; None without scenes."""
    scenes, image_u8 = opened.scenes, opened.image_u8
    if scenes is None or image_u8 is None:
        return None
    num = len(scenes.pictures)
    probes = np.stack([np.zeros(num), np.ones(num)])
    return _measure_picture(opened, extractor, probes, lambda idx, _: scenes.paste(image_u8, idx + 1))


def measure_faces(
    opened: EditableCreative, extractor: FeatureExtractor, low: np.ndarray, high: np.ndarray
) -> FaceSurrogate | None:
    """Return the response of a picture's features to each face direction, composed on both sides; None without an opened face.

    low, high [K]: safe range of each direction.
    """
    session, before_u8, features = opened.session, opened.image_u8, opened.features
    if session is None or before_u8 is None:
        return None
    rows, num_directions = np.array(opened.face_rows, dtype=np.int64), len(low)
    probes = PROBE_SHARE * np.stack([np.asarray(low, np.float64), np.asarray(high, np.float64)])  # [S, K]
    seen, bones = np.zeros((2, *probes.shape, len(rows)))

    def on_all_faces(k: int, strength: float) -> np.ndarray:
        strengths = np.zeros((len(rows), num_directions), dtype=np.float32)
        strengths[:, k] = strength
        return strengths

    def compose(k: int, strength: float) -> np.ndarray:
        picture = session.compose(on_all_faces(k, strength), is_draft=True)
        seen[int(strength > 0), k] = [measure_seen(before_u8, picture, box) for box in opened.face_boxes]
        bones[int(strength > 0), k] = session.bones(picture)
        return picture

    usable, differences = _probe(opened, extractor, probes, compose, rows)
    shares = features.face_shares[rows].astype(np.float64)
    weights = shares / shares.sum() if shares.sum() > 0 else np.full(len(rows), 1.0 / len(rows))
    reaches = usable / PROBE_SHARE
    tried = [on_all_faces(k, float(reaches[s, k])) for s, k in np.ndindex(reaches.shape)]
    unedited, *found = session.atypicality(np.stack([np.zeros((len(rows), num_directions), np.float32), *tried]))
    added = np.array(found).reshape(*reaches.shape, *unedited.shape) - unedited
    return FaceSurrogate(
        probes=usable,
        face_rows=rows,
        face_weights=weights,
        unedited_atypicality=unedited,
        atypicality=added,
        gains=np.ones((2, len(rows), num_directions)),
        seen=seen,
        bones=bones,
        **differences,
    )


def _measure_picture(
    opened: EditableCreative, extractor: FeatureExtractor, probes: np.ndarray, compose: Callable[[int, float], np.ndarray]
) -> PictureSurrogate:
    """Return the response of a picture's features to changes of the whole picture; arguments as for `_probe`."""
    features = opened.features
    readable = np.isfinite(features.face_codes).all(axis=1) & np.isfinite(features.face_attributes).all(axis=1)
    rows = np.flatnonzero(readable)  # a refused face has no code
    usable, of_rows = _probe(opened, extractor, probes, compose, rows)
    differences = {
        name: np.zeros((*probes.shape, *shape)) for name, shape in feature_shapes(features, len(features.face_codes)).items()
    } | {name: of_rows[name] for name in ("image", "statistics")}
    for name in ("codes", "attributes"):
        differences[name][:, :, rows] = of_rows[name]
    return PictureSurrogate(probes=usable, **differences)


def _probe(
    opened: EditableCreative,
    extractor: FeatureExtractor,
    probes: np.ndarray,
    compose: Callable[[int, float], np.ndarray],
    rows: np.ndarray,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the readable probes [S, K], and their differences to the original by name, [S, K, ...].

    probes [S, K]: strengths; 0: no probe. compose(k, strength) returns the picture with one change applied. rows: the compared
    faces.
    """
    places = [(s, k) for s in range(2) for k in range(probes.shape[1]) if probes[s, k] != 0.0]
    pictures = [replace(opened.creative, image_u8=compose(k, float(probes[s, k]))) for s, k in places]
    seen = extractor.extract(pictures) if pictures else []
    usable = np.zeros_like(probes)
    differences = {
        name: np.zeros((*probes.shape, *shape)) for name, shape in feature_shapes(opened.features, len(rows)).items()
    }
    for (s, k), found in zip(places, seen, strict=True):
        difference = _difference(opened.features, found, rows)
        if difference is None:
            continue
        usable[s, k] = probes[s, k]
        for name, values in difference.items():
            differences[name][s, k] = values
    return usable, differences


def _difference(
    before: CreativeFeatures, after: CreativeFeatures | CreativeError, rows: np.ndarray
) -> dict[str, np.ndarray] | None:
    """Return the changes in `rows`; None when one of these faces is missing or unreadable."""
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
