"""Columns that should not be learnt from: planted keys, constants, texts and columns that were written after the click."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.column_doubts import find_post_click, names_post_click, say_left_out, why_not_a_category
from adcreative.catalog.log_schema import propose_schema, reject_columns, render_rejected


def planted(num: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    click = (rng.random(num) < 0.2).astype(int)
    return pd.DataFrame(
        {
            "click": click,
            "user": [f"u{at}" for at in range(num)],
            "placement": rng.choice(["feed", "story"], num),
            "request_id": [f"r{at:06d}" for at in range(num)],
            "country": "NL",
            "title": [f"buy this good thing number {at}" for at in range(num)],
            "purchase": click * (rng.random(num) < 0.3),
            "landed": pd.Series(rng.choice(["a", "b"], num)).where(click == 1),
            "seconds": click * rng.random(num),
            "echo": np.where(click == 1, "yes", "no"),
            "bid": rng.random(num),
        }
    )


@pytest.mark.parametrize("name", ["purchase", "numOrders", "order_value", "Revenue", "addToCart", "is_conversion", "umsatz"])
def test_names_of_what_comes_after_a_click(name: str) -> None:
    assert names_post_click(name)


@pytest.mark.parametrize(
    "name", ["border", "placement", "purchase_history", "conversion_goal", "reordering", "order_before", "price"]
)
def test_names_that_only_look_so(name: str) -> None:
    assert not names_post_click(name)


def test_planted_leaks_are_found_and_nothing_else() -> None:
    table = planted()
    found = find_post_click(table, "click", list(table.columns), kept=())
    assert set(found) == {"purchase", "landed", "seconds", "echo"}
    assert found["landed"] == found["seconds"] == "it has values only where a row was clicked"
    assert found["echo"] == "it tells clicks nearly perfectly"
    assert "echo" not in find_post_click(table, "click", list(table.columns), kept=("echo",))
    assert find_post_click(table, "click", ["bid"], conversion="bid") == {"bid": "the schema calls it the conversion"}
    assert say_left_out({"echo": "why"}, "how") == 'written after the click, it seems, and left out: "echo" (why); how'


def test_keys_constants_and_texts_are_no_categories() -> None:
    table = planted()
    assert why_not_a_category(table["request_id"]).startswith("every row has a value of its own")
    assert why_not_a_category(table["country"]) == "it has one value in the first 4,000 rows"
    assert "free text" in why_not_a_category(table["title"])
    assert why_not_a_category(table["placement"]) == ""
    nearly = table["request_id"].where(np.arange(len(table)) % 20 > 0, "r0")
    assert "values in 4,000 rows: a key of rows" in why_not_a_category(nearly)


def test_a_proposal_leaves_them_out_with_reasons_and_keeps_the_user() -> None:
    table = planted()
    schema, doubts = reject_columns(propose_schema(table), table)
    assert set(doubts) == {"request_id", "country", "title", "landed", "seconds", "echo"}
    assert schema.conversion == "purchase"
    assert schema.categorical == ("user", "placement")
    assert schema.numeric == ("bid",)
    assert '# ignore "request_id": every row has a value of its own' in render_rejected(doubts)
