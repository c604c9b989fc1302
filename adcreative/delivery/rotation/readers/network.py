"""The variational posterior of the readers' model: item vectors by family, the state that follows a reader, and no click.

    v_i ~ N(mu_g, s_g^2)      mu_g ~ N(0, 5^2),  s_g ~ N(0, 5^2), used as max(|s_g|, 0.001), all in D dimensions
    h_0 ~ N(0, 0.5^2)         h' = GRU(v of the clicked creative, h), without biases; a state changes with clicks alone
    z_t = W_z h_t             score of i at time t: -|z_t - v_i| + place effect; no click: a bias by the length of the slate

The state "linear" is h' = g h + (1 - g) v with g ~ N(0.5, 0.3^2) and z = h. The guide is a normal distribution for each number;
that of h_0 has the mean of the reader's clicked vectors with weights 1 / (running count)^4 and a scale that is learnt.
Knows tensors. Shapes: K draws, B slates, S places, U readers, C clicks, N creatives, G families, D dimensions.

Source: Eide, Leslie & Frigessi, Dynamic slate recommendation with gated recurrent units and Thompson sampling, Data Mining and
Knowledge Discovery 2022, sections 3 and 4, and its published code. Differs: place effects; the likelihood at temperature 1,
where the code has 0.01, so that spreads mean what is not known; every slate without a click counts, not one in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from adcreative.delivery.rotation.readers.histories import NOTHING

STATES = ("gru", "linear")
GROUP_SPREAD, START_SPREAD, WEIGHT_SPREAD, LENGTH_SPREAD, PLACE_SPREAD = 5.0, 0.5, 5.0, 5.0, 1.0
MEMORY_MEAN, MEMORY_SPREAD = 0.5, 0.3
MIN_SPREAD, LEAST_START, LEAST_SCORE, MOST_SCORE = 1e-3, 0.1, -100.0, 20.0
GATES = 7  # input and state of reset, update and new state; the outlet W_z
FIRST_SPREAD = 0.05


@dataclass(frozen=True, kw_only=True)
class Draw:
    """K joint draws: items [K, N, D], gates [K, 7, D, D] (gru) or memory [K, D] (linear), no_click [K, S + 1], place [K, S]."""

    items: Tensor
    gates: Tensor
    memory: Tensor
    no_click: Tensor
    place: Tensor


class ReaderNetwork(nn.Module):
    """The guide: a mean and a log-spread of everything, and the factor of h_0's scale."""

    def __init__(
        self, groups: Tensor, num_places: int, dim: int, state: str, *, start_no_click: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.state = state
        self.groups = groups
        num_items, num_groups = len(groups), int(groups.max()) + 1

        def near(centre: Tensor, spread: float = FIRST_SPREAD) -> nn.ParameterDict:
            return nn.ParameterDict({"mean": centre, "log_spread": torch.full_like(centre, spread).log()})

        family = torch.randn(num_groups, dim, generator=generator)
        self.family = near(family)
        self.family_spread = near(torch.full((num_groups, dim), 0.7))
        self.items = near(family[groups] + 0.3 * torch.randn(num_items, dim, generator=generator))
        gates = torch.randn(GATES, dim, dim, generator=generator) / dim**0.5
        gates[-1] = torch.eye(dim) + 0.1 * gates[-1]
        self.gates = near(gates)
        self.memory = near(torch.full((dim,), MEMORY_MEAN))
        self.no_click = near(torch.full((num_places + 1,), start_no_click))
        self.place = near(torch.zeros(num_places))
        self.start_factor = nn.Parameter(torch.tensor(0.0))
        self.start_spread = nn.Parameter(torch.tensor(START_SPREAD).log())

    def guide(self, name: str) -> Normal:
        """Return the distribution of one part, as it stands."""
        part = getattr(self, name)
        return Normal(part["mean"], part["log_spread"].exp())

    def draw(self, num: int) -> tuple[Draw, Tensor]:
        """Return `num` joint draws and the divergence of everything but h_0 from its prior, a scalar."""
        family, spread = self.guide("family").rsample((num,)), self.guide("family_spread").rsample((num,))  # [K, G, D]
        items = self.guide("items")
        prior = Normal(family[:, self.groups], spread[:, self.groups].abs().clamp_min(MIN_SPREAD))  # [K, N, D]
        divergence = kl_divergence(items.expand(prior.batch_shape), prior).sum() / num
        priors = {"family": Normal(0.0, GROUP_SPREAD), "family_spread": Normal(0.0, GROUP_SPREAD),
                  "no_click": Normal(self.no_click["mean"].detach().mean(), LENGTH_SPREAD), "place": Normal(0.0, PLACE_SPREAD),
                  **({"gates": Normal(0.0, WEIGHT_SPREAD)} if self.state == "gru"
                     else {"memory": Normal(MEMORY_MEAN, MEMORY_SPREAD)})}  # fmt: skip
        for name, wide in priors.items():
            divergence = divergence + kl_divergence(self.guide(name), wide).sum()
        place = self.guide("place").rsample((num,))
        return Draw(
            items=items.rsample((num,)), gates=self.guide("gates").rsample((num,)), memory=self.guide("memory").rsample((num,)),
            no_click=self.guide("no_click").rsample((num,)), place=place * (torch.arange(place.shape[1]) > 0),
        ), divergence  # fmt: skip

    def means(self) -> Draw:
        """Return the means as one draw [1, ...]: a posterior without doubt."""
        first = torch.arange(len(self.place["mean"])) > 0
        return Draw(
            items=self.items["mean"][None], gates=self.gates["mean"][None], memory=self.memory["mean"][None],
            no_click=self.no_click["mean"][None], place=(self.place["mean"] * first)[None],
        )  # fmt: skip

    def start(self, clicks: Tensor) -> tuple[Normal, Tensor]:
        """Return the guide of h_0 for readers with clicks [U, C], [U, D], and its divergence from the prior [U].

        A reader who never clicked has the prior.
        """
        is_click = (clicks != NOTHING).float()
        weight = is_click / torch.arange(1, clicks.shape[1] + 1).float() ** 4  # [U, C]
        share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-9))[..., None]
        vectors = self.items["mean"][clicks.clamp_min(0)]  # [U, C, D]
        mean = (share * vectors).sum(1)
        variance = (share * (vectors - mean[:, None]) ** 2).sum(1)
        spread = self.start_factor.exp() * (variance + LEAST_START**2).sqrt()
        known, prior = is_click.sum(1, keepdim=True) > 0, self.start_spread.exp()
        guide = Normal(torch.where(known, mean, 0.0), torch.where(known, spread, prior))
        return guide, kl_divergence(guide, Normal(torch.zeros_like(mean), prior)).sum(1)

    def states(self, clicks: Tensor, draw: Draw, start: Tensor) -> Tensor:
        """Return [K, U, C + 1, D] z after 0, 1 ... C clicks of each reader.

        Args:
            clicks: [U, C], -1 after the last. start: [K, U, D] of h_0.
        """
        hidden, found = start, [start]
        for at in range(clicks.shape[1]):
            clicked = draw.items[:, clicks[:, at].clamp_min(0)]  # [K, U, D]
            moved = _step_gru(clicked, hidden, draw.gates) if self.state == "gru" else (
                draw.memory[:, None] * hidden + (1 - draw.memory[:, None]) * clicked
            )  # fmt: skip
            hidden = torch.where((clicks[:, at] != NOTHING)[:, None], moved, hidden)
            found.append(hidden)
        states = torch.stack(found, 2)
        return torch.einsum("kde,kuce->kucd", draw.gates[:, -1], states) if self.state == "gru" else states


