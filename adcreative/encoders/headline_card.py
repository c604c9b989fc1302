"""Write a trained headline model with its model card: held-out figures, intervals, where the data come from, limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adcreative.encoders.headline import HeadlineModel, HeadlineNet, save_headline_net
from adcreative.encoders.headline_tests import ATTRIBUTION, HeadlineTests, evaluate_scores


def export_model(
    model_dir: Path, net: HeadlineNet, tokenizer: Any, held_out: HeadlineTests, config: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """Save the network, judge the saved file on the held-out tests, write the card; returns the figures."""
    save_headline_net(model_dir, net, config=config, attribution=ATTRIBUTION)
    figures = evaluate_model(HeadlineModel.load(model_dir), held_out)
    save_headline_net(model_dir, net, config=config, attribution=ATTRIBUTION, held_out=figures)
    (model_dir / "README.md").write_text(model_card(figures))
    return figures


def evaluate_model(model: HeadlineModel, tests: HeadlineTests) -> dict[str, dict[str, float]]:
    """Return `evaluate_scores` on all tests and on those outside the weeks of imbalanced randomisation."""
    balanced = tests.select(~tests.is_imbalanced())
    return {
        "all weeks": evaluate_scores(tests, model.score(tests.headlines)),
        "without 25 June 2013 - 10 January 2014": evaluate_scores(balanced, model.score(balanced.headlines)),
    }


def model_card(figures: dict[str, dict[str, float]]) -> str:
    """Return the README.md of the model folder."""
    rows = []
    for name, found in figures.items():
        cells = [name, f"{found['tests']:.0f}"]
        for suffix in ("", "_significant"):
            key = f"pairwise_accuracy{suffix}"
            cells.append(f"{found[f'pairs{suffix}']:.0f}")
            cells.append(f"{found[key]:.3f} ({found[f'{key}_low']:.3f} to {found[f'{key}_high']:.3f})")
        rows.append(f"| {' | '.join(cells)} |")
    table = "\n".join(rows)
    return f"""# headline

Scores the appeal of an English headline: MiniLM (all-MiniLM-L6-v2, Apache-2.0, not included here) with its last three layers
tuned and a linear head. A difference of 0.1 means about 10 % more clicks within a test; 0 is the average headline.
Only the changed layers and the head are stored, as fp16 safetensors. Made by `adcreative.encoders.headline_training`.

## How good it is

Pairs of different headlines of one test, packages sharing a headline pooled; the share in which the headline that was clicked
more has the higher score. Significant pairs: two-proportion |z| > 1.96. Held-out tests only (one in ten, by hash of the test
id; no tuning test shares a headline with them). In brackets: 95 % bootstrap intervals over tests.

| weeks | tests | pairs | all pairs | significant | significant pairs |
|---|---|---|---|---|---|
{table}

The archive's maintainers report imbalanced randomisation from 25 June 2013 to 10 January 2014, hence the second row. Guessing
gives 0.5. The score's one scale was fitted on the calibration tests (another tenth).

## Data and licence

{ATTRIBUTION}. Changed by us: packages pooled by headline, tests with one headline left out. Use of this model must name that
source. The weights are under Apache-2.0.

## Limits

One American news site, 2013 to 2015, curiosity headlines, English. It has not seen product ads, other languages or today's
taste, and reads the headline only. A score orders variants for a test; it doesn't replace one. Headlines that win clicks may be
clickbait: what it likes is not what a brand should say without a look.
"""
