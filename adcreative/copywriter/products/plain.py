"""The plain form of a product: its title without a shop's noise, then up to four facts in the record's words.

"Oak dining table. Solid oak. 180 × 90 cm. Seats: six." Nothing is rephrased, so the text is in the record's language. Uncertain
values are left out: codes, flags, values of many words, names that shoppers do not see.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adcreative.copywriter.brief import WORD, clean_field, is_known_word
from adcreative.copywriter.products.product import Attribute, Product, kind_of, tokenize, unit_spellings
from adcreative.copywriter.rules import rule_pack, word_set
from adcreative.errors import CopywriterError

MAX_FACTS, MAX_TITLE_CHARS, MAX_VALUE_CHARS, MAX_VALUE_WORDS, MAX_NAME_WORDS = 4, 90, 60, 8, 3
_SEPARATOR = re.compile(r"\s+[-–—|•·/:]+\s+|\s*[|•·]\s*|\s+--+\s*")
_PRICE = re.compile(r"[$€£¥₹]\s?\d[\d.,]*|\d[\d.,]*\s?(?:[€£¥₹]|usd|eur|gbp|inr|rs\.?)(?!\w)|-?\d+\s?%\s?off", re.IGNORECASE)
_CODE = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])[A-Z\d][A-Z\d_/.-]{4,}|[\d-]{6,}")  # an article number
_ADDRESS = re.compile(r"\S+\.(?:com|net|shop|[a-z]{2})")
_SIDE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-z\"”]*)\.?")
_SIZE = re.compile(r"(?i)\d\s?(?:[\"”″]|[a-zµ]{1,2}\b|inch|lit|met|pack|stück|pcs|pi[eè]ce)")
_LINE = re.compile(r"[-–*•\s]*([^\W\d_][^:：<>|]{1,28}?)\s?[:：]\s*(\S.{0,80}?)\s*")
_BLOCK = re.compile(r"(?i)</?(?:p|br|li|ul|ol|div|tr|td|th|h\d|table)\b[^<>]{0,500}>|\n")
_FLAGS = word_set("products", "flags") | {"one size", "default title"}
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True)
class PlainForm:
    """title and all sure facts, as (name, text) in output order. untold: names of attributes left out.

    ignored: cells left out because they address a language model.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    untold: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    def text(self, max_chars: int) -> str:
        """Return as many sentences as fit, at least the title."""
        text = ""
        for sentence in (self.title, *(said for _, said in self.facts[:MAX_FACTS])):
            stop = "。" if _IDEOGRAPHS.search(sentence[-1:]) else "." if sentence[-1:] not in ".!?。！？" else ""
            longer = f"{text} {sentence}{stop}".strip()
            if text and len(longer) > max_chars:
                break
            text = longer
        return text


def plain_form(product: Product, *, is_english: bool) -> PlainForm:
    """Return the plain form of a product.

    Args:
        is_english: whether column names, which are English in most feeds, may appear in the text.
    Raises:
        CopywriterError: the title is missing or names nothing, or there is no sure fact besides the title.
    """
    if not product.title.strip():
        raise CopywriterError("it has no title. Say what the product is, such as a tote bag.")
    title, ignored = clean_title(product.title, product.brand)
    avoided = {token for word in product.avoid for token in tokenize(word)}
    facts: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for one in (*_joined_sides(product.attributes), *text_lines(product.text)):
        (name, bad_name), (value, bad_value) = clean_field(one.name.strip(" :"), 60), clean_field(one.value, 160)
        ignored += bad_name + bad_value
        names.append(name)
        kind = kind_of(name)
        said = "" if bad_name or bad_value else _say(kind, name, tidy_value(value), one.is_shown or is_english)
        tokens = set(tokenize(said.removeprefix(f"{_capital(name)}: ")))
        is_new = said and not tokens <= set(tokenize(" ".join([title, *(fact for _, fact in facts.values())])))
        if is_new and not avoided & tokens:
            facts.setdefault(kind, (name, said))
    if not facts:
        raise CopywriterError("it names nothing beside its title that is sure. Fill in a column such as material or size.")
    ordered = tuple(facts[kind] for kind in sorted(facts, key=_rank))
    told = {name for name, _ in ordered}
    return PlainForm(title, ordered, tuple(dict.fromkeys(name for name in names if name not in told)), tuple(ignored))


def clean_title(raw: str, brand: str = "") -> tuple[str, list[str]]:
    """Return a title without promotions, prices, codes, pictographs and the shop's name, and removed prompt injections.

    Raises:
        CopywriterError: nothing is left, or the title is a list of search words.
    """
    plain, ignored = clean_field(_unescape(raw), 300)
    plain = "".join(one for one in plain if unicodedata.category(one) not in ("So", "Sk", "Cn", "Co") or one == "°")
    plain = re.sub(r"[\[(【]([^\])】]*)[\])】]", lambda found: "" if _is_noise(found[1]) else found[0], _PRICE.sub(" ", plain))
    parts = [re.sub(r"(?<!\d)[\"']$|^[\"']", "", part.strip(" ,;:!*-–—|")) for part in _SEPARATOR.split(plain)]
    kept = [part for part in parts if part and not _is_noise(part) and part.casefold() != brand.casefold()]
    if not kept and parts:  # "NEW! Ceramic mug"
        noise = word_set("products", "noise")
        words = [word for word in max(parts, key=len).split() if word.strip("!:,.").casefold() not in noise]
        kept = [" ".join(words)] if len(WORD.findall(" ".join(words))) > 1 else []
    if not kept:
        raise CopywriterError('its title names no product. Fill in what it is, such as "tote bag".')
    title = kept[0]
    if len(WORD.findall(title)) < 2 and len(kept) > 1 and not _IDEOGRAPHS.search(title):
        title = f"{kept[0]}: {kept[1]}"  # "KEN - Mid Rise Bar": a name and its product
    sizes = [part for part in kept[1:] if _SIZE.search(part) and part not in title]
    if len(title) > MAX_TITLE_CHARS:
        title = _shortened(title)
    title = ", ".join([title, *sizes[:1]])  # "Pressure cooker - 5 litres"
    words = title.split()
    if title.isupper() and len(title) > 4 and len(words) > 1:
        words = [word if any(letter.isdigit() for letter in word) or len(word) < 3 else word.capitalize() for word in words]
    words = [word for place, word in enumerate(words) if not place or word.casefold() != words[place - 1].casefold()]
    title = " ".join(words)
    return title if brand and title.startswith(brand) else _capital(title), ignored  # "adidas Track Top"


