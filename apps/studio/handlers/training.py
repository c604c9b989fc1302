"""Train on an account's own results; the trained model then scores the owner's ads. Without Gradio.

A training waits in a queue like a search, can be stopped, and is available after its page was closed. The model is private
to its owner and is deleted by "delete my ad"; everybody else keeps the shipped model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from adcreative.errors import AdCreativeError
from adcreative.pipeline import Trainable, count_trainable
from adcreative.progress import Callbacks, Progress, ShouldStop

from ..html import fragments
from ..html import insights as insight_fragments
from ..html import steps as step_fragments
from ..sessions.jobs import Job
from ..sessions.model_queue import ModelQueue
from ..sessions.owners import is_kept
from .account import write_mapping
from .long_work import LongWork
from .models import Models
from .uploads import gather

if TYPE_CHECKING:
    from adcreative.pipeline import RunSummary, Studio


@dataclass(frozen=True, kw_only=True)
class TrainingScreen:
    """The screen of a training: a fragment, the model card to download, the record, and a fragment of the account's effects."""

    shown: str = ""
    card: Path | None = None
    record: dict[str, Any] = field(default_factory=dict)
    works: str = ""


@dataclass(frozen=True, kw_only=True)
class Material:
    """The inputs of a training, and the output folder of the model."""

    results: Path
    pictures: Path | None
    columns: Path | None
    model_dir: Path


