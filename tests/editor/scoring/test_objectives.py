"""Scores against formulas that are known, and what may not be counted as a gain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.editor.preparation.lines import encode_lines
from adcreative.editor.preparation.search_space import measure_faces
from adcreative.editor.scoring.first_order import FirstOrderSurrogate
from adcreative.editor.scoring.objectives import CandidateScorer, cosine_similarity, measure_size
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.editor.space.lines import Lines
from tests.editor.fakes import (
    HEADLINES,
    NUM_DIRECTIONS,
    FakeExtractor,
    FakePredictor,
    FakeSession,
    attributes_in,
    bumpy_surface,
    fake_ad,
    opened_faces,
)

SPACE = GeneSpace(num_faces=2, low=np.full(NUM_DIRECTIONS, -2.0), high=np.full(NUM_DIRECTIONS, 2.0), num_headlines=5)


def careful(**settings: float) -> EditorConfig:
    """Settings without floors, but for those named."""
    return EditorConfig(**{"identity_floor": 0.0, "realism_floor": 0.0, **settings})


def scorer(ad: Creative | None = None, rows: tuple[int, ...] = (0, 1), **changes: Any) -> CandidateScorer:
    ad = ad or fake_ad()
    (features,) = FakeExtractor().extract([ad])
    lines = encode_lines(ad, list(HEADLINES)[1:], (), FakeExtractor())
    opened = opened_faces(ad, features, FakeSession(ad.image_u8, rows))
    faces = measure_faces(opened, FakeExtractor(), SPACE.low, SPACE.high)
    parts = {
        "space": SPACE,
        "lines": lines,
        "predictors": (FakePredictor(bumpy_surface),),
        "surrogate": FirstOrderSurrogate(faces=faces),
        "config": careful(),
    }
    return CandidateScorer(ad, features, **{**parts, **changes})


def genome(strengths: dict[int, float], headline: int = 0) -> Individual:
    num = SPACE.num_strengths
    genes = np.zeros(SPACE.num_genes)
    for idx, strength in strengths.items():
        genes[idx], genes[num + idx] = strength, 1.0
    genes[-4] = headline
    return Individual(genes)


def test_the_unedited_candidate_is_worth_nothing_exactly() -> None:
    spread = FakePredictor(bumpy_surface, spread=lambda features: 0.5)
    (score,) = scorer(predictors=(spread,))([SPACE.original()])
    assert (score.uplift_mean, score.uplift_std, score.uplift_low, score.identity, score.size) == (0, 0, 0, 1, 0)


def test_uplift_is_the_difference_of_the_surface() -> None:
    genomes = [genome({0: 1.0}), genome({0: 1.0, NUM_DIRECTIONS + 5: -0.5}), genome({}, headline=3), genome({3: 0.5}, 1)]
    base = 0.0 - 2 * 0.10 * 0.25
    expected = [
        0.35 - 0.16 - 0.12 * 0.64,
        0.35 - 0.16 - 0.12 * 0.64 - 0.1,
        HEADLINES["Dry feet all day"],
        HEADLINES["Shoes for rain"] + 0.10 * 0.25,
    ]
    assert base < 0
    for score, value in zip(scorer()(genomes), expected, strict=True):
        assert score.uplift_mean == pytest.approx(value, abs=1e-5)
        assert score.uplift_low == pytest.approx(value, abs=1e-5)


def test_only_the_sessions_rows_change() -> None:
    seen: list[np.ndarray] = []
    ad = fake_ad(3)
    watch = FakePredictor(lambda features: seen.append(features.face_attributes) or 0.0)  # type: ignore[func-returns-value]
    scorer(ad, (0, 2), predictors=(watch,))([genome({NUM_DIRECTIONS: 1.5})])
    before, after = seen
    np.testing.assert_array_equal(after[:2], before[:2])
    assert after[2, 0] == pytest.approx(1.5)


def test_batch_equals_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    genomes = [SPACE.sample(rng=rng) for _ in range(12)]
    together, alone = scorer()(genomes), [scorer()([one])[0] for one in genomes]
    for a, b in zip(together, alone, strict=True):
        assert (a.uplift_low, a.identity, a.size) == pytest.approx((b.uplift_low, b.identity, b.size))


def test_risk_lowers_the_bound() -> None:
    class KnowsItsChanges(FakePredictor):
        """Says itself what a smile is worth, and how far it may be wrong."""

        def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
            smiles = np.array([f.face_attributes[0, 0] for f in features])
            return 1.5 * (smiles[1:] - smiles[0]), 0.5 * (smiles[1:] - smiles[0])

    (score,) = scorer(predictors=(KnowsItsChanges(bumpy_surface),), config=careful(risk_aversion=2.0))([genome({0: 1.0})])
    assert score.uplift_mean == pytest.approx(1.5)
    assert score.uplift_std == pytest.approx(0.5)
    assert score.uplift_low == pytest.approx(0.5)


def test_identity_below_its_floor_is_a_violation() -> None:
    strong, weak = genome(dict.fromkeys(range(NUM_DIRECTIONS), 2.0)), genome({0: 0.2})
    lost, kept = scorer(config=careful(identity_floor=0.98))([strong, weak])
    assert lost.identity < 0.98 < kept.identity
    assert lost.violation == pytest.approx(0.98 - lost.identity)
    assert kept.violation == 0.0


def test_a_predictor_that_answers_nonsense_is_not_followed() -> None:
    broken = FakePredictor(lambda f: float("nan") if f.face_attributes[0, 0] else 0.0)
    (score,) = scorer(predictors=(FakePredictor(bumpy_surface), broken))([genome({0: 1})])
    assert score.violation == 2.0
    assert np.isfinite(score.uplift_low)


def test_size_counts_faces_adjustments_and_choices() -> None:
    strengths = np.zeros((1, 2, 3))
    strengths[0, 0], strengths[0, 1] = (3.0, 4.0, 0.0), (0.0, 0.0, 2.0)
    assert measure_size(strengths, np.array([[0.6, -0.8]]), np.array([[1, 2, 1, 0]])).tolist() == [9.25]
    assert measure_size(np.zeros((1, 0, 3)), np.zeros((1, 0)), np.array([[0, 0, 0, 2]])).tolist() == [1.5]


def test_realism_adds_up_what_single_directions_did_and_renders_replace_it() -> None:
    edit, (session, scores) = genome({0: 1.5, 3: -1.0}), (FakeSession(fake_ad().image_u8, (0, 1)), scorer())
    unedited, weak, strong = scores([genome({}), genome({0: 0.5, 3: -0.5}), edit])
    assert unedited.realism == 1.0 > weak.realism > strong.realism
    # in the fake world atypicality is linear, so that the sum of single directions is exact
    assert strong.realism == pytest.approx(float(session.realism(SPACE.strengths([edit]))[0]))
    (seen,) = scores.score_seen([edit], [scores.features], np.array([0.4]))
    assert seen.realism == 0.4
    assert scores([genome({}, headline=2)])[0].realism == 1.0  # words do not touch a face


def test_an_edit_below_the_realism_floor_is_not_allowed() -> None:
    weak, strong = genome({0: 0.3}), genome(dict.fromkeys(range(5), 2.0))
    between = np.mean([one.realism for one in scorer()([weak, strong])])
    free, (allowed, odd) = scorer()([weak, strong]), scorer(config=careful(realism_floor=float(between)))([weak, strong])
    assert [one.violation for one in free] == [0.0, 0.0]
    assert allowed.violation == 0.0
    assert odd.violation == pytest.approx(between - odd.realism)
    both = scorer(config=careful(realism_floor=float(between), identity_floor=1.0))([strong])[0]
    assert both.violation == pytest.approx(between - odd.realism + 1.0 - odd.identity)


def test_cosine_similarity_of_zero_is_zero() -> None:
    np.testing.assert_allclose(cosine_similarity(np.array([[1.0, 0], [0, 0]]), np.array([[2.0, 0], [1, 0]])), [1, 0])


class TestLines:
    def test_own_line_first_repeats_and_unusable_ones_left_out(self) -> None:
        ad = fake_ad(headline="Shoes", description="Good.")
        lines = encode_lines(ad, ["Buy shoes", "Shoes", "unreadable", "Buy shoes"], ["Better."], FakeExtractor())
        assert lines.headlines == ("Shoes", "Buy shoes")
        assert lines.descriptions == ("Good.", "Better.")
        assert [seen.appeal for seen in lines.headline_features if seen] == [0.0, -0.3]

    def test_a_creative_without_words_has_its_empty_lines(self) -> None:
        lines = encode_lines(fake_ad(headline=""), (), (), FakeExtractor())
        assert (lines.headlines, lines.descriptions, lines.headline_features) == (("",), ("",), (None,))

    def test_apply_changes_the_lines_only(self) -> None:
        ad = fake_ad(description="Good.")
        lines = encode_lines(ad, ["Buy shoes"], ["Better."], FakeExtractor())
        assert lines.apply(ad, 1, 0) == replace(ad, headline="Buy shoes")
        assert lines.apply(ad, 0, 1) == replace(ad, description="Better.")
        with_buttons = replace(lines, buttons=("Shop now", "Learn more"))
        assert with_buttons.apply(ad, 1, 0, 1) == replace(ad, headline="Buy shoes", cta="Learn more")
        assert with_buttons.ordered(np.zeros(1), np.zeros(1)).buttons == ("Shop now", "Learn more")

    def test_ordered_keeps_the_own_line_first(self) -> None:
        lines = encode_lines(fake_ad(), ["a", "b", "c"], (), FakeExtractor())
        assert isinstance(lines, Lines)
        ordered = lines.ordered(np.array([0.1, 0.3, 0.2]), np.zeros(0))
        assert ordered.headlines == ("Shoes", "b", "c", "a")
        assert [seen.text[0] for seen in ordered.headline_features if seen] == [5.0, 1.0, 1.0, 1.0]

    def test_lines_of_a_picture_are_words_alone(self) -> None:
        lines = encode_lines(fake_ad(), ["Buy shoes"], (), FakeExtractor())
        assert all(seen is not None and seen.image is None for seen in lines.headline_features)
        assert attributes_in(fake_ad().image_u8).shape == (2, 8)


def test_two_opinions_are_pooled_and_their_disagreement_lowers_the_bound() -> None:
    glad, sad = FakePredictor(lambda f: 0.3 * f.face_attributes[0, 0]), FakePredictor(lambda f: 0.1 * f.face_attributes[0, 0])
    genomes = [genome({0: 1.0}), genome({})]
    both, _ = scorer(predictors=(glad, sad), config=careful(risk_aversion=2.0))(genomes)
    assert both.uplift_mean == pytest.approx(0.2)
    assert both.uplift_std == pytest.approx(0.1)  # each is sure of itself; they differ by 0.2
    assert both.uplift_low == pytest.approx(0.0, abs=1e-6)
    (alone,) = scorer(predictors=(glad,), config=careful(risk_aversion=2.0))(genomes[:1])
    assert alone.uplift_low == pytest.approx(0.3)


def test_an_unchanged_face_is_exactly_itself_whatever_rounding_says() -> None:
    """Rounding noise of one bit would otherwise decide which of two equal edits dominates."""
    words, original, edited = genome({}, headline=1), genome({}), genome({0: 1.0})
    score = scorer()
    seen = [
        score.features,
        score.features,
        *score._surrogate.apply(score.features, SPACE.strengths([edited]), SPACE.adjustments([edited]), np.zeros(1, np.int64)),
    ]
    noisy = [replace(one, face_codes=one.face_codes * np.float32(1 + 1e-7)) for one in seen]
    scores = [
        score.score_seen([words, original, edited], noisy, np.array([1 - 2**-53, 1.0, low])) for low in (0.9, 0.9 + 1e-12)
    ]
    for of_words, of_original, _ in scores:
        assert (of_words.identity, of_words.realism) == (of_original.identity, of_original.realism) == (1.0, 1.0)
    assert scores[0][2].realism == scores[1][2].realism == 0.9
