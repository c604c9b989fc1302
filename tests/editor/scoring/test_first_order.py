"""Answers to probes add up to what a composed picture shows, where the world is linear; and what is lost is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.preparation.search_space import measure_faces
from adcreative.editor.scoring.first_order import PROBE_SHARE, FaceSurrogate, FirstOrderSurrogate
from adcreative.features.batch import CreativeFeatures
from tests.editor.fakes import NUM_DIRECTIONS, FakeExtractor, FakeSession, fake_ad, opened_faces

LOW, HIGH = np.full(NUM_DIRECTIONS, -2.0), np.full(NUM_DIRECTIONS, 2.0)


def measured(
    ad: Creative, rows: tuple[int, ...] = (0, 1), extractor: Any = None, **changes: Any
) -> tuple[Any, CreativeFeatures, FakeSession]:
    extractor = extractor or FakeExtractor()
    session = FakeSession(ad.image_u8, rows, **changes)
    (features,) = extractor.extract([ad])
    return measure_faces(opened_faces(ad, features, session), extractor, LOW, HIGH), features, session


def seen_with(response: FaceSurrogate, features: CreativeFeatures, strengths: np.ndarray) -> list[CreativeFeatures]:
    """What the sum makes of face edits [P, F, K] alone."""
    num = len(strengths)
    return FirstOrderSurrogate(faces=response).apply(features, strengths, np.zeros((num, 0)), np.zeros(num, np.int64))


def test_the_sum_of_answers_is_the_composed_picture_in_a_linear_world() -> None:
    ad = fake_ad(3)
    response, features, session = measured(ad, (0, 2))
    strengths = np.round(np.random.default_rng(0).uniform(-2, 2, (4, 2, NUM_DIRECTIONS)) * 20) / 20
    seen = seen_with(response, features, strengths)
    for one, edit in zip(seen, strengths, strict=True):
        (final,) = FakeExtractor().extract([replace(ad, image_u8=session.compose(edit))])
        np.testing.assert_allclose(one.face_attributes, final.face_attributes, atol=1e-5)
        np.testing.assert_allclose(one.face_codes, final.face_codes, atol=1e-5)


def test_it_costs_two_pictures_per_direction() -> None:
    assert measured(fake_ad())[2].num_composed == 2 * NUM_DIRECTIONS


def test_no_edit_is_the_original_itself() -> None:
    response, features, _ = measured(fake_ad())
    (seen,) = seen_with(response, features, np.zeros((1, 2, NUM_DIRECTIONS)))
    assert seen is features


def test_each_side_has_its_own_answer() -> None:
    class Uneven(FakeSession):
        def compose(self, strengths: np.ndarray, *, is_draft: bool = False) -> np.ndarray:
            return super().compose(np.where(strengths > 0, 0.5 * strengths, strengths))

    ad = fake_ad(1)
    (features,) = FakeExtractor().extract([ad])
    response = measure_faces(opened_faces(ad, features, Uneven(ad.image_u8, (0,))), FakeExtractor(), LOW, HIGH)
    strengths = np.zeros((2, 1, NUM_DIRECTIONS))
    strengths[0, 0, 1], strengths[1, 0, 1] = 1.0, -1.0
    up, down = seen_with(response, features, strengths)
    assert (up.face_attributes[0, 1], down.face_attributes[0, 1]) == (pytest.approx(0.5, abs=0.03), pytest.approx(-1.0))


def test_picture_and_look_answer_by_the_area_of_the_face() -> None:
    class Sees(FakeExtractor):  # the picture as a whole answers to the sum of smiles
        def _one(self, creative: Creative) -> Any:
            features = super()._one(creative)
            smile = float(features.face_attributes[:, 0].sum())
            return replace(
                features,
                image=np.array([1.0, 0.1 * smile]) / np.hypot(1.0, 0.1 * smile),  # type: ignore[type-var]
                look=np.array([smile]),
                face_shares=np.array([0.3, 0.1], np.float32),
            )

    response, features, _ = measured(fake_ad(), extractor=Sees())
    strengths = np.zeros((2, 2, NUM_DIRECTIONS))
    strengths[0, 0, 0], strengths[1, :, 0] = 1.0, 1.0
    one, both = seen_with(response, features, strengths)
    assert both.look[0] == pytest.approx(2.0, abs=0.01)
    assert one.look[0] == pytest.approx(1.5, abs=0.01)
    assert np.linalg.norm(both.image) == pytest.approx(1.0)
    assert both.image[1] == pytest.approx(0.2 / np.hypot(1.0, 0.2), rel=0.05)


def test_a_side_that_loses_a_face_has_no_range() -> None:
    low, high = measured(fake_ad(), blind_to=2)[0].limits(LOW, HIGH)
    assert high[2] == 0.0
    assert low[2] == -2.0
    assert (np.delete(high, 2) == 2.0).all()


def test_a_picture_that_cannot_be_read_any_more_has_no_range() -> None:
    class Black(FakeSession):
        def compose(self, strengths: np.ndarray, *, is_draft: bool = False) -> np.ndarray:
            return np.zeros_like(self.image_u8)

    ad = fake_ad()
    (features,) = FakeExtractor().extract([ad])
    response = measure_faces(opened_faces(ad, features, Black(ad.image_u8, (0, 1))), FakeExtractor(), LOW, HIGH)
    assert not np.concatenate(response.limits(LOW, HIGH)).any()


def test_a_one_sided_direction_is_probed_on_that_side() -> None:
    ad = fake_ad(1)
    (features,) = FakeExtractor().extract([ad])
    session = FakeSession(ad.image_u8, (0,))
    response = measure_faces(opened_faces(ad, features, session), FakeExtractor(), np.zeros(NUM_DIRECTIONS), HIGH)
    assert session.num_composed == NUM_DIRECTIONS
    np.testing.assert_allclose(response.probes, [np.zeros(NUM_DIRECTIONS), PROBE_SHARE * HIGH])


def test_faces_are_matched_by_their_codes() -> None:
    class Swapped(FakeExtractor):  # finds the faces of an edited picture in the other order
        def _one(self, creative: Creative) -> Any:
            features = super()._one(creative)
            if np.array_equal(creative.image_u8, ad.image_u8):
                return features
            return replace(features, face_codes=features.face_codes[::-1], face_attributes=features.face_attributes[::-1])  # type: ignore[type-var]

    ad = fake_ad(2)
    ad.image_u8[1, 5] = 228  # the faces differ
    response, _, _ = measured(ad, extractor=Swapped())
    plain, _, _ = measured(ad)
    np.testing.assert_allclose(response.codes, plain.codes, atol=1e-5)
    np.testing.assert_allclose(response.attributes, plain.attributes, atol=1e-5)
