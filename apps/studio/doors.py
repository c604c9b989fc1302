"""Access control: the app answers requests under its own host name, and from its own pages.

A page of another site can make a visitor's browser post to an app on this machine (cross-site forms), and a host name that
is redirected to this machine makes its answers readable (DNS rebinding). Both show in headers that scripts cannot set: Host,
Origin and Sec-Fetch-Site. Clients other than browsers send no Origin and pass.

Source: OWASP, "Cross-Site Request Forgery Prevention" (verifying origin with standard headers); W3C, Fetch Metadata.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, MutableMapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PAGES = ("make", "ad", "ads", "many", "account", "tests", "settings")  # as in addresses.js
# an ad, its versions, a test: /ads/ID, /ads/ID/versions, /tests/ID
THINGS = re.compile(r"/(ads|tests)/([0-9a-f]{16})(/versions)?/?")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """True when only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OwnPagesOnly:
    """ASGI middleware that refuses a foreign Host (421) and requests caused by pages of other sites (403).

    Args:
        bound: the address the app listens on. On loopback only loopback names are accepted; on another address, numeric
            addresses and this machine's name too: nobody can point these to another machine.
        names: further host names of the app, such as the name of a proxy.
    """

    def __init__(self, app: ASGIApp, *, bound: str, names: Iterable[str] = ()) -> None:
        self.app = app
        self.names = {name.casefold() for name in names}
        self._own = {*LOOPBACK, bound.casefold(), *self.names}
        self._takes_addresses = not is_loopback(bound)
        if self._takes_addresses:
            self._own.add(socket.gethostname().casefold())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] == "http" and scope["path"].strip("/") in PAGES:
            scope = {**scope, "path": "/", "raw_path": b"/"}  # each page has an address, which the script of the page reads
        if refusal := self.refusal(scope.get("method", "GET"), headers):
            await _refuse(scope, send, *refusal)
            return
        if scope["type"] == "http" and (thing := THINGS.fullmatch(scope["path"])):
            up = "../" * (scope["path"].count("/") - 1)  # the path prefix of a proxy
            headers_out = [(b"location", f"{up}{thing[1]}?open={thing[2]}".encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 307, "headers": headers_out})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send)

    def refusal(self, method: str, headers: MutableMapping[str, str]) -> tuple[int, str] | None:
        """Return status and sentence of a refused request, None for an allowed one. Header names are in lower case."""
        host = headers.get("host", "")
        if not self._is_own(_hostname(host)):
            return 421, (
                "This address leads here, but is no name of this app. Open it as 127.0.0.1, or start it with "
                "--allowed-host and the name."
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_own_origin(origin, host):
            return 403, "Pages of other sites may not use this app."
        if method not in SAFE_METHODS and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "Pages of other sites may not use this app."
        return None

    def _is_own(self, name: str) -> bool:
        return name in self._own or (self._takes_addresses and _is_address(name))

    def _is_own_origin(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        is_page = parts.scheme in ("http", "https")
        return is_page and (parts.netloc.casefold() == host.casefold() or (parts.hostname or "") in self.names)


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "") if "@" not in host else ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
