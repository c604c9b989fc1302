"""Check whether a line is a finished English phrase: endings, clauses, articles and stray capitals, by word lists.

Not a parser: each rule covers one typical fault of a small language model. Used by the linter only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from adcreative.copywriter.brief import WORD, Facts, is_known_word, stem
from adcreative.copywriter.rules import word_set
from adcreative.encoders.language import english_words
from adcreative.problem import Problem

_MOST_ABBREVIATION_CHARS = 4
_CLAUSE_MARK = re.compile(r"[,;:?!–—-]\s|\.\s|\?$")
_PLURAL_SUBJECT = re.compile(
    r"\b(\w{2,}s) (?:that |who |)(makes|gives|brings|is|does|lets|keeps|helps|feels|has|was|goes|needs|comes)\b", re.IGNORECASE
)
_UNFINISHED_MAKE = re.compile(r"\bmakes? (?:your |the |a )?\w+ (?:look|feel)$", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(a|an)\s+([a-z][a-z'’-]*)", re.IGNORECASE)
_NOUN_AFTER_ONE = re.compile(r"\b(?:a|an)\s+(?:(?!little\b|bit\b)[a-z-]+\s+){0,2}?([a-z-]+)(?=[.,;:?!]|$)", re.IGNORECASE)
_PLURAL_AFTER_ONE = re.compile(r"\b(?:a|an|every|each|another)\s+([a-z]+s)\b(?!\s+[a-z])", re.IGNORECASE)


def sentence_problems(text: str, facts: Facts, kind: str) -> Iterable[Problem]:
    """Yield the reasons why an English line is not a finished phrase."""
    words = [word.casefold().replace("’", "'") for word in WORD.findall(text)]
    if not words:
        return
    yield from _ending_problems(text, words, kind, facts)
    yield from _clause_problems(text, words)
    yield from _article_problems(text)
    yield from _agreement_problems(text, words, facts)
    yield from _capital_problems(text, facts)


def _ending_problems(text: str, words: list[str], kind: str, facts: Facts) -> Iterable[Problem]:
    last = words[-1]
    own_end = re.compile(rf"\b{re.escape(' '.join(text.split()[-2:]))}(?=[.,;:!?]|$)", re.IGNORECASE)
    is_own = any(own_end.search(own) for own in (facts.headline, facts.description))  # "booked in May"
    is_question = text.rstrip().endswith("?")
    allowed_in_question = word_set("language", "dangling_unless_question")
    pronoun_end = last in ("you", "it") and len(words) >= 3  # "Made for you" is finished, "Get you" is not
    is_finished = is_own or pronoun_end or (is_question and last in allowed_in_question)
    if last in word_set("language", "dangling") and not is_finished:
        yield Problem("cut_off_at", word=last)
    if kind == "description" and len(words) > 6 and text[-1].isalnum():
        yield Problem("no_full_stop")
    yield from _question_problems(words, is_question=is_question, ends_bare=text[-1].isalnum())


def _question_problems(words: list[str], *, is_question: bool, ends_bare: bool) -> Iterable[Problem]:
    opens = words[0] in word_set("language", "question_words")
    if opens and ends_bare and words[1:2] and words[1] in word_set("language", "question_second"):
        yield Problem("no_question_mark")
    if is_question and not opens and not set(words) & word_set("language", "question_signs"):
        yield Problem("no_question")


def _clause_problems(text: str, words: list[str]) -> Iterable[Problem]:
    """Yield a missing second clause after an opening such as when, because, if or tired of."""
    has_second = _CLAUSE_MARK.search(text[:-1]) is not None
    if words[0] in word_set("language", "subordinate") and not has_second and not text.endswith("?"):
        yield Problem("half_sentence", word=words[0])
    if words[0] in word_set("language", "tired_openers") and not has_second and not text.endswith("?") and len(words) > 3:
        yield Problem("half_sentence", word=words[0])


def _article_problems(text: str) -> Iterable[Problem]:
    for article, word in _ARTICLE.findall(text):
        bare = word.casefold()
        vowel = bare[0] in "aeiou"
        if bare in word_set("language", "vowel_exceptions"):
            vowel = False
        elif bare in word_set("language", "consonant_exceptions"):
            vowel = True
        if word.isupper() and 2 <= len(word) <= _MOST_ABBREVIATION_CHARS and not is_known_word(word):
            vowel = word[0] in "AEFHILMNORSX"  # spelled letter by letter: an RC car, a UV coating
        if (article.casefold() == "an") != vowel and len(bare) > 1:
            yield Problem("wrong_article", words=f"{article} {word}")
    for word in _NOUN_AFTER_ONE.findall(text):
        if word.casefold() in word_set("grammar", "mass_nouns") - word_set("language", "countable_too"):
            yield Problem("uncounted", word=word)
    for word in _PLURAL_AFTER_ONE.findall(text):
        bare = word.casefold()
        if not bare.endswith(("ss", "us", "is")) and bare[:-1] in english_words() and len(bare) > 3:
            yield Problem("plural_article", word=word)


def _agreement_problems(text: str, words: list[str], facts: Facts) -> Iterable[Problem]:
    """Yield faults such as a plural subject with a singular verb, an unfinished "makes your skin look", "too small"."""
    found = _PLURAL_SUBJECT.search(text)
    brand_words = facts.brand.casefold().split()
    if found and not found.group(1).endswith(("ss", "us", "is")) and found.group(1).casefold() not in brand_words:
        yield Problem("plural_verb", words=found.group(0))
    noun = (WORD.findall(re.split(r" (?:with|for) ", facts.product)[0]) or [""])[-1]
    is_plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    if is_plural and re.search(rf"\b(a|an|one) (?:[\w-]+ ){{0,3}}{re.escape(noun)}\b", text, re.IGNORECASE):
        yield Problem("plural_article", word=noun)
    if _UNFINISHED_MAKE.search(text.rstrip(".!?")):
        yield Problem("cut_off")
    if "too" in words and stem("too") not in facts.stems:
        yield Problem("too_much")
    brand = re.escape(facts.brand)
    if brand and re.search(rf"\b(the|a|an|your) {brand}(?=$|[.,!?])", text, re.IGNORECASE):
        yield Problem("brand_article")


def _capital_problems(text: str, facts: Facts) -> Iterable[Problem]:
    """Yield capitals inside a line in sentence case, unless they start a name of the brief."""
    if not text[:1].isupper() and text[:1].isalpha() and not any(text.startswith(name) for name in facts.names):
        yield Problem("small_start")
    inner = [found for found in WORD.finditer(text) if text[: found.start()].rstrip()[-1:] not in ("", *".!?:–—")]
    small = [found.group(0) for found in inner if found.group(0)[0].islower() and len(found.group(0)) > 3]
    capital = [found.group(0) for found in inner if found.group(0)[0].isupper()]
    if not small or not capital:
        return
    known = {stem(name) for name in facts.names if name[0].isupper()}
    strays = [word for word in capital if stem(word) not in known and word not in ("I", "I'm")]
    if strays:
        yield Problem("stray_capital", word=strays[0])
