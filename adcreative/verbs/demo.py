"""The verb `demo`: learn from a simulated account, improve new ads of the account, and compare with the planted truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import dump_json, write_atomically
from adcreative.catalog import read_catalog
from adcreative.catalog.images import read_image
from adcreative.creative import Creative
from adcreative.errors import ArtifactError, ConfigError
from adcreative.progress import Progress, ShouldStop, count_stage, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import is_ours, own_outputs
from adcreative.verbs.model_folder import read_model_manifests
from adcreative.verbs.optimize import optimize
from adcreative.verbs.train import train

if TYPE_CHECKING:
    from adcreative.market import Market

MARKET_SEED = 0  # not among the training markets of the shipped models
MIN_ACCOUNT = 40
PLANTED, NEW = "planted-truth.json", "new"
COMPOSED_PART = 4  # one in this many earlier ads was composed
BRANDS_COMPOSING, BRANDS_SHOWN = 5, 3


def demo(
    out: Path,
    *,
    seed: int = 0,
    num: int = 12,
    num_earlier: int = 200,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Make a simulated account, learn from its earlier ads, compose and improve new ads, and compare with the planted truth.

    `out`/account holds `num_earlier` ads with results, a quarter of them composed at random; `out`/model the models that
    `train` learns from them; `out`/new ads composed with these models for three brands; `out`/creatives new ads of the same
    brands (at most twelve); and `out` itself the results of `optimize` on the new ads. The ads come from a simulated market
    that no shipped model has seen; `seed` draws other ads of that market. The truth is computed from the final pixels and words
    after the run, written to `out`/truth.json and stated in the report; real accounts have no such column. Killed runs
    continue.

    Raises:
        ConfigError: an output file exists and was not written by this verb.
    """
    out = Path(out)
    account_dir, creative_dir, model_dir = out / "account", out / "creatives", out / "model"
    is_new = not (creative_dir / "metadata.csv").exists()
    written = (account_dir / "metadata.csv", out / "account-truth.json", creative_dir / "metadata.csv", out / PLANTED)
    if is_new:
        _check_free(*written)
    from adcreative.editor.settings import EditorConfig
    from adcreative.verbs.loading import load_demo_market
    from adcreative.verbs.simulated_briefs import ads_that_ran, compose_new_ads

    market = load_demo_market(MARKET_SEED)
    materials = market.draw_account_materials(BRANDS_COMPOSING, num, num_earlier, 2 * seed + 1)
    if is_new:
        with own_outputs(written, ()):
            market.write_account(
                account_dir,
                creative_dir,
                num,
                num_earlier,
                seed=2 * seed + 1,
                truth_path=out / PLANTED,
                composed=ads_that_ran(materials, num_earlier // COMPOSED_PART, seed),
                progress=count_stage(progress, "rendering ads"),
            )
    if should_stop():
        return RunSummary(path=out, done=0, failed=0, stopped=True)
    if not _is_trained(model_dir):
        learnt = train(account_dir, model_dir, seed=seed, progress=progress, should_stop=should_stop)
        if learnt.stopped:
            return learnt

    count = count_stage(progress, "composing new ads")
    walls = compose_new_ads(market, materials[:BRANDS_SHOWN], account_dir, out / NEW, model_dir, seed, tell=count)

    def notes(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
        truth = realised_uplift(market, read_catalog(creative_dir).creatives, results, out)
        truth["composed"] = [wall.truth for wall in walls]
        with own_outputs((out / "truth.json",), ()):
            write_atomically(out / "truth.json", dump_json(truth, indent=1).encode())
        return {"simulated_market": truth["sentence"], "walls": walls}

    config = EditorConfig(num_layouts=0)  # the composed ads above are the new layouts
    return optimize(
        creative_dir, out, model=model_dir, seed=seed, config=config, notes=notes, progress=progress, should_stop=should_stop
    )


def _check_free(*paths: Path) -> None:
    for path in paths:
        if path.exists() and not is_ours(path):
            raise ConfigError(
                f"{path} is there already and is not, or no longer, what this program wrote; choose another --out"
            )


def _is_trained(model_dir: Path) -> bool:
    """Return whether an earlier run, killed later, completed the training."""
    if not (model_dir / "README.md").exists():
        return False
    try:
        read_model_manifests(model_dir)
    except ArtifactError:
        return False
    return True


def demo_account(
    out: Path, *, seed: int = 0, num: int = 200, progress: Progress = silent, should_stop: ShouldStop = never
) -> RunSummary:
    """Make a simulated account after launch in `out`/account: creatives, sixty days of log, results by day, queries, answers.

    The planted effects are in `out`/account-truth.json. See `market.account` for the files.

    Raises:
        ConfigError: fewer than 40 creatives, the account exists already, or stopped.
    """
    out = Path(out)
    if num < MIN_ACCOUNT:
        raise ConfigError(f"an account needs at least {MIN_ACCOUNT} creatives for sixty days, got {num}")
    if (out / "account").exists():
        raise ConfigError(f"{out / 'account'} is there already; choose another --out, or remove it")
    truth = out / "account-truth.json"
    _check_free(truth)
    if should_stop():
        raise ConfigError("stopped before anything was made")
    from adcreative.market.account import write_account
    from adcreative.verbs.loading import load_demo_market

    with own_outputs((truth,), ()):
        market, drawn = load_demo_market(MARKET_SEED), count_stage(progress, "rendering ads")
        folder = write_account(market, out, num, seed + 1, progress=drawn)
    names = ", ".join(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))
    return RunSummary(path=folder, done=num, lines=(f"in it: {names}",))


def realised_uplift(
    market: Market, creatives: Sequence[Creative], results: Sequence[dict[str, Any]], out: Path
) -> dict[str, Any]:
    """Compare the planted rates of a run's delivered ads with the planted rates of the originals, from final pixels and words.

    Returns:
        rows (file_name, true_original, true_delivered), their means, and one sentence for the report.
    """
    by_row = {creative.row: creative for creative in creatives}
    rows = []
    for result in results:
        if result["status"] == "failed":
            continue
        creative = by_row[result["row"]]
        edited_u8 = read_image(out / result["edited_image"]) if result["edited_image"] else None
        delivered = replace(
            creative,
            headline=result["headline_edited"],
            description=result["description_edited"],
            cta=result.get("cta_edited", creative.cta),
            image_u8=edited_u8,
        )
        true_rates = {"true_original": market.true_ctr(creative), "true_delivered": market.true_ctr(delivered)}
        rows.append({"file_name": result["file_name"], "status": result["status"], **true_rates})
    before = float(np.mean([row["true_original"] for row in rows])) if rows else 0.0
    after = float(np.mean([row["true_delivered"] for row in rows])) if rows else 0.0
    worse = sum(row["true_delivered"] < row["true_original"] - 1e-9 for row in rows)
    sentence = (
        f"These ads are simulated, so the planted rate of each is known: on average {before:.2%} for the originals and "
        f"{after:.2%} for what is delivered ({after / max(before, 1e-12) - 1:+.1%}); {worse} of {len(rows)} became worse."
    )
    return {"mean_true_original": before, "mean_true_delivered": after, "num_worse": worse, "sentence": sentence, "rows": rows}