def _step_gru(entering: Tensor, hidden: Tensor, gates: Tensor) -> Tensor:
    """Return [K, U, D] the next state of a GRU without biases; gates [K, 7, D, D]: input and state of r, u, n; the outlet."""

    def pass_(number: int, values: Tensor) -> Tensor:
        return torch.einsum("kde,kue->kud", gates[:, number], values)

    reset = torch.sigmoid(pass_(0, entering) + pass_(1, hidden))
    keep = torch.sigmoid(pass_(2, entering) + pass_(3, hidden))
    new = torch.tanh(pass_(4, entering) + reset * pass_(5, hidden))
    return (1 - keep) * new + keep * hidden


def score_slates(states: Tensor, slates: Tensor, draw: Draw) -> Tensor:
    """Return [K, B, S + 1] log-chances of no click (first) and of each place; -inf where a slate has no such place.

    Args:
        states: [K, B, D] of the reader when the slate was shown. slates: [B, S], -1 after the last place.
    """
    shown = draw.items[:, slates.clamp_min(0)]  # [K, B, S, D]
    away = ((states[:, :, None] - shown) ** 2).sum(-1).clamp_min(1e-12).sqrt()
    score = (draw.place[:, None, : slates.shape[1]] - away).clamp(LEAST_SCORE, MOST_SCORE)
    score = score.masked_fill(slates == NOTHING, -torch.inf)
    nothing = draw.no_click[:, (slates != NOTHING).sum(1)]  # [K, B]
    return torch.log_softmax(torch.cat([nothing[..., None], score], 2), 2)
