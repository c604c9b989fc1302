"""A product as a record of attributes. Its words are data and are never followed as instructions, like those of a brief.

A cell that talks to a language model is left out whole, name and value; the number of attributes and their lengths are capped.
No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from adcreative.copywriter.brief import NUMBER, WORD, Brief, Facts, clean_field, is_known_word, read_facts, stem
from adcreative.copywriter.products.naming import TitleParts, read_title
from adcreative.copywriter.products.shop_sentences import choose_items, choose_sentences
from adcreative.copywriter.products.shop_text import ShopText, read_shop_text
from adcreative.copywriter.products.title_words import told_in_title
from adcreative.copywriter.rules import rule_pack, word_set

MAX_TITLE_CHARS = 300
_MOST_TITLES, _LEAST_AGREEING = 200, 3  # of a feed, to tell its language by; one of so many titles must tell it by itself
MAX_ATTRIBUTES, MAX_NAME_CHARS, MAX_VALUE_CHARS, MAX_SEARCH_TERMS = 40, 60, 160, 40
_LEAST_ROWS = 5  # of a feed, of which it can be said that all have one brand
_LEAST_PROSE, _LONG_PROSE = 40, 400  # characters that tell a language
_LEAST_CAPITALS = 5  # letters of a maker's name in capitals: shorter ones are abbreviations ("LED")
_TOKEN = re.compile(rf"{WORD.pattern}|{NUMBER.pattern}")
_HYPHEN = re.compile(r"(?<=\w)[-–](?=\w)")

Attribute = tuple[str, str]
Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """What is sold, as a shop's table has it. title is the kind of thing ("tote bag"); search_terms are what people look for.

    attributes are (name, value) pairs; values "yes" and "no" say whether the name applies. language "": its words
    tell. avoid lists the brand's words.
    """

    title: str
    brand: str = ""
    category: str = ""
    attributes: tuple[Attribute, ...] = ()
    search_terms: tuple[str, ...] = ()
    language: str = ""
    avoid: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class ProductFacts:
    """The usable part of a Product: cleaned words, and what a description may take from them.

    title is the whole title, parts a name of a few words and what else it says. facts are those of a brief with the same
    words, tokens the stems and numbers of the whole record, ignored what was left out because it talks to a language model.
    sentences and items are what of the shop's own text may stand in a description as it is, own_labels the names of the
    attributes that it tells.
    """

    title: str
    brand: str
    attributes: tuple[Attribute, ...]
    search_terms: tuple[str, ...]
    facts: Facts
    tokens: frozenset[str] = field(repr=False)
    ignored: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    parts: TitleParts = field(default_factory=lambda: TitleParts(""))
    sentences: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    own_labels: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Brand and short name, as one speaks of the product."""
        is_named = self.brand.casefold() in self.parts.name.casefold()
        return self.parts.name if is_named else f"{self.brand.rstrip('.')} {self.parts.name}".strip()

    @property
    def is_english(self) -> bool:
        return self.facts.is_english


