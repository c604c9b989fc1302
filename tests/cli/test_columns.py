"""Unknown columns of an export are shown at the command line and read only when somebody agrees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.mapping import read_settings
from adcreative.cli.app import app
from adcreative.cli.columns import Export
from adcreative.errors import CatalogError, ConfigError
from adcreative.verbs import loading

SWEDISH = "Annonsens namn;Antal visningar;Antal klick\nSol;12 345;185\nHav;2 000;30\nStrand;9 000;90\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_unknown_columns_are_proposed_and_kept_for_the_next_call(tmp_path: Path) -> None:
    export, out = write(tmp_path / "svenska.csv", SWEDISH), tmp_path / "model"
    with pytest.raises(
        ConfigError, match=r"svenska\.csv are not known by name; look at the proposal in .*model\.columns\.toml"
    ):
        Export().confirm(export, out, None)
    mapping = Export(yes=True).confirm(export, out, None)
    assert mapping == tmp_path / "model.columns.toml"
    assert read_settings(mapping).columns["Antal visningar"] == "impressions"
    assert Export().confirm(export, out, mapping) == mapping  # what was agreed to needs no second yes
    mapping.write_text("[columns]\n")
    with pytest.raises(ConfigError, match=r"model\.columns\.toml is there and was not written by a proposal"):
        Export(yes=True).confirm(export, out, None)
    assert mapping.read_text() == "[columns]\n"


def test_known_columns_and_folders_need_no_question(tmp_path: Path) -> None:
    export = write(tmp_path / "meta.csv", "Ad name,Impressions,Link clicks\nSea,1000,10\n")
    assert Export().confirm(export, tmp_path / "m", None) is None
    assert Export().confirm(tmp_path, tmp_path / "m", None) is None
    assert Export().confirm(write(tmp_path / "ad.png", "a picture"), tmp_path / "m", None) is None
    own = write(tmp_path / "ads.csv", "headline,brand\nSleep better,Somnia\n")
    assert Export().confirm(own, tmp_path / "m", None, needs_results=False) is None
    assert not list(tmp_path.glob("*.toml"))


def test_sheet_and_name_pattern_are_written_for_the_verb(tmp_path: Path) -> None:
    export = write(tmp_path / "meta.csv", "Ad name,Impressions,Link clicks\na_b,1000,10\n")
    mapping = Export(sheet="Raw data", name_pattern="{concept}_{kind}").confirm(export, tmp_path / "m", None)
    settings = read_settings(mapping)
    assert (settings.sheet, settings.name_pattern, dict(settings.columns)) == ("Raw data", "{concept}_{kind}", {})


def test_a_report_without_ads_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    export = write(tmp_path / "meta.csv", "Campaign name,Impressions,Link clicks\nSpring,1000,10\n")
    with pytest.raises(CatalogError, match="is a campaign report"):
        Export(yes=True).confirm(export, tmp_path / "m", None)


def test_train_takes_an_export_with_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = write(tmp_path / "svenska.csv", SWEDISH)
    given: dict[str, Any] = {}

    def train(data: Path, out: Path, settings: pipeline.TrainSettings, **told: Any) -> pipeline.RunSummary:
        given.update(vars(settings), data=data)
        return pipeline.RunSummary(path=out, done=3, failed=0)

    monkeypatch.setattr(pipeline, "train", train)
    arguments = ["train", str(export), "--out", str(tmp_path / "model"), "--images", str(tmp_path)]
    refused = CliRunner().invoke(app, arguments)
    assert (refused.exit_code, given) == (2, {})
    assert "Antal klick: clicks" in refused.output
    done = CliRunner().invoke(app, [*arguments, "--yes"])
    assert done.exit_code == 0
    assert (given["data"], given["images"], given["columns"]) == (export, tmp_path, tmp_path / "model.columns.toml")


def test_what_numbers_are_is_said_at_the_terminal_and_kept(tmp_path: Path) -> None:
    rows = "".join(f"Ad {n},100000,0.1{n}\n" for n in range(3))
    export = write(tmp_path / "ads.csv", f"Ad name,Impressions,CTR\n{rows}")
    arguments = ["read-out", str(export), "--out", str(tmp_path / "out.json"), "--control", "Ad 0"]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert 'the column "CTR" may hold percent or shares' in " ".join(refused.output.split())
    done = CliRunner().invoke(app, [*arguments, "--rates", "percent"])
    assert done.exit_code == 0, done.output
    kept = tmp_path / "out.json.columns.toml"
    assert 'rates = "percent"' in kept.read_text()
    again = CliRunner().invoke(app, [*arguments, "--columns", str(kept), "--decimals", "point"])
    assert again.exit_code == 0, again.output
    assert 'decimals = "point"\nrates = "percent"' in kept.read_text()


DECIMALS = 'ad_name,headline,impressions,clicks,spend\na,Sea,1000,10,"1,250"\nb,Hill,2000,20,"2,500"\n'
RATES = "ad_name,headline,impressions,ctr\na,Sea,1000,0.12\nb,Hill,2000,0.10\n"
DAYS = "ad_name,headline,day,impressions,clicks\na,Sea,01/02/2026,1000,10\nb,Hill,02/03/2026,2000,20\n"
TWO_KINDS = "ad_name,headline,impressions,Impressions (total),clicks\na,Sea,1000,1200,10\nb,Hill,2000,2400,20\n"
OTHER_NAMES = "annons,visat,klickat\na,1000,10\nb,2000,20\n"
READS: dict[str, tuple[str, ...]] = {
    "score": ("TABLE", "--out", "scores.csv"),
    "read": ("TABLE", "--out", "words.csv"),
    "optimize": ("TABLE", "--out", "run"),
    "train": ("TABLE", "--out", "model"),
    "concepts": ("TABLE", "--out", "concepts"),
    "rotate": ("TABLE", "--log", "TABLE", "--out", "plan.csv"),
    "forecast": ("TABLE", "--out", "lives.csv"),
    "read-out": ("TABLE", "--control", "a", "--out", "out.json"),
    "import-results": ("TABLE", "--db", "new.duckdb"),
    "tools rank-features": ("TABLE", "--out", "ranks.csv"),
    "tools evaluate": ("TABLE", "--out", "metrics.json"),
    "tools evaluate-policy": ("TABLE", "--out", "policy.json"),
    "tools benchmark": ("adsee", "--data", "TABLE", "--out", "bench"),
}


def refuse_models(*_: Any, **__: Any) -> None:
    raise ConfigError("the table was read")


@pytest.mark.parametrize(
    "table",
    [DECIMALS, RATES, DAYS, TWO_KINDS, OTHER_NAMES],
    ids=["decimals", "rates", "days", "two columns", "other names"],
)
def test_a_refusal_names_only_options_that_the_command_has(table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("load_tools", "load_model", "load_scorer", "load_predictor", "load_words"):
        monkeypatch.setattr(loading, name, refuse_models)
    write(tmp_path / "TABLE.csv", table)
    num_refused = 0
    for name, given in READS.items():
        command: Any = typer.main.get_command(app)
        for word in name.split():
            command = command.commands[word]
        known = {option for one in command.params for option in one.opts}
        said = CliRunner().invoke(app, [*name.split(), *(one.replace("TABLE", "TABLE.csv") for one in given)])
        words = said.output.replace("where the command takes --columns", "")
        assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", words)) <= known, (name, said.output)
        num_refused += said.exit_code == 2 and "the table was read" not in said.output
    assert num_refused >= 5
