"""How appealing is a headline: a linear head on MiniLM, fitted to real headline tests; upper layers may be tuned too.

    score = sum over pooled states s of w_s . (mean over tokens of state s - its mean) / its scale + v . surface(headline) + b

The head reads several depths, not the last alone: what makes people click (wording, tone) sits in the middle layers, the
last one was trained to forget it. `surface` holds what an uncased model can't see (capitals, digits, punctuation, length).
Scores are differences of natural-log click rate within a test: 0.1 more means about 10 % more clicks; 0 is the average
headline of the training tests. Knows words only: not the picture, the audience, or the day. Trained by `headline_training`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.encoders import weights
from adcreative.errors import ArtifactError

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
FORMAT = 2
KIND = "headline-model"
MAX_TOKENS = 64
POOLED_STATES = (2, 4, 5, 6)
SURFACE_FEATURES = (
    "characters", "words", "capital_share", "title_case", "shouted_words", "digit", "question", "exclamation", "quote",
    "ellipsis", "full_stops", "commas", "ends_with_stop",
)  # fmt: skip
_BATCH_ROWS = 8
_LENGTH_STEP = 8


def surface_features(headline: str) -> np.ndarray:
    """Return [S] float32, raw values in the order of SURFACE_FEATURES (counts clipped so that a long text stays in range)."""
    words = headline.split()
    num_characters, num_words = max(len(headline), 1), max(len(words), 1)
    return np.array(
        [
            min(len(headline), 200) / 100,
            min(len(words), 40) / 20,
            10 * sum(c.isupper() for c in headline) / num_characters,
            sum(word[0].isupper() for word in words) / num_words,
            min(sum(word.isupper() and len(word) > 1 for word in words), 5),
            any(c.isdigit() for c in headline),
            "?" in headline,
            "!" in headline,
            '"' in headline or "'" in headline,
            "..." in headline or "…" in headline,
            min(headline.count("."), 5),
            min(headline.count(","), 5),
            headline.endswith("."),
        ],
        np.float32,
    )


class HeadlineNet(nn.Module):
    """MiniLM split into a frozen lower part and `num_tuned_layers` upper layers, with a linear head on several depths.

    pooled_states: which hidden states the head reads, ascending; 0 is the embeddings, k what layer k gives. Those up to the
    split come from the frozen part. Shapes: B rows, T tokens, S surface features, D width.
    """

    pool_mean: Tensor
    pool_scale: Tensor
    surface_mean: Tensor
    surface_scale: Tensor

    def __init__(self, minilm: nn.Module, num_tuned_layers: int = 0, pooled_states: Sequence[int] = POOLED_STATES) -> None:
        super().__init__()
        layers: Any = minilm.encoder.layer  # type: ignore[union-attr]
        split, width = len(layers) - num_tuned_layers, int(minilm.config.hidden_size)  # type: ignore[union-attr,arg-type]
        self.pooled_states = tuple(pooled_states)
        self.embeddings: Any = minilm.embeddings
        self.lower = nn.ModuleList(layers[:split]).requires_grad_(False)
        self.upper = nn.ModuleList(layers[split:])
        self.embeddings.requires_grad_(False)
        self.head = nn.Linear(width * len(self.pooled_states), 1)
        self.surface_head = nn.Linear(len(SURFACE_FEATURES), 1, bias=False)
        self.register_buffer("pool_mean", torch.zeros(len(self.pooled_states), width))
        self.register_buffer("pool_scale", torch.ones(len(self.pooled_states), 1))
        self.register_buffer("surface_mean", torch.zeros(len(SURFACE_FEATURES)))
        self.register_buffer("surface_scale", torch.ones(len(SURFACE_FEATURES)))

    def encode_lower(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states [B, T, D] below the tuned layers, and the pooled frozen states [B, states, D]."""
        hidden, pooled = self.embeddings(input_ids=token_ids), []
        for depth in range(len(self.lower) + 1):
            if depth > 0:
                hidden = self.lower[depth - 1](hidden, _additive(mask, hidden))
            if depth in self.pooled_states:
                pooled.append(_pool(hidden, mask))
        empty = hidden.new_zeros(len(hidden), 0, hidden.shape[2])
        return hidden, torch.stack(pooled, 1) if pooled else empty

    def encode_upper(self, hidden: Tensor, lower_pools: Tensor, mask: Tensor) -> Tensor:
        """Return every pooled state [B, states, D], frozen ones first."""
        pooled = list(lower_pools.unbind(1))
        additive = _additive(mask, hidden)
        for depth, layer in enumerate(self.upper, start=len(self.lower) + 1):
            hidden = layer(hidden, additive)
            if depth in self.pooled_states:
                pooled.append(_pool(hidden, mask))
        return torch.stack(pooled, 1)

    def score_hidden(self, hidden: Tensor, lower_pools: Tensor, mask: Tensor, surface: Tensor) -> Tensor:
        """Return scores [B] from what `encode_lower` gave and raw surface features [B, S]."""
        standardised = (surface - self.surface_mean) / self.surface_scale
        pooled = (self.encode_upper(hidden, lower_pools, mask) - self.pool_mean) / self.pool_scale  # [B, states, D]
        return (self.head(pooled.flatten(1)) + self.surface_head(standardised)).squeeze(-1)

    def forward(self, token_ids: Tensor, mask: Tensor, surface: Tensor) -> Tensor:
        """Return scores [B]; token_ids and mask are [B, T] int64. Rows do not influence each other."""
        return self.score_hidden(*self.encode_lower(token_ids, mask), mask, surface)

    def tuned_state(self) -> dict[str, Tensor]:
        """Return what differs from MiniLM: the upper layers, the heads and the scaling of the surface features."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith(("embeddings.", "lower."))}


def _pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean state [B, D] over the tokens that mask [B, T] marks."""
    weight = mask.unsqueeze(-1).to(hidden.dtype)  # [B, T, 1]
    return (hidden * weight).sum(1) / weight.sum(1)


