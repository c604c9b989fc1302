"""Write sentences from attributes without a language model: the template engine, also used to add attributes a model left out.

Each attribute becomes one predicate ("is made of cork"); two share a sentence. Nothing is said that the record does not say. In
other languages than English only the record's own words and punctuation are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.ad_phrases import is_plural, with_article
from adcreative.copywriter.products.product import Attribute, ProductFacts, flag_of, tokenize
from adcreative.copywriter.rules import rule_pack, word_set


class TemplateDescriptions:
    """A DescriptionSource over rules/products.yaml."""

    engine = "template"

    def propose(
        self, product: ProductFacts, num: int, *, seed: int, max_chars: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return up to `num` different descriptions: other openings, other orders of the attributes."""
        rng = draw_rng(product, seed)
        texts: dict[str, None] = {}
        for _ in range(3 * num):
            if len(texts) >= num or (should_stop is not None and should_stop()):
                break
            texts[self._write(product, max_chars, rng)] = None
        return list(texts)

    def _write(self, product: ProductFacts, max_chars: int, rng: np.random.Generator) -> str:
        if not product.is_english:
            return other_language(product, product.attributes, max_chars)
        attributes = [product.attributes[place] for place in rng.permutation(len(product.attributes))]
        plain = [one for one in attributes if _predicate(one, is_many=False) is not None]
        if not plain:
            return join_that_fit([f"{_capital(_with_name(product))}.", *sentences_for(attributes, product)], max_chars)
        first = plain[0]
        is_many = is_plural(product.title.split()[-1])
        openings = rule_pack("products")["many_openings" if is_many else "openings"]
        opening = openings[rng.integers(len(openings))]
        sentence = opening.format(name=product.name, first=_predicate(first, is_many=is_many)) + "."
        return join_that_fit([sentence, *sentences_for([one for one in attributes if one != first], product)], max_chars)


def sentences_for(attributes: Sequence[Attribute], product: ProductFacts) -> list[str]:
    """Return sentences that say the attributes and nothing else; what has a predicate goes two to a sentence."""
    if not product.is_english:
        return [f"{name}: {value}" for name, value in attributes]
    is_many = is_plural((product.title.split() or [""])[-1])
    subject = "They" if is_many else "It"
    predicates = [said for one in attributes if (said := _predicate(one, is_many=is_many)) is not None]
    sentences = [f"{subject} {_both(predicates[at : at + 2])}." for at in range(0, len(predicates), 2)]
    return sentences + [_fragment(one) for one in attributes if _predicate(one, is_many=is_many) is None]


def join_that_fit(sentences: Iterable[str], max_chars: int) -> str:
    """Join sentences with spaces, leaving out those that no longer fit."""
    text = ""
    for sentence in sentences:
        longer = f"{text} {sentence}".strip()
        if len(longer) <= max_chars:
            text = longer
    return text


def other_language(product: ProductFacts, attributes: Sequence[Attribute], max_chars: int) -> str:
    """Return the record's own words with neutral punctuation: no grammar of ours fits every language."""
    text = " – ".join(part for part in (product.title, product.brand) if part)
    for name, value in attributes:
        flag = flag_of(value)
        part = name if flag else f"{name}: {value}"
        if len(f"{text} · {part}") <= max_chars:
            text = f"{text} · {part}"
    return text


def draw_rng(product: ProductFacts, seed: int) -> np.random.Generator:
    """Return the generator of one product and seed, the same in every process."""
    digest = hashlib.sha256(repr((product.name, product.attributes)).encode("utf-8", "replace")).digest()
    return np.random.default_rng([seed % 2**32, int.from_bytes(digest[:4], "big")])


def _predicate(attribute: Attribute, *, is_many: bool) -> str | None:
    name, value = attribute
    if flag_of(value) is not None:
        return None
    tokens = set(tokenize(name))
    for pattern in rule_pack("products")["predicates"]:
        if set(tokenize(pattern["name"])) == tokens:
            return str(pattern["many" if is_many else "one"]).format(value=value)
    if set(tokenize(name)) <= set(tokenize(value)):  # lid: bamboo screw lid
        said = value if value[:1].isdigit() else with_article(value)
        return f"{'have' if is_many else 'has'} {said}"
    return None


def _both(predicates: Sequence[str]) -> str:
    """Join with "and", the verb once: "has a lid and a strap"."""
    verb = f"{predicates[0].split()[0]} "
    rest = [said.removeprefix(verb) if verb in ("has ", "have ") else said for said in predicates[1:]]
    return " and ".join([predicates[0], *rest])


def _fragment(attribute: Attribute) -> str:
    name, value = attribute
    flag = flag_of(value)
    if flag is None:
        return f"{_capital(name)}: {value}."
    if flag:
        return f"{_capital(name)}."
    return f"{'Not' if is_adjective(name) else 'No'} {name}."


def is_adjective(name: str) -> bool:
    """Say whether a product is said to be `name` ("dishwasher safe") rather than to have it ("laptop pocket")."""
    return name.casefold().endswith(tuple(word_set("products", "no_adjective")))


def _with_name(product: ProductFacts) -> str:
    return f"{with_article(product.title)} from {product.brand}" if product.brand else with_article(product.title)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
