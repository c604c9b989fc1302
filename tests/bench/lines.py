"""Lines to read: what each source of headlines offers for forty ads, one row a line, without any score.

    python -m tests.bench.lines --out lines.tsv                           the ad's own phrases, and the embedded model
    python -m tests.bench.lines --sources template smollm2-raw --num 5    five lines an ad
    python -m tests.bench.lines --ads mine.csv --out lines.tsv --key key.tsv    blind: in random order, the sources apart
    python -m tests.bench.lines --verdicts lines.tsv --key key.tsv       shares of a file with a verdict in each row

Ads of one's own are a table with the columns of reading_ads.csv. Thirty ads were written for this file in ten trades and six
languages; ten more are drawn from real headline tests and a real account where `../shared` has them. A verdict is "run" (could
run as it is), "no", or "wrong" (untrue of the ad); whoever reads writes it before looking at any prediction, and at the key.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from adcreative.copywriter import Brief, build_copywriter, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.engines.ad_parts import swap_lines
from adcreative.copywriter.variants import SWAPPED

ADS = Path(__file__).with_name("reading_ads.csv")
SHARED = Path(__file__).parents[2].with_name("shared") / "data"
COLUMNS = ("source", "ad", "language", "brand", "headline", "description", "line", "verdict", "why")
KEY_COLUMNS = ("row", "source")
Writer = Callable[[Brief, int], Sequence[str]]


def read_ads(path: Path = ADS) -> list[Brief]:
    """Return the ads of a table as briefs."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Brief(row["brand"], row["product"], "", row["headline"], row["description"], row["language"])
            for row in csv.DictReader(file)
        ]


def read_shared_ads(num_each: int = 5) -> Iterator[Brief]:
    """Yield real ads where they are at hand: Dutch search ads, and headlines of a news site."""
    account, tests = SHARED / "accounts/search-ads-nl.csv", SHARED / "upworthy/packages-train.parquet"
    if not account.is_file() or not tests.is_file():
        return
    import pandas as pd

    ads = pd.read_csv(account).drop_duplicates("ad_group").drop_duplicates("description").iloc[:num_each]
    for row in ads.itertuples():
        yield Brief("", row.ad_group, "", f"{row.headline_1} {row.headline_2}", row.description, "nl")
    for headline in pd.read_parquet(tests)["headline"].drop_duplicates().sample(num_each, random_state=16):
        yield Brief("", "", "", headline, "")


def raw_writer(temperature: float, spec: str) -> Writer:
    """Return a writer that hands out what the embedded model says, with nothing behind it; 0.01 is as good as greedy."""
    import torch

    from adcreative.copywriter.engines.decoding import SamplingConfig
    from adcreative.copywriter.engines.local_llm import LocalSource
    from adcreative.copywriter.engines.prompts import brief_prompt

    source = LocalSource(spec)

    def write(brief: Brief, num: int) -> list[str]:
        with source.loaded() as loaded:
            prompt = loaded.examples("headline").extended(loaded.encode(brief_prompt(read_facts(brief), "headline") + "-")[:-1])
            rows = prompt.sample(
                [loaded.encode("-")] * num,
                allowed=loaded.allowed,
                stop_ids=loaded.stop_ids("headline"),
                config=SamplingConfig(max_new_tokens=20, temperature=temperature),
                generator=torch.Generator().manual_seed(0),
            )
            return [loaded.decode(row.token_ids).strip() for row in rows]

    return write


def engine_writer(spec: str) -> Writer:
    """Return a writer over an engine of `build_copywriter`, without help from another."""
    copywriter = build_copywriter(spec, allow_fallback=False)

    def write(brief: Brief, num: int) -> Sequence[str]:
        from adcreative.errors import CopywriterError

        try:
            return copywriter.write(brief, num, 0, seed=0).headlines
        except CopywriterError:
            return ()

    return write


def swap_sentences(brief: Brief, num: int) -> list[str]:
    """Return sentences of the description that may stand in place of the headline, which then moves below."""
    facts = read_facts(brief)
    heads = [head for head, _ in swap_lines(facts)]
    return [head for head in heads if all(one.code in SWAPPED for one in check_copy(head, brief, "headline"))][:num]


