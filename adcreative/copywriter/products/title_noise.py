"""Clean a title of a feed of labels, brands, capitals, counts, codes, measures and colours, to find a name in it."""

from __future__ import annotations

import re

from adcreative.copywriter.brief import WORD
from adcreative.copywriter.products.title_words import is_common, thing, things
from adcreative.copywriter.rules import word_set

SHORT_BRAND_CHARS = 3
_LEAST_WORDS, _MOSTLY = 2, 0.7
_TO_READER = re.compile(r"^(?:(?!for\b|with\b|to\b)[\w'’.&-]+ ){1,6}?[Yy]our [A-Z]\w+ (?=(?:\S+ ){1,}\S)")
_NAMED_START = re.compile(r"^([A-Za-z][\w'’]*)\s+[-–—]\s+([^-–—,;]{3,40}?)(?:\s+[-–—]\s+[^-–—,;]{1,12})?$")
_LEADING_CODE = re.compile(r"^(?=\S*\d\S*\d)[A-Z][A-Z\d()]*(?:[-/][A-Z\d()]+){2,}\s+(?=\S+\s\S)")  # "SMD0590-I-30/8H LED Tube"
_JOINT = "\ue000"
_SIZE_WITHOUT_UNIT = re.compile(r"(?<!\S)\d[\d./]*\s?[xX×]\s?\d[\d./]*(?!\S)")


def without_label(title: str) -> str:
    """Return a title without a label in brackets or signs before it, or the variant's that stands at both its ends."""
    title = re.sub(r"[™®©]", "", title)
    title = re.sub(r"\)(?=\w)", ") ", re.sub(r"(?<=\w)\(", " (", title))
    title = re.sub(r"^\s*[\[【(][^\]】)]{1,30}[\]】)]\s*(?=\w)", "", " ".join(title.replace("_", " ").split()))
    title = re.sub(r"^[^\w\s\"'“‘«(\[#&]+\s*(?=\w)", "", title)  # a flag or a star
    title = _LEADING_CODE.sub("", title)
    title = re.sub(r"^[^,]{2,15},\s*(?=\d+\s?pcs?\b)", "", title)
    parts = re.split(r",\s*", title)
    return ", ".join(parts[1:-1]) if len(parts) > 2 and parts[0].casefold() == parts[-1].casefold() else title


def without_brand(title: str, brand: str, category: str) -> str:
    """Return a title without the brand, or its first word, at its start or at that of its second part.

    A first word that the category says too is what the thing is: "DashCam" of "DashCam Argentina".
    """
    words = brand.split(" ")
    starts = [" ".join(words[:count]) for count in range(len(words), 0, -1)]  # "Under Armour" of "Under Armour Apparel"
    starts = [start for start in starts if start == brand or start.casefold() not in category.casefold()]
    for one in filter(None, starts):
        if len(one) > SHORT_BRAND_CHARS or one == brand:
            title = re.sub(rf"(?i)^[\w ]{{3,20}} - (?={re.escape(one)} )", "", title)  # "Shop's own brand - Brand ..."
            title = re.sub(rf"(?i)^{re.escape(one)}['’]s?\s+(?:[-–—:]\s+)?", "", title)
            while title.casefold().startswith(f"{one.casefold()} "):
                title = re.sub(r"^[xX×] ", "", title[len(one) :].strip(" -–:,"))  # "adidas x Zoe Saldana" by adidas
    return title


def without_capitals(title: str) -> str:
    """Return a title that is written in capitals Like This, short words that are no English as they are."""
    first, dash, rest = title.partition(" - ")
    if dash and first.isupper() and all(len(word) > SHORT_BRAND_CHARS for word in first.split()):
        title = f"{' '.join(word.capitalize() for word in first.split())} - {rest}"  # "HENTY SNAPBACK - Black"
    words = [word for word in WORD.findall(title) if len(word) > 1]
    if len(words) < _LEAST_WORDS or sum(word.isupper() for word in words) < _MOSTLY * len(words):
        return title
    return " ".join(
        word.capitalize() if word.isupper() and (is_common(word) or len(word) > SHORT_BRAND_CHARS) else word
        for word in title.split()
    )


def without_noise(title: str, rules: dict[str, str], *, keep_sizes: bool = False) -> str:
    """Return a part of a title without counts, codes and measures."""
    bare = re.sub(rules["codes"], " ", re.sub(rules["noise"], " ", title, flags=re.IGNORECASE))
    bare = re.sub(
        r"(?:\d[\d./]*\s?[x×-]\s?)?\d[\d./]*\s?in\.(?=\s|$)", " ", bare, flags=re.IGNORECASE
    )  # its full stop would end a sentence
    bare = bare if keep_sizes else re.sub(rules["sizes"], " ", bare, flags=re.IGNORECASE)
    bare = (
        bare if keep_sizes else re.sub(r"(?<!\S)\d[\d./]*\s?[xX×]\s?\d[\d./]*(?!\S)", " ", bare)
    )  # "72 X 100", of which unit?
    bare = re.sub(r"(?:\s[&+])?\s-\w+", " ", bare)  # what was cut off: "Gold & -Shaped"
    bare = re.sub(r"(?<=[A-Za-z]) ([xX×]) (?=[A-Z])", rf" {_JOINT}\1 ", bare)  # "Acme x Pell", two names
    words = [word for word in re.sub(r"[\[\]【】{}<>|]", " ", bare).split() if keep_sizes or word not in ("X", "x", "×")]
    words = [word.removeprefix(_JOINT) for word in words]
    return " ".join(words).strip(" -–,&/+.:")


def without_colour(name: str, colour: str) -> str:
    """Return the name without its colour where it stands at either end."""
    if not colour:
        return name
    bare = re.sub(rf"(?i)^{re.escape(colour)}\s+|\s+{re.escape(colour)}$", " ", name)
    return " ".join(bare.split()).strip(" -–,&/") or name


def joined_start(title: str) -> str:
    """Return a title whose first part is one word that names no thing with the second behind it: "KEN - Mid Rise Bar".

    What it says to its reader is left out, with what stands before: "501 Button Your Fly Graphic T-Shirt".
    """
    title = _TO_READER.sub("", title)
    found = _NAMED_START.match(title)
    return f"{found[1]} {found[2]}" if found and thing(found[1]) not in things() else title


def with_colour_before(name: str, title: str) -> str:
    """Return a name with the colour that stands before it, where no attribute tells one: "pink plastic plates"."""
    colours = "|".join(sorted(word_set("product_meanings", "colours")))
    found = re.search(rf"\b({colours})\s+{re.escape(name)}\b", title, re.IGNORECASE)
    return f"{found[1]} {name}" if found else name
