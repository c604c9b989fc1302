"""Take a shop's own text about a product apart: HTML or plain text as lines, and what of them is a sentence, an item or a fact.

"<p>Light earrings.</p><ul><li>Size: 4 cm</li><li>Gold hooks</li></ul>" is the sentence "Light earrings.", the fact
("Size", "4 cm") and the item "Gold hooks". Headings and tables of more than two columns are passed over, and so is what stands
under a heading such as "How to use" or "Shipping:". Knows nothing of what may be said; see `shop_sentences`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser

from adcreative.copywriter.brief import WORD, clean_text
from adcreative.copywriter.rules import word_set

MAX_TEXT_CHARS = 20_000
_MOST_LABEL_WORDS, _MOST_VALUE_WORDS, _MOST_VALUE_CHARS, _MOST_FACTS = 4, 9, 80, 12
_BLOCKS = (
    "p",
    "br",
    "div",
    "li",
    "ul",
    "ol",
    "table",
    "tr",
    "section",
    "article",
    "hr",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "tbody",
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "th", "summary", "button", "caption")
_SILENT = ("script", "style", "iframe", "svg", "template", "video")
_CELL = "\u241f"  # between the cells of a table's row
_HEAD = "\u241d"  # before a heading
_KEPT_SIGNS = f"{_CELL}{_HEAD}°"
_NO_BREAK = f"{_KEPT_SIGNS}®©™"
_SENTENCE = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"”’)]))(?<!approx\.)(?<!\bca\.)(?<!incl\.)(?<!inkl\.)(?<!\bmax\.)(?<!\bmin\.)"
    r"(?<!\b[Nn]o\.)(?<!bzw\.)(?<!\bB\.)(?<!\bDr\.)(?<!\bSt\.)\s+(?=[^\Wa-z])|(?<=[。！？؟।])\s*"
)
_FACT = re.compile(r"([^\W\d_][^:：]{1,40}?)\s?[:：]\s?(\S.*)")
_QUOTE = re.compile(r'(?<!\d)"')  # and no sign for inches
_LEAD = re.compile(  # words in capitals, or Like These
    r"(?:[^a-z:.]{3,60}|[A-Z0-9][\w'’&-]*,?(?:\s(?:and|of|on|the|for|in|to|with|[A-Z0-9&][\w'’&-]*,?)){0,9})(?::|\s[-–—])\s+"
    r"(?=[A-Z][a-z’' ])"
)
_LONGEST_HEADING, _LONG_LINE = 60, 200  # characters
_LONG_REST = 45  # characters behind a lead, from which it is a heading in its line
_LEAST_WHOLE, _MOST_CAPITALS = 9, 0.35  # words of a line without a full stop that is a sentence, and the share in capitals
_BROKEN = re.compile(r"(?<=[a-zà-þ,]) ?\n(?=[a-zà-þ])")  # a line that goes on in the next one
_INLINE_ITEMS = re.compile(r"\s*[•●▪◦✔✅✓➤►★☑·]\s*")
_MARK = re.compile(r"^(?:[-–—+>»]|[.:]+\s|\d{1,2}[.)])\s*")


@dataclass(frozen=True)
class ShopText:
    """paragraphs: sentences as they are; items: lines that are none; facts: (label, value) of lines with a colon."""

    paragraphs: tuple[tuple[str, ...], ...] = ()
    items: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def prose(self) -> str:
        return " ".join(sentence for paragraph in self.paragraphs for sentence in paragraph)


@lru_cache(maxsize=4096)
def read_shop_text(text: str) -> ShopText:
    """Take a text apart, of which at most `MAX_TEXT_CHARS` are read."""
    paragraphs: list[tuple[str, ...]] = []
    items: dict[str, None] = {}
    facts: dict[str, tuple[str, str]] = {}
    is_read = True
    for line in _lines(text[:MAX_TEXT_CHARS]):
        if line.startswith(_HEAD) or (line.endswith((":", "：")) and len(line) <= _LONGEST_HEADING):
            is_read = not set(re.findall(r"\w+", line.casefold())) & word_set("shop_text", "no_sections")
            continue
        fact = _fact(line)
        label = re.match(r"[^:.]{2,30}:\s", line)
        if label and fact is None and set(re.findall(r"\w+", label[0].casefold())) & word_set("shop_text", "no_sections"):
            is_read = False  # "How to use: Brush your teeth before ..."
        if not is_read:
            continue
        if fact is not None:
            facts.setdefault(fact[0].casefold(), fact)
        elif _CELL in line:
            continue
        elif _is_whole(line) or re.search(r"[.!?。！？؟।][\"”’)]?$", line):
            line = line if re.search(r"[^\w\s%]$", line) else f"{line}."
            paragraphs.append(tuple(part.strip() for part in _SENTENCE.split(line) if part.strip()))
        else:
            *whole, last = [part.strip() for part in _SENTENCE.split(line)]
            paragraphs += [tuple(whole)] if whole else []
            items.setdefault(last.rstrip(" ;,"), None)
    return ShopText(tuple(paragraphs), tuple(items), tuple(facts.values())[:_MOST_FACTS])


def _is_whole(line: str) -> bool:
    """Say whether a line without a full stop is a sentence that lacks it: many words, few of them capitalised, no colon."""
    words = line.split()
    capitals = sum(word[:1].isupper() for word in words[1:])
    is_plain = re.fullmatch(r"(?:[^:;|•!?=*_/–—.]|\.(?=\d)|(?<=\w)[–—/](?=\w))+", line) is not None and line[-1].isalnum()
    return len(words) >= _LEAST_WHOLE and is_plain and capitals < _MOST_CAPITALS * len(words) and words[0][:1].isupper()


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text without the signs before them."""
    if re.search(r"<\w+[^<>]{0,2000}>|&\w{2,8};|&#\d", text):
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = "".join(reader.said)
    text = _BROKEN.sub(" ", text)
    for line in "\n".join(map(_without_pictographs, text.splitlines())).splitlines():
        for part in _INLINE_ITEMS.split(line):
            plain = _without_lead(_MARK.sub("", _without_signs(clean_text(part))).strip())
            if WORD.search(plain):
                yield plain.strip(_CELL + " ")


