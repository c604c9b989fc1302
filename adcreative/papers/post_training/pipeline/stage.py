"""The parts of a pipeline, each with its own optimiser: stages of decoder layers, and the ends. Knows no other part.

The ends are what stands before the first and after the last stage: embedding, final norm and head. They are a worker like a
stage, numbered after the last one, so that their process may die, too. With neighbours the stages at both edges keep a copy of
their weights after every step; a lost one starts from such a copy, as CheckFree+ has it.

Shapes: B sequences, T tokens, D hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from adcreative.errors import TrainingError


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


def end_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """Return the weights of embedding, norm and head, each once, tied ones too."""
    modules = (model.get_input_embeddings(), model.model.norm, model.get_output_embeddings())
    return list(dict.fromkeys(parameter for module in modules for parameter in module.parameters()))


class Ends(Part):
    """Embedding, final norm and head. A step is: `embed`, `finish`, `backward` of every micro-batch, `loss`, then `apply`."""

    def __init__(self, model: PreTrainedModel, config: StageConfig, *, has_state: bool) -> None:
        super().__init__(end_parameters(model), config, has_state=has_state)
        self._embedding, self._norm = model.get_input_embeddings(), model.model.norm
        self._head = model.get_output_embeddings()
        self._losses: dict[int, float] = {}

    def embed(self, micro: int, tokens: Tensor) -> Tensor:
        """Return [B, T, D] of token ids [B, T], keeping what the backward pass of `micro` needs."""
        self._kept[micro] = self._embedding(tokens)
        return self._kept[micro].detach()

    def finish(self, micro: int, hidden: Tensor, tokens: Tensor, share: float) -> Tensor:
        """Return the gradient [B, T, D] of a micro-batch's loss in `hidden`; share: of the step, times the gradient."""
        entered = hidden.detach().requires_grad_()
        loss = self._loss(entered, tokens)
        (loss * share).backward()
        self._losses[micro] = loss.item()
        assert entered.grad is not None
        return entered.grad

    def loss(self) -> float:
        """Return the mean loss of the micro-batches that were finished since the last step."""
        return sum(self._losses.values()) / len(self._losses)

    def backward(self, micro: int, grad: Tensor) -> None:
        """Add up the embedding's gradients."""
        self._kept.pop(micro).backward(grad)

    def _loss(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of every token but the first, given those before it."""
        logits = self._head(self._norm(hidden))
        return functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:].flatten())

    @torch.no_grad()
    def enter(self, tokens: Tensor) -> Tensor:
        """Return [B, T, D] of token ids [B, T], keeping nothing."""
        hidden: Tensor = self._embedding(tokens)
        return hidden

    @torch.no_grad()
    def evaluate(self, hidden: Tensor, tokens: Tensor) -> float:
        """Return the loss of what left the last stage."""
        return self._loss(hidden, tokens).item()

    def reset(self) -> None:
        """Forget the gradients of a step that did not end."""
        super().reset()
        self._losses.clear()

    def weights(self) -> list[Tensor]:
        """Return the weights, in the order of `end_parameters`."""
        return [parameter.detach().clone() for parameter in self._learnt]

    @torch.no_grad()
    def _take(self, weights: list[Tensor]) -> None:
        for parameter, value in zip(self._learnt, weights, strict=True):
            parameter.copy_(value)
