"""The page of the library: every stored ad; open an ad, delete an ad, delete all ads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError

from ..handlers.library import Library
from ..html import fragments
from ..sessions.search_requests import FORM_FIELDS
from .parts import MOVES, Fields, find_owner, fragment, scroll_to

HINT = (
    "Every ad that you scored, with its versions and approvals, whichever browser you open. It stays on this computer, in {}."
)
# a click on a card opens its ad, or deletes the ad after a second click
CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-open], [data-delete]');
  if (!one) return;
  const name = one.dataset.open ?? one.dataset.delete;
  if (one.dataset.open === undefined && !one.dataset.sure) {
    one.dataset.sure = 'yes';
    one.textContent = 'Delete for good';
    return;
  }
  trigger('select', {index: Number(name), value: one.dataset.open === undefined ? 'delete' : 'open'});
});"""


def build_library(
    page: gr.Blocks,
    library: Library,
    visitor: gr.BrowserState,
    form: Fields,
    came: gr.JSON,
    tell_again: Callable[[str, Any], dict[str, Any]],
    tabs: gr.Tabs,
    tab: gr.Tab,
) -> None:
    """Build the page, inside its tab. form, came, tell_again: belong to the page of one ad, which an opened ad fills."""
    fragment(fragments.heading("Your ads", HINT.format(library.where)))
    shown = fragment(elem_id="library", js_on_load=CLICKS)
    names, opened = gr.State([]), gr.State("")

    def show() -> tuple[str, list[str]]:
        return library.show()

    def pick(request: gr.Request, names: list[str], clicked: gr.EventData, visitor: str | None) -> list[Any]:
        owner, place = find_owner(visitor, request), int(clicked.index)
        name = names[place] if place < len(names) else ""
        try:
            if clicked.value == "delete":
                library.delete_ad(owner, name)
                return ["", *library.show()]
            library.open(owner, name)
        except AdCreativeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [name, gr.skip(), gr.skip()]

    def fill(request: gr.Request, opened: str, visitor: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        brought = library.handlers.find_brought(owner)
        if not opened or brought is None or brought.creative is None:
            return [gr.skip()] * (len(form) + 3)
        values = {name: getattr(brought.creative, name) for name in FORM_FIELDS}
        values["image_path"] = str(values["image_path"]) if values["image_path"] else None
        return [*values.values(), tell_again(owner, values), gr.Tabs(selected="ad"), ""]

    tab.select(show, None, [shown, names], **MOVES)
    page.load(show, None, [shown, names], **MOVES)
    shown.select(pick, [names, visitor], [opened, shown, names], **MOVES).then(
        fill, [opened, visitor], [*form.values(), came, tabs, opened], **MOVES
    ).then(None, js=scroll_to("#ad-bar"), **MOVES)
