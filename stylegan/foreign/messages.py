"""What the reading process and the process that started it say to each other, and how foreign text becomes printable."""

from __future__ import annotations

FAILED = 3  # exit code: one JSON line {"error": sentence} stands on standard output
MAX_SENTENCE = 600


def printable(text: str) -> str:
    """Return foreign text on one line, without control or escape codes, at most MAX_SENTENCE characters.

    Names of tensors, modules and files come from whoever made the file; a terminal must not obey them.
    """
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return shown if len(shown) <= MAX_SENTENCE else shown[:MAX_SENTENCE] + " ..."
