"""Building blocks of the page: fragments, downloads, and restricted uploads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ListFiles
from gradio.events import Dependency

from ..handlers.account import WRITTEN
from ..handlers.long_work import LongWork
from ..sessions.model_queue import MAX_WAITING
from ..sessions.owners import KEPT
from ..sessions.privacy import private_dir

RESULTS = "results"
NOT_UPLOADED = "Files are uploaded: addresses and paths of this machine are not read."
MOVES: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
WATCHING: dict[str, Any] = {"concurrency_id": "watch", "concurrency_limit": 2 * MAX_WAITING}
QUICK: dict[str, Any] = {"concurrency_id": "steps", "concurrency_limit": 4, "show_progress": "minimal"}
Fields = dict[str, gr.blocks.Block]


DATES = [
    ("Found by itself", ""),
    ("Day first (28/11/2026)", "dmy"),
    ("Month first (11/28/2026)", "mdy"),
    ("Year first (26/11/28)", "ymd"),
]
RATES = [("Found by itself", ""), ("Percent (1.2 is 1.2 %)", "percent"), ("Shares (0.012 is 1.2 %)", "share")]
DECIMALS = [("Found by itself", ""), ("A point (1.50)", "point"), ("A comma (1,50)", "comma")]


def ask_written(page: str) -> Fields:
    """Build the folded fields for the format of a page's table; return them by their names in a mapping file."""
    with gr.Accordion("Days or numbers misread?", open=False, elem_id=f"{page}-written"):
        return {
            "dates": gr.Dropdown(DATES, value="", label="How its days are written", elem_id=f"{page}-dates"),
            "rates": gr.Dropdown(RATES, value="", label="What its click rates are", elem_id=f"{page}-rates"),
            "decimals": gr.Dropdown(DECIMALS, value="", label="What stands before decimals", elem_id=f"{page}-decimals"),
        }


def read_choices(fields: Mapping[str, str | None], names: Iterable[str]) -> dict[str, str | None]:
    """Return the chosen columns of an export by our names of the columns, and the table's format by WRITTEN."""
    return {**{name: fields.get(f"{name}_column") for name in names}, **{name: fields.get(name) for name in WRITTEN}}


def fragment(value: str = "", **options: object) -> gr.HTML:
    """Return a component for a fragment, with only our style sheet."""
    given: dict[str, Any] = options
    return gr.HTML(value, apply_default_css=False, padding=False, elem_classes="ac", **given)


def file_to_take(label: str, **options: object) -> gr.File:
    """Return a component for downloads, hidden without files; the user cannot remove a file."""
    given: dict[str, Any] = options
    return gr.File(label=label, interactive=False, visible=False, elem_classes="ac-take", **given)


def wire_work(
    page: gr.Blocks,
    work: LongWork[Any],
    visitor: gr.BrowserState,
    stop: gr.Button,
    outputs: list[Any],
    *,
    flat: Callable[[Any], list[Any]],
    resume: str,
    cancel: str,
) -> Dependency:
    """Resume long work when a page is opened, and stop it on a click; return the event of resumed work that has ended.

    Args:
        flat: converts a screen to the values of `outputs`, a fragment first. resume, cancel: the API names of both events.
    """

    def find_again(request: gr.Request, visitor: str | None = None) -> Iterator[list[Any]]:
        for screen in work.resume(find_owner(visitor, request)):
            yield flat(screen) if screen.shown else [gr.skip()] * len(outputs)

    def end(request: gr.Request, visitor: str | None = None) -> str:
        return work.cancel(find_owner(visitor, request))

    def show_stop(request: gr.Request, visitor: str | None) -> object:
        return gr.update(visible=work.is_running(find_owner(visitor, request)))

    asked: dict[str, Any] = {"inputs_kwargs": {"visitor": visitor}, "show_progress": "hidden"}
    stop.click(end, None, outputs[0], api_name=cancel, queue=False, **asked)
    page.load(show_stop, visitor, stop, **MOVES)
    found = page.load(find_again, None, outputs, api_name=resume, **asked, **WATCHING)
    return found.then(show_stop, visitor, stop, **MOVES)


def press(button: gr.Button) -> Dependency:
    """Return the event of a button's click, which does nothing itself: all consequences of the click follow it by `then`.

    An `always_last` event that came too early is sent again to every listener: a second listener would act twice on
    one click, such as start a second search.
    """
    return button.click(None, js="() => []", **MOVES)


