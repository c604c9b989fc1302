"""Derive lines from lines: crossed lines, headline and description swapped, a description shortened for a headline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from adcreative.copywriter.brief import Brief, read_facts
from adcreative.copywriter.engines.ad_parts import swap_lines, without_said
from adcreative.copywriter.lint.checks import check_copy, writing_problems
from adcreative.copywriter.lint.pairs import pair_problems
from adcreative.copywriter.lint.problem import DROPS
from adcreative.copywriter.rules import word_set

CLAUSE_ENDS = ",:;.!?–—、。,:"
MAX_CHILDREN_TRIED = 60  # crossed lines to check
# problems of swapped lines: the other line has the dropped content, and had this line's words
SWAPPED = DROPS | {"repeats_original"}


def vary_lines(
    headlines: Sequence[str], descriptions: Sequence[str], brief: Brief, *, num_crossed: int, seed: int, kinds: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the given headlines and descriptions, followed by lines derived from them and from the ad's own lines.

    Args:
        num_crossed: number of crossed lines of each kind. kinds: "headline", "description": the kinds of wanted lines.
    """
    heads = (*headlines, *_cross(headlines, "headline", brief, num_crossed, seed))
    room = make_room(heads, brief) if "description" in kinds else ()
    swaps = swap(brief) if {"headline", "description"} <= set(kinds) else []
    below = (*descriptions, *_cross(descriptions, "description", brief, num_crossed, seed), *room, *(one for _, one in swaps))
    return (*heads, *(head for head, _ in swaps)), below


def find_unfit(headlines: Sequence[str], descriptions: Sequence[str], brief: Brief) -> frozenset[tuple[str, str]]:
    """Return the pairs of lines that may not be in one ad (`copywriter.lint.pairs`)."""
    facts = read_facts(brief)
    own = (headlines[0], descriptions[0])
    pairs = [(head, below) for head in headlines for below in descriptions if (head, below) != own]
    return frozenset(pair for pair in pairs if pair_problems(*pair, facts))


def make_room(headlines: Sequence[str], brief: Brief) -> tuple[str, ...]:
    """Return the ad's description without the content of a new headline, for each headline that repeats some of it."""
    facts, found = read_facts(brief), []
    for headline in headlines:
        shorter = without_said(facts, headline)
        # the headline has the content that the description drops
        is_clean = bool(shorter) and all(one.code in DROPS for one in check_copy(shorter, brief, "description"))
        is_clean = is_clean and keeps_disclaimers(shorter, [facts.description], brief.disclaimers)
        if is_clean and not pair_problems(headline, shorter, facts):
            found.append(shorter)
    return tuple(dict.fromkeys(found))


def swap(brief: Brief) -> list[tuple[str, str]]:
    """Return pairs of lines with the ad's full content and a sentence of its description as headline (`swap_lines`)."""
    facts, found = read_facts(brief), []
    for head, below in swap_lines(facts):
        faults = [one for one in check_copy(head, brief, "headline") if one.code not in SWAPPED]
        may_run = not check_copy(below, brief, "description", is_new=False)
        may_run = may_run and not any(writing_problems(below, facts, "description"))
        may_run = may_run and keeps_disclaimers(below, [facts.description], brief.disclaimers)
        if not faults and may_run and not pair_problems(head, below, facts):
            found.append((head, below))
    return found


def _cross(lines: Sequence[str], kind: str, brief: Brief, num: int, seed: int) -> tuple[str, ...]:
    """Return crossed lines that pass the linter and keep every disclaimer."""
    return cross_lines(
        lines,
        num,
        joints=word_set("language", "dangling"),
        rng=np.random.default_rng(seed),
        is_fit=lambda line: not check_copy(line, brief, kind) and keeps_disclaimers(line, lines, brief.disclaimers),
    )


def keeps_disclaimers(line: str, others: Sequence[str], disclaimers: Sequence[str]) -> bool:
    """Return whether a line has every disclaimer of the others, word for word."""
    return all(one in line for one in disclaimers if any(one in other for other in others))


def cross_lines(
    lines: Sequence[str], num_children: int, *, joints: Collection[str], rng: np.random.Generator, is_fit: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return up to num_children new lines, each the head of one line and the tail of another.

    Cut and splice, at corresponding places: at the end of a clause with the same mark, or after two words in both lines that
    cannot end a sentence ("a closer look at" | "your desk"). One shared word, or two arbitrary words, are not enough: of twenty
    lines crossed at "for", or after "a warm lamp", hardly one was a sentence. A child may be shorter or longer than its
    parents.

    Args:
        lines: parents. joints: words that cannot end a phrase, in lower case ("at", "with", "your"). is_fit: called for each
            child before use; not for a child that repeats a line.
    Source:
        Goldberg, Korb & Deb 1989, "Messy genetic algorithms", cut and splice; cutting both at corresponding places is the
            homologous crossover of Langdon 2000.
    """
    known = {" ".join(line.split()).casefold() for line in lines}
    tokens = [line.split() for line in lines]
    children = [
        " ".join([*first[: i + 1], *second[j + 1 :]])
        for a, first in enumerate(tokens)
        for b, second in enumerate(tokens)
        if a != b
        for i in range(len(first) - 1)
        for j in range(len(second) - 1)
        if _can_go_on(first, i + 1, second, j + 1, joints)
    ]
    found: list[str] = []
    for idx in rng.permutation(len(children))[:MAX_CHILDREN_TRIED]:
        if len(found) == num_children:
            break
        child = children[idx]
        if child.casefold() not in known and is_fit(child):
            known.add(child.casefold())
            found.append(child)
    return tuple(found)


def _can_go_on(first: Sequence[str], i: int, second: Sequence[str], j: int, joints: Collection[str]) -> bool:
    """Return whether the first i words of one line can continue like the second line after its first j words."""
    ends = first[i - 1][-1], second[j - 1][-1]
    if any(end in CLAUSE_ENDS for end in ends):
        return ends[0] == ends[1]
    shared = [word.casefold() for word in first[max(i - 2, 0) : i]]
    is_question = ["?" in "".join(tail) for tail in (first[i:], second[j:])]
    return (
        len(shared) == 2
        and shared[-1] in joints
        and is_question[0] == is_question[1]
        and shared == [word.casefold() for word in second[max(j - 2, 0) : j]]
    )
