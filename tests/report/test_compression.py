"""Advice on a smaller model: nothing is called better or worse whose interval includes 0."""

from __future__ import annotations

from typing import Any

import pytest

from adcreative.report.compression import recommend, render_compression, verdict


def point(name: str, disk_bytes: int, speed: float, low: float, high: float) -> dict[str, Any]:
    figure = {"before": 0.8, "after": 0.8 + (low + high) / 2, "difference": (low + high) / 2, "low": low, "high": high}
    return {
        "name": name,
        "numbers": disk_bytes // 4,
        "weight_bytes": disk_bytes,
        "peak_bytes": 2 * disk_bytes,
        "disk_bytes": disk_bytes,
        "rows_per_s": speed,
        "auc": figure["after"],
        "log_loss": 0.5,
        "ece": 0.01,
        "against_before": dict.fromkeys(("auc", "log_loss", "ece"), figure),
    }


BEFORE = point("before", 4_000_000, 1000, 0.0, 0.0)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (point("hash", 1_000_000, 2000, -0.002, 0.001), "4.0 times smaller on disk and 2.0 times faster"),
        (point("hash", 1_000_000, 2000, -0.002, 0.001), "no difference; serve it if a loss of 0.0020"),
        (point("hash", 1_000_000, 2000, -0.03, -0.01), "it costs accuracy"),
        (point("hash", 1_000_000, 500, 0.001, 0.003), "2.0 times slower"),
        (point("hash", 1_000_000, 500, 0.001, 0.003), "better on these rows; serve it"),
        (point("hash", 4_000_000, 1000, -0.01, 0.01), "it saves nothing; keep the model"),
    ],
)
def test_advice_follows_the_interval(last: dict[str, Any], said: str) -> None:
    assert said in recommend([BEFORE, last])


def test_zero_inside_is_no_difference_and_smaller_losses_are_better() -> None:
    assert verdict({"low": -0.01, "high": 0.0}, larger_is_better=True) == "no difference shown"
    assert verdict({"low": 0.001, "high": 0.01}, larger_is_better=False) == "worse"
    assert verdict({"low": -0.01, "high": -0.001}, larger_is_better=False) == "better"
    assert verdict({"low": float("nan"), "high": float("nan")}, larger_is_better=True) == "no difference shown"


def test_the_page_escapes_names_and_has_every_point() -> None:
    steps = [
        {
            "method": "hash",
            "config": {"kind": "graph"},
            "seed": 0,
            "clusters": [
                {"cluster": 0, "seen": 3, "app": {"values": 2, "such_as": ["<script>alert(1)</script>", "maps"]}},
            ],
            "losses": [0.5],
        }
    ]
    report = {
        "model": "m<b>",
        "data": "log",
        "rows": {"measured_on": "test", "number": 1000},
        "steps": steps,
        "points": [BEFORE, point("hash", 1_000_000, 2000, -0.002, 0.001)],
        "recommendation": "Serve it.",
    }
    page = render_compression(report)
    assert "<script" not in page
    assert "m<b>" not in page
    assert page.count("<circle") == 2
    assert "no difference shown" in page
    assert "&lt;script" in page
