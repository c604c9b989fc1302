"""Words of product titles: which are known, which are things that are sold, and which stay in capitals."""

from __future__ import annotations

import re
from functools import cache

from adcreative.copywriter.brief import WORD, is_known_word
from adcreative.copywriter.rules import rule_pack, word_set

HOLIDAYS = ("halloween", "christmas", "easter", "thanksgiving")


_PART = re.compile(r"\s*[,;|()]\s*|\s+[-–—]\s+")
_SIDE = r"\d+(?:\.\d+)?\s?(?:(?:cm|mm|inch|in)\b)?"
_SIDES = re.compile(rf"\b{_SIDE}(?:\s?[x×X*]\s?{_SIDE}){{1,2}}")
_SHARE = re.compile(r"\d{1,3}\s?% [A-Za-z]+")


def told_in_title(title: str) -> dict[str, str]:
    """Return {"colour", "material": value} that an English title tells in parts of their own: "Buddy, 100% Polyester, Red".

    Several colours are those to choose from, or a seller's search words: then none is told.
    """
    colours, hues = word_set("product_meanings", "colours"), word_set("product_meanings", "hues")
    parts = [part.strip() for part in _PART.split(title)[1:] if part.strip()]
    words = {part: part.casefold().split() for part in parts}
    coloured = [part for part in parts if set(words[part]) <= colours | hues and set(words[part]) & colours]
    made = [part for part in parts if _SHARE.fullmatch(part)]
    found = {"colour": coloured, "material": made}
    return {name: told[0] for name, told in found.items() if len(told) == 1}


def two_colours(title: str, colour: str) -> str:
    """Return the two colours that a title joins where `colour` is one of them, "blue and white" of "Blue & White"; else ""."""
    known = word_set("product_meanings", "colours")
    for first, second in re.findall(r"(?<!, )\b([a-z]+) (?:&|and) ([a-z]+)", title.casefold()):
        if {first, second} <= known and colour.casefold() in (first, second):
            return f"{first} and {second}"
    return ""


def properties_in_title(title: str) -> list[str]:
    """Return the properties that an English title says, in its order: "removable", "waterproof"."""
    cut = rule_pack("product_meanings")["title"]["cut"]
    own = " ".join(
        re.sub(cut, "", f" {part} ", flags=re.IGNORECASE) for part in _PART.split(title)
    )  # not "with washable cover"
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", own.casefold().replace("battery operated", "battery-operated"))
    return [
        word.replace("usb", "USB") for word in dict.fromkeys(words) if word in word_set("product_meanings", "title_adjectives")
    ]


def size_in_title(title: str) -> str:
    """Return the one measure of two or three sides that a title gives with its unit, such as "22 × 30 cm"; else ""."""
    found = [match[0] for match in _SIDES.finditer(title)]
    units = {unit.lower() for one in found for unit in re.findall(r"[a-zA-Z]+", re.sub(r"[xX]", " ", one))}
    if len(found) != 1 or len(units) != 1 or not found[0][-1].isalpha():
        return ""
    sides = [re.sub(r"\.0+$", "", side) for side in re.findall(r"\d+(?:\.\d+)?", found[0])]
    return f"{' × '.join(sides)} {units.pop()}"


def thing(word: str) -> str:
    """Return a noun's singular in lower case, so that one form stands for both."""
    folded = word.casefold().strip(",.:;")
    if folded.endswith("ies") and len(folded) > len("ties"):
        return f"{folded[:-3]}y"
    if folded.endswith(("ches", "shes", "xes", "sses")):
        return folded[:-2]
    return folded[:-1] if folded.endswith("s") and not folded.endswith(("ss", "us", "is")) else folded


def is_plural_noun(word: str) -> bool:
    """Say whether a word is the plural of one that readers know, and so a thing also where no rule lists it: "cleats"."""
    return thing(word) != word.casefold() and is_known_word(thing(word))


@cache
def things() -> frozenset[str]:
    return frozenset(thing(word) for word in word_set("product_meanings", "nouns"))


def category_nouns(category: str) -> set[str]:
    """Return the singulars of the nouns that a category ends its parts with: collars and leashes of "Pet Collars, Leashes"."""
    ends = [WORD.findall(part)[-1:] for part in re.split(r"[,&/]| and ", category.split(" for ")[0])]
    vague = word_set("product_meanings", "vague")
    return {thing(word) for end in ends for word in end if word.casefold() not in vague and not word.endswith("ing")}


def is_plain(word: str) -> bool:
    """Say whether a word of a title is one that readers know: no code, no count, no misspelling."""
    parts = [part for part in re.split(r"[-'’]", word) if part]
    is_name = word.casefold() in HOLIDAYS or re.fullmatch(r"[A-Z]\d\w{0,2}|\d[A-Z]", word) is not None
    return is_name or (word[:1].isalpha() and any(is_common(part) for part in parts[-1:]))


def is_common(word: str) -> bool:
    folded = word.casefold().strip(",.:;")
    return is_known_word(folded) or folded in word_set("product_meanings", "known") or thing(folded) in things()


def sentence_case(text: str, *, keep_names: bool = True) -> str:
    """Return common English words in lower case; names, abbreviations and words with digits stay as they are.

    keep_names: False for values, in which a capital seldom is a name ("Pongee"); before a number it stays ("Bluetooth 5.3").
    """
    words, found = text.split(), []
    for place, word in enumerate(words):
        inner = "".join(part[1:] for part in word.split("-"))
        if word.casefold() in word_set("product_meanings", "proper"):
            found.append(word[:1].upper() + word[1:])
            continue
        if word.casefold() in word_set("product_meanings", "abbreviations"):
            found.append(word.upper())
            continue
        is_odd = word.isupper() or any(character.isdigit() or character.isupper() for character in inner)
        is_model = any(character.isdigit() for character in "".join(words[place + 1 : place + 2])[:1])
        is_compound = "-" in word and is_common(word.rsplit("-", 1)[-1]) and is_common(word.split("-")[0] + "s")
        is_name = not is_common(word) and not is_compound and (keep_names or is_model)
        found.append(word if is_odd or is_name or word[:1].isdigit() else word.lower())
    return " ".join(found)
