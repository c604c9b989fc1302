"""Serve the page, on this machine by default; serving it to other machines without a password prints a warning."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware

from adcreative.errors import AdCreativeError
from adcreative.pipeline import run_aside
from adcreative.report.rendering import compile_templates
from adcreative.workspace.store import Workspace

from .app import build_app
from .doors import OwnPagesOnly, is_loopback
from .handlers.library import HOME
from .html.plain import TEMPLATE_DIR
from .pages.theme import look_routes
from .sessions.ending import Worker, ending_tidily
from .sessions.privacy import end_tidily

if TYPE_CHECKING:
    from adcreative.pipeline import Studio

log = logging.getLogger(__name__)
EXPOSED = (
    "This page can be reached from other computers and asks for no password: anyone who finds it can use it and see what it "
    "shows. Whoever runs it can start it with a password, or on 127.0.0.1."
)
HOW_TO_CLOSE = "Use --auth-file FILE (user:password in it) or ADCREATIVE_AUTH, or --host 127.0.0.1."


def compile_all() -> None:
    """Compile the templates of the page and of its reports."""
    compile_templates(TEMPLATE_DIR)
    compile_templates()


def load_behind(studio: Studio) -> None:
    """Load the models, then compile the templates, while the page opens already; scores wait for the models meanwhile."""

    def work() -> None:
        try:
            studio.load()
            compile_all()
        except AdCreativeError as error:  # repeated in the page for each request of a score
            log.error("the models cannot be loaded: %s", error)

    Worker(work, name="load-models").start()


def launch(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    allowed_hosts: Sequence[str] = (),
    mcp: bool = False,
    workspace: Path | None = None,
    aside: Callable[..., Any] = run_aside,
    **settings: object,
) -> object:
    """Serve the app until interrupted (or return at once with prevent_thread_lock=True); running work is then stopped.

    On another address than loopback without `auth`, a warning is shown on the terminal and on the page. Requests for another
    host name than the app's own or one of `allowed_hosts`, and requests caused by pages of other sites, are refused.
    workspace: the folder where ads and all else are kept; None keeps each visit in memory, apart from every other.
    mcp: offer the commands as tools to agents; only a person can approve. A terminated or hung-up process deletes its
    uploads like an interrupted one.
    """
    is_exposed = not is_loopback(host) and auth is None
    if is_exposed:
        bar = "!" * 78
        print(f"{bar}\nWARNING: {EXPOSED} {HOW_TO_CLOSE}\n{bar}", file=sys.stderr, flush=True)
    kept = None if workspace is None else Workspace(workspace)
    demo = build_app(studio, notice=EXPOSED if is_exposed else "", is_for_agents=mcp, workspace=kept, aside=aside)
    if kept is not None:
        settings = {"allowed_paths": [str(kept.folder / HOME)], **settings}
        print(f"your ads are kept in {kept.folder}", flush=True)
    if mcp:
        settings = {"mcp_server": True, **settings}
        print(f"tools for agents: http://{host}:{port}/gradio_api/mcp/", flush=True)
    print(f"adcreative studio: http://{host}:{port} (stop with Ctrl-C)", flush=True)
    doors = {"middleware": [Middleware(OwnPagesOnly, bound=host, names=tuple(allowed_hosts))], "routes": look_routes()}
    settings = {"favicon_path": str(TEMPLATE_DIR / "favicon.svg"), **settings}
    end_tidily()
    # No _frontend: Gradio would wait 3 s for its own page and give up on a busy machine, although the page is served.
    served = {"server_name": host, "server_port": port, "auth": auth, "app_kwargs": doors, "_frontend": False, **settings}
    served["prevent_thread_lock"] = True  # the models are loaded once the server answers: it has 5 s to start
    if settings.get("prevent_thread_lock"):
        answer = demo.launch(**served)
        load_behind(studio)
        return answer
    with ending_tidily(demo.model_queue):
        answer = demo.launch(**served)
        load_behind(studio)
        demo.block_thread()
        return answer
