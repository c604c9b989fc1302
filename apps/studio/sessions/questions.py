"""Missing inputs of a step: a question displayed at its input field. Not an error of the user. Independent of pages."""

from __future__ import annotations

from adcreative.errors import AdCreativeError


class Unanswered(AdCreativeError, ValueError):
    """A step cannot begin before a question is answered; `field` names the input of the answer, as the handlers call it."""

    def __init__(self, question: str, field: str) -> None:
        super().__init__(question)
        self.field = field


def record_fault(error: AdCreativeError) -> dict[str, str]:
    """Return the record of a step that did not begin: its sentence, and the name of the missing input ("asks"), if any."""
    asked = {"asks": error.field} if isinstance(error, Unanswered) else {}
    return {"error": str(error), **asked}
