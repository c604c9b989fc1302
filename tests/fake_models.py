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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from adcreative.creative import Creative, EditResult, FailedCreative

ROOT = Path(__file__).parents[1]


@dataclass(eq=False)
class History:
    creatives: Sequence[Creative]
    features: Sequence[Any]


class Extractor:
    cache = None

    def extract(self, creatives: Sequence[Creative]) -> list[str]:
        return [one.headline for one in creatives]

    def read_ahead(self, creatives: Sequence[Creative]) -> None:
        pass


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


def score_rows(extractor: Any, predictor: Any, creatives: Sequence[Creative], history: History) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for creative in creatives:
        rate = ask_model(creative)
        if "broken" in creative.headline:
            problem = FailedCreative(
                file_name=creative.file_name, ad_name=creative.ad_name, problem="broken", remedy="Mend it."
            )
            rows.append({"row": creative.row, "failed": asdict(problem)})
            continue
        earlier = [one.headline for one in history.creatives if one is not creative and one.brand == creative.brand]
        rows.append(
            {"row": creative.row, "file_name": creative.file_name, "ad_name": creative.ad_name, "ctr": rate,
             "ctr_low": rate / 2,
             "ctr_high": 2 * rate, "grade": "none", "evidence": f"fake, {len(earlier)} earlier", "reasons": creative.headline}
        )  # fmt: skip
    return rows


def optimize_row(
    creative: Creative, tools: Any, config: Any, out: Path | None, should_stop: Any, signing: Any
) -> dict[str, Any]:
    rate = ask_model(creative)
    status = "failed" if "broken" in creative.headline else "edited"
    result = EditResult(
        file_name=creative.file_name, ad_name=creative.ad_name, status=status, reason="broken" * (status == "failed"),
        headline_original=creative.headline, headline_edited=creative.headline.upper(), ctr_original=rate, ctr_edited=2 * rate,
        ctr_original_judge=rate, ctr_edited_judge=2 * rate, ctr_control=rate, edited_image=f"images/{creative.row:05d}.png",
    )  # fmt: skip
    if out is not None:
        (out / "images").mkdir(exist_ok=True)
        (out / result.edited_image).write_bytes(b"x" * 1000)
    return {"row": creative.row, **result.as_dict(), "remedy": ""}


def write_run_report(out: Path, results: Any, settings: Any, models: Any, failures: Sequence[FailedCreative]) -> None:
    from adcreative.report import write_report

    write_report(out / "report.html", results, settings=settings, image_dir=out / "images", cards=[], failures=failures)


def editor_tools(*_: Any) -> Any:
    @dataclass(frozen=True)
    class Tools:
        extractor: Any
        directions: Any

    return Tools(extractor=Extractor(), directions=SimpleNamespace(names=("smile",)))


def modules() -> dict[str, Any]:
    """Return the modules that stand in for ours, by name."""
    tools: Any = ModuleType("adcreative.verbs.loading")
    tools.load_tools = lambda copywriter="template": SimpleNamespace(extractor=Extractor(), editor_tools=editor_tools)
    models = {name: SimpleNamespace(content_hash=name[0]) for name in ("predictor", "judge", "auditor")}
    hashes = {name: model.content_hash for name, model in models.items()}
    tools.load_model = lambda model=None: SimpleNamespace(**models, hashes=hashes)
    run_output: Any = ModuleType("adcreative.runs.output")
    run_output.score_rows, run_output.optimize_row, run_output.write_run_report = score_rows, optimize_row, write_run_report
    builder: Any = ModuleType("adcreative.features.builder")
    builder.AccountHistory = History
    return {"adcreative.verbs.loading": tools, "adcreative.runs.output": run_output, "adcreative.features.builder": builder}


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
