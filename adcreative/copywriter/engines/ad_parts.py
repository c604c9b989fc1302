"""Split an ad into phrases of the headline and of the rest, each with its kind and whether it can stand alone.

Phrases are never extended. The kind (an offer, a proof, an action, a thing) is found by word lists (rules/phrases.yaml);
English has more kinds, since a pattern of the English grammar fits only some kinds of phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from adcreative.copywriter.brief import NUMBER, WORD, Facts, is_known_word
from adcreative.copywriter.lint.pairs import repeats
from adcreative.copywriter.lint.substance import is_about_subject, is_offer, is_proof
from adcreative.copywriter.rules import rule_pack, word_set

# months in lower case, in alphabets that have cases, and German months, which are capitalised
_MONTH = (
    "[a-zß-öø-ÿčćďđěęłńňőřśšťůűźżžа-яёђјљњћџ]|"
    "(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\\b"
)
# a point between digits, or after a day before its month ("bis 31. Januar", "fra 1. mai"), ends no sentence
_POINT_WITHIN = rf"[.](?=\d)|(?<=\d)[.](?=\s(?:{_MONTH}))"
_SENTENCE = re.compile(rf"[^.!?。！？؟]+(?:(?:{_POINT_WITHIN})[^.!?。！？؟]*)*[.!?。！？؟]*")
_STOPS = ".!?。！？؟"
# A clause ends at a colon only where more than two words follow: "Code: SAVE20" is one thought, which neither half says.
_CLAUSE_END = re.compile(r"\s*[;|]\s+|\s*:\s+(?=\S+\s+\S+\s+\S)|\s+[–—|-]\s+|[、،؛]\s*")
_PRODUCT_TAIL = re.compile(r"\s+(?:with|for|that|which|in|from|by|made)\s+.*$|[,;:(>/|].*$")
_LEAST_LEADING_WORDS, _LEAST_TELLING_WORDS = 3, 6  # "Rated 4.7 by 1,900 buyers"; "Rooms for every kind of family"
_LEAST_NAMING_WORDS = 3  # words of a clause that names the next one's subject ("See progress in weeks, keep it for years")
_MOST_WORDS, _MOST_PRODUCT_WORDS, _MOST_CALL_WORDS = 14, 4, 3
_LIST_WORDS, _SAME_LETTERS = 3, 5
_LEAST_SHOUTED, _MOST_ABBREVIATED = 2, 4  # words of a sentence in capitals; letters of an abbreviation ("HVAC", "USB")
_LISTING = ("and", "or", "und", "oder", "et", "ou", "y", "o", "en", "of", "e")


@dataclass(frozen=True)
class Part:
    """A phrase of an ad, without its final mark.

    kind: "question", "call" (an order to click), "do" (an action of the reader), "pain" (a problem the reader loses),
    "participle" ("made of oak"), "predicate" ("keeps you dry"), "statement", "thing"; in other languages "question" or
    "phrase". refers_back: the phrase refers to an earlier one ("Open it in 8 minutes"). is_plain: the phrase is whole in the
    ad, not cut out of a longer phrase. title: the ad's spelling if it is a title like a product's name, else "".
    """

    text: str
    kind: str
    is_offer: bool
    is_proof: bool
    refers_back: bool
    is_plain: bool = True
    title: str = ""

    @property
    def num_words(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True)
class AdParts:
    """headline and rest: the phrases, those with an offer or a proof first. sentences: the sentences of the description,
    unchanged."""

    headline: tuple[Part, ...]
    rest: tuple[Part, ...]
    sentences: tuple[str, ...]


def read_parts(facts: Facts) -> AdParts:
    """Split an ad into phrases; sentences in capitals are set in sentence case, since they will be next to other words."""
    headline, description, notes = (_calm(text, facts) for text in (facts.headline, facts.description, facts.notes))
    facts = replace(facts, headline=headline, description=description, notes=notes)
    leading = [part for part in _parts_of(facts.headline, facts, is_headline=True) if part.kind != "call"]
    beside = [*_parts_of(facts.description, facts, is_headline=False), *_parts_of(facts.notes, facts, is_headline=False)]
    rest = [part for part in beside if part.kind != "call"]
    rest.sort(key=lambda part: not (part.is_offer or part.is_proof))
    sentences = tuple(found.group(0).strip() for found in _SENTENCE.finditer(facts.description) if found.group(0).strip(" ."))
    return AdParts(tuple(leading), tuple(dict.fromkeys(rest)), sentences)


def _calm(text: str, facts: Facts) -> str:
    """Return a text with English sentences in capitals set in lower case, except abbreviations and names."""
    if not facts.is_english:
        return text
    own = _brand_words_in(text, facts)

    def set_word(found: re.Match[str]) -> str:
        word = found.group(0)
        if word in own or (not is_known_word(word) and len(word) <= _MOST_ABBREVIATED):
            return word
        return word.lower() if is_known_word(word) else word.title()

    def set_sentence(found: re.Match[str]) -> str:
        sentence = found.group(0)
        if not sentence.isupper() or len(WORD.findall(sentence)) < _LEAST_SHOUTED:
            return sentence
        start = len(sentence) - len(sentence.lstrip())
        lowered = re.sub(r"\bi(?=\b(?!-))", "I", WORD.sub(set_word, sentence))
        return lowered[:start] + _upper_first(lowered[start:])

    return _SENTENCE.sub(set_sentence, text)


def without_said(facts: Facts, headline: str) -> str:
    """Return the ad's description without the sentences that the headline repeats; "" if the rest cannot stand alone.

    If nothing is left, an English description names product and brand, unless the headline does.
    """
    sentences = read_parts(facts).sentences
    rest = [one for one in sentences if not repeats(headline, one)]
    if len(rest) == len(sentences) or any(_leans_back(one, facts) for one in rest):
        return ""
    product = usable_product(facts)
    is_named = facts.brand.casefold() in headline.casefold() or product.casefold() in headline.casefold()
    if not rest and product and facts.brand and facts.is_english and not is_named:
        return f"{_upper_first(product)} from {facts.brand}."
    return " ".join(rest)


def swap_lines(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the ad with a sentence of its description as headline, and its headline below: new headline, new description.

    The content stays complete, in the ad's own words. Questions, sentences that refer to another sentence, and sentences that
    say too little to open an ad are not moved.
    """
    sentences = read_parts(facts).sentences
    old = [sentence_case(found.group(0).strip(), facts) for found in _SENTENCE.finditer(facts.headline)]
    if not old or any(_leans_back(one, facts) for one in sentences):
        return
    below = [one if one[-1] in _STOPS else f"{one}." for one in old]
    is_bare = len(sentences) == 1 and facts.description.rstrip()[-1:] not in _STOPS  # a line without a full stop stays without
    for place, one in enumerate(sentences):
        if one[-1] not in "?？؟" and _can_lead(one, facts):
            yield one.rstrip(".!。！ "), " ".join(old if is_bare else [*below, *sentences[:place], *sentences[place + 1 :]])


