"""Check a headline and its description together: no repetition, and no lost offer or proof of the ad.

A run of words in a phrase of both is a repetition if it is long (LONG_RUN words), or is the whole content of one of the
phrases; a product's name inside two longer phrases is not. Content that a headline took over, including an offer, may be
dropped from the description.
"""

from __future__ import annotations

import re

from adcreative.copywriter.brief import Facts
from adcreative.copywriter.lint.substance import lost_problems
from adcreative.copywriter.rules import word_set
from adcreative.problem import Problem

LONG_RUN = 4  # words, or as many pairs of characters in a script without spaces
SHORT_RUN = 2  # if the run is the whole of both phrases
WHOLE_RUN = 3  # if the run is the whole of one of the phrases
_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*")
_PHRASE_END = re.compile(r"[.!?:;|,](?=\s|$)|\s[–—|-]\s|[。！？؟،؛、，：；]")
Run = tuple[str, ...]


def repeats(headline: str, description: str) -> frozenset[Run]:
    """Return the runs of words that a headline and its description both have; empty without a repetition."""
    found: set[Run] = set()
    phrases = [[tokens for part in _PHRASE_END.split(text) if (tokens := _tokens(part))] for text in (headline, description)]
    for above in phrases[0]:
        for below in phrases[1]:
            run = _longest_common(above, below)
            if run and _is_repeat(run, above, below):
                found.add(run)
    return frozenset(found)


def says_twice(headline: str, description: str, own: frozenset[Run] = frozenset()) -> bool:
    """Return whether headline and description repeat each other beyond `own`, the repetitions of the original ad."""
    return any(not any(_holds(one, run) for one in own) for run in repeats(headline, description))


def pair_problems(headline: str, description: str, facts: Facts) -> tuple[Problem, ...]:
    """Return the problems of two lines together, each correct by itself."""
    problems = list(lost_problems(f"{headline} | {description}", f"{facts.headline} | {facts.description}", facts))
    if says_twice(headline, description, repeats(facts.headline, facts.description)):
        problems.append(Problem("said_by_both"))
    return tuple(problems)


def _is_repeat(run: Run, above: Run, below: Run) -> bool:
    is_dense = len("".join(run)) == len(run) and not run[0].isascii()  # one character per token
    words = [one for one in run if one not in word_set("language", "function_words")]
    if len(words) < SHORT_RUN:
        return False
    if is_dense:
        return len(run) >= 2 * LONG_RUN or (run in (above, below) and len(run) >= 2 * SHORT_RUN)
    return len(run) >= LONG_RUN or run == above == below or (len(run) >= WHOLE_RUN and run in (above, below))


def says_a_phrase_twice(text: str) -> bool:
    """Return whether two phrases of one text are the same words."""
    phrases = [tokens for part in _PHRASE_END.split(text) if len(tokens := _tokens(part)) >= SHORT_RUN]
    return len(set(phrases)) < len(phrases)


def _tokens(phrase: str) -> Run:
    """Return the words and numbers of a phrase in lower case; single characters in a script without spaces."""
    tokens: list[str] = []
    for word in _TOKEN.findall(phrase.casefold().replace("’", "'")):
        tokens += list(word) if re.search(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]", word) else [word]
    return tuple(tokens)


def _longest_common(first: Run, second: Run) -> Run:
    """Return the longest run of words in both phrases, the first of several."""
    best: Run = ()
    lengths = [0] * (len(second) + 1)
    for i, word in enumerate(first, start=1):
        row = [0] * (len(second) + 1)
        for j, other in enumerate(second, start=1):
            row[j] = lengths[j - 1] + 1 if word == other else 0
            if row[j] > len(best):
                best = first[i - row[j] : i]
        lengths = row
    return best


def _holds(longer: Run, run: Run) -> bool:
    return any(longer[place : place + len(run)] == run for place in range(len(longer) - len(run) + 1))
