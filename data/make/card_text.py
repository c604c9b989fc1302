"""The model card of a click predictor as Markdown: use, data, licence, figures with intervals, limits, method.

Knows plain values only: figures are results of `measure_held_out` and `faithfulness`. Only figures measured for this model are
stated; missing ones are omitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ROWS = (
    ("pairwise_accuracy_significant", "pairs of a test that differ (two-proportion z), ranked right", ".3f"),
    ("pairwise_accuracy", "all pairs of a test, ranked right", ".3f"),
    ("spearman", "rank correlation across creatives", ".3f"),
    ("ndcg_at_10", "NDCG@10 across creatives", ".3f"),
    ("ece", "expected calibration error", ".4f"),
    ("log_loss", "log-loss, nats per impression", ".5f"),
    ("log_loss_gain", "gained over the mean rate, nats per impression", ".6f"),
    ("brier", "Brier score", ".5f"),
    ("coverage", "90 % intervals cover", ".1%"),
)
_BEFORE_SPEARMAN = (("mae", ".4f"), ("mape", ".3f"), ("ndcg_at_10", ".3f"), ("ndcg_at_50", ".3f"))


def render_model_card(
    name: str,
    *,
    facts: Mapping[str, Any],
    measured: Mapping[str, Mapping[str, Any]],
    faithfulness: Mapping[str, Mapping[str, float]],
    pictures: Mapping[str, str],
    command: str,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """Return the README.md of a predictor's folder.

    Args:
        facts: `data.make.model_card.facts_of`. measured: data -> figures of `measure_held_out`, in order of display.
        faithfulness: method -> figures of `summarise_wins`; may be empty. pictures: data -> file name of its plots.
        command: the command that made the figures. comparison: `data.make.model_card.trim_comparison`, if any.
    """
    parts = [
        f"# {name}",
        _opening(facts),
        _use(),
        "## How good it is",
        _figures_intro(measured),
        _table(measured),
        *[_coverage(data, found) for data, found in measured.items()],
        *[f"![reliability, coverage, ranking and evidence: {data}]({file_name})" for data, file_name in pictures.items()],
    ]
    if faithfulness:
        parts += ["## Are its reasons true of it", _faithfulness(faithfulness)]
    if comparison:
        parts += ["## What each input adds, by AdSEE's protocol", _comparison(comparison)]
    parts += [
        "## What it rests on",
        _evidence(facts, measured),
        "## How it was made",
        _making(facts),
        "## Data and licence",
        _licence(facts),
        "## Limits",
        _limits(),
        f"Figures: `{command}`. Model `{facts['content_hash'][:16]}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _opening(facts: Mapping[str, Any]) -> str:
    return (
        f"Click rate of an ad creative (picture, words, faces, context) with a 90 % interval of the true rate, reasons and\n"
        f"evidence. {facts['num_members']} networks of kind `{facts['model_name']}`, their mean calibrated on creatives that "
        "none of them saw."
    )


def _use() -> str:
    return (
        "Meant for: ordering variants before a test, and saying when it does not know. Not meant for: replacing the test, "
        "predicting\nsales, deciding about people, or rates of another country, language or kind of ad without its own results "
        "(`adcreative train`)."
    )


def _figures_intro(measured: Mapping[str, Mapping[str, Any]]) -> str:
    sizes = "; ".join(f"{data}: {found['n']} creatives of {found['num_groups']} groups" for data, found in measured.items())
    return (
        f"{sizes}. None of them was trained on. In brackets: 90 % bootstrap intervals over groups (test, else brand).\n"
        "Packages of a test that share their headline are pooled."
    )


def _table(measured: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"| figure | {' | '.join(measured)} |", "|---" * (1 + len(measured)) + "|"]
    for key, label, form in _ROWS:
        cells = [_cell(found.get(key), found["intervals"].get(key), form) for found in measured.values()]
        if any(cell != "-" for cell in cells):
            lines.append(f"| {label} | {' | '.join(cells)} |")
    lines.append(f"| verdict | {' | '.join(found['verdict'] for found in measured.values())} |")
    return "\n".join(lines)


def _cell(value: float | None, interval: Sequence[float] | None, form: str) -> str:
    if value is None:
        return "-"
    return f"{value:{form}}" + (f" ({interval[0]:{form}} to {interval[1]:{form}})" if interval else "")


def _coverage(data: str, found: Mapping[str, Any]) -> str:
    lines = [
        f"Coverage of 90 % intervals by tenth of predicted rate, binomial noise accounted for, {data}:",
        "",
        "| predicted | observed | coverage |",
        "|---|---|---|",
    ]
    for one in found["deciles"]:
        observed = _cell(one["observed"], one["observed_interval"], ".2%")
        lines.append(f"| {one['predicted']:.2%} | {observed} | {_cell(one['coverage'], one['coverage_interval'], '.1%')} |")
    off = found["deciles_off"]
    lines += [
        "",
        f"Tenths whose coverage lies outside 88 to 92 % by more than chance explains: {off} of {len(found['deciles'])}.",
    ]
    return "\n".join(lines)


def _faithfulness(faithfulness: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        "Deleting what an explanation ranks highest (a fifth of a headline's words, a tenth of a picture's cells) moves the "
        "score more\nthan deleting as many at random; 95 % intervals over creatives; chance is 50 %.",
        "",
        "| method | creatives | cases | won |",
        "|---|---|---|---|",
    ]
    for method, one in faithfulness.items():
        won = _cell(one.get("won"), (one["low"], one["high"]) if "low" in one else None, ".1%")
        lines.append(f"| {method} | {one['creatives']} | {one['cases']} | {won} |")
    return "\n".join(lines)


def _comparison(comparison: Mapping[str, Any]) -> str:
    labels = comparison["labels"]
    seen = ", ".join(f"{name} ({number})" for name, number in list(labels["commonest"].items())[:5])
    said = f" Class labels: {labels['per_picture']:.1f} a picture; most often {seen}." if seen else ""
    lines = [
        f"Not of this model: every line is a network fitted anew to {comparison['num_creatives']} creatives "
        f"({comparison['data']}),\n{comparison['num_seeds']} splits by group. In brackets: 95 % bootstrap intervals over "
        "groups. "
        "The last column is Spearman less that of the line with all inputs\n(lines Q: Q3, C: C5; others: their network, all "
        f"inputs).{said}\nPublished figures (AdSEE, KDD 2023, tables 2 and 3: other ads, split by row) stand below the lines "
        "that read the same:\norders of lines compare, levels do not.",
        "",
        "| network and inputs | MAE | MAPE | NDCG@10 | NDCG@50 | Spearman | Kendall | Spearman added |",
        "|---" * 8 + "|",
    ]
    for line in comparison["lines"]:
        spearman, added = line["spearman"], line["added"]
        cells = [_cell(line[name], None, form) for name, form in _BEFORE_SPEARMAN]
        cells += [_bracketed(spearman), _cell(line["kendall"], None, ".3f")]
        lines.append(
            f"| {line['name']} | {' | '.join(cells)} | {'' if line['against'] == line['name'] else _bracketed(added)} |"
        )
        if (paper := line["published"]) is not None:
            cells = [_cell(paper[name], None, form) for name, form in _BEFORE_SPEARMAN]
            cells += [_cell(paper[name], None, ".3f") for name in ("spearman", "kendall")]
            lines.append(f"| *published* | {' | '.join(cells)} | |")
    return "\n".join([*lines, "", f"Made by `{comparison['command']}`."])


def _bracketed(figure: Mapping[str, float | None]) -> str:
    interval = None if figure["low"] is None or figure["high"] is None else (figure["low"], figure["high"])
    return _cell(figure["value"], interval, ".3f")


def _evidence(facts: Mapping[str, Any], measured: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| modality | grade | learnt from |", "|---|---|---|"]
    lines += [f"| {modality} | {grade} | {source} |" for modality, (grade, source) in facts["grades"].items()]
    for data, found in measured.items():
        far = ", ".join(f"{name} {one['far']:.1%}" for name, one in found["drift"].items())
        rows = ", ".join(f"{number} {grade}" for grade, number in found["evidence"]["rows"].items() if number)
        lines += [
            "",
            f"{data[0].upper()}{data[1:]}: rows graded {rows}; far from the training data (1 % is usual): {far or '-'}.",
        ]
    return "\n".join(lines)


def _making(facts: Mapping[str, Any]) -> str:
    training, changes = facts["training"], facts["changes"]
    split = ", ".join(f"{number:,} {name}" for name, number in training["split"].items())
    text = (
        f"{training['num_creatives']:,} creatives ({split}; split by group), {training['impressions']:,} impressions, "
        f"{training['clicks']:,} clicks;\nseed {facts['seed']}; best epochs {', '.join(map(str, training['best_epochs']))}."
    )
    channels = "; ".join(f"{name} {one['slope']:.2f} and {one['tau']:.2f}" for name, one in changes["channels"].items())
    return (
        f"{text} Made by `python -m data.make.shipped_training packages-train.parquet`.\n\n"
        "A predicted *change* is believed "
        f"to (slope), and leaves unexplained (log-odds per unit of embedding distance): {channels};\nlearnt from "
        f"{changes['num_rows']} held-out creatives of {changes['num_groups']} tests or brands."
    )


def _licence(facts: Mapping[str, Any]) -> str:
    attribution = facts["attribution"]
    named = f"{attribution}. Use of this model must name that source. " if attribution else ""
    return f"{named}Simulated ads are the project's own. The weights are under Apache-2.0."


def _limits() -> str:
    return (
        "- Words were learnt from one American news site, 2013 to 2015, and from simulated ads; pictures, faces and context\n"
        "  from simulated ads alone. A rate for another kind of ad is an extrapolation, and each score's evidence says so.\n"
        "- Orders of variants deserve more trust than levels; a level holds for the kind of account it was learnt from.\n"
        "- It predicts clicks, not sales, and what wins clicks may be clickbait. It knows no audience beyond the columns.\n"
        "- Face codes describe looks; no person is recognised, and sex, ethnicity and skin tone are never offered for editing."
    )