def _can_lead(sentence: str, facts: Facts) -> bool:
    """Return whether a sentence of a description can open an ad; "Cancel any time" or "For ages 1 to 6" cannot."""
    first = sentence.partition(" ")[0].casefold()
    if first in word_set("phrases", "terms") | word_set("phrases", "prepositions") or read_part(sentence, facts).kind == "call":
        return False
    num_words = len(WORD.findall(sentence))
    # one word may be a compound in other languages, so figures count too: "100 Tage testen", "LED-Lampen ab 3,99 €"
    num_told = num_words if facts.is_english else num_words + len(NUMBER.findall(sentence))
    is_deal = num_told >= _LEAST_LEADING_WORDS and (is_offer(sentence, facts.is_english) or is_proof(sentence))
    return num_words >= _LEAST_TELLING_WORDS or is_deal or is_about_subject(sentence, facts)


def _leans_back(sentence: str, facts: Facts) -> bool:
    """Return whether a sentence refers to an earlier one: "it" in its first clause, not after a comma."""
    clause, comma, _ = sentence.partition(", ")
    has_own = bool(comma) and facts.is_english and len(clause.split()) >= _LEAST_NAMING_WORDS
    return read_part(clause if has_own else sentence, facts).refers_back


def _parts_of(text: str, facts: Facts, *, is_headline: bool) -> Iterator[Part]:
    for sentence in _with_contrasts([found.group(0).strip() for found in _SENTENCE.finditer(text)], facts):
        if sentence.endswith(("?", "？", "؟")):
            yield from _asked(sentence, facts)
            continue
        for clause in _CLAUSE_END.split(sentence.rstrip(".!。！ ")):
            clause = _without_pictures(clause).strip(" \"'“”„«»")
            title = _without_brand(clause, facts) if is_headline and _is_title(clause, facts) else ""
            clause = _without_brand(sentence_case(clause, facts) if is_headline else clause, facts)
            clause = re.sub(r"\s+(?:is|are) here$", "", clause) if facts.is_english else clause
            inner = _said_in(clause, facts)
            if _is_usable(clause) and not inner:
                yield replace(read_part(clause, facts), title=title)
            yield from inner
            yield from () if is_headline or inner else _heads(clause, facts)


