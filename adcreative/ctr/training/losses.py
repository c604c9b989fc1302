"""Losses of click-rate networks on counted results: likelihood of the clicks, and of their shares within a group.

    binomial           sum_i w_i [ y_i softplus(-logit_i) + (1 - y_i) softplus(logit_i) ],     y_i = clicks / impressions
    listwise softmax   sum_g w_g sum_i clicks_i [ -log softmax_i( log impressions_i + log p_i ) ],   g: a test, else a brand

Rows without clicks are kept: they show low rates. Creatives vary beyond binomial noise, so a count stops gaining weight once
its noise is below that variation (`group_variance`, `within_group_variance`): otherwise one row of a million impressions would
dominate the loss.
Source:
    Cao et al., Learning to rank: from pairwise to listwise approach (ListNet), ICML 2007, for the softmax over a list. Differs:
    the list's target is its clicks, and a row's score is shifted by the log of its impressions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adcreative.ctr.config import TrainingConfig
from adcreative.features.outcomes import Counts


def binomial_loss(logits: Tensor, counts: Counts, group_variance: float) -> tuple[Tensor, Tensor]:
    """Return (weighted negative log-likelihood, effective clicks).

    The rows of a test or brand share a random effect (audience, day, subject), so the cap applies to their total impressions:
        weight_i = n_i / (1 + N_group * rate * (1 - rate) * group_variance),   rate: of the batch
    """
    impressions, clicks, group = _tensors(counts)
    rate = (clicks.sum() / impressions.sum()).clamp(1e-6, 1 - 1e-6)
    information = _group_sum(impressions, group)[group] * rate * (1 - rate)
    weights = impressions / (1 + information * group_variance)
    share = clicks / impressions
    loss = weights * (share * F.softplus(-logits) + (1 - share) * F.softplus(logits))
    return loss.sum(), (weights * rate).sum()


def listwise_softmax_loss(logits: Tensor, counts: Counts, within_group_variance: float) -> tuple[Tensor, Tensor]:
    """Return (weighted multinomial negative log-likelihood, effective clicks) over groups with two rows or more.

    The expected share of a row in its group's clicks is proportional to impressions x rate. Both are 0 without such groups.
    """
    impressions, clicks, group = _tensors(counts)
    num_arms = _group_sum(torch.ones_like(clicks), group)
    group_clicks = _group_sum(clicks, group)
    weights = (num_arms > 1) / (1 + group_clicks / num_arms * within_group_variance)  # [G]
    scores = F.logsigmoid(logits) + impressions.log()
    peak = scores.detach().max()
    log_total = _group_sum((scores - peak).exp().clamp_min(1e-30), group).log() + peak  # [G]
    loss = -(weights[group] * clicks * (scores - log_total[group])).sum()
    return loss, (weights * group_clicks).sum()


def total_loss(logits: Tensor, counts: Counts, config: TrainingConfig) -> Tensor:
    """Return (binomial + within_group_weight * listwise softmax) / effective clicks of both.

    One divisor for both keeps their balance by information: a group has much information on the order of its rows and,
    with one shared random effect, little on their level.
    """
    loss, effective_clicks = binomial_loss(logits, counts, config.group_variance)
    if config.within_group_weight > 0:
        order_loss, order_clicks = listwise_softmax_loss(logits, counts, config.within_group_variance)
        loss = loss + config.within_group_weight * order_loss
        effective_clicks = effective_clicks + config.within_group_weight * order_clicks
    return loss / effective_clicks.clamp_min(1e-6)


def _tensors(counts: Counts) -> tuple[Tensor, Tensor, Tensor]:
    """Return impressions and clicks as float32 and groups numbered from 0, [N] each."""
    _, group = np.unique(counts.group, return_inverse=True)
    impressions, clicks = (torch.from_numpy(values).float() for values in (counts.impressions, counts.clicks))
    return impressions, clicks, torch.from_numpy(group.astype(np.int64))


def _group_sum(values: Tensor, group: Tensor) -> Tensor:
    """Return [G] sums over groups numbered 0..G-1."""
    return torch.zeros(int(group.max()) + 1, dtype=values.dtype).index_add(0, group, values)