@dataclass(kw_only=True, eq=False)
class Trainings(LongWork[TrainingScreen]):
    """The buttons "Train on my results" and "Score without my results again". line: queue of trainings, one at a time."""

    screen = TrainingScreen
    count: Callable[..., Trainable] = count_trainable
    models: Models = field(init=False)
    line: ModelQueue = field(default_factory=ModelQueue)

    def __post_init__(self) -> None:
        self.models = Models(handlers=self.handlers)
        self.handlers.also_forget.append(self.forget)

    def train(
        self,
        owner: str,
        results_path: str | None,
        picture_paths: Sequence[str] | None = None,
        columns: Mapping[str, str | None] | None = None,
    ) -> Iterator[TrainingScreen]:
        """Train on an export; yield a screen at each change.

        Args:
            picture_paths: pictures of its ads, or zips of them, joined by name, id or hash. columns: as for `Accounts.ask`.
        """
        self.handlers.belongings.note(owner, results_path, *(picture_paths or ()))
        if self.is_running(owner):
            yield TrainingScreen(shown=fragments.note("It is learning already. Stop that first."))
            return
        if not results_path:
            yield self.refuse(AdCreativeError("Upload the table of results that you exported first."))
            return
        bring = partial(self._bring, owner, results_path, picture_paths or (), columns or {})
        yield from self.watch(self.start(owner, self._work(owner, bring)))

    def look(self, owner: str, results_path: str | None) -> str:
        """Return a note when a newly uploaded export has too few ads to train on; "" otherwise.

        Errors of the table are reported next to its columns.
        """
        if not results_path:
            return ""
        self.handlers.belongings.note(owner, results_path)
        try:
            found = self.handlers.aside(self.count, Path(results_path))
        except AdCreativeError:
            return ""
        return "" if found.is_enough else step_fragments.few_ads(found)

    def _bring(
        self, owner: str, results_path: str, picture_paths: Sequence[str], columns: Mapping[str, str | None]
    ) -> Material:
        """Copy the uploaded table and pictures into the folder of the training.

        Raises:
            AdCreativeError: no usable picture, or one column was chosen for two roles.
        """
        directory = self.models.folder(owner)
        shutil.rmtree(directory / "pictures" if is_kept(owner) else directory, ignore_errors=True)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        mapping = write_mapping(columns, directory / "columns.json", Path(results_path), self.handlers.aside)
        pictures = directory / "pictures" if picture_paths else None
        if pictures is not None:
            gather([Path(path) for path in picture_paths], pictures)
        model_dir = directory / uuid4().hex[:12]  # a new name each time: the folder identifies a loaded model
        return Material(results=Path(results_path), pictures=pictures, columns=mapping, model_dir=model_dir)

    def _work(self, owner: str, bring: Callable[[], Material]) -> Callable[[Progress, ShouldStop], TrainingScreen]:
        """Return the job: read the table, wait for other trainings, train, use the model. Scoring continues meanwhile."""

        def learn(tell: Progress, should_stop: ShouldStop) -> TrainingScreen:
            brought = bring()
            watched: Callbacks = {"progress": tell, "should_stop": should_stop}
            found = self.handlers.aside(
                self.count, brought.results, columns=brought.columns, images=brought.pictures, **watched
            )
            if not found.is_enough:
                return TrainingScreen(shown=step_fragments.few_ads(found), record={"status": "too few", **asdict(found)})
            ticket = self.line.join()
            tell("waiting for another training" if self.line.num_ahead(ticket) else "", 0, 0)
            studio = self.handlers.choices.general_of(owner)
            with self.line.hold(ticket, should_stop=should_stop) as is_free:
                if not is_free:
                    return self.stopped()
                summary = studio.train_account(
                    brought.results,
                    brought.model_dir,
                    images=brought.pictures,
                    columns=brought.columns,
                    **watched,
                )
            if summary.stopped or should_stop():
                return self.stopped()
            with self.handlers.model_queue.quick():
                own = studio.with_model(brought.model_dir)
            self.models.keep(owner, brought.model_dir, _record(summary, own))
            self.models.choose(owner, brought.model_dir.name)
            return self.show(owner)

        return learn

    def stopped(self) -> TrainingScreen:
        return TrainingScreen(shown=fragments.note("Stopped. Nothing was learnt."), record={"status": "stopped"})

    def say_stage(self, job: Job[TrainingScreen]) -> str:
        if job.stage.startswith("waiting") or not job.stage:
            return job.stage.capitalize() or self.waiting
        return "Reading your ads" if job.stage.startswith("reading") else "Learning"

    def find_screen(self, owner: str) -> TrainingScreen:
        return self.show(owner)

    def show(self, owner: str) -> TrainingScreen:
        """Return a screen about the owner's model; empty for the shipped model, short for an uploaded model."""
        name, own = self.models.chosen(owner), self.handlers.choices.own_of(owner)
        if not name or own is None:
            return TrainingScreen()
        record, card_of = self.models.record(owner, name), next(iter(own.cards), {})
        called = next((called for called, other in self.models.names(owner) if other == name), "")
        if not record:
            said = fragments.good(f"Your ads are scored by the model “{called}”, which you brought.")
            return TrainingScreen(shown=said, card=self.models.card(owner, name), record={"model": called})
        works = insight_fragments.works(
            card_of.get("word_effects") or (), card_of.get("seen_effects") or (), card_of.get("num_pictures") or 0
        )
        shown = step_fragments.trained(record)
        return TrainingScreen(shown=shown, works=works, card=self.models.card(owner, name), record=record)

    def has_own(self, owner: str) -> bool:
        """True while a model trained on the owner's results scores the owner's ads."""
        return bool(self.models.chosen(owner))

    def forget(self, owner: str) -> str:
        """Return to the shipped model, and delete the chosen model of the owner's results."""
        self.board.take_down(owner)
        self.models.delete(owner, self.models.chosen(owner))
        self.handlers.use_own(owner, None)
        if not is_kept(owner):
            shutil.rmtree(self.models.folder(owner), ignore_errors=True)
        return fragments.note("Your ads are scored without your results again. What was learnt from them is deleted.")


def _record(summary: RunSummary, own: Studio) -> dict[str, Any]:
    """Return the record of a training: number of ads, and accuracy on held-out ads."""
    card: dict[str, Any] = next(iter(own.cards), {})
    figures = card.get("calibration", {})
    record = {"ads": summary.done, "failed": summary.failed, "warnings": list(summary.warnings)}
    return record | {name: figures.get(name) for name in ("level", "coverage", "spearman")}
