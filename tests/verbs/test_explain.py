"""The verb explain: what it writes and refuses; encoders are replaced by one that sees quarters of a picture."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import Creative
from adcreative.ctr.calibration import Calibrator
from adcreative.ctr.predictor import Predictor
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.features.batch import CreativeFeatures
from adcreative.report.explanation import LOWERS_RGB, RAISES_RGB, draw_heat
from adcreative.verbs import loading as tools
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.explain.test_explanations import read_planted


def embed(read: CreativeFeatures | CreativeError) -> CreativeFeatures | CreativeError:
    """Give what was read an embedding of its own for the list of neighbours."""
    if isinstance(read, CreativeError):
        return read
    look = None if read.look is None else read.look.astype(np.float32)
    image = None if look is None else np.append(look, 1.0).astype(np.float32)
    return dataclasses.replace(read, look=look, image=image)


def extract(creatives: Sequence[Creative]) -> list[CreativeFeatures | CreativeError]:
    opened = []
    for c in creatives:
        pixels = None if c.image_path is None else np.asarray(Image.open(c.image_path).convert("RGB"))
        opened.append(dataclasses.replace(c, image_u8=pixels if c.image_u8 is None else c.image_u8))
    return [embed(one) for one in read_planted(opened)]


@pytest.fixture(scope="module")
def corner_predictor() -> Predictor:
    """A predictor fitted to ads whose rate rises with the brightness of the upper left quarter and with the words."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    creatives, features = [], []
    for row in range(300):
        image_u8 = (
            np.repeat(np.repeat(rng.integers(0, 256, (2, 2, 1)), 8, axis=0), 8, axis=1).repeat(3, axis=2).astype(np.uint8)
        )
        words = "free" if row % 2 else "never"
        rate = 1 / (1 + np.exp(4 - 2 * float(image_u8[0, 0, 0]) / 255 - (0.3 if row % 2 else -0.3)))
        creative = Creative(ad_name=f"ad {row}", headline=words, impressions=4000, clicks=int(rng.binomial(4000, rate)))
        (read,) = extract([dataclasses.replace(creative, image_u8=image_u8)])
        creatives.append(dataclasses.replace(creative, file_name=f"{row}.png"))
        features.append(read)
    return fit_predictor(creatives, features, dataclasses.replace(SMALL, num_members=1), seed=0)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch, corner_predictor: Predictor) -> None:
    finder = SimpleNamespace(analyze=lambda image_u8: [])
    extractor = SimpleNamespace(extract=extract, cache=None, sharing=nullcontext, analyzer=finder)
    extractor.for_versions = lambda image_u8, **how: extractor
    extractor.for_models = lambda models: extractor
    monkeypatch.setattr(tools, "load_scorer", lambda model=None, features=None: (extractor, corner_predictor))


@pytest.fixture
def picture_path(tmp_path: Path) -> Path:
    image_u8 = np.zeros((120, 160, 3), np.uint8)
    image_u8[:60, :80] = 255
    Image.fromarray(image_u8).save(tmp_path / "ad.png")
    return tmp_path / "ad.png"


