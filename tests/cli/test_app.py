"""The command line: help, panels, exit codes and messages; names from outside cannot steer the terminal."""

from __future__ import annotations

import http.server
import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from adcreative import __version__
from adcreative.cli import progress as cli_progress
from adcreative.cli.app import PANELS, app
from adcreative.cli.progress import Pace, duration
from adcreative.cli.terminal import plain, say_json, say_lines
from adcreative.errors import ConfigError
from adcreative.verbs.app import find_workspace
from adcreative.verbs.settings import AppSettings

NAMES_OF_TOOLS = (
    "archive benchmark compress convert-weights describe disclosures evaluate evaluate-policy export-model inspect ledger"
    " models rank-features target"
)
runner = CliRunner()


def test_the_help_has_seven_panels_and_each_command_is_in_one_of_them() -> None:
    titles = list(dict.fromkeys(panel.PANEL for panel in PANELS))
    assert titles == ["Score", "Improve", "Launch", "After launch", "Learn", "Research", "Keep the rules"]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {command.rich_help_panel for command in commands.values() if not command.hidden} == set(titles)


def test_published_systems_stand_in_a_group_and_under_their_old_names_unseen() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    group = {"extend", "forecast", "personas", "place", "select", "slates", "target"}
    assert group <= set(commands["papers"].commands)
    assert all(commands[name].hidden for name in ("audit-personas", "extend", "place", "select"))
    assert not any(name in runner.invoke(app, ["--help"]).output for name in ("│ place ", "│ extend ", "│ select "))
    for command in (["papers", "place", "--help"], ["place", "--help"]):
        assert "Place sponsored ads" in runner.invoke(app, command).output


def test_tools_stand_in_a_group_and_under_their_old_names_unseen() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert sorted(commands["tools"].commands) == NAMES_OF_TOOLS.split()
    assert all(commands[name].hidden for name in NAMES_OF_TOOLS.split())
    for command in (["tools", "inspect", "--help"], ["inspect", "--help"]):
        assert "Example: adcreative tools inspect" in runner.invoke(app, command).output


def test_the_help_shows_twenty_commands_beside_papers() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    shown = [name for name, command in commands.items() if not command.hidden and name != "papers"]
    assert len(shown) <= 20  # a stage of the way each; what is rare stands in tools


def test_the_panels_stand_in_this_order() -> None:
    titles = list(dict.fromkeys(panel.PANEL for panel in PANELS))
    shown = runner.invoke(app, ["--help"]).output
    assert [shown.index(f"─ {title} ─") for title in titles] == sorted(shown.index(f"─ {title} ─") for title in titles)


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == __version__


def test_help_is_quick_and_loads_no_torch() -> None:
    code = "import sys; sys.argv = ['adcreative', '--help']\ntry:\n from adcreative.cli.app import app; app()\n"
    code += "except SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    started_s = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.monotonic() - started_s < 10  # the half-second promise is measured by make bench


def test_the_app_without_gradio_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("adcreative.verbs.app.find_spec", lambda name: None if name == "gradio" else find_spec(name))
    result = runner.invoke(app, ["app"])
    assert result.exit_code == 2
    assert result.stderr.strip() == 'adcreative: the app needs gradio; install it with: pip install "adcreative[app]"'


