"""A name of a few words from a title of a feed, and what else the title says: what it has, what it is for.

"1pc UV Protection Mini Umbrella, Portable Pocket Umbrella With UV Coating, Yellow For School,Office" is a "UV protection mini
umbrella" with UV coating for school and office. English names end with their noun, so the last words of a part are kept; in
other languages the first ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adcreative.copywriter.brief import WORD, is_known_word, stem
from adcreative.copywriter.rules import rule_pack, word_set

_SHORT_TITLE_WORDS = 7
_MOST_USES, _MOST_PART_WORDS, _LEAST_NAME_WORDS = 4, 3, 2
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
    plain = _without_brand(" ".join(title.replace("_", " ").split()), brand)
    is_short = len(plain.split()) <= _SHORT_TITLE_WORDS and not re.search(rules["segment"], plain)
    nouns = _category_nouns(category)
    if is_short and not re.search(rules["cut"], plain, re.IGNORECASE):
        name = _without_colour(_without_noise(plain, rules, keep_sizes=True), colour) or plain
        name = plain if len(name.split()) == 1 else name  # a code that is the model's name: "X9000L3 shoes"
        return TitleParts(sentence_case(name) if is_english else name)
    name = _without_colour(_segment(plain, nouns, rules), colour)
    name = _kept_words(name, nouns, int(rules["most_words"]), is_english=is_english)
    if not is_english:
        return TitleParts(name or " ".join(plain.split()[: int(rules["most_words"])]))
    if len([word for word in WORD.findall(name) if len(word) > 2]) < _LEAST_NAME_WORDS and category:
        name = " ".join(word for word in category.split() if word.casefold() not in _whom()) or category
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
    return {stem(word) for end in ends for word in end if word.casefold() not in vague and not word.endswith("ing")}


def _whom() -> frozenset[str]:
    return frozenset(rule_pack("product_meanings")["plurals"]) | {"other"}


def _segment(title: str, nouns: set[str], rules: dict[str, str]) -> str:
    """Return the first part of a title with the noun of its category, else the first of two words or more, without noise."""
    parts = [_without_noise(part, rules) for part in re.split(rules["segment"], title)]
    parts = [part for part in parts if part]
    cut = [re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).strip() for part in parts]
    whole = [short if len(WORD.findall(short)) > 1 else part for short, part in zip(cut, parts, strict=True)]
    named = [part for part in whole if nouns & {stem(word) for word in WORD.findall(part)}]
    return next(iter(named), next((part for part in whole if len(WORD.findall(part)) > 1), whole[0] if whole else title))


def sentence_case(text: str, *, keep_names: bool = True) -> str:
    """Return common English words in lower case; names, abbreviations and words with digits stay as they are.

    keep_names: False for values, in which a capital seldom is a name ("Pongee"); before a number it stays ("Bluetooth 5.3").
    """
    words, found = text.split(), []
    for place, word in enumerate(words):
        inner = "".join(part[1:] for part in word.split("-"))
        is_odd = word.isupper() or any(character.isdigit() or character.isupper() for character in inner)
        is_model = any(character.isdigit() for character in "".join(words[place + 1 : place + 2])[:1])
        is_name = not is_known_word(word.strip(",.")) and (keep_names or is_model)
        found.append(word if is_odd or is_name or word[:1].isdigit() else word.lower())
    return " ".join(found)


def _without_brand(title: str, brand: str) -> str:
    while brand and title.casefold().startswith(f"{brand.casefold()} "):
        title = re.sub(r"^[xX×] ", "", title[len(brand) :].strip(" -–:,"))  # "adidas x Zoe Saldana" by adidas
    return title


def _without_noise(title: str, rules: dict[str, str], *, keep_sizes: bool = False) -> str:
    """Return a part of a title without counts, codes and measures."""
    bare = re.sub(rules["codes"], " ", re.sub(rules["noise"], " ", title, flags=re.IGNORECASE))
    bare = re.sub(r"\d[\d./]*\s?in\.(?=\s|$)", " ", bare, flags=re.IGNORECASE)  # its full stop would end a sentence
    bare = bare if keep_sizes else re.sub(rules["sizes"], " ", bare)
    words = [word for word in re.sub(r"[\[\]【】{}<>|]", " ", bare).split() if keep_sizes or word not in ("X", "x", "×")]
    return " ".join(words).strip(" -–,&/+.:")


def _without_colour(name: str, colour: str) -> str:
    """Return the name without its colour where it stands at either end."""
    if not colour:
        return name
    bare = re.sub(rf"(?i)^{re.escape(colour)}\s+|\s+{re.escape(colour)}$", " ", name)
    return " ".join(bare.split()).strip(" -–,&/") or name


def _kept_words(name: str, nouns: set[str], most: int, *, is_english: bool) -> str:
    """Return at most `most` words: up to the first noun of the category where the name has it, else up to the last word."""
    words = [word for word in re.sub(r"\s+/\s*\S+", "", name).split() if word not in ("-", "–", "/", "&", "+")]
    if not is_english:
        return " ".join(words[:most])
    places = [place for place, word in enumerate(words) if place > 0 and stem(word.strip(",")) in nouns]
    end = places[0] + 1 if places else len(words)
    heads = word_set("product_meanings", "heads")
    while end < len(words) and words[end].casefold().removesuffix("s") in heads:
        end += 1
    kept = words[max(0, end - most) : end] if end > most + 1 else words[:end]
    while len(kept) > 1 and (kept[0].casefold() in _loose() or kept[0].isdigit()):
        kept = kept[1:]
    return " ".join(kept)


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
    return use.capitalize() if use in ("halloween", "christmas", "easter") else use


def _is_use(phrase: str) -> bool:
    words = phrase.casefold().split()
    return 1 <= len(words) <= 2 and set(words) <= word_set("product_meanings", "uses")
