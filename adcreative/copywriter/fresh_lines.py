"""The user's wishes for new lines; lines from a copywriter in small batches; the buttons of a platform."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adcreative.copywriter.brief import Brief, read_facts
from adcreative.copywriter.candidates import Copywriter
from adcreative.copywriter.instructions import read_instructions
from adcreative.copywriter.lint.checks import check_own_words, is_near_duplicate
from adcreative.copywriter.rules import rule_pack
from adcreative.creative import Creative
from adcreative.encoders.language import LANGUAGES, detect_language
from adcreative.problem import Problem

if TYPE_CHECKING:
    from adcreative.copywriter.brand_kit import BrandKit
    from adcreative.features.line_features import LineEffect

LINES_AT_ONCE, MAX_ROUNDS = 3, 8


@dataclass(frozen=True, kw_only=True)
class Wording:
    """The user's wishes for new lines.

    text: free text; its facts may appear in lines, tone and audience are told to a language model (see
    `copywriter.instructions`). avoid: forbidden words. kit: brand rules for every line.
    """

    text: str = ""
    avoid: tuple[str, ...] = ()
    kit: BrandKit | None = None

    def apply(self, brief: Brief) -> Brief:
        """Return the brief of an ad with these wishes."""
        instructions = read_instructions(self.text)
        told = replace(
            brief,
            notes=f"{brief.notes} {instructions.facts}".strip(),
            tone=instructions.tone or brief.tone,
            audience=instructions.audience or brief.audience,
            avoid=(*brief.avoid, *self.avoid),
        )
        return told if self.kit is None else self.kit.brief(told)

    def check(self, creative: Creative, kind: str, text: str) -> tuple[Problem, ...]:
        """Return the problems of the user's own words on an ad; only "other_language" for a foreign language."""
        brief = self.apply(Brief.of_ad(creative))
        theirs, ours = detect_language(text), read_facts(brief).language
        if theirs in LANGUAGES and ours in LANGUAGES and theirs != ours:
            return (Problem("other_language", language=LANGUAGES[theirs], ad_language=LANGUAGES[ours]),)
        return check_own_words(text, brief, kind)


ANY_WORDING = Wording()  # no wishes


def write_lines(
    creative: Creative,
    copywriter: Copywriter,
    kind: str,
    *,
    wording: Wording = ANY_WORDING,
    evidence: tuple[LineEffect, ...] = (),
    num: int = 6,
    seed: int = 0,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[str]:
    """Yield up to `num` different lines of `kind` that pass the linter, in batches of LINES_AT_ONCE.

    kind is "headline" or "description". evidence: features with a higher rate in the account, see `features.line_features`.

    Raises:
        CopywriterError: the engine cannot write and has no fallback.
    """
    brief, original = wording.apply(replace(Brief.of_ad(creative), evidence=evidence)), getattr(creative, kind)
    wanted = (LINES_AT_ONCE, 0) if kind == "headline" else (0, LINES_AT_ONCE)
    given: list[str] = []
    for number in range(MAX_ROUNDS):
        if len(given) >= num or (should_stop is not None and should_stop()):
            return
        for line in copywriter.write(brief, *wanted, seed + number, should_stop=should_stop).lines:
            if len(given) < num and line != original and not is_near_duplicate(line, given):
                given.append(line)
                yield line


def allowed_buttons(platform: str, placement: str = "") -> tuple[str, ...]:
    """Return the buttons of a creative's platform, most common first, from the dated rule pack buttons.yaml; for an unknown
    platform the buttons shared by all platforms."""
    pack, where = rule_pack("buttons"), f"{platform} {placement}".casefold()
    for name, aliases in rule_pack("limits")["aliases"].items():
        if name in pack["platforms"] and any(re.search(rf"\b{re.escape(alias)}\b", where) for alias in aliases):
            return tuple(pack["platforms"][name]["buttons"])
    return tuple(pack["default"]["buttons"])
