"""The words that a very small model is held to when it describes a product: those of the record, and words that state nothing.

A small model is fluent but wanders; held to a vocabulary it stays on the subject. Words are token paths in a trie, so a word
of several tokens can only be finished. Knows token ids and words; does not know the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from adcreative.copywriter.rules import word_set

Encode = Callable[[str], list[int]]


class WordTrie:
    """Token paths of the allowed words; one walker per row. A node is a tuple of the token ids since the last word end."""

    def __init__(self, words: Iterable[str], marks: Iterable[str], encode: Encode, vocabulary_size: int) -> None:
        self._size = vocabulary_size
        self._next: dict[tuple[int, ...], set[int]] = {(): set()}
        self._ends: set[tuple[int, ...]] = set()
        repeatable = word_set("language", "function_words")
        self._repeatable = torch.zeros(vocabulary_size, dtype=torch.bool)
        for text in [f" {word}" for word in words] + list(marks):
            path = tuple(encode(text))
            self._add(path)
            word = text.strip()
            if word in repeatable or word[:1].isdigit() or not any(character.isalpha() for character in word):
                self._repeatable[list(path)] = True
            self._repeatable[list(path[1:])] = True  # inside a word: the end of one may be the end of another
        self._masks: dict[tuple[int, ...], Tensor] = {}

    def _add(self, path: tuple[int, ...]) -> None:
        for depth, token in enumerate(path):
            self._next.setdefault(path[:depth], set()).add(token)
        self._ends.add(path)

    def repeatable(self) -> Tensor:
        """Return [V] bool: tokens that a line may use again: function words, marks, numbers, and the insides of words."""
        return self._repeatable

    def step(self, node: tuple[int, ...], token: int) -> tuple[int, ...]:
        """Return the node after `token`; a token that continues no word starts the next one."""
        longer = (*node, token) if token in self._next.get(node, ()) else (token,)
        return () if longer in self._ends and longer not in self._next else longer

    def mask(self, node: tuple[int, ...]) -> Tensor:
        """Return [V] bool: the tokens that continue the word, and those of the next word when this one is finished."""
        if node not in self._masks:
            mask = torch.zeros(self._size, dtype=torch.bool)
            mask[list(self._next.get(node, ()))] = True
            if node == () or node in self._ends:
                mask[list(self._next[()])] = True
            self._masks[node] = mask
        return self._masks[node]

    def may_stop(self, node: tuple[int, ...]) -> bool:
        """Say whether a line may end here: not inside a word."""
        return node == () or node in self._ends