def test_a_missing_folder_is_one_sentence_and_exit_code_2_in_a_process_of_its_own(tmp_path: Path) -> None:
    arguments = ["score", "nowhere", "--out", str(tmp_path / "s.csv")]
    finished = subprocess.run([sys.executable, "-m", "adcreative", *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert finished.returncode == 2
    assert finished.stderr.count("adcreative:") == 1
    assert "nowhere" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(("verb", "out"), [("evaluate", "m.json"), ("train", "model"), ("optimize", "out"), ("check", "c.csv")])
def test_a_missing_folder_is_one_sentence_and_exit_code_2(verb: str, out: str, tmp_path: Path) -> None:
    result = runner.invoke(app, [verb, str(tmp_path / "nowhere"), "--out", str(tmp_path / out)])
    assert result.exit_code == 2
    assert result.stderr.count("adcreative:") == 1
    assert "nowhere" in result.stderr


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("headline\nHello there\n")
    result = runner.invoke(
        app, ["score", str(tmp_path / "ads.csv"), "--out", str(tmp_path / "s.csv"), "--model", str(tmp_path / "none")]
    )
    assert result.exit_code == 2
    assert "holds no model" in result.output
    result = runner.invoke(
        app, ["evaluate", str(tmp_path / "ads.csv"), "--out", str(tmp_path / "m.json"), "--model", str(tmp_path / "none")]
    )
    assert "holds no model" in result.output


def test_models_lists_licences() -> None:
    result = runner.invoke(app, ["models"])
    assert result.exit_code == 0
    assert "licence=Apache-2.0" in result.output


def test_models_names_the_writers_that_are_here_or_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on a usual port is found; a page, a refusal and a closed port are passed over."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = told[self.server.server_address[1]]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    listed = b'{"data": [{"id": "qwen:4b"}, {"id": "spoilt\\u001b name"}, {"id": "b"}]}'
    told: dict[int, tuple[int, bytes]] = {}
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) for _ in range(3)]
    ports = [server.server_address[1] for server in servers]
    told |= dict(zip(ports, [(200, listed), (200, b"<html>"), (404, b"{}")], strict=True))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path))
    usual = {"Ollama": ports[0], "llama.cpp": ports[1], "vLLM": ports[2], "LM Studio": 9}
    monkeypatch.setattr("adcreative.verbs.language_model.LOCAL_SERVERS", usual)
    found = {f"{name} (Ollama)": f"http://127.0.0.1:{ports[0]}/v1#{name}" for name in ("qwen:4b", "b")}
    assert json.loads(runner.invoke(app, ["models", "--writer", "--json"]).stdout) == found
    assert runner.invoke(app, ["models", "--writer"]).stdout.splitlines() == [f"{one}: --llm {found[one]}" for one in found]
    for server in servers:
        server.shutdown()
        server.server_close()
    assert len(runner.invoke(app, ["models", "--writer"]).stdout.splitlines()) == 3


def test_json_says_what_went_wrong_and_stdout_holds_nothing_else(tmp_path: Path) -> None:
    arguments = ["score", str(tmp_path / "nowhere"), "--out", str(tmp_path / "s.csv"), "--json"]
    finished = subprocess.run([sys.executable, "-m", "adcreative.cli.app", *arguments], capture_output=True, text=True)
    told = json.loads(finished.stdout)
    assert (finished.returncode, told["exit_code"]) == (2, 2)
    assert "nowhere" in told["error"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--resume", "--restart"], "give one of them"),
        (["--engine", "slurm"], 'no engine named "slurm"'),
        (["--limit", "0"], "--limit must be at least 1, got 0"),
    ],
)
def test_flags_that_cannot_be_are_refused(flags: list[str], message: str, tmp_path: Path) -> None:
    for verb in ("score", "optimize"):
        result = runner.invoke(app, [verb, str(tmp_path), "--out", str(tmp_path / "out"), *flags])
        assert result.exit_code == 2
        assert message in result.output


def test_exit_codes_are_in_the_help() -> None:
    for arguments in (["--help"], ["score", "--help"], ["optimize", "--help"]):
        said = " ".join(runner.invoke(app, arguments).output.split())
        assert "Exit codes: 0 done" in said
        assert "130 stopped by Ctrl-C or SIGTERM" in said


