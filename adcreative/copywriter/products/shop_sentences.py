"""Choose the sentences of a shop's own text that may stand in a description as they are: they say what the product is.

A sentence is whole, in the record's language, without prices, offers, orders, praise that no one can check, and words of the
shop about itself; the two best of those that are left are kept in the order of the text. In English what a sentence says counts
(materials, parts, measures); in other languages where it stands, and whether it names the product or a number. A sentence that
points back ("they", "this type of leather") is kept where what it points at is told or is the product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from adcreative.copywriter.brief import WORD, clean_field, stem
from adcreative.copywriter.lint.checks import is_near_duplicate
from adcreative.copywriter.products.shop_text import ShopText
from adcreative.copywriter.products.title_words import is_common, sentence_case, thing, things
from adcreative.copywriter.rules import compiled, rule_pack, word_set
from adcreative.encoders.language import detect_language

_LEAST_WORDS, _LEAST_NEW, _LEAST_CHARS, _MOST_CHARS = 4, 3, 25, 260
_MOST_SENTENCES, _MOST_TOTAL_CHARS = 2, 380  # each further one is one more chance of a fault
_LEAST_SCORE = 0.75
_LEAST_NEW_SHARE = 0.3  # of a sentence's words, that the title does not have
_LONG_SENTENCE = 12  # different words, from which words of the title count as facts: an episode's plot names no material
_SHOUTED = 0.45  # share of longer words in capitals, from which a sentence is a heading
_MOST_ITEMS, _MOST_ITEM_WORDS = 5, 7
_SHORT_STEM, _LONG_STEM = 4, 5  # letters that inflections of a word share
_POINTED_AT = 3  # words behind "this", among which stands what it points at
_CLAIMS = ("superlative", "guarantee or absolute", "life-changing", "time it takes", "price or offer", "delivery or service")
_HEALTH = "health"
_OF_THE_SHOP = ("price or offer", "delivery or service")
_UNIT = re.compile(
    r"\d\s?(?:mm|cm|m|in|inch(?:es)?|ft|g|kg|ml|l|oz|lbs?|w|v|mah|hours?|°c|gsm|%)\b|\d+\s?[x×]\s?\d+", re.IGNORECASE
)
_REFERS = re.compile(r"(?:It|They|Its|Their|This|These|The)\b")
_SAYS_IT_IS = re.compile(r"(?:It's|They're|It’s|They’re) (?:made|designed|crafted|built|woven|cut|knit)", re.IGNORECASE)
_OFFERS = re.compile(r"\b(offer)(s|ing)? (?=an? |the |\w+ (?:and|,)|\w+ly |\w+ \w+)", re.IGNORECASE)  # gives, and no price
_JOINED = re.compile(
    r"\s[-–—|]\s?[A-ZÀ-Þ]|;.*;|\w{36,}|[a-zà-þ]{3}[A-Z][a-z].*[a-zà-þ]{3}[A-Z][a-z]"
)  # items of a list, run together
_TAIL = re.compile(r"(?:\s[–—-]\s(?=[a-zà-þ])|,\s(?=(?:making (?:it|them)|perfect|ideal|great)\b)).*$")
_LABELLED = re.compile(r"^[^\s:]+(?: [^\s:]+){0,2}:\s")  # "Sizes: 22 cm"
_LABELLED_WITHIN = re.compile(r"(?<=[a-zà-þ]) [A-ZÀ-Þ][\w-]+: ")  # the same, run into a line
_HANGS = re.compile(r"(?i)\b(?:it|them|that|this|those|these|so|not|too|there|ones?|all)\.$")  # on what stood before it
_MADE = re.compile(  # what begins so was made: it is the product
    r"(?i)(?:realizzat|fatt[oaie]\b|fabriqué|réalisé|conçu|confectionn|hech[oa]s?\b|fabricad|elaborad|confeccionad|feit[oa]s?\b|"
    r"hergestellt|gefertigt|gemaakt|vervaardigd|tillverkad|fremstillet|wykonan|vyroben|realizat|изготовлен|выполнен)"
)
_COUNTED = re.compile(r"^\d{1,2} ?[x×]? (?=[^\W\d_]{4})")  # "1 Controle remoto", and not "32 GB"
_QUOTED = re.compile(r"^[\"'“‘«]")


@dataclass(frozen=True)
class _Rated:
    """A sentence that may stand, its score, its place in the text, and whether it points back to the one before it."""

    score: float
    place: int
    text: str
    points_back: bool


def choose_sentences(text: ShopText, title: str, record: str, language: str) -> tuple[str, ...]:
    """Return up to two sentences of a text, in its order; one that tells readers what to do where English has no other.

    record: brand and category, whose words tell no more than those of the title do.

    In a language of which no rule knows how shops speak of themselves, none is told.
    """
    if language not in rule_pack("shop_text")["by_language"]:
        return ()
    kept = _choose(text, title, record, language, may_order=False)
    return kept or (_choose(text, title, record, language, may_order=True)[:1] if language == "en" else ())


def _choose(text: ShopText, title: str, record: str, language: str, *, may_order: bool) -> tuple[str, ...]:
    rated: list[_Rated] = []
    place = 0
    for paragraph in text.paragraphs:
        before = ""
        for whole in paragraph:
            sentence = _standing(whole, title, language)
            if sentence:
                back = _points_back(sentence, before, title, language)
                score = (
                    _score(sentence, title, record, place, may_order=may_order)
                    if language == "en"
                    else _score_elsewhere(sentence, title, record, place, back or _names_it(sentence, title, language))
                )
                rated += [_Rated(score, place, sentence, back)] if score >= _LEAST_SCORE else []
            before = whole
            place += 1
    rated.sort(key=lambda one: (-one.score, one.place))
    kept: list[_Rated] = []
    for one in [*(one for one in rated if not one.points_back), *(one for one in rated if one.points_back)]:
        told = [other.text for other in kept]
        is_clear = not one.points_back or any(other.place == one.place - 1 for other in kept)
        is_new = not is_near_duplicate(one.text, told, threshold=0.6)
        if is_clear and is_new and len(kept) < _MOST_SENTENCES and sum(map(len, told)) + len(one.text) <= _MOST_TOTAL_CHARS:
            kept.append(one)
    return tuple(one.text for one in sorted(kept, key=lambda one: one.place))


def _standing(whole: str, title: str, language: str) -> str:
    """Return a sentence as it may stand: as it is, without what a dash adds, or without "unique" behind "this"; else ""."""
    plain = _praise().sub(r"\1 ", whole) if language == "en" else whole
    return next((one for one in (whole, _without_tail(whole), plain) if _may_stand(one, title, language)), "")


@cache
def _praise() -> re.Pattern[str]:
    """Return the pattern of words of praise behind "this", without which a sentence is as good."""
    return re.compile(rf"\b([Tt]his|[Tt]hese) (?:{'|'.join(sorted(word_set('shop_text', 'praise')))})\b,?(?: and)? ")


def _points_back(sentence: str, before: str, title: str, language: str) -> bool:
    """Say whether a sentence begins with "they" or "this type of leather", and so with what another one must have named.

    An English "it" behind a sentence of the product, or at the start of a paragraph, is the product.
    """
    words = [word.casefold() for word in WORD.findall(sentence)]
    rules, named = rule_pack("shop_text")["points_back"].get(language, {}), {stem(word) for word in WORD.findall(title)}
    if words[0] in rules.get("demonstratives", "").split():
        pointed_at = words[1 : 1 + _POINTED_AT]
        return not any(stem(one) in named or thing(one) in rules.get("things", "").split() for one in pointed_at)
    if words[0] not in rules.get("pronouns", "").split():
        return False
    is_of_product = not before or bool(_REFERS.match(before)) or bool(named & {stem(word) for word in WORD.findall(before)})
    return language != "en" or not is_of_product


def _without_tail(sentence: str) -> str:
    """Return a sentence without what a dash or a comma adds at its end: " – perfect for sensitive ears"."""
    return f"{bare}." if (bare := _TAIL.sub("", sentence)) != sentence else sentence


def choose_items(text: ShopText, sentences: Sequence[str], title: str, language: str) -> tuple[str, ...]:
    """Return lines of a list, such as "Front pouch pocket", where no sentence is told; none in an unknown language."""
    if sentences or language not in rule_pack("shop_text")["details"]:
        return ()
    kept: list[str] = []
    for item in text.items:
        words = WORD.findall(item)
        is_told = 2 <= len(words) <= _MOST_ITEM_WORDS and not item.isupper() and is_clean(item, title, language)
        is_told = is_told and not set(_ends(words)) & word_set("shop_text", "no_item_ends")
        if language == "en":
            is_told = is_told and _num_facts(item) > 0 and not _puffs(item)
        elif is_told and not (_is_in(item, language) and _is_of_product(item, title, language)):
            is_told = False
        if is_told and not is_near_duplicate(item, [*kept, *sentences, title], threshold=0.6):
            kept.append(_lowered(item) if language == "en" else item)
    return tuple(kept[:_MOST_ITEMS]) if len(kept) > 1 else ()


def _ends(words: Sequence[str]) -> tuple[str, str]:
    """Return the first and the last word of a line: "product features" is a heading, and "do not iron" an order."""
    return words[0].casefold(), words[-1].casefold()


def _lowered(item: str) -> str:
    return sentence_case(item[:1].lower() + item[1:] if is_common(item.split()[0]) else item)


def _may_stand(sentence: str, title: str, language: str) -> bool:
    """Say whether a sentence is whole, of the record's language and clean."""
    words = WORD.findall(sentence)
    has_spaces = " " in sentence
    is_long = len(words) >= _LEAST_WORDS and len(sentence) >= _LEAST_CHARS if has_spaces else len(sentence) >= _LEAST_CHARS // 2
    first = words[0].casefold() if words else ""
    return (
        is_long
        and len(sentence) <= _MOST_CHARS
        and sentence[-1] in ".。।"
        and (sentence[0].isdigit() or (sentence[0].isalpha() and not sentence[0].islower()))
        and first not in _openers(language)
        and not (language == "en" and _HANGS.search(sentence))
        and not (words and words[-1].casefold() in word_set("product_meanings", "joints") | word_set("language", "dangling"))
        and not (language == "fr" and first.endswith("ez"))  # an order
        and not _JOINED.search(sentence.replace(title, ""))
        and not _LABELLED.search(sentence.replace(title, ""))
        and (language == "de" or not _LABELLED_WITHIN.search(sentence.replace(title, "")))  # German nouns have capitals
        and is_clean(sentence, title, language)
        and _is_in(sentence, language)
    )


