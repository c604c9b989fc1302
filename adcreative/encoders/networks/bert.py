"""A BERT encoder as plain modules, with the names of tensors that checkpoints use; for MiniLM and E5.

transformers has the same network, and the tests compare both. Shapes: B rows, T tokens, D width.

Source:
    Devlin et al. 2019; Wang et al. 2020 (MiniLM). Dropout is left out: the network is used for inference only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.encoders.networks.attention import attend
from adcreative.errors import ArtifactError
from stylegan.networks.unset import unset_weights


@dataclass(frozen=True, kw_only=True)
class BertSizes:
    """Sizes, named as in config.json of a checkpoint."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0


class _Embeddings(nn.Module):
    def __init__(self, sizes: BertSizes, word_embeddings: nn.Module | None) -> None:
        super().__init__()
        self.word_embeddings = word_embeddings or nn.Embedding(sizes.vocab_size, sizes.hidden_size, sizes.pad_token_id)
        self.position_embeddings = nn.Embedding(sizes.max_position_embeddings, sizes.hidden_size)
        self.token_type_embeddings = nn.Embedding(sizes.type_vocab_size, sizes.hidden_size)
        self.LayerNorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        found = self.word_embeddings(input_ids) + self.token_type_embeddings(torch.zeros_like(input_ids))
        return self.LayerNorm(found + self.position_embeddings(position_ids))  # type: ignore[no-any-return]


class _SelfAttention(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.num_heads = sizes.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(sizes.hidden_size, sizes.hidden_size) for _ in range(3))

    def forward(self, x: Tensor, mask: Tensor | None, groups: Sequence[Tensor] | None) -> Tensor:
        q, k, v = (part(x).unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        return attend(q, k, v, mask=mask, groups=groups)


class _Sum(nn.Module):
    """A linear layer with residual connection and layer norm."""

    def __init__(self, in_features: int, sizes: BertSizes) -> None:
        super().__init__()
        self.dense = nn.Linear(in_features, sizes.hidden_size)
        self.LayerNorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)  # type: ignore[no-any-return]


class _Layer(nn.Module):
    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": _SelfAttention(sizes), "output": _Sum(sizes.hidden_size, sizes)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(sizes.hidden_size, sizes.intermediate_size)})
        self.output = _Sum(sizes.intermediate_size, sizes)

    def forward(self, x: Tensor, mask: Tensor | None, groups: Sequence[Tensor] | None) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, mask, groups), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)  # type: ignore[no-any-return]


class Bert(nn.Module):
    """Token ids to the states of every depth. word_embeddings: a replacement of the plain table of words."""

    def __init__(self, sizes: BertSizes, word_embeddings: nn.Module | None = None) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = _Embeddings(sizes, word_embeddings)
        layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.num_hidden_layers))
        self.encoder = nn.ModuleDict({"layer": layers})

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        groups: Sequence[Tensor] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return the embeddings and the output of each layer, [B, T, D] each.

        Args:
            input_ids, attention_mask (1: a token, 0: padding), position_ids (None: 0, 1, ...): [B, T] int64.
            groups: see `attention.attend`.
        """
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        mask = None if attention_mask is None or bool(attention_mask.all()) else attention_mask.bool()
        states = [self.embeddings(input_ids, position_ids)]
        for layer in self.encoder["layer"].children():
            states.append(layer(states[-1], mask, groups))
        return tuple(states)


def share_bert(network: Bert) -> Bert:
    """Return another network on the same weights in memory, for callers that add hooks; eval mode."""
    with unset_weights():
        other = Bert(network.sizes)
    other.load_state_dict(network.state_dict(), assign=True)
    return other.eval()


def read_bert(folder: Path) -> Bert:
    """Read config.json and model.safetensors of a folder; eval mode.

    Raises:
        ArtifactError: the folder holds no BERT encoder of this kind.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
            raise ValueError(f"model_type {config.get('model_type')!r}, activation {config.get('hidden_act')!r}")
        sizes = BertSizes(**{name: config[name] for name in BertSizes.__dataclass_fields__ if name in config})
        with unset_weights():
            network = Bert(sizes)
        state = load_file(folder / "model.safetensors")
        wanted = network.state_dict()
        network.load_state_dict({name: state[name].float() for name in wanted}, assign=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"{folder} holds no BERT encoder that can be read ({error}). Restore it.") from error
    return network.eval()
