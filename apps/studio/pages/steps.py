"""The page after the search: words, test plan, approval, export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.events import Dependency

from ..handlers.sizes import Sizes
from ..handlers.steps import Steps
from ..handlers.words import KINDS, Words
from ..html import fragments
from ..html.steps import MARKETS
from .parts import (
    MODEL_QUEUE,
    MOVES,
    QUICK,
    WATCHING,
    Fields,
    clear_fault,
    clear_when_mended,
    file_to_take,
    find_owner,
    focus_asked,
    fragment,
    take_only_uploads,
)
from .sizes import build_sizes

WORDS_HINT = "Write your own line, or ask for more: it is judged like the others, and yours to use whatever is said of it."
NUM_LATER_TEXTS = 15
PLATFORMS = [
    ("None: pictures, words, report", ""),
    ("Google Ads Editor (CSV)", "google-editor"),
    ("Meta Ads bulk sheet (CSV)", "meta-bulk"),
    ("AdCP creative manifest (JSON)", "adcp"),
]


def nothing_yet(approved: str = "") -> list[Any]:
    """Return the values that a new edit gives to the later steps' boxes after the two texts, without the last one (the result's
    id). approved: text about the edit's own approval, for an edit that returns to the page."""
    hidden = gr.update(value=None, visible=False)
    return ["", "", gr.update(choices=[], value=None, visible=False), None, "", "", "", [], False, approved, "", hidden]


def build_steps(steps: Steps, visitor: gr.BrowserState) -> tuple[gr.Column, Fields, list[Any]]:
    """Build the steps after the edit, hidden until there is one.

    Returns:
        the box to show; the components that a new edit resets; and the events that change the ad's current step.
    """
    with gr.Column(visible=False, elem_id="later-steps") as box, gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            campaign, planned = _plan(steps, visitor)
            sized = build_sizes(Sizes(handlers=steps.handlers), visitor)
        with gr.Column(scale=6, min_width=320):
            approval, approved = _approve(steps, visitor)
            packed, files, was_packed = _export(steps, visitor, campaign, approved)
    shown_id = approval.pop("shown_id")
    later = {"planned": planned, "sized": sized, **approval, "packed": packed, "files": files, "shown_id": shown_id}
    return box, later, [approved, was_packed]


def build_words(words: Words, visitor: gr.BrowserState) -> tuple[gr.Accordion, Fields, Callable[..., None]]:
    """Build the form for the user's own words.

    Returns:
        the box to show; the text boxes, then the components that a new edit resets; and a function that wires the button for
            these words to its outputs on the page.
    """
    with gr.Accordion("Use my own words or picture", open=False, visible=False, elem_id="own-words") as box:
        texts, use = _words(words, visitor)
    return box, texts, use


