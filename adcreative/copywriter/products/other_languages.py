"""Descriptions in languages other than English: the record's own words, joined by a few words of its language.

What an attribute says is told where its name is one that every shop means alike (material, colour, measures, weight) and its
value looks like one: a size of several options, a period of production or a telephone number is none. In languages without
joining words the name stands alone, before the shop's sentences and the attributes with their labels; a single attribute
makes no description there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adcreative.copywriter.brief import WORD, is_known_word
from adcreative.copywriter.products.meanings import is_amount, plain_name
from adcreative.copywriter.products.product import Attribute, ProductFacts, flag_of
from adcreative.copywriter.products.sentence_parts import capital, join_that_fit, own_items, says_again
from adcreative.copywriter.products.shop_sentences import is_clean
from adcreative.copywriter.rules import rule_pack, word_set

_LEAST_ALONE = 2  # attributes without a sentence of the shop's, in a language without joining words
_LATIN_WORDS = 2  # of an opening in another script than the sentence behind it
_ABBREVIATION = 3  # letters of a material's abbreviation
_LONG_NAME = 4  # words, beyond which a name is a title
_MOST_LABELLED, _MOST_MATERIAL_WORDS, _MOST_COLOUR_WORDS, _MOST_COLOURS = 4, 8, 3, 6
_ARTICLES = ("le", "la", "les", "der", "die", "das", "el", "los", "las", "il", "lo", "o", "a", "os")
_MEASURE = re.compile(
    r"(?i)(?:ca\.?|env\.?|aprox\.?|ø)?\s?\d[^!?:;|]{0,38}?"
    r"(?:mm|cm|m|km|ml|cl|dl|l|g|gr|kg|oz|lbs?|in|w|v|mah|ah|lm|dpi|гр?|кг|см|мм|мл|л|غ|كغ|سم|مل|\"|″)\.?"
)
_CODE = re.compile(r"(?=\S*\d)(?=\S*[A-Z])\S{4,}|[+=/_#]|\d[.,]?\d*x\d")  # what no reader knows the meaning of
_JOINTS = {"made": "material", "comes": "colour"}


@dataclass(frozen=True)
class _Told:
    """An attribute that may be told: the name that the rules use, its label in the product's language, and its value."""

    key: str
    label: str
    value: str


def other_language(product: ProductFacts, attributes: Sequence[Attribute], max_chars: int) -> str:
    """Return the description of a product whose record is in another language."""
    words = rule_pack("product_meanings")["elsewhere"].get(product.facts.language)
    told = _told(product, attributes)
    own = product.sentences
    joined = {kind: [one.value for one in told if one.key == key] for kind, key in _JOINTS.items()} if words else {}
    labelled = [one for one in told if one.label and not (words and one.key in _JOINTS.values())][:_MOST_LABELLED]
    if words is None and not own and len(labelled) < _LEAST_ALONE:
        labelled = []
    first = _opening(product, joined, words)
    parts = _rest_of_title(product) if words and not own and not told else []
    first = f"{first}: {', '.join(parts)}." if parts else f"{first}."
    first = "" if own and (says_again(first, own[0], product) or _is_of_other_script(first, own[0])) else first
    rest = [f"{capital(one.label)}: {one.value.rstrip('.')}." for one in labelled]
    return join_that_fit([*([capital(first)] if first else []), *own, *rest, *own_items(product)], max_chars)


def _is_of_other_script(opening: str, sentence: str) -> bool:
    """Say whether an opening has words of Latin letters, and no names only, before a sentence in another script."""
    letters = [one for one in sentence if one.isalpha()]
    is_latin = 2 * sum(one.isascii() for one in letters) > len(letters)
    return not is_latin and len(re.findall(r"(?<!\S)[A-Z]?[a-z]{3,}(?!\S)", opening)) >= _LATIN_WORDS


def _opening(product: ProductFacts, joined: dict[str, list[str]], words: dict[str, str] | None) -> str:
    """Return the name, its maker where no sentence of the shop's names it, what it is made of and its colours."""
    name, brand = product.parts.name, product.brand
    said = " ".join([name, *product.sentences]).casefold()
    is_named = not brand or brand.casefold() in said
    if words is None:
        return name if is_named else f"{name} – {brand}"
    values = {
        kind: [_lowered(value, kind) if words.get("lower") else value for value in found] for kind, found in joined.items()
    }
    parts = [words[kind].format(value=value) for kind, found in values.items() for value in found]
    return f"{name}{'' if is_named else _maker(name, brand, words)}{''.join(f', {one}' for one in parts)}"


