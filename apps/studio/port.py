"""What the app needs of the pipeline, as a protocol: tests put a studio without models in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from adcreative.creative import Creative
from adcreative.pipeline import ImproveSettings, Outcome, Standing, WriteSettings
from adcreative.progress import Count, Progress, Rounds, ShouldStop


class Studio(Protocol):
    """What the app needs of the pipeline.

    `cards` (model cards) and `prepare_one` are optional; without a calibration in the cards no gain is shown.
    """

    @property
    def direction_names(self) -> tuple[str, ...]: ...
    def stand_one(self, creative: Creative, *, usual_rate: float | None = None, read_pictures: bool = True) -> Standing: ...
    @property
    def consent_ids(self) -> tuple[str, ...]: ...
    def with_features_in(self, folder: Path) -> Studio: ...
    def forget_features(self) -> None: ...
    def with_consents(self, consent: Path) -> Studio: ...
    def check_consent(self, creative: Creative) -> str: ...
    def find_faces(self, creative: Creative) -> Sequence[Any]: ...
    def demo_ad(self, out: Path) -> Creative: ...
    def write_lines(self, creative: Creative, kind: str, settings: WriteSettings) -> Iterator[str]: ...
    def reword_one(
        self, creative: Creative, outcome: Any, *, headline: str, description: str, is_forced: bool = False,
        usual_rate: float | None = None, own_picture: Path | None = None,
    ) -> Any: ...  # fmt: skip
    def size_one(
        self, creative: Creative, outcome: Any, ratios: Sequence[str], out: Path, *, stem: str, tell: Count
    ) -> list[dict[str, Any]]: ...
    def read_words(self, creative: Creative) -> Creative: ...
    def name_brand(self, creative: Creative) -> str: ...
    def score_folder(
        self, folder: Path, out: Path, *, columns: Path | None = None, progress: Progress, should_stop: ShouldStop
    ) -> Any: ...
    def train_account(
        self,
        results: Path,
        out: Path,
        *,
        images: Path | None,
        columns: Path | None,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> Any: ...
    def with_model(self, model_dir: Path) -> Studio: ...
    def explain_one(self, creative: Creative, out: Path, *, progress: Progress, should_stop: ShouldStop) -> Any: ...
    def improve_one(
        self, creative: Creative, settings: ImproveSettings, *, progress: Rounds | None,
        should_stop: ShouldStop | None, show_best: Callable[[Creative], None] | None = None,
    ) -> Outcome: ...  # fmt: skip