@lru_cache(maxsize=4096)
def read_product_facts(product: Product) -> ProductFacts:
    """Return what may be used of `product`: capped, cleaned, without planted instructions."""
    title, ignored = clean_field(product.title, MAX_TITLE_CHARS)
    other_maker = _maker_in_capitals(product.brand, product.title)
    is_maker = (
        not other_maker
        and product.brand.strip().casefold() != product.title.strip().casefold()
        and product.brand.strip().casefold() not in rule_pack("shop_text")["no_maker"]
    )
    brand, left_out = clean_field(product.brand if is_maker else "", 60)
    ignored += left_out
    attributes: list[Attribute] = []
    text = read_shop_text(product.text)
    for raw_name, raw_value in [*product.attributes, *_told_by_text(text, product.attributes)][:MAX_ATTRIBUTES]:
        name, bad_name = clean_field(raw_name, MAX_NAME_CHARS)
        value, bad_value = clean_field(raw_value, MAX_VALUE_CHARS)
        ignored += bad_name + bad_value
        if name and value and not bad_name and not bad_value:
            attributes.append((name, value))
    attributes += _told_by_title(title, attributes)
    terms = [clean_field(term, MAX_NAME_CHARS) for term in product.search_terms[:MAX_SEARCH_TERMS]]
    said = [f"{name} {value}" for name, value in attributes]
    of_prose = _language_of_prose(text.prose, product.language)
    language = of_prose or product.language or _language_of(title, attributes)
    sentences = choose_sentences(text, title, f"{brand} {product.category}", language)
    items = choose_items(text, sentences, title, language)
    brief = Brief(
        brand=brand, product=title, headline=product.category[:120], description=". ".join([title[120:], *said]),
        language=language, avoid=product.avoid, notes=" ".join([*sentences, *items]),
    )  # fmt: skip
    whole = " . ".join([brand, title, product.category[:120], *said, *_whom_in_words(attributes), *sentences, *items])
    facts = read_facts(brief)
    facts = replace(facts, language="en", is_english=True) if of_prose == "en" else facts  # an Italian name alone
    colour = next((value for name, value in attributes if name.casefold() in ("color", "colour")), "")
    parts = read_title(title, brand, product.category, colour, is_english=facts.is_english)
    return ProductFacts(
        title=title,
        brand=brand,
        attributes=tuple(attributes),
        search_terms=tuple(term for term, bad in terms if term and not bad),
        facts=facts,
        parts=_with_names(_with_maker(parts, other_maker, facts), text.prose),
        tokens=frozenset(tokenize(whole)),
        ignored=tuple(ignored),
        avoid=product.avoid,
        sentences=sentences,
        items=items,
        own_labels=frozenset(clean_field(label, MAX_NAME_CHARS)[0] for label, _ in text.facts),
    )


def _maker_in_capitals(brand: str, title: str) -> str:
    """Return the word in capitals that a title opens with, where a row's brand is another one and so that of its seller."""
    words = WORD.findall(title)
    is_other = (
        len(words) > 1
        and bool(brand.strip())
        and words[0].isupper()
        and (len(words[0]) >= _LEAST_CAPITALS or re.match(r"[A-Z]{3,4} [-–—] ", title) is not None)
        and (not all(word.isupper() for word in words) or " - " in title)
        and words[0].casefold() not in brand.casefold()
        and (not is_known_word(words[0]) or words[1].isupper())
    )
    return words[0] if is_other else ""


def _with_maker(parts: TitleParts, maker: str, facts: Facts) -> TitleParts:
    """Return the name with the maker that the title opens with: "DEWALT cut off tool"."""
    is_told = not maker or not facts.is_english or maker.casefold() in parts.name.casefold()
    return parts if is_told else replace(parts, name=f"{maker} {parts.name}")


def _with_names(parts: TitleParts, prose: str) -> TitleParts:
    """Return the name with a capital for its first word where the shop's text writes it so within a sentence: "Tide"."""
    first, _, rest = parts.name.partition(" ")
    written = f"{first[:1].upper()}{first[1:]}"
    is_name = (
        first.islower()
        and re.search(rf"[a-z,] {re.escape(written)} [a-z]", prose)
        and not re.search(rf"\b{re.escape(first)}\b", prose)
    )
    return replace(parts, name=f"{written} {rest}".strip()) if is_name else parts


def _told_by_text(text: ShopText, attributes: Sequence[Attribute]) -> list[Attribute]:
    """Return the facts of the shop's text that no attribute tells; "material" and "colour" by any column name."""
    names = attribute_names()
    had = {names.get(name.casefold(), name.casefold()) for name, _ in attributes}
    return [(label, value) for label, value in text.facts if names.get(label.casefold(), label.casefold()) not in had]


def _whom_in_words(attributes: Sequence[Attribute]) -> list[str]:
    """Return the words for whom it is made: "women" of "female"."""
    people = rule_pack("product_meanings")["plurals"]
    return [people[value.casefold()] for _, value in attributes if value.casefold() in people]


def _told_by_title(title: str, attributes: Sequence[Attribute]) -> list[Attribute]:
    """Return what a title tells in parts of their own and no attribute does; "material" and "colour" by any column name."""
    names = attribute_names()
    had = {names.get(name.casefold(), name.casefold()) for name, _ in attributes}
    return [(name, value) for name, value in told_in_title(title).items() if name not in had]


