"""The verbs on real input with the shipped weights: one small folder, each verb once, then the promises about runs."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.artifacts import hash_files
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError

SMALL = {"population": 4, "generations": 1, "copywriter": "template", "seed": 3}


@pytest.fixture(scope="module")
def ads(ad_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the ads with a picture, and two of words alone, in turn."""
    folder = tmp_path_factory.mktemp("four") / "ads"
    shutil.copytree(ad_folder, folder)
    head, *rows = (folder / "metadata.csv").read_text().splitlines()
    (folder / "metadata.csv").write_text("\n".join([head, *(rows[number] for number in (0, 3, 1, 5))]) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(ads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished optimize run on the ad folder."""
    out = tmp_path_factory.mktemp("run")
    pipeline.optimize(ads, out, **SMALL)
    return out


def results(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def without_time(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_model_without_own_results_calls_its_edits_untested(ads: Path, run: Path) -> None:
    again = pipeline.optimize(ads, run, **SMALL)  # finished: nothing is searched anew
    assert "untested and worth a test" in again.warnings[0]
    assert "worth a test, not a promise" in (run / "report.html").read_text()


def test_score_writes_one_row_per_creative(ads: Path, tmp_path: Path) -> None:
    summary = pipeline.score(ads, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert summary.done == len(rows) == 4
    assert tuple(rows[0]) == pipeline.SCORE_COLUMNS
    for row in rows:
        assert 0 < float(row["ctr_low"]) <= float(row["ctr"]) <= float(row["ctr_high"]) < 1
        assert "simulated" in row["evidence"]
    assert (tmp_path / "scores.failures.csv").read_text().splitlines() == ['"file_name","ad_name","problem","remedy"']


def test_studio_and_score_give_the_same_number(ads: Path, tmp_path: Path) -> None:
    """App and CLI share every step: same bytes, same rate (a brand without history on either side)."""
    (tmp_path / "ads").mkdir()
    name = next((ads / "images").glob("*.*g")).name
    shutil.copy(ads / "images" / name, tmp_path / "ads" / name)
    (tmp_path / "ads" / "metadata.csv").write_text(f"file_name,headline,brand\n{name},Sleep better tonight,Somnia\n")
    creative = Creative(image_path=tmp_path / "ads" / name, headline="Sleep better tonight", brand="Somnia")
    studio = pipeline.Studio()
    said = studio.score_one(creative)
    pipeline.score(tmp_path / "ads", tmp_path / "scores.csv", base_rate=said.ctr)  # so that its level stays as it is
    with (tmp_path / "scores.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert said.ctr == pytest.approx(float(row["ctr"]), abs=1e-6)
    assert (said.ctr_low, said.ctr_high) == pytest.approx((float(row["ctr_low"]), float(row["ctr_high"])), rel=1e-3)
    assert row["evidence"].startswith(said.evidence.removesuffix("."))  # the table adds what was read, and where the ad stands
    assert studio.direction_names[0] == "smile"
    assert not {"brightness", "hair_lightness", "light_side", "age"} & set(studio.direction_names)  # lost when pasted back


def test_words_only_and_broken_rows_are_scored_and_listed(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "metadata.csv").write_text("file_name,headline\n,Try it free today\nbroken.jpg,Hello\ngone.jpg,Hello\n")
    summary = pipeline.score(tmp_path, tmp_path / "out" / "scores.csv")
    with (tmp_path / "out" / "scores.failures.csv").open() as file:
        failures = list(csv.DictReader(file))
    assert (summary.done, summary.failed) == (1, 2)
    assert {row["file_name"] for row in failures} == {"broken.jpg", "gone.jpg"}
    assert all(row["problem"] and row["remedy"] for row in failures)


def test_nothing_usable_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name\ngone.jpg\n")
    with pytest.raises(CatalogError, match=r"nothing in .* can be used \(1 rows failed\).*gone.jpg"):
        pipeline.score(tmp_path, tmp_path / "scores.csv")


def test_optimize_leaves_what_the_contract_names(run: Path) -> None:
    rows = results(run)
    assert len(rows) == 4
    for row in rows:
        assert row["evaluations"] <= 8
        assert row["status"] in {"edited", "kept"}
        if row["edited_image"]:
            before = np.asarray(Image.open(run / str(row["original_image"])))
            after = np.asarray(Image.open(run / str(row["edited_image"])))
            changed = {edit["direction"] for edit in row["edits"]}  # type: ignore[attr-defined, index, union-attr]
            if changed <= {"headline", "description", "cta"} and not row["words_in_picture"]:
                assert np.array_equal(before, after)
    assert "<html" in (run / "report.html").read_text()


def test_a_killed_run_goes_on_and_equals_an_unbroken_one(run: Path, ads: Path, tmp_path: Path) -> None:
    """Two rows and half of the third are left; the finished run must be line for line that of the unbroken one."""
    shutil.copytree(run, tmp_path / "again")
    path = tmp_path / "again" / "results.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:40])
    pipeline.optimize(ads, tmp_path / "again", **SMALL)
    assert without_time(results(tmp_path / "again")) == without_time(results(run))


def test_other_settings_are_not_mixed_into_a_run(run: Path, ads: Path) -> None:
    with pytest.raises(ConfigError, match="seed"):
        pipeline.optimize(ads, run, **{**SMALL, "seed": 4})


def test_signed_and_unsigned_ads_do_not_share_a_run(run: Path, ads: Path, tmp_path: Path) -> None:
    for name in ("certificate.pem", "key.pem"):
        (tmp_path / name).write_text("-----BEGIN\n")
    signing = pipeline.signing_config(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with pytest.raises(ConfigError, match=r"belongs to a run with other settings \(signed_by\)"):
        pipeline.optimize(ads, run, **SMALL, signing=signing)


def test_another_file_of_a_language_model_does_not_go_on_with_a_run(run: Path, ads: Path, tmp_path: Path) -> None:
    copy, writer = tmp_path / "run", tmp_path / "writer.gguf"
    shutil.copytree(run, copy)
    writer.write_bytes(b"GGUF two")
    settings = json.loads((copy / "results.run.json").read_text())
    settings |= {"copywriter": str(writer), "copywriter_sha256": hash_files(writer)}
    (copy / "results.run.json").write_text(json.dumps(settings))
    pipeline.optimize(ads, copy, **{**SMALL, "copywriter": str(writer)})  # all rows are there: nothing is written
    writer.write_bytes(b"GGUF one")
    with pytest.raises(ConfigError, match=r"belongs to a run with other settings \(copywriter_sha256\)"):
        pipeline.optimize(ads, copy, **{**SMALL, "copywriter": str(writer)})


def test_stop_keeps_what_is_done(ads: Path, tmp_path: Path) -> None:
    done = []
    summary = pipeline.optimize(
        ads, tmp_path, **SMALL, progress=lambda stage, n, total: done.append(n), should_stop=lambda: 1 in done
    )
    assert summary.stopped
    assert len(results(tmp_path)) == 1


def test_unknown_direction_is_refused(ads: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no direction named 'sex'; known: .*smile"):
        pipeline.optimize(ads, tmp_path, directions=["sex"])


def test_evaluate_writes_the_contract_keys(ads: Path, tmp_path: Path) -> None:
    metrics = pipeline.evaluate(ads, tmp_path / "metrics.json")
    keys = {"n", "pairwise_accuracy", "pairwise_accuracy_significant", "spearman", "ndcg_at_10", "log_loss", "ece"}
    assert keys <= set(metrics)
    assert json.loads((tmp_path / "metrics.json").read_text())["n"] == 4


def test_evaluate_needs_results(tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("headline\nHello there\n")
    with pytest.raises(CatalogError, match="both impressions and clicks"):
        pipeline.evaluate(tmp_path / "ads.csv", tmp_path / "m.json")


def test_train_needs_enough(ads: Path, tmp_path: Path) -> None:
    from adcreative.errors import TrainingError

    with pytest.raises(TrainingError, match="at least"):
        pipeline.train(ads, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_models_lists_every_weight() -> None:
    names = {row["name"] for row in pipeline.models()}
    assert {"faces", "predictor", "judge", "headline", "minilm", "smollm2-135m"} <= names


def test_a_model_fitted_with_other_encoders_is_refused(tmp_path: Path) -> None:
    """Numbers from other encoders mean something else; nothing in them would show it."""
    from adcreative.errors import ArtifactError
    from adcreative.verbs.loading import load_model

    shipped = load_model()
    for name, model in shipped._asdict().items():
        model = copy.deepcopy(model)
        hashes = dict.fromkeys(model.config.encoder_hashes, "0" * 64)
        model.config = dataclasses.replace(model.config, encoder_hashes=hashes)
        model.__dict__.pop("content_hash", None)
        model.save(tmp_path / name)
    with pytest.raises(ArtifactError, match=r"the model was fitted with .* 000000000000, here it is"):
        load_model(tmp_path)


def test_realised_uplift_is_read_from_what_is_delivered(ads: Path, run: Path) -> None:
    from adcreative.catalog import read_catalog
    from adcreative.verbs.demo import realised_uplift

    class LengthTruth:
        """A planted rate that is the length of the headline."""

        def true_ctr(self, creative: Creative) -> float:
            return len(creative.headline) / 1000

    rows = results(run)
    truth = realised_uplift(LengthTruth(), read_catalog(ads).creatives, rows, run)  # type: ignore[arg-type]
    before = np.mean([len(str(row["headline_original"])) for row in rows]) / 1000
    after = np.mean([len(str(row["headline_edited"])) for row in rows]) / 1000
    assert truth["mean_true_original"] == pytest.approx(before)
    assert truth["mean_true_delivered"] == pytest.approx(after)
    assert f"{truth['num_worse']} of {len(rows)} became worse" in truth["sentence"]


def test_an_unknown_name_is_refused_and_every_public_one_is_found() -> None:
    assert {"Studio", "optimize", "score"} <= {name for name in pipeline.__all__ if getattr(pipeline, name) is not None}
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        _ = pipeline.scores  # type: ignore[attr-defined]


def test_a_verb_loads_no_other(tmp_path: Path) -> None:
    """`score` waits neither for the tables of logs nor for what only fitting needs."""
    code = "import sys; from adcreative.pipeline import score; from adcreative.verbs import loading; "
    code += "print([name for name in ('pandas', 'scipy.ndimage', 'scipy.optimize', 'sklearn') if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
