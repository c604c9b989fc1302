"""Logs as others write them: FuxiCTR's descriptions, raw numbers as buckets, Avazu's hours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.event_log import read_event_log
from adcreative.catalog.formats.fuxictr import read_fuxictr_schema
from adcreative.catalog.formats.logs import CRITEO_COLUMNS, iter_log, log_columns
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.log_encoding import fit_encoding
from adcreative.errors import CatalogError, ConfigError

DATASET_CONFIG = """
tiny:
  data_root: data/
  min_categr_count: 2
  feature_cols:
    - {name: [user_id, item_id], active: True, dtype: str, type: categorical}
    - {name: price, dtype: float, type: numeric}
    - {name: I1, dtype: float, type: numeric, preprocess: convert_to_bucket}
    - {name: tags, dtype: str, type: sequence, splitter: "|", max_len: 5}
    - {name: clicked, dtype: str, type: sequence, splitter: "|", max_len: 50, share_embedding: item_id}
    - {name: unused, active: False, dtype: str, type: categorical}
  label_col: {name: click, dtype: float}
"""


def test_a_dataset_config_of_fuxictr_names_every_part(tmp_path: Path) -> None:
    (tmp_path / "dataset_config.yaml").write_text(DATASET_CONFIG)
    assert read_fuxictr_schema(tmp_path / "dataset_config.yaml") == LogSchema(
        label="click",
        categorical=("user_id", "item_id"),
        bucketed=("I1",),
        numeric=("price",),
        multi_valued=("tags",),
        sequences={"clicked": "item_id"},
        separator="|",
        min_count=2,
        max_history=50,
    )


def test_a_feature_map_of_fuxictr_names_every_part(tmp_path: Path) -> None:
    features = [
        {"user_index": {"type": "meta", "source": ""}},
        {"item_id": {"type": "categorical", "vocab_size": 9}},
        {"price": {"type": "numeric"}},
        {"seq": {"type": "sequence", "share_embedding": "item_id", "max_len": 20}},
        {"image": {"type": "embedding", "pretrain_dim": 128}},
    ]
    (tmp_path / "feature_map.json").write_text(json.dumps({"dataset_id": "x", "features": features, "labels": ["label"]}))
    found = read_fuxictr_schema(tmp_path / "feature_map.json")
    assert (found.label, found.user, found.categorical, found.numeric) == ("label", "user_index", ("item_id",), ("price",))
    assert (found.sequences, found.vectors, found.max_history) == ({"seq": "item_id"}, ("image",), 20)


REFUSALS = {
    "two data sets": (DATASET_CONFIG + DATASET_CONFIG.replace("tiny", "other"), "describes 2 data sets (tiny, other)"),
    "another file": ("a: 1", "is neither a dataset_config.yaml nor a feature_map.json"),
    "its own code": (DATASET_CONFIG.replace("convert_to_bucket", "copy_from(x)"), '"copy_from(x)", which is code of its own'),
    "an unknown type": (DATASET_CONFIG.replace("numeric}", "number}"), 'the type "number"'),
    "no yaml": ("a: [", "cannot be read"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_descriptions_that_cannot_be_taken_are_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    text, message = REFUSALS[name]
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_fuxictr_schema(tmp_path / "d.yaml")
    assert message in str(refused.value)


def test_numbers_become_the_buckets_that_criteo_s_winners_used(tmp_path: Path) -> None:
    """x above 2: floor((ln x)^2); 100 -> floor(4.605^2) = 21; 3 -> 1; others as they are; missing ones are unknown."""
    values = [[1, *[str(k) for k in (100, 3, 2, 0, -1)], *[""] * 8, *["c"] * 26], [0, *["5"] * 13, *["d"] * 26]]
    text = "\n".join("\t".join(map(str, row)) for row in values) + "\n"
    (tmp_path / "train.txt").write_text(text)
    assert log_columns(tmp_path / "train.txt") == list(CRITEO_COLUMNS)
    (table,) = iter_log(tmp_path / "train.txt")
    schema = LogSchema(label="label", bucketed=tuple(f"I{k}" for k in range(1, 7)), categorical=("C1",))
    encoding = fit_encoding([table], schema)
    assert encoding.vocabularies["I1"] == ("2", "21")  # 5 -> floor(1.609^2) = 2
    assert encoding.vocabularies["I2"] == ("1", "2")
    assert [encoding.vocabularies[name][0] for name in ("I3", "I4", "I5")] == ["2", "0", "-1"]
    ids = encoding.encode(table).arrays["ids"]
    assert ids[0, 5] == 1  # I6 is missing there
    assert ids[1, 5] == 2


def test_avazu_s_hour_becomes_hour_weekday_and_weekend(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "id": [1, 2],
            "click": [0, 1],
            "hour": ["14102100", "14102523"],
            "banner_pos": [0, 1],
            "site_id": ["a", "b"],
            "app_id": ["c", "d"],
        }
    )
    rows.to_csv(tmp_path / "train.csv", index=False)
    assert log_columns(tmp_path / "train.csv")[-2:] == ["weekday", "is_weekend"]
    (part,) = iter_log(tmp_path / "train.csv", ["click", "weekday", "is_weekend", "hour", "app_id"])
    assert list(part) == ["click", "weekday", "is_weekend", "hour", "app_id"]
    assert part["hour"].tolist() == [0, 23]
    assert part["weekday"].tolist() == [1, 5]  # a Tuesday and a Saturday
    assert part["is_weekend"].tolist() == [0, 1]
    (bare,) = iter_log(tmp_path / "train.csv", ["click", "app_id"])
    assert list(bare) == ["click", "app_id"]
    assert np.issubdtype(part["hour"].dtype, np.integer)


def test_item_sequences_become_rows_with_the_history_before_them(tmp_path: Path) -> None:
    pd.DataFrame({"user": [7, 8, 9], "items": [[1, 2, 3, 4], [5, 6], [9]]}).to_parquet(tmp_path / "sequences.parquet")
    (table,) = iter_log(tmp_path / "sequences.parquet")
    assert log_columns(tmp_path / "sequences.parquet") == ["click", "user", "item", "history", "split"]
    clicked = table[table["click"] == 1]
    assert clicked["item"].tolist() == [2, 3, 4, 6]
    assert clicked["history"].tolist() == [[1], [1, 2], [1, 2, 3], [5]]
    assert clicked["split"].tolist() == ["train", "valid", "test", "test"]
    drawn = table[table["click"] == 0]
    assert drawn["history"].tolist() == clicked["history"].tolist()
    for user, item in zip(drawn["user"], drawn["item"], strict=True):
        assert item not in {7: {1, 2, 3, 4}, 8: {5, 6}}[user]
        assert 1 <= item <= 9
    again = next(iter_log(tmp_path / "sequences.parquet", ["item", "split"]))
    assert again["item"].tolist() == table["item"].tolist()  # the draw is fixed
    assert list(again) == ["item", "split"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"click,place,place\n1,a,b\n", 'has the column "place" more than once'),
        ("a.libsvm", b"1 2:1\n\n", "line 2 must be a label"),
        ("a.libsvm", b"one 2:1\n", "line 1 must be a label"),
        ("a.libsvm", b"1 \xff:1\n", "cannot be read as a table"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.csv", "click,place\n1,Größe\n".encode("latin-1"), 'the column "place" is not UTF-8'),
    ],
)
def test_a_damaged_log_is_one_sentence(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=rf"{name}.*{said}"):
        list(iter_log(tmp_path / name))
    with pytest.raises(CatalogError, match=rf"{name}"):
        read_event_log(tmp_path / name)


@pytest.mark.parametrize("text", ["features: 3\nlabels: [a]\n", "t: {feature_cols: 3}\n", "t: {feature_cols: [{name: 3}]}\n"])
def test_a_description_of_another_shape_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        read_fuxictr_schema(tmp_path / "a.yaml")