def _words(words: Words, visitor: gr.BrowserState) -> tuple[Fields, Callable[..., None]]:
    fragment(fragments.note(WORDS_HINT))
    headline = gr.Textbox("", label="New headline", lines=2, max_length=10_000, elem_id="new-headline")
    description = gr.Textbox("", label="New description", lines=2, max_length=10_000, elem_id="new-description")
    own_picture = _build_own_picture()
    with gr.Row():
        check_button = gr.Button("Check these words", elem_id="check-button")
        use_button = gr.Button("Use mine", elem_id="use-button")
    shown, record = fragment(elem_id="word-checks"), gr.JSON(visible=False)
    with gr.Row(elem_classes="ac-line-up"):
        kind = gr.Radio([("Headlines", "headline"), ("Descriptions", "description")], value="headline", label="Of which kind?")
        write_button = gr.Button("Suggest more", elem_id="write-button")
    written = fragment(elem_id="written")
    lines = gr.Radio([], label="Written for you (choosing one puts it above)", visible=False, elem_id="lines")
    seed, lines_record = gr.State(0), gr.JSON(visible=False)

    def check(request: gr.Request, headline: str = "", description: str = "", visitor: str | None = None) -> object:
        return words.check(find_owner(visitor, request), headline, description)

    def write(request: gr.Request, kind: str = KINDS[0], seed: int = 0, visitor: str | None = None) -> Iterator[Any]:
        for note, found, record in words.write(find_owner(visitor, request), kind, int(seed or 0)):
            yield note, gr.update(choices=found, value=None, visible=bool(found)), record

    fields: Fields = {"headline": headline, "description": description}
    check_button.click(
        check, None, [shown, record], inputs_kwargs={**fields, "visitor": visitor}, api_name="check_words", **QUICK
    )
    write_button.click(lambda seed: seed + 1000, seed, seed, **MOVES).then(
        write,
        None,
        [written, lines, lines_record],
        inputs_kwargs={"kind": kind, "seed": seed, "visitor": visitor},
        api_name="write_words",
        show_progress="hidden",
        **WATCHING,
    )

    def put(line: str, kind: str) -> list[Any]:
        return [line if kind == name else gr.skip() for name in KINDS]

    lines.input(put, [lines, kind], [headline, description], **MOVES)

    def wire_use(outputs: list[Any], flat: Callable[..., Any], settle: Callable[..., Any], moved: list[Any]) -> None:
        def use(
            request: gr.Request,
            headline: str = "",
            description: str = "",
            own_picture_path: str | None = None,
            visitor: str | None = None,
        ) -> object:
            said, screen = words.use(find_owner(visitor, request), headline, description, own_picture_path)
            return (said, screen is not None, *(flat(screen) if screen is not None else [gr.skip()] * len(outputs)))

        def settle_words(request: gr.Request, is_taken: bool, record: object, visitor: str | None, said: str) -> object:
            moves = settle(request, record, visitor) if is_taken else [gr.skip()] * len(moved)
            return [said if component is shown else move for component, move in zip(moved, moves, strict=True)]

        is_taken = gr.State(False)
        use_button.click(
            use,
            None,
            [shown, is_taken, *outputs],
            inputs_kwargs={**fields, "own_picture_path": own_picture, "visitor": visitor},
            api_name="use_words",
            show_progress="minimal",
            **MODEL_QUEUE,
        ).then(settle_words, [is_taken, outputs[-1], visitor, shown], moved, **MOVES)

    return {**fields, "shown": shown, "written": written, "lines": lines, "own_picture": own_picture}, wire_use


def _build_own_picture() -> gr.Image:
    own_picture = gr.Image(
        label="Your own picture in place of this one (optional)",
        type="filepath",
        sources=["upload"],
        height=160,
        buttons=["fullscreen"],
        elem_id="own-picture",
        placeholder="Drop a picture, or choose one",
    )
    take_only_uploads(own_picture)
    return own_picture


def _plan(steps: Steps, visitor: gr.BrowserState) -> tuple[gr.Textbox, gr.HTML]:
    fragment(
        fragments.step(4, "Test and approve", "How long both versions must run side by side before you know which is better.")
    )
    with gr.Row():
        campaign = gr.Textbox("", label="Campaign", placeholder="autumn", max_length=200, elem_id="campaign")
        daily = gr.Number(10_000, label="Impressions a day", precision=0, minimum=1)
        rate = gr.Number(0, label="Your usual click rate, % (0: as in step 1)", minimum=0, maximum=100, elem_id="plan-rate")
    button = gr.Button("Plan the test", elem_id="plan-button")
    shown, record = fragment(elem_id="plan"), gr.JSON(visible=False)

    def plan(
        request: gr.Request,
        campaign: str = "",
        daily_impressions: float | None = None,
        own_ctr_percent: float | None = None,
        visitor: str | None = None,
    ) -> object:
        return steps.plan(find_owner(visitor, request), campaign, daily_impressions, own_ctr_percent)

    inputs: Fields = {"campaign": campaign, "daily_impressions": daily, "own_ctr_percent": rate, "visitor": visitor}
    planned = button.click(plan, None, [shown, record], inputs_kwargs=inputs, api_name="plan_test", **QUICK)
    focus_asked(planned, record, {"campaign": "#campaign", "own_ctr_percent": "#plan-rate"})
    clear_when_mended([campaign, daily, rate], record, shown)
    return campaign, shown


