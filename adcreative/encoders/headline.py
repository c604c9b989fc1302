"""Headline appeal: a linear head on states of two frozen language models, fitted to real headline tests.

    score = sum over pooled states s of w_s . (mean over tokens of state s - its mean) / its scale
            + v . (mean over tokens of a middle layer of SmolLM2 - its mean) / its scale + u . surface(headline) + b

The head reads several depths of MiniLM, not only the last: style (wording, tone), which makes people click, is encoded in the
middle layers, and the last was trained to discard it. A causal model trained to write encodes more of tone than a model trained
to compare, so a middle layer of SmolLM2 is read too. `surface` holds what an uncased model cannot see (capitals, digits,
punctuation, length). Scores are differences of natural-log click rate within a test: 0.1 more means about 10 % more clicks; 0
is the average headline of the training tests. Inputs are words only: not the picture, the audience, or the day. Trained by
`headline_training`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.encoders import weights
from adcreative.encoders.networks.bert import Bert, read_bert
from adcreative.encoders.networks.llama import Llama, build_llama, read_llama
from adcreative.encoders.networks.tokens import TokenReader, read_tokens
from adcreative.encoders.packing import PackedEncoder
from adcreative.errors import ArtifactError, CopywriterError, WeightsError

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
FORMAT = 3
KIND = "headline-model"
MAX_TOKENS = 64
POOLED_STATES = (2, 4, 5, 6)
LANGUAGE_LAYERS = 18
SURFACE_FEATURES = (
    "characters",
    "words",
    "capital_share",
    "title_case",
    "shouted_words",
    "digit",
    "question",
    "exclamation",
    "quote",
    "ellipsis",
    "full_stops",
    "commas",
    "ends_with_stop",
)
_log = logging.getLogger(__name__)
_MAX_CHARACTERS = 2000  # more than enough for MAX_TOKENS tokens of any text


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
    """Both language models, frozen, and the linear heads on their states.

    minilm: a BERT encoder; pooled_states: its hidden states to read, ascending; 0 is the embeddings, k the output of layer
    k. language: a causal decoder without its output layer, cut after the layer whose state is read.
    Shapes: B rows, T tokens (of the model in question), S surface features, D and E the models' widths.
    """

    pool_mean: Tensor
    pool_scale: Tensor
    language_mean: Tensor
    language_scale: Tensor
    surface_mean: Tensor
    surface_scale: Tensor

    def __init__(self, minilm: Bert, language: Llama, pooled_states: Sequence[int] = POOLED_STATES) -> None:
        super().__init__()
        width, language_width = minilm.sizes.hidden_size, language.sizes.hidden_size
        self.pooled_states = tuple(pooled_states)
        self.minilm, self.language = minilm.requires_grad_(False), language.requires_grad_(False)
        self.head = nn.Linear(width * len(self.pooled_states), 1)
        self.language_head = nn.Linear(language_width, 1, bias=False)
        self.surface_head = nn.Linear(len(SURFACE_FEATURES), 1, bias=False)
        self.register_buffer("pool_mean", torch.zeros(len(self.pooled_states), width))
        self.register_buffer("pool_scale", torch.ones(len(self.pooled_states), 1))
        self.register_buffer("language_mean", torch.zeros(language_width))
        self.register_buffer("language_scale", torch.ones(language_width))
        self.register_buffer("surface_mean", torch.zeros(len(SURFACE_FEATURES)))
        self.register_buffer("surface_scale", torch.ones(len(SURFACE_FEATURES)))

    def pool_minilm(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over tokens of each read state [B, states, D]; token_ids and mask [B, T] int64."""
        states = self.minilm(token_ids, attention_mask=mask)
        return torch.stack([_mean_state(states[depth], mask) for depth in self.pooled_states], dim=1)

    def score_minilm(self, pooled: Tensor) -> Tensor:
        """Return the contribution of MiniLM's states [B, states, D] to the score, [B], the constant included."""
        return _weigh(((pooled - self.pool_mean) / self.pool_scale).flatten(1), self.head.weight) + self.head.bias

    def score_language(self, pooled: Tensor) -> Tensor:
        """Return the contribution of the language model's state [B, E] to the score, [B]."""
        return _weigh((pooled - self.language_mean) / self.language_scale, self.language_head.weight)

    def score_surface(self, surface: Tensor) -> Tensor:
        """Return the contribution of the surface [B, S] to the score, [B]."""
        return _weigh((surface - self.surface_mean) / self.surface_scale, self.surface_head.weight)

    def wording(self, pooled: Tensor, surface: Tensor) -> Tensor:
        """Return the style of a line [B, D + S]: MiniLM's first pooled state and the surface, both standardised."""
        early = (pooled[:, 0] - self.pool_mean[0]) / self.pool_scale[0]
        return torch.cat([early, (surface - self.surface_mean) / self.surface_scale], dim=1)

    def fitted_state(self) -> dict[str, Tensor]:
        """Return the fitted part alone (heads and scaling), without the frozen models."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith(("minilm.", "language."))}


def _weigh(inputs: Tensor, weight: Tensor) -> Tensor:
    """Return inputs [B, K] times weight [1, K], summed row by row: a matrix product's rounding would depend on the batch."""
    return (inputs * weight).sum(dim=1)


