"""A brand kit made in the page: stored for its owner, and applied to every search without a kit of its own.

A kit has a file and a form; the form overrides the file. Fonts and logo are uploaded: a kit that names a font file which was
not uploaded is refused, so that no file of this machine is opened by name.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_brand_kit
from adcreative.provenance.sidecar import write_whole

from ..html import fragments
from ..sessions.owners import is_kept
from .one_ad import Handlers

if TYPE_CHECKING:
    from adcreative.pipeline import BrandKit

FOLDER, FILE, DRAFT, CHOSEN, MAX_CHARS = "brand", "brand-kit.json", "draft", "chosen.json", 2000
MAX_BYTES, MAX_FONTS = 1_000_000, 8
COLOUR_NAMES = ("primary", "secondary", "accent", "background", "text")
Answer = tuple[str, dict[str, Any], Path | None]


@dataclass(frozen=True, kw_only=True)
class KitForm:
    """The form; an empty field takes the file's value. Words are separated by commas, colours are such as #0b7261."""

    name: str = ""
    tone: str = ""
    use: str = ""
    avoid: str = ""
    disclaimer: str = ""
    colours: str = ""
    keeps_look: bool = False
    logo: Path | None = None
    fonts: Sequence[Path] = ()
    file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Brands:
    """The form of the brand kit."""

    handlers: Handlers

    def names(self, owner: str) -> list[str]:
        """Return the names of the owner's brands."""
        return sorted(self._paths(owner))

    def chosen(self, owner: str) -> str:
        """Return the name of the brand in use; "" for none."""
        path = self.handlers.choices.kits.get(owner)
        return next((name for name, one in self._paths(owner).items() if one == path), "")

    def choose(self, owner: str, name: str | None) -> None:
        """Use this brand from now on; without a name, or with an unknown name, use none."""
        path = self._paths(owner).get(name or "")
        if path is None:
            self.handlers.choices.kits.pop(owner, None)
        else:
            self.handlers.choices.kits[owner] = path
        if is_kept(owner):
            home = self.handlers.owner_dir(owner) / FOLDER
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(home / CHOSEN, json.dumps({"brand": path.parent.name if path else ""}).encode())

    def bring_back(self, owner: str) -> None:
        """Restore the brand in use before a restart of the app."""
        home = self.handlers.owner_dir(owner) / FOLDER
        said = json.loads((home / CHOSEN).read_text(encoding="utf-8"))["brand"] if (home / CHOSEN).is_file() else ""
        if said and (path := home / said / FILE).is_file():
            self.handlers.choices.kits[owner] = path

    def _paths(self, owner: str) -> dict[str, Path]:
        found = (self.handlers.owner_dir(owner) / FOLDER).glob(f"*/{FILE}")
        return {str(_read(path).get("name") or path.parent.name): path for path in found}

    def save(self, owner: str, form: KitForm) -> Answer:
        """Save a kit over any kit of the same name, and use it; return a fragment, the kit and its file. Empty form: no kit."""
        folder = self.handlers.owner_dir(owner) / FOLDER / DRAFT
        try:
            self.handlers.belongings.note(owner, form.file, form.logo, *form.fonts)
            if form.file is None and not form.name.strip():
                self.choose(owner, "")
                return fragments.note("No brand kit is used."), {}, None
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            manifest = _fill(_read(form.file), form, folder)
            path = folder / FILE
            path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
            kit = read_brand_kit(path)
        except AdCreativeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self.choose(owner, "")
            return fragments.problem(error), {"error": str(error)}, None
        place = folder.with_name(hashlib.sha256(kit.name.encode()).hexdigest()[:16])
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
        self.choose(owner, kit.name)
        return _show(kit, manifest), manifest, place / FILE

    def say(self, owner: str) -> tuple[str, Path | None]:
        """Return a fragment about the owner's kit, and its file; ("", None) without a kit."""
        path = self.handlers.choices.kits.get(owner)
        if path is None:
            return "", None
        return _show(read_brand_kit(path), _read(path)), path


