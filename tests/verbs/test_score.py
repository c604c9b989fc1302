"""What a score says of one creative beside its rate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from adcreative.creative import Creative, Prediction
from adcreative.ctr.evidence import ROW_GRADES, OODScore, find_far, grade_row
from adcreative.errors import CreativeError
from adcreative.features.batch import CreativeFeatures
from adcreative.features.builder import AccountHistory
from adcreative.verbs.score import SCORE_COLUMNS, score_rows

EAST, NORTH = np.eye(2, dtype=np.float32)
GRADES = {
    "words": ["measured", "real clicks"],
    "picture": ["simulated", "market"],
    "faces": ["none", "never"],
    "context": ["measured", "real clicks"],
    "look": ["simulated", "market"],
}


def score(creative: Creative, features: Any) -> dict[str, Any]:
    """Score one creative with a predictor that knows words to the east and the platform "meta"."""
    knows = SimpleNamespace(unseen=lambda one: {"platform": one.platform} if one.platform not in ("", "meta") else {})
    scores = {"words": OODScore(np.tile(EAST, (5, 1)), 0.1)}
    predictor = SimpleNamespace(
        notes={},
        content_hash="",
        grade=lambda one, read: grade_row(one, read, grades=GRADES, far=find_far(read, scores), builder=knows),
        predict=lambda creatives, *_: [Prediction(ctr=0.02, ctr_low=0.01, ctr_high=0.03, evidence="e") for _ in creatives],
    )
    extractor = SimpleNamespace(extract=lambda creatives: [features])
    (row,) = score_rows(extractor, predictor, [creative], AccountHistory([], []))  # type: ignore[arg-type]
    return row


def test_a_score_is_graded_by_the_weakest_thing_it_rests_on() -> None:
    near, far = CreativeFeatures(text=EAST, appeal=0.1), CreativeFeatures(text=NORTH, appeal=0.1)
    pictured = CreativeFeatures(text=EAST, appeal=0.1, image=EAST)
    asked = [
        (Creative(headline="x", platform="meta"), near, "measured"),
        (Creative(headline="x"), far, "extrapolated"),
        (Creative(headline="x", platform="elsewhere"), near, "extrapolated"),
        (Creative(headline="x"), pictured, "simulated"),
        (Creative(), CreativeFeatures(), "none"),
    ]
    assert [score(creative, features)["grade"] for creative, features, _ in asked] == [grade for *_, grade in asked]
    assert {grade for *_, grade in asked} == set(ROW_GRADES)
    assert set(SCORE_COLUMNS) - {"strength"} <= set(score(*asked[0][:2]))


def test_what_cannot_be_read_has_no_grade() -> None:
    assert "grade" not in score(Creative(row=3), CreativeError("It cannot be read.", "Look at it."))


def test_a_creative_of_the_history_is_not_read_again() -> None:
    known, equal, broken = (Creative(headline="x", brand="b", impressions=9, clicks=1, row=row) for row in (1, 1, 2))
    asked: list[Creative] = []
    predicted: list[CreativeFeatures] = []
    read, seen = CreativeFeatures(text=NORTH), CreativeFeatures(text=EAST)

    def extract(creatives: list[Creative]) -> list[Any]:
        asked.extend(creatives)
        return [CreativeError("It cannot be read.", "Look at it.") if one is broken else read for one in creatives]

    def predict(creatives: list[Creative], features: list[CreativeFeatures], _: Any) -> list[Prediction]:
        predicted.extend(features)
        return [Prediction(ctr=0.02, ctr_low=0.01, ctr_high=0.03, evidence=one.headline) for one in creatives]

    predictor = SimpleNamespace(notes={}, content_hash="", grade=lambda *_: {"row": "measured"}, predict=predict)
    history = AccountHistory([known], [seen])
    rows = score_rows(SimpleNamespace(extract=extract), predictor, [equal, known, broken], history)  # type: ignore[arg-type]
    assert [id(one) for one in asked] == [id(equal), id(broken)], "only the same object is the same creative"
    assert [id(one) for one in predicted] == [id(read), id(seen)]
    assert ["failed" in row for row in rows] == [False, False, True]


def test_the_words_of_several_chunks_travel_with_the_first_of_them() -> None:
    from adcreative.verbs.score import CHUNKS_AHEAD, _item_maker

    creatives = [Creative(headline=f"line {i}", row=i) for i in range(2 * CHUNKS_AHEAD * 2 + 1)]
    items = list(_item_maker({}, 2)(creatives))
    assert [one.row for chunk, _, _ in items for one in chunk] == list(range(len(creatives)))
    ahead = [len(words) for _, _, words in items]
    assert ahead == [2 * CHUNKS_AHEAD, 0, 0, 0, 2 * CHUNKS_AHEAD, 0, 0, 0, 1]
