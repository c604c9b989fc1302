"""Descriptions of real catalogues: attribute recall, and whether searches still find the product.

    python -m tests.bench.descriptions                          both catalogues of ../shared/data/products, the plain form
    python -m tests.bench.descriptions --llm smollm2 --num 40   a language model, fewer products
    python -m tests.bench.descriptions --out rows.tsv --num 50  the texts to read, with empty verdicts

A search is two or three words of one product's title, rare ones that another title has too; BM25 (Robertson & Zaragoza 2009; k1
1.2, b 0.75) ranks all products of the catalogue by our texts, by the shop's own texts, and by the titles; NDCG@10 with that
product alone as relevant is 1 / log2(1 + rank). Attribute recall counts all attributes of the record, those that mean nothing
to a reader too.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from adcreative.copywriter.products import Product, build_source, describe_product
from adcreative.copywriter.products.feeds import read_product, roles_of
from adcreative.copywriter.products.product import content, tokenize
from adcreative.errors import CopywriterError
from tests.bench.lines import SHARED

CATALOGUES = ("marketplace-en", "sportswear-en")
K1, B = 1.2, 0.75


def read_catalogue(name: str) -> Iterator[tuple[Product, str]]:
    """Yield (product, the shop's own description) of a shared catalogue."""
    with (SHARED / "products" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    roles = roles_of(list(rows[0]))
    for row in rows:
        yield read_product(dict(zip(roles, row.values(), strict=True))), row["description"]


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the score of each document [N] for the words of a query."""
    lengths = np.array([max(len(one), 1) for one in documents], float)
    counts = [Counter(one) for one in documents]
    scores = np.zeros(len(documents))
    for word in query:
        found = np.array([one[word] for one in counts], float)
        holding = (found > 0).sum()
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        scores += idf * found * (K1 + 1) / (found + K1 * (1 - B + B * lengths / lengths.mean()))
    return scores


def searches(titles: Sequence[str], *, num_words: int = 3) -> list[tuple[str, ...]]:
    """Return one search for each title: its `num_words` rarest words that two titles have at least, else its rarest."""
    tokens = [list(dict.fromkeys(word for word in content(tokenize(title)) if not word[:1].isdigit())) for title in titles]
    held = Counter(word for words in tokens for word in words)
    return [tuple(sorted(words, key=lambda word: (held[word] < 2, held[word]))[:num_words]) for words in tokens]


def ndcg(texts: Sequence[str], queries: Sequence[tuple[str, ...]]) -> float:
    """Return the mean NDCG@10 of searches [N], each for the text of its own product; ties count as half."""
    documents = [tokenize(text) for text in texts]
    found = []
    for place, query in enumerate(queries):
        scores = bm25(query, documents)
        rank = 1 + (scores > scores[place]).sum() + ((scores == scores[place]).sum() - 1) / 2
        found.append(1 / math.log2(1 + rank) if rank <= 10 and scores[place] > 0 else 0.0)
    return float(np.mean(found))


def main() -> None:
    """Print a table, or write texts to read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="template")
    parser.add_argument("--num", type=int, default=300, help="products of each catalogue")
    parser.add_argument("--seed", type=int, default=16, help="which products, when not all")
    parser.add_argument("--out", type=Path, help="TSV of the texts, with empty verdicts")
    options = parser.parse_args()
    source, rows = build_source(options.llm), []
    print("| catalogue | told, refused | characters | recall | NDCG@10 ours | shop's text | titles |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in CATALOGUES:
        pairs = list(read_catalogue(name))
        picked = np.random.default_rng(options.seed).permutation(len(pairs))[: options.num]
        told, kept = [], []
        for place in picked:
            with contextlib.suppress(CopywriterError):  # too poor a record is refused, and counted below
                told.append(describe_product(pairs[place][0], source))
                kept.append(pairs[place])
        queries = searches([product.title for product, _ in kept])
        ours, shop, titles = (
            ndcg(texts, queries)
            for texts in ([one.text for one in told], [own for _, own in kept], [product.title for product, _ in kept])
        )
        recall = np.mean([len(one.told) / (len(one.told) + len(one.untold)) for one in told])
        length = np.mean([len(one.text) for one in told])
        shares = f"{recall:.2f} | {ours:.2f} | {shop:.2f} | {titles:.2f}"
        print(f"| {name} | {len(told)}, {len(picked) - len(told)} | {length:.0f} | {shares} |")
        rows += [
            {"catalogue": name, "title": product.title, "brand": product.brand, "text": one.text, "verdict": "", "why": ""}
            for (product, _), one in zip(kept, told, strict=True)
        ]
    if options.out is not None:
        with options.out.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
