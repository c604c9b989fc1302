"""One pipeline stage: some decoder layers of a language model with their own optimiser. Knows no other stage.

Shapes: B sequences, T tokens, D hidden width.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from adcreative.errors import TrainingError

__all__ = ["Stage", "StageConfig", "learnt_state", "load_learnt_state"]


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """How a stage learns: Adam (0.9, 0.999) without decay, gradients clipped to max_norm."""

    learning_rate: float = 3e-4
    max_norm: float = 1.0


ADAPTER = "lora_"  # in the names of an adapter's tensors, as peft writes them


class Stage:
    """Decoder layers [first, last) of a model with rotary positions; of layers with adapters, the adapters alone learn.

    A step is: forward and backward of every micro-batch, then `apply`. A stage that was made anew, as after its
    death, has nothing to go on from until `load` gave it weights; it says so in `has_state`.
    """

    def __init__(self, layers: nn.ModuleList, rotary: nn.Module, config: StageConfig, *, has_state: bool) -> None:
        self._layers, self._rotary, self._config = layers.train(), rotary, config
        self._adapter_starts = [_hash_adapter(layer) for layer in layers]
        self._optimizer = self._fresh_optimizer(config.learning_rate)
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._has_state, self._step, self._grad_norm = has_state, 0, 0.0
        self._ends: list[Tensor] = []

    def _fresh_optimizer(self, learning_rate: float) -> torch.optim.Adam:
        learnt = [one for one in self._layers.parameters() if one.requires_grad]
        return torch.optim.Adam(learnt, lr=learning_rate, betas=(0.9, 0.999))

    def has_state(self) -> bool:
        """Tell whether the stage has weights to go on from."""
        return self._has_state

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

    def reset(self) -> None:
        """Forget the gradients of a step that did not end."""
        self._kept.clear()
        self._optimizer.zero_grad(set_to_none=True)

    def apply(self, step: int) -> float:
        """Clip the gradients, change the weights, and return the gradient's norm before clipping; once for each `step`."""
        if step != self._step:
            self._grad_norm = float(nn.utils.clip_grad_norm_(self._layers.parameters(), self._config.max_norm))
            self._optimizer.step()
            self._step = step
        self.reset()
        return self._grad_norm

    def grad_norm(self) -> float:
        """Return the norm of the last gradient before clipping."""
        return self._grad_norm

    def adapter_starts(self) -> list[str]:
        """Return a hash of each layer's adapter as it began, "" for a layer without one."""
        return self._adapter_starts

    def layers(self) -> list[dict[str, Tensor]]:
        """Return what every layer learns, name to tensor: all of its weights, or its adapter."""
        return [{name: value.detach().clone() for name, value in learnt_state(layer).items()} for layer in self._layers]

    def load(self, layers: list[dict[str, Tensor]], step: int, lr_factor: float) -> None:
        """Take weights over, with an optimiser that has seen nothing and a learning rate of lr_factor times the usual."""
        for layer, state in zip(self._layers, layers, strict=True):
            load_learnt_state(layer, state)
        self._optimizer = self._fresh_optimizer(lr_factor * self._config.learning_rate)
        self._kept.clear()
        self._has_state, self._step = True, step

    def keep_ends(self, weights: list[Tensor]) -> None:
        """Keep a copy of the ends' weights, in place of the one before."""
        self._ends = weights

    def kept_ends(self) -> list[Tensor]:
        """Return the copy, [] when there is none."""
        return self._ends

    def checkpoint(self) -> dict[str, Any]:
        """Return everything that the stage needs to go on: weights, optimiser, step."""
        return {
            "layers": self.layers(), "optimizer": self._optimizer.state_dict(), "step": self._step, "grad_norm": self._grad_norm
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `checkpoint` returned."""
        self.load(state["layers"], state["step"], 1.0)
        self._optimizer.load_state_dict(state["optimizer"])
        self._grad_norm = state["grad_norm"]


def learnt_state(layer: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a layer that learn: those of its adapter when it has one, else all."""
    state = layer.state_dict()
    return {name: value for name, value in state.items() if ADAPTER in name} or state


def load_learnt_state(layer: nn.Module, state: dict[str, Tensor]) -> None:
    """Take what `learnt_state` returned; what is frozen beside an adapter stays.

    Raises:
        TrainingError: the layer learns other tensors.
    """
    if state.keys() != learnt_state(layer).keys():
        raise TrainingError("a layer learns other tensors than it is given; start anew with another --out")
    layer.load_state_dict(state, strict=False)


def _hash_adapter(layer: nn.Module) -> str:
    tensors = [(name, value) for name, value in layer.state_dict().items() if ADAPTER in name]
    if not tensors:
        return ""
    return hashlib.sha256(b"".join(name.encode() + value.float().numpy().tobytes() for name, value in tensors)).hexdigest()
