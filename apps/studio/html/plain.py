"""Rewording of the pipeline's sentences for a page, without flags and command names; the name of an ad; and its templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adcreative.creative import Creative
from adcreative.problem import find_problem
from adcreative.report.rendering import build_environment

TEMPLATE_DIR = Path(__file__).parent / "templates"

_COMMANDS = {
    ": type it; of a folder correct what adcreative read writes, and give that as --words": ": type it",
    " or --base-rate states it": "",
    "learn from results first (adcreative train)": "train on your results (“Your account”)",
    "learn from results first": "train on your results (“Your account”)",
    "adcreative train": "“Train on my results” in “Your account”",
}
_IN_BRACKETS = re.compile(r"\s*\((?:[^()]*\s)?--[a-z][^()]*\)")
_FLAG = re.compile(r"\s*(?:(?:with|by|give|or|and|use) )?--[a-z][a-z0-9-]*(?:[ =](?:[A-Z][A-Z_]*|\S*[0-9/.]\S*))?")


def read_macros(name: str) -> Callable[..., str]:
    """Return a function that renders a macro of a template: its name, then its values."""

    def render(macro: str, *values: object, **named: object) -> str:
        module = build_environment(TEMPLATE_DIR).get_template(f"{name}.html.j2").module
        return str(getattr(module, macro)(*values, **named))

    return render


def plain(text: str) -> str:
    """Return a sentence without flags, and with commands replaced by the names of buttons."""
    for command, button in _COMMANDS.items():
        text = text.replace(command, button)
    return re.sub(r"\s+([.,;:!?])", r"\1", _FLAG.sub("", _IN_BRACKETS.sub("", text))).strip()


def call_ad(creative: Creative) -> str:
    """Return the name of an ad on the page."""
    return creative.headline or creative.primary_text or creative.file_name


def unwritten_language(row: Mapping[str, Any]) -> str:
    """Return the language of an ad for which no new words could be written, such as "German"; "" otherwise."""
    found = find_problem(row.get("problems") or (), "ad_language")
    return "" if found is None else str(found.values["language"])
