"""Answers to questions about an account, as bars, one sentence about certainty, and warnings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from adcreative.pipeline import find_discoveries
from adcreative.report import words

from .plain import plain, read_macros

if TYPE_CHECKING:
    from adcreative.pipeline import FeatureRank

MAX_BARS, MAX_ADS = 15, 12
HORIZON_DAYS = 60
LEAST_RIGHT = 0.55  # of unseen pairs of ads ordered correctly by a forecast
_ANSWERS = {"winner": "The new version wins", "loser": "The original is better", "go on": "Not decided yet: go on"}
_NAME_PART = re.compile(r"name_(\w+)")
NO_BETTER = " That is hardly better than chance: do not retire an ad for its date alone."


def tests(rows: Sequence[Mapping[str, Any]]) -> str:
    """List tests as a table: name (address), campaign, versions, date and answers (of `pipeline.read_out`) of each."""
    said = [", ".join(dict.fromkeys(_ANSWERS.get(one, one) for one in row["answers"])) or "no results yet" for row in rows]
    return _render("tests", rows=[{**row, "answer": answer} for row, answer in zip(rows, said, strict=True)])


def test(name: str, campaign: str, when: str, read_out: Mapping[str, Any], plan: str) -> str:
    """Show one test: its results, and its plan as a fragment.

    Args:
        read_out: "tests", each as in `winners`, "results" (name of a file) and "at" (ISO 8601); empty before the first results.
    """
    answers = Markup(winners(read_out["tests"], [])) if read_out else ""  # rendered by a template
    read_when = f"{datetime.fromisoformat(read_out['at']):%-d %B %Y, %H:%M}" if read_out else ""
    return _render(
        "test",
        name=name,
        campaign=campaign,
        when=when,
        answers=answers,
        results=read_out.get("results", ""),
        read_when=read_when,
        plan=Markup(plan),
    )


_render = read_macros("insights")


def columns(ranks: Sequence[Any], noise_line: float, num_rows: int) -> str:
    """Show the columns that predict clicks, compared with columns of pure chance.

    Args:
        ranks: best first (`pipeline.FeatureRank`), including columns of chance. noise_line: the best score of those.
    """
    own = [one for one in ranks if not one.is_noise and one.values > 1]
    said = [one for one in own if one.says_something]
    shown = [
        one for one in own if one.says_something or not _is_pair(one)
    ]  # a pair without information beyond its parts is left out
    scale = max([noise_line, 1e-9, *(one.score for one in shown)])
    bars = [
        {
            "name": _name_column(one.column),
            "left": 0.0,
            "width": _percent(one.score / scale),
            "label": "says something" if one.says_something else "no more than chance",
            "is_soft": not one.says_something,
        }
        for one in shown[:MAX_BARS]
    ]
    if not own:
        sentence = "This table has nothing beside names and counts. Export with columns such as placement, age or campaign."
    else:
        sentence = _say_columns(said, [one for one in own if not _is_pair(one)], f"{num_rows:,} ads and segments")
    return _render(
        "answer",
        title="Which of your columns say anything",
        sentence=sentence,
        bars=bars,
        line=_percent(noise_line / scale),
        line_name="what pure chance reaches",
        hidden=len(own) - len(bars),
        warnings=[],
    )


def _say_columns(said: Sequence[Any], columns: Sequence[Any], rows: str) -> str:
    """Return a sentence about the informative columns and pairs of columns; rows: the amount of data."""
    alone, pairs = [[one for one in said if _is_pair(one) is is_pair] for is_pair in (False, True)]
    if not said:
        return f"No column says more about clicks than columns of pure chance do, as far as {rows} can tell."
    parts = []
    if alone:
        does = "columns say" if len(alone) > 1 else "column says" if len(columns) == 1 else "columns says"
        parts.append(
            f"{len(alone)} of {len(columns)} {does} more about clicks than columns of pure chance do: {_list_names(alone)}."
        )
    if pairs:
        does = "pairs of columns say" if len(pairs) > 1 else "pair of columns says"
        parts.append(f"{len(pairs)} {does} more together than each alone: {_list_names(pairs)}.")
    return " ".join([*parts, f"Chance alone gets so far about once in 700 columns. Told from {rows}."])


def _list_names(ranks: Sequence[FeatureRank]) -> str:
    first = ", ".join(f"“{_name_column(one.column)}”" for one in ranks[:3])
    return f"first {first}" if len(ranks) > 3 else first


def _is_pair(rank: FeatureRank) -> bool:
    return " AND " in rank.column


def _name_column(column: str) -> str:
    """Return the name of a column, or a pair, on the page: "name_3" is the third part of the ads' names."""
    parts = [_NAME_PART.fullmatch(part) for part in column.split(" AND ")]
    called = [
        part if found is None else f"part {found[1]} of the ad’s name" if found[1].isdigit() else f"{found[1]} in the ad’s name"
        for part, found in zip(column.split(" AND "), parts, strict=True)
    ]
    return " with ".join(called)


