"""Real ads with words and roles written down by eye in `ads.jsonl`, one line an ad; their pictures lie beside a checkout.

Nobody who builds or tunes the reader opens pictures or lines of the split "held": it is measured once, at the end.

A block is one message over lines and inks. An amount alone, in a look of its own, is an offer or a price; a line that leads and
says more than its amount is the headline. product_print: letters on products, clothes and signs in the scene; tag: labels,
categories, a brand's slogans; proof: numbers, ratings, awards. Small capitals are capitals; "" where no eye can read.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.split import Split, split_of

CLAIMS = {"headline", "subline", "offer", "price", "proof", "badge", "button"}
ROLES = CLAIMS | {"brand", "product_print", "legal", "address", "tag"}
ASIAN = {"Devanagari", "Bengali", "Sinhala", "Thai", "Hangul", "Han", "kana"}
SCRIPTS = ASIAN | {"Latin", "Cyrillic", "Greek", "Arabic", "Hebrew"}
FACES = {"adult", "child", "statue or drawing", "bystander"}
LABELS, ROOT = Path(__file__).with_name("ads.jsonl"), Path(__file__).resolve().parents[3]
FOLDERS = (ROOT / "shared" / "data" / "real-ads", ROOT / "shared" / "data" / "real-ads-more")
_UNSPACED = r"[\u0e00-\u0e7f\u2e80-\u9fff\uff00-\uffef]"  # Thai, Han, kana: a break of lines is no blank
_FOLDS = (
    (r"[\u0640\u200b-\u200f]", ""),
    (r"\s+", " "),
    (rf"(?<={_UNSPACED}) (?={_UNSPACED})", ""),
    ("[‘’‚‛´`]", "'"),
    ("[“”„‟«»]", '"'),
    ("[‐‑‒–—−]", "-"),
    (r" (?=[%!?:;,.])", ""),
)

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture


@dataclass(frozen=True, kw_only=True)
class Block:
    """text: lines, joined by breaks. script: that of most letters, kana where there are any. emphasis: runs of other looks."""

    text: str
    box: Box
    role: str
    script: str
    emphasis: list[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Face:
    """box: None where the face is lower than 3 % of the picture."""

    kind: str
    box: Box | None


@dataclass(frozen=True, kw_only=True)
class LabelledAd:
    """sha256: first 16 hex digits of the file's. size: width, height in px. source: repository, path, commit."""

    file: str
    sha256: str
    maker: str
    split: Split
    size: list[int]
    languages: list[str]
    scripts: list[str]
    words_on_photo: bool
    blocks: list[Block]
    faces: list[Face]
    source: str = ""

    @property
    def picture(self) -> Path | None:
        """The picture beside the checkout, None where it is not there."""
        return next((folder / self.file for folder in FOLDERS if (folder / self.file).is_file()), None)

    def with_role(self, *roles: str) -> list[Block]:
        """Return the blocks of these roles whose letters an eye can read."""
        return [block for block in self.blocks if block.role in roles and block.text]


def read_ads(split: Split | None = None, path: Path = LABELS) -> list[LabelledAd]:
    """Return the ads of one half, or all. Raises ValueError, naming ad and rule, where a line breaks a rule."""
    ads = [_parse(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return [ad for ad in ads if split in (None, ad.split)]


def mask(text: str) -> str:
    """Return a text whose e-mail names are x and whose telephone numbers are 0: nobody's address is kept in the labels."""
    text = re.sub(r"[\w.+-]+(?=@[\w-]+\.\w)", lambda found: "x" * len(found[0]), text)
    return re.sub(r"\+?\d[\d ().,/-]{6,}\d", lambda found: re.sub(r"\d", "0", found[0]), text)


def fold(text: str) -> str:
    """Return a text in NFKC with blanks folded and addresses masked: what must be equal for words to be exact.

    Kinds of quotes, kinds of dashes and a blank before a mark ("20 %", "Oui !") are no difference: each language has its own.
    """
    text = mask(unicodedata.normalize("NFKC", text))
    for pattern, replacement in _FOLDS:
        text = re.sub(pattern, replacement, text)
    return text.strip()


def character_error(truth: str, read: str) -> float:
    """Return the least insertions, deletions and replacements from a text to what was read, both folded, by its length."""
    truth, read = fold(truth), fold(read)
    row = list(range(len(read) + 1))
    for i, wanted in enumerate(truth, 1):
        last, row[0] = row[0], i
        for j, got in enumerate(read, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (wanted != got))
    return row[-1] / max(len(truth), 1)


def _parse(line: dict[str, Any]) -> LabelledAd:
    blocks, faces = [Block(**one) for one in line["blocks"]], [Face(**one) for one in line["faces"]]
    ad = LabelledAd(**{**line, "blocks": blocks, "faces": faces})
    boxes = [box for box in (*(one.box for one in blocks), *(one.box for one in faces)) if box]
    rules = {
        "the half of its maker": ad.split == split_of(ad.maker),
        "a block at least, one headline at most": bool(blocks) and len(ad.with_role("headline")) <= 1,
        "roles of ROLES": {block.role for block in blocks} <= ROLES,
        "scripts of SCRIPTS, all named": {block.script for block in blocks} - {"none"} <= {*ad.scripts} <= SCRIPTS,
        "kinds of FACES": {face.kind for face in faces} <= FACES,
        "boxes within 0..1, not empty": all(0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 for x0, y0, x1, y1 in boxes),
        "spans within the text": all(0 <= a < b <= len(one.text) for one in blocks for a, b in one.emphasis),
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise ValueError(f"{ad.file} breaks the rule: {rule}; mend its line in {LABELS.name}")
    return ad