def _mean_state(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the mean state [B, D] over the tokens marked by mask [B, T]."""
    weight = mask.unsqueeze(-1).to(hidden.dtype)  # [B, T, 1]
    return (hidden * weight).sum(1) / weight.sum(1).clamp_min(1)


def read_minilm(minilm_dir: Path) -> tuple[Bert, TokenReader]:
    """Read MiniLM and its tokenizer from a folder, never from the network; eval mode.

    Raises:
        ArtifactError: a file is missing or damaged.
    """
    return read_bert(minilm_dir), read_tokens(minilm_dir)


def read_language(source: Path, num_layers: int = LANGUAGE_LAYERS) -> tuple[Llama, TokenReader]:
    """Read a causal language model up to a layer, without its output layer and last norm, and its tokenizer; eval mode.

    Raises:
        WeightsError: the model cannot be read.
    """
    from adcreative.encoders.gguf_cache import default_cache_dir, find_copy, load_language_model

    try:
        folder = find_copy(source)
        if folder is not None:
            try:
                return read_llama(folder, num_layers), read_tokens(folder)
            except ArtifactError as error:
                _log.info("%s; it is made again.", error)
        model, tokenizer = load_language_model(source, default_cache_dir())  # caches a copy
        backend = TokenReader(tokenizer.backend_tokenizer, tokenizer.bos_token_id)
        return build_llama(model.config.to_dict(), model.model.state_dict(), num_layers), backend  # type: ignore[union-attr]
    except (CopywriterError, ArtifactError) as error:
        raise WeightsError(f"the headline model needs the language model SmolLM2-135M: {error}") from error


class HeadlineModel:
    """Scores headlines. Holds the network, its tokenizers and the hash of its weights; minilm and language encode tokens."""

    def __init__(self, net: HeadlineNet, tokenizer: TokenReader, language_tokenizer: TokenReader, content_hash: str) -> None:
        self.net = net.eval().requires_grad_(False)
        self.tokenizer, self.language_tokenizer = tokenizer, language_tokenizer
        self.minilm = PackedEncoder(net.minilm, net.pooled_states)
        self.language = PackedEncoder(net.language, (-1,), num_skipped=1, has_start=True)
        self.content_hash = content_hash

    @classmethod
    def load(cls, model_dir: Path | None = None, minilm_dir: Path | None = None) -> HeadlineModel:
        """Load the model from a folder written by `save_headline_net`; None: the embedded model.

        Raises:
            WeightsError: the folder or one of the language models is not on this machine.
            ArtifactError: a file is missing or damaged, the hash differs, or the format is unknown.
        """
        model_dir = weights.find_weight("headline") if model_dir is None else model_dir
        artifact = load_artifact(model_dir, kind=KIND, formats=(FORMAT,))
        minilm, tokenizer = read_minilm(weights.find_weight("minilm") if minilm_dir is None else minilm_dir)
        language, language_tokenizer = read_language(
            weights.find_weight("smollm2-135m"), int(artifact.manifest["language_layers"])
        )
        net = HeadlineNet(minilm, language, artifact.manifest["pooled_states"])
        tensors = {name: torch.from_numpy(array).float() for name, array in artifact.tensors.items()}
        try:
            missing, unknown = net.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            raise ArtifactError(f"the headline model in {model_dir} does not fit its manifest: {error}") from error
        absent = [name for name in missing if not name.startswith(("minilm.", "language."))]
        if unknown or absent:
            raise ArtifactError(f"the headline model in {model_dir} misses {absent[:3]} and has no place for {unknown[:3]}.")
        return cls(net, tokenizer, language_tokenizer, str(artifact.manifest["sha256"])[:16])

    def tokenize(self, lines: Sequence[str]) -> list[list[int]]:
        """Return MiniLM's token ids per line, at most MAX_TOKENS, [CLS] first and [SEP] last."""
        cut = [text[:_MAX_CHARACTERS] for text in lines]
        return self.tokenizer.read(cut, max_tokens=MAX_TOKENS)

    def tokenize_language(self, lines: Sequence[str]) -> list[list[int]]:
        """Return the language model's token ids per line, at most MAX_TOKENS, a start mark first."""
        start = self.language_tokenizer.bos_token_id
        assert start is not None
        cut = [text[:_MAX_CHARACTERS] for text in lines]
        return [[start, *ids] for ids in self.language_tokenizer.read(cut, max_tokens=MAX_TOKENS - 1, has_marks=False)]

    def score(self, headlines: Sequence[str]) -> np.ndarray:
        """Return [B] float32, natural-log click-rate differences; a blank text scores 0 (nothing is known about it).

        A row does not depend on other rows of the call (`packing`).
        """
        return self.read(headlines)[:, 0]

    def read(self, headlines: Sequence[str]) -> np.ndarray:
        """Return [B, 1 + W] float32: the score, then the wording, as `read_wording`; a blank text is all zeros."""
        lines = sorted({text for text in headlines if text.strip()})
        pooled, surface = self.pool_minilm(lines), self._surface(lines)
        with torch.inference_mode():
            scores = self.net.score_minilm(pooled) + self.net.score_language(self.pool_language(lines))
            scores = scores + self.net.score_surface(surface)
            rows = torch.cat([scores[:, None], self.net.wording(pooled, surface)], dim=1)
        return _spread(headlines, lines, rows.cpu().numpy())

    def read_wording(self, lines: Sequence[str]) -> np.ndarray:
        """Return [B, W] float32: the style of a line, not its topic; a blank text is all zeros.

        MiniLM's first pooled state, an early layer's mean over tokens, and the surface features, both standardised; W = 397.
        """
        unique = sorted({text for text in lines if text.strip()})
        with torch.inference_mode():
            rows = self.net.wording(self.pool_minilm(unique), self._surface(unique))
        return _spread(lines, unique, rows.cpu().numpy())

    def pool_minilm(self, lines: Sequence[str]) -> Tensor:
        """Return MiniLM's pooled states [B, states, D] of non-blank lines."""
        return self.minilm.pool(self.tokenize(lines))

    def pool_language(self, lines: Sequence[str]) -> Tensor:
        """Return the language model's pooled state [B, E] of non-blank lines."""
        return self.language.pool(self.tokenize_language(lines))[:, 0]

    def _surface(self, lines: Sequence[str]) -> Tensor:
        rows = [surface_features(text) for text in lines]
        return torch.from_numpy(np.array(rows, np.float32).reshape(-1, len(SURFACE_FEATURES))).to(self.net.surface_mean.device)


def _spread(texts: Sequence[str], unique: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Return the row of each text [B, W]; zeros for a text missing in `unique`."""
    place = {text: row for row, text in enumerate(unique)}
    spread = np.zeros((len(texts), rows.shape[1]), np.float32)
    for row, text in enumerate(texts):
        if text in place:
            spread[row] = rows[place[text]]
    return spread


def save_headline_net(model_dir: Path, net: HeadlineNet, **notes: object) -> None:
    """Write the heads as fp16 safetensors, with a manifest of their hash and `notes`."""
    tensors = {name: tensor.detach().cpu().half().numpy() for name, tensor in net.fitted_state().items()}
    notes |= {"pooled_states": list(net.pooled_states), "language_layers": len(net.language.layers)}
    save_artifact(model_dir, kind=KIND, format_version=FORMAT, tensors=tensors, notes=notes)