def rotation(rows: Sequence[Mapping[str, str]], warnings: Sequence[str]) -> str:
    """Show tomorrow's share of each ad.

    Args:
        rows: rows of the plan: context, creative, share, ctr, ctr_low, ctr_high, impressions.
    """
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    bars, best = [], max(rows, key=lambda row: float(row["share"]))
    for context in contexts:
        inside = sorted((row for row in rows if row["context"] == context), key=lambda row: -float(row["share"]))
        prefix = f"{context}: " if len(contexts) > 1 else ""
        bars += [
            {
                "name": prefix + row["creative"],
                "left": 0.0,
                "width": _percent(float(row["share"])),
                "is_soft": False,
                "label": f"{_say_share(float(row['share']))} of impressions; click rate {float(row['ctr_low']):.2%} to "
                f"{float(row['ctr_high']):.2%}",
            }
            for row in inside[: MAX_BARS if len(contexts) == 1 else 5]
        ]
    where = f" in “{best['context']}”" if len(contexts) > 1 else ""
    sentence = (
        f"Show “{best['creative'][:60]}” most{where}: {float(best['share']):.0%} of impressions, which is the chance that its "
        "click rate is the best there. The others stay in as long as they may still be better."
    )
    return _render(
        "answer",
        title="Tomorrow's rotation",
        sentence=sentence,
        bars=bars[: 2 * MAX_BARS],
        line=None,
        line_name="",
        hidden=max(len(rows) - len(bars), 0),
        warnings=[plain(text) for text in warnings],
    )


def _say_share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 or share == 0 else "under 1%"


def retire(rows: Sequence[Mapping[str, str]], figures: Mapping[str, Any], warnings: Sequence[str]) -> str:
    """Show the predicted retirement date of each running ad.

    Args:
        rows: rows of the forecast. figures: its record: method, concordance of each method, num_held_out, num_running.
    """
    running = [row for row in rows if row["state"] == "running"]
    dated = [row for row in running if row["retire_by"]]
    bars = []
    if dated:
        start = min(date.fromisoformat(row["retire_by_low"] or row["retire_by"]) for row in dated)
        for row in dated[:MAX_BARS]:
            low, by = (date.fromisoformat(row[name] or row["retire_by"]) for name in ("retire_by_low", "retire_by"))
            high = date.fromisoformat(row["retire_by_high"]) if row["retire_by_high"] else None
            left, right = ((day - start).days / HORIZON_DAYS for day in (low, high or low))
            right = 1.0 if high is None else right
            bars.append(
                {
                    "name": row["creative"],
                    "left": _percent(left),
                    "width": max(_percent(right) - _percent(left), 1.0),
                    "label": f"by {by:%-d %b} ({low:%-d %b} to {f'{high:%-d %b}' if high else 'later'})",
                    "is_soft": False,
                }
            )
    else:
        bars = [
            {
                "name": row["creative"],
                "left": 0.0,
                "width": _percent(-float(row["weekly_change"] or 0)),
                "is_soft": True,
                "label": _say_trend(row),
            }
            for row in running[:MAX_BARS]
        ]
    return _render(
        "answer",
        title="Retire by",
        sentence=_say_retire(dated, running, figures),
        bars=bars,
        line=None,
        line_name="",
        hidden=max(len(dated or running) - MAX_BARS, 0),
        warnings=[plain(text) for text in warnings],
    )


