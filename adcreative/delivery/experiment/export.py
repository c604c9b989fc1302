"""Write the variants of a run for a platform: Google Ads Editor CSV, bulk sheets, AdCP creative manifests.

An AdCP creative holds its ad in every shape that the run made, with the standing lines as further texts; as a carousel the
originals are the cards of one creative, and the edits those of another. A sheet's row takes one picture; its other shapes are
copied beside it.

Every ad is written paused and carries its variant id (ad name, label or creative_id), by which results are joined. Texts are
never cut: an ad that exceeds a platform's limit is left out and listed with a remedy. CSV cells are escaped so that no
spreadsheet executes them (see `catalog.tables`); JSON holds the texts unchanged.

Sources: Google Ads Editor help 57747 (columns) and Google Ads API, responsive search ads (limits: 3-15 headlines of 30, 2-4
descriptions of 90, double-width letters count twice); Meta Marketing API, ad creative link data; AdCP 3.2 creative-manifest and
provenance schemas. Read 2026-11-24. Further bulk sheets, with their sources, are data (`sheets.yaml`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adcreative.artifacts import write_atomically
from adcreative.catalog.tables import escape_cell, failures_path, write_failures, write_rows
from adcreative.creative import FailedCreative
from adcreative.delivery.experiment.export_pictures import (
    Leave,
    PictureLimits,
    copy_picture,
    copy_shapes,
    let_leave,
    list_picture_files,
    picture_dir,
)
from adcreative.delivery.experiment.settings import ExportSettings
from adcreative.delivery.experiment.sheets import FIELDS, read_template, refusals, sheets
from adcreative.delivery.experiment.variants import CALLED, CONTROL, EDITED, Variant, build_variant_id
from adcreative.errors import CatalogError, ConfigError, CreativeError
from adcreative.progress import track

RSA_COLUMNS = (
    "Campaign",
    "Ad Group",
    "Ad type",
    *(f"Headline {n}" for n in range(1, 16)),
    "Headline 1 position",
    *(f"Description {n}" for n in range(1, 5)),
    "Description 1 position",
    "Final URL",
    "Labels",
    "Ad status",
)
META_COLUMNS = (
    "Campaign Name",
    "Ad Set Name",
    "Ad Name",
    "Ad Status",
    "Creative Type",
    "Title",
    "Body",
    "Link Description",
    "Link",
    "Call to Action",
    "Image File Name",
)
_RSA_HEADLINE, _RSA_DESCRIPTION, _RSA_HEADLINES, _RSA_DESCRIPTIONS = 30, 90, (3, 15), (2, 4)
_META_TITLE, _META_BODY = 255, 2200
_CARDS = (2, 10)  # of AdCP's image_carousel
_META_SHOWN = {"Title": 40, "Body": 125}
_META_CALLS = frozenset(
    (
        "APPLY_NOW",
        "BOOK_NOW",
        "BUY_NOW",
        "CONTACT_US",
        "DOWNLOAD",
        "GET_OFFER",
        "GET_QUOTE",
        "INSTALL_NOW",
        "LEARN_MORE",
        "ORDER_NOW",
        "PLAY_GAME",
        "SEE_MENU",
        "SHOP_NOW",
        "SIGN_UP",
        "SUBSCRIBE",
        "WATCH_MORE",
    )
)
WITH_PICTURES = ("meta-bulk", "adcp", *(name for name, sheet in sheets().items() if not sheet.is_search))
_WORD_EDITS = ("headline", "description")


def limits_of(settings: ExportSettings, format: str) -> PictureLimits:
    """Return the picture limits of an export format."""
    formats = tuple(name.upper() for name in settings.picture_formats)
    return PictureLimits(max_bytes=settings.max_bytes, formats=formats, platform=format.removesuffix("-bulk"))


@dataclass(frozen=True, kw_only=True)
class Export:
    """The written files, and the ads left out."""

    path: Path
    done: int
    failures: tuple[FailedCreative, ...]
    warnings: tuple[str, ...]


def export_variants(
    variants: Sequence[Variant], out: Path, *, format: str, settings: ExportSettings, leave: Leave = let_leave
) -> Export:
    """Write variants in one of FORMATS to `out`, and the variants left out to X.failures.csv next to it.

    Args:
        leave: called with each picture before it is written; raises if the picture must not be exported.
    Raises:
        ConfigError: unknown format. CatalogError: every variant was left out, or the file cannot be written.
    """
    check_format(format)
    if settings.is_carousel and format != "adcp":
        raise ConfigError(
            "only adcp takes --carousel; Meta's sheet wants cards by the hash of pictures that lie in the account"
        )
    out = Path(out)
    build, write = FORMATS[format]
    if format in sheets():
        read_template(sheets()[format], settings.template)  # raises before a picture is written
    rows, failures, warnings = [], [], []
    for variant in track(variants, "writing ads"):
        try:
            row, notes = build(variant, variants, settings, out, leave)
        except CreativeError as error:
            name = variant.creative.file_name
            failures.append(FailedCreative(file_name=name, ad_name=variant.name, problem=error.problem, remedy=error.remedy))
            continue
        rows.append(row)
        warnings += [f"{variant.name}: {note}" for note in notes]
    write_failures(failures_path(out), failures)
    if not rows:
        raise CatalogError(f"none of the {len(variants)} variants fits {format}: {failures[0].problem} {failures[0].remedy}")
    if settings.is_carousel:
        rows = _as_carousels(variants, rows)
    write(out, rows, settings)
    return Export(path=out, done=len(rows), failures=tuple(failures), warnings=tuple(warnings))


def check_format(format: str) -> None:
    """Raise ConfigError unless `format` is one of FORMATS."""
    if format in refusals():
        raise ConfigError(refusals()[format])
    if format not in FORMATS:
        raise ConfigError(f'there is no export format "{format}"; known: {", ".join(FORMATS)}')


def count_letters(text: str) -> int:
    """Return the length as counted by Google: double-width letters count as two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in unicodedata.normalize("NFC", text))


