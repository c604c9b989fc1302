"""Why a rate is what it is: shares that add up, ablations, words, regions and neighbours, on planted predictors."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from adcreative.creative import Creative
from adcreative.ctr.evidence import KNOWN, OODScore
from adcreative.ctr.predictor import AccountHistory, Predictor
from adcreative.errors import CreativeError
from adcreative.explain.attribution import attribute, base_log_odds
from adcreative.explain.neighbours import nearest_known
from adcreative.explain.perturbation import MAX_WORDS, map_heat, occlusion_drops, read_words, remove_words, weigh_words
from adcreative.features.batch import CreativeFeatures
from data.make.faithfulness import deletion_wins, top_ranked
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_tests

WORTH = {"free": 0.5, "sleep": 0.2, "never": -0.4, "body": 0.1}


def read_planted(creatives: Sequence[Creative]) -> list[CreativeFeatures | CreativeError]:
    """An encoder that sees the mean of each quarter of a picture, and adds up what words are worth."""
    found: list[CreativeFeatures | CreativeError] = []
    for c in creatives:
        if not (c.has_words or c.has_image):
            found.append(CreativeError("It has neither a picture nor words.", "Fill in one."))
            continue
        words = f"{c.headline} {c.body}".lower().split()
        look = None
        if c.image_u8 is not None:
            h, w = (side // 2 for side in c.image_u8.shape[:2])
            quarters = [c.image_u8[y : y + h, x : x + w].mean() for y in (0, h) for x in (0, w)]
            look = np.array([*quarters, 0, 0], np.float32) / 255
        appeal = sum(WORTH.get(word, 0.0) for word in words) if c.has_words else None
        found.append(CreativeFeatures(look=look, appeal=appeal))
    return found


def score_corner(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> np.ndarray:
    """Log-odds: brightness of the upper left quarter, and the words."""
    looks = [0.0 if one.look is None else float(one.look[0]) for one in features]
    return np.array([-4 + 2 * look + (one.appeal or 0.0) for look, one in zip(looks, features, strict=True)])


def test_shares_add_up_and_agree_with_the_exact_ablation(predictor: Predictor, world: PlantedWorld) -> None:
    """Completeness, for ads with faces and for headlines; with what the model learnt, shares and ablations order alike."""
    shares, ablations = [], []
    for row in (0, 1, 2, 3, 500):
        creative, features = world.creatives[row], world.features[row]
        found = attribute(predictor, creative, features)
        expected = predictor.predict_log_odds([creative], [features])[0][0]
        assert found.log_odds == pytest.approx(expected, abs=1e-4)
        assert abs(found.rest) < 0.01
        assert found.base + sum(found.shares.values()) + found.rest == pytest.approx(found.log_odds, abs=1e-9)
        assert sum(found.field_shares.values()) == pytest.approx(sum(found.shares.values()), abs=1e-6)
        shares += found.shares.values()
        ablations += [found.ablations[name] for name in found.shares]
    assert "picture" not in attribute(predictor, world.creatives[500], world.features[500]).shares
    assert max(map(abs, shares)) > 0.1
    assert np.corrcoef(shares, ablations)[0, 1] > 0.8


def test_an_ablation_is_the_prediction_without_the_part(predictor: Predictor, world: PlantedWorld) -> None:
    creative, features = world.creatives[0], world.features[0]
    found = attribute(predictor, creative, features)
    mute = replace(features, text=None, body=None, appeal=None)
    full, without = (predictor.predict_log_odds([creative], [one])[0][0] for one in (features, mute))
    assert found.ablations["words"] == pytest.approx(full - without, abs=1e-4)


def test_the_history_has_a_share(predictor: Predictor, world: PlantedWorld) -> None:
    target, features = world.creatives[0], world.features[0]
    same = [i for i in range(1, 480) if world.creatives[i].brand == target.brand][:4]
    history = AccountHistory([world.creatives[i] for i in same], [world.features[i] for i in same])
    found = attribute(predictor, target, features, history)
    newcomer = predictor.predict_log_odds([target], [features])[0][0]
    assert found.ablations["history"] == pytest.approx(found.log_odds - newcomer, abs=1e-4)
    assert found.ablations["history"] != 0
    assert found.base + sum(found.shares.values()) == pytest.approx(found.log_odds, abs=0.01)


def test_the_base_alone_is_that_of_the_whole_attribution(predictor: Predictor, world: PlantedWorld) -> None:
    target, features = world.creatives[0], world.features[0]
    same = [i for i in range(1, 480) if world.creatives[i].brand == target.brand][:4]
    for history in ((), AccountHistory([world.creatives[i] for i in same], [world.features[i] for i in same])):
        found = attribute(predictor, target, features, history)
        assert base_log_odds(predictor, target, features, history) == found.base != found.log_odds


def test_words_get_what_their_removal_takes_away() -> None:
    creative = Creative(
        headline="Sleep free  tonight", primary_text="Never your body", image_u8=np.zeros((64, 64, 3), np.uint8)
    )
    (features,) = read_planted([creative])
    assert isinstance(features, CreativeFeatures)
    found = weigh_words(creative, features, read_planted, score_corner)
    assert [(one.field, one.position, one.word) for one in found] == [
        ("headline", 0, "Sleep"),
        ("headline", 1, "free"),
        ("headline", 2, "tonight"),
        ("primary_text", 0, "Never"),
        ("primary_text", 1, "your"),
        ("primary_text", 2, "body"),
    ]
    assert [one.log_odds for one in found] == pytest.approx([0.2, 0.5, 0.0, -0.4, 0.0, 0.1])
    assert remove_words(creative, [("headline", 0), ("headline", 2)]).headline == "free"


def test_a_single_word_and_no_word_and_many_words() -> None:
    alone = Creative(headline="free")
    (features,) = read_planted([alone])
    assert isinstance(features, CreativeFeatures)
    assert [one.log_odds for one in weigh_words(alone, features, read_planted, score_corner)] == pytest.approx([0.5])
    (mute,) = read_words([Creative()], features, read_planted)
    assert mute.appeal is None
    assert weigh_words(Creative(), CreativeFeatures(), read_planted, score_corner) == []
    assert len(weigh_words(Creative(headline="free " * 200), features, read_planted, score_corner)) == MAX_WORDS


@pytest.mark.parametrize(("height", "width"), [(96, 96), (80, 160), (400, 100)])
def test_the_heat_lies_where_the_predictor_looks(height: int, width: int) -> None:
    """White corner on black: nearly all of the map's mass is in the upper left quarter."""
    image_u8 = np.zeros((height, width, 3), np.uint8)
    image_u8[: height // 2, : width // 2] = 255
    told: list[tuple[int, int]] = []
    found = map_heat(
        Creative(headline="x"), image_u8, read_planted, score_corner, progress=lambda done, total: told.append((done, total))
    )
    heat = found.cells
    assert max(heat.shape) == 8
    assert heat.min() > -0.1 * heat.max()
    corner = heat[: heat.shape[0] // 2, : heat.shape[1] // 2].sum()
    assert corner > 0.8 * np.abs(heat).sum() > 0
    assert told[-1][0] == told[-1][1] == 1 + (heat.shape[0] - 1) * (heat.shape[1] - 1)


def test_a_thing_is_covered_as_a_whole_and_cells_add_up_to_its_effect() -> None:
    """What only shows when all of it is gone is not seen by a small window, and is by the box of a face."""
    image_u8 = np.zeros((96, 96, 3), np.uint8)
    image_u8[:48, :48] = 255

    def score(creatives: Sequence[Creative], read: Sequence[CreativeFeatures]) -> np.ndarray:
        return np.array([float(one.image_u8[:48, :48].max() > 200) for one in creatives if one.image_u8 is not None])

    alone = map_heat(Creative(), image_u8, read_planted, score)
    assert alone.strongest == 0
    assert not alone.cells.any()
    found = map_heat(Creative(), image_u8, read_planted, score, [(1.0, 2.0, 47.0, 50.0), (90.0, 90.0, 95.0, 93.0)])
    assert found.strongest == 1
    assert found.cells[:4, :4].sum() > 0.5
    assert abs(found.cells[:4, :4]).sum() > 0.7 * abs(found.cells).sum()


def test_covered_pictures_are_read_by_two_threads_at_once_and_scored_in_order() -> None:
    before, both = torch.get_num_threads(), threading.Barrier(2, timeout=30)
    image_u8 = np.zeros((96, 96, 3), np.uint8)
    image_u8[:48, :48] = 255
    alone = map_heat(Creative(), image_u8, read_planted, score_corner)
    asked = itertools.count()

    def read(creatives: Sequence[Creative]) -> list[CreativeFeatures | CreativeError]:
        if next(asked) < 4:  # breaks unless two parts are read together
            both.wait()
        return read_planted(creatives)

    torch.set_num_threads(2)
    try:
        together = map_heat(Creative(), image_u8, read, score_corner)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(together.cells, alone.cells)


def test_a_picture_that_cannot_be_read_is_said() -> None:
    def broken(creatives: Sequence[Creative]) -> list[CreativeError]:
        return [CreativeError("It is broken.", "Mend it.") for _ in creatives]

    with pytest.raises(CreativeError, match="It is broken"):
        map_heat(Creative(), np.zeros((64, 64, 3), np.uint8), broken, score_corner)


def test_the_top_ranked_push_the_same_way() -> None:
    assert top_ranked([0.1, -0.5, 0.3, -0.4], 2) == [1, 3]
    assert top_ranked([0.1, -0.2, 0.3, -0.1], 2) == [0, 2]
    assert top_ranked([0.0, 0.0], 1) == [0]


def test_deleting_the_top_words_and_regions_beats_random_ones() -> None:
    """Faithfulness on the planted encoder: at least 80 % of random deletions move the score less; made-up weights lose."""
    rng = np.random.default_rng(0)
    vocabulary = ["free", "sleep", "never", "body", "and", "the", "now", "you"]
    wins, made_up = [], []
    for _ in range(20):
        creative = Creative(headline=" ".join(rng.permutation(vocabulary)))
        (features,) = read_planted([creative])
        assert isinstance(features, CreativeFeatures)
        weights = [one.log_odds for one in weigh_words(creative, features, read_planted, score_corner)]

        def drops(
            sets: Sequence[Sequence[int]], creative: Creative = creative, features: CreativeFeatures = features
        ) -> object:
            less = [remove_words(creative, [("headline", row) for row in rows]) for rows in sets]
            log_odds = score_corner([creative, *less], [features, *read_words(less, features, read_planted)])
            return log_odds[0] - log_odds[1:]

        true, false = deletion_wins([weights, rng.permutation(weights).tolist()], drops, num_deleted=2, num_draws=10, rng=rng)  # type: ignore[arg-type]
        wins.append(true)
        made_up.append(false)
    assert np.mean(wins) >= 0.8
    assert 0.2 < np.mean(made_up) < 0.8
    image_u8 = rng.integers(0, 60, (96, 96, 3), dtype=np.uint8)
    image_u8[:48, :48] += 150
    heat = map_heat(Creative(), image_u8, read_planted, score_corner).cells
    cells = [(y, x) for y in range(8) for x in range(8)]

    def drop_cells(sets: Sequence[Sequence[int]]) -> np.ndarray:
        return occlusion_drops(Creative(), image_u8, [[cells[r] for r in rows] for rows in sets], read_planted, score_corner)

    assert deletion_wins([heat.ravel().tolist()], drop_cells, num_deleted=6, num_draws=10, rng=rng)[0] >= 0.8


def test_a_tie_counts_half_and_all_items_are_no_contest() -> None:
    rng = np.random.default_rng(0)
    same = deletion_wins([[1.0, 0.0, 0.0]], lambda sets: np.ones(len(sets)), num_deleted=1, num_draws=8, rng=rng)
    assert same == [0.5]
    assert deletion_wins([[1.0, 0.5]], lambda sets: np.ones(len(sets)), num_deleted=2, num_draws=8, rng=rng) == [0.5]
    down = deletion_wins(
        [[0.1, -2.0, 0.1]],
        lambda sets: np.array([-1.0 if s == [1] else 0.1 for s in sets]),
        num_deleted=1,
        num_draws=8,
        rng=rng,
    )
    assert down == [1.0]


def test_nearest_creatives_have_their_real_rates(predictor: Predictor, world: PlantedWorld) -> None:
    """A training creative finds itself first; counts are its own."""
    names = predictor.notes[KNOWN]["picture"]["names"]
    row = next(i for i, c in enumerate(world.creatives) if c.name == names[3])
    found = nearest_known(predictor, world.features[row])
    first = found["picture"][0]
    assert (first.name, first.similarity) == (world.creatives[row].name, pytest.approx(1.0, abs=1e-3))
    assert first.rate == pytest.approx((world.creatives[row].clicks or 0) / (world.creatives[row].impressions or 1))
    similarities = [one.similarity for one in found["picture"]]
    assert similarities == sorted(similarities, reverse=True)
    assert len(found["words"]) == 5
    assert "picture" not in nearest_known(predictor, world.features[500])


def test_older_models_have_no_neighbours(predictor: Predictor, world: PlantedWorld) -> None:
    older, odd = copy.copy(predictor), copy.copy(predictor)
    older.notes = {name: value for name, value in predictor.notes.items() if name != KNOWN}
    assert nearest_known(older, world.features[0]) == {}
    odd.ood_scores = predictor.ood_scores | {"picture": OODScore(predictor.ood_scores["picture"].reference[:5], 0.1)}
    assert "picture" not in nearest_known(odd, world.features[0])


def test_neighbours_survive_saving_and_are_small(predictor: Predictor, tmp_path: object) -> None:
    predictor.save(tmp_path / "model")  # type: ignore[operator]
    loaded = Predictor.load(tmp_path / "model")  # type: ignore[operator]
    assert loaded.notes[KNOWN] == predictor.notes[KNOWN]
    most = sum(len(repr(values)) for rows in loaded.notes[KNOWN].values() for values in rows.values())
    num_rows = sum(len(rows["names"]) for rows in loaded.notes[KNOWN].values())
    assert most / num_rows * 2048 < 1_000_000  # two full lists of 1,024 stay under 1 MB


def test_too_few_creatives_for_a_drift_check_leave_no_list() -> None:
    tests = plant_tests(40, seed=2)
    no_text = [replace(one, text=None) for one in tests.features]
    bare = fit_predictor(tests.creatives, no_text, replace(SMALL, num_members=1), seed=0)
    assert bare.notes[KNOWN] == {}
