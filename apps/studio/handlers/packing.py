"""The pack of an approved version, one zip: one folder for the platform, one folder that stays with its owner.

Only pictures covered by the approval go to the platform, each with its bytes at the time of the approval.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adcreative.catalog.zips import Allowance, PackedError, TooLargeError, TooMuchError, ZipReader
from adcreative.errors import AdCreativeError
from adcreative.pipeline import approved_pictures, forget_paths, read_events
from adcreative.provenance.sidecar import sidecar_path, write_whole

PACKAGE, AUDIT, PUBLIC = "ad-package.zip", "audit.jsonl", "public"
UPLOAD, TECHNICAL, README, WORDS, DELIVERY = "upload", "technical", "README.txt", "words.txt", "delivery"
MAX_MEMBER_BYTES, MAX_PICTURE_BYTES, MAX_SHAPES = 5 * 1024**2, 64 * 1024**2, 20
MAX_PACK_BYTES = 256 * 1024**2  # unpacked, of one pack or of the packs combined in one
CAMPAIGN = "campaign.json"
MEMBERS = ("results.jsonl", "results.run.json", CAMPAIGN)
PLAN = "plan/plan.json"  # present when the test was planned
_LINES = (("Headline", "headline_edited"), ("Description", "description_edited"), ("Button", "cta_edited"))


class NotAPack(AdCreativeError):
    """The file is no pack of this app, or is damaged."""

    def __init__(self) -> None:
        super().__init__(f"This is not a package of this app. Choose the zip that you got here, such as {PACKAGE}.")


def list_loose(run: Path) -> list[Path]:
    """Return the files needed without unpacking: pictures with their sidecars, words, report, platform's file."""
    wanted = []
    for name, picture in _name_pictures(run).items():
        for path, called in ((picture, name), (sidecar_path(picture), f"{name}.provenance.json")):
            if path.is_file():
                wanted.append(run / PUBLIC / called)
                write_whole(wanted[-1], path.read_bytes())
    wanted += [run / PUBLIC / WORDS, run / "report.html"]
    named = [path for path in _platform_files(run) if path.parent.name == DELIVERY]
    return [path for path in (*wanted, *named) if path.is_file()]


