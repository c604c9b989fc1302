"""Mean hidden states of short texts: many texts share one row of fixed length, each attends to itself alone.

Padding every text of a block to the longest wastes up to half of the work on lines of five to twenty tokens. Here the tokens
of several texts are concatenated, so that the linear layers process tokens only; attention is computed for texts of
equal length together. The row has one fixed length, because a matrix product's rounding depends on its shape: a text gives the
same bits in any batch. Each row uses one thread: two threads on its products would wait for each other after each product, and
longer than they compute when another process uses their core. Knows token ids and states; knows no words and no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby

import torch
from torch import Tensor, nn

from adcreative.encoders.networks.bert import Bert
from adcreative.encoders.networks.llama import Llama
from adcreative.encoders.threads import map_in_threads

PACK_TOKENS = 128

Tokens = tuple[int, ...]
_shared: ContextVar[dict[PackedEncoder, dict[Tokens, Tensor]] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing_states() -> Iterator[None]:
    """Context in which each encoder computes a text once and caches its states until the outermost context ends."""
    if _shared.get() is not None:
        yield
        return
    mark = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(mark)


class PackedEncoder:
    """A language model (`networks.bert`, `networks.llama`) that encodes packed texts.

    depths: indices of the averaged hidden states; 0 is the embeddings, k the output of layer k, -1 the last. num_skipped:
    number of first tokens, such as a start mark, excluded from the mean. has_start: texts begin with the same start token, and
    tokens do not attend to later ones, as in a causal model: the states of the start token are constant, and a row holds it
    once.
    """

    def __init__(self, network: Bert | Llama, depths: Sequence[int], *, num_skipped: int = 0, has_start: bool = False) -> None:
        self.network, self.depths, self.num_skipped = network, tuple(depths), num_skipped
        self.has_start = has_start
        self.width = network.sizes.hidden_size
        _store_transposed(network)

    def pool(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Return the mean states of texts [N, depths, D]; a text without counted tokens gives zeros.

        A row does not depend on the other texts of a call, nor on their number.

        Args:
            tokens: token ids of each text, 1 to PACK_TOKENS of them, special ones included.
        """
        keys, shared = [tuple(one) for one in tokens], _shared.get()
        known: dict[Tokens, Tensor] = {} if shared is None else shared.setdefault(self, {})
        packs = _packs({*keys} - {*known}, num_common=int(self.has_start))
        for pack, pooled in zip(packs, map_in_threads(self._pool_pack, packs), strict=True):
            known |= zip(pack, pooled, strict=True)
        if not keys:
            return torch.zeros(0, len(self.depths), self.width)
        return torch.stack([known[key] for key in keys])

    @torch.inference_mode()
    def _pool_pack(self, pack: Sequence[Tokens]) -> list[Tensor]:
        device, num_common = next(self.network.parameters()).device, int(self.has_start)
        token_ids, places = list(pack[0][:num_common]), list[list[int]]()
        for text in pack:
            places.append([*range(num_common), *range(len(token_ids), len(token_ids) + len(text) - num_common)])
            token_ids += text[num_common:]
        depth_of = dict(pair for row in places for pair in zip(row, range(len(row)), strict=True))
        spare = range(len(token_ids), PACK_TOKENS)  # each a separate text
        groups = [list(rows) for _, rows in groupby([*places, *([place] for place in spare)], len)]
        states = self.network(
            input_ids=torch.tensor([token_ids + [0] * len(spare)], device=device),
            position_ids=torch.tensor([[depth_of.get(place, 0) for place in range(PACK_TOKENS)]], device=device),
            groups=[torch.tensor(rows, device=device) for rows in groups],
        )
        read = torch.stack([states[depth][0] for depth in self.depths])  # [depths, T, D]
        counted = [read[:, row[self.num_skipped :]] for row in places]
        return [one.sum(dim=1) / max(one.shape[1], 1) for one in counted]


def _store_transposed(network: nn.Module) -> None:
    """Store the weights of linear layers transposed in memory, which makes their products an eighth faster on a CPU.

    Each pass through a model reads weights that fit no cache, and y = x W^T then reads W contiguously. Same shapes, same bits.
    """
    for layer in (part for part in network.modules() if type(part) is nn.Linear):
        layer.weight.data = layer.weight.data.t().contiguous().t()


def _packs(texts: Iterable[Tokens], num_common: int = 0) -> list[list[Tokens]]:
    """Fill rows of PACK_TOKENS, the longest texts first, each into the first row with enough space.

    num_common: number of first tokens shared by the texts of a row.
    """
    packs, free = list[list[Tokens]](), list[int]()
    for text in sorted(texts, key=lambda one: (-len(one), one)):
        num_own = len(text) - num_common
        row = next((row for row, num_free in enumerate(free) if num_free >= num_own), len(packs))
        if row == len(packs):
            packs.append([])
            free.append(PACK_TOKENS - num_common)
        packs[row].append(text)
        free[row] -= num_own
    return packs
