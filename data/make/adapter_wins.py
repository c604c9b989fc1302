"""Measure how often the click predictor prefers the adapter's lines to the base model's, and write it into the adapter's card.

    python -m data.make.adapter_wins packages-train.parquet data/weights/copywriter

Writes the card's lines anew (the same seeds, six minutes of processor time) and every figure about them; likelihoods stay as
`python -m data.make.adapter_card` measured them. Win rates are length-matched, tuned over base
lines of one brief, see `length_matched_wins`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from adcreative.creative import Creative
from adcreative.ctr.click_model import ClickModel
from adcreative.errors import AdCreativeError, CreativeError, TrainingError
from adcreative.features.extraction import FeatureExtractor
from adcreative.verbs.loading import load_model, load_tools
from data.make.adapter_card import LineScorer, draft_figures, redraft, write_card


def predictor_scorer(extractor: FeatureExtractor, predictor: ClickModel) -> LineScorer:
    """Return a function from lines [N] to the predicted log-odds [N] of ads with that headline and nothing else.

    A blank line is no ad; it scores nan.
    """

    def score(lines: Sequence[str]) -> np.ndarray:
        rows = [row for row, line in enumerate(lines) if line.strip()]
        ads = [Creative(headline=lines[row]) for row in rows]
        features = extractor.extract(ads)
        usable = [one for one in features if not isinstance(one, CreativeError)]
        if len(usable) < len(features):
            raise next(one for one in features if isinstance(one, CreativeError))
        scores = np.full(len(lines), np.nan)
        if ads:
            scores[rows] = predictor.predict_log_odds(ads, usable)[0]
        return scores

    return score


def add_wins(parquet_path: Path, folder: Path) -> dict[str, object]:
    """Measure the lines of the adapter in `folder`, rewrite its card and return the figures about lines.

    Raises:
        TrainingError: the folder has no figures of likelihoods, or the data cannot be used.
    """
    path = folder / "figures.json"
    if not path.is_file():
        raise TrainingError(f"{path} is missing; write it with python -m adcreative.papers.post_training evaluate --export.")
    figures = json.loads(path.read_text(encoding="utf-8"))
    tools = load_tools()
    drafts, tests = redraft(parquet_path, folder)
    judges = {
        "win_rate": tools.headline_model.score,
        "predictor_win_rate": predictor_scorer(tools.extractor, load_model().predictor),
    }
    found = draft_figures(drafts, tests, judges)
    write_card(folder, figures | found)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="packages-train.parquet of the Upworthy Research Archive")
    parser.add_argument("folder", type=Path, help="the adapter's folder, with its figures.json")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        print(json.dumps(add_wins(given.data, given.folder), indent=2, ensure_ascii=False))
    except AdCreativeError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
