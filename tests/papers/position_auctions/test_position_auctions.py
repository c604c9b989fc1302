"""Auctions against brute force, truthful payments, and `place` on a small article, labelled, at prices no more than bids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations, permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError
from adcreative.papers.position_auctions.model import (
    PastBids,
    allocate,
    allocate_for_revenue,
    cascade_value,
    place_for_cascade,
    vcg_prices,
)
from adcreative.papers.position_auctions.text import describe_ad, read_places, render
from adcreative.verbs import loading


class Uniform(PastBids):
    """Values equally likely between 0 and 1, in closed form."""

    def __init__(self) -> None:
        super().__init__(np.linspace(0.1, 1.0, 10).tolist())

    def virtual_value(self, value: float) -> float:
        return 2 * value - 1

    def smallest_value(self, virtual: float) -> float:
        return (virtual + 1) / 2


def brute_force(attraction: np.ndarray, values: np.ndarray, max_ads: int) -> float:
    """Return the best ratio over all matchings, by trying them."""
    best = 0.0
    for size in range(1, min(max_ads, *attraction.shape) + 1):
        for places in combinations(range(attraction.shape[1]), size):
            for ads in permutations(range(attraction.shape[0]), size):
                a = attraction[list(ads), list(places)]
                best = max(best, float(a @ values[list(ads)] / (1 + a.sum())))
    return best


def random_market(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    n, m = rng.integers(1, 6), rng.integers(1, 5)
    attraction = np.exp(rng.normal(0, 1, (n, m))) * (rng.random((n, m)) > 0.15)
    return attraction, rng.uniform(0, 1, n).round(rng.integers(1, 8)), int(rng.integers(1, 5))


def test_welfare_equals_brute_force_on_300_markets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        attraction, values, max_ads = random_market(rng)
        found = allocate(attraction, values, max_ads)
        assert found.objective == pytest.approx(brute_force(attraction, values, max_ads), abs=1e-9)
        assert found.objective == pytest.approx(float(found.chances @ values[found.ads]), abs=1e-9)
        assert len(found.ads) <= max_ads
        assert len(set(found.ads)) == len(set(found.places)) == len(found.ads)
        assert (values[found.ads] > found.objective - 1e-12).all()  # an ad below W* only takes clicks away


def test_no_misreport_pays() -> None:
    """60 markets, 4 ads each, 17 reports: utility is never larger than when telling the truth, and never negative."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        attraction = np.exp(rng.normal(0, 1, (4, 3)))
        values = rng.uniform(0, 1, 4)
        for ad in range(4):
            utilities = []
            for report in (values[ad], *np.linspace(0, 1.5, 17)):
                reported = values.copy()
                reported[ad] = report
                shown = allocate(attraction, reported, 2)
                paid = {one.ad: one.per_view for one in vcg_prices(attraction, reported, 2, shown)}
                utilities.append(values[ad] * shown.chance_of(ad) - paid.get(ad, 0.0))
            assert utilities[0] >= -1e-9
            assert max(utilities[1:]) <= utilities[0] + 1e-9


@pytest.mark.parametrize("value", [0.6, 0.9, 1.0])
def test_a_single_ad_with_uniform_values_pays_one_half(value: float) -> None:
    shown, prices = allocate_for_revenue(np.array([[1.0]]), np.array([value]), 1, [Uniform()])
    assert shown.ads.tolist() == [0]
    assert prices[0].per_click == pytest.approx(0.5)


def test_myerson_payments_equal_the_integral_and_no_misreport_pays() -> None:
    rng = np.random.default_rng(2)
    for _ in range(8):
        attraction, values = np.exp(rng.normal(0, 1, (3, 3))), rng.uniform(0.3, 1, 3)
        uniform = [Uniform()] * 3
        shown, prices = allocate_for_revenue(attraction, values, 2, uniform)
        for price in prices:
            grid = np.linspace(0, values[price.ad], 801)
            chances = []
            for z in grid:
                reported = values.copy()
                reported[price.ad] = z
                virtual = 2 * reported - 1
                chances.append(allocate(attraction, virtual, 2).chance_of(price.ad))
            integral = np.trapezoid(chances, grid)
            assert price.per_view == pytest.approx(values[price.ad] * shown.chance_of(price.ad) - integral, abs=2e-3)
            assert price.per_click <= values[price.ad] + 1e-12
        for ad in range(3):
            utilities = []
            for report in (values[ad], *np.linspace(0.05, 1.4, 8)):
                reported = values.copy()
                reported[ad] = report
                other, paid = allocate_for_revenue(attraction, reported, 2, uniform)
                utilities.append(values[ad] * other.chance_of(ad) - sum(one.per_view for one in paid if one.ad == ad))
            assert max(utilities[1:]) <= utilities[0] + 1e-9


