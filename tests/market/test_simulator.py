from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative
from adcreative.errors import ConfigError
from adcreative.market import Market
from adcreative.market.measures import measure_look, measure_picture
from tests.market.conftest import CartoonCodec, CartoonReader, WordCounter, build_market, draw_cartoon

SCALE = 0.3


@pytest.fixture(scope="module")
def creatives(market: Market) -> list[Creative]:
    return market.make_creatives(60, seed=1, scale=SCALE)


def an_ad(smile: float) -> np.ndarray:
    image_u8 = np.full((200, 200, 3), 200, np.uint8)
    image_u8[40:104, 60:124] = draw_cartoon(smile)
    return image_u8


def words_ad(**fields: str) -> Creative:
    return Creative(headline="Wake up by the sea", brand="Solora", category="travel", placement="story", **fields)


def test_equal_seeds_make_equal_creatives_and_others_do_not(creatives: list[Creative], face_codes: np.ndarray):
    again = build_market(3, face_codes).make_creatives(60, seed=1, scale=SCALE)
    assert again == creatives
    for one, other in zip(creatives, again, strict=True):
        if one.image_u8 is not None:
            np.testing.assert_array_equal(one.image_u8, other.image_u8)
    assert build_market(3, face_codes).make_creatives(12, seed=2, scale=SCALE)[:5] != creatives[:5]


def test_without_results_the_rest_is_the_same(market: Market, creatives: list[Creative]):
    plain = market.make_creatives(60, seed=1, scale=SCALE, results=False)
    assert [c.impressions for c in plain] == [None] * 60
    assert plain == [replace(c, impressions=None, clicks=None, spend=None, currency="") for c in creatives]


def test_results_are_counts_that_can_be(creatives: list[Creative]):
    for creative in creatives:
        assert 500 <= (creative.impressions or 0) <= 20_000
        assert 0 <= (creative.clicks or 0) <= (creative.impressions or 0)
        assert (creative.spend or 0) > 0


def test_clicks_follow_the_true_rate(market: Market, creatives: list[Creative]):
    expected = sum(market.true_ctr(c) * (c.impressions or 0) for c in creatives)
    assert sum(c.clicks or 0 for c in creatives) / expected == pytest.approx(1.0, abs=0.12)


def test_accounts_have_a_history_in_date_order_and_tests_share_their_days(creatives: list[Creative]):
    by_brand, by_test = defaultdict(list), defaultdict(list)
    for creative in creatives:
        by_brand[creative.brand].append(creative)
        if creative.test_id:
            by_test[creative.test_id].append(creative)
    assert len(by_brand) > 5
    for rows in by_brand.values():
        assert len({row.category for row in rows}) == 1
        assert [row.date_start for row in rows] == sorted(row.date_start for row in rows)
        assert len(rows) <= 20
    assert len(by_test) > 5
    for rows in by_test.values():
        assert 2 <= len(rows) <= 4
        assert len({(row.brand, row.placement, row.date_start, row.date_end) for row in rows}) == 1


def test_ads_come_in_all_kinds_and_placements(market: Market):
    made = market.make_creatives(160, seed=5, scale=SCALE, results=False)
    reader = CartoonReader()
    num_faces = [-1 if c.image_u8 is None else len(reader.analyze(c.image_u8)) for c in made]
    assert set(num_faces) == {-1, 0, 1, 2, 3}
    assert {c.placement for c in made} == {"text", "feed square", "feed portrait", "link landscape", "story"}
    assert {c.category for c in made} == {"travel", "fashion", "finance", "food", "fitness", "software", "home", "beauty"}
    names = [c.ad_name for c in made]
    files = [c.file_name for c in made if c.file_name]
    assert len(set(names)) == len(names)
    assert len(set(files)) == len(files)


def test_truth_rises_with_a_smile_in_the_pixels(market: Market):
    rates = [market.true_ctr(words_ad(), an_ad(smile)) for smile in (0.3, 0.4, 0.5, 0.6)]
    assert (np.diff(rates) > 0).all()


