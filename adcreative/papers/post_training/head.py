"""The last layer of a language model, computed only where a token is learnt: trl's fused head for processors.

Off a graphics card trl projects every position to the vocabulary, prompts and padding too; with a short line after a brief that
was half of a step's time. This head returns the same numbers (tested against trl's) from the labelled positions alone.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput


def use_sparse_head(model: PreTrainedModel) -> None:
    """Replace the forward that trl's `add_fused_lm_head` gave `model` (without softcapping, scaling or shifted labels)."""
    fused_forward: Any = model.forward

    @functools.wraps(fused_forward)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, labels: Tensor | None = None,
                num_items_in_batch: Any = None, **kwargs: Any) -> Any:  # fmt: skip
        if not fused_lm_head or labels is None:
            return fused_forward(*args, labels=labels, **kwargs)
        hidden = self.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state[:, :-1]  # [B, T - 1, D]
        targets = labels[:, 1:]
        mask = targets != -100  # [B, T - 1]
        logits = self.get_output_embeddings()(hidden[mask]).float()  # [N, V]
        wanted = targets[mask][:, None]
        log_norm = logits.logsumexp(dim=-1)
        log_probs = logits.gather(1, wanted)[:, 0] - log_norm  # [N]
        with torch.no_grad():
            entropy = log_norm - (functional.softmax(logits, dim=-1) * logits).sum(dim=-1)
            is_top1 = logits.argmax(dim=-1) == wanted[:, 0]
            mean_logits = logits.mean(dim=-1)
        spread = (values.new_zeros(mask.shape).masked_scatter(mask, values) for values in (
            log_probs, entropy, mean_logits, is_top1
        ))  # fmt: skip
        by_place = dict(zip(("log_probs", "entropy", "mean_logits", "is_top1"), spread, strict=True))
        count = mask.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        return FusedCausalLMOutput(loss=-log_probs.sum() / count, label_mask=mask, **by_place)

    model.forward = types.MethodType(forward, model)  # type: ignore[method-assign]
