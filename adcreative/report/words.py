"""What an edit did, said in plain words: percentages, named directions, two texts compared.

Knows records and strings only, so that the report and the app say the same thing in the same words.
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
MAX_COMPARED_TOKENS = 240  # the comparison is cubic at worst; a longer text is shown before and after instead
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")

# name -> (what it is, in words when strength > 0, in words when strength < 0); equal words where the sign has no plain name.
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
# direction of a face -> what is seen of it where the measure grew, and where it fell; {} is mm on a face 16 cm high, or degrees
SHOWN_WORDS: Mapping[str, tuple[str, str]] = {
    "smile": ("mouth corners {} mm up and out", "mouth corners {} mm down and in"),
    "mouth_open": ("lips {} mm further apart", "lips {} mm closer"),
    "eyes_open": ("lids {} mm further apart", "lids {} mm closer"),
    "gaze_x": ("{}° to the picture's right", "{}° to the picture's left"),
    "gaze_y": ("{}° up", "{}° down"),
    "head_yaw": ("{}° to the picture's right", "{}° to the picture's left"),
    "head_pitch": ("chin {}° up", "chin {}° down"),
}
# edits that are another picture, not more or less of something
NEW_PICTURES: Mapping[str, str] = {
    "scene": "another background", "layout": "a new layout", "message": "a new layout with another message first",
}  # fmt: skip
# part of an ad that a rate owes something to, as the predictor names it -> as people do
PART_WORDS: Mapping[str, str] = {
    "words": "words", "picture": "what the picture shows", "look": "colours and light", "faces": "faces",
    "context": "button, brand and placement", "history": "your earlier ads", "together": "what they do together",
}  # fmt: skip
WORD_LABELS: Mapping[str, str] = {"headline": "Headline", "description": "Description", "cta": "Button"}
WORD_DIRECTIONS = ("headline", "description")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A run of text that both versions share ("same"), or that one of them lacks ("removed", "added")."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """One text before and after; segments is empty when nothing changed."""

    label: str
    before: str
    after: str
    segments: tuple[Segment, ...]

    @property
    def is_changed(self) -> bool:
        return self.before != self.after

    @property
    def is_rewritten(self) -> bool:
        """True when so little is shared that marking single words would only confuse."""
        shared = sum(len(segment.text) for segment in self.segments if segment.kind == "same")
        return self.is_changed and shared < 0.4 * max(len(self.before), len(self.after), 1)


def percent(rate: float | None, digits: int = 2) -> str:
    """Say a rate (0..1) as a percentage, such as 1.52%; an unknown rate is a dash."""
    return "–" if rate is None else f"{100 * rate:.{digits}f}%"


def signed_percent(change: float | None) -> str:
    """Say a relative change (0.12 is 12 % more) with its sign; one decimal below 10 %."""
    if change is None:
        return "–"
    digits = 0 if abs(change) >= 0.0995 else 1
    text = f"{100 * change:+.{digits}f}%"
    return text.replace("-", "\N{MINUS SIGN}") if float(text[:-1]) else "±0%"


def signed_number(value: float) -> str:
    """Say a shift with its sign and two decimals; one that rounds to nothing has none."""
    text = f"{value:+.2f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.00"


def reason(told: Problem) -> str:
    """Say what a part of an ad does to its rate, a problem "part_change": "colours and light +5%"."""
    return f"{part(str(told.values['part']))} {told.values['change']:+d}%".replace(" -", " \N{MINUS SIGN}")


def interplay(reasons: Sequence[Problem], change: float) -> tuple[Problem, ...]:
    """Return what is left of a relative change when what each part does is taken from it; nothing where nothing is left.

    A part is weighed by leaving it out, so that what parts do only together, or each in place of another, is in none of them.
    """
    told = [math.log1p(max(float(str(one.values["change"])) / 100, -0.999)) for one in reasons]
    rest = round(100 * math.expm1(math.log1p(max(change, -0.999)) - sum(told)))
    return (Problem("part_change", part="together", change=rest),) if told and rest else ()


def sentence(text: str) -> str:
    """Return the text with a capital first letter; the rest, names among it, as it is."""
    return text[:1].upper() + text[1:]


def part(name: str) -> str:
    """Name a part of an ad for people: "context" is "button, brand and placement"; an unknown name stays."""
    return PART_WORDS.get(name, name)


def rounded(count: int) -> str:
    """Say a count with two significant digits, since more would be pretence: 129,873 is 130,000."""
    digits = max(len(str(count)) - 2, 0)
    return f"{round(count, -digits):,}"


def clip(text: str, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """Shorten a text that would flood the page, saying by how much; of a label only that it goes on."""
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
    """Name a direction for people: "mouth_open" is "mouth opening"; an unknown name loses its underscores."""
    return DIRECTION_WORDS[name][0] if name in DIRECTION_WORDS else name.replace("_", " ")


def describe_edit(direction: str, strength: float, shown: float | None = None) -> str:
    """Say one picture edit, such as "more smile (mouth corners 4 mm up and out)"; without `shown` (mm or degrees), by its
    strength: "more smile (clear, +1.2)"."""
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
    """Say what is seen of an edited face, in mm or degrees; empty where that is not measured."""
    if shown is None or direction not in SHOWN_WORDS:
        return ""
    return SHOWN_WORDS[direction][shown < 0].format(f"{abs(shown):.0f}")


def describe_face_edits(edits: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Say what was done to the picture, one line per face and one for the picture as a whole; word edits are left out."""
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
    """Say what a test of a version with an edited face would tell; empty where no face is edited."""
    said = [DIRECTION_WORDS[str(one["direction"])][1 if float(one["strength"]) > 0 else 2] for one in edits
            if int(one["face"]) >= 0 and one["direction"] in DIRECTION_WORDS]  # fmt: skip
    return f"a question for a test: {', '.join(said)} against the face as it is" if said else ""


