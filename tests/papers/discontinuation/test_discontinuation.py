"""The two-term hazard on planted lives: early and late ends with different, opposing causes, and a budget that cuts off."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from adcreative import pipeline
from adcreative.catalog import read_catalog
from adcreative.metrics.survival import concordance
from adcreative.papers.discontinuation.model import (
    LONG_EDGES,
    HazardConfig,
    click_rate_weights,
    daily_logits,
    fit_two_term,
    hazard_loss,
    interpolate_survival,
    interval_targets,
)
from adcreative.papers.discontinuation.run import fit, read_ads
from adcreative.verbs import loading
from tests.delivery.forecast.test_level import DAYS, WORLDS, true_survival
from tests.delivery.forecast.test_level import plant as plant_lives
from tests.verbs.test_forecast import plant_days


@lru_cache(maxsize=2)
def plant(num: int = 6000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [N, 6], durations, ended: before day 10 the hazard rises with x0 and falls with x1, later the other way
    round."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num, 6))
    days = np.zeros(num)
    alive = np.ones(num, bool)
    ended = np.zeros(num, bool)
    budget = np.ceil(rng.exponential(90, num))
    for day in range(1, 161):
        score = -4.2 + 1.8 * x[:, 0] - 0.4 * x[:, 1] if day <= 10 else -4.0 + 1.6 * x[:, 1] - 0.4 * x[:, 0]
        stops = alive & (rng.random(num) < 1 / (1 + np.exp(-score)))
        cut = alive & ~stops & (budget <= day)
        days[stops | cut] = day
        ended[stops] = True
        alive &= ~(stops | cut)
    days[alive] = 160
    return x, days, ended


def split() -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(1).permutation(6000)
    return order[:4500], order[4500:]


def judge(short_risk: np.ndarray, long_risk: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    _, days, ended = plant()
    days, ended, late = days[rows], ended[rows], days[rows] > 10
    short = concordance(np.minimum(days, 10), ended & (days <= 10), short_risk)
    return short, concordance(days[late], ended[late], long_risk[late])


@pytest.mark.planted
def test_two_terms_tell_both_ends_and_one_risk_does_not() -> None:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    x, days, ended = plant()
    learn, held = split()
    model = fit_two_term(x[learn], days[learn], ended[learn], np.ones(len(learn)), seed=0)
    short, long = judge(*model.risks(x[held]), held)
    outcome = np.array(list(zip(ended, days, strict=True)), dtype=[("e", bool), ("d", float)])
    risk = CoxPHSurvivalAnalysis().fit(x[learn], outcome[learn]).predict(x[held])
    one_short, one_long = judge(risk, risk, held)
    ignoring = np.linalg.lstsq(np.c_[x[learn], np.ones(len(learn))], np.log(days[learn]), rcond=None)[0]
    times = -(np.c_[x[held], np.ones(len(held))] @ ignoring)
    print(f"two terms {short:.3f} {long:.3f}; one risk {one_short:.3f} {one_long:.3f}; log time {judge(times, times, held)}")
    assert short >= 0.80
    assert long >= 0.77
    assert short >= one_short + 0.06
    assert long >= one_long + 0.06
    assert ended.mean() == pytest.approx(0.7, abs=0.05)


@pytest.mark.planted
def test_weighting_by_click_rate_does_not_cost_the_ads_that_earn_most() -> None:
    x, days, ended = plant()
    learn, held = split()
    rate = np.exp(x[:, 2])
    weights = click_rate_weights(rate * 20, np.full(len(rate), 1000.0))
    top = rate[held] >= np.quantile(rate[held], 0.9)
    found = []
    for of in (np.ones(len(learn)), weights[learn]):
        model = fit_two_term(x[learn], days[learn], ended[learn], of, seed=0)
        found.append(
            concordance(days[held][top], ended[held][top], -model.survival(x[held][top], np.arange(120.0)).sum(axis=1))
        )
    assert found[1] >= found[0] - 0.02


def test_a_constant_hazard_is_found_under_heavy_censoring() -> None:
    rng = np.random.default_rng(2)
    life = np.ceil(rng.exponential(1 / -np.log(1 - 0.05), 8000))
    cut = rng.integers(1, 40, 8000)
    days, ended = np.minimum(life, cut), life <= cut
    event, survived = interval_targets(days, ended, tuple(float(day) for day in range(21)))
    hazards = event.sum(axis=0) / (event + survived).sum(axis=0)
    assert event.sum() / (event + survived).sum() == pytest.approx(0.05, rel=0.05)
    assert hazards.mean() == pytest.approx(0.05, rel=0.05)
    naive = (ended & (days <= 20)).mean() / 20
    assert naive < 0.04  # the share of ads that ended, as if the others had lived
    logits = torch.full((8000, 20), 0.0, requires_grad=True)
    bias = torch.zeros(20, requires_grad=True)
    optimiser = torch.optim.LBFGS([bias], max_iter=60)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = hazard_loss(logits.detach() + bias, torch.from_numpy(event), torch.from_numpy(survived), torch.ones(8000))
        loss.backward()
        return loss

    optimiser.step(closure)
    assert torch.sigmoid(bias).detach().numpy() == pytest.approx(hazards, rel=1e-2)  # the loss is minimal at events over risk


def test_every_day_at_risk_counts_also_in_the_interval_in_which_an_ad_was_cut_off() -> None:
    event, survived = interval_targets(
        np.array([4.0, 4.0, 5.0, 5.0, 30.0]), np.array([True, False, True, False, True]), (0, 3, 5, 10)
    )
    assert event.tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert survived.tolist() == [[3, 0, 0], [3, 1, 0], [3, 1, 0], [3, 2, 0], [3, 2, 5]]


def test_the_last_interval_of_a_log_has_the_hazard_of_its_days() -> None:
    """Ads that still run when the log ends were cut off within the interval; counted in no term, its hazard would run to 1."""
    rng = np.random.default_rng(3)
    life, cut = np.ceil(rng.exponential(1 / -np.log(1 - 0.02), 20_000)), rng.integers(1, 80, 20_000)
    event, survived = interval_targets(np.minimum(life, cut), life <= cut, LONG_EDGES)
    daily = 1 / (1 + np.exp(-daily_logits(event, survived)))
    assert daily[:5] == pytest.approx(np.full(5, 0.02), rel=0.1)  # days 10 to 60
    assert daily[5:] == pytest.approx(np.full(2, 0.02), rel=0.3)  # to 90, of which the log has 20; no ad lived beyond


def test_survival_between_edges_follows_constant_hazards() -> None:
    curve = interpolate_survival(np.array([[0.5, 0.2]]), np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.5, 1.0, 2.0, 3.0, 5.0]))
    assert curve[0] == pytest.approx([1, 0.5**0.5, 0.5, 0.5 * 0.8**0.5, 0.4, 0.32])


def test_the_same_seed_gives_the_same_model() -> None:
    x, days, ended = (one[:400] for one in plant())
    small = HazardConfig(max_epochs=3, num_members=1)
    first, second = (fit_two_term(x, days, ended, np.ones(400), seed=4, config=small).hazards(x) for _ in range(2))
    assert np.array_equal(first, second)


def test_weights_rise_with_the_click_rate_and_end_at_five_times() -> None:
    weights = click_rate_weights(np.array([0.0, 10, 20, 1000]), np.full(4, 1000.0))
    assert (np.diff(weights) > 0).all()
    assert weights.mean() == pytest.approx(1)


@pytest.mark.planted
@pytest.mark.parametrize("log_days", [90, 120])
@pytest.mark.parametrize("world", WORLDS)
def test_as_many_ads_still_run_as_its_curves_say(world: str, log_days: int) -> None:
    x, lives = plant_lives(world, log_days, 4000)
    said = fit(lives, x, 0).survival(x, DAYS).mean(axis=0)
    print(f"{world}, {log_days} days: true {true_survival(world).round(3)}, two terms {said.round(3)}")
    assert said == pytest.approx(true_survival(world), abs=0.03)


SIZES = (4, 64, 64)  # counts, a sentence vector, a picture vector


@lru_cache(maxsize=1)
def plant_vectors(num: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [N, 132], durations, ended: early ends hang on a direction of sentences, late ones on one of pictures."""
    rng = np.random.default_rng(5)
    parts = [rng.normal(size=(num, width)) for width in SIZES]
    early, late = (part @ rng.normal(size=64) / 8 for part in parts[1:])
    life = np.where(rng.random(num) < 1 / (1 + np.exp(-2 * early)), rng.exponential(5, num), 10 + 25 * np.exp(-late))
    cut = rng.integers(1, 120, num)
    return np.hstack(parts), np.minimum(np.ceil(life), cut), np.ceil(life) <= cut


