"""Parse ad names that follow a convention, such as "[AD01]_[VIDEO 09/10]_[STORIES]", into fields.

A pattern is text with {fields}. The pattern is given by the user, or proposed from the names: the separator that splits most
names into the same number of parts. The share of matching names is always reported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adcreative.errors import ConfigError

MIN_MATCH_RATE = 0.8
_MIN_NAMES = 5  # fewer names share a separator by chance; brackets do not occur by chance
_MAX_PARTS = 20
_SEPARATORS = ("__", " | ", "|", " // ", " - ", " \u2013 ", " / ", "_", "/", "-", ":")
_FIELD = re.compile(r"\{([A-Za-z][A-Za-z0-9_]{0,40})\}")
_BRACKETS = re.compile(r"\[[^\[\]]*\](?P<joint>[^\[\]0-9A-Za-z]{0,3})(?:\[[^\[\]]*\](?P=joint))*\[[^\[\]]*\]")
# Meaning of a name's parts, inferred from values; other parts are called name_1, name_2 and so on.
_MEANINGS: Mapping[str, str] = {
    "placement": "stories|story|feed|reels|reel|search|display|explore|marketplace|messenger|instream|in-stream|youtube|shorts|"
    "audience network|an|fb|ig|facebook|instagram|discover|gdn",
    "format": "video|vid|image|img|static|carousel|car|gif|collection|foto|photo|banner|ugc|slideshow|dpa|catalog|catalogo|"
    "text|animation|imagem|bild|carrossel|karussell",
    "gender": "m|f|w|male|female|men|women|mujer|hombre|herren|damen|masc|fem",
    "stage": "tof|mof|bof|tofu|mofu|bofu|prospecting|retargeting|remarketing|rt|rmk|cold|warm|hot",
    "device": "mobile|desktop|tablet|mob|desk|ios|android",
}


@dataclass(frozen=True)
class NamePattern:
    """A naming convention: the pattern as text, its fields in order, and the regular expression that matches a name."""

    template: str
    fields: tuple[str, ...]
    expression: re.Pattern[str]

    def parse(self, name: str) -> dict[str, str] | None:
        """Return field -> text of a matching name, else None."""
        found = self.expression.fullmatch(name.strip()) if len(name) <= 1_000 else None
        return {key: text.strip() for key, text in found.groupdict().items()} if found else None

    def match_rate(self, names: Sequence[str]) -> float:
        """Return the share of matching names, 0..1."""
        return sum(self.parse(name) is not None for name in names) / len(names) if names else 0.0


def read_pattern(template: str) -> NamePattern:
    """Return the naming convention of a pattern such as "{concept}_{format}_{placement}".

    Raises:
        ConfigError: the pattern has no field, a field twice, or two fields without text between them.
    """
    fields = tuple(_FIELD.findall(template))
    hint = 'Write text with fields, such as "{concept}_{format}_{placement}".'
    if not fields or len(fields) > _MAX_PARTS:
        raise ConfigError(f'the name pattern "{template[:80]}" has {len(fields)} fields; 1 to {_MAX_PARTS} are needed. {hint}')
    if len(set(fields)) < len(fields):
        raise ConfigError(f'the name pattern "{template[:80]}" has a field twice. {hint}')
    if "}{" in template:
        raise ConfigError(f'the name pattern "{template[:80]}" has two fields without text between them. {hint}')
    return _build(template, fields)


def _build(template: str, fields: tuple[str, ...]) -> NamePattern:
    pieces = _FIELD.split(template)  # text, field, text, field, ..., text
    expression = ""
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            expression += re.escape(piece)
        else:  # a field ends at the start of the text after it
            stop = re.escape(pieces[at + 1][:1])
            expression += f"(?P<{piece}>[^{stop}]*)" if len(pieces[at + 1]) == 1 else f"(?P<{piece}>.*{'?' if stop else ''})"
    return NamePattern(template, fields, re.compile(expression))


def propose_pattern(names: Sequence[str]) -> NamePattern | None:
    """Return the convention followed by at least 80 % of the distinct names, or None."""
    distinct = [name.strip() for name in dict.fromkeys(names) if name.strip()]
    if len(distinct) < 2:
        return None
    if (bracketed := _propose_brackets(distinct)) is not None:
        return bracketed
    if len(distinct) < _MIN_NAMES:
        return None
    for separator in _SEPARATORS:
        counts = Counter(name.count(separator) + 1 for name in distinct)
        num_parts, number = counts.most_common(1)[0]
        enough = num_parts >= (2 if separator.strip() != separator else 3)
        if enough and num_parts <= _MAX_PARTS and number >= MIN_MATCH_RATE * len(distinct):
            rows = [name.split(separator) for name in distinct if name.count(separator) + 1 == num_parts]
            fields = _name_fields(rows)
            return _build(separator.join(f"{{{field}}}" for field in fields), fields)
    return None


def _propose_brackets(names: Sequence[str]) -> NamePattern | None:
    found = [(name, match) for name in names if (match := _BRACKETS.fullmatch(name)) is not None]
    shapes = Counter((name.count("["), match.group("joint")) for name, match in found)
    if not shapes:
        return None
    (num_parts, joint), number = shapes.most_common(1)[0]
    if number < MIN_MATCH_RATE * len(names) or num_parts > _MAX_PARTS:
        return None
    rows = [re.findall(r"\[([^\[\]]*)\]", name) for name, match in found if name.count("[") == num_parts]
    fields = _name_fields(rows)
    return _build(joint.join(f"[{{{field}}}]" for field in fields), fields)


def _name_fields(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return a name for each part: the meaning of its values if clear, else its position."""
    fields: list[str] = []
    for at, column in enumerate(zip(*rows, strict=True), start=1):
        values = [text.strip().casefold() for text in column]
        found = f"name_{at}"
        for meaning, words in _MEANINGS.items():
            known = words.split("|")
            hits = sum(value in known or re.split(r"[\s\d]", value)[0] in known for value in values)
            if hits >= 0.6 * len(values) and f"name_{meaning}" not in fields:
                found = f"name_{meaning}"
                break
        fields.append(found)
    return tuple(fields)