def test_virtual_values_of_many_uniform_bids_are_those_of_the_uniform() -> None:
    bids = (np.arange(2000) + 0.5) / 2000
    past, uniform = PastBids(bids), Uniform()
    for value in (0.2, 0.5, 0.8, 0.99):
        assert past.virtual_value(value) == pytest.approx(uniform.virtual_value(value), abs=0.01)
    assert past.smallest_value(0.0) == pytest.approx(0.5, abs=0.01)


def test_virtual_values_of_two_humps_are_ironed_to_rise() -> None:
    past = PastBids([1.0] * 50 + [1.1] * 2 + [5.0] * 30 + [5.2] * 3)
    values = [past.virtual_value(value) for value in np.linspace(0.5, 6, 60)]
    assert (np.diff(values) >= -1e-12).all()


def test_impossible_markets_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[ads, places\] is needed"):
        allocate(np.ones((2, 2)), np.ones(3), 1)
    with pytest.raises(ConfigError, match="attractions must be finite"):
        allocate(-np.ones((1, 1)), np.ones(1), 1)
    with pytest.raises(ConfigError, match="values per click must be finite"):
        allocate(np.ones((1, 1)), np.array([np.nan]), 1)
    with pytest.raises(ConfigError, match="at least 5 past bids"):
        PastBids([1.0, 2.0])


def test_value_of_a_placement_by_hand() -> None:
    chances, values = np.array([[0.5, 0.5], [0.2, 0.4]]), np.array([1.0, 2.0])
    value, clicked = cascade_value(chances, values, np.array([0, 1]), np.array([0, 1]))
    assert clicked == pytest.approx([0.5, 0.2])
    assert value == pytest.approx(0.9)


def test_the_heuristic_is_worth_at_least_half_and_the_certificate_is_true() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        chances, values = rng.uniform(0, 0.9, (4, 4)), rng.uniform(0, 1, 4)
        exact = place_for_cascade(chances, values, 3)
        guessed = place_for_cascade(chances, values, 3, max_counted=0)
        assert exact.certificate == pytest.approx(1)
        assert guessed.prices is None
        assert exact.prices is not None
        assert guessed.value <= exact.value + 1e-9 <= guessed.bound + 2e-9
        assert guessed.value >= 0.5 * exact.value
        assert guessed.certificate <= guessed.value / exact.value + 1e-9


def test_counted_placements_charge_no_more_than_the_value_and_no_misreport_pays() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        chances, values = rng.uniform(0, 0.9, (3, 3)), rng.uniform(0, 1, 3)
        for ad in range(3):
            utilities = []
            for report in (values[ad], *np.linspace(0, 1.5, 9)):
                reported = values.copy()
                reported[ad] = report
                found = place_for_cascade(chances, reported, 2)
                won = float(found.chances[found.ads == ad].sum())
                utilities.append(values[ad] * won - sum(one.per_view for one in found.prices or () if one.ad == ad))
            assert utilities[0] >= -1e-9
            assert max(utilities[1:]) <= utilities[0] + 1e-9


def test_many_ads_are_placed_without_counting() -> None:
    rng = np.random.default_rng(2)
    found = place_for_cascade(rng.uniform(0, 0.2, (200, 50)), rng.uniform(0, 1, 200), 10)
    assert found.prices is None
    assert len(found.ads) <= 10
    assert (np.diff(found.places) > 0).all()
    assert found.certificate > 0.7


def test_impossible_chances_are_refused() -> None:
    with pytest.raises(ConfigError, match="click chances must lie in 0 to 1"):
        place_for_cascade(np.array([[1.2]]), np.ones(1), 1)


ARTICLE = """# A quiet weekend

Most people sleep badly in the city. A good mattress helps.

- earplugs
- curtains

On Sunday we walked for hours; good shoes were needed.

```
code stays

whole
```

The train took us home.
"""
TOPICS = ("sleep", "mattress", "walk", "shoes", "train")