def feed_language(products: Sequence[Product]) -> str:
    """Return the language that the titles of a feed are in, "" for English, a mixture, or one that cannot be told.

    A title of three words says too little by itself. The titles together say it, or a third of them by themselves, if at least
    half of those that say anything agree.
    """
    titles = [product.title for product in products[:_MOST_TITLES]]
    own = [one for one in (_language_of(title, []) for title in titles) if one not in ("", "en")]
    together = _language_of("", [("", title) for title in titles])
    language = max(set(own), key=own.count) if own and together in ("", "en") else together
    is_agreed = 2 * own.count(language) >= max(len(own), 1)
    is_told = language == together or _LEAST_AGREEING * own.count(language) >= len(titles)
    return language if language != "en" and is_agreed and is_told else ""


def feed_seller(products: Sequence[Product]) -> str:
    """Return the brand that all rows of a feed have and no title or text names, that of the shop and no maker; else ""."""
    brands = {product.brand.strip() for product in products[:_MOST_TITLES] if product.title}
    brand = brands.pop() if len(brands) == 1 else ""
    is_named = any(brand.casefold() in f"{product.title} {product.text}".casefold() for product in products)
    return brand if brand and len(products) >= _LEAST_ROWS and not is_named else ""


def in_feed(product: Product, language: str, seller: str = "") -> Product:
    """Return a product of a feed in `language` with it, unless the row names its own or is plain English, and without `seller`.

    "Trampoline - 183 cm Diameter" is English for all that its words say, and Dutch between a hundred Dutch titles.
    """
    product = replace(product, brand="") if seller and product.brand.strip() == seller else product
    words = WORD.findall(product.title)
    is_english = bool(words) and all(is_known_word(word) for word in words)
    return product if product.language or not language or is_english else replace(product, language=language)


def _language_of_prose(prose: str, feed: str) -> str:
    """Return the language of what the shop wrote; "" where it wrote too little, English is one of the two, or they are alike.

    Spanish under French names ("Body Noir Velours") is Spanish, also where the titles of the feed together are French.
    """
    found = _language_of(prose[:_LONG_PROSE], []) if len(prose) >= _LEAST_PROSE else ""
    is_alike = any({found, feed} <= set(alike) for alike in rule_pack("shop_text")["alike"])
    return "" if feed and ("en" in (found, feed) or is_alike) else found


def _language_of(title: str, attributes: Sequence[Attribute]) -> str:
    """Return the language of a record that names none: that of its title and values; columns are English everywhere."""
    return read_facts(Brief(headline=title, description=", ".join(value for _, value in attributes))).language


@lru_cache(maxsize=1)
def attribute_names() -> dict[str, str]:
    """Return the name that the rules use for each name of an attribute in a column or a text, in any language, casefolded."""
    return {alias.casefold(): name for name, found in rule_pack("feeds")["names"].items() for alias in (name, *found)}


@lru_cache(maxsize=65_536)
def tokenize(text: str) -> Tokens:
    """Return stems and numbers in order: hyphens separate, spellings of one unit are one token ("500ml" is 500, ml)."""
    units = _units()
    found = []
    for token in _TOKEN.findall(_HYPHEN.sub(" ", text)):
        folded = token.casefold()
        found.append(units.get(folded) or (folded if folded[0].isdigit() else stem(folded)))
    return tuple(found)


def content(tokens: Tokens) -> Tokens:
    """Return the tokens that are not function words."""
    return tuple(token for token in tokens if token not in _function_stems())


def flag_of(value: str) -> bool | None:
    """Return True or False for a value that only says whether its name applies, None for any other."""
    folded = value.casefold().strip(" .")
    if folded in word_set("products", "true_values"):
        return True
    return False if folded in word_set("products", "false_values") else None


@lru_cache(maxsize=1)
def _units() -> dict[str, str]:
    return {word: unit for unit, words in rule_pack("products")["units"].items() for word in (unit, *words.split())}


@lru_cache(maxsize=1)
def _function_stems() -> frozenset[str]:
    """Stems of function words; "one" counts things and stays."""
    return frozenset(stem(word) for word in word_set("language", "function_words") - {"one", "no", "not"})
