"""The copywriter's input: a Brief in the user's own words, and the Facts that lines may use.

The words of a brief are data. They are limited in length and stripped of invisible characters, and sentences that address a
language model instead of describing a product are left out of the prompt and of the facts. Does not import torch.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from adcreative.copywriter.rules import compiled, rule_pack, word_set
from adcreative.creative import Creative
from adcreative.encoders.language import detect_language, english_words
from adcreative.features.line_features import LineEffect, expected_change

FIELD_LIMITS = {
    "brand": 60,
    "product": 120,
    "tone": 160,
    "audience": 160,
    "headline": 200,
    "description": 600,
    "notes": 600,
}
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_SAID_FIELDS = ("brand", "product", "headline", "description", "notes")
_MOST_EVIDENCE = 8
_SURELY_ENGLISH, _LIKELY_ENGLISH = 0.85, 0.5  # share of words in the English word list
_INFLECTIONS = (("ing", ("", "e")), ("ed", ("", "e")), ("es", ("", "e")), ("s", ("",)), ("er", ("", "e")), ("ly", ("",)))
_SENTENCE_END = re.compile(r"((?<=[.!?。！？؟;；])(?!\d)\s*|\n+)")  # with the text between sentences; "2.4 mm" stays whole
# zero-width and direction controls hide text from readers; ZWNJ and ZWJ stay, Persian and emoji need them
_INVISIBLE = re.compile(
    r"[\u00ad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True)
class Brief:
    """The subject to write about, in the user's own words; every field may be empty.

    headline and description are the ad's current words; product: the product sold; tone and audience are told to a language
    model and never become text; notes are further facts for lines (`instructions`). platform and placement determine length
    limits. avoid and use: word lists of the brand kit, forbidden words and preferred words. disclaimers must follow each
    description; see brand_kit. evidence: line features that raised or lowered real click rates in the ad's account
    (`features.line_features`), told to language models and used to rank lines.
    """

    brand: str = ""
    product: str = ""
    tone: str = ""
    headline: str = ""
    description: str = ""
    language: str = "en"
    platform: str = ""
    placement: str = ""
    avoid: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    disclaimers: tuple[str, ...] = ()
    audience: str = ""
    notes: str = ""
    evidence: tuple[LineEffect, ...] = ()

    @classmethod
    def of_ad(cls, creative: Creative) -> Brief:
        """Return the brief of an ad."""
        return cls(
            brand=creative.brand,
            product=creative.category,
            headline=creative.headline,
            description=creative.description or creative.primary_text,
            platform=creative.platform,
            placement=creative.placement,
        )


@dataclass(frozen=True)
class Facts:
    """The usable part of a brief: cleaned fields, and the material for lines.

    stems are the stems of whole words (see `stem`), against which claims are checked, so that "grain-free" does not allow
    "free"; parts adds the parts of hyphenated words; pairs are neighbouring words in a phrase, so that "two minutes" does not
    allow "two weeks". names are the words as written in the brief, numbers the digit groups. ignored: sentences left out
    because they address a language model. liked: the brand's words to use. is_english selects rules and engines; language is
    the ISO 639-1 code from the brief or detected in its words, "" if unknown.
    """

    brand: str
    product: str
    tone: str
    headline: str
    description: str
    stems: frozenset[str]
    parts: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    has_emoji: bool
    is_english: bool
    ignored: tuple[str, ...]
    liked: tuple[str, ...] = ()
    language: str = "en"
    audience: str = ""
    notes: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.brand or self.product or self.headline or self.description or self.notes)


@lru_cache(maxsize=1024)
def read_facts(brief: Brief) -> Facts:
    """Return the usable part of `brief`: truncated and cleaned, without injected instructions."""
    fields: dict[str, str] = {}
    ignored: list[str] = []
    for name, limit in FIELD_LIMITS.items():
        fields[name], left_out = clean_field(getattr(brief, name), limit)
        ignored += left_out
    text = " ".join(fields[name] for name in _SAID_FIELDS)
    liked = [clean_field(word, FIELD_LIMITS["tone"])[0] for word in brief.use]
    words = WORD.findall(" ".join([text, *liked]))
    language = _language_of(brief, fields)
    return Facts(
        **fields,
        stems=frozenset(stem(word) for word in words),
        parts=frozenset(part for word in words for part in stems_of(word)),
        names=frozenset(words),
        numbers=frozenset(NUMBER.findall(text)),
        pairs=frozenset(pair for name in _SAID_FIELDS for pair in neighbours(fields[name])),
        has_emoji=has_emoji(text),
        liked=tuple(word for word in liked if word),
        is_english=language == "en",
        language=language,
        ignored=tuple(ignored),
    )


def expect_of(line: str, brief: Brief) -> float:
    """Return the log-odds effect of a line expected from the account's evidence; 0 without evidence."""
    return expected_change(line, brief.evidence, brand=brief.brand, subject=brief.product)


