"""The later steps of an edit: plan its test, approve it, pack it. Without Gradio."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.errors import AdCreativeError
from adcreative.pipeline import (
    approve,
    disclosures,
    export,
    note_event,
    plan_test,
)

from ..html import fragments
from ..html import steps as step_fragments
from ..sessions.questions import Unanswered, record_fault
from .approvals import Approvals
from .one_ad import Handlers
from .packing import DELIVERY, list_loose, note_campaign, write_package
from .planned import Shelf, find_shelf

log = logging.getLogger(__name__)

PLATFORM_FILES = {"google-editor": "google-ads-editor.csv", "meta-bulk": "meta-bulk.csv", "adcp": "adcp.json"}
NEEDS_RATE = (
    "How often are your ads clicked, in percent? An estimate such as 1.2 will do: how long the test must run depends on it."
)
GOOGLE_HEADLINE = 30  # longest headline of Google Ads in characters; longer lines are descriptions
NEEDS_LINES = (
    "Google’s ads need three headlines of at most 30 characters, and two descriptions. Write the others into “Standing lines”, "
    "one a line."
)
Answer = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The buttons after the search. Each one works on the owner's edit on the page, and logs to the edit's audit trail."""

    handlers: Handlers

    def shelf(self, owner: str) -> Shelf:
        """Return the owner's approved versions and planned tests of this visit."""
        return find_shelf(self.handlers, owner)

    def plan(self, owner: str, campaign: str | None, daily_impressions: float | None, own_ctr_percent: float | None) -> Answer:
        """Plan the test of the edit against the original."""

        def work() -> Answer:
            run, _ = self.handlers.find_run(owner)
            name = check_campaign(campaign)
            screen = self.handlers.find_screen(owner)
            usual = screen.search_request.usual_rate if screen is not None else None
            rate = own_ctr_percent / 100 if own_ctr_percent else usual
            if rate is None and screen is not None and screen.record.get("is_untested"):
                raise Unanswered(NEEDS_RATE, "own_ctr_percent")
            plan_test(run, run / "plan", campaign=name, daily_impressions=int(daily_impressions or 0), baseline_ctr=rate)
            plan = json.loads((run / "plan" / "plan.json").read_text(encoding="utf-8"))
            note_event(run, "planned", campaign=name, daily_impressions=int(daily_impressions or 0))
            shelf = self.shelf(owner)
            shelf.keep_plan(run / "plan", name, [shelf.find_pack(run)])
            self.handlers.tell_tested(owner)
            return step_fragments.plan(plan), plan

        return say_faults(work)

    def disclosures(self, owner: str, markets: Sequence[str] | None) -> Answer:
        """List possible disclosure duties in the edit's markets."""

        def work() -> Answer:
            run, _ = self.handlers.find_run(owner)
            if not markets:
                return fragments.note("Say first where it will run."), {"disclosures": []}
            found = [one.as_dict() for one in disclosures(list(markets), run=run)]
            return step_fragments.duties(found), {"disclosures": found}

        return say_faults(work)

    def approve(
        self, owner: str, name: str | None, markets: Sequence[str] | None, is_read: bool | None, shown: str | None
    ) -> Answer:
        """Record that a person approved the edit for these markets, and read the list of possible disclosure duties.

        Args:
            shown: id of the result on the page ("shown" in its record).
        """

        def work() -> Answer:
            run, _ = self.handlers.find_run(owner)
            Approvals(handlers=self.handlers).check_shown(owner, shown)
            if not markets:
                raise Unanswered("Where will it run? What must be disclosed depends on it.", "markets")
            if not is_read:
                raise Unanswered("Have you read the list above? Tick that you will disclose where it says so.", "is_read")
            if not (name or "").strip():
                raise Unanswered("Who approves it? Write the name.", "name")
            event = approve(run, by=name or "", markets=list(markets))
            shutil.rmtree(run / DELIVERY, ignore_errors=True)  # files of an earlier approval
            Approvals(handlers=self.handlers).note(owner, "approve")
            self.shelf(owner).keep_pack(run)
            return step_fragments.approval(event), event

        return say_faults(work)

    def pack(
        self, owner: str, campaign: str | None, platform: str | None, url: str | None, lines: str | None = ""
    ) -> tuple[str, list[Path] | None, dict[str, Any]]:
        """Pack an approved edit: pictures in full quality, results table, report, sidecar, audit trail, platform's file.

        Args:
            lines: headlines and descriptions that Google's ads need in addition to the version's own, one per line.
        """
        files: list[Path] = []

        def work() -> Answer:
            run, _ = self.handlers.find_run(owner)
            Approvals(handlers=self.handlers).check_packable(owner, run)
            name, warnings = check_campaign(campaign), []
            if platform and not (url or "").strip():
                raise Unanswered("Which page does the ad lead to? Write its address, such as https://example.com/shoes.", "url")
            shutil.rmtree(run / DELIVERY, ignore_errors=True)  # the file of another campaign
            if platform:
                path = run / DELIVERY / PLATFORM_FILES.get(platform, "ads")
                standing = [line.strip() for line in (lines or "").splitlines() if line.strip()]
                try:
                    done = export(
                        run,
                        path,
                        format=platform,
                        campaign=name,
                        url=(url or "").strip(),
                        human_oversight="selected",
                        extra_headlines=tuple(line for line in standing if len(line) <= GOOGLE_HEADLINE),
                        extra_descriptions=tuple(line for line in standing if len(line) > GOOGLE_HEADLINE),
                    )
                except AdCreativeError as error:
                    if "standing lines" in str(error):
                        raise Unanswered(NEEDS_LINES, "lines") from error
                    raise
                warnings = merge_notes(done.warnings)
            note_campaign(run, name)
            note_event(run, "packed", campaign=name, platform=platform or "")
            Approvals(handlers=self.handlers).note(owner, "pack")
            files.extend([write_package(run), *list_loose(run)])
            self.shelf(owner).keep_pack(run)
            record = {"files": [path.name for path in files], "warnings": warnings}
            return step_fragments.packed(record["files"], warnings), record

        shown, record = say_faults(work)
        return shown, files or None, record


_AD = re.compile(r"(\S+)_(original|version-B)_acv[0-9a-f]{12}: ")


def merge_notes(notes: Sequence[str]) -> list[str]:
    """Return the notes about the ads of a test without duplicates; a note about only one ad names that ad."""
    ads: dict[str, list[str]] = {}
    for note in notes:
        found = _AD.match(note)
        ads.setdefault(note[found.end() :] if found else note, []).append(found[2] if found else "")
    called = {"original": "your ad as it was: ", "version-B": "this version: "}
    return [(called.get(of[0], "") if len(of) == 1 else "") + text for text, of in ads.items()]


def say_faults(work: Callable[[], Answer]) -> Answer:
    """Return the result of `work`, or a sentence about its error."""
    try:
        return work()
    except AdCreativeError as error:
        return fragments.problem(error), record_fault(error)
    except Exception as error:
        log.exception("a step failed")
        return fragments.breakdown(error), {"error": "internal error"}


def check_campaign(name: str | None) -> str:
    """Return the name of a campaign.

    Raises:
        Unanswered: the name is missing.
    """
    name = (name or "").strip()[:200]
    if not name:
        raise Unanswered("What is the campaign called? Results find their ad by its name.", "campaign")
    return name