def _say_trend(row: Mapping[str, str]) -> str:
    """Return the change of an ad's click rate with its age; "" in a row means unknown."""
    if not row["weekly_change"]:
        return "no clear trend"
    change, low, high = (words.signed_percent(float(row[name])) for name in ("weekly_change", "change_low", "change_high"))
    return f"{change} a week ({low} to {high})"


def _say_retire(dated: Sequence[Mapping[str, str]], running: Sequence[Mapping[str, str]], figures: Mapping[str, Any]) -> str:
    if not running:
        return "No ad is running on the last day of this table, so there is none to retire."
    if not dated and figures.get("known_age_days"):
        return (
            f"{len(running)} ads are running. Each more likely than not outlives {figures['known_age_days']} days; this table "
            "knows too little of older ads to tell a date."
        )
    if not dated:
        return (
            f"{len(running)} ads are running. A date needs an account of at least 80 ads, half of them ended; until then only "
            "the trend of each click rate is shown, with its 90 % range."
        )
    soon = sum(float(row["ends_in_7_days"] or 0) > 0.5 for row in dated)
    own = figures["concordance"].get(figures["method"], {})
    right = next((value for value in own.values() if value is not None), None)
    sure = (
        ""
        if right is None
        else (
            f" Of two ads that it had not seen, it named the one that ended first {right:.0%} of the time"
            " (half would be chance)."
        )
    )
    first = dated[0]
    return (
        f"{soon} of {len(running)} running ads more likely than not end within a week; first to renew: "
        f"“{first['creative'][:60]}”. Bars span eight times in ten.{sure}"
        + (NO_BETTER if right is not None and right < LEAST_RIGHT else "")
    )


_COUNTED = {
    "ctr": "clicks",
    "cpc": "clicks for the same money",
    "cost_per_conversion": "conversions for the same money",
    "roas": "revenue for the same money",
}


def winners(tests: Sequence[Mapping[str, Any]], waiting: Sequence[Mapping[str, Any]] = ()) -> str:
    """Show the answer of each test: winner, loser or go on; empty without tests. A winner has a button.

    Args:
        tests: as in `pipeline.read_out`: test, level, metric, arms with arm, answer, uplift and its interval; and the name of
            the version ("version"), and whether its pack is available ("has_pack").
        waiting: tests without results of both ads: version, names of the two ads.
    """
    rows = [
        {
            "answer": _ANSWERS.get(arm["answer"], str(arm["answer"])),
            "is_won": arm["answer"] == "winner",
            "counted": _COUNTED[test["metric"]],
            "version": test["version"],
            "has_pack": test["has_pack"],
            "change": "" if arm["uplift"] is None else words.signed_percent(arm["uplift"]),
            "low": words.signed_percent(arm["uplift_low"]),
            "high": "no limit" if arm["uplift_high"] is None else words.signed_percent(arm["uplift_high"]),
            "sure": f"{1 - test['level']:.0%}",
        }
        for test in tests
        for arm in test["arms"]
    ]
    return _render("winners", rows=rows, waiting=waiting) if rows or waiting else ""


_KINDS = {"look": "Looks", "face": "Faces", "format": "Formats"}
MIN_PICTURES = 10  # different pictures needed for a statement about pictures


def works(effects: Sequence[Mapping[str, Any]], seen: Sequence[Mapping[str, Any]] = (), num_pictures: int = 0) -> str:
    """Show the features worth more or fewer clicks in an account's ads with their evidence, and the features without evidence.

    Args:
        effects: of headlines, of a model card: label, effect, low, high (log-odds), ads. seen: the same for pictures, faces
            and formats, with their kind. num_pictures: number of different pictures joined with the results.
    """
    parts = [_effects("What works here: words", "features of headlines", "lines with ", effects)] if effects else []
    for kind, title in _KINDS.items():
        rows = [one for one in seen if one["kind"] == kind]
        if rows:
            parts.append(_effects(f"What works here: {title.casefold()}", f"{title.casefold()} that were compared", "", rows))
    missing = [title for kind, title in _KINDS.items() if not any(one["kind"] == kind for one in seen)]
    return "".join(parts) + (_render("no_evidence", sentences=_say_missing(missing, bool(effects), num_pictures)))


