"""What a step still has to be told: a question, asked where its answer goes. Nothing was done wrong. Knows no page."""

from __future__ import annotations

from adcreative.errors import AdCreativeError


class Unanswered(AdCreativeError, ValueError):
    """A step cannot begin before a question is answered; `field` names the input of the answer, as the handlers call it."""

    def __init__(self, question: str, field: str) -> None:
        super().__init__(question)
        self.field = field


def record_fault(error: AdCreativeError) -> dict[str, str]:
    """Return the record of a step that did not begin: its sentence, and the input that it asks for ("asks") if it asks."""
    asked = {"asks": error.field} if isinstance(error, Unanswered) else {}
    return {"error": str(error), **asked}
