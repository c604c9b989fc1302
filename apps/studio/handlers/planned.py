"""Planned tests and the packs of their versions: storage during a visit, and reading from an uploaded file.

A visit stores its approved versions and planned tests (`Shelf`) in the owner's folder, where a later search leaves them;
they are deleted with the owner's data. A test ends weeks later: the user then uploads the pack of one or all versions.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adcreative.catalog.zips import Allowance, ZipReader
from adcreative.errors import AdCreativeError
from adcreative.pipeline import plan_test
from adcreative.provenance.sidecar import write_whole

from .one_ad import Handlers
from .packing import (
    CAMPAIGN,
    MAX_PACK_BYTES,
    MAX_PICTURE_BYTES,
    PLAN,
    README,
    TECHNICAL,
    UPLOAD,
    WORDS,
    note_campaign,
    open_pack,
    read_member,
    read_row,
    say_names,
    unpack,
    write_package,
)
from .uploads import PICTURES

TEST, TEST_PACK, PLAN_FOLDER, READ_OUT = "test.json", "next-test.zip", "plan", "read-out.json"
MAX_PACKS, MAX_PLANS = 20, 20
MAX_TEST_BYTES = 1024**3  # unpacked, of the pictures of all versions in a test
_STAND_IN = {"daily_impressions": 10_000, "baseline_ctr": 0.01}  # for a pack without a plan: only names and ids are used


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A planned test: the folder of its plan, the campaign, and the pack of each version, in the order of the plan's tests.

    The path of an unavailable pack (the version is not approved yet) does not exist.
    """

    plan: Path
    campaign: str
    packs: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Id of the test: 16 hexadecimal digits, as in its address."""
        return self.plan.parent.name

    @property
    def planned_at(self) -> datetime:
        """Time of planning."""
        return datetime.fromtimestamp((self.plan / "plan.json").stat().st_mtime, UTC).astimezone()

    @property
    def read_out(self) -> dict[str, Any]:
        """The latest answers ("tests"), with the name of the results file and the time; empty before the first results."""
        path = self.plan.parent / READ_OUT
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    def keep_read_out(self, answers: Sequence[dict[str, Any]], results: str) -> None:
        """Store the answers of the results to the test."""
        told = {"tests": list(answers), "results": results, "at": datetime.now(UTC).astimezone().isoformat()}
        write_whole(self.plan.parent / READ_OUT, json.dumps(told, ensure_ascii=False).encode())

    @property
    def tests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.plan / "plan.json").read_text(encoding="utf-8"))["tests"]
        return found

    @property
    def names(self) -> list[str]:
        """Names of the versions: their new words, or numbers where the words are equal or missing."""
        edited = [next(arm for arm in test["arms"] if arm["arm"] != "control") for test in self.tests]
        names = [str(arm["headline"] or arm["file_name"] or "") for arm in edited]
        is_clear = len(set(names)) == len(names) and all(names)
        return names if is_clear else [f"Version {number}" for number in range(1, len(names) + 1)]


@dataclass(frozen=True)
class Shelf:
    """The approved versions and planned tests of one owner in this visit, in a subfolder of the owner."""

    folder: Path

    def keep_pack(self, run: Path) -> None:
        """Store the pack of an approved version; the latest MAX_PACKS are kept."""
        path = self.find_pack(run)
        if not (run / CAMPAIGN).is_file():
            note_campaign(run, "")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, write_package(run).read_bytes())
        for old in _by_age(path.parent.glob("*.zip"))[MAX_PACKS:]:
            old.unlink()

    def find_pack(self, run: Path) -> Path:
        """Return the path of a run's pack, which exists once the version is approved."""
        return self.folder / "packs" / f"{run.name}.zip"

    def keep_copy(self, pack: Path) -> Path:
        """Store a copy of a planned test's pack as long as the plan: uploads are deleted before the visit ends."""
        content = pack.read_bytes()
        path = self.folder / "tested" / f"{hashlib.sha256(content).hexdigest()[:16]}.zip"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, content)
        return path

    @property
    def packs(self) -> dict[str, Path]:
        """The packs of approved versions by name, the latest first."""
        found: dict[str, Path] = {}
        for path in _by_age(self.folder.glob("packs/*.zip")):
            row, campaign = read_row(path)
            name = str(row.get("headline_edited") or row.get("file_name") or "version")[:80]
            name = f"“{name}”, {campaign[:40]}" if campaign else f"“{name}”"
            again = sum(one == name or one.startswith(f"{name} (") for one in found)
            found[f"{name} ({again + 1})" if again else name] = path
        return found

    def keep_plan(self, plan: Path, campaign: str, packs: Sequence[Path]) -> Planned:
        """Store a plan with the paths of its versions' packs, in the order of the plan."""
        content = (plan / "plan.json").read_bytes()
        ids = sorted(arm["variant_id"] for test in json.loads(content)["tests"] for arm in test["arms"])
        kept = self.folder / "plans" / hashlib.sha256("".join(ids).encode()).hexdigest()[:16]
        shutil.rmtree(kept, ignore_errors=True)
        (kept / PLAN_FOLDER).mkdir(parents=True, mode=0o700)
        (kept / PLAN_FOLDER / "plan.json").write_bytes(content)
        (kept / TEST).write_text(
            json.dumps({"campaign": campaign, "packs": [str(one) for one in packs]}, ensure_ascii=False), encoding="utf-8"
        )
        for old in _by_age(kept.parent.iterdir())[MAX_PLANS:]:
            shutil.rmtree(old)
        self._drop_copies()
        return Planned(plan=kept / PLAN_FOLDER, campaign=campaign, packs=tuple(packs))

    def _drop_copies(self) -> None:
        """Delete copies of packs that no test needs."""
        needed = {pack for one in self.plans for pack in one.packs}
        for copy in self.folder.glob("tested/*.zip"):
            if copy not in needed:
                copy.unlink()

    @property
    def plans(self) -> list[Planned]:
        """The tests planned in this visit, the latest first."""
        found = []
        for folder in _by_age(self.folder.glob("plans/*")):
            told = json.loads((folder / TEST).read_text(encoding="utf-8"))
            packs = tuple(map(Path, told["packs"]))
            found.append(Planned(plan=folder / PLAN_FOLDER, campaign=told["campaign"], packs=packs))
        return found

    def forget_runs(self, names: Iterable[str]) -> list[str]:
        """Delete the packs of these runs, and the tests that use the packs; return the ids of the deleted tests."""
        packs = [pack for name in names if (pack := self.find_pack(Path(name))).is_file()]
        stems = {one for pack in packs for one in (pack.stem, hashlib.sha256(pack.read_bytes()).hexdigest()[:16])}
        gone = [one for one in self.plans if stems & {pack.stem for pack in one.packs}]
        for pack in packs:
            pack.unlink()
        for one in gone:
            shutil.rmtree(one.plan.parent, ignore_errors=True)
        self._drop_copies()
        return [one.name for one in gone]


