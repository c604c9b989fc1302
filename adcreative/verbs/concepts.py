"""The verb `concepts`: group an account's ads by concept, estimate the value of each, and write briefs for the next ads."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.mapping import read_settings as read_table_settings
from adcreative.catalog.naming import NamePattern, read_pattern
from adcreative.catalog.results import ResultRow
from adcreative.catalog.tables import failures_path, write_failures, write_rows
from adcreative.concepts.attributes import find_attributes, find_name_pattern, see_segments
from adcreative.concepts.briefs import Budget, NextBrief, rank_briefs, write_brief
from adcreative.concepts.grouping import Grouping, Seen, group, see
from adcreative.concepts.worth import MEASURES, Results, Told, measure, weigh_attributes, weigh_concepts
from adcreative.creative import Creative, FailedCreative
from adcreative.ctr.account.effects import Worth
from adcreative.ctr.account.seen_effects import SeenFeature
from adcreative.delivery.forecast.trend import Fatigue, measure_fatigue
from adcreative.errors import CatalogError, ConfigError
from adcreative.features.batch import CreativeFeatures
from adcreative.features.lettering import LETTERING_STATS
from adcreative.features.outcomes import fold
from adcreative.features.picture_fields import fill_from_pictures
from adcreative.features.tables import extract_features, read_usable
from adcreative.features.word_readings import find_reader
from adcreative.options import takes
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.report.concepts import render_concepts
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs.settings import ConceptsSettings

REPORT, TABLE, SHEET, NEXT = "report.html", "concepts.csv", "concepts.json", "next.toml"
COLUMNS = ("ad_name", "file_name", "concept", "label", "sureness", "twins", "impressions", "clicks")
MIN_ADS = 2
RUNNING_DAYS = 28  # before the export's last day, within which a concept that is called tired was shown
KINDS = ("concepts", "attributes", "segments")
MAX_SURE = 6  # lines of the summary
MAX_TIRED = 3  # concepts in the summary; the table of the report marks all
MIN_RESULTS = 4  # different ads with impressions and clicks, below which no values are reported
SHARE = LETTERING_STATS.index("share")


@dataclass(frozen=True, eq=False)
class _Account:
    """The distinct ads, with features and counts; row_of: [R] the ad of each row; rows: rows with results.

    An ad that an export lists by name alone has no words and empty features.
    """

    ads: Sequence[Creative]
    features: Sequence[Any]
    rows: Sequence[Creative]
    row_of: np.ndarray


@takes(ConceptsSettings)
def concepts(
    data: Path,
    out: Path,
    settings: ConceptsSettings,
    *,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Group an account's ads by picture and words; report the value of each group and attribute, and what to make next.

    Writes report.html, concepts.csv (a row per ad), concepts.json (everything reported), and the briefs that `compose` reads:
    next.toml, the most valuable test, and next-2.toml to next-5.toml. Features of pictures and words are cached, so a stopped
    or killed run continues where it was. Without results the ads are grouped, and no values are reported.

    Args:
        data: folder or table as for `train`, or a platform's export. settings: fields may be given as keywords.
    Raises:
        CatalogError: nothing usable in `data`, or fewer than two different ads. ConfigError: stopped, a wrong setting, or `out`
            holds files of another program.
    """
    started_s, data, out = time.monotonic(), Path(data), Path(out)
    outputs = [out / name for name in (REPORT, TABLE, SHEET, NEXT, *(f"next-{place}.toml" for place in range(2, 6)))]
    inputs = (data, settings.columns, settings.images, settings.words)
    check_outputs(outputs, inputs, restart=restart)
    if settings.impressions is not None and settings.impressions < 1:
        raise ConfigError(f"--impressions must be at least 1, got {settings.impressions}")
    table = read_table_settings(settings.columns, dates=settings.dates)
    catalog = read_usable(data, table, images=settings.images, words=settings.words)
    account, failures = _read(catalog.creatives, settings, progress, should_stop)
    if should_stop():
        raise ConfigError("stopped before the result was complete; what was read is kept, the same command goes on")
    if len(account.ads) < MIN_ADS:
        raise CatalogError(f"{data} lists {len(account.ads)} different ads; concepts need at least {MIN_ADS}.")
    progress("grouping", 0, 1)
    grouping = group(_see(account, settings), seed=settings.seed)
    told = _tell(account, grouping, _pattern(account.ads, table), settings)
    with own_outputs([*outputs, failures_path(out / "concepts")], inputs, restart=restart):
        _write(out, account, grouping, told)
        write_failures(failures_path(out / "concepts"), [*catalog.failures, *failures])
    progress("grouping", 1, 1)
    return RunSummary(
        path=out / REPORT,
        done=len(account.ads),
        failed=len(failures),
        lines=tuple(told["lines"]),
        warnings=catalog.warnings,
        seconds=round(time.monotonic() - started_s, 1),
    )


