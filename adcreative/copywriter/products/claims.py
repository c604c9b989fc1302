"""Check a description against the record of its product: attributes mentioned, unsupported claims, keyword stuffing.

An attribute is mentioned when all content words and numbers of its value stand in one running sentence that does not deny them
(a value with a number: in its order, unit included). A claim has no support when it is a number, a value of other products, a
claim of rules/claims.yaml, or any other content word that neither the record nor the neutral vocabulary has; so the rate is
rather too high than too low. What is not seen: values given to the wrong part ("leather lid"). Other languages than English are
held to numbers and values of other products, found as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from adcreative.copywriter.brief import stem
from adcreative.copywriter.lint.checks import claim_problems
from adcreative.copywriter.products.product import Attribute, ProductFacts, Tokens, content, flag_of, tokenize
from adcreative.copywriter.rules import rule_pack, word_set

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?![a-z])|(?<=[。！？؟])\s*|\n+")
_CLAIMED = re.compile(r"claims '(.+?)' \(")
_LONGEST_LIST = 7  # content words in a row without a function word: more is a list of keywords
_MOST_REPEATS = 3
_MAX_VALUE_TOKENS = 5


@dataclass(frozen=True)
class Lexicon:
    """Values that products of this kind of shop have, as token tuples and as written: what a wrong claim is made of."""

    values: frozenset[Tokens] = frozenset()
    written: frozenset[str] = frozenset()

    @classmethod
    def of(cls, attributes: Iterable[Attribute]) -> Lexicon:
        """Gather the values of at most five words; flags and plain numbers say nothing alone and are left out."""
        values, written = set(), set()
        for _, value in attributes:
            if flag_of(value) is not None:
                continue
            tokens = tokenize(value)
            if 0 < len(content(tokens)) <= _MAX_VALUE_TOKENS and not all(_is_number(token) for token in tokens):
                values.add(tokens)
            if len(value) >= (4 if value.isascii() else 2):
                written.add(value.casefold())
        return cls(frozenset(values), frozenset(written))


@dataclass(frozen=True)
class Statement:
    """What one text says of one product.

    mentioned and missing are names of attributes; unsupported are the claims without support, as words. stuffing is the share
    of words that stand in keyword lists or repeat a word for the fourth time or more.
    """

    mentioned: tuple[str, ...]
    missing: tuple[str, ...]
    unsupported: tuple[str, ...]
    stuffing: float = 0.0

    @property
    def recall(self) -> float:
        """Attributes mentioned / attributes; 1 for a record without any."""
        total = len(self.mentioned) + len(self.missing)
        return len(self.mentioned) / total if total else 1.0

    @property
    def unsupported_rate(self) -> float:
        """Claims without support / facts stated; 0 for a text that states none."""
        stated = len(self.mentioned) + len(self.unsupported)
        return len(self.unsupported) / stated if stated else 0.0


@lru_cache(maxsize=8192)
def read_statement(text: str, product: ProductFacts, lexicon: Lexicon) -> Statement:
    """Hold a description against the record of its product."""
    if not product.is_english:
        return _read_other_language(text, product, lexicon)
    sentences = [tokenize(sentence) for sentence in split_sentences(text)]
    running = [sentence for sentence in sentences if not _listed(sentence)]
    mentioned = [name for name, value in product.attributes if _is_mentioned(name, value, running, product)]
    return Statement(
        mentioned=tuple(mentioned),
        missing=tuple(name for name, _ in product.attributes if name not in mentioned),
        unsupported=tuple(dict.fromkeys(_unsupported(text, sentences, product, lexicon))),
        stuffing=_stuffing(sentences),
    )


def bare_numbers(sentence: str, product: ProductFacts) -> list[str]:
    """Return numbers of the record that stand without the word that follows them there: "It measures 38."."""
    if not product.is_english:
        return []
    tokens, pairs = (*tokenize(sentence), ""), _pairs_of(product)
    measured = {first for first, _ in pairs if _is_number(first)}
    return [first for first, second in pairwise(tokens) if first in measured and (first, second) not in pairs]


def split_sentences(text: str) -> list[str]:
    """Cut at the ends of sentences; "1.5 m" stays whole."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def _is_mentioned(name: str, value: str, sentences: Iterable[Tokens], product: ProductFacts) -> bool:
    flag = flag_of(value)
    wanted = content(tokenize(name if flag is not None else value)) or tokenize(value)
    has_number = any(_is_number(token) for token in wanted)
    rivals = [other for key, other in product.attributes if key != name and tokenize(other) == tokenize(value)]
    for sentence in sentences:
        if flag is None and rivals and not set(name_forms(name)) & set(sentence):
            continue
        is_measure = has_number and flag is None
        for at in _places(tokenize(value), sentence) if is_measure else _scattered(wanted, sentence):
            if is_measure and _given_to_another(name, sentence, at + len(tokenize(value))):
                continue
            if _is_denied(at, sentence) == (flag is False):
                return True
    return False


