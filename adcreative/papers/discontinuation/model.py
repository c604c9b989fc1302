"""Two discrete hazards over one trunk: an ad is stopped early, or it wears out later.

    q_l = chance to end on a day of interval l, given that it ran until then;    S(t) = product over days to t of (1 - q)
    hazard h_l = P(t_{l-1} < T <= t_l | T > t_{l-1}) = 1 - (1 - q_l)^(t_l - t_{l-1})
    loss of a head = -sum_n w_n [ended_n log q_l(n) + sum over intervals (days survived within) log(1 - q_l)]
    total = lam * short + (1 - lam) * long,     w = 1 + smoothed click rate / mean, at most 5, of mean 1

Short: days 0 to 10; long: from day 10, given survival until then. One risk score for both would be a compromise,
since early failure and later wear-out have different causes. The trunk reads counts and categories directly, and sentence and
picture vectors each through a narrow tower of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.ctr.training.trainer import Trainer
from adcreative.progress import Count, uncounted

SHORT_EDGES = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0)
LONG_EDGES = (10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0)
MAX_WEIGHT = 5.0
PATIENCE = 8
VALID_PART = 6
PSEUDO_DAYS = 50.0


@dataclass(frozen=True, kw_only=True)
class HazardConfig:
    """Widths of the trunk and of each tower, dropout rates of units and of a vector's numbers, share lam of the short head,
    learning rate, most epochs, batch size."""

    hidden_dim: int = 48
    tower_dim: int = 8
    dropout_prob: float = 0.1
    tower_dropout_prob: float = 0.3
    short_share: float = 0.5
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    max_epochs: int = 80
    batch_size: int = 256
    num_members: int = 3


def interval_targets(durations: np.ndarray, ended: np.ndarray, edges: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return event [N, L], 0 or 1, and survived [N, L], days, of intervals (edges[l], edges[l + 1]].

    event: the ad ended within. survived: days of the interval that the ad survived, without the day of its end.

    Args:
        durations: [N] whole days. ended: [N] bool; False: censored after that day. edges: whole days.
    """
    low, high = np.array(edges[:-1]), np.array(edges[1:])
    lived = np.asarray(durations, np.float64)[:, None]
    event = (lived > low) & (lived <= high) & np.asarray(ended, bool)[:, None]
    survived = np.maximum(np.clip(lived - low, 0, high - low) - event, 0)
    return event.astype(np.float32), survived.astype(np.float32)


