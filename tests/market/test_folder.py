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
