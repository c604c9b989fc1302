"""The page of settings: the brand kit as a form, and the models that are used here with their licences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ..handlers.brand import Brands
from ..html import fragments
from ..html import steps as step_fragments
from .parts import QUICK, Fields, find_owner, fragment

BRAND_HINT = "Every new line keeps to it, unless a file under “Fine tuning” says otherwise. It goes when you delete your ad."
MODELS_HINT = "All of them run on this machine; nothing is sent anywhere."


def build_settings(brands: Brands, visitor: gr.BrowserState, weights: Sequence[Mapping[str, Any]]) -> None:
    """Build the page."""
    with gr.Row(elem_classes="ac-columns"):
        with gr.Column(scale=5, min_width=320):
            fragment(fragments.heading("Brand kit", BRAND_HINT))
            fields: Fields = {
                "name": gr.Textbox("", label="Name of the brand", max_length=60, elem_id="brand-name"),
                "tone": gr.Textbox("", label="Tone", placeholder="calm, plain", max_length=200),
                "use": gr.Textbox("", label="Words to use, parted by commas", max_length=1000),
                "avoid": gr.Textbox("", label="Words to avoid, parted by commas", max_length=1000),
                "disclaimer": gr.Textbox("", label="Text that must stand in every description", max_length=1000, lines=2),
            }
            button = gr.Button("Use this brand kit", variant="primary", elem_id="brand-save")
            shown, record = fragment(elem_id="brand-saved"), gr.JSON(visible=False)
        with gr.Column(scale=6, min_width=320):
            fragment(fragments.heading("Models used here, and their licences", MODELS_HINT))
            fragment(step_fragments.weights(weights), elem_id="licences")

    def save_brand(
        request: gr.Request, name: str = "", tone: str = "", use: str = "", avoid: str = "", disclaimer: str = "",
        visitor: str | None = None,
    ) -> Any:  # fmt: skip
        return brands.save(find_owner(visitor, request), name, tone, use, avoid, disclaimer)

    button.click(
        save_brand, None, [shown, record], inputs_kwargs={**fields, "visitor": visitor}, api_name="save_brand", **QUICK
    )