@pytest.mark.planted
def test_sentences_and_pictures_tell_ends_that_counts_do_not() -> None:
    x, days, ended = plant_vectors()
    learn, held = np.arange(2200), np.arange(2200, 3000)
    found = {}
    for name, width, towers in (("counts", SIZES[0], ()), ("sentences", 68, (64,)), ("all", 132, (64, 64))):
        model = fit_two_term(x[learn, :width], days[learn], ended[learn], np.ones(len(learn)), seed=0, towers=towers)
        short, long = model.risks(x[held, :width])
        late = days[held] > 10
        found[name] = (
            concordance(np.minimum(days[held], 10), ended[held] & (days[held] <= 10), short),
            concordance(days[held][late], ended[held][late], long[late]),
        )
    print("short, long", found)
    assert found["all"][0] >= found["counts"][0] + 0.15
    assert found["all"][1] >= found["counts"][1] + 0.15
    assert found["all"][1] >= found["sentences"][1] + 0.15  # what is late hangs on pictures alone


@pytest.mark.planted
def test_vectors_that_say_nothing_cost_little() -> None:
    x, days, ended = plant()
    learn, held = split()
    noise = np.random.default_rng(6).normal(size=(len(x), 128))
    model = fit_two_term(np.hstack([x, noise])[learn], days[learn], ended[learn], np.ones(len(learn)), seed=0, towers=(64, 64))
    short, long = judge(*model.risks(np.hstack([x, noise])[held]), held)
    print(f"beside 128 numbers of noise {short:.3f} {long:.3f}")
    assert short >= 0.79
    assert long >= 0.75


