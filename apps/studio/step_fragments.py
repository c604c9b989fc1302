"""Pieces of the page for the later steps and the account, as HTML; the template escapes every text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from adcreative.pipeline import AccountView
from adcreative.report.rendering import build_environment

TEMPLATE_DIR = Path(__file__).parent / "templates"
PLOT_PX = (60, 20, 400, 260)  # left, top, right, bottom of the plot's axes
MAX_LINES = 200


def _render(macro: str, **values: Any) -> str:
    module = build_environment(TEMPLATE_DIR).get_template("steps.html.j2").module
    return str(getattr(module, macro)(**values))


def word_checks(found: Mapping[str, Sequence[str]]) -> str:
    return _render("word_checks", checks=found)


def plan(content: Mapping[str, Any]) -> str:
    """Show a plan.json of one ad: how many impressions and days, and what to beware of."""
    (test,) = content["tests"]
    return _render("plan", test=test, settings=content["settings"], warnings=[*test["warnings"], *content["warnings"]])


def approval(event: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(event["at"])
    return _render("approval", by=event["by"], at=at.strftime("%-d %B %Y, %H:%M"))


def packed(names: Sequence[str], warnings: Sequence[str]) -> str:
    return _render("packed", names=names, warnings=warnings)


def account(view: AccountView) -> str:
    """Show an account: how predictions held, the ads, and what was left out."""
    points = [ad for ad in view.ads if ad.ctr_predicted is not None]
    rates = [rate for ad in points for rate in (ad.ctr_predicted or 0.0, ad.ctr_high)]
    return _render(
        "account", view=view, ads=view.ads[:MAX_LINES], num_hidden=max(len(view.ads) - MAX_LINES, 0),
        best=max((ad.ctr_high for ad in view.ads), default=1.0), top=max(rates, default=0.0),
        points=[_place(ad, max(rates)) for ad in points], axes=PLOT_PX,
    )  # fmt: skip


def _place(ad: Any, top: float) -> dict[str, Any]:
    """Return where an ad stands in the plot of predicted against real rates, both from 0 to `top`."""
    left, up, right, bottom = PLOT_PX

    def height(rate: float) -> float:
        return round(bottom - (bottom - up) * rate / top, 1)

    x = round(left + (right - left) * ad.ctr_predicted / top, 1)
    return {"ad": ad, "x": x, "y": height(ad.ctr), "low": height(ad.ctr_low), "high": height(ad.ctr_high)}
