"""The encoder as a further method of `target`, and its saved index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adcreative.artifacts import check_replaceable
from adcreative.catalog.tables import beside
from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.progress import Callbacks, Count, Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_outputs, own_outputs
from adcreative.verbs import target as product
from adcreative.verbs.settings import TargetSettings

if TYPE_CHECKING:
    from adcreative.creative import Creative
    from adcreative.delivery.targeting.ranking import Method, Task
    from adcreative.papers.ngame.index import LabelIndex

SENTENCE_LABELS = 20_000  # more labels are encoded by their n-grams alone


@takes(TargetSettings)
def target(
    ads: Path,
    out: Path,
    settings: TargetSettings,
    *,
    index: Path | None = None,
    use_pictures: bool = True,
    text_encoder: str = "",
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Rank queries, keywords or interests for each creative, as `verbs.target` does; with `index` by the encoder, too.

    Args:
        ads, settings: as for `verbs.target`.
        index: folder of the encoder's index, saved if the encoder beats the floors. use_pictures: encode pictures, too.
        text_encoder: encoder of the sentence vectors, such as "multilingual-e5-small"; "": the shipped one.
    Raises:
        CatalogError: ads or labels cannot be used. ConfigError: a setting, too few known pairs for the encoder, stopped, or
            an output is a file of another program. ArtifactError: `index` holds a model of another kind.
    """
    callbacks: Callbacks = {"progress": progress, "should_stop": should_stop}
    if index is None:
        return product.target(ads, out, settings, restart=restart, **callbacks)
    from adcreative.delivery.targeting.ranking import MIN_POINTS
    from adcreative.papers.ngame.index import KIND, index_files

    saved = index_files(Path(index))
    inputs = (ads, settings.labels, Path(text_encoder) if text_encoder else None)
    check_outputs((*saved, Path(out), beside(Path(out), ".json")), inputs, restart=restart)
    check_replaceable(Path(index), KIND)
    trained: list[_Encoder] = []

    def also(creatives: list[Creative], names: list[str], task: Task) -> Mapping[str, Method]:
        if len(task.known) < MIN_POINTS:
            raise ConfigError(f"an index needs a trained encoder, and that needs known pairs of {MIN_POINTS} creatives")
        dense = _read_dense(creatives, names, use_pictures, text_encoder)
        trained.append(_Encoder(names, dense, settings.seed, count_stage(progress, "training the encoder"), should_stop))
        return {"encoder": trained[0]}

    summary = product.target(ads, out, settings, also=also, restart=restart, **callbacks)
    used = trained[0].indexes[1:]  # the first was trained for measurement, the second on all known pairs
    if not used:
        return replace(
            summary, warnings=(*summary.warnings, "another method did best on creatives left out, so no index is saved.")
        )
    with own_outputs(saved, inputs, restart=restart):
        used[0].save(Path(index))
    return summary


class _Encoder:
    """The method: trains anew for each call. indexes: of the trainings so far."""

    def __init__(
        self, names: list[str], dense: tuple[np.ndarray, np.ndarray], seed: int, count: Count, should_stop: ShouldStop
    ) -> None:
        self._names, self._dense, self._seed, self._count, self._should_stop = names, dense, seed, count, should_stop
        self.indexes: list[LabelIndex] = []

    def __call__(self, task: Task, asked: np.ndarray, learn: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
        from adcreative.papers.ngame.index import LabelIndex
        from adcreative.papers.ngame.model import Inputs, TargetingConfig, train_encoder, tune_labels

        points, labels = Inputs(task.points, self._dense[0]), Inputs(task.labels, self._dense[1])
        known, truth, config = points.take(learn), task.truth[learn], TargetingConfig()
        encoder = train_encoder(
            known, labels, truth, config, seed=self._seed, progress=self._count, should_stop=self._should_stop
        )
        encoded = encoder.encode(labels)
        tuned = tune_labels(encoder.encode(known), encoded, truth, config, seed=self._seed, should_stop=self._should_stop)
        self.indexes.append(LabelIndex(self._names, (encoded + tuned) / 2))
        return self.indexes[-1].search(encoder.encode(points.take(asked)), num)


def _read_dense(ads: list[Creative], names: list[str], use_pictures: bool, text_encoder: str) -> tuple[np.ndarray, np.ndarray]:
    """Return sentence and picture vectors of creatives [N, K] and labels [L, K], where used."""
    point_parts, label_parts = [np.zeros((len(ads), 0), np.float32)], [np.zeros((len(names), 0), np.float32)]
    has_pictures = use_pictures and any(one.has_image for one in ads)
    from adcreative.verbs import loading

    if len(names) <= SENTENCE_LABELS:
        encode = loading.load_words(text_encoder)
        point_parts.append(encode([f"{one.headline} {one.body} {one.brand} {one.category}".strip() for one in ads]))
        label_parts.append(encode(names))
    if has_pictures:
        from adcreative.features.vectors import encode_pictures

        vectors = encode_pictures(ads, loading.load_tools().clip)
        point_parts.append(vectors)
        label_parts.append(np.zeros((len(names), vectors.shape[1]), np.float32))
    return np.hstack(point_parts), np.hstack(label_parts)
