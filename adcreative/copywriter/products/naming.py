"""A name of a few words from a title of a feed, and what else the title says: what it has, what it is for.

"1pc UV Protection Mini Umbrella, Portable Pocket Umbrella With UV Coating, Yellow For School,Office" is a "UV protection mini
umbrella" with UV coating for school and office. English names end with their noun, so the last words of a part are kept; in
other languages the first ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from adcreative.copywriter.brief import WORD, is_known_word, stem
from adcreative.copywriter.rules import rule_pack, word_set

_SHORT_TITLE_WORDS = 7
_MOST_USES, _MOST_PART_WORDS, _LEAST_NAME_WORDS = 4, 3, 2
_MOST_WHOLE_WORDS, _MOST_UNKNOWN_WORDS = 10, 5
_HOLIDAYS = ("halloween", "christmas", "easter", "thanksgiving")
_IN_COLOUR = re.compile(r"\s+in\s+(?:[A-Z][a-z]+\s?){1,3}$", re.IGNORECASE)
_LONG_CODE = re.compile(r"(?<!\S)\d{5,}(?!\S)|(?<!\S)\d+\.\d+(?!\S)")
_USE_END = re.compile(r",|/| and | & ")


@dataclass(frozen=True)
class TitleParts:
    """name: a few words; has, uses: phrases of the rest of the title."""

    name: str
    has: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


def read_title(title: str, brand: str, category: str, colour: str, *, is_english: bool) -> TitleParts:
    """Take a title apart; a title of a few words is the name as it is, and where no name can be found the category is it."""
    rules = rule_pack("product_meanings")["title"]
    plain = _IN_COLOUR.sub("", _without_brand(" ".join(title.replace("_", " ").split()), brand))
    is_short = len(plain.split()) <= _SHORT_TITLE_WORDS and not re.search(rules["segment"], plain)
    nouns = _category_nouns(category)
    if is_short and not re.search(rules["cut"], plain, re.IGNORECASE):
        name = _without_colour(_without_noise(plain, rules, keep_sizes=True), colour) or plain
        name = plain if len(name.split()) == 1 else name  # a code that is the model's name: "X9000L3 shoes"
        name = " ".join(_LONG_CODE.sub(" ", name).split()) or name
        return TitleParts(name if not is_english or _is_title_case(name) else sentence_case(name))
    if not is_english:
        words = _without_colour(_segment(plain, nouns, rules), colour).split()
        kept = [word for word in words if word not in ("-", "–", "/", "&", "+")][: int(rules["most_words"])]
        return TitleParts(" ".join(kept) or " ".join(plain.split()[: int(rules["most_words"])]))
    whole = _whole_name(plain, rules)
    if whole:
        return TitleParts(whole)
    name = _found_name(plain, nouns, rules)
    if not name:
        name = " ".join(word for word in category.split() if word.casefold() not in _whom()) or category or plain
    told = {stem(word) for word in WORD.findall(f"{name} {category}")}
    has = [_tidy(found) for found in re.findall(rules["with"], plain, flags=re.IGNORECASE)]
    uses = [_tidy(one) for found in re.findall(rules["for"], plain, flags=re.IGNORECASE) for one in _USE_END.split(found)]
    return TitleParts(
        sentence_case(name),
        tuple(dict.fromkeys(one for one in has if _is_part(one, told)))[:2],
        tuple(dict.fromkeys(_holiday(one.lower()) for one in uses if _is_use(one)))[:_MOST_USES],
    )


def _category_nouns(category: str) -> set[str]:
    """Return the stems of the nouns that a category ends its parts with: collars and leashes of "Pet Collars, Leashes"."""
    ends = [WORD.findall(part)[-1:] for part in re.split(r"[,&/]| and ", category)]
    vague = word_set("product_meanings", "vague")
    return {_thing(word) for end in ends for word in end if word.casefold() not in vague and not word.endswith("ing")}


def _whom() -> frozenset[str]:
    return frozenset(rule_pack("product_meanings")["plurals"]) | {"other"}


def _segment(title: str, nouns: set[str], rules: dict[str, str]) -> str:
    """Return the first part of a title with the noun of its category, else the first of two words or more, without noise."""
    parts = [_without_noise(part, rules) for part in re.split(rules["segment"], title)]
    parts = [part for part in parts if part]
    cut = [re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).strip() for part in parts]
    whole = [short if len(WORD.findall(short)) > 1 else part for short, part in zip(cut, parts, strict=True)]
    named = [part for part in whole if nouns & {_thing(word) for word in WORD.findall(part)}]
    return next(iter(named), next((part for part in whole if len(WORD.findall(part)) > 1), whole[0] if whole else title))


def _found_name(title: str, nouns: set[str], rules: dict[str, str]) -> str:
    """Return a thing that a title of search words names: a noun of the category, else one of the rules', and words before it.

    What is before the noun is taken as far as it reads as one phrase: known words, one other thing at most, no "for". Nouns
    behind "for" or "compatible with" come last. "" where the title names nothing that is known.
    """
    parts = [re.sub(r"\s+/\s*\S+", "", _without_noise(part, rules)) for part in re.split(rules["segment"], title)]
    before = [re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).split() for part in parts]
    whole, things = [part.split() for part in parts], _things()
    for texts, wanted, least in (
        (before, nouns, _LEAST_NAME_WORDS), (before, things, _LEAST_NAME_WORDS), (before[:1], None, _LEAST_NAME_WORDS),
        (whole, nouns, _LEAST_NAME_WORDS), (whole, nouns | things, 1),
    ):  # fmt: skip
        for words in texts:
            kept = words if wanted is None else _first_thing(words, wanted, least, is_category=wanted is nouns)
            is_name = wanted is not None or (len(kept) <= _MOST_UNKNOWN_WORDS and all(map(_is_plain, kept)))
            if len(kept) >= least and is_name:
                return _one_of(" ".join(kept).strip(",.:;"), title)
    return ""


def _first_thing(words: list[str], wanted: set[str] | frozenset[str], least: int, *, is_category: bool) -> list[str]:
    """Return the first wanted noun of a part with the words before and behind it that belong to it, at least `least` words."""
    stems, things, stops = [_thing(word) for word in words], _things(), word_set("product_meanings", "stops")
    heads = {_thing(word) for word in word_set("product_meanings", "heads")} if is_category else things
    puff = word_set("product_meanings", "puff") | word_set("product_meanings", "colours")
    for place, word in enumerate(words):
        if stems[place] not in wanted or word.casefold() in stops:
            continue
        end = place + 1
        while end < len(words) and stems[end] in heads and end - place < _MOST_PART_WORDS and _goes_on(words[end - 1]):
            end += 1
        rest = words[end:]
        if (
            not is_category
            and 0 < len(rest) <= 2
            and all(_is_plain(one) and one.casefold() not in stops | puff for one in rest)
        ):
            end = len(words)  # an English name ends with its noun, and here the part ends soon
            stems = [*stems[:place], *(f"{one} " for one in stems[place:])]
        kept = _reach_back(words[:end], stems[:end], things)
        if len(kept) >= least:
            return kept
    return []


def _goes_on(word: str) -> bool:
    """Say whether a noun may be followed by another of the same name: not by one behind a comma, or behind a plural."""
    return word[-1].isalpha() and (not word.casefold().endswith("s") or word.casefold().endswith("ss"))


def _reach_back(words: list[str], stems: list[str], things: frozenset[str]) -> list[str]:
    """Return the last words of a part that read as one phrase."""
    start, others, most = len(words) - 1, 0, int(rule_pack("product_meanings")["title"]["most_words"])
    while start > 0 and len(words) - start < most:
        word = words[start - 1]
        others += stems[start - 1] in things
        is_joint = word in ("&", "and") and start > 1 and _is_plain(words[start - 2])
        is_stop = (
            (word.casefold() in word_set("product_meanings", "stops") and not is_joint) or "/" in word or word[-1] in ".,:;"
        )
        is_known = is_joint or _is_plain(word) or stems[start - 1] in things
        if is_stop or others > 1 or not is_known or stems[start - 1] in stems[start:]:
            break
        start -= 1
    return _without_puff(" ".join(words[start:])).split()


def _without_puff(name: str) -> str:
    """Return a name without the words at its start that say nothing, whom it is for, or a colour, which are said elsewhere."""
    words, start = name.split(), 0
    drop = _loose() | word_set("product_meanings", "puff") | word_set("product_meanings", "colours")
    while start < len(words) - 2 and (words[start].casefold() in drop or words[start] == "&"):
        start += 1
    return " ".join(words[start:])


def _whole_name(title: str, rules: dict[str, str]) -> str:
    """Return a short title with names or codes in it as it is, in its own capitals; "" for any other."""
    parts = re.split(rules["segment"], title)
    cut = re.sub(rules["cut"], "", f"{_without_noise(parts[0], rules)} ", flags=re.IGNORECASE)
    words = [word for word in _without_puff(_LONG_CODE.sub(" ", cut)).split() if word == "&" or re.search(r"\w\w|\d", word)]
    while words and (words[0].casefold() in word_set("product_meanings", "stops") or words[0].isdigit()):
        words = words[1:]
    is_name = _LEAST_NAME_WORDS <= len(words) <= _MOST_WHOLE_WORDS and not all(map(_is_plain, words))
    return " ".join(words) if is_name and len(parts) <= 2 and _is_title_case(title) else ""


def _is_title_case(name: str) -> bool:
    """Say whether a name is written Like This, as the names of products are, which then stay as they are."""
    words = [word for word in name.split() if len(word) > 3 or word[:1].isdigit()]
    return len(words) > 1 and all(word[:1].isupper() or not word[:1].isalpha() for word in words)


def _one_of(name: str, title: str) -> str:
    """Return a name in the singular where its title says so too: "TV Stands For ..., Industrial TV Stand"."""
    last = name.rsplit(" ", 1)[-1]
    is_many = last.endswith("s") and not last.endswith("ss") and not re.search(r"(?i)\bset|\bpack|\d ?p(?:c|ie)", title)
    return name[:-1] if is_many and re.search(rf"\b{re.escape(last[:-1])}\b", title, re.IGNORECASE) else name


def _thing(word: str) -> str:
    """Return the stem of a noun's singular, so that one form stands for both."""
    folded = word.casefold().strip(",.:;")
    return stem(folded[:-1] if folded.endswith("s") and not folded.endswith("ss") else folded)


