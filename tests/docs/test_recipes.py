"""The pages under adcreative/docs are followed on a toy, block by block, as a reader would: commands, Python, files.

`sh` blocks run in the command line, `python` blocks run one after another, blocks that begin with `# file: NAME` are saved.
Models are the shipped ones; folders are small. Indented lines are examples for later and are only checked to exist
(`test_commands.py`).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from adcreative.cli.app import app
from adcreative.creative import EditResult
from adcreative.pipeline import archive
from adcreative.runs.log import RunLog
from tests.ctr.account.accounts import plant_account
from tests.docs.source_recipes import DOCS, ROOT, blocks, follow_in_source
from tests.stylegan.foreign import originals
from tests.verbs.test_train_log import make_log

UNNAMED = {"csv": "ads/metadata.csv", "json": "brand.json"}  # these formats have no comments to name a file in


def follow(page: str, folder: Path) -> dict[str, Any]:
    """Do in `folder`, which is the working folder, what the page says; return the names that its Python leaves."""
    names: dict[str, Any] = {"__name__": "recipe"}
    for language, text in blocks(page):
        named = re.match(r"# file: (\S+)\n", text)
        if named or language in UNNAMED:
            path = folder / (named.group(1) if named else UNNAMED[language])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, page, "exec"), names)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "adcreative"
                result = CliRunner().invoke(app, arguments, prog_name=program)
                assert result.exit_code == 0, f"{line}\n{result.output}"
        else:
            raise AssertionError(f"{page}: nobody follows a block of {language}")
    return names


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with the project's data beside it as in the checkout."""
    os.symlink(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tutorial(desk: Path, ad_folder: Path) -> None:
    shutil.copytree(ad_folder, desk / "ads")
    table = pd.read_csv(desk / "ads" / "metadata.csv")
    table["headline"] = "Make room for a linen suit that breathes"
    table[table.file_name.notna()].iloc[:2].to_csv(desk / "ads" / "metadata.csv", index=False)
    follow("tutorial.md", desk)
    assert (desk / "improved" / "report.html").exists()
    assert (desk / "plan" / "plan.csv").exists()
    assert "Ada Example" in (desk / "improved" / "audit.jsonl").read_text()
    assert (desk / "meta.csv").stat().st_size > 100


def test_folders_at_night(desk: Path, ad_folder: Path) -> None:
    (desk / "ads").mkdir()
    for name, picture in zip(("one.png", "two.png"), sorted((ad_folder / "images").iterdir()), strict=False):
        Image.open(picture).save(desk / "ads" / name)
    follow("how-to-folders-at-night.md", desk)
    assert len((desk / "scores.csv").read_text().splitlines()) == 3
    assert len((desk / "improved" / "results.jsonl").read_text().splitlines()) == 2
    assert "100 nights" in (desk / "brand.json").read_text()


def test_archive(desk: Path) -> None:
    (desk / "improved" / "images").mkdir(parents=True)
    with RunLog(desk / "improved" / "results.jsonl", {"verb": "optimize", "seed": 0}, key_field="row") as log:
        for row, name in enumerate(("one", "two", "three"), start=1):
            image = f"images/{row:05d}-{name}.original.png"
            Image.fromarray(data.astronaut()[::8, ::8] // row).save(desk / "improved" / image)
            result = EditResult(file_name=f"{name}.png", status="kept").as_dict()
            log.append({"row": row, **result, "original_image": image})
    follow("how-to-archive.md", desk)
    assert len(list((desk / "again" / "images").iterdir())) == 3
    assert [path.name for path in (desk / "improved" / "images").iterdir() if "one" in path.name] == []
    archive(desk / "improved.adc", desk / "last", restore=True)
    assert [path.name for path in (desk / "last" / "images").iterdir()] == ["00003-three.original.png"]


@pytest.mark.slow
def test_own_account(desk: Path) -> None:
    account = plant_account(110, rate=0.05, seed=1)
    rows = [
        {
            "ad_name": one.ad_name,
            "headline": one.headline,
            "description": one.description,
            "platform": one.platform,
            **one.context,
            "impressions": one.impressions,
            "clicks": one.clicks,
        }
        for one in account.creatives
    ]
    pd.DataFrame(rows[:80]).to_csv(desk / "export.csv", index=False)
    pd.DataFrame(rows[80:]).drop(columns=["impressions", "clicks"]).to_csv(desk / "new-ads.csv", index=False)
    follow("how-to-own-account.md", desk)
    assert (desk / "multilingual-model" / "README.md").is_file()
    assert "The best floor is" in (desk / "model" / "README.md").read_text()
    assert set(pd.read_csv(desk / "by-age.csv").segment) == {"age=18-24", "age=25-34", "age=35-44"}
    assert pd.read_csv(desk / "scores.csv").ctr.mean() == pytest.approx(0.021, rel=1e-3)


@pytest.mark.slow
def test_make_next(desk: Path) -> None:
    account = plant_account(110, rate=0.05, seed=1)
    (desk / "account").mkdir()
    rows = [
        {
            "ad_name": one.ad_name,
            "headline": one.headline,
            "description": one.description,
            "platform": one.platform,
            "impressions": one.impressions,
            "clicks": one.clicks,
        }
        for one in account.creatives
    ]
    pd.DataFrame(rows).to_csv(desk / "account" / "metadata.csv", index=False)
    follow("how-to-make-next.md", desk)
    assert len(pd.read_csv(desk / "concepts" / "concepts.csv")) == len({(one.headline, one.body) for one in account.creatives})
    assert "What to make next" in (desk / "concepts" / "report.html").read_text()
    assert (desk / "new" / "report.html").is_file()


def test_own_face_model(desk: Path) -> None:
    photo = np.ascontiguousarray(data.astronaut()[:300, 60:380])
    Image.fromarray(photo).save(desk / "photo.jpg", quality=95)
    state = originals.random_rosinality(16, depth=2, seed=0)
    originals.save_rosinality(desk / "stylegan2-ffhq.pt", state, torch.ones(originals.W_DIM), is_training_state=False)
    names = follow("how-to-own-face-model.md", desk)
    before, after = (np.asarray(Image.open(name).convert("RGB")).astype(int) for name in ("photo.jpg", "smile.png"))
    assert after.shape == before.shape
    assert 0.02 < (before != after).any(axis=2).mean() < 0.5
    assert names["model"].generator.config.size == 16


def test_faces_and_consent(desk: Path) -> None:
    follow("how-to-faces-and-consent.md", desk)
    (record,) = tomllib.loads((desk / "consents.toml").read_text())["consent"]
    assert record["consent_id"] == "c-17"


def test_impression_logs(desk: Path) -> None:
    for name, seed, num in (("impressions", 0, 5000), ("later", 1, 1500)):
        make_log(num, seed).to_parquet(desk / f"{name}.parquet")
    follow("how-to-impression-logs.md", desk)
    assert len((desk / "rates.csv").read_text().splitlines()) == 1501
    assert '"gates"' in (desk / "metrics.json").read_text()
    assert len((desk / "small-rates.csv").read_text().splitlines()) == 1501
    assert "AUC changed by" in (desk / "small" / "compression.html").read_text()


@pytest.mark.parametrize("thing", [pytest.param("network", marks=pytest.mark.slow), "platform", "metric", "layout"])
def test_adding_to_the_source(thing: str, tmp_path: Path) -> None:
    assert "passed" in follow_in_source(f"how-to-add-a-{thing}.md", tmp_path)


def test_every_page_that_can_be_followed_is_followed() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.parent.rglob("test_*.py"))
    followed = re.findall(r'(?:follow|blocks)\("([\w-]+\.md)"', tests)
    followed += [path.name for path in DOCS.glob("how-to-add-a-*.md")]
    pages = {path.name for path in DOCS.glob("*.md") if any(language != "text" for language, _ in blocks(path.name))}
    assert pages == set(followed)
