"""Serve the page, on this machine unless told otherwise; whoever opens it to others without a password is warned."""

from __future__ import annotations

import ipaddress
import sys
from typing import TYPE_CHECKING, Any

from .app import build_app

if TYPE_CHECKING:
    from .port import Studio

EXPOSED = (
    "This page can be reached from other computers and asks for no password: anyone who finds it can use it and see what it "
    "shows. Start it with --auth user:password, or on 127.0.0.1."
)  # fmt: skip


def is_loopback(host: str) -> bool:
    """True when only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def launch(
    studio: Studio, *, host: str = "127.0.0.1", port: int = 7860, auth: tuple[str, str] | None = None, **settings: Any
) -> Any:
    """Serve the app until interrupted (or return at once with prevent_thread_lock=True).

    Bound to another address than loopback without `auth`, it warns on the terminal and on the page itself.
    """
    is_exposed = not is_loopback(host) and auth is None
    if is_exposed:
        bar = "!" * 78
        print(f"{bar}\nWARNING: {EXPOSED}\n{bar}", file=sys.stderr, flush=True)
    demo = build_app(studio, notice=EXPOSED if is_exposed else "")
    print(f"adcreative studio: http://{host}:{port} (stop with Ctrl-C)", flush=True)
    return demo.launch(server_name=host, server_port=port, auth=auth, **settings)
