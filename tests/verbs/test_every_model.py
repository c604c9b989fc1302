"""Pages by every kind of model, through verbs, commands and the app, with the real encoders: no page lacks a field."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import Creative
from adcreative.verbs.model_folder import find_models
from adcreative.verbs.studio import Studio
from apps.studio.handlers.many_ads import Folders
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.why import Why

KINDS = ("shipped", "shipped with a base rate", "general model of one's own", "account model")
AD = Creative(ad_name="lamp", headline="Red lamps made by hand", description="free delivery", platform="meta")


@pytest.fixture(scope="module")
def general_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three general predictors, as `train` wrote it before there were models of an account."""
    folder = tmp_path_factory.mktemp("general")
    for role, shipped in find_models().items():
        shutil.copytree(shipped, folder / role)
    return folder


@pytest.fixture
def asked(request: pytest.FixtureRequest, general_dir: Path, own_model_dir: Path) -> tuple[Path | None, float | None]:
    """Model folder and base rate of one kind."""
    options = (None, None), (None, 0.02), (general_dir, None), (own_model_dir, None)
    return dict(zip(KINDS, options, strict=True))[request.param]


@pytest.mark.parametrize(("asked", "has_picture"), [(KINDS[0], False), *((kind, True) for kind in KINDS)], indirect=["asked"])
def test_every_kind_of_model_fills_the_whole_page(
    asked: tuple[Path | None, float | None], has_picture: bool, tmp_path: Path
) -> None:
    model, base_rate = asked
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(tmp_path / "ad.png")
    creative = Creative(ad_name="lamp", headline=AD.headline, image_path=tmp_path / "ad.png" if has_picture else None)
    found = pipeline.explain(creative, tmp_path / "why", model=model, base_rate=base_rate).explanation
    shipped = pipeline.explain(creative, tmp_path / "other").explanation
    assert set(found) == set(shipped)
    assert found["level_unknown"] is (model is None and base_rate is None)
    page = (tmp_path / "why" / "explanation.html").read_text()
    assert ("The level is unknown" in page) is found["level_unknown"]
    assert ("90 % interval" in page) is (found["enough_data"] and not found["level_unknown"])


def test_the_command_explains_with_a_model_of_ones_own(own_model_dir: Path, tmp_path: Path) -> None:
    words = ["--headline", AD.headline, "--description", AD.description, "--model", str(own_model_dir)]
    result = CliRunner().invoke(app, ["explain", *words, "--out", str(tmp_path / "why")])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert f"{found['ctr']:.2%} ({found['ctr_low']:.2%} to {found['ctr_high']:.2%})" in result.output
    assert "of the odds" in result.output


def test_the_app_explains_with_a_model_of_ones_own(own_model_dir: Path, tmp_path: Path) -> None:
    handlers = Handlers(studio=Studio(), result_dir=tmp_path / "results")  # type: ignore[arg-type]
    handlers.use_own("anna", handlers.studio.with_model(own_model_dir))
    shown, page, record = list(Why(handlers=handlers).explain("anna", {"image_path": None, "headline": AD.headline}))[-1]
    assert "Our fault" not in shown
    assert "What each word does" in shown
    assert page is not None
    assert page.is_file()
    assert record["ctr"] is not None
    assert record["model_hash"] != Studio().cards[0]["content_hash"]


@pytest.mark.parametrize("asked", KINDS, indirect=True)
def test_every_kind_of_model_fills_the_report_of_a_run(asked: tuple[Path | None, float | None], tmp_path: Path) -> None:
    model, base_rate = asked
    rows = [{"ad_name": "lamp", "headline": AD.headline, "description": AD.description}, {"ad_name": "empty", "headline": ""}]
    pd.DataFrame(rows).to_csv(tmp_path / "ads.csv", index=False)
    summary = pipeline.optimize(
        tmp_path / "ads.csv", tmp_path / "run", model=model, base_rate=base_rate, population=8, generations=1
    )
    assert summary.done == 1
    page = (tmp_path / "run" / "report.html").read_text()
    assert ("No click rate and no gain is stated" in page) is (model is None and base_rate is None)


@pytest.mark.parametrize("asked", KINDS[::2], indirect=True)
def test_every_kind_of_model_fills_the_list_of_many_ads(asked: tuple[Path | None, float | None], tmp_path: Path) -> None:
    model, _ = asked
    handlers = Handlers(studio=Studio(model), result_dir=tmp_path / "results")  # type: ignore[arg-type]
    rows = [{"ad_name": name, "headline": f"{name} made by hand"} for name in ("Red lamps", "Oak tables", "Office chairs")]
    pd.DataFrame(rows).to_csv(tmp_path / "ads.csv", index=False)
    screen = list(Folders(handlers=handlers).score("anna", [str(tmp_path / "ads.csv")]))[-1]
    assert len(screen.names) == 3, screen.shown
    assert ("Ranked against each other" in screen.shown) is (model is None)
