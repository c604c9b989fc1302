"""QIN on MicroLens inputs for serving: one account's history, many candidates, and only the arithmetic that a candidate needs.

What training keeps apart, serving multiplies out once (E item width, a = 2E attention width, X = 8/3 E width of the network):

    q . k_j / sqrt(a) = t . k'_j,       k'_j = (W_q^T W_k / sqrt(a)) s_j        [E x E] in place of two [a x E]
    W_o sum_j w_j v_j = sum_j w_j v'_j, v'_j = (W_o W_v) s_j                    [E x E] in place of [a x E] and [E x a]
    sum_r (W_r x + b_r) = W x + b,      W = sum_r W_r, b = sum_r b_r            R matrices become one
    batch norm of z = scale * z + shift, scale = gamma / sqrt(variance + eps), folded into W, b and a shift

The ReLU between score and sum is the reason that attention does not fold further. Keys and values belong to the history alone
and are kept per account. Padding items are left out of what is kept, since they weigh nothing.
Source:
    QIN 2025, released code, for the formulas that are multiplied out here; `layers.py` has them as published.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

import torch
from torch import Tensor
from torch.nn import functional as F

from adcreative.ctr.inputs.network_inputs import KeyValueCache
from adcreative.ctr.networks.qin import QIN
from adcreative.ctr.nn.layers import FoldedQuadraticLayer, QuadraticLayer
from adcreative.errors import ConfigError
from adcreative.papers.microlens.inputs import MicroLensItems, TargetNetwork


class ServingQIN:
    """A snapshot of a trained QIN whose logits equal those of its eval mode to float rounding.

    serving = ServingQIN(network)
    logits = serving.score(levels, candidates, history, account="a17")        # keys and values are kept for a17

    Not a module: nothing of it can be trained, saved or moved, and no call records a gradient graph. Sums over R and products
    of matrices are formed in float64 and rounded once. Later training of the network does not reach it.

    Args:
        network: trained; not modified. Its dtype and device are those of the answers.
        max_histories: most histories kept; the one not used for longest goes first.
    Raises:
        ConfigError: max_histories is below 1, or the network is another.
    """

    def __init__(self, network: TargetNetwork, *, max_histories: int = 10_000) -> None:
        if max_histories < 1:
            raise ConfigError(f"max_histories must be at least 1, got {max_histories}.")
        self.max_histories = max_histories
        self._caches: OrderedDict[tuple[Hashable, bytes], KeyValueCache] = OrderedDict()
        tables = (network.item_table, network.tag_table, network.likes_table, network.views_table, network.projection)
        with torch.no_grad():
            self._item, self._tag, self._likes, self._views, self._projection = (t.weight.clone() for t in tables)
            core = network.network
            if not isinstance(core, QIN):
                raise ConfigError(f"ServingQIN serves QIN, got {type(core).__name__}.")
            attention = core.attention
            query, key, value, output = (
                layer.weight.double()
                for layer in (attention.to_query, attention.to_key, attention.to_value, attention.to_output)
            )
            dtype = self._item.dtype
            self._to_key = (query.T @ key / math.sqrt(attention.attention_dim)).to(dtype)  # [E, E]
            self._to_value = (output @ value).to(dtype)  # [E, E]
            bias = attention.to_output.bias
            self._output_bias = None if bias is None else bias.clone()
            self._layers = [_fold(layer) for layer in core.quadratic.layers if isinstance(layer, QuadraticLayer)]
            self._head_weight, self._head_bias = core.head.weight.clone(), core.head.bias.clone()

    @torch.inference_mode()
    def encode_history(self, history: MicroLensItems) -> KeyValueCache:
        """Return folded keys and values [T', E] of the T' real items of one history, ids [T] (0 = padding)."""
        real = history.ids > 0
        items = self._encode_items(MicroLensItems(history.ids[real], history.tags[real], history.embeddings[real]))
        return KeyValueCache(F.linear(items, self._to_key), F.linear(items, self._to_value))

    @torch.inference_mode()
    def score_cached(self, levels: Tensor, candidates: MicroLensItems, cache: KeyValueCache) -> Tensor:
        """Return logits [B] of B candidates for a cached history; levels [B, 2] are likes and views."""
        target = self._encode_items(candidates)  # [B, E]
        weights = F.relu(target @ cache.keys.T)  # [B, T']
        attended = torch.addmm(target, weights, cache.values)
        if self._output_bias is not None:
            attended = attended + self._output_bias
        x = torch.cat([self._likes[levels[:, 0]], self._views[levels[:, 1]], target, attended], dim=1)
        for layer in self._layers:
            x = layer(x)
        return F.linear(x, self._head_weight, self._head_bias)[:, 0]

    def score(
        self, levels: Tensor, candidates: MicroLensItems, history: MicroLensItems, *, account: Hashable | None = None
    ) -> Tensor:
        """Return logits [B] of B candidates for one history of T items.

        Args:
            levels: [B, 2] int64, likes and views level of each candidate.
            candidates: ids [B], tags [B, 5], embeddings [B, 128].
            history: ids [T], tags [T, 5], embeddings [T, 128].
            account: whose history it is. Its keys and values are kept and used again while its ids stay the same; an item's
                tags and embedding are taken to be fixed by its id. None keeps nothing.
        """
        if account is None:
            return self.score_cached(levels, candidates, self.encode_history(history))
        name = (account, history.ids.cpu().numpy().tobytes())
        cache = self._caches.get(name)
        if cache is None:
            cache = self._caches[name] = self.encode_history(history)
            if len(self._caches) > self.max_histories:
                self._caches.popitem(last=False)
        self._caches.move_to_end(name)
        return self.score_cached(levels, candidates, cache)

    @property
    def num_histories(self) -> int:
        """How many histories are kept."""
        return len(self._caches)

    def _encode_items(self, items: MicroLensItems) -> Tensor:
        """Return item vectors [N, E] as `MicroLensEmbedding.encode_items` does."""
        num_tags = (items.tags != 0).sum(dim=-1, keepdim=True).to(self._item.dtype)
        tags = self._tag[items.tags].sum(dim=-2) / (num_tags + 1e-12)
        return torch.cat([self._item[items.ids], tags, F.linear(items.embeddings, self._projection)], dim=-1)


def _fold(layer: QuadraticLayer) -> FoldedQuadraticLayer:
    """Return the layer's serving form, summed in float64 and rounded once."""
    norm, dtype = layer.norm, layer.to_rows.weight.dtype
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:  # pragma: no cover - BatchNorm1d tracks statistics by default
        raise RuntimeError("the batch norm keeps no running statistics")
    weight = layer.to_rows.weight.double().unflatten(0, (layer.num_rows, -1)).sum(dim=0)  # [X, X]
    bias = layer.to_rows.bias.double().unflatten(0, (layer.num_rows, -1)).sum(dim=0)
    scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
    shift = norm.bias.double() - mean.double() * scale
    parts = (weight * scale[:, None], bias * scale, shift, layer.activation.weight.clone())
    return FoldedQuadraticLayer(*(part.to(dtype) for part in parts))