def describe_strength(strength: float | None, num_others: int) -> str:
    """Say how an ad stands among the others of its run, such as "stronger than 7 of 10 others"; empty for a lone ad.

    Args:
        strength: the share of the others that it is predicted to beat, 0..1.
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
    """Say how far the search's quick scores held on final pixels; empty when nothing was rendered."""
    if not record or not record.get("rendered"):
        return ""
    rendered, changes, correlation = record["rendered"], record.get("elite_changes", 0), record.get("rank_correlation")
    alike = "" if correlation is None else f" Quick and final scores ranked them alike to {correlation:.2f} (Spearman)."
    led = f", which changed who led {changes} time{'' if changes == 1 else 's'}" if changes else ""
    return f"{rendered} leading version{'s were' if rendered > 1 else ' was'} scored again from final pixels{led}.{alike}"


def describe_faces(faces: Mapping[str, Any]) -> str:
    """Say how many faces were found, edited and refused, such as "2 faces found, 1 edited, 1 left alone"."""
    found, edited, refused = int(faces.get("found", 0)), int(faces.get("edited", 0)), len(faces.get("refused", ()))
    if not found:
        return "No face found"
    parts = [f"{found} face{'s' if found > 1 else ''} found", f"{edited} edited"]
    return ", ".join(parts + ([f"{refused} could not be edited"] if refused else []))


def describe_realism(realism: float | None) -> str:
    """Say how real the edited faces look to the face model, 0..1, beside the original ones."""
    return "" if realism is None else f"{realism:.2f} (1.00 is as real as the original)"


def describe_similarity(similarity: float | None, edit_strength: float | None = None) -> str:
    """Say how much the edited faces resemble the original ones, a cosine (-1..1), and how far they were changed.

    edit_strength: in least visible changes; a face that was hardly changed resembles itself for that reason alone.
    """
    if similarity is None:
        return ""
    alike = f"{similarity:.2f} (1.00 is the very same face)"
    if edit_strength is None:
        return alike
    if edit_strength < 1.0:
        return f"{alike}, with a change that hardly shows"
    return f"{alike}, with a change {edit_strength:.1f} times what is just visible"
