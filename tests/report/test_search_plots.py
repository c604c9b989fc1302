"""What the report shows of a search: places worked out by hand, and what it leaves out; the three models on top."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from adcreative.creative import SearchRecord
from adcreative.report.search_plots import SearchPlot, plot_search, relative_gain
from adcreative.report.summary import summarise
from tests.report.test_report import EVIL, edited_row, report

LN3 = math.log(3)  # takes a rate of 1/2 to 3/4, which is 50 % more; minus that to 1/4, 50 % less
FRONT = ((0.0, 0.0), (1.0, LN3), (2.0, 2 * LN3))  # gains 0, 50 % and 9/10 / (1/2) - 1 = 80 %
CURVE = ((0.0, 0.0), (LN3, 0.0), (LN3, -LN3))


@pytest.fixture
def image_dir(tmp_path: Path) -> Path:
    return tmp_path / "images"  # without pictures


def searched_row(**changes: object) -> dict:
    values: dict = {"front": FRONT, "delivered": FRONT[1], "curve": CURVE, "stopped_itself": True, **changes}
    row = edited_row(ctr_original=0.5, ctr_original_judge=0.5, search=SearchRecord(**values))
    return json.loads(json.dumps(row))


def test_a_gain_is_that_of_the_rate_and_not_of_its_odds() -> None:
    assert relative_gain(LN3, 0.5) == pytest.approx(0.5)
    assert relative_gain(-LN3, 0.5) == pytest.approx(-0.5)
    assert relative_gain(LN3, None) == pytest.approx(2.0)
    assert relative_gain(5000.0, 0.5) == pytest.approx(1.0)


def points_of(chart: SearchPlot, pattern: str) -> np.ndarray:
    """Return the places of a chart's marks or line, [N, 2]: from the first one, upwards is positive."""
    places = np.array(re.findall(pattern, chart.svg), float)
    return (places - places[0]) * (1, -1)


def test_front_lies_where_it_was_worked_out_to_lie(image_dir: Path) -> None:
    """Sizes 0, 1, 2 and gains of 0, 50 and 80 %: the third dot is twice as far right as the second, and 8/5 as high."""
    found = plot_search(searched_row())
    assert found is not None
    front = found.plots[0]
    _, second, third = points_of(front, r'<use [^>]* x="([\d.]+)" y="([\d.]+)" style="fill: var\(--ac-accent\)')
    assert third / second == pytest.approx((2.0, 1.6), rel=1e-4)
    (ring,) = re.findall(r'<use [^>]* x="([\d.]+)" y="([\d.]+)" style="fill-opacity: 0; stroke: var\(--ac-ink', front.svg)
    assert f'x="{ring[0]}" y="{ring[1]}" style="fill: var(--ac-accent)' in front.svg  # round the second dot
    assert ">+80%</text>" in front.svg
    page = report(image_dir, searched_row())
    assert "3 edits of size 0 to 2, lower bound of their gain ±0% to +80%; delivered: size 1, lower bound +50%" in page
    assert page.count(front.svg) == 1


def test_curve_lies_where_it_was_worked_out_to_lie() -> None:
    """The prediction rises by 50 % and stays, the second opinion stays and falls by 50 %."""
    found = plot_search(searched_row())
    assert found is not None
    curve = found.plots[1]
    predicted, second = (
        points_of(SearchPlot(title="", said="", svg=line), r"[ML] ([\d.]+) ([\d.]+)")
        for line in re.findall(r'd="([^"]*)" clip-path="[^"]*" style="fill: none; [^"]*var\(--ac-(?:accent|judge)', curve.svg)
    )
    step, rise = predicted[1]
    assert predicted == pytest.approx(np.array([(0, 0), (step, rise), (2 * step, rise)]), rel=1e-4)
    assert second == pytest.approx(np.array([(0, 0), (step, 0), (2 * step, -rise)]), rel=1e-4)
    assert curve.svg.count(">second model</text>") == curve.svg.count(">predicted</text>") == 1
    assert re.findall(r">(\d)</text>", curve.svg) == ["1", "2", "3"]


