"""The page for many ads: upload pictures, a table or a zip, see the ads ranked, open one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError

from ..handlers.many_ads import Folders, FolderScreen
from ..html import fragments
from ..html.steps import ORDERS
from ..sessions.search_requests import FORM_FIELDS
from .parts import (
    MODEL_QUEUE,
    MOVES,
    QUICK,
    WATCHING,
    Fields,
    ask_written,
    file_to_take,
    find_owner,
    fragment,
    show_ad,
    take_only_uploads,
    wire_work,
)
from .pictures import Fillings

HINT = (
    "Pictures, or a zip of them; with a table of their words if you have one (CSV, Excel): a column with the file names, and "
    "Headline, Primary text, Description, CTA, Brand, Category."
)
# a click on an ad's button opens the ad
TAKE_CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-ad]');
  if (one) trigger('select', {index: Number(one.dataset.ad)});
});"""


def build_folder(page: gr.Blocks, folders: Folders, visitor: gr.BrowserState, fillings: Fillings, tabs: gr.Tabs) -> None:
    """Build the page. fillings: fills the form of one ad on a click on "Improve this one"."""
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=4, min_width=320):
            fragment(fragments.heading("Many ads at once", HINT))
            uploads = gr.File(label="Pictures, table or zip", file_count="multiple", height=180, elem_id="folder-uploads")
            take_only_uploads(uploads)
            written = ask_written("folder")
            button = gr.Button("Score them all", variant="primary", size="lg", elem_id="folder-button")
            stop = gr.Button("Stop scoring", variant="stop", size="sm", visible=False, elem_id="folder-stop")
        with gr.Column(scale=7, min_width=320):
            with gr.Row(visible=False, elem_id="folder-tools") as tools:
                order = gr.Dropdown(list(ORDERS), value=ORDERS[0], label="Order", elem_id="folder-order", min_width=200)
                query = gr.Textbox(
                    "", label="Find", placeholder="a word or a name", max_length=200, elem_id="folder-query", min_width=200
                )
            shown = fragment(
                fragments.placeholder("Your ads appear here, the strongest first."), elem_id="folder", js_on_load=TAKE_CLICKS
            )
            table = file_to_take("The table, for a spreadsheet", height=90, elem_id="folder-table")
            record = gr.JSON(visible=False)
    outputs = [shown, table, record]

    def flat(screen: FolderScreen) -> list[Any]:
        return [screen.shown, str(screen.table) if screen.table else None, screen.record]

    def score_folder(
        request: gr.Request, upload_paths: list[str] | None = None, visitor: str | None = None, **written: str | None
    ) -> Iterator[Any]:
        yield from map(flat, folders.score(find_owner(visitor, request), upload_paths, written))

    settle = _settle(folders)
    uploads.change(_bring(folders), [uploads, visitor], None, **MOVES)
    settled = [table, tools, order, query, stop]
    button.click(lambda: gr.update(visible=True), None, stop, **MOVES).then(
        score_folder,
        None,
        outputs,
        inputs_kwargs={"upload_paths": uploads, "visitor": visitor, **written},
        api_name="score_folder",
        show_progress="hidden",
        **WATCHING,
    ).then(settle, visitor, settled, **MOVES)
    found = wire_work(page, folders, visitor, stop, outputs, flat=flat, resume="resume_folder", cancel="cancel_folder")
    found.then(settle, visitor, settled, **MOVES)
    _wire_arrange(folders, shown, visitor, order, query)
    for event in _wire_take(folders, shown, visitor, fillings.form):
        show_ad(event, tabs)
        fillings.read_after(event)


def _settle(folders: Folders) -> Callable[..., Any]:
    """Return the function that updates the page after a ranking has ended."""

    def settle(request: gr.Request, visitor: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        found = folders.find_screen(owner)
        return [
            gr.update(visible=found.table is not None),
            gr.update(visible=len(found.names) > 1),
            gr.update(value=ORDERS[0]),
            gr.update(value=""),
            gr.update(visible=folders.is_running(owner)),
        ]

    return settle


def _wire_arrange(folders: Folders, shown: gr.HTML, visitor: gr.BrowserState, order: gr.Dropdown, query: gr.Textbox) -> None:
    """Show the ads in another order, or the ads that contain a text."""
    arranged = {"order": order, "query": query, "visitor": visitor}
    gr.on(
        [order.change, query.change],
        _arrange(folders),
        None,
        shown,
        inputs_kwargs=arranged,
        api_name="arrange_ads",
        trigger_mode="always_last",
        **{**QUICK, "show_progress": "hidden"},
    )


def _wire_take(folders: Folders, shown: gr.HTML, visitor: gr.BrowserState, form: Fields) -> tuple[Any, ...]:
    """Put an ad into the form of one ad; return the events that do so."""
    name, take = gr.Textbox("", visible=False), gr.Button("Take", visible=False)

    def pick(request: gr.Request, ad: gr.EventData, visitor: str | None = None) -> list[Any]:
        found = folders.find_screen(find_owner(visitor, request)).names
        return _take(folders)(request, found[int(ad.index)] if int(ad.index) < len(found) else None, visitor)

    return (
        take.click(
            _take(folders),
            None,
            list(form.values()),
            inputs_kwargs={"name": name, "visitor": visitor},
            api_name="take_ad",
            show_progress="minimal",
            **MODEL_QUEUE,
        ),
        shown.select(
            pick,
            None,
            list(form.values()),
            inputs_kwargs={"visitor": visitor},
            api_visibility="private",
            show_progress="minimal",
            **MODEL_QUEUE,
        ),
    )


def _arrange(folders: Folders) -> Callable[..., str]:
    def arrange_ads(request: gr.Request, order: str = ORDERS[0], query: str = "", visitor: str | None = None) -> str:
        return folders.arrange(find_owner(visitor, request), order, query)

    return arrange_ads


def _bring(folders: Folders) -> Callable[..., None]:
    def bring_folder(request: gr.Request, upload_paths: list[str] | None, visitor: str | None) -> None:
        folders.bring(find_owner(visitor, request), upload_paths)

    return bring_folder


def _take(folders: Folders) -> Callable[..., list[Any]]:
    def take_ad(request: gr.Request, name: str | None = None, visitor: str | None = None) -> list[Any]:
        try:
            values = folders.take(find_owner(visitor, request), name)
        except AdCreativeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [values[field] for field in FORM_FIELDS]

    return take_ad