def _show(kit: BrandKit, manifest: Mapping[str, Any]) -> str:
    return fragments.brand_kit(kit, list(manifest.get("colors", {}).values()))


def _read(path: Path | None) -> dict[str, Any]:
    """Return the content of a kit's file.

    Raises:
        AdCreativeError: the file is no JSON object.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_bytes()[:MAX_BYTES])
    except (OSError, ValueError, RecursionError) as error:
        raise AdCreativeError(f"{path.name} is no brand kit: it is not JSON. Choose another file.") from error
    if not isinstance(found, dict) or not isinstance(found.get("metadata") or {}, dict):
        raise AdCreativeError(f"{path.name} is no brand kit: an object with a name is needed. Choose another file.")
    return found


def _fill(manifest: dict[str, Any], form: KitForm, folder: Path) -> dict[str, Any]:
    """Return the kit updated with the form's fields, with fonts and logo copied into `folder`.

    Raises:
        AdCreativeError: an invalid colour, too many fonts, or a font of the kit that was not uploaded.
    """
    metadata: dict[str, Any] = dict(manifest.get("metadata") or {})
    for name, text in (("words_to_use", form.use), ("words_to_avoid", form.avoid)):
        if words := [word.strip() for word in text[:MAX_CHARS].split(",") if word.strip()]:
            metadata[name] = words
    if form.keeps_look:
        metadata["lock_look"] = True
    fonts = _copy_fonts(form.fonts, folder)
    asked = metadata.get("font_files") or []
    missing = [name for name in asked if Path(str(name)).name not in fonts] if isinstance(asked, list) else []
    if missing:
        raise AdCreativeError(f"The kit names the font file “{Path(str(missing[0])).name[:60]}”. Upload it under “Fonts” too.")
    if fonts:
        metadata["font_files"] = fonts
    said: Mapping[str, Any] = {
        "name": form.name.strip()[:60],
        "tone": form.tone.strip()[:MAX_CHARS],
        "colors": _read_colours(form.colours),
        "disclaimers": [{"text": form.disclaimer.strip()[:MAX_CHARS]}] if form.disclaimer.strip() else [],
        "logos": [{"url": _copy_logo(form.logo, folder)}] if form.logo else [],
        "metadata": metadata,
    }
    return {**manifest, **{name: value for name, value in said.items() if value}}


def _copy_fonts(fonts: Sequence[Path], folder: Path) -> list[str]:
    if len(fonts) > MAX_FONTS:
        raise AdCreativeError(f"These are {len(fonts)} fonts; a kit takes {MAX_FONTS}. Choose those of headlines.")
    for path in fonts:
        if path.suffix.casefold() not in (".ttf", ".otf"):
            raise AdCreativeError(f"{path.name} is no font file. Choose .ttf or .otf files.")
        shutil.copyfile(path, folder / path.name)
    return [path.name for path in fonts]


def _copy_logo(logo: Path, folder: Path) -> str:
    name = f"logo{logo.suffix.casefold()}"
    shutil.copyfile(logo, folder / name)
    return name


def _read_colours(text: str) -> dict[str, str]:
    """Return the colours by purpose, in the order of COLOUR_NAMES."""
    found = [one.strip() for one in re.split(r"[,;\s]+", text) if one.strip()]
    wrong = [one for one in found if not re.fullmatch(r"#[0-9a-fA-F]{6}", one)]
    if wrong:
        raise AdCreativeError(f"“{wrong[0][:20]}” is no colour. Write colours such as #0b7261, separated by commas.")
    if len(found) > len(COLOUR_NAMES):
        raise AdCreativeError(f"These are {len(found)} colours; a kit takes {len(COLOUR_NAMES)}: {', '.join(COLOUR_NAMES)}.")
    return dict(zip(COLOUR_NAMES, (one.lower() for one in found), strict=False))