def _read(
    creatives: Sequence[Creative], settings: ConceptsSettings, progress: Progress, should_stop: ShouldStop
) -> tuple[_Account, list[FailedCreative]]:
    """Return the distinct ads with features, each once regardless of its number of rows; and the creatives that failed."""
    from adcreative.verbs.loading import load_tools

    extractor = load_tools(features=settings.features).extractor.without_style()  # a third of the time
    firsts: dict[tuple[str, ...], int] = {}
    places = [firsts.setdefault(_identity(one), len(firsts)) for one in creatives]
    leaders = dict(zip(reversed(places), reversed(creatives), strict=True))  # the first row of each ad
    distinct = [leaders[place] for place in range(len(firsts))]
    wanted: list[Creative] = []
    tell_words = count_stage(progress, "reading words in pictures")
    for one in fill_from_pictures(distinct, find_reader(lambda: extractor.cache)):
        if should_stop():
            return _Account((), (), (), np.zeros(0, np.int64)), []
        wanted.append(one)
        tell_words(len(wanted), len(distinct))
    named = [one for one in wanted if one.ad_name and not (one.has_words or one.has_image)]
    shown = [one for one in wanted if one.has_words or one.has_image or not one.ad_name]
    usable, features, failures = extract_features(extractor, shown, progress, should_stop)
    usable, features = usable + named, features + [CreativeFeatures()] * len(named)
    place_of = {id(one): place for place, one in enumerate(usable)}
    new_place = [place_of.get(id(one), -1) for one in wanted]
    kept = [(creative, new_place[place]) for creative, place in zip(creatives, places, strict=True) if new_place[place] >= 0]
    words_of = [replace(one, headline=usable[at].headline, description=usable[at].description) for one, at in kept]
    return _Account(usable, features, words_of, np.array([at for _, at in kept], np.int64)), failures


def _identity(one: Creative) -> tuple[str, ...]:
    """Return the identity key of an ad: picture and words, or the name where there is neither."""
    key = (one.file_name, fold(one.headline), fold(one.body))
    return key if any(key) else ("", "", fold(one.ad_name))


def _see(account: _Account, settings: ConceptsSettings) -> Seen:
    lines = [one.headline or one.text for one in account.ads]
    names = [one.ad_name for one in account.ads]
    if not settings.text_encoder:
        return see(lines, account.features, names=names)
    from adcreative.encoders.text_encoder import TextEncoder

    return see(lines, account.features, TextEncoder.load(settings.text_encoder), names)


def _pattern(ads: Sequence[Creative], table: TableSettings) -> NamePattern | None:
    return read_pattern(table.name_pattern) if table.name_pattern else find_name_pattern(ads)