def hazard_loss(logits: Tensor, event: Tensor, survived: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted negative log-likelihood per ad.

    Args:
        logits: [B, L] of the chances to end on a day. event, survived: [B, L] as `interval_targets`. weights: [B].
    """
    log_hazard, log_survival = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    return -((event * log_hazard + survived * log_survival).sum(dim=1) * weights).mean()


def click_rate_weights(clicks: np.ndarray, impressions: np.ndarray, pseudo: float = 200.0) -> np.ndarray:
    """Return [N] weights that favour ads with a higher rate: 1 + smoothed rate over the mean, at most 5, scaled to mean 1."""
    base = clicks.sum() / max(float(impressions.sum()), 1.0)
    rate = (clicks + pseudo * base) / (impressions + pseudo)
    weights = np.minimum(1 + rate / max(base, 1e-12), MAX_WEIGHT)
    return weights / weights.mean()


class _TwoTerm(nn.Module):
    def __init__(self, num_plain: int, towers: Sequence[int], config: HazardConfig) -> None:
        super().__init__()
        self.widths = (num_plain, *towers)
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Dropout(config.tower_dropout_prob), nn.Linear(width, config.tower_dim), nn.Tanh())
            for width in towers
        )
        self.trunk = nn.Sequential(
            nn.Linear(num_plain + len(towers) * config.tower_dim, config.hidden_dim),
            nn.ReLU(),
            nn.Dropout(config.dropout_prob),
            nn.Linear(config.hidden_dim, config.hidden_dim),
            nn.ReLU(),
        )
        self.short = nn.Linear(config.hidden_dim, len(SHORT_EDGES) - 1)
        self.long = nn.Linear(config.hidden_dim, len(LONG_EDGES) - 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        plain, *vectors = features.split(self.widths, dim=1)
        read = [tower(one) for tower, one in zip(self.towers, vectors, strict=True)]
        hidden = self.trunk(torch.cat([plain, *read], dim=1))
        return self.short(hidden), self.long(hidden)


class TwoTermHazard:
    """The fitted model: an average of a few networks with different initial weights.

    survival: [N, T] at any times, by constant hazards within intervals; beyond the last edge the last hazard continues.
    """

    def __init__(self, networks: list[_TwoTerm], mean: np.ndarray, scale: np.ndarray) -> None:
        self.networks, self.mean, self.scale = networks, mean, scale
        self.edges = np.array([*SHORT_EDGES, *LONG_EDGES[1:]])

    @torch.inference_mode()
    def hazards(self, features: np.ndarray) -> np.ndarray:
        """Return [N, L] hazards of the short intervals, then of the long ones."""
        rows = torch.from_numpy(((features - self.mean) / self.scale).astype(np.float32))
        found = [torch.sigmoid(torch.cat(network.eval()(rows), dim=1)) for network in self.networks]
        daily = torch.stack(found).mean(dim=0).numpy().astype(np.float64)
        hazards: np.ndarray = 1 - (1 - daily) ** np.diff(self.edges)
        return hazards

    def survival(self, features: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return [N, T] the chance that each ad still runs after `times` days."""
        return interpolate_survival(self.hazards(features), self.edges, times)

    def risks(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return [N] short and long risk: the chance to end before day 10, and after it given survival until then."""
        hazards, num_short = self.hazards(features), len(SHORT_EDGES) - 1
        lived = np.cumprod(1 - hazards[:, num_short:], axis=1)  # minus its sum, the expected lifetime, uses all
        return 1 - np.prod(1 - hazards[:, :num_short], axis=1), -lived.sum(axis=1)


def interpolate_survival(hazards: np.ndarray, edges: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return [N, T] survival at `times` from hazards [N, L] of intervals with edges [L + 1], constant within each."""
    rates = -np.log(np.clip(1 - hazards, 1e-9, 1)) / np.diff(edges)  # a day
    total = np.concatenate([np.zeros((len(hazards), 1)), np.cumsum(rates * np.diff(edges), axis=1)], axis=1)
    place = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    return np.exp(-(total[:, place] + rates[:, place] * (np.asarray(times) - edges[place])))


def fit_two_term(
    features: np.ndarray,
    durations: np.ndarray,
    ended: np.ndarray,
    weights: np.ndarray,
    *,
    seed: int,
    towers: Sequence[int] = (),
    config: HazardConfig | None = None,
    progress: Count = uncounted,
) -> TwoTermHazard:
    """Fit the two hazards; each member uses early stopping on a held-out sixth of the ads.

    Args:
        features: [N, K], known when the forecast is made. durations: [N] days. ended: [N]. weights: [N].
        towers: widths of the vectors in the last columns of `features`, each read through a tower.
    """
    config = config or HazardConfig()
    scale = features.std(axis=0)
    mean, scale = features.mean(axis=0), np.where(scale > 1e-9, scale, 1.0)
    rows = torch.from_numpy(((features - mean) / scale).astype(np.float32))
    targets = [
        torch.from_numpy(one) for edges in (SHORT_EDGES, LONG_EDGES) for one in interval_targets(durations, ended, edges)
    ]
    counts = torch.from_numpy(weights.astype(np.float32))
    start = [torch.from_numpy(daily_logits(event.numpy(), survived.numpy())) for event, survived in (targets[:2], targets[2:])]
    networks = []
    for member in range(config.num_members):
        progress(member, config.num_members)
        network = _begin(features.shape[1] - sum(towers), towers, config, start, seed * 1000 + member)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1000 + member + 1)
            _Training(network, rows, targets, counts, config, seed * 1000 + member).run()
        networks.append(network)
    progress(config.num_members, config.num_members)
    return TwoTermHazard(networks, mean, scale)


def daily_logits(event: np.ndarray, survived: np.ndarray) -> np.ndarray:
    """Return [L] log-odds to end on a day of each interval, over all ads; intervals with few ads are shrunk to the one before.

    Args:
        event, survived: [N, L] as `interval_targets`.
    """
    ends, days = event.sum(axis=0, dtype=np.float64), (event + survived).sum(axis=0, dtype=np.float64)
    chance = (ends.sum() + 1) / (days.sum() + PSEUDO_DAYS)
    found = np.zeros(len(ends))
    for at, (end, day) in enumerate(zip(ends, days, strict=True)):
        chance = (end + PSEUDO_DAYS * chance) / (day + PSEUDO_DAYS)
        found[at] = np.log(chance / (1 - chance))
    return found.astype(np.float32)


def _begin(num_plain: int, towers: Sequence[int], config: HazardConfig, start: list[Tensor], seed: int) -> _TwoTerm:
    """Return a network that predicts the hazards of all ads for each ad."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _TwoTerm(num_plain, towers, config)
    for head, logits in zip((network.short, network.long), start, strict=True):
        nn.init.zeros_(head.weight)  # intervals without ads keep the overall hazard
        head.bias.data.copy_(logits)
    return network


class _Training(Trainer[Tensor]):
    """Trains a member on five sixths of the ads; a batch is their numbers."""

    min_gain, counts_start = 1e-5, False

    def __init__(
        self, network: _TwoTerm, rows: Tensor, targets: list[Tensor], weights: Tensor, config: HazardConfig, seed: int
    ) -> None:
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        super().__init__(network, optimizer, max_epochs=config.max_epochs, patience=PATIENCE)
        self.rows, self.targets, self.weights, self.config = rows, targets, weights, config
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(len(rows))
        self.valid, self.learn = map(torch.from_numpy, (order[::VALID_PART], np.setdiff1d(order, order[::VALID_PART])))

    def batches(self, epoch: int) -> Iterator[Tensor]:
        yield from torch.split(self.learn[torch.from_numpy(self.rng.permutation(len(self.learn)))], self.config.batch_size)

    def loss(self, rows: Tensor) -> Tensor:
        short, long = self.network(self.rows[rows])
        event_s, survived_s, event_l, survived_l = (one[rows] for one in self.targets)
        part = hazard_loss(short, event_s, survived_s, self.weights[rows]) * self.config.short_share
        return part + (1 - self.config.short_share) * hazard_loss(long, event_l, survived_l, self.weights[rows])

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        self.network.eval()
        return {"score": -float(self.loss(self.valid))}
