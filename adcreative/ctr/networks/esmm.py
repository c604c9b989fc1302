"""ESMM: conversion after a click, learnt from all impressions through the click and the click-and-conversion.

    pCTR = sigmoid(f1),  pCVR = sigmoid(f2),  pCTCVR = pCTR pCVR;   two towers on shared fields
    loss = sum over all impressions of BCE(click, pCTR) + BCE(click and conversion, pCTCVR)

There is no loss on pCVR itself, so it has no selection bias towards clicked rows; it is determined only through the product,
and is calibrated on clicked rows after training (`calibrate`). Delayed conversions are not handled: a 0 means "none".
Source:
    Ma et al., Entire Space Multi-Task Model, SIGIR 2018, eqs. 4-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_head
from adcreative.ctr.nn.mlp import MLP
from adcreative.errors import TrainingError

MIN_SLOPE = 0.05


@dataclass(frozen=True, kw_only=True)
class ESMMConfig:
    """Widths of both towers; 360-200-80 in the paper."""

    hidden_dims: tuple[int, ...] = (360, 200, 80)
    batch_norm: bool = False
    dropout_prob: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(self)


class ESMM(Network):
    """The network on fields; `forward` returns the logits of click and of conversion after a click."""

    def __init__(self, shape: InputShape, config: ESMMConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.ctr_tower, self.cvr_tower = (
            MLP(
                shape.flat_dim,
                config.hidden_dims,
                batch_norm=config.batch_norm,
                dropout_prob=config.dropout_prob,
                generator=generator,
            )
            for _ in range(2)
        )
        self.ctr_head, self.cvr_head = (
            build_head(self.ctr_tower.out_dim, starts_at_zero=False, generator=generator) for _ in range(2)
        )

    def output_bias(self) -> nn.Parameter | None:
        return self.ctr_head.bias

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B, 2]: of the click, and of the conversion after a click."""
        flat = inputs.fields.flatten(1)
        return torch.cat([self.ctr_head(self.ctr_tower(flat)), self.cvr_head(self.cvr_tower(flat))], dim=1)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the sum over rows for logits [B, 2] and labels [B, 2] (click, conversion); see `entire_space_loss`."""
        return entire_space_loss(logits, labels)

    @torch.no_grad()
    def calibrate(self, logits: Tensor, labels: Tensor) -> tuple[float, float]:
        """Fit slope a and shift b of logit(pCVR) to clicked rows, apply them to the last layer, and return them.

            minimise over clicked rows  BCE(conversion, sigmoid(a f2 + b)) + (a - 1)^2 / 2 + b^2 / (2 * 100)

        pCVR is determined only through the product, where too high a level may be compensated by too low a click rate. The
        slope stays near 1 with few conversions; the ranking of the rows is unchanged, since a is kept above 0.

        Args:
            logits: [B, 2] of rows outside the training data. labels: [B, 2] click, conversion. Without a converted and an
                unconverted clicked row, nothing is changed: (1, 0).
        """
        from scipy.optimize import minimize

        clicked = labels[:, 0] > 0
        conversions, scores = labels[clicked, 1].double(), logits[clicked, 1].double()
        if len(conversions.unique()) < 2:
            return 1.0, 0.0
        truth, score = conversions.numpy(), scores.numpy()

        def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
            logit, prior = line[0] * score + line[1], (line - [1, 0]) / [1, 100]
            error = 1 / (1 + np.exp(-logit)) - truth
            value = float((np.logaddexp(0, logit) - truth * logit).sum() + prior @ (line - [1, 0]) / 2)
            return value, np.array([error @ score, error.sum()]) + prior

        bounds, steps = [(MIN_SLOPE, None), (None, None)], {"ftol": 0.0, "gtol": 1e-9}
        slope, shift = map(float, minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds, options=steps).x)
        self.cvr_head.weight.mul_(slope)
        self.cvr_head.bias.mul_(slope).add_(shift)
        return slope, shift

    def probabilities(self, logits: Tensor) -> dict[str, Tensor]:
        """Return ctr, cvr (after a click) and ctcvr (of an impression), [B] each."""
        ctr, cvr = torch.sigmoid(logits).unbind(dim=1)
        return {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr}


def entire_space_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return sum of BCE(click, pCTR) + BCE(click and conversion, pCTCVR), computed from logits without overflow.

    log pCTCVR = logsigmoid(f1) + logsigmoid(f2);  log(1 - pCTCVR) = log(1 - exp(log pCTCVR)), by log1p or expm1.

    Raises:
        TrainingError: a row has a conversion and no click.
    """
    click, conversion = labels.unbind(dim=1)
    if bool((conversion > click).any()):
        num_wrong = int((conversion > click).sum())
        raise TrainingError(f"{num_wrong} rows have a conversion without a click; attribute it to the click, or leave it out")
    log_both = F.logsigmoid(logits).sum(dim=1).clamp_max(-1e-7)
    log_not_both = torch.where(log_both > -0.6931, torch.log(-torch.expm1(log_both)), torch.log1p(-torch.exp(log_both)))
    both = -(conversion * log_both + (1 - conversion) * log_not_both).sum()
    return F.binary_cross_entropy_with_logits(logits[:, 0], click, reduction="sum") + both
