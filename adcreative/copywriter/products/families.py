"""The made-up shop of rules/product_families.yaml: SKUs drawn from families, some of which no engine ever sees."""

from __future__ import annotations

import numpy as np

from adcreative.copywriter.products.claims import Lexicon
from adcreative.copywriter.products.product import Product
from adcreative.copywriter.rules import rule_pack


def family_names(*, held_out: bool) -> tuple[str, ...]:
    """Return the families that engines may be shown, or those kept for measuring."""
    families = rule_pack("product_families")["families"]
    return tuple(name for name, family in families.items() if bool(family.get("held_out")) == held_out)


def draw_products(families: tuple[str, ...], num_per_family: int, *, seed: int) -> list[tuple[str, Product]]:
    """Draw `num_per_family` SKUs of each family as (family, product); the same in every process."""
    pack = rule_pack("product_families")
    drawn = []
    for name in families:
        family = pack["families"][name]
        rng = np.random.default_rng([seed, sorted(pack["families"]).index(name)])
        for _ in range(num_per_family):
            values = [(key, str(choices[rng.integers(len(choices))])) for key, choices in family["attributes"].items()]
            brand = str(pack["brands"][rng.integers(len(pack["brands"]))])
            terms = [family["title"], *(word for _, value in values for word in value.split())]
            product = Product(title=family["title"], brand=brand, attributes=tuple(values), search_terms=tuple(terms))
            drawn.append((name, product))
    return drawn


def shop_lexicon() -> Lexicon:
    """Return every value of every family: what an unbacked claim can be recognised by."""
    families = rule_pack("product_families")["families"].values()
    return Lexicon.of(
        (key, str(value)) for family in families for key, choices in family["attributes"].items() for value in choices
    )
