"""Contribution of each word to a rate, by integrated gradients over its tokens, from blank tokens to the actual words.

    weight of word w = sum over its tokens k of  (e_k - e_blank) . integral over t in 0..1 of
                       d log-odds(e_blank + t (e - e_blank)) / d e_k

e are word embeddings of the MiniLM towers: the predictor's text tower and the headline model's; both are interpolated together.
Gradients are unsuitable for the headline model's causal model (its states are dominated by a few huge numbers, and a blank
changes all later tokens), so its part, which is a summand of the appeal, is computed exactly: the appeal with all words minus
the appeal without the word, times d log-odds / d appeal. All other inputs of the creative, and the headline model's letter
statistics, are fixed. Gradients pass through copies of the networks on the same weights, so that other threads may encode words
meanwhile; where one MiniLM gives both vectors, as in the embedded model, it is evaluated once. The integrated parts of a field
together are its log-odds minus those with blank tokens (completeness). A gradient gives the network's use of a word in its
context; `ctr.perturbation.weigh_words`, the effect of its removal, is the exact check.
Source: Sundararajan et al. 2017, through captum.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from adcreative.creative import Creative
from adcreative.ctr.predictor import History, Predictor, as_history
from adcreative.encoders.creative_clip import CreativeClip
from adcreative.encoders.headline import HeadlineModel, HeadlineNet, surface_features
from adcreative.explain.attribution import calibrated_log_odds
from adcreative.explain.perturbation import MAX_WORDS, WORD_FIELDS, WordWeight
from adcreative.features.batch import CreativeFeatures, FeatureBatch
from adcreative.features.builder import CLIP
from adcreative.features.extraction import FeatureExtractor
from stylegan.runtime.folding import with_part

NUM_STEPS = 20
HEADLINE = ("headline",)
BODY = ("primary_text", "description")


@dataclass(frozen=True)
class _Tower:
    """A text tower on one text. encode: ids [N, T] -> dense fields, raw [N, width] each; the text's ids and blank ids [1, T],
    the word of each token (-1: none), and the embeddings. describe: the headline model's part of `encode`, from MiniLM's pooled
    states."""

    token_ids: Tensor
    blank_ids: Tensor
    owner: list[int]
    embeddings: nn.Embedding
    encode: Callable[[Tensor], dict[str, Tensor]]
    describe: Callable[[Tensor], dict[str, Tensor]] = lambda pooled: {}


def has_gradients(extractor: FeatureExtractor) -> bool:
    """True when the encoders of words are our own, differentiable networks."""
    return _find_encoders(extractor) is not None


def _find_encoders(extractor: FeatureExtractor) -> tuple[CreativeClip, HeadlineModel] | None:
    clip, model = getattr(extractor, "clip", None), getattr(extractor, "headline_model", None)
    return (clip, model) if isinstance(clip, CreativeClip) and isinstance(model, HeadlineModel) else None


def integrate_words(
    creative: Creative, features: CreativeFeatures, predictor: Predictor, extractor: FeatureExtractor, history: History = ()
) -> list[WordWeight]:
    """Return the weight of each word in reading order, at most MAX_WORDS; words truncated by a tower weigh 0.

    Args:
        extractor: the extractor of `features`, for which `has_gradients` holds.
    Raises:
        FeatureError: as `Predictor.predict`.
    """
    batch = predictor.builder.encode([creative], [features], as_history(history))
    weights: list[WordWeight] = []
    encoders = _find_encoders(extractor)
    assert encoders is not None
    for fields in (HEADLINE, BODY):
        places = [(field, k, word) for field in fields for k, word in enumerate(getattr(creative, field).split())]
        words = [word for _, _, word in places]
        if not words:
            continue
        towers = _build_towers(*encoders, words, fields)
        found = _integrate(predictor, batch, towers, len(words))
        if fields == HEADLINE and features.appeal is not None:
            parts = _language_parts(encoders[1], words, features.appeal, towers[-1])
            slope = _appeal_slope(predictor, batch, features.appeal)
            found = [weight + slope * part for weight, part in zip(found, parts, strict=True)]
        weights += [WordWeight(field=f, position=k, word=w, log_odds=x) for (f, k, w), x in zip(places, found, strict=True)]
    return sorted(weights, key=lambda one: (WORD_FIELDS.index(one.field), one.position))[:MAX_WORDS]


def _integrate(predictor: Predictor, batch: FeatureBatch, towers: Sequence[_Tower], num_words: int) -> list[float]:
    from captum.attr import LayerIntegratedGradients

    weights, widths = [0.0] * num_words, predictor.builder.spec.widths
    log_odds_of = calibrated_log_odds(predictor, batch)
    towers = [tower for tower in towers if any(widths[name] for name in tower.encode(tower.token_ids))]  # without unused towers
    if not towers:
        return weights

    def log_odds(*token_ids: Tensor) -> Tensor:
        fields: dict[str, Tensor] = {}
        for tower, ids in zip(towers, token_ids, strict=True):
            for name, part in tower.encode(ids).items():
                if widths[name]:
                    fields[name] = fields[name] + part if name in fields else part
        return log_odds_of({name: _scale(predictor, name, raw) for name, raw in fields.items()})

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Multiple layers provided", UserWarning)  # the layers are independent
        integrated = LayerIntegratedGradients(log_odds, [tower.embeddings for tower in towers]).attribute(
            tuple(tower.token_ids for tower in towers),
            tuple(tower.blank_ids for tower in towers),
            n_steps=NUM_STEPS,
            method="gausslegendre",
        )
    for tower, by_token in zip(towers, integrated, strict=True):
        for word, weight in zip(tower.owner, by_token[0].sum(dim=-1).tolist(), strict=True):
            if word >= 0:
                weights[word] += weight
    return weights


def _scale(predictor: Predictor, name: str, raw: Tensor) -> Tensor:
    """Standardise [N, width] as the feature builder does."""
    mean, std = (torch.from_numpy(values[name]) for values in (predictor.builder.means, predictor.builder.stds))
    return ((raw - mean) / std).clamp(-CLIP, CLIP)


def _build_towers(clip: CreativeClip, model: HeadlineModel, words: Sequence[str], fields: tuple[str, ...]) -> list[_Tower]:
    """Return the towers for the words of some fields; the last one gives the wording and a headline's appeal."""
    field, wording, appeal = ("text", "wording", "appeal") if fields == HEADLINE else ("body", "body_wording", "")
    net: Any = with_part(model.net, "minilm", _twin(model.net.minilm))
    tower, token_ids = _minilm_tower(net, model, words, wording, appeal), _clip_ids(clip, words)
    is_one = getattr(clip, "minilm", None) is not None and clip.minilm is model.minilm
    if not is_one or not torch.equal(token_ids, tower.token_ids):
        return [_clip_tower(clip, words, token_ids, field), tower]

    def encode(ids: Tensor) -> dict[str, Tensor]:
        pooled = net.pool_minilm(ids, torch.ones_like(ids))  # the last state last
        return tower.describe(pooled) | {field: nn.functional.normalize(clip.model.text.proj(pooled[:, -1]), dim=-1)}

    return [replace(tower, encode=encode)]


