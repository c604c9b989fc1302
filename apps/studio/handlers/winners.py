"""A version that won its test becomes the new ad: its pack provides the picture and the words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adcreative.catalog.tables import parse_rows
from adcreative.catalog.zips import ZipReader
from adcreative.errors import AdCreativeError

from ..sessions.search_requests import FORM_FIELDS
from .one_ad import Handlers
from .packing import MAX_PICTURE_BYTES, TECHNICAL, UPLOAD, NotAPack, name_picture, open_pack, read_member
from .read_outs import ROWS, WINNERS, find_listed

NO_PACK = "This is not a package of this app. Choose the pack of the version that won: the zip that step 5 gave you."
NOT_HERE = "The pack of this version is not here any more. Choose it as “Pack of a tested version”, and read the results again."


@dataclass(frozen=True, kw_only=True)
class Winners:
    """The buttons "Make it my next ad" and "Improve" next to a ranked ad."""

    handlers: Handlers

    def take(self, owner: str, package_path: str | None, place: int | None = None) -> dict[str, str | None]:
        """Return the form of a pack's version, by FORM_FIELDS; its picture counts as an upload.

        Args:
            place: index of the version in the last read-out, from 0; None: use the pack at `package_path`.
        Raises:
            AdCreativeError: no pack, or no pack of this app.
        """
        if place is not None:
            found = find_listed(self.handlers.owner_dir(owner) / "account", WINNERS, place)
            if found is None:
                raise AdCreativeError(NOT_HERE)
            package_path = str(found)
        if not package_path:
            raise AdCreativeError(NO_PACK)
        self.handlers.belongings.note(owner, package_path)
        try:
            with open_pack(Path(package_path)) as archive:
                form = _read_form(archive, partial(self.handlers.belongings.lend, owner))
        except NotAPack as error:
            raise AdCreativeError(NO_PACK) from error
        self.handlers.bring(owner, form)
        return form

    def take_row(self, owner: str, row: int) -> dict[str, str | None]:
        """Return the form of a ranked ad, by FORM_FIELDS: its picture; the words are read from the picture.

        Raises:
            AdCreativeError: the page no longer shows this ad.
        """
        found = find_listed(self.handlers.owner_dir(owner) / "account", ROWS, row)
        if found is None:
            raise AdCreativeError("This ad's picture is not here any more. Read the results again, with its pictures.")
        form: dict[str, str | None] = dict.fromkeys(FORM_FIELDS, "")
        form["image_path"] = str(self.handlers.belongings.lend(owner, found.name, found.read_bytes()))
        self.handlers.bring(owner, form)
        return form


def _read_form(archive: ZipReader, lend: Callable[[str, bytes], Path]) -> dict[str, str | None]:
    row = json.loads(read_member(archive, f"{TECHNICAL}/results.jsonl").splitlines()[0])
    table = read_member(archive, f"{TECHNICAL}/original/metadata.csv").decode("utf-8")
    brought = next(iter(parse_rows(table)), {})
    form: dict[str, str | None] = {name: brought.get(name) or "" for name in FORM_FIELDS}
    for name in ("headline", "description", "cta"):
        form[name] = row.get(f"{name}_edited") or form[name]
    form["image_path"] = None
    edited = Path(row.get("edited_image") or "").name
    names = set(archive.names)
    for called in (name_picture(edited), edited):  # packs of earlier versions use the run's own name
        if edited and f"{UPLOAD}/{called}" in names:
            form["image_path"] = str(lend(called, archive.read(f"{UPLOAD}/{called}", MAX_PICTURE_BYTES)))
            break
    return form
