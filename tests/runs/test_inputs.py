"""--restart writes over what others wrote, never over what is read: by name, by link and by hard link, of every verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.artifacts import save_artifact
from adcreative.creative import Creative
from adcreative.errors import ConfigError
from adcreative.runs.engines import BatchConfig
from adcreative.runs.outputs import check_outputs, own_outputs
from tests import fake_models

RESTART = BatchConfig(restart=True)
EXPORT = {"format": "meta-bulk", "campaign": "c", "url": "https://x.de", "approved_by": "Ada"}


def picture(path: Path, level: int = 9) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((64, 64, 3), level, np.uint8)).save(path)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of ads of every kind, a table beside its pictures, a run, and other names for all of them."""
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    for folder in ("sole", "ads", "linked", "bare", "pics", "beside"):
        picture(tmp_path / folder / "a.png")
    table = "file_name,headline,impressions,clicks\na.png,Sleep well,1000,20\n"
    (tmp_path / "sole" / "my ads.csv").write_text(table)
    (tmp_path / "ads" / "metadata.csv").write_text(table)
    (tmp_path / "real.csv").write_text(table)
    (tmp_path / "linked" / "metadata.csv").symlink_to(tmp_path / "real.csv")
    (tmp_path / "beside" / "t.csv").write_text(table)
    (tmp_path / "export.csv").write_text(table)
    (tmp_path / "kit.json").write_text("{}")
    (tmp_path / "words").mkdir()
    for part in ("config.json", "vocab.txt"):
        (tmp_path / "words" / part).write_text("{}")
    for name, target in (("table.csv", "ads/metadata.csv"), ("picture.csv", "ads/a.png"), ("bare.csv", "bare/a.png")):
        os.link(tmp_path / target, tmp_path / f"hard-{name}")
        (tmp_path / f"soft-{name}").symlink_to(tmp_path / target)
    with own_outputs((tmp_path / "ours" / "metadata.csv",), ()):  # as demo writes it
        (tmp_path / "ours" / "metadata.csv").write_text(table)
    picture(tmp_path / "ours" / "a.png", 3)
    pipeline.optimize(tmp_path / "ours", tmp_path / "run")
    return tmp_path