def _twin(network: nn.Module) -> nn.Module:
    """Return another network on the same weights, for hooks that must not affect other users of the network."""
    weights = [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, {id(weight): weight for weight in weights})


def _clip_ids(clip: CreativeClip, words: Sequence[str]) -> Tensor:
    token_ids: Tensor = clip.tokenizer([" ".join(words)])
    return token_ids[:, : int((token_ids != 0).sum())]


def _clip_tower(clip: CreativeClip, words: Sequence[str], token_ids: Tensor, field: str) -> _Tower:
    counts = [int((clip.tokenizer([word]) != 0).sum()) - 2 for word in words]  # all tokenizers add one token at each end
    model: Any = _twin(clip.model)
    embeddings = max((part for part in model.modules() if isinstance(part, nn.Embedding)), key=lambda e: e.num_embeddings)
    owner = _owners(counts, token_ids.shape[1])

    def encode(ids: Tensor) -> dict[str, Tensor]:
        return {field: model.encode_text(ids, normalize=True).float()}

    return _Tower(token_ids, _blank(token_ids, owner, embeddings), owner, embeddings, encode)


def _minilm_tower(net: HeadlineNet, model: HeadlineModel, words: Sequence[str], wording: str, appeal: str) -> _Tower:
    """Return the headline model's MiniLM tower, which gives a line's wording and, for a headline, its part of the appeal."""
    line = " ".join(words)
    token_ids, surface = torch.tensor(model.tokenize([line])), torch.from_numpy(surface_features(line))[None]
    counts = [len(ids) for ids in model.tokenizer.read(list(words), has_marks=False)]
    owner = _owners(counts, token_ids.shape[1])

    def describe(pooled: Tensor) -> dict[str, Tensor]:
        parts = {wording: net.wording(pooled, surface.expand(len(pooled), -1))}
        return parts | ({appeal: (net.score_minilm(pooled) + net.score_surface(surface))[:, None]} if appeal else {})

    def encode(ids: Tensor) -> dict[str, Tensor]:
        return describe(net.pool_minilm(ids, torch.ones_like(ids)))

    embeddings: Any = net.minilm.embeddings.word_embeddings
    return _Tower(token_ids, _blank(token_ids, owner, embeddings), owner, embeddings, encode, describe)


@torch.no_grad()
def _language_parts(model: HeadlineModel, words: Sequence[str], appeal: float, tower: _Tower) -> list[float]:
    """Return the loss of the causal model's part of the appeal without each word.

    The part with all words is the whole `appeal` less that of the `tower`, so that the words need not be encoded again.
    """
    whole = appeal - float(tower.encode(tower.token_ids)["appeal"][0, 0])
    lines = [" ".join((*words[:k], *words[k + 1 :])) or " " for k in range(len(words))]
    return [whole - without for without in model.net.score_language(model.pool_language(lines)).tolist()]


def _appeal_slope(predictor: Predictor, batch: FeatureBatch, appeal: float) -> float:
    """Return d log-odds / d appeal at the creative's inputs."""
    if not predictor.builder.spec.widths["appeal"]:
        return 0.0
    value = torch.tensor([[appeal]], requires_grad=True)
    log_odds = calibrated_log_odds(predictor, batch)({"appeal": _scale(predictor, "appeal", value)})
    (slope,) = torch.autograd.grad(log_odds.sum(), value)
    return float(slope)


def _owners(counts: Sequence[int], num_tokens: int) -> list[int]:
    """Return the word of each token for words of `counts` tokens, between a first and a last token without a word."""
    owner = [-1, *(word for word, count in enumerate(counts) for _ in range(count))][: num_tokens - 1]
    return owner + [-1] * (num_tokens - len(owner))


def _blank(token_ids: Tensor, owner: Sequence[int], embeddings: nn.Embedding) -> Tensor:
    blank_ids = token_ids.clone()
    blank_ids[0, torch.tensor(owner) >= 0] = embeddings.padding_idx or 0
    return blank_ids