def _lowered(value: str, kind: str) -> str:
    """Return a value in small letters, materials such as "PVC" and "MDF" as they are."""
    is_made = kind == "made"
    return " ".join(one if is_made and one.isupper() and len(one) <= _ABBREVIATION else one.lower() for one in value.split())


def _told(product: ProductFacts, attributes: Sequence[Attribute]) -> list[_Told]:
    """Return the attributes whose names and values are what they seem, each name once, none that the name says."""
    joint = (rule_pack("product_meanings")["elsewhere"].get(product.facts.language) or {"or": "/"})["or"]
    name = product.parts.name.casefold()
    found: dict[str, _Told] = {}
    for written, value in attributes:
        key = plain_name(written)
        if flag_of(value) is not None or not _looks_like(key, value, product.facts.language):
            continue
        is_said = value.casefold() in name or (key == "material" and value.split(" ")[0].casefold() in name)
        if not is_said:
            found.setdefault(key, _Told(key, _label(written, value, product), value.replace(" or ", f" {joint} ")))
    return list(found.values())


def _looks_like(key: str, value: str, language: str) -> bool:
    """Say whether a value is one of its kind: a colour of few words, a material of no sentence, a measure with a unit."""
    if key == "colour":
        each = value.split(" or ")
        is_plain = all(re.fullmatch(r"[^\W\d_]+(?:[ /-][^\W\d_]+)*", one) for one in each)
        is_short = all(len(one.split()) <= _MOST_COLOUR_WORDS for one in each) and len(each) <= _MOST_COLOURS
        return is_plain and is_short and not _is_english_colour(value, language)
    if key in ("material", "composition"):
        is_plain = not re.search(r"[!?:;|]|\.(?!\d)|\d(?![\d.,]*\s?%)", value)
        return is_plain and len(value.split()) <= _MOST_MATERIAL_WORDS
    if key in word_set("product_meanings", "measured_elsewhere"):
        return " or " not in value and _MEASURE.fullmatch(value) is not None
    return False


def _is_english_colour(value: str, language: str) -> bool:
    """Say whether a colour is an English word in a text that is not: "Black" of a German shop."""
    known = word_set("product_meanings", "colours") - word_set("product_meanings", "colours_everywhere")
    return language not in ("en", "") and any(word in known for word in re.findall(r"\w+", value.casefold()))


def _maker(name: str, brand: str, words: dict[str, str]) -> str:
    """Return a brand with "from" before it, "d'Auzou" in French; in brackets behind a title such as "Le retour" and before an
    article, where it would read as a part of it."""
    is_title = "," in name or len(name.split()) > _LONG_NAME or name.split(" ")[0].casefold() in _ARTICLES
    if is_title or brand.split(" ")[0].casefold() in _ARTICLES:
        return f" ({brand})"
    is_elided = "elided" in words and re.match(r"(?i)[aeiouhâàéèêëîïôûœ]", brand) is not None
    return f" {words['elided']}{brand}" if is_elided else f" {words['from']} {brand}"


def _rest_of_title(product: ProductFacts) -> list[str]:
    """Return the parts of a title behind its name that are words, and that the brand does not say."""
    joints = word_set("product_meanings", "joints")
    return [
        part
        for part in product.parts.rest
        if part.casefold() not in product.brand.casefold()
        and not _CODE.search(part)
        and is_clean(part, product.title, product.facts.language)
        and part.split()[0].casefold() not in joints
    ]


def _label(name: str, value: str, product: ProductFacts) -> str:
    """Return what an attribute is called in the product's language: its own name, or for an English one the rules'; else ""."""
    if name in product.own_labels or not all(is_known_word(word) for word in WORD.findall(name)):
        return name.capitalize() if name.isupper() else name
    key = plain_name(name)
    if key == "size" and is_amount(value):
        key = "capacity"
    elif key == "size" and re.search(r"\d\s?(?:cm|mm|m|in)\b", value):
        key = "measures"
    return str(rule_pack("product_meanings")["labels"].get(product.facts.language, {}).get(key, ""))