def _with_contrasts(sentences: list[str], facts: Facts) -> list[str]:
    """Join a sentence of contrast with the sentence before: "Hear the music. Not the office" is one thought."""
    nots, joined = word_set("phrases", "contrasting"), list[str]()
    for one in sentences:
        if joined and one.partition(" ")[0].casefold() in nots and joined[-1][-1:] in ".!。！":
            joined[-1] = f"{joined[-1].rstrip('.!。！ ')}, {lower_first(one, facts)}"
        else:
            joined.append(one)
    return joined


def _without_pictures(text: str) -> str:
    """Return the text without emoji and other symbols at its ends; currency and trade marks stay."""
    kept = [place for place, sign in enumerate(text) if not _is_picture(sign)]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def _is_picture(sign: str) -> bool:
    return sign.isspace() or (unicodedata.category(sign) in ("So", "Sk", "Cf", "Mn", "Cn") and sign not in "™®©°")


def read_part(text: str, facts: Facts) -> Part:
    """Return a phrase with its kind and properties."""
    words = [word.casefold().replace("’", "'") for word in WORD.findall(text)]
    leaning = word_set("phrases", "leaning") if facts.is_english else word_set("phrases", "leaning_elsewhere")
    said = [word.partition("'")[0] for word in words] if facts.is_english else words  # "That's on us"
    refers_back = bool(said) and (
        bool(set(said) & leaning - {"that"}) or said[0] in ("that", *word_set("phrases", "conditional"))
        if facts.is_english
        else said[0] in leaning
    )
    return Part(
        text, _kind_of(words, text, facts), is_offer(text, facts.is_english), is_proof(text, facts.is_english), refers_back
    )


def _kind_of(words: list[str], text: str, facts: Facts) -> str:
    first = words[0] if words else ""
    if first in word_set("phrases", "calls") and len(words) <= _MOST_CALL_WORDS and not NUMBER.search(text):
        return "call"
    if not facts.is_english:
        return "phrase"
    if _is_order(words):
        return "do"
    if is_participle(first) and (set(words[1:2]) & word_set("language", "function_words") or re.match(r"\S+ \W?\d", text)):
        return "participle"  # "Baked in Leeds", "Rated 4.8" describe a thing; "Handpicked stays in forty towns" is the thing
    if _is_third_person(first) and text[:1].isalpha() and set(words[1:2]) <= word_set("phrases", "behind_predicate"):
        return "thing" if set(words) & word_set("phrases", "modals") else "predicate"  # "Walks your dog will talk about"
    before_relative = re.split(r"\b(?:that|which|who|you)\b", " ".join(words))[0].split()
    return "statement" if set(before_relative) & word_set("phrases", "finite") or first == "you" else "thing"


def _is_order(words: list[str]) -> bool:
    """Return whether an English phrase starts with an imperative: "Clean your windows"; "Clean windows" is a thing."""
    if words[:1] and words[0] in word_set("phrases", "also_names"):
        return bool(set(words[1:2]) & word_set("phrases", "behind_order"))
    return bool(words) and words[0] in word_set("phrases", "verbs") and words[1:2] != ["of"]


def _is_third_person(word: str) -> bool:
    return word.endswith("s") and bool({word[:-1], word[:-2]} & word_set("phrases", "verbs"))


def is_participle(word: str) -> bool:
    """Return whether an English word looks like a participle: "baked", "made", but not "speed"."""
    is_regular = word.endswith("ed") and len(word) > 4 and word not in word_set("phrases", "no_participle")
    return is_regular or word in word_set("phrases", "participles")


