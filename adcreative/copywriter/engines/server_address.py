"""Parse and validate a chat server's address and key before anything is sent, shown or written.

An address is stored in results, reports and logs, so it must hold no secret: user:password@host and queries are refused, and no
error message here repeats them. Opens no socket.

Source: RFC 3986, 3.2.1 (user information in plain text is deprecated); RFC 9110, 5.5 (characters of a header's value).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from socket import inet_aton
from urllib.parse import SplitResult, urlsplit

from adcreative.errors import ConfigError, hide_passwords

KEY_VARIABLE = "ADCREATIVE_LLM_API_KEY"
MAX_SAID_CHARS = 160
_HIDDEN = "(hidden)"
_KEY_LIKE = re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{6,}|\b(?:sk|pk|gsk|hf|xai|key)[-_][\w-]{8,}")


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """base_url ends before "/chat/completions" and holds no secret; model may be empty: the first listed by the server."""

    base_url: str
    model: str
    hostname: str
    is_encrypted: bool


def read_address(address: str) -> ServerAddress:
    """Read "http://host:port/v1#model".

    Raises:
        ConfigError: no host, an invalid port, a user, a password or a query, or invalid characters in an address.
    """
    remedy = "write http://host:port/v1#model"
    if not address.isprintable() or any(character.isspace() for character in address):
        raise ConfigError(f"the language model address holds a space, line end or control character; {remedy}.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # an unclosed bracket, an invalid port; the error's text repeats the address
        raise ConfigError(f"the language model address has no valid host or port; {remedy}.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"the language model address holds a user or password, which would end up in results and logs; {remedy} and put "
            f"the key into the variable {KEY_VARIABLE}."
        )
    if parts.query:
        raise ConfigError(
            f"the language model address holds a query (what follows the question mark); {remedy} and put a key into the "
            f"variable {KEY_VARIABLE}."
        )
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ConfigError(f"the language model address {address[:200]!r} has no host; {remedy}.")
    return ServerAddress(
        base_url=_base_url(parts, port), model=parts.fragment, hostname=parts.hostname, is_encrypted=parts.scheme == "https"
    )


def check_key(key: str, *, name: str = KEY_VARIABLE) -> str:
    """Return a key that is valid in a header, without surrounding space; the error message never shows the key.

    Raises:
        ConfigError: a space, a line end, a control character or a non-ASCII character inside the key.
    """
    key = key.strip()
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise ConfigError(
            f"{name} holds a space, a line end or another character that no key has (the key is not shown here); set it again, "
            "to the key alone."
        )
    return key


def check_key_may_travel(key: str, address: ServerAddress) -> None:
    """Raise ConfigError when a key would be sent unencrypted to another machine."""
    if key and not address.is_encrypted and not is_this_machine(address.hostname):
        raise ConfigError(f"{KEY_VARIABLE} would travel unencrypted to {address.hostname}; use https:// or unset the key.")


def clean_said(text: str, key: str = "", *, max_chars: int = MAX_SAID_CHARS) -> str:
    """Return a server's text, safe for a terminal, a report and a log: one short line without control characters and keys."""
    text = hide_passwords(text[: 100 * max_chars])
    if key:
        text = text.replace(key, _HIDDEN)
    text = "".join(character if character.isprintable() else " " for character in text)
    return _KEY_LIKE.sub(_HIDDEN, " ".join(text.split()))[:max_chars]


def is_this_machine(host: str) -> bool:
    """Return whether requests to `host` stay on this machine: a loopback address in any notation that resolvers read
    ("127.1", "0x7f000001", "::ffff:127.0.0.1"), the unspecified address, or "localhost"."""
    if host.removesuffix(".") == "localhost":
        return True
    try:
        found = ip_address(host)
    except ValueError:
        try:
            found = ip_address(inet_aton(host))
        except OSError:
            return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback or found.is_unspecified


def _base_url(parts: SplitResult, port: int | None) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"
