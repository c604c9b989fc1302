"""Share of predicted changes that comes true on accounts unknown to a model (transfer.toml). Imports no torch.

A model fitted elsewhere may rank the ads of its own data and still say nothing about another account's ads. The stated
change is the prediction times a slope that was measured by leaving one account out.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class ChangeTransfer:
    """Slope of observed on predicted change (log-odds) between accounts, and its deviation between accounts.

    words: of new words; picture: of a changed picture and changed faces.
    """

    words: float
    words_between: float
    picture: float
    picture_between: float

    def claim(self, change: float, by_words: float) -> tuple[float, float]:
        """Return the claimable part of a predicted change, and its deviation between accounts, both log-odds.

        Args:
            change: predicted, all parts together. by_words: the part of it that comes from new words.
        """
        rest = change - by_words
        deviation = math.hypot(self.words_between * by_words, self.picture_between * rest)
        return self.words * by_words + self.picture * rest, deviation


@lru_cache(maxsize=1)
def read_transfer() -> ChangeTransfer:
    """Return the measured transfer."""
    found = tomllib.loads((files("adcreative") / "ctr" / "transfer.toml").read_text(encoding="utf-8"))
    words, picture = found["words"], found["picture"]
    return ChangeTransfer(
        words=float(words["slope"]),
        words_between=float(words["between_accounts"]),
        picture=float(picture["slope"]),
        picture_between=float(picture["between_accounts"]),
    )
