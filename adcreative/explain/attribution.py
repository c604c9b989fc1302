"""Attribution of a predicted rate: shares of its log-odds that add up, and the exact ablation of each part.

Shares are integrated gradients along the path that fades all fields in together, from "nothing known" to the creative:

    share of field f = integral over t in 0..1 of  d log-odds(t * embeddings) / d (strength of field f)

A field enters every network multiplied by its presence, so the gradient by presence is the gradient by its embedding, summed
over the embedding's width, with its wide term included. Shares of a part are the sums over its fields; all shares together are
the log-odds minus the log-odds of nothing known (completeness). An ablation masks one part alone: exact, but parts that
interact are counted twice or not at all, so ablations need not add up.

Knows predictors, no pixels and no words. Source: Sundararajan et al. 2017, through captum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from adcreative.creative import Creative
from adcreative.ctr.calibration import DomainCalibration
from adcreative.ctr.predictor import History, Predictor, as_history, domain_of
from adcreative.features.batch import FIELDS, MODALITIES, CreativeFeatures, FeatureBatch

NUM_STEPS = 128


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Decomposition of a creative's log-odds; all values are calibrated log-odds.

        log_odds = base + sum of shares + rest

    base: of a creative of which nothing is known. shares: part ("picture", "look", "faces", "words", "context", "history")
    -> signed share; field_shares: the same by field. rest: error of numerical integration, near 0. ablations: part ->
    log_odds minus the log-odds with the part masked. Missing parts of the creative are left out.
    """

    log_odds: float
    base: float
    shares: dict[str, float]
    field_shares: dict[str, float]
    rest: float
    ablations: dict[str, float]


def attribute(predictor: Predictor, creative: Creative, features: CreativeFeatures, history: History = ()) -> Attribution:
    """Decompose the log-odds of one creative into shares.

    Raises:
        FeatureError: as `Predictor.predict`.
    """
    from captum.attr import IntegratedGradients

    batch = predictor.builder.encode([creative], [features], as_history(history))
    log_odds, inputs = _log_odds_of(predictor, batch), _strengths(batch)
    nothing = tuple(torch.zeros_like(part) for part in inputs)
    integrated = IntegratedGradients(log_odds).attribute(inputs, nothing, n_steps=NUM_STEPS, method="gausslegendre")
    with torch.no_grad():
        full, base = float(log_odds(*inputs)[0]), float(log_odds(*nothing)[0])
    is_there = batch.present[0] > 0
    by_field = {name: float(integrated[0][0, number]) for number, name in enumerate(FIELDS) if is_there[number]}
    parts = [name for name, fields in MODALITIES.items() if any(field in by_field for field in fields)]
    shares = {name: sum(by_field.get(field, 0.0) for field in MODALITIES[name]) for name in parts}
    if len(inputs) > 1:
        shares["history"] = float(integrated[1][0, 0])
    with torch.no_grad():
        ablations = {name: full - float(log_odds(*_without(batch, name, inputs))[0]) for name in shares}
    rest = full - base - sum(shares.values())
    return Attribution(log_odds=full, base=base, shares=shares, field_shares=by_field, rest=rest, ablations=ablations)


def base_log_odds(predictor: Predictor, creative: Creative, features: CreativeFeatures, history: History = ()) -> float:
    """Return the `base` of `attribute` alone: the calibrated log-odds of a creative of which nothing is known. No gradients.

    Raises:
        FeatureError: as `Predictor.predict`.
    """
    batch = predictor.builder.encode([creative], [features], as_history(history))
    with torch.no_grad():
        return float(_log_odds_of(predictor, batch)(*(torch.zeros_like(part) for part in _strengths(batch)))[0])


def _strengths(batch: FeatureBatch) -> tuple[Tensor, ...]:
    """Return the faded inputs: the presence of the fields [1, F], and the history's strength [1, 1] where there is one."""
    has_history = batch.history is not None and bool(batch.history.mask.any())
    return (batch.present, *([torch.ones(1, 1)] if has_history else []))


def _without(batch: FeatureBatch, part: str, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if part == "history":
        return inputs[0], torch.zeros_like(inputs[1])
    return batch.without(part).present, *inputs[1:]


def calibrated_log_odds(predictor: Predictor, batch: FeatureBatch) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """Return a differentiable function from dense inputs (field -> [S, width], replacing those of a batch of one row) to
    calibrated log-odds [S]."""
    fit = predictor.calibrator.domains[int(domain_of(batch)[0])]

    def log_odds(dense: Mapping[str, Tensor]) -> Tensor:
        num_rows = len(next(iter(dense.values())))
        rows = batch.index_select(torch.zeros(num_rows, dtype=torch.int64))
        moved = replace(rows, dense={**rows.dense, **dense})
        return _calibrate(fit, [member(moved) for member in predictor.members])

    return log_odds


def _calibrate(fit: DomainCalibration, logits: Sequence[Tensor]) -> Tensor:
    return fit.intercept + fit.slope * (torch.stack(list(logits)).mean(dim=0) - fit.centre)


def _log_odds_of(predictor: Predictor, batch: FeatureBatch) -> Callable[..., Tensor]:
    """Return a function from presence [S, F] and strength of the history [S, 1] to calibrated log-odds [S], of one row."""
    fit = predictor.calibrator.domains[int(domain_of(batch)[0])]

    def log_odds(present: Tensor, *history_strength: Tensor) -> Tensor:
        rows = batch.index_select(torch.zeros(len(present), dtype=torch.int64))
        history = None
        if rows.history is not None and history_strength:
            history = replace(rows.history, mask=rows.history.mask * history_strength[0])
        moved = replace(rows, present=present, history=history)
        return _calibrate(fit, [member(moved) for member in predictor.members])

    return log_odds