def tell_evidence(brief: Brief) -> list[str]:
    """Return the significant evidence as sentences for a language model."""
    return [clean_field(one.sentence, FIELD_LIMITS["tone"])[0] for one in brief.evidence if one.is_certain][:_MOST_EVIDENCE]


def neighbours(text: str) -> Iterator[tuple[str, str]]:
    """Yield each pair of neighbouring words (stems) or numbers, skipping function words."""
    for phrase in re.split(r"[.!?;:。！？؛]\s|[,،、]", text):
        found = [token.group(0) for token in re.finditer(rf"{WORD.pattern}|{NUMBER.pattern}", phrase)]
        yield from pairwise(stem(token) for token in found if token.casefold() not in word_set("language", "function_words"))


def stems_of(word: str) -> set[str]:
    """Return the stem of a word, and the stems of its parts if it has a hyphen."""
    return {stem(word)} | {stem(part) for part in re.split(r"[-–]", word) if part}


def stem(word: str) -> str:
    """Return a crude English stem, equal for most inflections of a word ("runs", "running"); only for comparison."""
    word = re.sub(r"['’](s|re|ve|ll|d|m)?$", "", word.casefold())
    for ending in ("iness", "ingly", "ness", "ing", "ies", "ied", "ier", "ily", "ed", "es", "er", "ly", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word.removesuffix("e") if len(word) > 3 else word


def has_emoji(text: str) -> bool:
    """Return whether `text` contains a pictograph."""
    return any(_is_emoji(character) for character in text)


def clean_text(text: str) -> str:
    """Normalise to NFC, drop control and invisible characters, collapse white space."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = "".join(" " if unicodedata.category(character) in ("Cc", "Cs", "Co") else character for character in text)
    return " ".join(text.split())


def is_known_word(word: str) -> bool:
    """Return whether `word`, or its base form, is in the English word list."""
    word = word.casefold().replace("’", "'")
    words = english_words()
    bare = re.sub(r"(n't|'s|'re|'ve|'ll|'d|'m|'|s')$", "", word)
    if bare in words or word in words or bare in ("wo", "ca", "sha", "does", "is", "are", "do", "did", "was", "were"):
        return True
    if "-" in word:
        return all(is_known_word(part) for part in word.split("-") if part)
    for ending, others in _INFLECTIONS:
        if bare.endswith(ending) and len(bare) - len(ending) >= 4:
            root = bare[: -len(ending)]
            if any(root + other in words for other in others):
                return True
    return False


def clean_field(text: str, limit: int) -> tuple[str, list[str]]:
    """Return the usable text of one field, cut to `limit` characters, and the sentences that were left out."""
    kept, left_out = "", []
    patterns = [compiled(pattern) for pattern in rule_pack("injection")["patterns"]]
    pieces = _SENTENCE_END.split(text[: 8 * limit])
    for sentence, gap in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        plain = clean_text(sentence)
        folded = unicodedata.normalize("NFKC", plain)
        if any(pattern.search(folded) for pattern in patterns):
            left_out.append(plain[:200])
        elif plain:
            kept += plain + (" " if gap else "")
    return _cut(kept.strip(), limit), left_out


def _cut(text: str, limit: int) -> str:
    """Cut at a word boundary if there is one in the last third; scripts without spaces are cut at the limit."""
    if len(text) <= limit:
        return text
    space = text.rfind(" ", limit * 2 // 3, limit + 1)
    return text[: space if space > 0 else limit].rstrip()


def _language_of(brief: Brief, fields: dict[str, str]) -> str:
    """Return the language named in the brief, unless it is English and the words are not.

    The language is detected by character statistics of the ad's own text (see `encoders.language`); if detection fails, or
    finds another language in words that are nearly all in the English word list, the word list decides. A language that
    capitals hide is found in small letters.
    """
    told = re.split(r"[-_]", brief.language.strip().casefold())[0]
    if told not in ("", "en", "english"):
        return told
    text = (
        f"{fields['headline']}. {fields['description']}" if fields["headline"] or fields["description"] else fields["product"]
    )
    words = WORD.findall(text)
    if not words:
        return "en"
    known, seen = sum(is_known_word(word) for word in words) / len(words), detect_language(text)
    if seen == "en" or known >= _SURELY_ENGLISH or (not seen and known >= _LIKELY_ENGLISH):
        return "en"
    return seen or detect_language(text.replace("İ", "i").lower())


def _is_emoji(character: str) -> bool:
    code = ord(character)
    return 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF or code in (0x2B50, 0x2B55, 0x2B1B, 0x2B1C, 0x231A, 0x231B)
