"""Nothing that is read, and nothing that another program wrote, is written over; every verb asks before it works."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcreative import pipeline
from adcreative.artifacts import open_atomically, write_atomically
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from adcreative.runs.engines import BatchConfig
from adcreative.runs.outputs import LIST_NAME, check_outputs, is_ours, own_outputs
from tests import fake_models
from tests.fake_models import write_ads


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(__import__("sys").modules, name, module)


def write(path: Path, text: str, **options: Any) -> None:
    with own_outputs((path,), (), **options):
        path.write_text(text)


class TestOwnership:
    def test_our_own_file_is_written_anew(self, tmp_path: Path) -> None:
        write(tmp_path / "new" / "a.csv", "one")
        write(tmp_path / "new" / "a.csv", "two")
        assert (tmp_path / "new" / "a.csv").read_text() == "two"
        assert list(json.loads((tmp_path / "new" / LIST_NAME).read_text())) == ["a.csv"]

    @pytest.mark.parametrize("name", ["a.csv", "metrics.png", "a.json"])
    def test_a_file_of_others_stays(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")
        with pytest.raises(ConfigError, match=r"is there already and is not, or no longer.*--restart"):
            write(tmp_path / name, "theirs")
        assert (tmp_path / name).read_text() == "mine"
        write(tmp_path / name, "theirs", restart=True)
        write(tmp_path / name, "again")
        assert (tmp_path / name).read_text() == "again"

    def test_what_was_edited_since_is_the_users(self, tmp_path: Path) -> None:
        write(tmp_path / "a.csv", "ours")
        (tmp_path / "a.csv").write_text("ours, with a column of notes")
        with pytest.raises(ConfigError, match="no longer, what this program wrote"):
            write(tmp_path / "a.csv", "anew")

    def test_a_killed_run_may_write_its_file_anew(self, tmp_path: Path) -> None:
        pid = os.fork()
        if pid == 0:  # the child dies between its draft and the note that it is done
            with own_outputs((tmp_path / "a.csv", tmp_path / "b.csv"), ()):
                write_atomically(tmp_path / "a.csv", b"of the killed run")
                os._exit(9)
        os.waitpid(pid, 0)
        assert is_ours(tmp_path / "a.csv")
        write(tmp_path / "other.csv", "of another run")
        write(tmp_path / "a.csv", "whole")
        assert (tmp_path / "a.csv").read_text() == "whole"
        assert sorted(path.name for path in tmp_path.iterdir()) == [LIST_NAME, "a.csv", "other.csv"]

    def test_what_is_put_where_a_killed_run_would_have_written_is_not_ours(self, tmp_path: Path) -> None:
        for name, content in (("a.csv", b"of the killed run"), ("b.csv", None)):
            pid = os.fork()
            if pid == 0:
                with own_outputs((tmp_path / name,), ()):
                    if content is not None:
                        write_atomically(tmp_path / name, content)
                    os._exit(9)
            os.waitpid(pid, 0)
            (tmp_path / name).write_text("mine")
            with pytest.raises(ConfigError, match="is there already and is not"):
                write(tmp_path / name, "theirs")
        write(tmp_path / "c.csv", "ours")
        for name in ("a.csv", "b.csv"):
            assert not is_ours(tmp_path / name)

    def test_drafts_of_killed_runs_go_and_those_of_living_ones_stay(self, tmp_path: Path) -> None:
        pid = os.fork()
        if pid == 0:
            with own_outputs((tmp_path / "a.csv",), ()), open_atomically(tmp_path / "a.csv"):
                os._exit(9)
        os.waitpid(pid, 0)
        (tmp_path / ".mine.csv.abcdefgh.part").write_text("of another program")
        (left,) = tmp_path.glob(".a.csv.*.part")
        with open_atomically(tmp_path / "a.csv", is_text=True) as file:  # of another run of the same output
            file.write("slow")
            write(tmp_path / "a.csv", "whole")
            assert not left.exists()
            assert len(list(tmp_path.glob(".a.csv.*.part"))) == 1
        assert (tmp_path / "a.csv").read_text() == "slow"
        assert (tmp_path / ".mine.csv.abcdefgh.part").exists()

    def test_a_failed_restart_leaves_the_file_to_its_owner(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("mine")
        with pytest.raises(RuntimeError), own_outputs((tmp_path / "a.csv",), (), restart=True):
            raise RuntimeError
        with pytest.raises(ConfigError, match="is there already"):
            write(tmp_path / "a.csv", "theirs")

    def test_a_damaged_list_makes_nothing_ours(self, tmp_path: Path) -> None:
        write(tmp_path / "a.csv", "ours")
        (tmp_path / LIST_NAME).write_text("{[")
        with pytest.raises(ConfigError, match="is there already"):
            write(tmp_path / "a.csv", "anew")

    def test_a_block_that_writes_nothing_leaves_nothing(self, tmp_path: Path) -> None:
        with own_outputs((tmp_path / "new" / "a.csv",), ()):
            pass
        assert not (tmp_path / "new").exists()


class TestInputs:
    def test_a_link_to_what_is_read_is_what_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("mine")
        (tmp_path / "link.csv").symlink_to(tmp_path / "t.csv")
        os.link(tmp_path / "t.csv", tmp_path / "hard.csv")
        for name in ("t.csv", "link.csv", "hard.csv"):
            with pytest.raises(ConfigError, match="is what is read"):
                check_outputs((tmp_path / name,), (tmp_path / "t.csv",), restart=True)

    def test_the_table_of_a_folder_is_what_is_read(self, tmp_path: Path) -> None:
        for path in (tmp_path / "metadata.csv", tmp_path / "sub" / "metadata.jsonl"):
            with pytest.raises(ConfigError, match="is what is read"):
                check_outputs((path,), (tmp_path,), restart=True)
        check_outputs((tmp_path / "scores.csv",), (tmp_path,))


class TestPlaces:
    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ("folder", "is a folder; name the file"),
            ("pipe", "is a device or a pipe"),
            ("x" * 300, "more than 230 bytes"),
            ("locked.csv", "is read-only"),
            ("file/a.csv", "is no folder that can be written"),
            ("closed/a.csv", "is no folder that can be written"),
        ],
    )
    def test_what_cannot_be_written_is_said_before_the_work(self, tmp_path: Path, place: str, sentence: str) -> None:
        for name in ("folder", "closed"):
            (tmp_path / name).mkdir()
        (tmp_path / "file").write_text("")
        (tmp_path / "locked.csv").write_text("")
        (tmp_path / "locked.csv").chmod(0o444)
        (tmp_path / "closed").chmod(0o555)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CatalogError, match=sentence):
            check_outputs((tmp_path / place,), ())


@pytest.mark.parametrize("out", [Path("./"), Path("/")])
def test_a_place_without_a_name_is_a_sentence(out: Path, tmp_path: Path, fakes: None) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    for verb in (pipeline.describe, pipeline.score, pipeline.check, pipeline.evaluate, pipeline.rank_features):
        with pytest.raises(CatalogError, match=r"is a folder; name the file to write, such as"):
            verb(tmp_path / "t.csv", out)  # type: ignore[operator]
    with pytest.raises(CatalogError, match=r"is a folder; name the file to write, such as"):
        pipeline.forecast(tmp_path / "t.csv", out)


def test_a_name_that_is_not_utf_8_is_a_sentence(tmp_path: Path, fakes: None) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    with pytest.raises(CatalogError, match=r'the name "caf.\.csv" is not UTF-8.*choose another --out'):
        pipeline.score(tmp_path / "t.csv", out)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


Verb = Callable[[Path], object]
TABLE = "headline,impressions,clicks\nSleep well,1000,20\nSleep on it,1000,30\n"
RESTART = BatchConfig(restart=True)
VERBS: dict[str, Verb] = {
    "score into its table": lambda at: pipeline.score(at / "t.csv", at / "t.csv"),
    "score into its folder": lambda at: pipeline.score(at / "ads", at / "ads" / "metadata.csv"),
    "score, foreign": lambda at: pipeline.score(at / "t.csv", at / "mine.csv"),
    "score, failures of others": lambda at: pipeline.score(at / "t.csv", at / "s.csv"),
    "restart does not cover what is read": lambda at: pipeline.score(
        at / "t.csv", at / "t.csv", batch=BatchConfig(restart=True)
    ),
    "dry run": lambda at: pipeline.score(at / "t.csv", at / "mine.csv", batch=BatchConfig(dry_run=True)),
    "check": lambda at: pipeline.check(at / "t.csv", at / "t.csv"),
    "check, foreign": lambda at: pipeline.check(at / "t.csv", at / "mine.csv"),
    "describe": lambda at: pipeline.describe(at / "p.csv", at / "p.csv"),
    "describe, foreign": lambda at: pipeline.describe(at / "p.csv", at / "mine.csv"),
    "optimize": lambda at: pipeline.optimize(at / "t.csv", at / "run"),
    "evaluate beside its table": lambda at: pipeline.evaluate(at / "t.csv", at / "t.json"),
    "evaluate, foreign picture": lambda at: pipeline.evaluate(at / "t.csv", at / "metrics.json"),
    "explain, foreign heat map": lambda at: pipeline.explain(Creative(headline="Sleep well"), at / "why"),
    "benchmark": lambda at: pipeline.benchmark("adsee", at / "bench"),
    "import-results beside its table": lambda at: pipeline.import_results(at / "t.csv", at / "t.duckdb"),
    "import-results, foreign figures": lambda at: pipeline.import_results(at / "t.csv", at / "own.duckdb"),
    "read-out": lambda at: pipeline.read_out(at / "t.csv", at / "t.csv", control="a"),
    "plan-test": lambda at: pipeline.plan_test(at, at / "plan", campaign="c", daily_impressions=10),
    "score over a picture of its folder": lambda at: pipeline.score(at / "ads", at / "ads" / "ad1.png", batch=RESTART),
    "demo over an account": lambda at: pipeline.demo(at / "show", num=1, num_earlier=2),
    "demo over a list of new ads": lambda at: pipeline.demo(at / "show2", num=1, num_earlier=2),
    "demo account over a truth": lambda at: pipeline.demo_account(at / "show3", num=40),
    "import-results, foreign training table": lambda at: pipeline.import_results(
        at / "t.csv", at / "new.duckdb", training=at / "loop"
    ),
    "import-results, training table is read": lambda at: pipeline.import_results(
        at / "loop" / "metadata.parquet", at / "new.duckdb", training=at / "loop", restart=True
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_no_verb_writes_over_what_is_not_its_own(name: str, tmp_path: Path, fakes: None) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "p.csv").write_text("title,material\nbag,leather\n")
    write_ads(tmp_path / "ads", 2)
    for foreign in (
        "mine.csv",
        "s.failures.csv",
        "metrics.png",
        "why/heat.png",
        "own.json",
        "bench/adsee.csv",
        "run/report.html",
        "plan/plan.csv",
        "show/account/metadata.csv",
        "show2/planted-truth.json",
        "show3/account-truth.json",
        "loop/metadata.parquet",
        "ads/ad1.png",
    ):
        (tmp_path / foreign).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / foreign).write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"is what is read|is there already and is not"):
        VERBS[name](tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


OF_THEIR_OWN = {
    "convert_weights": "a model folder, which save_artifact refuses to fill where another model is",
    "train_log": "a model folder, as convert_weights; it refuses one that holds a model or a foreign training/",
    "write_mapping": "replaces proposals only",
    "write_settings": "as write_mapping",
    "inspect_log": "replaces nothing",
    "read_account": "reads its db",
    "save_run": "a folder with a random name, of the app",
}


def test_every_verb_that_writes_asks_the_guard() -> None:
    """A new verb with a place to write calls the guard or a verb of the product that does, or says above why it needs none."""
    places = {"out", "db"}
    writing = [
        verb
        for name in pipeline.__all__
        if inspect.isfunction(verb := getattr(pipeline, name)) and places & set(inspect.signature(verb).parameters)
    ]
    assert len(writing) > 20
    guards = re.compile(r"own_outputs\(|run_batch\(|write_set\(|= compose\(|optimize\(|product\.(rotate|forecast|compress)\(")
    unguarded = {verb.__name__ for verb in writing if not guards.search(inspect.getsource(verb))}
    assert unguarded == set(OF_THEIR_OWN)
