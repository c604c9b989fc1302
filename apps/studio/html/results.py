"""The result of a search as HTML: one sentence, the five best edits as cards, and the details behind them.

The rate chart and the word comparison come from the report, so that the app and the report agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adcreative.creative import Alternative, Creative, EditResult
from adcreative.report import pictures, words
from adcreative.report.rates import Lift, build_chart, impressions_per_arm, measure_lift, rate_rows
from adcreative.report.summary import calibration_sentence

from .plain import call_ad, plain, read_macros, unwritten_language

if TYPE_CHECKING:
    from adcreative.pipeline import EditOutcome

CARD_PX = 420
_SIZES = ((0.5, "slightly"), (1.5, "clearly"))
# direction -> description of a picture after an increase and after a decrease; {} is the strength
_LOOKS = {
    "smile": ("{} more smile", "{} less smile"),
    "mouth_open": ("mouth {} more open", "mouth {} more closed"),
    "eyes_open": ("eyes {} wider open", "eyes {} less open"),
    "brightness": ("{} brighter", "{} darker"),
    "contrast": ("{} more contrast", "{} less contrast"),
    "warmth": ("{} warmer colours", "{} cooler colours"),
    "exposure": ("{} brighter", "{} darker"),
    "saturation": ("{} stronger colours", "{} paler colours"),
    "gaze_x": ("looks {} more to the side",) * 2,
    "gaze_y": ("looks {} higher or lower",) * 2,
    "head_yaw": ("head {} turned",) * 2,
    "head_pitch": ("chin {} moved",) * 2,
    "head_roll": ("head {} tilted",) * 2,
    "crop": ("{} closer crop",) * 2,
}


_render = read_macros("results")


def name_alternative(number: int) -> str:
    return f"Version {number}"


def say_looks(edits: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the edits of a picture in words alone, such as "slightly more smile"; edits of words are left out."""
    said = []
    for edit in edits:
        direction, strength = str(edit["direction"]), float(edit["strength"])
        if direction in words.WORD_LABELS:
            continue
        size = next((text for limit, text in _SIZES if abs(strength) < limit), "strongly")
        if direction in words.NEW_PICTURES:
            said.append(words.NEW_PICTURES[direction])
        else:
            up, down = _LOOKS.get(direction, ("", ""))
            look = (up if strength > 0 else down).format(size) if up else f"{size} {words.direction_label(direction)}"
            seen = words.say_shown(direction, edit.get("shown"))
            said.append(f"{look} ({seen})" if seen else look)
    return tuple(dict.fromkeys(said))


def span(change: float | None, low: float | None, high: float | None) -> str:
    """Return a relative change with its range, such as "+10% (−3% to +25%)"; "" for an unknown change."""
    if change is None:
        return ""
    said = words.signed_percent(change)
    return said if low is None or high is None else f"{said} ({words.signed_percent(low)} to {words.signed_percent(high)})"


def cards(outcome: EditOutcome, see: Callable[[int], np.ndarray | None], taken: int | None = None) -> str:
    """Show the best distinct edits as ranked cards, each with a button that selects the edit.

    A card shows the description if the description is new.

    Args:
        outcome: an EditOutcome. see: returns the picture [H, W, 3] uint8 of an alternative by its index; None without one.
        taken: the number of the edit on the page, counted from 1.
    """
    found = outcome.alternatives
    if not found:
        return ""
    has_gains, own = outcome.result.enough_data, outcome.result.description_original
    rows = []
    for number, one in enumerate(found, 1):
        image_u8 = see(number - 1)
        rows.append(
            {
                "number": number,
                "picture": None if image_u8 is None else pictures.preview(Image.fromarray(image_u8), CARD_PX),
                "gain": span(one.change, one.change_low, one.change_high) if has_gains else "",
                "headline": one.headline,
                "below": one.description if one.description != own else "",
                "kept": "" if image_u8 is None else say_kept_words(one, outcome.result),
                "is_in_similar_font": any(told.code == "similar_font" for told in one.picture_problems),
                "looks": say_looks([asdict(edit) for edit in one.edits]),
            }
        )
    return _render("cards", rows=rows, taken=taken)


def say_kept_words(one: Alternative, result: EditResult) -> str:
    """Return which new words of a version (an Alternative) are missing in its picture; "" if the picture has all of them.

    Args:
        result: EditResult of the search, with the original words of the ad.
    """
    names = {"headline": "headline", "description": "description", "cta": "button"}
    changed = [name for name in names if getattr(one, name) != getattr(result, f"{name}_original")]
    stay = [told.values["word"] for told in one.picture_problems if told.code == "words_stay"]
    left = [names[name] for name in changed if names[name] in stay]
    if left:
        return f"The picture keeps the old {' and '.join(left)}"
    if changed and not any(told.code == "words_set" for told in one.picture_problems):
        return "New words beside the picture only"
    return ""


