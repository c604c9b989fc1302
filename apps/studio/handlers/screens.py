"""The screen of a search's outcome: pictures to compare, a file to download, and the run folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from PIL import Image

from adcreative.creative import Creative
from adcreative.pipeline import save_run

from ..html import results
from ..sessions.ads import NO_AD, identify_shown
from ..sessions.search_requests import SearchRequest

if TYPE_CHECKING:
    from adcreative.pipeline import EditOutcome, Session, Studio

PREVIEW_PX = 1280
Pair = tuple[Path, Path]


@dataclass(frozen=True, kw_only=True)
class Screen:
    """The screen of a search: a progress fragment, then the pictures to compare, the result, the file to download, the record.

    cards: other edits, as a fragment; choices: the names of the selectable edits. run: the folder of the later steps; run,
    creative, key (of the open outcome) and search_request never leave this process. ad is the id of the ad, shown
    the id of this result, which an approval names. shapes: the pictures of further shapes that were shown, with their sha256.
    """

    progress: str = ""
    pair: Pair | None = None
    result: str = ""
    download: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)
    cards: str = ""
    choices: tuple[str, ...] = ()
    run: Path | None = None
    creative: Creative | None = None
    key: str = ""
    search_request: SearchRequest = field(default_factory=SearchRequest)
    ad: str = NO_AD
    shown: str = ""
    shapes: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """The data of an ad on a page: its id, score (fragment and record) and explanation (fragment and file), None before their
    first request, mock-ups and screen. is_readable: whether it can be improved; False for an ad with a refused picture."""

    ad: str
    score: tuple[str, dict[str, Any]] | None
    screen: Screen
    why: tuple[str, Path | None] | None = None
    mockups: str = ""
    is_readable: bool = True


@dataclass(frozen=True, kw_only=True)
class Brought:
    """The ad of a search: its id, the creative, its pixels, and the user's request."""

    ad: str
    creative: Creative
    before_u8: np.ndarray | None
    search_request: SearchRequest


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An edit with selectable alternatives: its search session, and the outcome on the page."""

    session: Session
    outcome: EditOutcome


def show_outcome(brought: Brought, opened: Opened, folder: Path, *, studio: Studio, cards: Sequence[dict[str, Any]]) -> Screen:
    """Write an outcome of `brought` into a new folder below `folder` and return the last screen."""
    outcome, creative = opened.outcome, brought.creative
    result = outcome.result.as_dict()
    key = uuid4().hex[:12]
    run = folder / key
    pair, download, is_edited = None, None, result["status"] == "edited"
    if is_edited:
        settings = {"seed": result["seed"], "model_hash": result["model_hash"]}
        row = save_run(
            creative,
            outcome,
            run,
            stem=safe_stem(result),
            settings=settings,
            cards=cards,
            models=studio.model_hashes,
            signing=studio.signing,
        )
        if brought.before_u8 is not None and outcome.image_u8 is not None:
            download = run / row["edited_image"]
            if not np.array_equal(brought.before_u8, outcome.image_u8):
                pair = _save_pair(brought.before_u8, outcome.image_u8, run / "preview")
    alternatives = outcome.alternatives
    taken = _find_taken(alternatives, result)
    shown = identify_shown(brought.ad, result, download)
    return Screen(
        pair=pair,
        result=results.result(outcome, brought.before_u8, cards, creative),
        download=download,
        record={**result, "shown": shown},
        shown=shown,
        ad=brought.ad,
        cards=results.cards(outcome, opened.session.picture, taken),
        choices=tuple(results.name_alternative(number) for number in range(1, len(alternatives) + 1)),
        run=run if is_edited else None,
        creative=creative,
        key=key,
        search_request=brought.search_request,
    )


def safe_stem(result: dict[str, Any]) -> str:
    """Return a file name that is safe on every system, from the user's name for the creative."""
    stem = re.sub(r"[^\w-]+", "-", Path(result.get("file_name") or "creative").stem).strip("-_")
    return stem[:60] or "creative"


def _save_pair(before: np.ndarray, after: np.ndarray, directory: Path) -> Pair:
    """Save both pictures at one preview size, for the slider that overlays them pixel by pixel."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    height, width = before.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    paths = (directory / "before.jpg", directory / "after.jpg")
    for image_u8, path in zip((before, after), paths, strict=True):
        Image.fromarray(image_u8).resize(size, Image.Resampling.LANCZOS).save(path, "JPEG", quality=93, subsampling=0)
    return paths


def _find_taken(alternatives: Sequence[Any], result: Mapping[str, Any]) -> int | None:
    """Return the number of the alternative equal to the result, counted from 1, or None."""
    for number, one in enumerate(alternatives, 1):
        words = {"headline": one.headline, "description": one.description}
        has_words = all(text == result[f"{kind}_edited"] for kind, text in words.items())
        if result["status"] == "edited" and has_words and [asdict(edit) for edit in one.edits] == list(result["edits"]):
            return number
    return None
