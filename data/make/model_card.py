"""Measure shipped click predictors on data they have not seen, and write their cards: README.md, evaluation.json, plots.

    python -m data.make.model_card data/weights/predictor data/weights/judge --data packages-train.parquet
    python -m data.make.model_card data/weights/predictor --benchmark benchmark/adsee.json

Headline tests are the held-out part of the archive, simulated ads come from markets that no shipped model has seen,
faithfulness is measured on some of both. Every figure of a card comes from this run, from the model's own manifest, or from
a table of `adcreative benchmark adsee`, which a folder keeps until it is given another; nothing is written before all is known.
Without --data nothing is measured and the card is written again from its evaluation.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from adcreative.artifacts import write_atomically
from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.ctr.evaluation import measure_held_out
from adcreative.ctr.predictor import Predictor
from adcreative.errors import CatalogError
from adcreative.report.plots import draw_evaluation
from adcreative.verbs.loading import Tools, load_market, load_tools
from data.make.card_text import render_model_card
from data.make.faithfulness import judge_heat, judge_words
from data.make.headline_tests import part_of_test
from data.make.shipped_training import MARKET_SCALE, extract, extract_market

HEADLINES, ADS = "held-out headline tests", "simulated ads"
PICTURES = {HEADLINES: "headlines.png", ADS: "simulated.png"}
FIRST_MARKET, ADS_PER_MARKET = 20, 60
REASONS_SEED = 7000
SHOWN = ("mae", "mape", "ndcg_at_10", "ndcg_at_50", "kendall")  # shown in addition to Spearman
COMMAND = "python -m data.make.model_card"

Table = tuple[list[Creative], list[Any]]


def facts_of(predictor: Predictor) -> dict[str, Any]:
    """Return the facts stored in a model as plain values: kind, grades, training, changes, attribution, hash."""
    notes = predictor.notes
    return {
        "num_members": len(predictor.members),
        "model_name": predictor.config.model_name,
        "seed": notes["seed"],
        "grades": {name: tuple(pair) for name, pair in notes["grades"].items()},
        "training": notes["training"],
        "changes": predictor.changes.as_dict(),
        "attribution": notes.get("attribution", ""),
        "content_hash": predictor.content_hash,
    }


def write_card(
    folder: Path,
    predictor: Predictor,
    measured: dict[str, Any],
    faithfulness: dict[str, Any],
    command: str,
    comparison: dict[str, Any] | None = None,
) -> None:
    """Write README.md, evaluation.json and a plot for each data set into the model's folder, next to the weights.

    Args:
        comparison: `trim_comparison`; None: the existing one of the folder, if any.
    """
    comparison = comparison or read_evaluation(folder).get("comparison")
    pictures = {data: PICTURES[data] for data in measured}
    drawn = {pictures[data]: draw_evaluation(found) for data, found in measured.items()}
    card = render_model_card(
        folder.name,
        facts=facts_of(predictor),
        measured=measured,
        faithfulness=faithfulness,
        comparison=comparison,
        pictures=pictures,
        command=command,
    )
    figures = {
        "content_hash": predictor.content_hash,
        "command": command,
        "measured": measured,
        "faithfulness": faithfulness,
        "comparison": comparison,
    }
    for file_name, picture in drawn.items():
        write_atomically(folder / file_name, picture)
    write_atomically(folder / "evaluation.json", (json.dumps(figures, indent=1) + "\n").encode())
    write_atomically(folder / "README.md", card.encode())


def read_evaluation(folder: Path) -> dict[str, Any]:
    """Return the content of evaluation.json in a model's folder; empty without one."""
    path = folder / "evaluation.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def trim_comparison(path: Path) -> dict[str, Any]:
    """Return the part of a table of `adcreative benchmark adsee` that a card shows.

    Raises:
        CatalogError: the file is no such table.
    """
    try:
        table = json.loads(path.read_text())
        kept = {name: table[name] for name in ("command", "data", "num_creatives", "num_seeds", "labels")}
        lines = [
            {
                "name": line["name"],
                "against": line["against"],
                "published": line["published"],
                "spearman": line["spearman"],
                "added": line["added"]["spearman"],
                **{name: line[name]["value"] for name in SHOWN},
            }
            for line in table["lines"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{path} is no table of adcreative benchmark adsee ({error}); make it anew.") from error
    return {**kept, "lines": lines}


def rewrite_card(folder: Path, predictor: Predictor, comparison: dict[str, Any] | None) -> None:
    """Rewrite the card from evaluation.json.

    Raises:
        CatalogError: the file has no figures, or the figures of another model.
    """
    found = read_evaluation(folder)
    if found.get("content_hash") != predictor.content_hash or "command" not in found:
        raise CatalogError(f"{folder}/evaluation.json holds no figures of the model that lies there; measure it with --data.")
    write_card(folder, predictor, found["measured"], found["faithfulness"], found["command"], comparison)


def judge_reasons(tools: Tools, predictor: Predictor, headlines: Sequence[Creative], num_ads: int) -> dict[str, Any]:
    """Return faithfulness on headlines and on `num_ads` fresh ads; see `data.make.faithfulness`."""
    found: dict[str, Any] = dict(judge_words(headlines, tools.extractor, predictor, seed=0)) if headlines else {}
    if num_ads:
        ads = list(load_market(FIRST_MARKET).iter_creatives(num_ads, REASONS_SEED, scale=MARKET_SCALE))
        found |= judge_heat(ads, tools.extractor, predictor, seed=0)
    return found


def extract_ads(num: int) -> Table:
    """Return about `num` ads of unseen markets with their features, ADS_PER_MARKET of each."""
    parts = [extract_market(FIRST_MARKET + k, min(ADS_PER_MARKET, num)) for k in range(max(1, num // ADS_PER_MARKET))]
    return [one for creatives, _ in parts for one in creatives], [one for _, features in parts for one in features]


def pick(creatives: Sequence[Creative], num: int) -> list[Creative]:
    """Return `num` creatives at equal distances in the list."""
    step = max(1, len(creatives) // max(num, 1))
    return list(creatives[::step][:num])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="model folders, such as data/weights/predictor")
    parser.add_argument("--data", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("--benchmark", type=Path, help="adsee.json of adcreative benchmark adsee, to stand in the card")
    parser.add_argument("--ads", type=int, default=600, help="simulated ads to measure on; 0: none")
    parser.add_argument(
        "--reasons", type=int, nargs=2, default=(100, 60), help="headlines and ads to judge reasons on; 0 0: none"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    predictors = {folder: Predictor.load(folder) for folder in given.folders}  # before the long work, so that errors come first
    try:
        comparison = None if given.benchmark is None else trim_comparison(given.benchmark)
        if given.data is None:
            for folder, predictor in predictors.items():
                rewrite_card(folder, predictor, comparison)
            return
    except CatalogError as error:
        raise SystemExit(str(error)) from error
    tools = load_tools()
    for predictor in predictors.values():
        predictor.check_encoders(tools.extractor.hashes)
    held_out = [c for c in read_catalog(given.data).creatives if part_of_test(c.test_id) == "held-out"]
    if not held_out:
        raise SystemExit(str(CatalogError(f"{given.data} holds no held-out headline test; give the archive's packages.")))
    tables: dict[str, Table] = {HEADLINES: extract(tools, held_out, HEADLINES)}
    if given.ads:
        tables[ADS] = extract_ads(given.ads)
    headlines, num_ads = pick(held_out, given.reasons[0]), given.reasons[1]
    command = (
        f"{COMMAND} {' '.join(map(str, given.folders))} --data packages-train.parquet --ads {given.ads} "
        f"--reasons {given.reasons[0]} {given.reasons[1]}"
    )
    for folder, predictor in predictors.items():
        measured = {name: measure_held_out(predictor, *table) for name, table in tables.items()}
        reasons = judge_reasons(tools, predictor, headlines if given.reasons[0] else [], num_ads)
        write_card(folder, predictor, measured, reasons, command, comparison)
        print(
            json.dumps({folder.name: {name: found["coverage"] for name, found in measured.items()}, "reasons": reasons}),
            flush=True,
        )


if __name__ == "__main__":
    main()
