"""Check that a new line keeps the ad's substance: its subject, its offer, and its proof (numbers, names, awards).

Without these rules a search prefers empty lines ("The room you may not know yet", "Why wait? Fliegen lernen"), which arouse
curiosity about nothing, and replaces "Join 12,000 bakers" by "You may not have met Oat Table yet". Words that fit any ad are
refused by a list found by counting (rules/openers.yaml). Used by the linter and the engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from adcreative.copywriter.brief import NUMBER, WORD, Facts, is_known_word, stem
from adcreative.copywriter.rules import compiled, rule_pack, word_set
from adcreative.problem import Problem

_LEAST_PROOF = 50  # a larger number without a currency counts people, years, stars: a proof
_SENTENCE_START = r"(?:^|[.!?:–—]\s+)"
_SHARED_LETTERS = 5  # leading letters that make two words equal in languages other than English


def substance_problems(text: str, facts: Facts, kind: str) -> Iterator[Problem]:
    """Yield the content of the ad that a new line of `kind` lacks; an ad without words has none."""
    if not facts.is_empty:
        yield from _subject_problems(text, facts)
        yield from _worn_problems(text, facts)
    old = facts.headline if kind == "headline" else facts.description
    beside = facts.description if kind == "headline" else ""  # new descriptions keep the content of the old description
    yield from lost_problems(f"{text} | {beside}", old, facts)
    if len(facts.brand) > 2 and text.casefold().count(facts.brand.casefold()) > 1:
        yield Problem("brand_twice")


def lost_problems(text: str, old: str, facts: Facts) -> Iterator[Problem]:
    """Yield the first offer, else the first number, award or name, of the old words that the new words lack."""
    kept = offers_of(text)
    lost = [offer for form, offer in offers_of(old).items() if form not in kept][:1]
    yield from (Problem("drops_offer", words=offer) for offer in lost)
    if not lost:
        yield from _proof_problems(text, old, facts)


def must_keep(facts: Facts, kind: str) -> list[str]:
    """Return the offers, else the numbers, awards and names of the ad's line of `kind` that its other line does not have."""
    old, beside = (facts.headline, facts.description) if kind == "headline" else (facts.description, "")
    proofs = (found.group(0) for found in compiled(rule_pack("phrases")["proof"]).finditer(old))
    said = [*offers_of(old).values()] or [*NUMBER.findall(old), *proofs, *_names_of(old, facts)]
    return [one for one in dict.fromkeys(said) if one.casefold() not in beside.casefold()]


def offers_of(text: str) -> dict[str, str]:
    """Return the offers in a text (money, percentages, what is free) as {form for comparison: text as written}."""
    patterns = rule_pack("phrases")["offers"].values()
    found = (match.group(0) for pattern in patterns for match in compiled(pattern).finditer(text))
    return {re.sub("^%(.+)", r"\1%", "".join(one.casefold().split())): one for one in found}  # Turkish writes %25


def is_offer(text: str, is_english: bool = True) -> bool:
    """Return whether a phrase has an offer; words for "free" are those of the language."""
    names = ("any", "en") if is_english else ("any",)
    return any(compiled(rule_pack("phrases")["offers"][name]).search(text) for name in names)


def is_proof(text: str, is_english: bool = True) -> bool:
    """Return whether a phrase has a proof: an award, a rating, or a number of people or years."""
    if compiled(rule_pack("phrases")["proof"]).search(text):
        return True
    return not is_offer(text, is_english) and any(_size(number) >= _LEAST_PROOF for number in NUMBER.findall(text))


def _size(number: str) -> float:
    """Return the value of a written number ("12,000", "200.000", "4.8")."""
    digits = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number)
    found = re.match(r"\d+(?:[.,]\d+)?", digits)
    return float(found.group(0).replace(",", ".")[:12]) if found else 0.0


def _proof_problems(text: str, old: str, facts: Facts) -> Iterator[Problem]:
    """Yield the first number, award or name of the old words that the new words lack."""
    kept_text = text.casefold()
    kept_numbers = set(NUMBER.findall(kept_text))
    for number in NUMBER.findall(old):
        if number.casefold() not in kept_numbers:
            yield Problem("drops_number", number=number)
            return
    for found in compiled(rule_pack("phrases")["proof"]).finditer(old):
        if found.group(0).casefold() not in kept_text:
            yield Problem("drops_proof", words=found.group(0))
            return
    for name in _names_of(old, facts):
        if name.casefold() not in kept_text:
            yield Problem("drops_name", name=name)
            return


def keeps_promise(text: str, facts: Facts) -> bool:
    """Return whether a line from the ad's own phrases keeps the promise of a headline without offer or proof.

    "Sleep better tonight" is the reason to buy; "Free delivery and collection" instead is another ad. A word of the headline
    must remain, not counting the brand's name.
    """
    old = facts.headline
    if not old.strip() or is_offer(old, facts.is_english) or is_proof(old, facts.is_english) or NUMBER.search(old):
        return True
    if not facts.is_english:
        words = [word.casefold() for word in WORD.findall(text) if word.casefold() not in facts.brand.casefold()]
        return _shares_word(text, words, old)
    promised = _content_stems(old) - {stem(word) for word in WORD.findall(facts.brand)} - _time_stems()
    return not promised or bool(promised & _content_stems(text))


