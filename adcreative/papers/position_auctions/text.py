"""A text with places for sponsored creatives: between its paragraphs, labelled, and related to the words there. No torch.

A place follows each paragraph (blocks between blank lines); never a heading, nor inside a list, a quotation, a table or
code. Fit is the cosine between an ad's words and the words around the place, by any encoder of texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from adcreative.errors import CatalogError

MAX_PLACES = 200
FENCE = re.compile(r"^(```|~~~)")
NOT_AFTER = re.compile(r"^(#{1,6}\s|[-*+]\s|\d+[.)]\s|>|\||<|!\[|={3,}$|-{3,}$)")
SPONSORED = "Sponsored"
CONTEXT_CHARACTERS = 500


@dataclass(frozen=True)
class SponsoredText:
    """Blocks of a text, and the possible positions of ads: gaps [m], numbers of the preceding blocks, ascending."""

    blocks: tuple[str, ...]
    gaps: tuple[int, ...]

    def around(self, gap: int) -> str:
        """Return the words just before and after a gap."""
        before = self.blocks[gap][-CONTEXT_CHARACTERS:]
        after = self.blocks[gap + 1][:CONTEXT_CHARACTERS] if gap + 1 < len(self.blocks) else ""
        return f"{before} {after}".strip()


def read_places(text: str) -> SponsoredText:
    """Split a text into blocks and find the possible positions of ads.

    Raises:
        CatalogError: the text is empty, or has no paragraph to place an ad after.
    """
    blocks: list[str] = []
    open_fence = False
    for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip("\n")):
        if open_fence:
            blocks[-1] += f"\n\n{part}"
        elif part.strip():
            blocks.append(part)
        else:
            continue
        if sum(1 for line in part.splitlines() if FENCE.match(line.strip())) % 2:
            open_fence = not open_fence
    gaps = tuple(at for at, block in enumerate(blocks) if _is_paragraph(block))
    if not gaps:
        raise CatalogError("the text has no paragraph that an ad could follow; give prose, with blank lines between paragraphs")
    return SponsoredText(tuple(blocks), gaps[:MAX_PLACES])


def _is_paragraph(block: str) -> bool:
    lines = block.strip().splitlines()
    is_code = bool(FENCE.match(lines[0].strip())) or block.startswith(("    ", "\t"))
    return not is_code and not any(NOT_AFTER.match(line.strip()) for line in lines)


def attractions(ctr: np.ndarray, fit: np.ndarray, *, fit_weight: float, min_fit: float) -> np.ndarray:
    """Return [n, m] odds of a click of ad i at place j, 0 where it does not fit.

        a_ij = exp(logit ctr_i + fit_weight * (fit_ij - mean fit))

    Args:
        ctr: [n] click rate in an average place. fit: [n, m] cosines. min_fit: least fit of an ad at a place.
    """
    centred = fit - fit.mean() if fit.size else fit
    odds: np.ndarray = np.exp(logit(np.clip(ctr, 1e-6, 1 - 1e-6))[:, None] + fit_weight * centred)
    return np.where(fit >= min_fit, odds, 0.0)


def render(text: SponsoredText, ads: Sequence[tuple[int, str]], *, label: str = SPONSORED) -> str:
    """Return the text with ads after their blocks, each a quotation that starts with the label.

    Args:
        ads: (block number, words of the ad in Markdown), one per block.
    """
    by_block = dict(ads)
    parts = []
    for at, block in enumerate(text.blocks):
        parts.append(block)
        if at in by_block:
            lines = by_block[at].splitlines()
            parts.append("\n".join([f"> **{label}:** {lines[0]}", *(f"> {line}" for line in lines[1:])]))
    return "\n\n".join(parts) + "\n"


def describe_ad(headline: str, body: str, advertiser: str, cta: str, url: str) -> str:
    """Return an ad's words as Markdown; special characters are escaped, only https links become links."""
    clean = [re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(part.split())) for part in (headline, body, advertiser, cta)]
    head, rest, owner, button = clean
    said = ". ".join(part.rstrip(".") for part in (head, rest) if part)
    said = f"{said} ({owner})" if owner else said
    is_safe = re.fullmatch(r"https://[^\s()<>\"']+", url) is not None
    return f"{said} [{button or 'Learn more'}]({url})" if is_safe else f"{said} {button}".rstrip()
