"""Answers of an export about planned tests (winner, loser or go on), and the accuracy of the predictions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adcreative.errors import AdCreativeError, CatalogError
from adcreative.pipeline import AccountView, read_account, read_out

from .packing import unpack
from .planned import Planned, read_planned

log = logging.getLogger(__name__)
WINNERS, ROWS = "winners.json", "rows.json"  # paths in the order of the page: packs of versions; pictures of ranked ads


@dataclass(frozen=True, kw_only=True)
class Results:
    """A platform's export, a mapping of its columns, the metric for comparing ads, and the output folder."""

    path: Path
    metric: str
    folder: Path
    columns: Path | None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """tests: as written by `pipeline.read_out`, each with its version's name ("version") and whether its pack is available
    ("has_pack"). waiting: tests of the uploaded pack without results of both ads: version, and names of its ads.
    """

    tests: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)


def read_all(asked: Results, package: Path | None, kept: Sequence[Planned]) -> tuple[Answers, AccountView]:
    """Read out the tests in an export, and rank its ads.

    Args:
        package: the uploaded pack of a version or a test. kept: the tests of this visit.
    Raises:
        AdCreativeError: the export cannot be used, or `package` is no pack of this app.
    """
    brought = read_planned(package, asked.folder / "pack") if package else None
    return read_tests(asked, brought, kept), read_predicted(asked, brought)


def read_tests(asked: Results, brought: Planned | None, kept: Sequence[Planned]) -> Answers:
    """Read out every planned test with results: tests of the uploaded pack, and tests of the visit.

    The packs of the versions are stored in the order of the page, for the choice of a winner (`find_listed`).
    """
    answers, packs, known = Answers(), list[str](), set[str]()
    for planned in [*([brought] if brought is not None else []), *kept]:
        found = _read_out(asked, planned)
        if found and planned is not brought:
            told = [found[test["test"]] for test in planned.tests if test["test"] in found]
            planned.keep_read_out(told, asked.path.name)
        for name, test, pack in zip(planned.names, planned.tests, planned.packs, strict=True):
            names = [arm["name"] for arm in test["arms"]]
            if known & set(names):
                continue
            if test["test"] in found:
                known.update(names)
                answers.tests.append({**found[test["test"]], "version": name, "has_pack": pack.is_file()})
                packs += [str(pack)] * len(found[test["test"]]["arms"])
            elif planned is brought:
                answers.waiting.append({"version": name, "names": names})
    (asked.folder / WINNERS).write_text(json.dumps(packs), encoding="utf-8")
    return answers


def _read_out(asked: Results, planned: Planned) -> dict[str, dict[str, Any]]:
    """Return the answers of a plan by the names of its tests; empty when the results have none of its ads."""
    out = asked.folder / "read-out.json"
    try:
        read_out(asked.path, out, plan=planned.plan, columns=asked.columns, metric=asked.metric, restart=True)
    except AdCreativeError as error:  # the ranking is shown anyway
        log.info("no read-out: %s", error)
        return {}
    return {test["test"]: test for test in json.loads(out.read_text(encoding="utf-8"))["tests"]}


def find_listed(folder: Path, name: str, place: int) -> Path | None:
    """Return the file at index `place` (from 0) of the page's last list WINNERS or ROWS; None without one."""
    try:
        paths = json.loads((folder / name).read_text(encoding="utf-8"))
    except OSError:  # no list was shown
        return None
    found = Path(paths[place]) if 0 <= place < len(paths) and paths[place] else None
    return found if found is not None and found.is_file() else None


def match_pictures(names: Sequence[str], pictures: Mapping[str, Path]) -> dict[str, Path]:
    """Return the pictures of ads by ad name, which equals the file name, with or without the extension.

    Args:
        pictures: by file name without extension, in lower case.
    """
    found = {name: pictures.get(Path(name).stem.casefold()) or pictures.get(name.casefold()) for name in names}
    return {name: path for name, path in found.items() if path is not None}


def read_predicted(asked: Results, brought: Planned | None) -> AccountView:
    """Rank the ads of an export, and compare its results with the predictions of the uploaded versions.

    Raises:
        CatalogError: the export cannot be used.
    """
    views = list[AccountView]()
    for number, pack in enumerate(brought.packs if brought is not None else ()):
        place = asked.folder / "pack" / f"version-{number}"
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        run, db = unpack(pack, place)[0], asked.folder / f"account.{number}.duckdb"
        try:
            views.append(_rank(asked, run=run, campaign=brought.campaign if brought is not None else "", db=db))
        except CatalogError as error:  # none of its ads ran, or the file is no export: the ranking reports the error
            log.info("no predictions: %s", error)
    if not views:
        return _rank(asked)
    predicted = {ad.name: ad.ctr_predicted for view in views for ad in view.ads if ad.ctr_predicted is not None}
    ads = tuple(replace(ad, ctr_predicted=predicted.get(ad.name)) for ad in views[0].ads)
    return replace(views[0], ads=ads, figures=views[0].figures if len(views) == 1 else None)


def _rank(asked: Results, **run: object) -> AccountView:
    return read_account(asked.path, columns=asked.columns, metric=asked.metric, **run)  # type: ignore[arg-type]  # refused there
