"""What stands before the first and after the last pipeline stage: embedding, final norm and head, with their own optimiser.

They are a worker like a stage, numbered after the last one, so that their process may die, too. With neighbours the stages
at both edges keep a copy of their weights after every step; a lost one starts from such a copy, as CheckFree+ has it.

Shapes: B sequences, T tokens, D hidden width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from adcreative.papers.post_training.pipeline.stage import Part, StageConfig

__all__ = ["Ends", "end_parameters"]


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
