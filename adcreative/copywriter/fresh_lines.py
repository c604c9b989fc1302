"""What the user asks of new lines, and lines from a copywriter one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adcreative.copywriter.brief import Brief
from adcreative.copywriter.candidates import CopyCandidates, FreshLine
from adcreative.copywriter.instructions import read_instructions
from adcreative.copywriter.lint.checks import is_near_duplicate
from adcreative.creative import Creative

if TYPE_CHECKING:
    from adcreative.copywriter.brand_kit import BrandKit
    from adcreative.features.line_features import LineEffect

LINES_AT_ONCE, MAX_ROUNDS = 2, 8


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What the user asks of new lines.

    text: what the lines should be like; its facts may be said, tone and audience are told to a language model (see
    `copywriter.instructions`). avoid: words that may not be used. kit: brand rules that hold for every line.
    """

    text: str = ""
    avoid: tuple[str, ...] = ()
    kit: BrandKit | None = None

    def apply(self, brief: Brief) -> Brief:
        """Return the brief of an ad with what is asked for."""
        instructions = read_instructions(self.text)
        told = replace(
            brief, notes=f"{brief.notes} {instructions.facts}".strip(), tone=instructions.tone or brief.tone,
            audience=instructions.audience or brief.audience, avoid=(*brief.avoid, *self.avoid),
        )  # fmt: skip
        return told if self.kit is None else self.kit.brief(told)


ANY_WORDING = Wording()  # nothing is asked for


def write_lines(
    creative: Creative,
    copywriter: Any,
    kind: str,
    *,
    wording: Wording = ANY_WORDING,
    evidence: tuple[LineEffect, ...] = (),
    num: int = 6,
    seed: int = 0,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[str]:
    """Yield up to `num` different lines of `kind` that pass the rules, each as soon as it is written.

    kind is "headline" or "description". evidence: what was worth a higher rate in the account, see `known_effects`.
    A copywriter that has `stream` is asked for all lines at once and yields them one by one; another is asked for a few at a
    time.

    Raises:
        CopywriterError: the engine cannot write and has no fallback.
    """
    brief, original = wording.apply(replace(Brief.of_ad(creative), evidence=evidence)), getattr(creative, kind)
    at_once = num if _can_stream(copywriter) else LINES_AT_ONCE
    wanted = (at_once, 0) if kind == "headline" else (0, at_once)
    given: list[str] = []
    for number in range(MAX_ROUNDS):
        for event in _stream(copywriter, brief, *wanted, seed + number, should_stop):
            for line in (event.text,) if isinstance(event, FreshLine) else event.lines:
                if len(given) >= num or (should_stop is not None and should_stop()):
                    return
                if line != original and not is_near_duplicate(line, given):
                    given.append(line)
                    yield line


def _can_stream(copywriter: Any) -> bool:
    return hasattr(copywriter, "stream")


def _stream(
    copywriter: Any, brief: Brief, num_headlines: int, num_descriptions: int, seed: int, should_stop: Callable[[], bool] | None
) -> Iterator[FreshLine | CopyCandidates]:
    """Yield the events of a copywriter's `stream`; one without `stream` yields its candidates once, at the end."""
    write = copywriter.stream if _can_stream(copywriter) else copywriter.write
    events = write(brief, num_headlines, num_descriptions, seed, should_stop=should_stop)
    yield from events if _can_stream(copywriter) else (events,)
