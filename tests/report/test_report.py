"""The report: what it may claim, what it embeds, and that hostile text stays text."""

from __future__ import annotations

import io
import re
import time
import tracemalloc
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from PIL import Image

from adcreative.creative import Edit, EditResult, FaceReport, FailedCreative
from adcreative.problem import Problem
from adcreative.provenance.disclosure import disclosures_of_run
from adcreative.report import pictures, rates, words, write_report
from adcreative.report.page import MAX_TABLE_ROWS
from adcreative.report.pictures import read_picture
from adcreative.report.rendering import TEMPLATE_DIR, build_environment, compile_templates, flatten
from adcreative.report.summary import calibration_sentence, summarise
from adcreative.report.wall import with_pictures
from adcreative.report.words import describe_strength, interplay, reason
from stylegan.faces.visible_changes import SHOWN_UNITS

CALIBRATION = {"n": 1684, "ece": 0.0009, "pairwise_accuracy_significant": 0.72, "data": "held-out tests"}
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def edited_row(**changes: object) -> dict:
    values: dict = {
        "file_name": "a.png",
        "status": "edited",
        "edited_image": "images/a.edited.png",
        "headline_original": "Coats for rain",
        "headline_edited": "Coats that love rain",
        "ctr_original": 0.0150,
        "ctr_original_judge": 0.0148,
        "ctr_control": 0.0149,
        "ctr_edited": 0.0171,
        "ctr_edited_low": 0.0130,
        "ctr_edited_high": 0.0220,
        "ctr_edited_judge": 0.0160,
        "identity_similarity": 0.93,
        "uplift_low": 0.02,
        "uplift_high": 0.27,
        "faces": FaceReport(found=2, edited=1, refused=("face 2 is 20 px wide",)),
        "edits": (Edit(face=0, direction="smile", strength=1.2), Edit(face=-1, direction="headline", strength=1.0)),
        "evaluations": 264,
        "seconds": 12.0,
        "seed": 7,
        "evidence": "Words: real tests. Faces: simulated.",
    }
    return EditResult(**{**values, **changes}).as_dict()


@pytest.fixture
def image_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    before = np.kron(rng.integers(60, 200, (30, 50, 3)), np.ones((40, 40, 1))).astype(np.uint8)  # 1200 x 2000
    before[1000:1100:4, 100:600] = (228, 20, 46)  # thin red lines, where JPEG errs most
    after = before.copy()
    after[400:560, 800:1000] //= 2
    Image.fromarray(before).save(folder / "a.original.jpg", quality=80)
    Image.fromarray(after).save(folder / "a.edited.png")
    Image.fromarray(before).save(folder / "a.control.png")
    return folder


def report(image_dir: Path, *results: dict, **changes: object) -> str:
    settings = {"seed": 7, "calibration": CALIBRATION}
    options: dict = {"settings": settings, "image_dir": image_dir, "cards": (), "failures": (), **changes}
    return write_report(image_dir.parent / "report.html", list(results), **options).read_text(encoding="utf-8")


def test_page_is_self_contained_and_asks_for_nothing(image_dir: Path) -> None:
    page = report(image_dir, edited_row())
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?!data:|#)(?:https?:|//|file:|images/)""", page)
    assert (
        len(re.findall(r'<img [^>]*src="data:image/jpeg;base64,', page)) == 7
    )  # a pair at the top, before, after, three close-ups
    assert page.count("<script") == 1


def test_the_control_is_behind_the_details_and_the_best_pair_at_the_top(image_dir: Path) -> None:
    page = report(image_dir, edited_row())
    assert page.index('class="pair-best"') < page.index("At a glance")
    assert page.index("Close-up after") < page.index("Details: three models") < page.index('alt="Close-up of the control"')


def test_embedded_pictures_are_small(image_dir: Path) -> None:
    large = pictures.read_picture(image_dir / "a.original.jpg")
    small = pictures.preview(large)
    assert large is not None
    assert small is not None
    assert (large.width, large.height, small.width, small.height) == (2000, 1200, 720, 432)


