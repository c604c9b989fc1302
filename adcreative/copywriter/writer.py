"""LintedCopywriter: asks a line source, accepts only clean lines, and fills up from the template grammar with a note.

Knows no model. Every engine has the same linter, so a manipulated server only reaches the linter.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping

from adcreative.copywriter.brief import Brief, clean_text, expect_of, read_facts
from adcreative.copywriter.candidates import CopyCandidates, CutShortError, LineSource, ShouldStop
from adcreative.copywriter.engines.template import TemplateSource
from adcreative.copywriter.lint.checks import KINDS, check_copy, is_near_duplicate, length_limit, text_length, used_words
from adcreative.copywriter.messages import SAME_MESSAGE, EncodesLines
from adcreative.encoders.language import LANGUAGES
from adcreative.errors import CopywriterError
from adcreative.problem import Problem

_CACHE_SIZE = 512


class LintedCopywriter:
    """A Copywriter over one LineSource.

    With a fallback, the template grammar replaces the missing lines of an engine that fails or writes too little, and the notes
    say why; without a fallback, a failing engine raises.
    """

    def __init__(
        self,
        source: LineSource,
        *,
        fallback: LineSource | None,
        most_lines: Mapping[str, int] | None = None,
        encode: EncodesLines | None = None,
    ) -> None:
        """Create a copywriter.

        Args:
            most_lines: kind -> limit for a source with expensive lines; the fallback writes the rest. None: no limit.
            encode: finds headlines with the same message in other words, see `messages`; None: only shared words count.
        """
        self.engine, self._encode = source.engine, encode
        self._source, self._fallback, self._most_lines = source, fallback, most_lines
        self._cache: OrderedDict[tuple[Brief, int, int, int], CopyCandidates] = OrderedDict()
        self._lock = threading.Lock()

    def write(
        self, brief: Brief, num_headlines: int, num_descriptions: int, seed: int, should_stop: ShouldStop | None = None
    ) -> CopyCandidates:
        """Return at most the wanted numbers of lines that pass the linter; equal arguments give equal lines, from a cache.

        Args:
            brief: the user's words; injected instructions are left out (see `notes`).
            num_headlines: wanted number; fewer are returned when no more clean lines can be made.
            seed: fixes every random choice.
            should_stop: called between decoding steps or requests; when true, finished lines are returned as cancelled.
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
        draft = _Draft(brief, self._encode)
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
        most = min(num_lines, (self._most_lines or {}).get(kind, num_lines))
        for source, wanted in ((self._source, most), (self._fallback, num_lines)):
            if source is None or draft.num_lines(kind) >= wanted or draft.is_cancelled:
                continue
            try:
                lines = source.propose(draft.brief, kind, wanted, seed=seed, should_stop=should_stop)
            except CutShortError as error:
                lines = list(error.lines)
                finished = f"{len(lines)} line{'s' * (len(lines) > 1)}"
                draft.note(Problem("writer_cut_short", engine=source.engine, count=finished, error=str(error)))
            except CopywriterError as error:
                if self._fallback is None:
                    raise
                draft.note(Problem("writer_failed", engine=source.engine, error=str(error)))
                continue
            draft.take(lines, kind, wanted, source.engine)
            draft.is_cancelled = should_stop is not None and should_stop()
            if source.engine == TemplateSource.engine and not draft.is_cancelled:
                draft.note_language()


class _Draft:
    """Lines accepted and refused so far, for one brief."""

    def __init__(self, brief: Brief, encode: EncodesLines | None) -> None:
        self.brief, self._encode = brief, encode
        self.is_cancelled = False
        self._accepted: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}  # kind -> (line, engine)
        self._dropped: list[tuple[str, str]] = []
        self._drops: dict[str, Counter[str]] = {}  # engine -> code of the first problem -> number of lines
        self._notes: list[Problem] = []
        facts = read_facts(brief)
        if facts.ignored:
            num = len(facts.ignored)
            self.note(Problem("instructions_left_out", count=f"{num} sentence{'s' * (num > 1)}"))

    def num_lines(self, kind: str) -> int:
        return len(self._accepted[kind])

    def note(self, problem: Problem) -> None:
        if problem not in self._notes:
            self._notes.append(problem)

    def note_language(self) -> None:
        """Note the limits for languages other than English without a language model for them."""
        facts = read_facts(self.brief)
        if not facts.is_english:
            name = LANGUAGES.get(facts.language, "another language than English")
            self.note(Problem("ad_language", language=name))

    def take(self, lines: list[str], kind: str, num_lines: int, engine: str) -> None:
        """Accept clean, new lines until there are `num_lines`, and record the reasons for the other lines.

        Lines with the brand's words come first, then lines by the account's evidence.
        """
        liked = read_facts(self.brief).liked
        for line in sorted(lines, key=lambda line: (not used_words(liked, line), -expect_of(line, self.brief))):
            text = clean_text(line)
            if self.num_lines(kind) >= num_lines:
                break
            problems = check_copy(text, self.brief, kind)
            if not problems and self._is_said(text, kind):
                problems = (Problem("near_duplicate"),)
            if problems:
                self._dropped.append((text[:300], "; ".join(problems)))
                self._drops.setdefault(engine, Counter())[problems[0].code] += 1
            else:
                self._accepted[kind].append((self._with_disclaimers(text, kind), engine))

    def _is_said(self, text: str, kind: str) -> bool:
        """Return whether an accepted line of the kind has the words of `text`, or, of headlines, its message."""
        others = [other for other, _ in self._accepted[kind]]
        if is_near_duplicate(text, others):
            return True
        if self._encode is None or kind != "headline" or not others:
            return False
        own, *rest = self._encode([text, *others])
        return max(float(own @ other) for other in rest) >= SAME_MESSAGE

    def _with_disclaimers(self, text: str, kind: str) -> str:
        """Append the brand's disclaimers to a description if they fit; else add a note."""
        missing = [one for one in self.brief.disclaimers if kind == "description" and one not in text]
        if not missing:
            return text
        longer = " ".join([text, *missing])
        if text_length(longer, self.brief) <= length_limit(self.brief, kind):
            return longer
        self.note(Problem("long_disclaimer", text=" ".join(missing)))
        return text

    def finished(self) -> CopyCandidates:
        headlines, descriptions = (self._accepted[kind] for kind in KINDS)
        if self._dropped and not headlines and not descriptions:
            text, why = self._dropped[0]
            self.note(Problem("none_passed", num=len(self._dropped), text=text[:60], why=why))
        for engine, drops in self._drops.items():
            if engine != TemplateSource.engine:
                why = ", ".join(f"{num} x {code.replace('_', ' ')}" for code, num in drops.most_common())
                self.note(Problem("lines_dropped", engine=engine, num=drops.total(), why=why))
        engines = tuple(engine for _, engine in (*headlines, *descriptions))
        return CopyCandidates(
            headlines=tuple(line for line, _ in headlines),
            descriptions=tuple(line for line, _ in descriptions),
            engines=engines,
            engine="+".join(dict.fromkeys(engines)) or "none",
            dropped=tuple(self._dropped),
            notes=tuple(self._notes),
            is_cancelled=self.is_cancelled,
            brief=self.brief,
        )


def with_template_fallback(
    source: LineSource,
    *,
    allow_fallback: bool,
    most_lines: Mapping[str, int] | None = None,
    encode: EncodesLines | None = None,
) -> LintedCopywriter:
    """Return `source` with the linter, and the template grammar as fallback unless disallowed."""
    fallback = TemplateSource() if allow_fallback else None
    return LintedCopywriter(source, fallback=fallback, most_lines=most_lines, encode=encode)