def _additive(mask: Tensor, hidden: Tensor) -> Tensor:
    """Turn [B, T] ones and zeros into [B, 1, 1, T] zeros and a very small number, what the attention adds to its logits."""
    return (1.0 - mask[:, None, None, :].to(hidden.dtype)) * torch.finfo(hidden.dtype).min


def read_minilm(minilm_dir: Path) -> tuple[nn.Module, Any]:
    """Read MiniLM and its tokenizer from a folder, never from the network; eval mode."""
    from transformers import AutoTokenizer, BertModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(minilm_dir), local_files_only=True)
    model = BertModel.from_pretrained(str(minilm_dir), local_files_only=True, attn_implementation="sdpa")
    return model.eval(), tokenizer


class HeadlineModel:
    """Scores headlines. Holds the network, its tokenizer and the hash of its weights."""

    def __init__(self, net: HeadlineNet, tokenizer: Any, content_hash: str) -> None:
        self.net = net.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.content_hash = content_hash

    @classmethod
    def load(cls, model_dir: Path | None = None, minilm_dir: Path | None = None) -> HeadlineModel:
        """Load the model from a folder written by `save_headline_net`; None means the embedded ones.

        Raises:
            WeightsError: the folder or MiniLM is not on this machine.
            ArtifactError: a file is missing or damaged, the hash differs, or the format is unknown.
        """
        model_dir = weights.find_weight("headline") if model_dir is None else model_dir
        artifact = load_artifact(model_dir, kind=KIND, formats=(FORMAT,))
        minilm, tokenizer = read_minilm(weights.find_weight("minilm") if minilm_dir is None else minilm_dir)
        net = HeadlineNet(minilm, int(artifact.manifest["num_tuned_layers"]), artifact.manifest["pooled_states"])
        tensors = {name: torch.from_numpy(array).float() for name, array in artifact.tensors.items()}
        try:
            missing, unknown = net.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            raise ArtifactError(f"the headline model in {model_dir} does not fit its manifest: {error}") from error
        absent = [name for name in missing if not name.startswith(("embeddings.", "lower."))]
        if unknown or absent:
            raise ArtifactError(f"the headline model in {model_dir} misses {absent[:3]} and has no place for {unknown[:3]}.")
        return cls(net, tokenizer, str(artifact.manifest["sha256"])[:16])

    def tokenize(self, headlines: Sequence[str]) -> list[list[int]]:
        """Return token ids per headline, at most MAX_TOKENS, [CLS] first and [SEP] last."""
        encoded: list[list[int]] = self.tokenizer(list(headlines), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        return encoded

    def score(self, headlines: Sequence[str]) -> np.ndarray:
        """Return [B] float32, natural-log click-rate differences; a blank text scores 0 (nothing is known about it).

        A headline's score does not depend on the others in the call: texts are sorted by length and computed in blocks of
        one fixed shape per length.
        """
        unique = sorted({text for text in headlines if text.strip()})
        if not unique:
            return np.zeros(len(headlines), np.float32)
        # the tokenizer reads at most MAX_TOKENS: of a text of any length its first 2,000 characters are more than enough
        tokens = self.tokenize([text[:2000] for text in unique])
        padded = np.array([-(-len(ids) // _LENGTH_STEP) * _LENGTH_STEP for ids in tokens])
        scores = np.zeros(len(unique), np.float32)
        for length in np.unique(padded):
            rows = np.flatnonzero(padded == length)
            for start in range(0, len(rows), _BATCH_ROWS):
                block = rows[start : start + _BATCH_ROWS]
                scores[block] = self._score_block([tokens[i] for i in block], [unique[i] for i in block], int(length))
        found = dict(zip(unique, scores, strict=True))
        return np.array([found.get(text, 0.0) for text in headlines], np.float32)

    def _score_block(self, tokens: list[list[int]], texts: list[str], length: int) -> np.ndarray:
        token_ids = torch.zeros(_BATCH_ROWS, length, dtype=torch.long)
        mask = torch.zeros(_BATCH_ROWS, length, dtype=torch.long)
        mask[:, 0] = 1  # an unused row still has one token, so that its softmax is defined
        surface = torch.zeros(_BATCH_ROWS, len(SURFACE_FEATURES))
        for row, (ids, text) in enumerate(zip(tokens, texts, strict=True)):
            token_ids[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
            surface[row] = torch.from_numpy(surface_features(text))
        device = self.net.head.weight.device
        with torch.inference_mode():
            block = self.net(token_ids.to(device), mask.to(device), surface.to(device))
        return block[: len(texts)].cpu().numpy()


def save_headline_net(model_dir: Path, net: HeadlineNet, **notes: Any) -> None:
    """Write the tuned layers and the heads as fp16 safetensors, with a manifest of their hash and `notes`."""
    tensors = {name: tensor.detach().cpu().half().numpy() for name, tensor in net.tuned_state().items()}
    notes |= {"num_tuned_layers": len(net.upper), "pooled_states": list(net.pooled_states)}
    save_artifact(model_dir, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