def _approve(steps: Steps, visitor: gr.BrowserState) -> tuple[Fields, Any]:
    fragment(fragments.note("Nothing leaves before a person has looked at it and read what must be disclosed."))
    markets = gr.CheckboxGroup(
        [(label, name) for name, label in MARKETS.items()], label="Where will it run?", elem_id="markets"
    )
    listed = fragment(elem_id="duties")
    is_read = gr.Checkbox(False, label="I have read the list above and will disclose where it says so", elem_id="is-read")
    name = gr.Textbox("", label="Approved by", placeholder="Your name", max_length=200, elem_id="approved-by")
    button = gr.Button("Approve this version, today", variant="primary", elem_id="approve-button")
    shown, record, duties = fragment(elem_id="approval"), gr.JSON(visible=False), gr.JSON(visible=False)
    shown_id = gr.Textbox("", visible=False)  # id of the result on the page

    def disclosures(request: gr.Request, markets: list[str] | None = None, visitor: str | None = None) -> object:
        return steps.disclosures(find_owner(visitor, request), markets)

    def approve(
        request: gr.Request,
        name: str = "",
        markets: list[str] | None = None,
        is_read: bool = False,
        shown: str = "",
        visitor: str | None = None,
    ) -> object:
        return steps.approve(find_owner(visitor, request), name, markets, is_read, shown)

    markets.input(
        disclosures,
        None,
        [listed, duties],
        inputs_kwargs={"markets": markets, "visitor": visitor},
        api_name="disclosures",
        **QUICK,
    ).then(lambda: False, None, is_read, **MOVES)
    approved = button.click(
        approve,
        None,
        [shown, record],
        inputs_kwargs={"name": name, "markets": markets, "is_read": is_read, "shown": shown_id, "visitor": visitor},
        api_name="approve",
        **QUICK,
    )
    focus_asked(approved, record, {"markets": "#markets", "is_read": "#is-read", "name": "#approved-by"})
    clear_when_mended([markets, is_read, name], record, shown)
    return {"listed": listed, "markets": markets, "is_read": is_read, "approved": shown, "shown_id": shown_id}, approved


def _export(steps: Steps, visitor: gr.BrowserState, campaign: gr.Textbox, approved: Dependency) -> tuple[gr.HTML, gr.File, Any]:
    fragment(fragments.step(5, "Pack", "What goes to the platform in one folder, what stays with you in another, in one zip."))
    platform = gr.Dropdown(PLATFORMS, value="", label="File for a platform", elem_id="platform")
    url = gr.Textbox("", label="Landing page", placeholder="https://example.com/shoes", max_length=2000, elem_id="landing-page")
    lines = gr.Textbox(
        "",
        label="Standing lines, one a line",
        lines=3,
        max_length=1000,
        visible=False,
        elem_id="standing-lines",
        info="Google shows them beside the new ones: headlines of at most 30 characters, longer ones are descriptions.",
    )
    platform.change(lambda chosen: gr.update(visible=chosen == "google-editor"), platform, lines, **MOVES)
    button = gr.Button("Pack everything", elem_id="pack-button")
    shown, record = fragment(elem_id="packed"), gr.JSON(visible=False)
    files = file_to_take("Files, in full quality", file_count="multiple", elem_id="files")

    def pack(
        request: gr.Request, campaign: str = "", platform: str = "", url: str = "", lines: str = "", visitor: str | None = None
    ) -> object:
        shown, paths, record = steps.pack(find_owner(visitor, request), campaign, platform, url, lines)
        return shown, [str(path) for path in paths or ()] or None, record

    inputs: Fields = {"campaign": campaign, "platform": platform, "url": url, "lines": lines, "visitor": visitor}
    packed = button.click(pack, None, [shown, files, record], inputs_kwargs=inputs, api_name="pack", **QUICK).then(
        lambda record: gr.update(visible="files" in (record or {})), record, files, **MOVES
    )
    focus_asked(
        packed, record, {"approval": "#markets", "campaign": "#campaign", "url": "#landing-page", "lines": "#standing-lines"}
    )
    clear_when_mended([campaign, platform, url, lines], record, shown)
    approved.then(clear_fault, record, shown, **MOVES)
    return shown, files, packed