def test_page_says_the_numbers_in_percent(image_dir: Path) -> None:
    page = report(
        image_dir, edited_row(), EditResult(file_name="b.png", status="kept", reason="the judge saw a loss").as_dict()
    )
    for text in (
        "1 of 2 creatives",
        "1.50%",
        "1.49%",
        "1.71%",
        "1.60%",
        "1.30% – 2.20%",
        "+14%",
        "+8.1%",
        "more smile (clear, +1.2",
    ):
        assert text in page, text
    assert "<del>for</del><ins>that love</ins>" in page
    assert "face 2 is 20 px wide" in page
    assert "the judge saw a loss" in page
    assert "Words: real tests. Faces: simulated." in page
    assert "0.09 percentage points off" in page


@pytest.mark.parametrize("field", ["ctr_original", "ctr_control", "ctr_edited", "ctr_edited_judge", "ctr_original_judge"])
def test_no_gain_is_stated_when_a_part_is_missing(image_dir: Path, field: str) -> None:
    page = report(image_dir, edited_row(**{field: None}))
    assert "No gain is stated" in page
    assert not re.findall(r"[+−]\d+(?:\.\d)?%", page)
    assert "1.30% – 2.20%" not in page


def test_no_gain_is_stated_without_calibration(image_dir: Path) -> None:
    page = report(image_dir, edited_row(), settings={"seed": 7})
    assert "calibration of this predictor is not known" in page
    assert not re.findall(r"[+−]\d+(?:\.\d)?%", page)


def test_calibration_may_come_from_a_model_card(image_dir: Path) -> None:
    page = report(image_dir, edited_row(), settings={}, cards=[{"name": "predictor", "calibration": "Off by 0.1 points."}])
    assert "Off by 0.1 points." in page
    assert "+14%" in page


def test_what_works_in_the_account_is_told_where_chance_does_not_explain_it(image_dir: Path) -> None:
    effect = {"feature": "number", "label": "a number", "effect": 0.12, "low": 0.03, "high": 0.2, "ads": 1340}
    unsure = {**effect, "label": "a <question>", "low": -0.1}
    cards = [{"name": "judge"}, {"name": "predictor", "word_effects": [effect, unsure]}]
    page = report(image_dir, edited_row(), cards=cards)
    assert "What works in this account" in page
    assert "<td>a number</td><td>+13%</td><td>+3.0% to +22%</td><td>1,340</td>" in page
    assert "question" not in page
    assert "What works" not in report(image_dir, edited_row(), cards=[{"name": "predictor", "word_effects": [unsure]}])


def test_likeness_and_realism_stand_beside_an_edit_and_older_rows_do_without(image_dir: Path) -> None:
    page = report(image_dir, edited_row(realism=0.91))
    assert "Likeness to the original: 0.93" in page
    assert "Realism: 0.91 (1.00 is as real as the original)." in page
    older = {name: value for name, value in edited_row().items() if name != "realism"}
    assert "Realism" not in report(image_dir, older)


def test_words_inside_a_picture_are_left_to_who_draws_it(image_dir: Path) -> None:
    assert "have it redrawn" in report(image_dir, edited_row())
    assert "have it redrawn" not in report(image_dir, edited_row(headline_edited="Coats for rain"))
    assert "have it redrawn" not in report(image_dir, edited_row(edited_image="", file_name=""))


def test_words_only_edit_is_its_own_control() -> None:
    row = edited_row(ctr_control=None, edits=(Edit(face=-1, direction="headline", strength=1.0),))
    lift = rates.measure_lift(row, is_calibrated=True)
    assert not lift.missing
    assert lift.over_control == lift.over_original == pytest.approx(0.14)


def test_hostile_text_stays_text(image_dir: Path) -> None:
    row = edited_row(ad_name=EVIL, headline_original=EVIL, headline_edited=EVIL + "!", evidence=EVIL, reason=EVIL)
    failures = [FailedCreative(file_name=EVIL, ad_name=EVIL, problem=EVIL, remedy=EVIL)]
    page = report(image_dir, row, failures=failures, settings={"title": EVIL, EVIL: EVIL}, cards=[{"name": EVIL, EVIL: [EVIL]}])
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert" in page


