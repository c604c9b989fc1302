"""A further text encoder by name, for accounts whose language the shipped English ones do not know.

    encoder = TextEncoder.load("intfloat/multilingual-e5-small")        a hub id, a folder, or a package that holds the files

Any encoder that `transformers.AutoModel` reads: the mean of the last states over a text's tokens, of unit length. Names
with "e5" get "query: " before each text, as those models were trained. Nothing is shipped: an account's model keeps name
and hash, and asks for the same encoder again. No code from the hub is run, and weights must be safetensors.
Source: Wang et al. 2024 (multilingual E5); Reimers & Gurevych 2020 (multilingual sentence embeddings).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.errors import ConfigError

CHUNK, MAX_TOKENS, MAX_LAYERS = 32, 128, 1_000


class TextEncoder:
    """A loaded encoder. name: as it was asked for. content_hash: sha256 of its weights and vocabulary."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self.name, self._model, self._tokenizer = name, model, tokenizer
        self._prefix = "query: " if "e5" in Path(name).name.casefold() else ""
        self.content_hash = _hash_of(model, tokenizer)

    @classmethod
    def load(cls, name: str) -> TextEncoder:
        """Load an encoder from a folder, an installed package that holds the files, or the hub.

        Raises:
            ConfigError: it cannot be found or read; the message says what was tried.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        source = _find(name)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            config = AutoConfig.from_pretrained(source, trust_remote_code=False)
            layers = getattr(config, "num_hidden_layers", 0)
            if not isinstance(layers, int) or layers > MAX_LAYERS:
                raise ValueError(f"it says that it has {layers!r:.20} layers; at most {MAX_LAYERS:,} are read")
            model = AutoModel.from_pretrained(source, config=config, use_safetensors=True, trust_remote_code=False)
        except Exception as error:  # transformers, tokenizers, safetensors and the hub raise families of their own
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ConfigError(
                f'the text encoder "{name}" cannot be loaded ({reason}); name a folder, an installed package or a hub id with '
                "config.json, a tokenizer and safetensors weights"
            ) from error
        return cls(name, model.eval(), tokenizer)

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
        width = int(self._model.config.hidden_size)
        blank = np.full(width, np.nan, np.float32)
        return np.stack([found.get(text, blank) for text in texts]).astype(np.float32) if len(texts) else np.zeros((0, width))

    def _read(self, texts: Sequence[str]) -> Any:
        """Return unit vectors [N, D], the mean of the last states over each text's tokens."""
        import torch

        try:
            tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
            with torch.inference_mode():
                states = self._model(**tokens).last_hidden_state  # [B, T, D]
        except Exception as error:  # as in load
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ConfigError(
                f'the text encoder "{self.name}" cannot read a text ({reason}); its tokenizer and network do not fit: '
                "name another"
            ) from error
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1).clamp_min(1), dim=1)


def _find(name: str) -> str:
    """Return the folder that a name means, or the name itself for the hub."""
    if Path(name).is_dir():
        return name
    if name.isidentifier() and (spec := find_spec(name)) is not None:
        for folder in spec.submodule_search_locations or ():
            configs = sorted(Path(folder).rglob("config.json"))
            if configs:
                return str(configs[0].parent)
    return name


def _hash_of(model: Any, tokenizer: Any) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().numpy().tobytes())
    for token, number in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{token}\0{number}\n".encode())
    return digest.hexdigest()