def _tell(account: _Account, grouping: Grouping, pattern: NamePattern | None, settings: ConceptsSettings) -> dict[str, Any]:
    """Return the content of the report on an account, as plain values except for briefs and their files."""
    num = int(grouping.concept.max()) + 1
    labels = [_label(account, np.flatnonzero(grouping.concept == number)) for number in range(num)]
    fields = set(pattern.fields) if pattern else set()
    with_results = [row for row, one in enumerate(account.rows) if one.has_results]
    rows = [
        replace(one, context={k: v for k, v in one.context.items() if k not in fields})
        for one in (account.rows[row] for row in with_results)
    ]
    ad_of = account.row_of[with_results]
    results = Results(rows, grouping.concept[ad_of], grouping.twin[ad_of])
    told: dict[str, Any] = {
        "labels": labels,
        "stability": grouping.stability,
        "briefs": (),
        "concepts": (),
        "attributes": (),
        "segments": (),
        "further": {},
    }
    falling = _falling(account, grouping, labels)
    if len(set(results.twin.tolist())) >= MIN_RESULTS:
        seen = find_attributes([account.ads[at] for at in ad_of], [account.features[at] for at in ad_of], pattern)
        split = see_segments(rows, results.concept, labels)
        weighed, (kept, attributes), segments = _weigh(results, labels, seen, split, settings.seed)
        told["segments"] = segments.worths
        told["further"] = _weigh_further(results, labels, seen, split, settings.seed)
        by_twin = np.bincount(results.twin, [float(one.impressions or 0) for one in rows])
        usual = int(np.median(by_twin[by_twin > 0]))
        clicks, shown = (sum(getattr(one, name) or 0 for one in rows) for name in ("clicks", "impressions"))
        budget = Budget(impressions=settings.impressions or usual, rate=min(max(clicks / shown, 1e-6), 0.999))
        told |= {"concepts": weighed.worths, "attributes": attributes.worths, "budget": budget}
        told["briefs"] = rank_briefs(
            weighed,
            attributes,
            kept,
            results,
            budget,
            seed=settings.seed,
            falling={number: one.change or 0.0 for number, one in falling.items()},
        )
    told["falling"] = falling
    told["twins"] = _twins(account, grouping)
    told["lines"] = _lines(account, grouping, told)
    return told


_Weighed = tuple[Told, tuple[list[SeenFeature], Told], Told]


def _weigh(
    results: Results, labels: Sequence[str], seen: Sequence[SeenFeature], split: Sequence[SeenFeature], seed: int
) -> _Weighed:
    """Return what concepts, attributes (with those that could be weighed) and concepts in segments are worth."""
    return (
        weigh_concepts(results, labels, seed=seed),
        weigh_attributes(results, seen, seed=seed),
        weigh_attributes(results, split, seed=seed)[1],
    )


def _weigh_further(
    results: Results, labels: Sequence[str], seen: Sequence[SeenFeature], split: Sequence[SeenFeature], seed: int
) -> dict[str, dict[str, Sequence[Worth]]]:
    """Return for each measure beside clicks of which enough is told: concepts, attributes and segments."""
    found: dict[str, dict[str, Sequence[Worth]]] = {}
    for name in MEASURES[1:]:
        measured = measure(results, name)
        if measured is None:
            continue
        of, idx = measured
        some, parts = ([replace(one, seen=one.seen[idx]) for one in features] for features in (seen, split))
        concepts, (_, attributes), segments = _weigh(of, labels, some, parts, seed)
        found[name] = {"concepts": concepts.worths, "attributes": attributes.worths, "segments": segments.worths}
    return found


def _label(account: _Account, ads: np.ndarray) -> str:
    """Return the headline, in quotation marks, of the concept's ad with the most impressions."""
    shown: Counter[int] = Counter()
    for place, one in zip(account.row_of.tolist(), account.rows, strict=True):
        shown[place] += one.impressions or 0
    leader = account.ads[max(ads.tolist(), key=lambda place: shown[place])]
    text = " ".join((leader.headline or leader.text or leader.ad_name or leader.file_name).split())
    return f"“{text[:57] + '…' if len(text) > 58 else text}”"