ATTACKS: dict[str, Callable[[Path], object]] = {
    "the only table": lambda at: pipeline.score(at / "sole", at / "sole" / "my ads.csv", batch=RESTART),
    "the only table, check": lambda at: pipeline.check(at / "sole", at / "sole" / "my ads.csv", restart=True),
    "a table that is a link": lambda at: pipeline.score(at / "linked", at / "linked" / "metadata.csv", batch=RESTART),
    "where a table leads": lambda at: pipeline.score(at / "linked", at / "real.csv", batch=RESTART),
    "a hard link of the table": lambda at: pipeline.score(at / "ads", at / "hard-table.csv", batch=RESTART),
    "a link to the table": lambda at: pipeline.score(at / "ads", at / "soft-table.csv", batch=RESTART),
    "a hard link of a picture": lambda at: pipeline.check(at / "ads", at / "hard-picture.csv", restart=True),
    "a link to a picture": lambda at: pipeline.check(at / "bare", at / "soft-bare.csv", restart=True),
    "a hard link of a table's picture": lambda at: pipeline.check(
        at / "ads" / "metadata.csv", at / "hard-picture.csv", restart=True
    ),
    "a roundabout name": lambda at: pipeline.score(at / "ads", at / "pics" / ".." / "ads" / "a.png", batch=RESTART),
    "a picture of --images": lambda at: pipeline.score(
        at / "export.csv", at / "pics" / "a.png", images=at / "pics", batch=RESTART
    ),
    "a table to be, where pictures are": lambda at: pipeline.score(at / "bare", at / "bare" / "metadata.csv", batch=RESTART),
    "a picture beside a table": lambda at: pipeline.evaluate(at / "beside" / "t.csv", at / "beside" / "a.json", restart=True),
    "the explained picture": lambda at: pipeline.explain(
        Creative(image_path=at / "why" / "heat.png"), at / "why", restart=True
    ),
    "the picture of an export's benchmark": lambda at: pipeline.benchmark(
        "adsee", at / "bench", data=at / "bench" / "adsee.csv", restart=True
    ),
    "the brand kit": lambda at: pipeline.describe(at / "export.csv", at / "kit.json", brand_kit=at / "kit.json", restart=True),
    "the account that is learnt from": lambda at: pipeline.train(at / "plots", at / "plots", restart=True),
    "ranked columns": lambda at: pipeline.rank_features(at / "export.csv", at / "export.csv", restart=True),
    "rows of an earlier run": lambda at: pipeline.optimize(at / "own" / "results.jsonl", at / "own", batch=RESTART),
    "pictures of an earlier run": lambda at: pipeline.optimize(at / "run" / "images", at / "run", batch=RESTART),
    "pictures of a run among ads": lambda at: pipeline.optimize(at / "bare", at / "bare" / "run", batch=RESTART),
    "an archive over the ads of its run": lambda at: pipeline.archive(at / "run", at / "ours" / "a.png", restart=True),
    "results over the run": lambda at: pipeline.import_results(
        at / "export.csv", at / "run" / "results.jsonl", run=at / "run", campaign="c", restart=True
    ),
    "the personas": lambda at: pipeline.score(
        at / "export.csv", at / "kit.json", persona=at / "kit.json", audit=at / "real.csv", batch=RESTART
    ),
    "the audit of personas": lambda at: pipeline.score(
        at / "export.csv", at / "kit.json", persona=at / "real.csv", audit=at / "kit.json", batch=RESTART
    ),
    "the ledger": lambda at: pipeline.read_out(
        at / "export.csv", at / "kit.json", plan=at / "plan", ledger=at / "kit.json", restart=True
    ),
    "an export as the ledger": lambda at: pipeline.read_out(
        at / "export.csv", at / "new.json", plan=at / "plan", ledger=at / "export.csv", restart=True
    ),
    "a store of results called like its table": lambda at: pipeline.import_results(at / "export.csv", at / "store.csv"),
    "a word encoder, place": lambda at: pipeline.place(
        at / "real.csv", at / "words" / "vocab.txt", creatives=at / "export.csv", text_encoder=str(at / "words"), restart=True
    ),
    "a word encoder, target": lambda at: pipeline.target(
        at / "export.csv",
        at / "words" / "vocab.txt",
        labels=at / "real.csv",
        index=at / "index",
        text_encoder=str(at / "words"),
        restart=True,
    ),
    "a word encoder, extend": lambda at: pipeline.extend(
        at / "export.csv", at / "words" / "vocab.txt", seeds=["a"], text_encoder=str(at / "words"), restart=True
    ),
    **{
        f"export over {name}, restart {restart}": lambda at, name=name, restart=restart: pipeline.export(  # type: ignore[misc]
            at / "run", next(at.glob(name)), **EXPORT, restart=restart
        )
        for restart in (False, True)
        for name in (
            "run/results.run.json",
            "run/results.jsonl",
            "run/report.html",
            "run/images/*.original.png",
            "ours/metadata.csv",
            "ours/a.png",
        )
    },
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_verb_writes_over_what_it_reads(name: str, at: Path) -> None:
    picture(at / "why" / "heat.png")
    picture(at / "plots" / "reliability.png")
    (at / "plots" / "metadata.csv").write_text("file_name,impressions,clicks\nreliability.png,1000,20\n")
    (at / "own").mkdir()
    (at / "own" / "results.jsonl").write_text('{"headline": "Sleep well"}\n')
    (at / "bench").mkdir()
    (at / "bench" / "adsee.csv").write_text("headline,impressions,clicks\nSleep well,1000,20\n")
    audit = at / "run" / "audit.jsonl"
    before = {path: path.read_bytes() for path in at.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"is what is read|would be taken for ads|holds pictures of"):
        ATTACKS[name](at)
    after = {path: path.read_bytes() for path in at.rglob("*") if path.is_file()}
    assert {**after, audit: b""} == {**before, audit: b""}  # an approval may be noted before


def test_results_beside_what_is_read_are_written_again(at: Path) -> None:
    """A folder of ads may hold what was made of them."""
    for _ in range(2):
        pipeline.score(at / "ads", at / "ads" / "scores.csv")
        pipeline.check(at / "beside" / "t.csv", at / "beside" / "checked.csv")
        pipeline.check(at / "sole", at / "sole" / "checked.csv")
        pipeline.export(at / "run", at / "run" / "up.csv", **EXPORT)
        pipeline.optimize(at / "ours", at / "run")
    (at / "ads" / "scores.csv").write_text("with notes of mine")
    pipeline.score(at / "ads", at / "ads" / "scores.csv", batch=RESTART)


@pytest.mark.parametrize("name", ["predictor/manifest.json", "models.json", "predictor/model-*.safetensors", "words/vocab.txt"])
def test_no_part_of_a_model_is_written_over(name: str, tmp_path: Path) -> None:
    save_artifact(tmp_path / "model" / "predictor", kind="k", format_version=1, tensors={"w": np.zeros(2)}, notes={})
    (tmp_path / "model" / "models.json").write_text("{}")
    (tmp_path / "words").mkdir()
    for part in ("config.json", "vocab.txt"):
        (tmp_path / "words" / part).write_text("{}")
    (path,) = [found for folder in ("model", ".") for found in tmp_path.glob(f"{folder}/{name}")]
    with pytest.raises(ConfigError, match="is what is read"):
        check_outputs((path,), (tmp_path / "model", tmp_path / "words"), restart=True)
    check_outputs((tmp_path / "model" / "scores.csv",), (tmp_path / "model", tmp_path / "words"))