def write_package(run: Path) -> Path:
    """Write the zip of a run folder atomically: README.txt, upload/ and technical/, without paths of this machine.

    Previews are excluded, and so is the picture with rebuilt, unedited faces: a reference for comparison, no ad.

    Raises:
        AdCreativeError: nobody approved the version in its current state.
    """
    allowed = approved_pictures(run)
    path, trail = run / PACKAGE, _write_public_trail(run)
    row = _read_version(run)
    write_whole(run / PUBLIC / WORDS, say_words(row).encode())
    uploads = {f"{UPLOAD}/{name}": one for name, one in _name_pictures(run).items()}
    if (run / PLAN).is_file() and (original := _find_original(run)) is not None:
        stem = Path(row["original_image"]).name.partition(".original.")[0]
        uploads[f"{UPLOAD}/{stem}_original{original.suffix}"] = original  # the control of the test
    uploads[f"{UPLOAD}/{WORDS}"] = run / PUBLIC / WORDS
    uploads |= {f"{UPLOAD}/{one.relative_to(run / DELIVERY).as_posix()}": one for one in _platform_files(run)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(README, _say_pack(run, uploads))
        for name, member in uploads.items():
            content = member.read_bytes()
            if allowed.get(member, digest := hashlib.sha256(content).hexdigest()) != digest:
                raise AdCreativeError(
                    f"{member.name} was changed while it was packed. Look at the version again, then approve it."
                )
            archive.writestr(name, content)
        for member in _technical_files(run, set(uploads.values())):
            name = member.relative_to(run).as_posix()
            if name == "results.run.json":
                settings = json.loads(member.read_text(encoding="utf-8")) | {"data": ""}
                archive.writestr(f"{TECHNICAL}/{name}", json.dumps(settings, ensure_ascii=False))
            else:
                archive.write(trail if name == AUDIT else member, f"{TECHNICAL}/{name}")
    write_whole(path, packed.getvalue())
    return path


def _read_version(run: Path) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((run / "results.jsonl").read_text(encoding="utf-8").splitlines()[0])
    return row


def _name_pictures(run: Path) -> dict[str, Path]:
    """Return plain name -> picture of the version in all its shapes; of identical pictures, the version's own is kept."""
    row = _read_version(run)
    named = [*(one["image"] for one in row.get("sizes") or ()), row.get("edited_image")]
    there = [run / name for name in named if name and (run / name).is_file()]
    pictures = {one.read_bytes(): one for one in there}  # the version's own picture comes last
    return {name_picture(one.name): one for one in sorted(pictures.values())}


def name_picture(name: str) -> str:
    """Return the public name of a picture of a run: "ad.edited.9x16.png" becomes "ad_version-B_9x16.png"."""
    stem, _, rest = name.partition(".edited.")
    shape, _, suffix = rest.rpartition(".")
    return "_".join(filter(None, (stem, "version-B", shape))) + f".{suffix}"


def _find_original(run: Path) -> Path | None:
    """Return the picture of the uploaded ad; None without one."""
    path = run / "original" / Path(_read_version(run)["file_name"]).name
    return path if path.is_file() else None


def _platform_files(run: Path) -> list[Path]:
    """Return the file of a platform, and the pictures named in that file, including the original's."""
    found = sorted((run / DELIVERY).rglob("*.*"))
    return [path for path in found if path.is_file() and not re.match(r"\.|.*\.(failures|provenance)\.", path.name)]


def _technical_files(run: Path, uploads: set[Path]) -> Iterator[Path]:
    for member in sorted(run.rglob("*")):
        parts = set(member.relative_to(run).parts)
        is_wanted = member.is_file() and member not in uploads and not {"preview", PUBLIC} & parts
        is_wanted = is_wanted and not member.name.startswith(".")  # hidden files of other commands
        if is_wanted and PACKAGE not in member.name and ".control." not in member.name:  # nor partial files of a killed pack
            yield member


def say_words(row: Mapping[str, Any]) -> str:
    """Return the words of the version, ready for pasting."""
    return "".join(f"{label}: {row[name]}\n" for label, name in _LINES if row.get(name))


def _say_pack(run: Path, uploads: Mapping[str, Path]) -> str:
    campaign = _read_campaign(run)
    listed = "".join(f"  {name}\n" for name in uploads)
    names = [name for name in uploads if Path(name).stem.endswith("_original")]
    other = f"The other half of the test is your ad as it was: {names[0]}.\n" if names else ""
    return (
        f"The approved version of your ad{f', for the campaign “{campaign}”' if campaign else ''}.\n\n"
        f"{UPLOAD}/ goes to the platform:\n{listed}\n"
        f"{TECHNICAL}/ stays with you: the original, the report, how the version was made and who approved it.\n"
        "Keep this zip. Bring it back with the results of the test (“Your account”), and predictions are held against them.\n"
        f"{other}{_say_plan(run / PLAN) if (run / PLAN).is_file() else ''}"
    )


def note_campaign(run: Path, name: str) -> None:
    """Record the campaign of a version; "": approved, but not packed."""
    (run / CAMPAIGN).write_text(json.dumps({"campaign": name}, ensure_ascii=False), encoding="utf-8")


def _read_campaign(run: Path) -> str:
    return str(json.loads((run / CAMPAIGN).read_text(encoding="utf-8"))["campaign"])


def _say_plan(plan: Path) -> str:
    return "\n" + say_names(json.loads(plan.read_text(encoding="utf-8"))["tests"][0]["arms"])


def say_names(arms: Sequence[Mapping[str, Any]]) -> str:
    """Return a text with the names of both ads of a test."""
    control, edited = ([arm["name"] for arm in arms if (arm["arm"] == "control") is is_control] for is_control in (True, False))
    listed = [("your ad as it was", control), ("this version", edited)]
    named = "".join(f"  {name}  ({said})\n" for said, names in listed for name in names)
    return f"Call the two ads by these names, as they are; results find their ad by them:\n{named}"


def _write_public_trail(run: Path) -> Path:
    """Write the audit trail for publication: files by name, without the folders and seals of this machine."""
    path = run / PUBLIC / AUDIT
    events = [{name: value for name, value in event.items() if name not in ("run", "seal")} for event in read_events(run)]
    events = [{**event, "path": Path(event["path"]).name} if event.get("path") else event for event in events]
    write_whole(path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode())
    return path


@contextmanager
def open_pack(package: Path, allowance: Allowance | None = None) -> Iterator[ZipReader]:
    """Open a pack as a context manager; a missing or malformed member raises NotAPack.

    Args:
        allowance: limit shared with other packs; None: MAX_PACK_BYTES for this pack.
    Raises:
        AdCreativeError: the file is no pack of this app, is damaged, or is too large.
    """
    try:
        with ZipReader(package, allowance or Allowance(MAX_PACK_BYTES)) as archive:
            yield archive
    except (TooLargeError, TooMuchError) as error:
        raise AdCreativeError(f"This package is too large to be one of ours. {error}") from error
    except PackedError as error:
        raise NotAPack from error
    except AdCreativeError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, csv.Error) as error:
        raise NotAPack from error


