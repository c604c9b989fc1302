"""Keys and passwords are refused at the door in a sentence that does not show them."""

from __future__ import annotations

import socket
import traceback
from pathlib import Path

import pytest

from adcreative import pipeline
from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.engines.chat import ChatClient, ChatConfig
from adcreative.copywriter.engines.local_llm import LocalSource
from adcreative.copywriter.engines.server import ServerSource
from adcreative.copywriter.engines.server_address import ServerAddress, check_key, clean_said, is_this_machine, read_address
from adcreative.copywriter.products.build import build_source
from adcreative.errors import ConfigError, CopywriterError

SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    "key", [f"{SECRET}\nx", f"a\r\nX-Evil: {SECRET}", f"{SECRET} b", f"{SECRET}\x01", f"{SECRET}é", f"{SECRET}\u200b"]
)
def test_a_key_that_is_none_is_refused_without_being_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_LLM_API_KEY", key)
    with pytest.raises(ConfigError, match="ADCREATIVE_LLM_API_KEY holds a space, a line end or another character") as caught:
        ServerSource.from_address("http://127.0.0.1:9/v1#m")
    with pytest.raises(ConfigError, match="api_key holds") as direct:
        ChatConfig(base_url="http://127.0.0.1:9/v1", api_key=key)
    for error in (caught, direct):
        assert SECRET not in "".join(traceback.format_exception(error.value))


def test_the_space_around_a_key_is_no_part_of_it() -> None:
    assert check_key(f" {SECRET}\n") == SECRET
    assert SECRET not in repr(ChatConfig(base_url="http://x/v1", api_key=SECRET))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"http://ada:{SECRET}@host/v1#m", "holds a user or password"),
        (f"https://{SECRET}@host/v1#m", "holds a user or password"),
        (f"http://ada:{SECRET}@/v1#m", "holds a user or password"),
        (f"https://host/v1?api_key={SECRET}#m", "holds a query"),
        (f"http://host/v1#m\n{SECRET}", "holds a space, line end or control character"),
        (f"HTTP://ada:{SECRET}@host/v1#m", "holds a user or password"),
        (f"htps://ada:{SECRET}@host/v1#m", "begins with neither http:// nor https://"),
        (f"ftp://ada:{SECRET}@host/", "begins with neither http:// nor https://"),
        (f"ada:{SECRET}@host/v1", "begins with neither http:// nor https://"),
        (f"ada%3A{SECRET}@host/v1", "begins with neither http:// nor https://"),
        (f"ada:a/{SECRET}@host/v1", "begins with neither http:// nor https://"),
        ("http://host/v1#\x1b[2Jm", "holds a space, line end or control character"),
        (f"http://[::1/{SECRET}", "has no valid host or port"),
        (f"http://host:{SECRET}/v1", "has no valid host or port"),
    ],
)
def test_an_address_with_a_secret_is_refused_without_showing_it(address: str, said: str) -> None:
    for build in (build_copywriter, build_source):
        with pytest.raises(ConfigError, match=said) as caught:
            build(address)
        shown = "".join(traceback.format_exception_only(caught.value))
        assert SECRET not in shown
        assert caught.value.__cause__ is None
        assert "\x1b" not in shown