def _say_missing(missing: Sequence[str], has_words: bool, num_pictures: int) -> list[str]:
    """Return sentences about the features without evidence, and the data needed for evidence."""
    sentences = [] if has_words else ["Words: too few different headlines ran to compare them."]
    for title in missing:
        if title == "Formats":
            sentences.append(
                "Formats: no evidence. Export with a column such as placement, platform or device; five ads of each are needed."
            )
        elif num_pictures == 0:
            sentences.append(
                f"{title}: no evidence, since no picture was joined with these results. Add the pictures and train again."
            )
        elif num_pictures < MIN_PICTURES:
            sentences.append(
                f"{title}: no evidence from {num_pictures} different pictures; at least {MIN_PICTURES} are needed."
            )
        else:
            sentences.append(f"{title}: no evidence, since these pictures are too much alike in it.")
    return sentences


def _effects(title: str, what: str, prefix: str, effects: Sequence[Mapping[str, Any]]) -> str:
    found = find_discoveries([(one["low"], one["effect"], one["high"]) for one in effects])
    sure = [one for one, is_sure in zip(effects, found, strict=True) if is_sure]
    scale = max(max(abs(one["low"]), abs(one["high"])) for one in effects)
    bars = []
    for one in effects[:MAX_BARS]:
        left, right = (50 + 50 * one[name] / max(scale, 1e-9) for name in ("low", "high"))
        change, low, high = (words.signed_percent(math.expm1(one[name])) for name in ("effect", "low", "high"))
        bars.append(
            {
                "name": f"{prefix}{one['label']}",
                "left": round(left, 1),
                "width": round(right - left, 1),
                "label": f"{change} ({low} to {high}), {one['ads']:,} ads",
                "is_soft": one not in sure,
            }
        )
    sentence = (
        f"{len(sure)} of {len(effects)} {what} stand out here; of such, at most one in ten is chance. This compares ads that "
        "ran; only a test shows that this is the reason."
        if sure
        else f"None of {len(effects)} {what} stands out in these results yet. What may be chance is drawn towards "
        "no difference; the range says how large it may still be."
    )
    return _render(
        "answer",
        title=title,
        sentence=sentence,
        bars=bars,
        line=50.0,
        line_name="no difference",
        hidden=max(len(effects) - MAX_BARS, 0),
        warnings=[],
        more="on the card of your model",
    )


def keywords(rows: Sequence[Mapping[str, str]], figures: Mapping[str, Any], warnings: Sequence[str]) -> str:
    """Show the best keywords of each ad.

    Args:
        rows: creative, rank, label, score, is_known. figures: method, figures of each method, num_held_out, num_labels.
    """
    by_ad: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_ad.setdefault(row["creative"], []).append(row)
    top = max((float(row["score"]) for row in rows), default=0.0)
    bars = [
        {
            "name": name,
            "left": 0.0,
            "width": _percent(float(found[0]["score"]) / max(top, 1e-9)),
            "is_soft": False,
            "label": ", ".join(row["label"][:40] for row in found[:3]),
        }
        for name, found in list(by_ad.items())[:MAX_ADS]
    ]
    measured = figures["figures"].get(figures["method"], {})
    if measured:
        right = next(iter(measured.values()))
        sure = f"On {figures['num_held_out']:,} ads left out, the first keyword was right for {right:.0%}."
    else:
        sure = (
            "How well they fit is not measured: that needs a column that names the ad beside keywords that brought clicks, for "
            "40 ads."
        )
    sentence = f"{figures['num_labels']:,} keywords held against the words of {len(by_ad):,} ads. {sure}"
    return _render(
        "answer",
        title="Keywords",
        sentence=sentence,
        bars=bars,
        line=None,
        line_name="",
        hidden=max(len(by_ad) - MAX_ADS, 0),
        warnings=[plain(text) for text in warnings],
    )


def _percent(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 1)
