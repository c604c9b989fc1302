"""New lines from two others: the head of one and the tail of another, cut at corresponding places."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

CLAUSE_ENDS = ",:;.!?–—、。,:"
MAX_CHILDREN_TRIED = 60  # crossed lines that are asked about


def cross_lines(
    lines: Sequence[str],
    num_children: int,
    *,
    joints: Collection[str],
    rng: np.random.Generator,
    is_fit: Callable[[str], bool],
) -> tuple[str, ...]:
    """Return up to num_children new lines, each the head of one line and the tail of another.

    Cut and splice, at places that mean the same in both: at the end of a clause with the same mark, or behind two words that
    both have and after which no sentence ends ("a closer look at" | "your desk"). One shared word, or two of any kind, are not
    enough: of twenty lines crossed at "for", or behind "a warm lamp", hardly one was a sentence. A child may be shorter or
    longer than its parents.

    Args:
        lines: parents. joints: the words that cannot end a phrase, in lower case ("at", "with", "your").
        is_fit: asked of each child before it is used; a child that repeats a line is not asked about.
    Source:
        Goldberg, Korb & Deb 1989, "Messy genetic algorithms", cut and splice; that both are cut at corresponding places is the
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
    """Return whether the first i words of one line can go on like the second line behind its first j words."""
    ends = first[i - 1][-1], second[j - 1][-1]
    if any(end in CLAUSE_ENDS for end in ends):
        return ends[0] == ends[1]
    shared = [word.casefold() for word in first[max(i - 2, 0) : i]]
    is_question = ["?" in "".join(tail) for tail in (first[i:], second[j:])]
    return (
        len(shared) == 2 and shared[-1] in joints and is_question[0] == is_question[1]
        and shared == [word.casefold() for word in second[max(j - 2, 0) : j]]
    )  # fmt: skip
