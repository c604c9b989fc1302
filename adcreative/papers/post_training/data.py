"""Training data for the copywriter's model: approved lines and preference pairs, from a brand's own file.

Prompts have the copywriter's format (see prompts.py): the brief, `Headlines:` and a dash; the answer is a space and the line. A
.jsonl file holds one object a line: brand, product, description (all optional) and `line`, or `chosen` and `rejected`. Files
from real headline tests are made by `data.make.adapter_data`.
Knows words; does not know the network. No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcreative.copywriter.brief import Brief, clean_text, read_facts
from adcreative.copywriter.engines.prompts import brief_prompt
from adcreative.errors import TrainingError

Example = dict[str, str]
BRIEF_FIELDS = ("brand", "product", "description")


def line_prompt(brief: Brief) -> str:
    """Return the copywriter's prompt for one headline, without few-shot examples, which training replaces."""
    return brief_prompt(read_facts(brief), "headline").lstrip("\n") + "-"


def read_approved(path: Path) -> list[Example]:
    """Read approved copy: .jsonl rows with `line`.

    Raises:
        TrainingError: the file cannot be read, lacks a field, or holds nothing.
    """
    rows = _read_jsonl(path, ("line",))
    return [{"prompt": _row_prompt(row), "completion": _answer(row["line"])} for row in rows]


def read_preferences(path: Path) -> list[Example]:
    """Read pairs: .jsonl rows with `chosen` and `rejected`.

    Raises:
        TrainingError: the file cannot be read, lacks a field, or holds nothing.
    """
    rows = _read_jsonl(path, ("chosen", "rejected"))
    return [{"prompt": _row_prompt(row)} | {key: _answer(row[key]) for key in ("chosen", "rejected")} for row in rows]


def read_corpus(path: Path) -> list[Example]:
    """Read a brand's corpus as `text` rows: a text file's paragraphs, or .jsonl rows with `text`.

    Raises:
        TrainingError: the file cannot be read or holds nothing.
    """
    if path.suffix == ".jsonl":
        return [{"text": clean_text(row["text"])} for row in _read_jsonl(path, ("text",))]
    paragraphs = (clean_text(paragraph) for paragraph in re.split(r"\n\s*\n", _read_text(path)))
    return _not_empty([{"text": paragraph} for paragraph in paragraphs if paragraph], path)


def _answer(line: str) -> str:
    return " " + clean_text(line)


def _row_prompt(row: Example) -> str:
    fields: dict[str, Any] = {name: row.get(name, "") for name in BRIEF_FIELDS}
    return line_prompt(Brief(**fields))


def _not_empty(examples: list[Example], path: Path) -> list[Example]:
    if not examples:
        raise TrainingError(f"{path} holds nothing to learn from: no line or paragraph was found.")
    return examples


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as UTF-8 text ({error}); give a readable file.") from error


def _read_jsonl(path: Path, needed: Sequence[str]) -> list[Example]:
    rows = []
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TrainingError(f"line {number} of {path} is not JSON ({error}); one object a line is needed.") from error
        fields = (*needed, *BRIEF_FIELDS)
        missing = [name for name in needed if not isinstance(row, dict) or not str(row.get(name) or "").strip()]
        if missing:
            raise TrainingError(f"line {number} of {path} has no {' and no '.join(missing)}; fields: {', '.join(fields)}.")
        rows.append({name: str(row.get(name) or "") for name in fields})
    return _not_empty(rows, path)
