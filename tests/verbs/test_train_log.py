"""From a log of made-up impressions to a model: proposed schema, training, resumption, saved predictions, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.catalog.formats.logs import iter_log, read_sample
from adcreative.catalog.log_schema import load_schema
from adcreative.cli.app import app
from adcreative.ctr.inputs.log_encoding import LogEncoding, fit_encoding
from adcreative.ctr.log_network import LogModel
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.errors import ArtifactError, CatalogError, ConfigError, TrainingError
from adcreative.verbs import use_log

QUICK = """
[inputs]
embedding_dim = 4
[training]
batch_size = 256
max_epochs = 5
learning_rate = 0.01
"""
NETWORK_SETTINGS = {
    "dnn": "hidden_dims = [16]",
    "finalmlp": "hidden_dims_1 = [16]\nhidden_dims_2 = [16]\ncontext_1 = ['placement']",
    "autoint": "attention_dim = 8\nnum_layers = 1",
    "optinter": "hidden_dims = [16]",
    "esmm": "hidden_dims = [16]",
    "fgcnn": "channels = [3]\nkernel_heights = [3]\npool_sizes = [2]\nnew_maps = [2]\nhidden_dims = [16]",
    "adaptdhm": "hidden_dims = [16]",
    "din": "hidden_dims = [16]",
    "qin": "num_layers = 1\nnum_rows = 2",
    "sdim": "num_hashes = 6\nhidden_dims = [16]",
}


def make_log(num: int, seed: int = 0) -> pd.DataFrame:
    """Clicks hang on the pair (placement, style) and on how often the style was clicked before."""
    rng = np.random.default_rng(seed)
    placement, style = rng.integers(0, 3, num), rng.integers(0, 8, num)
    past = [[f"s{k}" for k in rng.integers(0, 8, rng.integers(0, 5))] for _ in range(num)]
    seen = np.array([sum(one == f"s{k}" for one in row) for row, k in zip(past, style, strict=True)])
    effect = np.random.default_rng(1).normal(0, 1.2, (3, 8))
    click = rng.random(num) < 1 / (1 + np.exp(-(effect[placement, style] + 0.8 * seen - 0.8)))
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, 200, num),
            "click": click.astype(int),
            "placement": [f"p{k}" for k in placement],
            "style": [f"s{k}" for k in style],
            "bid": rng.normal(2.0, 0.5, num),
            "tags": [["a", "b"][: 1 + k % 2] for k in style],
            "style_history": past,
            "conversion": (click & (rng.random(num) < 0.3)).astype(int),
        }
    )


SCHEMA = """
label = "click"
user = "user_id"
categorical = ["placement", "style"]
numeric = ["bid"]
multi_valued = ["tags"]
conversion = "conversion"
[sequences]
style_history = "style"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    make_log(3000).to_parquet(folder / "log.parquet")
    (folder / "schema.toml").write_text(SCHEMA)
    return folder


def train(folder: Path, out: Path, network: str, **options: Any) -> pipeline.LogSummary:
    settings = out.parent / f"{out.name}.toml"
    settings.write_text(QUICK + (f"[network]\n{NETWORK_SETTINGS[network]}\n" if network in NETWORK_SETTINGS else ""))
    return pipeline.train_log(
        folder / "log.parquet", out, schema=folder / "schema.toml", network=network, settings=settings, **options
    )


def test_the_proposed_schema_names_each_column_s_part(folder: Path, tmp_path: Path) -> None:
    text = pipeline.inspect_log(folder / "log.parquet", tmp_path / "schema.toml")
    found = load_schema(tmp_path / "schema.toml")
    assert (found.label, found.user, found.conversion) == ("click", "user_id", "conversion")
    assert found.categorical == ("user_id", "placement", "style")
    assert (found.numeric, found.multi_valued) == (("bid",), ("tags",))
    assert found.sequences == {"style_history": "style"}
    assert (tmp_path / "schema.toml").read_text() == text
    with pytest.raises(CatalogError, match="exists; a schema that was corrected by hand is not written over"):
        pipeline.inspect_log(folder / "log.parquet", tmp_path / "schema.toml")


