"""What a saved model of an account says of itself, from its notes alone. Loads no torch and no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KIND, FORMAT = "account_model", 1


def build_account_card(name: str, notes: Mapping[str, Any], content_hash: str) -> dict[str, Any]:
    """Return the model card as plain values: purpose, source, limits, members and floors, held-out figures."""
    grades = {modality: f"{grade} ({phrase})" for modality, (grade, phrase) in notes["grades"].items()}
    return {
        "name": name,
        "purpose": "click rate of an ad of this account, with a 90 % interval",
        "source": "; ".join(f"{modality}: {text}" for modality, text in grades.items()),
        "licence": "that of the data it was fitted to",
        "limits": [
            "It knows this account alone; ads of another one, or column values it has not seen, are extrapolations.",
            "It predicts clicks, not sales, and knows no audience beyond the columns given.",
        ],
        "calibration": {**notes["metrics"], "data": "groups of ads (same words or test) left out of the fit, in turn"},
        "members": notes["members"],
        "content_hash": content_hash,
        "training": notes["training"],
    }
