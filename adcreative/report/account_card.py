"""Render the model card of an account's model as Markdown: members and baselines, calibration, coverage, inputs.

Knows plain values only: the result of `AccountModel.card`. Every figure was measured for this very model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def render_account_card(card: Mapping[str, Any], *, plot: str = "") -> str:
    """Return the README.md of the folder written by `train`.

    Args:
        card: result of `AccountModel.card`. plot: file name of the reliability plot, "" without one.
    """
    training, figures = card["training"], card["calibration"]
    parts = [
        "# The model of this account",
        _opening(training),
        "## What it is made of",
        "Each member was fitted without a fifth of the groups (ads with the same words, or of one test) and judged on that "
        "fifth, in turn. Weights are those of the super learner (van der Laan 2007). The last column says how much lower "
        "the log-loss of the whole is than the member's, in nats per 1,000 impressions, with its 90 % interval over groups; "
        "above 0 the whole is better.",
        _members(card["members"]),
        _best_floor(card["members"]),
        _networks(card["members"], card.get("gain_of_networks")),
        *_reads(card.get("reads")),
        "## How far to trust its rates",
        _level(figures),
        *([f"![predicted and observed rates; coverage by impressions]({plot})"] if plot else []),
        _by_impressions(figures["by_impressions"]),
        _reliability(figures["reliability"]),
        *_new_groups(card.get("new_groups")),
        *_word_effects(card.get("word_effects") or []),
        *_seen_effects(card.get("seen_effects") or []),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card["limits"]),
        f"Model `{card['content_hash'][:16]}`.",
    ]
    return "\n\n".join(parts) + "\n"


def _opening(training: Mapping[str, Any]) -> str:
    languages = ", ".join(f"{name} {count:,}" for name, count in training["languages"].items())
    said = f" Languages of the words (ads): {languages}." if languages else ""
    return (
        f"Fitted to {training['num_creatives']:,} ads in {training['num_groups']:,} groups, {training['impressions']:,} "
        f"impressions, {training['clicks']:,} clicks.{said}"
    )


READS = {
    "words": "its words, also those in its picture where it brings none",
    "image": "what its picture shows",
    "look": "the look of its picture and its faces",
    "codes": "its faces in detail",
    "lettering": "how the words in it look",
    "complexity": "how much there is to see",
}


def _reads(parts: Sequence[str] | None) -> list[str]:
    """Return a sentence with the features needed to score an ad; empty if unknown."""
    if parts is None:
        return []
    read = [said for part, said in READS.items() if part in parts]
    return [f"To score an ad, what is read of it beside its columns: {'; '.join(read) or 'nothing'}."]


def _members(members: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| member | weight | rank correlation | level | whole is better by (90 % interval) |", "|---|---|---|---|---|"]
    for name, one in members.items():
        low, high = (1000 * value for value in one["gain_interval"])
        rank = "" if one["spearman"] is None else f"{one['spearman']:.3f}"
        kind = " (floor)" if one["is_floor"] else ""
        lines.append(
            f"| {name}{kind} | {one['weight']:.2f} | {rank} | {one['level']:.2f} | "
            f"{1000 * one['gain_of_stack']:+.4g} ({low:+.4g} to {high:+.4g}) |"
        )
    return "\n".join(lines)


def _new_groups(new: Mapping[str, Any] | None) -> list[str]:
    """Return the section about ads of new groups; empty if the account has no group column."""
    if new is None:
        return []
    figures, name = new["metrics"], new["column"].replace("_", " ")
    return [
        f"## Ads of a new {name}",
        f"They are answered by a half of its own, which does not rest on what the results of a {name} teach. Measured "
        f"with every {name} left out in turn: {_level(figures)}",
        _members(new["members"]),
        _best_floor(new["members"]),
        _networks(new["members"], new.get("gain_of_networks")),
    ]


def _word_effects(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section about features of headlines; empty if there were too few."""
    if not rows:
        return []
    lines = ["| headlines with | click rate (90 % interval) | ads |", "|---|---|---|"]
    for row in rows:
        change, low, high = (100 * math.expm1(row[name]) for name in ("effect", "low", "high"))
        lines.append(f"| {row['label']} | {change:+.0f} % ({low:+.0f} to {high:+.0f}) | {row['ads']:,} |")
    return [
        "## What works in this account",
        "Headlines of ads that ran, compared with those of ads shown in the same context (columns have effects of their own), "
        "all rows at once. Intervals that hold 0 say that no difference was found. New lines are written with what raised the "
        "rate and without what lowered it, where the ad's facts allow it.",
        "\n".join(lines),
    ]