def _is_in(text: str, language: str) -> bool:
    """Say whether a text may be in a language: it is, it says too little, or it is in one very like it."""
    found = detect_language(text)
    return found in ("", language) or any({found, language} <= set(alike) for alike in rule_pack("shop_text")["alike"])


@cache
def _openers(language: str) -> frozenset[str]:
    return frozenset(str(rule_pack("shop_text")["openers"].get(language, "")).split())


def is_clean(text: str, title: str, language: str) -> bool:
    """Say whether nothing in a text speaks of the shop, of buying or of what nobody can check."""
    rules = rule_pack("shop_text")
    known = {language, "en"} & set(rules["by_language"])
    longer = [word for word in WORD.findall(text) if len(word) > 2]
    shouted = [word for word in longer if word.isupper() and word not in title]
    if any(compiled(pattern).search(text) for pattern in (*rules["never"], *(rules["by_language"][one] for one in known))):
        return False
    if (
        len(shouted) > _SHOUTED * len(longer)
        or re.match(r"(?:[A-Z]{3,}\W+){3}", text)
        or _QUOTED.search(text)
        or text.count("(") != text.count(")")
    ):
        return False
    if (
        re.sub(r'(?<=\d)"', "", text).count('"') % 2
        or text.count("“") != text.count("”")
        or clean_field(text, len(text) + 1)[1]
    ):
        return False
    return language != "en" or not _claims(text, title)