def paint_ads(folder: Path, num: int) -> Path:
    """Write `num` pictures, half of them dark and half bright, and a table of them."""
    rng, rows = np.random.default_rng(0), []
    for ad in range(num):
        shade = np.full((64, 64, 3), 40 if ad % 2 else 210, np.uint8) + rng.integers(0, 20, 3).astype(np.uint8)
        Image.fromarray(shade).save(folder / f"{ad}.png")
        rows.append({"ad_name": f"Ad {ad}", "headline": "The same words", "file_name": f"{ad}.png"})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return folder


class Shades:
    """An encoder whose vectors are the mean colour of a picture, and the length of a text."""

    def encode_images(self, images_u8: list[np.ndarray]) -> np.ndarray:
        return np.stack([one.mean(axis=(0, 1)) / 255 for one in images_u8]).astype(np.float32)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.array([[len(one)] for one in texts], np.float32)


def test_what_ads_have_is_read_and_no_encoder_is_loaded_for_what_they_have_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_tools", lambda: SimpleNamespace(clip=Shades()))
    ads = [None, *read_catalog(paint_ads(tmp_path, 4)).creatives]
    vectors, further = read_ads(ads)
    assert vectors.shape == (5, 4)
    assert vectors[:, 0].tolist() == [0, *[len("The same words")] * 4]
    assert (vectors[0] == 0).all()
    assert vectors[1, 1] > 0.7 > 0.3 > vectors[2, 1]
    assert further["two-term hazard"].keywords == {"towers": (1, 3)}  # type: ignore[attr-defined]
    monkeypatch.setattr(loading, "load_tools", lambda: pytest.fail("nothing is to be encoded"))
    assert read_ads([None, None])[0].shape == (2, 0)


@pytest.mark.slow
def test_pictures_of_the_ads_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ads of like counts: bright ones run long, dark ones are cut out. Only the two-term hazard sees that."""
    monkeypatch.setattr(loading, "load_tools", lambda: SimpleNamespace(clip=Shades()))
    days = plant_days(240)
    shown = days.assign(clicks=np.random.default_rng(3).binomial(days.impressions, 0.02))
    shown.to_csv(tmp_path / "daily.csv", index=False)
    (tmp_path / "ads").mkdir()
    ads = paint_ads(tmp_path / "ads", 240)
    pipeline.forecast_two_terms(tmp_path / "daily.csv", tmp_path / "forecast.csv", creatives=ads)
    found = json.loads((tmp_path / "forecast.json").read_text())
    assert found["concordance"]["two-term hazard"]["short"] > max(found["concordance"]["cox"]["short"], 0.5) + 0.1
    assert found["method"] == "two-term hazard"


def test_it_stands_beside_the_models_of_forecast(tmp_path: Path) -> None:
    plant_days(240).to_csv(tmp_path / "daily.csv", index=False)
    pipeline.forecast_two_terms(tmp_path / "daily.csv", tmp_path / "forecast.csv")
    found = json.loads((tmp_path / "forecast.json").read_text())["concordance"]
    assert list(found) == ["kaplan-meier", "cox", "forest", "two-term hazard"]
    assert found["two-term hazard"]["short"] > 0.6