def scroll_to(place: str) -> str:
    """Return the script that scrolls to an element unless it is hidden or in view already; the focus moves there if its old
    element has gone, or if an earlier script set the focus."""
    return (
        "() => setTimeout(() => { const e = document.querySelector('" + place + "');"
        " if (!e || !e.offsetParent) return; const r = e.getBoundingClientRect();"
        " const at = document.activeElement;"
        " if (at === document.body || 'led' in at.dataset)"
        " { e.dataset.led = ''; e.tabIndex = e.tabIndex; e.focus({preventScroll: true}); }"
        " if (r.top >= 0 && r.top < innerHeight * 0.4) return;"
        " const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;"
        " e.scrollIntoView({block: 'start', behavior: calm ? 'auto' : 'smooth'}); }, 150)"
    )


def show_ad(event: Dependency, tabs: gr.Tabs) -> None:
    """Show the page of one ad, after an event that filled its form."""
    event.success(lambda: gr.Tabs(selected="ad"), None, tabs, **MOVES).success(None, js=scroll_to("#ad-bar"), **MOVES)


def focus_asked(event: Dependency, record: gr.blocks.Block, places: Mapping[str, str]) -> Dependency:
    """Focus, after an event, the field that its record asks for. places: name of an input -> its selector, such as
    "#campaign". A user who is typing elsewhere keeps the focus: the text must not end up in another field.
    """
    script = (
        f"(record) => {{ const place = {json.dumps(dict(places))}[record?.asks]; if (!place) return;"
        " setTimeout(() => { const e = document.querySelector(`${place} :is(input, textarea, button)`);"
        " if (!e || document.activeElement?.matches('input, textarea, select')) return;"
        " e.scrollIntoView({block: 'center'}); e.focus({preventScroll: true}); }, 150); }"
    )
    return event.then(None, record, None, js=script, **MOVES)


def clear_when_mended(fields: list[Any], record: gr.JSON, shown: gr.HTML) -> None:
    """Remove a displayed fault once one of the fields is changed, which may have fixed the fault."""
    for field in fields:
        is_typed = isinstance(field, gr.Textbox | gr.Number)  # these components report each change, not input
        changed = field.upload if isinstance(field, gr.File) else field.change if is_typed else field.input
        changed(clear_fault, record, shown, **MOVES)


def clear_fault(record: dict[str, Any] | None) -> object:
    """Return the update that removes a fault from the page, and leaves a result."""
    return "" if is_fault(record) else gr.skip()


def is_fault(record: dict[str, Any] | None) -> bool:
    """Return whether a record holds an error, and no result."""
    return "error" in (record or {})


def find_owner(visitor: str | None, request: gr.Request) -> str:
    """Return the owner of a request, 32 hexadecimal digits, after KEPT for a tab in a workspace; without a valid name, one
    derived from the session.

    A page used before its name has arrived in the browser is later given the same name, so nothing is lost in between.
    """
    if isinstance(visitor, str) and re.fullmatch(rf"({KEPT}\.)?[0-9a-f]{{32}}", visitor):
        return visitor
    own = hashlib.sha256((request.session_hash or "").encode()).hexdigest()[:32]
    return f"{KEPT}.{own}" if visitor == KEPT else own


def uploaded_path(payload: FileData | None) -> str | None:
    """Return the path of an upload, unchanged: one reader determines the file type for app, command line and API.

    Gradio checks only payloads that declare themselves as files, so an API client could name any path of this machine:
    only a path written by an upload is accepted.
    """
    if payload is None or not payload.path:
        return None
    path, uploads = Path(payload.path).resolve(), private_dir().resolve()
    if not path.is_relative_to(uploads) or path.is_relative_to(uploads / RESULTS):
        raise gr.Error(NOT_UPLOADED, print_exception=False)
    return str(path)


def uploaded_paths(payload: ListFiles | list[FileData] | None) -> list[str]:
    """Return the paths of several uploads, each checked by `uploaded_path`."""
    return [path for path in map(uploaded_path, getattr(payload, "root", payload) or ()) if path is not None]


def take_only_uploads(component: gr.Image | gr.File) -> None:
    """Prevent Gradio from downloading a file given by a URL, and from reading files of this machine."""
    if hasattr(component, "guarded_by"):
        return
    component.guarded_by = take_only_uploads  # type: ignore[union-attr]  # read by `CheckedCalls`
    move = component.async_move_resource_to_block_cache

    async def move_upload(url_or_file_path: str | Path | None) -> str | None:
        if isinstance(url_or_file_path, str) and "://" in url_or_file_path:
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return await move(url_or_file_path)

    # set on the instance: a subclass would make Gradio write a .pyi file next to this module
    component.async_move_resource_to_block_cache = move_upload  # type: ignore[method-assign]
    is_single = getattr(component, "file_count", "single") == "single"
    component.preprocess = uploaded_path if is_single else uploaded_paths  # type: ignore[method-assign, assignment]
