"""The mixed-effects member on a large account: what a bounded number of supporting ads costs in rank, and what it takes.

    python -m tests.bench.account --num 10000 --support 500 1500

Ads are made up (tests.ctr.account.accounts), so the true rates of the 2,000 held out are known. Seconds are processor time of
one thread, beside those of capped logistic regression on words and columns.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from adcreative.ctr.account import mixed_model
from adcreative.ctr.account.encoder import AccountEncoder
from adcreative.ctr.account.members import BOTH, MEMBERS, MIXED, Job
from adcreative.ctr.account.table import read_table
from tests.ctr.account.accounts import plant_account


def account_figures(num: int = 10_000, num_held_out: int = 2_000, support: Sequence[int] = (500, 1_500)) -> dict[str, Any]:
    """Return rank correlation with the true rates, and seconds of fitting, for each number of supporting ads."""
    account = plant_account(num + num_held_out, rate=0.02, seed=7)
    table = read_table(account.creatives, account.features)
    encoded = AccountEncoder.fit(table, seed=0).encode(table)
    known, unseen = np.arange(num), np.arange(num, num + num_held_out)
    job = Job(encoded.rows(known), table.clicks[known], table.impressions[known], 0)
    found: dict[str, Any] = {}

    def measure(name: str, label: str) -> None:
        started_s = time.process_time()
        member = MEMBERS[name].fit(job)
        found[f"{label}_fit_s"] = round(time.process_time() - started_s, 1)
        assert member is not None
        rates = member.log_odds(encoded.rows(unseen))
        found[f"{label}_rank"] = round(float(spearmanr(rates, account.truth[unseen])[0]), 3)

    measure(BOTH, "words_and_columns")
    usual = mixed_model.MAX_ROWS
    try:
        for size in support:
            mixed_model.MAX_ROWS = size
            measure(MIXED, f"support_{size}")
    finally:
        mixed_model.MAX_ROWS = usual
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=10_000, help="ads learnt from")
    parser.add_argument("--support", type=int, nargs="+", default=[500, 1_500], help="numbers of supporting ads")
    parser.add_argument("--tiny", action="store_true", help="sizes at which no figure means anything")
    arguments = parser.parse_args()
    sizes = {"num": 200, "num_held_out": 50, "support": (50, 100)} if arguments.tiny else {}
    print(json.dumps(account_figures(**(sizes or {"num": arguments.num, "support": arguments.support})), indent=1))


if __name__ == "__main__":
    main()
