"""Fragments of the page for the later steps and the account, as HTML; the templates escape every text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import CreativeError
from adcreative.pipeline import NEEDED_COLUMNS, NOT_LEGAL_ADVICE, AccountView, ColumnView, Trainable
from adcreative.problem import Problem, find_problem, has_code
from adcreative.report.pictures import Preview, preview
from adcreative.report.words import direction_label

from .plain import plain, read_macros

if TYPE_CHECKING:
    from adcreative.pipeline import AdLine

PLOT_PX = (60, 20, 400, 260)  # left, top, right, bottom of the plot's axes
MAX_LINES, HEAT_PX = 200, 640
MAX_THUMBNAILS, THUMBNAIL_PX, SMALL_PX = 60, 260, 96
SAID = ("untested_sizes", "long_test", "long_comparisons")  # problems of a plan that the page states in its own words
ORDERS = ("Strongest first", "Weakest first", "By name")
MARKETS = {
    "eu": "European Union",
    "us-ny": "New York",
    "meta": "Meta (Facebook, Instagram)",
    "tiktok": "TikTok",
    "google": "Google",
}


_render = read_macros("steps")


def word_checks(found: Mapping[str, Sequence[str]], *, gain: str = "") -> str:
    """Show the rule checks of words; gain: the predicted gain of the words, which are now on the ad."""
    return _render("word_checks", checks=found, gain=gain)


def writing(num_lines: int, *, is_done: bool = False, language: str = "") -> str:
    """Show the number of lines written so far. language: the ad's, if no line can be written in it, such as "German"."""
    return _render("writing", num_lines=num_lines, is_done=is_done, language=language)


def explanation(one: Mapping[str, Any], heat_path: Path) -> str:
    """Show the explanation of a score: heat over the picture, and the effects of words. The score shows the parts."""
    heat = None
    if one["heat"] is not None and heat_path.is_file():
        with Image.open(heat_path) as image:
            heat = preview(image.convert("RGB"), HEAT_PX)
    largest = max([abs(word["log_odds"]) for word in one["strongest_words"]], default=1.0)
    return _render("explanation", one=one, heat=heat, largest_word=max(largest, 1e-9))


def duties(found: Sequence[Mapping[str, Any]]) -> str:
    """List possible disclosure duties."""
    return _render("duties", duties=found, advice=NOT_LEGAL_ADVICE)


def weights(rows: Sequence[Mapping[str, Any]]) -> str:
    """List the weights in use, each with its purpose and licence."""
    return _render("weights", rows=rows)


def consents(records: Sequence[Any]) -> str:
    """List consent records: name, permitted edits, expiry date. The person's name stays in the record."""
    today = date.today().isoformat()
    rows = [
        {
            "id": one.consent_id,
            "expires": one.expires,
            "is_over": one.expires < today,
            "edits": "everything" if one.edits == ("all",) else ", ".join(direction_label(name) for name in one.edits),
        }
        for one in records
    ]
    return _render("consents", records=rows)


def columns(view: ColumnView) -> str:
    """Show the first rows of an export, and whether its columns are known."""
    missing = [] if view.is_known else [name for name in NEEDED_COLUMNS if not view.found[name]]
    return _render("columns", view=view, missing=missing)


def few_ads(found: Trainable) -> str:
    """Show that an account has too few ads to train on, the number needed, and the alternatives until then."""
    return _render("few_ads", found=found)


def trained(record: Mapping[str, Any]) -> str:
    """Show the outcome of training on an account's results, with the accuracy on held-out ads.

    Args:
        record: ads, failed, warnings; level (predicted over observed clicks), coverage of the 90 % intervals and spearman
            (rank correlation), each None without a measurement.
    """
    return _render("trained", **{**record, "warnings": [_say_warning(text) for text in record["warnings"]]})


@dataclass(frozen=True, kw_only=True)
class FolderWarnings:
    """of_ads: index of an ad -> reasons to trust its number less. odd: indices of ads with meaningless numbers, which are
    excluded from the comparison. shared: a warning about all ads, "" for none."""

    of_ads: Mapping[int, Sequence[str]] = field(default_factory=dict)
    odd: Collection[int] = ()
    shared: str = ""


