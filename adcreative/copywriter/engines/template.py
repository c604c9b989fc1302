"""Lines without a language model: the ad's own phrases recombined: shortened, as a question, reordered, the proof first.

All statements about the product are cut out of the ad, so a line claims nothing new; patterns add only a few function words
(rules/phrases.yaml). English has patterns by kind of phrase; in other languages only the ad's own words and punctuation are
used.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest
from string import Formatter

import numpy as np

from adcreative.copywriter.brief import WORD, Brief, Facts, expect_of, read_facts, stem
from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.ad_parts import (
    AdParts,
    Part,
    is_participle,
    lower_first,
    names_subject,
    noun_of,
    read_part,
    read_parts,
    usable_product,
)
from adcreative.copywriter.engines.ad_phrases import is_plural, with_article
from adcreative.copywriter.lint.checks import KINDS, is_near_duplicate
from adcreative.copywriter.lint.substance import is_about_subject, is_offer, is_proof, keeps_promise
from adcreative.copywriter.rules import rule_pack, word_set

_MOST_PER_LINE = 5  # proposed lines per wanted line, since the linter drops some
# French puts a space before these marks, which our lines may not have; Spanish questions also start with a mark
_FOREIGN_MARKS = {"fr": "[:?]", "es": r"\?", "ar": r"\?", "fa": r"\?", "ja": "[?]", "zh": "[?]"}
_COMPOUND_LETTERS = 4  # letters of a word that ends a compound
_LEAST_LONE_WORDS = 3  # words of a headline's part that can be a line by itself; "Irons flat" is half a line
_MOST_BRAND_WORDS = 6  # words of a phrase that reads well before "with Brand"
_NEEDS = {
    "infinitive",
    "with_brand",
    "at_brand",
    "no_article",
    "article",
    "sought",
    "own_product",
    "telling",
    "alone",
    "few_words",
    "answered",
    "unrated",
}
Ranked = tuple[int, str]  # rank of the pattern within its kind, and the line
_OTHER_SENTENCE = Part("", "thing", is_offer=False, is_proof=False, refers_back=False)


class TemplateSource:
    """A LineSource that recombines the ad's own phrases."""

    engine = "template"

    def propose(
        self, brief: Brief, kind: str, num_lines: int, *, seed: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return different lines, cycling through the kinds of change; several times as many as wanted, for the linter.

        If the brief has evidence from the account, lines with a higher expected effect come first.

        A brief without usable content (no headline, no description, no product) gets no line.
        """
        facts = read_facts(brief)
        words = "\n".join((facts.brand, facts.product, facts.headline, facts.description))
        digest = hashlib.sha256(words.encode("utf-8", "replace")).digest()
        rng = np.random.default_rng([seed % 2**32, KINDS.index(kind), int.from_bytes(digest[:4], "big")])
        parts, product = read_parts(facts), usable_product(facts)
        groups = _headlines(facts, parts, product) if kind == "headline" else _descriptions(facts, parts, product)
        drawn = [
            [line for (_, line), _ in sorted(zip(group, rng.random(len(group)), strict=True), key=_first_drawn)]
            for group in groups
        ]
        turns = [line for turn in zip_longest(*drawn) for line in turn if line is not None]
        turns.sort(key=lambda line: -expect_of(line, brief))
        lines: list[str] = []
        for line in dict.fromkeys(turns):
            if len(lines) >= _MOST_PER_LINE * num_lines or (should_stop is not None and should_stop()):
                break
            if not is_near_duplicate(line, lines, threshold=0.999):
                lines.append(line)
        return lines


def _headlines(facts: Facts, parts: AdParts, product: str) -> list[list[Ranked]]:
    """Return lines to replace the headline, grouped by the kind of change; lines with a proof or an offer come first."""
    pack, words = rule_pack("phrases"), _Words(facts, product)
    rest = [part for part in parts.rest if part.kind != "pain"]  # without its opening a problem reads as an offer
    telling = [part for part in rest if part.is_offer or part.is_proof]
    others = [part for part in rest if part not in telling]
    olds = [old for old in parts.headline if not old.refers_back or len(parts.headline) == 1]  # "That's on us"
    groups = [
        [(0, line) for line in _proof_first(parts.headline, facts)],
        [line for old in olds for new in telling for line in words.fill(pack["joined"][old.kind], old, new)],
        [line for old in olds for line in words.fill(pack["headline"][old.kind], old, None)],
        [
            (place, line)
            for new in rest
            for place, line in words.fill(pack["alone"][new.kind], None, new)
            if keeps_promise(line, facts)
        ],
        [(0, line) for line in _offer_of(parts.headline, words)],
        [line for old in olds for new in others for line in words.fill(pack["joined"][old.kind], old, new)],
        [
            (0, old.text)
            for old in parts.headline
            if not old.refers_back and old.kind != "pain" and (not old.is_plain or len(parts.headline) > 1)
            if old.num_words >= _LEAST_LONE_WORDS
        ],
    ]
    groups = [[one for one in group if names_subject(one[1], facts)] for group in groups]
    bare = pack["nothing"]["english" if facts.is_english else "other"]
    return groups if any(groups) else [[one for one in words.fill(bare, None, None) if keeps_promise(one[1], facts)]]


def _offer_of(headline: Sequence[Part], words: _Words) -> Iterator[str]:
    """Yield the product with the offer or proof of a headline of several sentences: "Boots: always free delivery"."""
    for new in headline if len(headline) > 1 else ():
        if (new.is_offer or new.is_proof) and not new.refers_back:
            yield from (line for _, line in words.fill(["{P}: {d}"], None, new))


def _proof_first(headline: Sequence[Part], facts: Facts) -> Iterator[str]:
    """Yield a headline of two halves around a comma with the half that is an offer or a proof first."""
    for old in headline:
        head, comma, tail = old.text.partition(", ")
        telling = [is_offer(half, facts.is_english) or is_proof(half, facts.is_english) for half in (head, tail)]
        if comma and ", " not in tail and telling == [False, True] and not old.refers_back:
            yield f"{tail[:1].upper()}{tail[1:]}: {lower_first(head, facts)}"


def _descriptions(facts: Facts, parts: AdParts, product: str) -> list[list[Ranked]]:
    """Return lines to replace the description, grouped by the kind of change; none repeats the headline."""
    pack, words = rule_pack("phrases"), _Words(facts, product)
    if not parts.sentences:
        return []
    slots = _sentence_slots(parts.sentences, facts)
    bodies = list(words.fill(pack["body"]["english" if facts.is_english else "other"], None, _OTHER_SENTENCE, slots))
    return [bodies, [(place, line) for place, line in enumerate(_shortened(parts.sentences, facts))]]


def _shortened(sentences: Sequence[str], facts: Facts) -> Iterator[str]:
    """Yield the description without one sentence that has no offer or proof: a new headline says it instead."""
    ended = [_ended(text) for text in sentences]
    for place, one in enumerate(ended):
        rest = ended[:place] + ended[place + 1 :]
        is_telling = is_offer(one, facts.is_english) or is_proof(one, facts.is_english)
        if rest and not is_telling and not any(_refers_back(other, facts) for other in rest):
            yield " ".join(rest)


def _ended(sentence: str) -> str:
    sentence = sentence[:1].upper() + sentence[1:]
    return sentence if sentence[-1] in ".!?。！？؟" else f"{sentence}."


def _sentence_slots(sentences: Sequence[str], facts: Facts) -> dict[str, str]:
    """Return {S}: all sentences, {s}: lower-case start, {R}: offer or proof first, {T}: without the others."""
    ended = [_ended(text) for text in sentences]
    telling = [one for one in ended if is_offer(one, facts.is_english) or is_proof(one, facts.is_english)]
    rest = [one for one in ended if one not in telling]
    whole = " ".join(ended)
    turned = " ".join([*telling, *rest]) if telling else " ".join([*ended[1:], ended[0]])
    shorter = " ".join(telling or ended[:1]) if len(ended) > 1 else ""
    refers_back = [_refers_back(one, facts) for one in ended]
    return {
        "S": whole,
        "s": lower_first(whole, facts),
        "R": turned if turned != whole and not any(refers_back) else "",
        "T": shorter if not any(refers_back) else "",
    }


def _refers_back(sentence: str, facts: Facts) -> bool:
    return read_part(sentence, facts).refers_back


def _first_drawn(found: tuple[Ranked, float]) -> tuple[int, float]:
    """Sort key: the rank of the pattern, then the random draw."""
    return found[0][0], found[1]


class _Words:
    """Fills patterns with the phrases of one ad; a pattern that would not read well yields nothing."""

    def __init__(self, facts: Facts, product: str) -> None:
        self._facts, self._product = facts, product
        self._head = {stem(word) for word in WORD.findall(product)[-1:]}

    def fill(
        self, patterns: Sequence[str], old: Part | None, new: Part | None, more: dict[str, str] | None = None
    ) -> Iterator[Ranked]:
        """Yield the rank of each pattern and its text with a phrase of the old line (H) and another phrase of the ad (D)."""
        values = self._values(old, new) | (more or {})
        for place, (pattern, needs) in enumerate(map(_read_pattern, patterns)):
            if re.search(_FOREIGN_MARKS.get(self._facts.language, "$^"), pattern):
                continue
            names = _slot_names(pattern)
            if all(values.get(name) for name in names) and self._reads_well(needs, names, old, new, values):
                filled = re.sub(r"([?!.。？！])\.", r"\1", pattern.format_map(values))
                filled = filled.replace(". ", "。").replace("。 ", "。") if self._facts.language in ("ja", "zh") else filled
                is_name = bool(self._facts.brand) and filled.startswith(self._facts.brand)
                yield place, filled if is_name else filled[:1].upper() + filled[1:]

    def _values(self, old: Part | None, new: Part | None) -> dict[str, str]:
        facts, product = self._facts, self._product
        values = {"B": facts.brand, "P": product[:1].upper() + product[1:], "p": product}
        values["a_p"] = with_article(product) if product and facts.is_english else product
        values["A_P"] = values["a_p"][:1].upper() + values["a_p"][1:]
        for name, part in (("h", old), ("d", new)):
            if part is not None:
                values[name.upper()], values[name] = part.text[:1].upper() + part.text[1:], lower_first(part.text, facts)
        values["n"] = (old.title if old is not None else "") or values.get("h", "")
        return values

    def _reads_well(
        self, needs: frozenset[str], names: tuple[str, ...], old: Part | None, new: Part | None, values: dict[str, str]
    ) -> bool:
        if old is not None and not self._old_reads_well(needs, old):
            return False
        if new is not None and {"D", "d"} & set(names) and not self._new_reads_well(needs, names, new):
            return False
        if "answered" in needs and new is not None and new.text.partition(" ")[0].casefold() in word_set("phrases", "terms"):
            return False  # "Bike stolen? Cancel any time"
        is_named = self._facts.brand.casefold() in (values.get("S", "") + (old.text if old else "")).casefold()
        if "B" in names and self._facts.brand and is_named:
            return False
        return not {"P", "p", "A_P", "a_p"} & set(names) or self._product_reads_well(needs, old, new)

    def _old_reads_well(self, needs: frozenset[str], old: Part) -> bool:
        words = old.text.casefold().replace("’", "'").split()
        is_short = len(words) <= _MOST_BRAND_WORDS and not {"with", "without", "from", "at", "not"} & set(words)
        second = words[1] if len(words) > 1 else ""
        is_at = words[0] in word_set("phrases", "at_brand") and not is_participle(second)  # "get paid" with a brand
        has_article = words[0] in ("a", "an", "the")
        is_own = bool({"i", "i've", "i'm", "my", "worst"} & set(words))  # a personal story, not a wish of many readers
        holds = {
            "infinitive": not old.is_proof and words[0] not in word_set("phrases", "without_how_to"),
            "with_brand": is_short and not is_at,
            "at_brand": is_short and is_at,
            "no_article": not has_article and words[0] not in ("my", "your", "our", "this", "that", "these", "those"),
            "article": has_article and not old.is_offer,
            "sought": (has_article or self._is_many(old)) and not words[0][:1].isdigit() and not is_own,
            "own_product": is_short and self._is_the_product(old) and not old.is_offer,
        }
        return all(holds[one] for one in needs & holds.keys())

    def _is_the_product(self, old: Part) -> bool:
        """Return whether a phrase is about the product itself: the product's noun is its noun, not a modifier."""
        return stem(noun_of(old.text)) in self._head

    def _is_many(self, old: Part) -> bool:
        """Return whether a phrase without an article is about the product, in the plural or uncountable."""
        noun = noun_of(old.text).casefold()
        return self._is_the_product(old) and (is_plural(noun) or noun in word_set("grammar", "mass_nouns"))

    def _new_reads_well(self, needs: frozenset[str], names: tuple[str, ...], new: Part) -> bool:
        place = names.index("D" if "D" in names else "d")
        if new.refers_back:
            return place > 0 and names[0] != "B" and (names[0] in ("H", "h") or self._agrees(new))
        if "telling" in needs:
            return new.is_offer or new.is_proof
        if "alone" in needs:
            return is_about_subject(new.text, self._facts)
        if new.kind == "question":
            return False
        return not ("few_words" in needs and new.num_words > _MOST_BRAND_WORDS)

    def _agrees(self, new: Part) -> bool:
        """Return whether "it" or "them" in a phrase may mean the product."""
        words = {word.casefold() for word in WORD.findall(new.text)}
        is_many = is_plural(self._product.split()[-1]) if self._product else False
        speaks_of_many = bool(words & word_set("phrases", "plural_leaning"))
        return self._facts.is_english and is_many == speaks_of_many and bool(words & {"it", "them", "they", "its", "their"})

    def _product_reads_well(self, needs: frozenset[str], old: Part | None, new: Part | None) -> bool:
        said = {stem(word) for part in (old, new) if part is not None for word in WORD.findall(part.text)}
        if self._head & said or any(
            head.endswith(word) for head in self._head for word in said if len(word) >= _COMPOUND_LETTERS
        ):
            return False  # "Berghütten: 200 Hütten" says one thing twice
        if new is not None and "unrated" in needs:
            return new.text.split()[0].casefold() not in ("rated", "trusted", "loved", "recommended")
        return True


@cache
def _read_pattern(written: str) -> tuple[str, frozenset[str]]:
    """Return a pattern and its requirements, from the notation "Meet {h} [article]"."""
    pattern, _, needs = written.removesuffix("]").partition(" [")
    unknown = set(filter(None, needs.split(", "))) - _NEEDS
    if unknown:
        raise ValueError(f'the pattern "{pattern}" of phrases.yaml needs "{min(unknown)}"; known: {", ".join(sorted(_NEEDS))}')
    return pattern, frozenset(filter(None, needs.split(", ")))


@cache
def _slot_names(pattern: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(pattern) if name)
