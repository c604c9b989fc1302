"""Pieces of the page as HTML, rendered by an autoescaping template: ad text can never become markup.

The rate chart and the word comparison are the report's own, so that the app and the report say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.creative import Creative, Prediction
from adcreative.errors import AdCreativeError
from adcreative.report import pictures, words
from adcreative.report.rates import RateRow, build_chart, impressions_per_arm, measure_lift, rate_rows
from adcreative.report.rendering import build_environment
from adcreative.report.summary import calibration_sentence

from ..sessions.jobs import JobState

TEMPLATE_DIR = Path(__file__).parent / "templates"


def _render(macro: str, **values: Any) -> str:
    module = build_environment(TEMPLATE_DIR).get_template("fragments.html.j2").module
    return str(getattr(module, macro)(**values))


def header(notice: str = "") -> str:
    return _render("header", notice=notice)


def step(number: int, title: str, hint: str = "") -> str:
    return _render("step", number=number, title=title, hint=hint)


def heading(title: str, hint: str = "") -> str:
    return _render("heading", title=title, hint=hint)


def note(text: str) -> str:
    return _render("note", text=text)


def placeholder(text: str) -> str:
    return _render("placeholder", text=text)


def problem(error: AdCreativeError) -> str:
    """Say a fault that the user can mend."""
    return _render("problem", title="That did not work yet", text=str(error))


def breakdown(error: Exception) -> str:
    """Say a fault of ours, without its innards; the log has them."""
    text = f"Something broke on our side ({type(error).__name__}). The program's log says where; your files are untouched."
    return _render("problem", title="Our fault", text=text)


def brand_kit(kit: Any) -> str:
    """Say what a brand kit (a `pipeline.read_brand_kit`) asks of every new line."""
    asks = {"avoids": kit.avoid, "likes": kit.use, "ends descriptions with": [one.text for one in kit.disclaimers]}
    said = [f"tone {kit.tone}"] if kit.tone else []
    said += [f"{what} {', '.join(f'“{text[:60]}”' for text in texts[:8])}" for what, texts in asks.items() if texts]
    return note(f"{kit.name}: {'; '.join(said) or 'asks for nothing'}")


def picture_note(
    size_px: tuple[int, int], faces: Sequence[Any] | None, image_u8: np.ndarray | None, fit: Any = None
) -> str:  # fmt: skip
    """Say a picture's size (width, height) and where it can run (a `pipeline.check_picture`), and show each face found in it
    with its number; None: not looked for."""
    image = None if image_u8 is None else Image.fromarray(image_u8)
    cuts = [(face.refusal, pictures.closeup(image, _square(face.box_xyxy_px, size_px))) for face in faces or ()]
    return _render("picture_note", size=size_px, faces=None if faces is None else cuts, fit=fit)


def _square(box_xyxy_px: Sequence[float], size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the square around a box, a fifth larger and inside a picture of this size (width, height)."""
    left, top, right, bottom = box_xyxy_px
    side = round(min(1.2 * max(right - left, bottom - top), *size_px))
    x0, y0 = (
        round(min(max((a + b - side) / 2, 0), full - side))
        for a, b, full in ((left, right, size_px[0]), (top, bottom, size_px[1]))
    )
    return x0, y0, x0 + side, y0 + side


def name_alternative(number: int) -> str:
    return f"Edit {number}"


def alternatives(found: Sequence[Any], front: Sequence[tuple[float, float]], taken: int | None = None) -> str:
    """Draw the edits of a search as a map: how large the edit is, against the gain that is sure; and list them in words.

    Args:
        found: edits that can be taken, each with uplift, uplift_low (log-odds), identity (-1..1 or None), realism (0..1 or
            None), size, headline, edits. front: (size, uplift_low) of everything on the search's front. taken: the number of
            the edit shown now.
    """
    if not found:
        return ""
    points = [(one.size, one.uplift_low) for one in found]
    sizes, lows = zip(*points, *front, (0.0, 0.0), strict=True)
    span_x, low_y, high_y = max(*sizes, 1e-9), min(lows), max(lows)

    def place(size: float, low: float) -> tuple[str, str]:
        return f"{40 + 340 * size / span_x:.1f}", f"{160 - 140 * (low - low_y) / max(high_y - low_y, 1e-9):.1f}"

    rows = [
        {
            "name": name_alternative(number), "number": number, "place": place(one.size, one.uplift_low),
            "gain": words.signed_percent(float(np.expm1(one.uplift))),
            "sure": words.signed_percent(float(np.expm1(one.uplift_low))),
            "likeness": words.describe_similarity(one.identity), "realism": words.describe_realism(one.realism),
            "headline": one.headline,
            "faces": words.describe_face_edits([asdict(edit) for edit in one.edits]),
        }
        for number, one in enumerate(found, 1)
    ]  # fmt: skip
    return _render("alternatives", rows=rows, taken=taken, front=[place(*point) for point in front], zero=place(0.0, 0.0))


