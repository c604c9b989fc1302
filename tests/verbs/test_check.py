"""The verb `check`: a verdict for each creative, the failures beside it, the same words as the other doors, and no torch."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError


@pytest.fixture
def ads(tmp_path: Path) -> Path:
    folder = tmp_path / "ads"
    folder.mkdir()
    Image.new("RGB", (1200, 628)).save(folder / "wide.png")
    Image.new("RGB", (1280, 720)).save(folder / "video.png")
    (folder / "broken.png").write_bytes(b"\x89PNG broken")
    (folder / "metadata.csv").write_text(
        "file_name,headline,platform\nwide.png,Sleep better tonight,google\n"
        "video.png,Sleep better tonight on a mattress made for you,google\nbroken.png,Hello there,google\n,Cheap beds today,\n"
    )
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_each_creative_gets_a_verdict(ads: Path, tmp_path: Path) -> None:
    kit = tmp_path / "kit.json"
    kit.write_text(json.dumps({"name": "Somnia", "metadata": {"words_to_avoid": ["cheap"]}}))
    summary = pipeline.check(ads, tmp_path / "out" / "checks.csv", brand_kit=kit)
    assert (summary.done, summary.failed, summary.warnings[-1]) == (3, 1, "2 of 3 creatives have a problem")
    good, wide, cheap = rows(summary.path)
    assert (good["verdict"], good["problems"], good["fits"]) == ("passes", "", "Google landscape")
    assert wide["verdict"] == "problems"
    assert "the headline has 47 characters; 30 are allowed" in wide["problems"]
    assert "the picture has no usual Google shape (1280x720 px)" in wide["problems"]
    assert cheap["problems"] == "the headline uses 'cheap', which the brand avoids"
    (failure,) = rows(tmp_path / "out" / "checks.failures.csv")
    assert (failure["file_name"], bool(failure["remedy"])) == ("broken.png", True)


def test_the_doors_say_the_same(ads: Path, tmp_path: Path) -> None:
    summary = pipeline.check(ads, tmp_path / "api.csv")
    result = CliRunner().invoke(app, ["check", str(ads), "--out", str(tmp_path / "cli.csv"), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["done"] == summary.done == 3
    assert rows(tmp_path / "cli.csv") == rows(tmp_path / "api.csv")
    fit = pipeline.check_picture(Creative(image_path=ads / "video.png", platform="google"))
    assert fit is not None
    assert f"the picture {fit.problems[0]}" in rows(tmp_path / "api.csv")[1]["problems"]
    assert pipeline.check_picture(Creative(headline="Words only")) is None


def test_what_cannot_be_checked_is_one_sentence(ads: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no file or folder"):
        pipeline.check(tmp_path / "none", tmp_path / "checks.csv")
    (tmp_path / "kit.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"kit\.json is no brand manifest"):
        pipeline.check(ads, tmp_path / "checks.csv", brand_kit=tmp_path / "kit.json")
    assert not (tmp_path / "checks.csv").exists()


def test_no_model_is_loaded(ads: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from adcreative import pipeline; "
        f"pipeline.check(Path({str(ads)!r}), Path({str(tmp_path / 'checks.csv')!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
