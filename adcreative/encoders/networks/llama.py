"""The lower layers of a Llama decoder as plain modules, with the names of tensors that checkpoints use; for SmolLM2.

For encoding texts, not for generation: no key-value cache, no output layer, no last norm. transformers has the same network,
and the tests compare both. Shapes: B rows, T tokens, D width, d width of a head.

Source:
    Touvron et al. 2023; rotary positions: Su et al. 2021, in the half-split order of the checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.encoders.networks.attention import attend
from adcreative.errors import ArtifactError
from stylegan.networks.unset import unset_weights

_TABLE = "embed_tokens.weight"  # a third of the numbers; a text reads a few rows only
_UNFIT = (ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


@dataclass(frozen=True, kw_only=True)
class LlamaSizes:
    """Sizes, named as in config.json of a checkpoint; num_hidden_layers may be fewer than stored."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0
    head_dim: int | None = None

    @property
    def head_width(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads


class _Norm(nn.Module):
    """x / sqrt(mean(x^2) + eps), times a weight of each dimension."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class _Attention(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.head_width = width = sizes.head_width
        self.q_proj = nn.Linear(sizes.hidden_size, sizes.num_attention_heads * width, bias=False)
        self.k_proj = nn.Linear(sizes.hidden_size, sizes.num_key_value_heads * width, bias=False)
        self.v_proj = nn.Linear(sizes.hidden_size, sizes.num_key_value_heads * width, bias=False)
        self.o_proj = nn.Linear(sizes.num_attention_heads * width, sizes.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, groups: Sequence[Tensor] | None) -> Tensor:
        q, k, v = (
            part(x).unflatten(2, (-1, self.head_width)).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = (one * cos + _turned(one) * sin for one in (q, k))
        return self.o_proj(attend(q, k, v, is_causal=True, groups=groups))  # type: ignore[no-any-return]


class _Gate(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(sizes.hidden_size, sizes.intermediate_size, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(sizes.intermediate_size, sizes.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]


class _Layer(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.self_attn, self.mlp = _Attention(sizes), _Gate(sizes)
        self.input_layernorm, self.post_attention_layernorm = (_Norm(sizes.hidden_size, sizes.rms_norm_eps) for _ in range(2))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, groups: Sequence[Tensor] | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, groups)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Llama(nn.Module):
    """Token ids to the states of every depth; tokens do not attend to later tokens."""

    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed_tokens = nn.Embedding(sizes.vocab_size, sizes.hidden_size)
        self.layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.num_hidden_layers))

    def forward(
        self, input_ids: Tensor, position_ids: Tensor | None = None, groups: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, ...]:
        """Return the embeddings and the output of each layer, [B, T, D] each, without the last norm.

        Args:
            input_ids, position_ids (None: 0, 1, ...): [B, T] int64. groups: see `attention.attend`.
        """
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        width = self.sizes.head_width
        steps = torch.arange(0, width, 2, dtype=torch.float, device=input_ids.device) / width
        angles = position_ids[..., None].float() * (1.0 / self.sizes.rope_theta**steps)
        angles = torch.cat((angles, angles), dim=-1)[:, None]  # [B, 1, T, d]
        cos, sin = angles.cos(), angles.sin()
        states = [self.embed_tokens(input_ids).float()]  # the table alone may be stored in half precision
        for layer in self.layers:
            states.append(layer(states[-1], cos, sin, groups))
        return tuple(states)


def _turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def read_llama(folder: Path, num_layers: int) -> Llama:
    """Read the first layers of a folder with config.json and model.safetensors, in single precision; eval mode.

    Raises:
        ArtifactError: the folder holds no Llama decoder of this kind, or fewer layers.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        with safe_open(folder / "model.safetensors", framework="pt") as file:  # memory-mapped: other layers are not read
            return _build(config, lambda name: file.get_tensor(f"model.{name}"), num_layers)
    except (OSError, *_UNFIT) as error:
        raise ArtifactError(f"{folder} holds no Llama decoder that can be read ({error}). Restore it.") from error


def build_llama(config: dict[str, Any], state: Mapping[str, Tensor], num_layers: int) -> Llama:
    """Build the first layers of a decoder from its configuration and tensors; single precision, eval mode.

    Raises:
        ArtifactError: the tensors are no Llama decoder of this kind, or have fewer layers.
    """
    try:
        return _build(config, state.__getitem__, num_layers)
    except _UNFIT as error:
        raise ArtifactError(f"no Llama decoder that is known here ({error}).") from error


def _build(config: dict[str, Any], find: Callable[[str], Tensor], num_layers: int) -> Llama:
    with unset_weights():
        network = Llama(_read_sizes(config, num_layers))
    found = {name: find(name) for name in network.state_dict()}
    network.load_state_dict({name: one if name == _TABLE else _widened(one) for name, one in found.items()}, assign=True)
    return network.eval()


def _widened(weight: Tensor) -> Tensor:
    """Return a weight in single precision, matrices transposed in memory for `packing`: half the traffic of doing it later."""
    return weight.t().contiguous().float().t() if weight.ndim == 2 else weight.float()


def _read_sizes(config: dict[str, Any], num_layers: int) -> LlamaSizes:
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10_000.0), "rope_type": "default"}
    is_plain = not config.get("attention_bias") and not config.get("mlp_bias") and rope.get("rope_type") == "default"
    if config.get("model_type") != "llama" or config.get("hidden_act") != "silu" or not is_plain:
        raise ValueError(f"model_type {config.get('model_type')!r}, with parts that are not known here")
    if config["num_hidden_layers"] < num_layers:
        raise ValueError(f"{config['num_hidden_layers']} layers, {num_layers} are needed")
    known = {name: config[name] for name in LlamaSizes.__dataclass_fields__ if name in config}
    return LlamaSizes(**known | {"num_hidden_layers": num_layers, "rope_theta": float(rope["rope_theta"])})
