"""Sample short lines from a causal language model: shared prompt, many rows, stop at the newline.

All rows share a long prompt, whose keys and values are computed once at batch size one and repeated; only the last words of
each row's prompt differ. Knows tokens and tensors, not ads, briefs or rules. Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

if TYPE_CHECKING:
    from transformers import Cache


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Nucleus sampling (Holtzman et al. 2020): tokens outside of the most likely mass `top_p` are never drawn.

    No row stops before min_new_tokens; then stop_push is added to the stop tokens' logits once more with each further token,
    since a small model is best in short lines.
    """

    max_new_tokens: int = 20
    min_new_tokens: int = 2
    stop_push: float = 0.0
    temperature: float = 0.8
    top_p: float = 0.9


@dataclass(frozen=True)
class SampledRow:
    """New token ids of one row without the stop token, their mean log-likelihood in nats, and whether the row is finished.

    The likelihood is the model's own, stop token included, before temperature and masking.
    """

    token_ids: tuple[int, ...]
    mean_log_prob: float
    is_finished: bool


class SharedPrompt:
    """A prompt whose keys and values are computed once; `sample` continues the prompt in many rows at once."""

    def __init__(self, model: PreTrainedModel, token_ids: Sequence[int]) -> None:
        if not token_ids:
            raise ValueError("the shared prompt has no tokens; at least one is needed")
        self._model = model
        self._cache = DynamicCache(config=model.config)
        self._cache_keyword = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
        self.num_tokens = len(token_ids)
        self._forward(torch.tensor([list(token_ids)]), self._cache)

    def extended(self, token_ids: Sequence[int]) -> SharedPrompt:
        """Return a new prompt with `token_ids` appended; this prompt stays unchanged."""
        longer = copy.copy(self)
        longer._cache = copy.deepcopy(self._cache)
        if token_ids:
            longer._forward(torch.tensor([list(token_ids)]), longer._cache)
            longer.num_tokens = self.num_tokens + len(token_ids)
        return longer

    @torch.inference_mode()
    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """Return the mean log-likelihood in nats of each row's tokens after the prompt, without the first token.

        Args:
            rows: B token lists of at least two tokens; a row's figure does not depend on the others.
        """
        if not rows:
            return []
        width = max(len(row) for row in rows)
        ids, mask = (
            torch.zeros(len(rows), width, dtype=torch.long),
            torch.ones(len(rows), self.num_tokens + width, dtype=torch.long),
        )
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(list(row))
            mask[place, self.num_tokens + len(row) :] = 0
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(rows))
        positions = (mask.cumsum(dim=1) - 1)[:, self.num_tokens :]  # [B, T]
        inputs: dict[str, Any] = {
            self._cache_keyword: cache,
            "use_cache": True,
            "attention_mask": mask,
            "position_ids": positions,
        }
        log_probs = self._model(ids, **inputs).logits.float()[:, :-1].log_softmax(dim=-1)  # [B, T - 1, V]
        told = log_probs.gather(2, ids[:, 1:, None])[:, :, 0]  # [B, T - 1]
        return [float(told[place, : len(row) - 1].mean()) for place, row in enumerate(rows)]

    @torch.inference_mode()
    def sample(
        self,
        starts: Sequence[Sequence[int]],
        *,
        allowed: Tensor,
        stop_ids: Sequence[int],
        config: SamplingConfig,
        generator: torch.Generator,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[SampledRow]:
        """Continue the prompt once per row of `starts`, at least one token each, until a stop token or the length limit.

        Args:
            starts: B token lists, appended to the shared prompt row by row.
            allowed: [V] bool, true for tokens that may be drawn; stop tokens are added once a row is long enough.
            should_stop: called before every decoding step; when true, the rows end unfinished.
        Returns:
            B rows in the order of `starts`.
        """
        state = _Rows.begin(starts, self.num_tokens, stop_ids)
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(starts))
        next_ids = state.start_ids
        for step in range(config.max_new_tokens):
            if (should_stop is not None and should_stop()) or state.is_done:
                break
            logits = self._forward(next_ids, cache, mask=state.mask, positions=state.positions(next_ids.shape[1]))
            log_probs = logits.float().log_softmax(dim=-1)  # [B, V]
            can_stop = step >= config.min_new_tokens or not bool(allowed.any())
            biased = log_probs.masked_fill(~allowed.index_fill(0, torch.tensor(stop_ids), can_stop), -torch.inf)
            biased[:, list(stop_ids)] += config.stop_push * max(step - config.min_new_tokens, 0)
            drawn = _draw(biased, config, generator)  # [B]
            state.append(drawn, log_probs.gather(1, drawn[:, None])[:, 0])
            next_ids = drawn[:, None]  # [B, 1]
        return state.rows()

    @torch.inference_mode()
    def _forward(
        self, token_ids: Tensor, cache: Cache, *, mask: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        """Run the model on token_ids [B, T], growing `cache`; return the last position's logits [B, V]."""
        inputs: dict[str, Any] = {self._cache_keyword: cache, "use_cache": True, "logits_to_keep": 1}
        if mask is not None:
            inputs |= {"attention_mask": mask, "position_ids": positions}
        return self._model(token_ids, **inputs).logits[:, -1]


class _Rows:
    """The growing rows of one batch: tokens, attention mask, likelihoods."""

    def __init__(self, start_ids: Tensor, mask: Tensor, stop_ids: Sequence[int]) -> None:
        self.start_ids, self.mask = start_ids, mask
        self._stop_ids = frozenset(stop_ids)
        self._tokens: list[list[int]] = [[] for _ in range(len(start_ids))]
        self._log_probs: list[list[float]] = [[] for _ in range(len(start_ids))]
        self._finished = [False] * len(start_ids)

    @classmethod
    def begin(cls, starts: Sequence[Sequence[int]], num_shared: int, stop_ids: Sequence[int]) -> _Rows:
        """Left-pad the starts to one length; padding is masked, so rows of different lengths do not influence each other."""
        width = max(len(start) for start in starts)
        start_ids = torch.zeros(len(starts), width, dtype=torch.long)
        mask = torch.ones(len(starts), num_shared + width, dtype=torch.long)
        for row, start in enumerate(starts):
            start_ids[row, width - len(start) :] = torch.tensor(list(start))
            mask[row, num_shared : num_shared + width - len(start)] = 0
        return cls(start_ids, mask, stop_ids)

    @property
    def is_done(self) -> bool:
        return all(self._finished)

    def positions(self, width: int) -> Tensor:
        """Return the positions [B, width] of the last tokens, not counting padding."""
        return (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -width:]

    def append(self, drawn: Tensor, log_probs: Tensor) -> None:
        for row, (token, log_prob) in enumerate(zip(drawn.tolist(), log_probs.tolist(), strict=True)):
            if self._finished[row]:
                continue
            self._log_probs[row].append(log_prob)
            if token in self._stop_ids:
                self._finished[row] = True
            else:
                self._tokens[row].append(token)
        self.mask = torch.cat([self.mask, torch.ones(len(self.mask), 1, dtype=torch.long)], dim=1)  # [B, T + 1]

    def rows(self) -> list[SampledRow]:
        return [
            SampledRow(tuple(tokens), sum(log_probs) / max(len(log_probs), 1), finished)
            for tokens, log_probs, finished in zip(self._tokens, self._log_probs, self._finished, strict=True)
        ]


def _draw(log_probs: Tensor, config: SamplingConfig, generator: torch.Generator) -> Tensor:
    """Draw one token per row [B] from log_probs [B, V], with temperature, from the nucleus.

    Each row and step uses one uniform number, independent of other rows, so a row's draw depends only on its index.
    """
    top = (log_probs / config.temperature).log_softmax(dim=-1).topk(min(200, log_probs.shape[1]), dim=-1)
    probs = top.values.exp()  # [B, 200], descending
    before = probs.cumsum(dim=-1) - probs
    probs = probs.masked_fill(before >= config.top_p, 0.0)
    cumulative = probs.cumsum(dim=-1) / probs.sum(dim=-1, keepdim=True)
    uniform = torch.rand(len(probs), 1, generator=generator)
    picked = (cumulative < uniform).sum(dim=-1, keepdim=True).clamp(max=probs.shape[1] - 1)
    return top.indices.gather(1, picked)[:, 0]
