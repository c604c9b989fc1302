"""Off-policy estimates on real clicks: the uniform log of Open Bandit judged for the policy of its other log, which also ran.

    python -m tests.bench.open_bandit FOLDER        FOLDER: obd/ of the data set, or obp/dataset/obd of the wheel of obp
    (10,000 rows each)

The policy is the share of each item at each position in the log of "bts"; its own click rate is known from that log. Where
obp is installed (an environment of its own: it needs other versions), its estimators are asked the same.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.catalog.event_log import read_event_log
from adcreative.metrics import off_policy as ope


def open_bandit_figures(folder: Path) -> dict[str, Any]:
    """Return IPS, SNIPS and DR (with a drawn reward model) of the other policy, its own click rate, and obp's figures."""
    uniform, other = (read_event_log(folder / name / "all" / "all.csv").rows for name in ("random", "bts"))
    codes = [rows["creative"].astype(int).to_numpy() for rows in (uniform, other)]
    places = [rows["position"].astype(int).to_numpy() - 1 for rows in (uniform, other)]
    shape = (max(one.max() for one in codes) + 1, 3)
    shares = np.zeros(shape)
    np.add.at(shares, (codes[1], places[1]), 1.0)
    shares /= shares.sum(axis=0)
    model = np.random.default_rng(0).uniform(0, 0.01, shape)
    item, place, clicks = codes[0], places[0], uniform["clicks"].to_numpy()
    weights = ope.importance_weights(shares[item, place], uniform["propensity"].to_numpy())
    dr = ope.doubly_robust(weights, clicks, model[item, place], (shares * model).sum(axis=0)[place])
    rows = np.arange(len(clicks))
    found: dict[str, Any] = {
        "own_click_rate": float(other["clicks"].mean()),
        "effective_rows": ope.effective_sample_size(weights),
    }
    for one in (
        ope.estimate("ips", weights * clicks, rows),
        ope.estimate("snips", weights * clicks, rows, over=weights),
        ope.estimate("dr", dr, rows),
    ):
        found |= {one.name: one.value, f"{one.name}_low": one.low, f"{one.name}_high": one.high}
    if importlib.util.find_spec("obp") is not None:
        from obp import ope as theirs

        asked = {
            "reward": clicks.astype(float),
            "action": item,
            "pscore": uniform["propensity"].to_numpy(),
            "position": place,
            "action_dist": np.tile(shares[None], (len(item), 1, 1)),
        }
        found["obp_ips"] = float(theirs.InverseProbabilityWeighting().estimate_policy_value(**asked))
        found["obp_snips"] = float(theirs.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**asked))
        tiled = np.tile(model[None], (len(item), 1, 1))
        found["obp_dr"] = float(theirs.DoublyRobust().estimate_policy_value(estimated_rewards_by_reg_model=tiled, **asked))
    return found


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(json.dumps(open_bandit_figures(parser.parse_args().folder), indent=1))


if __name__ == "__main__":
    main()
