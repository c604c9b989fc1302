"""The verb `models`: list the weights, and how to get missing weights. Imports no torch."""

from __future__ import annotations

from typing import Any


def models() -> list[dict[str, Any]]:
    """Return one row per named weight: purpose, source, size, sha256, licence, and whether present or how to get the file."""
    from adcreative.encoders.weights import weight_table

    return weight_table()