def _build_rsa(
    variant: Variant, variants: Sequence[Variant], settings: ExportSettings, out: Path, leave: Leave
) -> tuple[dict[str, Any], list[str]]:
    """Return one responsive search ad; the variant's own lines are pinned first, followed by the others."""
    creative = variant.creative
    headlines, descriptions = _find_search_lines(variant, variants, settings)
    row: dict[str, Any] = {
        "Campaign": variant.campaign,
        "Ad Group": settings.ad_group,
        "Ad type": "Responsive search ad",
        "Headline 1 position": "1",
        "Final URL": settings.url,
        "Labels": variant.name,
        "Ad status": "Paused",
        **{f"Headline {n}": line for n, line in enumerate(headlines, start=1)},
        **{f"Description {n}": line for n, line in enumerate(descriptions, start=1)},
    }
    if creative.description:
        row["Description 1 position"] = "1"
    return row, _note_escapes(row)


def _find_search_lines(variant: Variant, variants: Sequence[Variant], settings: ExportSettings) -> tuple[list[str], list[str]]:
    """Return the headlines and descriptions of a search ad, the variant's own first; Google's limits are Microsoft's too."""
    creative = variant.creative
    test = [other for other in variants if other.test == variant.test]
    if len({(other.creative.headline, other.creative.description) for other in test}) == 1 and len(test) > 1:
        raise CreativeError("the edit changes the picture only, and search ads show none.", "Export it with meta-bulk.")
    if not creative.headline:
        raise CreativeError("it has no headline.", "Search ads are words; export it with meta-bulk.")
    headlines = _fill(
        "headline", creative.headline, (*settings.extra_headlines, creative.brand, creative.cta), _RSA_HEADLINE, _RSA_HEADLINES
    )
    descriptions = _fill(
        "description",
        creative.description,
        (*settings.extra_descriptions, creative.primary_text),
        _RSA_DESCRIPTION,
        _RSA_DESCRIPTIONS,
    )
    return headlines, descriptions


