"""Linter for lines of ad copy: reports the problems of a line before a marketer sees the line.

`check_copy` applies every rule and returns all problems; an empty tuple means that a marketer could run the line. Rules based
on word lists apply to English briefs only; marks, lengths, numbers and repeats apply to every language. The rules are data
(rules/*.yaml); this module applies them. It is strict on purpose: a lost good line costs nothing, a false claim costs the
advertiser.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import regex

from adcreative.copywriter.brief import WORD, Brief, Facts, has_emoji, is_known_word, neighbours, read_facts, stem, stems_of
from adcreative.copywriter.lint.pairs import repeats, says_a_phrase_twice, says_twice
from adcreative.copywriter.lint.problem import keep_first
from adcreative.copywriter.lint.sentences import sentence_problems
from adcreative.copywriter.lint.substance import offers_of, substance_problems
from adcreative.copywriter.rules import compiled, rule_pack, word_set
from adcreative.encoders.language import detect_language
from adcreative.problem import Problem

KINDS = ("headline", "description")
_MIN_WORDS = {"headline": 2, "description": 4}
_JAPANESE = {"CJK", "HIRAGANA", "KATAKANA"}
# first words of the names of letters in Unicode; Latin letters may stand in any ad
_SCRIPTS = {"ARABIC", "BENGALI", "CYRILLIC", "DEVANAGARI", "GREEK", "HANGUL", "HEBREW", "THAI", *_JAPANESE}


def check_copy(text: str, brief: Brief, kind: str, *, is_new: bool = True) -> tuple[Problem, ...]:
    """Return the problems of one line; empty if the line may run.

    Args:
        text: the line, as shown.
        brief: the source of facts for the line.
        kind: "headline" or "description".
        is_new: False for words that an advertiser already runs: claims and wording are then accepted, and only checked for
            problems with a platform (length, marks, capitals, personal attributes) or with the brand's words to avoid.
    Raises:
        ValueError: `kind` is neither.
    """
    if kind not in KINDS:
        raise ValueError(f'kind must be "headline" or "description", got {kind!r}')
    facts = read_facts(brief)
    if not text.strip():
        return (Problem("empty"),)
    problems = list(_shape_problems(text, brief, facts, kind))
    problems += _mark_problems(text, facts)
    problems += platform_problems(text)
    problems += [Problem("avoided", word=word) for word in used_words(brief.avoid, text)]
    if is_new:
        problems += writing_problems(text, facts, kind)
        problems += _number_problems(text, facts)
        problems += _repeat_problems(text, facts, kind)
        if kind == "description" and says_twice(facts.headline, text, repeats(facts.headline, facts.description)):
            problems.append(Problem("repeats_headline"))
        problems += _language_problems(text, facts)
        problems += substance_problems(text, facts, kind)
    if facts.is_english:
        for rule in _ENGLISH_RULES if is_new else (_people_problems,):
            problems += rule(text, facts)
        problems += sentence_problems(text, facts, kind) if is_new else ()
    return keep_first(problems)


def check_own_words(text: str, brief: Brief, kind: str) -> tuple[Problem, ...]:
    """Return the problems of a line that the advertiser wrote: rules of platforms, words that the brand avoids, and numbers and
    claims that the brief does not contain. Wording is not checked.

    Raises:
        ValueError: as `check_copy`.
    """
    problems, facts = list(check_copy(text, brief, kind, is_new=False)), read_facts(brief)
    problems += _number_problems(text, facts)
    problems += claim_problems(text, facts) if facts.is_english else ()
    return keep_first(problems)


def platform_problems(text: str) -> Iterable[Problem]:
    """Yield claims of health, money, guarantee and before/after that platforms refuse, in any of ten languages."""
    pack = rule_pack("platform_claims")
    for rule in pack["rules"].values():
        for words in rule["words"].values():
            near = f"[^.!?]{{0,{pack['near']}}}"
            either = (
                f"(?:{words}){near}(?:{rule['objects']})|(?:{rule['objects']}){near}(?:{words})" if "objects" in rule else words
            )
            if found := compiled(either).search(text):
                yield Problem(
                    "platform_claim", platforms=", ".join(rule["platforms"]), rule=rule["title"], words=found.group(0)
                )
                break


def length_limit(brief: Brief, kind: str) -> int:
    """Return the maximum length of a line, in characters, for the brief's platform and placement."""
    return int(_limits(brief)[kind])


def text_length(text: str, brief: Brief) -> int:
    """Return the length of `text` for the brief's platform.

    A character is a grapheme cluster (UAX 29), so that vowel signs and joined emoji are not counted separately; on platforms
    that count display width, East Asian wide and full-width characters (UAX 11) count as two.
    """
    graphemes = regex.findall(r"\X", text)
    if _limits(brief)["counts"] != "width":
        return len(graphemes)
    return sum(2 if any(unicodedata.east_asian_width(one) in "WF" for one in cluster) else 1 for cluster in graphemes)