def folder(
    ranked: Sequence[tuple[Creative, Mapping[str, Any]]],
    failed: Sequence[Mapping[str, str]],
    dropped: Mapping[str, int],
    warnings: Sequence[str],
    score_warnings: FolderWarnings,
    order: str = ORDERS[0],
    query: str = "",
) -> str:
    """Show many ads as cards, with a list of failed and omitted ads.

    Args:
        ranked: the strongest first. order: of ORDERS. query: only ads with this text in their name or words are shown.
    """
    places = [place for place, (creative, _) in enumerate(ranked) if _holds(creative, query)]
    if order == ORDERS[1]:
        places.reverse()
    elif order == ORDERS[2]:
        places.sort(key=lambda place: ranked[place][0].name.casefold())
    best = max((row["ctr_high"] or 0.0 for _, row in ranked), default=0.0)
    num_weaker = _count_weaker(
        [None if place in score_warnings.odd else find_worth(row) for place, (_, row) in enumerate(ranked)]
    )
    cards = [
        {
            "place": place,
            "ad": ranked[place][0],
            "row": ranked[place][1],
            "warnings": score_warnings.of_ads.get(place, ()),
            "is_odd": place in score_warnings.odd,
            "num_weaker": num_weaker.get(place),
            "tier": _tier(num_weaker.get(place), len(num_weaker)),
            "reasons": [one for one in ranked[place][1]["reasons"] if one.values["part"] != "faces"],
            "thumbnail": _thumbnail(ranked[place][0]) if number < MAX_THUMBNAILS else None,
        }
        for number, place in enumerate(places[:MAX_LINES])
    ]
    return _render(
        "folder",
        cards=cards,
        num_hidden=max(len(places) - MAX_LINES, 0),
        num_ads=len(ranked),
        num_others=len(num_weaker) - 1,
        failed=[_say_failed(one) for one in failed[:MAX_LINES]],
        dropped=dropped,
        warnings=[_say_warning(text) for text in warnings],
        best=max(best, 1e-9),
        query=query,
        shared=score_warnings.shared,
    )


LEAST_TIERED = 6  # ads: two in each third


def _say_warning(text: str) -> str:
    """Return a warning about the table without the table's name, since there is only one table."""
    said = re.sub(r"^[^:]{1,200}\.(?:csv|tsv|txt|xls[xmb]?|ods|parquet|json|zip): ", "", plain(text), flags=re.IGNORECASE)
    return said[:1].upper() + said[1:]


def _say_failed(one: Mapping[str, str]) -> str:
    """Return why an ad could not be scored, with the ad's name once, or its row if the ad has no name."""
    name, problem = one["file_name"] or one["ad_name"], one["problem"]
    if name:
        problem = re.sub(r"^row \d+: ", "", problem)
        problem = problem if f'"{name}"' in problem else f"{name[:80]}: {problem}"
    else:
        problem = problem[:1].upper() + problem[1:]
    return f"{problem[:300]} {one['remedy'][:300]}"


def find_worth(row: Mapping[str, Any]) -> float | None:
    """Return the ranking key of an ad: its rate, else its strength; None without either."""
    worth = row.get("strength") if row["ctr"] is None else row["ctr"]
    return None if worth is None else float(worth)


def _count_weaker(worths: Sequence[float | None]) -> dict[int, int]:
    """Return index -> number of weaker ads, for ads with a ranking key."""
    ordered = sorted(worth for worth in worths if worth is not None)
    return {place: bisect_left(ordered, worth) for place, worth in enumerate(worths) if worth is not None}


