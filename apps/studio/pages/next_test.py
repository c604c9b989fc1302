"""The form of an account's next test: packs of approved versions in, one plan out."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..handlers.next_test import NextTest
from ..html import fragments
from .parts import QUICK, Fields, clear_when_mended, file_to_take, find_owner, focus_asked, fragment, take_only_uploads


def build_next_test(next_test: NextTest, visitor: gr.BrowserState) -> None:
    """Build the form and wire its button."""
    with gr.Accordion("Your next test, from versions that were approved", open=False, elem_id="next-test"):
        fragment(fragments.note("Bring the packs of approved versions; they are planned together, each beside its original."))
        packages = gr.File(
            label="Packs of approved versions (zip)", file_types=[".zip"], file_count="multiple", height=170,
            elem_id="next-packs",
        )  # fmt: skip
        take_only_uploads(packages)
        with gr.Row():
            campaign = gr.Textbox(
                "", label="Name of the next campaign", placeholder="winter", max_length=200, elem_id="next-campaign"
            )
            daily = gr.Number(10_000, label="Impressions a day, over all ads", precision=0, minimum=1)
            rate = gr.Number(0, label="Your usual click rate, % (0: as predicted)", minimum=0, maximum=100, elem_id="next-rate")
        button = gr.Button("Plan the next test", elem_id="next-button")
        shown, record = fragment(elem_id="next-plan"), gr.JSON(visible=False)
        table = file_to_take("The plan, as a table", height=90)

    def plan_next(
        request: gr.Request, package_paths: list[str] | None = None, campaign: str | None = None,
        daily_impressions: float | None = None, own_ctr_percent: float | None = None, visitor: str | None = None,
    ) -> Any:  # fmt: skip
        said, path, plan = next_test.plan(
            find_owner(visitor, request), package_paths, campaign, daily_impressions, own_ctr_percent
        )
        return said, gr.update(value=str(path) if path else None, visible=path is not None), plan

    asked: Fields = {"package_paths": packages, "campaign": campaign, "daily_impressions": daily, "own_ctr_percent": rate,
             "visitor": visitor}  # fmt: skip
    planned = button.click(plan_next, None, [shown, table, record], inputs_kwargs=asked, api_name="plan_next", **QUICK)
    places = {"package_paths": "#next-packs", "campaign": "#next-campaign", "own_ctr_percent": "#next-rate"}
    focus_asked(planned, record, places)
    clear_when_mended([packages, campaign, daily, rate], record, shown)