def _unsupported(text: str, sentences: list[Tokens], product: ProductFacts, lexicon: Lexicon) -> Iterator[str]:
    denied_names = [tokenize(name) for name, value in product.attributes if flag_of(value) is False]
    pairs, neutral = _pairs_of(product), _neutral()
    for sentence in sentences:
        covered: set[int] = set()
        for size in range(min(_MAX_VALUE_TOKENS + 3, len(sentence)), 0, -1):
            for start in range(len(sentence) - size + 1):
                part = sentence[start : start + size]
                if part in lexicon.values and not set(part) <= product.tokens and not covered & set(range(start, start + size)):
                    covered |= set(range(start, start + size))
                    yield " ".join(part)
        for denied in denied_names:
            if any(not _is_denied(at, sentence) for at in _places(denied, sentence)):
                yield f"{' '.join(denied)} (the record says no)"
        yield from _misplaced(sentence, product)
        for name, value in product.attributes:
            tokens = content(tokenize(name if flag_of(value) else value))
            if tokens and flag_of(value) is not False and any(_is_denied(at, sentence) for at in _places(tokens, sentence)):
                yield f"not {' '.join(tokens)} (the record says otherwise)"
        for place, token in enumerate(sentence):
            if place in covered:
                continue
            following = sentence[place + 1] if place + 1 < len(sentence) else ""
            if _is_number(token):
                is_unit = following in rule_pack("products")["units"]
                if token not in product.tokens or (is_unit and (token, following) not in pairs):
                    covered.add(place + is_unit)
                    yield f"{token} {following}".strip() if is_unit else token
            elif token not in product.tokens and token not in neutral:
                yield token
    for problem in claim_problems(text, product.facts):
        found = _CLAIMED.match(problem)
        claimed = tokenize(found.group(1)) if found else ()
        if claimed and not set(claimed) <= product.tokens and all(token in neutral for token in claimed):
            yield " ".join(claimed)  # neutral words that make a claim together; the others were counted above


def _misplaced(sentence: Tokens, product: ProductFacts) -> Iterator[str]:
    """Yield measures that are given to another attribute: "38 cm deep" of what is 38 cm wide."""
    for name, value in product.attributes:
        tokens = tokenize(value)
        if not any(_is_number(token) for token in tokens):
            continue
        owners = [key for key, other in product.attributes if key == name or tokenize(other) == tokens]
        for after in (at + len(tokens) for at in _places(tokens, sentence)):
            if all(_given_to_another(key, sentence, after) for key in owners):
                yield " ".join(sentence[after - len(tokens) : after + 1])


def _given_to_another(name: str, sentence: Tokens, after: int) -> bool:
    """Say whether the word after a measure speaks of another attribute than `name`."""
    following = sentence[after] if after < len(sentence) else ""
    return following in _measure_words() and following not in name_forms(name)