def test_missing_and_broken_pictures_do_not_stop_the_report(image_dir: Path) -> None:
    (image_dir / "a.edited.png").write_bytes(b"not a picture")
    (image_dir / "a.control.png").unlink()
    assert "Coats" in report(image_dir, edited_row(), edited_row(file_name="", edited_image=""))


def test_a_failed_write_keeps_the_old_report(image_dir: Path) -> None:
    report(image_dir, edited_row())
    old = (image_dir.parent / "report.html").read_bytes()
    with pytest.raises(UndefinedError, match="has no attribute"):
        report(image_dir, edited_row(), failures=[object()])
    assert (image_dir.parent / "report.html").read_bytes() == old
    assert not list(image_dir.parent.glob(".*.part"))


def test_beyond_the_limit_creatives_are_listed_without_pictures(image_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.report.page.MAX_CARDS", 2)
    page = report(image_dir, *[edited_row(ad_name=f"ad {number}") for number in range(5)])
    assert page.count("<article") == 2
    assert all(f"ad {number}" in page for number in range(5))


class _ManyRows(Sequence[dict]):
    """Rows that are made when they are read, as those of a log; each brings a search of some kilobytes."""

    def __init__(self, num: int) -> None:
        self.num = num

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, number: int) -> dict:  # type: ignore[override]
        if number >= self.num:
            raise IndexError(number)
        rate = 0.0155 + 1e-6 * (number * 7919 % self.num)  # the smaller of two gains, so the cautious one
        return edited_row(ad_name=f"ad {number}", ctr_edited_judge=rate, search={"notes": f"{number} " * 2000})


