"""Who is rendered, who leads, and what the log says of it."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.editor.search.archive import Archive
from adcreative.editor.search.config import SearchConfig
from adcreative.editor.search.registry import NUM_SPREAD, search_edits
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from tests.editor.search.test_registry import SPACE, hill

ONE = GeneSpace(num_faces=1, low=np.array([-2.0]), high=np.array([2.0]), num_headlines=2)


def candidate(strength: float, headline: int = 0) -> Individual:
    return Individual([strength, 1.0, headline, 0, 0, 0])


def scored(low: float, violation: float = 0.0) -> CandidateScore:
    return CandidateScore(uplift_mean=low, uplift_std=0, uplift_low=low, identity=1, size=abs(low), violation=violation)


def measured(genomes: list[Individual]) -> list[CandidateScore]:
    """The bound is the strength, and 0.1 for the other headline."""
    return [scored(one[0] + 0.1 * one[2] if one[0] or one[2] else 0.0) for one in genomes]


class Pixels:
    """Final pixels are worth `share` of what was measured; `asked` are those that were rendered."""

    def __init__(self, share: float = 1.0) -> None:
        self.share, self.asked = share, []

    def __call__(self, genomes: list[Individual]) -> list[CandidateScore]:
        self.asked += [one[0] for one in genomes]
        return [scored(self.share * score.uplift_low) for score in measured(genomes)]


def test_only_those_that_could_lead_are_rendered_best_first_and_within_the_limit() -> None:
    pixels = Pixels()
    archive = Archive(ONE, pixels, num_rendered=2)
    archive.score([ONE.original(), candidate(-1.0), candidate(0.3), candidate(1.0), candidate(0.7)], measured)
    assert pixels.asked == [1.0, 0.7]
    archive.score([candidate(0.9), candidate(0.5)], measured)  # below the leader: rendering cannot change the outcome
    assert pixels.asked == [1.0, 0.7]
    archive.score([candidate(1.2)], measured)
    assert pixels.asked == [1.0, 0.7, 1.2]
    assert archive.best[0] == 1.2


def test_words_need_no_rendering() -> None:
    pixels = Pixels()
    archive = Archive(ONE, pixels, num_rendered=2)
    archive.score([ONE.original(), candidate(0.0, headline=1)], measured)
    assert pixels.asked == []
    assert archive.best[2] == 1.0


def test_a_rendered_score_replaces_the_other_and_decides_who_leads() -> None:
    def pixels(genomes: list[Individual]) -> list[CandidateScore]:
        return [scored({1.0: 0.1, 0.7: 0.6}[one[0]]) for one in genomes]

    first, second = candidate(1.0), candidate(0.7)
    archive = Archive(ONE, pixels, num_rendered=2)
    archive.score([ONE.original(), first, second], measured)
    assert (first.fitness.values[0], second.fitness.values[0]) == (0.1, 0.6)
    assert archive.best is second
    assert archive.num_changes == 1
    assert archive.pairs == [(1.0, 0.1), (0.7, 0.6)]
    assert {one[0] for one in archive.final_front()} >= {0.0, 0.7}


def test_pixels_that_are_worth_nothing_leave_the_original_in_front() -> None:
    pixels = Pixels(share=-1.0)
    archive = Archive(ONE, pixels, num_rendered=1)
    for strength in (1.0, 0.9, 0.8, 0.7, 0.6):
        archive.score([ONE.original(), candidate(strength)], measured)
    assert archive.best == ONE.original()
    assert len(pixels.asked) == 5  # one a generation goes on being rendered, however bad earlier ones were


def test_an_edit_that_pixels_forbid_is_no_pair_and_never_leads() -> None:
    archive = Archive(ONE, lambda genomes: [scored(0.0, violation=2.0) for _ in genomes], num_rendered=2)
    archive.score([ONE.original(), candidate(1.0)], measured)
    assert archive.best == ONE.original()
    assert archive.pairs == []


def test_a_search_with_rendering_logs_it_and_reports_rendered_bounds_only() -> None:
    def pixels(genomes: list[Individual]) -> list[CandidateScore]:
        halves = [score.uplift_low / 2 for score in hill(genomes)]
        return [CandidateScore(uplift_mean=low, uplift_std=0, uplift_low=low, identity=1, size=1) for low in halves]

    config = SearchConfig(population_size=12, generations=6)
    plain = search_edits(hill, SPACE, config, rng=np.random.default_rng(0))
    result = search_edits(hill, SPACE, config, rng=np.random.default_rng(0), render=pixels)
    assert result.logbook.select("rendered")[-1] == len(result.pairs) <= 2 * 7 + NUM_SPREAD
    assert 3 <= result.logbook.select("rendered")[0] <= 2 + 3  # a quarter of twelve whatever their rank
    assert all(rendered == pytest.approx(measured / 2) for measured, rendered in result.pairs)
    assert result.rank_correlation == pytest.approx(1.0)
    assert result.best_so_far[-1].fitness.values[0] == max([0.0, *(rendered for _, rendered in result.pairs)])
    assert len(result.hypervolume) == 7
    assert plain.pairs == ()
    assert plain.rank_correlation is None


def test_a_few_of_the_first_generation_are_rendered_whatever_their_rank() -> None:
    pixels = Pixels()
    archive = Archive(ONE, pixels, num_rendered=1, num_spread=3)
    first = [candidate(strength) for strength in (-1.0, -0.6, 0.3, 0.5, 1.0)]
    archive.score([ONE.original(), *first], measured)
    assert pixels.asked == [1.0, 0.3, -1.0]
    archive.score([candidate(-0.9)], measured)
    assert pixels.asked == [1.0, 0.3, -1.0]


def test_who_leads_by_next_to_nothing_is_not_rendered() -> None:
    pixels = Pixels()
    archive = Archive(ONE, pixels, num_rendered=1)
    archive.score([ONE.original(), candidate(0.5)], measured)
    archive.score([candidate(0.52)], lambda genomes: [scored(0.5004)])
    archive.score([candidate(0.51)], measured)
    assert pixels.asked == [0.5, 0.51]


def test_every_allowed_edit_is_listed_once_the_best_first() -> None:
    archive = Archive(ONE, None, num_rendered=0)
    archive.score([ONE.original(), candidate(0.5), candidate(1.0), candidate(0.5)], measured)
    archive.score([candidate(-1.0)], lambda genomes: [scored(9.0, violation=0.1)])
    assert [one[0] for one in archive.allowed_edits()] == [1.0, 0.5]
