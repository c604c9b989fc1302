"""How a lost pipeline stage is rebuilt: from its neighbours, as a copy of one, or from the last checkpoint.

    lost middle stage i:  W_i = (w_{i-1} W_{i-1} + w_{i+1} W_{i+1}) / (w_{i-1} + w_{i+1}),   layer by layer

w is the square of a neighbour's last gradient norm before clipping: a stage with larger gradients has converged less and may
be moved more. The stage's optimiser starts anew, its learning rate times LR_FACTOR. Ours, since nothing is kept on
disk: of neighbours lost at once the nearest stages alive take the place, and without the swap an edge stage is copied, too (the
paper's never dies). Knows tensors and names; neither processes nor models.

Source:
    Blagoev, Ersoy, Chen 2025 (CheckFree, CheckFree+, arXiv 2506.15461). The authors' code weighs by the norm after clipping,
    which is nearly the plain mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from adcreative.errors import ConfigError, TrainingError

MODES = ("checkpoint", "neighbours", "neighbours+")
LR_FACTOR = 1.1  # of a rebuilt stage, afterwards (the authors' code; 1.2 for their 500M model)
Layers = list[dict[str, Tensor]]


@dataclass(frozen=True)
class Recovery:
    """What becomes of one lost stage: `how` with its sources, and why when it is not what was asked for."""

    stage: int
    how: Literal["merge", "copy", "replica", "checkpoint"]
    sources: tuple[int, ...] = ()
    why: str = ""


def plan_recovery(lost: Collection[int], num_stages: int, mode: str) -> list[Recovery]:
    """Return what becomes of each lost stage, in order.

    With neighbours, a stage becomes the mean of the nearest stages alive before and after it, or a copy of the one there is.
    The checkpoint takes their place, for all stages, where none is alive.

    Raises:
        ConfigError: an unknown mode, or a stage that there is not.
    """
    if mode not in MODES:
        raise ConfigError(f'there is no recovery "{mode}"; known: {", ".join(MODES)}')
    if any(not 0 <= stage < num_stages for stage in lost):
        raise ConfigError(f"lost stages {sorted(lost)} of {num_stages}; stages count from 0")
    if mode == "checkpoint":
        return [Recovery(stage, "checkpoint") for stage in sorted(lost)]
    alive = [stage for stage in range(num_stages) if stage not in lost]
    if not alive:
        return [Recovery(stage, "checkpoint", why="all stages were lost at once") for stage in sorted(lost)]
    return [_from_nearest(stage, alive, mode) for stage in sorted(lost)]


def _from_nearest(stage: int, alive: Sequence[int], mode: str) -> Recovery:
    """Return how a stage is rebuilt from the nearest stages alive on both sides; the paper has direct neighbours alone."""
    sources = (*[one for one in alive if one < stage][-1:], *[one for one in alive if one > stage][:1])
    whys = []
    if any(abs(one - stage) > 1 for one in sources):
        whys.append("a neighbour was lost at once, the nearest stage took its place")
    if len(sources) == 1 and mode == "neighbours":
        whys.append("an edge from a stage that has not learnt to act as it (neighbours+ teaches that)")
    return Recovery(stage, "merge" if len(sources) == 2 else "copy", sources, "; ".join(whys))


def plan_ends(num_stages: int, mode: str, holders: Sequence[int]) -> Recovery:
    """Return what becomes of lost ends (embedding, norm and head), which are numbered after the last stage.

    Args:
        holders: stages that are alive and keep a copy of their weights.
    """
    if mode == "checkpoint":
        return Recovery(num_stages, "checkpoint")
    if not holders:
        return Recovery(num_stages, "checkpoint", why="the stages that keep a copy of embedding and head were lost with them")
    return Recovery(num_stages, "replica", (holders[0],))


def merge_layers(num_layers: int, sources: list[Layers], weights: list[float]) -> Layers:
    """Return the layers of a lost stage as the weighted mean of those of its sources, every tensor of them.

    Stages of unequal length are paired by relative depth. With one source this is a copy of it.

    Args:
        num_layers: how many layers the lost stage had. sources: layers of each, name to tensor. weights: one a source, >= 0.
    Raises:
        TrainingError: the layers have other tensors or shapes, or no weight is above zero.
    """
    total = sum(weights)
    if not total > 0 or any(weight < 0 for weight in weights):
        raise TrainingError(f"weights of the neighbours are {weights}; at least one must be above zero")
    merged = []
    for number in range(num_layers):
        layers = [source[_partner(number, num_layers, len(source))] for source in sources]
        _check_alike(layers)
        merged.append(
            {
                name: sum((layer[name] * (weight / total) for layer, weight in zip(layers[1:], weights[1:], strict=True)),
                          start=layers[0][name] * (weights[0] / total))
                for name in layers[0]
            }
        )  # fmt: skip
    return merged


def _partner(number: int, num_layers: int, num_others: int) -> int:
    """Return which layer of another stage stands at the same relative depth."""
    return 0 if num_layers == 1 else round(number * (num_others - 1) / (num_layers - 1))


def _check_alike(layers: list[Mapping[str, Tensor]] | Layers) -> None:
    shapes = [{name: tuple(value.shape) for name, value in layer.items()} for layer in layers]
    for other in shapes[1:]:
        if other != shapes[0]:
            name = next(iter(dict(other.items() ^ shapes[0].items())))
            raise TrainingError(
                f"their layers differ in {name} ({shapes[0].get(name)} and {other.get(name)}); use --recover checkpoint"
            )
