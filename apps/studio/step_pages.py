"""The page after the search: words, test plan, approval, export; and the page of an account."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import fragments
from .parts import MOVES, Fields, find_owner, fragment, take_only_uploads
from .steps import Steps

QUICK: dict[str, Any] = {"concurrency_id": "steps", "concurrency_limit": 4, "show_progress": "minimal"}
WORDS_HINT = "Copy them, or hold a wording of your own against the rules. The package keeps the words that were scored."
PLATFORMS = [
    ("None: pictures, words and report only", ""), ("Google Ads Editor (CSV)", "google-editor"),
    ("Meta Ads bulk sheet (CSV)", "meta-bulk"), ("AdCP creative manifest (JSON)", "adcp"),
]  # fmt: skip


def build_steps(steps: Steps, visitor: gr.BrowserState) -> tuple[gr.Column, Fields]:
    """Build steps 4 to 7, hidden until there is an edit.

    Returns:
        the box to show; the text boxes for the new words, then what a new edit makes stale: fragments, and the list of files.
    """
    with gr.Column(visible=False, elem_id="later-steps") as box:
        with gr.Row(elem_classes="ac-columns"):
            with gr.Column(scale=5, min_width=320):
                words = _words(steps, visitor)
            with gr.Column(scale=6, min_width=320):
                campaign, planned = _plan(steps, visitor)
        with gr.Row(elem_classes="ac-columns"):
            with gr.Column(scale=5, min_width=320):
                approved_by, approve_button, approved = _approve()
            with gr.Column(scale=6, min_width=320):
                packed, files = _export(steps, visitor, campaign)
        record = gr.JSON(visible=False)

    def approve(request: gr.Request, name: str = "", visitor: str | None = None) -> Any:
        return steps.approve(find_owner(visitor, request), name)

    approve_button.click(
        approve, None, [approved, record], inputs_kwargs={"name": approved_by, "visitor": visitor}, api_name="approve", **QUICK
    )
    return box, words | {"planned": planned, "approved": approved, "packed": packed, "files": files}


def _words(steps: Steps, visitor: gr.BrowserState) -> Fields:
    fragment(fragments.step(4, "Words", WORDS_HINT))
    headline = gr.Textbox("", label="New headline", lines=2, max_length=10_000, elem_id="new-headline")
    description = gr.Textbox("", label="New description", lines=2, max_length=10_000)
    button = gr.Button("Check these words", elem_id="check-button")
    shown, record = fragment(elem_id="word-checks"), gr.JSON(visible=False)

    def check(request: gr.Request, headline: str = "", description: str = "", visitor: str | None = None) -> Any:
        return steps.check(find_owner(visitor, request), headline, description)

    fields: Fields = {"headline": headline, "description": description}
    button.click(check, None, [shown, record], inputs_kwargs={**fields, "visitor": visitor}, api_name="check_words", **QUICK)
    return {**fields, "shown": shown}


def _plan(steps: Steps, visitor: gr.BrowserState) -> tuple[gr.Textbox, gr.HTML]:
    fragment(fragments.step(5, "Test plan"))
    with gr.Row():
        campaign = gr.Textbox("", label="Campaign", placeholder="autumn", max_length=200, elem_id="campaign")
        daily = gr.Number(10_000, label="Impressions a day", precision=0, minimum=1)
        rate = gr.Number(0, label="Your own click rate, %", info="0: the predicted one.", minimum=0, maximum=100)
    button = gr.Button("Plan the test", elem_id="plan-button")
    shown, record = fragment(elem_id="plan"), gr.JSON(visible=False)

    def plan(
        request: gr.Request, campaign: str = "", daily_impressions: float | None = None,
        own_ctr_percent: float | None = None, visitor: str | None = None,
    ) -> Any:  # fmt: skip
        return steps.plan(find_owner(visitor, request), campaign, daily_impressions, own_ctr_percent)

    inputs: Fields = {"campaign": campaign, "daily_impressions": daily, "own_ctr_percent": rate, "visitor": visitor}
    button.click(plan, None, [shown, record], inputs_kwargs=inputs, api_name="plan_test", **QUICK)
    return campaign, shown


def _approve() -> tuple[gr.Textbox, gr.Button, gr.HTML]:
    fragment(fragments.step(6, "Approve"))
    name = gr.Textbox("", label="Approved by", placeholder="Your name", max_length=200, elem_id="approved-by")
    button = gr.Button("Approve this edit, today", elem_id="approve-button")
    return name, button, fragment(elem_id="approval")


def _export(steps: Steps, visitor: gr.BrowserState, campaign: gr.Textbox) -> tuple[gr.HTML, gr.File]:
    fragment(fragments.step(7, "Export"))
    platform = gr.Dropdown(PLATFORMS, value="", label="File for a platform", elem_id="platform")
    url = gr.Textbox("", label="Landing page", placeholder="https://example.com/shoes", max_length=2000)
    button = gr.Button("Pack everything", variant="primary", elem_id="pack-button")
    shown, record = fragment(elem_id="packed"), gr.JSON(visible=False)
    files = gr.File(label="Files, in full quality", file_count="multiple", interactive=False, elem_id="files", visible=False)

    def pack(request: gr.Request, campaign: str = "", platform: str = "", url: str = "", visitor: str | None = None) -> Any:
        shown, paths, record = steps.pack(find_owner(visitor, request), campaign, platform, url)
        return shown, [str(path) for path in paths or ()] or None, record

    inputs: Fields = {"campaign": campaign, "platform": platform, "url": url, "visitor": visitor}
    button.click(pack, None, [shown, files, record], inputs_kwargs=inputs, api_name="pack", **QUICK).then(
        lambda record: gr.update(visible="files" in (record or {})), record, files, **MOVES
    )
    return shown, files


def build_account(steps: Steps, visitor: gr.BrowserState) -> None:
    """Build the page of an account: bring its results, see which ads work and how the predictions held."""
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=4, min_width=320):
            fragment(fragments.heading("Your account's results", "As exported: totals and empty rows may stay in."))
            results = gr.File(label="Results (CSV of Meta Ads Manager or Google Ads)", height=140, elem_id="account-results")
            package = gr.File(
                label="Package of an edit (optional): compares what was predicted", height=140, elem_id="account-package"
            )
            for upload in (results, package):
                take_only_uploads(upload)
            button = gr.Button("Read the results", variant="primary", size="lg", elem_id="account-button")
        with gr.Column(scale=7, min_width=320):
            shown = fragment(fragments.placeholder("Your ads appear here, the best first."), elem_id="account")
            with gr.Accordion("Numbers for the record", open=False):
                record = gr.JSON(label="Account")

    def account(
        request: gr.Request, results_path: str | None = None, package_path: str | None = None, visitor: str | None = None
    ) -> Any:
        return steps.account(find_owner(visitor, request), results_path, package_path)

    inputs: Fields = {"results_path": results, "package_path": package, "visitor": visitor}
    button.click(account, None, [shown, record], inputs_kwargs=inputs, api_name="account", **QUICK)
