"""What an attribute of a record says of its product: the part of a sentence that says it, or nothing.

Shops' attributes are filters as often as facts ("Style: Fashionable", "Element: Other"). What has a meaning for a reader is
said in its own kind of words: made of, comes in, has, is, for, care. The rest is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from adcreative.copywriter.brief import is_known_word
from adcreative.copywriter.engines.ad_phrases import is_plural, with_article
from adcreative.copywriter.products.product import Attribute, attribute_names, flag_of, tokenize
from adcreative.copywriter.products.title_words import sentence_case, thing, things
from adcreative.copywriter.rules import rule_pack, word_set

KINDS = ("made", "comes", "measures", "verb", "has", "is", "for", "care")
_MEASURE = re.compile(r"^\d[\d.,/x×* -]*\s?(?:[a-zA-Z%°″℃µ]+\.?(?:\s[a-zA-Z]+){0,2})$")
_AMOUNT = re.compile(r"^\d[\d.,]*\s?(?:ml|l|litres?|liters?|oz|fl oz|cm|inch(?:es)?|g|kg|lbs?|ft)\.?$", re.IGNORECASE)
_LENGTH = re.compile(r"^\d[\d.,/x×* -]*\s?(?:mm|cm|m|inch(?:es)?|in|ft)\.?$", re.IGNORECASE)
_MEASURED = ("weight", "height", "width", "depth", "length", "thickness", "diameter", "capacity", "volume")
_FILTERS = (
    "sheer", "lined", "stretch", "see through", "personalised", "personalized", "handmade", "vintage", "magnetic",
)  # fmt: skip
_WASHABLE = ("machine washable", "washable", "hand washable")  # what care instructions say with more
_ELSEWHERE = re.compile(r"(?i)@|\bcontact|\bdetails\b|\bcustomer|\bwebsite|\bhttp")
_MOST_NAME_WORDS, _MOST_VALUE_CHARS, _MOST_COLOUR_WORDS = 3, 60, 3
_MOST_COLOURS = 6


@dataclass(frozen=True)
class Meaning:
    """kind: one of KINDS; one, many: the words for one thing and for several; name: of the attribute."""

    kind: str
    one: str
    many: str
    name: str


def read_meanings(attributes: Iterable[Attribute], *, name: str = "") -> list[Meaning]:
    """Return what can be said of a product called `name`, in the order of the record; nothing is said twice."""
    listed = _of_this_kind(list(attributes), name)
    found: list[Meaning] = []
    for name, value in _without_overlap(listed):
        meaning = meaning_of(name, value)
        if meaning is not None and not any(meaning.one == other.one for other in found):
            found.append(meaning)
    made = [set(tokenize(one.one)) for one in found if one.kind == "made"]
    found = [one for one in found if one.kind != "made" or not any(set(tokenize(one.one)) < other for other in made)]
    is_cared_for = any(one.kind == "care" and "wash" in one.one.casefold() for one in found)
    return [one for one in found if not (is_cared_for and one.kind == "is" and one.one in _WASHABLE)]


def _of_this_kind(attributes: list[Attribute], name: str) -> list[Attribute]:
    """Leave out what a shop's form asks of every product and says nothing of this one.

    Whether it may go into an oven is told of what one eats and cooks with; a material neither of a machine nor of a book, nor
    where it is that of a part ("shaft material: iron") and not of the umbrella.
    """
    words = re.findall(r"[a-z]+", name.casefold())
    is_vessel = not name or any({word, word.removesuffix("s")} & word_set("product_meanings", "vessels") for word in words)
    is_machine = bool(
        {one for word in words[-1:] for one in (word, word.removesuffix("s"))} & word_set("product_meanings", "no_material")
    )
    of_parts = {value.casefold() for key, value in attributes if plain_name(key).endswith(" material")}
    named = {plain_name(key): value for key, value in attributes}
    made, whole = set(tokenize(named.get("material", ""))), set(tokenize(named.get("composition", "")))
    is_disputed = bool(made) and "100" in whole and not made & whole and not _is_vague_material(named["material"])
    return [
        (key, value)
        for key, value in attributes
        if not (is_disputed and plain_name(key) in ("material", "composition"))
        and (is_vessel or flag_of(value) is not False or not plain_name(key).endswith(" safe"))
        and not (plain_name(key) == "material" and (is_machine or value.casefold() in of_parts))
    ]


def _is_vague_material(value: str) -> bool:
    """Say whether a material may be any that a composition names: fabric, or a leather that is a plastic."""
    return _is_empty(value) or value.casefold() in ("pu", "pu leather", "faux leather", "leatherette", "synthetic")


def meaning_of(name: str, value: str) -> Meaning | None:
    """Return what one attribute says, or None."""
    key, said = plain_name(name), " ".join(value.split())
    flag = flag_of(said)
    rule = _rule_of(key)
    if flag is None and _is_empty(said):
        return None
    if rule is not None and flag is None:
        return _by_rule(rule, key, said)
    if key in rule_pack("product_meanings")["drop"] or len(said) > _MOST_VALUE_CHARS:
        return None
    if flag is not None:
        return _flag(key, is_true=flag)
    return _open(key, said)


def plain_name(name: str) -> str:
    """Return the name of an attribute in lower case, without brackets, under the name that the rules use."""
    bare = " ".join(re.sub(r"\(.*?\)|\[.*?\]", " ", name).replace("_", " ").split()).casefold()
    return attribute_names().get(bare, bare)


@cache
def _rule_of(key: str) -> dict[str, str] | None:
    return next((rule for rule in rule_pack("product_meanings")["say"] if rule["name"] == key), None)


def is_amount(value: str) -> bool:
    """Say whether a value is what a vessel or a pack holds: "30 ml"."""
    return re.fullmatch(r"(?i)\d[\d.,]*\s?(?:ml|cl|l|litres?|liters?|oz|fl oz)\.?", value) is not None


def _is_empty(value: str) -> bool:
    folded = value.casefold().strip(" .")
    phrases = rule_pack("product_meanings")["empty_phrases"]
    return not folded or folded in word_set("product_meanings", "empty_values") or any(phrase in folded for phrase in phrases)


def _without_overlap(attributes: list[Attribute]) -> list[Attribute]:
    """Leave out a material that a composition names whole, and a composition that is a part only ("5% elastane")."""
    by_name = {plain_name(name): value for name, value in attributes}
    composition = by_name.get("composition", "")
    is_whole = composition.startswith("100")
    dropped = (
        "material" if is_whole and "material" in by_name else "composition" if composition and "material" in by_name else ""
    )
    return [one for one in attributes if plain_name(one[0]) != dropped]


def _by_rule(rule: dict[str, str], key: str, value: str) -> Meaning | None:
    said = _plain_value(value)
    if key in ("gender", "age group", "crowd", "applicable people"):
        word = rule_pack("product_meanings")["plurals"].get(value.casefold())
        return Meaning("for", word, word, key) if word else None
    if key == "size":
        if _LENGTH.match(value) and re.search(r"[x×*]", value):
            return Meaning("measures", said, said, key)
        is_told = _AMOUNT.match(value)
        said = re.sub(r"(?<=\d)\s?inch$", " inches", said)
        return Meaning("comes", f"in a size of {said}", f"in a size of {said}", key) if is_told else None
    if key == "colour":
        return _colour(said)
    if key == "fabric" and said in rule_pack("product_meanings")["stretch"]:
        said = rule_pack("product_meanings")["stretch"][said]
        return Meaning("is", said, said, key)
    if key == "fabric" and all(word in word_set("product_meanings", "materials") | {"and", "twill"} for word in said.split()):
        return Meaning("made", f"made of {said}", f"made of {said}", "material")
    if key == "neckline" and said in word_set("product_meanings", "no_neckline"):
        return None
    if key in ("activity", "use", "usage") and set(tokenize(value)) & _filler_stems():
        return None
    if key == "pattern" and (len(said.split()) > _MOST_NAME_WORDS or "," in said):
        return None
    if key == "pattern" and tokenize(value) and tokenize(value)[-1] == tokenize("pattern")[0]:
        said = said.rsplit(" ", 1)[0]
    if key == "pattern" and is_plural(said.split()[-1]) and is_known_word(said.split()[-1][:-1]):
        said = said[:-1]
    if key in ("room", "use", "usage", "activity") and said in ("outdoor", "indoor", "outdoors"):
        return Meaning("for", f"{said} use", f"{said} use", key)
    if key == "room":
        return None  # a shop's filter: sofa cushions "for the dining room"
    kind = next(kind for kind in KINDS if kind in rule)
    if key in _MEASURED and not _has_unit(key, said):
        return None  # "weighs 2.1": of what, is not known, and no weight is "1 liter"
    if (kind == "is" and "features" in key + rule["name"]) or rule["name"].endswith(("benefits", "shape")):
        return Meaning("is", said, said, key) if _is_adjective(said) else None
    if kind == "care":
        text = re.sub(r"(?<=wash) (?=\d)", " at ", re.sub(r",(?=\S)", ", ", _care_sentences(value)))
        for pattern, instead in rule_pack("product_meanings")["care_as_told"].items():
            text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
        text = re.sub(r"(?<=\d)°?\s?C\b", " °C", text)
        return Meaning("care", text[:1].upper() + text[1:], text[:1].upper() + text[1:], key) if text else None
    if kind == "has":
        if "," in said or len(said.split()) > _MOST_NAME_WORDS + 1:
            return None  # several things that one word cannot follow: "relaxed A-line, midi length"
        if key == "neckline" and said.endswith("neck"):
            said = re.sub(r"^v-", "V-", said)
            return Meaning("has", _counted(said), _counted(said), key)
        is_named = said.endswith(f" {key}") or (key == "fit" and "fit" in said.split()) or rule["has"] == "{value}"
        said = said if is_named else rule["has"].format(value=said)
        said = re.sub(r"\b(\w+) \1\b", r"\1", said)
        return Meaning("has", _counted(said), _counted(said), key)
    if kind == "verb":
        return Meaning("verb", rule["verb"].format(value=said), rule["many"].format(value=said), key)
    said = with_article(said) if kind == "made" and re.search(r"[a-z] (?:blend|mix|mixture)$", said) else said
    text = rule[kind].format(value=said)
    return Meaning(kind, text, text, key)


def _has_unit(key: str, value: str) -> bool:
    """Say whether a measure is one number with a unit of its kind, and no list of options."""
    units = rule_pack("product_meanings")["units"]
    if key == "capacity":
        return " or " not in value and re.search(r"\d.*[^\W\d_]", value) is not None  # "4 cards"
    known = "|".join(re.escape(unit) for unit in str(units.get(key, units["lengths"])).split())
    return " or " not in value and re.search(rf"(?i)\d\s?-?(?:fl\.? ?)?(?:{known})(?![^\W\d_])", value) is not None


def _care_sentences(value: str) -> str:
    """Return the first two whole sentences of care instructions, none that sends readers elsewhere; labels as they are.

    A cell is cut at `MAX_VALUE_CHARS`, so that of several sentences one without an end has lost it.
    """
    sentences = [part for part in re.split(r"(?<=[.!])\s+", value.strip()) if part]
    if len(sentences) == 1:
        return _plain_value(value)
    whole = [one for one in sentences if one.endswith((".", "!")) and not _ELSEWHERE.search(one)]
    bare = [re.sub(r"\s*[(\[].*?[)\]]", "", one).rstrip(".") for one in whole[:2]]
    return ". ".join(one[:1].upper() + one[1:] for one in bare)


def _colour(said: str) -> Meaning | None:
    """Return a colour as readers name one; what else shops write there ("style 1", "XiuYu jade pagoda") is none."""
    said = re.sub(r" (?:colou?r|set)\b(?= or |$)", "", said)
    each = said.split(" or ")
    if len(each) > _MOST_COLOURS:
        said = " or ".join(each[:_MOST_COLOURS])  # of ten colours the first ones
    said = said.lower() if said.isupper() else said
    if said in ("clear", "transparent"):
        return Meaning("is", said, said, "colour")
    words, known = said.casefold().split(), word_set("product_meanings", "colours") | word_set("product_meanings", "hues")
    is_thing = len(words) == 1 and words[0] not in known and thing(words[0]) in things()
    is_odd = is_thing or re.search(r"\d|[+/&]|\b(?:pieces|style|type|set)\b", said) or len(words) > _MOST_COLOUR_WORDS
    is_told = all(part in known or part == "and" or part.endswith("ish") for part in re.findall(r"\w+", said.casefold()))
    if is_odd or not is_told:
        return None
    return Meaning("comes", f"in {said}", f"in {said}", "colour")


@cache
def _filler_stems() -> frozenset[str]:
    return frozenset(token for word in ("daily", "casual", "leisure", "other") for token in tokenize(word))


def _plain_value(value: str) -> str:
    """Return a value without brackets, common words in lower case."""
    bare = re.sub(r"\s*[(\[【].*?[)\]】]\s*", " ", value).replace("*", "×")
    bare = re.sub(r"(?<=[A-Za-z])\s*/\s+", " / ", bare)
    bare = re.sub(r"(\d)\s*(?:in\.?|inch)$", r"\1 inches", bare.strip())
    shares = [part.strip() for part in re.split(r"[/,;+&]|\band\b", bare)]
    if len(shares) > 1 and all("%" in part for part in shares):
        bare = f"{', '.join(shares[:-1])} and {shares[-1]}"  # "78% Nylon/22% Elastane"
    bare = re.sub(r"(?<=\d)(?=(?:kg|g|ml|cl|l|cm|mm|m|W|mAh)\b)", " ", bare)
    return sentence_case(bare, keep_names=False).strip(" .,-")


def _flag(key: str, *, is_true: bool) -> Meaning | None:
    if len(key.split()) > _MOST_NAME_WORDS + 1:
        return None
    if key.split()[-1] in ("required", "included"):
        return None
    if not is_true and not _is_adjective(key) and not all(is_known_word(word) for word in re.findall(r"[^\W\d_]+", key)):
        return None  # "no valvesonic"
    if _is_adjective(key):
        if not is_true and key in _FILTERS:
            return None  # "not magnetic" answers a shop's filter; "not dishwasher safe" is what a buyer must know
        said = key if is_true else f"not {key}"
        return Meaning("is", said, said, key)
    if set(key.split()) & word_set("language", "function_words"):
        return None
    said = with_article(key) if is_true else f"no {key}"
    return Meaning("has", said, said, key)


def _open(key: str, value: str) -> Meaning | None:
    """Return what an attribute without a rule says by itself: a measure, a part that its value names, a part's material."""
    said = _plain_value(value)
    names, tokens = tokenize(key), tokenize(value)
    if set(names) <= _unit_words():
        return None  # "Yards: 2 yards" is one of the options of a form
    if set(names) <= set(tokens) or (names and tokens and names[-1] == tokens[-1]):
        return Meaning("has", _counted(said), _counted(said), key)
    first = key.split()[0]
    if {"specification", "specifications", "coating"} & set(key.split()):
        return None
    if _MEASURE.match(value) and len(key.split()) <= _MOST_NAME_WORDS and all(is_known_word(word) for word in key.split()):
        if first.endswith("s") and len(key.split()) == 2 and is_known_word(first[:-1]) and not is_plural(key.split()[1]):
            return Meaning("verb", f"{key} for {said}", f"{first[:-1]} {key.split()[1]} for {said}", key)
        unit = said.split()[-1]
        if unit.isalpha() and unit.islower() and is_known_word(unit) and tokenize(unit)[0] not in _unit_words():
            return Meaning("has", said, said, key)  # "18 vents"
        text = f"{with_article(key)} of {said}"
        return Meaning("has", text, text, key)
    if key.endswith(" material") and len(value.split()) <= 2 and not value.isupper():
        part = key.removesuffix(" material")
        if part.split()[-1] in word_set("product_meanings", "materials"):
            return None  # "wooden material": of which part, is not known
        text = f"{said} {part}" if part in word_set("product_meanings", "mass") else with_article(f"{said} {part}")
        return Meaning("has", text, text, key)
    if key in ("lacing", "card slots", "pockets"):
        return Meaning("has", said, said, key)
    return None


@cache
def _unit_words() -> frozenset[str]:
    units = rule_pack("products")["units"]
    words = [word for unit, spellings in units.items() for word in (unit, *spellings.split())]
    return frozenset(token for word in (*words, *word_set("product_meanings", "more_units")) for token in tokenize(word))


def _counted(phrase: str) -> str:
    """Return a phrase with its article, or as it is where it counts or needs none."""
    return phrase if phrase[:1].isdigit() else with_article(phrase)


def _is_adjective(text: str) -> bool:
    words = text.casefold().split()
    ends = tuple(word_set("products", "no_adjective") | word_set("product_meanings", "adjectives"))
    return bool(words) and len(words) <= 2 and words[-1].endswith(ends)