def _claims(text: str, title: str) -> bool:
    """Say whether an English text claims what a reader cannot check, or heals, in words that the title does not have."""
    plain = re.sub(r"\b\w+-(?:free|proof)\b|\byoung\b", "", _OFFERS.sub("gives ", text))
    told = {stem(word) for word in WORD.findall(title)}
    for group in rule_pack("claims")["groups"]:
        if group["name"] not in (*_CLAIMS, _HEALTH):
            continue
        for pattern in group["patterns"]:
            for found in compiled(pattern).finditer(plain):
                words = {stem(word) for word in WORD.findall(found[0])}
                if not words or not words <= told or group["name"] in _OF_THE_SHOP:
                    return True
    return False


def _score_elsewhere(sentence: str, title: str, record: str, place: int, is_of_product: bool) -> float:
    """Return how much a sentence in another language than English says: one that names the product, by its place in the text.

    What names nothing of the title may tell of a rival, of the shop or of a mood. A title in another script names nothing here.
    """
    is_foreign = title.isascii() and 2 * sum(one.isascii() for one in sentence) < len(sentence)
    if _is_title_again(sentence, title, record) or not (is_of_product or is_foreign):
        return 0.0
    return 2.3 + 0.3 * any(character.isdigit() for character in sentence) - 0.15 * place