def result(
    outcome: EditOutcome, before: np.ndarray | None, cards: Sequence[dict[str, Any]], creative: Creative | None = None
) -> str:
    """Show the result of a search: the ad, its gain in one sentence, new words and looks; the evidence behind "Details"."""
    row = outcome.result.as_dict()
    row["reason"] = plain(row["reason"])
    thumbnail = None if before is None else pictures.preview(Image.fromarray(before), 96)
    lift = measure_lift(row, is_calibrated=bool(calibration_sentence({}, cards)))
    texts = [
        words.compare_texts(
            label, row.get(f"{name}_original") or "", row.get(f"{name}_edited") or row.get(f"{name}_original") or ""
        )
        for name, label in words.WORD_LABELS.items()
    ]
    title, sentence = say_result(row, lift, len(outcome.alternatives))
    language = "" if _has_new_words(row) else unwritten_language(row)
    if language and not outcome.alternatives:
        sentence, language = f"{sentence[:-1]}, and new lines in {language} need a writer that knows it (Settings).", ""
    return _render(
        "result",
        row=row,
        ad=None if creative is None else (call_ad(creative), thumbnail),
        lift=lift,
        title=title,
        sentence=sentence,
        language=language,
        help=find_help(row),
        has_new_words=any(_differs(one, outcome.result) for one in outcome.alternatives),
        chart=build_chart(rate_rows(row)),
        texts=[text for text in texts if row["status"] == "edited" and (text.before or text.after)],
        looks=say_looks(row["edits"]),
        faces=words.describe_faces(row["faces"]),
        similarity=words.describe_similarity(row["identity_similarity"], row.get("edit_strength"))
        if row["status"] == "edited"
        else "",
        realism=words.describe_realism(row.get("realism")) if row["status"] == "edited" else "",
        closeups=_closeups(outcome, before) if row["status"] == "edited" else [],
        has_picture=before is not None,
        calibration=calibration_sentence({}, cards),
    )


def _has_new_words(row: Mapping[str, Any]) -> bool:
    """Return whether the version has new words, which proves that writing in the ad's language is possible."""
    return any(row.get(f"{name}_edited") not in (None, "", row.get(f"{name}_original")) for name in words.WORD_LABELS)


def _differs(one: Alternative, result: EditResult) -> bool:
    """Return whether the words of a version (an Alternative) differ from the original words."""
    return any(getattr(one, name) != getattr(result, f"{name}_original") for name in words.WORD_LABELS)


def say_gain(row: Mapping[str, Any]) -> str:
    """Return the predicted change of a result with its range, or that only a test can state one."""
    lift = measure_lift(row, is_calibrated=True)
    told = span(lift.over_original, lift.low, lift.high)
    return f"{told} clicks against the original" if told else "what it changes shows only in a test"


def say_result(row: Mapping[str, Any], lift: Lift, num_versions: int = 0) -> tuple[str, str]:
    """Return the heading of a result and its one sentence: expected gain, range, what to do next.

    num_versions: number of selectable versions.
    """
    if row["status"] != "edited":
        tried = f"None of the {row['evaluations']:,} versions that were tried is surely better"
        if not num_versions:
            return "Keep it as it is", f"{tried}."
        versions = "1 version" if num_versions == 1 else f"{num_versions} versions"
        return f"{versions} worth a test, none surely better", f"{tried} before it has run. Take one below and test it."
    is_own = str(row.get("reason", "")).startswith(("chosen by hand", "words written by hand"))
    if lift.missing:
        title = "Your choice, untested" if is_own else "A version worth testing"
        return title, (
            "How much it gains cannot be said before it has run: the models have seen no results of your account. Test it "
            "against the original (step 4 plans how), or state your usual click rate in step 1."
        )
    gain, low, high = lift.over_original or 0.0, lift.low, lift.high
    told = span(gain, low, high)
    if gain <= 0.0005:
        return "Your choice", f"{told}: no gain is expected. If you know better than the data, test it against the original."
    number = impressions_per_arm(row["ctr_original"], lift.cautious) if lift.cautious else None
    tail = f" About {words.rounded(number)} impressions of each version will tell." if number else " Step 4 plans the test."
    sure = "" if low is None or low > 0 else " Likely better, not surely."
    return "A version worth testing", f"{told} more clicks expected.{sure}{tail}"


# help where nothing is surely better, most useful first: code of a problem -> sentence, button, target of the button
_HELPS = {
    "unread_words": ("Its words were not read for sure. Typed, they can be set anew.", "Type the headline", "headline"),
    "nothing_to_test": ("A photo without words would help most: words are set on it anew.", "Make ads from a photo", "make"),
    "no_other_line": (
        "Facts would help most: without any, your ad’s words make no other line.",
        "Write a fact or two",
        "brief",
    ),
    "untested_ad": ("Results of your account would help most: the models have seen none.", "Bring my results", "account"),
}


def find_help(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return the most useful help where no version is surely better; None if a version is better, or nothing would help."""
    if row["status"] == "edited":
        return None
    codes = {one["code"] for one in row.get("problems") or ()} | ({"untested_ad"} if row.get("is_untested") else set())
    return next((told for code, told in _HELPS.items() if code in codes), None)


def _closeups(outcome: EditOutcome, before: np.ndarray | None) -> list[tuple[str, pictures.Preview]]:
    """Crop the changed part of the original and of the edited picture."""
    if before is None or outcome.image_u8 is None:
        return []
    images = {"Before": before, "After": outcome.image_u8}
    opened = {label: Image.fromarray(image_u8) for label, image_u8 in images.items() if image_u8 is not None}
    box = pictures.changed_box(opened["Before"], opened["After"])
    cuts = [(label, pictures.closeup(image, box)) for label, image in opened.items()]
    return [(label, cut) for label, cut in cuts if cut is not None]
