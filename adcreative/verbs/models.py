"""The verb `models`: what weights there are, and how to get those that are not here. Loads no torch."""

from __future__ import annotations

from typing import Any


def models() -> list[dict[str, Any]]:
    """Return one row per named weight: purpose, source, size, sha256, licence, present or how to get it."""
    from adcreative.encoders.weights import weight_table

    return weight_table()