def test_truth_changes_smoothly_with_pixels(market: Market):
    image_u8 = an_ad(0.5)
    nudged = (image_u8.astype(int) + np.random.default_rng(0).integers(-1, 2, image_u8.shape)).clip(0, 255).astype(np.uint8)
    change = market.true_ctr(words_ad(), nudged) / market.true_ctr(words_ad(), image_u8) - 1
    assert abs(change) < 0.01


def test_truth_reads_neither_names_nor_dates_nor_results(market: Market):
    plain = market.true_ctr(words_ad(), an_ad(0.5))
    named = words_ad(
        file_name="smile-0.9.jpg", ad_name="best ad", audience="women", test_id="t1", platform="meta", date_start="2024-01-01"
    )
    assert market.true_ctr(replace(named, impressions=100, clicks=100), an_ad(0.5)) == plain


def test_truth_reads_words_brand_category_and_button(market: Market):
    plain = market.true_ctr(words_ad())
    for change in ({"headline": "SEA"}, {"brand": "Other"}, {"category": "finance"}, {"cta": "Buy"}, {"description": "Free"}):
        assert market.true_ctr(replace(words_ad(), **change)) != plain


def test_truth_of_a_file_is_that_of_its_pixels(market: Market, tmp_path):
    path = tmp_path / "ad.png"
    Image.fromarray(an_ad(0.6)).save(path)
    assert market.true_ctr(words_ad(image_path=path)) == market.true_ctr(words_ad(), an_ad(0.6))


def test_markets_of_other_seeds_disagree(face_codes: np.ndarray):
    markets = [build_market(seed, face_codes) for seed in range(5)]
    gains = {m.true_ctr(words_ad(), an_ad(0.6)) / m.true_ctr(words_ad(), an_ad(0.4)) for m in markets}
    assert len(gains) == 5
    assert all(1.0 < gain < 1.4 for gain in gains)


def test_a_headline_is_scored_once(face_codes: np.ndarray):
    counter = WordCounter()
    market = Market(0, CartoonCodec(), CartoonReader(), counter, face_codes=face_codes)
    for _ in range(3):
        market.true_ctr(words_ad())
    market.true_ctr(Creative(description="no headline"))
    assert counter.num_scored == 1


def test_progress_counts_every_creative(market: Market):
    seen = []
    market.make_creatives(7, seed=0, scale=SCALE, results=False, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 7) for k in range(1, 8)]


@pytest.mark.parametrize("num", [0, -3])
def test_a_market_of_nothing_is_refused(market: Market, num: int):
    with pytest.raises(ConfigError, match=f"num must be at least 1, got {num}"):
        market.make_creatives(num, seed=0)


@pytest.mark.parametrize("scale", [0.1, 9.0])
def test_a_size_out_of_range_is_refused(market: Market, scale: float):
    with pytest.raises(ConfigError, match=rf"scale must lie in 0\.3 to 2\.0, got {scale}"):
        market.make_creatives(3, seed=0, scale=scale)


def test_looks_of_plain_pictures_are_known():
    grey = measure_look(np.full((300, 500, 3), 51, np.uint8))
    assert grey == pytest.approx({"brightness": 0.2, "contrast": 0.0, "saturation": 0.0, "warmth": 0.0}, abs=1e-6)
    halves = np.zeros((320, 320, 3), np.uint8)
    halves[:, 160:] = (255, 0, 0)
    assert measure_look(halves) == pytest.approx(
        {"brightness": 0.1495, "contrast": 0.1495, "saturation": 0.5, "warmth": 0.5}, abs=1e-3
    )


def test_a_box_beyond_the_border_counts_only_inside():
    class OutsideReader(CartoonReader):
        def analyze(self, image_u8: np.ndarray):
            (face,) = super().analyze(image_u8)
            face.box_xyxy_px = (-50.0, -50.0, 50.0, 50.0)
            return [face]

    measured = measure_picture(an_ad(0.5), OutsideReader())
    assert measured.face_shares == pytest.approx([50 * 50 / (200 * 200)])