def test_the_listed_are_the_best_of_all(image_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.report.page.MAX_CARDS", 2)
    monkeypatch.setattr("adcreative.report.page.MAX_TABLE_ROWS", 4)
    rows = _ManyRows(30)
    page = report(image_dir, *rows)
    best = sorted(rows, key=lambda row: -row["ctr_edited_judge"])  # naive twin
    assert re.findall(r"ad \d+", page[page.index("<article") :])[0] == best[0]["ad_name"]
    listed = set(re.findall(r"\bad \d+\b", page))
    assert listed == {row["ad_name"] for row in best[:4]}


def test_memory_does_not_grow_with_the_rows(image_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.report.page.MAX_CARDS", 2)
    monkeypatch.setattr("adcreative.report.page.MAX_TABLE_ROWS", 20)

    def peak_bytes(num: int) -> int:
        rows = _ManyRows(num)
        tracemalloc.start()
        try:
            disclosures_of_run(rows, date(2026, 11, 25))
            options: dict = {"settings": {"calibration": CALIBRATION}, "cards": (), "failures": ()}
            write_report(image_dir.parent / "report.html", rows, image_dir=image_dir, **options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(50)  # templates and rules are loaded once
    assert peak_bytes(1000) - peak_bytes(200) < 1_000_000, "800 rows measure 8 MB"


def test_empty_run_is_a_page(image_dir: Path) -> None:
    assert "No edit held up" in report(image_dir)


def test_what_a_run_rests_on_is_what_all_its_ads_say() -> None:
    told = [
        ["words: real tests", "picture: simulated", "the words are in Spanish"],
        ["words: real tests", "picture: simulated"],
    ]
    rows = [{"status": "kept", "evidence_clauses": said} for said in told]
    assert summarise(rows, num_failures=0, calibration="yes").evidence == "words: real tests; picture: simulated"
    assert summarise([*rows, {"status": "kept"}], num_failures=0, calibration="").evidence


def test_ads_without_rates_are_not_said_to_have_failed_a_check(image_dir: Path) -> None:
    kept = EditResult(file_name="b.png", status="kept", headline_original="Boots", is_untested=True).as_dict()
    page = report(image_dir, kept)
    assert "No version is surely better: the creative stays as it is." in page
    assert ">Expected change</th>" not in page  # no columns that are empty for all


def test_versions_of_ads_without_rates_open_the_report(image_dir: Path) -> None:
    alternatives = ({"headline": "Dry feet", "image": "images/a.edited.png"}, {"headline": "Wet feet", "image": ""})
    kept = EditResult(file_name="a.png", status="kept", headline_original="Boots", is_untested=True, alternatives=alternatives)
    page = report(image_dir, kept.as_dict())
    assert "2 versions are worth a test, none surely better." in page
    assert page.index("a version to test") < page.index("No click rate and no gain is stated")


def test_summary_counts_and_means() -> None:
    rows = [edited_row(), edited_row(ctr_edited=0.0180)]
    rows[1].update(ctr_true_original=0.010, ctr_true_edited=0.011)
    summary = summarise([*rows, {"status": "kept"}, {"status": "failed"}], num_failures=3, calibration="yes")
    assert (summary.num_creatives, summary.num_edited, summary.num_kept, summary.num_failed) == (6, 2, 1, 3)
    assert summary.ctr_after == pytest.approx((0.0171 + 0.0180) / 2)
    assert summary.mean_true_lift == pytest.approx(0.1)


def test_failures_are_streamed_counted_once_and_listed_up_to_an_end(image_dir: Path) -> None:
    failures = (
        FailedCreative(file_name=f"f{number}.png", ad_name="", problem="It is damaged.", remedy="Save it again.")
        for number in range(MAX_TABLE_ROWS + 7)
    )
    page = report(image_dir, edited_row(), edited_row(status="failed", file_name="f0.png"), failures=failures)
    assert f"1 edited, 0 kept as they were because no gain survived the checks, {MAX_TABLE_ROWS + 7} failed" in page
    assert f"1 of {MAX_TABLE_ROWS + 8} creatives" in page
    assert "7 more are in results.failures.csv" in page
    assert page.count("It is damaged.") == MAX_TABLE_ROWS
    few = report(image_dir, edited_row(status="failed"), failures=[])
    assert "1 failed" in few
    assert "more are in results.failures.csv" not in few


def test_figures_that_are_not_numbers_count_as_missing() -> None:
    assert "nan" not in calibration_sentence({"calibration": {"ece": 0.001, "pairwise_accuracy": float("nan")}}, [])
    lift = rates.measure_lift(edited_row(ctr_edited_judge=float("nan")), is_calibrated=True)
    assert lift.missing == ("the second model's rate after",)


def test_calibration_sentence_of_nothing_is_empty() -> None:
    assert calibration_sentence({}, [{}, {"calibration": None}]) == ""


@pytest.mark.parametrize(
    ("rate", "lift", "thousands"), [(0.01, 0.10, 163), (0.01, 0.20, 42.7), (0.02, 0.10, 80.7), (0.02, 0.30, 9.8)]
)
def test_impressions_match_the_published_table(rate: float, lift: float, thousands: float) -> None:
    """Sample sizes of the two-proportion test as tabulated in the project's survey of peers (80 % power, 5 % level)."""
    assert rates.impressions_per_arm(rate, lift) == pytest.approx(1000 * thousands, rel=0.006)


@pytest.mark.parametrize(("rate", "lift"), [(0.01, 0.0), (0.01, -0.1), (0.0, 0.2), (0.9, 0.5)])
def test_no_impressions_settle_what_is_no_gain(rate: float, lift: float) -> None:
    assert rates.impressions_per_arm(rate, lift) is None


def test_the_interval_of_a_change_stands_beside_it(image_dir: Path) -> None:
    page = report(image_dir, edited_row())
    assert "Nine times in ten between +2.0% and +27%." in page
    assert "+14% <small>(+2.0% to +27%)</small>" in page
    assert "may also gain nothing" not in page  # though the interval of the rate holds the original's
    assert "may also gain nothing" in report(image_dir, edited_row(uplift_low=-0.01))


def test_results_of_earlier_versions_have_no_interval_of_the_change(image_dir: Path) -> None:
    older = {name: value for name, value in edited_row().items() if not name.startswith("uplift_")}
    page = report(image_dir, older)
    assert "Nine times in ten" not in page
    assert "may also gain nothing" in page  # the rate's interval is all there is to go by


def test_chart_places_every_mark_on_the_axis() -> None:
    chart = rates.build_chart(rates.rate_rows(edited_row()))
    assert chart is not None
    marks = [m for row in chart.rows for m in (row.rate, row.low, row.high, row.start) if m is not None]
    assert all(0 < chart.place(mark) < 100 for mark in marks)
    assert [row.kind for row in chart.rows] == ["original", "control", "edited", "judge"]
    assert rates.build_chart([]) is None


@given(st.text(max_size=200), st.text(max_size=200))
def test_comparison_holds_both_texts(before: str, after: str) -> None:
    change = words.compare_texts("Headline", before, after)
    if change.is_changed:
        assert "".join(s.text for s in change.segments if s.kind != "added") == before
        assert "".join(s.text for s in change.segments if s.kind != "removed") == after
    else:
        assert before == after


def test_ten_thousand_characters_are_clipped() -> None:
    change = words.compare_texts("Headline", "a " * 5000, "b " * 5000)
    assert len(change.before) < 1300
    assert "more characters" in change.after
    assert change.is_rewritten


def test_a_label_that_is_cut_says_no_number() -> None:
    assert words.clip("[AD02]_[SUMMER]", 9) == "[AD02]_[…"
    assert words.clip("[AD02]_[S", 9) == "[AD02]_[S"


def test_comparison_of_hostile_repetition_is_quick() -> None:
    started_s = time.monotonic()
    words.compare_texts("Headline", "a " * 120, "a b " * 60)
    assert time.monotonic() - started_s < 1


@pytest.mark.parametrize(
    ("direction", "strength", "said"),
    [
        ("smile", 1.2, "more smile (clear, +1.2)"),
        ("smile", -2.0, "less smile (strong, \N{MINUS SIGN}2.0)"),
        ("eyes_open", 0.3, "eyes wider open (slight, +0.3)"),
        ("left_brow", 1.0, "left brow +1.0 (clear)"),
    ],
)
def test_edits_are_said_in_words(direction: str, strength: float, said: str) -> None:
    assert words.describe_edit(direction, strength) == said


def test_what_is_seen_of_a_face_is_said_in_millimetres_and_degrees() -> None:
    edits: list[dict[str, Any]] = [
        {"face": 0, "direction": "smile", "strength": 2.0, "shown": 4.2},
        {"face": 1, "direction": "gaze_x", "strength": 2.0, "shown": -9.6},
    ]
    assert words.describe_face_edits(edits) == (
        "Face 1: more smile (mouth corners 4 mm up and out)",
        "Face 2: gaze moved sideways (10° to the picture's left)",
    )
    assert set(words.SHOWN_WORDS) == set(SHOWN_UNITS)
    assert words.ask_of_face(edits[:1]) == "a question for a test: more smile against the face as it is"
    assert words.ask_of_face([{"face": -1, "direction": "crop", "strength": 0.4}]) == ""


@pytest.mark.parametrize(
    ("change", "said"), [(0.12, "+12%"), (0.0995, "+10%"), (-0.034, "\N{MINUS SIGN}3.4%"), (0.0, "±0%"), (None, "–")]
)
def test_changes_are_signed(change: float | None, said: str) -> None:
    assert words.signed_percent(change) == said


def test_changed_box_ignores_compression_and_finds_the_edit(image_dir: Path) -> None:
    before, after = (pictures.read_picture(image_dir / name) for name in ("a.original.jpg", "a.edited.png"))
    box = pictures.changed_box(before, after)
    assert box is not None
    assert box[0] <= 800 < 1000 <= box[2]
    assert box[1] <= 400 < 560 <= box[3]
    assert box[2] - box[0] == box[3] - box[1] < 400
    assert pictures.changed_box(before, before) is None
    assert pictures.changed_box(before, after.resize((50, 30)) if after else None) is None


def test_settings_are_flat_and_forget_the_users_folders() -> None:
    pairs = dict(flatten({"data": "/home/anna/clients/acme", "a": {"b_c": 0.25}, "none": None, "on": True, "list": [1, 2]}))
    assert pairs == {"data": "…/clients/acme", "a: b c": "0.25", "on": "yes", "list": "1, 2"}


def test_disclosures_are_listed_and_called_no_advice(tmp_path: Path) -> None:
    from datetime import date

    from adcreative.provenance.disclosure import disclosures

    duties = [one.as_dict() for one in disclosures(["all"], [{"face": 0}], date(2026, 11, 24))]
    write_report(tmp_path / "r.html", [], settings={}, image_dir=tmp_path, cards=(), failures=(), disclosures=duties)
    page = (tmp_path / "r.html").read_text()
    assert "AI Act Art. 50(4)" in page
    assert "not legal advice" in page
    write_report(tmp_path / "r.html", [], settings={}, image_dir=tmp_path, cards=(), failures=())
    assert "What may have to be disclosed" not in (tmp_path / "r.html").read_text()


def test_no_rate_and_no_gain_is_stated_without_enough_data(image_dir: Path) -> None:
    """A predictor that did no better than the mean rate: neither chart, table nor headline show a number of it."""
    edited, kept = edited_row(enough_data=False), edited_row(enough_data=False, status="kept", file_name="k.png")
    assert rates.measure_lift(edited, is_calibrated=True).missing == (rates.NOT_BETTER,)
    assert rates.rate_rows(edited) == ()
    assert rates.rate_rows(edited_row()) != ()
    older = {name: value for name, value in edited_row().items() if name != "enough_data"}
    assert rates.measure_lift(older, is_calibrated=True).missing == ()
    page = report(image_dir, edited, kept)
    assert page.count("not enough data</td>") == 2
    assert "Not enough data: on held-out creatives" in page
    for number in ("1.50%", "1.71%", "1.60%", "+14%"):
        assert number not in page, number


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("words", 12, "words +12%"),
        ("look", -3, "colours and light \N{MINUS SIGN}3%"),
        ("context", 4, "button, brand and placement +4%"),
        ("history", -1, "your earlier ads \N{MINUS SIGN}1%"),
        ("luck", 9, "luck +9%"),
    ],
)
def test_reasons_are_said_in_words(part: str, change: int, said: str) -> None:
    assert words.reason(Problem("part_change", part=part, change=change)) == said
    assert words.part("picture") == "what the picture shows"
    assert words.sentence("words: of Upworthy") == "Words: of Upworthy"
    assert words.sentence("") == ""


def other(headline: str = "Boots for rain", change: float = 0.021, **changes: object) -> dict:
    words_edit = {"face": -1, "direction": "headline", "strength": 0.0}
    return {
        "headline": headline,
        "description": "",
        "cta": "",
        "edits": [words_edit],
        "uplift": 0.02,
        "uplift_low": -0.01,
        "change": change,
        "change_low": -0.033,
        "change_high": 0.075,
        **changes,
    }


def test_a_kept_creative_lists_the_best_versions_with_their_expected_change(image_dir: Path) -> None:
    kept = EditResult(file_name="b.png", status="kept", headline_original="Boots", ctr_original=0.015).as_dict()
    smile = {"face": 0, "direction": "smile", "strength": 1.2}
    found = [other(), other(headline="Boots", change=-0.01, edits=[smile])]
    page = report(image_dir, {**kept, "alternatives": found})
    assert "The best versions that were found, none of them sure enough to deliver" in page
    assert "Headline: Boots for rain" in page
    assert "+2.1% (−3.3% to +7.5%)" in page
    assert "the words as they are" in page
    assert "more smile" in page
    for silent in ({"settings": {"seed": 7}}, {"row": {"enough_data": False}}):
        row = {**kept, **silent.get("row", {}), "alternatives": found}
        page = report(image_dir, row, **({"settings": silent["settings"]} if "settings" in silent else {}))
        assert "Headline: Boots for rain" in page
        assert "How much each would change the click rate cannot be stated." in page
        assert "+2.1%" not in page


def test_what_was_delivered_is_not_listed_again(image_dir: Path) -> None:
    row = edited_row()
    same = other(
        headline=row["headline_edited"], description=row["description_edited"], edits=row["edits"], cta=row["cta_edited"]
    )
    page = report(image_dir, {**row, "alternatives": [same, other()]})
    assert "Other versions that were found" in page
    assert page.count("Headline: Boots for rain") == 1
    assert f"Headline: {row['headline_edited']}" not in page
    assert "Other versions" not in report(image_dir, row)  # results of earlier versions list none


def test_templates_that_were_compiled_before_are_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "own.html.j2").write_text("{{ word }}", encoding="utf-8")
    environment = build_environment(tmp_path)
    compile_templates(tmp_path)
    assert {name for _, name in environment.cache} == {"own.html.j2", *(one.name for one in TEMPLATE_DIR.glob("*.j2"))}
    assert environment.get_template("own.html.j2").render(word="<b>") == "&lt;b&gt;"


