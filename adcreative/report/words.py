"""Describe edits in plain words: percentages, named directions, compared texts.

Knows records and strings only, so that the report and the app use the same words.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adcreative.problem import Problem

MAX_SHOWN_CHARS, LABEL_CHARS = 1200, 200
MAX_COMPARED_TOKENS = 240  # the comparison is cubic at worst; longer texts are shown before and after instead
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")

# name -> (label, words for strength > 0, words for strength < 0); equal words where the sign has no plain name.
DIRECTION_WORDS: Mapping[str, tuple[str, str, str]] = {
    "smile": ("smile", "more smile", "less smile"),
    "mouth_open": ("mouth opening", "mouth more open", "mouth more closed"),
    "eyes_open": ("eye opening", "eyes wider open", "eyes less open"),
    "gaze_x": ("gaze, sideways", "gaze moved sideways", "gaze moved sideways"),
    "gaze_y": ("gaze, up and down", "gaze moved up or down", "gaze moved up or down"),
    "head_yaw": ("head turn", "head turned", "head turned"),
    "head_pitch": ("head tilt, up and down", "chin moved up or down", "chin moved up or down"),
    "head_roll": ("head tilt, sideways", "head tilted sideways", "head tilted sideways"),
    "brightness": ("brightness", "brighter", "darker"),
    "contrast": ("contrast", "more contrast", "less contrast"),
    "warmth": ("warmth", "warmer colours", "cooler colours"),
    "exposure": ("exposure", "brighter", "darker"),
    "saturation": ("saturation", "stronger colours", "paler colours"),
    "crop": ("crop", "cropped closer", "cropped closer"),
}
# direction of a face -> visible effect where the measure grew, and where it fell; {} is mm on a face 16 cm high, or degrees
SHOWN_WORDS: Mapping[str, tuple[str, str]] = {
    "smile": ("mouth corners {} mm up and out", "mouth corners {} mm down and in"),
    "mouth_open": ("lips {} mm further apart", "lips {} mm closer"),
    "eyes_open": ("lids {} mm further apart", "lids {} mm closer"),
    "gaze_x": ("{}° to the picture's right", "{}° to the picture's left"),
    "gaze_y": ("{}° up", "{}° down"),
    "head_yaw": ("{}° to the picture's right", "{}° to the picture's left"),
    "head_pitch": ("chin {}° up", "chin {}° down"),
}
# edits that replace the picture, without a more or less
NEW_PICTURES: Mapping[str, str] = {
    "scene": "another background",
    "layout": "a new layout",
    "message": "a new layout with another message first",
}
# part of an ad as named by the predictor -> plain words
PART_WORDS: Mapping[str, str] = {
    "words": "words",
    "picture": "what the picture shows",
    "look": "colours and light",
    "faces": "faces",
    "context": "button, brand and placement",
    "history": "your earlier ads",
    "together": "what they do together",
}
WORD_LABELS: Mapping[str, str] = {"headline": "Headline", "description": "Description", "cta": "Button"}
WORD_DIRECTIONS = ("headline", "description")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A run of text that both versions share ("same"), or that only one version has ("removed", "added")."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """One text before and after; segments is empty if nothing changed."""

    label: str
    before: str
    after: str
    segments: tuple[Segment, ...]

    @property
    def is_changed(self) -> bool:
        return self.before != self.after

    @property
    def is_rewritten(self) -> bool:
        """True if so little is shared that marking single words would confuse."""
        shared = sum(len(segment.text) for segment in self.segments if segment.kind == "same")
        return self.is_changed and shared < 0.4 * max(len(self.before), len(self.after), 1)


def percent(rate: float | None, digits: int = 2) -> str:
    """Return a rate (0..1) as a percentage, such as 1.52%, with a digit more below 0.1%; a dash for an unknown rate."""
    return "–" if rate is None else f"{100 * rate:.{digits + (0 < rate < 0.001)}f}%"


def signed_percent(change: float | None) -> str:
    """Return a relative change (0.12 is 12 % more) as a signed percentage; one decimal below 10 %."""
    if change is None:
        return "–"
    digits = 0 if abs(change) >= 0.0995 else 1
    text = f"{100 * change:+.{digits}f}%"
    return text.replace("-", "\N{MINUS SIGN}") if float(text[:-1]) else "±0%"


def signed_number(value: float) -> str:
    """Return a shift with its sign and two decimals; without a sign if it rounds to 0."""
    text = f"{value:+.2f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.00"


def reason(problem: Problem) -> str:
    """Return the effect of a part of an ad on its rate, from a problem "part_change": "colours and light +5%"."""
    return f"{part(str(problem.values['part']))} {problem.values['change']:+d}%".replace(" -", " \N{MINUS SIGN}")


def interplay(reasons: Sequence[Problem], change: float) -> tuple[Problem, ...]:
    """Return the rest of a relative change after subtracting the effect of each part; empty if there is no rest.

    A part's effect is measured by leaving it out, so effects of interactions between parts are in none of them.
    """
    changes = [math.log1p(max(float(str(one.values["change"])) / 100, -0.999)) for one in reasons]
    rest = round(100 * math.expm1(math.log1p(max(change, -0.999)) - sum(changes)))
    return (Problem("part_change", part="together", change=rest),) if changes and rest else ()


def sentence(text: str) -> str:
    """Return the text with a capital first letter and the rest unchanged."""
    return text[:1].upper() + text[1:]


def part(name: str) -> str:
    """Return a part of an ad in plain words: "context" is "button, brand and placement"; unknown names are unchanged."""
    return PART_WORDS.get(name, name)


def rounded(count: int) -> str:
    """Return a count with two significant digits, to avoid false precision: 129,873 is 130,000."""
    digits = max(len(str(count)) - 2, 0)
    return f"{round(count, -digits):,}"


def clip(text: str, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """Shorten a long text and append the number of removed characters; a label gets only an ellipsis."""
    if len(text) <= max_chars:
        return text
    if max_chars <= LABEL_CHARS:
        return f"{text[: max_chars - 1].rstrip()}…"
    return f"{text[:max_chars]}… ({len(text) - max_chars:,} more characters)"


def compare_texts(label: str, before: str, after: str) -> TextChange:
    """Compare two texts word by word.

    Joining the "same" and "removed" segments gives the (clipped) text before, "same" and "added" the text after.
    """
    before, after = clip(before), clip(after)
    if before == after:
        return TextChange(label=label, before=before, after=after, segments=())
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    segments: list[Segment] = []
    if max(len(old), len(new)) > MAX_COMPARED_TOKENS:
        old, new = [before], [after]
    for kind, i0, i1, j0, j1 in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind == "equal":
            segments.append(Segment(kind="same", text="".join(old[i0:i1])))
            continue
        segments += [Segment(kind="removed", text="".join(old[i0:i1]))] if i1 > i0 else []
        segments += [Segment(kind="added", text="".join(new[j0:j1]))] if j1 > j0 else []
    return TextChange(label=label, before=before, after=after, segments=tuple(segments))


def direction_label(name: str) -> str:
    """Return a direction in plain words: "mouth_open" is "mouth opening"; unknown names lose their underscores."""
    return DIRECTION_WORDS[name][0] if name in DIRECTION_WORDS else name.replace("_", " ")


def describe_edit(direction: str, strength: float, shown: float | None = None) -> str:
    """Return a picture edit in words, such as "more smile (mouth corners 4 mm up and out)"; without `shown` (mm or degrees)
    with its strength: "more smile (clear, +1.2)"."""
    if direction in NEW_PICTURES:
        return f"{NEW_PICTURES[direction]} (number {strength:.0f})"
    size = "slight" if abs(strength) < 0.5 else "clear" if abs(strength) < 1.5 else "strong"
    label = direction_label(direction)
    number = f"{strength:+.1f}".replace("-", "\N{MINUS SIGN}")
    if direction not in DIRECTION_WORDS:
        return f"{label} {number} ({size})"
    phrase = DIRECTION_WORDS[direction][1 if strength > 0 else 2]
    if seen := say_shown(direction, shown):
        return f"{phrase} ({seen})"
    return f"{phrase} ({size}, {number})"


def say_shown(direction: str, shown: float | None) -> str:
    """Return the visible effect of a face edit, in mm or degrees; empty if not measured."""
    if shown is None or direction not in SHOWN_WORDS:
        return ""
    return SHOWN_WORDS[direction][shown < 0].format(f"{abs(shown):.0f}")


def describe_face_edits(edits: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the picture edits in words, one line per face and one for the whole picture; word edits are left out."""
    by_face: dict[int, list[str]] = {}
    for edit in edits:
        if edit["direction"] in WORD_LABELS:
            continue
        said = describe_edit(edit["direction"], float(edit["strength"]), edit.get("shown"))
        by_face.setdefault(int(edit["face"]), []).append(said)
    return tuple(
        f"{'Picture' if face < 0 else f'Face {face + 1}'}: {', '.join(phrases)}" for face, phrases in sorted(by_face.items())
    )


