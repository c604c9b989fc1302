"""Keys and passwords are refused at the door in a sentence that does not show them."""

from __future__ import annotations

import traceback

import pytest

from adcreative.copywriter import build_copywriter
from adcreative.copywriter.engines.chat import ChatClient, ChatConfig
from adcreative.copywriter.engines.server import ServerSource
from adcreative.copywriter.engines.server_address import ServerAddress, check_key, clean_said, read_address
from adcreative.copywriter.products.build import build_describer
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
        ("http://host/v1#\x1b[2Jm", "holds a space, line end or control character"),
        (f"http://[::1/{SECRET}", "has no valid host or port"),
        (f"http://host:{SECRET}/v1", "has no valid host or port"),
    ],
)  # fmt: skip
def test_an_address_with_a_secret_is_refused_without_showing_it(address: str, said: str) -> None:
    for build in (build_copywriter, build_describer):
        with pytest.raises(ConfigError, match=said) as caught:
            build(address)
        shown = "".join(traceback.format_exception_only(caught.value))
        assert SECRET not in shown
        assert caught.value.__cause__ is None
        assert "\x1b" not in shown


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
