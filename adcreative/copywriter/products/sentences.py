"""Write sentences from attributes without a language model: the template engine, also used to add attributes a model left out.

One to three sentences: what it is, made of and in which colour; what it has and is; what it measures, holds, and how it is
cared for. Nothing is said that the record does not say, nothing twice, and what has no meaning for a reader is left out
(`meanings`). Records in other languages are told by `other_languages`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from adcreative.copywriter.candidates import ShouldStop
from adcreative.copywriter.engines.ad_phrases import is_plural, with_article
from adcreative.copywriter.products.meanings import Meaning, plain_name, read_meanings
from adcreative.copywriter.products.other_languages import other_language
from adcreative.copywriter.products.product import Attribute, ProductFacts, content, tokenize
from adcreative.copywriter.products.sentence_parts import capital, join_that_fit, own_items, says_again
from adcreative.copywriter.products.title_words import properties_in_title, size_in_title, two_colours
from adcreative.copywriter.rules import word_set

_OPENINGS = ("The", "This", "")  # "" begins with the product itself: "A desk lamp from Pell, made of oak."
_FEW = 2  # attributes: where a record has no more, the other parts of its title are told as well
_MOST_PARTS = 5  # of one list in a sentence
_MAIN_SENTENCES = 3
_UNITS = ("ml", "l", "g", "kg", "cm", "mm", "m", "oz", "inch", "inches", "cl", "pack", "eu", "uk", "us")
_ABBREVIATED = re.compile(r"\b(?:Co|Inc|Ltd|Bros|Corp)\.$")
_LIQUID = re.compile(r"(?i)^\d[\d.,]*\s?(?:ml|fl\.? ?oz|oz)\.?$")


class TemplateDescriptions:
    """A DescriptionSource over rules/product_meanings.yaml."""

    engine = "template"

    def propose(
        self, product: ProductFacts, num: int, *, seed: int, max_chars: int, should_stop: ShouldStop | None = None
    ) -> list[str]:
        """Return up to `num` different descriptions: other openings, other orders of the attributes."""
        if not product.is_english:
            return [other_language(product, product.attributes, max_chars)] if num > 0 else []
        rng = draw_rng(product, seed)
        texts: dict[str, None] = {}
        for _ in range(3 * num):
            if len(texts) >= num or (should_stop is not None and should_stop()):
                break
            opening = _OPENINGS[rng.integers(len(_OPENINGS))]
            order = [product.attributes[place] for place in rng.permutation(len(product.attributes))]
            texts[join_that_fit(_description(product, order, opening), max_chars)] = None
        return [text for text in texts if text]


def _description(product: ProductFacts, attributes: Sequence[Attribute], opening: str) -> list[str]:
    """Return the sentences of one description, the main ones first."""
    told = {token for one in product.sentences for token in tokenize(one)}
    meanings = [
        one
        for one in _with_title(read_meanings(attributes, name=product.parts.name), product)
        if one.kind != "made" or not set(content(tokenize(one.one))) - {"made", "with"} <= told
    ]  # what the shop's own sentences say is not said again
    first, used = _first_sentence(product, meanings, opening)
    rest = _sentences([one for one in meanings if one not in used], is_many=_is_many(product))
    uses = tuple(product.parts.uses)
    if uses and set(uses) <= word_set("product_meanings", "use_adjectives"):
        uses = (f"{_listed(uses)} use",)
    own = product.sentences
    if own:
        rest = [one for one in rest if not _is_in(one, own)]
        first = "" if says_again(first, own[0], product) else first
    for_uses = [f"For {_listed(uses)}."] if len(uses) > 1 and len(rest) + len(own) < _MAIN_SENTENCES else []
    return [*([first] if first else []), *own, *rest, *own_items(product), *for_uses]


def _is_in(sentence: str, own: Sequence[str]) -> bool:
    """Say whether the shop's own sentences have all that a sentence says: "It has a nylon strap."."""
    return set(content(tokenize(sentence))) - {"it", "they", "has", "have"} <= {token for one in own for token in tokenize(one)}