def ask_of_face(edits: Sequence[Mapping[str, Any]]) -> str:
    """Return the question that a test of a version with an edited face would answer; empty without an edited face."""
    said = [
        DIRECTION_WORDS[str(one["direction"])][1 if float(one["strength"]) > 0 else 2]
        for one in edits
        if int(one["face"]) >= 0 and one["direction"] in DIRECTION_WORDS
    ]
    return f"a question for a test: {', '.join(said)} against the face as it is" if said else ""


def describe_strength(strength: float | None, num_others: int) -> str:
    """Return an ad's rank among the others of its run, such as "stronger than 7 of 10 others"; empty for a single ad.

    Args:
        strength: the share of the others that the ad is predicted to beat, 0..1.
    """
    if strength is None or num_others < 1:
        return ""
    if num_others < 10:
        beaten = round(num_others * strength)
        if beaten in (0, num_others):
            return f"the {'strongest' if beaten else 'weakest'} of {num_others + 1}"
        return f"stronger than {beaten} of the {num_others} others"
    tenths = round(10 * strength)
    if tenths >= 10:
        return "stronger than nearly all others"
    return f"stronger than {tenths} of 10 others" if tenths else "weaker than nearly all others"


def describe_search(record: Mapping[str, Any] | None) -> str:
    """Return how well the search's quick scores agreed with final pixels; empty when nothing was rendered."""
    if not record or not record.get("rendered"):
        return ""
    rendered, changes, correlation = record["rendered"], record.get("elite_changes", 0), record.get("rank_correlation")
    alike = "" if correlation is None else f" Quick and final scores ranked them alike to {correlation:.2f} (Spearman)."
    led = f", which changed who led {changes} time{'' if changes == 1 else 's'}" if changes else ""
    return f"{rendered} leading version{'s were' if rendered > 1 else ' was'} scored again from final pixels{led}.{alike}"


