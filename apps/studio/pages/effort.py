"""The line that says how long a search takes, said anew whenever what it depends on is changed."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..handlers.effort import Effort
from ..sessions.wishes import FORM_FIELDS
from .parts import MOVES, Fields, find_owner


def wire_effort(
    effort: Effort, form: Fields, wish: Fields, shown: gr.HTML, visitor: gr.BrowserState, *after: Any
) -> None:  # fmt: skip
    """Say it when the effort, the answer about faces or the ad is changed, and after the events `after`."""
    watched: list[Any] = [wish["effort"], wish["faces"], form["image_path"], form["headline"]]

    def say(request: gr.Request, visitor: str | None, chosen: str | None, faces: str | None, *values: str | None) -> str:
        return effort.say(find_owner(visitor, request), dict(zip(FORM_FIELDS, values, strict=True)), chosen, faces)

    inputs = [visitor, wish["effort"], wish["faces"], *form.values()]
    gr.on([one.change for one in watched], say, inputs, shown, trigger_mode="always_last", **MOVES)
    for event in after:
        event.then(say, inputs, shown, **MOVES)
