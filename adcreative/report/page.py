"""write_report: a run's results as one self-contained HTML page.

Pictures are embedded card by card while the page is written, so memory stays constant. The page has a content security policy
that allows no request and only the page's own script.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from adcreative.artifacts import open_atomically
from adcreative.creative import FailedCreative
from adcreative.progress import track
from adcreative.report import pictures, words
from adcreative.report.alternatives import (
    NUM_LOOKED_AT,
    BestPair,
    OtherEdit,
    SizeCard,
    list_alternatives,
    list_sizes,
    pick_pairs,
)
from adcreative.report.drift import measure_drift
from adcreative.report.rates import (
    Lift,
    RateChart,
    build_chart,
    has_enough_data,
    impressions_per_arm,
    is_without_rates,
    measure_lift,
    rate_rows,
)
from adcreative.report.rendering import build_environment, flatten, read_part, script_hash
from adcreative.report.search_plots import SearchPlots, plot_search
from adcreative.report.summary import calibration_sentence, summarise

TITLE, TITLE_UNTESTED = "What the edits are expected to do", "Versions that are worth a test"
MAX_CARDS = 100
MAX_TABLE_ROWS = 2000
STATUS_ORDER = {"edited": 0, "kept": 1, "failed": 2}
STATUS_WORDS = {"edited": "Edited", "kept": "Kept as it was", "failed": "Failed"}
CARD_FIELDS = ("name", "purpose", "source", "licence", "limits", "calibration")
LIMITS = (
    "Every rate here is a prediction. Nobody has seen the edited creatives yet; only a test with real traffic settles it.",
    "A search finds what its models like. The third model, which had no part in it, is there to catch that; where it agrees "
    "the gain is likelier, not certain.",
    "The control is the same picture with the face rebuilt but not edited. If the control differs much from the original, "
    "part of an edit's effect comes from the rebuilding.",
    "The interval of a rate says how unsure the model is about one creative. The interval of a change compares the edit with "
    "the original and is narrower, because most of what is unsure about a rate is unsure about both.",
    "A face edit shows a real person in a way they were not photographed: have their consent, and check what must be "
    "disclosed.",
)


@dataclass(frozen=True, kw_only=True)
class Closeups:
    """Enlarged crops of the changed region."""

    before: pictures.Preview
    control: pictures.Preview | None
    after: pictures.Preview


@dataclass(frozen=True, kw_only=True)
class CreativeCard:
    """All data on one creative in the page."""

    number: int
    name: str
    status: str
    status_words: str
    lift: Lift
    chart: RateChart | None
    texts: tuple[words.TextChange, ...]
    face_lines: tuple[str, ...]
    faces: str
    search: str
    refused: tuple[str, ...]
    similarity: str
    realism: str
    may_be_no_gain: bool
    is_without_rates: bool
    strength: str
    test_impressions: int | None
    result: Mapping[str, Any]
    before: pictures.Preview | None = None
    after: pictures.Preview | None = None
    control: pictures.Preview | None = None
    closeups: Closeups | None = None
    search_plots: SearchPlots | None = None
    alternatives: tuple[OtherEdit, ...] = ()
    sizes: tuple[SizeCard, ...] = ()


def write_report(
    path: Path,
    results: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any],
    image_dir: Path,
    cards: Sequence[Mapping[str, Any]],
    failures: Iterable[FailedCreative],
    disclosures: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the report of a run to `path` and return it; an existing file is replaced in one step.

    Args:
        results: rows of results.jsonl (EditResult.as_dict()). The best come first; after MAX_CARDS rows are listed without
            pictures, after MAX_TABLE_ROWS only counted. Rows are streamed; memory holds only the listed rows.
        settings: settings of the run, possibly nested; known keys are `calibration` (a sentence or numbers), `title`, and
            `walls` of new ads for the top of the page: each a title and ads from `wall.with_pictures`.
        image_dir: folder with <stem>.original.jpg, .edited.png and .control.png; no picture outside is embedded.
        cards: model cards: name, purpose, source, licence, limits, calibration, and any further keys.
        failures: unusable creatives, including failed rows; after MAX_TABLE_ROWS they are only counted.
        disclosures: disclosures that may apply (Disclosure.as_dict()).
    """
    path = Path(path)
    calibration = calibration_sentence(settings, cards)
    failures = iter(failures)
    listed = list(islice(failures, MAX_TABLE_ROWS))
    num_failures = len(listed) + sum(1 for _ in failures)
    summary = summarise(results, num_failures=num_failures, calibration=calibration)
    rows = track(results, "writing the report", every=100)
    best = heapq.nsmallest(MAX_TABLE_ROWS, rows, key=lambda row: _rank(row, is_calibrated=bool(calibration)))
    script = read_part("report.js")
    values = {
        "title": str(settings.get("title") or (TITLE_UNTESTED if summary.num_without_rates else TITLE)),
        "written": datetime.now().astimezone().strftime("%-d %B %Y, %H:%M"),
        "summary": summary,
        "best_pairs": _best_pairs(best, calibration, Path(image_dir)),
        "drift": measure_drift(results),
        "rows": [_card(row, number, calibration, summary.num_ranked - 1) for number, row in enumerate(best, 1)],
        "num_rows": len(results),
        "max_cards": MAX_CARDS,
        "cards": _cards_with_pictures(best[:MAX_CARDS], calibration, summary.num_ranked - 1, Path(image_dir)),
        "walls": settings.get("walls", ()),
        "settings": flatten({key: value for key, value in settings.items() if key not in ("title", "calibration", "walls")}),
        "word_effects": _word_effects(cards),
        "model_cards": [_model_card(card) for card in cards],
        "limits": LIMITS,
        "failures": listed,
        "num_failures": num_failures,
        "disclosures": disclosures,
        "style": read_part("parts.css") + read_part("report.css"),
        "script": script,
        "script_hash": script_hash(script),
    }
    with open_atomically(path, is_text=True, is_private=True) as file:  # the page shows faces
        build_environment().get_template("report.html.j2").stream(**values).dump(file)
    return path