def build_writer(name: str) -> Writer:
    """Return the writer of a source: "smollm2-raw", "smollm2-greedy", "tuned-raw", "swap", or a spec of `build_copywriter`."""
    if name == "swap":
        return swap_sentences
    raw = {"smollm2-raw": (0.8, "smollm2"), "smollm2-greedy": (0.01, "smollm2"), "tuned-raw": (0.8, "smollm2-tuned")}
    return raw_writer(*raw[name]) if name in raw else engine_writer(name)


def write_lines(ads: Sequence[Brief], sources: Sequence[str], num: int) -> Iterator[dict[str, str]]:
    """Yield one row for each line of each source."""
    for name in sources:
        write = build_writer(name)
        for number, brief in enumerate(ads, 1):
            for line in write(brief, num):
                yield {
                    "source": name,
                    "ad": str(number),
                    "language": brief.language,
                    "brand": brief.brand,
                    "headline": brief.headline,
                    "description": brief.description,
                    "line": line,
                    "verdict": "",
                    "why": "",
                }


def write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, str]]) -> None:
    """Write rows as a table with tabs; columns that are not named are left out."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """Read what `write_table` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write_blind(rows: Sequence[dict[str, str]], out: Path, key: Path, seed: int) -> None:
    """Write the lines in random order without their sources, and the sources row by row to `key`."""
    order = np.random.default_rng(seed).permutation(len(rows))
    blind = [rows[i] | {"row": str(place)} for place, i in enumerate(order, 1)]
    write_table(out, ("row", *COLUMNS[1:]), blind)
    write_table(key, KEY_COLUMNS, blind)


def tabulate(rows: Sequence[dict[str, str]], num_ads: int) -> str:
    """Return a table of verdicts by source, in order of first appearance."""
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    ads: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_source[row["source"]][row["verdict"]] += 1
        ads[row["source"]].add(row["ad"])
    lines = ["| source | ads with a line | lines | could run | wrong about the ad |", "| --- | --- | --- | --- | --- |"]
    for name, found in by_source.items():
        total = sum(found.values())
        share = f"{found['run']} ({found['run'] / total:.0%})"
        lines.append(f"| {name} | {len(ads[name])} of {num_ads} | {total} | {share} | {found['wrong']} |")
    return "\n".join(lines)


def read_verdicts(path: Path, key: Path | None) -> list[dict[str, str]]:
    """Read lines with their verdicts, and put their sources back where a key holds them."""
    rows = read_table(path)
    sources = {row["row"]: row["source"] for row in read_table(key)} if key is not None else {}
    return [row | {"source": sources[row["row"]]} for row in rows] if sources else rows


def main() -> None:
    """Write the lines, or count verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", default=["template", "smollm2", "smollm2-tuned"])
    parser.add_argument("--num", type=int, default=1, help="lines for each ad and source")
    parser.add_argument("--tiny", action="store_true", help="three ads")
    parser.add_argument("--ads", type=Path, help="a table of ads of your own instead of the forty")
    parser.add_argument("--verdicts", type=Path, help="a file of this bench with its verdicts filled in: print shares")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--key", type=Path, help="where the sources of lines in random order are kept, apart from the lines")
    parser.add_argument("--seed", type=int, default=0, help="of the random order")
    options = parser.parse_args()
    ads = read_ads(options.ads) if options.ads is not None else [*read_ads(), *read_shared_ads()]
    if options.verdicts is not None:
        print(tabulate(read_verdicts(options.verdicts, options.key), len(ads)))
        return
    if options.key is not None and options.out is None:
        parser.error("--key needs --out: the lines themselves")
    rows = list(write_lines(ads[: 3 if options.tiny else None], options.sources, options.num))
    order = np.argsort([int(row["ad"]) for row in rows], kind="stable")
    if options.out is None:
        print("\n".join(f"{rows[i]['ad']}\t{rows[i]['source']}\t{rows[i]['line']}" for i in order))
    elif options.key is not None:
        write_blind(rows, options.out, options.key, options.seed)
    else:
        write_table(options.out, COLUMNS, (rows[i] for i in order))


if __name__ == "__main__":
    main()