def _limits(brief: Brief) -> dict[str, Any]:
    pack = rule_pack("limits")
    where = f"{brief.platform} {brief.placement}".casefold()
    for platform, aliases in pack["aliases"].items():
        if any(re.search(rf"\b{re.escape(alias)}\b", where) for alias in aliases):
            return dict(pack["platforms"][platform])
    return dict(pack["default"])


def is_near_duplicate(text: str, others: Iterable[str], *, threshold: float = 0.7) -> bool:
    """Return whether `text` duplicates one of `others`: equal letters, or most words shared (Jaccard of stems)."""
    letters, stems = _letters(text), _stems(text)
    for other in others:
        if not other.strip():
            continue
        if letters == _letters(other):
            return True
        other_stems = _stems(other)
        if stems and other_stems and len(stems & other_stems) >= threshold * len(stems | other_stems):
            return True
    return False


def _says_the_same(text: str, old: str) -> bool:
    """Return whether a line repeats an old line: the same content words in the same order, both or neither a question.

    The ad's own phrases in another order, with the brand's name, or as a question are a different line.
    """
    if not old.strip():
        return False
    forms = [
        [stem(word) for word in WORD.findall(one) if word.casefold() not in word_set("language", "function_words")]
        for one in (text, old)
    ]
    is_same = forms[0] == forms[1] and ("?" in text) == ("?" in old)
    return _letters(text) == _letters(old) or (bool(forms[0]) and is_same)


def _shape_problems(text: str, brief: Brief, facts: Facts, kind: str) -> Iterable[Problem]:
    limit, length = length_limit(brief, kind), text_length(text, brief)
    if length > limit:
        yield Problem("too_long", length=length, limit=limit, by_platform=" by the platform" * (length != len(text)))
    if "\n" in text or text != text.strip():
        yield Problem("several_lines")
    words = WORD.findall(text)
    if not words:
        yield Problem("no_words")
    capitals = [word for word in words if len(word) > 1 and _is_shouted(word) and word not in facts.names]
    if capitals:
        yield Problem("capitals", word=capitals[0])


def _is_shouted(word: str) -> bool:
    """Return whether all letters are capitals; letters of scripts without capitals, as in "SUV服务器", are none."""
    return all(letter.isupper() for letter in word if letter.isalpha())


def writing_problems(text: str, facts: Facts, kind: str) -> Iterable[Problem]:
    """Yield problems of style, required only of our own writers and not of platforms."""
    words = WORD.findall(text)
    if facts.is_english and len(words) < _MIN_WORDS[kind]:
        yield Problem("too_short", length=f"{len(words)} word{'s' * (len(words) != 1)}", least=_MIN_WORDS[kind])
    code = re.search(rule_pack("language")["codes"]["pattern"], text)  # case-sensitive
    if code and code.group(0).casefold() not in f"{facts.brand} {facts.product}".casefold():
        yield Problem("code_word", word=code.group(0))
    if has_emoji(text) and not facts.has_emoji:
        yield Problem("emoji")


def _mark_problems(text: str, facts: Facts) -> Iterable[Problem]:
    for mark in rule_pack("language")["marks"]:
        if mark.get("latin_only") and not text.isascii():
            continue
        if compiled(mark["pattern"]).search(text):
            yield Problem(mark["problem"])
    if re.sub(r'(?<=\d)"', "", text).count('"') % 2 or text.count("“") != text.count("”") or text.count("(") != text.count(")"):
        yield Problem("unbalanced")
    elif re.fullmatch(r"[\"“‘'].*[\"”’']", text):
        yield Problem("quoted")


def _number_problems(text: str, facts: Facts) -> Iterable[Problem]:
    for number in re.findall(r"\d+(?:[.,:/]\d+)*", text):
        if number not in facts.numbers or (facts.is_english and not in_context(number, text, facts)):
            yield Problem("number", number=number)
    if facts.is_english:
        for word in WORD.findall(text):
            for part in re.split("-", word.casefold()):
                is_number = part in word_set("language", "number_words")
                if is_number and not (_is_backed(word, facts) and in_context(word, text, facts)):
                    yield Problem("number_word", word=part)


