"""What a message may show: no password of an address, whoever raises it."""

from __future__ import annotations

import pytest

from adcreative.errors import AdCreativeError, CreativeError, hide_passwords, is_address

PASSWORD = "hunter2"
ADDRESSES = (
    f"http://ada:{PASSWORD}@host/v1",
    f"HTTP://ada:{PASSWORD}@host/v1",
    f"ada:{PASSWORD}@host/v1",
    f"htps://ada:{PASSWORD}@host",
    f"ftp://ada:{PASSWORD}@host/",
    f"redis://:{PASSWORD}@host:6379",
    f"https://{PASSWORD}@host",
    f"//ada:{PASSWORD}@host",
    f"http://ada:a/{PASSWORD}@host",
    f"http://ada:p@{PASSWORD}@host",
    f"http://ada:a#{PASSWORD}@[::1]:80",
    f"ada:{PASSWORD}@[::1]",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_message_shows_the_password_of_an_address(address: str) -> None:
    said = f"the model {address!r} cannot be loaded (GET {address}: 404); name another."
    for shown in (hide_passwords(said), str(AdCreativeError(said)), str(CreativeError(said, said))):
        assert PASSWORD not in shown
        assert "(hidden)@" in shown
        assert shown.endswith("name another.")
    assert PASSWORD not in CreativeError(said, said).problem + CreativeError(said, said).remedy
    assert is_address(address) or address.startswith("//")


@pytest.mark.parametrize(
    "text",
    ["write to ada@example.com", "row 3: 12:30", "http://host:8080/v1#m", "C:\\models\\a.gguf", "https://host/path", "a@b: c"],
)
def test_what_holds_no_password_stays(text: str) -> None:
    assert hide_passwords(text) == text
    assert str(AdCreativeError(text)) == text


@pytest.mark.parametrize("name", ["intfloat/multilingual-e5-small", "C:\\models\\tiny.gguf", "/data/a@b/model", "smollm2"])
def test_names_of_models_are_no_addresses(name: str) -> None:
    assert not is_address(name)
