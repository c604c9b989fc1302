"""A folder as optimize leaves it: two edited creatives, one kept, one failed, with hostile words among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Edit, EditResult
from adcreative.provenance.sidecar import export_picture
from tests.catalog.conftest import write_csv

HOSTILE = '=HYPERLINK("http://evil.example","win")'


def result_row(row: int, **values: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "file_name": f"ad{row}.png",
        "status": "edited",
        "ad_name": f"Ad {row}",
        "headline_original": f"Old line {row}",
        "headline_edited": f"New line {row}",
        "description_original": "Plain words.",
        "description_edited": "Better words.",
        "ctr_original": 0.02,
        "ctr_original_judge": 0.02,
        "ctr_control": 0.02,
        "ctr_edited": 0.025,
        "ctr_edited_low": 0.021,
        "ctr_edited_high": 0.03,
        "ctr_edited_judge": 0.024,
        "uplift_low": 0.1,
        "uplift_high": 0.42,
        "edits": (Edit(face=0, direction="smile", strength=1.5),),
        "edited_image": f"images/{row}.edited.png",
    }
    result = EditResult(**{**defaults, **values}).as_dict()
    return {"row": row, **result, "remedy": "", "original_image": f"images/{row}.original.png"}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function (rows=None, name="run") -> run folder beside its catalogue ads/."""

    def build(rows: list[dict[str, Any]] | None = None, name: str = "run") -> Path:
        rows = rows or [
            result_row(1),
            result_row(2, headline_edited=HOSTILE, ad_name="+Summer sale", ctr_edited=0.022, uplift_low=-0.05),
            result_row(3, status="kept"),
            result_row(4, status="failed"),
        ]
        run_dir, ads = tmp_path / name, tmp_path / "ads"
        (run_dir / "images").mkdir(parents=True)
        ads.mkdir(exist_ok=True)
        for row in rows:
            for kind, shade in (("original", 40), ("edited", 90)):
                pixels = np.full((64, 80, 3), (shade, row["row"], 0), np.uint8)
                path, is_edited = run_dir / f"images/{row['row']}.{kind}.png", kind == "edited"
                export_picture(path, pixels, is_edited=is_edited, result=row if is_edited else None)
            Image.new("RGB", (80, 64), (row["row"], 0, 0)).save(ads / f"ad{row['row']}.png")
        table = [
            {
                "file_name": row["file_name"],
                "ad_name": row["ad_name"],
                "headline": row["headline_original"],
                "brand": "Somnia",
                "cta": "Shop now",
                "primary_text": "Sleep on it.",
            }
            for row in rows
        ]
        write_csv(ads / "metadata.csv", table)
        (run_dir / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        settings = {"verb": "optimize", "data": str(ads), "predictor": "abc", "judge": "def", "seed": 1}
        (run_dir / "results.run.json").write_text(json.dumps(settings))
        return run_dir

    return build