def find_shelf(handlers: Handlers, owner: str) -> Shelf:
    """Return the shelf of an owner."""
    return Shelf(handlers.owner_dir(owner) / "shelf")


def _by_age(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by modification time, the latest first."""
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def write_test_pack(planned: Planned, out: Path) -> Path:
    """Write the pack of a whole test: each version next to its original under upload/, plan and packs under technical/."""
    packed, allowance = io.BytesIO(), Allowance(MAX_TEST_BYTES)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        folders = []
        for number, (name, pack) in enumerate(zip(planned.names, planned.packs, strict=True), 1):
            folders.append(f"{UPLOAD}/{number}_{_slug(name)}")
            with open_pack(pack, allowance) as one:
                for called, member in list_uploads(one.names).items():
                    archive.writestr(f"{folders[-1]}/{called}", one.read(member, MAX_PICTURE_BYTES))
            archive.write(pack, f"{TECHNICAL}/{number}.zip")
        archive.writestr(README, _say_test(planned, folders))
        archive.writestr(f"{TECHNICAL}/{TEST}", json.dumps({"campaign": planned.campaign}, ensure_ascii=False))
        for file in sorted(planned.plan.iterdir()):
            archive.write(file, f"{TECHNICAL}/{PLAN_FOLDER}/{file.name}")
    write_whole(out, packed.getvalue())
    return out


def list_uploads(names: Sequence[str]) -> dict[str, str]:
    """Return name -> member of a pack's public files: pictures, words, and the original if missing among them.

    A platform's file is excluded: its names belong to the campaign of the version's pack.
    """
    found, originals = {}, {}
    for member in names:
        folder, _, name = member.rpartition("/")
        if folder == UPLOAD and (name == WORDS or Path(name).suffix.casefold() in PICTURES):
            found[name] = member
        elif folder == f"{TECHNICAL}/original" and Path(name).suffix.casefold() in PICTURES:
            originals[f"{Path(name).stem}_original{Path(name).suffix}"] = member
    has_original = any(Path(name).stem.endswith("_original") for name in found)
    return found if has_original else {**found, **originals}


def _slug(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name).strip("-").casefold()[:40] or "version"


def _say_test(planned: Planned, folders: Sequence[str]) -> str:
    parts = [
        f"Your next test, for the campaign “{planned.campaign}”.\n\n{UPLOAD}/ goes to the platform: a folder for each version, "
        f"with the ad as it was beside it. All ads of the test run at the same time.\n{TECHNICAL}/ stays with you.\n"
        "Keep this zip. Bring it back with the results of the test (“Your account”), and they say which versions won.\n"
    ]
    for name, folder, test in zip(planned.names, folders, planned.tests, strict=True):
        parts.append(f"\n“{name}”, in {folder}\n{say_names(test['arms'])}")
    return "".join(parts)


def read_planned(package: Path, folder: Path) -> Planned:
    """Read a test from the pack of one version, or of a whole test.

    A version packed without a plan gets the plan derived from its names.

    Raises:
        AdCreativeError: the file is no pack of this app, or is too large.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        with open_pack(package) as archive:
            if f"{TECHNICAL}/{TEST}" in archive.names:
                return _read_test_pack(archive, folder)
        run, campaign = unpack(package, folder)
        if not (run / PLAN).is_file():
            plan_test(run, (run / PLAN).parent, campaign=campaign, **_STAND_IN)  # type: ignore[arg-type]
    except AdCreativeError:
        shutil.rmtree(folder)
        raise
    return Planned(plan=(run / PLAN).parent, campaign=campaign, packs=(package,))


def _read_test_pack(archive: ZipReader, folder: Path) -> Planned:
    told = json.loads(read_member(archive, f"{TECHNICAL}/{TEST}"))
    (folder / PLAN_FOLDER).mkdir(mode=0o700)
    (folder / PLAN_FOLDER / "plan.json").write_bytes(read_member(archive, f"{TECHNICAL}/{PLAN_FOLDER}/plan.json"))
    planned = Planned(plan=folder / PLAN_FOLDER, campaign=str(told["campaign"]), packs=())
    if len(planned.tests) > MAX_PACKS:
        raise AdCreativeError(f"This pack holds {len(planned.tests)} versions; at most {MAX_PACKS} can share a test.")
    packs = [folder / f"{number}.zip" for number in range(1, len(planned.tests) + 1)]
    for path in packs:
        with path.open("xb") as file:
            file.writelines(archive.stream(f"{TECHNICAL}/{path.name}", MAX_PACK_BYTES))
    return Planned(plan=planned.plan, campaign=planned.campaign, packs=tuple(packs))
