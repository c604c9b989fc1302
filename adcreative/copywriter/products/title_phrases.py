"""Phrases that a title of search words holds: a thing, and the words before it that belong to it.

"1pc Bohemian Style Tote Bag Beach Bag Women Shoulder Bag" holds "tote bag" for a category of tote bags. English names end with
their noun, so that a phrase is read backwards from it. Knows words and the rules of titles; does not choose between phrases.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from adcreative.copywriter.brief import WORD
from adcreative.copywriter.products.title_noise import without_noise
from adcreative.copywriter.products.title_words import is_plain, thing, things
from adcreative.copywriter.rules import rule_pack, word_set

LEAST_NAME_WORDS, MOST_FIRST_WORDS, MOST_PART_WORDS, MANY_PARTS = 2, 7, 3, 2
_REPEATED, _MOST_RUN_WORDS = 3, 4


def whom_words() -> frozenset[str]:
    """Return the words for whom a thing is made, which name no thing."""
    return frozenset(rule_pack("product_meanings")["plurals"]) | {"other"}


def shared_phrase(parts: list[str], told: set[str], rules: dict[str, str]) -> str:
    """Return the first thing of a title that stands behind a word of its category: "large hair clips" under "Hair Claws"."""
    for words in (re.sub(rules["cut"], "", f"{without_noise(part, rules)} ", flags=re.IGNORECASE).split() for part in parts):
        stems = [thing(word) for word in words]
        for place, (first, second) in enumerate(pairwise(stems)):
            if first in told and second in things() and place + 2 == len(words):
                return " ".join(_reach_back(words[: place + 2], stems[: place + 2], things(), is_run=False))
    return ""


def repeated_phrase(title: str, nouns: set[str], rules: dict[str, str]) -> str:
    """Return the two words that a run of search words says three times or more, a thing last: "cake decoration"; else ""."""
    parts = [without_noise(part, rules).split() for part in re.split(rules["segment"], title)]
    words = [word for part in parts for word in (*part, ",")]
    if len(words) <= MOST_FIRST_WORDS + 1:
        return ""
    pairs = Counter((first.casefold(), thing(second)) for first, second in pairwise(words) if is_plain(first))
    for (first, noun), count in pairs.most_common():
        is_thing = noun in nouns | things() and first not in word_set("product_meanings", "stops") | loose_words()
        if count >= _REPEATED and is_thing:
            written = next(two for one, two in pairwise(words) if (one.casefold(), thing(two)) == (first, noun))
            return one_of(f"{first} {written}", title)
    return ""


def category_phrase(title: str, category: str, rules: dict[str, str]) -> str:
    """Return the last two words of a category where a run of search words says them too: "tote bag"; else ""."""
    words = without_noise(re.split(rules["segment"], title)[0], rules).split()
    wanted = [thing(word) for word in WORD.findall(category.split(" for ")[0])][-LEAST_NAME_WORDS:]
    if (
        len(words) <= MOST_FIRST_WORDS + 1
        or len(wanted) < LEAST_NAME_WORDS
        or wanted[0] in whom_words()
        or wanted[0].endswith("ing")
    ):
        return ""
    for place, two in enumerate(pairwise(words)):
        if [thing(word) for word in two] == wanted and place:
            return one_of(" ".join(two), title)
    return ""


def found_name(
    title: str, nouns: set[str], rules: dict[str, str], *, least: int = LEAST_NAME_WORDS, is_only: bool = False
) -> str:
    """Return a thing that a title of search words names: a noun of the category, else one of the rules', and words before it.

    What is before the noun is taken as far as it reads as one phrase: known words, one other thing at most, no "for"; `least`
    words in all. "" where the title names nothing that is known. is_only: a noun of the category and no other.
    """
    parts = [re.sub(r"\s+/\s*\S+", "", without_noise(part, rules)) for part in re.split(rules["segment"], title)]
    before = [re.sub(rules["cut"], "", f"{part} ", flags=re.IGNORECASE).split() for part in parts]
    before = [
        words for words in before if words and words[0].casefold() not in ("for", "with", "suitable", "perfect")
    ] or before
    for wanted in (nouns,) if is_only else (nouns, things()):
        for words in before if wanted is nouns else before[:MANY_PARTS]:
            kept = _first_thing(words, wanted, least, is_category=wanted is nouns)
            if len(kept) >= least:
                return one_of(" ".join(kept).strip(",.:;"), title)
    return ""


def _first_thing(words: list[str], wanted: set[str] | frozenset[str], least: int, *, is_category: bool) -> list[str]:
    """Return the first wanted noun of a part with the words before and behind it that belong to it, at least `least` words."""
    stems, known, stops = [thing(word) for word in words], things(), word_set("product_meanings", "stops")
    heads = {thing(word) for word in word_set("product_meanings", "heads")} if is_category else known
    puff = word_set("product_meanings", "puff") | word_set("product_meanings", "colours")
    for place, word in enumerate(words):
        if stems[place] not in wanted or word.casefold() in stops:
            continue
        end = place + 1
        while (
            end < len(words)
            and (stems[end] in heads or _ends_part(end, stems, known))
            and end - place < MOST_PART_WORDS
            and _goes_on(words[end - 1])
        ):
            end += 1
        rest = words[end:]
        if not is_category and 0 < len(rest) <= 2 and all(is_plain(one) and one.casefold() not in stops | puff for one in rest):
            end = len(words)  # an English name ends with its noun, and here the part ends soon
            stems = [*stems[:place], *(f"{one} " for one in stems[place:])]
        is_run = len(words) > MOST_FIRST_WORDS + 1 and end < len(words)
        kept = _reach_back(words[:end], stems[:end], known, is_run=is_run)
        if len(kept) >= least:
            return kept
    return []


def _ends_part(place: int, stems: list[str], known: frozenset[str]) -> bool:
    """Say whether a thing is the last word of its part, and so what the words before it are parts of: "bottle labels"."""
    return place + 1 == len(stems) and stems[place] in known


def _goes_on(word: str) -> bool:
    """Say whether a noun may be followed by another of the same name: not by one behind a comma, or behind a plural."""
    return word[-1].isalpha() and (not word.casefold().endswith("s") or word.casefold().endswith("ss"))


def _reach_back(words: list[str], stems: list[str], known: frozenset[str], *, is_run: bool) -> list[str]:
    """Return the last words of a part that read as one phrase; is_run: the part is a run of search words, and goes on."""
    start, others, most = len(words) - 1, 0, int(rule_pack("product_meanings")["title"]["most_words"])
    while start > 0 and len(words) - start < most:
        word = words[start - 1]
        others += stems[start - 1] in known
        is_joint = word in ("&", "and") and start > 1 and is_plain(words[start - 2])
        is_other = is_run and (word.casefold().endswith("s") or len(words) - start >= _MOST_RUN_WORDS)
        is_stop = (
            is_other  # in a run of search words a plural ends what stood before
            or (word.casefold() in word_set("product_meanings", "stops") and not is_joint)
            or "/" in word
            or word[-1] in ".,:;"
        )
        is_known = is_joint or is_plain(word) or stems[start - 1] in known
        if is_stop or others > 1 or not is_known or stems[start - 1] in stems[start:]:
            break
        start -= 1
    return without_puff(" ".join(words[start:])).split()


def without_puff(name: str) -> str:
    """Return a name without the words at its start that say nothing, whom it is for, or a colour, which are said elsewhere."""
    words, start = name.split(), 0
    drop = loose_words() | word_set("product_meanings", "puff") | word_set("product_meanings", "colours")
    while start < len(words) - 2 and (words[start].casefold() in drop or words[start] == "&"):
        if words[start].casefold() == "one" and words[start + 1].casefold().endswith("ed"):
            break  # "One Handed Keyboard"
        start += 1
    return " ".join(words[start:])


def one_of(name: str, title: str) -> str:
    """Return a name in the singular where its title says so too: "TV Stands For ..., Industrial TV Stand"."""
    last = name.rsplit(" ", 1)[-1]
    is_many = last.endswith("s") and not last.endswith("ss") and not re.search(r"(?i)\bset|\bpack|\d ?p(?:c|ie)", title)
    return name[:-1] if is_many and re.search(rf"\b{re.escape(last[:-1])}\b", title, re.IGNORECASE) else name


def loose_words() -> frozenset[str]:
    """Return the words that hang on others at the ends of a phrase."""
    return word_set("language", "dangling") | word_set("product_meanings", "loose")
