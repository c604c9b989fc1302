"""An account's results: mapping of columns, ranking, accuracy of predictions, results of planned tests. Without Gradio."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.errors import AdCreativeError
from adcreative.pipeline import ColumnView, read_columns, run_here
from adcreative.progress import Progress, ShouldStop

from ..html import fragments
from ..html import insights as insight_fragments
from ..html import steps as step_fragments
from .long_work import LongWork
from .planned import find_shelf
from .read_outs import ROWS, Results, match_pictures, read_all
from .uploads import PICTURES, gather

WRITTEN = ("dates", "rates", "decimals")  # the format of a table, in addition to its columns
Answer = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class AccountScreen:
    """The screen of an account: a fragment, and the record."""

    shown: str = ""
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True, eq=False)
class Accounts(LongWork[AccountScreen]):
    """The button "Read the results". Tables are read outside the app's process, so that no other visitor waits."""

    screen = AccountScreen

    def columns(self, results_path: str | None, owner: str = "") -> tuple[str, ColumnView | None]:
        """Read the columns of an export; return a fragment about them, and the columns to choose from."""
        if not results_path:
            return "", None
        self.handlers.belongings.note(owner, results_path)
        try:
            view: ColumnView = self.handlers.aside(read_columns, Path(results_path))
        except AdCreativeError as error:
            return fragments.problem(error), None
        return step_fragments.columns(view), view

    def ask(
        self,
        owner: str,
        results_path: str | None,
        package_path: str | None,
        columns: Mapping[str, str | None] | None = None,
        metric: str = "ctr",
        picture_paths: Sequence[str] = (),
    ) -> Iterator[AccountScreen]:
        """Read a platform's export, and compare its results with the predictions of a package; yield a screen at each change.

        Args:
            picture_paths: pictures of the ads, or zips of them, shown next to ads of the same name.
            metric: the ranking criterion: "ctr", "cpc", "cost_per_conversion" or "roas".
            columns: our names ("ad_name", "impressions", "clicks", "day") to columns of the export, and the names of WRITTEN to
                the format of the table; empty: detected.
        """
        if not results_path:
            yield self.refuse(AdCreativeError("Upload the table that you exported from Meta Ads Manager or Google Ads."))
            return
        self.handlers.belongings.note(owner, results_path, package_path)
        directory, results = self.handlers.owner_dir(owner) / "account", Path(results_path)
        package, plans = Path(package_path) if package_path else None, find_shelf(self.handlers, owner).plans

        def work(tell: Progress, should_stop: ShouldStop) -> AccountScreen:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for earlier in directory.glob("account.*"):
                earlier.unlink()
            mapping = write_mapping(columns or {}, directory / "columns.json", results, self.handlers.aside)
            asked = Results(path=results, metric=metric, folder=directory, columns=mapping)
            found = self._find_pictures(owner, picture_paths)
            answers, view = self.handlers.aside(read_all, asked, package, plans, progress=tell, should_stop=should_stop)
            self.handlers.tell_tested(owner)
            pictures = match_pictures([ad.name for ad in view.ads], found)
            (directory / ROWS).write_text(
                json.dumps([str(pictures.get(ad.name, "")) for ad in view.ads], ensure_ascii=False), encoding="utf-8"
            )
            shown = insight_fragments.winners(answers.tests, answers.waiting) + step_fragments.account(view, pictures)
            return AccountScreen(shown=shown, record={**view.as_dict(), "tests": answers.tests, "waiting": answers.waiting})

        yield from self.watch(self.start(owner, work))

    def _find_pictures(self, owner: str, uploads: Sequence[str]) -> dict[str, Path]:
        """Return uploaded pictures by file name without extension, in lower case."""
        folder = self.handlers.owner_dir(owner) / "account" / "pictures"
        shutil.rmtree(folder, ignore_errors=True)
        if not uploads:
            return {}
        self.handlers.belongings.note(owner, *uploads)
        gather([Path(path) for path in uploads], folder)
        return {path.stem.casefold(): path for path in folder.rglob("*") if path.suffix.casefold() in PICTURES}


def write_mapping(
    columns: Mapping[str, str | None], path: Path, results: Path, aside: Callable[..., Any] = run_here
) -> Path | None:
    """Write the user's choice of columns of `results` as a mapping file; None when nothing was chosen.

    columns: our names to columns, and the names of WRITTEN to the format of the table, as in a mapping file ("": detected).
    A choice equal to the detected column is left out: ads without names are identified by their headlines, and a headline
    column declared as the name would lose its role as headline.

    Raises:
        AdCreativeError: one column was chosen for two things.
    """
    known, written = (
        _find_known(results, aside) if any(columns.values()) else {},
        {name: columns.get(name) or "" for name in WRITTEN},
    )
    chosen = {ours: col for ours, col in columns.items() if ours not in WRITTEN and col and col != known.get(ours)}
    if len(set(chosen.values())) < len(chosen):
        raise AdCreativeError("One column stands for two things. Choose another one for each of them.")
    if not chosen and not any(written.values()):
        return None
    mapping = {theirs: ours for ours, theirs in chosen.items()}
    # a column has one role; the column that identifies ads without names keeps its role
    replaced = {known[ours]: "ignore" for ours in chosen if known.get(ours) and ours != "ad_name"}
    pairs = {**replaced, **mapping}
    settings = {"columns": pairs, **written} if any(written.values()) else pairs
    path.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    return path


def _find_known(results: Path, aside: Callable[..., Any]) -> Mapping[str, str]:
    """Return our names of columns -> the detected columns; empty for an unknown table."""
    try:
        view: ColumnView = aside(read_columns, results)
    except AdCreativeError:  # reported when the table is read
        return {}
    return view.found if view.is_known else {}