def _with_title(meanings: list[Meaning], product: ProductFacts) -> list[Meaning]:
    """Return the meanings that the title does not contradict, and what it says beyond them."""
    named = set(tokenize(product.parts.name))
    meanings = [_of_two_colours(one, product) for one in meanings if not _is_contradicted(one, product)]
    meanings = [
        one for one in meanings if one.kind not in ("made", "comes") or not set(tokenize(one.one)[1:]) - {"of"} <= named
    ]
    meanings = [one for one in meanings if not (one.kind == "made" and _is_code(one.one, product.name))]
    numbers = {token for token in named if token[:1].isdigit()}
    meanings = [one for one in meanings if not _is_told_size(one, numbers)]
    measured = {token for one in meanings if one.kind == "measures" for token in tokenize(one.one)}
    meanings = [
        one for one in meanings if one.name not in ("width", "height", "depth", "length") or not _is_said(one, measured)
    ]
    parts = set(tokenize(product.parts.name.replace("-", " ")))
    meanings = [
        one
        for one in meanings
        if one.kind not in ("has", "is") or not set(tokenize(one.one.replace("-", " "))) - {"a", "an"} <= parts
    ]  # what the name says is not said again
    said = {token for one in meanings for token in tokenize(one.one)} | named
    extra = []
    for phrase in product.parts.has:
        if not set(tokenize(phrase)) <= said:
            is_mass = phrase.split()[-1] in word_set("product_meanings", "mass")
            text = phrase if is_mass else with_article(phrase)
            extra.append(Meaning("has", text, text, "title"))
    if len(meanings) <= _FEW:
        extra += _more_of_title(product, said)
    has = {token for one in [*meanings, *extra] if one.kind == "has" for token in tokenize(one.one)}
    return [one for one in meanings if one.kind != "is" or not set(tokenize(one.one)) <= has] + extra


def _of_two_colours(meaning: Meaning, product: ProductFacts) -> Meaning:
    """Return a colour as the two that the title joins it with: a blue and white shirt does not come in blue."""
    both = two_colours(product.title, meaning.one.removeprefix("in ")) if meaning.name == "colour" else ""
    return Meaning("comes", f"in {both}", f"in {both}", "colour") if both else meaning


def _more_of_title(product: ProductFacts, said: set[str]) -> list[Meaning]:
    """Return the properties and the measure that a title gives, for a record that says little."""
    found = [
        Meaning("is", word, word, "title") for word in properties_in_title(product.title) if not set(tokenize(word)) <= said
    ]
    size = size_in_title(product.title)
    return [
        *found[:_MOST_PARTS],
        *([Meaning("measures", size, size, "title")] if size and not set(tokenize(size)) <= said else []),
    ]


def _is_told_size(meaning: Meaning, numbers: set[str]) -> bool:
    """Say whether a measure's numbers stand in the name already: "Soy Candle 220g, in a size of 220 g"."""
    return _is_said(meaning, numbers) and meaning.kind in ("comes", "measures", "verb", "has")


def _is_said(meaning: Meaning, said: set[str]) -> bool:
    """Say whether a meaning has numbers and all of them were said."""
    told = {token for token in tokenize(meaning.one) if token[:1].isdigit()}
    return bool(told) and told <= said


def _is_contradicted(meaning: Meaning, product: ProductFacts) -> bool:
    """Say whether the title names other colours or materials than an attribute: then which of them is right is not known.

    A liquid has no colour either: that of a serum's record is its bottle's, or nothing's. A capacity is that of a vessel.
    """
    kind = {"comes": "colours", "made": "materials"}.get(meaning.kind)
    if kind is None or (meaning.kind == "comes" and meaning.name != "colour"):
        return False
    is_liquid = meaning.kind == "comes" and any(
        plain_name(name) == "skin type" or (_LIQUID.match(value) and "capacity" not in plain_name(name))
        for name, value in product.attributes
    )
    listed = word_set("product_meanings", kind)
    told = {word for word in re.findall(r"[a-z]+", product.title.casefold()) if word in listed}
    said = set(re.findall(r"[a-z]+", meaning.one.casefold()))
    return is_liquid or bool(told and not told & said)


def _first_sentence(product: ProductFacts, meanings: Sequence[Meaning], opening: str) -> tuple[str, list[Meaning]]:
    """Return what it is, whom for, made of and in which colour, and the meanings that this says."""
    is_many = _is_many(product)
    made, comes = ([one for one in meanings if one.kind == kind] for kind in ("made", "comes"))
    name = product.parts.name
    named_whom = [one for one in meanings if one.kind == "for" and re.search(rf"(?i)\b{re.escape(one.one)}\b", name)]
    whom = [one for one in meanings if one.kind == "for" and one not in named_whom]
    told = f" for {_listed([one.one for one in whom])}" if whom else ""
    verbs = [f"{'are' if is_many else 'is'} {_listed([one.one for one in made])}"] if made else []
    verbs += [f"{'come' if is_many else 'comes'} {_listed([one.one for one in comes])}"] if comes else []
    used = [*whom, *named_whom, *made, *comes]
    if opening and verbs and not any(one.casefold().startswith("the ") for one in (product.name, name)):
        the = "These" if opening == "This" and is_many else opening
        return f"{the} {product.name}{told} {' and '.join(verbs)}.", used
    is_named = bool(product.brand) and product.brand.casefold() not in name.casefold()
    rest = "".join(f", {one.one}" for one in (*made, *comes))
    maker = (
        f" from {product.brand if rest and _ABBREVIATED.search(product.brand) else product.brand.rstrip('.')}"
        if is_named
        else ""
    )
    counted = name if _head(name).casefold() in word_set("product_meanings", "mass") else _counted_name(name)
    counted = re.sub(r"^a (?=8|11(?!\d)|18(?!\d))", "an ", counted)
    return f"{capital(counted)}{told}{maker}{rest}.", used


