"""Shapes, sizes and weights against the dated formats; and the formats against each other."""

from __future__ import annotations

from datetime import date
from importlib import resources

import pytest
import yaml

from adcreative.delivery.placements import fit_picture, read_placements


@pytest.mark.parametrize(
    ("size_px", "where", "fits"),
    [
        ((1200, 628), {"platform": "google"}, ("Google landscape",)),
        ((600, 314), {"platform": "Google Display"}, ("Google landscape",)),
        ((1080, 1080), {"platform": "meta"}, ("Meta feed, square",)),
        ((1080, 1080), {}, ("Google square", "Meta feed, square")),
        ((1080, 1350), {"platform": "Instagram", "placement": "feed"}, ("Meta feed, portrait",)),
        ((1080, 1920), {"platform": "meta", "placement": "story"}, ("Meta stories and reels",)),
        ((1080, 1080), {"platform": "pinterest"}, ("Google square", "Meta feed, square")),
        ((300, 250), {"platform": "display"}, ("Display 300x250, medium rectangle",)),
        ((250, 250), {}, ("Display 250x250, square",)),
        ((970, 250), {}, ("Display 970x250, billboard",)),
        ((1280, 720), {"platform": "meta"}, ("Meta feed, between 4:5 and 1.91:1",)),
        ((800, 600), {}, ("Meta feed, between 4:5 and 1.91:1",)),
    ],
)
def test_a_picture_fits_the_formats_of_its_platform(size_px: tuple[int, int], where: dict, fits: tuple[str, ...]) -> None:
    found = fit_picture(size_px, 100_000, **where)
    assert (found.fits, found.problems) == (fits, ())


def test_the_ratio_may_be_one_percent_off_and_no_more() -> None:
    assert fit_picture((1010, 1000), platform="meta").fits == ("Meta feed, square",)
    assert fit_picture((1011, 1000), platform="google").fits == ()
    assert fit_picture((1011, 1000), platform="meta").fits == ("Meta feed, between 4:5 and 1.91:1",)
    assert fit_picture((301, 250), platform="google").fits == ()  # of a banner no pixel may lack


def test_what_keeps_a_picture_out_says_what_to_do() -> None:
    (shape,) = fit_picture((1280, 720), platform="google").problems
    assert shape.startswith("has no usual Google shape (1280x720 px), so the platform may cut it; ")
    assert shape.endswith("cut it to 1280x670 px yourself for Google landscape")
    (story,) = fit_picture((1080, 1080), platform="meta", placement="Story").problems
    assert story.endswith("cut it to 608x1080 px yourself for Meta stories and reels")
    (small,) = fit_picture((299, 299), platform="google").problems
    assert small == "is too small for Google square: 299x299 px, at least 300x300 px are needed"
    (heavy,) = fit_picture((1200, 1200), 6 * 2**20, platform="google").problems
    assert heavy == "is too heavy for Google square: 6.0 MB, at most 5 MB are taken"
    assert fit_picture((1200, 1200), 6 * 2**20).fits == ("Meta feed, square",)
    (banner,) = fit_picture((728, 90), 200 * 2**10).problems
    assert banner == "is too heavy for Display 728x90, leaderboard: 200 kB, at most 150 kB are taken"


def test_no_cut_is_advised_that_no_format_takes() -> None:
    (small,) = fit_picture((200, 300), platform="google").problems
    assert small.endswith("it is too small to be cut: make it anew in 960x1200 px for Google portrait")
    (other,) = fit_picture((640, 400), platform="google").problems
    assert other.endswith("cut it to 640x335 px yourself for Google landscape")
    (third,) = fit_picture((400, 440), platform="google").problems  # nearest to 4:5, which takes no less than 480x600
    assert third.endswith("cut it to 400x400 px yourself for Google square")


def test_a_cut_has_the_shape_that_it_promises() -> None:
    for size_px in ((700, 1280), (3000, 700), (800, 3000), (2000, 1000)):
        (problem,) = fit_picture(size_px).problems
        width, height = map(int, problem.split("cut it to ")[1].split(" px")[0].split("x"))
        assert width <= size_px[0]
        assert height <= size_px[1]
        assert fit_picture((width, height)).fits


def test_advice_is_no_problem() -> None:
    found = fit_picture((540, 960), platform="meta", placement="reel")
    assert found.problems == ()
    assert found.notes[0] == "1080x1920 px are advised for Meta stories and reels"
    assert "the top 14% and the bottom 35%" in found.notes[1]


def test_the_formats_are_dated_sourced_and_sound() -> None:
    rules, tolerance = read_placements()
    pack = yaml.safe_load((resources.files("adcreative.delivery.rules") / "placements.yaml").read_text())
    assert isinstance(pack["checked_on"], date)
    assert tolerance == 0.01
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.sources
        assert all(source.startswith("https://") for source in rule.sources)
        found = fit_picture(rule.advised_px, platform=rule.platform, placement=(*rule.placements, "")[0])
        assert rule.name in found.fits
        assert not [note for note in found.notes if "advised" in note]


def test_what_a_platform_covers_is_not_said_of_a_layout_that_keeps_clear_of_it() -> None:
    assert any("with their own controls" in note for note in fit_picture((1080, 1920)).notes)
    assert not any("with their own controls" in note for note in fit_picture((1080, 1920), is_clear=True).notes)