def test_walls_of_new_ads_open_the_page_with_what_is_planted(tmp_path: Path) -> None:
    Image.new("RGB", (90, 90), "teal").save(tmp_path / "1x1.jpg")
    ad = {
        "folder": "",
        "lead": "Melons <b>today</b>",
        "layout": "split",
        "rate": "planted rate 1.40%",
        "nearest": 0.5,
        "missing": {},
        "alt": "a melon",
        "shapes": {"1:1": {"picture": "1x1.jpg"}},
    }
    walls = [{"title": "New for Orchard", "ads": with_pictures([ad], tmp_path)}]
    page = write_report(
        tmp_path / "r.html", [], settings={"walls": walls, "seed": 3}, image_dir=tmp_path, cards=(), failures=()
    ).read_text()
    assert page.index("New for Orchard") < page.index("data:image") < page.index("Melons &lt;b&gt;today")
    assert "split, planted rate 1.40%; 50 % like the nearest of the set" in page
    assert "walls" not in page


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_broken_picture_is_none(kind: str, tmp_path: Path) -> None:
    buffer, rng = io.BytesIO(), np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(buffer, kind)
    assert read_picture(tmp_path / "none.png") is None
    path = tmp_path / "a"
    for _ in range(300):
        content = bytearray(buffer.getvalue())
        for at in rng.integers(8, len(content), 3):
            content[at] = rng.integers(256)
        path.write_bytes(content[: rng.integers(8, len(content))])
        found = read_picture(path)
        assert found is None or found.mode == "RGB"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert read_picture(path) is None


@pytest.mark.parametrize(
    ("reasons", "change", "said"),
    [
        ({"words": -2, "faces": -2}, 0.03, ["what they do together +7%"]),
        ({"words": 12, "look": -2}, 0.0, ["what they do together \N{MINUS SIGN}9%"]),
        ({"words": 10}, 0.1, []),
        ({}, 0.3, []),
    ],
)
def test_parts_and_what_they_do_together_make_the_whole(reasons: dict[str, int], change: float, said: list[str]) -> None:
    told = [Problem("part_change", part=part, change=one) for part, one in reasons.items()]
    assert [reason(one) for one in interplay(told, change)] == said


@pytest.mark.parametrize(
    ("strength", "num_others", "said"),
    [
        (1.0, 1, "the strongest of 2"),
        (0.0, 5, "the weakest of 6"),
        (0.4, 5, "stronger than 2 of the 5 others"),
        (0.73, 30, "stronger than 7 of 10 others"),
        (0.97, 30, "stronger than nearly all others"),
        (None, 5, ""),
        (0.5, 0, ""),
    ],
)
def test_strength_is_told_by_counting_where_few_ads_were_compared(strength: float | None, num_others: int, said: str) -> None:
    assert describe_strength(strength, num_others) == said