@cache
def _measure_words() -> frozenset[str]:
    names = rule_pack("products")["names"]
    return frozenset(stem(word) for key in ("width", "height", "depth", "thickness") for word in names[key].split())


def _is_denied(at: int, sentence: Tokens) -> bool:
    """Say whether one of the three words before place `at` is a negation; "rain or no rain" is not looked through."""
    denials = {stem(word) for word in word_set("products", "negations")}
    return bool(denials & set(sentence[max(at - 3, 0) : at]))


def _places(wanted: Tokens, sentence: Tokens) -> list[int]:
    """Return where `wanted` stands in the sentence in one piece."""
    last = len(sentence) - len(wanted)
    return [start for start in range(last + 1) if sentence[start : start + len(wanted)] == wanted] if wanted else []


def _scattered(wanted: Tokens, sentence: Tokens) -> list[int]:
    """Return where the first word of `wanted` stands when the sentence has all of them, else nothing."""
    return [min(sentence.index(token) for token in wanted)] if wanted and set(wanted) <= set(sentence) else []


def name_forms(name: str) -> set[str]:
    """Return the stems that speak of an attribute: its name and the words bound to it ("tall" for a height)."""
    tokens = set(content(tokenize(name)))
    forms = rule_pack("products")["names"]
    return tokens | {stem(word) for key, words in forms.items() if stem(key) in tokens for word in words.split()}


def _pairs_of(product: ProductFacts) -> set[tuple[str, str]]:
    texts = [
        tokenize(text)
        for text in (*(value for _, value in product.attributes), product.name, *product.sentences, *product.items)
    ]
    return {pair for tokens in texts for pair in pairwise(tokens)}


def _listed(sentence: Tokens) -> list[int]:
    """Return the places of words in runs of more than seven content words."""
    listed: list[int] = []
    run: list[int] = []
    function_free = set(content(sentence))
    for place, token in enumerate((*sentence, "")):
        if token in function_free:
            run.append(place)
            continue
        if len(run) > _LONGEST_LIST:
            listed += run
        run = []
    return listed


def _stuffing(sentences: list[Tokens]) -> float:
    total = sum(len(sentence) for sentence in sentences)
    seen: dict[str, int] = {}
    stuffed = 0
    for sentence in sentences:
        listed = set(_listed(sentence))
        contents = set(content(sentence))
        for place, token in enumerate(sentence):
            seen[token] = seen.get(token, 0) + 1
            is_repeat = token in contents and not _is_number(token) and seen[token] > _MOST_REPEATS
            stuffed += place in listed or is_repeat
    return stuffed / total if total else 0.0


def _read_other_language(text: str, product: ProductFacts, lexicon: Lexicon) -> Statement:
    """Values as they are written; flags by their names."""
    folded = text.casefold()
    record = " ".join([product.name, *(f"{name} {value}" for name, value in product.attributes)]).casefold()
    mentioned = [name for name, value in product.attributes if (value if flag_of(value) is None else name).casefold() in folded]
    numbers = [token for token in tokenize(text) if _is_number(token) and token not in product.tokens]
    foreign = [value for value in lexicon.written if value in folded and value not in record]
    return Statement(
        mentioned=tuple(mentioned),
        missing=tuple(name for name, _ in product.attributes if name not in mentioned),
        unsupported=tuple(dict.fromkeys([*numbers, *sorted(foreign)])),
    )


def _is_number(token: str) -> bool:
    return token[:1].isdigit()


@cache
def neutral_words() -> frozenset[str]:
    """Return words that state no fact of a product: function words and general ad words that are no property."""
    properties = {stem(word) for word in word_set("products", "properties")}
    general = {word for word in word_set("vocabulary", "general") if stem(word) not in properties}
    return frozenset(general | word_set("language", "function_words") | word_set("products", "neutral"))


@cache
def _neutral() -> frozenset[str]:
    return frozenset(token for word in neutral_words() for token in tokenize(word))