def describe_faces(faces: Mapping[str, Any]) -> str:
    """Return the numbers of faces found, edited and refused, such as "2 faces found, 1 edited, 1 left alone"."""
    found, edited, refused = int(faces.get("found", 0)), int(faces.get("edited", 0)), len(faces.get("refused", ()))
    if not found:
        return "No face found"
    parts = [f"{found} face{'s' if found > 1 else ''} found", f"{edited} edited"]
    return ", ".join(parts + ([f"{refused} could not be edited"] if refused else []))


def describe_realism(realism: float | None) -> str:
    """Return the face model's realism of the edited faces, 0..1, next to the original faces."""
    return "" if realism is None else f"{realism:.2f} (1.00 is as real as the original)"


def describe_similarity(similarity: float | None, edit_strength: float | None = None) -> str:
    """Return the similarity of the edited faces to the original faces, a cosine (-1..1), and the size of the change.

    edit_strength: in just visible changes; a face with hardly any change is similar for that reason alone.
    """
    if similarity is None:
        return ""
    alike = f"{similarity:.2f} (1.00 is the very same face)"
    if edit_strength is None:
        return alike
    if edit_strength < 1.0:
        return f"{alike}, with a change that hardly shows"
    return f"{alike}, with a change {edit_strength:.1f} times what is just visible"
