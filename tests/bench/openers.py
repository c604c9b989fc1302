"""Openers that fit any ad: for how many different ads an engine offers a line with the same first words that are not the ad's.

    python -m tests.bench.openers                       template, the thirty ads of reading_ads.csv and 300 of the market
    python -m tests.bench.openers --file lines.tsv      the lines of a file written by tests.bench.lines

The first words of a line up to the first word of the ad that is no function word are its opener. One that stands before the
words of many ads says nothing of any of them; `copywriter/rules/openers.yaml` lists those that are refused, with these counts.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.brief import WORD, read_facts, stem
from adcreative.copywriter.rules import word_set
from tests.bench.lines import read_ads


def opener_of(line: str, brief: Brief) -> str:
    """Return the first words of a line that are not the ad's, in lower case; a name of the brand is written <brand>."""
    facts = read_facts(brief)
    told = facts.stems - {stem(word) for word in word_set("language", "function_words") | word_set("language", "general_words")}
    named = line.replace(brand, "<brand>") if (brand := facts.brand) else line
    found = []
    for token in named.split():
        word = (WORD.findall(token) or [""])[0]
        if token.startswith("<brand>"):
            found.append("<brand>")
        elif stem(word) in told or not word:
            break
        else:
            found.append(word.casefold())
    return " ".join(found)


def market_ads(num: int) -> Iterator[Brief]:
    """Yield the words of simulated ads."""
    from adcreative.market.brands import draw_brands
    from adcreative.market.lines import draw_speaker

    rng = np.random.default_rng(16)
    for brand in draw_brands(num, rng=rng):
        words = draw_speaker(brand.name, brand.category, rng=rng).write(rng)
        yield Brief(brand.name, brand.category, "", words.headline, words.description)


def count_openers(pairs: Iterable[tuple[Brief, str]]) -> list[tuple[int, str]]:
    """Return (number of different ads, opener) of lines, the most frequent first; openers of one word are left out."""
    ads: dict[str, set[Brief]] = defaultdict(set)
    for brief, line in pairs:
        words = opener_of(line, brief).split()
        for length in range(2, len(words) + 1):
            ads[" ".join(words[:length])].add(brief)
    return sorted(((len(found), opener) for opener, found in ads.items()), reverse=True)


def main() -> None:
    """Print the openers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="template")
    parser.add_argument("--file", type=Path, help="lines of tests.bench.lines instead of an engine's")
    parser.add_argument("--num", type=int, default=300, help="ads of the market")
    parser.add_argument("--least", type=int, default=3, help="different ads that an opener was offered for")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    ads = [*read_ads(), *market_ads(10 if options.tiny else options.num)]
    if options.file is not None:
        with options.file.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        pairs = [(Brief(row["brand"], "", "", row["headline"], row["description"]), row["line"]) for row in rows]
    else:
        copywriter = build_copywriter(options.llm)
        pairs = [(brief, line) for brief in ads for line in copywriter.write(brief, 8, 4, seed=0).lines]
    for num, opener in count_openers(pairs):
        if num >= options.least:
            print(f"{num:5d}  {opener}")


if __name__ == "__main__":
    main()