def _shortened(title: str) -> str:
    """Return the part of a long title before its first comma, or before "for" or "with"."""
    for cut in (r"\s*[,;(]\s*", r"\s+(?:for|with|w/|für|mit|pour|avec|para|con|com|voor|met|per)\s+"):
        first, *rest = re.split(cut, title)
        is_list = bool(rest) and len(rest[0].split()) < 2  # "balloons of black, white, blue"
        if len(first.split()) >= 2 and len(first) <= MAX_TITLE_CHARS and not is_list:
            return first
    raise CopywriterError("its title is a pile of search words. Say in a few words what it is.")


def _is_noise(part: str) -> bool:
    """Return whether a part of a title is a promotion, a code, or a shop's address."""
    words = {word.casefold() for word in WORD.findall(part)}
    is_promotion = bool(words & word_set("products", "noise")) and len(words) <= 5
    return not words or is_promotion or bool(_CODE.fullmatch(part.strip()) or _ADDRESS.fullmatch(part))


def tidy_value(value: str) -> str:
    """Return a value in the form used in a fact, "" for an uncertain value: a code, a flag, a list, a sentence."""
    value = re.sub(r"【[^】]*】", "", _unescape(value)).strip(" .,;:*\"'")
    is_odd = (
        value.casefold() in _FLAGS
        or len(value) > MAX_VALUE_CHARS
        or len(value.split()) > MAX_VALUE_WORDS
        or re.search(r"https?:|www\.|[@|{}<>\[\]_#?!*=]|\.\s", value) is not None
        or value.count(",") > 2
        or value.count("/") > 2
        or ";" in value
        or _CODE.fullmatch(value) is not None
        or not re.search(r"\w", value)
    )
    if is_odd:
        return ""
    return value.capitalize() if value.isupper() and len(value) > 4 and not re.search(r"\d", value) else _capital(value)


def text_lines(text: str) -> Iterator[Attribute]:
    """Yield lines such as "Material: oak" of a shop's text, HTML or plain; shoppers see their names."""
    seen = set()
    for line in _BLOCK.split(re.sub(r"(?i)</?(?:b|strong|span|em|i|u|font)\b[^<>]{0,500}>", "", text[:20_000])):
        found = _LINE.fullmatch(html.unescape(re.sub(r"<[^<>]{0,500}>", " ", line)).replace("\xa0", " ").strip())
        if found and found[1].casefold() not in seen and "://" not in line:
            seen.add(found[1].casefold())
            yield Attribute(found[1], found[2], is_shown=True)


def _joined_sides(attributes: Sequence[Attribute]) -> Iterator[Attribute]:
    """Yield the attributes, with two or more sides in one unit joined: "180 × 90 cm"."""
    sides: dict[str, tuple[str, str]] = {}
    for one in attributes:
        kind, found = kind_of(one.name), _SIDE.fullmatch(one.value.strip().casefold())
        if kind in rule_pack("products")["sides"] and found and found[2]:
            sides.setdefault(kind, (found[1], unit_spellings().get(found[2], found[2])))
    units = {unit for _, unit in sides.values()}
    is_joined = len(sides) >= 2 and len(units) == 1
    if is_joined:
        yield Attribute("dimensions", f"{' × '.join(number for number, _ in sides.values())} {units.pop()}")
    yield from (one for one in attributes if not (is_joined and kind_of(one.name) in sides))


def _say(kind: str, name: str, value: str, may_name: bool) -> str:
    """Return a fact: the value if its kind is self-explanatory, else "Name: value"; "" if neither is sure."""
    pack = rule_pack("products")
    has_number = bool(re.search(r"\d", value))
    if not value or kind in pack["never"] or (kind in pack["with_number"] and not has_number):
        return ""
    if kind in pack["bare"]:
        return "" if value.replace(",", "").replace(".", "").isdigit() else value
    words = WORD.findall(name)
    is_business = bool({word.casefold() for word in words} & word_set("products", "not_shown"))
    is_plain = not name.isascii() or all(is_known_word(word) or word[:1].isupper() for word in words)
    is_sure = may_name and 0 < len(words) <= MAX_NAME_WORDS and not is_business and is_plain
    return f"{_capital(name)}: {value}" if is_sure else ""


def _rank(kind: str) -> int:
    order = rule_pack("products")["bare"]
    return order.index(kind) if kind in order else len(order)


def _unescape(text: str) -> str:
    """Return a text with HTML entities decoded, including entities escaped twice or written with a capital."""
    return html.unescape(html.unescape(re.sub(r"&([A-Za-z]{2,6});", lambda found: f"&{found[1].lower()};", text)))


def _capital(text: str) -> str:
    """Return a text with a capital first letter, unless its first word has deliberate spelling: "iPhone case"."""
    first = text.split(" ", 1)[0]
    return text if any(letter.isupper() for letter in first) else f"{text[:1].upper()}{text[1:]}"