def _build_sheet(
    format: str, variant: Variant, variants: Sequence[Variant], settings: ExportSettings, out: Path, leave: Leave
) -> tuple[dict[str, Any], list[str]]:
    """Return one row of a bulk sheet of `sheets.yaml`."""
    sheet, creative = sheets()[format], variant.creative
    template = read_template(sheet, settings.template)
    values = dict.fromkeys(FIELDS, "") | {
        "name": variant.name,
        "campaign": variant.campaign,
        "ad_group": settings.ad_group,
        "url": settings.url,
        "headline": creative.headline,
        "body": creative.primary_text or creative.description,
    }
    notes: list[str] = []
    if sheet.is_search:
        headlines, descriptions = _find_search_lines(variant, variants, settings)
        values["headlines"] = _list_assets(headlines, "Headline1")
        values["descriptions"] = _list_assets(descriptions, "Description1" if creative.description else "")
    elif creative.image_path is None:
        raise CreativeError("it has no picture.", "This platform's ads need one; export words with google-editor.")
    else:
        sheet.fill(values, template)  # what is too long is found before the picture is copied
        values["picture"], notes = copy_picture(variant, out, limits_of(settings, format), leave)
        notes = notes + copy_shapes(variant, out, limits_of(settings, format), leave)
    row = sheet.fill(values, template)
    return row, notes + _note_escapes(row)


def _list_assets(lines: Sequence[str], pinned: str) -> str:
    """Return the lines as Microsoft's JSON list of assets, the first at a fixed position where `pinned` names one."""
    assets = [{"text": line} for line in lines]
    if pinned:
        assets[0]["pinnedField"] = pinned
    return json.dumps(assets, ensure_ascii=False)


def _fill(kind: str, own: str, others: Sequence[str], limit: int, wanted: tuple[int, int]) -> list[str]:
    """Return the own line first and as many different others as fit, at least wanted[0] and at most wanted[1]."""
    if count_letters(own) > limit:
        raise CreativeError(
            f"the {kind} has {count_letters(own)} letters, Google allows {limit}.",
            f'Run optimize with platform "google" in the table, or shorten the {kind}.',
        )
    fitting = [" ".join(line.split()) for line in (own, *others) if line.strip() and count_letters(line) <= limit]
    lines = list({line.casefold(): line for line in reversed(fitting)}.values())[::-1][: wanted[1]]
    if len(lines) < wanted[0]:
        raise CreativeError(
            f"it has {len(lines)} different {kind}s of at most {limit} letters, Google needs {wanted[0]}.",
            f"Give standing lines with --extra-{kind}.",
        )
    return lines


def _build_meta(
    variant: Variant, variants: Sequence[Variant], settings: ExportSettings, out: Path, leave: Leave
) -> tuple[dict[str, Any], list[str]]:
    """Return one row of Meta's bulk sheet; its picture is copied next to the sheet under the ad's name."""
    creative = variant.creative
    body = creative.primary_text or creative.description
    for kind, text, limit in (("headline", creative.headline, _META_TITLE), ("primary text", body, _META_BODY)):
        if len(text) > limit:
            raise CreativeError(f"the {kind} has {len(text):,} letters, Meta allows {limit:,}.", f"Shorten the {kind}.")
    if creative.image_path is None:
        raise CreativeError("it has no picture.", "Meta's link ads need one; export words with google-editor.")
    limits = limits_of(settings, "meta-bulk")
    picture, notes = copy_picture(variant, out, limits, leave)
    notes = notes + copy_shapes(variant, out, limits, leave)
    call = re.sub(r"\W+", "_", creative.cta.strip()).upper()
    row = {
        "Campaign Name": variant.campaign,
        "Ad Set Name": settings.ad_group,
        "Ad Name": variant.name,
        "Ad Status": "PAUSED",
        "Creative Type": "Link Page Post Ad",
        "Title": creative.headline,
        "Body": body,
        "Link Description": creative.description if creative.primary_text else "",
        "Link": settings.url,
        "Call to Action": call if call in _META_CALLS else "",
        "Image File Name": picture,
    }
    notes += [
        f"the {name.lower()} has {len(row[name])} letters; about {limit} are shown"
        for name, limit in _META_SHOWN.items()
        if len(row[name]) > limit
    ]
    if creative.cta and call not in _META_CALLS:
        notes.append(f'Meta has no button "{creative.cta[:40]}"; choose one')
    return row, notes + _note_escapes(row)


