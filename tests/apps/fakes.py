"""A studio without models: its numbers are fixed, its searches as slow as a test wants them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import numpy as np
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.images import picture
from adcreative.compose.search import Search
from adcreative.creative import Creative, Edit, EditResult, FaceReport, Prediction
from adcreative.errors import TrainingError
from adcreative.pipeline import Brief, ImproveSettings, RunSummary, Standing, WriteSettings, compose
from adcreative.problem import Problem
from adcreative.provenance.consent import read_consents
from adcreative.provenance.sidecar import export_picture
from adcreative.verbs.explain import ExplanationSummary
from adcreative.verbs.folder_scores import FolderScores

EVIDENCE = "Words: learnt from real headline tests."
REASONS = tuple(Problem("part_change", part=part, change=change) for part, change in (("words", 12), ("faces", -2)))


@dataclass(frozen=True)
class FakeFace:
    box_xyxy_px: tuple[float, float, float, float]
    refusal: str = ""


@dataclass(frozen=True)
class FakeAlternative:
    uplift: float
    uplift_low: float
    size: float
    headline: str
    description: str = ""
    cta: str = ""
    picture_problems: tuple[Problem, ...] = (Problem("words_set", words="headline", ink=""),)
    change: float = 0.12
    change_low: float = -0.02
    change_high: float = 0.27
    identity: float | None = 0.97
    realism: float | None = 0.93
    edit_strength: float | None = 0.4
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class FakeOutcome:
    result: EditResult
    image_u8: np.ndarray | None
    control_u8: np.ndarray | None
    alternatives: tuple[FakeAlternative, ...] = ()
    settings: dict = field(default_factory=dict)


@dataclass
class FakeSession:
    """An ad that is open; its search is as slow as its studio."""

    studio: FakeStudio
    creative: Creative
    settings: ImproveSettings
    found: FakeOutcome | None = None

    def search(
        self,
        *,
        progress: Callable[[int, int, float], None] | None,
        should_stop: Callable[[], bool] | None,
        show_best: Callable[[Creative], None] | None = None,
    ) -> FakeOutcome:
        self.found = self.studio.search(self.creative, self.settings, progress, should_stop, show_best)
        return self.found

    def choose(self, index: int, *, is_forced: bool = False) -> FakeOutcome:
        assert self.found is not None
        status = "edited" if is_forced else self.found.result.status
        result = replace(self.found.result, status=status, headline_edited=self.found.alternatives[index].headline)
        return replace(self.found, result=result)

    def picture(self, index: int) -> np.ndarray | None:
        assert self.found is not None
        return self.found.image_u8

    def reword(
        self,
        outcome: FakeOutcome,
        headline: str,
        description: str,
        *,
        is_forced: bool = True,
        own_u8: np.ndarray | None = None,
    ) -> FakeOutcome:
        """Words with "worse" in them have no gain."""
        is_worse = "worse" in headline
        self.studio.asked.append({"own_u8": own_u8})
        result = replace(
            outcome.result,
            status="kept" if is_worse and not is_forced else "edited",
            ctr_edited=0.0149 if is_worse else outcome.result.ctr_edited,
            uplift_low=-0.08 if is_worse else 0.03,
            uplift_high=0.04 if is_worse else 0.25,
            headline_edited=headline,
            description_edited=description,
            reason="words written by hand; no gain",
        )
        return replace(outcome, result=result)


@dataclass
class FakeStudio:
    """Scores everything 1.52 % and finds a patch of light and two new words; keeps what it was asked."""

    direction_names: tuple[str, ...] = ("smile", "eyes_open")
    cards: tuple[dict, ...] = ({"name": "predictor", "calibration": "Off by 0.1 points on held-out tests."},)
    round_s: float = 0.01
    error: Exception | None = None
    status: str = "edited"
    enough_data: bool = True
    is_untested: bool = False
    stay_after: int | None = None  # a search stays at this round until it is None again, or the search is stopped
    asked: list[dict] = field(default_factory=list)
    rounds_done: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stand_one(self, creative: Creative, *, usual_rate: float | None = None, read_pictures: bool = True) -> Standing:
        """Ten percent above the usual ad; with a usual rate that much above it."""
        if self.error:
            raise self.error
        picture(creative)
        prediction = Prediction(
            ctr=0.0152,
            ctr_low=0.0109,
            ctr_high=0.0204,
            evidence=EVIDENCE,
            reasons=REASONS,
            enough_data=self.enough_data,
        )
        rates = [None] * 3 if usual_rate is None else [usual_rate * ratio for ratio in (1.1, 0.8, 1.5)]
        return Standing(
            prediction=prediction,
            change=0.1,
            change_low=-0.2,
            change_high=0.5,
            rate=rates[0],
            rate_low=rates[1],
            rate_high=rates[2],
        )

    model_hashes: ClassVar[dict[str, str]] = {}
    signing: ClassVar[None] = None
    consents: tuple = ()

    def load(self) -> None:
        """Nothing has to be loaded."""

    def prepare_one(self, creative: Creative, should_stop: Callable[[], bool]) -> None:
        """Nothing is worked out ahead."""

    @property
    def consent_ids(self) -> tuple[str, ...]:
        return ("c-17",)

    def check_consent(self, creative: Creative) -> str:
        """The record "c-17" covers everything, every other nothing."""
        return "" if creative.consent_id == "c-17" else f'consent record "{creative.consent_id}" is not known'

    def with_features_in(self, folder: Path) -> FakeStudio:
        """Itself, which keeps nothing of a picture: `test_features_of_visitors` has the real studio."""
        return self

    def forget_features(self, *, for_good: bool = False) -> None:
        """Nothing is kept."""

    def with_consents(self, consent: Path) -> Consenting:
        return Consenting(self, tuple(read_consents(consent).records))

    def read_words(self, creative: Creative) -> Creative:
        """A picture called "words" says something."""
        if creative.has_words or "words" not in creative.file_name:
            return creative
        return replace(creative, headline="Read me first", cta="Shop now", read_fields=("headline", "cta"))

    def name_brand(self, creative: Creative) -> str:
        """A picture called "words" has a logo."""
        return creative.brand or ("Maison Lune" if "words" in creative.file_name else "")

    def find_faces(self, creative: Creative) -> list[FakeFace]:
        """Two faces that may be edited and one that may not, in every picture; for one called "late" it takes four seconds."""
        time.sleep(4.0 if creative.image_path and creative.image_path.stem == "late" else 0.0)
        box = (20.0, 30.0, 80.0, 100.0)
        return [FakeFace(box), FakeFace(box), FakeFace(box, "it is turned away")] if picture(creative) is not None else []

    def write_lines(self, creative: Creative, kind: str, settings: WriteSettings) -> Iterator[str]:
        """Three lines, one after another."""
        self.asked.append({"kind": kind, **vars(settings)})
        for number in (1, 2, 3):
            time.sleep(self.round_s)
            yield f"Written {kind} {number}"

    def size_one(
        self,
        creative: Creative,
        outcome: FakeOutcome,
        ratios: Sequence[str],
        out: Path,
        *,
        stem: str,
        tell: Callable[[int, int], None],
    ) -> list[dict]:
        """A grey picture for each shape, with the sidecar that an exported picture has."""
        rows = []
        for number, ratio in enumerate(ratios):
            name = f"images/{stem}.{ratio.replace(':', 'x')}.png"
            export_picture(
                out / name,
                np.full((50, 50, 3), 128 + number, np.uint8),
                is_edited=False,
                original_path=None,
                result=outcome.result.as_dict(),
                models={},
                signing=None,
            )
            rows.append(
                {
                    "ratio": ratio,
                    "image": name,
                    "width": 50,
                    "height": 50,
                    "ctr": None,
                    "extended": 0.1,
                    "fits": ["Meta feed"],
                    "notes": [],
                }
            )
            tell(number + 1, len(ratios))
        return rows

    def score_folder(
        self,
        folder: Path,
        out: Path,
        *,
        columns: Path | None = None,
        progress: Callable[[str, int, int], None],
        should_stop: Callable[[], bool],
    ) -> FolderScores | None:
        """Every picture 1.52 %, in the order of their names; one called "thin" has too little data, one called "asdf" has
        that word in it."""
        scored = []
        creatives = read_catalog(folder, columns=columns).creatives
        for number, creative in enumerate(creatives, 1):
            if should_stop():
                return None
            time.sleep(self.round_s)
            progress("scoring", number, len(creatives))
            rate = None if "thin" in creative.file_name else 0.0152 + 0.001 * number
            row = {
                "ctr": rate,
                "ctr_low": rate and 0.9 * rate,
                "ctr_high": rate and 1.1 * rate,
                "strength": None,
                "reasons": REASONS[:1],
            }
            read = {"headline": "asdf qwer", "read_fields": ("headline",)} if "asdf" in creative.file_name else {}
            scored.append((replace(creative, **read), row))
        out.write_text("file_name,ctr\n")
        failed = ({"file_name": "broken.png", "ad_name": "", "problem": "It is damaged.", "remedy": "Save it again."},)
        return FolderScores(scored=tuple(scored), failed=failed, path=out)

    def compose(self, brief: Brief, out: Path, *, shapes: str, num: int, **watched: Any) -> RunSummary:
        """Real ads, three of them in two small shapes, by a search that is as short as can be."""
        self.asked.append({"brief": brief, "shapes": shapes, "num": num})
        short = mock.patch.multiple(
            "adcreative.verbs.compose", Search=partial(Search, generations=1), load_segmenter=lambda path: None
        )
        with short:
            return compose(brief, out, num=3, shapes="300x250,160x600", **watched)

    def train_account(
        self,
        results: Path,
        out: Path,
        *,
        images: Path | None,
        columns: Path | None,
        progress,
        should_stop,
    ) -> SimpleNamespace:
        """As many steps as rounds; a row named "broken" is refused."""
        self.asked.append(
            {
                "results": results.name,
                "images": images and sorted(p.name for p in images.rglob("*.*")),
                "columns": columns and json.loads(columns.read_text()),
            }
        )
        if "broken" in results.read_text():
            raise TrainingError("12 clicks in all; at least 30 are needed to tell creatives apart. Let the ads run longer")
        for number in range(1, 4):
            progress("fitting", number, 3)
            time.sleep(self.round_s)
            if should_stop():
                return SimpleNamespace(done=0, failed=0, warnings=(), stopped=True)
        out.mkdir(parents=True)
        (out / "README.md").write_text("# The model of this account")
        return SimpleNamespace(done=120, failed=1, warnings=("one warning",), stopped=False)

    def with_model(self, model_dir: Path) -> FakeStudio:
        """A studio that says another rate."""
        return OwnStudio(model_dir=model_dir)

    def explain_one(
        self, creative: Creative, out: Path, *, progress: Callable[[str, int, int], None], should_stop: Callable[[], bool]
    ) -> ExplanationSummary:
        out.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").convert("RGB").save(out / "heat.png")
        for number in range(1, 4):
            time.sleep(self.round_s)
            progress("covering regions", number, 3)
        (out / "explanation.html").write_text("<p>why</p>")
        word = {"field": "headline", "word": creative.headline or "none", "log_odds": 0.1, "change": 0.105}
        explanation = {
            "heat": {"strongest": -0.07},
            "strongest_words": [word],
            "parts": [{"part": "words", "share": 0.05}],
            "methods": {},
            "reasons": ["words +12 %", "faces -2 %"],
            "against_nothing_known": 0.1,
        }
        return ExplanationSummary(explanation=explanation, path=out / "explanation.html")

    @property
    def weights(self) -> list[dict]:
        return [{"name": "clip", "purpose": "sees pictures", "licence": "Apache-2.0", "sha256": "ab" * 32}]

    def open_one(
        self, creative: Creative, settings: ImproveSettings, *, should_stop: Callable[[], bool] | None = None
    ) -> FakeSession:
        return FakeSession(self, creative, settings)

    def search(
        self,
        creative: Creative,
        settings: ImproveSettings,
        progress: Callable[[int, int, float], None] | None,
        should_stop: Callable[[], bool] | None,
        show_best: Callable[[Creative], None] | None,
    ) -> FakeOutcome:
        self.asked.append({"creative": creative, **vars(settings)})
        generations = settings.generations
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for round_number in range(1, (generations or 10) + 1):
                if should_stop and should_stop():
                    break
                time.sleep(self.round_s)
                self.rounds_done += 1
                if show_best:
                    show_best(replace(creative, image_u8=picture(creative), headline=f"Best of round {round_number}"))
                if progress:
                    progress(round_number, generations or 10, 0.01 * round_number)
                while self.stay_after == round_number and not (should_stop and should_stop()):
                    time.sleep(0.02)
            if self.error:
                raise self.error
            return self._outcome(creative, settings.directions, settings.seed or 0)
        finally:
            with self._lock:
                self.at_once -= 1

    def _outcome(self, creative: Creative, directions: Sequence[str] | None, seed: int) -> FakeOutcome:
        image_u8 = picture(creative)
        edited_u8 = None if image_u8 is None else image_u8.copy()
        if edited_u8 is not None and directions:
            edited_u8[40:90, 60:120] //= 2
        is_face = image_u8 is not None and bool(directions)
        edits = (Edit(face=0, direction="smile", strength=1.2),) if is_face else ()
        result = EditResult(
            file_name=creative.file_name,
            status=self.status,
            headline_original=creative.headline,
            headline_edited=f"{creative.headline} today",
            ctr_original=0.0152,
            ctr_original_judge=0.0149,
            ctr_control=0.0151,
            ctr_edited=0.0173,
            ctr_edited_low=0.0131,
            ctr_edited_high=0.0225,
            ctr_edited_judge=0.0162,
            uplift_low=0.03,
            uplift_high=0.25,
            faces=FaceReport(found=1, edited=int(is_face)),
            edits=edits,
            evaluations=99,
            seed=seed,
            enough_data=self.enough_data,
            evidence=EVIDENCE,
            is_untested=self.is_untested,
            reason="" if self.status == "edited" else "the second model saw a loss",
        )
        found = tuple(
            FakeAlternative(
                uplift=0.1 + number / 50, uplift_low=0.05 + number / 50, size=number, headline=f"Words {number}", edits=edits
            )
            for number in (1, 2, 3)
        )
        return FakeOutcome(result=result, image_u8=edited_u8, control_u8=image_u8, alternatives=found)


@dataclass(frozen=True)
class Consenting:
    """A studio with further consent records."""

    studio: FakeStudio
    more: tuple[str, ...]

    @property
    def consent_ids(self) -> tuple[str, ...]:
        return (*self.studio.consent_ids, *self.more)

    def check_consent(self, creative: Creative) -> str:
        return "" if creative.consent_id in self.more else self.studio.check_consent(creative)

    def __getattr__(self, name: str) -> object:
        return getattr(self.studio, name)


@dataclass
class OwnStudio(FakeStudio):
    """A studio with the model of an account: it says 4 %."""

    model_dir: Path = Path()
    cards: tuple[dict, ...] = ({"calibration": {"level": 0.98, "coverage": 0.9, "spearman": 0.83}},)

    def stand_one(self, creative: Creative, *, usual_rate: float | None = None, read_pictures: bool = True) -> Standing:
        return replace(super().stand_one(creative), rate=0.04, rate_low=0.03, rate_high=0.05)