@cache
def _things() -> frozenset[str]:
    return frozenset(_thing(word) for word in word_set("product_meanings", "nouns"))


def _is_plain(word: str) -> bool:
    """Say whether a word of a title is one that readers know: no code, no count, no misspelling."""
    parts = [part for part in re.split(r"[-'’]", word) if part]
    is_name = word.casefold() in _HOLIDAYS or re.fullmatch(r"[A-Z]\d\w{0,2}|\d[A-Z]", word) is not None
    return is_name or (word[:1].isalpha() and any(_is_common(part) for part in parts[-1:]))


def _is_common(word: str) -> bool:
    folded = word.casefold().strip(",.:;")
    return is_known_word(folded) or folded in word_set("product_meanings", "known")


def sentence_case(text: str, *, keep_names: bool = True) -> str:
    """Return common English words in lower case; names, abbreviations and words with digits stay as they are.

    keep_names: False for values, in which a capital seldom is a name ("Pongee"); before a number it stays ("Bluetooth 5.3").
    """
    words, found = text.split(), []
    for place, word in enumerate(words):
        inner = "".join(part[1:] for part in word.split("-"))
        is_odd = word.isupper() or any(character.isdigit() or character.isupper() for character in inner)
        is_model = any(character.isdigit() for character in "".join(words[place + 1 : place + 2])[:1])
        is_name = not _is_common(word) and (keep_names or is_model)
        found.append(word if is_odd or is_name or word[:1].isdigit() else word.lower())
    return " ".join(found)


