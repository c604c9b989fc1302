"""A name of a few words from a title of a feed, and what else the title says: what it has, what it is for.

"1pc UV Protection Mini Umbrella, Portable Pocket Umbrella With UV Coating, Yellow For School,Office" is a "UV protection mini
umbrella" with UV coating for school and office. English names end with their noun, so the last words of a part are kept; in
other languages the first ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adcreative.copywriter.brief import WORD, is_known_word, stem
from adcreative.copywriter.products.other_titles import read_other_title
from adcreative.copywriter.products.title_noise import (
    SHORT_BRAND_CHARS,
    joined_start,
    with_colour_before,
    without_brand,
    without_capitals,
    without_colour,
    without_label,
    without_noise,
)
from adcreative.copywriter.products.title_phrases import (
    LEAST_NAME_WORDS,
    MANY_PARTS,
    MOST_FIRST_WORDS,
    MOST_PART_WORDS,
    category_phrase,
    found_name,
    loose_words,
    one_of,
    repeated_phrase,
    shared_phrase,
    whom_words,
    without_puff,
)
from adcreative.copywriter.products.title_shapes import first_part, listed_name, name_before_dash, part_between_bars, two_parts
from adcreative.copywriter.products.title_words import (
    HOLIDAYS,
    category_nouns,
    is_common,
    is_plain,
    is_plural_noun,
    sentence_case,
    thing,
    things,
)
from adcreative.copywriter.rules import rule_pack, word_set

_SHORT_TITLE_WORDS = 7
_MOST_USES = 4
_MOST_WHOLE_WORDS, _MOST_UNKNOWN_WORDS = 10, 5
_MOST_THINGS = 2
_PEOPLE = {"your", "you", "my", "our"}  # a sentence, and no name
_SHORT_CATEGORY_WORDS = 4
_IN_COLOUR = re.compile(r"\s+in\s+(?:[A-Z][a-z]+\s?){1,3}$", re.IGNORECASE)
_FITS = re.compile(
    r"(?=(?:\S+\s+){3,10}\S+$)[^,;|()]{3,60}? (?:for|For) (?:the )?(?=.*(?:\d|\b[a-z]?[A-Z]\w*[A-Z]))[A-Z].*"
)  # "... for iPad 2, 3"
_WHOM_FIRST = re.compile(r"(?i)^(?:men|women|unisex|boys|girls|kids) (?=(?:\S+ ){2,}\S)")  # "Men White Printed T-Shirt"
_AGENT = re.compile(r"[A-Z][a-z]{3,}(?:er|or)s?")  # "Neutralizer", "Protector": what a thing does
_NAME_WORD = re.compile(r"\d{2,4}|[A-Z][a-z]{2,}")
_LONG_CODE = re.compile(r"(?<!\S)\d{5,}(?!\S)|(?<!\S)(?:\d{2,}\.\d+|\d+\.\d{2,})(?!\S)")
_ARTICLE_CODE = re.compile(r"(?=.*\d.*\d)(?=.*[A-Z])[A-Z0-9-]{5,}")  # "BG227", and not "S24"
_ENDS = " -–,.&"
_USE_END = re.compile(r",|/| and | & ")


@dataclass(frozen=True)
class TitleParts:
    """name: a few words; has, uses: phrases of the rest of the title; rest: its other parts as they are, where not English."""

    name: str
    has: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


def read_title(title: str, brand: str, category: str, colour: str, *, is_english: bool) -> TitleParts:
    """Take a title apart; a title of a few words is the name as it is."""
    rules = rule_pack("product_meanings")["title"]
    plain = _IN_COLOUR.sub("", without_brand(without_capitals(without_label(title)), brand, category))
    is_short = len(plain.split()) <= _SHORT_TITLE_WORDS and not re.search(rules["segment"], plain)
    if is_short and not (is_english and re.search(rules["cut"], plain, re.IGNORECASE)):
        plain = _WHOM_FIRST.sub("", plain) if is_english else plain
        name = without_colour(without_noise(plain, rules, keep_sizes=True), colour) or plain
        name = plain if len(name.split()) == 1 else name  # a code that is the model's name: "X9000L3 shoes"
        name = " ".join(_LONG_CODE.sub(" ", name).split()) or name
        name = _with_kind(name, category) if is_english else name
        return TitleParts(name if not is_english or _is_title_case(name) else sentence_case(name))
    if not is_english:
        name, rest = read_other_title(plain, rules)
        return TitleParts(without_colour(name, colour), rest=rest)
    return _read_long_title(plain, category, colour, rules)


def _read_long_title(plain: str, category: str, colour: str, rules: dict[str, str]) -> TitleParts:
    """Find the name in an English title of many words; where none can be found the category is it."""
    nouns = category_nouns(category)
    whole = plain if _FITS.fullmatch(plain) else listed_name(plain) or name_before_dash(plain, rules)
    if whole:
        return TitleParts(whole)
    plain = joined_start(plain)
    named = part_between_bars(plain, rules)
    if named:
        return TitleParts(named)
    plain = re.sub(r"(\w+)-(?=[A-Z])", lambda found: f"{found[1]}, " if thing(found[1]) in nouns else found[0], plain)
    repeated = repeated_phrase(plain, nouns, rules)
    whole = "" if repeated else _whole_name(plain, rules)
    if whole:
        return TitleParts(whole)
    name = (
        repeated
        or _first_phrase(plain, category, rules)
        or category_phrase(plain, category, rules)
        or found_name(plain, nouns, rules)
    )
    if not name:
        own = _unknown_name(plain, rules)
        if own and all(word[:1].isupper() for word in own.split() if len(word) > SHORT_BRAND_CHARS):
            return TitleParts(own)
        name = own or found_name(plain, nouns, rules, least=1)
    name = name or two_parts(plain, rules)
    if not name and len(plain.split()) > _SHORT_TITLE_WORDS and all(map(is_common, WORD.findall(category))):
        named = category if len(category.split()) <= _SHORT_CATEGORY_WORDS else re.split(r"[,&/]| and ", category)[-1]
        name = " ".join(word for word in named.split() if word.casefold() not in whom_words()) or category
    if not name:
        return TitleParts(first_part(plain, rules))
    if not colour or colour.casefold() in word_set("product_meanings", "empty_values"):
        name = with_colour_before(name, plain)
    told = {stem(word) for word in WORD.findall(f"{name} {category}")}
    has = [
        sentence_case(" ".join(found.split()).strip(_ENDS)) for found in re.findall(rules["with"], plain, flags=re.IGNORECASE)
    ]
    uses = [
        sentence_case(" ".join(one.split()).strip(_ENDS))
        for found in re.findall(rules["for"], plain, flags=re.IGNORECASE)
        for one in _USE_END.split(found)
    ]
    return TitleParts(
        name if _is_title_case(name) and not all(map(is_plain, name.split())) else sentence_case(name),
        tuple(dict.fromkeys(one for one in has if _is_part(one, told)))[:2],
        tuple(dict.fromkeys(one.capitalize() if one.lower() in HOLIDAYS else one.lower() for one in uses if _is_use(one)))[
            :_MOST_USES
        ],
    )


def _is_set_of(stems: list[str]) -> bool:
    """Say whether a name is a set of things that it names: "fork and spoon set"."""
    return stems[-1] in ("set", "kit") and bool(set(stems[:-1]) & things())


def _is_agent(word: str) -> bool:
    """Say whether a word is a thing by what it does ("Neutralizer"), and no colour, place or material ("Silver", "Outdoor")."""
    others = (word_set("product_meanings", key) for key in ("colours", "hues", "materials", "uses", "mass"))
    return _AGENT.fullmatch(word) is not None and not any(word.casefold() in one for one in (*others, loose_words()))


def _with_kind(name: str, category: str) -> str:
    """Return a name that says nothing of its kind with its category: "Swim hut" under "Earrings" are swim hut earrings."""
    kind, words = [thing(word) for word in WORD.findall(category)], [thing(word) for word in WORD.findall(name)]
    is_kind = (
        bool(kind)
        and len(kind) <= LEAST_NAME_WORDS
        and kind[-1] in things()
        and kind[-1] not in word_set("product_meanings", "vague")
    )
    is_told = not words or any(word in things() for word in words) or any(one in "".join(words) for one in kind)
    is_told = is_told or any(words[-1] in one for one in kind) or not all(map(is_common, WORD.findall(category)))
    is_told = is_told or is_plural_noun(WORD.findall(name)[-1])
    return f"{name} {category.lower()}" if is_kind and not is_told else name


def _first_phrase(title: str, category: str, rules: dict[str, str]) -> str:
    """Return the first part of a title where it is a name of its own: few words that are known, a thing last; else "".

    Of a title of many parts another one is the name where it ends with the noun of the category and the first shares no word
    with it: "Skeleton, Bat, Large Hair Clips" under "Hair Claws".
    """
    nouns = category_nouns(category)
    first = without_noise(re.split(rules["segment"], title)[0], rules)
    words = without_puff(re.sub(rules["cut"], "", f"{first} ", flags=re.IGNORECASE).strip()).split()
    is_code = len(words) > 1 and re.fullmatch(r"\d{4,}", words[0]) and words[1].casefold() != "series"
    words = words[1:] if is_code else words
    while len(words) > LEAST_NAME_WORDS and re.fullmatch(r"\d+(?:[.,]\d+)?\s?[A-Za-z]{0,3}", words[-1]):
        words = words[:-1]  # "65W"
    stems, stops = [thing(word) for word in words], word_set("product_meanings", "stops") - {"&", "and"}
    is_name = (
        LEAST_NAME_WORDS <= len(words) <= MOST_FIRST_WORDS
        and (stems[-1] in nouns | things() or _is_agent(words[-1]))
        and (words[-1].casefold() not in word_set("product_meanings", "vague") or _is_set_of(stems))
        and len(set(stems)) == len(stems)
        and sum(one in things() for one in stems) <= _MOST_THINGS + (len(words) < MOST_FIRST_WORDS)
        and all(is_plain(word) or word == "&" or _NAME_WORD.fullmatch(word) for word in words)
        and not any(word.casefold() in stops or "/" in word for word in words)
    )
    told = {thing(word) for word in WORD.findall(category)} - word_set("product_meanings", "vague")
    parts = re.split(rules["segment"], title)
    said = {thing(part) for word in words for part in word.split("-")}
    if is_name and len(parts) > MANY_PARTS and not told & said:
        other = found_name(title, told & things() | nouns, rules, is_only=True) or shared_phrase(parts, told, rules)
        if other:
            return other
    return one_of(" ".join(words), title) if is_name else ""


def _unknown_name(title: str, rules: dict[str, str]) -> str:
    """Return the first part of a title as the name of a thing that no rule knows, if it is a few known words; else ""."""
    parts = re.split(rules["segment"], title)
    words = re.sub(rules["cut"], "", f"{without_noise(parts[0], rules)} ", flags=re.IGNORECASE).split()
    is_name = LEAST_NAME_WORDS <= len(words) <= _MOST_UNKNOWN_WORDS and is_common(words[-1])
    is_name = (
        is_name
        and not {word.casefold() for word in words} & _PEOPLE
        and (len(parts) <= MANY_PARTS or thing(words[-1]) in things())
    )
    return " ".join(words).strip(",.:;") if is_name and not any("/" in word for word in words) else ""


def _whole_name(title: str, rules: dict[str, str]) -> str:
    """Return a short title with names or codes in it as it is, in its own capitals; "" for any other."""
    parts = [part for part in re.split(rules["segment"], title) if re.search(r"\w", part)] or [title]
    cut = re.sub(rules["cut"], "", f"{without_noise(parts[0], rules)} ", flags=re.IGNORECASE)
    words = [word for word in without_puff(_LONG_CODE.sub(" ", cut)).split() if word == "&" or re.search(r"\w\w|\d", word)]
    stops = word_set("product_meanings", "stops")
    while words and (words[0].casefold() in stops or re.fullmatch(r"\d{1,2}", words[0])):
        words = words[1:]
    places = [place for place, word in enumerate(words) if words and thing(word) == thing(words[-1])]
    if len(places) > 1 and places[0] > 0 and thing(words[-1]) in things():
        words = words[: places[0] + 1]  # "Myra Necklace 10 CT Rhodium Necklace"
    while len(words) > LEAST_NAME_WORDS and (_ARTICLE_CODE.fullmatch(words[-1]) or words[-1].casefold() in stops):
        words = words[:-1]
    is_name = LEAST_NAME_WORDS <= len(words) <= _MOST_WHOLE_WORDS and not all(map(is_plain, words))
    is_name = is_name and not {word.casefold() for word in words} & _PEOPLE
    if cut.startswith("The ") and words:
        words = ["The", *words]  # a name of its own: "The Hobbit"
    return " ".join(words) if is_name and len(parts) <= 2 and _is_title_case(title) else ""


def _is_title_case(name: str) -> bool:
    """Say whether a name is written Like This, as the names of products are, which then stay as they are."""
    words = [word for word in name.split() if len(word) >= SHORT_BRAND_CHARS or word[:1].isdigit()]
    least = 1 if name.startswith("The ") else 2  # "The Minimalist" is a name of its own
    words = [word for word in words if word.casefold() not in word_set("language", "function_words")]
    return len(words) >= least and all(word[:1].isupper() or not word[:1].isalpha() for word in words)


def _is_part(phrase: str, told: set[str]) -> bool:
    """Say whether "with ..." of a title names a part in words that are known and not the product's own."""
    words = phrase.split()
    is_known = all(is_known_word(word) or word.isupper() for word in words)
    ends_well = words[-1:] != [] and words[-1].casefold() not in word_set("language", "dangling")
    said, empty = (
        re.split(r"[\s-]", phrase.casefold()),
        word_set("product_meanings", "puff") - word_set("product_meanings", "colours"),
    )
    ends_well = ends_well and said[-1] not in word_set("product_meanings", "colours") and not set(said) & empty
    return 1 <= len(words) <= MOST_PART_WORDS and is_known and ends_well and not told & {stem(word) for word in words}


def _is_use(phrase: str) -> bool:
    words = phrase.casefold().split()
    uses = word_set("product_meanings", "uses")
    return 1 <= len(words) <= 2 and all(word in uses or thing(word) in uses for word in words)