def _build_adcp(
    variant: Variant, variants: Sequence[Variant], settings: ExportSettings, out: Path, leave: Leave
) -> tuple[dict[str, Any], list[str]]:
    """Return one AdCP creative: a canonical-format manifest with provenance, and our ids under ext."""
    creative = variant.creative
    assets: dict[str, Any] = {"landing_page_url": {"asset_type": "url", "url": settings.url}}
    for slot, text, more, most in (
        ("headlines", creative.headline, settings.extra_headlines, 15),
        ("descriptions", creative.description or creative.primary_text, settings.extra_descriptions, 5),
    ):
        if text:
            lines = list(dict.fromkeys((text, *more)))[:most]
            assets[slot] = [{"asset_type": "text", "content": line} for line in lines]
    notes: list[str] = []
    for source in filter(None, (creative.image_path, *variant.shapes)):
        slot, asset, said = _adcp_image(variant, source, settings, out, leave)
        assets.setdefault(slot, []).append(asset)
        notes += said
    if creative.image_path is not None and not settings.image_url:
        notes.append("its image address is a file beside the export; upload it and give --image-url")
    manifest: dict[str, Any] = {"format_kind": "responsive_creative", "assets": assets}
    if variant.edits:
        is_face = any(not edit.startswith(_WORD_EDITS) for edit in variant.edits)
        manifest["provenance"] = {
            "digital_source_type": "composite_with_trained_algorithmic_media" if is_face else "trained_algorithmic_media",
            "ai_tool": {"name": "adcreative"},
            "human_oversight": settings.human_oversight,
            "declared_by": {"role": "tool"},
        }
    ours = {
        "test": variant.test,
        "arm": variant.arm,
        "campaign": variant.campaign,
        "predicted_ctr": variant.ctr,
        "edits": list(variant.edits),
        "run_hash": variant.run_hash,
    }
    manifest["ext"] = {"adcreative": ours}
    return {"creative_id": variant.variant_id, "name": variant.name, "manifest": manifest}, notes


def _adcp_image(
    variant: Variant, source: Path, settings: ExportSettings, out: Path, leave: Leave
) -> tuple[str, dict[str, Any], list[str]]:
    """Copy a picture, and return AdCP's slot for its shape, the asset, and notes."""
    from PIL import Image

    name, notes = copy_picture(variant, out, limits_of(settings, "adcp"), leave, source=source)
    with Image.open(source) as image:
        width_px, height_px = image.size
    shape = "landscape" if width_px > 1.1 * height_px else "vertical" if height_px > 1.1 * width_px else "square"
    url = f"{settings.image_url.rstrip('/')}/{name}" if settings.image_url else f"{picture_dir(out).name}/{name}"
    kind = Path(name).suffix.lstrip(".").replace("jpg", "jpeg")
    asset = {"asset_type": "image", "url": url, "width": width_px, "height": height_px, "format": kind}
    return f"images_{shape}", asset, notes


