"""Tomorrow's slates for each reader who comes back: the readers' model fitted to a log, and slates drawn for each of them.

The readers who were seen last get slates of their own, up to MAX_READERS; those of the user "" are for everybody else, as for
somebody who never clicked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from adcreative.catalog.event_log import EventLog
from adcreative.delivery.rotation.plan import PLAN_COLUMNS, SLATE_COLUMNS, Account, Plan, join_rows
from adcreative.delivery.rotation.policies import check_policy
from adcreative.delivery.rotation.readers.fitting import ReaderConfig, fit_readers
from adcreative.delivery.rotation.readers.histories import ReaderHistories, read_histories
from adcreative.delivery.rotation.readers.model import ReaderView, score_readers
from adcreative.delivery.rotation.readers.network import Draw, ReaderNetwork
from adcreative.delivery.rotation.slate_choice import SLATE_POLICIES, choose_slates, find_kinds, place_shares
from adcreative.errors import ConfigError
from adcreative.progress import Count, ShouldStop, never, uncounted

READER_COLUMNS = ("user", *SLATE_COLUMNS)
MAX_READERS, NUM_SLATES = 200, 200
NUM_DRAWS = 40  # of the posterior, for intervals of click rates


def plan_reader_slates(
    account: Account, log: EventLog, *, policy: str, slots: int, state: str, seed: int, progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> Plan:  # fmt: skip
    """Plan slates for readers.

    Args:
        policy: see `slate_choice`. slots: creatives shown together, at least 2. state: "gru" or "linear", see `network`.
    Returns:
        shares by place over all planned readers, slates under READER_COLUMNS.
    Raises:
        CatalogError: no row of the log is of this account. ConfigError: a setting, or a log without users or slates.
        TrainingError: too few readers or clicks.
    """
    check_policy(policy, SLATE_POLICIES)
    config = ReaderConfig(state=state)
    num = len(account.names)
    if not 2 <= slots <= num:
        raise ConfigError(f"readers are followed for slates of 2 to {num} places (as many as there are creatives), got {slots}")
    rows, warnings = join_rows(account, log)
    histories = read_histories(rows, num)
    network = fit_readers(histories, account.groups, config, seed=seed, progress=progress, should_stop=should_stop)
    kinds = find_kinds(list(account.words), account.groups)
    planned = np.argsort(-histories.last, kind="stable")[:MAX_READERS]
    rng, lasting = np.random.default_rng(seed), np.log(account.lasting * account.falling)
    slates = np.stack([
        choose_slates(ReaderView(network, clicks, lasting), slots, NUM_SLATES, policy=policy, rng=rng, kinds=kinds)
        for clicks in _clicks_of(histories, planned)
    ])  # [1 + readers, NUM_SLATES, slots]  # fmt: skip
    low, middle, high = _place_rates(network, histories, planned, slates, seed)
    shown = np.bincount(rows["item"], rows["impressions"], num).astype(int)
    shares = place_shares(slates.reshape(-1, slots), num)
    place, item = np.nonzero(shares)
    families, names = np.array(account.families, object)[item], np.array(account.names, object)
    table = pd.DataFrame(dict(zip(PLAN_COLUMNS, (
        "", place + 1, names[item], shares[place, item], middle[place, item], low[place, item], high[place, item], shown[item],
        families,
    ), strict=True)))  # fmt: skip
    ready = [
        _list(one, name, names, num)
        for one, name in zip(slates, ("", *(histories.names[at] for at in planned)), strict=True)
    ]  # fmt: skip
    if rows["context"].nunique() > 1:
        warnings.append("readers are followed through all contexts together.")
    if len(histories.names) > MAX_READERS:
        warnings.append(f"the {MAX_READERS} readers seen last get slates of their own, of {len(histories.names)}.")
    return Plan(
        rows=table.sort_values(["slot", "share", "creative"], ascending=[True, False, True], ignore_index=True),
        slates=pd.concat(ready, ignore_index=True), lines=_say(slates, shares, middle, num), warnings=tuple(warnings),
    )  # fmt: skip


def _clicks_of(histories: ReaderHistories, planned: np.ndarray) -> Iterator[list[int]]:
    """Yield the clicks of somebody new, then those of each planned reader."""
    yield []
    for reader in planned:
        yield histories.clicks[reader][: histories.num_clicks[reader]].tolist()


def _list(slates: np.ndarray, user: str, names: np.ndarray, num_items: int) -> pd.DataFrame:
    """Return the ready slates [n, slots] of one reader; a propensity is how often a creative stands at that place in them."""
    num, slots = slates.shape
    shares = place_shares(slates, num_items)
    columns = (
        user, "", np.repeat(np.arange(1, num + 1), slots), np.tile(np.arange(1, slots + 1), num), names[slates.ravel()],
        shares[np.tile(np.arange(slots), num), slates.ravel()],
    )  # fmt: skip
    return pd.DataFrame(dict(zip(READER_COLUMNS, columns, strict=True)))


def _place_rates(
    network: ReaderNetwork, histories: ReaderHistories, planned: np.ndarray, slates: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, mean and high click chances [slots, N] of each creative at each place of the slates it is in."""
    clicks = torch.from_numpy(np.vstack([np.full((1, histories.clicks.shape[1]), -1), histories.clicks[planned]]))
    num_items, slots = histories.num_items, slates.shape[2]
    cell = slates + num_items * np.arange(slots)
    times = np.maximum(np.bincount(cell.ravel(), minlength=slots * num_items), 1)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        draws, _ = network.draw(NUM_DRAWS)
    found = []
    for at in range(NUM_DRAWS):
        draw = Draw(**{name: part[at : at + 1] for name, part in vars(draws).items()})
        scores = score_readers(network, clicks, draw)  # [1 + readers, N]
        seen = np.take_along_axis(scores[:, None], slates.reshape(len(slates), 1, -1), axis=2).reshape(slates.shape)
        chances = click_chances(seen, draw)
        found.append(np.bincount(cell.ravel(), chances.ravel(), slots * num_items) / times)
    table = np.stack(found).reshape(NUM_DRAWS, slots, num_items)
    return np.quantile(table, 0.05, axis=0), table.mean(axis=0), np.quantile(table, 0.95, axis=0)


def click_chances(scores: np.ndarray, draw: Draw) -> np.ndarray:
    """Return [..., S] the chance that each place of slates with these scores [..., S] is clicked, by one draw.

    Places and lengths that never were have the effect of the nearest.
    """
    slots = scores.shape[-1]
    place, nothing = draw.place[0].numpy(), draw.no_click[0].numpy()
    effects = np.append(place, np.full(max(0, slots - len(place)), place[-1]))[:slots]
    appeal = np.exp(scores + effects)
    chances: np.ndarray = appeal / (appeal.sum(axis=-1, keepdims=True) + np.exp(nothing[min(slots, len(nothing) - 1)]))
    return chances


def _say(slates: np.ndarray, shares: np.ndarray, rates: np.ndarray, num_items: int) -> tuple[str, ...]:
    clicked = float((shares * rates).sum())
    own = [len(np.unique(one)) for one in slates[1:]]
    return (
        f"{len(own)} readers get slates of their own, of {np.mean(own):.0f} creatives each on average; "
        f"all together show {len(np.unique(slates)):,} of {num_items:,}",
        f"a slate of {len(shares)} is clicked in {clicked:.2%} of views, by the model",
    )
