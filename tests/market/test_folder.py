"""The written folder of a market, and the world after launch: choices follow planted rates, creatives wear out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.images import picture
from adcreative.errors import ConfigError
from adcreative.market import Market
from adcreative.market.launch import CONTEXT_SHARE, LaunchWorld, rotate_cyclically
from tests.market.conftest import build_market

SCALE = 0.3
NUM = 24


@pytest.fixture(scope="module")
def written(market: Market, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    data_dir = tmp_path_factory.mktemp("market") / "ads"
    return data_dir, market.write_folder(data_dir, NUM, seed=4, scale=SCALE)


def test_the_folder_reads_back_without_a_failure(written: tuple[Path, Path]):
    catalog = read_catalog(written[0])
    assert catalog.failures == ()
    assert len(catalog.creatives) == NUM
    assert sum(creative.has_image for creative in catalog.creatives) > NUM // 2
    assert all(creative.has_results for creative in catalog.creatives)


def test_equal_seeds_write_equal_files(written: tuple[Path, Path], tmp_path: Path, face_codes: np.ndarray):
    build_market(3, face_codes).write_folder(tmp_path / "ads", NUM, seed=4, scale=SCALE)
    names = sorted(path.relative_to(written[0]) for path in written[0].rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path / "ads") for path in (tmp_path / "ads").rglob("*") if path.is_file())
    for name in names:
        assert (written[0] / name).read_bytes() == (tmp_path / "ads" / name).read_bytes(), name


def test_the_truth_lies_outside_and_in_no_column(written: tuple[Path, Path]):
    data_dir, truth_path = written
    assert truth_path == data_dir.with_name("ads-truth.json")
    assert not [path for path in data_dir.rglob("*") if "truth" in path.name]
    with (data_dir / "metadata.csv").open() as file:
        columns = next(csv.reader(file))
    assert not [column for column in columns if "true" in column or "ctr" in column]


def test_the_truth_is_that_of_the_written_files(written: tuple[Path, Path], market: Market):
    truth = json.loads(written[1].read_text())
    assert (truth["market_seed"], truth["seed"]) == (3, 4)
    creatives = read_catalog(written[0]).creatives
    assert set(truth["creatives"]) == {creative.ad_name for creative in creatives}
    for creative in creatives:
        known = truth["creatives"][creative.ad_name]
        assert known["true_ctr"] == pytest.approx(market.true_ctr(creative, picture(creative)), rel=1e-12)
        assert known["file_name"] == creative.file_name


def test_a_truth_path_in_the_folder_is_refused(market: Market, tmp_path: Path):
    with pytest.raises(ConfigError, match="lies inside the data folder"):
        market.write_folder(tmp_path / "ads", 3, seed=0, truth_path=tmp_path / "ads" / "deep" / "truth.json")
    assert not (tmp_path / "ads").exists()


def test_clicks_follow_the_true_rates_of_contexts() -> None:
    world = LaunchWorld(np.array([-2.0, -3.0]), seed=0)
    world.wear[:] = 0
    world.tastes[:] = 0
    expected = world.true_rates()
    views = world.show(np.random.default_rng(1).integers(0, 2, (60_000, 1)), rng=np.random.default_rng(2))
    for creative in (0, 1):
        for context in range(3):
            mine = (views.slates[:, 0] == creative) & (views.contexts == context)
            assert (views.clicked[mine] == 0).mean() == pytest.approx(expected[creative, context], abs=0.012)
    assert np.bincount(views.contexts) / 60_000 == pytest.approx(CONTEXT_SHARE, abs=0.01)


def test_what_is_shown_wears_out_and_what_is_not_does_not() -> None:
    world = LaunchWorld(np.array([-3.0, -3.0]), seed=0)
    world.wear[:] = 0.3
    before = world.log_odds()
    world.show(np.zeros((5000, 1), int), rng=np.random.default_rng(0))
    after = world.log_odds()
    assert after[0] == pytest.approx(before[0] - 0.3 * np.log1p(2.5))
    assert after[1] == before[1]


def test_places_further_down_are_clicked_less_and_one_of_a_slate_at_most() -> None:
    world = LaunchWorld(np.full(4, -1.5), seed=0)
    world.wear[:] = 0
    views = world.show(np.tile(np.arange(4), (40_000, 1)), rng=np.random.default_rng(3))
    places = np.bincount(views.clicked + 1, minlength=5)[1:]
    assert (np.diff(places) < 0).all()
    assert views.clicked.min() == -1
    assert views.clicked.max() <= 3


def test_the_cyclic_rotation_notes_exact_propensities() -> None:
    rng = np.random.default_rng(4)
    active, weights = np.array([3, 5, 8, 9, 11]), rng.gamma(1.5, 1.0, 5)
    slates, chance = rotate_cyclically(active, weights, 3, 50_000, rng=rng)
    assert all(len(set(slate)) == 3 for slate in slates[:100])
    for place in range(3):
        for creative in active:
            at = slates[:, place] == creative
            assert at.mean() == pytest.approx(chance[at, place].mean(), abs=0.01)
    with pytest.raises(ConfigError, match="cannot fill slates of 4"):
        rotate_cyclically(np.arange(3), np.ones(3), 4, 1, rng=rng)


def test_equal_seeds_plant_equal_worlds_also_when_creatives_are_added() -> None:
    first, second = (LaunchWorld(np.zeros(3), seed=7) for _ in range(2))
    for world in (first, second):
        world.add(np.zeros(2))
    assert np.array_equal(first.wear, second.wear)
    assert not np.array_equal(first.wear, LaunchWorld(np.zeros(5), seed=8).wear)
    with pytest.raises(ConfigError, match="finite numbers"):
        LaunchWorld(np.array([np.nan]), seed=0)
