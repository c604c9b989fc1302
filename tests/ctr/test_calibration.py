from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from adcreative.ctr.calibration import Calibrator, DomainCalibration, ScoredCounts
from adcreative.features.outcomes import Counts
from data.make.predictor_calibration import fit_calibrator, log_likelihood, match_coverage, replace_logits


def draw(num: int, *, seed: int, slope: float = 0.7, shift: float = 0.4, tau: float = 0.35) -> tuple[ScoredCounts, np.ndarray]:
    """Logits that are off by a shift and a slope, rates that vary by tau around them, binomial clicks; and the true rates."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-4, 0.6, num)
    truth = special.expit(-4 + shift + slope * (logit + 4) + tau * rng.normal(size=num))
    impressions = rng.integers(500, 5000, num).astype(float)
    clicks = rng.binomial(impressions.astype(int), truth).astype(float)
    return score(logit, impressions, clicks), truth


def score(logit: np.ndarray, impressions: np.ndarray, clicks: np.ndarray) -> ScoredCounts:
    """Words only, each row on its own, members that agree."""
    num = len(logit)
    counts = Counts(impressions, clicks, np.arange(num), np.zeros(num, bool))
    return ScoredCounts(logit, np.zeros(num), np.zeros(num, int), counts)


def count_anew(scored: ScoredCounts, **changes: np.ndarray) -> ScoredCounts:
    return replace(scored, counts=replace(scored.counts, **changes))


def test_parameters_are_recovered() -> None:
    scored, _ = draw(1500, seed=0)
    fitted = fit_calibrator(scored, seed=0).domains[0]
    assert fitted.slope == pytest.approx(0.7, abs=0.06)
    assert fitted.intercept + fitted.slope * (-4 - fitted.centre) == pytest.approx(-3.6, abs=0.05)
    assert fitted.overdispersion == pytest.approx(0.35, abs=0.04)
    assert fitted.skill > 0
    assert fitted.num_rows == 1500


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_intervals_cover_true_rates_and_coverage_from_counts_agrees(seed: int) -> None:
    scored, _ = draw(800, seed=seed)
    calibrator = fit_calibrator(scored, seed=0)
    fresh, truth = draw(3000, seed=seed + 10)
    log_odds = calibrator.log_odds(fresh.logit, fresh.domain)
    low, high = calibrator.interval(log_odds, calibrator.epistemic_std(fresh.epistemic_std, fresh.domain), fresh.domain)
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.9, abs=0.03)
    assert calibrator.coverage(fresh) == pytest.approx(0.9, abs=0.03)
    tight = Calibrator((DomainCalibration(**{**vars(calibrator.domains[0]), "overdispersion": 0.1}),) * 2)
    assert tight.coverage(fresh) < 0.7  # the check can fail


def test_intervals_cover_beta_binomial_rates() -> None:
    """Another law than the one assumed: rates are Beta(3.43, 109.78) (the CreativeRanking prior), logits say nothing."""
    rng = np.random.default_rng(3)
    truth = rng.beta(3.43, 109.78, 2000)
    impressions = rng.integers(300, 3000, 2000)
    clicks = rng.binomial(impressions, truth)
    scored = score(rng.normal(-3.5, 0.1, 2000), impressions.astype(float), clicks.astype(float))
    calibrator = fit_calibrator(scored.index_select(np.arange(1000)), seed=0)
    held_out = scored.index_select(np.arange(1000, 2000))
    low, high = calibrator.interval(
        calibrator.log_odds(held_out.logit, held_out.domain), held_out.epistemic_std, held_out.domain
    )
    assert 0.86 <= ((low <= truth[1000:]) & (truth[1000:] <= high)).mean() <= 0.95
    assert calibrator.coverage(held_out) == pytest.approx(0.9, abs=0.03)


def heavy(num: int, seed: int) -> tuple[ScoredCounts, np.ndarray]:
    """As `draw`, with residuals of a law with two widths: most creatives vary little, a tenth a lot."""
    rng = np.random.default_rng(seed)
    scored, _ = draw(num, seed=seed, tau=0.0)
    width = np.where(rng.random(num) < 0.1, 1.5, 0.12)
    truth = special.expit(-3.6 + 0.7 * (scored.logit + 4) + width * rng.normal(size=num))
    impressions = np.full(num, 20_000.0)
    return count_anew(scored, impressions=impressions, clicks=rng.binomial(20_000, truth).astype(float)), truth


@pytest.mark.slow
def test_matched_intervals_cover_where_the_assumed_law_is_wrong() -> None:
    scored, _ = heavy(1200, 20)
    fresh, truth = heavy(4000, 21)
    fitted = fit_calibrator(scored, seed=0)
    matched = match_coverage(fitted, scored)

    def covers(calibrator: Calibrator) -> float:
        low, high = calibrator.interval(calibrator.log_odds(fresh.logit, fresh.domain), fresh.epistemic_std, fresh.domain)
        return float(((low <= truth) & (truth <= high)).mean())

    assert covers(fitted) > 0.92
    assert covers(matched) == pytest.approx(0.9, abs=0.02)
    assert matched.coverage(scored) == pytest.approx(0.9, abs=0.005)
    assert matched.domains[1] == fitted.domains[1]  # no creative of that kind: left as it was


def test_unseen_logits_take_the_place_of_flattering_ones() -> None:
    """Rows a network learnt by heart: calibrated on those logits the interval is too narrow, on replaced ones it covers."""
    scored, _ = draw(900, seed=30)
    by_heart = replace(scored, logit=special.logit((scored.counts.clicks + 0.5) / (scored.counts.impressions + 1)))
    halves = np.array_split(np.random.default_rng(0).permutation(900), 2)
    honest = replace_logits(by_heart, [(rows, scored.logit[rows]) for rows in halves])
    assert np.array_equal(np.sort(honest.counts.group), np.arange(900))
    assert np.array_equal(honest.logit, scored.logit[honest.counts.group])
    fresh, _ = draw(2000, seed=31)
    assert fit_calibrator(by_heart, seed=0).coverage(fresh) < 0.8
    assert fit_calibrator(honest, seed=0).coverage(fresh) == pytest.approx(0.9, abs=0.03)


def test_rates_are_right_on_average() -> None:
    scored, _ = draw(1500, seed=4)
    calibrator = fit_calibrator(scored, seed=0)
    fresh, _ = draw(3000, seed=5)
    rates = calibrator.rate(calibrator.log_odds(fresh.logit, fresh.domain), fresh.domain)
    assert (rates * fresh.counts.impressions).sum() / fresh.counts.clicks.sum() == pytest.approx(1.0, abs=0.03)


def test_a_useless_logit_shows_no_skill_and_a_flat_slope() -> None:
    scored, _ = draw(600, seed=6, slope=0.0)
    fitted = fit_calibrator(scored, seed=0).domains[0]
    assert fitted.slope < 0.12
    assert fitted.skill < 0.01


def test_few_groups_widen_the_interval() -> None:
    scored, _ = draw(300, seed=7)
    alone = fit_calibrator(scored, seed=0).domains[0].overdispersion
    two = count_anew(scored, group=np.arange(300) % 2)
    assert fit_calibrator(two, seed=0).domains[0].overdispersion > alone + 0.02


def test_domains_are_fitted_apart_when_each_has_enough() -> None:
    words, _ = draw(300, seed=8, tau=0.6)
    pictures, _ = draw(300, seed=9, tau=0.1, shift=-0.5)
    logit, impressions, clicks = (
        np.concatenate(pair)
        for pair in (
            (words.logit, pictures.logit),
            (words.counts.impressions, pictures.counts.impressions),
            (words.counts.clicks, pictures.counts.clicks),
        )
    )
    both = replace(score(logit, impressions, clicks), domain=np.repeat([0, 1], 300))
    fitted = fit_calibrator(both, seed=0)
    assert fitted.domains[0].overdispersion == pytest.approx(0.6, abs=0.08)
    assert fitted.domains[1].overdispersion == pytest.approx(0.1, abs=0.06)
    few = both.index_select(np.r_[0:300, 300:320])
    assert fit_calibrator(few, seed=0).domains[1].num_rows == 320  # too few pictures: the common fit


def test_log_likelihood_equals_binomial_when_sigma_vanishes() -> None:
    clicks, impressions, mean = np.array([3.0]), np.array([200.0]), np.array([-4.0])
    expected = stats.binom.logpmf(3, 200, special.expit(-4.0)) - np.log(special.comb(200, 3))  # SciPy
    assert log_likelihood(mean, np.zeros(1), clicks, impressions)[0] == pytest.approx(expected, rel=1e-5)


def test_notes_round_trip() -> None:
    calibrator = fit_calibrator(draw(100, seed=1)[0], seed=0)
    assert Calibrator.from_dict(calibrator.as_dict()) == calibrator


@settings(max_examples=60, deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0, 5), st.integers(0, 1))
def test_rates_stay_in_range_and_rise_with_the_logit(one: float, other: float, epistemic_std: float, domain: int) -> None:
    shape = {"intercept": -4.0, "centre": -4.0, "typical_epistemic_std": 0.1, "skill": 0.1, "num_rows": 9}
    calibrator = Calibrator(tuple(DomainCalibration(slope=s, overdispersion=t, **shape) for s, t in ((0.5, 0.7), (2.0, 0.2))))  # type: ignore[arg-type]
    logits, domains = np.array([min(one, other), max(one, other)]), np.array([domain, domain])
    log_odds = calibrator.log_odds(logits, domains)
    rates = calibrator.rate(log_odds, domains)
    low, high = calibrator.interval(log_odds, np.full(2, epistemic_std), domains)
    assert (low >= 0).all()
    assert (low <= high).all()
    assert (high <= 1).all()
    assert ((rates >= 0) & (rates <= 1)).all()
    assert rates[0] <= rates[1] + 1e-12
