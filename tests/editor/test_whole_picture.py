"""Look, scene and button in edit_creative: off unless asked for, measured like faces, true to the final pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.editor import session as editing
from adcreative.editor.preparation.lines import offer_buttons
from adcreative.editor.session import EditorConfig, EditorTools, EditOutcome
from adcreative.features.batch import CreativeFeatures
from adcreative.lettering import Change
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.setting.fonts import typefaces
from tests.editor.fakes import (
    HEADLINES,
    FakeAnalyzer,
    FakeCopywriter,
    FakePredictor,
    edit_creative,
    fake_ad,
    fake_tools,
    open_ad,
)
from tests.lettering.reading.drawn_ads import placed

QUICK = EditorConfig(edit_look=False, look_reach=1.0, population_size=12, generations=5, seed=3, identity_floor=-1.0)
SIDE = 48


class NoFaces(FakeAnalyzer):
    def analyze(self, image_u8: np.ndarray) -> list[Any]:
        return []


class Extractor:
    """Sees brightness and redness of the whole picture, and no faces."""

    def for_versions(self, image_u8: np.ndarray) -> Extractor:
        return self

    def for_models(self, models: Any) -> Extractor:
        return self

    def extract(self, creatives: Any) -> list[CreativeFeatures]:
        return [self._one(creative) for creative in creatives]

    def _one(self, creative: Creative) -> CreativeFeatures:
        look = None
        if creative.image_u8 is not None:
            mean = creative.image_u8.astype(np.float32).mean(axis=(0, 1)) / 255
            look = np.array([mean.mean(), mean[0] - mean[2]], np.float32)
        text, appeal = (np.ones(4, np.float32), HEADLINES.get(creative.headline)) if creative.headline else (None, None)
        return CreativeFeatures(look=look, text=text, appeal=appeal)


class Painter:
    """Paints grounds of a few greys, the brightest last."""

    content_hash = "painter"

    def paint(self, image_u8: np.ndarray, mask: np.ndarray, prompt: str, num_pictures: int, **_: Any) -> list[np.ndarray]:
        return [np.full_like(image_u8, grey) for grey in (60, 110, 230)[:num_pictures]]


def picture() -> np.ndarray:
    image_u8 = np.full((SIDE, SIDE, 3), (50, 100, 150), np.uint8)  # a colour that is not locked
    image_u8[20:28, 20:28] = (200, 40, 40)
    return image_u8


def tools(surface: Any, **changes: Any) -> EditorTools:
    judge = changes.pop("judge_model", FakePredictor(surface))
    parts: dict[str, Any] = {"extractor": Extractor(), "analyzer": NoFaces(), "copywriter": None, **changes}
    return replace(fake_tools(surface, **parts), judge=judge, auditor=judge)


def bright(features: CreativeFeatures) -> float:
    return -3.0 + 2.0 * float(features.look[0]) if features.look is not None else -3.0


def ad(**changes: Any) -> Creative:
    return Creative(**{"file_name": "ad.png", "image_u8": picture(), "headline": "Shoes", **changes})


def run(config: EditorConfig = QUICK, surface: Any = bright, creative: Creative | None = None, **changes: Any) -> EditOutcome:
    return edit_creative(creative or ad(), tools=tools(surface, **changes), config=config)


def test_by_default_nothing_outside_the_faces_changes() -> None:
    np.testing.assert_array_equal(run().image_u8, picture())
    faces = edit_creative(fake_ad(), tools=fake_tools(), config=replace(QUICK, identity_floor=0.5))
    changed = (faces.image_u8 != fake_ad().image_u8).any(axis=2)
    assert changed[:2].any()
    assert not changed[2:].any()  # a fake face is one of the first two rows


def test_a_look_that_helps_is_offered_once_and_never_delivered() -> None:
    session = open_ad(ad(), tools(bright), replace(QUICK, edit_look=True))
    outcome = session.search()
    assert outcome.result.status == "kept"
    np.testing.assert_array_equal(outcome.image_u8, picture())
    crop, version = outcome.alternatives
    assert (crop.kind, version.kind) == ("picture", "look")
    assert any(edit.direction == "exposure" and edit.strength > 0.5 for edit in version.edits)
    shown = session.picture(1)
    assert shown.mean() > picture().mean() + 5
    before, after = Extractor().extract([ad(), ad(image_u8=shown)])
    assert version.uplift == pytest.approx(bright(after) - bright(before), abs=1e-6)


def test_measured_answers_rank_like_final_pixels_and_the_log_says_so() -> None:
    record = run(replace(QUICK, edit_look=True, num_rendered=4, population_size=24)).result.search
    assert record.rendered > 4
    assert record.rank_correlation > 0.8
    assert len(record.hypervolume) == 6


def test_a_scene_is_chosen_behind_what_is_protected() -> None:
    outcome = run(scene_painter=Painter())
    assert any(edit.direction == "scene" and edit.strength == 3.0 for edit in outcome.result.edits)
    np.testing.assert_array_equal(outcome.image_u8[20:28, 20:28], picture()[20:28, 20:28])  # the thing stays
    assert outcome.image_u8[0, 0, 0] == 230
    np.testing.assert_array_equal(run().image_u8, picture())  # no painter, no scene


def test_look_and_scene_go_together() -> None:
    outcome = run(replace(QUICK, edit_look=True, generations=12), scene_painter=Painter())
    assert {"scene"} < {edit.direction for edit in outcome.result.edits}
    assert outcome.image_u8.mean() > run(scene_painter=Painter()).image_u8.mean()


class Buttons(FakePredictor):
    """Knows three buttons, one of them worth much."""

    def known_values(self, column: str) -> list[str]:
        return ["shop now", "learn more", "sign up"] if column == "cta" else []

    def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
        mean, std = super().predict_change(creatives, features)
        worth = np.array([0.5 * (one.cta == "Sign up") for one in creatives])
        return mean + worth[1:] - worth[0], std


def test_a_better_button_is_found_where_there_is_one() -> None:
    predictor = Buttons(lambda f: -3.0)
    outcome = run(creative=ad(cta="Shop now"), predictor=predictor, judge_model=predictor)
    assert (outcome.result.cta_original, outcome.result.cta_edited) == ("Shop now", "Sign up")
    assert [edit.direction for edit in outcome.result.edits] == ["cta"]
    np.testing.assert_array_equal(outcome.image_u8, picture())
    without = run(creative=ad(), predictor=predictor, judge_model=predictor)
    assert (without.result.status, without.result.cta_edited) == ("kept", "")


def test_only_buttons_that_platform_and_predictor_know_are_offered() -> None:
    predictor = Buttons(lambda f: 0.0)
    assert offer_buttons(ad(cta="shop now", platform="meta"), predictor, 4) == ("shop now", "Learn more", "Sign up")
    assert offer_buttons(ad(cta="Shop now", platform="meta"), predictor, 1) == ("Shop now", "Learn more")
    assert offer_buttons(ad(cta="Shop now", platform="rsa"), predictor, 4) == ()  # search ads have no button
    assert offer_buttons(ad(), predictor, 4) == ()
    assert offer_buttons(ad(cta="Shop now"), predictor, 0) == ()


def test_an_ad_in_another_language_is_offered_no_english_button() -> None:
    german = ad(headline="Besser schlafen ab heute", description="Weiche Kissen, von Hand genäht.", cta="Jetzt kaufen")
    assert offer_buttons(replace(german, platform="meta"), Buttons(lambda f: 0.0), 4) == ()


@pytest.mark.parametrize(("population_size", "generations"), [(1, 0), (1, 3)])
def test_tiny_budgets_and_every_face_refused(population_size: int, generations: int) -> None:
    config = replace(QUICK, population_size=population_size, generations=generations, edit_look=True)
    refused = FakeAnalyzer({0: "too small", 1: "cut off"})
    outcome = edit_creative(fake_ad(), tools=fake_tools(analyzer=refused), config=config)
    assert outcome.result.evaluations == population_size * (generations + 1)
    assert outcome.result.faces.refused == ("too small", "cut off")
    assert outcome.result.reason


def test_cancelled_while_scenes_are_painted_leaves_a_result() -> None:
    class Stopped(Painter):
        def paint(self, *args: Any, should_stop: Any = None, **kwargs: Any) -> list[np.ndarray]:
            assert should_stop()
            return []

    outcome = edit_creative(ad(), tools=tools(bright, scene_painter=Stopped()), config=QUICK, should_stop=lambda: True)
    assert outcome.result.status == "kept"
    assert len(outcome.search.best_so_far) == 1


SCRIPT = "from tests.editor.test_whole_picture import summarise; print(summarise())"


def summarise() -> str:
    config = replace(QUICK, edit_look=True, identity_floor=0.5)
    outcome = run(config, scene_painter=Painter())
    faces = edit_creative(replace(fake_ad(), consent_id=SYNTHETIC_PERSON), tools=fake_tools(), config=config)
    return str([(list(one.search.front), one.search.pairs, one.result.edits) for one in (outcome, faces)])


@pytest.mark.slow
def test_same_seed_same_front_and_edit_in_another_process() -> None:
    environment, root = {**os.environ, "PYTHONHASHSEED": "11"}, Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root, env=environment)
    assert done.stdout.strip() == summarise()


def test_lines_are_written_for_words_that_stand_in_the_picture_only() -> None:
    drawn = Image.new("RGB", (480, 480), (240, 240, 240))
    draw, face = ImageDraw.Draw(drawn), typefaces()[0]
    draw.text((40, 60), "Sleep better tonight", font=face.at(44), fill=(20, 20, 20))
    draw.text((40, 160), "Tested by twelve hundred nurses.", font=face.at(22), fill=(20, 20, 20))
    ad = Creative(file_name="ad.png", image_u8=np.asarray(drawn))
    with_words = tools(lambda features: -3.0, text_reader=load_reader(), copywriter=FakeCopywriter(["Wake up rested"]))
    outcome = edit_creative(ad, tools=with_words, config=replace(QUICK, set_text=True))
    assert outcome.result.headline_original == "Sleep better tonight"
    assert outcome.lines.headlines == ("Sleep better tonight", "Wake up rested")


class Darkening:
    """Words that stand in the picture, which a headline of more than fifteen letters makes dark."""

    field_blocks = ("headline",)

    def change(self, texts: Mapping[str, str]) -> Change:
        is_new, is_long = texts["headline"] != "Shoes", len(texts["headline"]) > 15
        mask = np.full(picture().shape[:2], is_new)
        return Change(
            mask=mask,
            pixels=picture() // (4 if is_long else 1),
            placed={"headline": placed(texts["headline"])} if is_new else {},
        )


@pytest.mark.parametrize("edit_look", [False, True])
def test_a_line_is_worth_what_it_is_worth_set_into_the_picture(edit_look: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def worth(features: CreativeFeatures) -> float:
        return bright(features) + (features.appeal or 0.0)

    lines, opened = ["Dry feet all day", "Shoes for rain"], editing.open_creative  # worth 0.35 and 0.2 beside the picture
    config, writer = replace(QUICK, edit_look=edit_look), FakeCopywriter(lines)
    beside = run(config, worth, copywriter=writer)
    assert beside.result.headline_edited == "Dry feet all day"
    monkeypatch.setattr(editing, "open_creative", lambda *words, **more: replace(opened(*words, **more), setter=Darkening()))
    within = run(config, worth, copywriter=writer)
    assert within.result.headline_edited == "Shoes for rain"
    best = within.search.best_so_far[-1]  # the search itself knows, not the verdict alone
    assert within.lines.headlines[int(best[-4])] == "Shoes for rain"
    assert best.score.uplift_low >= 0.2 - 1e-6


def test_what_the_surrogate_does_not_know_is_not_measured_for_it() -> None:
    class Counting(Extractor):
        def __init__(self, plain: Counting | None = None) -> None:
            self.plain, self.num_seen = plain, 0

        def for_models(self, models: Any) -> Extractor:
            assert not tuple(models)
            assert self.plain is not None
            return self.plain

        def extract(self, creatives: Any) -> list[CreativeFeatures]:
            self.num_seen += len(creatives)
            return super().extract(creatives)

    plain = Counting()
    full, config = Counting(plain), replace(QUICK, edit_look=True)
    result = run(config, extractor=full).result
    assert plain.num_seen == 9  # both sides of exposure, warmth, contrast, saturation, and a crop
    assert full.num_seen >= 1 + result.search.rendered
    assert result.edits == run(config).result.edits


def test_what_is_surely_better_in_its_final_pixels_is_delivered_whatever_list_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(editing, "choose_finalists", lambda front, num_finalists: [])
    outcome = run(QUICK, scene_painter=Painter())
    assert outcome.result.status == "edited"
    assert outcome.verdict.low > 0.0
    dark = run(replace(QUICK, edit_look=True), lambda features: 0.0)
    assert dark.result.status == "kept"
    assert "versions that were tried is surely better" in dark.result.reason
