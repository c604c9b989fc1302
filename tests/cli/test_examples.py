"""The example at the end of each command's help runs as it is written, in a folder that holds what the examples name.

No list of commands here: a new command is run too, and fails without an example. Verbs, predictor and files are real; encoders,
fitting, search and the web server are replaced, so that all of them take seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.benchmarks import adsee as benchmark
from adcreative.catalog import sources
from adcreative.catalog.boundary import GuardedSource
from adcreative.catalog.formats import logs
from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.cli import progress as cli_progress
from adcreative.cli.app import PANELS, app
from adcreative.copywriter import build_copywriter, products
from adcreative.creative import COLUMNS, EditResult
from adcreative.ctr.account import fitting as account_fitting
from adcreative.ctr.predictor import Predictor
from adcreative.encoders.weights import embedded_dir
from adcreative.features.extraction import FeatureExtractor
from adcreative.verbs import loading as tools
from tests.catalog.conftest import write_csv
from tests.cli.documented import DocumentedCommand, documented_commands
from tests.ctr.account.accounts import plant_account
from tests.delivery.conftest import result_row
from tests.delivery.test_campaign_verbs import write_results
from tests.fake_models import Outcome
from tests.stylegan.foreign import originals
from tests.verbs.test_train_log import QUICK, make_log

COMMANDS = documented_commands()
WORDING_DIM = 397  # what the shipped predictor was fitted with


class FakeEncoders:
    """Unit vectors and appeals drawn from the content; no faces."""

    content_hash, size = "fake", 8

    def encode_images(self, images_u8: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([_vector(image_u8.tobytes()) for image_u8 in images_u8])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([_vector(text.encode()) for text in texts])

    def read(self, headlines: Sequence[str]) -> np.ndarray:
        return np.stack([_vector(line.encode(), 1 + WORDING_DIM) for line in headlines])

    def read_wording(self, lines: Sequence[str]) -> np.ndarray:
        return np.stack([_vector(line.encode(), WORDING_DIM) for line in lines])

    def analyze(self, image_u8: np.ndarray) -> list[Any]:
        return []

    def encode(self, aligned: Sequence[np.ndarray]) -> np.ndarray:
        return np.zeros((len(aligned), 512), np.float32)


def _vector(content: bytes, width: int = 256) -> np.ndarray:
    drawn = np.random.default_rng(list(hashlib.sha256(content).digest()[:8])).normal(size=width).astype(np.float32)
    return drawn / np.linalg.norm(drawn)


@pytest.fixture(scope="module")
def model() -> tools.Judges:
    """The shipped models, asked to take other encoders."""
    return tools.Judges(*(Predictor.load(embedded_dir(name)) for name in tools.Judges._fields))


@pytest.fixture(scope="module")
def fitted_account() -> Any:
    """Models of a made-up account, in place of those that a dozen ads are too few for."""
    account = plant_account(60, rate=0.05, seed=1)
    return account_fitting.fit_account(account.creatives, account.features, seed=0)


@pytest.fixture(autouse=True)
def launched(model: tools.Judges, fitted_account: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Replace what takes long; the value is what stands for the web server."""
    encoders = FakeEncoders()
    extractor = FeatureExtractor(encoders, encoders, encoders, encoders)
    editor_tools = SimpleNamespace(extractor=extractor, directions=SimpleNamespace(names=("smile",)), **model._asdict())
    loaded = SimpleNamespace(extractor=extractor, copywriter=build_copywriter("template"), editor_tools=lambda *_: editor_tools)
    vars(loaded).update(dict.fromkeys(("clip", "headline_model", "analyzer", "codec"), encoders))
    loaded.directions = editor_tools.directions
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "load_tools", lambda *_, **__: loaded)
    monkeypatch.setattr(tools, "load_model", lambda *_: model)
    monkeypatch.setattr(tools, "load_scorer", lambda *_: (extractor, model.predictor))
    monkeypatch.setattr(tools, "load_market", lambda seed: FakeMarket())
    monkeypatch.setattr(tools, "load_demo_market", lambda seed: FakeMarket())
    monkeypatch.setattr(account_fitting, "fit_account", lambda *_, **__: fitted_account)
    monkeypatch.setattr("adcreative.ctr.trainable.check_trainable", lambda *_: None)  # of accounts with few ads
    monkeypatch.setattr(benchmark, "compare_inputs", lambda *_, **__: [_line()])
    monkeypatch.setattr(
        "adcreative.editor.session.open_session",
        lambda creative, *_: SimpleNamespace(search=lambda **_: _keep(creative), picture=lambda idx: None, creative=creative),
    )
    monkeypatch.setattr("adcreative.verbs.optimize.composing", lambda models: models)
    monkeypatch.setattr(products, "build_source", lambda llm: None)
    server = create_autospec(pipeline.launch_app)
    monkeypatch.setattr(pipeline, "launch_app", server)
    return server


