"""Which half an ad of `ads.jsonl` belongs to: told by its maker alone, and set before anybody looked at a picture.

The maker is the owner of the repository, or the shop where several repositories show the same shop's banners. Makers of the
first 104 ads were sorted by the SHA-256 of their names: the first half is "work", the second "held"; MIDDLE is where they part,
so that a maker who is added later has a half too.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["work", "held"]
MIDDLE = "7fa9324a"


def split_of(maker: str) -> Split:
    """Return the half of a maker: all its ads lie in it."""
    return "work" if hashlib.sha256(maker.encode()).hexdigest() < MIDDLE else "held"
