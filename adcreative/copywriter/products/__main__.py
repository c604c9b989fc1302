"""Print attribute recall and unsupported claims on held-out families: python -m adcreative.copywriter.products."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from adcreative.artifacts import dump_json, write_atomically
from adcreative.copywriter.products.benchmark import measure_describer, measure_nearest_copy
from adcreative.copywriter.products.build import build_describer
from adcreative.copywriter.products.families import shop_lexicon


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m adcreative.copywriter.products", description=__doc__)
    parser.add_argument("--llm", action="append", help="engine; repeat for several (default: template and smollm2)")
    parser.add_argument("--num", type=int, default=3, help="products of each held-out family")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON with the rates and every delivered text")
    options = parser.parse_args()
    if options.out is not None and options.out.exists():
        parser.error(f"{options.out} is there already; choose another --out, or remove it")
    rows, texts = [measure_nearest_copy(num_per_family=options.num, seed=options.seed)], {}
    for name in options.llm or ["template", "smollm2"]:
        describer = build_describer(name, lexicon=shop_lexicon())
        found, delivered = measure_describer(
            describer, num_per_family=options.num, seed=options.seed,
            tell=lambda done, total: print(f"\r{done} of {total}", end="", file=sys.stderr),
        )  # fmt: skip
        rows += found
        texts[name] = [text for _, text in delivered]
    print(f"\n{'written by':<36}{'products':>9}{'attribute recall':>26}{'unsupported claims':>26}")
    for row in rows:
        recall = f"{row.recall:.3f} ({row.recall_low:.3f} to {row.recall_high:.3f})"
        unsupported = f"{row.unsupported:.3f} ({row.unsupported_low:.3f} to {row.unsupported_high:.3f})"
        print(f"{row.way:<36}{row.num_products:>9}{recall:>26}{unsupported:>26}")
    if options.out is not None:
        content = {"rates": [asdict(row) for row in rows], "texts": texts}
        write_atomically(options.out, dump_json(content, indent=1).encode())


if __name__ == "__main__":
    main()