@pytest.mark.parametrize("address", [f"HTTP://ada:{SECRET}@h/v1", f"ada:{SECRET}@h/v1", f"ftp://ada:{SECRET}@h/"])
def test_a_password_is_refused_before_anything_is_written(address: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("title,brand,headline\nTrail shoe with grip,Fell,Run\n")
    for run in (
        lambda out: pipeline.optimize(table, out, copywriter=address),
        lambda out: pipeline.optimize(table, out, scene_model=address),
        lambda out: pipeline.optimize(table, out, inpaint_model=address),
        lambda out: pipeline.describe(table, out / "d.csv", llm=address),
        lambda out: pipeline.doctor(llm=address) and pipeline.check_language_model(address),
    ):
        with pytest.raises(ConfigError, match="password") as caught:
            run(tmp_path / "out")
        assert SECRET not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_local_model_by_an_address_shows_no_password() -> None:
    source = LocalSource(f"ftp://ada:{SECRET}@host/")
    assert SECRET not in source.engine
    with pytest.raises(CopywriterError, match="cannot be loaded") as caught:
        source.propose(Brief(brand="F", product="p", headline="Trail shoes", description=""), "headline", 1, seed=0)
    assert SECRET not in str(caught.value)


def test_a_key_and_a_brief_for_this_machine_ask_no_proxy(chat_server, shoe_brief, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.2)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ADCREATIVE_LLM_API_KEY", SECRET)
        chat_server.writes('{"lines": ["Grip that loves mud"]}')
        for host in ("127.0.0.1", "localhost"):
            source = ServerSource.from_address(chat_server.address.replace("127.0.0.1", host))
            assert source.propose(shoe_brief, "headline", 1, seed=0) == ["Grip that loves mud"]
        with pytest.raises(TimeoutError):
            proxy.accept()
    assert chat_server.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_this_machine_is_known_by_all_its_addresses() -> None:
    for host in (
        "localhost",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "127.8.9.10",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "0.0.0.0",
    ):
        assert is_this_machine(host), host
    for host in ("::1", "0:0:0:0:0:0:0:1", "::", "::ffff:127.0.0.1"):
        assert is_this_machine(host), host
    for host in ("localhost.example", "127.0.0.1.example", "128.1", "10.1", "::ffff:10.0.0.1", "fe80::1", "a.localhost", ""):
        assert not is_this_machine(host), host


def test_another_machine_is_asked_through_the_proxy_of_the_environment(chat_server, shoe_brief, monkeypatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "ADCREATIVE_LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", chat_server.address.removeprefix("http://").partition("/")[0])
    chat_server.writes('{"lines": ["Grip that loves mud"]}')
    source = ServerSource.from_address("http://llm.example/v1#m")
    assert source.propose(shoe_brief, "headline", 1, seed=0) == ["Grip that loves mud"]
    assert chat_server.headers[0]["Host"] == "llm.example"
    monkeypatch.setenv("http_proxy", f"socks5://ada:{SECRET}@127.0.0.1:9")
    with pytest.raises(CopywriterError, match="the proxy in http_proxy begins with neither http:// nor https://") as caught:
        source.propose(shoe_brief, "headline", 1, seed=0)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_key_never_travels_unencrypted_to_another_machine_whoever_builds_the_client() -> None:
    with pytest.raises(ConfigError, match=r"would travel unencrypted to llm\.example; use https:// or unset the key"):
        ChatClient(ChatConfig(base_url="http://llm.example/v1", api_key=SECRET))


def test_a_good_address_is_taken_apart() -> None:
    found = read_address("http://[::1]:8080/v1/chat/completions#llama/3")
    assert found == ServerAddress(base_url="http://[::1]:8080/v1", model="llama/3", hostname="::1", is_encrypted=False)
    assert read_address("https://llm.example").base_url == "https://llm.example/v1"


def test_what_a_server_says_is_shortened_and_cleaned() -> None:
    said = clean_said(f"\x1b[31mno\x1b[0m\r\n key {SECRET}, Bearer abcdef123456, sk-abcdefgh1234 \u202e{'x' * 5000}", SECRET)
    assert len(said) == 160
    assert said.isprintable()
    assert said.startswith("[31mno [0m key (hidden), (hidden), (hidden)")
    assert "ada" not in clean_said("proxy http://ada:pw@host failed")


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_error_answer_that_echoes_the_key_does_not_show_it(chat_server, shoe_brief, status: int) -> None:
    chat_server.says(status, {"error": f"bad key {SECRET}\u001b[2J {'y' * 3000}"})
    config = ChatConfig(base_url=chat_server.address.partition("#")[0], model="m", api_key=SECRET, max_attempts=1)
    source = ServerSource(ChatClient(config, sleep=lambda _: None))
    with pytest.raises(CopywriterError) as caught:
        source.propose(shoe_brief, "headline", 3, seed=0)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert len(getattr(caught.value, "body", "")) <= 2000
