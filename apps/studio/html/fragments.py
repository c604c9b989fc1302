"""Fragments of the page as HTML, rendered by an autoescaping template: ad text can never become markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adcreative.errors import AdCreativeError
from adcreative.pipeline import Standing
from adcreative.report import pictures, words
from adcreative.report.summary import calibration_sentence

from ..sessions.ads import NO_AD, AdState, Stage
from ..sessions.jobs import JobState
from ..sessions.questions import Unanswered
from .plain import plain, read_macros

if TYPE_CHECKING:
    from adcreative.pipeline import BrandKit

STAGES = ("Your ad", "Score", "Improve", "Approve", "Pack")
REACHED = {
    Stage.EMPTY: 0,
    Stage.BROUGHT: 1,
    Stage.SCORED: 2,
    Stage.SEARCHING: 2,
    Stage.FOUND: 3,
    Stage.LAYING: 3,
    Stage.APPROVED: 4,
    Stage.PACKED: 5,
}
FIELD_LABELS = {
    "headline": "headline",
    "primary_text": "primary text",
    "description": "description",
    "cta": "button",
}
SAID_IN_MINUTES_S = 90.0


_render = read_macros("fragments")


def header(notice: str = "", *, is_kept: bool = False) -> str:
    return _render("header", notice=notice, is_kept=is_kept)


def hero(samples: Sequence[tuple[str, pictures.Preview | None]], answer: tuple[str, Sequence[str]] | None) -> str:
    """Show sample ads while there is no ad, each with name and picture, with the verdict on the first sample and the effects of
    its parts; None until the models are loaded."""
    return _render("hero", samples=samples, answer=answer)


def step(number: int, title: str, hint: str = "") -> str:
    return _render("step", number=number, title=title, hint=hint)


def fold(title: str) -> str:
    """Show a button that folds and unfolds a step; the step folds once there is a result (addresses.js)."""
    return _render("fold", title=title)


def heading(title: str, hint: str = "") -> str:
    return _render("heading", title=title, hint=hint)


def note(text: str) -> str:
    return _render("note", text=text)


def other_search(text: str, address: str) -> str:
    """Say that a search of another ad has ended. address: that ad's own, as /ads/ADDRESS; "" for an ad that is not kept."""
    return _render("other_search", text=text, address=address)


def good(text: str) -> str:
    """Confirm a success or a good state."""
    return _render("good", text=text)


def read_fields(names: Sequence[str], uncertain: str = "", guess: str = "", *, has_accents: bool = False) -> str:
    """List the form fields read from the picture and their positions; empty without any field.

    uncertain: what could not be read with certainty, and what to do. guess: an uncertain headline, which a button takes.

    has_accents: whether letters with accents or dots were read; small letters may have lost theirs.
    """
    shown = _render("uncertain", text=plain(f"{uncertain[0].upper()}{uncertain[1:]}."), guess=guess) if uncertain else ""
    if not names:
        return shown
    labels = [FIELD_LABELS[name] for name in names]
    listed = " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
    was = "was" if len(names) == 1 else "were"
    accents = ", marks on letters (é, ö) above all" if has_accents else ""
    hidden = "" if tuple(names) == ("headline",) else " Open “More about the ad” to see all of it."
    return note(f"The {listed} {was} read from the picture. Correct what was read wrong{accents}.{hidden}") + shown


def placeholder(text: str) -> str:
    return _render("placeholder", text=text)


def problem(error: AdCreativeError) -> str:
    """Show a fault that the user can fix, or a question to the user."""
    if isinstance(error, Unanswered):
        return _render("question", text=str(error))
    return _render("problem", title="That did not work yet", text=plain(str(error)))


def breakdown(error: Exception) -> str:
    """Show a fault of the app without internal details, which are in the log."""
    text = f"Something broke on our side ({type(error).__name__}). The program's log says where; your files are untouched."
    return _render("problem", title="Our fault", text=text)


def brand_kit(kit: BrandKit, colours: Sequence[str] = ()) -> str:
    """Show the rules of a brand kit (a `pipeline.read_brand_kit`) for new lines and pictures; colours: such as #0b7261."""
    asks = {"avoids": kit.avoid, "likes": kit.use, "ends descriptions with": [one.text for one in kit.disclaimers]}
    said = [f"tone {kit.tone}"] if kit.tone else []
    said += [f"{what} {', '.join(f'“{text[:60]}”' for text in texts[:8])}" for what, texts in asks.items() if texts]
    said += [f"sets words in {', '.join(Path(one).name for one in kit.fonts)}"] if kit.fonts else []
    said += ["light, colours and crop stay"] if kit.lock_look else []
    return _render("brand_kit", name=kit.name, said="; ".join(said) or "asks for nothing", colours=colours)


