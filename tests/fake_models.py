"""The real command with models that cost nothing: `python -m tests.fake_models score ads/ --out scores.csv`.

Everything of a batch is real (command line, catalogue, engines, log, tables, report) but what the models say, which is a hash
of the words. No torch is loaded, so a process starts at once; spawned workers and Ray's get the same models through `install`.
Environment: FAKE_DELAY_S a creative; FAKE_TRACE a file that gets "process row" before each creative; FAKE_WEIGHTS a file that
must be there whenever a model is asked.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from adcreative.creative import Creative, EditResult, Prediction
from adcreative.errors import CreativeError

ROOT = Path(__file__).parents[1]


@dataclass(eq=False)
class History:
    creatives: Sequence[Creative]
    features: Sequence[Any]


class Extractor:
    cache = None
    hashes = {"clip": "c"}  # noqa: RUF012

    def extract(self, creatives: Sequence[Creative]) -> list[Any]:
        return [CreativeError("broken", "Mend it.") if "broken" in one.headline else one.headline for one in creatives]

    def without_cache(self) -> Extractor:
        return self

    def for_models(self, models: Sequence[Any]) -> Extractor:
        return self

    def read_ahead(self, creatives: Sequence[Creative]) -> None:
        pass


class Predictor:
    content_hash = "p"
    rate_parts = frozenset({"words"})
    notes: Mapping[str, object] = MappingProxyType({})

    def grade(self, creative: Creative, features: Any) -> dict[str, str]:
        return {"row": "none"}

    def predict(self, creatives: Sequence[Creative], features: Sequence[Any], history: History) -> list[Prediction]:
        predictions = []
        for creative in creatives:
            rate = ask_model(creative)
            earlier = [one.headline for one in history.creatives if one is not creative and one.brand == creative.brand]
            predictions.append(
                Prediction(
                    ctr=rate,
                    ctr_low=rate / 2,
                    ctr_high=2 * rate,
                    evidence=f"fake, {len(earlier)} earlier",
                    reasons=(creative.headline,),
                )
            )
        return predictions


def ask_model(creative: Creative) -> float:
    """Return a rate that follows from the headline."""
    if trace := os.environ.get("FAKE_TRACE"):
        with open(trace, "a") as file:
            file.write(f"{os.getpid()} {creative.row}\n")
    weights = os.environ.get("FAKE_WEIGHTS")
    if weights and not os.path.exists(weights):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", weights)
    time.sleep(float(os.environ.get("FAKE_DELAY_S", 0)))
    return (zlib.crc32(creative.headline.encode()) % 1000 + 1) / 1e4


@dataclass(frozen=True)
class Outcome:
    result: EditResult
    image_u8: np.ndarray | None
    control_u8: np.ndarray | None = None
    verdict: None = None


def open_session(creative: Creative, settings: Any, models: Any, should_stop: Any) -> SimpleNamespace:
    return SimpleNamespace(search=lambda should_stop: edit_creative(creative), picture=lambda idx: None, creative=creative)


def edit_creative(creative: Creative) -> Outcome:
    rate = ask_model(creative)
    if "broken" in creative.headline:
        raise CreativeError("broken", "Mend it.")
    result = EditResult(
        file_name=creative.file_name,
        ad_name=creative.ad_name,
        status="edited",
        consent_id=creative.consent_id,
        headline_original=creative.headline,
        headline_edited=creative.headline.upper(),
        ctr_original=rate,
        ctr_edited=2 * rate,
        ctr_original_judge=rate,
        ctr_edited_judge=2 * rate,
        ctr_control=rate,
    )
    return Outcome(result, np.full((8, 8, 3), 9, np.uint8))


PREDICTOR = Predictor()


@dataclass(frozen=True)
class EditorTools:
    extractor: Any
    predictor: Any = PREDICTOR
    judge: Any = PREDICTOR
    auditor: Any = PREDICTOR
    text_reader: Any = None
    compose_layouts: Any = None


def modules() -> dict[str, Any]:
    """Return the modules that stand in for ours, by name. The manifests of the shipped models are read as they are."""
    loading: Any = ModuleType("adcreative.verbs.loading")
    loading.load_tools = lambda copywriter="template", features=None: SimpleNamespace(
        extractor=Extractor(), editor_tools=lambda *_: EditorTools(Extractor())
    )
    loading.load_model = lambda model=None: SimpleNamespace(predictor=PREDICTOR)
    loading.load_scorer = lambda model=None, features=None: (Extractor(), PREDICTOR)
    editor: Any = ModuleType("adcreative.editor.session")
    editor.open_session = open_session
    builder: Any = ModuleType("adcreative.features.builder")
    builder.AccountHistory = History
    return {module.__name__: module for module in (loading, editor, builder)}


def install() -> None:
    """Put the fakes in the place of what loads torch, in this process."""
    sys.modules.update(modules())


def write_ads(folder: Path, num: int, *, broken: Sequence[int] = ()) -> Path:
    """Write a folder of `num` ads with words only; rows in `broken` fail in the model, and one more cannot be read."""
    folder.mkdir()
    lines = ["file_name,headline,brand,impressions,clicks"]
    for row in range(1, num + 1):
        lines.append(f",ad {row}{' broken' * (row in broken)},brand {row % 3},{'1000,9' if row % 2 else ','}")
    lines.append("gone.jpg,no such picture,,,")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.fake_models", *map(str, arguments)]


if __name__ in ("__main__", "__mp_main__"):
    install()
if __name__ == "__main__":
    from adcreative.cli.app import app

    app()
