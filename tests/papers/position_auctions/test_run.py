"""`place` on a small article: labelled, in fitting places, with prices that are no more than the bids."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError
from adcreative.papers.position_auctions.text import describe_ad, read_places, render
from adcreative.verbs import loading

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
    for bid, message in (([1.0, None, 0.5], "has no bid; every ad needs one"), ([1.0, -2.0, 0.5], 'bid is "-2.0"')):
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