def _best_pairs(best: Sequence[Mapping[str, Any]], calibration: str, image_dir: Path) -> tuple[BestPair, ...]:
    lifts = [measure_lift(row, is_calibrated=bool(calibration)) for row in best[:NUM_LOOKED_AT]]
    return pick_pairs(best, [None if lift.missing else lift.over_original for lift in lifts], image_dir)


def _rank(row: Mapping[str, Any], *, is_calibrated: bool) -> tuple[int, float]:
    """Sort key: edited before kept before failed, and by the cautious gain among edited rows."""
    lift = measure_lift(row, is_calibrated=is_calibrated).cautious if row.get("status") == "edited" else None
    return STATUS_ORDER.get(str(row.get("status")), 3), -(lift or 0.0)


def _card(row: Mapping[str, Any], number: int, calibration: str, num_others: int) -> CreativeCard:
    """Return the card of a result, without its pictures. num_others: number of other ads in the run's strength ranking."""
    status = str(row.get("status"))
    lift = measure_lift(row, is_calibrated=bool(calibration)) if status == "edited" else Lift()
    original = row.get("ctr_original")
    after = {key: row.get(f"{key}_edited") or row.get(f"{key}_original") or "" for key in words.WORD_LABELS}
    texts = tuple(
        words.compare_texts(label, row.get(f"{key}_original") or "", after[key]) for key, label in words.WORD_LABELS.items()
    )
    faces = row.get("faces") or {}
    return CreativeCard(
        number=number,
        name=str(row.get("ad_name") or row.get("file_name") or row.get("headline_original") or f"Creative {number}"),
        status=status,
        status_words=STATUS_WORDS.get(status, status),
        lift=lift,
        chart=build_chart(rate_rows(row)),
        texts=tuple(text for text in texts if text.before or text.after),
        face_lines=words.describe_face_edits(row.get("edits") or ()),
        faces=words.describe_faces(faces),
        search=words.describe_search(row.get("search")),
        refused=tuple(str(reason) for reason in faces.get("refused", ())),
        similarity=words.describe_similarity(row.get("identity_similarity"), row.get("edit_strength"))
        if status == "edited"
        else "",
        realism=words.describe_realism(row.get("realism")) if status == "edited" else "",
        may_be_no_gain=_may_be_no_gain(row, lift),
        is_without_rates=is_without_rates(row),
        strength=words.describe_strength(row.get("strength_original"), num_others),
        test_impressions=impressions_per_arm(original, lift.cautious) if original and lift.cautious else None,
        result=row,
    )