def score(prediction: Prediction, cards: Sequence[dict[str, Any]], checks: Mapping[str, Sequence[str]] | None = None) -> str:
    """Show a rate with its interval, what it rests on, why, and what the rules say of the words."""
    row = RateRow(
        label="Predicted", kind="edited", rate=prediction.ctr, low=prediction.ctr_low, high=prediction.ctr_high,
        note="with 90% interval",
    )  # fmt: skip
    per_thousand = (round(1000 * prediction.ctr_low), round(1000 * prediction.ctr_high))
    return _render(
        "score", prediction=prediction, chart=build_chart([row]), per_thousand=per_thousand,
        calibration=calibration_sentence({}, cards), checks=checks,
    )  # fmt: skip


def progress(state: JobState, *, num_ahead: int = 0) -> str:
    """Show how far a search is, with the best score after each round as a small line; num_ahead: who has the model first."""
    best = state.best[-60:]
    low, high = (min(best), max(best)) if best else (0.0, 0.0)
    span = max(high - low, 1e-9)
    points = [f"{100 * idx / max(len(best) - 1, 1):.1f},{26 - 22 * (value - low) / span:.1f}" for idx, value in enumerate(best)]
    left = state.seconds_left
    return _render(
        "progress",
        state=state,
        points=" ".join(points),
        num_ahead=num_ahead,
        seconds_left=None if left is None else round(left),
    )


def stopped(state: JobState) -> str:
    after = f" after round {state.done} of {state.total}" if state.done else " before the first round"
    return note(f"Stopped{after}. Nothing was changed.")


def result(outcome: Any, before: np.ndarray | None, cards: Sequence[dict[str, Any]], creative: Creative | None = None) -> str:
    """Show what a search found: whose it is, gains with everything that must stand beside them, words, faces, close-ups."""
    row = outcome.result.as_dict()
    thumbnail = None if before is None else pictures.preview(Image.fromarray(before), 96)
    lift = measure_lift(row, is_calibrated=bool(calibration_sentence({}, cards)))
    texts = [
        words.compare_texts(name.capitalize(), row[f"{name}_original"], row[f"{name}_edited"] or row[f"{name}_original"])
        for name in words.WORD_DIRECTIONS
    ]
    is_edited, original = row["status"] == "edited", row["ctr_original"]
    return _render(
        "result",
        row=row,
        ad=None if creative is None else (creative.name, thumbnail),
        lift=lift,
        chart=build_chart(rate_rows(row)),
        texts=[text for text in texts if text.before or text.after],
        face_lines=words.describe_face_edits(row["edits"]),
        faces=words.describe_faces(row["faces"]),
        similarity=words.describe_similarity(row["identity_similarity"]) if is_edited else "",
        realism=words.describe_realism(row.get("realism")) if is_edited else "",
        impressions=impressions_per_arm(original, lift.cautious) if is_edited and original and lift.cautious else None,
        closeups=_closeups(outcome, before) if is_edited else [],
        has_picture=before is not None,
        calibration=calibration_sentence({}, cards),
    )


def _closeups(outcome: Any, before: np.ndarray | None) -> list[tuple[str, pictures.Preview]]:
    """Cut the changed part out of the original and the edited picture."""
    if before is None or outcome.image_u8 is None:
        return []
    images = {"Before": before, "After": outcome.image_u8}
    opened = {label: Image.fromarray(image_u8) for label, image_u8 in images.items() if image_u8 is not None}
    box = pictures.changed_box(opened["Before"], opened["After"])
    cuts = [(label, pictures.closeup(image, box)) for label, image in opened.items()]
    return [(label, cut) for label, cut in cuts if cut is not None]
