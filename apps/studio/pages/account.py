"""The page of an account: upload its results, see working ads, tiring ads, and the accuracy of the predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from adcreative.errors import AdCreativeError

from ..handlers.account import Accounts, AccountScreen
from ..handlers.insights import Insights
from ..handlers.training import Trainings
from ..handlers.winners import Winners
from ..html import fragments
from ..sessions.search_requests import FORM_FIELDS
from .insights import build_answer, build_question, wire_insights
from .parts import (
    MOVES,
    QUICK,
    WATCHING,
    Fields,
    ask_written,
    find_owner,
    fragment,
    read_choices,
    scroll_to,
    show_ad,
    take_only_uploads,
    wire_work,
)
from .pictures import Fillings
from .training import build_training

COLUMNS = {"ad_name": "Name of the ad", "impressions": "Impressions", "clicks": "Clicks", "day": "Day (for ad fatigue)"}

METRICS = [
    ("Click rate", "ctr"),
    ("Cost per click", "cpc"),
    ("Cost per conversion", "cost_per_conversion"),
    ("Return on ad spend", "roas"),
]
EMPTY = "Your ads appear here, the best first, with what works and which of them tire."
HINT = (
    "As exported, in any language: totals and empty rows may stay in. Tests that you planned here are read out by "
    "themselves; later, bring the pack of the test too."
)
# a click on the button next to a winner, or next to a ranked ad, opens that ad
TAKE_CLICKS = """element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-winner], [data-row]')?.dataset;
  if (one) trigger('select', {index: Number(one.winner ?? one.row), value: one.winner === undefined ? 'row' : 'winner'});
});"""


def build_account(
    page: gr.Blocks,
    accounts: Accounts,
    trainings: Trainings,
    insights: Insights,
    visitor: gr.BrowserState,
    fillings: Fillings,
    tabs: gr.Tabs,
) -> None:
    """Build the page, inside its tab; an export with unknown columns opens the column mapping.

    fillings: fills the form of one ad with a winner or a ranked ad.
    """
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=4, min_width=320):
            fragment(fragments.heading("Your account's results", HINT))
            results = gr.File(label="Results from your ad platform (CSV, Excel)", height=170, elem_id="account-results")
            looked = fragment(elem_id="account-columns")
            with gr.Accordion("Which column is which", open=False, visible=False, elem_id="mapping") as mapping:
                chosen: Fields = {
                    f"{ours}_column": gr.Dropdown([""], value="", label=label, elem_id=f"column-{ours}")
                    for ours, label in COLUMNS.items()
                }
            chosen |= ask_written("account")
            with gr.Accordion("A test to read out?", open=False):
                package = gr.File(label="Pack of a tested version, or of a test", height=170, elem_id="account-package")
            for upload in (results, package):
                take_only_uploads(upload)
            metric = gr.Dropdown(METRICS, value="ctr", label="Rank by", elem_id="account-metric")
            button = gr.Button("Read the results", variant="primary", size="lg", elem_id="account-button")
            stop = gr.Button("Stop reading", variant="stop", size="sm", visible=False, elem_id="account-stop")
            pictures, works = build_training(page, trainings, visitor, results, chosen, tuple(COLUMNS))
            question, *buttons = build_question()
        with gr.Column(scale=7, min_width=320):
            answer = build_answer()
            works.render()
            shown = fragment(fragments.placeholder(EMPTY), elem_id="account", js_on_load=TAKE_CLICKS)
            with gr.Accordion("Numbers for the record", open=False, elem_id="account-record"):
                record = gr.JSON(label="Account")

    def flat(screen: AccountScreen) -> list[Any]:
        return [screen.shown, screen.record]

    def account(
        request: gr.Request,
        results_path: str | None = None,
        package_path: str | None = None,
        visitor: str | None = None,
        metric: str = "ctr",
        picture_paths: list[str] | None = None,
        **columns: str | None,
    ) -> Iterator[Any]:
        ours, owner = read_choices(columns, COLUMNS), find_owner(visitor, request)
        found = accounts.ask(owner, results_path, package_path, ours, metric=metric, picture_paths=picture_paths or ())
        yield from map(flat, found)

    asked = {**question, "results_path": results, "visitor": visitor}
    wire_insights(page, insights, asked, (buttons[0], buttons[1]), answer, chosen, tuple(COLUMNS))
    _wire_columns(accounts, results, visitor, [looked, mapping, *(chosen[f"{ours}_column"] for ours in COLUMNS)])
    inputs: Fields = {
        "results_path": results,
        "package_path": package,
        "visitor": visitor,
        **chosen,
        "metric": metric,
        "picture_paths": pictures,
    }
    button.click(lambda: gr.update(visible=True), None, stop, js=scroll_to("#account"), **MOVES).then(
        account, None, [shown, record], inputs_kwargs=inputs, api_name="account", show_progress="hidden", **WATCHING
    ).then(lambda: gr.update(visible=False), None, stop, **MOVES).then(None, js=scroll_to("#account"), **MOVES)
    wire_work(page, accounts, visitor, stop, [shown, record], flat=flat, resume="resume_account", cancel="cancel_account")
    _wire_winner(Winners(handlers=accounts.handlers), shown, {"package_path": package, "visitor": visitor}, fillings, tabs)


def _wire_columns(accounts: Accounts, results: gr.File, visitor: gr.BrowserState, outputs: list[Any]) -> None:
    """Read the columns of an export as soon as it is uploaded."""

    def columns(request: gr.Request, results_path: str | None = None, visitor: str | None = None) -> list[Any]:
        said, view = accounts.columns(results_path, find_owner(visitor, request))
        if view is None:
            return [said, gr.update(visible=False), *[gr.update(choices=[""], value="")] * len(COLUMNS)]
        choices = ["", *dict.fromkeys(name for name in view.header if name.strip())]
        dropdowns = [
            gr.update(choices=choices, value=view.found[ours] if view.found[ours] in choices else "") for ours in COLUMNS
        ]
        return [said, gr.update(visible=True, open=not view.is_known), *dropdowns]

    results.change(
        columns, None, outputs, inputs_kwargs={"results_path": results, "visitor": visitor}, api_name="columns", **QUICK
    )


def _wire_winner(winners: Winners, shown: gr.HTML, asked: Fields, fillings: Fillings, tabs: gr.Tabs) -> None:
    """Fill the form of one ad with the winning version, or with a ranked ad, and show the form."""
    place, row = (gr.Number(None, visible=False, precision=0) for _ in range(2))

    def take_winner(
        request: gr.Request,
        package_path: str | None = None,
        visitor: str | None = None,
        place: float | None = None,
        row: float | None = None,
    ) -> list[Any]:
        """Give the form of the version that won, from its pack or at `place` of those read out; or of the ranked ad at `row`:
        of that the picture alone, whose words /read_words gives."""
        owner, number = find_owner(visitor, request), None if place is None else int(place)
        try:
            values = winners.take(owner, package_path, number) if row is None else winners.take_row(owner, int(row))
        except AdCreativeError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return [values[field] for field in FORM_FIELDS]

    def note_place(clicked: gr.EventData) -> list[int | None]:
        return [int(clicked.index), None] if clicked.value == "winner" else [None, int(clicked.index)]

    taken = shown.select(note_place, None, [place, row], **MOVES).then(
        take_winner,
        None,
        list(fillings.form.values()),
        inputs_kwargs={**asked, "place": place, "row": row},
        api_name="take_winner",
        **QUICK,
    )
    show_ad(taken, tabs)
    fillings.read_after(taken)