def test_the_pace_counts_what_was_done_since_the_stage_began() -> None:
    now_s = 100.0
    pace = Pace(lambda: now_s)
    assert pace.describe("scoring", 500, 1000) == ""  # an earlier run's 500
    now_s = 110.0
    assert pace.describe("scoring", 600, 1000) == "10.0/s, 40 s left"
    assert pace.describe("fitting", 0, 9) == ""
    now_s = 170.0
    assert pace.describe("fitting", 3, 9) == "20.0 s each, 2 min left"
    assert pace.describe("fitting", 9, 9) == "6.7 s each"
    assert pace.describe("scoring", 640, 1000) == "2.0/s, 3 min left"  # it goes on
    now_s = 180.0
    assert pace.describe("fitting", 0, 4) == ""  # and the other begins anew
    now_s = 181.0
    assert pace.describe("fitting", 1, 4) == "1.0/s, 3 s left"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119, "119 s"), (150, "2 min"), (3590, "1 h 00 min"), (11100, "3 h 05 min"), (187200, "2 d 4 h")],
)
def test_durations_are_read_at_a_glance(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_password_of_the_app_comes_from_an_option_a_file_or_the_environment(tmp_path: Path) -> None:
    from adcreative.errors import ConfigError
    from adcreative.verbs.app import read_credentials

    (tmp_path / "auth").write_text("anna:se:cret\nrest\n")
    assert read_credentials(None, None) is None
    assert read_credentials("anna:secret", tmp_path / "none") == ("anna", "secret")
    assert read_credentials(None, tmp_path / "auth") == ("anna", "se:cret")
    (tmp_path / "empty").write_text("")
    for auth, file in (
        ("secret", None),
        (":secret", None),
        ("secret:", None),
        ("a:sec\x1bret", None),
        (None, tmp_path / "empty"),
    ):
        with pytest.raises(ConfigError, match="must be user:password") as caught:
            read_credentials(auth, file)
        assert "sec" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read as text"):
        read_credentials(None, tmp_path / "none")


@pytest.mark.parametrize("told_first", [True, False])
def test_a_command_that_loads_for_long_says_so_within_two_seconds(
    told_first: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting: list[AfterAWhile] = []

    class AfterAWhile:
        def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
            assert seconds < 2
            self.tell, self.is_waiting = tell, False

        def start(self) -> None:
            self.is_waiting = True
            waiting.append(self)

        def cancel(self) -> None:
            self.is_waiting = False

    monkeypatch.setattr(cli_progress, "Timer", AfterAWhile)
    with cli_progress.verb() as (progress, _):
        if told_first:
            progress("reading", 0, 9)
        for timer in waiting:
            if timer.is_waiting:
                timer.tell()
    assert capsys.readouterr().err == ("reading: 0 of 9\n" if told_first else "loading models\n")


@pytest.mark.parametrize(
    ("chosen", "is_kept"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"private": True}, False),
        ({"host": "0.0.0.0"}, False),
        ({"allowed_hosts": ("ads.example.com",)}, False),
        ({"host": "0.0.0.0", "workspace": Path("mine")}, True),
    ],
)
def test_what_others_can_reach_keeps_nothing_unless_told(chosen: dict[str, Any], is_kept: bool) -> None:
    assert (find_workspace(AppSettings(**chosen)) is not None) is is_kept


def test_a_workspace_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave one of them out"):
        find_workspace(AppSettings(private=True, workspace=Path("mine")))


CLI = Path(__file__).parents[2] / "adcreative" / "cli"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202egnp.\x9b31m"


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text())
def test_what_is_printed_holds_no_control_character(text: str) -> None:
    shown = plain(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert shown.isascii() or not text.isascii()
    shown.encode("utf-8")
    if text.isprintable():
        assert shown == text


def test_line_ends_and_letters_of_all_scripts_stay() -> None:
    text = "Größe\t文字 עברית\nfamily: 👨\u200d👩\u200d👧"
    assert plain(text) == text
    assert plain(HOSTILE) == "\\x1b]0;owned\\x07\\x1b[2J\\r\\u202egnp.\\x9b31m"


@pytest.mark.parametrize("verb", ["check", "score"])
def test_hostile_column_and_file_names_are_printed_as_codes(tmp_path: Path, verb: str) -> None:
    table = tmp_path / "\x1b[2Jads.csv"
    table.write_text(f"{HOSTILE},impressions\na,3\n", newline="")
    result = CliRunner().invoke(app, [verb, str(table), "--out", str(tmp_path / "out.csv")])
    assert result.exit_code == 2
    assert "\\x1b" in result.stderr
    assert not set("\x1b\x07\x9b\u202e\r") & set(result.output + result.stderr)


def test_of_a_long_result_the_first_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say_lines([f"pair {k}" for k in range(24)])
    assert capsys.readouterr().out.splitlines()[-1] == "pair 23"
    say_lines([f"pair {k}" for k in range(100)])
    assert capsys.readouterr().out.splitlines()[-2:] == ["pair 23", "... and 76 lines more, in what was written"]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"auc": float("nan"), "gain": [float("inf"), 0.1], "path": Path("a") / "b", "name": "Größe"})
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found == {"auc": None, "gain": [None, 0.1], "path": "a/b", "name": "Größe"}


def test_no_command_prints_json_otherwise() -> None:
    for path in CLI.glob("*.py"):
        if path.name != "terminal.py":
            assert "json.dump" not in path.read_text(encoding="utf-8"), path.name


def test_every_command_prints_through_one_function() -> None:
    for path in CLI.glob("*.py"):
        if path.name not in ("terminal.py", "manual.py"):
            assert not re.search(r"\btyper\.(echo|secho)\(|(?<![.\w])print\(", path.read_text(encoding="utf-8")), path.name
