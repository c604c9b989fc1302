"""The part of step 4 that lays the version out in the shapes it will run in, before it is approved."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..handlers.sizes import RATIOS, Sizes
from ..html import fragments
from .parts import MODEL_SEAT, find_owner, fragment

HINT = "Will it run in other shapes too? Lay them out before you approve: your approval covers each of them."


def build_sizes(sizes: Sizes, visitor: gr.BrowserState) -> gr.HTML:
    """Build it; return where the shapes are shown, which a new edit empties."""
    fragment(fragments.note(HINT))
    chosen = gr.CheckboxGroup(list(RATIOS), label="Shapes (width : height)", elem_id="ratios")
    button = gr.Button("Lay these shapes out", elem_id="sizes-button")
    shown, record = fragment(elem_id="sizes"), gr.JSON(visible=False)

    def lay_out(request: gr.Request, ratios: list[str] | None = None, visitor: str | None = None) -> Any:
        return sizes.lay_out(find_owner(visitor, request), ratios)

    button.click(
        lay_out, None, [shown, record], inputs_kwargs={"ratios": chosen, "visitor": visitor}, api_name="lay_out_sizes",
        show_progress="minimal", **MODEL_SEAT,
    )  # fmt: skip
    return shown
