"""The verb benchmark: what it writes, what it refuses; encoders are replaced by planted features."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.benchmarks import adsee as core
from adcreative.cli.app import app
from adcreative.ctr.config import TrainingConfig
from adcreative.encoders.labels import PictureLabeller
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.verbs import benchmark as benchmarking
from adcreative.verbs import loading as tools
from tests.ctr.planted import plant_market

VARIANTS = (core.VARIANTS[0], core.VARIANTS[1], core.VARIANTS[-2])
CUP, CAT = 967, 285


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A market of planted features, one creative of which cannot be read; three lines, one epoch."""
    world = plant_market(120, seed=3)
    pixels = {c.ad_name: np.full((64, 64, 3), row, np.uint8) for row, c in enumerate(world.creatives)}
    by_name = {c.ad_name: f for c, f in zip(world.creatives, world.features, strict=True)}

    def extract(creatives):
        broken = CreativeError("It is broken.", "Mend it.")
        return [broken if c.ad_name == "ad 7" else by_name[c.ad_name] for c in creatives]

    monkeypatch.setattr(tools, "load_tools", lambda: SimpleNamespace(extractor=SimpleNamespace(extract=extract)))
    pictured = [replace(c, image_u8=pixels[c.ad_name], file_name="") for c in world.creatives[:-1]] + world.creatives[-1:]
    market = SimpleNamespace(iter_creatives=lambda num, seed: iter(pictured[:num]))
    monkeypatch.setattr(tools, "load_market", lambda seed: market)
    label = SimpleNamespace(label=lambda image_u8: np.array([CAT, CUP][: 1 + image_u8[0, 0, 0] % 2]))
    monkeypatch.setattr(PictureLabeller, "load", lambda: label)
    compare = core.compare_inputs
    quick = TrainingConfig(num_epochs=1, batch_size=64)
    monkeypatch.setattr(core, "compare_inputs", lambda t, **o: compare(t, **o, variants=VARIANTS, training=quick))
    monkeypatch.setattr(core, "NUM_DRAWS", 20)


def test_markets_are_measured_and_written(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    found = pipeline.benchmark("adsee", tmp_path, markets=(1, 2), num=120, num_seeds=2, progress=lambda *s: seen.append(s))
    assert found.num_creatives == 2 * 119
    written = json.loads(found.path.read_text())
    assert written["lines"] == found.lines
    assert written["data"] == "simulated markets 1, 2: no real clicks"
    rows = list(csv.DictReader((tmp_path / "adsee.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == [variant.name for variant in VARIANTS]
    assert float(rows[1]["mae_low"]) <= float(rows[1]["mae"]) <= float(rows[1]["mae_high"])
    assert rows[1]["added_spearman"] == "0.0"
    assert [row["published_spearman"] for row in rows] == ["", "", "0.3609"]
    assert written["command"] == "adcreative benchmark adsee --market 1 --market 2 --num 120 --seeds 2"
    assert seen[-1] == ("fitting", 12, 12)
    assert ("simulating market 2", 120, 120) in seen
    # 60 even rows, 60 odd; row 7 is broken, row 119 has no picture
    assert written["labels"] == {"per_picture": (60 + 2 * 58) / 118, "commonest": {"Egyptian cat": 236, "espresso": 116}}


def test_labels_of_the_pictures_reach_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def compare(tables, **options):
        seen.extend(one for _, features in tables for one in features)
        return []

    monkeypatch.setattr(core, "compare_inputs", compare)
    monkeypatch.setattr(core, "render_table", lambda lines: "")
    monkeypatch.setattr(benchmarking, "_csv_of", lambda lines: "")
    benchmarking.benchmark("adsee", tmp_path, markets=(1,), num=120)
    assert [None if one.labels is None else one.labels.tolist() for one in seen[:3]] == [[CAT], [CAT, CUP], [CAT]]
    assert seen[-1].labels is None


def test_command_prints_the_table_of_a_catalogue(tmp_path: Path) -> None:
    lines = ["ad_name,headline,brand,impressions,clicks"]
    lines += [f"{c.ad_name},{c.headline},{c.brand},{c.impressions},{c.clicks}" for c in plant_market(120, seed=3).creatives]
    (tmp_path / "ads.csv").write_text("\n".join(lines))
    arguments = ["benchmark", "adsee", "--data", str(tmp_path / "ads.csv"), "--out", str(tmp_path), "--seeds", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "model and inputs" in result.output
    assert "C5: FC PN CL FL IE" in result.output
    assert json.loads((tmp_path / "adsee.json").read_text())["command"].endswith(f"--data {tmp_path / 'ads.csv'} --seeds 1")
    assert "119 creatives" in result.output


def test_unknown_name_empty_data_and_impossible_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no benchmark named "adse"\. Did you mean "adsee"'):
        benchmarking.benchmark("adse", tmp_path)
    with pytest.raises(ConfigError, match=r"seeds, num and markets must be at least 1, got 0, 240 and 2\."):
        benchmarking.benchmark("adsee", tmp_path, num_seeds=0)
    (tmp_path / "ads.csv").write_text("headline\nhello\n")
    with pytest.raises(CatalogError, match=r"no creative in .*ads\.csv has both impressions and clicks"):
        benchmarking.benchmark("adsee", tmp_path, data=tmp_path / "ads.csv")
