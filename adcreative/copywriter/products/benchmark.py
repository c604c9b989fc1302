"""Attribute recall and unsupported claims of each engine, on product families that no engine was shown.

Three ways are measured for each engine: as it wrote first (raw), the best of its candidates (ranked), and what a user gets
(delivered: filtered, ranked, completed). Beside them stands a control that copies the description of the nearest known product:
fluent, and wrong. The rates come with a bootstrap over families, since products of one family resemble each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.copywriter.products.claims import Statement, read_statement
from adcreative.copywriter.products.describer import ProductDescriber
from adcreative.copywriter.products.families import draw_products, family_names, shop_lexicon
from adcreative.copywriter.products.product import Product, read_product_facts
from adcreative.copywriter.products.sentences import TemplateDescriptions
from adcreative.progress import Count

_RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Attribute recall and unsupported-claim rate of one way of writing, each with a 95 % interval over families.

    recall: attributes mentioned / attributes. unsupported: claims without support / facts stated. Both over all products.
    """

    way: str
    num_products: int
    recall: float
    recall_low: float
    recall_high: float
    unsupported: float
    unsupported_low: float
    unsupported_high: float


def measure_describer(
    describer: ProductDescriber, *, num_per_family: int = 3, seed: int = 1, tell: Count | None = None
) -> tuple[list[Rates], list[tuple[Product, str]]]:
    """Describe products of the held-out families; return the rates of each way of writing, and the delivered texts."""
    lexicon = shop_lexicon()
    products = draw_products(family_names(held_out=True), num_per_family, seed=seed)
    said: dict[str, list[tuple[str, Statement]]] = {"raw": [], "ranked": [], "delivered": []}
    texts = []
    for number, (family, product) in enumerate(products):
        facts = read_product_facts(product)
        found = describer.describe(product, seed=seed)
        if found.raw:
            said["raw"].append((family, read_statement(found.raw[0], facts, lexicon)))
            said["ranked"].append((family, read_statement(describer.rank(found.raw, facts)[0], facts, lexicon)))
        said["delivered"].append((family, read_statement(found.text, facts, lexicon)))
        texts.append((product, found.text))
        if tell is not None:
            tell(number + 1, len(products))
    return [_rates(f"{describer.engine}, {way}", rows) for way, rows in said.items() if rows], texts


def measure_nearest_copy(*, num_per_family: int = 3, seed: int = 1, num_known: int = 20) -> Rates:
    """Give each held-out product the description of the known product that shares most words with it (Jaccard)."""
    lexicon = shop_lexicon()
    known = [read_product_facts(product) for _, product in draw_products(family_names(held_out=False), num_known, seed=seed)]
    rows = []
    for family, product in draw_products(family_names(held_out=True), num_per_family, seed=seed):
        facts = read_product_facts(product)
        nearest = max(known, key=lambda other: len(facts.tokens & other.tokens) / len(facts.tokens | other.tokens))
        (text,) = TemplateDescriptions().propose(nearest, 1, seed=seed, max_chars=10_000)
        rows.append((family, read_statement(text, facts, lexicon)))
    return _rates("copy of the nearest known product", rows)


def _rates(way: str, rows: Sequence[tuple[str, Statement]]) -> Rates:
    families = sorted({family for family, _ in rows})
    counts = np.zeros((len(families), 4))  # mentioned, attributes, unsupported, stated
    for family, said in rows:
        mentioned, unsupported = len(said.mentioned), len(said.unsupported)
        counts[families.index(family)] += (mentioned, mentioned + len(said.missing), unsupported, mentioned + unsupported)
    draws = np.random.default_rng(0).integers(len(families), size=(_RESAMPLES, len(families)))
    resampled = counts[draws].sum(axis=1)  # [_RESAMPLES, 4]
    recall, wrong = _share(counts.sum(axis=0))
    low, high = np.quantile(np.stack(_share(resampled.T)), [0.025, 0.975], axis=1)
    return Rates(
        way=way, num_products=len(rows), recall=float(recall), recall_low=float(low[0]), recall_high=float(high[0]),
        unsupported=float(wrong), unsupported_low=float(low[1]), unsupported_high=float(high[1]),
    )  # fmt: skip


def _share(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mentioned, total, unsupported, stated = counts
    return mentioned / np.maximum(total, 1), unsupported / np.maximum(stated, 1)
