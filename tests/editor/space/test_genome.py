"""What a genome means, and how fitnesses compare."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from adcreative.errors import ConfigError

LOW, HIGH = np.array([-1.005, -2.0]), np.array([1.0, 0.5])


def space(**changes: int) -> GeneSpace:
    return GeneSpace(**{"num_faces": 2, "low": LOW, "high": HIGH, "num_headlines": 3, **changes})


def scored(low: float, identity: float = 1.0, size: float = 0.0, violation: float = 0.0) -> Individual:
    one = Individual([low])
    one.set_fitness(
        CandidateScore(uplift_mean=low, uplift_std=0.0, uplift_low=low, identity=identity, size=size, violation=violation)
    )
    return one


def test_the_genome_of_zeros_is_the_creative_as_it_was() -> None:
    genome = space().original()
    assert len(genome) == space().num_genes == 2 * 4 + 4
    assert not space().strengths([genome]).any()
    assert space().choices([genome]).tolist() == [[0, 0, 0, 0]]


def test_only_active_strengths_are_applied_in_steps_within_the_range() -> None:
    genome = Individual([-1.005, 0.4999, 0.423, -0.19, 1, 1, 0, 1, 2, 0, 1, 0])
    assert space().strengths([genome]).tolist() == [[[-1.0, 0.5], [0.0, 0.0]]]
    assert space().choices([genome]).tolist() == [[2, 0, 1, 0]]


def test_key_is_the_meaning_not_the_hidden_strengths() -> None:
    one, other = Individual([0.5, 0.9, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]), Individual([0.5001, -0.3, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
    assert space().key(one) == space().key(other)
    assert space().key(one) != space().key(space().original())


def test_samples_cover_the_space_and_repeat_with_the_seed() -> None:
    samples = [space().sample(rng=np.random.default_rng(seed)) for seed in range(60)]
    assert samples[7] == space().sample(rng=np.random.default_rng(7))
    assert {line for line, *_ in space().choices(samples)} == {0, 1, 2}
    num_active = (space().strengths(samples) != 0).sum(axis=(1, 2))
    assert {0, 1, 2, 3, 4} == set(num_active)


def test_even_samples_show_every_option_equally_often_and_every_part_of_a_range() -> None:
    samples = space().sample_evenly(60, rng=np.random.default_rng(2))
    assert samples == space().sample_evenly(60, rng=np.random.default_rng(2))
    headlines = [line for line, *_ in space().choices(samples)]
    assert [headlines.count(line) for line in range(3)] == [20, 20, 20]
    low, high = space().bounds()
    places = (np.array(samples)[:, : len(low)] - low) / (high - low)  # [60, S]
    for column in places.T:
        assert sorted(np.floor(60 * column)) == list(range(60))
    assert {0, 1, 2, 3, 4} == set((space().strengths(samples) != 0).sum(axis=(1, 2)))
    assert space().sample_evenly(0, rng=np.random.default_rng(2)) == []


def test_a_space_without_faces_and_lines_is_single() -> None:
    assert space(num_faces=0, num_headlines=1).is_single
    assert not space(num_faces=0).is_single
    assert space(num_faces=0).strengths([space(num_faces=0).original()]).shape == (1, 0, 2)


def test_looks_follow_the_faces_and_count_as_the_picture() -> None:
    looks = {"adjustment_low": np.array([-1.0, 0.0]), "adjustment_high": np.array([1.0, 0.5])}
    one = GeneSpace(num_faces=1, low=LOW, high=HIGH, num_scenes=2, **looks)
    genome = Individual([0.5, 0.0, -0.7, 0.9, 1, 0, 1, 1, 0, 0, 0, 0])
    assert one.strengths([genome]).tolist() == [[[0.5, 0.0]]]
    assert one.adjustments([genome])[0] == pytest.approx([-0.7, 0.5])  # within the range
    assert one.changes_picture(genome)
    assert not one.changes_picture(Individual([*genome[:4], 0, 0, 0, 0, 1, 0, 0, 0]))
    assert one.changes_picture(Individual([0.0] * 11 + [1.0]))
    assert not GeneSpace(num_faces=0, low=LOW, high=HIGH, **looks).is_single
    with pytest.raises(ConfigError, match="adjustments need low"):
        GeneSpace(num_faces=0, low=LOW, high=HIGH, adjustment_low=np.array([0.2]), adjustment_high=np.array([1.0]))


def test_words_that_stand_in_the_picture_change_it() -> None:
    one = space(num_faces=0, num_descriptions=2, num_buttons=2, in_picture=frozenset(("headline", "scene")))
    assert one.changes_picture(Individual([1, 0, 0, 0]))
    assert not one.changes_picture(Individual([0, 1, 1, 0]))


def test_lines_that_may_not_stand_in_one_ad_give_way_and_the_headline_stays_if_it_can() -> None:
    fits = np.array([[True, False, True], [False, False, True], [False, False, False]])
    one = space(num_faces=0, num_descriptions=3, fits=fits)
    pairs = [
        (int(fit[0]), int(fit[1])) for fit in (one.fit(Individual([head, below, 0, 0])) for head, below in np.ndindex(3, 3))
    ]
    assert pairs == [(0, 0), (0, 0), (0, 2), (1, 2), (1, 2), (1, 2), (0, 0), (0, 0), (0, 2)]
    assert one.fit(Individual([1, 0, 0, 1]))[-1] == 1
    assert [list(edit) for edit in one.single_lines()] == [[1, 2, 0, 0], [0, 2, 0, 0]]
    assert [one.words(edit) for edit in space(num_descriptions=2).single_lines()] == [(1, 0), (2, 0), (0, 1)]


def test_distance_is_in_standard_deviations_and_infinite_between_lines_and_scenes() -> None:
    one, other = Individual([0.5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]), Individual([0.9, 0.3, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0])
    first, second, scene = space().plans([one, other, Individual([*one[:-1], 1])])
    assert first.distance(second) == pytest.approx(0.5)
    assert first.distance(scene) == float("inf")


def test_a_range_without_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="unedited picture has to lie inside the range"):
        GeneSpace(num_faces=1, low=np.array([0.5]), high=np.array([1.0]))


def test_negative_faces_and_no_lines_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_faces=-1, num_headlines=0"):
        GeneSpace(num_faces=-1, low=LOW, high=HIGH, num_headlines=0)


def test_an_edit_that_is_not_allowed_loses_to_any_that_is() -> None:
    good, forbidden, worse = scored(-1.0), scored(5.0, violation=0.1), scored(6.0, violation=0.3)
    assert good.fitness.dominates(forbidden.fitness)
    assert not forbidden.fitness.dominates(good.fitness)
    assert forbidden.fitness.dominates(worse.fitness)
    assert good.fitness > forbidden.fitness > worse.fitness
    assert max([forbidden, good, worse], key=lambda one: one.fitness) is good


def test_domination_needs_all_objectives() -> None:
    assert scored(1.0, 0.9, 1.0).fitness.dominates(scored(1.0, 0.9, 2.0).fitness)
    assert not scored(2.0, 0.8, 1.0).fitness.dominates(scored(1.0, 0.9, 1.0).fitness)
    assert not scored(1.0).fitness.dominates(scored(1.0).fitness)


def test_a_deep_copy_keeps_score_and_violation() -> None:
    one = scored(1.0, violation=0.2)
    one.fitness.crowding_dist = 3.0
    twin = copy.deepcopy(one)
    assert twin == one
    assert twin is not one
    assert (twin.fitness.violation, twin.fitness.crowding_dist, twin.score) == (0.2, 3.0, one.score)
    assert twin.fitness == one.fitness


def test_weaker_strengths_than_the_least_are_raised_to_it_or_left_out() -> None:
    least = np.array([[[0.2, 0.504]], [[1.0, 0.2]]])
    space = GeneSpace(num_faces=1, low=np.full((1, 2), -2.0), high=np.full((1, 2), 2.0), least=least)
    genes = [[0.4, -0.6], [0.5, -0.2], [1.2, -0.4], [-0.15, 0.15], [-0.3, 0.3]]
    found = [space.strengths([Individual([*pair, 1, 1, 0, 0, 0, 0])])[0, 0].tolist() for pair in genes]
    np.testing.assert_allclose(found, [[0.0, -0.6], [1.0, 0.0], [1.2, -0.51], [0.0, 0.0], [-0.3, 0.3]])
    off = space.strengths([Individual([0.9, -0.4, 0, 0, 0, 0, 0, 0])])
    assert not off.any()


def test_what_is_raised_stays_in_the_range() -> None:
    space = GeneSpace(num_faces=1, low=np.full((1, 2), -2.0), high=np.array([[0.805, 2.0]]), least=np.full((2, 1, 2), 0.804))
    found = space.strengths([Individual([0.7, 1.0, 1, 1, 0, 0, 0, 0])])[0, 0]
    np.testing.assert_allclose(found, [0.805, 1.0])


def test_a_plan_keeps_the_face_edit_that_alone_is_worth_most() -> None:
    one = space()
    single = one.single_changes()
    for number, edit in enumerate(single):
        low = float(number == 4)  # the low end of the second face's first direction
        edit.set_fitness(CandidateScore(uplift_mean=low, uplift_std=0.0, uplift_low=low, identity=1.0, size=1.0))
    (plan,) = one.plans([Individual([0.3, -0.5, -0.4, -1.2, 1, 1, 1, 1, 2, 0, 0, 0])])
    kept = plan.with_one_face_edit(one.plans(single))
    assert kept.faces.tolist() == [[0.0, 0.0], [-1.0, 0.0]]
    assert kept.lines == (2, 0, 0)
    (words,) = one.plans([Individual([0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])])
    assert words.with_one_face_edit(one.plans(single)) is words


def test_single_changes_are_the_ends_of_faces_and_looks() -> None:
    one = GeneSpace(
        num_faces=1,
        low=np.array([-1.0, 0.0]),
        high=np.array([2.0, 0.1]),
        adjustment_low=np.array([-0.5]),
        adjustment_high=np.array([0.5]),
    )
    found = one.decode(one.single_changes())
    assert found.tolist() == [[-1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]
