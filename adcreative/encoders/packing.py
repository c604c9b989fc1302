"""Mean hidden states of short texts: many texts share one row of fixed length, each attends to itself alone.

Padding every text of a block to the longest wastes up to half of the work on lines of five to twenty tokens. Here the tokens
of several texts stand one behind the other, so that the linear layers see tokens only; attention is computed for texts of
equal length together. The row has one fixed length, because a matrix product's rounding depends on its shape: a text gives the
same bits in any company. Knows token ids and states; knows no words and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

PACK_TOKENS = 128
_ATTENTION = "sdpa_by_text"

Tokens = tuple[int, ...]
_shared: ContextVar[dict[PackedEncoder, dict[Tokens, Tensor]] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing_states() -> Iterator[None]:
    """Within the block an encoder computes a text once, however often it is asked for; afterwards nothing is kept."""
    mark = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(mark)


def _attend_by_text(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    *, spans: Sequence[tuple[int, int]] | None = None, **options: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attend within each text of a packed row; without `spans`, as transformers' own "sdpa".

    Args:
        query, key, value: [1, heads, T, head width].
        spans: (number of texts, their length) from the left; in all T tokens.
    Returns:
        [1, T, heads, head width], and no weights.
    """
    if spans is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    found, start = [], 0
    for num_texts, length in spans:
        stop = start + num_texts * length
        q, k, v = (one[0, :, start:stop].unflatten(1, (num_texts, length)).transpose(0, 1) for one in (query, key, value))
        found.append(sdpa_attention_forward(module, q, k, v, None, **options)[0].flatten(0, 1))  # [n, heads, width]
        start = stop
    return torch.cat(found).unsqueeze(0), None


AttentionInterface.register(_ATTENTION, _attend_by_text)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)


class PackedEncoder:
    """A language model of `transformers` that reads texts packed; its plain calls compute what they did before.

    depths: which hidden states are averaged; 0 is the embeddings, k what layer k gives, -1 the last. num_skipped: how many
    first tokens, such as a start mark, the mean leaves out.
    """

    def __init__(self, network: Any, depths: Sequence[int], *, num_skipped: int = 0) -> None:
        self.network, self.depths, self.num_skipped = network, tuple(depths), num_skipped
        self.width = int(network.config.hidden_size)
        network.set_attn_implementation(_ATTENTION)

    @torch.inference_mode()
    def pool(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Return the mean states of texts [N, depths, D]; a text without tokens that count gives zeros.

        A row does not depend on the other texts of a call, nor on their number.

        Args:
            tokens: token ids of each text, 1 to PACK_TOKENS of them, special ones included.
        """
        keys, shared = [tuple(one) for one in tokens], _shared.get()
        known: dict[Tokens, Tensor] = {} if shared is None else shared.setdefault(self, {})
        for pack in _packs(sorted({*keys} - {*known}, key=lambda one: (len(one), one))):
            known |= zip(pack, self._pool_pack(pack), strict=True)
        if not keys:
            return torch.zeros(0, len(self.depths), self.width)
        return torch.stack([known[key] for key in keys])

    def _pool_pack(self, pack: Sequence[Tokens]) -> list[Tensor]:
        device = self.network.get_input_embeddings().weight.device
        num_spare = PACK_TOKENS - sum(map(len, pack))
        token_ids = [token for text in pack for token in text] + [0] * num_spare
        places = [place for text in pack for place in range(len(text))] + [0] * num_spare
        spans = [(len(list(texts)), length) for length, texts in groupby(map(len, pack))]
        states = self.network(
            input_ids=torch.tensor([token_ids], device=device), position_ids=torch.tensor([places], device=device),
            output_hidden_states=True, spans=[*spans, (num_spare, 1)] if num_spare else spans,
        ).hidden_states  # fmt: skip
        read = torch.stack([states[depth][0] for depth in self.depths])  # [depths, T, D]
        pooled, start = [], 0
        for text in pack:
            counted = read[:, start + self.num_skipped : start + len(text)]
            pooled.append(counted.sum(dim=1) / max(counted.shape[1], 1))
            start += len(text)
        return pooled


def _packs(texts: Sequence[Tokens]) -> Iterator[list[Tokens]]:
    """Yield runs of texts, in order, each as long as fits into PACK_TOKENS."""
    pack: list[Tokens] = []
    for text in texts:
        if pack and sum(map(len, pack)) + len(text) > PACK_TOKENS:
            yield pack
            pack = []
        pack.append(text)
    if pack:
        yield pack