def _tier(num_weaker: int | None, num_ads: int) -> str:
    """Return the third of the ranking with the ad; "" for fewer than LEAST_TIERED ads, and for an ad without a rank."""
    if num_weaker is None or num_ads < LEAST_TIERED:
        return ""
    return ("Bottom third", "Middle", "Top third")[min(3 * num_weaker // num_ads, 2)]


def _holds(creative: Creative, query: str) -> bool:
    text = " ".join((creative.name, creative.headline, creative.primary_text, creative.description, creative.brand))
    return query.strip().casefold() in text.casefold()


def _thumbnail(creative: Creative, size_px: int = THUMBNAIL_PX) -> Preview | None:
    """Return an ad's picture as a thumbnail; None without one, or for an unreadable file."""
    try:
        image_u8 = picture(creative)
    except CreativeError:
        return None
    return None if image_u8 is None else preview(Image.fromarray(image_u8), size_px)


def plan(content: Mapping[str, Any]) -> str:
    """Show a plan.json of one ad: impressions, days, and warnings."""
    (test,) = content["tests"]
    warnings = _warnings(test["problems"], content["problems"])
    return _render("plan", test=test, is_untested=_is_untested(content), settings=content["settings"], warnings=warnings)


def _is_untested(content: Mapping[str, Any]) -> bool:
    """Return whether a plan is for the smallest change worth detecting, and not for a predicted change."""
    return find_problem(content["problems"], "untested_sizes") is not None


def _warnings(*found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the warnings of a plan, without the ones that the page states in its own words."""
    return [plain(Problem(one["code"], **one["values"])) for problems in found for one in problems if one["code"] not in SAID]


def next_test(content: Mapping[str, Any], names: Sequence[str]) -> str:
    """Show the plan of several approved versions, each tested against its original.

    Args:
        names: headline of each version, in the order of the plan's tests.
    """
    rows = [
        {
            "headline": name,
            "days": test["days_peeking"],
            "impressions": test["impressions_per_arm_peeking"],
            "arms": [arm["name"] for arm in test["arms"]],
        }
        for name, test in zip(names, content["tests"], strict=True)
    ]
    longest = max(content["tests"], key=lambda test: test["days_peeking"] or 0)
    return _render(
        "next_test",
        rows=rows,
        longest=longest["days_peeking"] or 0,
        ways=longest["shorter"],
        num_in_time=content["num_in_time"] if len(rows) > 1 else 0,
        settings=content["settings"],
        is_untested=_is_untested(content),
        warnings=_warnings(content["problems"]),
    )


def approval(event: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(event["at"])
    return _render(
        "approval",
        by=event["by"],
        at=at.strftime("%-d %B %Y, %H:%M"),
        markets=[MARKETS.get(name, name) for name in event.get("markets", [])],
    )


def packed(names: Sequence[str], warnings: Sequence[str]) -> str:
    return _render("packed", names=names, warnings=[plain(text) for text in warnings])


def account(view: AccountView, pictures: Mapping[str, Path] | None = None) -> str:
    """Show an account: accuracy of the predictions, the ads by the chosen metric, and the omitted rows.

    Args:
        pictures: of ads, by ad name; an ad with a picture has a button "Improve".
    """
    shown = [ad.name for ad in view.ads[:MAX_THUMBNAILS] if ad.name in (pictures or {})]
    thumbnails = {name: _thumbnail(Creative(image_path=(pictures or {})[name]), SMALL_PX) for name in shown}
    points = [ad for ad in view.ads if ad.ctr_predicted is not None]
    rates = [rate for ad in points for rate in (ad.ctr_predicted or 0.0, ad.ctr_high)]
    said = [plain(text) for text in view.warnings if not has_code(text, "rows_left_out")]  # listed under their own heading
    return _render(
        "account",
        view=replace(view, warnings=tuple(map(_say_warning, said))),
        ads=view.ads[:MAX_LINES],
        num_hidden=max(len(view.ads) - MAX_LINES, 0),
        top=max(rates, default=0.0),
        points=[_place(ad, max(rates)) for ad in points],
        axes=PLOT_PX,
        thumbnails=thumbnails,
        is_daily=any(one.change is not None for one in view.fatigue),
        drift=None if view.drift is None else _draw_drift(view.drift.series),
    )


def _draw_drift(series: Sequence[tuple[float, int, int]]) -> str:
    """Return the points of a line, 100 wide and 30 high, through the rates of at most 30 stretches of equal length."""
    if len(series) < 2:
        return ""
    span = series[-1][0] or 1.0
    bins: dict[int, list[float]] = {}
    for age, shown, clicked in series:
        counts = bins.setdefault(min(int(30 * age / span), 29), [0.0, 0.0])
        counts[0] += shown
        counts[1] += clicked
    rates = {place: clicked / shown for place, (shown, clicked) in bins.items()}
    low, high = min(rates.values()), max(rates.values())
    height = max(high - low, 1e-12)
    return " ".join(f"{100 * place / 29:.1f},{28 - 26 * (rate - low) / height:.1f}" for place, rate in sorted(rates.items()))


def _place(ad: AdLine, top: float) -> dict[str, Any]:
    """Return the position of an ad in the plot of predicted against real rates, both from 0 to `top`."""
    left, up, right, bottom = PLOT_PX

    def height(rate: float) -> float:
        return round(bottom - (bottom - up) * rate / top, 1)

    x = round(left + (right - left) * (ad.ctr_predicted or 0.0) / top, 1)
    return {"ad": ad, "x": x, "y": height(ad.ctr), "low": height(ad.ctr_low), "high": height(ad.ctr_high)}
