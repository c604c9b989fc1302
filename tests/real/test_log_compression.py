"""Why a log whose rare ids are hardly ever clicked punishes hashing and pruning: click rates of ids alone, on Frappe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from adcreative.papers.compression.hashing import find_clusters, place_ids

LOGS = Path(__file__).parents[3] / "shared" / "data" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the shared logs are not here")
PSEUDO, BUDGET = 20.0, 0.25


def test_ids_that_nobody_clicked_need_a_row_of_their_own() -> None:
    learnt, test = (pd.read_parquet(LOGS / f"frappe-{part}.parquet") for part in ("train", "test"))
    clicked, truth = (table["label"].to_numpy() > 0 for table in (learnt, test))
    mean = clicked.mean()
    names = [np.unique(learnt[field]) for field in ("user", "item")]
    ids = [np.searchsorted(known, learnt[field]) for known, field in zip(names, ("user", "item"), strict=True)]
    asked = [pd.Index(known).get_indexer(test[field]) for known, field in zip(names, ("user", "item"), strict=True)]
    counts = [np.bincount(one, minlength=len(known)) for one, known in zip(ids, names, strict=True)]

    def auc(places: list[np.ndarray]) -> float:
        """Of the sum of the log-odds of both rows' smoothed click rates."""
        total = np.zeros(len(test))
        for place, one, wanted in zip(places, ids, asked, strict=True):
            rates = (np.bincount(place[one], clicked) + PSEUDO * mean) / (np.bincount(place[one]) + PSEUDO)
            rate = np.where(wanted >= 0, rates[place[wanted]], mean)
            total += np.log(rate / (1 - rate))
        return float(roc_auc_score(truth, total))

    graph = sparse.csr_matrix((np.ones(clicked.sum()), (ids[0][clicked], ids[1][clicked])), tuple(map(len, names)))
    found = find_clusters(graph, int(BUDGET * sum(map(len, names))), seed=0)
    clusters, rng = (found.first, found.second), np.random.default_rng(0)
    whole = auc([np.arange(len(known)) for known in names])
    own = auc([place_ids("graph", one, count, rng=rng)[0][0][2:] for one, count in zip(clusters, counts, strict=True)])
    hashed = auc([place_ids("graph", one, 0 * count, rng=rng)[0][0][2:] for one, count in zip(clusters, counts, strict=True)])
    shunned = float((clusters[1] < 0)[ids[1]].mean())
    print(f"rows of items that nobody clicked {shunned:.3f}; AUC whole {whole:.4f} own row {own:.4f} hashed {hashed:.4f}")
    assert shunned > 0.3
    assert own > whole - 0.015
    assert hashed < whole - 0.03
