"""Which ads and lines a model of the real Dutch account marks as unlike all that it learnt from; -s prints every figure."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from adcreative import pipeline
from tests.ctr.account.worded_accounts import BAD, HOTEL, INVOICES

SHARED = Path(__file__).parents[2].parent / "shared"
BENCH = SHARED / "tools" / "account_bench.py"
FAR = "far from anything"
HELD_OUT_PERCENT = 30
GERMAN = (
    "Fußballschuhe in allen Größen",
    "Torwarthandschuhe kaufen",
    "Heute bestellt, morgen auf dem Platz",
    "Trainingsanzüge für die ganze Mannschaft",
    "Trikots mit Namen bedrucken",
    "Kostenloser Versand und Rückgabe",
    "Neue Kollektion jetzt entdecken",
    "Günstige Fußballschuhe für Kinder",
    "Passt nicht? Einfach zurückschicken",
    "Schuhe für Kunstrasen und Halle",
)
DUTCH = (
    "Scoor nieuwe voetbalschoenen",
    "Keepershandschoenen voor elk weer",
    "Vandaag besteld, morgen op de training",
    "Trainingspakken voor het hele team",
    "Shirts bedrukken met naam en nummer",
    "Gratis verzenden en retourneren",
    "Bekijk onze nieuwe collectie",
    "Goedkope voetbalschoenen voor kinderen",
    "Past het niet? Stuur het terug",
    "Schoenen voor kunstgras en zaal",
)
NOISE = tuple(line for line in BAD if not line.startswith("Facturen"))  # all but the Dutch one

pytestmark = [
    pytest.mark.skipif(not BENCH.is_file(), reason="no ../shared beside the checkout"),
    pytest.mark.timeout(1800),
]


def is_held_out(text: str) -> bool:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


@pytest.fixture(scope="module", params=["by text", "by ad group"])
def shares(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Kind of line -> share of them that is marked, after texts, or whole ad groups, were held out."""
    folder = tmp_path_factory.mktemp("dutch")
    spec = importlib.util.spec_from_file_location("account_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    bench.make(folder)
    whole = pd.concat([pd.read_csv(folder / name).fillna("") for name in ("train.csv", "truth.csv")])
    key = whole.headline + "|" + whole.description if request.param == "by text" else whole.category
    held_out = key.map(is_held_out)
    whole[~held_out].to_csv(folder / "learn.csv", index=False)
    pipeline.train(folder / "learn.csv", folder / "model")
    ads = whole[held_out].drop(columns=["impressions", "clicks"]).assign(kind="held-out ads")
    lines = {"English": (*INVOICES.sensible, *HOTEL.sensible), "German": GERMAN, "Dutch": DUTCH, "noise": NOISE}
    rows = [{"headline": line, "platform": "google", "kind": kind} for kind, ones in lines.items() for line in ones]
    table = pd.concat([ads, pd.DataFrame(rows)]).fillna("").reset_index(drop=True)
    table["ad_name"] = [f"row{row}" for row in range(len(table))]
    table.drop(columns="kind").to_csv(folder / "ads.csv", index=False)
    pipeline.score(folder / "ads.csv", folder / "scores.csv", model=folder / "model")
    scores = table[["ad_name", "kind", "headline"]].merge(
        pd.read_csv(folder / "scores.csv")[["ad_name", "evidence"]], on="ad_name"
    )
    assert len(scores) == len(table)
    is_far = scores.evidence.str.contains(FAR)
    print(f"\n{request.param}:", {kind: f"{ones.sum()} of {len(ones)}" for kind, ones in is_far.groupby(scores.kind)})
    odd = is_far != scores.kind.isin(["English", "German", "noise"])
    print(scores[odd & (scores.kind != "held-out ads")][["kind", "headline"]].to_string())
    return dict(is_far.groupby(scores.kind).mean())


def test_real_ads_of_the_account_are_seldom_marked(shares: dict[str, float]) -> None:
    assert shares["held-out ads"] <= 0.10


def test_lines_that_it_cannot_know_are_marked(shares: dict[str, float]) -> None:
    assert shares["English"] >= 0.95
    assert shares["German"] >= 0.9
    assert shares["noise"] >= 0.95


def test_sensible_lines_of_the_trade_are_seldom_marked(shares: dict[str, float]) -> None:
    assert shares["Dutch"] <= 0.2
