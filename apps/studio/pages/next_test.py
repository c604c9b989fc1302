"""The page of tests: the list of planned tests, one test in detail, and the form of the next test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError

from ..handlers.next_test import NextTest, PlannedTests
from ..handlers.winners import Winners
from ..html import fragments
from ..sessions.search_requests import FORM_FIELDS
from .parts import (
    MOVES,
    QUICK,
    Fields,
    clear_when_mended,
    file_to_take,
    find_owner,
    focus_asked,
    fragment,
    show_ad,
    take_only_uploads,
)
from .pictures import Fillings

# new versions are ticked; earlier ones stay as the user left them
TAKE_NEW = """(listed, offered, ticked) => [
  (listed ?? []).filter((name) => ticked?.includes(name) || !offered?.includes(name)), listed ?? []]"""


# a click on a test opens it; a click on the button next to a winner opens the winner
CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-open], [data-winner]')?.dataset;
  if (one) trigger('select', {index: Number(one.winner ?? -1), value: one.open ?? ''});
});"""
WANTED_TEST = "(visitor) => [visitor, window.adcreativeWanted?.('tests') ?? '']"


def build_tests(
    page: gr.Blocks, tests: PlannedTests, visitor: gr.BrowserState, fillings: Fillings, tabs: gr.Tabs, tab: gr.Tab
) -> None:
    """Build the page, inside its tab. fillings: fills the form of one ad with a winner."""
    fragment(fragments.heading("Your tests", "What was planned here, and what its results say."))
    shown = fragment(elem_id="test", js_on_load=CLICKS)
    back = gr.Button("All tests", size="sm", visible=False, elem_id="tests-all")
    listed = fragment(elem_id="tests", js_on_load=CLICKS)
    name, place = gr.Textbox("", visible=False), gr.Number(None, visible=False, precision=0)

    def look(request: gr.Request, visitor: str | None, name: str | None) -> list[Any]:
        owner = find_owner(visitor, request)
        found = tests.show(owner, name)
        return [found, gr.update(visible=bool(found)), tests.list(owner) if not found else "", name if found else ""]

    def note(clicked: gr.EventData, name: str | None) -> list[Any]:
        return [clicked.value or name, int(clicked.index) if clicked.value == "" else None]

    def take(request: gr.Request, visitor: str | None, name: str | None, place: float | None) -> list[Any]:
        owner = find_owner(visitor, request)
        try:
            values = Winners(handlers=tests.handlers).take(owner, tests.find_pack(owner, name, int(place or 0)))
        except AdCreativeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [values[field] for field in FORM_FIELDS]

    build_next_test(NextTest(handlers=tests.handlers), visitor, tab.select)
    looked: dict[str, Any] = {"inputs": [visitor, name], "outputs": [shown, back, listed, name], **MOVES}
    page.load(look, js=WANTED_TEST, **looked)
    tab.select(look, **looked)
    back.click(lambda: "", None, name, **MOVES).then(look, **looked)
    listed.select(note, name, [name, place], **MOVES).then(look, **looked)
    taken = shown.select(note, name, [name, place], **MOVES).then(
        take, [visitor, name, place], list(fillings.form.values()), **MOVES
    )
    show_ad(taken, tabs)
    fillings.read_after(taken)


def build_next_test(next_test: NextTest, visitor: gr.BrowserState, opened: Callable[..., Any]) -> None:
    """Build the form and wire its button. opened: the event of opening the surrounding page."""
    with gr.Accordion("Your next test, from versions that were approved", open=False, elem_id="next-test"):
        fragment(fragments.note("Approved versions are planned together, each beside its original."))
        approved = gr.CheckboxGroup([], label="Approved here", visible=False, elem_id="next-approved")
        packages = gr.File(
            label="Packs of versions approved before (zip)",
            file_types=[".zip"],
            file_count="multiple",
            height=170,
            elem_id="next-packs",
        )
        take_only_uploads(packages)
        with gr.Row():
            campaign = gr.Textbox(
                "", label="Name of the next campaign", placeholder="winter", max_length=200, elem_id="next-campaign"
            )
            daily = gr.Number(10_000, label="Impressions a day, over all ads", precision=0, minimum=1)
            rate = gr.Number(0, label="Your usual click rate, % (0: as predicted)", minimum=0, maximum=100, elem_id="next-rate")
        button = gr.Button("Plan the next test", variant="primary", elem_id="next-button")
        shown, record = fragment(elem_id="next-plan"), gr.JSON(visible=False)
        files = file_to_take("The pack of this test, and its plan as a table", file_count="multiple", elem_id="next-files")

    def plan_next(
        request: gr.Request,
        package_paths: list[str] | None = None,
        campaign: str | None = None,
        daily_impressions: float | None = None,
        own_ctr_percent: float | None = None,
        approved: list[str] | None = None,
        visitor: str | None = None,
    ) -> object:
        said, paths, plan = next_test.plan(
            find_owner(visitor, request), package_paths, campaign, daily_impressions, own_ctr_percent, approved
        )
        return said, gr.update(value=[str(path) for path in paths] or None, visible=bool(paths)), plan

    _offer_approved(next_test, visitor, approved, opened)
    asked: Fields = {
        "package_paths": packages,
        "campaign": campaign,
        "daily_impressions": daily,
        "own_ctr_percent": rate,
        "approved": approved,
        "visitor": visitor,
    }
    planned = button.click(plan_next, None, [shown, files, record], inputs_kwargs=asked, api_name="plan_next", **QUICK)
    places = {"package_paths": "#next-packs", "campaign": "#next-campaign", "own_ctr_percent": "#next-rate"}
    focus_asked(planned, record, places)
    clear_when_mended([packages, approved, campaign, daily, rate], record, shown)


def _offer_approved(
    next_test: NextTest, visitor: gr.BrowserState, approved: gr.CheckboxGroup, opened: Callable[..., Any]
) -> None:
    """List the versions approved since the last visit of the page, ticked; unticked versions stay unticked.

    The server sends the list, and the page alone keeps the ticks, so that a late answer undoes nothing.
    """

    def list_approved(request: gr.Request, visitor: str | None) -> tuple[Any, list[str]]:
        names = next_test.list_approved(find_owner(visitor, request))
        return gr.update(choices=names, visible=bool(names)), names

    listed, offered = gr.JSON(visible=False), gr.JSON(visible=False)
    opened(list_approved, visitor, [approved, listed], **MOVES).then(
        None, [listed, offered, approved], [approved, offered], js=TAKE_NEW, **MOVES
    )
