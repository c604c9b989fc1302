"""SDIM: attention over very long histories at the cost of a hash: items with the candidate's signature are summed.

    bits h(x) = sign(R x), R [m, E] fixed N(0, 1);   tau bits in a row are one signature, G = m / tau groups
    S_g(q) = sum_j 1[signature_g(s_j) = signature_g(q)] s_j;   long-term interest = 1/G sum_g l2norm(S_g(q)), l2norm(0) = 0
    logit = MLP([fields ; target ; long-term interest ; DIN on the last items])

The expected weight of an item is (1 - angle / pi)^tau: tau = 0 is the mean, a large tau an exact match. For serving, sums of a
user's buckets are cached (`BucketCache`): a candidate then costs a hash and G look-ups for any length of the history, and a
new item changes one bucket per group.
Source:
    Cao et al., Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction, CIKM 2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_positive, check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs, PaddedPart
from adcreative.ctr.networks.din import DENSE_SHARE, InterestAttention, check_attention
from adcreative.ctr.nn.layers import build_head, build_linear
from adcreative.ctr.nn.mlp import MLP
from adcreative.errors import ConfigError

VARIANTS = ("paper", "fuxictr")
MOST_BITS = 16  # of a signature: 2^16 buckets per user and group


@dataclass(frozen=True, kw_only=True)
class SDIMConfig:
    """num_hashes m and bits_per_signature tau: 48 and 3 in the paper; tau divides m. short_length: last items read by DIN.

    variant: "paper", or "fuxictr" for that library's network: bucket sums are averaged without scaling them to
    length 1, and the last items are read by scaled dot-product attention of width `short_dim` in place of DIN's unit.
    starts_at_zero: the head has no bias and starts at zero, for a network that is added to a linear path.
    """

    variant: str = "paper"
    short_dim: int = 64
    num_hashes: int = 48
    bits_per_signature: int = 3
    short_length: int = 16
    attention_dims: tuple[int, ...] = (36,)
    hidden_dims: tuple[int, ...] = (200, 80)
    activation: str = "dice"
    batch_norm: bool = False
    dropout_prob: float = 0.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.variant not in VARIANTS:
            raise ConfigError(f'no SDIM variant "{self.variant}"; known: {", ".join(VARIANTS)}.')
        check_attention(self.attention_dims)
        check_positive(self, "short_length")
        if not 1 <= self.bits_per_signature <= MOST_BITS:
            raise ConfigError(f"bits_per_signature must be in 1..{MOST_BITS}, got {self.bits_per_signature}.")
        if self.num_hashes % self.bits_per_signature:
            raise ConfigError(
                f"bits_per_signature must divide num_hashes, got {self.bits_per_signature} and {self.num_hashes}."
            )


class ScaledTargetAttention(nn.Module):
    """One head of scaled dot-product attention: W_o sum_j softmax_j(q . k_j / sqrt(a)) v_j, for a target and its items.

    Args:
        dim: a, the width of queries, keys and values.
    """

    def __init__(self, item_dim: int, dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.to_query, self.to_key, self.to_value = (
            build_linear(item_dim, dim, generator=generator, bias=False) for _ in range(3)
        )
        self.to_output = build_linear(dim, item_dim, generator=generator, bias=False)

    def forward(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return [B, E]; items where mask [B, T] is 0 have no weight, and a row without items gives 0."""
        width = len(self.to_key.weight)
        query = (self.to_query(target) @ self.to_key.weight)[:, None] / math.sqrt(width)  # avoids computing the keys
        scores = (query * items).sum(dim=2).masked_fill(mask == 0, -1e9)
        weights = scores.softmax(dim=1) * (mask > 0)
        return self.to_output(self.to_value(torch.einsum("bt,bte->be", weights, items)))


@dataclass(frozen=True)
class BucketCache:
    """Buckets of U users' items: all inputs of scoring from histories of any length.

    sums [U, G, 2^tau, S] float64, so that items can be subtracted again exactly. counts [U, G, 2^tau] int64: items in
    each; an empty bucket counts as zero despite rounding errors.
    """

    sums: Tensor
    counts: Tensor

    @classmethod
    def join(cls, caches: Sequence[BucketCache]) -> BucketCache:
        """Return the buckets of all users, in order."""
        return cls(torch.cat([one.sums for one in caches]), torch.cat([one.counts for one in caches]))


