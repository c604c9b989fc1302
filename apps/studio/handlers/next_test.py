"""The next test of an account: one plan for approved versions of this visit and uploaded packs. Without Gradio."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adcreative.errors import AdCreativeError
from adcreative.pipeline import approved_pictures, plan_test

from ..html import insights as insight_fragments
from ..html import steps as step_fragments
from ..sessions.questions import Unanswered
from .one_ad import Handlers
from .packing import MAX_PICTURE_BYTES, WORDS, NotAPack, open_pack, say_words, unpack_version
from .planned import MAX_PACKS, TEST_PACK, Planned, find_shelf, list_uploads, write_test_pack
from .steps import NEEDS_RATE, Answer, check_campaign, say_faults


@dataclass(frozen=True, kw_only=True)
class NextTest:
    """The button "Plan the next test"."""

    handlers: Handlers

    def list_approved(self, owner: str) -> list[str]:
        """Return the names of the versions approved by the owner in this visit, the latest first."""
        return list(find_shelf(self.handlers, owner).packs)

    def plan(
        self,
        owner: str,
        package_paths: Sequence[str] | None,
        campaign: str | None,
        daily_impressions: float | None,
        own_ctr_percent: float | None,
        approved: Sequence[str] | None = None,
    ) -> tuple[str, list[Path], dict[str, object]]:
        """Plan versions in one test; return a fragment, the files to download (pack of the test, table of the plan), record.

        A version without an approval, or changed after its approval, is refused by name.

        Args:
            package_paths: packs of versions. approved: names of `list_approved`.
        """
        folder, files = self.handlers.owner_dir(owner) / "account" / "next-test", list[Path]()

        def work() -> Answer:
            shelf = find_shelf(self.handlers, owner)
            here = shelf.packs
            packs = [here[name] for name in approved or () if name in here] + [Path(path) for path in package_paths or ()]
            if not packs:
                raise Unanswered(
                    "Which versions? Tick those that were approved here, or choose their packs: the zips that step 5 gave you.",
                    "package_paths",
                )
            if len(packs) > MAX_PACKS:
                raise AdCreativeError(f"These are {len(packs)} packs; at most {MAX_PACKS} can share a test.")
            name = check_campaign(campaign)
            self.handlers.belongings.note(owner, *(package_paths or ()))
            shutil.rmtree(folder, ignore_errors=True)
            chosen = _choose(packs, folder)
            rows = [_read_row(run) for run in chosen]
            rate = own_ctr_percent / 100 if own_ctr_percent else None
            if rate is None and any(row.get("is_untested") for row in rows):
                raise Unanswered(NEEDS_RATE, "own_ctr_percent")
            first, *others = chosen
            plan_test(
                first,
                folder / "plan",
                campaign=name,
                daily_impressions=int(daily_impressions or 0),
                baseline_ctr=rate,
                also=others,
            )
            planned = shelf.keep_plan(folder / "plan", name, [shelf.keep_copy(pack) for pack in chosen.values()])
            self.handlers.tell_tested(owner)
            files.extend([write_test_pack(planned, folder / TEST_PACK), folder / "plan" / "plan.csv"])
            plan = json.loads((folder / "plan" / "plan.json").read_text(encoding="utf-8"))
            return step_fragments.next_test(plan, planned.names), plan

        shown, record = say_faults(work)
        return shown, files, record


def _choose(packs: Iterable[Path], folder: Path) -> dict[Path, Path]:
    """Unpack packs; return run -> pack, each version once.

    Raises:
        AdCreativeError: a file is no pack, or its content is not approved.
    """
    chosen, known = dict[Path, Path](), set[bytes]()
    for number, pack in enumerate(packs):
        run = _unpack_approved(pack, folder / str(number))
        content = (run / "results.jsonl").read_bytes() + (run / "results.run.json").read_bytes()
        if content not in known:
            known.add(content)
            chosen[run] = pack
    return chosen


def _unpack_approved(package: Path, folder: Path) -> Path:
    """Unpack a pack and check that its content is approved.

    Raises:
        AdCreativeError: the file is no pack, or its content is not approved.
    """
    folder.mkdir(parents=True, mode=0o700)
    run = unpack_version(package, folder)
    refusal = f"{package.name} holds a version that nobody approved as it is now. Approve it (step 4), and pack it again."
    try:
        allowed = set(approved_pictures(run).values())
    except AdCreativeError as error:
        raise AdCreativeError(refusal) from error
    words = say_words(_read_row(run)).encode()
    with open_pack(package) as archive:
        for called, member in list_uploads(archive.names).items():  # the files that the pack of the test copies
            content = archive.read(member, MAX_PICTURE_BYTES)
            is_approved = content == words if called == WORDS else hashlib.sha256(content).hexdigest() in allowed
            if not is_approved:
                raise AdCreativeError(refusal)
    return run


def _read_row(run: Path) -> dict[str, object]:
    """Return the version of an unpacked pack.

    Raises:
        NotAPack: the pack holds several versions.
    """
    (line, *more) = (run / "results.jsonl").read_text(encoding="utf-8").splitlines() or [""]
    if more or not line:
        raise NotAPack
    row: dict[str, object] = json.loads(line)
    return row


@dataclass(frozen=True, kw_only=True)
class PlannedTests:
    """The page of tests: the list of planned tests, and the details of each test."""

    handlers: Handlers

    def list(self, owner: str) -> str:
        """Return a fragment of the owner's tests, the latest first."""
        rows = [
            {
                "name": one.name,
                "campaign": one.campaign,
                "versions": one.names,
                "when": f"{one.planned_at:%-d %B %Y}",
                "answers": [arm["answer"] for test in one.read_out.get("tests", ()) for arm in test["arms"]],
            }
            for one in find_shelf(self.handlers, owner).plans
        ]
        return insight_fragments.tests(rows)

    def show(self, owner: str, name: str | None) -> str:
        """Return a fragment of one test; "" when there is no test of that name."""
        one = self._find(owner, name)
        if one is None:
            return ""
        plan = json.loads((one.plan / "plan.json").read_text(encoding="utf-8"))
        told = [
            {**test, "version": version, "has_pack": pack.is_file()}
            for test, version, pack in zip(one.read_out.get("tests", ()), one.names, one.packs, strict=False)
        ]
        read_out = {**one.read_out, "tests": told} if told else {}
        shown = step_fragments.next_test(plan, one.names)
        return insight_fragments.test(one.name, one.campaign, f"{one.planned_at:%-d %B %Y}", read_out, shown)

    def find_pack(self, owner: str, name: str | None, place: int) -> str:
        """Return the pack of the version at index `place` (from 0) of a test.

        Raises:
            AdCreativeError: the pack no longer exists.
        """
        one = self._find(owner, name)
        if one is None or not 0 <= place < len(one.packs) or not one.packs[place].is_file():
            raise AdCreativeError("The pack of this version is not here any more.")
        return str(one.packs[place])

    def _find(self, owner: str, name: str | None) -> Planned | None:
        return next((one for one in find_shelf(self.handlers, owner).plans if one.name == name), None)