def _falling(account: _Account, grouping: Grouping, labels: Sequence[str]) -> dict[int, Fatigue]:
    """Return the concepts that still run and whose click rate by day falls with certainty, most impressions first."""
    counts: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for at, one in zip(account.row_of, account.rows, strict=True):
        whole = (one.date_start, one.date_end, one.impressions or 0, one.clicks or 0)
        for start, end, shown, clicks in one.by_day or (whole,):
            of_day = counts[int(grouping.concept[at]), start, end or start]
            of_day[0], of_day[1] = of_day[0] + shown, of_day[1] + clicks
    days = [
        ResultRow(ad_name=str(number), date_start=start, date_end=end, impressions=shown, clicks=clicks)
        for (number, start, end), (shown, clicks) in counts.items()
        if start and shown
    ]
    latest, recent = max((row.date_end for row in days), default=""), Counter[int]()
    for row in days:
        if _count_days(row.date_end, latest) <= RUNNING_DAYS:
            recent[int(row.ad_name)] += row.impressions
    tired = {int(one.name): one for one in measure_fatigue(days) if one.is_falling and int(one.name) < len(labels)}
    return {number: tired[number] for number, _ in recent.most_common() if number in tired}


def _twins(account: _Account, grouping: Grouping) -> list[dict[str, Any]]:
    """Return the near-duplicates, most impressions first: names, and the impressions of all of them together."""
    shown = np.bincount(account.row_of, [float(one.impressions or 0) for one in account.rows], len(account.ads))
    found = []
    for number in np.flatnonzero(np.bincount(grouping.twin) > 1):
        own = np.flatnonzero(grouping.twin == number).tolist()
        found.append(
            {
                "names": [account.ads[place].name for place in own],
                "places": own,
                "impressions": int(shown[own].sum()),
            }
        )
    return sorted(found, key=lambda one: (-one["impressions"], -len(one["names"])))


def _lines(account: _Account, grouping: Grouping, told: Mapping[str, Any]) -> list[str]:
    """Return the summary lines: number of ads and concepts, duplicates paid for twice, certain effects, and next tests."""
    sizes, num = np.bincount(grouping.concept), len(account.ads)
    largest = f", {int(sizes[:2].sum())} of the ads are two of them" if len(sizes) > 3 else ""
    lines = [f"{num} ads are {len(sizes)} concept{'s' if len(sizes) > 1 else ''}{largest}"]
    if told["twins"]:
        more = sum(len(one["names"]) - 1 for one in told["twins"])
        first = told["twins"][0]["names"]
        those = "1 ad is a near-twin of another" if more == 1 else f"{more} ads are near-twins of others"
        lines.append(f'{those}: {len(first)} such as "{first[0][:40]}" are one ad, and you pay for one test')
    lines.append(
        f"of ten ads eight at a time, the grouping is much the same: adjusted Rand index {grouping.stability:.2f}"
        f"{'' if grouping.stability >= STABLE else '; take the concepts as a proposal'}"
    )
    worths: list[tuple[str, Worth]] = [("clicks", one) for name in KINDS for one in told[name]]
    worths += [(name, one) for name, of in told["further"].items() for kind in KINDS for one in of[kind]]
    for name, one in [(name, one) for name, one in worths if one.is_sure][:MAX_SURE]:
        change, low, high = (100 * value for value in one.change)
        lines.append(f"{one.label}: {change:+.0f} % {name} ({low:+.0f} to {high:+.0f}) in {one.ads} ads")
    if told["concepts"] and not any(one.is_sure for _, one in worths):
        lines.append("no concept and no attribute is surely better or worse than the others yet")
    if not told["concepts"]:
        lines.append("nothing is said of what was worth what: too few different ads have impressions and clicks")
        lines += _say_longest(account, grouping, told["labels"])
    lines += [
        f"{told['labels'][number]}: tired, its click rate falls by {-100 * (one.change or 0):.0f} % a week"
        for number, one in list(told["falling"].items())[:MAX_TIRED]
    ]
    if told["briefs"]:
        has_words = any(one.headline or one.text for one in account.ads)
        missing = "" if has_words else f"write its words into {NEXT}, since the export names ads only, then "
        lines.append(f"next: {told['briefs'][0].title}; {missing}adcreative compose {NEXT} --out new/ makes it")
    return lines