def _repeat_problems(text: str, facts: Facts, kind: str) -> Iterable[Problem]:
    if any(_says_the_same(text, old) for old in (facts.headline, facts.description)):
        yield Problem("repeats_original")
    words = [word.casefold() for word in WORD.findall(text)]
    if any(first == second for first, second in pairwise(words)):
        yield Problem("repeats_word")
    elif says_a_phrase_twice(text) and not says_a_phrase_twice(facts.headline if kind == "headline" else facts.description):
        yield Problem("repeats_phrase")
    elif facts.is_english:
        beside_brand = re.sub(re.escape(facts.brand), " ", text, count=1, flags=re.IGNORECASE) if facts.brand else text
        said = [word.casefold() for word in WORD.findall(beside_brand)]
        content = [stem(word) for word in said if word not in word_set("language", "function_words")]
        twice = [one for one, number in Counter(content).items() if number > 1]
        allowed = 1 if kind == "description" and facts.stems.issuperset(twice) else 0  # a word of the ad may occur twice
        if len(set(content)) < len(content) - allowed:
            yield Problem("word_twice")


def _language_problems(text: str, facts: Facts) -> Iterable[Problem]:
    """Yield English words, another script, and new offers and superlatives, in a line for an ad that is not English."""
    if facts.is_english:
        return
    told = f"{facts.brand} {facts.product} {facts.headline} {facts.description} {facts.notes}".casefold()
    foreign = [word for word in WORD.findall(text) if word.casefold() not in told]
    if foreign and ("en" in (detect_language(text), detect_language(" ".join(foreign))) or _are_english(foreign)):
        yield Problem("english", word=foreign[0])
    scripts = _scripts_of(told)
    strange = [word for word in foreign if not _scripts_of(word) <= scripts]
    if strange:
        yield Problem("other_script", word=strange[0])
    backed = offers_of(told)
    yield from (
        Problem("claim", words=offer, group="price or offer") for one, offer in offers_of(text).items() if one not in backed
    )
    for pattern in rule_pack("claims")["superlatives_elsewhere"].values():
        found = compiled(pattern).search(text)
        if found and found.group(0).casefold() not in told:
            yield Problem("claim", words=found.group(0), group="superlative")


def _scripts_of(text: str) -> set[str]:
    """Return which of _SCRIPTS the letters of a text have, for Japanese all three of its own."""
    found = {unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha()} & _SCRIPTS
    return found | (_JAPANESE if found & {"HIRAGANA", "KATAKANA"} else set())


def _are_english(words: list[str]) -> bool:
    """Return whether all words are English and one of them is too common to belong to another language."""
    common = word_set("language", "function_words") | word_set("language", "general_words")
    return all(is_known_word(word) for word in words) and any(len(word) > 3 and word.casefold() in common for word in words)


def _opener_problems(text: str, facts: Facts) -> Iterable[Problem]:
    for pattern in rule_pack("language")["openers"]:
        found = compiled(pattern).search(text)
        if found and not _is_backed(found.group(0), facts):
            yield Problem("leaked_task", words=found.group(0).strip())


def _hollow_problems(text: str, facts: Facts) -> Iterable[Problem]:
    for rule in rule_pack("language")["hollow"]:
        found = compiled(rule["pattern"]).search(text)
        if found and not _is_backed(found.group(0), facts):
            yield Problem(rule["problem"])


def claim_problems(text: str, facts: Facts) -> Iterable[Problem]:
    """Yield the claims of rules/claims.yaml in `text` that the brief does not support."""
    for group in rule_pack("claims")["groups"]:
        for found in _unbacked(group["patterns"], text, facts, needs_context=group.get("needs_context", False)):
            yield Problem("claim", words=found, group=group["name"])


def _reversal_problems(text: str, facts: Facts) -> Iterable[Problem]:
    """Yield reversals of the brief: "with the white cast" for "without the white cast", or doing without the product."""
    line = {stem(word): word for word in WORD.findall(text)}
    without = {stem(word) for word in word_set("language", "without_words")}
    told = f"{facts.product}. {facts.headline}. {facts.description}"
    if not without & line.keys():
        for word in (_words_after(without, told) - _words_beside(without, told, facts.brand)) & line.keys():
            yield Problem("turned_around", word=line[word])
    subject = {stem(word) for word in WORD.findall(f"{facts.brand} {facts.product}") if len(word) > 3}
    for word in _words_after(without, text) & subject:
        if word not in _words_after(without, f"{facts.headline}. {facts.description}"):
            yield Problem("without_product", word=line[word])


def _people_problems(text: str, facts: Facts) -> Iterable[Problem]:
    """Yield problems with the speaker and the people addressed."""
    pack = rule_pack("people")
    personal = pack["personal_attributes"]
    refused = [pattern.replace("WORD", personal["ambiguous"]) for pattern in personal["of_people"]]
    refused += personal["attributes"] if compiled(personal["addressed"]).search(text) else []
    for pattern in refused:
        found = compiled(pattern).search(text)
        if found:  # even if the brief has the word: platforms refuse it
            yield Problem("personal_attribute", words=found.group(0).strip())
    for pattern in pack["before_after"]["patterns"]:
        if compiled(pattern).search(text):
            yield Problem("before_after")
    for found_text in _unbacked(pack["harm"]["patterns"], text, facts):
        yield Problem("unpleasant", words=found_text)
    for found_text in _unbacked(pack["speaker"]["patterns"], text, facts):
        yield Problem("other_speaker", words=found_text)