def _names_of(text: str, facts: Facts) -> Iterator[str]:
    """Yield names in a line: capitalised uncommon words inside a sentence; none in German, which capitalises all nouns."""
    if facts.language == "de":
        return
    brand = {word.casefold() for word in WORD.findall(facts.brand)}
    inner = [found for found in WORD.finditer(text) if text[: found.start()].rstrip()[-1:] not in ("", *".!?:–—")]
    capitals = [found.group(0) for found in inner if found.group(0)[0].isupper()]
    is_title_case = len(capitals) > 1 and len(capitals) >= 0.5 * len([found for found in inner if len(found.group(0)) > 3])
    for word in capitals:
        if word.casefold() in brand or word.isupper() or (facts.is_english and is_known_word(word)):
            continue
        if facts.is_english or not is_title_case:
            yield word


def _subject_problems(text: str, facts: Facts) -> Iterator[Problem]:
    """Yield a problem if a line has no word of the ad except the brand's name and words that fit any ad."""
    if not facts.is_english:
        yield from _subject_problems_elsewhere(text, facts)
        return
    own = _content_stems(text) - (_trade_stems() - _told_stems(facts))
    brand = {stem(word) for word in WORD.findall(facts.brand)} - _content_stems(facts.product)  # "Leeds Eye Hospital"
    told = _content_stems(" | ".join((facts.product, facts.headline, facts.description, facts.notes, *facts.liked)))
    if not own:
        yield Problem("any_ad")
    elif own <= brand and told - brand:
        yield Problem("brand_alone")
    elif told - brand and not own & told - brand:
        yield Problem("nothing_of_ad")


def is_about_subject(text: str, facts: Facts) -> bool:
    """Return whether a line names the subject: it shares a word with the old headline or the product."""
    subject = f"{facts.product}. {facts.headline}"
    if not facts.is_english:
        return _shares_word(text, [word.casefold() for word in WORD.findall(text)], subject)
    return bool(_content_stems(text) & _content_stems(subject))


def _subject_problems_elsewhere(text: str, facts: Facts) -> Iterator[Problem]:
    """Like `_subject_problems`, for languages without known word forms: compare the first letters of words."""
    subject = f"{facts.product} {facts.headline}"
    if not WORD.search(text) or not subject.strip():
        return
    brand = facts.brand.casefold()
    own = [word.casefold() for word in WORD.findall(text) if not brand or word.casefold() not in brand]
    if not _shares_word(text, own, f"{subject} {facts.description} {facts.notes}"):
        yield Problem("nothing_of_ad")


def _shares_word(text: str, words: list[str], told: str) -> bool:
    """Return whether a word starts like a word in `told`, or two characters match in a script without spaces."""
    function_words, told = _function_words_elsewhere(), told.casefold()
    if any(len(word) >= 3 and word not in function_words and word[:_SHARED_LETTERS] in told for word in words):
        return True
    dense = re.sub(r"\W", "", text.casefold())
    is_dense = not text.isascii() and " " not in text.strip()
    return is_dense and any(dense[place : place + 2] in told for place in range(len(dense) - 1))


@cache
def _function_words_elsewhere() -> frozenset[str]:
    return frozenset(word for words in rule_pack("phrases")["function_words"].values() for word in words.split())


def _worn_problems(text: str, facts: Facts) -> Iterator[Problem]:
    """Yield an opening or ending that fits any ad, unless the ad has it."""
    told = f"{facts.headline} | {facts.description}"
    for place, pattern in _worn_patterns():
        found = compiled(pattern).search(text)
        if found and not compiled(pattern).search(told):
            yield Problem("like_any_ad", place=place, words=found.group(0).strip(" .:–—"))
            return


@cache
def _worn_patterns() -> tuple[tuple[str, str], ...]:
    pack = rule_pack("openers")
    opens = [("opens", _SENTENCE_START + one["pattern"]) for one in pack["openers"]]
    return (*opens, *(("ends", f"(?:{one['pattern']})[.!?]?$") for one in pack["closers"]))


def _told_stems(facts: Facts) -> set[str]:
    """Return the stems of the ad's words without its brand's name: "Oat Table" does not mention a table."""
    told = " | ".join((facts.product, facts.headline, facts.description, facts.notes, *facts.liked))
    named = re.escape(facts.brand)
    return {stem(word) for word in WORD.findall(re.sub(named, " ", told, flags=re.IGNORECASE) if named else told)}


@cache
def _trade_stems() -> frozenset[str]:
    """Return the stems of nouns for a whole trade ("outfit" for fashion)."""
    trades = rule_pack("grammar")["categories"].values()
    return frozenset(stem(word) for trade in trades for name in ("subject", "head") for word in WORD.findall(trade[name]))


def _content_stems(text: str) -> set[str]:
    words = [word for word in WORD.findall(text) if word.casefold() not in word_set("language", "function_words")]
    return {stem(word) for word in words} - _general_stems()


@cache
def _time_stems() -> frozenset[str]:
    """Return the stems of time spans: "a month" in a price does not keep "in nine months"."""
    return frozenset(
        stem(word)
        for word in (
            "minute",
            "hour",
            "day",
            "week",
            "month",
            "year",
            *("minutes", "hours", "days"),
            "weeks",
            "months",
            "years",
        )
    )


@cache
def _general_stems() -> frozenset[str]:
    """Return the stems of words that fit any ad."""
    return frozenset(stem(word) for word in word_set("language", "general_words"))