def _say_longest(account: _Account, grouping: Grouping, labels: Sequence[str]) -> list[str]:
    """Return the concept whose ads ran longest, for ads with days and without results, such as an ad library's."""
    dated = [one for one in account.ads if one.date_start]
    if len(dated) < MIN_RESULTS or any(one.has_results for one in account.rows):
        return []
    latest = max(one.date_end or one.date_start for one in dated)  # an ad without a last day still runs
    days = np.array([_count_days(one.date_start, one.date_end or latest) for one in account.ads])
    medians = {}
    for number in range(len(labels)):
        own = days[(grouping.concept == number) & np.isfinite(days)]
        if len(own) >= MIN_DATED:
            medians[number] = float(np.median(own))
    if len(medians) <= 1:
        return []
    best = max(medians, key=lambda number: medians[number])
    return [
        f"{labels[best]}: its ads ran longest, half of them {medians[best]:.0f} days or more (of all ads "
        f"{np.nanmedian(days):.0f}); weak evidence that they were worth something"
    ]


def _count_days(start: str, end: str) -> float:
    return (date.fromisoformat(end) - date.fromisoformat(start)).days if start else float("nan")


MIN_DATED = 3  # ads of a concept with days, needed for a median
STABLE = 0.8  # adjusted Rand index over resamples, below which groups are called a proposal: the bench's threshold


def _write(out: Path, account: _Account, grouping: Grouping, told: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    counts = np.zeros((2, len(account.ads)))
    for place, one in zip(account.row_of, account.rows, strict=True):
        counts[:, place] += one.impressions or 0, one.clicks or 0
    twins = np.bincount(grouping.twin)[grouping.twin] - 1
    rows = [
        {
            "ad_name": one.ad_name,
            "file_name": one.file_name,
            "concept": int(grouping.concept[place]) + 1,
            "label": told["labels"][grouping.concept[place]],
            "twins": int(twins[place]),
            "sureness": None if np.isnan(grouping.sureness[place]) else round(float(grouping.sureness[place]), 3),
            "impressions": int(counts[0, place]),
            "clicks": int(counts[1, place]),
        }
        for place, one in enumerate(account.ads)
    ]
    write_rows(out / TABLE, sorted(rows, key=lambda row: (row["concept"], -row["impressions"])), COLUMNS)
    briefs: Sequence[NextBrief] = told["briefs"]
    share = np.array([np.nan if one.lettering is None else float(one.lettering[SHARE]) for one in account.features])
    ran = [
        replace(one, impressions=int(counts[0, place]), clicks=int(counts[1, place])) for place, one in enumerate(account.ads)
    ]
    for place, brief in enumerate(briefs):
        name = NEXT if not place else f"next-{place + 1}.toml"
        write_atomically(out / name, write_brief(brief, ran, grouping.concept, share, out).encode())
    for place in range(len(briefs), 5):
        (out / (NEXT if not place else f"next-{place + 1}.toml")).unlink(missing_ok=True)
    plain = {
        "lines": told["lines"],
        "stability": told["stability"],
        "num_ads": len(account.ads),
        "twins": told["twins"],
        "concepts": _plain_concepts(account, grouping, told),
        "attributes": [one.as_dict() for one in told["attributes"]],
        "segments": [one.as_dict() for one in told["segments"]],
        "further": {
            name: {kind: [one.as_dict() for one in of[kind]] for kind in KINDS} for name, of in told["further"].items()
        },
        "briefs": [one.as_dict() for one in briefs],
    }
    write_atomically(out / SHEET, dump_json(plain, indent=1).encode())
    pictures = [str(one.image_path) if one.image_path else "" for one in account.ads]
    write_atomically(out / REPORT, render_concepts(plain, pictures).encode(), is_private=True)


def _plain_concepts(account: _Account, grouping: Grouping, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for number, label in enumerate(told["labels"]):
        own = np.flatnonzero(grouping.concept == number).tolist()
        worth = told["concepts"][number].as_dict() if number < len(told["concepts"]) else {}
        tired = told["falling"].get(number)
        found.append(
            {
                **worth,
                "number": number + 1,
                "label": label,
                "num_ads": len(own),
                "places": own,
                "names": [account.ads[place].name for place in own],
                "weekly_change": tired.change if tired else None,
            }
        )
    return found
