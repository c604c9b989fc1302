"""LintedCopywriter: asks a line source, lets only clean lines through, tops up from the template grammar and says so.

Knows no model. The same gate stands behind every engine, so a server that was talked into something says it to the lint.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from adcreative.copywriter.brief import Brief, clean_text, read_facts
from adcreative.copywriter.candidates import CopyCandidates, LineSource, ShouldStop
from adcreative.copywriter.lint import KINDS, check_copy, is_near_duplicate
from adcreative.copywriter.template import TemplateSource
from adcreative.errors import CopywriterError

_CACHE_SIZE = 512


class LintedCopywriter:
    """A Copywriter over one LineSource.

    With a fallback, an engine that fails or writes too little is made up for by the template grammar, line by line, and the
    notes say why; without one, a failing engine raises.
    """

    def __init__(self, source: LineSource, *, fallback: LineSource | None) -> None:
        self.engine = source.engine
        self._source, self._fallback = source, fallback
        self._cache: OrderedDict[tuple[Brief, int, int, int], CopyCandidates] = OrderedDict()
        self._lock = threading.Lock()

    def write(
        self, brief: Brief, num_headlines: int, num_descriptions: int, seed: int, should_stop: ShouldStop | None = None
    ) -> CopyCandidates:
        """Return up to the wanted numbers of lines that pass the lint; the same arguments give the same lines, from memory.

        Args:
            brief: the user's words; planted instructions in them are left out (see `notes`).
            num_headlines: wanted number; fewer come back when no more clean lines could be made.
            seed: fixes every random choice.
            should_stop: asked between decoding steps or requests; when true, what is finished comes back as cancelled.
        Raises:
            CopywriterError: the engine failed and there is no fallback.
            ValueError: a wanted number is negative.
        """
        if num_headlines < 0 or num_descriptions < 0:
            raise ValueError(f"numbers of lines must be 0 or more, got {num_headlines} and {num_descriptions}")
        key = (brief, num_headlines, num_descriptions, seed)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        draft = _Draft(brief)
        for kind, num_lines in zip(KINDS, (num_headlines, num_descriptions), strict=True):
            self._fill(draft, kind, num_lines, seed, should_stop)
        result = draft.finished()
        if not result.is_cancelled:
            with self._lock:
                self._cache[key] = result
                while len(self._cache) > _CACHE_SIZE:
                    self._cache.popitem(last=False)
        return result

    def _fill(self, draft: _Draft, kind: str, num_lines: int, seed: int, should_stop: ShouldStop | None) -> None:
        """Take lines of one kind from the source, then from the fallback, until there are enough."""
        for source in (self._source, self._fallback):
            if source is None or draft.num_lines(kind) >= num_lines or draft.is_cancelled:
                continue
            try:
                lines = source.propose(draft.brief, kind, num_lines, seed=seed, should_stop=should_stop)
            except CopywriterError as error:
                if self._fallback is None:
                    raise
                draft.note(f"{source.engine} failed, so the template grammar wrote instead: {error}")
                continue
            draft.take(lines, kind, num_lines, source.engine)
            draft.is_cancelled = should_stop is not None and should_stop()


class _Draft:
    """Lines accepted and refused so far, for one brief."""

    def __init__(self, brief: Brief) -> None:
        self.brief = brief
        self.is_cancelled = False
        self._accepted: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}  # kind -> (line, engine)
        self._dropped: list[tuple[str, str]] = []
        self._notes: list[str] = []
        facts = read_facts(brief)
        if facts.ignored:
            num = len(facts.ignored)
            self.note(f"left out {num} sentence{'s' * (num > 1)} of the brief that would instruct a language model")

    def num_lines(self, kind: str) -> int:
        return len(self._accepted[kind])

    def note(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)

    def take(self, lines: list[str], kind: str, num_lines: int, engine: str) -> None:
        """Accept clean, new lines until there are `num_lines`; remember why the others were dropped."""
        for line in lines:
            text = clean_text(line)
            if self.num_lines(kind) >= num_lines:
                return
            problems = check_copy(text, self.brief, kind)
            if not problems and is_near_duplicate(text, [other for other, _ in self._accepted[kind]]):
                problems = ("says the same as another candidate",)
            if problems:
                self._dropped.append((text[:300], "; ".join(problems)))
            else:
                self._accepted[kind].append((text, engine))

    def finished(self) -> CopyCandidates:
        headlines, descriptions = (self._accepted[kind] for kind in KINDS)
        engines = tuple(engine for _, engine in (*headlines, *descriptions))
        return CopyCandidates(
            headlines=tuple(line for line, _ in headlines),
            descriptions=tuple(line for line, _ in descriptions),
            engines=engines,
            engine="+".join(dict.fromkeys(engines)) or "none",
            dropped=tuple(self._dropped),
            notes=tuple(self._notes),
            is_cancelled=self.is_cancelled,
        )


def with_template_fallback(source: LineSource, *, allow_fallback: bool) -> LintedCopywriter:
    """Put the lint behind `source`, and the template grammar beside it unless that is not allowed."""
    return LintedCopywriter(source, fallback=TemplateSource() if allow_fallback else None)
