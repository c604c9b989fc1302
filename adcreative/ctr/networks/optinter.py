"""OptInter: for each pair of fields, memorise it (a table row for each crossed value), factorise it, or leave it out.

    block of pair p in the search:  pi_m o_m + pi_f o_f + pi_n 0,   pi = softmax((alpha_p + Gumbel noise) / t)
    o_m: row of the pair's crossed table (view "crossed");   o_f = a_i * a_j (view "factors");   naive: 0
    classifier: MLP with layer norm on [fields ; blocks of all pairs]

The search trains alpha and the weights together while t falls; then each pair keeps its most probable choice, dropped pairs are
removed from the input, and the weights are trained again from scratch (`OptInterConfig.choices`). Search in one pass over the
log: in a second pass the crossed rows of any pair have memorised the training rows.
Source:
    Lyu et al., Memorize, Factorize, or be Naive, ICDE 2022. Follows the paper in drawing Gumbel noise, which its released code
    leaves out.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Insight, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_head, build_linear
from adcreative.errors import ConfigError

CROSSED, FACTORS = "crossed", "factors"
CHOICES = ("memorise", "factorise", "drop")


@dataclass(frozen=True, kw_only=True)
class OptInterConfig:
    """choices: one of CHOICES for each pair, in the order of `itertools.combinations`; () searches for them.

    The temperature of the search falls from start_temperature to end_temperature over anneal_steps training steps.
    """

    hidden_dims: tuple[int, ...] = (700, 700, 700)
    choices: tuple[str, ...] = ()
    start_temperature: float = 1.0
    end_temperature: float = 0.1
    anneal_steps: int = 1000

    def __post_init__(self) -> None:
        check_sizes(self)
        unknown = sorted(set(self.choices) - set(CHOICES))
        if unknown:
            raise ConfigError(f'no choice "{unknown[0]}" for a pair; known: {", ".join(CHOICES)}.')
        if not (0 < self.end_temperature <= self.start_temperature < math.inf and self.anneal_steps >= 1):
            raise ConfigError(
                "temperatures must fall to one above 0 in at least one step, got "
                f"{self.start_temperature}, {self.end_temperature} and {self.anneal_steps} steps."
            )


class OptInter(Network):
    """The network on fields, crossed rows [B, P, S] and factors [B, Fc, S] of categories.

    The network searches for the choices, or uses given ones.

    alpha [P, 3]: logits of CHOICES; a buffer with the given choices after the search.
    """

    def __init__(self, shape: InputShape, config: OptInterConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.generator = config, generator
        self.pairs = list(itertools.combinations(range(shape.views[FACTORS][0]), 2))
        if config.choices and len(config.choices) != len(self.pairs):
            raise ConfigError(f"{len(self.pairs)} pairs need as many choices, got {len(config.choices)}.")
        self.alpha = nn.Parameter(torch.zeros(len(self.pairs), len(CHOICES)))
        self.step: Tensor
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.alpha.requires_grad_(not config.choices)
        kept = [p for p, choice in enumerate(config.choices) if choice != "drop"] if config.choices else range(len(self.pairs))
        self.kept = list(kept)
        block_dim = shape.views[CROSSED][1]
        widths = [shape.flat_dim + len(self.kept) * block_dim, *config.hidden_dims]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [build_linear(a, b, generator=generator), nn.LayerNorm(b), nn.ReLU()]
        self.tower = nn.Sequential(*layers)
        self.head = build_head(widths[-1], starts_at_zero=False, generator=generator)

    @property
    def temperature(self) -> float:
        """The current temperature of the search, by training steps; evaluation does not count."""
        share = min(int(self.step) / self.config.anneal_steps, 1.0)
        start, end = self.config.start_temperature, self.config.end_temperature
        return float(start * (end / start) ** share)

    def weights(self) -> Tensor:
        """Return pi [P, 3]: the given choices as 0 and 1, else softmax of alpha, with Gumbel noise in training."""
        if self.config.choices:
            places = torch.tensor([CHOICES.index(choice) for choice in self.config.choices], device=self.alpha.device)
            return F.one_hot(places, len(CHOICES)).to(self.alpha.dtype)
        scores: Tensor = self.alpha
        if self.training:
            uniform = torch.rand(scores.shape, generator=self.generator).clamp(1e-20, 1 - 1e-7).to(scores)
            scores = scores - torch.log(-torch.log(uniform))
        return (scores / self.temperature).softmax(dim=1)

    def choose(self) -> tuple[str, ...]:
        """Return the most probable of CHOICES for each pair."""
        return self.config.choices or tuple(CHOICES[k] for k in self.alpha.argmax(dim=1).tolist())

    def show(self, inputs: NetworkInputs) -> Insight:
        return Insight(choices=self.choose())

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        if self.training and not self.config.choices:
            self.step += 1
        first, second = ([pair[side] for pair in self.pairs] for side in (0, 1))
        factors = inputs.views[FACTORS]
        weights = self.weights()
        blocks = weights[:, 0, None] * inputs.views[CROSSED] + weights[:, 1, None] * (factors[:, first] * factors[:, second])
        flat = torch.cat([inputs.fields.flatten(1), blocks[:, self.kept].flatten(1)], dim=1)
        return self.head(self.tower(flat))[:, 0]
