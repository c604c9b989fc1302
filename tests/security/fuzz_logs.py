"""Impression logs, event logs and their descriptions for `fuzz_readers`: how each is read, and sound files to start from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.formats.logs import iter_log
from adcreative.catalog.log_schema import check_columns, propose_schema
from adcreative.papers.position_auctions import run as place
from adcreative.papers.set_continuation import run as extend
from adcreative.verbs import forecast, rotate, target
from adcreative.verbs.rotate import evaluate_policy
from adcreative.verbs.train_log import read_schema

Files = list[tuple[str, bytes]]
CSV = "user_id,click,placement,bid\n1,0,feed,0.5\n2,1,story,1.5\n3,0,feed,\n"
AVAZU = (
    "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,device_ip,"
    "device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21\n"
    "1,0,14102100,1005,0,a,b,c,d,e,f,g,h,i,1,0,15706,320,50,1722,0,35,-1,79\n"
)
CRITEO = "1\t" + "\t".join(["3"] * 13) + "\t" + "\t".join(["68fd1e64"] * 26) + "\n"
EVENTS = "slate,position,creative,clicks,propensity,time\n1,1,Sea,0,0.5,2026-11-01\n1,2,Sand,1,0.25,2026-11-01\n"
SCHEMA = (
    'label = "click"\nuser = "user_id"\ncategorical = ["placement"]\nnumeric = ["bid"]\n[sequences]\nhistory = "placement"\n'
)
FUXICTR = (
    "tiny:\n    feature_cols:\n        [{name: [site, app], active: True, dtype: str, type: categorical},\n"
    "         {name: price, active: True, dtype: float, type: numeric}]\n    label_col: {name: click, dtype: float}\n"
)


def read_log(path: Path) -> object:
    """Read a log to its end, and propose a schema for what is in it."""
    table = pd.concat([*iter_log(path, part_rows=2)] or [pd.DataFrame()])
    return len(table), propose_schema(table)


def read_log_schema(path: Path) -> object:
    schema = read_schema(path)
    return check_columns(schema, schema.columns, "a.csv")


def read_after_launch(path: Path) -> object:
    """Read a table as each verb after launch does that takes one of this kind."""
    readers: dict[str, Callable[[Path], object]] = {
        "labels": lambda table: target._read_labels(table, {}),
        "sets": extend._read_library,
        "reasons": forecast._read_reasons,
        "scores": rotate._read_scores,
        "market": place._read_market,
    }
    return readers[path.stem](path)


def read_rotation_plan(path: Path) -> object:
    (path.parent / "log.csv").write_text(
        "creative,clicks,propensity\n" + 100 * "Sea,1,0.5\nSand,0,0.5\nSea,0,0.5\nSand,1,0.5\n"
    )
    return evaluate_policy(path.parent / "log.csv", path.parent / "found.json", policy=path)


@cache
def tables_after_launch() -> Files:
    return [
        ("labels.csv", b"ad_name,query,clicks\na,shoes,3\na,hats,1\n"),
        ("sets.csv", b"set,title,item\ns1,Sea,a\ns2,Sand,b\n"),
        ("reasons.csv", b"ad_name,day,stop_reason\na,2026-01-01,budget\n"),
        ("scores.csv", b"ad_name,ctr,strength\na,0.1,0.5\n"),
        ("market.csv", b"ad_name,headline,brand,bid\na,Sea,of,0.5\nb,Sand,of,0.4\n"),
    ]


def rotation_plans() -> Files:
    return [("plan.csv", b"creative,slot,share\nSea,1,0.5\nSand,1,0.5\n")]


@cache
def logs() -> Files:
    texts = {"a.csv": CSV, "b.csv": AVAZU, "c.txt": CRITEO, "d.libsvm": "1 2:1 5:1\n0 3:1 4:1\n"}
    sequences = pd.DataFrame({"user": [1, 2], "items": [[1, 2, 3, 4], [2, 5, 6]]})
    lists = pd.DataFrame({"click": [0, 1], "tags": [["a"], ["a", "b"]], "bid": [0.5, None]})
    return [
        *((name, text.encode()) for name, text in texts.items()),
        *((f"{name}.parquet", _parquet(table)) for name, table in (("sequences", sequences), ("lists", lists))),
    ]


@cache
def event_logs() -> Files:
    slates = np.array([[[1, 7, 8], [1, 9, 7]]])
    packed = io.BytesIO()
    np.savez(packed, slate=slates, click_idx=np.array([[1, 0]]), slate_length=np.array([[3, 3]]))
    table = pd.read_csv(io.StringIO(EVENTS))
    return [("a.csv", EVENTS.encode()), ("a.parquet", _parquet(table)), ("a.npz", packed.getvalue())]


@cache
def schemas() -> Files:
    features = {"dataset_id": "tiny", "labels": ["click"], "features": [{"site": {"type": "categorical"}}]}
    return [("a.toml", SCHEMA.encode()), ("a.yaml", FUXICTR.encode()), ("a.json", json.dumps(features).encode())]


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()
