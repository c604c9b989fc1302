"""Parts that descriptions in every language are made of: the shop's own sentences and lists, and joining them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from adcreative.copywriter.products.product import ProductFacts, content, tokenize
from adcreative.copywriter.rules import rule_pack

_MOSTLY = 0.65  # of the words of a name, in a sentence that names the product
_SAME_START = 2  # words with which a name and a sentence both begin
_BOUND = re.compile(r"(?:It|They|Its|Their|This|These|Il|Elle|Sa|Son|Ses|Sein|Seine|Er|Sie|Su|Sus|Seu|Sua)\b")


def join_that_fit(sentences: Iterable[str], max_chars: int) -> str:
    """Join sentences with spaces, leaving out those that no longer fit."""
    text = ""
    for sentence in sentences:
        longer = f"{text} {re.sub(r'[.]{2}$', '.', sentence)}".strip()  # a brand may end with a full stop of its own
        if len(longer) <= max_chars:
            text = longer
    return text


def says_again(opening: str, sentence: str, product: ProductFacts) -> bool:
    """Say whether a sentence of the shop's own has what the opening says, the brand too, or begins as the name does.

    Then no other sentence need open.
    """
    if _BOUND.match(sentence):
        return False
    if sentence.casefold().split()[:_SAME_START] == product.parts.name.casefold().split()[:_SAME_START]:
        return True
    brand = set(tokenize(product.brand))
    said = set(content(tokenize(opening))) - brand - {"come"}
    told, name = set(tokenize(sentence)), content(tokenize(product.parts.name))
    is_named = bool(name) and brand <= told and name[-1] in told and 2 * len(told & set(name)) >= len(set(name))
    return len(said) > 1 and is_named and len(said & told) >= _MOSTLY * len(said)


def says_what_it_is(text: str, product: ProductFacts) -> bool:
    """Say whether a text has the noun of the product's name, or half of the name's words.

    Sentences of the shop's that stand alone may tell of a picture, of a material or of a rival, and name nothing. English names
    end with their noun, others begin or end with it.
    """
    if product.is_english and text.startswith(("It ", "They ")):
        return False
    said, name = set(tokenize(text)), [one for one in content(tokenize(product.parts.name)) if not one[:1].isdigit()]
    nouns = set(name[-1:] if product.is_english else [*name[:1], *name[-1:]])
    return not name or bool(nouns & said) or 2 * sum(one in said for one in name) >= len(name)


def own_items(product: ProductFacts) -> list[str]:
    """Return the lines of the shop's list as one sentence, behind a word of the record's language."""
    if not product.items:
        return []
    mark = ";" if any("," in one for one in product.items) else ","
    return [f"{rule_pack('shop_text')['details'][product.facts.language]}: {f'{mark} '.join(product.items)}."]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