def test_it_writes_heat_values_and_a_page_that_asks_for_nothing(picture_path: Path, tmp_path: Path) -> None:
    creative = Creative(file_name="<b>ad.png", image_path=picture_path, headline="Try it free", brand="x")
    summary = pipeline.explain(creative, tmp_path / "why", base_rate=0.02)
    written = {path.name for path in (tmp_path / "why").iterdir()}
    assert written == {".adcreative.json", "explanation.html", "explanation.json", "heat.png"}
    found = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert found == summary.explanation
    total = found["base_log_odds"] + sum(part["share_log_odds"] for part in found["parts"]) + found["rest_log_odds"]
    assert total == pytest.approx(found["log_odds"], abs=1e-9)
    assert abs(found["rest_log_odds"]) < 0.02
    assert found["strongest_words"][0]["word"] == "free"
    cells = np.array(found["heat"]["cells"])
    corner = cells[: cells.shape[0] // 2, : cells.shape[1] // 2]  # a quarter of the cells
    assert corner.max() == np.abs(cells).max()
    assert corner.sum() > 0.5 * np.abs(cells).sum()
    assert len(found["nearest"]["picture"]) == 5
    assert all(0 < row["rate"] < 1 for row in found["nearest"]["picture"])
    with Image.open(tmp_path / "why" / "heat.png") as heat:
        assert heat.size == (160, 120)
    page = (tmp_path / "why" / "explanation.html").read_text()
    assert "&lt;b&gt;ad.png" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "Occlusion" in page
    assert "Integrated gradients" in page


def test_words_only_have_no_heat_and_remove_that_of_an_earlier_ad(picture_path: Path, tmp_path: Path) -> None:
    pipeline.explain(Creative(image_path=picture_path, headline="free"), tmp_path / "why")
    for name in ("heat.png", "explanation.html"):  # both show the picture
        assert (tmp_path / "why" / name).stat().st_mode & 0o077 == 0
    summary = pipeline.explain(Creative(headline="free now"), tmp_path / "why")
    assert summary.explanation["heat"] is None
    assert not (tmp_path / "why" / "heat.png").exists()
    assert "Where it looks" not in (tmp_path / "why" / "explanation.html").read_text()


def test_nothing_is_written_when_stopped_or_unreadable(picture_path: Path, tmp_path: Path) -> None:
    assert pipeline.explain(Creative(image_path=picture_path), tmp_path / "why", should_stop=lambda: True).stopped
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(CreativeError, match=r"broken\.png"):
        pipeline.explain(Creative(image_path=tmp_path / "broken.png"), tmp_path / "why")
    with pytest.raises(CreativeError, match="neither a picture nor words"):
        pipeline.explain(Creative(), tmp_path / "why")
    assert not (tmp_path / "why").exists()
    with pytest.raises(CatalogError, match=r"ad\.png is no folder that can be written; choose another --out"):
        pipeline.explain(Creative(headline="free"), picture_path)


def test_from_the_command_line(picture_path: Path, tmp_path: Path) -> None:
    arguments = ["explain", str(picture_path), "--headline", "Try it free", "--out", str(tmp_path / "why")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "“free”: +" in result.output
    assert "of the odds" in result.output
    assert (tmp_path / "why" / "heat.png").exists()
    gone = CliRunner().invoke(app, ["explain", str(tmp_path / "gone.png"), "--out", str(tmp_path / "none")])
    assert gone.exit_code == 2
    assert not (tmp_path / "none").exists()


def test_no_rate_is_stated_without_skill(corner_predictor: Predictor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blind = copy.copy(corner_predictor)
    domains = corner_predictor.calibrator.domains
    blind.calibrator = Calibrator(tuple(dataclasses.replace(one, skill=0.0) for one in domains))
    extractor, _ = tools.load_scorer()
    monkeypatch.setattr(tools, "load_scorer", lambda model=None, features=None: (extractor, blind))
    result = CliRunner().invoke(app, ["explain", "--headline", "free", "--out", str(tmp_path / "why")])
    assert "not enough data" in result.output
    found = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert (found["ctr"], found["enough_data"]) == (None, False)
    assert "not enough data" in (tmp_path / "why" / "explanation.html").read_text()


def test_heat_is_drawn_where_it_is_and_in_the_colour_of_its_sign() -> None:
    image_u8 = np.full((80, 80, 3), 100, np.uint8)
    heat = np.zeros((8, 8))
    heat[0, 0], heat[7, 7] = 1.0, -1.0
    drawn = np.asarray(draw_heat(image_u8, heat), int)
    assert np.abs(drawn[2, 2] - (0.7 * np.array(RAISES_RGB) + 30)).max() < 25
    assert np.abs(drawn[77, 77] - (0.7 * np.array(LOWERS_RGB) + 30)).max() < 25
    assert (drawn[40, 40] == 100).all()
    assert (np.asarray(draw_heat(image_u8, np.zeros((4, 4)))) == 100).all()


def test_the_level_is_unknown_without_own_results_and_a_base_rate_brings_it_back(picture_path: Path, tmp_path: Path) -> None:
    ad = Creative(image_path=picture_path, headline="free")
    summary = pipeline.explain(ad, tmp_path / "why")
    found = summary.explanation
    assert found["level_unknown"]
    assert [found[name] for name in ("ctr", "ctr_low", "ctr_high", "log_odds", "base_odds")] == [None] * 5
    page = (tmp_path / "why" / "explanation.html").read_text()
    assert "The level is unknown" in page
    assert "odds of a click against an ad of which nothing is known" in page
    told = pipeline.explain(ad, tmp_path / "why", base_rate=0.05).explanation
    assert told["base_odds"] == pytest.approx(0.05 / 0.95)
    assert told["ctr_low"] < told["ctr"] < told["ctr_high"]
    assert told["log_odds"] - told["base_log_odds"] == pytest.approx(np.log1p(found["against_nothing_known"]))
    assert told["log_odds"] == pytest.approx(np.log(told["ctr"] / (1 - told["ctr"])), abs=0.02)  # a rate is a mean
    with pytest.raises(ConfigError, match=r"a click rate between 0 and 0\.3"):
        pipeline.explain(ad, tmp_path / "why", base_rate=1.5)
