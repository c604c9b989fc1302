"""What the report shows of a search: coordinates worked out by hand, and what it leaves out; the three models on top."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from adcreative.creative import SearchRecord
from adcreative.report.search_plots import plot_search, relative_gain
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


def test_front_lies_where_it_was_worked_out_to_lie(image_dir: Path) -> None:
    """Size 0..2 on 280 units from 66, gain 0..80 % on 160 units upwards from 174, steps of 0.5 and 20 %."""
    found = plot_search(searched_row())
    assert found is not None
    front = found.plots[0]
    assert front.dots == ((66.0, 174.0), (206.0, 74.0), (346.0, 14.0))
    assert front.marked == (206.0, 74.0)
    assert [(tick.at, tick.label) for tick in front.x_ticks][:3] == [(66.0, "0"), (136.0, "0.5"), (206.0, "1")]
    assert [(tick.at, tick.label) for tick in front.y_ticks] == [
        (174.0, "±0%"),
        (134.0, "+20%"),
        (94.0, "+40%"),
        (54.0, "+60%"),
        (14.0, "+80%"),
    ]
    page = report(image_dir, searched_row())
    assert '<circle class="dot" cx="346.0" cy="14.0" r="3.5"/>' in page
    assert '<circle class="ring" cx="206.0" cy="74.0" r="7"/>' in page
    assert "3 edits of size 0 to 2, lower bound of their gain ±0% to +80%; delivered: size 1, lower bound +50%" in page


def test_curve_lies_where_it_was_worked_out_to_lie(image_dir: Path) -> None:
    """Generations 1..3 on 200 units from 66, -50..+50 % on 160 units: no gain lies at 94."""
    found = plot_search(searched_row())
    assert found is not None
    predicted, second = found.plots[1].lines
    assert predicted.points == ((66.0, 94.0), (166.0, 14.0), (266.0, 14.0))
    assert second.points == ((66.0, 94.0), (166.0, 94.0), (266.0, 174.0))
    assert found.plots[1].zero == 94.0
    assert [tick.label for tick in found.plots[1].x_ticks] == ["1", "2", "3"]
    page = report(image_dir, searched_row())
    assert 'points="66.0,94.0 166.0,94.0 266.0,174.0 "' in page
    assert page.count(">second model</text>") == page.count(">predicted</text>") == 1


def test_names_of_lines_that_end_together_do_not_cover_each_other() -> None:
    same = plot_search(searched_row(curve=((0.0, 0.0), (LN3, LN3))))
    assert same is not None
    above, below = same.plots[1].lines
    assert above.points[-1] == below.points[-1] == (266.0, 40.67)  # 50 % on an axis of 0..60 %: 174 - 160 * 5 / 6
    assert (above.label_at, below.label_at) == (40.67 - 6.5, 40.67 + 6.5)
    lower = plot_search(searched_row(curve=((0.0, 0.0), (LN3, 1.01 * LN3))))
    assert lower is not None
    assert lower.plots[1].lines[0].label_at - lower.plots[1].lines[1].label_at == pytest.approx(13.0)


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
    assert found.plots[0].dots == ((66.0, 174.0), (66.0, 174.0))


def test_hostile_marks_never_reach_the_page(image_dir: Path) -> None:
    row = searched_row()
    row["search"].update(front=[[0, 0], [1, 0.1], [EVIL, EVIL]], delivered=[EVIL, 0], stopped_itself=EVIL, curve=[EVIL, *CURVE])
    page = report(image_dir, row)
    assert page.count("How the search went") == 1
    assert "alert" not in page
    assert page.count("<script") == 1
    assert not re.findall(r"<(?:image|use|foreignObject)\b", page)


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
