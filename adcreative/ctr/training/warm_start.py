"""Warm start: the wide path begins as the best linear unbiased prediction (BLUP) of a mixed model, in closed form.

    y_i = logit_i + sum over fields f of present_f (o_f + w_f . x_f) + categories + group_g(i) + e_i

y: observed log-odds; logit: the current output of the network (for an untrained one the base rate and the appeal of the words,
for continued training the earlier model). Every unknown has a normal prior around 0, so that it is unchanged without evidence:
an embedding as a whole moves log-odds by EMBEDDING_STD, for any width (of a headline by HEADLINE_STD), a few named measures
together by MEASURE_STD; a group (test or brand) has its own random effect, so that only differences within groups determine the
effects of creatives. e has the binomial variance and the variation of creatives beyond their features. A few hundred rows
determine thousands of weights safely in this way; gradient steps refine it.

With K the prior covariance of y - logit and V that of e,    weights = prior covariance X' (K + V)^-1 (y - logit - mean).
Source: Henderson 1975 (best linear unbiased prediction), in its dual form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import linalg
from torch import Tensor

from adcreative.ctr.inputs.creative import has_no_picture
from adcreative.ctr.inputs.fields import WIDE_INPUT
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, FeatureBatch
from adcreative.features.outcomes import Counts

if TYPE_CHECKING:
    from adcreative.ctr.creative_network import CreativeNetwork
    from adcreative.ctr.inputs.creative import WidePath

EMBEDDING_STD = 0.04
HEADLINE_STD = 0.12  # of text and wording: words of a headline change rates more than a picture's embedding
HEADLINE_FIELDS = ("text", "wording")
MEASURE_STD = 0.12
CATEGORY_STD = 0.15
PRESENCE_STD = 0.10
APPEAL_STD = 0.25  # of the weight of the words' appeal, which is 1 where the words of an ad have the effect of headlines
MIN_APPEAL_WEIGHT = 0.05
GROUP_VARIANCE = 0.2
EXTRA_VARIANCE = 0.02
MAX_ROWS = 6000
APPEAL = "appeal"
ALONE = "alone "  # prefix of an additional part for ads without a picture


@torch.no_grad()
def fit_wide_path(
    model: CreativeNetwork,
    batch: FeatureBatch,
    counts: Counts,
    train_idx: np.ndarray,
    *,
    rng: np.random.Generator,
    scale: float = 1.0,
    is_bagged: bool = True,
    group_variance: float = GROUP_VARIANCE,
) -> None:
    """Fit the wide path of `model` (a network with `wide`, in eval mode) to the training rows.

    Args:
        train_idx: rows to learn from; groups of them are drawn with replacement (bagging), so that the members of an ensemble
            differ by the uncertainty of the data. At most MAX_ROWS rows are used.
        is_bagged: False uses each row once, for a single network. group_variance: of the groups' random effects.
        scale: of all prior deviations; below 1 for a network with prior training.
    """
    wide = model.wide
    assert wide is not None
    rows, group = _draw_groups(train_idx, counts.group, rng) if is_bagged else (train_idx, counts.group[train_idx])
    part = batch.index_select(torch.from_numpy(rows))
    clicks, impressions = counts.clicks[rows] + 0.5, counts.impressions[rows] + 1.0
    residual = np.log(clicks / (impressions - clicks)) - model.log_odds(part)
    noise = 1.0 / clicks + 1.0 / (impressions - clicks) + EXTRA_VARIANCE
    designs = _designs(wide, part, scale)
    covariance = group_variance * (group[:, None] == group[None, :]) + np.diag(noise)
    for design, variance in designs.values():
        covariance += variance * (design @ design.T)
    factor = linalg.cho_factor(covariance, lower=True)
    ones = linalg.cho_solve(factor, np.ones(len(rows)))
    mean = float(ones @ residual / ones.sum())
    dual = linalg.cho_solve(factor, residual - mean)
    wide.bias.add_(mean)
    changes = {name: torch.from_numpy(variance * (design.T @ dual)).float() for name, (design, variance) in designs.items()}
    for name, change in changes.items():
        if name not in (APPEAL, ALONE + APPEAL):
            _move(wide, name, change)
    if APPEAL in changes:
        _move_appeal(wide, float(changes[APPEAL]), float(changes.get(ALONE + APPEAL, 0.0)))


def _draw_groups(train_idx: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of groups drawn with replacement, and the number of each row's draw."""
    names = np.unique(group[train_idx])
    members = {name: train_idx[group[train_idx] == name] for name in names}
    rows, draws, total = [], [], 0
    for draw, name in enumerate(rng.choice(names, len(names))):
        if total + len(members[name]) > MAX_ROWS and total:
            break
        rows.append(members[name])
        draws.append(np.full(len(members[name]), draw))
        total += len(members[name])
    return np.concatenate(rows), np.concatenate(draws)


def _designs(wide: WidePath, batch: FeatureBatch, scale: float) -> dict[str, tuple[np.ndarray, float]]:
    """Return name -> (inputs [N, K], prior variance of their weights) of every weighted part of the wide path."""
    present = batch.present.double().numpy()
    designs: dict[str, tuple[np.ndarray, float]] = {"presence": (present, (PRESENCE_STD * scale) ** 2)}
    for number, name in enumerate(DENSE_FIELDS):
        values = batch.dense[name].double().numpy() * present[:, number : number + 1]
        if name in wide.weights:
            std = EMBEDDING_STD if values.shape[1] >= WIDE_INPUT else MEASURE_STD
            std = HEADLINE_STD if name in HEADLINE_FIELDS else std
            designs[name] = (values, (std * scale) ** 2 / values.shape[1])
        elif name == APPEAL and wide.has_appeal:
            unit = float(wide.log_appeal_weight.exp())
            designs[name] = (values * unit, (APPEAL_STD * scale) ** 2)
    for k, name in enumerate(CATEGORICAL_FIELDS):
        one_hot = np.eye(len(wide.table(name)))[batch.categories[:, k].numpy()]
        designs[name] = (one_hot * present[:, [FIELDS.index(name)]], (CATEGORY_STD * scale) ** 2)
    is_alone = has_no_picture(batch).double().numpy()[:, None]
    for name in wide.alone:  # words without a picture start at their appeal alone: too few headline tests for more
        values, variance = designs[name]
        designs[name] = (values * (1 - is_alone), variance)
    if wide.has_appeal and is_alone.any():
        values, variance = designs[APPEAL]
        designs[ALONE + APPEAL] = (values * is_alone, variance)
    if wide.label_weights is not None:
        designs[LABELS] = (batch.dense[LABELS].double().numpy(), (CATEGORY_STD * scale) ** 2)
    return designs


def _move(wide: WidePath, name: str, change: Tensor) -> None:
    if name == "presence":
        wide.offsets.add_(change)
    elif name == LABELS and wide.label_weights is not None:
        wide.label_weights.add_(change)
    elif name in wide.weights:
        wide.weights[name].add_(change)
    else:
        wide.table(name).add_(change[:, None])


def _move_appeal(wide: WidePath, change: float, change_alone: float) -> None:
    """Multiply the weight of the words' appeal by 1 + change, and of words without a picture by 1 + change + change_alone."""
    with_picture, alone = (max(1.0 + one, MIN_APPEAL_WEIGHT) for one in (change, change + change_alone))
    wide.log_appeal_weight.add_(float(np.log(with_picture)))
    wide.alone_log_appeal.add_(float(np.log(alone / with_picture)))