def _as_carousels(variants: Sequence[Variant], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return two AdCP carousels: the originals of the tests as cards, and in the same order the edits; all of one shape.

    Raises:
        CatalogError: fewer or more cards than _CARDS, or no picture shape that all have.
    """
    row_of = {row["creative_id"]: row for row in rows}
    tests = [test for test in dict.fromkeys(one.test for one in variants) if _is_whole(test, variants, row_of)]
    least, most = _CARDS
    if not least <= len(tests) <= most:
        raise CatalogError(
            f"a carousel has {least} to {most} cards; with a picture for original and edit there are {len(tests)}"
        )
    chosen = [one for one in variants if one.test in tests]
    pictures = [{key: value[0] for key, value in _assets(row_of[one.variant_id]).items() if "images_" in key} for one in chosen]
    shape = next((key for key in pictures[0] if all(key in other for other in pictures)), "")
    if not shape:
        raise CatalogError("the cards of a carousel have one shape; these pictures have no shape in common")
    found = []
    for arm in (CONTROL, EDITED):
        cards = [
            (one, row_of[one.variant_id], held[shape]) for one, held in zip(chosen, pictures, strict=True) if one.arm == arm
        ]
        first = cards[0][0]
        ours = {
            "arm": arm,
            "campaign": first.campaign,
            "cards": [one.variant_id for one, _, _ in cards],
            "run_hash": first.run_hash,
        }
        manifest = {
            "format_kind": "image_carousel",
            "assets": {
                "cards": [_card(one, row["manifest"], media) for one, row, media in cards],
                "landing_page_url": _assets(cards[0][1])["landing_page_url"],
            },
            "ext": {"adcreative": ours},
        }
        creative_id = build_variant_id(first.run_hash, first.campaign, "\0".join(("carousel", *ours["cards"])))
        found.append({"creative_id": creative_id, "name": f"carousel_{CALLED[arm]}_{creative_id}", "manifest": manifest})
    return found


def _is_whole(test: str, variants: Sequence[Variant], row_of: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether both arms of a test were built and have a picture."""
    arms = [one for one in variants if one.test == test]
    return len(arms) > 1 and all(one.variant_id in row_of and one.creative.image_path is not None for one in arms)


def _assets(row: Mapping[str, Any]) -> Mapping[str, Any]:
    assets: Mapping[str, Any] = row["manifest"]["assets"]
    return assets


def _card(variant: Variant, manifest: Mapping[str, Any], media: Mapping[str, Any]) -> dict[str, Any]:
    creative, assets = variant.creative, manifest["assets"]
    told = {"headline": creative.headline, "description": creative.description or creative.primary_text, "cta": creative.cta}
    card = {"asset_type": "card", "media": media, "landing_page_url": assets["landing_page_url"]}
    more = {"provenance": manifest["provenance"]} if "provenance" in manifest else {}
    return card | {name: text for name, text in told.items() if text} | more


def list_pictures(variants: Sequence[Variant], out: Path, *, format: str, settings: ExportSettings) -> list[Path]:
    """Return the files that `export_variants` may write into the folder next to `out`: pictures and their sidecars."""
    return list_picture_files(variants, out, limits_of(settings, format)) if format in WITH_PICTURES else []


def _note_escapes(row: Mapping[str, Any]) -> list[str]:
    """Warn about cells with an escaping apostrophe (against formulas in spreadsheets), since the platform shows it."""
    cells = [name for name, text in row.items() if isinstance(text, str) and escape_cell(text) != text]
    return (
        [f"{', '.join(cells)} starts like a formula and has an apostrophe in front; check it before uploading"] if cells else []
    )


def _write_rsa(out: Path, rows: Sequence[Mapping[str, Any]], settings: ExportSettings) -> None:
    write_rows(out, rows, RSA_COLUMNS)


def _write_meta(out: Path, rows: Sequence[Mapping[str, Any]], settings: ExportSettings) -> None:
    write_rows(out, rows, META_COLUMNS)


def _write_sheet(format: str, out: Path, rows: Sequence[Mapping[str, Any]], settings: ExportSettings) -> None:
    template = read_template(sheets()[format], settings.template)
    write_rows(out, [*template.above, *rows], template.columns)


def _write_adcp(out: Path, rows: Sequence[Mapping[str, Any]], settings: ExportSettings) -> None:
    write_atomically(out, (json.dumps({"creatives": list(rows)}, indent=1, ensure_ascii=False) + "\n").encode())


Build = Callable[[Variant, Sequence[Variant], ExportSettings, Path, Leave], tuple[dict[str, Any], list[str]]]
Write = Callable[[Path, Sequence[Mapping[str, Any]], ExportSettings], None]
FORMATS: Mapping[str, tuple[Build, Write]] = {
    "google-editor": (_build_rsa, _write_rsa),
    "meta-bulk": (_build_meta, _write_meta),
    "adcp": (_build_adcp, _write_adcp),
    **{name: (partial(_build_sheet, name), partial(_write_sheet, name)) for name in sheets()},
}