class FakeMarket:
    def write_account(self, account: Path, folder: Path, num: int, num_earlier: int, **_: Any) -> None:
        _write_creatives(account, num_earlier // 10)
        _write_creatives(folder, num)
        account.with_name(f"{account.name}-truth.json").write_text('{"creatives": {}}')

    def draw_account_materials(self, *_: int) -> list[Any]:
        return []

    def true_ctr(self, creative: Any, *_: Any) -> float:
        return 0.02


def _line() -> dict[str, Any]:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6, "seed_std": 0.0}
    figures = dict.fromkeys(benchmark.METRICS, figure)
    return {
        "name": "all",
        "model": "autoint",
        "pooling": "mean",
        "num_fields": 3,
        "published": None,
        **figures,
        "added": {"spearman": figure, "mae": figure},
    }


def _keep(creative: Any) -> Outcome:
    values = result_row(
        creative.row, file_name=creative.file_name, ad_name=creative.ad_name, status="kept", edits=(), edited_image=""
    )
    nested = ("search", "alternatives", "faces")
    known = {name: value for name, value in values.items() if name in EditResult.__dataclass_fields__ and name not in nested}
    return Outcome(result=EditResult(**known), image_u8=None)


def _write_creatives(folder: Path, num: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(0), []
    for number in range(num):
        name = f"ad{number}.png"
        Image.linear_gradient("L").resize((80, 64)).rotate(10 * number).convert("RGB").save(folder / name)
        rows.append(
            {
                "file_name": name,
                "ad_name": f"Ad {number}",
                "headline": f"Sleep better {number}{'?' * (number % 2)}",
                "brand": "Somnia",
                "test_id": f"t{number // 2}",
                "impressions": 5000,
                "clicks": int(rng.integers(40, 160)),
            }
        )
    return write_csv(folder / "metadata.csv", rows)


def _train_on_log(root: Path) -> None:
    """Write impressions, and a small network trained on them, as train --schema leaves it."""
    make_log(8000)[["user_id", "click", "placement", "style"]].to_parquet(root / "impressions.parquet")
    (root / "log-schema.toml").write_text('label = "click"\nuser = "user_id"\ncategorical = ["placement", "style"]\n')
    (root / "quick.toml").write_text(QUICK.replace("max_epochs = 5", "max_epochs = 1") + "[network]\nhidden_dims = [32, 32]\n")
    pipeline.train_log(
        root / "impressions.parquet",
        root / "log-model",
        schema=root / "log-schema.toml",
        network="dnn",
        settings=root / "quick.toml",
    )


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the examples name: creatives, a run, a plan, results, a picture, products, weights."""
    from adcreative.provenance.sidecar import export_picture
    from adcreative.runs.log import RunLog

    root = tmp_path_factory.mktemp("workshop")
    for name in ("account", "ads"):
        _write_creatives(root / name, 12)
    pd.read_csv(root / "account" / "metadata.csv").reindex(columns=list(COLUMNS)).drop(columns="file_name").to_parquet(
        root / "held-out.parquet"
    )
    shutil.copy(root / "ads" / "ad0.png", root / "ad.jpg")
    write_csv(
        root / "products.csv", [{"title": f"{kind} bag", "material": "cotton", "size": "38 cm"} for kind in ("Tote", "Gym")]
    )
    _train_on_log(root)
    answers = [
        {"person": f"P{who}", "creative": f"Ad {ad}", "rating": (who * ad) % 5 + 1, "openness": who % 7}
        for who in range(30)
        for ad in range(12)
    ]
    write_csv(root / "answers.csv", answers)
    (root / "personas.toml").write_text('["Explorers"]\nopenness = 6\n')
    (root / "queries.csv").write_text("query\nsleep well\nbetter sleep\nmattress\n")
    days = [
        {"ad_name": f"Ad {n}", "day": f"2026-03-{day:02d}", "impressions": 900, "clicks": 20 - day}
        for n in range(3)
        for day in range(1, 15)
    ]
    write_csv(root / "daily.csv", days)
    write_csv(root / "sets.csv", [{"set": f"s{n % 8}", "item": f"Ad {n % 11}"} for n in range(60)])
    (root / "article.md").write_text("Sleep matters.\n\nSo does a walk.\n")
    showings = {
        "creative": [f"Ad {number % 12}" for number in range(2400)],
        "click": [number % 29 == 0 for number in range(2400)],
    }
    pd.DataFrame({**showings, "propensity": 1 / 12}).astype({"click": int}).to_parquet(root / "log.parquet")
    pages = [
        {
            "user": f"U{page % 25}",
            "slate": page,
            "position": place + 1,
            "creative": f"Ad {(page + place) % 12}",
            "click": not place,
        }
        for page in range(150)
        for place in range(4)
    ]
    pd.DataFrame(pages).astype({"click": int}).to_parquet(root / "pages.parquet")
    write_csv(root / "ads.csv", [{"ad_name": f"Ad {n}", "headline": f"Sleep {n} times better"} for n in range(45)])
    write_csv(root / "pairs.csv", [{"ad_name": f"Ad {n}", "query": f"query {n % 3}"} for n in range(45)])
    with RunLog(root / "improved" / "results.jsonl", {"verb": "optimize", "data": str(root / "ads")}, key_field="row") as log:
        for number in (1, 2):
            row = result_row(number, consent_id="c-17")
            for kind in ("original", "edited"):
                row[f"{kind}_image"] = f"images/{number:05d}-ad{number}.{kind}.png"
                picture, told = root / "improved" / row[f"{kind}_image"], row if kind == "edited" else None
                export_picture(picture, np.full((64, 80, 3), 90, np.uint8), is_edited=kind == "edited", result=told)
            log.append(row)
    pipeline.plan_test(root / "improved", root / "plan", campaign="spring", daily_impressions=20000)
    write_results(root / "results.csv", root / "plan", {"control": 60, "edited": 90})
    pipeline.read_out(root / "results.csv", root / "looked.json", plan=root / "plan", ledger=root / "ledger.parquet")
    (root / "brief.toml").write_text(
        '[brand]\nname = "Somnia"\n[messages]\nheadline = ["Sleep through the night", "Wake up rested", "As at home"]\n'
        'button = "Try it"\noffer = ["30 nights free"]\nproof = ["Rated 4.8", "Free delivery", "Ten years of warranty"]\n'
    )
    pipeline.compose(root / "brief.toml", root / "new-ads", num=3, shapes="300x250")
    state = originals.random_rosinality(16, depth=2, seed=0)
    weights = root / "stylegan2-ffhq-config-f.pkl"
    originals.save_rosinality(weights, state, torch.ones(originals.W_DIM), is_training_state=False)
    return root


FIT_LONG = ("adcreative compose", "adcreative papers slates", "adcreative papers target")  # 7 to 10 s of processor time each


@pytest.mark.parametrize(
    "doc", [pytest.param(doc, marks=[pytest.mark.slow] * (doc.name in FIT_LONG)) for doc in COMMANDS], ids=lambda doc: doc.name
)
def test_the_example_runs_as_it_is_written(
    doc: DocumentedCommand, workshop: Path, slow_files: SlowFiles, monkeypatch: pytest.MonkeyPatch, launched: Any
) -> None:
    """And tells what it reads before its second row or picture."""
    assert doc.example, f"the help of {doc.name} ends in no example"
    program, arguments = prepare_example(doc, workshop, slow_files.folder, monkeypatch)
    before = _listing(slow_files.folder)
    result = CliRunner().invoke(app, arguments, prog_name=program)
    assert result.exit_code == 0, result.output
    assert _listing(slow_files.folder) != before or result.output.strip() or launched.called
    assert slow_files.late == []
    assert (slow_files.num_items < 2) == (doc.name.split()[-1] in READ_LITTLE)


def prepare_example(
    doc: DocumentedCommand, workshop: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, list[str]]:
    """Return the program and arguments of a command's example, the working folder being a copy of the workshop."""
    shutil.copytree(workshop, folder)
    run_settings = folder / "improved" / "results.run.json"
    run_settings.write_text(run_settings.read_text().replace(str(workshop), str(folder)))
    program, *arguments = shlex.split(doc.example)
    monkeypatch.chdir(folder)
    if "--out" in arguments and (old := folder / arguments[arguments.index("--out") + 1]).is_dir():
        shutil.rmtree(old)  # the workshop holds it for another example
    return program, arguments


READ_LITTLE = ("app", "edit", "models", "doctor", "convert-weights", "export-model", "inspect", "ledger", "disclosures", "list")
WRITERS = (
    "archive",
    "plan-test",
    "rotate",
    "describe",
    "read-out",
    "forecast",
    "export",
)  # one of each kind of writer, and quick


@pytest.mark.parametrize("doc", [doc for doc in COMMANDS if doc.name.split()[-1] in WRITERS], ids=lambda doc: doc.name)
def test_the_example_on_a_full_disk_ends_in_a_sentence(
    doc: DocumentedCommand, workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (0, 300, 5_000):  # bytes that a file may hold
        folder = tmp_path / str(room)
        program, arguments = prepare_example(doc, workshop, folder, monkeypatch)
        ended = in_a_fork(partial(_run_and_say_end, program, arguments), max_file_bytes=room)
        assert ended["exit_code"] in (0, 2), ended
        assert ended["error"] == "", ended
        if ended["exit_code"]:
            assert "File too large" in ended["output"], ended
        assert not list(folder.rglob("*.part")), room


class SlowFiles:
    """Readers whose every row, part of a log and picture takes longer than anybody should wait for a line.

    No time passes: the clock of the command is turned on instead. late: second items of a stretch of one kind before which no
    line was told since the last stretch of another kind, or at all.
    """

    SECONDS = 31.0

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s, self.num_items = folder, 0.0, 0
        self.lines, self.late = list[str](), list[str]()
        self.last, self.num_alike, self.told_then, self.told_at_end = ("", ""), 0, 0, dict[str, int]()

    def take(self, kind: str, name: str = "") -> None:
        if kind == "picture" and (kind, name) == self.last:
            return  # opened twice: for its hash and for its pixels
        goes_on = kind == self.last[0] and self.told_then == len(self.lines)
        self.num_alike = self.num_alike + 1 if goes_on else 1
        told_before = max([0, *(told for other, told in self.told_at_end.items() if other != kind)])
        if self.num_alike == 2 and len(self.lines) == told_before:
            self.late.append(f"{kind} {name}, after {self.lines[-1:]}")
        if self.num_alike >= 2:
            self.told_at_end[kind] = len(self.lines)
        self.last, self.told_then = (kind, name), len(self.lines)
        self.num_items, self.now_s = self.num_items + 1, self.now_s + self.SECONDS

    def read_rows(self, rows: Iterator[RawRow]) -> Iterator[RawRow]:
        for row in rows:
            self.take("row")
            yield row

    def read_parts(self, parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            for piece in np.array_split(np.arange(len(part)), 3):
                self.take("part")
                yield part.iloc[piece]

    def say(self, line: str = "", **how: Any) -> None:
        self.lines += [line] if how.get("err") else []

    def monotonic(self) -> float:
        return self.now_s


SLOW: list[SlowFiles] = []


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if SLOW and event == "open" and isinstance(arguments[0], str) and arguments[1] in ("r", "rb"):
        path = Path(arguments[0])
        if path.suffix in (".png", ".jpg") and SLOW[0].folder in path.absolute().parents:
            SLOW[0].take("picture", path.name)


@pytest.fixture
def slow_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowFiles]:
    slow, real_parts = SlowFiles(tmp_path / "folder"), logs._iter_file

    class SlowSource(GuardedSource):
        def __init__(self, source: Any, name: str) -> None:
            super().__init__(source, name)
            real_rows = source.read_rows
            source.read_rows = lambda: slow.read_rows(real_rows())

    monkeypatch.setattr(sources, "GuardedSource", SlowSource)
    monkeypatch.setattr(logs, "_iter_file", lambda *arguments: slow.read_parts(real_parts(*arguments)))
    monkeypatch.setattr(cli_progress, "say", slow.say)
    monkeypatch.setattr(cli_progress, "time", slow)
    monkeypatch.setattr(cli_progress, "Timer", create_autospec(Timer))
    sys.addaudithook(_note_opened)
    SLOW.append(slow)
    yield slow
    SLOW.clear()


def in_a_fork(work: Callable[[], dict[str, Any]], *, max_file_bytes: int) -> dict[str, Any]:
    """Return what `work` returns in a process that may write no larger files; as on a full disk, writing fails at some byte."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        sys.dont_write_bytecode = True  # a module compiled into a file that is cut would fail every later import of it
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
        with os.fdopen(write_end, "w") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(said))


def _run_and_say_end(program: str, arguments: list[str]) -> dict[str, Any]:
    result = CliRunner().invoke(app, arguments, prog_name=program)
    error = "" if result.exception is None or isinstance(result.exception, SystemExit) else repr(result.exception)
    trace = "".join(traceback.format_exception(result.exception)[-4:]) if error else ""
    return {"exit_code": result.exit_code, "output": result.output[-600:], "error": error + trace}


def _listing(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_no_command_is_left_out() -> None:
    shown = {
        info.name or (info.callback and info.callback.__name__.replace("_", "-"))
        for panel in PANELS
        for commands in (panel.commands, *(group.typer_instance for group in panel.commands.registered_groups))
        for info in commands.registered_commands
        if not info.hidden
    }
    assert {doc.name.split()[-1] for doc in COMMANDS} == shown