def _is_title_again(sentence: str, title: str, record: str) -> bool:
    """Say whether a sentence has hardly a word that title, brand and category do not have."""
    said, told = ({stem(word) for word in WORD.findall(text)} for text in (sentence, f"{title} {record}"))
    new = said - told - {stem(word) for word in word_set("language", "function_words")}
    return " " in sentence and len(new) < max(_LEAST_NEW, _LEAST_NEW_SHARE * len(said))


def _score(sentence: str, title: str, record: str, place: int, *, may_order: bool = False) -> float:
    """Return how much an English sentence says of the product, less by its place in the text."""
    named = {stem(word) for word in WORD.findall(title) if len(word) > 2}
    said = {stem(word) for word in WORD.findall(sentence)}
    is_named = bool(named & said)
    if _is_title_again(sentence, title, record):
        return 0.0
    speaks = len(re.findall(r"(?i)\b(?:you|your|you're|yourself)\b", sentence))
    refers = _REFERS.match(sentence) is not None or _SAYS_IT_IS.match(sentence) is not None
    is_contracted = re.match(r"(?:It|They|He|She)['’]", sentence) is not None and not _SAYS_IT_IS.match(sentence)
    is_order = sentence.split()[0].casefold() in word_set("shop_text", "orders")
    in_title = len(named & said) - 1 if len(said) >= _LONG_SENTENCE else 0
    facts = min(max(_num_facts(sentence), in_title), 4) + 1.5 * (_UNIT.search(sentence) is not None)
    if not facts or is_contracted or (speaks and not refers and not is_named) or (is_order and not may_order):
        return 0.0
    if may_order:
        new_facts = _num_facts(" ".join(word for word in WORD.findall(sentence) if stem(word) not in named))
        return facts - 0.7 * _puffs(sentence) - 0.12 * place if is_named and facts > 1 and new_facts else 0.0
    is_adverbial = re.match(r"(?!Featur|Measur|Weigh|Includ|Combin)[A-Z][a-z]+ing\b", sentence) is not None
    return facts + is_named + 0.5 * refers - is_adverbial - 1.2 * speaks - 0.7 * _puffs(sentence) - 0.12 * place


def _is_of_product(item: str, title: str, language: str) -> bool:
    """Say whether a line of a list has a number that is no count, or a word of the title; others may be praise."""
    return re.search(r"\d", _COUNTED.sub("", item)) is not None or _names_it(item, title, language)


def _names_it(sentence: str, title: str, language: str) -> bool:
    """Say whether a sentence has a word of the title, or one that begins as it does ("peněženka", "peněženky"), or one such as
    "set" that stands for a product in its language."""
    joints, things_of = word_set("product_meanings", "joints"), rule_pack("shop_text")["points_back"].get(language, {})
    said = [word.casefold() for word in WORD.findall(sentence)]
    named = [word for word in map(str.casefold, WORD.findall(title)) if len(word) >= _SHORT_STEM and word not in joints]
    starts = tuple(word[:_LONG_STEM] for word in named)
    if _MADE.match(sentence):
        return True
    return any(word.startswith(starts) for word in said) or bool({*said} & {*str(things_of.get("things", "")).split()})


def _num_facts(text: str) -> int:
    """Return how many words of a text are materials, parts, properties or things."""
    words = [word.casefold() for word in re.findall(r"[A-Za-z]+(?:-[A-Za-z]+)*", text)]
    return len({word for word in words if word in _fact_words() or thing(word) in things()})


@cache
def _fact_words() -> frozenset[str]:
    of_meanings = (word_set("product_meanings", key) for key in ("materials", "title_adjectives", "colours"))
    return word_set("shop_text", "fact_words").union(*of_meanings)


def _puffs(text: str) -> int:
    return sum(word.casefold() in word_set("shop_text", "puff") for word in re.findall(r"[A-Za-z]+(?:-[A-Za-z]+)*", text))
