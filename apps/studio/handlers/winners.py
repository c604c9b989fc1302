"""A version that won its test is the ad from then on: its pack gives the picture and the words to begin anew with."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from adcreative.errors import AdCreativeError
from adcreative.provenance.sidecar import write_whole

from ..sessions.wishes import FORM_FIELDS
from .one_ad import Handlers
from .packing import TECHNICAL, UPLOAD, name_picture
from .read_outs import ROWS, WINNERS, find_listed

MAX_PICTURE_BYTES = 64 * 1024 * 1024
NO_PACK = "This is not a package of this app. Choose the pack of the version that won: the zip that step 5 gave you."
NOT_HERE = "The pack of this version is not here any more. Choose it as “Pack of a tested version”, and read the results again."


@dataclass(frozen=True, kw_only=True)
class Winners:
    """The buttons "Make it my next ad" and "Improve" beside a ranked ad."""

    handlers: Handlers

    def take(self, owner: str, package_path: str | None, place: int | None = None) -> dict[str, str | None]:
        """Return the form of the ad that a pack's version is, by FORM_FIELDS; its picture counts as an upload.

        Args:
            place: of the version among those that were read out last, from 0; None: the pack at `package_path` is meant.
        Raises:
            AdCreativeError: no pack, or none of this app.
        """
        if place is not None:
            found = find_listed(self.handlers.owner_dir(owner) / "account", WINNERS, place)
            if found is None:
                raise AdCreativeError(NOT_HERE)
            package_path = str(found)
        if not package_path:
            raise AdCreativeError(NO_PACK)
        self.handlers.belongings.note(owner, package_path)
        folder = self.handlers.belongings.lent_dir(owner)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with zipfile.ZipFile(package_path) as archive:
                form = _read_form(archive, folder)
        except AdCreativeError:
            raise
        except Exception as error:  # unpackers and parsers raise dozens of types for a damaged file
            raise AdCreativeError(NO_PACK) from error
        self.handlers.bring(owner, form)
        return form

    def take_row(self, owner: str, row: int) -> dict[str, str | None]:
        """Return the form of a ranked ad, by FORM_FIELDS: its picture, and the words that are read in it.

        Raises:
            AdCreativeError: the page shows no such ad any more.
        """
        found = find_listed(self.handlers.owner_dir(owner) / "account", ROWS, row)
        if found is None:
            raise AdCreativeError("This ad's picture is not here any more. Read the results again, with its pictures.")
        folder = self.handlers.belongings.lent_dir(owner)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        form: dict[str, str | None] = dict.fromkeys(FORM_FIELDS, "")
        form["image_path"] = str(shutil.copy(found, folder))
        form |= self.handlers.read_words(owner, form)[1]
        self.handlers.bring(owner, form)
        return form


def _read_form(archive: zipfile.ZipFile, folder: Path) -> dict[str, str | None]:
    row = json.loads(archive.read(f"{TECHNICAL}/results.jsonl").splitlines()[0])
    table = archive.read(f"{TECHNICAL}/original/metadata.csv").decode("utf-8")
    brought = next(csv.DictReader(io.StringIO(table)), {})
    form: dict[str, str | None] = {name: brought.get(name) or "" for name in FORM_FIELDS}
    for name in ("headline", "description", "cta"):
        form[name] = row.get(f"{name}_edited") or form[name]
    form["image_path"] = None
    edited = Path(row.get("edited_image") or "").name
    names = set(archive.namelist())
    for called in (name_picture(edited), edited):  # packs of earlier versions have the run's own name
        if edited and f"{UPLOAD}/{called}" in names:
            if archive.getinfo(f"{UPLOAD}/{called}").file_size > MAX_PICTURE_BYTES:
                raise AdCreativeError(f"{called} in the package is too large to be one of ours.")
            write_whole(folder / called, archive.read(f"{UPLOAD}/{called}"))
            form["image_path"] = str(folder / called)
            break
    return form