def read_member(archive: ZipReader, name: str) -> bytes:
    """Return a small member of a pack.

    Raises:
        PackedError: the member is missing, or too large.
    """
    return archive.read(name, MAX_MEMBER_BYTES)


def read_row(package: Path) -> tuple[dict[str, Any], str]:
    """Return the line of results.jsonl of a pack's version, and the campaign of the pack ("": none).

    Raises:
        AdCreativeError: the file is no pack of this app.
    """
    with open_pack(package) as archive:
        row = json.loads(read_member(archive, f"{TECHNICAL}/results.jsonl").splitlines()[0])
        return dict(row), str(json.loads(read_member(archive, f"{TECHNICAL}/{CAMPAIGN}"))["campaign"])


def unpack(package: Path, directory: Path) -> tuple[Path, str]:
    """Unpack the small files that identify a run, with its plan and approval; return the run folder and the campaign.

    Raises:
        AdCreativeError: the file is no pack of this app.
    """
    run = directory / "package"
    run.mkdir(exist_ok=True, mode=0o700)
    with open_pack(package) as archive:
        names = set(archive.names)
        for name in (*MEMBERS, *(one for one in (PLAN, AUDIT) if f"{TECHNICAL}/{one}" in names)):
            content = read_member(archive, f"{TECHNICAL}/{name}")
            (run / name).parent.mkdir(exist_ok=True, mode=0o700)
            (run / name).write_bytes(content)
        forget_paths(run)
        return run, _read_campaign(run)


def unpack_version(package: Path, directory: Path) -> Path:
    """Unpack everything covered by an approval, including pictures and sidecars; return the run folder.

    A picture missing in the pack stays missing, so that the approval is invalid.

    Raises:
        AdCreativeError: the file is no pack of this app.
    """
    run, _ = unpack(package, directory)
    with open_pack(package) as archive:
        for name, content in _read_covered(archive, _read_version(run)):
            (run / name).parent.mkdir(exist_ok=True, mode=0o700)
            (run / name).write_bytes(content)
        settings = json.loads((run / "results.run.json").read_text(encoding="utf-8"))
    table = json.dumps(settings | {"data": "original"}, ensure_ascii=False)  # in the run
    write_whole(run / "results.run.json", table.encode())
    return run


def _read_covered(archive: ZipReader, row: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield path in the run and content of a row's pictures, their sidecars, and the uploaded ad."""
    shapes = [str(one["image"]) for one in row.get("sizes") or ()]
    pictures = [*(str(row[name]) for name in ("original_image", "edited_image") if row.get(name)), *shapes]
    if len(shapes) > MAX_SHAPES or not all(re.fullmatch(r"images/[^/\\]+", name) for name in pictures):
        raise NotAPack
    brought, names = f"original/{Path(row['file_name']).name}", set(archive.names)
    own = f"{UPLOAD}/{name_picture(Path(str(row.get('edited_image') or '')).name)}"
    for name in (*pictures, *(f"{name}.provenance.json" for name in pictures), brought, "original/metadata.csv"):
        called = [f"{TECHNICAL}/{name}", f"{UPLOAD}/{name_picture(Path(name).name)}"]
        if name in shapes:
            called.append(own)  # a shape identical to the version's own picture is packed once
        if name == brought and row.get("original_image"):
            stem = Path(row["original_image"]).name.partition(".original.")[0]
            called.append(f"{UPLOAD}/{stem}_original{Path(name).suffix}")
        if found := next((one for one in called if one in names), None):
            yield name, archive.read(found, MAX_PICTURE_BYTES)