def _may_be_no_gain(row: Mapping[str, Any], lift: Lift) -> bool:
    """Return whether the interval of the change, or else of the rate, includes no gain."""
    if lift.low is not None:
        return lift.low <= 0
    low, high, original = row.get("ctr_edited_low"), row.get("ctr_edited_high"), row.get("ctr_original")
    return None not in (low, high, original) and low <= original <= high  # type: ignore[operator]


def _cards_with_pictures(
    rows: Sequence[Mapping[str, Any]], calibration: str, num_others: int, image_dir: Path
) -> Iterator[CreativeCard]:
    for number, row in enumerate(rows, 1):
        read = {kind: pictures.read_picture(pictures.picture_path(row, kind, image_dir)) for kind in pictures.KINDS}
        box = pictures.changed_box(read["original"], read["edited"]) if row.get("status") == "edited" else None
        before, after = pictures.closeup(read["original"], box), pictures.closeup(read["edited"], box)
        control = pictures.closeup(read["control"], box)
        card = _card(row, number, calibration, num_others)
        yield CreativeCard(
            **{
                **vars(card),
                "before": pictures.preview(read["original"]),
                "after": pictures.preview(read["edited"]) if row.get("status") == "edited" else None,
                "control": pictures.preview(read["control"], 320),
                "sizes": list_sizes(row, image_dir),
                "search_plots": plot_search(row) if _may_state_gains(row, card.lift, calibration) else None,
                "alternatives": list_alternatives(
                    row, image_dir, may_state_gains=_may_state_gains(row, card.lift, calibration)
                ),
                "closeups": Closeups(before=before, control=control, after=after) if before and after else None,
            }
        )


def _may_state_gains(row: Mapping[str, Any], lift: Lift, calibration: str) -> bool:
    if is_without_rates(row):
        return False
    return not lift.missing if row.get("status") == "edited" else has_enough_data(row) and bool(calibration)


def _word_effects(cards: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the significant word effects of the account, from the first card that has them, as text."""
    rows: Sequence[Mapping[str, Any]] = next((card["word_effects"] for card in cards if card.get("word_effects")), [])
    return [
        {
            "label": str(row["label"]),
            "ads": f"{row['ads']:,}",
            "change": words.signed_percent(math.expm1(row["effect"])),
            "range": " to ".join(words.signed_percent(math.expm1(row[end])) for end in ("low", "high")),
        }
        for row in rows
        if row["low"] > 0 or row["high"] < 0
    ]


def _model_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Split a model card into the common keys and the rest."""
    known = {field: card.get(field) or "" for field in CARD_FIELDS}
    limits = known["limits"]
    known["limits"] = tuple(limits) if isinstance(limits, list | tuple) else (limits,) if limits else ()
    known["calibration"] = calibration_sentence({}, [card])
    known["name"] = known["name"] or "Model"
    return {
        **known,
        "rest": flatten(
            {key: value for key, value in card.items() if key not in (*CARD_FIELDS, "word_effects", "seen_effects")}
        ),
    }