def test_it_is_said_whether_the_search_ended_itself(image_dir: Path) -> None:
    assert "For that reason the search ended itself after 3 generations." in report(image_dir, searched_row())
    page = report(image_dir, searched_row(stopped_itself=False, delivered=None))
    assert "The search did not end itself; it ran 3 generations." in page
    assert "The ring is" not in page


@pytest.mark.parametrize(
    "search",
    [
        None,
        {},
        {"rendered": 3},
        {"front": [[1, 0.1]], "curve": [[0.1, 0.1]]},
        {"front": None, "curve": "ab", "delivered": 3},
        {"front": [[1, math.nan], [1, 0.1], [EVIL, 1], [True, 2], [1]], "curve": [[EVIL, EVIL], [0, None], [0, 0]]},
    ],
)
def test_nothing_is_drawn_of_fewer_than_two_points_or_an_old_row(image_dir: Path, search: dict | None) -> None:
    page = report(image_dir, {**edited_row(), "search": search})
    assert "How the search went" not in page
    assert 'class="search-plot"' not in page
    older = {name: value for name, value in edited_row().items() if name not in ("search", "ctr_edited_auditor")}
    assert "How the search went" not in report(image_dir, older)


def test_a_front_that_does_not_differ_is_drawn() -> None:
    found = plot_search(searched_row(front=((0.0, 0.0), (0.0, 0.0)), delivered=None, curve=()))
    assert found is not None
    assert [plot.title for plot in found.plots] == ["The front"]
    assert found.plots[0].svg.count('style="fill: var(--ac-accent)') == 2


def test_hostile_marks_never_reach_the_page(image_dir: Path) -> None:
    row = searched_row()
    row["search"].update(front=[[0, 0], [1, 0.1], [EVIL, EVIL]], delivered=[EVIL, 0], stopped_itself=EVIL, curve=[EVIL, *CURVE])
    page = report(image_dir, row)
    assert page.count("How the search went") == 1
    assert "alert" not in page
    assert page.count("<script") == 1
    assert not re.findall(r"<(?:image|foreignObject)\b|href=\"[^#]", page)


@pytest.mark.parametrize("is_edited", [True, False])
def test_no_gain_of_the_search_is_drawn_where_none_may_be_stated(image_dir: Path, is_edited: bool) -> None:
    row = {**searched_row(), "status": "edited" if is_edited else "kept"}
    assert "How the search went" in report(image_dir, row)
    assert "How the search went" not in report(image_dir, {**row, "enough_data": False})
    assert "How the search went" not in report(image_dir, row, settings={})
    if is_edited:
        assert "How the search went" not in report(image_dir, {**row, "ctr_edited_judge": None})


def test_the_third_model_is_stated_on_top(image_dir: Path) -> None:
    asked = edited_row(ctr_original_auditor=0.0100, ctr_edited_auditor=0.0106)
    other = edited_row(ctr_original_auditor=0.0200, ctr_edited_auditor=0.0204)
    summary = summarise([asked, other], num_failures=0, calibration="yes")
    assert summary.mean_lift_by_auditor == pytest.approx((0.06 + 0.02) / 2)
    assert (summary.ctr_auditor_before, summary.ctr_auditor_after) == pytest.approx((0.0150, 0.0155))
    page = report(image_dir, asked, other)
    assert "<dt>Held against a third model</dt><dd>+4.0%<small>1.50% → 1.55%; it had no part in the choice</small>" in page
    partly = report(image_dir, asked, edited_row(ctr_original_auditor=math.nan, ctr_edited_auditor=0.01))
    assert "(told of 1 of 2 edits)" in partly
    assert "Third model’s view" not in report(image_dir, edited_row())
