"""AdaptDHM: many domains in one model. Rows are routed to learnt clusters, or to given domains, each with its own network.

    training, no gradient, 3 times:  z_i = argmax_k x_i . c_k;  m_k = mean of the x_i of cluster k
                                     c_k <- unit(beta c_k + (1 - beta) unit(m_k))
    then one cluster for each row:   z_i = argmax_k x_i . c_k
    each layer of cluster k:  W = W_shared * W_k,  b = b_shared + b_k;   W_k starts at 1 and b_k at 0

x: the fields side by side, less their running mean, each row scaled to length 1, so that neither the common part of all rows
nor long rows dominate the centres. Centres are saved with the model and fixed in evaluation. Given domains
(`InputShape.num_domains`) replace the routing.
Source:
    Li et al., AdaptDHM, arXiv 2211.12105; Sheng et al., STAR, CIKM 2021, for the layers. Differs: the paper's shares,
    softmax_k(x . c_k), are nearly equal for rows of length 1, so that all centres converge to one point; here a row counts for
    its nearest centre alone. m_k is a mean, so that beta does not depend on the size of the batch. The centres are initialised
    on the first batch by the best of several k-means.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Insight, Network, NetworkInputs, PaddedPart
from adcreative.ctr.nn.layers import build_linear
from adcreative.errors import ConfigError

NUM_ROUNDS, NUM_STARTS, NUM_LLOYD = 3, 10, 10


@dataclass(frozen=True, kw_only=True)
class AdaptDHMConfig:
    """num_clusters: K, when no domains are given. momentum: beta.

    starts_at_zero: the last layer is initially zero, for a network that is added to a linear path.
    """

    num_clusters: int = 3
    momentum: float = 0.9
    hidden_dims: tuple[int, ...] = (256, 128, 64)
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"momentum must be in 0..1 (1 excluded), got {self.momentum}.")


class Router(nn.Module):
    """Cluster centres [K, X] of unit length, updated in training.

    mean: running mean of rows, [X]. occupancy: running share of rows in each cluster, [K].
    """

    def __init__(self, width: int, config: AdaptDHMConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.momentum, self.generator = config.momentum, generator
        self.centres: Tensor
        self.mean: Tensor
        self.occupancy: Tensor
        self.has_started: Tensor
        centres = torch.randn(config.num_clusters, width, generator=generator)
        self.register_buffer("centres", F.normalize(centres, dim=1))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("occupancy", torch.full((config.num_clusters,), 1 / config.num_clusters))
        self.register_buffer("has_started", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def forward(self, rows: Tensor) -> Tensor:
        """Return the cluster [B] int64 of rows [B, X]; in training the centres move first."""
        if self.training:
            self.mean.lerp_(rows.mean(dim=0), 1 - self.momentum if bool(self.has_started) else 1.0)
        rows = F.normalize(rows - self.mean, dim=1)
        if self.training:
            if not bool(self.has_started):
                self._spread(rows)
            for _ in range(NUM_ROUNDS):
                self.centres.copy_(move_centres(rows, self.centres, self.momentum))
        cluster = (rows @ self.centres.T).argmax(dim=1)
        if self.training:
            now = torch.bincount(cluster, minlength=len(self.centres)) / len(rows)
            self.occupancy.lerp_(now.to(self.occupancy), 0.1)
        return cluster

    def _spread(self, rows: Tensor) -> None:
        """Initialise the centres by k-means on rows of length 1, the best of several starts."""
        best, placed = -1.0, self.centres.clone()
        for _ in range(NUM_STARTS):
            centres = self._draw_far(rows)
            for _ in range(NUM_LLOYD):
                centres = move_centres(rows, centres, 0.0)
            fit = float((rows @ centres.T).max(dim=1).values.mean())
            if fit > best:
                best, placed = fit, centres
        self.centres.copy_(placed)
        self.has_started.fill_(True)

    def _draw_far(self, rows: Tensor) -> Tensor:
        """Return centres on distant rows: each next one drawn by its squared distance to the nearest (k-means++)."""
        centres = self.centres.clone()
        chosen = [int(torch.randint(len(rows), (1,), generator=self.generator))]
        for _ in range(len(centres) - 1):
            distance = torch.cdist(rows, rows[chosen]).min(dim=1).values.square()
            if float(distance.sum()) <= 0:
                break
            chosen.append(int(torch.multinomial(distance.cpu(), 1, generator=self.generator)))
        centres[: len(chosen)] = rows[chosen]
        return centres

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *arguments: object) -> None:
        state_dict.setdefault(prefix + "mean", torch.zeros_like(self.mean))  # models before 1.1 subtracted no mean
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def move_centres(rows: Tensor, centres: Tensor, momentum: float) -> Tensor:
    """Return the centres [K, X], each moved to the mean of its nearest rows [B, X]; a centre without rows is unchanged."""
    share = F.one_hot((rows @ centres.T).argmax(dim=1), len(centres)).to(rows.dtype)  # [B, K]
    means = F.normalize(share.T @ rows, dim=1)
    moved = F.normalize(momentum * centres + (1 - momentum) * means, dim=1)
    return torch.where(share.sum(dim=0)[:, None] > 0, moved, centres)


class SharedAndOwn(PaddedPart):
    """A linear layer whose weight is the shared weight times the cluster's, and whose bias is the sum of both."""

    def __init__(self, in_dim: int, out_dim: int, num_clusters: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.shared = build_linear(in_dim, out_dim, generator=generator)
        self.own_weight = nn.Parameter(torch.ones(num_clusters, out_dim, in_dim))
        self.own_bias = nn.Parameter(torch.zeros(num_clusters, out_dim))

    def forward(self, rows: Tensor, cluster: Tensor) -> Tensor:
        """Return [B, out_dim] for rows [B, in_dim], each by the layer of its cluster [B]."""
        if self.is_dense:  # every cluster's layer on every row, then the row's own: no data-dependent shapes
            weights, biases = self.shared.weight * self.own_weight, self.shared.bias + self.own_bias
            every = torch.einsum("bi,koi->bko", rows, weights) + biases  # [B, K, out_dim]
            return every.gather(1, cluster[:, None, None].expand(-1, 1, every.shape[2]))[:, 0]
        result = rows.new_zeros(len(rows), len(self.shared.bias))
        for k in cluster.unique().tolist():
            members = (cluster == k).nonzero()[:, 0]
            own = F.linear(rows[members], self.shared.weight * self.own_weight[k], self.shared.bias + self.own_bias[k])
            result = result.index_copy(0, members, own.to(result.dtype))
        return result


class AdaptDHM(Network):
    """The network on fields, with learnt clusters or given domains."""

    def __init__(self, shape: InputShape, config: AdaptDHMConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        num_clusters = shape.num_domains or config.num_clusters
        self.norm = nn.LayerNorm(shape.flat_dim)
        self.router = None if shape.num_domains else Router(shape.flat_dim, config, generator=generator)
        widths = [shape.flat_dim, *config.hidden_dims, 1]
        self.layers = nn.ModuleList(
            SharedAndOwn(a, b, num_clusters, generator=generator) for a, b in itertools.pairwise(widths)
        )
        if config.starts_at_zero:
            for weight in self.layers[-1].shared.parameters():  # type: ignore[union-attr]
                nn.init.zeros_(weight)

    def output_bias(self) -> nn.Parameter | None:
        found: nn.Parameter = self.layers[-1].shared.bias  # type: ignore[assignment, union-attr]
        return found

    def route(self, inputs: NetworkInputs) -> Tensor:
        """Return the cluster or domain of each row, [B] int64.

        Raises:
            ValueError: the network was built for given domains and the inputs have none.
        """
        if self.router is not None:
            found: Tensor = self.router(inputs.fields.flatten(1))
            return found
        if inputs.domain is None:
            raise ValueError("this network was built for given domains; the inputs name none")
        return inputs.domain

    def show(self, inputs: NetworkInputs) -> Insight:
        cluster, num = self.route(inputs), len(self.layers[0].own_weight)  # type: ignore[arg-type]
        rates = None
        if self.router is None:
            domains = (torch.full_like(cluster, number) for number in range(num))
            rates = tuple(torch.sigmoid(self(replace(inputs, domain=domain))) for domain in domains)
        return Insight(clusters=cluster, num_clusters=num, rates=rates)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        cluster = self.route(inputs)
        values = self.norm(inputs.fields.flatten(1))
        for number, layer in enumerate(self.layers):
            values = layer(values, cluster)
            if number < len(self.layers) - 1:
                values = F.relu(values)
        return values[:, 0]
