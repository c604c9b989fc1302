"""The next test of an account: approved versions come back as their packs, and are planned together. Without Gradio."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_approved, plan_test

from ..html import steps as step_fragments
from ..sessions.questions import Unanswered
from .one_ad import Handlers
from .packing import unpack
from .steps import NEEDS_RATE, Answer, check_campaign, say_faults

MAX_PACKS = 20


@dataclass(frozen=True, kw_only=True)
class NextTest:
    """The button "Plan the next test"."""

    handlers: Handlers

    def plan(
        self, owner: str, package_paths: Sequence[str] | None, campaign: str | None, daily_impressions: float | None,
        own_ctr_percent: float | None,
    ) -> tuple[str, Path | None, dict[str, object]]:  # fmt: skip
        """Plan the versions of these packs in one test; return a fragment, the plan as a table and the record.

        A pack whose version nobody approved, or that was changed since, is refused by name.
        """
        folder = self.handlers.owner_dir(owner) / "account" / "next-test"

        def work() -> Answer:
            if not package_paths:
                raise Unanswered("Which versions? Choose their packs: the zips that step 5 gave you.", "package_paths")
            if len(package_paths) > MAX_PACKS:
                raise AdCreativeError(f"These are {len(package_paths)} packs; at most {MAX_PACKS} can share a test.")
            name = check_campaign(campaign)
            self.handlers.belongings.note(owner, *package_paths)
            shutil.rmtree(folder, ignore_errors=True)
            runs = [_unpack_approved(Path(path), folder / str(number)) for number, path in enumerate(package_paths)]
            rows = [_read_row(run) for run in runs]
            rate = own_ctr_percent / 100 if own_ctr_percent else None
            if rate is None and any(row.get("is_untested") for row in rows):
                raise Unanswered(NEEDS_RATE, "own_ctr_percent")
            plan_test(
                runs[0], folder / "plan", campaign=name, daily_impressions=int(daily_impressions or 0), baseline_ctr=rate,
                also=runs[1:],
            )  # fmt: skip
            plan = json.loads((folder / "plan" / "plan.json").read_text(encoding="utf-8"))
            names = list(dict.fromkeys(str(row.get("headline_edited") or row.get("file_name") or "") for row in rows))
            if len(names) != len(plan["tests"]):  # several versions with the same words
                names = [f"Version {number}" for number in range(1, len(plan["tests"]) + 1)]
            return step_fragments.next_test(plan, names), plan

        shown, record = say_faults(work)
        table = folder / "plan" / "plan.csv"
        return shown, table if "error" not in record and table.is_file() else None, record


def _unpack_approved(package: Path, folder: Path) -> Path:
    """Unpack a pack and make sure that somebody approved what is in it.

    Raises:
        AdCreativeError: it is no pack, or nobody approved what is in it.
    """
    folder.mkdir(parents=True, mode=0o700)
    run, _ = unpack(package, folder)
    try:
        check_approved(run)
    except AdCreativeError as error:
        raise AdCreativeError(
            f"{package.name} holds a version that nobody approved as it is now. Approve it (step 4), and pack it again."
        ) from error
    return run


def _read_row(run: Path) -> dict[str, object]:
    row: dict[str, object] = json.loads((run / "results.jsonl").read_text(encoding="utf-8").splitlines()[0])
    return row
