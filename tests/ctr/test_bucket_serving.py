"""SDIM from kept buckets gives the rates of the whole history: of new users, and of histories that grow, slide and restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.bucket_serving import BucketServing, count_appended, open_predict
from adcreative.ctr.inputs.log_encoding import LogRows, fit_encoding
from adcreative.ctr.log_network import LogModel, build_log_network
from adcreative.ctr.networks.dnn import DNNConfig
from adcreative.ctr.networks.sdim import SDIM, SDIMConfig
from adcreative.errors import ConfigError

NUM_ITEMS, MAX_HISTORY, SLATE = 40, 30, 5


def make_log(num_users: int = 6, num_visits: int = 12, *, seed: int = 0) -> pd.DataFrame:
    """Visits of users by turns, each a slate of candidates against the history so far, to which 0 to 5 items were added."""
    rng = np.random.default_rng(seed)
    pasts: list[list[str]] = [[] for _ in range(num_users)]
    rows: list[tuple[int, int, str, list[str], str]] = []
    for _ in range(num_visits):
        for user, past in enumerate(pasts):
            past += [f"i{k}" for k in rng.integers(0, NUM_ITEMS, rng.integers(0, 6))]
            if rng.random() < 0.05:
                past.clear()  # forgotten on request: the kept buckets must not speak of it
            slate = rng.integers(0, NUM_ITEMS, SLATE)
            rows += [(int(rng.random() < 0.3), user, f"i{k}", list(past), f"p{k % 3}") for k in slate]
    return pd.DataFrame(rows, columns=["click", "user", "item", "past", "placement"])


def build(name: str = "sdim", *, user: str = "user", config: Any = None) -> tuple[LogModel, LogRows]:
    log = make_log()
    schema = LogSchema(
        label="click",
        user=user,
        categorical=("item", "placement"),
        sequences={"past": "item", "places": "placement"},
        max_history=MAX_HISTORY,
    )
    log["places"] = [[f"p{int(one[1:]) % 3}" for one in past] for past in log["past"]]
    encoding = fit_encoding([log], schema)
    chosen = config or SDIMConfig(num_hashes=12, short_length=4, hidden_dims=(16,))
    network = build_log_network(name, encoding.spec, chosen, dim=8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for table in network.inputs.embedding_weights():
            table.mul_(1e4)  # tables start at 1e-4, where a history says nothing
    return LogModel(name, encoding, chosen, 8, network.eval(), {}), encoding.encode(log)


@pytest.mark.parametrize("variant", ["paper", "fuxictr"])
def test_rates_are_those_of_the_plain_form(variant: str) -> None:
    config = SDIMConfig(variant=variant, num_hashes=12, short_length=4, hidden_dims=(16,))
    model, rows = build(config=config)
    plain = model.predict(rows)["ctr"]
    assert plain.std() > 0.01
    serving = BucketServing(model)
    halves = [serving.predict(rows.rows(part))["ctr"] for part in (slice(0, 151), slice(151, None))]  # cut within a slate
    np.testing.assert_allclose(np.concatenate(halves), plain, atol=1e-6)
    assert len(serving._kept) == 6


def test_the_whole_history_is_served_and_not_only_its_last_items() -> None:
    """Broken twin: buckets that nothing is added to, as where only new users were encoded."""
    model, rows = build()
    plain = model.predict(rows)["ctr"]
    broken = BucketServing(model)
    broken.network.long_term.move = lambda cache, added, dropped: cache  # type: ignore[method-assign]
    assert np.abs(broken.predict(rows)["ctr"] - plain).max() > 1e-3


def test_a_history_that_grew_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = build()
    serving, num_encoded = BucketServing(model), 0
    encode = serving.network.encode_history

    def counted(items: torch.Tensor) -> Any:
        nonlocal num_encoded
        num_encoded += 1
        return encode(items)

    monkeypatch.setattr(serving.network, "encode_history", counted)
    serving.predict(rows)
    num_runs = len(serving._starts(rows))
    assert num_runs > 60
    assert num_encoded < 20  # six users, and after a history was forgotten
    serving.predict(rows.rows(slice(len(rows) - SLATE, None)))
    assert num_encoded < 20


def test_rows_without_a_user_share_nothing_but_their_run() -> None:
    model, rows = build(user="")
    serving = BucketServing(model)
    np.testing.assert_allclose(serving.predict(rows)["ctr"], model.predict(rows)["ctr"], atol=1e-6)
    assert len(serving._kept) == 0


def test_the_user_not_seen_for_longest_goes_first() -> None:
    model, rows = build()
    serving = BucketServing(model, max_users=2)
    np.testing.assert_allclose(serving.predict(rows)["ctr"], model.predict(rows)["ctr"], atol=1e-6)
    assert len(serving._kept) == 2


def test_thousands_of_items_that_came_and_went_leave_no_trace() -> None:
    """Broken twin: without counts, what rounding leaves of an emptied bucket is scaled to length 1."""
    model, _ = build()
    sdim = model.network.network
    assert isinstance(sdim, SDIM)
    scale = 10 ** (12 * torch.rand(3000, 1, generator=torch.Generator().manual_seed(3)) - 9)  # sums are rounded
    items = scale * torch.randn(3000, 16, generator=torch.Generator().manual_seed(1))
    cache = sdim.encode_history(items[:5])
    for start in range(2990):
        cache = sdim.long_term.move(cache, items[start + 5 : start + 6], items[start : start + 1])
    target = torch.randn(20, 16, generator=torch.Generator().manual_seed(2))
    fresh = sdim.encode_history(items[2990:2995])
    assert torch.equal(cache.counts, fresh.counts)
    torch.testing.assert_close(sdim.long_term.look_up(target, cache), sdim.long_term.look_up(target, fresh), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("kept", "ids", "num"),
    [
        ([0, 0, 1, 2], [0, 1, 2, 3], 1),
        ([0, 0, 1, 2], [0, 0, 1, 2], 0),
        ([1, 2, 3, 4], [3, 4, 5, 6], 2),
        ([0, 0, 0, 0], [0, 0, 1, 2], 2),
        ([7, 7, 7, 7], [7, 7, 7, 7], 0),
        ([0, 0, 1, 2], [0, 0, 2, 1], None),
        ([1, 2, 3, 4], [0, 0, 0, 0], None),
    ],
)
def test_what_was_appended(kept: list[int], ids: list[int], num: int | None) -> None:
    assert count_appended(np.array(kept)[:, None], np.array(ids)[:, None]) == num


def test_other_networks_and_sizes_are_refused() -> None:
    model, _ = build("dnn", config=DNNConfig(hidden_dims=(8,)))
    with pytest.raises(ConfigError, match="buckets are kept of SDIM's histories, got a model of dnn"):
        BucketServing(model)
    with pytest.raises(ConfigError, match="max_users must be at least 1, got 0"):
        BucketServing(build()[0], max_users=0)
    assert open_predict(model) == model.predict


def test_score_serves_long_histories_from_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_log(30, 4).to_parquet(tmp_path / "log.parquet")
    schema = 'label = "click"\nuser = "user"\ncategorical = ["item"]\nmax_history = {}\n[sequences]\npast = "item"\n'
    settings = "[inputs]\nembedding_dim = 8\n[training]\nbatch_size = 64\nmax_epochs = 2\n[network]\nnum_hashes = 12\n"
    (tmp_path / "settings.toml").write_text(settings)
    (tmp_path / "long.toml").write_text(schema.format(200))
    (tmp_path / "short.toml").write_text(schema.format(50))
    asked: list[int] = []
    predict = BucketServing.predict
    monkeypatch.setattr(BucketServing, "predict", lambda self, rows: asked.append(len(rows)) or predict(self, rows))
    for name, is_kept in (("short", False), ("long", True)):
        pipeline.train_log(
            tmp_path / "log.parquet",
            tmp_path / name,
            schema=tmp_path / f"{name}.toml",
            network="sdim",
            settings=tmp_path / "settings.toml",
        )
        pipeline.score_log(tmp_path / "log.parquet", tmp_path / f"{name}.csv", model=tmp_path / name)
        assert bool(asked) == is_kept
    model, log = LogModel.load(tmp_path / "long"), pd.read_parquet(tmp_path / "log.parquet")
    plain = model.predict(model.encoding.encode(log, has_labels=False))["ctr"]
    np.testing.assert_allclose(pd.read_csv(tmp_path / "long.csv")["ctr"], plain, atol=2e-6)
    asked.clear()
    found = pipeline.evaluate_log(tmp_path / "log.parquet", tmp_path / "figures.json", model=tmp_path / "long")
    assert asked
    assert found["num_rows"] == len(log)