def _without_pictographs(line: str) -> str:
    """Return a long line cut at its pictographs, which stand before the parts of a page that was run together."""
    if len(line) <= _LONG_LINE:
        return line
    return "".join("\n" if one not in _NO_BREAK and unicodedata.category(one) == "So" else one for one in line)


def _without_signs(line: str) -> str:
    """Return a line without pictographs and marks of trade, and without quotes that stand at one end alone."""
    kept = "".join(one for one in line if one in _KEPT_SIGNS or unicodedata.category(one) not in ("So", "Sk", "Co", "Cn"))
    kept = re.sub(r"[\ufe0f\u200d]", "", kept)
    kept = re.sub(r"\s+([.,])(?!\d)", r"\1", kept.strip())
    kept = re.sub(r"\b([dlnsjcDLNSJC]|[Qq]u)(['’]) (?=\w)", r"\1\2", re.sub(r"\(\s+", "(", kept))
    if len(_QUOTE.findall(kept)) % 2 or kept.count("“") != kept.count("”"):
        return re.sub(r'^["“”]+|(?<!\d)["“”]+$', "", kept)
    return kept


def _without_lead(line: str) -> str:
    """Return a line without a heading before its sentences, as Amazon's have: "POCKET-SIZED RESCUE: This remover fits ..."."""
    lead = _LEAD.match(line)
    return line[lead.end() :] if lead and len(line) - lead.end() >= _LONG_REST else line


def _fact(line: str) -> tuple[str, str] | None:
    """Return label and value of a line such as "Material: oak" or a row of two cells, or None."""
    cells = [cell.strip() for cell in line.split(_CELL) if cell.strip()]
    found = _FACT.fullmatch(line) if _CELL not in line else None
    label, value = (found[1], found[2]) if found else tuple(cells) if len(cells) == 2 else ("", "")
    label, value = label.strip(" -:."), value.strip().rstrip(".").strip()
    words, said = label.casefold().split(), value.split()
    is_fact = (
        0 < len(words) <= _MOST_LABEL_WORDS
        and 0 < len(said) <= _MOST_VALUE_WORDS
        and len(value) <= _MOST_VALUE_CHARS
        and not re.search(r"[.!?] |[!?*@|]|https?:|[:：]", value)
        and not re.search(r"[_*!?,;|@]", label)
        and not re.search(r"\((?:cm|mm|in|inch|inches)\)$", value)  # the head of a table of sizes
        and not set(re.findall(r"\w+", label.casefold())) & word_set("shop_text", "no_labels")
    )
    return (label, value) if is_fact else None


class _Reader(HTMLParser):
    """Gathers the words of HTML: a line for each block, the cells of a row in one line, a sign before headings."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._silent = 0  # how many elements are open whose words are not read
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _HEADINGS and not self._in_cell:
            self.said += ["\n", _HEAD]
        elif tag == "td":
            self.said.append(_CELL)
            self._in_cell = True
        if tag in _BLOCKS and not self._in_cell:
            self.said.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(self._silent - 1, 0)
        self._in_cell = self._in_cell and tag not in ("tr", "table")
        if tag in (*_BLOCKS, *_HEADINGS) and not self._in_cell:
            self.said.append("\n")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        if tag in _BLOCKS:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(re.sub(r"\s+", " ", data))
