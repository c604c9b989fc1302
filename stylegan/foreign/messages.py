"""Messages between the reading process and its parent, and conversion of foreign text to printable text."""

from __future__ import annotations

FAILED = 3  # exit code: standard output has one JSON line {"error": sentence}
MAX_SENTENCE = 600


def printable(text: str) -> str:
    """Return foreign text on one line, without control or escape codes, at most MAX_SENTENCE characters.

    Names of tensors, modules and files come from an untrusted file; they must not control a terminal.
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return shown if len(shown) <= MAX_SENTENCE else shown[:MAX_SENTENCE] + " ..."
