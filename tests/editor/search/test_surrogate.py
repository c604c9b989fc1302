"""The surrogate finds the optimum of what it can express, and explores where it knows nothing."""

from __future__ import annotations

import numpy as np

from adcreative.editor.search.surrogate import ScoreSurrogate
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual

SPACE = GeneSpace(num_faces=1, low=np.array([-2.0, -1.0]), high=np.array([2.0, 0.0]), num_headlines=3)


def taught(num_samples: int) -> ScoreSurrogate:
    """bound = s0 - s0^2 / 2 - s1^2 + 0.5 for headline 2: best at s0 = 1, s1 = 0, headline 2."""
    rng, surrogate = np.random.default_rng(0), ScoreSurrogate(SPACE)
    samples = [SPACE.sample(rng=rng) for _ in range(num_samples)]
    for one, (s,), (headline, *_) in zip(samples, SPACE.strengths(samples), SPACE.choices(samples), strict=True):
        low = float(s[0] - s[0] ** 2 / 2 - s[1] ** 2 + 0.5 * (headline == 2))
        one.set_fitness(CandidateScore(uplift_mean=low, uplift_std=0, uplift_low=low, identity=1, size=0))
    surrogate.add(samples)
    return surrogate


def test_proposals_end_at_the_optimum_and_shrink_with_the_price() -> None:
    proposals = taught(200).propose(60, rng=np.random.default_rng(1))
    strengths = SPACE.strengths(proposals)[:, 0]
    assert np.abs(strengths[:, 0]).max() < 1.25
    assert np.median(strengths[:, 0]) > 0.6
    assert np.abs(strengths[:, 1]).max() < 0.2
    assert strengths[:, 0].std() > 0.05  # different prices
    assert {headline for headline, *_ in SPACE.choices(proposals)} <= {0, 2}


def test_little_knowledge_means_bold_proposals() -> None:
    spread = {num: SPACE.strengths(taught(num).propose(80, rng=np.random.default_rng(1))).std() for num in (3, 200)}
    assert spread[3] > 2 * spread[200]


def test_one_look_at_each_line_ranks_headlines_when_descriptions_hardly_differ() -> None:
    # Forty scores for ninety weights: only what the scores tell of each kind's weights makes them enough.
    space = GeneSpace(num_faces=1, low=np.full(6, -2.0), high=np.full(6, 2.0), num_headlines=40, num_descriptions=30)
    worth = np.random.default_rng(5).normal(0.0, 1.0, 40)
    surrogate, samples = ScoreSurrogate(space), space.sample_evenly(40, rng=np.random.default_rng(0))
    for one, (headline, description, *_) in zip(samples, space.choices(samples), strict=True):
        low = float(worth[headline] - worth[0] + 0.05 * (description == 3))
        one.set_fitness(CandidateScore(uplift_mean=low, uplift_std=0, uplift_low=low, identity=1, size=0))
    surrogate.add(samples)
    proposals = surrogate.propose(100, rng=np.random.default_rng(1))
    rank = np.argsort(np.argsort(-worth))
    assert np.mean([rank[headline] for headline, *_ in space.choices(proposals)]) < 6  # 8 to 10 with one precision for all


def test_proposals_are_in_the_space_and_bits_agree() -> None:
    for one in taught(5).propose(40, rng=np.random.default_rng(2)):
        low, high = SPACE.bounds()
        assert ((np.array(one[:2]) >= low) & (np.array(one[:2]) <= high)).all()
        assert [bool(strength) for strength in one[:2]] == [bool(bit) for bit in one[2:4]]


def test_nothing_learnt_nothing_proposed() -> None:
    surrogate = ScoreSurrogate(SPACE)
    assert surrogate.propose(3, rng=np.random.default_rng(0)) == []
    unseen = Individual(SPACE.original())
    unseen.set_fitness(CandidateScore(uplift_mean=0, uplift_std=0, uplift_low=0, identity=-1, size=1, violation=2.0))
    surrogate.add([unseen])
    assert surrogate.propose(3, rng=np.random.default_rng(0)) == []