def _asked(question: str, facts: Facts) -> Iterator[Part]:
    """Yield a question, and the phrase after its opening ("Ready for soup that tastes of home?")."""
    yield from _said_in(_without_brand(sentence_case(question.rstrip("?？؟ "), facts), facts), facts)
    part = read_part(question, facts)
    yield replace(part, kind="question")


def _said_in(text: str, facts: Facts) -> list[Part]:
    """Return the phrase after an English opening that fits any ad ("How to ...", "Meet ...")."""
    if not facts.is_english:
        return []
    found = []
    brand = rf"{re.escape(facts.brand)}\s+" if facts.brand else ""
    opening = rf"(?:because\s+)?(?:how\s+(?:we\s+)?)?(?:{brand})?"
    for kind, pattern in rule_pack("grammar")["english"]["said"].items():
        match = re.search(rf"^{opening}{pattern}\s+(.+)$", text, re.IGNORECASE)
        if match and 2 <= len(match.group(1).split()) <= _MOST_WORDS:
            part = read_part(_upper_first(match.group(1)), facts)
            found.append(replace(part, kind=part.kind if kind == "thing" else kind, is_plain=False))
    return found[:1]


def _heads(clause: str, facts: Facts) -> Iterator[Part]:
    """Yield the part before a comma if it can stand alone: an offer, a proof, or a whole English phrase."""
    head, comma, tail = clause.partition(", ")
    is_list = bool(set(tail.casefold().split()[:_LIST_WORDS]) & set(_LISTING))  # "for cats, dogs and rabbits"
    part = read_part(head, facts)
    opens_late = facts.is_english and head.partition(" ")[0].casefold() in word_set("phrases", "prepositions")
    if not comma or tail.split()[0].casefold() in _LISTING or (is_list and not part.is_offer) or ", " in tail or opens_late:
        return  # an opening "with" or "for" belongs to the sentence after the comma
    is_telling = part.is_offer or part.is_proof or (facts.is_english and part.kind == "thing" and part.num_words >= 4)
    if _is_usable(head) and is_telling and not part.refers_back:
        yield replace(part, is_plain=False)


def _is_usable(text: str) -> bool:
    num = len(WORD.findall(text))
    has_spaces = " " in text.strip()
    if not has_spaces and not text.isascii():
        return 3 <= len(text) <= 60
    is_whole = num >= 3 or (num >= 1 and bool(NUMBER.search(text))) or num == 2
    return is_whole and num <= _MOST_WORDS


def _without_brand(text: str, facts: Facts) -> str:
    """Return the text without "with Brand" or "at Brand" at its end."""
    if not facts.brand:
        return text
    return re.sub(
        rf"[\s,–-]+(?:now )?(?:with|at|from|bei|von|chez|en|bij)\s+{re.escape(facts.brand)}\s*$", "", text, flags=re.I
    ).strip()


def sentence_case(text: str, facts: Facts) -> str:
    """Return English Title Case in lower case; names, abbreviations and titles with a name stay unchanged."""
    if not facts.is_english or is_proof(text):  # an award keeps its name
        return text
    small = word_set("language", "function_words")
    words = [word for word in WORD.findall(text)[1:] if word.casefold() not in small]
    if not words or not all(word[0].isupper() for word in words) or _is_named_title(text, facts):
        return text
    kept = _names_in(text, facts)
    first, _, rest = text.partition(" ")
    lowered = WORD.sub(lambda m: m[0] if m[0] in kept else m[0].lower(), rest)
    return re.sub(r"\bi(?=\b(?!-))", "I", f"{first} {lowered}")


def _names_in(text: str, facts: Facts) -> set[str]:
    """Return the names in a title: words of the brand, abbreviations, unknown words and their neighbours."""
    words, small = WORD.findall(text), word_set("language", "function_words")
    unknown = {word for word in words if not is_known_word(word)}
    beside = {one for pair in pairwise(words) if unknown & set(pair) for one in pair if one.casefold() not in small}
    return unknown | beside | {word for word in words if word.isupper()} | _brand_words_in(text, facts)


def _brand_words_in(text: str, facts: Facts) -> set[str]:
    """Return the brand's words if a text has the whole brand: "The Pot Shack" does not make every "pot" a name."""
    return set(WORD.findall(facts.brand)) if facts.brand and facts.brand.casefold() in text.casefold() else set()


