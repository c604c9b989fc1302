"""The part of step 4 that lays the version out in further shapes before the approval; and the same for an unchanged ad, whose
shapes are files to download."""

from __future__ import annotations

import gradio as gr

from ..handlers.sizes import RATIOS, Sizes
from ..html import fragments
from .parts import MODEL_QUEUE, file_to_take, find_owner, fragment

KEPT_HINT = "Your ad stays as it is, and can still run in other shapes: lay it out in them and take the pictures."
HINT = "Will it run in other shapes too? Lay them out before you approve: your approval covers each of them."


def build_sizes(sizes: Sizes, visitor: gr.BrowserState) -> gr.HTML:
    """Build the part; return the fragment of the shapes, which a new edit empties."""
    fragment(fragments.note(HINT))
    chosen = gr.CheckboxGroup(list(RATIOS), label="Shapes (width : height)", elem_id="ratios")
    button = gr.Button("Lay these shapes out", elem_id="sizes-button")
    shown, record = fragment(elem_id="sizes"), gr.JSON(visible=False)

    def lay_out(request: gr.Request, ratios: list[str] | None = None, visitor: str | None = None) -> object:
        owner = find_owner(visitor, request)
        for said in sizes.watch(lambda tell: sizes.lay_out(owner, ratios, tell)):
            yield (said, {}) if isinstance(said, str) else said

    button.click(
        lay_out,
        None,
        [shown, record],
        inputs_kwargs={"ratios": chosen, "visitor": visitor},
        api_name="lay_out_sizes",
        show_progress="minimal",
        **MODEL_QUEUE,
    )
    return shown


def build_kept_sizes(sizes: Sizes, visitor: gr.BrowserState) -> list[gr.blocks.Block]:
    """Build the part; return its box, shown for an unchanged ad, and the fragment and files that another ad empties."""
    with gr.Column(visible=False, elem_id="kept-sizes") as box:
        fragment(fragments.heading("Your ad in other shapes", KEPT_HINT))
        chosen = gr.CheckboxGroup(list(RATIOS), label="Shapes (width : height)", elem_id="kept-ratios")
        button = gr.Button("Lay my ad out in these shapes", elem_id="kept-sizes-button")
        shown, record = fragment(elem_id="kept-sizes-shown"), gr.JSON(visible=False)
        files = file_to_take("The shapes, in full quality", file_count="multiple", elem_id="kept-files")

    def lay_out(request: gr.Request, ratios: list[str] | None = None, visitor: str | None = None) -> object:
        owner = find_owner(visitor, request)
        for said in sizes.watch(lambda tell: sizes.lay_out_kept(owner, ratios, tell)):
            shown, paths, made = (said, None, {}) if isinstance(said, str) else said
            yield shown, gr.update(value=[str(path) for path in paths or ()] or None, visible=bool(paths)), made

    button.click(
        lay_out,
        None,
        [shown, files, record],
        inputs_kwargs={"ratios": chosen, "visitor": visitor},
        api_name="lay_out_kept",
        show_progress="minimal",
        **MODEL_QUEUE,
    )
    return [box, shown, files]
