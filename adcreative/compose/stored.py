"""Storage of composed ads' parts: written once for all ads of a folder, and read to render the same bytes again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.artifacts import dump_json, make_private_dir, open_atomically, write_atomically
from adcreative.compose.fonts import bold_cut
from adcreative.compose.parts import Box, Palette, Parts, Photo, Typefaces
from adcreative.errors import ConfigError

PARTS, FOLDER, FORMAT = "parts.json", "parts", 1


def part_files(parts: Parts, folder: Path) -> list[Path]:
    """Return all files written by `write_parts`."""
    photos = [folder / f"photo-{number}{kind}.png" for number, photo in enumerate(parts.photos) for kind in _kinds(photo)]
    logo = [] if parts.logo is None else [folder / "logo.png"]
    return [folder / PARTS, *photos, *logo, *(folder / name for name in _font_names(parts).values())]


def _kinds(photo: Photo) -> list[str]:
    return ["", *([] if photo.cutout is None else [".cutout"]), *([] if photo.quiet is None else [".quiet"])]


def _font_names(parts: Parts) -> dict[Path, str]:
    """Return font file, also the bold weight next to it -> its name in the folder; duplicate names get a number in front."""
    named = dict.fromkeys(path for pair in parts.typefaces for path in (pair.display, pair.text))
    files = dict.fromkeys(one for path in named for one in (path, bold_cut(path)))
    names: dict[Path, str] = {}
    for path in files:
        name = path.name if path.name not in names.values() else f"{len(names)}-{path.name}"
        names[path] = name
    return names


def write_parts(parts: Parts, folder: Path, told: Mapping[str, Any]) -> Path:
    """Write parts into a folder and return the path of parts.json. told: additional content, such as the messages."""
    make_private_dir(folder)
    fonts = _font_names(parts)
    for path, name in fonts.items():
        if (folder / name).resolve() != path.resolve():
            write_atomically(folder / name, path.read_bytes())
    for number, photo in enumerate(parts.photos):
        write_picture(photo.pixels, folder / f"photo-{number}.png")
        if photo.cutout is not None:
            write_picture(photo.cutout, folder / f"photo-{number}.cutout.png")
        if photo.quiet is not None:
            write_picture(Image.fromarray(np.rint(photo.quiet * 255).astype(np.uint8)), folder / f"photo-{number}.quiet.png")
    if parts.logo is not None:
        write_picture(parts.logo, folder / "logo.png")
    content = {
        "format": FORMAT,
        "brand": parts.brand,
        "language": parts.language,
        "palettes": [asdict(one) for one in parts.palettes],
        "typefaces": [{"display": fonts[one.display], "text": fonts[one.text]} for one in parts.typefaces],
        "photos": [
            {
                "focus": [list(box) for box in photo.focus],
                "words_may_lie": photo.words_may_lie,
                "shows": photo.shows,
                "consent_id": photo.consent_id,
            }
            for photo in parts.photos
        ],
        **told,
    }
    write_atomically(folder / PARTS, (dump_json(content, indent=1) + "\n").encode(), is_private=True)
    return folder / PARTS


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a picture as a PNG readable only by its owner, since it may show people."""
    with open_atomically(path, is_durable=False, is_private=True) as file:
        image.save(file, "PNG", compress_level=1)


def read_parts(path: Path) -> tuple[Parts, dict[str, Any]]:
    """Read parts.json with its files; return the parts and the whole content.

    Raises:
        ConfigError: the file has another format, or one of its files is missing.
    """
    folder = path.parent
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT:
            raise ValueError(f"format {content.get('format')!r}, expected {FORMAT}")
        photos = []
        for number, told in enumerate(content["photos"]):
            cutout, quiet = (folder / f"photo-{number}.{kind}.png" for kind in ("cutout", "quiet"))
            photos.append(
                Photo(
                    pixels=Image.open(folder / f"photo-{number}.png").convert("RGB"),
                    focus=tuple(Box(*box) for box in told["focus"]),
                    cutout=Image.open(cutout).convert("RGBA") if cutout.is_file() else None,
                    words_may_lie=bool(told["words_may_lie"]),
                    consent_id=str(told.get("consent_id", "")),
                    shows=str(told.get("shows", "")),
                    quiet=(np.asarray(Image.open(quiet)) / 255).astype(np.float32) if quiet.is_file() else None,
                )
            )
        logo = folder / "logo.png"
        return Parts(
            photos=tuple(photos),
            logo=Image.open(logo).convert("RGBA") if logo.is_file() else None,
            brand=content["brand"],
            palettes=tuple(Palette(**one) for one in content["palettes"]),
            typefaces=tuple(Typefaces(folder / one["display"], folder / one["text"]) for one in content["typefaces"]),
            language=content["language"],
        ), content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} does not hold the parts of composed ads ({error}). Compose them again.") from error