def _name_problems(text: str, facts: Facts) -> Iterable[Problem]:
    brand_words = [word for word in WORD.findall(facts.brand) if len(word) > 3]
    brief_words = {name.casefold() for name in facts.names}
    for word in WORD.findall(text):
        bare = re.sub(r"['’]s?$", "", word)
        is_new = bare.casefold() not in brief_words and not is_known_word(bare)
        if is_new and any(_is_misspelling(bare, name) and not is_known_word(name) for name in brand_words):
            yield Problem("brand_misspelt", word=bare)
            continue
        if stems_of(bare) <= facts.parts or bare.casefold() in brief_words:
            exact = [name for name in brand_words if name.casefold() == bare.casefold() and not is_known_word(name)]
            if exact and bare not in (exact[0], *facts.names):
                yield Problem("brand_spelling", word=bare, brand=exact[0])
            continue
        if not is_known_word(bare):
            yield Problem("unknown_word", word=bare)


_ENGLISH_RULES: tuple[Callable[[str, Facts], Iterable[Problem]], ...] = (
    _opener_problems,
    _hollow_problems,
    claim_problems,
    _reversal_problems,
    _people_problems,
    _name_problems,
)


def _unbacked(patterns: Iterable[str], text: str, facts: Facts, *, needs_context: bool = False) -> Iterable[str]:
    """Yield matches of the patterns in `text` that the brief does not contain, or only about something else."""
    for pattern in patterns:
        for found in compiled(pattern).finditer(text):
            whole = _whole_word(text, *found.span())  # "free" is part of "grain-free", which may be in the brief
            is_compound = whole != found.group(0) and _is_backed(whole, facts)
            is_backed = _is_backed(found.group(0), facts)
            if needs_context and is_backed and WORD.search(found.group(0)):
                is_backed = in_context(found.group(0), text, facts)
            if not is_compound and not is_backed:
                yield found.group(0)


def _is_backed(words: str, facts: Facts) -> bool:
    found = WORD.findall(words)
    if not found:  # a symbol, such as a currency's; its number is checked separately
        return words.strip() in f"{facts.product} {facts.headline} {facts.description}"
    return all(stem(word) in facts.stems for word in found)


def _words_after(openers: set[str], text: str) -> set[str]:
    """Return the stems of up to two content words that follow an opener within a phrase."""
    found: set[str] = set()
    for phrase in re.split(r"[.,;:!?–—]|\b(?:and|but|or)\b", text):
        words = [word for word in WORD.findall(phrase) if word.casefold() not in ("a", "an", "the", "your", "any", "more")]
        stems = [stem(word) for word in words]
        for place, form in enumerate(stems):
            if form in openers:
                found |= set(stems[place + 1 : place + 3])
    return found


def _words_beside(openers: set[str], text: str, brand: str) -> set[str]:
    """Return the stems of the brand's name, and of the words in the phrases of a text without any of the openers."""
    phrases = [{stem(word) for word in WORD.findall(phrase)} for phrase in re.split(r"[.,;:!?–—]", f"{text}. {brand}")]
    return {form for phrase in phrases if not phrase & openers for form in phrase}


def _whole_word(text: str, start: int, end: int) -> str:
    """Return the text at start..end, extended to the whole hyphenated word."""
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "-"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "-"):
        end += 1
    return text[start:end]


def in_context(words: str, text: str, facts: Facts) -> bool:
    """Return whether the last of `words` has a neighbour in `text` that it also has in the brief, or no neighbour."""
    wanted = stem((WORD.findall(words) or [words])[-1])
    pairs = [pair for pair in neighbours(text) if wanted in pair]
    return not pairs or any(pair in facts.pairs for pair in pairs)


def used_words(words: Iterable[str], text: str) -> list[str]:
    """Return the `words` (or phrases) that occur in `text` as whole words, ignoring case."""
    wanted = [word.strip() for word in words if word.strip()]
    return [word for word in wanted if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)]


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _stems(text: str) -> set[str]:
    return {stem(word) for word in WORD.findall(text)} - {"a", "an", "the"}


def _is_misspelling(word: str, name: str) -> bool:
    """Return whether `word` is one or two edits from `name` (Levenshtein distance, ignoring case)."""
    first, second = word.casefold(), name.casefold()
    if abs(len(first) - len(second)) > 2 or first == second:
        return False
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (letter != other))
    return row[-1] <= (1 if len(second) < 7 else 2)