def _seen_effects(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section about looks, faces and formats; empty if there were too few pictures and formats."""
    if not rows:
        return []
    lines = ["| ads with | click rate (90 % interval) | ads |", "|---|---|---|"]
    for row in rows:
        change, low, high = (100 * math.expm1(row[name]) for name in ("effect", "low", "high"))
        lines.append(f"| {row['label']} | {change:+.0f} % ({low:+.0f} to {high:+.0f}) | {row['ads']:,} |")
    return [
        "## Looks, faces and formats of this account",
        "Ads that ran, compared with ads of the same columns; each text and each picture has an effect of its own. Intervals "
        "that hold 0 say that no difference was found.",
        "\n".join(lines),
    ]


def _best_floor(members: Mapping[str, Mapping[str, Any]]) -> str:
    name, one = min(((n, m) for n, m in members.items() if m["is_floor"]), key=lambda pair: pair[1]["gain_of_stack"])
    low, high = one["gain_interval"]
    if low > 0:
        return f"The best floor is {name}; the whole is better, beyond chance."
    return f"The best floor is {name}; the whole cannot be told from it{'' if high > 0 else ' and may be worse'}."


def _networks(members: Mapping[str, Mapping[str, Any]], gain: Sequence[float] | None) -> str:
    """Return the weight of the networks, and how much better the whole is with them: nats per impression, 90 % interval."""
    weights = [one["weight"] for name, one in members.items() if name.startswith(("QIN", "network "))]
    if not weights:
        return (
            "QIN, the neural network, was not tried: no ad has a picture, and on words and columns alone it earned next to "
            "no weight beside the other members (0.013 on 1,126 search ads)."
        )
    earned = sum(weights)
    if not earned:
        return "The neural networks weigh 0: on these ads the other members say all that they know."
    said = f"The neural networks weigh {earned:.2f}"
    if gain is None:
        return f"{said}."
    mean, low, high = (1000 * value for value in gain)
    return f"{said}; with them the log-loss is lower by {mean:+.4g} ({low:+.4g} to {high:+.4g}) than without."


def _level(figures: Mapping[str, Any]) -> str:
    rank = figures["spearman"]
    said = "" if rank is None else f" The rank correlation of predicted and observed rates is {rank:.3f}."
    return (
        f"Predicted clicks are {figures['level']:.2f} times the observed ones; the 90 % intervals of the rate cover "
        f"{figures['coverage']:.1%} of held-out ads (binomial noise accounted for).{said}"
    )


def _by_impressions(rows: list[Mapping[str, Any]]) -> str:
    lines = ["| tenth of ads by impressions (mean) | 90 % intervals cover | by chance alone | level |", "|---|---|---|---|"]
    for row in rows:
        low, high = row["by_chance"]
        lines.append(f"| {row['impressions']:,.0f} | {row['coverage']:.0%} | {low:.0%} to {high:.0%} | {row['level']:.2f} |")
    outside = sum(not row["by_chance"][0] <= row["coverage"] <= row["by_chance"][1] for row in rows)
    said = (
        "A tenth holds few ads, so that its share moves by chance: nine of ten times within the range beside it when intervals "
        f"keep what they promise. Here {outside} of {len(rows)} lie outside."
    )
    return "\n".join([*lines, "", said])


def _reliability(rows: list[Mapping[str, Any]]) -> str:
    lines = ["| ads, lowest predicted rate first | predicted | observed |", "|---|---|---|"]
    lines += [f"| {row['n']} | {row['predicted']:.4%} | {row['observed']:.4%} |" for row in rows]
    return "\n".join(lines)