class WordCounts:
    """An encoder of a few topics, so that fit can be told by hand."""

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        rows = np.array([[text.casefold().count(topic) for topic in TOPICS] for text in texts], float) + 0.01
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_tools", lambda: SimpleNamespace(clip=WordCounts()))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "article.md").write_text(ARTICLE)
    rows = [("Mattress", "Sleep on a mattress", 1.0), ("Shoes", "Shoes that walk", 0.8), ("Boots", "Shoes for a walk", 0.5)]
    table = pd.DataFrame(rows, columns=["ad_name", "headline", "bid"]).assign(ctr=0.05, url="https://example.com/x")
    table.to_csv(tmp_path / "ads.csv", index=False)
    return tmp_path


def test_ads_stand_where_they_fit_and_pay_at_most_their_bid(desk: Path) -> None:
    summary = pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "ads.csv", max_ads=2)
    text, sheet = (desk / "placed.md").read_text(), json.loads((desk / "placed.json").read_text())
    assert [row["creative"] for row in sheet["placed"]] == ["Mattress", "Shoes"]
    assert text.index("A good mattress helps.") < text.index("> **Sponsored:** Sleep on a mattress") < text.index("- earplugs")
    assert text.index("good shoes were needed.") < text.index("> **Sponsored:** Shoes that walk") < text.index("code stays")
    for row in sheet["placed"]:
        assert 0 <= row["price_per_click"] <= row["bid"]
    assert sheet["placed"][1]["price_per_click"] > 0.3  # Boots would stand there
    assert "[Learn more](https://example.com/x)" in text
    assert "exact for welfare, VCG payments" in summary.lines[-1]
    without = "\n\n".join(block for block in text.strip().split("\n\n") if not block.startswith("> **Sponsored"))
    assert without == ARTICLE.strip()  # the text itself is untouched


