"""Calls with values that no page sends: each call is refused with a sentence, and logged in one line.

Gradio prints a whole traceback for each such call, so that a flood of calls fills the log. An error after this check is a
fault of the app and keeps its traceback.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import resources
from typing import Any

import gradio as gr

from adcreative.config import read_packaged_yaml

log = logging.getLogger(__name__)
MAX_REASON_CHARS = 160


@cache
def read_endpoints() -> dict[str, dict[str, str]]:
    """Return descriptions of the endpoints ("endpoints") and of the inputs ("inputs"), by name."""
    known: dict[str, dict[str, str]] = read_packaged_yaml(resources.files(__package__) / "endpoints.yaml")
    return known


class CheckedCalls(gr.Blocks):
    """Blocks that accept only values valid for their inputs, and describe their endpoints."""

    def get_api_info(self, *args: Any, **options: Any) -> Any:
        """Return Gradio's API description with the purpose of each endpoint and the meaning of its inputs."""
        info, known = super().get_api_info(*args, **options), read_endpoints()
        for name, endpoint in info["named_endpoints"].items():
            endpoint["description"] = known["endpoints"].get(name.strip("/")) or endpoint["description"]
            for one in endpoint["parameters"]:
                one["python_type"]["description"] = known["inputs"].get(one["parameter_name"], "")
        return info

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any) -> list[Any]:
        """Convert the values of a call to the arguments of the handler.

        Gradio creates an updated component anew in its session: the new component gets the guard of the first.

        Raises:
            gr.Error: too few values, or a value of a wrong type, shape or choice; without a traceback in the log.
        """
        session = args[0] if args else options.get("state")
        for component in block_fn.inputs:
            guard = getattr(component, "guarded_by", None)
            if guard is not None and session is not None and component._id in session:
                guard(session[component._id])
        try:
            values: list[Any] = await super().preprocess_data(block_fn, inputs, *args, **options)
            _check_texts(block_fn.inputs, values)
        except Exception as error:  # Gradio, pydantic and the readers of files raise dozens of types for odd values
            reason = " ".join(str(error).split())[:MAX_REASON_CHARS]
            line = f"call of {block_fn.api_name or 'an event'} refused: {type(error).__name__}: {reason}"
            log.warning("%s", line.encode("unicode_escape", "backslashreplace").decode("ascii"))
            sentence = error.message if isinstance(error, gr.Error) else "A value of this call is missing or of another kind."
            raise gr.Error(sentence, print_exception=False) from None
        return values


def _check_texts(components: list[Any], values: list[Any]) -> None:
    """Raise TypeError or ValueError for a value that a text field cannot hold."""
    for component, value in zip(components, values, strict=False):
        is_text = isinstance(component, gr.Textbox) or getattr(component, "allow_custom_value", False)
        parts = value if isinstance(value, list) and getattr(component, "multiselect", False) else [value]
        if is_text and not all(isinstance(part, str | None) for part in parts):
            raise TypeError(f"{component.label} must be text, got {type(value).__name__}")
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError(f"{component.label} holds a null byte")