def picture_note(size_px: tuple[int, int], faces: Sequence[Any] | None, image_u8: np.ndarray | None, fit: object = None) -> str:
    """Show a picture's size (width, height), its allowed placements (a `pipeline.check_picture`) and its numbered faces; None:
    no face detection."""
    image = None if image_u8 is None else Image.fromarray(image_u8)
    cuts = [(face.refusal, pictures.closeup(image, _square(face.box_xyxy_px, size_px))) for face in faces or ()]
    return _render("picture_note", size=size_px, faces=None if faces is None else cuts, fit=fit)


def _square(box_xyxy_px: Sequence[float], size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the square around a box, enlarged by a fifth and shifted inside a picture of this size (width, height)."""
    left, top, right, bottom = box_xyxy_px
    side = round(min(1.2 * max(right - left, bottom - top), *size_px))
    x0, y0 = (
        round(min(max((a + b - side) / 2, 0), full - side))
        for a, b, full in ((left, right, size_px[0]), (top, bottom, size_px[1]))
    )
    return x0, y0, x0 + side, y0 + side


def ad_bar(state: AdState, address: str = "") -> str:
    """Show the ad on the page and its current step; empty without an ad. address: the ad's own, as /ads/ADDRESS."""
    if state.ad == NO_AD:
        return ""
    name, thumbnail = state.label
    return _render("ad_bar", name=name, thumbnail=thumbnail, stages=STAGES, reached=REACHED[state.stage], address=address)


def score(
    standing: Standing,
    cards: Sequence[dict[str, Any]],
    checks: Mapping[str, Sequence[str]] | None = None,
    *,
    warnings: Sequence[str] = (),
    is_odd: bool = False,
) -> str:
    """Show a rate with its interval when the account's level is known, else the comparison with a usual ad; then the reasons
    and the rule checks of the words.

    Args:
        warnings: reasons to trust the number less, shown next to the number. is_odd: no number of this ad is meaningful, so
            the score is hidden.
    """
    prediction = standing.prediction
    per_thousand = (round(1000 * (standing.rate_low or 0)), round(1000 * (standing.rate_high or 0)))
    return _render(
        "score",
        standing=standing,
        prediction=prediction,
        is_odd=is_odd,
        warnings=warnings,
        verdict=say_verdict(standing, is_odd=is_odd),
        is_told=is_told(standing),
        reasons=(*prediction.reasons, *words.interplay(prediction.reasons, standing.change)),
        per_thousand=per_thousand,
        gauge=[_gauge(change) for change in (standing.change_low, standing.change, standing.change_high)],
        calibration=calibration_sentence({}, cards),
        checks=checks,
    )


def is_told(standing: Standing) -> bool:
    """Return whether the interval excludes a usual ad, which makes the number meaningful."""
    return standing.prediction.enough_data and not standing.change_low <= 0 <= standing.change_high


def say_verdict(standing: Standing, *, is_odd: bool = False) -> str:
    """Return the verdict on an ad in words, no stronger than its interval allows."""
    if is_odd:
        return "Not judged"
    if not standing.prediction.enough_data:
        return "Not enough data"
    if not is_told(standing):
        return "Can’t be told from a usual ad"
    return f"Probably {'stronger' if standing.change > 0 else 'weaker'} than a usual ad"


def _gauge(change: float) -> float:
    """Return the position of a relative change on a track from a quarter of the usual (0) to four times the usual (100)."""
    return round(min(max(50 + 25 * math.log2(max(1 + change, 1e-3)), 1), 99), 1)


def progress(state: JobState, *, num_ahead: int = 0, live: tuple[str, pictures.Preview | None] = ("", None)) -> str:
    """Show the progress of a search; num_ahead: users before it in the queue; live: words and picture of the best edit."""
    left = state.seconds_left
    return _render(
        "progress",
        state=state,
        num_ahead=num_ahead,
        live=live,
        seconds_left=None if left is None else words.rounded(round(left)),
    )


def working(title: str, state: JobState) -> str:
    """Show the progress of work named by `title`."""
    left = state.seconds_left
    return _render("working", title=title, state=state, left="" if left is None else _say_left(left))


def _say_left(seconds: float) -> str:
    if seconds < SAID_IN_MINUTES_S:
        return f"about {words.rounded(max(round(seconds), 1))} s left"
    return f"about {words.rounded(round(seconds / 60))} min left"


def stopped_early(state: JobState) -> str:
    return note(f"Stopped after round {state.done} of {state.total}. This is the best that was found until then.")


def stopped(state: JobState) -> str:
    after = f" after round {state.done} of {state.total}" if state.done else " before the first round"
    return note(f"Stopped{after}. Nothing was changed.")
