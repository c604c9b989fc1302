"""One pipeline stage: some decoder layers of a language model with their own optimiser. Knows no other stage.

Shapes: B sequences, T tokens, D hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from adcreative.errors import TrainingError

__all__ = ["Part", "Stage", "StageConfig"]


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """How a stage learns: Adam (0.9, 0.999) without decay, gradients clipped to max_norm."""

    learning_rate: float = 3e-4
    max_norm: float = 1.0


class Part:
    """Weights that learn, with their optimiser: what a stage and the ends share. A step ends with `apply`.

    A part that was made anew, as after its death, has nothing to go on from until `load` gave it weights; it says so in
    `has_state`. In a checkpoint its weights stand under `key`.
    """

    key = "weights"

    def __init__(self, learnt: Sequence[nn.Parameter], config: StageConfig, *, has_state: bool) -> None:
        self._learnt, self._config, self._kept = list(learnt), config, dict[int, Any]()
        self._has_state, self._step, self._grad_norm = has_state, 0, 0.0
        self._renew_optimizer(1.0)
        for parameter in () if has_state else self._learnt:
            parameter.data.zero_()

    def _renew_optimizer(self, lr_factor: float) -> None:
        self._optimizer = torch.optim.Adam(self._learnt, lr=lr_factor * self._config.learning_rate, betas=(0.9, 0.999))

    def has_state(self) -> bool:
        """Tell whether there are weights to go on from."""
        return self._has_state

    def grad_norm(self) -> float:
        """Return the norm of the last gradient before clipping."""
        return self._grad_norm

    def reset(self) -> None:
        """Forget the gradients of a step that did not end."""
        self._kept.clear()
        self._optimizer.zero_grad(set_to_none=True)

    def apply(self, step: int) -> float:
        """Clip the gradients, change the weights, and return the gradient's norm before clipping; once for each `step`."""
        if step != self._step:
            self._grad_norm = float(nn.utils.clip_grad_norm_(self._learnt, self._config.max_norm))
            self._optimizer.step()
            self._step = step
        self.reset()
        return self._grad_norm

    def weights(self) -> list[Any]:
        """Return what learns."""
        raise NotImplementedError

    def _take(self, weights: list[Any]) -> None:
        raise NotImplementedError

    def load(self, weights: list[Any], step: int, lr_factor: float) -> None:
        """Take weights over, with an optimiser that has seen nothing and a learning rate of lr_factor times the usual."""
        self._take(weights)
        self._renew_optimizer(lr_factor)
        self._kept.clear()
        self._has_state, self._step = True, step

    def checkpoint(self) -> dict[str, Any]:
        """Return everything that is needed to go on: weights, optimiser, step."""
        state = {"optimizer": self._optimizer.state_dict(), "step": self._step, "grad_norm": self._grad_norm}
        return {self.key: self.weights(), **state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `checkpoint` returned."""
        self.load(state[self.key], state["step"], 1.0)
        self._optimizer.load_state_dict(state["optimizer"])
        self._grad_norm = state.get("grad_norm", 0.0)


class Stage(Part):
    """Decoder layers [first, last) of a model with rotary positions. A step is: forward and backward of every micro-batch, then
    `apply`.
    """

    key = "layers"

    def __init__(self, layers: nn.ModuleList, rotary: nn.Module, config: StageConfig, *, has_state: bool) -> None:
        super().__init__(list(layers.parameters()), config, has_state=has_state)
        self._layers, self._rotary = layers.train(), rotary
        self._ends: list[Tensor] = []

    def forward(self, micro: int, hidden: Tensor) -> Tensor:
        """Return hidden states [B, T, D] after this stage's layers, keeping what the backward pass of `micro` needs."""
        entered = hidden.detach().requires_grad_()
        positions = torch.arange(hidden.shape[1])[None]
        with torch.enable_grad():
            left = entered
            embeddings = self._rotary(left, positions)
            for layer in self._layers:
                found = layer(left, position_embeddings=embeddings, attention_mask=None, position_ids=positions)
                left = found[0] if isinstance(found, tuple) else found
        self._kept[micro] = (entered, left)
        return left.detach()

    def evaluate(self, hidden: Tensor) -> Tensor:
        """Return hidden states [B, T, D] after this stage's layers, keeping nothing."""
        left = self.forward(-1, hidden)
        del self._kept[-1]
        return left

    def backward(self, micro: int, grad: Tensor) -> Tensor:
        """Return the gradient [B, T, D] of what entered in `micro`, and add up those of the weights."""
        entered, left = self._kept.pop(micro)
        left.backward(grad)
        assert entered.grad is not None
        return entered.grad

    def weights(self) -> list[dict[str, Tensor]]:
        """Return the weights of every layer, name to tensor."""
        return [{name: value.detach().clone() for name, value in layer.state_dict().items()} for layer in self._layers]

    def _take(self, weights: list[dict[str, Tensor]]) -> None:
        for layer, state in zip(self._layers, weights, strict=True):
            if state.keys() != layer.state_dict().keys():
                raise TrainingError("a layer has other tensors than it is given; start anew with another --out")
            layer.load_state_dict(state)

    def keep_ends(self, weights: list[Tensor]) -> None:
        """Keep a copy of the ends' weights, in place of the one before."""
        self._ends = weights

    def kept_ends(self) -> list[Tensor]:
        """Return the copy, [] when there is none."""
        return self._ends