def _is_named_title(text: str, facts: Facts) -> bool:
    """Return whether a text is a title like "Bilbao Hotel Deals": all capitalised, no function word, a name in it."""
    names = _brand_words_in(text, facts)
    return _is_title(text, facts) and any(not is_known_word(word) and word not in names for word in WORD.findall(text))


def _is_title(text: str, facts: Facts) -> bool:
    """Return whether an English text is written like a product's name: all capitalised, without function words."""
    small, words = word_set("language", "function_words"), WORD.findall(text)
    return facts.is_english and bool(words) and all(word[0].isupper() and word.casefold() not in small for word in words)


def lower_first(text: str, facts: Facts) -> str:
    """Lower the first letter of English text unless it starts a name, an abbreviation or a title; other languages stay."""
    first, second = [*WORD.findall(text), "", ""][:2]
    if not facts.is_english or not text.startswith(first) or _is_named_title(text, facts):
        return text
    if second.istitle() and is_known_word(second) and first.casefold() not in word_set("phrases", "verbs"):
        return text  # "Gas Safe engineers": a capitalised common word inside a sentence is part of a name
    is_small = first.casefold() in facts.names  # as written in the ad inside a sentence
    is_brand = bool(facts.brand) and text.casefold().startswith(facts.brand.casefold())
    is_own = first in WORD.findall(facts.brand) or not is_known_word(first)
    is_name = any(letter.isupper() for letter in first[1:]) or is_brand or (is_own and not is_small)
    return text if is_name else text[:1].lower() + text[1:]


def noun_of(phrase: str) -> str:
    """Return the noun of an English phrase: the last word before "for", "that" or "baked" in "bread baked at dawn"."""
    words = WORD.findall(_PRODUCT_TAIL.sub("", phrase))
    ends = word_set("language", "function_words") - set(_LISTING)
    opening = next((place for place, word in enumerate(words) if word.casefold() not in ends), len(words))
    behind = range(opening + 1, len(words))
    end = next((place for place in behind if words[place].casefold() in ends or is_participle(words[place])), len(words))
    return words[end - 1] if words else ""


def names_subject(line: str, facts: Facts) -> bool:
    """Return whether a line names the ad's subject if the headline does: the product's name, or words of the headline's first
    sentence.

    "Football shirts? Free returns" is about shirts, and "Nurses wanted: a four-day week" is for nurses: without these words the
    rest would fit any ad. Scripts without spaces are not checked.
    """
    first = next((found.group(0) for found in _SENTENCE.finditer(facts.headline)), "")
    product, line_words = _content(facts.product), _content(line)
    named, brand = _content(facts.headline), _content(facts.brand)
    if product and all(_has_alike(one, named) for one in product) and " " in facts.headline.strip():
        return any(_has_alike(one, line_words) for one in product)
    if first.strip() == facts.headline.strip() or not _content(first) or " " not in first.strip():
        return True
    return any(_has_alike(one, line_words) for one in product | brand | _content(first))


def _has_alike(word: str, others: set[str]) -> bool:
    """Return whether a word matches one of the others in some form: words that share five letters at the start or end are
    forms or compounds of one word."""
    return any(
        word == other
        or (
            min(len(word), len(other)) >= _SAME_LETTERS
            and (word[:_SAME_LETTERS] == other[:_SAME_LETTERS] or word[-_SAME_LETTERS:] == other[-_SAME_LETTERS:])
        )
        for other in others
    )


def _content(text: str) -> set[str]:
    vague = word_set("language", "function_words") | word_set("language", "general_words")
    return {word for word in WORD.findall(text.casefold()) if word not in vague}


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def usable_product(facts: Facts) -> str:
    """Return the name of the ad's product for use in a line, "" if it is a trade or in another language.

    A table's category is often English ("travel") although the ad is not.
    """
    product = _PRODUCT_TAIL.sub("", facts.product).strip()
    if not product or product.casefold() in rule_pack("grammar")["categories"] or len(product.split()) > _MOST_PRODUCT_WORDS:
        return ""
    if not facts.is_english and all(is_known_word(word) for word in WORD.findall(product)):
        told = f"{facts.headline} {facts.description}".casefold()
        return product if product.casefold() in told else ""
    is_shouted = facts.is_english and product.isupper() and all(is_known_word(word) for word in WORD.findall(product))
    return product.lower() if is_shouted else product
