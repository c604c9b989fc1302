"""Vocabulary that a very small model is held to: general ad words, words of the brief's trade, and the brief's own.

A small model is fluent but wanders; held to a vocabulary it stays on the subject. Words are token paths in a trie, so a word
of several tokens can only be finished. Knows token ids and words; does not know the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch import Tensor

from adcreative.copywriter.brief import WORD, Facts, stem, stems_of
from adcreative.copywriter.lint.checks import in_context
from adcreative.copywriter.rules import english_words, rule_pack, word_set

Encode = Callable[[str], list[int]]
_MARKS = {"headline": ("?", " &", "'s"), "description": (" &", "'s")}
# a line that turns against its product starts with one of these
_NEGATIONS = frozenset(["no", "not", "nor", "but", "can't", "won't", "don't"])


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


def allowed_words(facts: Facts) -> list[str]:
    """Return the words for a brief, in a fixed order: general, of its fields, its own."""
    fields = rule_pack("vocabulary")["fields"]
    wanted = {stem(word) for word in word_set("vocabulary", "general")}
    if (name := field_of(facts)) is not None:
        wanted |= {stem(word) for word in fields[name]["words"].split()}
    never = word_set("vocabulary", "never") - {word.casefold() for word in facts.names}
    words = {word for form in wanted for word in _words_by_stem().get(form, ())}
    words |= word_set("language", "function_words") | {"that", "when", "can"}
    words -= never | _NEGATIONS | word_set("vocabulary", "speakers")
    return sorted(words) + sorted(facts.names - words)


def build_trie(facts: Facts, kind: str, encode: Encode, vocabulary_size: int) -> WordTrie:
    """Return the trie for one brief and kind of line; no comma and no full stop, after which small models drift."""
    return WordTrie(allowed_words(facts), _MARKS[kind], encode, vocabulary_size)


def borrowed_out_of_place(text: str, facts: Facts) -> str | None:
    """Return a word that `text` has from the brief's sentences alone and puts beside other words than the brief does, or None.

    "Gentle on skin and on the river" is no river cruise: a small model takes such words for the subject.
    """
    at_home = _subject_stems(field_of(facts)) | {
        part for word in WORD.findall(f"{facts.brand} {facts.product}") for part in stems_of(word)
    }
    for word in WORD.findall(text):
        if not stems_of(word) & at_home and not in_context(word, text, facts):
            return str(word)
    return None


@cache
def _subject_stems(field: str | None) -> frozenset[str]:
    words = word_set("vocabulary", "general") | word_set("language", "function_words")
    if field is not None:
        words |= frozenset(rule_pack("vocabulary")["fields"][field]["words"].split())
    return frozenset(stem(word) for word in words)


def field_of(facts: Facts) -> str | None:
    """Return the field of vocabulary.yaml that the brief belongs to: by its product, else its headline, else the rest."""
    fields = rule_pack("vocabulary")["fields"]
    for text in (facts.product, facts.headline, facts.description, facts.brand):
        stems = {part for word in WORD.findall(text) for part in stems_of(word)}
        for name, field in fields.items():
            if any(stem(word) in stems for word in field["triggers"].split()):
                return str(name)
    return None


@cache
def _words_by_stem() -> dict[str, tuple[str, ...]]:
    """Map each stem of the vocabulary pack to the English words with that stem."""
    pack = rule_pack("vocabulary")
    listed = set(pack["general"].split())
    for field in pack["fields"].values():
        listed |= set(field["words"].split())
    groups: dict[str, set[str]] = {stem(word): {word} for word in listed}
    for word in listed:
        groups[stem(word)].add(word)
    for word in english_words():
        if (form := stem(word)) in groups and _is_inflection(word, groups[form] & listed):
            groups[form].add(word)
    return {form: tuple(sorted(words)) for form, words in groups.items()}


def _is_inflection(word: str, listed: set[str]) -> bool:
    """Say whether `word` is a listed word with -s or -ing ("runs", "running" of "run"; not "butt" of "butter")."""
    for base in listed:
        root = base.removesuffix("e")
        for ending in ("s", "es", "ing"):
            if word in (base + ending, root + ending, base + base[-1] + ending):
                return True
        if base.endswith("y") and word == base[:-1] + "ies":
            return True
    return False
