"""The verbs after the edit, through the command line: from a run to a plan, out to a platform, and back."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog import read_catalog
from adcreative.cli.app import app
from adcreative.delivery.experiment.variants import read_variants
from adcreative.errors import ConfigError
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.sidecar import build_sidecar, export_picture, read_sidecar, write_sidecar
from adcreative.runs.outputs import LIST_NAME
from tests.catalog.conftest import write_csv
from tests.delivery.conftest import result_row

runner = CliRunner()


def call(*arguments: object) -> tuple[int, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def write_results(path: Path, plan: Path, clicks: dict[str, int]) -> Path:
    """Write a Meta export by day, ten days of 3,000 impressions an arm, clicks a day by arm."""
    arms = [arm for test in json.loads((plan / "plan.json").read_text())["tests"] for arm in test["arms"]]
    rows = [
        {
            "Reporting starts": f"2026-11-{day:02}",
            "Reporting ends": f"2026-11-{day:02}",
            "Ad name": arm["name"],
            "Amount spent (EUR)": 9.5,
            "Impressions": "3,000",
            "Link clicks": clicks[arm["arm"]],
            "CTR (all)": 77,
        }
        for day in range(1, 11)
        for arm in arms
    ]
    stranger = {**rows[0], "Ad name": "Another ad"}
    total = {**rows[0], "Ad name": "", "Impressions": "123,000", "Link clicks": 999}
    return write_csv(path, [*rows, stranger, total])


def test_from_a_run_to_an_answer_and_to_the_next_training(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, plan = make_run(), tmp_path / "plan"
    code, output = call("plan-test", run, "--out", plan, "--campaign", "spring", "--daily-impressions", 20000, "--level", 0.01)
    assert code == 0
    assert "2 comparisons planned: " in output
    assert "predicted +25.0% (nine times in ten +10.0% to +42.0%), " in output
    assert "days; if the true change is only +10.0%, " in output
    assert "warning: Summer-sale_version-B_acv" in output

    results = write_results(tmp_path / "results.csv", plan, {"control": 60, "edited": 90})
    code, output = call("read-out", results, "--plan", plan, "--out", tmp_path / "read-out.json")
    assert code == 0
    assert output.count("edited: winner (+50.0%") == 2
    assert 'such as "Another ad"' in output
    tests = json.loads((tmp_path / "read-out.json").read_text())["tests"]
    assert [(t["test"], t["arms"][0]["answer"], t["control_clicks"], t["level"]) for t in tests] == [
        ("00001", "winner", 600, 0.01),
        ("00002", "winner", 600, 0.01),
    ]

    store = tmp_path / "account.duckdb"
    code, output = call(
        "import-results", results, "--db", store, "--run", run, "--campaign", "spring", "--training", tmp_path / "next"
    )
    assert code == 0
    assert "40 rows taken" in output
    assert "4 rows to train on" in output
    assert "came true" in output
    with store.with_suffix(".csv").open(newline="") as file:
        outcomes = list(csv.DictReader(file))
    assert {(row["arm"], row["ctr_real"]) for row in outcomes} == {("control", "0.02"), ("edited", "0.03")}
    assert json.loads(store.with_suffix(".json").read_text())["clicks"] == 4 * 600 + 2 * 300 == 3000
    assert [c.impressions for c in read_catalog(tmp_path / "next").creatives] == [30_000] * 4
    before = store.with_suffix(".csv").read_bytes()
    assert "nothing changed" in call("import-results", results, "--db", store)[1]
    assert store.with_suffix(".csv").read_bytes() == before


@pytest.mark.parametrize("format", ["google-editor", "meta-bulk", "adcp"])
def test_export_names_what_the_plan_names(make_run: Callable[..., Path], tmp_path: Path, format: str) -> None:
    run, out = make_run(), tmp_path / "out" / "ads.txt"
    call("plan-test", run, "--out", tmp_path, "--campaign", "spring", "--daily-impressions", 20000)
    code, output = call(
        "export",
        run,
        "--out",
        out,
        "--format",
        format,
        "--campaign",
        "spring",
        "--url",
        "https://example.com",
        "--extra-headline",
        "Sleep well",
        "--extra-headline",
        "Free returns",
        "--extra-description",
        "For quiet nights.",
        "--approved-by",
        "Ada Example",
    )
    assert code == 0, output
    content = out.read_text()
    names = [arm["name"] for test in json.loads((tmp_path / "plan.json").read_text())["tests"] for arm in test["arms"]]
    written = [name for name in names if name in content]
    assert written == names[: 3 if format == "google-editor" else 4]  # one hostile headline is too long for Google


def approvals_of(run: Path) -> list[dict[str, Any]]:
    return [event for event in pipeline.read_events(run) if event["event"] == "approved"]


def test_nothing_is_exported_without_an_approval(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, out = make_run(), tmp_path / "out" / "ads.csv"
    asked = ("export", run, "--out", out, "--format", "meta-bulk", "--campaign", "spring", "--url", "https://example.com")
    for refused, why in (
        (asked, "nobody approved the edits of run yet"),
        ((*asked, "--market", "eu"), "belong to an approval"),
        ((*asked, "--approved-by", " "), "needs the name"),
        ((*asked, "--approved-by", "Ada", "--market", "atlantis"), "no disclosure rules"),
    ):
        code, output = call(*refused)
        assert (code, output.count("adcreative:"), out.exists(), pipeline.read_events(run)) == (2, 1, False, [])
        assert why in output
        assert "--approved-by" in output or "Ada" in refused or " " in refused
    code, output = call(*asked, "--approved-by", "Ada Example", "--market", "eu", "--market", "meta")
    assert code == 0, output
    assert "2 edits approved by Ada Example; to be disclosed there: " in output
    (event,) = approvals_of(run)
    assert (event["event"], event["by"], event["markets"], event["num_edits"]) == ("approved", "Ada Example", ["eu", "meta"], 2)
    assert event["disclosures"]
    out.unlink()
    assert call(*asked)[0] == 0
    assert out.is_file()
    assert len(approvals_of(run)) == 1
    told = ["exported", *4 * ["exported_picture"], "exported_tables"]
    assert [event["event"] for event in pipeline.read_events(run)] == ["approved", *told, *told]


@pytest.mark.parametrize("format", ["meta-bulk", "adcp"])
def test_pictures_of_others_beside_an_export_stay(make_run: Callable[..., Path], tmp_path: Path, format: str) -> None:
    run = make_run()
    options: dict[str, Any] = {"format": format, "campaign": "spring", "url": "https://example.com"}
    name = read_variants(run, "spring")[1].name
    foreign = tmp_path / "out-images" / f"{name}.png"
    foreign.parent.mkdir()
    foreign.write_bytes(b"mine")
    with pytest.raises(ConfigError, match=rf"{name}\.png is there already and is not, .* --restart"):
        pipeline.export(run, tmp_path / "out.csv", approved_by="Ada", **options)
    assert (foreign.read_bytes(), pipeline.read_events(run)) == (b"mine", [])
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out-images"]
    pipeline.export(run, tmp_path / "out.csv", approved_by="Ada", restart=True, **options)
    assert foreign.read_bytes() == (run / "images" / "1.edited.png").read_bytes()


def test_an_export_writes_its_own_pictures_anew_and_purge_forgets_their_names(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run, options = make_run(), {"format": "meta-bulk", "campaign": "spring", "url": "https://example.com"}
    pipeline.export(run, tmp_path / "out.csv", approved_by="Ada", **options)
    pictures = tmp_path / "out-images"
    assert (pictures.stat().st_mode & 0o777, len(list(pictures.glob("*.png")))) == (0o700, 4)
    other = np.full((64, 80, 3), 5, np.uint8)
    export_picture(run / "images" / "1.edited.png", other, is_edited=True, result=result_row(1))  # the run was continued since
    pipeline.export(run, tmp_path / "out.csv", approved_by="Ada", **options)
    pipeline.purge(run, creative="Ad 1", keep_cache=True)
    assert len(list(pictures.glob("*.png"))) == 2
    assert "Ad-1" not in (pictures / LIST_NAME).read_text()
    pipeline.purge(run, keep_cache=True)
    assert not pictures.exists()


def test_an_approval_covers_what_was_there_and_no_more(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, options = make_run(), {"format": "meta-bulk", "campaign": "spring", "url": "https://example.com"}
    picture = run / "images" / "1.edited.png"
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    write_sidecar(picture, build_sidecar(rows[0], picture, models={}, source_type="composite"))
    pipeline.export(run, tmp_path / "a.csv", approved_by="Ada", **options)
    assert read_sidecar(picture)["human_approval"]["by"] == "Ada"
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (rows[1], rows[0], *rows[2:])))
    pipeline.export(run, tmp_path / "b.csv", **options)  # several processes write rows in any order
    rows[1]["headline_edited"] = "Words that nobody saw"
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ConfigError, match=r"edits of run are others than Ada approved \(.* of row 2\); .* --approved-by NAME"):
        pipeline.export(run, tmp_path / "c.csv", **options)
    picture.write_bytes(picture.read_bytes() + b"x")
    with pytest.raises(ProvenanceError, match=r"1.edited.png was changed"):
        pipeline.export(run, tmp_path / "c.csv", approved_by="Ben", **options)
    assert [event["by"] for event in approvals_of(run)] == ["Ada"]


def test_an_approved_edit_says_that_a_person_chose_it(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run, options = make_run(), {"format": "adcp", "campaign": "spring", "url": "https://example.com", "approved_by": "Ada"}
    for asked, said in (({}, "selected"), ({"human_oversight": "directed"}, "directed")):
        summary = pipeline.export(run, tmp_path / "a.json", **options, **asked)
        assert json.loads(summary.path.read_text())["creatives"][1]["manifest"]["provenance"]["human_oversight"] == said


def test_a_read_out_without_a_plan_needs_the_control(tmp_path: Path) -> None:
    rows = [{"Ad name": name, "Impressions": 50_000, "Link clicks": x} for name, x in (("old", 1000), ("new", 1010))]
    results = write_csv(tmp_path / "results.csv", rows)
    summary = pipeline.read_out(results, tmp_path / "out.json", control="old")
    assert summary.lines[0].startswith("new: go on (+1.0%, between -")
    with pytest.raises(ConfigError, match=r"either the plan of the test .* or the name of its control"):
        pipeline.read_out(results, tmp_path / "out.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["plan-test", "{tmp}", "--out", "p", "--campaign", "c", "--daily-impressions", "9"],
            "not a folder written by optimize",
        ),
        (["read-out", "{tmp}/none.csv", "--control", "a", "--out", "r.json"], "there is no file at"),
        (["read-out", "{tmp}/r.csv", "--plan", "{tmp}", "--out", "r.json"], "not a plan written by plan-test"),
        (["import-results", "{tmp}/r.csv", "--db", "{tmp}/a.duckdb", "--run", "x"], "--run and --campaign belong together"),
        (["import-results", "{tmp}/r.csv", "--db", "{tmp}/a.duckdb"], "belongs to a known variant"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_csv(tmp_path / "r.csv", [{"Ad name": "a", "Impressions": 10, "Link clicks": 1}])
    code, output = call(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert code == 2
    assert message in output.replace("\n", " ")
    assert output.count("adcreative:") == 1


def test_the_verbs_load_no_torch() -> None:
    parts = ("plan", "read_out", "export", "loop", "recalibration", "joining")
    imports = ", ".join(f"adcreative.delivery.experiment.{part}" for part in parts)
    code = f"import sys, adcreative.verbs.campaign, {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("verb", ["train", "score", "optimize", "evaluate"])
def test_every_verb_that_reads_a_table_takes_a_mapping(tmp_path: Path, verb: str) -> None:
    (tmp_path / "m.json").write_text('{"Klick": "clickz"}')
    (tmp_path / "ads.csv").write_text("headline,impressions,Klick\nHi,1000,10\n")
    code, output = call(verb, tmp_path / "ads.csv", "--out", tmp_path / "out", "--columns", tmp_path / "m.json")
    assert code == 2
    assert '"Klick" is mapped to' in output


def test_one_is_counted_as_one(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run = make_run([result_row(1)])
    _, output = call("plan-test", run, "--out", tmp_path, "--campaign", "spring", "--daily-impressions", 20000)
    assert "\n1 comparison planned: " in output


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {}},
        {"settings": {"level": True}},
        {"settings": {"level": 2}},
        {"tests": {}},
        {"tests": [[]]},
        {"tests": [{"test": "1", "arms": [{"variant_id": "acv0123456789ab"}]}]},
        {"tests": [{"test": 1, "effect_scale": None, "impressions_per_arm_peeking": None, "arms": []}]},
        {"tests": [{"test": "1", "effect_scale": -1, "impressions_per_arm_peeking": None, "arms": []}]},
    ],
)
def test_a_plan_of_another_shape_is_refused(change: dict, tmp_path: Path) -> None:
    from adcreative.delivery.experiment.joining import read_plan

    arms = [{"variant_id": f"acv{number}", "arm": arm, "name": arm} for number, arm in enumerate(("control", "edited"))]
    test = {"test": "1", "effect_scale": None, "impressions_per_arm_peeking": 9000, "arms": arms}
    plan = {"settings": {"level": 0.05}, "tests": [test]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert read_plan(tmp_path) == plan
    (tmp_path / "plan.json").write_text(json.dumps(plan | change))
    with pytest.raises(ConfigError, match="is not a plan written by plan-test"):
        read_plan(tmp_path)
