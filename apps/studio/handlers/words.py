"""The user's own words: generated lines, rule checks, and a wording typed by the user. Without Gradio."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from adcreative.creative import Creative
from adcreative.errors import AdCreativeError
from adcreative.pipeline import WriteSettings, check_words

from ..html import fragments, results
from ..html import steps as step_fragments
from ..html.plain import unwritten_language
from ..sessions.search_requests import SearchRequest
from .one_ad import Handlers, Screen

log = logging.getLogger(__name__)

KINDS = ("headline", "description")
Lines = tuple[str, list[str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The buttons of the user's own words. Each one works on the owner's edit on the page."""

    handlers: Handlers

    def check(self, owner: str, headline: str | None, description: str | None) -> tuple[str, dict[str, Any]]:
        """Check new words against the rules, with the uploaded ad and the brief as the source of allowed claims."""
        try:
            found = self._find_problems(owner, headline, description)
        except AdCreativeError as error:
            return fragments.problem(error), {"error": str(error)}
        return step_fragments.word_checks(found), {kind: list(problems) for kind, problems in found.items()}

    def write(self, owner: str, kind: str | None, seed: int) -> Iterator[Lines]:
        """Stream lines of the language model; at each new line, yield a note, the lines so far, and the record."""
        lines: list[str] = []
        try:
            if kind not in KINDS:
                raise AdCreativeError(f'kind must be "headline" or "description", got "{kind}".')
            creative = self.handlers.find_creative(owner)
            screen = self.handlers.find_screen(owner)
            search_request = screen.search_request if screen is not None else SearchRequest()
            if not getattr(creative, kind):
                raise AdCreativeError(f"The ad has no {kind} to write another one for.")
            yield step_fragments.writing(0), [], {"lines": []}
            choices, writer = self.handlers.choices, search_request.copywriter
            settings = WriteSettings(
                seed=seed,
                copywriter=writer,
                brief=search_request.brief,
                avoid=search_request.avoided,
                brand_kit=search_request.brand_kit,
            )
            source = choices.studio_of(owner).write_lines(creative, kind, choices.with_writer(owner, settings))
            while True:
                with self.handlers.model_queue.quick():
                    line = next(source, None)
                if line is None:
                    break
                lines.append(line)
                yield step_fragments.writing(len(lines)), list(lines), {"lines": list(lines)}
        except AdCreativeError as error:
            yield fragments.problem(error), lines, {"error": str(error)}
            return
        except Exception as error:
            log.exception("writing lines failed")
            yield fragments.breakdown(error), lines, {"error": "internal error"}
            return
        language = self._find_unwritten(owner)
        yield step_fragments.writing(len(lines), is_done=True, language=language), lines, {"lines": lines}

    def _find_unwritten(self, owner: str) -> str:
        """Return the ad's language if the search could not write in that language, such as "German"; "" otherwise."""
        search = self.handlers.board.find(owner)
        found = search.job.result() if search is not None and search.job.is_finished else None
        return "" if found is None else unwritten_language(found.record)

    def use(
        self, owner: str, headline: str | None, description: str | None, own_picture: str | None = None
    ) -> tuple[str, Screen | None]:
        """Apply these words, and a picture of the user's own, to the edit.

        Returns:
            a fragment about the result, and the new screen; None when the edit is unchanged.
        """
        try:
            found = self._find_problems(owner, headline, description)
            screen = self.handlers.use_words(owner, headline, description, own_picture)
        except AdCreativeError as error:
            return fragments.problem(error), None
        except Exception as error:
            log.exception("rewording failed")
            return fragments.breakdown(error), None
        return step_fragments.word_checks(found, gain=results.say_gain(screen.record)), screen

    def _find_problems(self, owner: str, headline: str | None, description: str | None) -> dict[str, tuple[str, ...]]:
        creative = self.handlers.find_creative(owner)
        screen = self.handlers.find_screen(owner)
        changed: Creative = replace(creative, headline=(headline or "").strip(), description=(description or "").strip())
        search_request = screen.search_request if screen is not None else SearchRequest()
        return check_words(
            changed,
            original=creative,
            brief=search_request.brief,
            avoid=search_request.avoided,
            brand_kit=search_request.brand_kit,
        )