def test_a_proposal_says_which_columns_it_leaves_out(folder: Path, tmp_path: Path) -> None:
    table = read_sample(folder / "log.parquet").assign(request=lambda rows: [f"r{at}" for at in range(len(rows))], country="NL")
    table.to_parquet(tmp_path / "log.parquet")
    text = pipeline.inspect_log(tmp_path / "log.parquet", tmp_path / "schema.toml")
    found = load_schema(tmp_path / "schema.toml")
    assert not {"request", "country"} & set(found.columns)
    assert '# ignore "request": every row has a value of its own' in text
    assert '# ignore "country": it has one value' in text


def test_an_input_that_was_written_after_the_click_is_warned_of(folder: Path, tmp_path: Path) -> None:
    table = read_sample(folder / "log.parquet").assign(orders=lambda rows: rows["click"])
    table.to_parquet(tmp_path / "log.parquet")
    schema = tmp_path / "schema.toml"
    schema.write_text('label = "click"\ncategorical = ["placement", "orders"]\n')
    settings = tmp_path / "settings.toml"
    settings.write_text(QUICK)
    summary = pipeline.train_log(tmp_path / "log.parquet", tmp_path / "m", schema=schema, network="linear", settings=settings)
    assert 'still an input: "orders" (its name says so)' in summary.warnings[0]
    assert "Take it out of" in summary.warnings[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns_from_a_log_and_comes_back_from_disk(network: str, folder: Path, tmp_path: Path) -> None:
    summary = train(folder, tmp_path / "model", network)
    assert summary.metrics["valid"]["auc"] > (0.55 if network in ("linear", "fm") else 0.6)
    assert not (tmp_path / "model" / "training").exists()
    model = LogModel.load(tmp_path / "model")
    rows = model.encoding.encode(read_sample(folder / "log.parquet", 100))
    predicted = model.predict(rows)
    assert set(predicted) == ({"ctr", "cvr", "ctcvr"} if network == "esmm" else {"ctr"})
    assert predicted["ctr"].std() > 0.01
    again = LogModel.load(tmp_path / "model").predict(rows)
    assert np.array_equal(again["ctr"], predicted["ctr"])
    alone = model.predict(rows.rows(slice(7, 8)))["ctr"]
    assert alone[0] == pytest.approx(predicted["ctr"][7], abs=1e-6)
    if network == "optinter":
        assert len(model.config.choices) == 1


def test_a_stopped_training_goes_on_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    whole = train(folder, tmp_path / "whole", "dnn")
    asked: list[int] = []
    stopped = train(folder, tmp_path / "stopped", "dnn", should_stop=lambda: len(asked) > 4 or asked.append(1) is not None)
    assert stopped.stopped
    assert not (tmp_path / "stopped" / "manifest.json").exists()
    resumed = train(folder, tmp_path / "stopped", "dnn")
    assert resumed.metrics == whole.metrics
    both = [LogModel.load(tmp_path / name).network.state_dict() for name in ("whole", "stopped")]
    assert all(bool((both[0][key] == both[1][key]).all()) for key in both[0])


def test_a_log_that_changed_is_trained_on_anew_and_told(folder: Path, tmp_path: Path) -> None:
    """As many rows, users and values, other clicks."""
    (tmp_path / "schema.toml").write_text(SCHEMA)
    table = make_log(3000)
    table.to_parquet(tmp_path / "log.parquet")
    asked: list[int] = []
    train(tmp_path, tmp_path / "model", "dnn", should_stop=lambda: len(asked) > 4 or asked.append(1) is not None)
    assert (tmp_path / "model" / "training" / "state.pt").exists()
    table.assign(bid=table["bid"].to_numpy()[::-1]).to_parquet(tmp_path / "log.parquet")
    found = train(tmp_path, tmp_path / "model", "dnn")
    assert any("log.parquet changed since this training began; it is trained anew" in said for said in found.warnings)
    fresh = train(tmp_path, tmp_path / "fresh", "dnn")
    assert (found.metrics, fresh.warnings) == (fresh.metrics, ())
    assert not (tmp_path / "model" / "training").exists()


def test_csv_parquet_and_libfm_give_the_same_rows(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1, 0, 0], "f0": [3, 4, 3], "f1": [7, 8, 9]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.libfm").write_text("1 3:1 7:1\n0 4:1 8:1\n0 3:1 9:1\n")
    for name in ("a.csv", "a.parquet", "a.libfm"):
        parts = list(iter_log(tmp_path / name, ["f1", "label"], part_rows=2))
        assert [len(part) for part in parts] == [2, 1], name
        found = pd.concat(parts)
        assert found["f1"].tolist() == [7, 8, 9]
        assert found["label"].tolist() == [1, 0, 0]
    (tmp_path / "b.libfm").write_text("1 3:1 7:1\n0 4:1\n")
    with pytest.raises(CatalogError, match=r"b\.libfm line 2 has 1 entries, the first line 2; each field needs one"):
        list(iter_log(tmp_path / "b.libfm"))
    with pytest.raises(CatalogError, match="is no log that can be read; known endings"):
        list(iter_log(Path(__file__)))


def test_vocabularies_know_training_rows_only_and_rare_values_are_unknown(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text('label = "y"\ncategorical = ["c"]\nnumeric = ["x"]\nmin_count = 2\n')
    schema = load_schema(tmp_path / "schema.toml")
    table = pd.DataFrame({"y": [1, 0, 0, 1], "c": ["a", "a", "b", None], "x": [1.0, 2.0, 3.0, 4.0]})
    encoding = fit_encoding([table], schema)
    rows = encoding.encode(pd.DataFrame({"y": [1, 0, 0], "c": ["a", "b", "never seen"], "x": [2.5, 2.5, 2.5 + np.sqrt(1.25)]}))
    assert rows.arrays["ids"][:, 0].tolist() == [2, 1, 1]  # b is rare, the last is new: both are "unknown"
    np.testing.assert_allclose(rows.arrays["numbers"][:, 0], [0.0, 0.0, 1.0], atol=1e-6)
    assert LogEncoding.from_dict(encoding.as_dict()).spec == encoding.spec


def test_histories_are_right_aligned_and_share_the_table_of_their_target(folder: Path) -> None:
    schema = load_schema(folder / "schema.toml")
    table = make_log(50)
    encoding = fit_encoding([table], schema)
    rows = encoding.encode(table)
    style, history = rows.arrays["ids"][:, 1], rows.arrays["history.style_history"]
    known = dict(zip(table["style"], style, strict=True))
    for past, ids in zip(table["style_history"], history, strict=True):
        assert ids[len(ids) - len(past) :].tolist() == [known.get(one, ids[k - len(past)]) for k, one in enumerate(past)]
        assert not ids[: len(ids) - len(past)].any()


REFUSALS = {
    "no label": ('categorical = ["style"]', ConfigError, "It names no label; add label = the column that says"),
    "unknown key": ('labl = "click"', ConfigError, 'Did you mean "label"'),
    "unknown column": ('label = "click"\ncategorical = ["placment"]', ConfigError, 'no column "placment". Did you mean "plac'),
    "label as input": ('label = "click"\ncategorical = ["click"]', ConfigError, '"click" is what is to be predicted'),
    "no input": ('label = "click"', ConfigError, "It names no input; add categorical, numeric"),
    "history of nothing": (
        'label = "click"\ncategorical = ["style"]\n[sequences]\nstyle_history = "stile"',
        ConfigError,
        'Did you mean "style"',
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_schema_that_cannot_be_is_refused_in_a_sentence(name: str, folder: Path, tmp_path: Path) -> None:
    text, error, message = REFUSALS[name]
    (tmp_path / "schema.toml").write_text(text)
    with pytest.raises(error, match=message):
        pipeline.train_log(folder / "log.parquet", tmp_path / "out", schema=tmp_path / "schema.toml", network="dnn")
    assert not (tmp_path / "out").exists()


BAD_ROWS = {
    "one class": ({"click": 0, "conversion": 0}, 'all .* rows have the label 0 in "click"; nothing can be learnt'),
    "a label of 2": ({"click": 2}, 'the label "click" must be 0 or 1, got 2'),
    "nan": ({"bid": np.nan}, 'the column "bid" has .* values that are no finite number'),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_rows_that_nothing_can_be_learnt_from_are_refused(name: str, folder: Path, tmp_path: Path) -> None:
    changes, message = BAD_ROWS[name]
    make_log(400).assign(**changes).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(SCHEMA)
    with pytest.raises(TrainingError, match=message):
        train(tmp_path, tmp_path / "out", "dnn")
    assert not (tmp_path / "out").exists()


def test_a_column_that_is_the_click_itself_is_found(tmp_path: Path) -> None:
    table = make_log(400)
    table.assign(bid=table["click"] + 0.0).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(SCHEMA)
    with pytest.raises(TrainingError, match=r'the column "bid" tells clicks by itself \(AUC 1\.0000\), as only a result can'):
        train(tmp_path, tmp_path / "out", "dnn")


def test_conversions_without_clicks_are_refused(tmp_path: Path) -> None:
    make_log(400).assign(conversion=1).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(SCHEMA)
    with pytest.raises(
        TrainingError, match="rows have a conversion without a click; attribute it to the click, or leave it out"
    ):
        train(tmp_path, tmp_path / "out", "esmm")


def test_networks_that_need_more_than_the_schema_names_say_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "schema.toml").write_text('label = "click"\ncategorical = ["style"]\n')
    for network, message in (("esmm", "esmm learns conversions; .* names no conversion"), ("din", "din compares a candidate")):
        with pytest.raises(ConfigError, match=message):
            pipeline.train_log(folder / "log.parquet", tmp_path / "out", schema=tmp_path / "schema.toml", network=network)
    (tmp_path / "settings.toml").write_text("[netwrk]\n")
    with pytest.raises(ConfigError, match=r'has no section "netwrk"\. Did you mean "network"'):
        pipeline.train_log(
            folder / "log.parquet",
            tmp_path / "out",
            schema=tmp_path / "schema.toml",
            network="dnn",
            settings=tmp_path / "settings.toml",
        )


def test_a_changed_model_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "model", "linear")
    with pytest.raises(CatalogError, match="holds a model; choose another place, or train it anew with --restart"):
        train(folder, tmp_path / "model", "linear")
    manifest = tmp_path / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"network": "linear"', '"network": "dnn"'))
    with pytest.raises(ArtifactError, match="do not fit together"):
        LogModel.load(tmp_path / "model")


def test_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(QUICK)
    found = CliRunner().invoke(
        app,
        [
            "train",
            str(folder / "log.parquet"),
            "--schema",
            str(folder / "schema.toml"),
            "--network",
            "linear",
            "--settings",
            str(tmp_path / "settings.toml"),
            "--out",
            str(tmp_path / "model"),
        ],
    )
    assert found.exit_code == 0, found.output
    assert "rows learnt from" in found.stdout
    assert "valid (a tenth of the users): AUC 0." in found.stdout
    wrong = CliRunner().invoke(
        app,
        [
            "train",
            str(folder / "log.parquet"),
            "--schema",
            str(folder / "schema.toml"),
            "--network",
            "finalmpl",
            "--out",
            str(tmp_path / "other"),
        ],
    )
    assert wrong.exit_code == 2
    assert 'Did you mean "finalmlp"?' in wrong.output


SHOWN = {
    "autoint": ["pairs"],
    "finalmlp": ["gates"],
    "optinter": ["choices"],
    "adaptdhm": ["clusters", "evenness", "alike"],
    "din": ["weights"],
    "dnn": [],
}


@pytest.mark.parametrize("network", SHOWN)
def test_a_log_is_scored_and_measured_by_the_kind_of_model(network: str, folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "model", network)
    make_log(500, seed=5).to_parquet(tmp_path / "new.parquet")
    model = ["--model", str(tmp_path / "model")]
    found = CliRunner().invoke(app, ["evaluate", str(tmp_path / "new.parquet"), "--out", str(tmp_path / "m.json"), *model])
    assert found.exit_code == 0, found.output
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert metrics["auc"] > 0.55
    assert (metrics["num_rows"], metrics["network"]) == (500, network)
    assert list(metrics["shown"]) == SHOWN[network]
    frame = make_log(500, seed=5).drop(columns=["click", "conversion", "user_id"])
    frame.to_parquet(tmp_path / "unknown.parquet")
    found = CliRunner().invoke(app, ["score", str(tmp_path / "unknown.parquet"), "--out", str(tmp_path / "s.csv"), *model])
    assert found.exit_code == 0, found.output
    scores = pd.read_csv(tmp_path / "s.csv")
    assert scores["row"].tolist() == list(range(1, 501))
    loaded = LogModel.load(tmp_path / "model")
    np.testing.assert_allclose(scores["ctr"], loaded.predict(loaded.encoding.encode(make_log(500, seed=5)))["ctr"], rtol=1e-5)
    again = CliRunner().invoke(app, ["score", str(tmp_path / "unknown.parquet"), "--out", str(tmp_path / "s.csv"), *model])
    assert again.exit_code == 0  # what we wrote may be written anew
    (tmp_path / "s.csv").write_text("mine")
    refused = CliRunner().invoke(app, ["score", str(tmp_path / "unknown.parquet"), "--out", str(tmp_path / "s.csv"), *model])
    assert refused.exit_code == 2
    assert "no longer, what this program wrote" in " ".join(refused.output.split())
    frame.drop(columns="bid").to_parquet(tmp_path / "less.parquet")
    less = CliRunner().invoke(app, ["score", str(tmp_path / "less.parquet"), "--out", str(tmp_path / "t.csv"), *model])
    assert less.exit_code == 2
    assert 'has no column "bid", which the model reads' in " ".join(less.output.split())


@pytest.mark.parametrize(("given", "widths"), [("", (400,)), ("[network]\nnum_heads = 2\n", (64, 64, 64))])
def test_a_small_log_gets_towers_of_its_own_unless_the_settings_name_some(
    given: str, widths: tuple[int, ...], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text("[training]\nmax_epochs = 1\n" + given)
    pipeline.train_log(
        folder / "log.parquet",
        tmp_path / "model",
        schema=folder / "schema.toml",
        network="finalmlp",
        settings=tmp_path / "settings.toml",
    )
    config = LogModel.load(tmp_path / "model").config
    assert (config.hidden_dims_1, config.batch_norm) == (widths, not given)


def test_rates_of_a_log_carry_its_ads_into_rotate_and_forecast(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row an ad, or an ad and day: mean rates of its rows, under names that the commands after launch read."""
    monkeypatch.setattr(use_log, "part_rows_of", lambda schema: 150)  # an ad stands in several parts of the log
    train(folder, tmp_path / "model", "dnn")
    log = make_log(600, seed=5).drop(columns=["conversion", "user_id"])
    log["time"] = [f"2026-11-{1 + number // 30:02d} 08:00" for number in range(600)]
    log["click"] = 0
    log.to_parquet(tmp_path / "log.parquet")
    score = ["score", str(tmp_path / "log.parquet"), "--model", str(tmp_path / "model"), "--out"]
    for by, out in (("style", "ads.csv"), ("style,time", "days.csv")):
        found = CliRunner().invoke(app, [*score, str(tmp_path / out), "--by", by])
        assert found.exit_code == 0, found.output
    assert CliRunner().invoke(app, [*score, str(tmp_path / "rows.csv")]).exit_code == 0
    rows = pd.read_csv(tmp_path / "rows.csv").assign(ad_name=log["style"], day=log["time"].str[:10])
    ads = pd.read_csv(tmp_path / "ads.csv").set_index("ad_name")
    np.testing.assert_allclose(ads["ctr"], rows.groupby("ad_name")["ctr"].mean(), rtol=1e-4)
    assert ads["impressions"].sum() == 600
    days = pd.read_csv(tmp_path / "days.csv").set_index(["ad_name", "day"])
    np.testing.assert_allclose(days["ctr"], rows.groupby(["ad_name", "day"])["ctr"].mean(), rtol=1e-4)
    pd.DataFrame({"ad_name": ads.index, "headline": [f"Words number {k}" for k in range(8)]}).to_csv(tmp_path / "ads-now.csv")
    shown = log[log["style"] != "s0"].rename(columns={"style": "creative"})
    shown.to_parquet(tmp_path / "shown.parquet")
    tops = []
    for scores in (tmp_path / "ads.csv", None):
        pipeline.rotate(tmp_path / "ads-now.csv", tmp_path / "plan.csv", log=tmp_path / "shown.parquet", scores=scores)
        tops.append(pd.read_csv(tmp_path / "plan.csv").groupby("creative")["share"].sum()["s0"])
    assert tops[0] != tops[1]  # what the log's model says of an ad that never ran counts
    pipeline.forecast(tmp_path / "days.csv", tmp_path / "forecast.csv", rates="share")
    assert set(pd.read_csv(tmp_path / "forecast.csv")["creative"]) == set(ads.index)
    for by, said in (("style,bid", "no date like 2026-11-30"), ("stile", 'has no column "stile"'), ("a,b,c", "takes a column")):
        wrong = CliRunner().invoke(app, [*score, str(tmp_path / "wrong.csv"), "--by", by])
        assert wrong.exit_code == 2
        assert said in " ".join(wrong.output.split())
        assert not (tmp_path / "wrong.csv").exists()


def test_explain_ranks_the_fields_of_a_log_by_what_they_are_worth(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "model", "din")
    model = ["--model", str(tmp_path / "model")]
    found = CliRunner().invoke(app, ["explain", str(folder / "log.parquet"), "--out", str(tmp_path / "why"), *model])
    assert found.exit_code == 0, found.output
    explained = json.loads((tmp_path / "why" / "explanation.json").read_text())
    lost = {one["field"]: one["auc_lost"] for one in explained["fields"]}
    assert set(lost) == {"placement", "style", "bid", "tags", "style_history"}
    assert [one["auc_lost"] for one in explained["fields"]] == sorted(lost.values(), reverse=True)
    assert lost["placement"] > lost["bid"] + 0.02  # the bid says nothing about the click
    assert "  placement: 0." in found.stdout
    past = explained["shown"]["weights"][0]["past"]
    assert all(one["item"].startswith("s") for one in past)
    again = CliRunner().invoke(app, ["explain", str(folder / "log.parquet"), "--out", str(tmp_path / "why"), *model])
    assert again.exit_code == 0  # what we wrote may be written anew
    (tmp_path / "why" / "explanation.json").write_text("mine")
    refused = CliRunner().invoke(app, ["explain", str(folder / "log.parquet"), "--out", str(tmp_path / "why"), *model])
    assert refused.exit_code == 2


def test_domains_that_act_alike_are_named_nearest_first(tmp_path: Path) -> None:
    """Feed and story share one truth, search has the opposite: feed and story must be nearest."""
    rng = np.random.default_rng(0)
    domain, style = rng.integers(0, 3, 4000), rng.integers(0, 6, 4000)
    effect = np.array([2.0, -2.0, 1.5, -1.5, 1.0, -1.0])[style] * np.where(domain == 2, -1.0, 1.0)
    click = rng.random(4000) < 1 / (1 + np.exp(-effect))
    names = np.array(["feed", "story", "search"])[domain]
    pd.DataFrame({"click": click.astype(int), "place": names, "style": style}).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text('label = "click"\ndomain = "place"\ncategorical = ["style"]\n')
    train(tmp_path, tmp_path / "model", "adaptdhm")
    shown = pipeline.explain_log(tmp_path / "log.parquet", tmp_path / "why", model=tmp_path / "model")["shown"]
    assert {shown["alike"][0]["one"], shown["alike"][0]["other"]} == {"feed", "story"}
    assert shown["alike"][0]["rates_apart"] < 0.5 * shown["alike"][1]["rates_apart"]
    assert shown["clusters"]["(unknown)"] == 0.0
    assert shown["evenness"] > 0.7


def test_rare_clicks_keep_their_level_from_the_start(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = make_log(6000)
    table = table.assign(click=(rng.random(6000) < 0.01).astype(int), conversion=0)
    table.to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text('label = "click"\ncategorical = ["style"]\n')
    levels = []
    for number, chosen in enumerate(("", "starts_at_base_rate = false\n")):
        (tmp_path / "s.toml").write_text(f"[training]\nmax_epochs = 2\nbatch_size = 1024\n{chosen}")
        pipeline.train_log(
            tmp_path / "log.parquet",
            tmp_path / f"model-{number}",
            schema=tmp_path / "schema.toml",
            network="linear",
            settings=tmp_path / "s.toml",
        )
        model = LogModel.load(tmp_path / f"model-{number}")
        levels.append(float(model.predict(model.encoding.encode(table))["ctr"].mean() / table["click"].mean()))
    assert levels[0] == pytest.approx(1.0, abs=0.1)
    assert levels[1] > 10.0