class HashedInterest(PaddedPart):
    """The long-term interest [B, S] of a target [B, E] in a history whose items begin with a vector of the same width.

    Where most of a batch is padding, only real items are hashed and only items in the target's buckets are summed.
    """

    def __init__(
        self, target_dim: int, num_hashes: int, bits: int, *, is_scaled: bool = True, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.is_scaled = is_scaled
        self.bits, self.num_groups = bits, num_hashes // bits
        self.hashes: Tensor
        self.register_buffer("hashes", torch.randn(num_hashes, target_dim, generator=generator))

    def signatures(self, vectors: Tensor) -> Tensor:
        """Return [..., G] int32, 0..2^tau - 1, for vectors [..., E]; the sign of 0 counts as 1."""
        is_set = (F.linear(vectors, self.hashes.to(vectors.dtype)) >= 0).to(torch.int32)
        bits = is_set.unflatten(-1, (self.num_groups, self.bits)).unbind(dim=-1)
        return sum((one * 2**number for number, one in enumerate(bits[1:], start=1)), start=bits[0])

    def forward(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return [B, S] for target [B, E], items [B, T, S] and mask [B, T]; gradients flow through the sums only."""
        width = target.shape[1]
        of_target = self.signatures(target.detach())  # [B, G]
        if self.is_dense or float(mask.mean()) > DENSE_SHARE:
            is_alike = self.signatures(items[..., :width].detach()) == of_target[:, None]  # [B, T, G]
            weights = is_alike.to(items.dtype) * mask[..., None]
            return self._average(torch.einsum("btg,bts->bgs", weights, items))
        row, column = mask.nonzero(as_tuple=True)  # N real items
        real = F.embedding(row * mask.shape[1] + column, items.flatten(0, 1))  # [N, S]
        item, group = (self.signatures(real[:, :width].detach()) == of_target[row]).nonzero(as_tuple=True)
        sums = items.new_zeros(len(target) * self.num_groups, items.shape[2])
        sums = sums.index_add(0, row[item] * self.num_groups + group, F.embedding(item, real))
        return self._average(sums.unflatten(0, (len(target), self.num_groups)))

    def encode(self, items: Tensor) -> BucketCache:
        """Return the buckets of one user's items [T, S], without padding.

        In float64, so that an item has the same signature in any batch and can be removed again.
        """
        items = items.double()
        signatures = self.signatures(items[:, : self.hashes.shape[1]])
        is_in = F.one_hot(signatures.long(), 2**self.bits)  # [T, G, 2^tau]
        sums = torch.einsum("tgb,ts->gbs", is_in.double(), items)
        return BucketCache(sums[None], is_in.sum(dim=0)[None])

    def move(self, cache: BucketCache, added: Tensor, dropped: Tensor) -> BucketCache:
        """Return one user's buckets with items [T, S] added and others removed: each changes one bucket per group."""
        more, less = self.encode(added), self.encode(dropped)
        return BucketCache(cache.sums + more.sums - less.sums, cache.counts + more.counts - less.counts)

    def look_up(self, target: Tensor, cache: BucketCache, place: Tensor | None = None) -> Tensor:
        """Return [B, S] for candidates [B, E]; place [B] int64: index of each candidate's user; None: all of the first."""
        user = torch.zeros(len(target), dtype=torch.int64, device=target.device) if place is None else place
        group = torch.arange(self.num_groups, device=target.device)
        chosen = (user[:, None], group, self.signatures(target.double()).long())
        sums = cache.sums[chosen] * (cache.counts[chosen] > 0)[..., None]  # [B, G, S]
        return self._average(sums.to(target.dtype))

    def _average(self, sums: Tensor) -> Tensor:
        if not self.is_scaled:
            return sums.mean(dim=1)
        return F.normalize(sums, dim=2, eps=1e-12).mean(dim=1)


class SDIM(Network):
    """The network on the sizes of `shape`, which includes a target and a history, oldest item first."""

    def __init__(self, shape: InputShape, config: SDIMConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.target_dim, self.sequence_dim, self.short_length = shape.target_dim, shape.sequence_dim, config.short_length
        is_paper = config.variant == "paper"
        self.long_term = HashedInterest(
            shape.target_dim, config.num_hashes, config.bits_per_signature, is_scaled=is_paper, generator=generator
        )
        self.scaled: ScaledTargetAttention | None = None
        self.attention: InterestAttention | None = None
        if is_paper:
            self.attention = InterestAttention(
                shape.target_dim,
                shape.sequence_dim - shape.target_dim,
                hidden_dims=config.attention_dims,
                activation=config.activation,
                generator=generator,
            )
        else:
            self.scaled = ScaledTargetAttention(shape.target_dim, config.short_dim, generator=generator)
        self.tower = MLP(
            shape.flat_dim + shape.target_dim + 2 * shape.sequence_dim,
            config.hidden_dims,
            activation=config.activation,
            batch_norm=config.batch_norm,
            dropout_prob=config.dropout_prob,
            generator=generator,
        )
        self.head = build_head(self.tower.out_dim, starts_at_zero=config.starts_at_zero, generator=generator)

    def forward(self, inputs: NetworkInputs, cache: BucketCache | None = None, place: Tensor | None = None) -> Tensor:
        """Return logits [B].

        Args:
            cache: buckets of the candidates' users; the inputs then hold only the last items.
            place: [B] int64, index of each row's user; None: all rows are of the first.
        Raises:
            ValueError: the inputs have no target.
        """
        target = inputs.find_target()
        long_term = short_term = target.new_zeros(
            target.shape[0], self.sequence_dim
        )  # len() would fix the number of rows in an export
        if inputs.mask is not None and inputs.sequence is not None:
            items, mask = inputs.spread_sequence(), inputs.mask
            if cache is None:
                long_term = self.long_term(target, items, mask)
            short_term = self._read_last(target, *last_items(items, mask, self.short_length))
        if cache is not None:
            long_term = self.long_term.look_up(target, cache, place)
        return self.head(self.tower(torch.cat([inputs.fields.flatten(1), target, long_term, short_term], dim=1)))[:, 0]

    def _read_last(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return the short-term interest [B, S] in items [B, L, S]."""
        if self.attention is None:
            assert self.scaled is not None  # built where there is no `attention`
            return self.scaled(target, items, mask)
        vectors, extra = items.split([self.target_dim, self.sequence_dim - self.target_dim], dim=2)
        return self.attention(target, vectors, mask, extra if extra.shape[2] else None)

    def encode_history(self, items: Tensor) -> BucketCache:
        """Return the buckets of one user's real items [T, S]."""
        return self.long_term.encode(items)


def last_items(items: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the last `length` real items of each row, [B, L, S] and mask [B, L], for any position of padding."""
    length = min(length, mask.shape[1])
    position = torch.where(mask > 0, torch.arange(mask.shape[1], device=mask.device), -1)
    chosen = position.topk(length, dim=1).values.flip(1)  # oldest first; -1 = padding
    is_real = (chosen >= 0).to(mask.dtype)
    idx = chosen.clamp_min(0)[..., None].expand(-1, -1, items.shape[2])
    return items.gather(1, idx), is_real
