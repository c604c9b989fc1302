"""edit_creative as a whole, in a world whose truth is a formula."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative.copywriter.writer import LintedCopywriter
from adcreative.creative import Creative, Edit
from adcreative.editor import session as session_module
from adcreative.editor.session import EditorConfig, EditOutcome
from adcreative.errors import ConfigError, CopywriterError, CreativeError
from adcreative.features.batch import CreativeFeatures
from adcreative.problem import Problem
from adcreative.provenance.consent import ConsentBook, ConsentRecord
from tests.editor.fakes import (
    NAMES,
    FakeAnalyzer,
    FakeCopywriter,
    FakeExtractor,
    FakePredictor,
    FakeSession,
    ad_picture,
    attributes_in,
    bumpy_surface,
    edit_creative,
    fake_ad,
    fake_directions,
    fake_tools,
    open_ad,
)

QUICK = EditorConfig(edit_look=False, population_size=12, generations=5, identity_floor=0.5, seed=3)


def true_uplift(outcome: EditOutcome, ad: Creative, surface: Any = bumpy_surface) -> float:
    final = replace(ad, image_u8=outcome.image_u8, headline=outcome.result.headline_edited)
    before, after = FakeExtractor().extract([ad, final])
    return surface(after) - surface(before)


def rate(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


def test_an_edit_is_found_and_every_field_is_filled() -> None:
    ad = fake_ad(ad_name="ad 1", description="Good shoes.")
    outcome = edit_creative(ad, tools=fake_tools(), config=replace(QUICK, seed=3))
    result = outcome.result
    assert result.status == "edited"
    assert true_uplift(outcome, ad) > 0.3
    assert result.ctr_original == pytest.approx(rate(bumpy_surface(FakeExtractor().extract([ad])[0])))
    assert result.ctr_edited == pytest.approx(rate(bumpy_surface(FakeExtractor().extract([ad])[0]) + true_uplift(outcome, ad)))
    assert result.ctr_edited == result.ctr_edited_judge > result.ctr_control == result.ctr_original
    assert result.ctr_edited_low < result.ctr_edited < result.ctr_edited_high
    assert (result.file_name, result.ad_name, result.seed, result.model_hash) == ("ad.png", "ad 1", 3, "fake")
    assert (result.headline_original, result.headline_edited) == ("Shoes", "Dry feet all day")
    assert result.description_edited == "Good shoes."
    assert (result.faces.found, result.faces.edited, result.faces.refused) == (2, 2, ())
    assert result.evaluations == 12 * 6
    assert 0.5 <= result.identity_similarity < 1.0
    assert 0.85 <= result.realism < 1.0
    assert result.seconds > 0
    assert result.evidence == "a formula"
    assert "together" in result.reason
    assert outcome.verdict is not None
    assert outcome.verdict.chosen == pytest.approx(true_uplift(outcome, ad))


def test_a_result_says_how_sure_it_is_of_the_change() -> None:
    ad, tools = fake_ad(), fake_tools()
    for model in (tools.predictor, tools.judge, tools.auditor):
        model.spread = lambda features: 0.05  # type: ignore[attr-defined]
    outcome = edit_creative(ad, tools=tools, config=replace(QUICK, seed=3))
    result, verdict = outcome.result, outcome.verdict
    assert verdict is not None
    change = result.ctr_edited / result.ctr_original - 1
    assert result.uplift_low < change < result.uplift_high
    moved = [rate(bumpy_surface(FakeExtractor().extract([ad])[0]) + end) / result.ctr_original - 1 for end in verdict.interval]
    assert (result.uplift_low, result.uplift_high) == pytest.approx(moved)
    kept = edit_creative(ad, tools=fake_tools(lambda features: -3.0), config=QUICK).result
    assert (kept.status, kept.uplift_low, kept.uplift_high) == ("kept", None, None)


def test_models_that_contradict_each_other_widen_the_interval() -> None:
    def half(features: Any) -> float:
        return 0.5 * bumpy_surface(features)

    alike, apart = (
        edit_creative(fake_ad(), tools=replace(fake_tools(), **other), config=replace(QUICK, seed=3)).verdict
        for other in ({}, {"auditor": fake_tools(half).auditor})
    )
    assert alike is not None
    assert apart is not None
    assert alike.std == pytest.approx(0.0, abs=1e-6)  # each is sure of itself and all say the same
    assert apart.std == pytest.approx((apart.chosen - apart.audited) / 2)


def test_another_finalist_can_be_chosen_and_meets_the_same_verdict() -> None:
    ad = fake_ad()
    session = open_ad(ad, fake_tools(), replace(QUICK, seed=3))
    with pytest.raises(ConfigError, match="searched nothing yet; call search"):
        session.choose(0)
    outcome = session.search()
    lows = [one.uplift_low for one in outcome.alternatives if one.uplift_low is not None]
    assert len(lows) > 1
    assert lows == sorted(lows, reverse=True)
    last = max(number for number, low in enumerate(lows) if low > 0.0)
    other, chosen = session.choose(last), outcome.alternatives[last]
    assert other.result.status == "edited"
    assert (other.result.edits, other.result.headline_edited) == (chosen.edits, chosen.headline)
    assert true_uplift(other, ad) == pytest.approx(chosen.uplift)
    assert other.result.reason.startswith("chosen by hand")
    assert other.alternatives == outcome.alternatives
    assert outcome.alternatives[0].size in [size for size, _ in outcome.front]


def test_a_chosen_finalist_that_the_auditor_refuses_is_not_delivered() -> None:
    ad = fake_ad()
    tools = fake_tools(judge=bumpy_surface, auditor=lambda features: -bumpy_surface(features))
    session = open_ad(ad, tools, QUICK)
    session.search()
    other = session.choose(0)
    assert other.result.status == "kept"
    assert other.result.edits == ()


def test_the_best_edit_so_far_is_shown_whenever_it_changes() -> None:
    shown: list[Creative] = []
    outcome = edit_creative(fake_ad(), tools=fake_tools(), config=QUICK, show_best=shown.append)
    assert 1 < len(shown) <= QUICK.generations + 1
    assert shown[-1].image_u8.shape == outcome.image_u8.shape
    assert shown[-1].headline in outcome.lines.headlines


def test_edits_list_exactly_what_changed_in_the_picture() -> None:
    ad = fake_ad()
    outcome = edit_creative(ad, tools=fake_tools(), config=QUICK)
    change = attributes_in(outcome.image_u8) - attributes_in(ad.image_u8)
    listed = np.zeros_like(change)
    for edit in outcome.result.edits:
        if edit.face >= 0:
            listed[edit.face, NAMES.index(edit.direction)] = edit.strength
    np.testing.assert_allclose(listed, change, atol=0.03)  # a pixel step is 0.05
    assert Edit(face=-1, direction="headline", strength=0.0) in outcome.result.edits


def test_nothing_helps_and_the_original_survives() -> None:
    ad, harm = fake_ad(), lambda f: -float(np.abs(f.face_attributes).sum()) - abs(f.appeal or 0.0) - 3
    outcome = edit_creative(ad, tools=fake_tools(harm), config=QUICK)
    result = outcome.result
    assert result.status == "kept"
    assert result.edits == ()
    assert result.ctr_edited == result.ctr_original
    assert result.headline_edited == "Shoes"
    assert result.identity_similarity == 1.0
    assert outcome.image_u8 is ad.image_u8
    assert outcome.verdict is None
    assert "none of the 72 versions that were tried is surely better" in result.reason


def test_a_gain_that_only_the_predictor_sees_is_not_delivered() -> None:
    def hacked(f: CreativeFeatures) -> float:  # a bump far out that no training picture had
        return -3.0 + 2.0 * float((f.face_attributes[:, 0] > 1.2).any())

    def sober(f: CreativeFeatures) -> float:
        return -3.0 - 0.2 * float(np.abs(f.face_attributes).sum())

    outcome = edit_creative(fake_ad(), tools=fake_tools(hacked, judge=hacked, auditor=sober), config=QUICK)
    assert outcome.result.status == "kept"
    assert outcome.verdict.chosen > 1.9
    assert outcome.verdict.expected == 0.0
    assert "does not survive another opinion" in outcome.result.reason
    tools = fake_tools(hacked, judge=lambda f: -6.0 - hacked(f), auditor=hacked)
    doubtful = edit_creative(fake_ad(), tools=tools, config=QUICK)
    assert doubtful.result.status == "kept"
    assert "is surely better than the ad as it is" in doubtful.result.reason  # the search itself asks both models
    np.testing.assert_array_equal(outcome.image_u8, fake_ad().image_u8)


def test_a_gain_that_vanishes_in_the_finished_picture_is_not_delivered() -> None:
    class Together(FakeSession):  # one direction alone raises smile, as the probes see; two or more together lower it
        def compose(self, strengths: np.ndarray, *, is_draft: bool = False) -> np.ndarray:
            image_u8 = super().compose(strengths)
            if np.count_nonzero(strengths[0]) > 1:
                image_u8[0, 0] = 0
            return image_u8

    tools = fake_tools(
        lambda f: -3.0 + float(f.face_attributes[0, :3].sum()),
        copywriter=None,
        open_faces=lambda image_u8, faces, *_: Together(image_u8, [face.row for face in faces]),
    )
    config = replace(QUICK, num_finalists=1)
    blind = edit_creative(fake_ad(1), tools=tools, config=replace(config, num_rendered=0))
    assert blind.search.best_so_far[-1].score.uplift_low > 1.0
    assert blind.result.status == "kept"
    assert "which is not certain, its lower bound is" in blind.result.reason
    seen = edit_creative(fake_ad(1), tools=tools, config=config)  # rendering tells the search itself
    assert any(rendered < -2.0 < 0.0 < measured for measured, rendered in seen.search.pairs)
    assert seen.search.best_changes > 0
    assert seen.search.best_so_far[-1].score.uplift_low == max([0.0, *(rendered for _, rendered in seen.search.pairs)])


def test_a_direction_that_loses_a_face_is_left_out() -> None:
    tools = fake_tools(
        lambda f: -3.0 + float(f.face_attributes[:, 0].sum() + 0.1 * f.face_attributes[:, 1].sum()),
        copywriter=None,
        open_faces=lambda image_u8, faces, *_: FakeSession(image_u8, [face.row for face in faces], blind_to=0),
    )
    result = edit_creative(fake_ad(), tools=tools, config=QUICK).result
    assert result.status == "edited"
    assert all(edit.strength <= 0.0 for edit in result.edits if edit.direction == NAMES[0])


def test_a_gain_too_small_to_matter_is_not_delivered() -> None:
    tools = fake_tools(lambda f: -3.0 + 0.03 * (f.appeal or 0.0), copywriter=FakeCopywriter())
    outcome = edit_creative(Creative(headline="Shoes"), tools=tools, config=QUICK)
    assert outcome.result.status == "kept"
    assert "not more than the +2.0 % asked for" in outcome.result.reason


def test_words_only() -> None:
    ad = Creative(headline="Shoes", description="Good.", brand="Acme")
    outcome = edit_creative(ad, tools=fake_tools(lambda f: -3 + (f.appeal or 0.0)), config=QUICK)
    result = outcome.result
    assert (result.status, result.headline_edited) == ("edited", "Dry feet all day")
    assert outcome.image_u8 is None
    assert outcome.control_u8 is None
    assert result.identity_similarity is None
    assert result.ctr_control == result.ctr_original
    assert [edit.direction for edit in result.edits] == ["headline"]
    assert result.evaluations == 72


def test_descriptions_are_searched_too() -> None:
    ad = Creative(headline="Shoes", description="Good.")
    tools = fake_tools(lambda f: -3 + 0.02 * float(f.body[0]), copywriter=FakeCopywriter((), ("So good.", "Very, very good.")))
    result = edit_creative(ad, tools=tools, config=QUICK).result
    assert (result.headline_edited, result.description_edited) == ("Shoes", "Very, very good.")
    assert [edit.direction for edit in result.edits] == ["description"]


def test_words_are_not_added_where_there_are_none() -> None:
    outcome = edit_creative(fake_ad(headline=""), tools=fake_tools(), config=QUICK)
    assert outcome.lines.headlines == ("",)
    assert outcome.result.headline_edited == ""


def test_refused_faces_keep_their_place_and_their_pixels() -> None:
    ad = fake_ad(3)
    tools = fake_tools(analyzer=FakeAnalyzer({0: "the face is turned away"}))
    outcome = edit_creative(ad, tools=tools, config=QUICK)
    assert (outcome.result.faces.found, outcome.result.faces.refused) == (3, ("the face is turned away",))
    assert {edit.face for edit in outcome.result.edits} == {1, 2, -1}
    np.testing.assert_array_equal(outcome.image_u8[0], ad.image_u8[0])


def test_all_faces_refused_leaves_the_words() -> None:
    ad = fake_ad(2)
    tools = fake_tools(analyzer=FakeAnalyzer({0: "too small", 1: "cut off"}))
    outcome = edit_creative(ad, tools=tools, config=QUICK)
    assert outcome.result.faces.refused == ("too small", "cut off")
    assert outcome.result.faces.edited == 0
    assert outcome.result.headline_edited == "Dry feet all day"
    np.testing.assert_array_equal(outcome.image_u8, ad.image_u8)
    assert outcome.control_u8 is None


def test_all_faces_and_all_lines_refused_keeps_the_ad_and_says_why() -> None:
    class Boaster:
        engine = "boaster"

        def propose(self, *args: Any, **kwargs: Any) -> list[str]:
            return ["The best shoes in the world", "Guaranteed happiness"]

    tools = fake_tools(
        analyzer=FakeAnalyzer({0: "too small", 1: "cut off"}), copywriter=LintedCopywriter(Boaster(), fallback=None)
    )
    ad = fake_ad(2)
    outcome = edit_creative(ad, tools=tools, config=QUICK)
    assert (outcome.result.status, outcome.result.headline_edited) == ("kept", ad.headline)
    assert "nothing may be changed" in outcome.result.reason
    assert 'none of 2 written lines passed the rules; "The best shoes in the world", for one, claims' in outcome.result.reason
    np.testing.assert_array_equal(outcome.image_u8, ad.image_u8)


def test_nothing_may_be_changed() -> None:
    tools = fake_tools(analyzer=FakeAnalyzer({0: "too small"}), copywriter=None)
    result = edit_creative(fake_ad(1), tools=tools, config=QUICK).result
    assert (result.status, result.evaluations) == ("kept", 72)
    assert "nothing may be changed" in result.reason


def test_no_direction_allowed_leaves_the_words() -> None:
    outcome = edit_creative(fake_ad(), tools=fake_tools(directions=fake_directions(0)), config=QUICK)
    assert outcome.result.headline_edited == "Dry feet all day"
    assert outcome.result.faces.edited == 0


def test_only_the_largest_faces_are_edited() -> None:
    result = edit_creative(fake_ad(5), tools=fake_tools(), config=replace(QUICK, max_faces=2)).result
    assert result.faces.found == 5
    assert result.faces.refused == ("only the 2 largest faces of a picture are edited (max_faces)",) * 3
    assert {edit.face for edit in result.edits} <= {-1, 0, 1}


def book(**changes: Any) -> ConsentBook:
    record = ConsentRecord(**{"consent_id": "c-7", "person": "Ada", "edits": ("all",), "expires": "2027-01-31", **changes})
    return ConsentBook(records={"c-7": record}, source="consents.toml")


def test_without_consent_the_words_are_edited_and_the_faces_are_not() -> None:
    result = edit_creative(fake_ad(consent_id=""), tools=fake_tools(), config=QUICK).result
    assert (result.status, result.headline_edited, result.faces.edited) == ("edited", "Dry feet all day", 0)
    assert all("no consent_id" in reason for reason in result.faces.refused)
    assert len(result.faces.refused) == 2
    assert result.reason.count("faces were left as they are: the creative has no consent_id") == 1


def test_a_record_permits_until_its_last_day() -> None:
    for day, edited in ((date(2027, 1, 31), 2), (date(2027, 2, 1), 0)):
        tools = fake_tools(consents=book(), today=lambda day=day: day)
        result = edit_creative(fake_ad(consent_id="c-7"), tools=tools, config=QUICK).result
        assert (result.faces.edited, result.consent_id) == (edited, "c-7")
    assert 'consent record "c-7" expired on 2027-01-31, and today is 2027-02-01' in result.reason


def test_only_edits_in_the_record_are_searched() -> None:
    seen = []

    def open_faces(image_u8: np.ndarray, faces: Any, models: Any, directions: Any) -> FakeSession:
        seen.append(directions.names)
        return FakeSession(image_u8, [face.row for face in faces])

    tools = fake_tools(consents=book(edits=(NAMES[2], NAMES[0])), today=lambda: date(2026, 6, 1), open_faces=open_faces)
    outcome = edit_creative(fake_ad(consent_id="c-7"), tools=tools, config=QUICK)
    assert seen == [(NAMES[0], NAMES[2])]
    assert {edit.direction for edit in outcome.result.edits if edit.face >= 0} <= {NAMES[0], NAMES[2]}
    assert outcome.result.faces.edited == 2


def test_a_record_that_allows_none_of_the_asked_edits_is_a_refusal() -> None:
    tools = fake_tools(consents=book(edits=("brightness",)), today=lambda: date(2026, 6, 1))
    result = edit_creative(fake_ad(consent_id="c-7"), tools=tools, config=QUICK).result
    assert result.faces.edited == 0
    assert 'consent record "c-7" allows brightness, and this run edits' in result.faces.refused[0]


@pytest.mark.parametrize(("population_size", "generations"), [(1, 0), (1, 3), (2, 0)])
def test_tiny_budgets_work(population_size: int, generations: int) -> None:
    config = EditorConfig(edit_look=False, population_size=population_size, generations=generations)
    result = edit_creative(fake_ad(), tools=fake_tools(), config=config).result
    assert result.evaluations == population_size * (generations + 1)
    assert result.status in ("kept", "edited")


def test_a_budget_of_one_keeps_the_original() -> None:
    config = EditorConfig(edit_look=False, population_size=1, generations=0)
    assert edit_creative(fake_ad(), tools=fake_tools(), config=config).result.status == "kept"


def test_cancelled_search_is_judged_as_far_as_it_came() -> None:
    calls: list[tuple[int, int, float]] = []
    outcome = edit_creative(
        fake_ad(),
        tools=fake_tools(),
        config=QUICK,
        progress=lambda *told: calls.append(told),
        should_stop=lambda: len(calls) >= 2,
    )
    assert [generation for generation, _, _ in calls] == [0, 1]
    assert {generations for _, generations, _ in calls} == {5}
    assert outcome.result.evaluations == 24
    assert "stopped early, after 2 of 6 generations" in outcome.result.reason
    assert outcome.result.status == "edited"
    assert outcome.search.front


def test_copywriter_failure_costs_the_words_only() -> None:
    class Broken(FakeCopywriter):
        def write(self, *args: Any, **kwargs: Any) -> Any:
            raise CopywriterError("the server is down.")

    outcome = edit_creative(fake_ad(), tools=fake_tools(copywriter=Broken()), config=QUICK)
    assert outcome.result.status == "edited"
    assert outcome.result.headline_edited == "Shoes"
    assert "no new words: the server is down." in outcome.result.reason


def test_what_the_copywriter_notes_reaches_the_reason() -> None:
    class Noting(FakeCopywriter):
        def write(self, *args: Any, **kwargs: Any) -> Any:
            written = super().write(*args, **kwargs)
            written.notes = (Problem("writer_failed", engine="smollm2", error="the embedded model knows English only"),)
            return written

    outcome = edit_creative(fake_ad(), tools=fake_tools(copywriter=Noting()), config=QUICK)
    assert "the embedded model knows English only" in outcome.result.reason


def test_an_outcome_is_data_that_another_session_goes_on_with() -> None:
    ad = fake_ad(description="Good shoes.")
    session = open_ad(ad, fake_tools(), QUICK)
    sent = pickle.loads(pickle.dumps(session.search()))
    here, there = (one.reword(sent, "Shoes for rain", "Good shoes.") for one in (session, open_ad(ad, fake_tools(), QUICK)))
    assert here.result == there.result
    assert here.result.faces.edited == 2
    np.testing.assert_array_equal(here.image_u8, there.image_u8)
    assert (here.image_u8 != ad.image_u8).any()
    picture = session.picture(0)
    assert picture is not None
    assert len(sent.plans) == len(sent.alternatives)


class Failing:
    """Words in a picture whose fonts and grounds cannot be worked out."""

    field_blocks = ("headline",)

    @property
    def prepared(self) -> Failing:
        return self

    def prepare(self, should_stop: Any) -> None:
        raise OSError("no font could be read")


def test_what_fails_beside_the_opening_is_said_and_no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = session_module.open_creative
    monkeypatch.setattr(session_module, "open_creative", lambda *asked: replace(opened(*asked), setter=Failing()))
    with pytest.raises(OSError, match="no font could be read"):
        open_ad(fake_ad(), fake_tools(prepared=object()), QUICK)
    assert not [one for one in threading.enumerate() if one.name.startswith("adcreative-grounds")]


def test_a_creative_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(CreativeError, match="the picture is black"):
        edit_creative(Creative(image_u8=np.zeros((64, 64, 3), np.uint8)), tools=fake_tools(), config=QUICK)


def test_finalists_below_the_identity_floor_are_dropped() -> None:
    class Stranger(FakeSession):
        def identity(self, strengths: np.ndarray) -> float:
            return 0.4 if strengths.any() else 1.0

    tools = fake_tools(copywriter=None, open_faces=lambda image_u8, faces, *_: Stranger(image_u8, [face.row for face in faces]))
    result = edit_creative(fake_ad(), tools=tools, config=QUICK).result
    assert (result.status, result.identity_similarity) == ("kept", 1.0)
    assert "no edit that the search found is usable in the finished picture" in result.reason


def test_finalists_below_the_realism_floor_are_dropped() -> None:
    class Odd(FakeSession):
        def realism(self, strengths: np.ndarray) -> np.ndarray:
            return np.where(strengths.any(axis=(1, 2)), 0.6, 1.0)

    tools = fake_tools(copywriter=None, open_faces=lambda image_u8, faces, *_: Odd(image_u8, [face.row for face in faces]))
    no_render = replace(QUICK, num_rendered=0)  # a rendered candidate below the floor would not lead in the first place
    kept = edit_creative(fake_ad(), tools=tools, config=no_render).result
    assert (kept.status, kept.realism) == ("kept", 1.0)
    assert "no edit that the search found is usable in the finished picture" in kept.reason
    allowed = edit_creative(fake_ad(), tools=tools, config=replace(no_render, realism_floor=0.6)).result
    assert (allowed.status, allowed.realism) == ("edited", 0.6)


def test_rendered_candidates_below_the_realism_floor_do_not_lead() -> None:
    class Odd(FakeSession):
        def realism(self, strengths: np.ndarray) -> np.ndarray:
            return np.where(strengths.any(axis=(1, 2)), 0.6, 1.0)

    tools = fake_tools(copywriter=None, open_faces=lambda image_u8, faces, *_: Odd(image_u8, [face.row for face in faces]))
    found = edit_creative(fake_ad(), tools=tools, config=QUICK).search
    assert found.pairs == ()  # all that were rendered turned out not to be allowed
    assert found.best_so_far[-1].fitness.values[0] == 0.0


def test_predicted_uplift_is_true_uplift_here_and_ga_beats_random() -> None:
    ad, gained = fake_ad(), {}
    for algorithm in ("nsga2", "random"):
        outcomes = [
            edit_creative(ad, tools=fake_tools(), config=replace(QUICK, seed=seed, algorithm=algorithm, generations=10))
            for seed in range(3)
        ]
        assert {outcome.result.evaluations for outcome in outcomes} == {132}
        gained[algorithm] = np.mean([true_uplift(outcome, ad) for outcome in outcomes])
    assert gained["nsga2"] > 1.3 * gained["random"]


SCRIPT = """
from tests.editor.test_editor import summarise
print(summarise())
"""


def summarise() -> str:
    config = EditorConfig(edit_look=False, population_size=8, generations=4, seed=9)
    outcome = edit_creative(fake_ad(), tools=fake_tools(), config=config)
    return f"{ {**outcome.result.as_dict(), 'seconds': 0} } {outcome.image_u8.tobytes().hex()[:2000]}"


@pytest.mark.slow
def test_same_seed_same_result_in_another_process() -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root, env=environment)
    assert done.stdout.strip() == summarise()


def test_wrong_settings_are_named_together() -> None:
    with pytest.raises(ConfigError, match=r"num_finalists.*risk_aversion"):
        EditorConfig(edit_look=False, num_finalists=0, risk_aversion=-1)
    with pytest.raises(ConfigError, match="identity_floor is a cosine"):
        EditorConfig(edit_look=False, identity_floor=1.5)
    with pytest.raises(ConfigError, match=r"realism_floor must be 0 to 1, got -0\.1"):
        EditorConfig(edit_look=False, realism_floor=-0.1)


def test_the_fake_picture_can_be_read_back() -> None:
    attributes = np.array([[0.5, -1.0, 0, 0, 0, 0, 0, 0.25]])
    np.testing.assert_allclose(attributes_in(ad_picture(attributes)), attributes)
    assert FakePredictor(bumpy_surface).content_hash == "fake"