def _without_brand(title: str, brand: str) -> str:
    while brand and title.casefold().startswith(f"{brand.casefold()} "):
        title = re.sub(r"^[xX×] ", "", title[len(brand) :].strip(" -–:,"))  # "adidas x Zoe Saldana" by adidas
    return title


def _without_noise(title: str, rules: dict[str, str], *, keep_sizes: bool = False) -> str:
    """Return a part of a title without counts, codes and measures."""
    bare = re.sub(rules["codes"], " ", re.sub(rules["noise"], " ", title, flags=re.IGNORECASE))
    bare = re.sub(
        r"(?:\d[\d./]*\s?[x×-]\s?)?\d[\d./]*\s?in\.(?=\s|$)", " ", bare, flags=re.IGNORECASE
    )  # its full stop would end a sentence
    bare = bare if keep_sizes else re.sub(rules["sizes"], " ", bare, flags=re.IGNORECASE)
    words = [word for word in re.sub(r"[\[\]【】{}<>|]", " ", bare).split() if keep_sizes or word not in ("X", "x", "×")]
    return " ".join(words).strip(" -–,&/+.:")


def _without_colour(name: str, colour: str) -> str:
    """Return the name without its colour where it stands at either end."""
    if not colour:
        return name
    bare = re.sub(rf"(?i)^{re.escape(colour)}\s+|\s+{re.escape(colour)}$", " ", name)
    return " ".join(bare.split()).strip(" -–,&/") or name


def _loose() -> frozenset[str]:
    return word_set("language", "dangling") | word_set("product_meanings", "loose")


def _tidy(phrase: str) -> str:
    return sentence_case(" ".join(phrase.split()).strip(" -–,.&"))


def _is_part(phrase: str, told: set[str]) -> bool:
    """Say whether "with ..." of a title names a part in words that are known and not the product's own."""
    words = phrase.split()
    is_known = all(is_known_word(word) or word.isupper() for word in words)
    ends_well = words[-1:] != [] and words[-1].casefold() not in word_set("language", "dangling")
    return 1 <= len(words) <= _MOST_PART_WORDS and is_known and ends_well and not told & {stem(word) for word in words}


def _holiday(use: str) -> str:
    return use.capitalize() if use in _HOLIDAYS else use


def _is_use(phrase: str) -> bool:
    words = phrase.casefold().split()
    return 1 <= len(words) <= 2 and set(words) <= word_set("product_meanings", "uses")