def test_a_named_encoder_of_other_cosines_places_the_same_ads(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose unrelated texts have a cosine of 0.8, as that of many languages: by itself every ad would fit everywhere."""

    def encode(texts: Sequence[str]) -> np.ndarray:
        rows = WordCounts().encode_texts(list(texts))
        rows = np.where(rows.max(axis=1, keepdims=True) > 0.5, rows, [[0.0] * len(TOPICS)])  # words of no topic
        rest = np.eye(len(texts))[:, :, None].reshape(len(texts), -1) * (rows.sum(axis=1, keepdims=True) == 0)
        rest = np.pad(rest, ((0, 0), (0, 64 - rest.shape[1])))
        return np.hstack([np.sqrt(0.2) * rows, np.sqrt(0.2) * rest, np.full((len(texts), 1), np.sqrt(0.8))])

    monkeypatch.setattr(loading.TextEncoder, "load", lambda name: SimpleNamespace(encode=encode))
    sheets = []
    for name in ("", "many-languages"):
        pipeline.place(desk / "article.md", desk / f"placed{name}.md", creatives=desk / "ads.csv", max_ads=2, text_encoder=name)
        sheets.append(json.loads((desk / f"placed{name}.json").read_text())["placed"])
    assert [row["creative"] for row in sheets[0]] == [row["creative"] for row in sheets[1]] == ["Mattress", "Shoes"]
    assert [row["fit"] for row in sheets[1]] == pytest.approx([row["fit"] for row in sheets[0]], abs=0.1)


@pytest.mark.parametrize("name", ["semicolons.csv", "utf16.csv", "ads.xlsx", "shop/our ads.csv"])
def test_bids_count_in_every_table_that_is_read(desk: Path, name: str) -> None:
    table = pd.read_csv(desk / "ads.csv")
    (desk / "shop").mkdir()
    path = desk / name
    if path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif path.parent == desk:
        table.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-16" if name == "utf16.csv" else "utf-8")
    else:
        Image.new("RGB", (8, 8)).save(desk / "shop" / "a.png")
        table.assign(file_name="a.png").to_csv(path, index=False)
    placed = []
    for source in (desk / "ads.csv", path.parent if name.startswith("shop") else path):
        pipeline.place(desk / "article.md", desk / f"{source.stem}.md", creatives=source, max_ads=2)
        placed.append(json.loads((desk / f"{source.stem}.json").read_text())["placed"])
    assert placed[0] == placed[1]
    assert placed[0][0]["bid"] == 1.0


def test_rates_in_percent_are_refused(desk: Path) -> None:
    pd.read_csv(desk / "ads.csv").assign(ctr=0.8).to_csv(desk / "percent.csv", index=False)
    with pytest.raises(ConfigError, match=r'"Mattress": ctr is 0\.8; 0 to 0\.3: 0\.008 stands for 0\.8 %'):
        pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "percent.csv")


def test_the_decimal_sign_of_bids_is_asked_for_and_taken(desk: Path) -> None:
    german = pd.read_csv(desk / "ads.csv").drop(columns="ctr").assign(bid=["1,250", "2,500", "1,750"])
    german.to_csv(desk / "german.csv", index=False)
    with pytest.raises(CatalogError, match="--decimals point or --decimals comma"):
        pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "german.csv")
    pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "german.csv", decimals="comma")
    assert all(row["bid"] < 3 for row in json.loads((desk / "placed.json").read_text())["placed"])


def test_own_products_pay_nothing(desk: Path) -> None:
    pd.read_csv(desk / "ads.csv").drop(columns="bid").to_csv(desk / "own.csv", index=False)
    pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "own.csv")
    assert all(row["price_per_click"] is None for row in json.loads((desk / "placed.json").read_text())["placed"])


def test_revenue_has_a_reserve_made_of_past_bids(desk: Path) -> None:
    pd.DataFrame({"bid": np.linspace(0.01, 1, 200)}).to_csv(desk / "past.csv", index=False)
    pipeline.place(
        desk / "article.md", desk / "placed.md", creatives=desk / "ads.csv", maximise="revenue", past_bids=desk / "past.csv"
    )
    placed = json.loads((desk / "placed.json").read_text())["placed"]
    assert [row["creative"] for row in placed] == ["Mattress", "Shoes"]  # Boots bids at the reserve
    assert placed[0]["price_per_click"] == pytest.approx(0.5, abs=0.1)


def test_cascade_readers_get_counted_placements_with_prices(desk: Path) -> None:
    summary = pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "ads.csv", readers="cascade")
    sheet = json.loads((desk / "placed.json").read_text())
    assert sheet["certificate"] == pytest.approx(1)
    assert all(row["price_per_click"] is not None for row in sheet["placed"])
    assert summary.lines[-1] == "all placements counted"


def test_nothing_stands_where_nothing_fits(desk: Path) -> None:
    (desk / "other.md").write_text("Prices rose.\n\nBanks fell.\n")
    pd.read_csv(desk / "ads.csv").to_csv(desk / "two.csv", index=False)
    summary = pipeline.place(desk / "other.md", desk / "placed.md", creatives=desk / "ads.csv", min_fit=0.99)
    assert "no ad fits the text" in summary.warnings[0]
    assert (desk / "placed.md").read_text() == "Prices rose.\n\nBanks fell.\n"


def test_words_of_an_ad_cannot_become_markup() -> None:
    said = describe_ad("Buy [now](http://evil)", "<script>", "A|B", "Go", "javascript:alert(1)")
    assert said == r"Buy \[now\](http://evil). \<script\> (A\|B) Go"
    assert render(read_places("One."), [(0, said)]).count("Sponsored") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readers": "cascades"}, 'readers must be compare or cascade, got "cascades"'),
        ({"maximise": "revenue"}, "belong together"),
        ({"max_ads": 0}, "max_ads must be at least 1"),
        ({"label": " "}, "must be labelled"),
    ],
)
def test_wrong_settings_write_nothing(settings: dict[str, object], message: str, desk: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "ads.csv", **settings)
    assert not (desk / "placed.md").exists()


def test_texts_and_tables_that_cannot_be_used_are_refused(desk: Path) -> None:
    (desk / "list.md").write_text("# Title\n\n- only\n- a list\n")
    (desk / "bytes.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CatalogError, match="no paragraph that an ad could follow"):
        pipeline.place(desk / "list.md", desk / "placed.md", creatives=desk / "ads.csv")
    for name in ("bytes.md", "none.md"):
        with pytest.raises(CatalogError, match="cannot be read as text"):
            pipeline.place(desk / name, desk / "placed.md", creatives=desk / "ads.csv")
    table = pd.read_csv(desk / "ads.csv")
    for bid, message in (([1.0, None, 0.5], "has no bid; every ad needs one"), ([1.0, -2.0, 0.5], "bid is -2")):
        table.assign(bid=bid).to_csv(desk / "bad.csv", index=False)
        with pytest.raises(ConfigError, match=message):
            pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "bad.csv")
    table.drop(columns="bid").to_csv(desk / "own.csv", index=False)
    (desk / "past.csv").write_text("bid\n1\n")
    with pytest.raises(ConfigError, match="revenue needs bids"):
        pipeline.place(
            desk / "article.md", desk / "placed.md", creatives=desk / "own.csv", maximise="revenue", past_bids=desk / "past.csv"
        )
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.place(desk / "article.md", desk / "placed.md", creatives=desk / "ads.csv", should_stop=lambda: True)