def sentences_for(attributes: Sequence[Attribute], product: ProductFacts) -> list[str]:
    """Return sentences that say what the attributes mean and nothing else."""
    if not product.is_english:
        return [f"{name}: {value}" for name, value in attributes]
    names = {plain_name(name) for name, _ in attributes}
    return _sentences(
        [one for one in read_meanings(product.attributes, name=product.parts.name) if one.name in names],
        is_many=_is_many(product),
    )


def _sentences(meanings: Sequence[Meaning], *, is_many: bool) -> list[str]:
    """Return sentences: has and is, what it measures and holds, what it is not, care; what is left of the first sentence."""
    subject = "They" if is_many else "It"
    text = {kind: [one.many if is_many else one.one for one in meanings if one.kind == kind] for kind in
            ("made", "comes", "measures", "verb", "has", "is", "for", "care")}  # fmt: skip
    has = [one for one in text["has"] if not one.startswith("no ")][:_MOST_PARTS]
    no = [one for one in text["has"] if one.startswith("no ")]
    is_ = [one for one in text["is"] if not one.startswith("not ")][:_MOST_PARTS]
    is_not = [one for one in text["is"] if one.startswith("not ")]
    be = "are" if is_many else "is"
    have = "have" if is_many else "has"
    come = "come" if is_many else "comes"
    said = [[f"{be} {_listed(text['made'])}"] * bool(text["made"]) + [f"{come} {_listed(text['comes'])}"] * bool(text["comes"])]
    said += [[f"{have} {_listed(has)}"] * bool(has) + [f"{be} {_listed(is_)}"] * bool(is_)]
    measures = [f"{'measure' if is_many else 'measures'} {_listed(text['measures'])}"] * bool(text["measures"])
    said += [text["verb"] + measures]
    said += [[f"{be} {_listed(is_not)}"] * bool(is_not) + [f"{have} {_listed(no)}"] * bool(no)]
    said += [[f"{be} for {_listed(text['for'])}"] * bool(text["for"])]
    return [f"{subject} {_listed(parts)}." for parts in said if parts] + [f"{one.rstrip('.')}." for one in text["care"]]


def draw_rng(product: ProductFacts, seed: int) -> np.random.Generator:
    """Return the generator of one product and seed, the same in every process."""
    digest = hashlib.sha256(repr((product.name, product.attributes)).encode("utf-8", "replace")).digest()
    return np.random.default_rng([seed % 2**32, int.from_bytes(digest[:4], "big")])


def is_adjective(name: str) -> bool:
    """Say whether a product is said to be `name` ("dishwasher safe") rather than to have it ("laptop pocket")."""
    return name.casefold().endswith(tuple(word_set("products", "no_adjective")))


def _is_code(made: str, name: str) -> bool:
    """Say whether "made of PP" names a plastic by a code that the name does not have: it tells a reader nothing.

    Shops also fill a field that must not be empty with such a code: a polyester tablecloth made of PP.
    """
    material = made.rsplit(" ", 1)[-1]
    return made == f"made of {material}" and material.isupper() and len(material) <= 4 and material not in name.split()


def _is_many(product: ProductFacts) -> bool:
    return is_plural(_head(product.parts.name))


def _head(name: str) -> str:
    """Return the noun that a name ends with, before a size: "glasses" of "Highball Glasses 350 ml"."""
    words = re.split(r" for ", name, flags=re.IGNORECASE)[0].split()
    while len(words) > 1 and (any(character.isdigit() for character in words[-1]) or words[-1].casefold() in _UNITS):
        words = words[:-1]
    return words[-1]


def _counted_name(name: str) -> str:
    """Return a name with its article, if its noun takes one. Names in capitals ("Half Jacket XL Sunglasses") and titles of
    works ("Into the Verse: Part Two") take none, as in a shop."""
    if ":" in name or name[:1].isupper() or not name[:1].isalnum():
        return name
    head = _head(name)
    end = re.search(r" for |$", name, flags=re.IGNORECASE).start()  # type: ignore[union-attr]
    bare = name[: name.rfind(head, 0, end) + len(head)]
    return with_article(bare) + name[len(bare) :]


def _listed(parts: Sequence[str]) -> str:
    """Join as "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
